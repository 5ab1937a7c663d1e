/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The port pairs of one address: RTP on an even port, RTCP on the odd one above it. Pairs are drawn
 * at random, so that nobody can guess where the next call will be, and rest after use, so that late
 * packets of one call do not reach the next. When nothing else is left, the pair that has rested
 * longest is used early, but not before half a second: a call with a small risk is better than none. Not locked, except that port_pool_has may be called
 * from any thread at any time.
 */
#include <stdatomic.h>

#include <culvert/random.h>
#include <culvert/timer.h>

#include <culvert/err.h>

struct port_rest;

struct port_pool {
    uint16_t first; /* the RTP port of pair 0 */
    unsigned pair_count;
    msec rest;
    uint16_t *idle; /* pairs ready for use, in no order */
    unsigned idle_count;
    struct port_rest *resting; /* a ring, the longest rested first */
    unsigned resting_first;
    unsigned resting_count;
    atomic_uchar *is_used; /* of each pair */
};

/* The pairs that lie wholly in min … max. ERR_RANGE when there are none. */
MUST_USE enum err port_pool_init(struct port_pool *pool, uint16_t min, uint16_t max, msec rest);
void port_pool_fini(struct port_pool *pool);
/* The RTP port of a pair. ERR_EXHAUSTED when all are in use or resting. */
MUST_USE enum err port_pool_take(struct port_pool *pool, struct random_source *random, msec now,
                                 uint16_t *out);
/* Takes back what port_pool_take gave; it rests first. */
void port_pool_give(struct port_pool *pool, uint16_t port, msec now);
/* Is this one of the ports in use (of either kind)? */
bool port_pool_has(const struct port_pool *pool, uint16_t port);
/* Pairs in use. */
unsigned port_pool_used(const struct port_pool *pool);
