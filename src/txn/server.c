/* SPDX-License-Identifier: Apache-2.0 */
#include "txn/layer.h"

static struct server_txn *server_of(struct txn *txn)
{
    return CONTAINER_OF(txn, struct server_txn, txn);
}

static uint16_t sent_by_port(const struct sip_via *via, uint8_t transport)
{
    return via->port ? via->port : transport_traits((enum transport)transport)->default_port;
}

void txn_reply_flow(const struct sip_msg *request, const struct flow *source, bool force_rport,
                    struct flow *out)
{
    const struct sip_via *via = &request->via;

    *out = *source;
    if (transport_traits((enum transport)source->transport)->is_reliable)
        return;
    if (!via->has_rport && !force_rport)
        out->peer.port = sent_by_port(via, source->transport);
}

/*
 * A client that is not behind a NAT, and listens on another port than it connected from. Whoever
 * names the port of his connection would not be there any more.
 */
static bool is_listening(const struct server_txn *server)
{
    const struct sip_via *via = &server->request->via;
    struct addr host;

    return !addr_parse_ip(via->host, &host) && addr_same_ip(&host, &server->source.peer) &&
           sent_by_port(via, server->source.transport) != server->source.peer.port;
}

/* RFC 3261 §18.2.2: once, a lost connection is replaced by one to sent-by. False: no way is left.
 */
bool server_txn_redirect(struct txn *txn)
{
    struct server_txn *server = server_of(txn);

    if (!txn->is_reliable || server->is_dialled || !is_listening(server))
        return false;
    txn_untrack_stream(txn);
    server->is_dialled = true;
    txn->flow.connection = 0;
    txn->flow.peer.port = sent_by_port(&server->request->via, txn->flow.transport);
    txn_track_stream(txn);
    return true;
}

/* ---- steps of both kinds ---- */

enum err server_txn_send_bytes(struct txn *txn, struct str bytes)
{
    enum err err = txn_send_bytes(txn, bytes);

    return err == ERR_UNREACHABLE && server_txn_redirect(txn) ? txn_send_bytes(txn, bytes) : err;
}

/* Without memory the response still goes out; it is only not repeated. */
void server_txn_send(struct txn *txn, struct txn_input *input)
{
    (void)!txn_bytes_set(&txn->layer->pool, &txn->bytes, input->bytes, STR(""));
    input->err = server_txn_send_bytes(txn, input->bytes);
}

void server_txn_resend(struct txn *txn, struct txn_input *input)
{
    (void)input;
    txn_resend(txn);
}

/* The last response goes out again if there is another way to the client. */
bool server_txn_resend_elsewhere(struct txn *txn)
{
    if (!server_txn_redirect(txn))
        return false;
    txn_start_end(txn, 64 * txn->layer->timers.t1);
    txn_resend(txn);
    return true;
}

void server_txn_abandon(struct txn *txn, struct txn_input *input)
{
    (void)input;
    timer_stop(txn->layer->wheel, &txn->retransmit);
    txn->state = ABANDONED;
    txn_start_end(txn, 64 * txn->layer->timers.t1);
}

void server_txn_report(struct txn *txn, enum err why)
{
    struct server_txn *server = server_of(txn);

    if (server->user->on_failure)
        server->user->on_failure(server->context, server, why);
}

void server_txn_end(struct txn *txn, struct txn_input *input)
{
    struct server_txn *server = server_of(txn);

    (void)input;
    if (server->user->on_end)
        server->user->on_end(server->context, server);
    server_txn_destroy(server);
}

/* ---- life ---- */

static enum err server_create(struct txn_layer *layer, const struct sip_msg *request, uint64_t hash,
                              struct server_txn **out)
{
    struct server_txn *server = txn_pool_take(&layer->pool, sizeof *server);

    if (!server)
        return ERR_NOMEM;
    *server = (struct server_txn){ .request = request };
    server->txn.layer = layer;
    if (table_insert(&layer->servers, &server->txn.node, hash)) {
        txn_pool_give(&layer->pool, server, sizeof *server);
        return ERR_NOMEM;
    }
    layer->counters.servers++;
    layer->counters.servers_total++;
    *out = server;
    return ERR_NONE;
}

void server_txn_destroy(struct server_txn *server)
{
    struct txn_layer *layer = server->txn.layer;

    timer_stop(layer->wheel, &server->txn.retransmit);
    timer_stop(layer->wheel, &server->txn.end);
    table_remove(&layer->servers, &server->txn.node);
    if (server->is_in_calls)
        table_remove(&layer->calls, &server->call);
    txn_untrack_stream(&server->txn);
    txn_bytes_clear(&layer->pool, &server->txn.bytes);
    txn_pool_give(&layer->pool, server, sizeof *server);
    layer->counters.servers--;
}

enum err server_txn_open(struct txn_layer *layer, const struct sip_msg *request,
                         const struct flow *source, const struct server_txn_user *user,
                         void *context, struct server_txn **out)
{
    uint64_t hash = txn_request_hash(layer, request, request->method);
    struct server_txn *server;
    enum err err;

    if (request->method == SIP_ACK)
        return ERR_UNSUPPORTED;
    if (txn_find_server(layer, request, request->method, hash))
        return ERR_EXISTS;
    if ((err = server_create(layer, request, hash, &server)))
        return err;
    server->source = *source;
    server->user = user;
    server->context = context;
    server->txn.steps = request->method == SIP_INVITE ? &txn_server_invite : &txn_server_other;
    server->txn.state = request->method == SIP_INVITE ? PROCEEDING : TRYING;
    server->txn.is_reliable = transport_traits((enum transport)source->transport)->is_reliable;
    txn_reply_flow(request, source, false, &server->txn.flow);
    txn_track_call(server);
    txn_track_stream(&server->txn);
    if (request->method != SIP_INVITE)
        txn_start_slow(&server->txn);
    *out = server;
    return ERR_NONE;
}

static enum txn_event reply_event(unsigned status)
{
    if (status < 200)
        return REPLY_1XX;
    return status < 300 ? REPLY_2XX : REPLY_FAILURE;
}

enum err server_txn_reply(struct server_txn *server, unsigned status, struct str bytes)
{
    struct txn_input input = { .bytes = bytes, .err = ERR_NOT_NOW };

    txn_handle(&server->txn, reply_event(status), &input);
    if (status >= 200 && input.err != ERR_NOT_NOW) {
        server->is_final = true;
        server->has_failed = status >= 300;
    }
    return input.err;
}

void server_txn_force_rport(struct server_txn *server)
{
    if (!server->is_port_forced)
        txn_reply_flow(server->request, &server->source, true, &server->txn.flow);
    server->is_port_forced = true;
}

void server_txn_release(struct server_txn *server)
{
    txn_handle(&server->txn, RELEASED, &(struct txn_input){ 0 });
}

void *server_txn_context(const struct server_txn *server)
{
    return server->context;
}

bool server_txn_is_final(const struct server_txn *server)
{
    return server->is_final;
}
