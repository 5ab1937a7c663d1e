/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What strangers may ask of us over UDP, where anybody can write any source address. Two limits for
 * each IPv4 address, or IPv6 /64: how many datagrams are read, and how many bytes of failures are
 * sent back in proportion to what came, so that nobody is flooded through us. Sources that somebody
 * has vouched for (they hear what we send them) pass. All tables have a fixed size: a source has
 * two places in each, found by a keyed hash, and is limited when both are used up, so that one
 * flood rarely meets another source. Shared by all workers; every function from any thread, without
 * locks.
 */
#include <culvert/addr.h>
#include <culvert/random.h>
#include <culvert/timer.h>

struct gate;

struct gate_rules {
    unsigned rate; /* datagrams a second of one source, twice that at once; 0: no limit */
    bool is_open;  /* answers are not limited */
};

MUST_USE enum err gate_create(const struct gate_rules *rules, struct random_source *random,
                              struct gate **out);
void gate_destroy(struct gate *gate);

/* The source hears what we send: it has registered, or repeated what only we can have told it. */
void gate_vouch(struct gate *gate, const struct addr *source, msec now);
/* A datagram has come; false: it is to be dropped. */
bool gate_admits(struct gate *gate, const struct addr *source, struct str bytes, msec now);
/* A message is about to go out; false: it is to be withheld. */
bool gate_lets_out(struct gate *gate, const struct addr *to, struct str bytes, msec now);
