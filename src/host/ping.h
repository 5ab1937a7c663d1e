/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The text of keepalive requests, and the pace at which bindings are visited. Pure: no I/O.
 *
 * A request carries "<mac>-<ruid>" in From, Call-ID and branch: the answer brings it back, and
 * nobody else can make one.
 */
#include <culvert/server.h>

enum {
    PING_MAC_BYTES = 8,
    PING_MARK_MAX = 2 * PING_MAC_BYTES + 1 + RUID_MAX,
    PING_SLICES_MAX = 1024, /* finer than the location's shards makes no sense */
};

struct ping {
    struct str method; /* "OPTIONS" */
    struct str from;   /* URI; empty: one that names the listener */
    const struct listener *listener;
    const struct binding *binding;
    const uint8_t *secret; /* 32 bytes */
    uint64_t number;       /* different for every ping of a binding */
};

/* ERR_SYNTAX for a binding whose ruid cannot stand in a header. */
MUST_USE enum err ping_write(struct writer *w, const struct ping *ping);
/* The ruid that an answer credits; false when it is no answer to a ping of ours. */
bool ping_read_answer(const struct sip_msg *response, const uint8_t *secret, struct str *ruid);

/* One worker's turns: worker `index` of `count` visits slices index, index + count… of `slices`. */
struct ping_pace {
    msec start; /* of the first turn */
    msec interval;
    unsigned turns; /* in an interval */
    unsigned index, count;
    uint64_t done; /* turns since the start */
};

void ping_pace_init(struct ping_pace *pace, msec now, msec interval, unsigned tick, unsigned index,
                    unsigned count);
/* The slice that is due now, or false: nothing more to do in this tick. */
bool ping_pace_next(struct ping_pace *pace, msec now, unsigned *slice);
unsigned ping_pace_slices(const struct ping_pace *pace);
