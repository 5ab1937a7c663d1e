/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message with its changes becomes the message that later functions and variables see. It takes
 * the old one's place in memory, so that whoever points to the message sees the new one; the old
 * bytes stay where they are, for those who point into them.
 */
#include "host/host.h"

enum {
    REWRITE_ROOM = 512, /* for lines that are written anew: status, Content-Length, Max-Forwards */
};

static size_t inserted_bytes(const struct sip_edits *edits)
{
    size_t size = 0;

    for (const struct sip_edit *edit = edits->first; edit; edit = edit->next)
        size += edit->insert.len;
    return size;
}

static enum err write_message(const struct run *run, struct writer *w)
{
    const struct request *request = run->request;
    const struct sip_outgoing out = {
        .ruri = request->target.uri,
        .routes = request->routes,
        .replaces_routes = request->replaces_routes,
        .max_forwards = request->max_forwards,
        .edits = { run->edits, NULL },
    };

    return run->msg->is_request ? sip_request_rewrite(w, run->msg, &out)
                                : sip_response_rewrite(w, run->msg, run->edits);
}

/* What transactions and workers were chosen by must stay. */
static bool is_same_message(const struct sip_msg *a, const struct sip_msg *b)
{
    return a->is_request == b->is_request && a->method == b->method && a->status == b->status &&
           a->cseq == b->cseq && str_eq(a->method_name, b->method_name) &&
           str_eq(a->call_id, b->call_id) && str_eq(a->via.branch, b->via.branch) &&
           str_eq(a->via.host, b->via.host) && a->via.port == b->via.port;
}

/* The header in the new message; NULL when it has gone. */
static const struct sip_hdr *find_again(const struct sip_msg *msg, const struct sip_hdr *old)
{
    const struct sip_hdr *hdr = NULL;

    while (old && (hdr = sip_msg_find(msg, old->id, hdr)) && !str_eq(hdr->value, old->value))
        continue;
    return hdr;
}

static enum err take_over(struct run *run, struct str text)
{
    struct request *request = run->request;
    struct sip_fault fault = { "malformed", 400 };
    struct sip_msg *parsed = NULL;
    enum err err = sip_msg_parse(run->msg->arena, text, false, sip_limits_default(), &parsed, &fault);

    if (err) {
        log_error("the changes would break the message: %s", fault.what);
        return err;
    }
    if (!is_same_message(run->msg, parsed)) {
        log_error("the changes would touch what the message is known by: its Via, Call-ID or CSeq");
        return ERR_SYNTAX;
    }
    *run->msg = *parsed;
    *run->edits = (struct sip_edits){ .has_media = run->edits->has_media };
    if (run->msg->is_request) {
        request->credentials = find_again(run->msg, request->credentials);
        request->tried_credentials = find_again(run->msg, request->tried_credentials);
        request->replaces_routes = false;
        request->routes = (struct str){ 0 };
    }
    return ERR_NONE;
}

/* Once it is on its way, branches and transactions count on the received bytes. */
static bool may_change(const struct run *run)
{
    const struct request *request = run->request;

    if (!run->msg->is_request)
        return run->stage == STAGE_REPLY || run->stage == STAGE_CORE_REPLY;
    return run->stage == STAGE_REQUEST && !request->has_relayed && request->branch_count == 0 &&
           !request->record_route.is_wanted;
}

enum err apply_write(const struct run *run, struct arena *arena, struct str *out)
{
    const struct request *request = run->request;
    size_t size = run->msg->bytes.len + inserted_bytes(run->edits) + request->target.uri.len +
                  request->routes.len + REWRITE_ROOM;
    char *room = arena_alloc(arena, size);
    struct writer w;
    enum err err;

    if (!room)
        return ERR_NOMEM;
    w = writer_over(room, size);
    err = write_message(run, &w);
    return err ? err : writer_finish(&w, out);
}

enum err run_apply_changes(struct run *run)
{
    struct str text;
    enum err err;

    if (!may_change(run))
        return ERR_NOT_NOW;
    err = apply_write(run, &run->worker->scratch, &text);
    return err ? err : take_over(run, text);
}

enum err run_replace_message(struct run *run, struct str text)
{
    return may_change(run) ? take_over(run, text) : ERR_NOT_NOW;
}
