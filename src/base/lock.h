/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A lock for the few tables that all workers share. Held for the time of a look-up, never while
 * waiting for anything. Where two are held at once, the order is stated at the type of the second.
 */
#include <assert.h>
#include <pthread.h>

struct lock {
    pthread_mutex_t mutex;
};

static inline void lock_init(struct lock *lock)
{
    pthread_mutex_init(&lock->mutex, NULL);
}

static inline void lock_fini(struct lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

static inline void lock_take(struct lock *lock)
{
    int failed = pthread_mutex_lock(&lock->mutex);

    assert(!failed);
    (void)failed;
}

static inline void lock_give(struct lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}
