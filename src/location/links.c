/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which AoRs have bindings that came over a connection: so that the end of a connection costs no
 * walk over all bindings.
 */
#include "location/shards.h"

#include <stdlib.h>

enum {
    AORS_MAX = 32, /* found at a time */
};

/* What a store gives to bindings whose connection ended with the last server. */
#define CONNECTION_GONE UINT64_MAX

static uint64_t connection_hash(const struct location *location, uint64_t connection)
{
    return hash_bytes(&location->key, &connection, sizeof connection);
}

static struct link_shard *link_shard_of(struct location *location, uint64_t hash)
{
    return &location->links[hash >> (64 - SHARD_BITS)];
}

/* With its part of the index locked, as the next three. */
static struct wire *find_wire(const struct link_shard *part, uint64_t hash, uint64_t connection)
{
    struct table_node *node;

    for (node = table_find_first(&part->wires, hash); node; node = table_find_next(node)) {
        struct wire *wire = CONTAINER_OF(node, struct wire, node);

        if (wire->connection == connection)
            return wire;
    }
    return NULL;
}

static struct wire *make_wire(struct link_shard *part, uint64_t hash, uint64_t connection)
{
    struct wire *wire = find_wire(part, hash, connection);

    if (wire)
        return wire;
    wire = calloc(1, sizeof *wire);
    if (!wire)
        return NULL;
    wire->connection = connection;
    list_init(&wire->links);
    if (!table_insert(&part->wires, &wire->node, hash))
        return wire;
    free(wire);
    return NULL;
}

static void drop_if_empty(struct link_shard *part, struct wire *wire)
{
    if (!list_is_empty(&wire->links))
        return;
    table_remove(&part->wires, &wire->node);
    free(wire);
}

void link_add(struct location *location, struct slot *slot)
{
    uint64_t hash = connection_hash(location, slot->flow.connection);
    struct link_shard *part = link_shard_of(location, hash);
    struct link *link;
    struct wire *wire;

    if (!slot->flow.connection || slot->flow.connection == CONNECTION_GONE ||
        !(link = calloc(1, sizeof *link)))
        return;
    link->aor_hash = slot->aor->node.hash;
    lock_take(&part->lock);
    wire = make_wire(part, hash, slot->flow.connection);
    if (wire)
        list_push_back(&wire->links, &link->node);
    lock_give(&part->lock);
    if (wire)
        slot->link = link;
    else
        free(link);
}

void link_remove(struct location *location, struct slot *slot)
{
    uint64_t hash = connection_hash(location, slot->flow.connection);
    struct link_shard *part = link_shard_of(location, hash);

    if (!slot->link)
        return;
    lock_take(&part->lock);
    list_remove(&slot->link->node);
    drop_if_empty(part, find_wire(part, hash, slot->flow.connection));
    lock_give(&part->lock);
    free(slot->link);
    slot->link = NULL;
}

static unsigned copy_hashes(const struct wire *wire, uint64_t hashes[static AORS_MAX])
{
    unsigned count = 0;

    LIST_EACH(node, &wire->links)
    {
        if (count == AORS_MAX)
            break;
        hashes[count++] = CONTAINER_OF(node, struct link, node)->aor_hash;
    }
    return count;
}

static unsigned find_aors(struct location *location, uint64_t connection,
                          uint64_t hashes[static AORS_MAX])
{
    uint64_t hash = connection_hash(location, connection);
    struct link_shard *part = link_shard_of(location, hash);
    struct wire *wire;
    unsigned count = 0;

    lock_take(&part->lock);
    wire = find_wire(part, hash, connection);
    if (wire)
        count = copy_hashes(wire, hashes);
    lock_give(&part->lock);
    return count;
}

/* With the shard locked. */
static unsigned drop_from(struct location *location, struct shard *shard, struct aor *aor,
                          uint64_t connection)
{
    unsigned dropped = 0;
    struct slot *next;

    for (struct slot *slot = aor->first; slot; slot = next) {
        next = slot->next;
        if (slot->flow.connection != connection)
            continue;
        shard_drop(location, shard, slot, BINDING_REMOVED);
        dropped++;
    }
    return dropped;
}

static unsigned drop_below(struct location *location, uint64_t aor_hash, uint64_t connection)
{
    struct shard *shard = shard_of(location, aor_hash);
    struct table_node *node, *next;
    unsigned dropped = 0;

    lock_take(&shard->lock);
    for (node = table_find_first(&shard->aors, aor_hash); node; node = next) {
        struct aor *aor = CONTAINER_OF(node, struct aor, node);

        next = table_find_next(node);
        dropped += drop_from(location, shard, aor, connection);
        shard_prune(shard, aor);
    }
    lock_give(&shard->lock);
    return dropped;
}

unsigned location_remove_connection(struct location *location, uint64_t connection)
{
    uint64_t hashes[AORS_MAX];
    unsigned dropped = 0, count, now;

    do {
        count = find_aors(location, connection, hashes);
        now = 0;
        for (unsigned i = 0; i < count; i++)
            now += drop_below(location, hashes[i], connection);
        dropped += now;
    } while (now && count == AORS_MAX);
    return dropped;
}
