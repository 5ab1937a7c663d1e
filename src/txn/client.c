/* SPDX-License-Identifier: Apache-2.0 */
#include "txn/layer.h"

static struct client_txn *client_of(struct txn *txn)
{
    return CONTAINER_OF(txn, struct client_txn, txn);
}

/* ---- steps of both kinds ---- */

void client_txn_deliver(struct txn *txn, struct txn_input *input)
{
    struct client_txn *client = client_of(txn);

    if (client->user && client->user->on_response)
        client->user->on_response(client->context, client, input->response, input->source);
}

static void fail(struct txn *txn, enum err why)
{
    struct client_txn *client = client_of(txn);

    if (client->user && client->user->on_failure)
        client->user->on_failure(client->context, client, why);
}

void client_txn_end(struct txn *txn, struct txn_input *input)
{
    struct client_txn *client = client_of(txn);

    (void)input;
    if (client->user && client->user->on_end)
        client->user->on_end(client->context, client);
    client_txn_destroy(client);
}

void client_txn_time_out(struct txn *txn, struct txn_input *input)
{
    txn->layer->counters.timeouts++;
    txn->state = ENDED;
    fail(txn, ERR_TIMEOUT);
    client_txn_end(txn, input);
}

void client_txn_lose(struct txn *txn, struct txn_input *input)
{
    txn->state = ENDED;
    fail(txn, ERR_UNREACHABLE);
    client_txn_end(txn, input);
}

/* ---- life ---- */

static enum err client_create(struct txn_layer *layer, const struct client_request *request,
                              struct client_txn **out)
{
    struct client_txn *client = txn_pool_take(&layer->pool, sizeof *client);
    enum err err;

    if (!client)
        return ERR_NOMEM;
    *client = (struct client_txn){ .method = request->method };
    client->txn.layer = layer;
    client->branch_len = (uint8_t)request->branch.len;
    memcpy(client->branch, request->branch.ptr, request->branch.len);
    if ((err = txn_bytes_set(&layer->pool, &client->txn.bytes, request->bytes, STR(""))))
        goto fail;
    if ((err = table_insert(&layer->clients, &client->txn.node,
                            txn_branch_hash(layer, request->branch, request->method))))
        goto fail;
    layer->counters.clients++;
    layer->counters.clients_total++;
    *out = client;
    return ERR_NONE;

fail:
    txn_bytes_clear(&layer->pool, &client->txn.bytes);
    txn_pool_give(&layer->pool, client, sizeof *client);
    return err;
}

void client_txn_destroy(struct client_txn *client)
{
    struct txn_layer *layer = client->txn.layer;

    timer_stop(layer->wheel, &client->txn.retransmit);
    timer_stop(layer->wheel, &client->txn.end);
    table_remove(&layer->clients, &client->txn.node);
    txn_untrack_stream(&client->txn);
    txn_bytes_clear(&layer->pool, &client->txn.bytes);
    txn_bytes_clear(&layer->pool, &client->cancel);
    txn_pool_give(&layer->pool, client, sizeof *client);
    layer->counters.clients--;
}

/* Timers A or E, and B or F. */
static void start_timers(struct txn *txn, const struct client_request *request)
{
    if (!txn->is_reliable)
        txn_start_retransmit(txn, request->t1, request->t2);
    txn_start_end(txn, 64 * txn->layer->timers.t1);
}

enum err client_txn_open(struct txn_layer *layer, const struct client_request *request,
                         const struct client_txn_user *user, void *context, struct client_txn **out)
{
    struct client_txn *client;
    enum err err;

    if (request->method == SIP_ACK)
        return ERR_UNSUPPORTED;
    if (request->branch.len > TXN_BRANCH_MAX)
        return ERR_LIMIT;
    if (txn_find_client(layer, request->branch, request->method))
        return ERR_EXISTS;
    if ((err = client_create(layer, request, &client)))
        return err;
    client->user = user;
    client->context = context;
    client->is_forwarded = request->is_forwarded;
    client->txn.steps = request->method == SIP_INVITE ? &txn_client_invite : &txn_client_other;
    client->txn.state = TRYING;
    client->txn.flow = request->flow;
    client->txn.is_reliable =
        transport_traits((enum transport)request->flow.transport)->is_reliable;
    if ((err = txn_send_bytes(&client->txn, txn_bytes_text(&client->txn.bytes)))) {
        client_txn_destroy(client);
        return err;
    }
    start_timers(&client->txn, request);
    txn_track_stream(&client->txn);
    *out = client;
    return ERR_NONE;
}

void client_txn_cancel(struct client_txn *client, struct str headers)
{
    if (client->is_cancelled)
        return;
    client->is_cancelled = true;
    txn_handle(&client->txn, CANCELLED, &(struct txn_input){ .bytes = headers });
}

void client_txn_detach(struct client_txn *client)
{
    client->user = NULL;
    client->context = NULL;
    txn_handle(&client->txn, RELEASED, &(struct txn_input){ 0 });
}

static enum txn_event response_event(unsigned status)
{
    if (status < 200)
        return GOT_1XX;
    return status < 300 ? GOT_2XX : GOT_FAILURE;
}

bool txn_has_client(const struct txn_layer *layer, const struct sip_msg *response)
{
    return txn_find_client(layer, response->via.branch, response->method) != NULL;
}

bool txn_has_way_up(const struct sip_msg *response)
{
    struct sip_values vias = sip_values_of(response, SIP_HDR_VIA);

    return sip_values_next(&vias) && sip_values_next(&vias);
}

/*
 * RFC 3261 §16.7 step 3: without a Via below ours it is not to be forwarded. Many a callee ends a
 * cancelled INVITE with the Via of the CANCEL, which has no other; that it has ended still counts.
 */
static bool is_pointless(const struct client_txn *client, const struct sip_msg *response)
{
    if (!client->is_forwarded || txn_has_way_up(response))
        return false;
    return !client->is_cancelled || response->status < 300;
}

bool txn_receive_response(struct txn_layer *layer, struct sip_msg *response,
                          const struct flow *source)
{
    struct client_txn *client = txn_find_client(layer, response->via.branch, response->method);
    struct txn_input input = { .response = response, .source = source };
    unsigned status = response->status;

    if (!client)
        return false;
    if (is_pointless(client, response))
        return true;
    if (!client->user && client->method == SIP_INVITE && status >= 200 && status < 300)
        input.is_left = true;
    txn_handle(&client->txn, response_event(status), &input);
    return !input.is_left;
}
