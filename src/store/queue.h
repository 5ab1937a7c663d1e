/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What waits for a database, and the threads that take it there: one for each lane. Writes go in
 * the order of handing in, on one lane at a time, many in a transaction; nobody is told that one is
 * done before it was committed. Questions go on any lane, but one lane is left to writes. With a
 * single lane everything goes in order.
 *
 * While the database is away nothing waits: what is handed in fails at once.
 */
#include <pthread.h>

#include "store/lane.h"

enum {
    QUEUE_STATEMENTS_MAX = 65536,
    QUEUE_BYTES_MAX = 64 * 1024 * 1024,
    QUEUE_LANES_MAX = 32,
};

struct queue;

struct queue_lane {
    struct lane lane;
    struct queue *queue;
    pthread_t thread;
};

struct queue {
    struct database *database; /* borrowed */
    store_post_fn *post;
    struct outage outage;
    struct lock lock;         /* of what follows, but not of what is inside of a lane */
    pthread_cond_t has_work;  /* for lanes that are ready */
    pthread_cond_t may_retry; /* for those that are not */
    pthread_cond_t is_idle;
    struct statements questions;
    struct statements writes;
    uint64_t last_number;
    unsigned unfinished; /* waiting, or being run or delivered */
    size_t unfinished_bytes;
    unsigned lane_count;
    unsigned started; /* threads */
    unsigned resting; /* of them */
    unsigned asking;  /* lanes that run a question */
    bool is_writing;
    bool is_closed_to_workers;
    bool is_stopping;
    struct queue_lane lanes[QUEUE_LANES_MAX];
};

/* Nothing is connected yet. */
MUST_USE enum err queue_init(struct queue *queue, struct database *database, store_post_fn *post);
/* Runs what still waits, for as long as `patience`; what is left fails. Then ends the threads. */
void queue_fini(struct queue *queue, msec patience);
/* The lane for what cannot wait in a queue: at the start, and in tools. */
struct lane *queue_lane(struct queue *queue);
/* Somebody is to keep trying to reach a database that is away. */
MUST_USE enum err queue_watch(struct queue *queue);
/* Takes the statement over on success. ERR_LIMIT: too much is waiting; ERR_IO: it is away. */
MUST_USE enum err queue_add(struct queue *queue, struct statement *statement);
void queue_drain(struct queue *queue);
/* The same, for as long as `patience`; false when something is left. */
bool queue_drain_for(struct queue *queue, msec patience);
/*
 * From now on no worker is answered with rows: questions of workers that wait, and new ones, fail
 * with ERR_NOT_NOW. Everything else goes on.
 */
void queue_close_to_workers(struct queue *queue);
