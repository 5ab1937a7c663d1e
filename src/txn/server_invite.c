/* SPDX-License-Identifier: Apache-2.0 */
/* INVITE server transactions: RFC 3261 §17.2.1, figure 7, with RFC 6026's Accepted state. */
#include "txn/layer.h"

static void accept_call(struct txn *txn, struct txn_input *input)
{
    input->err = server_txn_send_bytes(txn, input->bytes);
    txn_bytes_clear(&txn->layer->pool, &txn->bytes);
    txn->state = ACCEPTED;
    txn_start_end(txn, 64 * txn->layer->timers.t1); /* timer L */
}

/* Whoever answered repeats the 2xx until the ACK comes, not we. */
static void accept_again(struct txn *txn, struct txn_input *input)
{
    input->err = server_txn_send_bytes(txn, input->bytes);
}

/* No ACK can come over a connection that is gone. */
static void refuse(struct txn *txn, struct txn_input *input)
{
    server_txn_send(txn, input);
    txn->state = COMPLETED;
    if (txn->is_reliable && input->err) {
        txn_end_soon(txn);
        return;
    }
    if (!txn->is_reliable)
        txn_start_retransmit(txn, 0, 0);            /* timer G */
    txn_start_end(txn, 64 * txn->layer->timers.t1); /* timer H */
}

static void refuse_again(struct txn *txn, struct txn_input *input)
{
    (void)input;
    txn_resend(txn);
    txn_back_off(txn, true);
}

static void confirm(struct txn *txn, struct txn_input *input)
{
    (void)input;
    timer_stop(txn->layer->wheel, &txn->retransmit);
    txn_bytes_clear(&txn->layer->pool, &txn->bytes);
    txn->state = CONFIRMED;
    if (txn->is_reliable)
        txn_end_soon(txn);
    else
        txn_start_end(txn, txn->layer->timers.t4); /* timer I */
}

static void give_up(struct txn *txn, struct txn_input *input)
{
    txn->layer->counters.timeouts++;
    server_txn_report(txn, ERR_TIMEOUT);
    server_txn_end(txn, input);
}

static void lose_caller(struct txn *txn, struct txn_input *input)
{
    (void)input;
    if (!server_txn_redirect(txn))
        server_txn_report(txn, ERR_UNREACHABLE);
}

static void lose_ack(struct txn *txn, struct txn_input *input)
{
    if (server_txn_resend_elsewhere(txn))
        return;
    server_txn_report(txn, ERR_UNREACHABLE);
    server_txn_end(txn, input);
}

txn_table txn_server_invite = {
    [PROCEEDING] = {
        [GOT_REQUEST] = server_txn_resend,
        [REPLY_1XX] = server_txn_send,
        [REPLY_2XX] = accept_call,
        [REPLY_FAILURE] = refuse,
        [RELEASED] = server_txn_abandon,
        [UNREACHABLE] = lose_caller,
    },
    [ACCEPTED] = {
        [REPLY_2XX] = accept_again,
        [TIMER_L] = server_txn_end,
    },
    [COMPLETED] = {
        [GOT_REQUEST] = server_txn_resend,
        [GOT_ACK] = confirm,
        [TIMER_G] = refuse_again,
        [TIMER_H] = give_up,
        [UNREACHABLE] = lose_ack,
    },
    [CONFIRMED] = {
        [TIMER_I] = server_txn_end,
    },
    [ABANDONED] = {
        [TIMER_END] = server_txn_end,
    },
    [ENDED] = {
        [TIMER_END] = server_txn_end,
    },
};
