/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Which destination of a set comes first, and which after it. Pure, but for the turn of a set. */
#include <culvert/random.h>

#include "sets.h"

enum pick {
    PICK_HASH,     /* by a key: the same for the same */
    PICK_TURN,     /* one after the other */
    PICK_RANDOM,
    PICK_FIRST,
    PICK_WEIGHT,   /* at random, by weight= of all */
    PICK_RELATIVE, /* at random, by rweight= of those that are usable */
    PICK_LOAD,     /* the one with the fewest calls, below its maxload= */
    PICK_DELAY,    /* in turn among those with the highest priority, less what they delay */
};

struct choice {
    enum pick pick;
    uint64_t key;         /* PICK_HASH */
    bool has_default;     /* the last of the set is used when there is no other */
    unsigned limit;       /* of the destinations wanted; 0: all */
    struct random_source *random;
};

/* FNV-1a, going on from `hash`; HASH_START at first. */
#define HASH_START 14695981039346656037ULL
uint64_t hash_on(uint64_t hash, struct str text);
/* Which of `count` it falls to. */
unsigned hash_slot(uint64_t hash, unsigned count);

/*
 * Writes the usable destinations in the order in which they are to be tried; `out` has room for
 * all of the set. The count is the result.
 */
unsigned choose(struct set *set, const struct choice *choice, struct dest **out);
