/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the two sides of a ledger share: who hands in (ledger.c), and who writes (ledger_writer.c).
 */
#include <culvert/ledger.h>

#include <limits.h>
#include <stdatomic.h>

#include <culvert/log.h>

#include "base/lock.h"
#include "store/spool.h"
#include "store/store_internal.h"
#include "sys/loop.h"

enum {
    LEDGER_NAME_LENGTH = 16,
    LEDGER_LOOK_MSEC = 1000, /* between two looks at what there is to do */
    LEDGER_PAUSE_MSEC_MIN = 250,
    LEDGER_PAUSE_MSEC_MAX = 10000,
};

struct note;

struct ledger {
    struct store *store;
    char path[PATH_MAX]; /* "": without a name */
    uint64_t bytes_max;
    struct random_bytes {
        struct random_source source;
        uint64_t seed[2];
    } random;
    char name[LEDGER_NAME_LENGTH]; /* of the spool, in the table `ledger` */
    bool is_synchronous;

    struct lock lock; /* of what follows */
    pthread_cond_t has_notes, has_records;
    struct note *first_note, **last_note;
    size_t inbox_bytes;
    bool is_started, is_closing, is_closed; /* no more notes; no more records */

    struct lock spool_lock; /* taken after `lock`, or alone */
    struct spool spool;
    msec synced_at;

    /* The writer's alone. */
    bool has_asked, has_marks; /* the database has the table `ledger` */
    bool is_uncertain;         /* how far the database has got: its mark tells */
    bool is_away;
    msec retry_at, pause, patient_until;

    pthread_t keeper, writer;
    struct log_gate drops;
    atomic_uint_fast64_t taken, written, refused, dropped, unsaid;
};

/* Takes a row to the spool, or drops it. */
void ledger_append(struct ledger *ledger, struct str payload);
/* With the lock. */
void ledger_wait(struct ledger *ledger, pthread_cond_t *condition, msec until);
/* Takes some of what waits to the database. */
void ledger_write_some(struct ledger *ledger);
/* The writer's thread: until is_closed. */
void *ledger_write_all(void *ledger);
