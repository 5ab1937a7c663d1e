/* SPDX-License-Identifier: Apache-2.0 */
#include "media/ports.h"

#include <stdlib.h>

enum {
    SHORT_REST = 500, /* ms: most of what is under way has arrived by then */
};

struct port_rest {
    msec until;
    uint16_t pair;
};

enum err port_pool_init(struct port_pool *pool, uint16_t min, uint16_t max, msec rest)
{
    unsigned first = (min + 1U) & ~1U;

    *pool = (struct port_pool){ .rest = rest };
    if (first == 0 || first + 1 > max)
        return ERR_RANGE;
    pool->first = (uint16_t)first;
    pool->pair_count = (max - first + 1) / 2;
    pool->idle = calloc(pool->pair_count, sizeof *pool->idle);
    pool->resting = calloc(pool->pair_count, sizeof *pool->resting);
    pool->is_used = calloc(pool->pair_count, sizeof *pool->is_used);
    if (!pool->idle || !pool->resting || !pool->is_used) {
        port_pool_fini(pool);
        return ERR_NOMEM;
    }
    for (unsigned pair = 0; pair < pool->pair_count; pair++)
        pool->idle[pair] = (uint16_t)pair;
    pool->idle_count = pool->pair_count;
    return ERR_NONE;
}

void port_pool_fini(struct port_pool *pool)
{
    free(pool->idle);
    free(pool->resting);
    free(pool->is_used);
    *pool = (struct port_pool){ 0 };
}

static void wake_first(struct port_pool *pool)
{
    pool->idle[pool->idle_count++] = pool->resting[pool->resting_first].pair;
    pool->resting_first = (pool->resting_first + 1) % pool->pair_count;
    pool->resting_count--;
}

static bool has_rested(const struct port_pool *pool, msec now, msec short_of)
{
    return pool->resting_count > 0 && pool->resting[pool->resting_first].until <= now + short_of;
}

static void wake_rested(struct port_pool *pool, msec now)
{
    while (has_rested(pool, now, 0))
        wake_first(pool);
    if (pool->idle_count == 0 && pool->rest > SHORT_REST &&
        has_rested(pool, now, pool->rest - SHORT_REST))
        wake_first(pool);
}

enum err port_pool_take(struct port_pool *pool, struct random_source *random, msec now,
                        uint16_t *out)
{
    unsigned chosen, pair;

    wake_rested(pool, now);
    if (pool->idle_count == 0)
        return ERR_EXHAUSTED;
    chosen = random_below(random, pool->idle_count);
    pair = pool->idle[chosen];
    pool->idle[chosen] = pool->idle[--pool->idle_count];
    atomic_store_explicit(&pool->is_used[pair], 1, memory_order_relaxed);
    *out = (uint16_t)(pool->first + 2 * pair);
    return ERR_NONE;
}

void port_pool_give(struct port_pool *pool, uint16_t port, msec now)
{
    unsigned pair = (unsigned)(port - pool->first) / 2;
    unsigned last = (pool->resting_first + pool->resting_count) % pool->pair_count;

    atomic_store_explicit(&pool->is_used[pair], 0, memory_order_relaxed);
    pool->resting[last] = (struct port_rest){ now + pool->rest, (uint16_t)pair };
    pool->resting_count++;
}

bool port_pool_has(const struct port_pool *pool, uint16_t port)
{
    unsigned pair = (unsigned)(port - pool->first) / 2;

    if (port < pool->first || pair >= pool->pair_count)
        return false;
    return atomic_load_explicit(&pool->is_used[pair], memory_order_relaxed);
}

unsigned port_pool_used(const struct port_pool *pool)
{
    return pool->pair_count - pool->idle_count - pool->resting_count;
}
