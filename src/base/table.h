/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An intrusive hash table: nodes are members of the objects of the caller, who owns them, computes
 * the hash (base/hash.h) and compares the keys. Several nodes may have the same hash.
 *
 *     for (node = table_find_first(table, hash); node; node = table_find_next(node))
 *         if (str_eq(CONTAINER_OF(node, struct binding, node)->aor, aor)) …
 */
#include <stddef.h>
#include <stdint.h>

#include <culvert/err.h>

struct table_node {
    struct table_node *next;
    uint64_t hash;
};

struct table {
    struct table_node **buckets; /* NULL until the first insert */
    size_t bucket_count;         /* a power of two */
    size_t count;
};

/* A position of table_each; starts zeroed. */
struct table_walk {
    size_t bucket; /* of the bucket to look at next */
    struct table_node *next;
};

void table_init(struct table *table);
/* Frees the buckets and forgets the nodes; the table may be used again afterwards. */
void table_fini(struct table *table);

/* ERR_NOMEM only when an empty table cannot get its first buckets. */
MUST_USE enum err table_insert(struct table *table, struct table_node *node, uint64_t hash);
/* The node must be in the table. */
void table_remove(struct table *table, struct table_node *node);
/* Nodes of exactly this hash, one after the other; NULL after the last. */
struct table_node *table_find_first(const struct table *table, uint64_t hash);
struct table_node *table_find_next(const struct table_node *node);
size_t table_count(const struct table *table);
/*
 * The next node of a walk over all, in no particular order; NULL at the end. The node returned last
 * may be removed and freed; nothing else may be inserted or removed during the walk.
 */
struct table_node *table_each(const struct table *table, struct table_walk *walk);
