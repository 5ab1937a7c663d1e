/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Sessions, and the relay that holds them.
 *
 * Locks, in the order in which they nest:
 *   shard    the sessions of some Call-IDs: which there are, and their names (tags, branch);
 *   session  what the packets of one session need: streams, legs, latches, counters;
 *   pools    free ports, and the random source.
 * A packet takes the lock of its session only, once a batch. A session is freed with its last
 * reference: the table holds one, and so does each open pair of ports.
 */
#include <stdatomic.h>

#include "base/hash.h"
#include "base/lock.h"
#include "media/engine.h"
#include "media/latch.h"
#include "media/ports.h"
#include "media/rtp.h"

enum {
    RELAY_SIDES = 2,
    RELAY_SHARDS = 1024,
    CALLEES_MAX = 8,
};

struct session;

/* One of RTP and RTCP of a leg. What every packet needs comes first. */
struct leg_half {
    struct latch latch;
    struct relay_leg_counters counters;
    struct latch_trust trust; /* described: where the party's description wants it */
    bool has_moved;           /* the last description named another place than the one before */
};

/* What an offer that may still be refused has replaced in a leg. */
struct leg_before {
    bool is_saved;
    enum relay_side offerer;
    bool is_direct, is_asymmetric, is_muxing, is_held;
    enum rtp_profile profile;
    struct latch_trust trusts[HALVES];
};

/* Faces one party. */
struct leg {
    struct stream *stream;
    struct media_ports *ports;      /* NULL: closed */
    struct media_ports *next_ports; /* what an open offer has named in their place; mostly NULL */
    enum relay_side side;
    bool is_muxing;    /* RTCP goes to the RTP port, as described or as seen */
    bool is_direct;    /* the party's description may be believed at once */
    bool is_asymmetric; /* it is sent to where it says, whatever its packets show */
    bool is_described; /* by the party itself */
    struct rate_meter meter; /* of both halves together */
    struct leg_half halves[HALVES];
    struct leg_before before;
};

struct stream {
    struct session *session;
    char media[16];
    const struct rate_limit *limit;
    enum rtp_profile profile;
    bool is_held[RELAY_SIDES]; /* by the description of that side */
    bool is_agreed;            /* there has been an answer since its ports were opened */
    enum relay_side offerer;   /* while it is not */
    struct leg legs[RELAY_SIDES];
};

/* A tag of the callee. */
struct callee {
    struct callee *next;
    struct str tag;
    char text[];
};

struct session {
    struct relay *relay;
    struct session *next; /* in the shard, or in a list of ended ones */
    uint64_t hash;        /* of the Call-ID */
    struct str call_id, caller_tag, branch;
    struct str callee_tag;  /* the latest; empty while unknown */
    struct callee *callees; /* what it borrows, and those before: a branch may fork further on */
    bool is_kept;           /* callee_tag is final */
    atomic_uint refs;
    unsigned lane;
    struct lock lock;
    msec created_at, described_at;
    bool is_answered; /* at least by a preview */
    bool is_agreed;   /* an offer has had its answer */
    struct sdp_exchange exchange;
    unsigned stream_count;
    struct stream *streams[SDP_STREAMS_MAX]; /* NULL: never relayed */
    char names[];                            /* what the other strs borrow */
};

/* Written by one lane, read by anybody; a line of its own keeps lanes out of each other's way. */
struct lane_totals {
    _Alignas(64) atomic_uint_fast64_t packets;
    atomic_uint_fast64_t bytes, strangers, invalid, unsendable, excess, dropped;
};

struct media_interface {
    struct addr local, advertised;
    struct port_pool pool;
};

struct shard {
    struct lock lock;
    struct session *first;
};

struct relay {
    struct relay_settings settings; /* without its interfaces; the other lists are our own */
    struct relay_user user;
    struct media_engine *engine;
    struct hash_key key;
    struct lock pools; /* guards the pools of the interfaces, and random */
    struct random_source *random;
    struct media_interface *interfaces;
    unsigned interface_count;
    struct lane_totals *totals; /* of each lane */
    atomic_uint_fast64_t sessions, sessions_total, timeouts, exhausted;
    struct shard shards[RELAY_SHARDS];
};

/* A session without streams, for the table: one reference. */
MUST_USE enum err session_create(struct relay *relay, uint64_t hash,
                                 const struct relay_describe *what, struct session **out);
struct session *session_ref(struct session *session);
void session_unref(struct session *session);
MUST_USE enum err session_set_callee_tag(struct session *session, struct str tag);
/* False when another callee has been kept. With the shard's lock, as all that names callees. */
bool session_has_callee(const struct session *session, struct str tag);
/* See relay_describe. With the shard's lock. */
MUST_USE enum err session_describe(struct session *session, const struct relay_describe *what,
                                   enum relay_side sender, struct sdp_anchor anchors[]);
/* See relay_note. With the shard's lock. */
void session_note(struct session *session, const struct relay_describe *what,
                  enum relay_side sender);
/* Closes all ports and drops the table's reference. Out of the table, and without locks. */
void session_end(struct session *session);
/* Silent for longer than is allowed? With the shard's lock. */
bool session_is_dead(struct session *session, msec now);
/* False when all streams are off: nothing is relayed, and nothing can die. */
bool session_has_ports(struct session *session);
/* streams: room for SDP_STREAMS_MAX; both valid while the session is. */
void session_report(struct session *session, msec now, struct relay_report *report,
                    struct relay_stream_report streams[]);

/* Ends every session; for relay_destroy. */
void relay_end_all(struct relay *relay);
/* Opens a pair where the party can reach it. ERR_UNSUPPORTED: no interface of its family. */
MUST_USE enum err relay_open_ports(struct relay *relay, const struct relay_party *party,
                                   struct leg *leg, msec now, struct media_ports **out);
/* A port of our own, or a network that is denied: nothing is sent there. */
bool relay_refuses(const struct relay *relay, const struct addr *addr);
/* Is this pair (NULL: none) where the party can reach it? */
bool relay_ports_suit(const struct relay *relay, const struct media_ports *ports,
                      const struct relay_party *party);
