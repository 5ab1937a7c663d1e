/* SPDX-License-Identifier: Apache-2.0 */
#include "net/outages.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/lock.h"

struct outage {
    struct flow hop;
    enum err why;
    msec until;
};

struct outages {
    struct lock lock; /* of the rows; nothing else is locked under it */
    atomic_uint count;
    struct outage rows[OUTAGES_MAX];
};

enum err outages_create(struct outages **out)
{
    struct outages *outages = calloc(1, sizeof *outages);

    if (!outages)
        return ERR_NOMEM;
    lock_init(&outages->lock);
    atomic_init(&outages->count, 0);
    *out = outages;
    return ERR_NONE;
}

void outages_destroy(struct outages *outages)
{
    if (!outages)
        return;
    lock_fini(&outages->lock);
    free(outages);
}

/* ---- rows, under the lock ---- */

static unsigned count_of(const struct outages *outages)
{
    return atomic_load_explicit(&outages->count, memory_order_relaxed);
}

static void set_count(struct outages *outages, unsigned count)
{
    atomic_store_explicit(&outages->count, count, memory_order_relaxed);
}

static bool is_same(const struct flow *a, const struct flow *b)
{
    return a->transport == b->transport && addr_eq(&a->peer, &b->peer);
}

static struct outage *find(struct outages *outages, const struct flow *hop)
{
    unsigned count = count_of(outages);

    for (unsigned i = 0; i < count; i++)
        if (is_same(&outages->rows[i].hop, hop))
            return &outages->rows[i];
    return NULL;
}

static void drop(struct outages *outages, struct outage *outage)
{
    unsigned count = count_of(outages) - 1;

    *outage = outages->rows[count];
    set_count(outages, count);
}

static void drop_ended(struct outages *outages, msec now)
{
    for (unsigned i = count_of(outages); i > 0; i--)
        if (outages->rows[i - 1].until <= now)
            drop(outages, &outages->rows[i - 1]);
}

static struct outage *first_to_end(struct outages *outages)
{
    struct outage *first = &outages->rows[0];

    for (unsigned i = 1; i < OUTAGES_MAX; i++)
        if (outages->rows[i].until < first->until)
            first = &outages->rows[i];
    return first;
}

static struct outage *add(struct outages *outages, msec now)
{
    unsigned count;

    drop_ended(outages, now);
    count = count_of(outages);
    if (count == OUTAGES_MAX)
        return first_to_end(outages);
    set_count(outages, count + 1);
    outages->rows[count].until = 0;
    return &outages->rows[count];
}

/* ---- from any thread ---- */

void outages_note(struct outages *outages, const struct flow *hop, enum err why, msec now,
                  msec duration)
{
    struct outage *outage;

    if (duration > OUTAGE_TIME_MAX)
        duration = OUTAGE_TIME_MAX;
    lock_take(&outages->lock);
    outage = find(outages, hop);
    if (!outage)
        outage = add(outages, now);
    if (outage->until < now + duration || !is_same(&outage->hop, hop))
        *outage = (struct outage){ *hop, why, now + duration };
    lock_give(&outages->lock);
}

void outages_forgive(struct outages *outages, const struct flow *hop)
{
    struct outage *outage;

    if (count_of(outages) == 0)
        return;
    lock_take(&outages->lock);
    outage = find(outages, hop);
    if (outage)
        drop(outages, outage);
    lock_give(&outages->lock);
}

bool outages_has(struct outages *outages, const struct flow *hop, msec now)
{
    const struct outage *outage;
    bool has;

    if (count_of(outages) == 0)
        return false;
    lock_take(&outages->lock);
    outage = find(outages, hop);
    has = outage && outage->until > now;
    lock_give(&outages->lock);
    return has;
}

void outages_sort(struct outages *outages, struct flow *hops, unsigned count, msec now)
{
    unsigned left = count;

    if (count_of(outages) == 0)
        return;
    for (unsigned i = 0; left > 0; left--) {
        struct flow hop = hops[i];

        if (!outages_has(outages, &hop, now)) {
            i++;
            continue;
        }
        memmove(&hops[i], &hops[i + 1], (count - i - 1) * sizeof *hops);
        hops[count - 1] = hop;
    }
}

unsigned outages_clear(struct outages *outages)
{
    unsigned count;

    lock_take(&outages->lock);
    count = count_of(outages);
    set_count(outages, 0);
    lock_give(&outages->lock);
    return count;
}

void outages_each(struct outages *outages, msec now,
                  void (*visit)(void *context, const struct flow *hop, enum err why, msec left),
                  void *context)
{
    lock_take(&outages->lock);
    drop_ended(outages, now);
    for (unsigned i = 0; i < count_of(outages); i++) {
        const struct outage *outage = &outages->rows[i];

        visit(context, &outage->hop, outage->why, outage->until - now);
    }
    lock_give(&outages->lock);
}
