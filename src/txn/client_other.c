/* SPDX-License-Identifier: Apache-2.0 */
/* Non-INVITE client transactions: RFC 3261 §17.1.2, figure 6. */
#include "txn/layer.h"

static void retransmit(struct txn *txn, struct txn_input *input)
{
    (void)input;
    txn_resend(txn);
    txn_back_off(txn, true);
}

static void retransmit_slowly(struct txn *txn, struct txn_input *input)
{
    txn->interval = txn->t2;
    retransmit(txn, input);
}

static void proceed(struct txn *txn, struct txn_input *input)
{
    txn->state = PROCEEDING;
    client_txn_deliver(txn, input);
}

static void complete(struct txn *txn, struct txn_input *input)
{
    timer_stop(txn->layer->wheel, &txn->retransmit);
    txn_bytes_clear(&txn->layer->pool, &txn->bytes);
    txn->state = COMPLETED;
    if (txn->is_reliable)
        txn_end_soon(txn);
    else
        txn_start_end(txn, txn->layer->timers.t4); /* timer K */
    client_txn_deliver(txn, input);
}

/* Nobody waits for an answer: no use in asking again. */
static void let_go(struct txn *txn, struct txn_input *input)
{
    (void)input;
    timer_stop(txn->layer->wheel, &txn->retransmit);
}

static void absorb(struct txn *txn, struct txn_input *input)
{
    (void)input;
    txn->layer->counters.retransmissions_in++;
}

txn_table txn_client_other = {
    [TRYING] = {
        [GOT_1XX] = proceed,
        [GOT_2XX] = complete,
        [GOT_FAILURE] = complete,
        [RELEASED] = let_go,
        [UNREACHABLE] = client_txn_lose,
        [TIMER_E] = retransmit,
        [TIMER_F] = client_txn_time_out,
    },
    [PROCEEDING] = {
        [GOT_1XX] = client_txn_deliver,
        [GOT_2XX] = complete,
        [GOT_FAILURE] = complete,
        [RELEASED] = let_go,
        [UNREACHABLE] = client_txn_lose,
        [TIMER_E] = retransmit_slowly,
        [TIMER_F] = client_txn_time_out,
    },
    [COMPLETED] = {
        [GOT_2XX] = absorb,
        [GOT_FAILURE] = absorb,
        [TIMER_K] = client_txn_end,
    },
    [ENDED] = {
        [TIMER_END] = client_txn_end,
    },
};
