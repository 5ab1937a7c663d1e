/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Destinations that have failed: they broke off, kept silent or answered 503. For a while they are
 * tried after all others that a name leads to (RFC 3263 §4.3), never left out. Shared by all
 * workers; every function may be called from any thread. Bounded: the one that ends first makes
 * room.
 */
#include <culvert/addr.h>
#include <culvert/timer.h>

struct outages;

enum {
    OUTAGES_MAX = 256,
    OUTAGE_TIME_MAX = 3600000, /* ms: no Retry-After is believed beyond that */
};

MUST_USE enum err outages_create(struct outages **out);
void outages_destroy(struct outages *outages);
/* Destinations are told apart by transport, address and port. An outage only grows longer. */
void outages_note(struct outages *outages, const struct flow *hop, enum err why, msec now,
                  msec duration);
/* It has answered. */
void outages_forgive(struct outages *outages, const struct flow *hop);
bool outages_has(struct outages *outages, const struct flow *hop, msec now);
/* Those with an outage go to the end; the order stays as it is otherwise. */
void outages_sort(struct outages *outages, struct flow *hops, unsigned count, msec now);
/* How many were forgotten. */
unsigned outages_clear(struct outages *outages);
/* `left` is how long it still lasts. */
void outages_each(struct outages *outages, msec now,
                  void (*visit)(void *context, const struct flow *hop, enum err why, msec left),
                  void *context);
