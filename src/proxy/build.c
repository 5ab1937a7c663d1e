/* SPDX-License-Identifier: Apache-2.0 */
/* What is added to a request as it goes out (RFC 3261 §16.6 steps 1 to 8). */
#include "dialog/token.h"
#include "proxy/flight.h"

static const struct str crlf = STR_INIT("\r\n");

static const struct listener *listener_of(const struct flight *flight, const struct flow *flow)
{
    const struct proxy_settings *settings = &flight->proxy->settings;

    return flow->socket < settings->listener_count ? &settings->listeners[flow->socket] : NULL;
}

/* host [ ":" port ] of one of our sockets, unless told otherwise. */
static void write_address(struct writer *w, const struct listener *listener, struct str host,
                          uint16_t port)
{
    if (!port)
        port = listener->advertised_port ? listener->advertised_port : listener->bound.port;
    if (host.len)
        write_str(w, host);
    else if (listener->advertised_host.len)
        write_str(w, listener->advertised_host);
    else
        addr_write_ip(w, &listener->bound, true);
    if (port != transport_traits(listener->transport)->default_port) {
        write_char(w, ':');
        write_uint(w, port);
    }
}

/* The same, or what set_advertised_address() said. */
static void write_own_address(struct writer *w, const struct request *request,
                              const struct listener *listener)
{
    write_address(w, listener, request->advertised_host, request->advertised_port);
}

/* ---- Via ---- */

static void write_via_start(struct writer *w, const struct listener *listener)
{
    write_str(w, STR("Via: SIP/2.0/"));
    write_str(w, transport_traits(listener->transport)->via_name);
    write_char(w, ' ');
}

static void write_via_end(struct writer *w, const struct listener *listener, struct str branch)
{
    if (listener->transport == TRANSPORT_UDP)
        write_str(w, STR(";rport"));
    write_str(w, STR(";branch="));
    write_str(w, branch);
    write_str(w, crlf);
}

static void write_via(struct writer *w, const struct request *request,
                      const struct listener *listener, struct str branch)
{
    write_via_start(w, listener);
    write_own_address(w, request, listener);
    write_via_end(w, listener, branch);
}

void proxy_build_own_via(struct writer *w, const struct listener *listener, struct str branch)
{
    write_via_start(w, listener);
    write_address(w, listener, STR(""), 0);
    write_via_end(w, listener, branch);
}

enum err proxy_build_marked_via(struct flight *flight, struct str *out)
{
    struct request *request = &flight->request;
    bool forces = request->force_rport;
    enum err err;

    if (!flight->has_marked_via || flight->marks_rport != forces) {
        err = sip_via_mark(request->msg, &request->source.peer, forces, &flight->marked_via);
        if (err)
            return err;
        flight->has_marked_via = true;
        flight->marks_rport = forces;
    }
    *out = flight->marked_via;
    return ERR_NONE;
}

/* ---- Record-Route ---- */

/* Tags come from others: only what a URI parameter may hold is put into one. */
static bool is_param_text(struct str text)
{
    static const char safe[] = "-_.!~*'()%+`[]/:&$";

    for (size_t i = 0; i < text.len; i++) {
        char c = char_lower(text.ptr[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !(c && strchr(safe, c)))
            return false;
    }
    return text.len > 0;
}

static void write_token(struct writer *w, const struct flight *flight, const struct flow *callee)
{
    struct flow_token token = {
        .caller = flight->request.source,
        .callee = *callee,
        .caller_tag = flow_token_tag_hash(flight->request.msg->from_tag),
    };

    flow_token_write(w, flight->proxy->signer, &token);
    write_char(w, '@');
}

static void write_record_route_user(struct writer *w, const struct flight *flight,
                                    const struct flow *callee)
{
    const struct record_route *wish = &flight->request.record_route;

    if (wish->has_flow_token) {
        write_token(w, flight, callee);
    } else if (wish->user.len) {
        write_str(w, wish->user);
        write_char(w, '@');
    }
}

/* A request for a sips URI is recorded by one (§16.6 step 4), which says TLS already. */
static bool is_secure_side(const struct request *request, const struct listener *listener)
{
    return listener->transport == TRANSPORT_TLS && request_is_sips(request) &&
           !request->record_route.ignores_sips;
}

static void write_record_route_address(struct writer *w, const struct request *request,
                                       const struct listener *listener, bool is_double)
{
    const struct transport_traits *traits = transport_traits(listener->transport);

    if (request->record_route.advertised.len)
        write_str(w, request->record_route.advertised);
    else
        write_own_address(w, request, listener);
    if (listener->transport != TRANSPORT_UDP && !is_secure_side(request, listener)) {
        write_str(w, STR(";transport="));
        write_str(w, traits->param_name);
    }
    if (is_double)
        write_str(w, STR(";r2=on"));
}

/* What one of our headers differs in from the other. */
struct own_side {
    const struct listener *listener;
    struct str preset; /* in place of the address; empty: none */
    bool is_double;
};

static void write_record_route(struct writer *w, const struct flight *flight,
                               const struct flow *callee, const struct own_side *side)
{
    const struct request *request = &flight->request;
    const struct record_route *wish = &request->record_route;

    write_str(w, STR("Record-Route: <"));
    write_str(w, is_secure_side(request, side->listener) ? STR("sips:") : STR("sip:"));
    write_record_route_user(w, flight, callee);
    if (side->preset.len)
        write_str(w, side->preset);
    else
        write_record_route_address(w, request, side->listener, side->is_double);
    write_str(w, wish->has_full_lr ? STR(";lr=on") : STR(";lr"));
    if (wish->has_from_tag && is_param_text(request->msg->from_tag)) {
        write_str(w, STR(";ftag="));
        write_str(w, request->msg->from_tag);
    }
    write_str(w, wish->params);
    write_str(w, STR(">\r\n"));
}

/* Two of them when the dialog changes sides in us. */
unsigned proxy_build_own_routes(const struct flight *flight, const struct flow *flow)
{
    const struct record_route *wish = &flight->request.record_route;
    const struct listener *inner = listener_of(flight, &flight->request.source);
    bool may_be_double = (wish->is_double || wish->has_flow_token) && !wish->preset.len && inner;
    bool has_sides = inner != listener_of(flight, flow) || wish->is_always_double;

    if (!wish->is_wanted)
        return 0;
    return (may_be_double && has_sides) || wish->preset_inner.len ? 2 : 1;
}

/* The one that the callee sees comes first. */
static void write_record_routes(struct writer *w, const struct flight *flight,
                                const struct flow *flow, const struct listener *listener)
{
    const struct record_route *wish = &flight->request.record_route;
    const struct listener *inner = listener_of(flight, &flight->request.source);
    unsigned count = proxy_build_own_routes(flight, flow);
    bool is_double = count > 1 && !wish->preset.len;
    const struct own_side outer_side = { listener, wish->preset, is_double };
    const struct own_side inner_side = { inner ? inner : listener, wish->preset_inner, is_double };

    if (count > 0)
        write_record_route(w, flight, flow, &outer_side);
    if (count > 1)
        write_record_route(w, flight, flow, &inner_side);
}

/* ---- Route ---- */

static void write_received_routes(struct writer *w, const struct sip_msg *msg)
{
    const struct sip_hdr *hdr = NULL;

    while ((hdr = sip_msg_find(msg, SIP_HDR_ROUTE, hdr)))
        write_str(w, hdr->line);
}

/* The hops of a Path come before whatever routes there are; true when lines are to be replaced. */
static bool write_routes(struct writer *w, const struct request *request, struct str path)
{
    if (path.len) {
        write_str(w, STR("Route: "));
        write_str(w, path);
        write_str(w, crlf);
    }
    if (request->replaces_routes)
        write_str(w, request->routes);
    else if (path.len)
        write_received_routes(w, request->msg);
    return path.len || request->replaces_routes;
}

/* ---- Max-Forwards ---- */

unsigned proxy_build_check_hops(struct flight *flight)
{
    const struct sip_msg *msg = flight->request.msg;

    if (flight->request.max_forwards < 0 && msg->has_max_forwards && msg->max_forwards == 0)
        return 483;
    if (proxy_id_finds_loop(flight))
        return 482;
    return 0;
}

static int hops_left(const struct request *request)
{
    if (request->max_forwards >= 0)
        return request->max_forwards;
    return request->msg->has_max_forwards ? request->msg->max_forwards - 1 : -1;
}

/* ---- all of it ---- */

struct lines {
    struct str via, record_routes, routes;
    bool replaces_routes;
};

static enum err write_lines(struct flight *flight, const struct departure *departure,
                            struct lines *out)
{
    struct proxy *proxy = flight->proxy;
    const struct listener *listener = listener_of(flight, departure->flow);
    struct writer w = writer_over(proxy->lines, sizeof proxy->lines);
    struct str text;
    const char *via_end, *record_routes_end;

    if (!listener)
        return ERR_UNREACHABLE;
    write_via(&w, &flight->request, listener, departure->via_branch);
    via_end = w.at;
    write_record_routes(&w, flight, departure->flow, listener);
    record_routes_end = w.at;
    out->replaces_routes = write_routes(&w, &flight->request, departure->target->path);
    out->via = str_between(w.start, via_end);
    out->record_routes = str_between(via_end, record_routes_end);
    out->routes = str_between(record_routes_end, w.at);
    return writer_finish(&w, &text);
}

enum err proxy_build_request(struct flight *flight, const struct departure *departure,
                             struct str *out)
{
    struct proxy *proxy = flight->proxy;
    struct writer w = writer_over(proxy->message, sizeof proxy->message);
    struct sip_outgoing outgoing = {
        .ruri = departure->target->uri,
        .max_forwards = hops_left(&flight->request),
        .max_breadth = departure->breadth,
        .edits = { &flight->request.edits, departure->edits },
    };
    struct lines lines;
    enum err err;

    if ((err = proxy_build_marked_via(flight, &outgoing.received_via)) ||
        (err = write_lines(flight, departure, &lines)))
        return err;
    outgoing.via = lines.via;
    outgoing.record_routes = lines.record_routes;
    outgoing.routes = lines.routes;
    outgoing.replaces_routes = lines.replaces_routes;
    if ((err = sip_request_write(&w, flight->request.msg, &outgoing)))
        return err;
    return writer_finish(&w, out);
}
