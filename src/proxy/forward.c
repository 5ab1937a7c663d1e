/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarding without a transaction (RFC 3261 §16.11): ACK to 2xx, forward(), stray responses. */
#include "proxy/flight.h"

/* One sending; keeps the request until it is done. */
struct forwarding {
    struct flight *flight;
    struct target target;
    proxy_done_fn *done;
    void *context;
    bool has_flow;
};

bool proxy_may_send(struct flight *flight, struct sip_msg *msg, const struct flow *source,
                    const struct flow *way, struct str bytes)
{
    const struct proxy_user *user = &flight->proxy->user;
    const struct send_off sending = { way, bytes };

    return !user->may_send ||
           user->may_send(user->context, &flight->request, msg, source, &sending);
}

static enum err send_to(struct flight *flight, const struct target *target, struct str id,
                        const struct flow *hop)
{
    struct outside *outside = flight->proxy->outside;
    struct departure departure = { .target = target, .flow = hop, .via_branch = id };
    struct str bytes;
    enum err err = proxy_build_request(flight, &departure, &bytes);

    if (err)
        return err;
    if (!proxy_may_send(flight, flight->request.msg, &flight->request.source, hop, bytes))
        return ERR_DENIED;
    return outside->send(outside, hop, bytes);
}

static enum err try_hops(struct forwarding *forwarding, const struct flow *hops, unsigned count,
                         unsigned *status)
{
    struct flight *flight = forwarding->flight;
    struct request *request = &flight->request;
    struct proxy_user *user = &flight->proxy->user;
    struct str id;
    enum err err = proxy_id_make_stateless(flight, &id);

    if (err)
        return err;
    if (user->on_forward)
        *status = user->on_forward(user->context, request, &hops[0], &request->edits);
    if (*status)
        return ERR_DENIED;
    err = ERR_UNREACHABLE;
    for (unsigned i = 0; i < count && err == ERR_UNREACHABLE; i++)
        err = send_to(flight, &forwarding->target, id, &hops[i]);
    if (err == ERR_DENIED)
        *status = PROXY_UNSENT;
    return err;
}

static void finish(struct forwarding *forwarding, enum err err, unsigned status)
{
    struct request *request = &forwarding->flight->request;

    if (err && !status)
        status = err == ERR_UNREACHABLE && forwarding->has_flow ? 430 : proxy_hop_status(err);
    forwarding->done(forwarding->context, err, err ? status : 0);
    request_unref(request);
}

static void on_resolved(void *context, enum err err, const struct flow *hops, unsigned count)
{
    struct forwarding *forwarding = context;
    struct flow *copy = NULL;
    unsigned status = 0;

    if (!err && count == 0)
        err = ERR_UNRESOLVED;
    if (!err)
        err = proxy_hop_copy(forwarding->flight, &forwarding->target, hops, count, &copy, &count);
    if (!err)
        err = try_hops(forwarding, copy, count, &status);
    finish(forwarding, err, status);
}

static struct forwarding *forwarding_create(struct flight *flight, proxy_done_fn *done,
                                            void *context)
{
    struct forwarding *forwarding = arena_zalloc(&flight->request.arena, sizeof *forwarding);

    if (!forwarding)
        return NULL;
    forwarding->flight = flight;
    forwarding->target = flight->request.target;
    forwarding->target.uri = proxy_flight_uri(flight);
    forwarding->done = done;
    forwarding->context = context;
    request_ref(&flight->request);
    return forwarding;
}

void proxy_forward(struct proxy *proxy, struct request *request, struct str destination,
                   proxy_done_fn *done, void *context)
{
    struct flight *flight = flight_of(request);
    struct forwarding *forwarding;
    struct hop_choice choice;
    unsigned status;
    enum err err;

    proxy_flight_enter(flight, proxy);
    if (proxy_absorbs_ack(proxy, request)) {
        done(context, ERR_NONE, 0);
        return;
    }
    forwarding = forwarding_create(flight, done, context);
    if (!forwarding) {
        done(context, ERR_NOMEM, 500);
        return;
    }
    request->has_relayed = true;
    status = proxy_build_check_hops(flight);
    err = status ? ERR_DENIED : proxy_hop_choose(flight, &forwarding->target, destination, &choice);
    forwarding->has_flow = !status && choice.has_flow;
    if (err)
        finish(forwarding, err, status);
    else if (choice.has_flow)
        on_resolved(forwarding, ERR_NONE, &choice.flow, 1);
    else
        proxy->outside->resolve(proxy->outside, &choice.query, on_resolved, forwarding);
}

/* ---- responses ---- */

/* The second Via value; false when ours is the only one. */
static bool second_via(const struct sip_msg *response, struct sip_via *out)
{
    struct sip_values vias = sip_values_of(response, SIP_HDR_VIA);

    return sip_values_next(&vias) && sip_values_next(&vias) &&
           sip_via_parse(vias.value, out) == ERR_NONE;
}

/* RFC 3261 §18.2.2. We wrote received and rport into it; names are not looked up. */
static enum err flow_of_via(const struct sip_via *via, uint16_t socket, struct flow *out)
{
    enum transport transport;

    *out = (struct flow){ .socket = socket };
    if (transport_find(via->transport, &transport))
        return ERR_UNSUPPORTED;
    if (addr_parse_ip(via->received.len ? via->received : via->host, &out->peer))
        return ERR_UNRESOLVED;
    out->transport = (uint8_t)transport;
    out->peer.port = via->rport  ? via->rport
                     : via->port ? via->port
                                 : transport_traits(transport)->default_port;
    return ERR_NONE;
}

/* Transactions of the process before us may still wait for their end. */
static bool is_young(const struct proxy *proxy)
{
    return proxy->wheel->now - proxy->made_at < proxy->settings.fr_inv_timer;
}

/*
 * RFC 6026 §7.3: what comes after its transaction is over contradicts what was told upstream. While
 * it lasts, every 2xx of an INVITE is to be heard.
 */
static bool may_pass(const struct proxy *proxy, const struct sip_msg *response, enum id_maker maker)
{
    if (maker == ID_OF_FORWARDING || (maker == ID_OF_EARLIER_PROCESS && is_young(proxy)))
        return true;
    return response->method == SIP_INVITE && response->status / 100 == 2 &&
           txn_has_client(proxy->layer, response);
}

/* Only what we sent a request for: else anybody could send through us to anywhere. */
enum err proxy_forward_response(struct proxy *proxy, struct sip_msg *response,
                                const struct flow *source, const struct sip_edits *edits)
{
    const struct proxy_user *user = &proxy->user;
    struct writer w = writer_over(proxy->message, sizeof proxy->message);
    struct sip_via via;
    struct flow flow;
    struct str bytes;
    enum id_maker maker;
    uint16_t socket;
    enum err err;

    if (!proxy_id_read(proxy, response->via.branch, &socket, &maker))
        return ERR_DENIED;
    if (!may_pass(proxy, response, maker))
        return ERR_NOT_FOUND;
    if (!second_via(response, &via))
        return ERR_NOT_FOUND;
    if ((err = flow_of_via(&via, socket, &flow)) ||
        (err = sip_response_forward(&w, response, response->status, response->reason, edits)) ||
        (err = writer_finish(&w, &bytes)))
        return err;
    if (user->may_send &&
        !user->may_send(user->context, NULL, response, source, &(struct send_off){ &flow, bytes }))
        return ERR_NONE;
    return proxy->outside->send(proxy->outside, &flow, bytes);
}
