/* SPDX-License-Identifier: Apache-2.0 */
/* INVITE client transactions: RFC 3261 §17.1.1, figure 5, with RFC 6026's Accepted state. */
#include "txn/layer.h"

enum {
    CANCEL_ROOM = 512, /* more than a CANCEL or ACK has that its INVITE has not */
};

static struct client_txn *client_of(struct txn *txn)
{
    return CONTAINER_OF(txn, struct client_txn, txn);
}

/* ---- CANCEL ---- */

static enum err write_cancel(struct txn *txn, struct writer *w, struct str headers)
{
    struct arena scratch;
    struct sip_msg *sent = txn_parse_own(txn, &scratch, txn_bytes_text(&txn->bytes));
    enum err err = sent ? sip_cancel_write(w, sent, headers) : ERR_SYNTAX;

    arena_fini(&scratch);
    return err;
}

/* A transaction of its own, with the branch of the INVITE; nobody listens to it. */
static void open_cancel(struct txn *txn, struct str bytes)
{
    struct client_txn *client = client_of(txn), *cancel;
    struct client_request request = { .method = SIP_CANCEL,
                                      .branch = { client->branch, client->branch_len },
                                      .bytes = bytes,
                                      .flow = txn->flow };

    (void)!client_txn_open(txn->layer, &request, NULL, NULL, &cancel);
}

static void send_cancel(struct txn *txn, struct str headers)
{
    size_t size = txn->bytes.len + headers.len + CANCEL_ROOM;
    char *buffer = txn_pool_take(&txn->layer->pool, size);
    struct writer w;

    if (!buffer)
        return;
    w = writer_over(buffer, size);
    if (write_cancel(txn, &w, headers) == ERR_NONE)
        open_cancel(txn, writer_text(&w));
    txn_pool_give(&txn->layer->pool, buffer, size);
}

/* RFC 3261 §9.1: no CANCEL before a provisional response. */
static void cancel_later(struct txn *txn, struct txn_input *input)
{
    (void)!txn_bytes_set(&txn->layer->pool, &client_of(txn)->cancel, input->bytes, STR(""));
}

static void cancel_now(struct txn *txn, struct txn_input *input)
{
    send_cancel(txn, input->bytes);
    txn_start_end(txn, 64 * txn->layer->timers.t1);
}

/* ---- ACK ---- */

static enum err write_ack(struct txn *txn, struct writer *w, const struct sip_msg *response)
{
    struct arena scratch;
    struct sip_msg *sent = txn_parse_own(txn, &scratch, txn_bytes_text(&txn->bytes));
    enum err err = sent ? sip_ack_write(w, sent, response) : ERR_SYNTAX;

    arena_fini(&scratch);
    return err;
}

/* The ACK takes the place of the INVITE, which is not needed any more. */
static void keep_ack(struct txn *txn, const struct sip_msg *response)
{
    size_t size = txn->bytes.len + response->to.text.len + CANCEL_ROOM;
    char *buffer = txn_pool_take(&txn->layer->pool, size);
    struct str ack = { 0 };
    struct writer w;

    if (buffer) {
        w = writer_over(buffer, size);
        if (write_ack(txn, &w, response) == ERR_NONE)
            ack = writer_text(&w);
    }
    (void)!txn_bytes_set(&txn->layer->pool, &txn->bytes, ack, STR(""));
    txn_pool_give(&txn->layer->pool, buffer, size);
}

/* ---- steps ---- */

static void proceed(struct txn *txn, struct txn_input *input)
{
    struct client_txn *client = client_of(txn);

    timer_stop(txn->layer->wheel, &txn->retransmit);
    timer_stop(txn->layer->wheel, &txn->end);
    txn->state = PROCEEDING;
    if (client->is_cancelled || !client->user)
        txn_start_end(txn, 64 * txn->layer->timers.t1);
    if (client->is_cancelled)
        send_cancel(txn, txn_bytes_text(&client->cancel));
    client_txn_deliver(txn, input);
}

static void accept_call(struct txn *txn, struct txn_input *input)
{
    timer_stop(txn->layer->wheel, &txn->retransmit);
    txn_bytes_clear(&txn->layer->pool, &txn->bytes);
    txn->state = ACCEPTED;
    txn_start_end(txn, 64 * txn->layer->timers.t1); /* timer M */
    client_txn_deliver(txn, input);
}

static void complete(struct txn *txn, struct txn_input *input)
{
    timer_stop(txn->layer->wheel, &txn->retransmit);
    keep_ack(txn, input->response);
    if (txn->bytes.len)
        (void)!txn_send_bytes(txn, txn_bytes_text(&txn->bytes));
    txn->state = COMPLETED;
    if (txn->is_reliable)
        txn_end_soon(txn);
    else
        txn_start_end(txn, txn->layer->timers.timer_d);
    client_txn_deliver(txn, input);
}

static void ack_again(struct txn *txn, struct txn_input *input)
{
    (void)input;
    txn->layer->counters.retransmissions_in++;
    if (txn->bytes.len)
        txn_resend(txn);
}

static void retransmit(struct txn *txn, struct txn_input *input)
{
    (void)input;
    txn_resend(txn);
    txn_back_off(txn, false);
}

/* Nobody will end it by a timer of his own any more. */
static void let_go(struct txn *txn, struct txn_input *input)
{
    (void)input;
    if (!timer_is_armed(&txn->end))
        txn_start_end(txn, 64 * txn->layer->timers.t1);
}

txn_table txn_client_invite = {
    [CALLING] = {
        [GOT_1XX] = proceed,
        [GOT_2XX] = accept_call,
        [GOT_FAILURE] = complete,
        [CANCELLED] = cancel_later,
        [UNREACHABLE] = client_txn_lose,
        [TIMER_A] = retransmit,
        [TIMER_B] = client_txn_time_out,
    },
    [PROCEEDING] = {
        [GOT_1XX] = client_txn_deliver,
        [GOT_2XX] = accept_call,
        [GOT_FAILURE] = complete,
        [CANCELLED] = cancel_now,
        [RELEASED] = let_go,
        [UNREACHABLE] = client_txn_lose,
        [TIMER_END] = client_txn_time_out, /* 64*T1 after a CANCEL */
    },
    [ACCEPTED] = {
        [GOT_2XX] = client_txn_deliver,
        [TIMER_M] = client_txn_end,
    },
    [COMPLETED] = {
        [GOT_FAILURE] = ack_again,
        [TIMER_D] = client_txn_end,
    },
    [ENDED] = {
        [TIMER_END] = client_txn_end,
    },
};
