/* SPDX-License-Identifier: Apache-2.0 */
#include "store/queue.h"

#include <signal.h>
#include <time.h>

#include <culvert/log.h>

#include "store/wire.h"
#include "sys/loop.h"

static void wait_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* With the lock; MSEC_NEVER: until somebody signals. */
static void wait_until(struct queue *queue, pthread_cond_t *condition, msec until)
{
    struct timespec time = { (time_t)(until / 1000), (long)(until % 1000) * 1000000 };

    if (until == MSEC_NEVER)
        pthread_cond_wait(condition, &queue->lock.mutex);
    else
        pthread_cond_timedwait(condition, &queue->lock.mutex, &time);
}

enum err queue_init(struct queue *queue, struct database *database, store_post_fn *post)
{
    unsigned wanted = database->driver->is_embedded ? 1 : database->limits.connections;
    enum err err = ERR_NONE;

    *queue = (struct queue){ .database = database, .post = post };
    outage_init(&queue->outage);
    lock_init(&queue->lock);
    wait_init(&queue->has_work);
    wait_init(&queue->may_retry);
    wait_init(&queue->is_idle);
    statements_init(&queue->questions);
    statements_init(&queue->writes);
    while (!err && queue->lane_count < wanted && queue->lane_count < QUEUE_LANES_MAX) {
        struct queue_lane *lane = &queue->lanes[queue->lane_count++];

        lane->queue = queue;
        err = lane_init(&lane->lane, database, &queue->outage);
    }
    return err;
}

/* --- the threads' side --- */

static void deliver_all(struct queue *queue, struct statements *finished)
{
    struct statement *statement;
    size_t bytes = 0;
    unsigned count = 0;

    while ((statement = statements_take(finished))) {
        bytes += statement->bytes;
        statement_deliver(statement, queue->post);
        count++;
    }
    lock_take(&queue->lock);
    queue->unfinished -= count;
    queue->unfinished_bytes -= bytes;
    if (!queue->unfinished)
        pthread_cond_broadcast(&queue->is_idle);
    lock_give(&queue->lock);
}

/* Nobody is to wait for a database that is away, or for one that we leave. */
static void fail_waiting(struct queue *queue, enum err err)
{
    struct statements failed;

    statements_init(&failed);
    lock_take(&queue->lock);
    statements_move(&failed, &queue->questions);
    statements_move(&failed, &queue->writes);
    lock_give(&queue->lock);
    for (struct statement *s = failed.first; s; s = s->next)
        s->answer.result.err = err;
    deliver_all(queue, &failed);
}

enum job {
    JOB_WAIT,
    JOB_END,
    JOB_CONNECT,
    JOB_ASK,
    JOB_WRITE,
};

/* With the lock, as all down to take_job(). */
static bool may_ask(const struct queue *queue)
{
    return queue->questions.first &&
           (queue->lane_count == 1 || queue->asking + 1 < queue->lane_count);
}

/* In a single lane what was handed in first goes first. */
static bool is_turn_of_writes(const struct queue *queue)
{
    return !may_ask(queue) || queue->writes.first->number < queue->questions.first->number;
}

static enum job choose_work(const struct queue *queue)
{
    if (queue->writes.first && !queue->is_writing && is_turn_of_writes(queue))
        return JOB_WRITE;
    return may_ask(queue) ? JOB_ASK : JOB_WAIT;
}

static enum job choose_job(struct queue_lane *lane, msec now)
{
    struct queue *queue = lane->queue;
    bool is_ready = now >= lane_ready_at(&lane->lane);
    bool has_work = queue->questions.first || queue->writes.first;

    if (queue->is_stopping && (!is_ready || !has_work))
        return JOB_END;
    if (!is_ready)
        return JOB_WAIT;
    if (outage_is_on(&queue->outage))
        return JOB_CONNECT;
    return choose_work(queue);
}

/* One that cannot connect must not take the signal from one that can. */
static void rest(struct queue_lane *lane, msec now)
{
    struct queue *queue = lane->queue;
    msec ready_at = lane_ready_at(&lane->lane);

    if (ready_at > now) {
        wait_until(queue, &queue->may_retry, ready_at);
        return;
    }
    queue->resting++;
    wait_until(queue, &queue->has_work, MSEC_NEVER);
    queue->resting--;
}

/* The one question, or the writes: in a single lane those in front of the next question. */
static void take_statements(struct queue *queue, enum job job, struct statements *out)
{
    statements_init(out);
    if (job == JOB_ASK) {
        statements_append(out, statements_take(&queue->questions));
        queue->asking++;
        return;
    }
    if (job != JOB_WRITE)
        return;
    queue->is_writing = true;
    do
        statements_append(out, statements_take(&queue->writes));
    while (queue->writes.first && (queue->lane_count > 1 || is_turn_of_writes(queue)));
}

static enum job take_job(struct queue_lane *lane, struct statements *out)
{
    struct queue *queue = lane->queue;
    msec now = clock_monotonic();
    enum job job;

    lock_take(&queue->lock);
    while ((job = choose_job(lane, now)) == JOB_WAIT) {
        rest(lane, now);
        now = clock_monotonic();
    }
    take_statements(queue, job, out);
    lock_give(&queue->lock);
    return job;
}

static void job_done(struct queue *queue, enum job job)
{
    lock_take(&queue->lock);
    if (job == JOB_ASK)
        queue->asking--;
    if (job == JOB_WRITE)
        queue->is_writing = false;
    pthread_cond_broadcast(&queue->has_work);
    lock_give(&queue->lock);
}

static bool is_closed_to(struct queue *queue, const struct statement *statement)
{
    bool is_closed;

    lock_take(&queue->lock);
    is_closed = statement->worker && queue->is_closed_to_workers;
    lock_give(&queue->lock);
    return is_closed;
}

static void ask(struct queue_lane *lane, struct statements *work)
{
    struct statement *question = work->first;

    if (is_closed_to(lane->queue, question)) {
        question->answer.result.err = ERR_NOT_NOW;
    } else {
        lock_take(&lane->lane.in_use);
        lane_run(&lane->lane, &question->query, &question->answer, true);
        lock_give(&lane->lane.in_use);
    }
    deliver_all(lane->queue, work);
}

static void write_all(struct queue_lane *lane, struct statements *work)
{
    while (work->first) {
        struct statements settled;

        statements_init(&settled);
        lock_take(&lane->lane.in_use);
        lane_write(&lane->lane, work, &settled);
        lock_give(&lane->lane.in_use);
        deliver_all(lane->queue, &settled);
    }
}

static void connect_again(struct queue_lane *lane)
{
    enum err err;

    lock_take(&lane->lane.in_use);
    err = lane_reach(&lane->lane);
    lock_give(&lane->lane.in_use);
    if (err)
        log_debug("store: still away: %s", lane->lane.connection->fault);
}

static void *work(void *argument)
{
    struct queue_lane *lane = argument;
    struct statements statements;
    enum job job;

    while ((job = take_job(lane, &statements)) != JOB_END) {
        if (job == JOB_ASK)
            ask(lane, &statements);
        else if (job == JOB_WRITE)
            write_all(lane, &statements);
        else
            connect_again(lane);
        job_done(lane->queue, job);
        if (!lane->lane.connection->is_up)
            connect_again(lane); /* now, and not when the next one waits for it */
        if (outage_is_on(&lane->queue->outage))
            fail_waiting(lane->queue, ERR_IO);
    }
    return NULL;
}

/* --- the others' side --- */

/* Signals are for the main thread. With the lock. */
static enum err start_thread(struct queue *queue)
{
    struct queue_lane *lane = &queue->lanes[queue->started];
    sigset_t all;
    sigset_t before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&lane->thread, NULL, work, lane);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return ERR_NOMEM;
    queue->started++;
    return ERR_NONE;
}

/* One thread is a must; more of them help. With the lock. */
static enum err start_when_needed(struct queue *queue)
{
    if (queue->resting || queue->started == queue->lane_count)
        return ERR_NONE;
    return start_thread(queue) && !queue->started ? ERR_NOMEM : ERR_NONE;
}

enum err queue_watch(struct queue *queue)
{
    enum err err;

    lock_take(&queue->lock);
    err = queue->started ? ERR_NONE : start_thread(queue);
    pthread_cond_broadcast(&queue->has_work);
    lock_give(&queue->lock);
    return err;
}

/* With the lock. */
static enum err add_locked(struct queue *queue, struct statement *statement)
{
    enum err err;

    if (statement->worker && queue->is_closed_to_workers)
        return ERR_NOT_NOW;
    if (outage_is_on(&queue->outage))
        return ERR_IO;
    if (queue->unfinished >= QUEUE_STATEMENTS_MAX ||
        statement->bytes > QUEUE_BYTES_MAX - queue->unfinished_bytes)
        return ERR_LIMIT;
    if ((err = start_when_needed(queue)))
        return err;
    statement->number = ++queue->last_number;
    statements_append(statement->asks ? &queue->questions : &queue->writes, statement);
    queue->unfinished++;
    queue->unfinished_bytes += statement->bytes;
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

bool queue_drain_for(struct queue *queue, msec patience)
{
    msec until = patience == MSEC_NEVER ? MSEC_NEVER : clock_monotonic() + patience;
    bool is_done;

    lock_take(&queue->lock);
    while (queue->unfinished && clock_monotonic() < until)
        wait_until(queue, &queue->is_idle, until);
    is_done = queue->unfinished == 0;
    lock_give(&queue->lock);
    return is_done;
}

void queue_drain(struct queue *queue)
{
    queue_drain_for(queue, MSEC_NEVER);
}

void queue_close_to_workers(struct queue *queue)
{
    lock_take(&queue->lock);
    queue->is_closed_to_workers = true;
    lock_give(&queue->lock);
}

struct lane *queue_lane(struct queue *queue)
{
    return &queue->lanes[0].lane;
}

static void end_threads(struct queue *queue)
{
    lock_take(&queue->lock);
    queue->is_stopping = true;
    pthread_cond_broadcast(&queue->has_work);
    pthread_cond_broadcast(&queue->may_retry);
    lock_give(&queue->lock);
    for (unsigned i = 0; i < queue->started; i++)
        pthread_join(queue->lanes[i].thread, NULL);
}

void queue_fini(struct queue *queue, msec patience)
{
    if (queue->started && !queue_drain_for(queue, patience)) {
        interrupt_raise(&queue->database->interrupt);
        fail_waiting(queue, ERR_NOT_NOW);
    }
    end_threads(queue);
    fail_waiting(queue, ERR_NOT_NOW);
    for (unsigned i = 0; i < queue->lane_count; i++)
        lane_fini(&queue->lanes[i].lane);
    pthread_cond_destroy(&queue->has_work);
    pthread_cond_destroy(&queue->may_retry);
    pthread_cond_destroy(&queue->is_idle);
    lock_fini(&queue->lock);
    outage_fini(&queue->outage);
}
