/* SPDX-License-Identifier: Apache-2.0 */
#include "base/table.h"

#include <stdlib.h>

enum {
    BUCKETS_MIN = 16,
};

void table_init(struct table *table)
{
    *table = (struct table){ 0 };
}

void table_fini(struct table *table)
{
    free(table->buckets);
    table_init(table);
}

static struct table_node **bucket_of(const struct table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static void link_node(struct table *table, struct table_node *node)
{
    struct table_node **bucket = bucket_of(table, node->hash);

    node->next = *bucket;
    *bucket = node;
}

/* Moves all nodes to twice as many buckets; leaves the table as it is when there is no memory. */
static void grow(struct table *table)
{
    size_t bucket_count = table->bucket_count ? 2 * table->bucket_count : BUCKETS_MIN;
    struct table grown = { .count = table->count, .bucket_count = bucket_count };
    struct table_walk walk = { 0 };
    struct table_node *node;

    grown.buckets = calloc(bucket_count, sizeof(struct table_node *));
    if (!grown.buckets)
        return;
    while ((node = table_each(table, &walk)))
        link_node(&grown, node);
    free(table->buckets);
    *table = grown;
}

enum err table_insert(struct table *table, struct table_node *node, uint64_t hash)
{
    if (table->count >= table->bucket_count)
        grow(table);
    if (!table->buckets)
        return ERR_NOMEM;
    node->hash = hash;
    link_node(table, node);
    table->count++;
    return ERR_NONE;
}

void table_remove(struct table *table, struct table_node *node)
{
    struct table_node **link = bucket_of(table, node->hash);

    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    node->next = NULL;
    table->count--;
}

static struct table_node *first_of_hash(struct table_node *node, uint64_t hash)
{
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

struct table_node *table_find_first(const struct table *table, uint64_t hash)
{
    return table->buckets ? first_of_hash(*bucket_of(table, hash), hash) : NULL;
}

struct table_node *table_find_next(const struct table_node *node)
{
    return first_of_hash(node->next, node->hash);
}

size_t table_count(const struct table *table)
{
    return table->count;
}

struct table_node *table_each(const struct table *table, struct table_walk *walk)
{
    struct table_node *node;

    while (!walk->next && walk->bucket < table->bucket_count)
        walk->next = table->buckets[walk->bucket++];
    node = walk->next;
    walk->next = node ? node->next : NULL;
    return node;
}
