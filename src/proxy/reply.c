/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of our own, with and without a transaction. */
#include "proxy/flight.h"

/* ---- the server transaction ---- */

/* Nobody is left to hear the answer: as if he had cancelled. */
static void on_txn_failure(void *context, struct server_txn *txn, enum err why)
{
    struct request *request = context;
    struct flight *flight = flight_of(request);

    (void)txn;
    if (why != ERR_UNREACHABLE || request->is_answered)
        return;
    proxy_flight_hold(flight);
    request->is_cancelled = true;
    proxy_cancel_legs(flight, STR(""));
    proxy_flight_advance(flight);
    proxy_flight_release(flight);
}

static void on_txn_end(void *context, struct server_txn *txn)
{
    struct request *request = context;

    (void)txn;
    request->txn = NULL;
    proxy_flight_release(flight_of(request));
}

static enum err send_trying(struct flight *flight)
{
    const struct proxy_settings *settings = &flight->proxy->settings;
    struct str reason = settings->rules.trying_reason;

    if (!reason.len)
        reason = settings->is_openser ? STR("Giving a try")
                                      : STR("trying -- your call is important to us");
    return proxy_reply(flight->proxy, &flight->request, 100, reason, STR(""), STR(""));
}

static void on_txn_slow(void *context, struct server_txn *txn)
{
    (void)txn;
    (void)!send_trying(flight_of((struct request *)context));
}

static const struct server_txn_user txn_user = { on_txn_failure, on_txn_end, on_txn_slow };

enum err proxy_reply_open(struct flight *flight, bool no_100)
{
    struct request *request = &flight->request;
    enum err err;

    if (request->txn)
        return ERR_EXISTS;
    if (flight->was_opened)
        return ERR_NOT_NOW;
    err = server_txn_open(flight->proxy->layer, request->msg, &request->source, &txn_user, request,
                          &request->txn);
    if (err)
        return err;
    flight->was_opened = true;
    request->label = ++flight->proxy->labels;
    proxy_flight_hold(flight);
    if (request->msg->method == SIP_INVITE && !no_100 && !request->no_auto_100)
        (void)!send_trying(flight);
    return ERR_NONE;
}

enum err proxy_open(struct proxy *proxy, struct request *request)
{
    proxy_flight_enter(flight_of(request), proxy);
    return proxy_reply_open(flight_of(request), false);
}

enum err proxy_reply_send(struct flight *flight, unsigned status, bool is_local, struct str bytes)
{
    struct request *request = &flight->request;
    enum err err;

    if (request->force_rport)
        server_txn_force_rport(request->txn);
    err = server_txn_reply(request->txn, status, bytes);
    if (err == ERR_NOT_NOW)
        return err;
    request->last_status = status;
    request->last_status_is_local = is_local;
    if (status >= 200)
        request->is_answered = true;
    return err;
}

enum err proxy_reply_send_stray(struct flight *flight, struct str bytes)
{
    struct request *request = &flight->request;
    struct outside *outside = flight->proxy->outside;
    struct flow flow;

    txn_reply_flow(request->msg, &request->source, request->force_rport, &flow);
    return outside->send(outside, &flow, bytes);
}

/* ---- replies ---- */

/* The tag is made from what an ACK to a failure has in common with its INVITE. */
bool proxy_absorbs_ack(struct proxy *proxy, struct request *ack)
{
    proxy_flight_enter(flight_of(ack), proxy);
    return ack->msg->method == SIP_ACK && str_eq(ack->msg->to_tag, proxy_id_tag(flight_of(ack)));
}

static enum err join_headers(struct flight *flight, struct str own, struct str headers,
                             struct str *out)
{
    struct request *request = &flight->request;

    if (!own.len && !request->reply_headers.len) {
        *out = headers;
        return ERR_NONE;
    }
    return str_print(&request->arena, out, STR_FMT STR_FMT STR_FMT, STR_ARG(own),
                     STR_ARG(request->reply_headers), STR_ARG(headers));
}

static enum err write_with(struct flight *flight, struct str server, const struct sip_reply *reply,
                           struct str *out)
{
    struct proxy *proxy = flight->proxy;
    struct writer w = writer_over(proxy->message, sizeof proxy->message);
    struct sip_reply whole = *reply;
    enum err err;

    if ((err = join_headers(flight, server, reply->headers, &whole.headers)) ||
        (err = sip_reply_write(&w, flight->request.msg, &whole)))
        return err;
    return writer_finish(&w, out);
}

/* Over UDP anybody may have asked in the name of another, who shall not get more than was sent. */
static bool is_too_much(const struct flight *flight, unsigned status, struct str bytes)
{
    return status >= 300 && flight->request.source.transport == TRANSPORT_UDP &&
           bytes.len > flight->request.msg->bytes.len;
}

/* A refusal longer than what it refuses says nothing that it need not say. */
static enum err write_reply(struct flight *flight, struct sip_reply *reply, struct str *out)
{
    struct str server = flight->proxy->settings.server_header;
    enum err err;

    reply->to_tag = proxy_id_tag(flight);
    if ((err = proxy_build_marked_via(flight, &reply->received_via)) ||
        (err = write_with(flight, server, reply, out)))
        return err;
    if (server.len && is_too_much(flight, reply->status, *out))
        return write_with(flight, STR(""), reply, out);
    return ERR_NONE;
}

static void tell_final(struct flight *flight, unsigned status, struct str reason)
{
    struct proxy_user *user = &flight->proxy->user;

    if (user->on_final)
        user->on_final(user->context, &flight->request, status,
                       reason.len ? reason : sip_reason_phrase(status), NULL);
}

/* Legs that still run are of no use after a final answer. */
static enum err reply_in_txn(struct flight *flight, unsigned status, struct str reason,
                             struct str bytes)
{
    bool was_answered = flight->request.is_answered;
    enum err err;

    proxy_flight_hold(flight);
    err = proxy_reply_send(flight, status, true, bytes);
    if (status >= 200 && !was_answered && err != ERR_NOT_NOW) {
        proxy_cancel_legs(flight, STR(""));
        tell_final(flight, status, reason);
        proxy_flight_advance(flight);
    }
    proxy_flight_release(flight);
    return err;
}

struct str proxy_reply_tag(struct proxy *proxy, struct request *request)
{
    if (!str_is_empty(request->msg->to_tag))
        return request->msg->to_tag;
    proxy_flight_enter(flight_of(request), proxy);
    return proxy_id_tag(flight_of(request));
}

enum err proxy_reply(struct proxy *proxy, struct request *request, unsigned status,
                     struct str reason, struct str headers, struct str body)
{
    struct flight *flight = flight_of(request);
    struct sip_reply reply = {
        .status = status, .reason = reason, .headers = headers, .body = body
    };
    struct str bytes;
    enum err err;

    if (request->msg->method == SIP_ACK || request->is_answered)
        return ERR_NOT_NOW;
    proxy_flight_enter(flight, proxy);
    if ((err = write_reply(flight, &reply, &bytes)))
        return err;
    if (status > 100) /* that may come by itself, before the reply that they were meant for */
        request->reply_headers = (struct str){ 0 };
    if (request->txn)
        return reply_in_txn(flight, status, reason, bytes);
    request->last_status = status;
    request->last_status_is_local = true;
    request->is_answered = status >= 200;
    return proxy_reply_send_stray(flight, bytes);
}
