/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Transports on real sockets. Listen sockets are opened once, for all workers (SO_REUSEPORT: each
 * worker has its own of every address), then every worker makes its `struct net`, which owns those
 * sockets and the connections accepted or dialled on them. A connection is read and written by its
 * own worker only; others hand their bytes over through the owner's mailbox.
 */
#include <culvert/server.h>
#include <culvert/sip.h>

#include "base/outside.h"
#include "net/gate.h"
#include "net/name_rules.h"
#include "sys/loop.h"

struct net;
struct net_sockets; /* the opened listen sockets of all workers */
struct net_shared;  /* who owns which connection, counters */
struct tls;         /* net/tls.h */
struct name_report;
struct outages;

struct net_limits {
    unsigned connections_max;      /* of the whole server: 2048 */
    unsigned connections_per_ip;   /* 100 */
    unsigned tls_connections_max;  /* of those of the whole server; 0: no limit of their own */
    unsigned strangers_max;        /* accepted, and nobody we know; 0: no limit of their own */
    size_t write_queue_bytes;      /* of one connection: 262144 */
    msec write_queue_age;          /* 5000 */
    msec connect_timeout;          /* 10000 */
    msec handshake_timeout;        /* of TLS: 5000 */
    msec first_message_timeout;    /* from accept, or the handshake, to the first message: 5000 */
    msec message_timeout;          /* from its first byte to its last: 10000 */
    msec idle_timeout;             /* no traffic: 120000; a registered flow is kept by its keepalives */
    msec stranger_timeout;         /* no message from one we do not know: 30000 */
    size_t message_bytes;          /* 65535 */
    struct name_rules names;
    struct gate_rules strangers;   /* over UDP */
    bool discovers_mtu;            /* datagrams are never fragmented on the way: pmtu_discovery */
};

/*
 * Binds every listener for every worker. On failure the log says which address, why, and who holds
 * it when that can be found out. Ports 0 are chosen and written back into listeners[].bound.
 */
MUST_USE enum err net_sockets_open(struct listener *listeners, unsigned listener_count,
                                   unsigned workers, struct net_sockets **out);
void net_sockets_close(struct net_sockets *sockets);

MUST_USE enum err net_shared_create(const struct net_limits *limits, unsigned workers,
                                    struct net_shared **out);
void net_shared_destroy(struct net_shared *shared);
/* For TLS listeners, and to dial; before net_create. Not taken over: it must outlive `shared`. */
void net_shared_use_tls(struct net_shared *shared, struct tls *tls);

struct net_user {
    void *context;
    /* One datagram or framed message; the bytes are valid during the call. */
    void (*on_message)(void *context, const struct flow *flow, struct str bytes, bool is_stream);
    /*
     * A connection is gone, and what waited on it is lost: ERR_NONE the peer closed it, ERR_IO it
     * broke, ERR_UNREACHABLE it could not be dialled, ERR_TIMEOUT the peer was too slow or silent,
     * ERR_SYNTAX it does not speak SIP, ERR_LIMIT and ERR_EXHAUSTED a limit of ours. Heard by the
     * owner and by every worker that sent on it, never from within a call of net_outside.
     */
    void (*on_closed)(void *context, const struct flow *flow, enum err why);
};

/* For worker `index`; takes its sockets out of `sockets`. The listeners are borrowed. */
MUST_USE enum err net_create(struct loop *loop, struct net_sockets *sockets, struct net_shared *shared,
                             unsigned index, const struct listener *listeners,
                             unsigned listener_count, const struct net_user *user, struct net **out);
/*
 * Not from a callback. Closes everything; nothing is reported any more, also not to those who wait
 * for a resolution. The memory goes with the loop; `shared` must outlive both.
 */
void net_destroy(struct net *net);
/* Stops accepting and reading; for a clean shutdown. */
void net_quiesce(struct net *net);

/* The functions the pure core calls; see base/outside.h. Bytes are copied where they must wait. */
struct outside *net_outside(struct net *net);

struct net_counters {
    uint64_t datagrams_in, datagrams_out, datagrams_lost; /* lost: the kernel refused to send */
    uint64_t bytes_in, bytes_out;
    uint64_t connections, accepted, dialled, refused, closed_slow, closed_broken;
    uint64_t queue_full;
    uint64_t evicted;                   /* strangers that had to make room */
    uint64_t handshakes, handshakes_failed;
    uint64_t strangers;                 /* connections of nobody we know */
    uint64_t datagrams_large;  /* sent in more than one fragment, most likely */
    uint64_t floods_dropped;   /* datagrams of a source that sends too many */
    uint64_t answers_withheld; /* failures that a source may not have asked for; see net/gate.h */
    uint64_t names_asked, names_failed; /* questions to the DNS; those that nobody answered */
};

/* From any thread. */
void net_read_counters(struct net_shared *shared, struct net_counters *out);
/* From any thread: what the workers remember of names; net_clear_names makes them ask again. */
void net_each_name(struct net_shared *shared,
                   void (*visit)(void *context, const struct name_report *report), void *context);
unsigned net_clear_names(struct net_shared *shared);
/* From any thread: the destinations that failed; see net/outages.h. */
struct outages *net_outages(struct net_shared *shared);
/* From any thread: one line for each connection ("tcp 1.2.3.4:5 -> …"). */
void net_each_connection(struct net_shared *shared,
                         void (*visit)(void *context, const struct flow *flow, msec age, bool is_dialled),
                         void *context);
