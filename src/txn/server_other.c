/* SPDX-License-Identifier: Apache-2.0 */
/* Non-INVITE server transactions: RFC 3261 §17.2.2, figure 8. */
#include "txn/layer.h"

static void speak_up(struct txn *txn, struct txn_input *input)
{
    struct server_txn *server = CONTAINER_OF(txn, struct server_txn, txn);

    (void)input;
    if (server->user->on_slow)
        server->user->on_slow(server->context, server);
}

static void proceed(struct txn *txn, struct txn_input *input)
{
    timer_stop(txn->layer->wheel, &txn->retransmit);
    server_txn_send(txn, input);
    txn->state = PROCEEDING;
}

static void complete(struct txn *txn, struct txn_input *input)
{
    const struct txn_timers *timers = &txn->layer->timers;

    timer_stop(txn->layer->wheel, &txn->retransmit);
    server_txn_send(txn, input);
    txn->state = COMPLETED;
    txn_start_end(txn, txn->is_reliable ? timers->linger : 64 * timers->t1); /* timer J */
}

static void lose_caller(struct txn *txn, struct txn_input *input)
{
    (void)input;
    (void)!server_txn_redirect(txn);
}

static void lose_answer(struct txn *txn, struct txn_input *input)
{
    if (!server_txn_resend_elsewhere(txn))
        server_txn_end(txn, input);
}

txn_table txn_server_other = {
    [TRYING] = {
        [REPLY_1XX] = proceed,
        [REPLY_2XX] = complete,
        [REPLY_FAILURE] = complete,
        [RELEASED] = server_txn_abandon,
        [TIMER_SLOW] = speak_up,
        [UNREACHABLE] = lose_caller,
    },
    [PROCEEDING] = {
        [GOT_REQUEST] = server_txn_resend,
        [REPLY_1XX] = server_txn_send,
        [REPLY_2XX] = complete,
        [REPLY_FAILURE] = complete,
        [RELEASED] = server_txn_abandon,
        [UNREACHABLE] = lose_caller,
    },
    [COMPLETED] = {
        [GOT_REQUEST] = server_txn_resend,
        [TIMER_J] = server_txn_end,
        [UNREACHABLE] = lose_answer,
    },
    [ABANDONED] = {
        [TIMER_END] = server_txn_end,
    },
};
