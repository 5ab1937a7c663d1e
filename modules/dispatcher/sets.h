/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Sets of destinations. What a list says is a generation: made once, never changed, replaced as a
 * whole. What is learned of a destination lives beside it and survives all generations.
 */
#include <stdatomic.h>

#include <culvert/addr.h>
#include <culvert/arena.h>
#include <culvert/timer.h>

#include "state.h"

struct module;
struct worker;

/* ---- what is learned ---- */

/* Of one URI in one set. It stays where it is as long as its book. */
struct live {
    struct live *next;    /* with the same hash */
    struct str uri;
    int64_t set;
    unsigned number;      /* in the order of making */
    unsigned listed;      /* its flags in the list; of whoever makes generations */
    _Atomic uint32_t state;
    _Atomic int32_t calls; /* that it carries now */
    /* Microseconds of answers to our own requests; written by one worker. */
    _Atomic uint32_t estimate, average, deviation, longest, answered, unanswered;
    /* Of the worker that asks it. */
    struct module *module;
    struct worker *worker;
    msec ask_at;          /* 0: not planned */
    msec asked_at;        /* 0: no answer is awaited */
};

enum {
    BOOK_BUCKETS = 1024,
};

struct book {
    struct live *buckets[BOOK_BUCKETS];
    unsigned count;
};

/* Makes it when it is not there. One caller at a time. NULL: no memory. */
struct live *book_find(struct book *book, int64_t set, struct str uri, bool *is_new);
void book_fini(struct book *book);

/* Changes the state; true when it has become usable, or unusable: *is_up says which. */
bool live_fails(struct live *live, const struct state_rules *rules, bool *is_up);
bool live_answers(struct live *live, const struct state_rules *rules, bool *is_up);
bool live_is_ordered(struct live *live, unsigned flags, bool *is_up);
static inline bool live_is_usable(const struct live *live)
{
    return state_is_usable(atomic_load_explicit(&live->state, memory_order_relaxed));
}
/* An answer took so many microseconds; `keep` of 1000 parts of the estimate stay. */
void live_notes_delay(struct live *live, uint32_t delay, unsigned keep);

/* ---- what a list says ---- */

struct row {
    int64_t set;
    struct str uri, attrs;
    unsigned flags;
    int64_t priority;
};

/* Rows as they were read; memory and texts are its own. */
struct listing {
    struct arena arena;
    struct row *items;
    size_t count, room;
};

struct listing *listing_create(void);
void listing_destroy(struct listing *rows);
/* Copies the texts. ERR_SYNTAX: the destination is no URI. ERR_NOMEM also when there are too many. */
MUST_USE enum err listing_add(struct listing *rows, const struct row *row);
/* "1 sip:host:port flags priority attrs", all behind the URI optional. ERR_NOT_FOUND: nothing there. */
MUST_USE enum err listing_add_line(struct listing *rows, struct str line);

enum {
    DEST_ADDRESSES_MAX = 4,
};

struct dest {
    struct live *live;
    struct str uri, attrs;
    struct str hostport;  /* host, port and parameters of the URI */
    struct str duid, socket, sockname, ping_from, obproxy; /* of the attributes; empty: not given */
    int64_t priority, maxload, weight, rweight;
    bool has_congestion_control;
    struct addr addrs[DEST_ADDRESSES_MAX]; /* what its host stands for */
    unsigned addr_count;
    uint16_t port;        /* 0: not given */
    struct str transport; /* likewise */
};

struct set {
    int64_t id;
    struct dest *dests;
    unsigned count;
    _Atomic unsigned turn; /* of round robin */
};

struct sets {
    struct listing *rows; /* what it was made of, and owns */
    struct set *items; /* by id */
    unsigned count, dest_count;
    struct sets *next_retired;
    uint64_t retired_at;
};

struct sets_rules {
    bool is_file_order; /* OpenSER; else by falling priority, the latest row first */
    /* What a name stands for, DEST_ADDRESSES_MAX at most; NULL: names are not looked up. */
    unsigned (*resolve)(struct str host, struct addr addrs[]);
};

/*
 * Takes the rows over, also when it fails. A destination that is known keeps its state, unless its
 * row has other flags than last time.
 */
MUST_USE enum err sets_create(struct listing *rows, struct book *book, const struct sets_rules *rules,
                              struct sets **out);
void sets_destroy(struct sets *sets);
/* NULL when there is none. */
struct set *sets_find(const struct sets *sets, int64_t id);
struct dest *set_find(const struct set *set, struct str uri);
