/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of our own: written once, and sent to one address after the other until one answers. */
#include <stdlib.h>

#include "proxy/flight.h"
#include "sip/line.h"

enum {
    ASK_MEMORY_MAX = 256 * 1024,
    ASK_BRANCH_MAX = 48,
};

/* One request under way; lies in its own arena. */
struct ask {
    struct list_node node; /* in proxy->asks */
    struct arena arena;
    struct proxy *proxy;
    enum sip_method method;
    struct str line; /* the first line */
    struct str rest; /* what follows our Via */
    struct flow *hops;
    unsigned hop_count, hop_next, attempt;
    uint64_t unique;
    bool has_flow;
    struct client_txn *txn;
    uac_done_fn *done; /* NULL: nobody asks */
    void *context;
};

/* ---- the text ---- */

static bool is_clean(struct str text)
{
    return !str_has_line_break(text) && !str_find_char(text, ' ') && !str_find_char(text, '\t');
}

static bool is_sound(const struct uac_request *request)
{
    return request->method.len && is_clean(request->method) && request->uri.len &&
           is_clean(request->uri) && !str_has_line_break(request->from) && request->from.len &&
           !str_has_line_break(request->to) && is_clean(request->from_tag) &&
           is_clean(request->to_tag) && is_clean(request->call_id) &&
           !str_has_line_break(request->routes) && sip_are_header_lines(request->headers);
}

/* The first hop of a route set; false when there is none, or it is a loose router. */
static bool is_strict(struct str routes, struct str *rest, struct sip_nameaddr *first)
{
    struct sip_param param;
    struct str value;

    *rest = routes;
    return sip_list_next(rest, &value) && sip_nameaddr_parse(value, first) == ERR_NONE &&
           !sip_param_find(first->uri.params, STR("lr"), &param);
}

static void write_party(struct writer *w, struct str name, struct str party, struct str tag)
{
    bool is_bare = !str_find_char(party, '<');

    write_str(w, name);
    write_str(w, is_bare ? STR(": <") : STR(": "));
    write_str(w, party);
    if (is_bare)
        write_char(w, '>');
    if (tag.len) {
        write_str(w, STR(";tag="));
        write_str(w, tag);
    }
    write_str(w, STR("\r\n"));
}

static void write_routes(struct writer *w, struct str routes, struct str last)
{
    if (routes.len == 0 && last.len == 0)
        return;
    write_str(w, STR("Route: "));
    write_str(w, str_trim(routes));
    if (last.len)
        write_fmt(w, "%s<" STR_FMT ">", routes.len ? ", " : "", STR_ARG(last));
    write_str(w, STR("\r\n"));
}

/* RFC 3261 §12.2.1.1: a strict router wants to see itself in the Request-URI. */
static void write_start(struct writer *w, const struct uac_request *request, struct str via)
{
    struct sip_nameaddr first;
    struct str rest;
    bool strict = is_strict(request->routes, &rest, &first);

    write_str(w, request->method);
    write_char(w, ' ');
    write_str(w, strict ? first.uri.text : request->uri);
    write_str(w, STR(" SIP/2.0\r\n"));
    write_str(w, via);
    write_str(w, STR("Max-Forwards: 70\r\n"));
    write_routes(w, strict ? rest : request->routes, strict ? request->uri : STR(""));
}

enum err uac_write(struct writer *w, const struct uac_request *request, struct str via)
{
    struct str text;

    if (!is_sound(request) || !sip_are_header_lines(via))
        return ERR_SYNTAX;
    write_start(w, request, via);
    write_party(w, STR("From"), request->from, request->from_tag);
    write_party(w, STR("To"), request->to.len ? request->to : request->uri, request->to_tag);
    write_fmt(w, "Call-ID: " STR_FMT "\r\nCSeq: %u " STR_FMT "\r\n", STR_ARG(request->call_id),
              request->cseq ? request->cseq : 1, STR_ARG(request->method));
    write_str(w, request->headers);
    write_fmt(w, "Content-Length: %zu\r\n\r\n", request->body.len);
    write_str(w, request->body);
    return writer_finish(w, &text);
}

/* Cuts the message around its first Via, which stands for ours. */
static bool cut_via(struct str text, struct str *line, struct str *rest)
{
    const char *end = str_find(text, STR("\r\n")), *via_end;

    if (!end)
        return false;
    *line = str_between(text.ptr, end + 2);
    *rest = str_skip(text, line->len);
    via_end = str_find(*rest, STR("\r\n"));
    if (!via_end)
        return false;
    *rest = str_between(via_end + 2, text.ptr + text.len);
    return true;
}

/* ---- the end ---- */

static void let_go(struct ask *ask)
{
    struct client_txn *txn = ask->txn;

    ask->txn = NULL;
    if (txn)
        client_txn_detach(txn);
}

static void ask_free(struct ask *ask)
{
    struct arena arena = ask->arena;

    let_go(ask);
    list_remove(&ask->node);
    arena_fini(&arena);
}

static void finish(struct ask *ask, unsigned status, const struct sip_msg *response)
{
    const struct proxy_user *user = &ask->proxy->user;
    uac_done_fn *done = ask->done;
    void *context = ask->context;

    ask_free(ask);
    if (response && user->on_local_response)
        user->on_local_response(user->context, response);
    if (done)
        done(context, status, response);
}

void proxy_asks_fini(struct proxy *proxy)
{
    struct list_node *node;

    while ((node = list_first(&proxy->asks)))
        ask_free(CONTAINER_OF(node, struct ask, node));
}

/* ---- sending ---- */

static bool send_next(struct ask *ask);

static void on_response(void *context, struct client_txn *txn, struct sip_msg *response,
                        const struct flow *source)
{
    struct ask *ask = context;

    (void)txn;
    (void)source;
    if (response->status < 200)
        return;
    if (response->status != 503 || !send_next(ask))
        finish(ask, response->status, response);
}

static void on_failure(void *context, struct client_txn *txn, enum err why)
{
    struct ask *ask = context;

    (void)txn;
    if (!send_next(ask))
        finish(ask, why == ERR_TIMEOUT ? 408 : ask->has_flow ? 430 : 503, NULL);
}

static const struct client_txn_user ask_user = { on_response, on_failure, NULL };

static enum err write_for(struct ask *ask, const struct flow *hop, struct str branch,
                          struct str *out)
{
    struct proxy *proxy = ask->proxy;
    struct writer w = writer_over(proxy->message, sizeof proxy->message);

    if (hop->socket >= proxy->settings.listener_count)
        return ERR_UNREACHABLE;
    write_str(&w, ask->line);
    proxy_build_own_via(&w, &proxy->settings.listeners[hop->socket], branch);
    write_str(&w, ask->rest);
    return writer_finish(&w, out);
}

static enum err send_to(struct ask *ask, const struct flow *hop)
{
    char buffer[ASK_BRANCH_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct client_request request = { .method = ask->method, .flow = *hop };
    enum err err;

    write_fmt(&w, "z9hG4bKu%016llx.%x", (unsigned long long)ask->unique, ask->attempt++);
    request.branch = writer_text(&w);
    if ((err = write_for(ask, hop, request.branch, &request.bytes)))
        return err;
    return client_txn_open(ask->proxy->layer, &request, &ask_user, ask, &ask->txn);
}

/* False when no address is left that takes it. */
static bool send_next(struct ask *ask)
{
    let_go(ask);
    while (ask->hop_next < ask->hop_count) {
        if (send_to(ask, &ask->hops[ask->hop_next++]) == ERR_NONE)
            return true;
    }
    return false;
}

static enum err keep_hops(struct ask *ask, const struct flow *hops, unsigned count)
{
    if (count > HOPS_MAX)
        count = HOPS_MAX;
    ask->hops = arena_alloc(&ask->arena, count * sizeof *hops);
    if (!ask->hops)
        return ERR_NOMEM;
    memcpy(ask->hops, hops, count * sizeof *hops);
    ask->hop_count = count;
    return ERR_NONE;
}

static void on_resolved(void *context, enum err err, const struct flow *hops, unsigned count)
{
    struct ask *ask = context;

    if (!err && count == 0)
        err = ERR_UNRESOLVED;
    if (!err)
        err = keep_hops(ask, hops, count);
    if (err)
        finish(ask, proxy_hop_status(err), NULL);
    else if (!send_next(ask))
        finish(ask, ask->has_flow ? 430 : 503, NULL);
}

/* ---- the start ---- */

static enum err ask_create(struct proxy *proxy, struct str text, struct ask **out)
{
    struct arena arena;
    struct ask *ask;
    struct str copy;

    arena_init(&arena, NULL, ASK_MEMORY_MAX);
    ask = arena_zalloc(&arena, sizeof *ask);
    if (!ask || str_copy(&arena, text, &copy)) {
        arena_fini(&arena);
        return ERR_NOMEM;
    }
    if (!cut_via(copy, &ask->line, &ask->rest)) {
        arena_fini(&arena);
        return ERR_SYNTAX;
    }
    ask->arena = arena;
    ask->proxy = proxy;
    list_push_back(&proxy->asks, &ask->node);
    *out = ask;
    return ERR_NONE;
}

static void start(struct ask *ask, const struct uac_request *request)
{
    struct outside *outside = ask->proxy->outside;
    struct resolve_query query;
    enum err err;

    if (request->has_flow) {
        ask->has_flow = true;
        on_resolved(ask, ERR_NONE, &request->flow, 1);
        return;
    }
    err = proxy_hop_query(request->destination, request->routes, request->uri, &query);
    query.socket = request->socket;
    if (err)
        finish(ask, proxy_hop_status(err), NULL);
    else
        outside->resolve(outside, &query, on_resolved, ask);
}

enum err proxy_ask(struct proxy *proxy, const struct uac_request *request, struct str text,
                   uac_done_fn *done, void *context)
{
    enum sip_method method = sip_method_find(request->method);
    struct ask *ask;
    enum err err;

    if (method == SIP_INVITE || method == SIP_ACK || method == SIP_CANCEL)
        return ERR_UNSUPPORTED;
    if ((err = ask_create(proxy, text, &ask)))
        return err;
    ask->method = method;
    ask->unique = random_u64(proxy->random);
    ask->done = done;
    ask->context = context;
    start(ask, request);
    return ERR_NONE;
}
