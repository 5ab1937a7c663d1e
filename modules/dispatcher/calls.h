/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which destination carries which call, for the one with the fewest. A table belongs to a worker, as
 * all messages of a Call-ID do; nothing here is locked.
 */
#include "sets.h"

struct calls;

struct calls_rules {
    unsigned size_bits;           /* of the hash table */
    msec first_lifetime, lifetime; /* until it is answered; from then on */
    unsigned sweeps;               /* calls of calls_sweep() that see the whole table */
};

/* NULL: no memory. The rules are copied. */
struct calls *calls_create(const struct calls_rules *rules);
/* Takes the calls off their destinations. NULL is fine. */
void calls_destroy(struct calls *calls);
/* The call goes to that destination; off another that carried it. ERR_LIMIT: too many calls. */
MUST_USE enum err calls_add(struct calls *calls, struct str call_id, struct live *live, msec now);
/* It is answered: it may last longer. False: not known. */
bool calls_confirm(struct calls *calls, struct str call_id, msec now);
bool calls_remove(struct calls *calls, struct str call_id);
/* Forgets what has lasted too long, a share of the table each time. */
void calls_sweep(struct calls *calls, msec now);
