/* SPDX-License-Identifier: Apache-2.0 */
#include "txn/layer.h"

#include <stdlib.h>

enum {
    SCRATCH_BLOCKS = 16,
    SCRATCH_LIMIT = 512 * 1024,
};

enum err txn_layer_create(struct wheel *wheel, struct outside *outside,
                          struct random_source *random, const struct txn_timers *timers,
                          struct txn_layer **out)
{
    struct txn_layer *layer = calloc(1, sizeof *layer);

    if (!layer)
        return ERR_NOMEM;
    layer->wheel = wheel;
    layer->outside = outside;
    layer->timers = *timers;
    hash_key_random(random, &layer->key);
    table_init(&layer->servers);
    table_init(&layer->calls);
    table_init(&layer->clients);
    table_init(&layer->streams);
    txn_pool_init(&layer->pool, &layer->counters.bytes);
    arena_pool_init(&layer->scratch, SCRATCH_BLOCKS);
    *out = layer;
    return ERR_NONE;
}

static struct txn *txn_of_node(struct table_node *node)
{
    return CONTAINER_OF(node, struct txn, node);
}

static void destroy_all(struct txn_layer *layer)
{
    struct table_walk walk = { 0 };
    struct table_node *node;

    while ((node = table_each(&layer->servers, &walk)))
        server_txn_destroy(CONTAINER_OF(txn_of_node(node), struct server_txn, txn));
    walk = (struct table_walk){ 0 };
    while ((node = table_each(&layer->clients, &walk)))
        client_txn_destroy(CONTAINER_OF(txn_of_node(node), struct client_txn, txn));
}

void txn_layer_destroy(struct txn_layer *layer)
{
    if (!layer)
        return;
    destroy_all(layer);
    table_fini(&layer->servers);
    table_fini(&layer->calls);
    table_fini(&layer->clients);
    table_fini(&layer->streams);
    txn_pool_fini(&layer->pool);
    arena_pool_fini(&layer->scratch);
    free(layer);
}

const struct txn_timers *txn_read_timers(const struct txn_layer *layer)
{
    return &layer->timers;
}

const struct txn_counters *txn_read_counters(const struct txn_layer *layer)
{
    return &layer->counters;
}

/* An empty cell means: ignore. */
void txn_handle(struct txn *txn, enum txn_event event, struct txn_input *input)
{
    txn_step_fn *step = (*txn->steps)[txn->state][event];

    if (step)
        step(txn, input);
}

static void fire_retransmit(struct timer *timer)
{
    txn_handle(CONTAINER_OF(timer, struct txn, retransmit), TIMER_RETRANSMIT,
               &(struct txn_input){ 0 });
}

static void fire_end(struct timer *timer)
{
    struct txn *txn = CONTAINER_OF(timer, struct txn, end);
    bool is_lost = txn->is_lost && (*txn->steps)[txn->state][UNREACHABLE];

    txn->is_lost = false;
    txn_handle(txn, is_lost ? UNREACHABLE : TIMER_END, &(struct txn_input){ 0 });
}

void txn_start_retransmit(struct txn *txn, msec t1, msec t2)
{
    struct txn_layer *layer = txn->layer;

    txn->interval = t1 ? t1 : layer->timers.t1;
    txn->t2 = t2 ? t2 : layer->timers.t2;
    timer_start(layer->wheel, &txn->retransmit, layer->wheel->now + txn->interval, fire_retransmit);
}

void txn_start_slow(struct txn *txn)
{
    struct txn_layer *layer = txn->layer;

    timer_start(layer->wheel, &txn->retransmit, layer->wheel->now + 7 * layer->timers.t1,
                fire_retransmit);
}

void txn_back_off(struct txn *txn, bool is_capped)
{
    struct txn_layer *layer = txn->layer;

    txn->interval *= 2;
    if (is_capped && txn->interval > txn->t2)
        txn->interval = txn->t2;
    timer_start(layer->wheel, &txn->retransmit, layer->wheel->now + txn->interval, fire_retransmit);
}

void txn_start_end(struct txn *txn, msec delay)
{
    if (txn->is_lost)
        delay = 0;
    timer_start(txn->layer->wheel, &txn->end, txn->layer->wheel->now + delay, fire_end);
}

void txn_end_soon(struct txn *txn)
{
    txn->state = ENDED;
    txn->is_lost = false;
    timer_stop(txn->layer->wheel, &txn->retransmit);
    txn_start_end(txn, 0);
}

enum err txn_send_bytes(struct txn *txn, struct str bytes)
{
    struct outside *outside = txn->layer->outside;

    return outside->send(outside, &txn->flow, bytes);
}

void txn_resend(struct txn *txn)
{
    if (!txn->bytes.ptr)
        return;
    txn->layer->counters.retransmissions_out++;
    (void)!txn_send_bytes(txn, txn_bytes_text(&txn->bytes));
}

struct sip_msg *txn_parse_own(struct txn *txn, struct arena *scratch, struct str bytes)
{
    struct sip_msg *msg = NULL;
    struct sip_fault fault = { 0 };

    arena_init(scratch, &txn->layer->scratch, SCRATCH_LIMIT);
    (void)!sip_msg_parse(scratch, bytes, txn->is_reliable, sip_limits_default(), &msg, &fault);
    return msg;
}

/* ---- broken connections ---- */

static uint64_t stream_hash(const struct txn_layer *layer, const struct flow *flow)
{
    struct {
        uint8_t ip[16];
        uint32_t scope;
        uint16_t port;
        uint8_t family;
        uint8_t transport;
    } key = { .scope = flow->peer.scope,
              .port = flow->peer.port,
              .family = flow->peer.family,
              .transport = flow->transport };

    memcpy(key.ip, flow->peer.ip, sizeof key.ip);
    return hash_bytes(&layer->key, &key, sizeof key);
}

/* Without the memory for it, the transaction ends by its timers when its connection breaks. */
void txn_track_stream(struct txn *txn)
{
    struct txn_layer *layer = txn->layer;

    if (txn->is_reliable)
        txn->is_streamed =
            table_insert(&layer->streams, &txn->stream, stream_hash(layer, &txn->flow)) == ERR_NONE;
}

void txn_untrack_stream(struct txn *txn)
{
    if (txn->is_streamed)
        table_remove(&txn->layer->streams, &txn->stream);
    txn->is_streamed = false;
}

/* A flow without connection was to be dialled, or to use whatever connection there is. */
static bool is_on_flow(const struct txn *txn, const struct flow *flow)
{
    return txn->flow.transport == flow->transport && addr_eq(&txn->flow.peer, &flow->peer) &&
           (txn->flow.connection == flow->connection ||
            ((!txn->flow.connection || !flow->connection) &&
             txn->flow.identity == flow->identity));
}

/* What follows from it happens in the next turn of the wheel, and not during the walk. */
static void lose(struct txn *txn)
{
    if (!(*txn->steps)[txn->state][UNREACHABLE])
        return;
    txn->is_lost = true;
    txn_start_end(txn, 0);
}

void txn_unreachable(struct txn_layer *layer, const struct flow *flow)
{
    struct table_node *node = table_find_first(&layer->streams, stream_hash(layer, flow));

    for (; node; node = table_find_next(node)) {
        struct txn *txn = CONTAINER_OF(node, struct txn, stream);

        if (is_on_flow(txn, flow))
            lose(txn);
    }
}
