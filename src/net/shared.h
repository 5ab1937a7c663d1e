/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the workers know of each other's connections: who owns which, and to whom it leads. An entry
 * belongs to its connection, which enters it when it is made and removes it the moment it is lost,
 * so that "gone" is known at once everywhere. One lock; nothing here waits.
 */
#include <stdatomic.h>

#include "base/list.h"
#include "base/table.h"
#include "net/net.h"

/* The counters of struct net_counters that each worker keeps by itself. */
#define NET_TALLY_TABLE(T)                                                                         \
    T(datagrams_in)                                                                                \
    T(datagrams_out)                                                                               \
    T(datagrams_lost)                                                                              \
    T(bytes_in)                                                                                    \
    T(bytes_out)                                                                                   \
    T(accepted)                                                                                    \
    T(dialled)                                                                                     \
    T(refused)                                                                                     \
    T(closed_slow)                                                                                 \
    T(closed_broken)                                                                               \
    T(queue_full)                                                                                  \
    T(evicted)                                                                                     \
    T(handshakes)                                                                                  \
    T(handshakes_failed)                                                                           \
    T(names_asked)                                                                                 \
    T(names_failed)                                                                                \
    T(datagrams_large)                                                                             \
    T(floods_dropped)                                                                              \
    T(answers_withheld)

/* Written by one worker, read by any. */
struct tally {
#define T(name) _Atomic uint64_t name;
    NET_TALLY_TABLE(T)
#undef T
    char unused[64]; /* keeps workers off each other's cache lines */
};

static inline void tally_add(_Atomic uint64_t *number, uint64_t amount)
{
    uint64_t sum = atomic_load_explicit(number, memory_order_relaxed) + amount;

    atomic_store_explicit(number, sum, memory_order_relaxed);
}

struct shared_entry {
    struct table_node by_id;
    struct table_node by_peer;
    struct table_node by_alias; /* in use when alias.family is set */
    struct list_node age;       /* among the strangers, the one silent for longest first */
    struct addr alias;          /* the peer's address with the port that it listens on */
    struct flow flow;           /* with its connection id */
    msec opened_at;
    bool is_dialled;
    bool is_entered;
    atomic_bool is_trusted; /* dialled, or somebody we know speaks there */
    uint64_t users;         /* workers that sent on it: bit (index % 64) */
    struct tls_peer *peer;  /* what its handshake has shown; NULL: none */
};

/* The worker that owns a connection; meaningless for 0. */
static inline unsigned connection_owner(uint64_t id)
{
    return (unsigned)(id >> 48) - 1;
}

struct gate *shared_gate(const struct net_shared *shared);
const struct net_limits *shared_limits(const struct net_shared *shared);
struct tally *shared_tally(struct net_shared *shared, unsigned worker);
/* A number to begin counting connections from, so that ids of an earlier process mean nothing. */
uint64_t shared_first_serial(struct net_shared *shared);

void shared_join(struct net_shared *shared, struct net *net, unsigned worker);
void shared_leave(struct net_shared *shared, unsigned worker);
/* NULL when it has left. Only for the worker's own thread. */
struct net *shared_net(struct net_shared *shared, unsigned worker);

/*
 * ERR_LIMIT: that address has too many (no limit for dialled ones). Where there is no room, the
 * stranger that was silent for longest is given up; ERR_EXHAUSTED when there is none.
 */
MUST_USE enum err shared_enter(struct net_shared *shared, struct shared_entry *entry);
/* Twice is fine. */
void shared_remove(struct net_shared *shared, struct shared_entry *entry);
/* See struct outside. */
void shared_trust(struct net_shared *shared, const struct flow *flow);
/* A stranger has spoken: others go before it. */
void shared_heard(struct net_shared *shared, struct shared_entry *entry);

/* NULL: none; for its own use by any thread. */
struct tls *shared_tls(const struct net_shared *shared);
/* Gives the entry what its handshake has shown. */
void shared_set_peer(struct net_shared *shared, struct shared_entry *entry, struct tls_peer *peer);
/* A reference of the caller's own; NULL when there is no such connection, or no TLS on it. */
struct tls_peer *shared_take_peer(struct net_shared *shared, const struct flow *flow);

/* A connection to flow->peer, rather one on flow->socket, or one of that alias; false: none. */
bool shared_find_peer(struct net_shared *shared, const struct flow *flow, struct flow *out);
/* See struct outside. */
void shared_alias(struct net_shared *shared, const struct flow *flow, uint16_t port);
/*
 * Hands bytes (copied) to the worker that owns flow->connection. ERR_UNREACHABLE: it is gone, or
 * not a connection to flow->peer.
 */
MUST_USE enum err shared_forward(struct net_shared *shared, unsigned sender,
                                 const struct flow *flow, struct str bytes);
/* Tells the other workers that sent on it that a connection, removed before, is gone. */
void shared_tell(struct net_shared *shared, const struct shared_entry *entry, enum err why);
