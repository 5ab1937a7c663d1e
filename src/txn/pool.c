/* SPDX-License-Identifier: Apache-2.0 */
#include "txn/pool.h"

#include <stdlib.h>

enum {
    FREE_MAX = 4096, /* blocks kept a class */
};

#ifdef __SANITIZE_ADDRESS__
static const bool keeps_blocks = false; /* so that a use after the end is seen */
#else
static const bool keeps_blocks = true;
#endif

struct txn_pool_block {
    struct txn_pool_block *next;
};

void txn_pool_init(struct txn_pool *pool, uint64_t *live_bytes)
{
    *pool = (struct txn_pool){ .live_bytes = live_bytes };
}

void txn_pool_fini(struct txn_pool *pool)
{
    struct txn_pool_block *block;

    for (unsigned i = 0; i < TXN_POOL_CLASSES; i++) {
        while ((block = pool->free[i])) {
            pool->free[i] = block->next;
            free(block);
        }
        pool->free_count[i] = 0;
    }
}

/* Transactions are a little smaller than the first, messages anywhere between the others. */
static const uint16_t sizes[TXN_POOL_CLASSES] = { 320,  512,  768,  1024, 1536,
                                                  2048, 3072, 4096, 8192, 16384 };

/* The class and the size of its blocks; TXN_POOL_CLASSES for what no class holds. */
static unsigned class_of(size_t size, size_t *block_size)
{
    unsigned class_index = 0;

    while (class_index < TXN_POOL_CLASSES && sizes[class_index] < size)
        class_index++;
    *block_size = class_index < TXN_POOL_CLASSES ? sizes[class_index] : size;
    return class_index;
}

void *txn_pool_take(struct txn_pool *pool, size_t size)
{
    size_t block_size;
    unsigned class_index = class_of(size, &block_size);
    struct txn_pool_block *block = class_index < TXN_POOL_CLASSES ? pool->free[class_index] : NULL;

    if (block) {
        pool->free[class_index] = block->next;
        pool->free_count[class_index]--;
    } else {
        block = malloc(block_size);
    }
    if (block)
        *pool->live_bytes += block_size;
    return block;
}

void txn_pool_give(struct txn_pool *pool, void *memory, size_t size)
{
    struct txn_pool_block *block = memory;
    size_t block_size;
    unsigned class_index = class_of(size, &block_size);

    if (!block)
        return;
    *pool->live_bytes -= block_size;
    if (keeps_blocks && class_index < TXN_POOL_CLASSES &&
        pool->free_count[class_index] < FREE_MAX) {
        block->next = pool->free[class_index];
        pool->free[class_index] = block;
        pool->free_count[class_index]++;
    } else {
        free(block);
    }
}

void txn_bytes_clear(struct txn_pool *pool, struct txn_bytes *bytes)
{
    txn_pool_give(pool, bytes->ptr, bytes->size);
    *bytes = (struct txn_bytes){ 0 };
}

enum err txn_bytes_set(struct txn_pool *pool, struct txn_bytes *bytes, struct str head,
                       struct str tail)
{
    struct txn_bytes fresh = { 0 };

    if (head.len > UINT32_MAX / 2 || tail.len > UINT32_MAX / 2)
        return ERR_LIMIT;
    fresh.len = (uint32_t)(head.len + tail.len);
    fresh.size = fresh.len ? fresh.len : 1;
    fresh.ptr = txn_pool_take(pool, fresh.size);
    if (!fresh.ptr) {
        txn_bytes_clear(pool, bytes);
        return ERR_NOMEM;
    }
    if (head.len)
        memcpy(fresh.ptr, head.ptr, head.len);
    if (tail.len)
        memcpy(fresh.ptr + head.len, tail.ptr, tail.len);
    txn_bytes_clear(pool, bytes);
    *bytes = fresh;
    return ERR_NONE;
}
