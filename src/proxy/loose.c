/* SPDX-License-Identifier: Apache-2.0 */
/* Route headers of requests that come in (RFC 3261 §16.4, §16.6 step 6, §16.12). */
#include "dialog/token.h"
#include "proxy/flight.h"

enum {
    ROUTES_MAX = 64,
};

/* The Route values that are left: values[first] to values[count - 1]. */
struct route_set {
    struct flight *flight;
    bool (*is_myself)(void *context, const struct sip_uri *uri);
    void *context;
    struct str values[ROUTES_MAX];
    unsigned first, count;
    struct sip_uri own; /* the entry that was ours */
    bool has_own;
    bool is_strict_before; /* the hop before us is a strict router */
};

static bool collect(struct route_set *set)
{
    struct sip_values values = sip_values_of(set->flight->request.msg, SIP_HDR_ROUTE);

    while (sip_values_next(&values)) {
        if (set->count == ROUTES_MAX)
            return false;
        set->values[set->count++] = values.value;
    }
    return set->count > 0;
}

static bool uri_of(struct str value, struct sip_uri *out)
{
    struct sip_nameaddr route;

    if (sip_nameaddr_parse(value, &route))
        return false;
    *out = route.uri;
    return true;
}

static bool is_own(const struct route_set *set, const struct sip_uri *uri)
{
    return (uri->scheme == URI_SIP || uri->scheme == URI_SIPS) &&
           set->is_myself(set->context, uri);
}

static bool has_param(const struct sip_uri *uri, struct str name)
{
    struct sip_param param;

    return sip_param_find(uri->params, name, &param);
}

/* ---- our own entries ---- */

/*
 * A strict router puts what we wrote into Record-Route into the Request-URI, and the real target at
 * the end of the Routes. Nothing else that is ours and comes with a Route has ;lr in it.
 */
static bool take_strict(struct route_set *set)
{
    struct sip_uri ruri, last;

    if (set->flight->request.skips_strict || sip_uri_parse(proxy_flight_uri(set->flight), &ruri) || !is_own(set, &ruri) ||
        !has_param(&ruri, STR("lr")) || !uri_of(set->values[set->count - 1], &last) ||
        request_set_uri(&set->flight->request, last.text))
        return false;
    set->count--;
    set->own = ruri;
    set->is_strict_before = true;
    return true;
}

static bool take_first(struct route_set *set)
{
    struct sip_uri uri;

    if (set->first == set->count || !uri_of(set->values[set->first], &uri) || !is_own(set, &uri))
        return false;
    set->first++;
    set->own = uri;
    return true;
}

/* What a Record-Route of ours said of a socket. */
static bool is_listener(const struct listener *listener, const struct sip_uri *uri)
{
    uint16_t port = listener->advertised_port ? listener->advertised_port : listener->bound.port;
    enum transport transport;
    struct addr ip;

    if (sip_uri_transport(uri, &transport) || transport != listener->transport ||
        sip_uri_port(uri) != port)
        return false;
    if (listener->advertised_host.len)
        return str_ieq(listener->advertised_host, uri->host);
    return addr_parse_ip(uri->host, &ip) == ERR_NONE && addr_same_ip(&ip, &listener->bound);
}

static void choose_socket(struct route_set *set, const struct sip_uri *uri)
{
    const struct proxy_settings *settings = &set->flight->proxy->settings;

    for (unsigned i = 0; i < settings->listener_count; i++)
        if (is_listener(&settings->listeners[i], uri))
            set->flight->request.target.socket = (uint16_t)i;
}

/* The other half of a double Record-Route names the socket of the other side. */
static void take_second(struct route_set *set)
{
    struct sip_uri uri;

    if (!has_param(&set->own, STR("r2")) || set->first == set->count ||
        !uri_of(set->values[set->first], &uri) || !is_own(set, &uri) || !has_param(&uri, STR("r2")))
        return;
    set->first++;
    choose_socket(set, &uri);
}

static void take_own(struct route_set *set)
{
    set->has_own = take_strict(set) || take_first(set);
    if (set->has_own)
        take_second(set);
}

/* ---- what is left ---- */

/* Folds become blanks: nothing we write has a line break inside. */
static void write_unfolded(struct writer *w, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '\r' || c == '\n')
            c = ' ';
        write_char(w, c);
    }
}

static void write_route(struct writer *w, struct str value)
{
    write_str(w, STR("Route: "));
    write_unfolded(w, value);
    write_str(w, STR("\r\n"));
}

/* The routes that are left, and, before a strict router, the Request-URI as the last of them. */
static enum err keep_routes(struct route_set *set, struct str last_uri)
{
    struct request *request = &set->flight->request;
    char *buffer = set->flight->proxy->message;
    struct writer w = writer_over(buffer, sizeof set->flight->proxy->message);
    struct str lines;
    enum err err;

    for (unsigned i = set->first; i < set->count; i++)
        write_route(&w, set->values[i]);
    if (last_uri.len) {
        write_str(&w, STR("Route: <"));
        write_str(&w, last_uri);
        write_str(&w, STR(">\r\n"));
    }
    request->replaces_routes = true;
    request->routes = (struct str){ 0 };
    if ((err = writer_finish(&w, &lines)))
        return err;
    return str_copy(&request->arena, lines, &request->routes);
}

/* A next hop that is a strict router wants to see itself in the Request-URI. */
static enum err go_to_next(struct route_set *set)
{
    struct request *request = &set->flight->request;
    struct str target = proxy_flight_uri(set->flight);
    struct sip_uri next;
    enum err err;

    if (!uri_of(set->values[set->first], &next))
        return ERR_SYNTAX;
    if (has_param(&next, STR("lr"))) {
        err = keep_routes(set, STR(""));
        return err ? err : request_set_dst_uri(request, next.text);
    }
    set->first++;
    if ((err = keep_routes(set, target)) || (err = request_set_uri(request, next.text)))
        return err;
    return request_set_dst_uri(request, next.text);
}

/* ---- flow tokens ---- */

/* Only a request that claims to be inside a dialog may use the dialog's flows. */
static void use_token(struct route_set *set, const struct flow_token *token)
{
    struct request *request = &set->flight->request;
    bool is_caller = flow_token_tag_hash(request->msg->from_tag) == token->caller_tag;

    if (!request->msg->to_tag.len)
        return;
    request->target.dst_uri = (struct str){ 0 };
    set->flight->sender = is_caller ? token->caller : token->callee;
    request->target.flow = is_caller ? token->callee : token->caller;
    proxy_moves_apply(set->flight, &request->target.flow);
    request->target.has_flow = true;
    request->is_in_dialog_by_token = true;
}

/*
 * A client's own request comes with the token of its own flow in a Route that it was told to use: it
 * goes on as if the token were not there (RFC 5626 §5.3). From anywhere else, it goes to the client.
 */
static void use_hop_token(struct route_set *set, const struct flow *flow)
{
    struct request *request = &set->flight->request;

    if (flow_eq(flow, &request->source))
        return;
    request->target.dst_uri = (struct str){ 0 };
    request->target.flow = *flow;
    request->target.has_flow = true;
}

/* Whoever forged the token may have forged the rest: none of it is followed. */
static enum loose_result refuse_token(struct route_set *set)
{
    struct request *request = &set->flight->request;

    request->replaces_routes = true;
    request->routes = (struct str){ 0 };
    request->target.uri = (struct str){ 0 };
    return LOOSE_BAD_TOKEN;
}

/* ---- all of it ---- */

static enum loose_result follow(struct route_set *set)
{
    struct request *request = &set->flight->request;
    bool is_inside = request->msg->to_tag.len > 0;
    enum err err;

    if (set->first < set->count)
        err = go_to_next(set);
    else
        err = keep_routes(set, STR(""));
    if (err)
        return LOOSE_NO_ROUTE;
    if (set->first == set->count && !is_inside && !set->is_strict_before && !request->routes.len)
        return LOOSE_NO_ROUTE;
    return LOOSE_ROUTED;
}

/* Where every dialog gets a token, a request that claims to be inside one must show it. */
static bool lacks_token(const struct route_set *set, bool has_token)
{
    const struct request *request = &set->flight->request;

    return !has_token && request->record_route.has_flow_token && request->msg->to_tag.len > 0;
}

static enum loose_result route(struct route_set *set)
{
    struct flow_signer *signer = set->flight->proxy->signer;
    struct flow_token token;
    enum loose_result result;
    struct flow hop;
    bool has_token, has_hop;

    if (!collect(set))
        return LOOSE_NO_ROUTE;
    take_own(set);
    has_token = set->has_own && flow_token_is_like(set->own.user);
    has_hop = set->has_own && hop_token_is_like(set->own.user);
    if (lacks_token(set, has_token) ||
        (has_token && flow_token_read(set->own.user, signer, &token)) ||
        (has_hop && hop_token_read(set->own.user, signer, &hop)))
        return refuse_token(set);
    result = follow(set);
    if (has_hop)
        use_hop_token(set, &hop);
    if (has_hop && set->flight->request.target.has_flow)
        return LOOSE_ROUTED;
    if (has_token && result == LOOSE_ROUTED)
        use_token(set, &token);
    return result;
}

enum loose_result proxy_loose_route(struct proxy *proxy, struct request *request,
                                    bool (*is_myself)(void *context, const struct sip_uri *uri),
                                    void *context, struct str *own_params)
{
    struct flight *flight = flight_of(request);
    struct route_set set = { .flight = flight, .is_myself = is_myself, .context = context };

    proxy_flight_enter(flight, proxy);
    if (!flight->has_loosed) {
        flight->loose = route(&set);
        flight->loose_params = set.has_own ? set.own.params : (struct str){ 0 };
        flight->has_loosed = true;
    }
    *own_params = flight->loose_params;
    return flight->loose;
}

void proxy_write_flow_token(struct proxy *proxy, const struct flow *flow, struct writer *w)
{
    hop_token_write(w, proxy->signer, flow);
}
