/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Binding requests of STUN on a SIP port: how clients keep a datagram flow open and notice that
 * their NAT has forgotten them (RFC 5626 §4.4.2, RFC 5389). An answer is at most 24 bytes longer
 * than its request, and each source gets few in a second: nobody is worth reflecting off us.
 */
#include <culvert/addr.h>
#include <culvert/timer.h>

#include "base/hash.h"

enum {
    STUN_ANSWER_MAX = 44,
    STUN_BUCKETS = 256,
    STUN_ANSWERS_MAX = 8, /* in a second, to the sources of one bucket */
};

/* Of one worker; zeroed at first. */
struct stun_gate {
    msec since;
    uint8_t counts[STUN_BUCKETS];
};

/* Starts like STUN, which no SIP message does. */
bool stun_is_like(struct str bytes);
/* False, and nothing written: not a plain binding request. */
bool stun_write_answer(struct writer *w, struct str request, const struct addr *source);
/* False when this source has had enough for now. */
bool stun_gate_pass(struct stun_gate *gate, const struct hash_key *key, const struct addr *source,
                    msec now);
