/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How bindings are kept. A shard is a lock and a table of addresses-of-record; an AoR owns its
 * bindings, one block of memory each, ordered as location_find() gives them. A second table finds
 * them by ruid: it is spread by the hash of the ruid, so that any ruid will do, one that was made
 * before a restart (under another hash key) or by another server included.
 *
 * Order of locks: a shard, then one part of the index of ruids, or of the one of connections. Who
 * starts from a ruid or a connection takes the hash of the AoR from the index, lets go of it, and
 * looks again under the lock of the shard.
 */
#include <culvert/location.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/table.h"

enum {
    SHARD_BITS = 10,
    SHARDS = 1 << SHARD_BITS,
    TABLE_NAMES_MAX = 32, /* "location", "aliases"…: the tables that a script names */
    CACHE_LINE = 64,
};

enum binding_text {
    TEXT_CONTACT,
    TEXT_RECEIVED,
    TEXT_PATH,
    TEXT_CALL_ID,
    TEXT_USER_AGENT,
    TEXT_INSTANCE,
    TEXT_RUID,
    TEXTS
};

/* The AoR of a table, while it has bindings. */
struct aor {
    struct table_node node; /* of the shard */
    struct slot *first;
    uint16_t length;
    uint8_t table; /* index of a table name */
    char text[];
};

/* One binding as it is kept: struct binding without the pointers, its texts behind it. */
struct slot {
    struct table_node ruid_node; /* of the index of ruids */
    struct slot *next;           /* of the same AoR */
    struct aor *aor;
    struct link *link; /* from its connection; NULL: none */
    struct flow flow;
    msec expires_at;
    msec updated_at;
    msec ping_sent_at;
    uint32_t round_trip;
    uint32_t cseq;
    uint32_t flags;
    uint32_t cflags;
    uint32_t methods;
    uint32_t reg_id;
    int16_t q;
    uint16_t missed_pings;
    uint16_t lengths[TEXTS];
    bool awaits_answer; /* a ping is out */
    bool is_volatile;
    char text[];
};

struct shard {
    _Alignas(CACHE_LINE) struct lock lock;
    struct table aors;
    uint64_t bindings;
    uint64_t expired;
    uint64_t bytes; /* of AoRs and bindings */
};

/* A part of the index of ruids. */
struct ruid_shard {
    _Alignas(CACHE_LINE) struct lock lock;
    struct table slots;
};

/* A connection that bindings were registered over. */
struct wire {
    struct table_node node; /* by connection */
    uint64_t connection;
    struct list_node links;
};

/* One of those bindings. */
struct link {
    struct list_node node; /* of the wire */
    uint64_t aor_hash;
};

/* A part of the index of connections. */
struct link_shard {
    _Alignas(CACHE_LINE) struct lock lock;
    struct table wires;
};

/* Added once, never changed, gone with the location. */
struct table_name {
    size_t length;
    char text[];
};

struct watcher {
    location_watch_fn *watch;
    void *context;
};

/* Never changed once it is in use; a new one takes its place. */
struct watchers {
    struct watchers *older; /* kept until the end: somebody may still read it */
    unsigned count;
    struct watcher entries[];
};

struct location {
    struct hash_key key;
    struct random_source *random;
    struct lock random_lock;
    struct lock names_lock; /* for adding table names and watchers */
    _Atomic unsigned name_count;
    struct table_name *names[TABLE_NAMES_MAX];
    struct watchers *_Atomic watchers;
    _Atomic uint64_t bindings; /* of all shards */
    struct shard *shards;
    struct ruid_shard *ruids;
    struct link_shard *links;
};

/* --- shards.c: finding AoRs, by table and name --- */

struct aor_key {
    struct str text;
    unsigned table;
    uint64_t hash;
};

/* ERR_NOT_FOUND for a table that nobody has registered to. */
MUST_USE enum err aor_key_find(struct location *location, struct str table, struct str aor,
                               struct aor_key *out);
/* The same, but makes the table known. ERR_LIMIT: too many tables, or the AoR is too long. */
MUST_USE enum err aor_key_make(struct location *location, struct str table, struct str aor,
                               struct aor_key *out);
struct str table_name_text(const struct location *location, unsigned table);
struct shard *shard_of(struct location *location, uint64_t hash);
/* With the shard locked; NULL when there is none. */
struct aor *shard_find(const struct shard *shard, const struct aor_key *key);
/* Adds one without bindings. */
MUST_USE enum err shard_add(struct shard *shard, const struct aor_key *key, struct aor **out);
/* Removes the AoR if it has no bindings any more. */
void shard_prune(struct shard *shard, struct aor *aor);
/* Removes the bindings of the AoR that are over; the AoR stays. */
void shard_expire(struct location *location, struct shard *shard, struct aor *aor, msec now);
/* Links a new binding into its AoR and counts it. */
void shard_enter(struct location *location, struct shard *shard, struct slot *slot);
/* A new state of a binding: the old slot is freed. */
void shard_replace(struct location *location, struct shard *shard, struct slot *old, struct slot *fresh);
/* The opposite of entering, without a word to anyone; the slot is freed. */
void shard_leave(struct location *location, struct shard *shard, struct slot *slot);
/* Reports the binding as removed, and removes it; the AoR stays. */
void shard_drop(struct location *location, struct shard *shard, struct slot *slot,
                enum location_event event);
void shard_report(struct location *location, enum location_event event, const struct slot *slot);

/* --- ruids.c: the index --- */

/* A ruid of our own making, not in use. The buffer holds RUID_MAX bytes. */
struct str ruid_make(struct location *location, char buffer[static RUID_MAX]);
/* ERR_EXISTS when the ruid is in use. */
MUST_USE enum err ruid_add(struct location *location, struct slot *slot);
void ruid_remove(struct location *location, struct slot *slot);
/* The new slot takes the place of the old one, which has the same ruid. */
void ruid_replace(struct location *location, struct slot *old, struct slot *fresh);
/*
 * Finds a binding by ruid and leaves its shard locked; the caller gives the lock back. False, and
 * nothing locked, when there is none.
 */
bool ruid_lock(struct location *location, struct str ruid, struct shard **shard,
               struct slot **slot);

/* --- links.c: bindings by connection; those of datagrams are in no index --- */

/* Without memory the binding stays out of the index: it goes when it expires, or is next called. */
void link_add(struct location *location, struct slot *slot);
void link_remove(struct location *location, struct slot *slot);

/* --- slot.c: one binding --- */

/* Not yet in any list. ERR_LIMIT for texts beyond 64 KiB. */
MUST_USE enum err slot_create(const struct binding *from, struct aor *aor, struct slot **out);
struct str slot_text(const struct slot *slot, enum binding_text which);
/* A view: texts are borrowed from the slot. */
void slot_view(const struct location *location, const struct slot *slot, struct binding *out);
bool slot_is_over(const struct slot *slot, msec now);
/* Bytes that the system spends on a block of this many. */
size_t block_cost(size_t size);
size_t slot_cost(const struct slot *slot);
/* Does a come before b in the order of location_find()? Otherwise the one that was there first does. */
bool slot_precedes(const struct slot *a, const struct slot *b);
/* A refreshed binding stays where it was, unless its q is another. */
bool slot_keeps_place(const struct slot *slot, const struct slot *old);
/* Links the slot into its AoR where the order wants it. */
void slot_link(struct slot *slot);
/* The same for one that the old one, which is still linked, gives way to. */
void slot_link_in_place_of(struct slot *slot, struct slot *old);
void slot_unlink(struct slot *slot);

/* Copies views with all their texts into one piece of the arena. */
MUST_USE enum err slots_copy(const struct location *location, struct slot *const slots[],
                             unsigned count, struct arena *arena, struct binding **out);
