/* SPDX-License-Identifier: Apache-2.0 */
#include "choose.h"

enum {
    NOBODY = UINT32_MAX,
    MSEC = 1000, /* microseconds */
};

uint64_t hash_on(uint64_t hash, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * 1099511628211ULL;
    return hash;
}

/* The low bits of FNV alone are poorly spread. */
unsigned hash_slot(uint64_t hash, unsigned count)
{
    return (unsigned)((hash ^ hash >> 29) % count);
}

/* ---- who comes first ---- */

typedef int64_t share_fn(const struct dest *dest);

static int64_t weight_of(const struct dest *dest)
{
    return dest->weight;
}

/* With cc=1, what its answers delay more than usual counts against it, a point a millisecond. */
static int64_t relative_weight_of(const struct dest *dest)
{
    const struct live *live = dest->live;
    int64_t congestion = ((int64_t)live->estimate - (int64_t)live->average) / MSEC;

    if (!live_is_usable(live))
        return 0;
    if (!dest->has_congestion_control || congestion <= 0)
        return dest->rweight;
    return congestion < dest->rweight ? dest->rweight - congestion : dest->rweight > 0;
}

/* Somebody by the shares; when nobody has one, all are equal. */
static unsigned pick_by_share(const struct set *set, unsigned count, share_fn *share,
                              struct random_source *random)
{
    uint64_t total = 0, point;
    unsigned i = 0;

    for (unsigned j = 0; j < count; j++)
        total += (uint64_t)share(&set->dests[j]);
    if (total == 0)
        return random_below(random, count);
    point = random_u64(random) % total;
    while (point >= (uint64_t)share(&set->dests[i]))
        point -= (uint64_t)share(&set->dests[i++]);
    return i;
}

static bool has_room(const struct dest *dest)
{
    return dest->maxload == 0 || dest->live->calls < dest->maxload;
}

static unsigned pick_by_load(const struct set *set, unsigned count)
{
    unsigned best = NOBODY;

    for (unsigned i = 0; i < count; i++) {
        const struct dest *dest = &set->dests[i];
        if (live_is_usable(dest->live) && has_room(dest) &&
            (best == NOBODY || dest->live->calls < set->dests[best].live->calls))
            best = i;
    }
    return best;
}

static int64_t delayed_priority(const struct dest *dest)
{
    int64_t delay = dest->live->estimate / MSEC;

    return dest->priority > 0 ? dest->priority - delay / dest->priority : dest->priority;
}

/* The n-th of those that are as good as the best. */
static unsigned pick_by_delay(const struct set *set, unsigned count, unsigned turn)
{
    int64_t best = INT64_MIN;
    unsigned equals = 0, i = 0;

    for (unsigned j = 0; j < count; j++) {
        int64_t priority = delayed_priority(&set->dests[j]);
        if (!live_is_usable(set->dests[j].live) || priority < best)
            continue;
        equals = priority > best ? 1 : equals + 1;
        best = priority;
    }
    if (equals == 0)
        return NOBODY;
    for (unsigned skip = turn % equals; i < count; i++)
        if (live_is_usable(set->dests[i].live) && delayed_priority(&set->dests[i]) == best && skip-- == 0)
            break;
    return i < count ? i : 0; /* somebody fell out meanwhile */
}

static unsigned take_turn(struct set *set)
{
    return atomic_fetch_add_explicit(&set->turn, 1, memory_order_relaxed);
}

static unsigned pick(struct set *set, unsigned count, const struct choice *choice)
{
    switch (choice->pick) {
    case PICK_HASH:
        return hash_slot(choice->key, count);
    case PICK_TURN:
        return take_turn(set) % count;
    case PICK_RANDOM:
        return random_below(choice->random, count);
    case PICK_WEIGHT:
        return pick_by_share(set, count, weight_of, choice->random);
    case PICK_RELATIVE:
        return pick_by_share(set, count, relative_weight_of, choice->random);
    case PICK_LOAD:
        return pick_by_load(set, count);
    case PICK_DELAY:
        return pick_by_delay(set, count, take_turn(set));
    case PICK_FIRST:
        break;
    }
    return 0;
}

/* ---- who comes after ---- */

static bool is_eligible(const struct dest *dest, const struct choice *choice)
{
    return live_is_usable(dest->live) && (choice->pick != PICK_LOAD || has_room(dest));
}

unsigned choose(struct set *set, const struct choice *choice, struct dest **out)
{
    unsigned count = set->count - (choice->has_default && set->count > 1 ? 1 : 0), found = 0;
    unsigned limit = choice->limit ? choice->limit : set->count;
    unsigned first = count ? pick(set, count, choice) : NOBODY;

    for (unsigned i = 0; first != NOBODY && i < count && found < limit; i++) {
        struct dest *dest = &set->dests[(first + i) % count];
        if (is_eligible(dest, choice))
            out[found++] = dest;
    }
    if (count < set->count && found < limit && is_eligible(&set->dests[count], choice))
        out[found++] = &set->dests[count];
    return found;
}
