/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How often each source has asked lately, in memory that never grows: sets of a few places, in which
 * the source that was quiet for the longest time makes room. Any thread may call. An IPv6 source is
 * its /64, for a site has as many addresses in it as it likes.
 */
#include <culvert/addr.h>
#include <culvert/timer.h>

struct sources;

struct sources_limits {
    msec unit;        /* the time in which so many requests… */
    uint32_t density; /* …are let through */
    msec memory;      /* a source that was quiet for so long is a new one */
};

enum source_state {
    SOURCE_QUIET,
    SOURCE_FLOODS_NOW, /* since this very request */
    SOURCE_FLOODS,
    SOURCE_CALMED,     /* quiet since this very request */
};

struct source_view {
    struct addr addr;
    uint32_t before, now; /* requests in the unit before and in this one */
    bool floods;
};

MUST_USE enum err sources_create(const struct sources_limits *limits, uint64_t seed,
                                 struct sources **out);
void sources_destroy(struct sources *sources);
/* Counts a request. */
enum source_state sources_count(struct sources *sources, const struct addr *addr, msec now);
/* All that have been heard of within the memory; a set of places is locked meanwhile. */
void sources_each(struct sources *sources, msec now,
                  void (*tell)(void *context, const struct source_view *source), void *context);
