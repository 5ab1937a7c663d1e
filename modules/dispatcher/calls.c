/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <stdlib.h>

#include "choose.h"

enum {
    CALLS_MAX = 262144,
};

struct carried {
    struct carried *next;
    struct live *live;
    msec expires_at;
    uint32_t length;
    char call_id[];
};

struct calls {
    struct calls_rules rules;
    size_t bucket_count, sweep_at;
    unsigned count;
    struct carried *buckets[];
};

struct calls *calls_create(const struct calls_rules *rules)
{
    size_t count = (size_t)1 << rules->size_bits;
    struct calls *calls = calloc(1, sizeof *calls + count * sizeof calls->buckets[0]);

    if (calls) {
        calls->rules = *rules;
        calls->bucket_count = count;
    }
    return calls;
}

static void forget(struct calls *calls, struct carried **link)
{
    struct carried *carried = *link;

    *link = carried->next;
    carried->live->calls--;
    calls->count--;
    free(carried);
}

void calls_destroy(struct calls *calls)
{
    if (!calls)
        return;
    for (size_t i = 0; i < calls->bucket_count; i++)
        while (calls->buckets[i])
            forget(calls, &calls->buckets[i]);
    free(calls);
}

static struct carried **find(struct calls *calls, struct str call_id)
{
    uint64_t hash = hash_on(HASH_START, call_id);
    struct carried **link = &calls->buckets[(hash ^ hash >> 32) % calls->bucket_count];

    while (*link && !str_eq((struct str){ (*link)->call_id, (*link)->length }, call_id))
        link = &(*link)->next;
    return link;
}

static enum err insert(struct calls *calls, struct carried **link, struct str call_id)
{
    struct carried *carried = NULL;

    if (calls->count >= CALLS_MAX)
        return ERR_LIMIT;
    if (!(carried = malloc(sizeof *carried + call_id.len)))
        return ERR_NOMEM;
    *carried = (struct carried){ .length = (uint32_t)call_id.len };
    memcpy(carried->call_id, call_id.ptr, call_id.len);
    *link = carried;
    calls->count++;
    return ERR_NONE;
}

enum err calls_add(struct calls *calls, struct str call_id, struct live *live, msec now)
{
    struct carried **link = find(calls, call_id);
    enum err err = *link ? ERR_NONE : insert(calls, link, call_id);

    if (err)
        return err;
    if ((*link)->live)
        (*link)->live->calls--;
    (*link)->live = live;
    (*link)->expires_at = now + calls->rules.first_lifetime;
    live->calls++;
    return ERR_NONE;
}

bool calls_confirm(struct calls *calls, struct str call_id, msec now)
{
    struct carried *carried = *find(calls, call_id);

    if (carried)
        carried->expires_at = now + calls->rules.lifetime;
    return carried != NULL;
}

bool calls_remove(struct calls *calls, struct str call_id)
{
    struct carried **link = find(calls, call_id);

    if (!*link)
        return false;
    forget(calls, link);
    return true;
}

void calls_sweep(struct calls *calls, msec now)
{
    size_t end = calls->sweep_at + calls->bucket_count / calls->rules.sweeps + 1;

    for (; calls->sweep_at < end && calls->sweep_at < calls->bucket_count; calls->sweep_at++)
        for (struct carried **link = &calls->buckets[calls->sweep_at]; *link;)
            if ((*link)->expires_at <= now)
                forget(calls, link);
            else
                link = &(*link)->next;
    if (calls->sweep_at >= calls->bucket_count)
        calls->sweep_at = 0;
}
