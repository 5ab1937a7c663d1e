/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One table of texts and numbers by key, for all threads: cut into shards, each with its own lock, an
 * index that grows with it, and its entries from the oldest to the newest. Times are milliseconds of
 * the server's clock.
 */
#include <culvert/log.h>
#include <culvert/value.h>

#include <pthread.h>
#include <stdatomic.h>

#include <culvert/timer.h>

enum {
    SHT_SHARDS = 16,
};

struct entry {
    struct entry *in_bucket;
    struct entry *older, *newer;
    uint64_t hash;
    uint64_t number_of; /* counts the entries that the shard ever had: an iterator finds its way by it */
    msec expires_at;    /* 0: never */
    int32_t number;
    bool is_text;
    uint32_t key_length, text_length;
    char bytes[]; /* key, text */
};

struct shard {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    pthread_t holder; /* who has it by sht_lock(), when depth is not 0 */
    unsigned depth;
    struct entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    uint64_t entries_ever;
    struct entry *oldest, *newest;
    struct entry *sweep; /* the next one to be looked at for its expiry; NULL: from the oldest on */
};

struct sht {
    struct sht *next;
    struct str name;
    int64_t size_bits;
    int64_t lifetime; /* seconds; 0: for ever */
    bool keeps_expiry; /* an update does not postpone the end */
    bool has_initial;
    int32_t initial;
    struct str db_table, columns; /* empty: not kept in a database; "key,value" */
    char column_separator;
    struct str null_column;
    bool is_saved; /* written back at the end */
    struct str expired_route; /* name of the event route */
    uint64_t seed;
    size_t bytes_max;
    atomic_size_t bytes;
    struct log_gate full, left_locked;
    struct shard shards[SHT_SHARDS];
};

MUST_USE enum err sht_open(struct sht *table, uint64_t seed, size_t bytes_max);
void sht_close(struct sht *table);

static inline struct str entry_key(const struct entry *entry)
{
    return (struct str){ entry->bytes, entry->key_length };
}

static inline struct str entry_text(const struct entry *entry)
{
    return (struct str){ entry->bytes + entry->key_length, entry->text_length };
}

struct value entry_value(const struct entry *entry);
/* Whole seconds, rounded up. */
int64_t entry_seconds_left(const struct entry *entry, msec now);

/* The value, its text copied; null when there is none, or what the table has in its place. */
MUST_USE enum err sht_get(struct sht *table, struct str key, msec now, struct arena *arena,
                            struct value *out);
/* Null removes. `lifetime` in seconds replaces that of the table; LIFETIME_OF_TABLE does not. */
#define LIFETIME_OF_TABLE INT64_MIN
MUST_USE enum err sht_set(struct sht *table, struct str key, const struct value *value,
                            int64_t lifetime, msec now);
/* Adds to a number and tells the sum; null when there is none. */
MUST_USE enum err sht_add(struct sht *table, struct str key, int32_t amount, msec now,
                            struct value *out);
int64_t sht_seconds_left(struct sht *table, struct str key, msec now);
/* ERR_NOT_FOUND. 0 and less: for ever. */
MUST_USE enum err sht_set_expiry(struct sht *table, struct str key, int64_t seconds, msec now);
void sht_remove(struct sht *table, struct str key, msec now);
void sht_clear(struct sht *table);
size_t sht_count(struct sht *table);

/* What is done with an entry that was looked at; the shard is locked meanwhile. */
enum visit {
    VISIT_ON,
    VISIT_REMOVE,
    VISIT_STOP,
};
typedef enum visit sht_visit_fn(void *context, const struct entry *entry);
/* All that have not expired. */
void sht_each(struct sht *table, msec now, sht_visit_fn *visit, void *context);

/* Where an iterator is: behind the entry that it gave last. */
struct sht_place {
    unsigned shard;
    uint64_t number_of;
};
/* Copies the next entry; `keep` must copy what it needs. False: there is none. */
bool sht_next(struct sht *table, struct sht_place *place, msec now,
                void (*keep)(void *context, const struct entry *entry), void *context);

/*
 * Takes some entries that have expired out of one shard: a share of it that makes a round every
 * `rounds` calls. The list is linked by in_bucket; free() each.
 */
struct entry *sht_sweep(struct sht *table, unsigned shard, unsigned rounds, msec now);

/* sht_lock(): other threads wait, for a moment, until it is unlocked as often as it was locked. */
void sht_lock(struct sht *table, struct str key, msec now);
void sht_unlock(struct sht *table, struct str key, msec now);
