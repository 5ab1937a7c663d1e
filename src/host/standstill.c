/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A moment in which no worker runs, for the few changes that all of them read without a lock. Each
 * waits until all have come and the change is done: microseconds, once in a while.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "host/reload.h"

enum {
    PATIENCE_SECONDS = 2,
};

struct standstill {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned standing;
    bool is_over;
    unsigned refs; /* ours, and one of each worker that was asked */
};

static struct standstill *standstill_create(void)
{
    struct standstill *standstill = calloc(1, sizeof *standstill);

    if (!standstill)
        return NULL;
    pthread_mutex_init(&standstill->mutex, NULL);
    pthread_cond_init(&standstill->changed, NULL);
    standstill->refs = 1;
    return standstill;
}

/* With the mutex locked; it is not afterwards. */
static void leave(struct standstill *standstill)
{
    bool is_last = --standstill->refs == 0;

    pthread_mutex_unlock(&standstill->mutex);
    if (!is_last)
        return;
    pthread_cond_destroy(&standstill->changed);
    pthread_mutex_destroy(&standstill->mutex);
    free(standstill);
}

/* On a worker. One that comes when it is over goes on at once. */
static void stand(struct worker *worker, void *context)
{
    struct standstill *standstill = *(struct standstill **)context;

    (void)worker;
    pthread_mutex_lock(&standstill->mutex);
    standstill->standing++;
    pthread_cond_broadcast(&standstill->changed);
    while (!standstill->is_over)
        pthread_cond_wait(&standstill->changed, &standstill->mutex);
    leave(standstill);
}

static enum err ask_workers(struct server *server, struct standstill *standstill)
{
    enum err err = ERR_NONE;

    for (unsigned i = 0; i < server->worker_count && !err; i++) {
        pthread_mutex_lock(&standstill->mutex);
        standstill->refs++;
        pthread_mutex_unlock(&standstill->mutex);
        err = server_send_worker(server, i, stand, &standstill, sizeof standstill);
        if (!err)
            continue;
        pthread_mutex_lock(&standstill->mutex);
        leave(standstill); /* never the last: one is ours */
    }
    return err;
}

/* With the mutex locked. */
static bool wait_for_all(struct standstill *standstill, unsigned count)
{
    struct timespec until;
    int failed = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SECONDS;
    while (standstill->standing < count && !failed)
        failed = pthread_cond_timedwait(&standstill->changed, &standstill->mutex, &until);
    return standstill->standing == count;
}

enum err server_stand_still(struct server *server, void (*change)(void *context), void *context)
{
    struct standstill *standstill;
    enum err err;

    if (!server->world.has_threads) {
        change(context);
        return ERR_NONE;
    }
    if (!(standstill = standstill_create()))
        return ERR_NOMEM;
    err = ask_workers(server, standstill);
    pthread_mutex_lock(&standstill->mutex);
    if (!err && !wait_for_all(standstill, server->worker_count))
        err = ERR_TIMEOUT;
    if (!err)
        change(context);
    standstill->is_over = true;
    pthread_cond_broadcast(&standstill->changed);
    leave(standstill);
    return err;
}
