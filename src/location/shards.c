/* SPDX-License-Identifier: Apache-2.0 */
#include "location/shards.h"

#include <stdatomic.h>
#include <stdlib.h>

static enum err create_shards(struct location *location)
{
    location->shards = aligned_alloc(CACHE_LINE, SHARDS * sizeof(struct shard));
    if (!location->shards)
        return ERR_NOMEM;
    memset(location->shards, 0, SHARDS * sizeof(struct shard));
    for (unsigned i = 0; i < SHARDS; i++)
        lock_init(&location->shards[i].lock);
    return ERR_NONE;
}

static enum err create_links(struct location *location)
{
    location->links = aligned_alloc(CACHE_LINE, SHARDS * sizeof(struct link_shard));
    if (!location->links)
        return ERR_NOMEM;
    memset(location->links, 0, SHARDS * sizeof(struct link_shard));
    for (unsigned i = 0; i < SHARDS; i++)
        lock_init(&location->links[i].lock);
    return ERR_NONE;
}

static enum err create_ruids(struct location *location)
{
    location->ruids = aligned_alloc(CACHE_LINE, SHARDS * sizeof(struct ruid_shard));
    if (!location->ruids)
        return ERR_NOMEM;
    memset(location->ruids, 0, SHARDS * sizeof(struct ruid_shard));
    for (unsigned i = 0; i < SHARDS; i++)
        lock_init(&location->ruids[i].lock);
    return ERR_NONE;
}

enum err location_create(struct random_source *random, struct location **out)
{
    enum err err;
    struct location *location = calloc(1, sizeof *location);

    if (!location)
        return ERR_NOMEM;
    location->random = random;
    hash_key_random(random, &location->key);
    lock_init(&location->random_lock);
    lock_init(&location->names_lock);
    if ((err = create_shards(location)))
        goto fail;
    if ((err = create_ruids(location)) || (err = create_links(location)))
        goto fail;
    *out = location;
    return ERR_NONE;

fail:
    location_destroy(location);
    return err;
}

static void destroy_aor(struct aor *aor)
{
    struct slot *slot;

    while ((slot = aor->first)) {
        aor->first = slot->next;
        free(slot->link);
        free(slot);
    }
    free(aor);
}

static void destroy_shards(struct location *location)
{
    if (!location->shards)
        return;
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *shard = &location->shards[i];
        struct table_walk walk = { 0 };
        struct table_node *node;

        while ((node = table_each(&shard->aors, &walk)))
            destroy_aor(CONTAINER_OF(node, struct aor, node));
        table_fini(&shard->aors);
        lock_fini(&shard->lock);
    }
    free(location->shards);
}

/* The links themselves went with their bindings. */
static void destroy_links(struct location *location)
{
    if (!location->links)
        return;
    for (unsigned i = 0; i < SHARDS; i++) {
        struct link_shard *part = &location->links[i];
        struct table_walk walk = { 0 };
        struct table_node *node;

        while ((node = table_each(&part->wires, &walk)))
            free(CONTAINER_OF(node, struct wire, node));
        table_fini(&part->wires);
        lock_fini(&part->lock);
    }
    free(location->links);
}

static void destroy_ruids(struct location *location)
{
    if (!location->ruids)
        return;
    for (unsigned i = 0; i < SHARDS; i++) {
        table_fini(&location->ruids[i].slots);
        lock_fini(&location->ruids[i].lock);
    }
    free(location->ruids);
}

static void destroy_watchers(struct watchers *watchers)
{
    while (watchers) {
        struct watchers *older = watchers->older;

        free(watchers);
        watchers = older;
    }
}

static void destroy_names(struct location *location)
{
    for (unsigned i = 0; i < location->name_count; i++)
        free(location->names[i]);
}

void location_destroy(struct location *location)
{
    if (!location)
        return;
    destroy_links(location);
    destroy_ruids(location);
    destroy_shards(location);
    destroy_watchers(location->watchers);
    destroy_names(location);
    lock_fini(&location->random_lock);
    lock_fini(&location->names_lock);
    free(location);
}

/* --- table names --- */

struct str table_name_text(const struct location *location, unsigned table)
{
    return (struct str){ location->names[table]->text, location->names[table]->length };
}

/* Names are only ever added, so that those below the count can be read without a lock. */
static bool find_name(struct location *location, struct str table, unsigned *out)
{
    unsigned count = atomic_load_explicit(&location->name_count, memory_order_acquire);

    for (unsigned i = 0; i < count; i++) {
        if (str_eq(table_name_text(location, i), table)) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* With the lock of the names. */
static enum err add_name(struct location *location, struct str table, unsigned *out)
{
    unsigned count = location->name_count;
    struct table_name *name;

    if (find_name(location, table, out))
        return ERR_NONE;
    if (count == TABLE_NAMES_MAX)
        return ERR_LIMIT;
    name = malloc(sizeof *name + table.len);
    if (!name)
        return ERR_NOMEM;
    name->length = table.len;
    if (table.len)
        memcpy(name->text, table.ptr, table.len);
    location->names[count] = name;
    atomic_store_explicit(&location->name_count, count + 1, memory_order_release);
    *out = count;
    return ERR_NONE;
}

static enum err make_name(struct location *location, struct str table, unsigned *out)
{
    enum err err;

    if (find_name(location, table, out))
        return ERR_NONE;
    lock_take(&location->names_lock);
    err = add_name(location, table, out);
    lock_give(&location->names_lock);
    return err;
}

/* --- AoRs --- */

static struct aor_key make_key(const struct location *location, unsigned table, struct str aor)
{
    return (struct aor_key){ aor, table, hash_str(&location->key, aor) };
}

enum err aor_key_find(struct location *location, struct str table, struct str aor,
                      struct aor_key *out)
{
    unsigned index;

    if (!find_name(location, table, &index))
        return ERR_NOT_FOUND;
    *out = make_key(location, index, aor);
    return ERR_NONE;
}

enum err aor_key_make(struct location *location, struct str table, struct str aor,
                      struct aor_key *out)
{
    unsigned index;
    enum err err;

    if (aor.len > UINT16_MAX)
        return ERR_LIMIT;
    if ((err = make_name(location, table, &index)))
        return err;
    *out = make_key(location, index, aor);
    return ERR_NONE;
}

/* By the highest bits: the tables use the lowest. */
struct shard *shard_of(struct location *location, uint64_t hash)
{
    return &location->shards[hash >> (64 - SHARD_BITS)];
}

struct aor *shard_find(const struct shard *shard, const struct aor_key *key)
{
    struct table_node *node;

    for (node = table_find_first(&shard->aors, key->hash); node; node = table_find_next(node)) {
        struct aor *aor = CONTAINER_OF(node, struct aor, node);

        if (aor->table == key->table && str_eq((struct str){ aor->text, aor->length }, key->text))
            return aor;
    }
    return NULL;
}

static size_t aor_cost(const struct aor *aor)
{
    return block_cost(sizeof *aor + aor->length);
}

enum err shard_add(struct shard *shard, const struct aor_key *key, struct aor **out)
{
    struct aor *aor = malloc(sizeof *aor + key->text.len);
    enum err err;

    if (!aor)
        return ERR_NOMEM;
    *aor = (struct aor){ .length = (uint16_t)key->text.len, .table = (uint8_t)key->table };
    if (key->text.len)
        memcpy(aor->text, key->text.ptr, key->text.len);
    if ((err = table_insert(&shard->aors, &aor->node, key->hash))) {
        free(aor);
        return err;
    }
    shard->bytes += aor_cost(aor);
    *out = aor;
    return ERR_NONE;
}

void shard_prune(struct shard *shard, struct aor *aor)
{
    if (aor->first)
        return;
    table_remove(&shard->aors, &aor->node);
    shard->bytes -= aor_cost(aor);
    free(aor);
}

void shard_report(struct location *location, enum location_event event, const struct slot *slot)
{
    const struct watchers *watchers =
        atomic_load_explicit(&location->watchers, memory_order_acquire);
    struct binding binding;

    if (!watchers)
        return;
    slot_view(location, slot, &binding);
    for (unsigned i = 0; i < watchers->count; i++)
        watchers->entries[i].watch(watchers->entries[i].context, event, &binding);
}

static void count_in(struct location *location, struct shard *shard, struct slot *slot)
{
    link_add(location, slot);
    shard->bindings++;
    shard->bytes += slot_cost(slot);
    atomic_fetch_add_explicit(&location->bindings, 1, memory_order_relaxed);
}

void shard_enter(struct location *location, struct shard *shard, struct slot *slot)
{
    slot_link(slot);
    count_in(location, shard, slot);
}

void shard_replace(struct location *location, struct shard *shard, struct slot *old, struct slot *fresh)
{
    slot_link_in_place_of(fresh, old);
    shard_leave(location, shard, old);
    count_in(location, shard, fresh);
}

void shard_leave(struct location *location, struct shard *shard, struct slot *slot)
{
    link_remove(location, slot);
    slot_unlink(slot);
    shard->bindings--;
    shard->bytes -= slot_cost(slot);
    atomic_fetch_sub_explicit(&location->bindings, 1, memory_order_relaxed);
    free(slot);
}

void shard_drop(struct location *location, struct shard *shard, struct slot *slot,
                enum location_event event)
{
    shard_report(location, event, slot);
    ruid_remove(location, slot);
    shard_leave(location, shard, slot);
}

void shard_expire(struct location *location, struct shard *shard, struct aor *aor, msec now)
{
    struct slot *next;

    for (struct slot *slot = aor->first; slot; slot = next) {
        next = slot->next;
        if (!slot_is_over(slot, now))
            continue;
        shard_drop(location, shard, slot, BINDING_EXPIRED);
        shard->expired++;
    }
}
