/* SPDX-License-Identifier: Apache-2.0 */
#include "lock.h"

#include <stdlib.h>

#include <culvert/log.h>

enum {
    LEASE_SECONDS = 30,
    PAUSE_FIRST = 2, /* milliseconds until a waiting script looks again; doubled up to… */
    PAUSE_MAX = 64,
};

/* FNV-1a, with its bits stirred: the low ones are used. */
uint32_t locks_hash(struct str a, struct str b)
{
    const struct str texts[] = { a, b };
    uint32_t hash = 2166136261u;

    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < texts[t].len; i++)
            hash = (hash ^ (unsigned char)texts[t].ptr[i]) * 16777619u;
    }
    hash ^= hash >> 16;
    hash *= 0x7feb352du;
    return hash ^ hash >> 15;
}

enum err locks_start(struct module *module, struct locks *locks)
{
    enum err err = module_slot(module, &locks->request_slot);

    if (err || locks->size_bits == 0)
        return err;
    locks->slots = calloc((size_t)1 << locks->size_bits, sizeof *locks->slots);
    return locks->slots ? ERR_NONE : ERR_NOMEM;
}

void locks_stop(struct locks *locks)
{
    free((void *)locks->slots);
}

static _Atomic uint64_t *slot_of(struct locks *locks, struct str key)
{
    if (!locks->slots) {
        log_error("cfgutils: there are no locks; set lock_set_size");
        return NULL;
    }
    return &locks->slots[locks_hash(key, STR("")) & (((uint32_t)1 << locks->size_bits) - 1)];
}

/* The number of a request, given when it first locks; never 0. */
static uint32_t holder_of(struct locks *locks, struct run *run)
{
    void **slot = &run->request->slots[locks->request_slot];
    uint32_t number = (uint32_t)(uintptr_t)*slot;

    while (!number)
        number = atomic_fetch_add(&locks->serial, 1) + 1;
    *slot = (void *)(uintptr_t)number;
    return number;
}

static uint32_t second_of(const struct run *run)
{
    return (uint32_t)(run_now(run) / 1000);
}

static bool take(_Atomic uint64_t *slot, uint32_t holder, uint32_t now)
{
    uint64_t found = atomic_load(slot);
    uint64_t mine = (uint64_t)holder << 32 | (uint32_t)(now + LEASE_SECONDS);
    bool is_expired = found && (int32_t)((uint32_t)found - now) < 0;

    if (found && found >> 32 != holder && !is_expired)
        return false;
    if (is_expired)
        log_warning("cfgutils: a lock was not given back within %d s; it is taken over",
                    LEASE_SECONDS);
    return atomic_compare_exchange_strong(slot, &found, mine);
}

struct waiter {
    _Atomic uint64_t *slot;
    uint32_t holder;
    msec pause;
};

static enum verdict look_again(struct run *run, void *context, msec *again)
{
    struct waiter *waiter = context;

    if (take(waiter->slot, waiter->holder, second_of(run)))
        return VERDICT_TRUE;
    if (waiter->pause < PAUSE_MAX)
        waiter->pause *= 2;
    *again = waiter->pause;
    return VERDICT_WAIT;
}

enum verdict locks_lock(struct locks *locks, struct run *run, struct str key)
{
    _Atomic uint64_t *slot = slot_of(locks, key);
    struct waiter *waiter;

    if (!slot)
        return VERDICT_ERROR;
    if (take(slot, holder_of(locks, run), second_of(run)))
        return VERDICT_TRUE;
    if (!(waiter = arena_zalloc(&run->request->arena, sizeof *waiter)))
        return VERDICT_ERROR;
    *waiter = (struct waiter){ slot, holder_of(locks, run), PAUSE_FIRST };
    return run_wait(run, waiter->pause, look_again, waiter) ? VERDICT_ERROR : VERDICT_WAIT;
}

enum verdict locks_try(struct locks *locks, struct run *run, struct str key)
{
    _Atomic uint64_t *slot = slot_of(locks, key);

    return verdict_if(slot && take(slot, holder_of(locks, run), second_of(run)));
}

/* Only what is one's own: a lease that has ended may be another's by now. */
enum verdict locks_unlock(struct locks *locks, struct run *run, struct str key)
{
    _Atomic uint64_t *slot = slot_of(locks, key);
    uint64_t found = slot ? atomic_load(slot) : 0;

    if (!slot)
        return VERDICT_ERROR;
    if (found >> 32 == holder_of(locks, run))
        atomic_compare_exchange_strong(slot, &found, 0);
    return VERDICT_TRUE;
}
