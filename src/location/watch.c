/* SPDX-License-Identifier: Apache-2.0 */
#include "location/shards.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <culvert/log.h>

/* A copy of the current list without the entry of `context`, with room for one more. */
static struct watchers *copy_without(struct watchers *old, const void *context)
{
    unsigned count = old ? old->count : 0;
    struct watchers *copy = malloc(sizeof *copy + (count + 1) * sizeof(struct watcher));

    if (!copy)
        return NULL;
    *copy = (struct watchers){ .older = old };
    for (unsigned i = 0; i < count; i++)
        if (old->entries[i].context != context)
            copy->entries[copy->count++] = old->entries[i];
    return copy;
}

/* When each shard was free once, nobody is in a list that was replaced before. */
static void wait_for_readers(struct location *location)
{
    for (unsigned i = 0; i < SHARDS; i++) {
        lock_take(&location->shards[i].lock);
        lock_give(&location->shards[i].lock);
    }
}

void location_watch(struct location *location, location_watch_fn *watch, void *context)
{
    struct watchers *fresh;

    lock_take(&location->names_lock);
    fresh = copy_without(location->watchers, context);
    if (fresh && watch)
        fresh->entries[fresh->count++] = (struct watcher){ watch, context };
    if (fresh)
        atomic_store_explicit(&location->watchers, fresh, memory_order_release);
    else
        log_error("location: no memory to watch the bindings");
    lock_give(&location->names_lock);
    wait_for_readers(location);
}
