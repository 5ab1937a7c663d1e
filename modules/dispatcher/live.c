/* SPDX-License-Identifier: Apache-2.0 */
/* What is learned of destinations. */
#include <stdlib.h>

#include "sets.h"

static unsigned bucket_of(int64_t set, struct str uri)
{
    uint32_t hash = 2166136261U ^ (uint32_t)set;

    for (size_t i = 0; i < uri.len; i++)
        hash = (hash ^ (unsigned char)uri.ptr[i]) * 16777619U;
    return (hash ^ hash >> 16) % BOOK_BUCKETS;
}

static struct live *live_create(int64_t set, struct str uri)
{
    struct live *live = calloc(1, sizeof *live + uri.len);

    if (!live)
        return NULL;
    memcpy(live + 1, uri.ptr, uri.len);
    live->uri = (struct str){ (const char *)(live + 1), uri.len };
    live->set = set;
    return live;
}

struct live *book_find(struct book *book, int64_t set, struct str uri, bool *is_new)
{
    struct live **link = &book->buckets[bucket_of(set, uri)];

    while (*link && ((*link)->set != set || !str_eq((*link)->uri, uri)))
        link = &(*link)->next;
    *is_new = !*link;
    if (!*link && (*link = live_create(set, uri)))
        (*link)->number = ++book->count;
    return *link;
}

void book_fini(struct book *book)
{
    struct live *next;

    for (unsigned i = 0; i < BOOK_BUCKETS; i++)
        for (struct live *live = book->buckets[i]; live; live = next) {
            next = live->next;
            free(live);
        }
}

/* ---- state ---- */

static bool has_turned(uint32_t before, uint32_t after, bool *is_up)
{
    *is_up = state_is_usable(after);
    return state_is_usable(before) != *is_up;
}

bool live_fails(struct live *live, const struct state_rules *rules, bool *is_up)
{
    uint32_t before = live->state, after;

    do
        after = state_after_failure(before, rules);
    while (!atomic_compare_exchange_weak(&live->state, &before, after));
    return has_turned(before, after, is_up);
}

bool live_answers(struct live *live, const struct state_rules *rules, bool *is_up)
{
    uint32_t before = live->state, after;

    do
        after = state_after_answer(before, rules);
    while (!atomic_compare_exchange_weak(&live->state, &before, after));
    return has_turned(before, after, is_up);
}

bool live_is_ordered(struct live *live, unsigned flags, bool *is_up)
{
    uint32_t before = live->state, after;

    do
        after = state_after_order(before, flags);
    while (!atomic_compare_exchange_weak(&live->state, &before, after));
    return has_turned(before, after, is_up);
}

/* ---- delays ---- */

static uint32_t distance(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}

/* The mean of all so far; the first stands for itself. */
static uint32_t mean(uint32_t old, uint32_t sample, uint32_t count)
{
    return sample > old ? old + (sample - old) / count : old - (old - sample) / count;
}

void live_notes_delay(struct live *live, uint32_t delay, unsigned keep)
{
    uint32_t count = live->answered + 1;
    uint64_t estimate = ((uint64_t)live->estimate * keep + (uint64_t)delay * (1000 - keep)) / 1000;

    live->estimate = count == 1 ? delay : (uint32_t)estimate;
    live->average = mean(live->average, delay, count);
    live->deviation = count == 1 ? 0 : mean(live->deviation, distance(delay, live->average), count);
    if (delay > live->longest)
        live->longest = delay;
    live->answered = count;
}
