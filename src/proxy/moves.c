/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parties of a dialog that are no longer where the flow token says: their NAT has restarted, or
 * they have changed networks. The route set of a dialog never changes, so its token cannot follow;
 * we remember the flow of a request in the dialog that the other side has accepted.
 */
#include "proxy/flight.h"

#include <stdlib.h>

#include "txn/identity.h"

enum {
    MOVES_MAX = 4096,            /* of one worker; the oldest is forgotten */
    MOVE_AGE_MAX = 24 * 3600000, /* ms since the last request from there */
};

struct move {
    struct table_node node;
    struct list_node age; /* the oldest first */
    struct flow flow;
    msec noted_at;
};

static uint64_t key_of(const struct proxy *proxy, struct str call_id, struct str tag)
{
    struct str texts[] = { call_id, tag };

    return txn_identity_hash(&proxy->key, texts, sizeof texts / sizeof *texts, 'm');
}

static struct move *find(const struct proxy_moves *moves, uint64_t key)
{
    struct table_node *node = table_find_first(&moves->table, key);

    return node ? CONTAINER_OF(node, struct move, node) : NULL;
}

static void forget(struct proxy_moves *moves, struct move *move)
{
    table_remove(&moves->table, &move->node);
    list_remove(&move->age);
    free(move);
}

static void forget_old(struct proxy_moves *moves, msec now)
{
    struct list_node *oldest;

    while ((oldest = list_first(&moves->by_age))) {
        struct move *move = CONTAINER_OF(oldest, struct move, age);

        if (table_count(&moves->table) < MOVES_MAX && now - move->noted_at < MOVE_AGE_MAX)
            return;
        forget(moves, move);
    }
}

static struct move *make(struct proxy_moves *moves, uint64_t key)
{
    struct move *move = calloc(1, sizeof *move);

    if (!move)
        return NULL;
    if (table_insert(&moves->table, &move->node, key)) {
        free(move);
        return NULL;
    }
    list_push_back(&moves->by_age, &move->age);
    return move;
}

void proxy_moves_init(struct proxy_moves *moves)
{
    table_init(&moves->table);
    list_init(&moves->by_age);
}

void proxy_moves_fini(struct proxy_moves *moves)
{
    struct list_node *node;

    while ((node = list_first(&moves->by_age)))
        forget(moves, CONTAINER_OF(node, struct move, age));
    table_fini(&moves->table);
}

static void forget_party(struct proxy *proxy, struct str call_id, struct str tag)
{
    struct move *move = find(&proxy->moves, key_of(proxy, call_id, tag));

    if (move)
        forget(&proxy->moves, move);
}

static void remember_party(struct proxy *proxy, const struct request *request)
{
    uint64_t key = key_of(proxy, request->msg->call_id, request->msg->from_tag);
    struct move *move = find(&proxy->moves, key);

    if (!move && !(move = make(&proxy->moves, key)))
        return;
    move->flow = request->source;
    move->noted_at = proxy->wheel->now;
    list_remove(&move->age);
    list_push_back(&proxy->moves.by_age, &move->age);
}

void proxy_moves_note(struct flight *flight)
{
    struct proxy *proxy = flight->proxy;
    const struct request *request = &flight->request;
    const struct sip_msg *msg = request->msg;
    bool is_over = msg->method == SIP_BYE;

    if (!request->is_in_dialog_by_token)
        return;
    forget_old(&proxy->moves, proxy->wheel->now);
    if (is_over || flow_eq(&request->source, &flight->sender))
        forget_party(proxy, msg->call_id, msg->from_tag);
    else
        remember_party(proxy, request);
    if (is_over)
        forget_party(proxy, msg->call_id, msg->to_tag);
}

void proxy_moves_apply(const struct flight *flight, struct flow *flow)
{
    const struct sip_msg *msg = flight->request.msg;
    const struct move *move =
        find(&flight->proxy->moves, key_of(flight->proxy, msg->call_id, msg->to_tag));

    if (move)
        *flow = move->flow;
}
