/* SPDX-License-Identifier: Apache-2.0 */
#include "location/shards.h"

#include <stdlib.h>

/* --- looking up --- */

static unsigned count_valid(const struct aor *aor, msec now)
{
    unsigned count = 0;

    for (const struct slot *slot = aor->first; slot; slot = slot->next)
        count += !slot_is_over(slot, now);
    return count;
}

/* With the shard locked. */
static enum err copy_valid(const struct location *location, const struct aor *aor, msec now,
                           struct arena *arena, struct binding **out, unsigned *count)
{
    unsigned valid = count_valid(aor, now);
    struct slot **slots;
    unsigned used = 0;
    enum err err;

    if (!valid)
        return ERR_NOT_FOUND;
    slots = arena_alloc(arena, valid * sizeof(struct slot *));
    if (!slots)
        return ERR_NOMEM;
    for (struct slot *slot = aor->first; slot; slot = slot->next)
        if (!slot_is_over(slot, now))
            slots[used++] = slot;
    if ((err = slots_copy(location, slots, valid, arena, out)))
        return err;
    *count = valid;
    return ERR_NONE;
}

enum err location_find(struct location *location, struct str table, struct str aor, msec now,
                       struct arena *arena, struct binding **out, unsigned *count)
{
    struct aor_key key;
    struct shard *shard;
    struct aor *found;
    enum err err;

    if ((err = aor_key_find(location, table, aor, &key)))
        return err;
    shard = shard_of(location, key.hash);
    lock_take(&shard->lock);
    found = shard_find(shard, &key);
    err = found ? copy_valid(location, found, now, arena, out, count) : ERR_NOT_FOUND;
    lock_give(&shard->lock);
    return err;
}

enum err location_find_ruid(struct location *location, struct str ruid, msec now,
                            struct arena *arena, struct binding **out)
{
    enum err err = ERR_NOT_FOUND;
    struct shard *shard;
    struct slot *slot;

    if (!ruid_lock(location, ruid, &shard, &slot))
        return err;
    if (!slot_is_over(slot, now))
        err = slots_copy(location, &slot, 1, arena, out);
    lock_give(&shard->lock);
    return err;
}

/* --- from a store --- */

enum {
    RESTORE_MSEC = 1000, /* stores have whole seconds */
};

static struct slot *find_ruid(struct aor *aor, struct str ruid)
{
    struct slot *slot = aor->first;

    while (slot && !str_eq(slot_text(slot, TEXT_RUID), ruid))
        slot = slot->next;
    return slot;
}

static enum err restore_new(struct location *location, struct shard *shard, struct slot *fresh)
{
    enum err err = ruid_add(location, fresh);

    if (err)
        return err;
    shard_enter(location, shard, fresh);
    return ERR_NONE;
}

static void restore_over(struct location *location, struct shard *shard, struct slot *old,
                         struct slot *fresh)
{
    ruid_replace(location, old, fresh);
    shard_replace(location, shard, old, fresh);
}

/* With the shard locked and the AoR there. */
static enum err restore_into(struct location *location, struct shard *shard, struct aor *aor,
                             const struct binding *binding)
{
    struct slot *old = find_ruid(aor, binding->ruid);
    struct slot *fresh;
    enum err err;

    if (old && binding->updated_at < old->updated_at + RESTORE_MSEC)
        return ERR_NOT_NOW;
    if ((err = slot_create(binding, aor, &fresh)))
        return err;
    if (old)
        restore_over(location, shard, old, fresh);
    else if ((err = restore_new(location, shard, fresh)))
        free(fresh);
    return err;
}

static enum err restore_locked(struct location *location, struct shard *shard,
                               const struct aor_key *key, const struct binding *binding)
{
    struct aor *aor = shard_find(shard, key);
    enum err err = ERR_NONE;

    if (!aor)
        err = shard_add(shard, key, &aor);
    if (err)
        return err;
    err = restore_into(location, shard, aor, binding);
    shard_prune(shard, aor);
    return err;
}

enum err location_restore(struct location *location, const struct binding *binding)
{
    struct binding named = *binding;
    char buffer[RUID_MAX];
    struct shard *shard;
    struct aor_key key;
    enum err err;

    if (binding->ruid.len > RUID_MAX)
        return ERR_LIMIT;
    if ((err = aor_key_make(location, binding->table, binding->aor, &key)))
        return err;
    if (str_is_empty(binding->ruid))
        named.ruid = ruid_make(location, buffer);
    shard = shard_of(location, key.hash);
    lock_take(&shard->lock);
    err = restore_locked(location, shard, &key, &named);
    lock_give(&shard->lock);
    return err;
}

/* --- removing --- */

enum err location_remove(struct location *location, struct str table, struct str aor)
{
    struct aor_key key;
    struct shard *shard;
    struct aor *found;
    enum err err;

    if ((err = aor_key_find(location, table, aor, &key)))
        return err;
    shard = shard_of(location, key.hash);
    lock_take(&shard->lock);
    found = shard_find(shard, &key);
    if (found) {
        while (found->first)
            shard_drop(location, shard, found->first, BINDING_REMOVED);
        shard_prune(shard, found);
    }
    lock_give(&shard->lock);
    return found ? ERR_NONE : ERR_NOT_FOUND;
}

enum err location_remove_ruid(struct location *location, struct str ruid)
{
    struct shard *shard;
    struct slot *slot;
    struct aor *aor;

    if (!ruid_lock(location, ruid, &shard, &slot))
        return ERR_NOT_FOUND;
    aor = slot->aor;
    shard_drop(location, shard, slot, BINDING_REMOVED);
    shard_prune(shard, aor);
    lock_give(&shard->lock);
    return ERR_NONE;
}

/* --- maintenance --- */

struct snapshot {
    struct arena arena;
    struct binding *bindings;
    unsigned count;
};

/* With the shard locked. */
static void expire_all(struct location *location, struct shard *shard, msec now)
{
    struct table_walk walk = { 0 };
    struct table_node *node;

    while ((node = table_each(&shard->aors, &walk))) {
        struct aor *aor = CONTAINER_OF(node, struct aor, node);

        shard_expire(location, shard, aor, now);
        shard_prune(shard, aor);
    }
}

/* With the shard locked. */
static enum err take_snapshot(const struct location *location, const struct shard *shard,
                              struct snapshot *out)
{
    struct table_walk walk = { 0 };
    struct table_node *node;
    struct slot **slots = arena_alloc(&out->arena, shard->bindings * sizeof(struct slot *));
    unsigned count = 0;
    enum err err;

    if (!slots)
        return ERR_NOMEM;
    while ((node = table_each(&shard->aors, &walk)))
        for (struct slot *slot = CONTAINER_OF(node, struct aor, node)->first; slot;
             slot = slot->next)
            slots[count++] = slot;
    if ((err = slots_copy(location, slots, count, &out->arena, &out->bindings)))
        return err;
    out->count = count;
    return ERR_NONE;
}

/* The visitor gets copies and no lock is held, so that it may call whatever it likes. */
static void visit_shard(struct location *location, struct shard *shard, msec now,
                        location_visit_fn *visit, void *context)
{
    struct snapshot snapshot = { 0 };
    enum err err = ERR_NONE;

    arena_init(&snapshot.arena, NULL, SIZE_MAX);
    lock_take(&shard->lock);
    expire_all(location, shard, now);
    if (visit && shard->bindings)
        err = take_snapshot(location, shard, &snapshot);
    lock_give(&shard->lock);
    for (unsigned i = 0; !err && i < snapshot.count; i++)
        visit(context, &snapshot.bindings[i]);
    arena_fini(&snapshot.arena);
}

void location_each(struct location *location, unsigned slice, unsigned slices, msec now,
                   location_visit_fn *visit, void *context)
{
    for (unsigned i = slice; i < SHARDS; i += slices)
        visit_shard(location, &location->shards[i], now, visit, context);
}

/* --- keepalives --- */

void location_ping_sent(struct location *location, struct str ruid, msec now)
{
    struct shard *shard;
    struct slot *slot;

    if (!ruid_lock(location, ruid, &shard, &slot))
        return;
    if (slot->awaits_answer && slot->missed_pings < UINT16_MAX)
        slot->missed_pings++;
    slot->awaits_answer = true;
    slot->ping_sent_at = now;
    lock_give(&shard->lock);
}

void location_ping_answered(struct location *location, struct str ruid, msec now)
{
    struct shard *shard;
    struct slot *slot;

    if (!ruid_lock(location, ruid, &shard, &slot))
        return;
    if (slot->awaits_answer)
        slot->round_trip = (uint32_t)(now - slot->ping_sent_at);
    slot->awaits_answer = false;
    slot->missed_pings = 0;
    lock_give(&shard->lock);
}

/* --- counters --- */

static size_t bucket_bytes(const struct table *table)
{
    return table->bucket_count * sizeof(struct table_node *);
}

void location_read_counters(struct location *location, struct location_counters *out)
{
    struct location_counters sum = { 0 };

    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *shard = &location->shards[i];
        struct ruid_shard *part = &location->ruids[i];

        lock_take(&shard->lock);
        sum.aors += table_count(&shard->aors);
        sum.bindings += shard->bindings;
        sum.expired += shard->expired;
        sum.bytes += shard->bytes + bucket_bytes(&shard->aors);
        lock_give(&shard->lock);
        lock_take(&part->lock);
        sum.bytes += bucket_bytes(&part->slots);
        lock_give(&part->lock);
    }
    *out = sum;
}
