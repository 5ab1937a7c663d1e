/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The thread of a store and what waits for it. Consecutive writes become one transaction; nobody is
 * told that a write is done before it is committed.
 */
#include <pthread.h>

#include "base/lock.h"
#include "store/statement.h"

enum {
    QUEUE_STATEMENTS_MAX = 65536,
    QUEUE_BYTES_MAX = 64 * 1024 * 1024,
    BATCH_STATEMENTS_MAX = 256,
    BATCH_MSEC_MAX = 50,
};

struct queue {
    struct connection *connection; /* borrowed */
    struct lock *in_use;           /* of the connection; taken before `lock`, never after */
    store_post_fn *post;
    struct lock lock;
    pthread_cond_t has_work;
    pthread_cond_t is_idle;
    struct statements waiting;
    unsigned waiting_count;
    size_t waiting_bytes;
    unsigned unfinished; /* waiting, or being run or delivered */
    bool is_started;
    bool is_closed_to_workers;
    bool is_stopping;
    pthread_t thread;
};

void queue_init(struct queue *queue, struct connection *connection, struct lock *in_use,
                store_post_fn *post);
/* Runs what still waits, then ends the thread. */
void queue_fini(struct queue *queue);
/* Takes the statement over on success. ERR_LIMIT: too much is waiting. */
MUST_USE enum err queue_add(struct queue *queue, struct statement *statement);
void queue_drain(struct queue *queue);
/*
 * From now on no worker is answered with rows: questions of workers that wait, and new ones, fail
 * with ERR_NOT_NOW. Everything else goes on.
 */
void queue_close_to_workers(struct queue *queue);
