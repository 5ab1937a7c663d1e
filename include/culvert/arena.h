/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Memory with one lifetime: everything taken from an arena is released with it. The limit is the
 * protection against input that asks for too much: beyond it every allocation fails with NULL.
 * Blocks come from a pool that belongs to one worker, so the steady state calls no malloc.
 */
#include <culvert/str.h>

struct arena_block;
struct arena_end;

/* Blocks kept for reuse. Belongs to one thread. */
struct arena_pool {
    struct arena_block *free;
    unsigned free_count;
    unsigned free_max; /* blocks kept at most; more go back to the system */
    size_t live_bytes; /* handed out to arenas now: for counters and leak checks */
};

struct arena {
    struct arena_pool *pool; /* NULL: blocks come straight from malloc */
    struct arena_block *blocks;
    struct arena_end *ends; /* what arena_at_end() was told */
    size_t total; /* bytes held, never above limit */
    size_t limit;
    bool was_refused; /* something was asked for beyond the limit */
};

void arena_pool_init(struct arena_pool *pool, unsigned free_max);
/* Frees the kept blocks; arenas that still use the pool must be gone. */
void arena_pool_fini(struct arena_pool *pool);

void arena_init(struct arena *arena, struct arena_pool *pool, size_t limit);
/* Releases everything; the arena may be used again afterwards. */
void arena_fini(struct arena *arena);

/* Aligned for any object, not cleared; NULL when the limit or the memory is reached. */
void *arena_alloc(struct arena *arena, size_t size);
/* The same, cleared. */
void *arena_zalloc(struct arena *arena, size_t size);
/* Calls release(object) when the arena ends, before its memory goes; what came last goes first. */
MUST_USE enum err arena_at_end(struct arena *arena, void (*release)(void *object), void *object);
/* Copies bytes that must outlive what they were parsed from. */
MUST_USE enum err str_copy(struct arena *arena, struct str from, struct str *out);
/* Formats into the arena. */
MUST_USE enum err str_print(struct arena *arena, struct str *out, const char *format, ...)
    PRINTF_LIKE(3, 4);
