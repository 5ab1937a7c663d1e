/* SPDX-License-Identifier: Apache-2.0 */
#include "sources.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    SETS = 8192,
    WAYS = 8,
    LOCKS = 64,
    IPV6_SITE_BYTES = 8,
};

struct source {
    struct addr addr; /* family ADDR_NONE: free */
    msec seen_at;
    uint64_t unit;    /* the number of the unit that `now` counts */
    uint32_t before, now;
    bool floods;
};

struct sources {
    struct sources_limits limits;
    uint64_t seed;
    pthread_mutex_t locks[LOCKS];
    struct source places[SETS][WAYS];
};

enum err sources_create(const struct sources_limits *limits, uint64_t seed, struct sources **out)
{
    struct sources *sources = calloc(1, sizeof *sources);

    if (!sources)
        return ERR_NOMEM;
    sources->limits = *limits;
    sources->seed = seed;
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_init(&sources->locks[i], NULL);
    *out = sources;
    return ERR_NONE;
}

void sources_destroy(struct sources *sources)
{
    for (unsigned i = 0; sources && i < LOCKS; i++)
        pthread_mutex_destroy(&sources->locks[i]);
    free(sources);
}

/* What of an address counts: no port, no scope, and of IPv6 the site. */
static struct addr key_of(const struct addr *addr)
{
    struct addr key = { .family = addr->family };

    memcpy(key.ip, addr->ip, addr->family == ADDR_IPV6 ? IPV6_SITE_BYTES : 4);
    return key;
}

/* FNV-1a with a start that nobody outside knows. */
static unsigned set_of(const struct sources *sources, const struct addr *key)
{
    uint64_t hash = sources->seed;

    for (size_t i = 0; i < sizeof key->ip; i++)
        hash = (hash ^ key->ip[i]) * UINT64_C(1099511628211);
    return (unsigned)((hash ^ hash >> 32) % SETS);
}

static bool is_forgotten(const struct sources *sources, const struct source *source, msec now)
{
    return source->addr.family == ADDR_NONE || now - source->seen_at > sources->limits.memory;
}

/* Its place, or that of the one that was quiet for the longest time. */
static struct source *place_for(struct source *set, const struct addr *key)
{
    struct source *oldest = &set[0];

    for (unsigned i = 0; i < WAYS; i++) {
        if (addr_same_ip(&set[i].addr, key))
            return &set[i];
        if (set[i].addr.family == ADDR_NONE || set[i].seen_at < oldest->seen_at)
            oldest = &set[i];
    }
    return oldest;
}

static void turn_unit(const struct sources *sources, struct source *source, msec now)
{
    uint64_t unit = now / sources->limits.unit;

    if (unit == source->unit)
        return;
    source->before = unit == source->unit + 1 ? source->now : 0;
    source->now = 0;
    source->unit = unit;
}

static bool is_too_much(const struct sources *sources, const struct source *source)
{
    uint32_t density = sources->limits.density;

    return source->now > density || source->before > density ||
           ((uint64_t)source->now + source->before) / 2 > density;
}

static enum source_state judge(const struct sources *sources, struct source *source)
{
    bool flooded = source->floods;

    source->floods = is_too_much(sources, source);
    if (source->floods)
        return flooded ? SOURCE_FLOODS : SOURCE_FLOODS_NOW;
    return flooded ? SOURCE_CALMED : SOURCE_QUIET;
}

static enum source_state count(const struct sources *sources, struct source *source,
                               const struct addr *key, msec now)
{
    if (!addr_same_ip(&source->addr, key) || is_forgotten(sources, source, now))
        *source = (struct source){ .addr = *key };
    source->seen_at = now;
    turn_unit(sources, source, now);
    if (source->now < UINT32_MAX)
        source->now++;
    return judge(sources, source);
}

enum source_state sources_count(struct sources *sources, const struct addr *addr, msec now)
{
    struct addr key = key_of(addr);
    unsigned set = set_of(sources, &key);
    enum source_state state;

    pthread_mutex_lock(&sources->locks[set % LOCKS]);
    state = count(sources, place_for(sources->places[set], &key), &key, now);
    pthread_mutex_unlock(&sources->locks[set % LOCKS]);
    return state;
}

static void tell_one(const struct sources *sources, const struct source *source, msec now,
                     void (*tell)(void *context, const struct source_view *source), void *context)
{
    struct source copy = *source;
    struct source_view view;

    if (is_forgotten(sources, source, now))
        return;
    turn_unit(sources, &copy, now);
    view = (struct source_view){ copy.addr, copy.before, copy.now, is_too_much(sources, &copy) };
    tell(context, &view);
}

void sources_each(struct sources *sources, msec now,
                  void (*tell)(void *context, const struct source_view *source), void *context)
{
    for (unsigned set = 0; set < SETS; set++) {
        pthread_mutex_lock(&sources->locks[set % LOCKS]);
        for (unsigned i = 0; i < WAYS; i++)
            tell_one(sources, &sources->places[set][i], now, tell, context);
        pthread_mutex_unlock(&sources->locks[set % LOCKS]);
    }
}
