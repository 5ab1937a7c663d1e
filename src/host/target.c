/* SPDX-License-Identifier: Apache-2.0 */
/* What a script does to the target at hand: its URI, its next hop, its socket. */
#include "host/core.h"

static bool means_branch(const struct run *run)
{
    return run->branch && (run->stage & (STAGE_BRANCH | STAGE_REPLY));
}

struct target *run_target(struct run *run)
{
    return means_branch(run) ? &run->branch->target : &run->request->target;
}

/* A new destination: the flow of the binding that the old one came from is no way there. */
static enum err set_branch_text(struct run *run, struct str text, struct str *field)
{
    enum err err = str_copy(&run->request->arena, text, field);

    if (!err) {
        run->branch->target.has_flow = false;
        run->branch->target.other_flow = NULL;
    }
    return err;
}

enum err run_set_uri(struct run *run, struct str uri)
{
    struct sip_uri parsed;

    if (sip_uri_parse(uri, &parsed))
        return ERR_SYNTAX;
    if (means_branch(run))
        return set_branch_text(run, uri, &run->branch->target.uri);
    run->request->target_is_new = true;
    return request_set_uri(run->request, uri);
}

enum err run_set_dst_uri(struct run *run, struct str uri)
{
    struct sip_uri parsed;

    if (!str_is_empty(uri) && sip_uri_parse(uri, &parsed))
        return ERR_SYNTAX;
    if (means_branch(run))
        return set_branch_text(run, uri, &run->branch->target.dst_uri);
    run->request->target_is_new |= !str_is_empty(uri);
    return request_set_dst_uri(run->request, uri);
}

enum err run_set_socket(struct run *run, struct str name)
{
    uint16_t socket = SOCKET_ANY;
    enum err err = ERR_NONE;

    if (!str_is_empty(name))
        err = server_find_listener(run_server(run), name, &socket);
    if (!err)
        run_target(run)->socket = socket;
    return err;
}

/* The binding's own way belongs to its URI. */
static void point_elsewhere(struct target *target, struct str uri)
{
    target->uri = uri;
    target->has_flow = false;
    target->other_flow = NULL;
    target->reg_id = 0;
    target->instance = target->ruid = target->user_agent = (struct str){ 0 };
}

/*
 * The plain append_branch() hands the way of the Request-URI over to the copy. In failure routes of
 * Kamailio both would be relayed to; as nobody wants that, the copy takes its place there.
 */
static enum err clear_way(struct request *request)
{
    request->target_is_new = false;
    request->target.bflags = 0;
    request->target.socket = SOCKET_ANY;
    request->target.path = (struct str){ 0 };
    return request_set_dst_uri(request, (struct str){ 0 });
}

enum err run_append_branch(struct run *run, struct str uri, int q)
{
    struct target target = run->request->target;
    struct sip_uri parsed;
    bool is_copy = str_is_empty(uri);
    enum err err;

    if (!is_copy) {
        if (sip_uri_parse(uri, &parsed))
            return ERR_SYNTAX;
        point_elsewhere(&target, uri);
    }
    if (q >= 0)
        target.q = q;
    err = request_add_target(run->request, &target);
    return err || !is_copy ? err : clear_way(run->request);
}
