/* SPDX-License-Identifier: Apache-2.0 */
/* The next hop of a request, before its name is resolved (RFC 3261 §16.6 steps 6 and 7). */
#include "proxy/flight.h"

/* ---- from text ---- */

static enum err query_of_uri(const struct sip_uri *uri, struct resolve_query *out)
{
    struct str maddr;
    struct sip_param param;
    enum err err;

    if (uri->scheme != URI_SIP && uri->scheme != URI_SIPS)
        return ERR_UNSUPPORTED;
    if ((err = sip_uri_transport(uri, &out->transport)))
        return err;
    out->is_secure = uri->scheme == URI_SIPS;
    maddr = sip_param_value(uri->params, STR("maddr"));
    out->host = maddr.len ? maddr : uri->host;
    out->port = uri->has_port ? uri->port : 0;
    out->has_transport = sip_param_find(uri->params, STR("transport"), &param);
    return out->host.len ? ERR_NONE : ERR_SYNTAX;
}

static enum err query_of_uri_text(struct str text, struct resolve_query *out)
{
    struct sip_uri uri;
    enum err err = sip_uri_parse(text, &uri);

    return err ? err : query_of_uri(&uri, out);
}

/* The first value of a list of name-addrs: Route, Path. */
static enum err query_of_list(struct str list, struct resolve_query *out)
{
    struct sip_nameaddr first;
    struct str value;
    enum err err;

    if (!sip_list_next(&list, &value))
        return ERR_SYNTAX;
    if ((err = sip_nameaddr_parse(value, &first)))
        return err;
    return query_of_uri(&first.uri, out);
}

/* host [ ":" port ], where an IPv6 address has brackets */
static enum err parse_host_port(struct str text, struct resolve_query *out)
{
    const char *bracket = text.len && text.ptr[0] == '[' ? str_find_char(text, ']') : NULL;
    struct str rest = bracket ? str_between(bracket + 1, text.ptr + text.len) : text;
    const char *colon = str_find_char(rest, ':');
    uint64_t port = 0;

    out->host = colon ? str_between(text.ptr, colon) : text;
    if (colon && str_to_uint(str_between(colon + 1, text.ptr + text.len), 1, 65535, &port))
        return ERR_SYNTAX;
    out->port = (uint16_t)port;
    return out->host.len ? ERR_NONE : ERR_SYNTAX;
}

/* "proto:host:port", "host:port" or a URI. */
static enum err query_of_destination(struct str destination, struct resolve_query *out)
{
    struct str proto, rest;

    *out = (struct resolve_query){ .socket = SOCKET_ANY };
    if (str_istarts(destination, STR("sip:")) || str_istarts(destination, STR("sips:")))
        return query_of_uri_text(destination, out);
    if (str_split(destination, ':', &proto, &rest) &&
        transport_find(proto, &out->transport) == ERR_NONE) {
        out->has_transport = true;
        return parse_host_port(rest, out);
    }
    return parse_host_port(destination, out);
}

/* ---- the choice ---- */

/* The first of the Route lines that loose_route() has left. */
static struct str first_route(const struct request *request)
{
    struct str routes = request->replaces_routes ? request->routes : (struct str){ 0 };
    const char *colon = str_find_char(routes, ':');
    const char *end = str_find_char(routes, '\r');

    return colon && end && colon < end ? str_trim(str_between(colon + 1, end)) : (struct str){ 0 };
}

/*
 * A stream is never dialled for a flow: whoever registered on it is reachable there or not at all.
 * Whom the dialog was made to by dialling may be dialled again.
 */
static enum err choose_flow(const struct flight *flight, const struct target *target,
                            struct hop_choice *out)
{
    const struct flow *flow = &target->flow;
    const struct transport_traits *traits = transport_traits((enum transport)flow->transport);

    out->has_flow = true;
    out->flow = *flow;
    if (traits->is_reliable && !flow->connection && !flight->request.is_in_dialog_by_token)
        return ERR_UNREACHABLE;
    return request_is_sips(&flight->request) && !traits->is_secure ? ERR_DENIED : ERR_NONE;
}

/* Where a sips URI leads, nothing but TLS goes (RFC 3261 §26.2.2), unless the script says so. */
static enum err choose_uri(const struct flight *flight, const struct target *target,
                           struct resolve_query *out)
{
    enum err err = query_of_uri_text(target->uri, out);

    if (err || !request_is_sips(&flight->request))
        return err;
    out->is_secure = true;
    return out->has_transport && !transport_traits(out->transport)->is_secure ? ERR_DENIED
                                                                              : ERR_NONE;
}

static bool has_listener(const struct proxy_settings *settings, enum transport transport)
{
    for (unsigned i = 0; i < settings->listener_count; i++)
        if (settings->listeners[i].transport == transport)
            return true;
    return false;
}

enum err proxy_hop_choose(const struct flight *flight, const struct target *target,
                          struct str destination, struct hop_choice *out)
{
    struct str route = first_route(&flight->request);
    enum err err;

    *out = (struct hop_choice){ 0 };
    if (destination.len)
        err = query_of_destination(destination, &out->query);
    else if (target->has_flow) /* whoever writes dst_uri gives the flow up */
        return choose_flow(flight, target, out);
    else if (target->dst_uri.len)
        err = query_of_uri_text(target->dst_uri, &out->query);
    else if (route.len)
        err = query_of_list(route, &out->query);
    else if (target->path.len)
        err = query_of_list(target->path, &out->query);
    else
        err = choose_uri(flight, target, &out->query);
    out->query.socket = target->socket;
    if (!err && out->query.is_secure &&
        !has_listener(&flight->proxy->settings, out->query.transport))
        return ERR_UNSUPPORTED;
    return err;
}

enum err proxy_hop_query(struct str destination, struct str routes, struct str uri,
                         struct resolve_query *out)
{
    *out = (struct resolve_query){ .socket = SOCKET_ANY };
    if (destination.len)
        return query_of_destination(destination, out);
    return routes.len ? query_of_list(routes, out) : query_of_uri_text(uri, out);
}

/* ---- large requests ---- */

/* Rather one of the same address: it is where the peer expects us. */
static uint16_t find_listener(const struct proxy_settings *settings, enum transport transport,
                              const struct flow *hop)
{
    const struct listener *known =
        hop->socket < settings->listener_count ? &settings->listeners[hop->socket] : NULL;
    uint16_t found = SOCKET_ANY;

    for (uint16_t i = 0; i < settings->listener_count; i++) {
        const struct listener *listener = &settings->listeners[i];

        if (listener->transport != transport || listener->bound.family != hop->peer.family)
            continue;
        if (known && addr_same_ip(&listener->bound, &known->bound))
            return i;
        if (found == SOCKET_ANY)
            found = i;
    }
    return found;
}

bool proxy_hop_for_size(const struct proxy_settings *settings, const struct flow *hop, size_t size,
                        struct flow *out)
{
    enum transport transport = settings->udp_mtu_transport;
    uint16_t initial = transport_traits(TRANSPORT_UDP)->default_port;
    struct flow other = *hop;

    if (hop->transport != TRANSPORT_UDP || transport == TRANSPORT_UDP || settings->udp_mtu == 0 ||
        size <= settings->udp_mtu)
        return false;
    other.transport = (uint8_t)transport;
    other.socket = find_listener(settings, transport, hop);
    if (other.peer.port == initial)
        other.peer.port = transport_traits(transport)->default_port;
    if (other.socket == SOCKET_ANY)
        return false;
    *out = other;
    return true;
}

/* ---- what was found ---- */

/* Unless told otherwise we send from the socket that the request came in on, where it fits. */
static void prefer_source_socket(const struct flight *flight, struct flow *hop)
{
    const struct proxy_settings *settings = &flight->proxy->settings;
    uint16_t socket = flight->request.source.socket;

    if (settings->is_multihomed || socket >= settings->listener_count)
        return;
    if (settings->listeners[socket].transport == (enum transport)hop->transport &&
        settings->listeners[socket].bound.family == hop->peer.family)
        hop->socket = socket;
}

enum err proxy_hop_copy(struct flight *flight, const struct target *target, const struct flow *hops,
                        unsigned count, struct flow **out, unsigned *out_count)
{
    struct flow *copy;

    if (count > HOPS_MAX)
        count = HOPS_MAX;
    copy = arena_alloc(&flight->request.arena, count * sizeof *copy);
    if (!copy)
        return ERR_NOMEM;
    for (unsigned i = 0; i < count; i++) {
        copy[i] = hops[i];
        if (target->socket == SOCKET_ANY)
            prefer_source_socket(flight, &copy[i]);
    }
    *out = copy;
    *out_count = count;
    return ERR_NONE;
}

unsigned proxy_hop_status(enum err err)
{
    switch (err) {
    case ERR_UNRESOLVED:
        return 478;
    case ERR_UNREACHABLE:
        return 477;
    case ERR_UNSUPPORTED:
        return 416;
    case ERR_DENIED:
        return 480;
    case ERR_SYNTAX:
    case ERR_RANGE:
        return 400;
    case ERR_TIMEOUT:
        return 408;
    default:
        return 500;
    }
}
