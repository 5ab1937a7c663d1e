/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A connection of a pool, which is made when it is needed, and made again when it was lost. What
 * can be done again without harm is: a question, and the writes of a transaction that was not
 * committed.
 */
#include "store/outage.h"
#include "store/statement.h"

enum {
    BATCH_STATEMENTS_MAX = 256,
    BATCH_MSEC_MAX = 50,
    RETRY_MSEC_MIN = 250,
    RETRY_MSEC_MAX = 10000,
};

struct lane {
    struct connection *connection;
    struct outage *outage;
    struct lock in_use;    /* of all below; taken before the lock of the queue, never after */
    bool is_counted;       /* as up, in the outage */
    _Atomic msec retry_at; /* 0 while it is up; read without the lock too */
    msec pause;            /* before the next try, doubled each time */
};

/* Not connected yet. */
MUST_USE enum err lane_init(struct lane *lane, struct database *database, struct outage *outage);
void lane_fini(struct lane *lane);

/* When it may be used: is connected, or may try again. From any thread. */
msec lane_ready_at(const struct lane *lane);

/* All below with `in_use`. */

/* Connects when it is not. ERR_IO: not possible, or away and tried just now. */
MUST_USE enum err lane_reach(struct lane *lane);
/* A statement for itself; fills the answer. */
void lane_run(struct lane *lane, const struct query *query, struct answer *answer, bool asks);
/*
 * Some of the waiting writes, in one transaction; at most 256 and for about 50 ms. They move to
 * `settled`, with answers, once it was committed or has come to nothing.
 */
void lane_write(struct lane *lane, struct statements *waiting, struct statements *settled);
