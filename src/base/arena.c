/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/arena.h>

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BLOCK_SIZE = 2048, /* of the blocks that the pool keeps */
    ALIGNMENT = 16,
};

struct arena_block {
    struct arena_block *next;
    size_t size; /* of bytes */
    size_t used;
    alignas(ALIGNMENT) char bytes[];
};

/* Something to release with the arena. */
struct arena_end {
    struct arena_end *next;
    void (*release)(void *object);
    void *object;
};

void arena_pool_init(struct arena_pool *pool, unsigned free_max)
{
    *pool = (struct arena_pool){ .free_max = free_max };
}

void arena_pool_fini(struct arena_pool *pool)
{
    struct arena_block *block;

    while ((block = pool->free)) {
        pool->free = block->next;
        free(block);
    }
    pool->free_count = 0;
}

static struct arena_block *pool_take(struct arena_pool *pool)
{
    struct arena_block *block = pool->free;

    if (block) {
        pool->free = block->next;
        pool->free_count--;
    }
    return block;
}

static void pool_give(struct arena_pool *pool, struct arena_block *block)
{
    block->next = pool->free;
    pool->free = block;
    pool->free_count++;
}

static struct arena_block *block_create(struct arena_pool *pool, size_t size)
{
    struct arena_block *block = NULL;

    if (pool && size == BLOCK_SIZE)
        block = pool_take(pool);
    if (!block && size <= SIZE_MAX - sizeof *block)
        block = malloc(sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    block->used = 0;
    if (pool)
        pool->live_bytes += size;
    return block;
}

static void block_destroy(struct arena_pool *pool, struct arena_block *block)
{
    if (pool)
        pool->live_bytes -= block->size;
    if (pool && block->size == BLOCK_SIZE && pool->free_count < pool->free_max)
        pool_give(pool, block);
    else
        free(block);
}

void arena_init(struct arena *arena, struct arena_pool *pool, size_t limit)
{
    *arena = (struct arena){ .pool = pool, .limit = limit };
}

enum err arena_at_end(struct arena *arena, void (*release)(void *object), void *object)
{
    struct arena_end *end = arena_alloc(arena, sizeof *end);

    if (!end)
        return ERR_NOMEM;
    *end = (struct arena_end){ arena->ends, release, object };
    arena->ends = end;
    return ERR_NONE;
}

static void release_ends(struct arena *arena)
{
    while (arena->ends) {
        struct arena_end *end = arena->ends;

        arena->ends = end->next;
        end->release(end->object);
    }
}

void arena_fini(struct arena *arena)
{
    struct arena_block *block;

    release_ends(arena);
    while ((block = arena->blocks)) {
        arena->blocks = block->next;
        block_destroy(arena->pool, block);
    }
    arena->total = 0;
}

/* Takes size bytes from the block; NULL when they do not fit. */
static void *block_take(struct arena_block *block, size_t size)
{
    size_t start = (block->used + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);

    if (start > block->size || size > block->size - start)
        return NULL;
    block->used = start + size;
    return block->bytes + start;
}

/* A large request fills a block of its own behind the newest, which goes on serving small ones. */
static void arena_link(struct arena *arena, struct arena_block *block)
{
    struct arena_block **link = &arena->blocks;

    if (block->size > BLOCK_SIZE && *link)
        link = &(*link)->next;
    block->next = *link;
    *link = block;
    arena->total += block->size;
}

/* Adds a block with room for size bytes; near the limit it is as large as the limit allows. */
static struct arena_block *arena_grow(struct arena *arena, size_t size)
{
    size_t left = arena->limit - arena->total;
    size_t wanted = left < BLOCK_SIZE ? left : BLOCK_SIZE;
    struct arena_block *block;

    if (size > left) {
        arena->was_refused = true;
        return NULL;
    }
    block = block_create(arena->pool, size > wanted ? size : wanted);
    if (block)
        arena_link(arena, block);
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->blocks;
    void *bytes = NULL;

    if (size == 0)
        size = 1;
    if (block)
        bytes = block_take(block, size);
    if (bytes)
        return bytes;
    block = arena_grow(arena, size);
    return block ? block_take(block, size) : NULL;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *bytes = arena_alloc(arena, size);

    if (bytes)
        memset(bytes, 0, size);
    return bytes;
}

enum err str_copy(struct arena *arena, struct str from, struct str *out)
{
    char *bytes;

    if (from.len == 0) {
        *out = (struct str){ from.ptr ? "" : NULL, 0 };
        return ERR_NONE;
    }
    bytes = arena_alloc(arena, from.len);
    if (!bytes)
        return ERR_NOMEM;
    memcpy(bytes, from.ptr, from.len);
    *out = (struct str){ bytes, from.len };
    return ERR_NONE;
}

static int text_length(const char *format, va_list args)
{
    va_list copy;
    int length;

    va_copy(copy, args);
    length = vsnprintf(NULL, 0, format, copy);
    va_end(copy);
    return length;
}

static enum err print_args(struct arena *arena, struct str *out, const char *format, va_list args)
{
    int length = text_length(format, args);
    char *bytes;

    if (length < 0)
        return ERR_LIMIT;
    bytes = arena_alloc(arena, (size_t)length + 1);
    if (!bytes)
        return ERR_NOMEM;
    vsnprintf(bytes, (size_t)length + 1, format, args);
    *out = (struct str){ bytes, (size_t)length };
    return ERR_NONE;
}

enum err str_print(struct arena *arena, struct str *out, const char *format, ...)
{
    va_list args;
    enum err err;

    va_start(args, format);
    err = print_args(arena, out, format, args);
    va_end(args);
    return err;
}
