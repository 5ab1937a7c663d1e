/* SPDX-License-Identifier: Apache-2.0 */
#include "location/shards.h"

static struct ruid_shard *ruid_shard_of(struct location *location, uint64_t hash)
{
    return &location->ruids[hash >> (64 - SHARD_BITS)];
}

static uint64_t ruid_hash(const struct location *location, struct str ruid)
{
    return hash_str(&location->key, ruid);
}

/* With its part of the index locked. */
static struct slot *find_slot(const struct ruid_shard *part, struct str ruid, uint64_t hash)
{
    struct table_node *node;

    for (node = table_find_first(&part->slots, hash); node; node = table_find_next(node)) {
        struct slot *slot = CONTAINER_OF(node, struct slot, ruid_node);

        if (str_eq(slot_text(slot, TEXT_RUID), ruid))
            return slot;
    }
    return NULL;
}

/* The hash of the AoR that has the binding of this ruid. */
static bool find_aor_hash(struct location *location, struct str ruid, uint64_t *out)
{
    uint64_t hash = ruid_hash(location, ruid);
    struct ruid_shard *part = ruid_shard_of(location, hash);
    struct slot *slot;

    lock_take(&part->lock);
    slot = find_slot(part, ruid, hash);
    if (slot)
        *out = slot->aor->node.hash;
    lock_give(&part->lock);
    return slot != NULL;
}

struct str ruid_make(struct location *location, char buffer[static RUID_MAX])
{
    uint64_t number;
    uint64_t hash;
    struct writer w;

    do {
        w = writer_over(buffer, RUID_MAX);
        lock_take(&location->random_lock);
        number = random_u64(location->random);
        lock_give(&location->random_lock);
        write_hex(&w, &number, sizeof number);
    } while (find_aor_hash(location, writer_text(&w), &hash));
    return writer_text(&w);
}

enum err ruid_add(struct location *location, struct slot *slot)
{
    struct str ruid = slot_text(slot, TEXT_RUID);
    uint64_t hash = ruid_hash(location, ruid);
    struct ruid_shard *part = ruid_shard_of(location, hash);
    enum err err = ERR_EXISTS;

    lock_take(&part->lock);
    if (!find_slot(part, ruid, hash))
        err = table_insert(&part->slots, &slot->ruid_node, hash);
    lock_give(&part->lock);
    return err;
}

void ruid_remove(struct location *location, struct slot *slot)
{
    struct ruid_shard *part = ruid_shard_of(location, slot->ruid_node.hash);

    lock_take(&part->lock);
    table_remove(&part->slots, &slot->ruid_node);
    lock_give(&part->lock);
}

void ruid_replace(struct location *location, struct slot *old, struct slot *fresh)
{
    uint64_t hash = old->ruid_node.hash;
    struct ruid_shard *part = ruid_shard_of(location, hash);
    enum err err;

    lock_take(&part->lock);
    table_remove(&part->slots, &old->ruid_node);
    err = table_insert(&part->slots, &fresh->ruid_node, hash);
    lock_give(&part->lock);
    assert(!err); /* the buckets are there: the old one was in them */
    (void)err;
}

/* With the shard locked. */
static struct slot *find_below(const struct shard *shard, uint64_t aor_hash, struct str ruid)
{
    struct table_node *node;

    for (node = table_find_first(&shard->aors, aor_hash); node; node = table_find_next(node)) {
        struct slot *slot = CONTAINER_OF(node, struct aor, node)->first;

        for (; slot; slot = slot->next)
            if (str_eq(slot_text(slot, TEXT_RUID), ruid))
                return slot;
    }
    return NULL;
}

bool ruid_lock(struct location *location, struct str ruid, struct shard **shard, struct slot **slot)
{
    uint64_t aor_hash;

    if (!find_aor_hash(location, ruid, &aor_hash))
        return false;
    *shard = shard_of(location, aor_hash);
    lock_take(&(*shard)->lock);
    *slot = find_below(*shard, aor_hash, ruid);
    if (*slot)
        return true;
    lock_give(&(*shard)->lock);
    return false;
}
