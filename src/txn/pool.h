/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Blocks of a few sizes, kept for reuse: transactions and the bytes that they send. The caller
 * remembers the size that it asked for. Under AddressSanitizer nothing is kept.
 */
#include <culvert/str.h>

enum {
    TXN_POOL_CLASSES = 10,
};

struct txn_pool_block;

struct txn_pool {
    struct txn_pool_block *free[TXN_POOL_CLASSES];
    unsigned free_count[TXN_POOL_CLASSES];
    uint64_t *live_bytes; /* the owner's count of what is handed out now */
};

void txn_pool_init(struct txn_pool *pool, uint64_t *live_bytes);
/* Frees the kept blocks. */
void txn_pool_fini(struct txn_pool *pool);
/* Not cleared; NULL when out of memory. */
void *txn_pool_take(struct txn_pool *pool, size_t size);
/* NULL is fine. */
void txn_pool_give(struct txn_pool *pool, void *block, size_t size);

/* Bytes from a pool. Zeroed: nothing. */
struct txn_bytes {
    char *ptr;
    uint32_t len;
    uint32_t size; /* of the block */
};

static inline struct str txn_bytes_text(const struct txn_bytes *bytes)
{
    return (struct str){ bytes->ptr, bytes->len };
}

/* Replaces what was there by a copy of two pieces; out of memory it is empty. */
MUST_USE enum err txn_bytes_set(struct txn_pool *pool, struct txn_bytes *bytes, struct str head,
                                struct str tail);
void txn_bytes_clear(struct txn_pool *pool, struct txn_bytes *bytes);
