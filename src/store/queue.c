/* SPDX-License-Identifier: Apache-2.0 */
#include "store/queue.h"

#include <signal.h>
#include <time.h>

void queue_init(struct queue *queue, struct connection *connection, struct lock *in_use,
                store_post_fn *post)
{
    *queue = (struct queue){ .connection = connection, .in_use = in_use, .post = post };
    lock_init(&queue->lock);
    pthread_cond_init(&queue->has_work, NULL);
    pthread_cond_init(&queue->is_idle, NULL);
    statements_init(&queue->waiting);
}

/* --- the thread's side --- */

static uint64_t now_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The next statement, which stays where it is; NULL when the queue is at its end. */
static const struct statement *wait_for_next(struct queue *queue)
{
    const struct statement *next;

    lock_take(&queue->lock);
    while (!queue->waiting.first && !queue->is_stopping)
        pthread_cond_wait(&queue->has_work, &queue->lock.mutex);
    next = queue->waiting.first;
    lock_give(&queue->lock);
    return next;
}

static const struct statement *look_at_next(struct queue *queue)
{
    const struct statement *next;

    lock_take(&queue->lock);
    next = queue->waiting.first;
    lock_give(&queue->lock);
    return next;
}

static struct statement *take_next(struct queue *queue)
{
    struct statement *statement;

    lock_take(&queue->lock);
    statement = statements_take(&queue->waiting);
    queue->waiting_count--;
    queue->waiting_bytes -= statement->bytes;
    lock_give(&queue->lock);
    return statement;
}

static void finish(struct queue *queue, unsigned count)
{
    lock_take(&queue->lock);
    queue->unfinished -= count;
    if (!queue->unfinished)
        pthread_cond_broadcast(&queue->is_idle);
    lock_give(&queue->lock);
}

static void deliver_all(struct queue *queue, struct statements *finished)
{
    struct statement *statement;
    unsigned count = 0;

    while ((statement = statements_take(finished))) {
        statement_deliver(statement, queue->post);
        count++;
    }
    finish(queue, count);
}

/* The transaction came to nothing, and so did every write in it. */
static void fail_all(struct statements *batch, enum err err)
{
    for (struct statement *s = batch->first; s; s = s->next)
        s->answer.result = (struct store_result){ .err = err };
}

static void run(struct queue *queue, struct statement *statement)
{
    queue->connection->driver->run(queue->connection, &statement->query, &statement->answer);
}

static bool next_writes(struct queue *queue)
{
    const struct statement *next = look_at_next(queue);

    return next && queue->connection->driver->writes(queue->connection, next->query.sql);
}

/* The writes of a transaction; fails when it came to nothing on the way. */
static enum err run_batch(struct queue *queue, struct statements *finished)
{
    const struct driver *driver = queue->connection->driver;
    uint64_t until = now_msec() + BATCH_MSEC_MAX;
    unsigned count = 0;

    do {
        struct statement *statement = take_next(queue);

        statements_append(finished, statement);
        run(queue, statement);
        if (!driver->in_transaction(queue->connection))
            return statement->answer.result.err ? statement->answer.result.err : ERR_IO;
    } while (++count < BATCH_STATEMENTS_MAX && now_msec() < until && next_writes(queue));
    return ERR_NONE;
}

/* The database cannot be written: each of those who wait would wait as long, and in vain. */
static void take_all_writes(struct queue *queue, struct statements *finished)
{
    do
        statements_append(finished, take_next(queue));
    while (next_writes(queue));
}

/* The writes that wait, as one transaction. With the connection. */
static void run_writes(struct queue *queue, struct statements *finished)
{
    const struct driver *driver = queue->connection->driver;
    enum err err = driver->begin(queue->connection);

    if (err) {
        take_all_writes(queue, finished);
    } else {
        err = run_batch(queue, finished);
        if (!err)
            err = driver->commit(queue->connection);
    }
    if (err)
        fail_all(finished, err);
}

static bool is_closed_to(struct queue *queue, const struct statement *statement)
{
    bool is_closed;

    lock_take(&queue->lock);
    is_closed = statement->worker && queue->is_closed_to_workers;
    lock_give(&queue->lock);
    return is_closed;
}

static void run_read(struct queue *queue, struct statement *statement)
{
    if (is_closed_to(queue, statement))
        statement->answer.result.err = ERR_NOT_NOW;
    else
        run(queue, statement);
}

static void run_some(struct queue *queue, const struct statement *next)
{
    struct statements finished;

    statements_init(&finished);
    lock_take(queue->in_use);
    if (queue->connection->driver->writes(queue->connection, next->query.sql)) {
        run_writes(queue, &finished);
    } else {
        struct statement *statement = take_next(queue);

        run_read(queue, statement);
        statements_append(&finished, statement);
    }
    lock_give(queue->in_use);
    deliver_all(queue, &finished);
}

static void *work(void *argument)
{
    struct queue *queue = argument;
    const struct statement *next;

    while ((next = wait_for_next(queue)))
        run_some(queue, next);
    return NULL;
}

/* --- the others' side --- */

/* Signals are for the main thread. */
static enum err start_thread(struct queue *queue)
{
    sigset_t all;
    sigset_t before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&queue->thread, NULL, work, queue);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? ERR_NOMEM : ERR_NONE;
}

/* With the lock. */
static enum err add_locked(struct queue *queue, struct statement *statement)
{
    enum err err;

    if (statement->worker && queue->is_closed_to_workers)
        return ERR_NOT_NOW;
    if (queue->waiting_count >= QUEUE_STATEMENTS_MAX ||
        statement->bytes > QUEUE_BYTES_MAX - queue->waiting_bytes)
        return ERR_LIMIT;
    if (!queue->is_started) {
        if ((err = start_thread(queue)))
            return err;
        queue->is_started = true;
    }
    statements_append(&queue->waiting, statement);
    queue->waiting_count++;
    queue->waiting_bytes += statement->bytes;
    queue->unfinished++;
    pthread_cond_signal(&queue->has_work);
    return ERR_NONE;
}

enum err queue_add(struct queue *queue, struct statement *statement)
{
    enum err err;

    lock_take(&queue->lock);
    err = add_locked(queue, statement);
    lock_give(&queue->lock);
    return err;
}

void queue_drain(struct queue *queue)
{
    lock_take(&queue->lock);
    while (queue->unfinished)
        pthread_cond_wait(&queue->is_idle, &queue->lock.mutex);
    lock_give(&queue->lock);
}

void queue_close_to_workers(struct queue *queue)
{
    lock_take(&queue->lock);
    queue->is_closed_to_workers = true;
    lock_give(&queue->lock);
}

void queue_fini(struct queue *queue)
{
    lock_take(&queue->lock);
    queue->is_stopping = true;
    pthread_cond_signal(&queue->has_work);
    lock_give(&queue->lock);
    if (queue->is_started)
        pthread_join(queue->thread, NULL);
    pthread_cond_destroy(&queue->has_work);
    pthread_cond_destroy(&queue->is_idle);
    lock_fini(&queue->lock);
}
