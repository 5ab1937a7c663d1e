/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path (RFC 3327): a proxy between clients and a registrar asks to be passed on the way back. The
 * header is written when it is known from which socket the REGISTER goes out; a client that came to
 * another socket gets two of them, of which the registrar sees the one that it can reach first.
 */
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/outbound.h>
#include <culvert/server.h>

enum {
    AUTOMATIC = -1,
    PATH_MAX = 1024,
};

struct path {
    int64_t use_received, received_format, enable_r2;
    struct str received_name;
    unsigned slot;
};

/* What add_path() has asked for. */
struct wish {
    struct str user, params;
    bool tells_source;
    bool has_token, is_outbound;
};

/* ---- the value ---- */

/* A URI within a URI parameter: what would end it there is escaped. */
static void write_source_uri(struct writer *w, const struct flow *flow)
{
    const struct transport_traits *traits = transport_traits((enum transport)flow->transport);

    write_str(w, STR("sip:"));
    addr_write(w, &flow->peer);
    if (flow->transport != TRANSPORT_UDP)
        write_fmt(w, "%%3Btransport%%3D" STR_FMT, STR_ARG(traits->param_name));
}

static void write_source_alias(struct writer *w, const struct flow *flow)
{
    addr_write_ip(w, &flow->peer, true);
    write_fmt(w, "~%u~%u", flow->peer.port, flow->transport + 1U);
}

static void write_received(struct writer *w, const struct path *path, const struct flow *flow)
{
    write_fmt(w, ";" STR_FMT "=", STR_ARG(path->received_name));
    if (path->received_format)
        write_source_alias(w, flow);
    else
        write_source_uri(w, flow);
}

static void write_user(struct writer *w, const struct run *run, const struct wish *wish)
{
    if (wish->has_token)
        outbound_write_token(w, run);
    else
        write_str(w, wish->user);
    if (wish->has_token || wish->user.len)
        write_char(w, '@');
}

static void write_value(struct writer *w, const struct run *run, const struct path *path,
                        const struct wish *wish, const struct flow *at, bool is_double)
{
    write_str(w, STR("Path: <sip:"));
    write_user(w, run, wish);
    outbound_write_socket(w, run, at);
    write_str(w, STR(";lr"));
    if (wish->tells_source)
        write_received(w, path, &run->request->source);
    if (is_double)
        write_str(w, STR(";r2=on"));
    if (wish->is_outbound)
        write_str(w, STR(";ob"));
    if (wish->params.len && wish->params.ptr[0] != ';')
        write_char(w, ';');
    write_str(w, wish->params);
    write_str(w, STR(">\r\n"));
}

static bool is_double(const struct run *run, const struct path *path, const struct flow *out)
{
    bool is_on = path->enable_r2 == AUTOMATIC
                     ? server_location_rules(run_server(run))->uses_flows
                     : path->enable_r2 != 0;

    return is_on && out->socket != run->request->source.socket;
}

/* Each proxy puts itself in front of those before it. */
static enum err insert(struct run *run, struct str lines)
{
    const struct sip_hdr *first = sip_msg_find(run->msg, SIP_HDR_PATH, NULL);

    if (first)
        return sip_edit_insert(run->edits, run->msg, first->line.ptr, lines);
    return sip_edit_append_hdr(run->edits, run->msg, lines);
}

static unsigned on_departure(struct module *module, struct run *run)
{
    const struct path *path = module_state(module);
    const struct wish *wish = run->request->slots[path->slot];
    const struct flow *source = &run->request->source;
    char buffer[PATH_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    bool has_two;
    struct str lines;

    if (!wish || !run->branch)
        return 0;
    has_two = is_double(run, path, &run->branch->flow);
    if (has_two)
        write_value(&w, run, path, wish, &run->branch->flow, true);
    write_value(&w, run, path, wish, source, has_two);
    if (writer_finish(&w, &lines) || str_copy(&run->request->arena, lines, &lines) ||
        insert(run, lines))
        return 500;
    return 0;
}

/* ---- the functions ---- */

static bool is_clean(struct str text)
{
    return !str_has_line_break(text) && !str_find_char(text, '>') && !str_find_char(text, '<') &&
           !str_find_char(text, ' ');
}

static enum verdict ask(struct call *call, bool tells_source)
{
    const struct path *path = module_state(call->module);
    struct run *run = call->run;
    struct arena *arena = &run->request->arena;
    struct wish *wish = arena_zalloc(arena, sizeof *wish);
    struct str user = call_text(call, 0), params = call_text(call, 1);

    if (!wish || !is_clean(user) || !is_clean(params) || run->request->slots[path->slot])
        return VERDICT_ERROR;
    if (str_copy(arena, user, &wish->user) || str_copy(arena, params, &wish->params))
        return VERDICT_ERROR;
    wish->tells_source = tells_source;
    wish->is_outbound = outbound_is_wanted(run);
    wish->has_token =
        wish->is_outbound || server_location_rules(run_server(run))->uses_flows;
    run->request->slots[path->slot] = wish;
    return VERDICT_TRUE;
}

static enum verdict add_path(struct call *call)
{
    return ask(call, false);
}

static enum verdict add_path_received(struct call *call)
{
    return ask(call, true);
}

static const struct mod_function functions[] = {
    { .name = "add_path", .run = add_path, .takes = { ARG_FMT, ARG_FMT }, .stages = STAGE_REQUEST,
      .doc = "Adds a Path with our address; optional user part and parameters." },
    { .name = "add_path_received", .run = add_path_received, .takes = { ARG_FMT, ARG_FMT },
      .stages = STAGE_REQUEST, .doc = "The same, with the source of the request in received=." },
    { 0 },
};

static const struct mod_param params[] = {
    { .name = "use_received", .type = PARAM_INT, .offset = offsetof(struct path, use_received),
      .max = 1, .doc = "1: loose_route() goes where received= of our own Route says." },
    { .name = "received_format", .type = PARAM_INT,
      .offset = offsetof(struct path, received_format), .max = 1,
      .doc = "0: received=sip:ip:port, 1: received=ip~port~protocol." },
    { .name = "enable_r2", .type = PARAM_INT, .offset = offsetof(struct path, enable_r2),
      .initial = AUTOMATIC, .min = AUTOMATIC, .max = 1,
      .doc = "1: two Paths when the socket changes; -1: with automatic NAT handling." },
    { .name = "received_name", .type = PARAM_STR, .offset = offsetof(struct path, received_name),
      .initial_text = "received", .doc = "Name of the parameter with the source." },
    { .name = "sockname_mode", .type = PARAM_IGNORED,
      .doc = "sockets are named by their address" },
    { 0 },
};

static enum err start(struct module *module)
{
    struct path *path = module_state(module);
    struct location_rules *rules = server_location_rules(module_server(module));

    rules->follows_received = path->use_received != 0;
    rules->received_name = path->received_name;
    return module_slot(module, &path->slot);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "path",
    .summary = "Path: being passed on the way from a registrar to its clients.",
    .state_size = sizeof(struct path),
    .functions = functions,
    .params = params,
    .hooks = { .on_branch = on_departure, .on_forward = on_departure },
    .start = start,
};
