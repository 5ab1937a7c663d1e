/* SPDX-License-Identifier: Apache-2.0 */
#include "host/guard.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/lock.h"

enum {
    SETS = 1 << 13,
    WAYS = 4,
    LOCKS = 64,
};

/* What is remembered of a source, of an account, or of an account at a source. */
struct record {
    uint64_t key; /* 0: free */
    msec last;    /* when something was written here */
    msec blocked_until;
    uint32_t failures;
    bool is_home; /* of an account at a source: its password was right there */
};

struct guard {
    struct guard_rules rules;
    struct hash_key hash;
    struct lock locks[LOCKS];
    struct record records[SETS][WAYS];
};

/* The three records that an attempt touches. */
struct subject {
    uint64_t source, account, pair;
};

const struct guard_rules guard_rules_usual = {
    .failures_allowed = 10,
    .delay_first = 1000,
    .delay_max = 64000,
    .memory = 600000,
    .home_memory = 86400000,
};

enum err guard_create(const struct guard_rules *rules, struct random_source *random, struct guard **out)
{
    struct guard *guard = calloc(1, sizeof *guard);

    if (!guard)
        return ERR_NOMEM;
    guard->rules = *rules;
    hash_key_random(random, &guard->hash);
    for (unsigned i = 0; i < LOCKS; i++)
        lock_init(&guard->locks[i]);
    *out = guard;
    return ERR_NONE;
}

void guard_destroy(struct guard *guard)
{
    if (!guard)
        return;
    for (unsigned i = 0; i < LOCKS; i++)
        lock_fini(&guard->locks[i]);
    free(guard);
}

static uint64_t not_zero(uint64_t hash)
{
    return hash ? hash : 1;
}

static struct subject subject_of(const struct guard *guard, const struct addr *source,
                                 struct str account)
{
    uint64_t from = hash_bytes(&guard->hash, source->ip, source->family == ADDR_IPV6 ? 8 : 4);
    uint64_t to = hash_str(&guard->hash, account);
    const uint64_t both[] = { from, to };

    return (struct subject){ not_zero(from), not_zero(to),
                             not_zero(hash_bytes(&guard->hash, both, sizeof both)) };
}

/* ---- records, each under the lock of its set ---- */

static struct lock *lock_of(struct guard *guard, uint64_t key)
{
    return &guard->locks[key & (LOCKS - 1)];
}

static struct record *set_of(struct guard *guard, uint64_t key)
{
    return guard->records[key & (SETS - 1)];
}

static msec memory_of(const struct guard *guard, const struct record *record)
{
    return record->is_home ? guard->rules.home_memory : guard->rules.memory;
}

static bool is_forgotten(const struct guard *guard, const struct record *record, msec now)
{
    return now - record->last > memory_of(guard, record);
}

static struct record *find(struct guard *guard, uint64_t key, msec now)
{
    struct record *set = set_of(guard, key);

    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return is_forgotten(guard, &set[i], now) ? NULL : &set[i];
    }
    return NULL;
}

/* Found, else in the place of the one that was written longest ago. */
static struct record *find_or_make(struct guard *guard, uint64_t key, msec now)
{
    struct record *record = find(guard, key, now), *set = set_of(guard, key);

    if (record)
        return record;
    record = &set[0];
    for (unsigned i = 0; i < WAYS && record->key != key; i++) {
        if (set[i].key == key || set[i].last < record->last)
            record = &set[i];
    }
    *record = (struct record){ .key = key, .last = now };
    return record;
}

/* A copy: what it says may be acted on after the lock is given back. */
static struct record look_at(struct guard *guard, uint64_t key, msec now)
{
    struct record copy = { 0 }, *record;

    lock_take(lock_of(guard, key));
    record = find(guard, key, now);
    if (record)
        copy = *record;
    lock_give(lock_of(guard, key));
    return copy;
}

static msec delay_after(const struct guard_rules *rules, uint32_t failures)
{
    msec delay = rules->delay_first;

    for (uint32_t i = rules->failures_allowed; i < failures && delay < rules->delay_max; i++)
        delay *= 2;
    return delay < rules->delay_max ? delay : rules->delay_max;
}

static void note_failure(struct guard *guard, uint64_t key, msec now)
{
    struct record *record;

    lock_take(lock_of(guard, key));
    record = find_or_make(guard, key, now);
    record->last = now;
    record->failures++;
    if (record->failures >= guard->rules.failures_allowed)
        record->blocked_until = now + delay_after(&guard->rules, record->failures);
    lock_give(lock_of(guard, key));
}

/* ---- attempts ---- */

bool guard_allows(struct guard *guard, const struct addr *source, struct str account, msec now)
{
    struct subject subject = subject_of(guard, source, account);
    struct record pair;

    if (guard->rules.failures_allowed == 0)
        return true;
    pair = look_at(guard, subject.pair, now);
    if (pair.is_home)
        return pair.blocked_until <= now;
    return look_at(guard, subject.source, now).blocked_until <= now &&
           look_at(guard, subject.account, now).blocked_until <= now;
}

void guard_failed(struct guard *guard, const struct addr *source, struct str account, msec now)
{
    struct subject subject = subject_of(guard, source, account);

    if (look_at(guard, subject.pair, now).is_home) {
        note_failure(guard, subject.pair, now);
        return;
    }
    note_failure(guard, subject.source, now);
    note_failure(guard, subject.account, now);
}

void guard_succeeded(struct guard *guard, const struct addr *source, struct str account, msec now)
{
    struct subject subject = subject_of(guard, source, account);
    struct lock *lock = lock_of(guard, subject.pair);

    lock_take(lock);
    *find_or_make(guard, subject.pair, now) =
        (struct record){ .key = subject.pair, .last = now, .is_home = true };
    lock_give(lock);
}
