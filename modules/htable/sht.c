/* SPDX-License-Identifier: Apache-2.0 */
#include "sht.h"

#include <stdlib.h>
#include <time.h>

enum {
    LOCK_PATIENCE = 100, /* ms; nobody holds a lock that long, so it was forgotten */
    LOG_INTERVAL = 10000,
    SWEEP_MIN = 16,      /* entries that a call looks at, at least */
};

/* ---- locks ---- */

static struct timespec patience_ends(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += LOCK_PATIENCE * 1000000L;
    at.tv_sec += at.tv_nsec / 1000000000L;
    at.tv_nsec %= 1000000000L;
    return at;
}

static bool is_held_elsewhere(const struct shard *shard)
{
    return shard->depth && !pthread_equal(shard->holder, pthread_self());
}

static void wait_for_holder(struct sht *table, struct shard *shard, msec now)
{
    struct timespec end = patience_ends();
    int gone = 0;

    while (!gone && is_held_elsewhere(shard))
        gone = pthread_cond_timedwait(&shard->freed, &shard->lock, &end);
    if (!is_held_elsewhere(shard))
        return;
    shard->depth = 0;
    if (log_gate_pass(&table->left_locked, now, LOG_INTERVAL))
        log_error("htable: table \"" STR_FMT "\" was left locked; each sht_lock() needs its "
                  "sht_unlock() before the route ends or waits for anything",
                  STR_ARG(table->name));
}

static void enter(struct sht *table, struct shard *shard, msec now)
{
    pthread_mutex_lock(&shard->lock);
    if (is_held_elsewhere(shard))
        wait_for_holder(table, shard, now);
}

static void leave(struct shard *shard)
{
    pthread_mutex_unlock(&shard->lock);
}

/* FNV-1a with a start that nobody outside knows. */
static uint64_t hash_of(const struct sht *table, struct str key)
{
    uint64_t hash = table->seed;

    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.ptr[i]) * UINT64_C(1099511628211);
    return hash ^ hash >> 29;
}

static struct shard *shard_of(struct sht *table, uint64_t hash)
{
    return &table->shards[(hash >> 56) % SHT_SHARDS];
}

static struct shard *enter_key(struct sht *table, struct str key, msec now)
{
    struct shard *shard = shard_of(table, hash_of(table, key));

    enter(table, shard, now);
    return shard;
}

void sht_lock(struct sht *table, struct str key, msec now)
{
    struct shard *shard = enter_key(table, key, now);

    shard->holder = pthread_self();
    shard->depth++;
    leave(shard);
}

void sht_unlock(struct sht *table, struct str key, msec now)
{
    struct shard *shard = enter_key(table, key, now);

    if (shard->depth && --shard->depth == 0)
        pthread_cond_broadcast(&shard->freed);
    leave(shard);
}

/* ---- life ---- */

static enum err open_shard(struct shard *shard, size_t buckets)
{
    pthread_condattr_t attributes;

    shard->buckets = calloc(buckets, sizeof shard->buckets[0]);
    if (!shard->buckets)
        return ERR_NOMEM;
    shard->bucket_count = buckets;
    pthread_mutex_init(&shard->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&shard->freed, &attributes);
    pthread_condattr_destroy(&attributes);
    return ERR_NONE;
}

enum err sht_open(struct sht *table, uint64_t seed, size_t bytes_max)
{
    size_t buckets = ((size_t)1 << table->size_bits) / SHT_SHARDS;
    enum err err = ERR_NONE;

    table->seed = seed;
    table->bytes_max = bytes_max;
    for (unsigned i = 0; !err && i < SHT_SHARDS; i++)
        err = open_shard(&table->shards[i], buckets ? buckets : 1);
    return err;
}

static void close_shard(struct shard *shard)
{
    struct entry *next;

    if (!shard->buckets)
        return;
    for (struct entry *entry = shard->oldest; entry; entry = next) {
        next = entry->newer;
        free(entry);
    }
    free(shard->buckets);
    pthread_cond_destroy(&shard->freed);
    pthread_mutex_destroy(&shard->lock);
}

void sht_close(struct sht *table)
{
    for (unsigned i = 0; i < SHT_SHARDS; i++)
        close_shard(&table->shards[i]);
}

/* ---- entries; the shard is locked ---- */

struct value entry_value(const struct entry *entry)
{
    return entry->is_text ? value_of_str(entry_text(entry)) : value_of_int(entry->number);
}

int64_t entry_seconds_left(const struct entry *entry, msec now)
{
    return entry->expires_at > now ? (int64_t)((entry->expires_at - now + 999) / 1000) : 0;
}

static bool has_expired(const struct entry *entry, msec now)
{
    return entry->expires_at && entry->expires_at <= now;
}

static struct entry **find(struct shard *shard, uint64_t hash, struct str key)
{
    struct entry **link = &shard->buckets[hash & (shard->bucket_count - 1)];

    while (*link && !((*link)->hash == hash && str_eq(entry_key(*link), key)))
        link = &(*link)->in_bucket;
    return link;
}

static struct entry *find_live(struct sht *table, struct shard *shard, struct str key, msec now)
{
    struct entry *entry = *find(shard, hash_of(table, key), key);

    return entry && !has_expired(entry, now) ? entry : NULL;
}

static size_t size_of(const struct entry *entry)
{
    return sizeof *entry + entry->key_length + entry->text_length;
}

static struct entry **link_between(struct shard *shard, struct entry *older)
{
    return older ? &older->newer : &shard->oldest;
}

static void take_out(struct sht *table, struct shard *shard, struct entry **link)
{
    struct entry *entry = *link;

    *link = entry->in_bucket;
    *link_between(shard, entry->older) = entry->newer;
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        shard->newest = entry->older;
    if (shard->sweep == entry)
        shard->sweep = entry->newer;
    shard->count--;
    atomic_fetch_sub_explicit(&table->bytes, size_of(entry), memory_order_relaxed);
}

static void drop(struct sht *table, struct shard *shard, struct entry *entry)
{
    take_out(table, shard, find(shard, entry->hash, entry_key(entry)));
    free(entry);
}

/* Twice the buckets; without memory for them it goes on with longer chains. */
static void grow(struct shard *shard)
{
    size_t count = shard->bucket_count * 2;
    struct entry **buckets = calloc(count, sizeof buckets[0]);

    if (!buckets)
        return;
    for (struct entry *entry = shard->oldest; entry; entry = entry->newer) {
        struct entry **bucket = &buckets[entry->hash & (count - 1)];

        entry->in_bucket = *bucket;
        *bucket = entry;
    }
    free(shard->buckets);
    shard->buckets = buckets;
    shard->bucket_count = count;
}

static void put_in(struct shard *shard, struct entry *entry)
{
    struct entry **bucket;

    if (shard->count >= shard->bucket_count * 2)
        grow(shard);
    bucket = &shard->buckets[entry->hash & (shard->bucket_count - 1)];
    entry->in_bucket = *bucket;
    *bucket = entry;
    entry->older = shard->newest;
    entry->newer = NULL;
    *link_between(shard, shard->newest) = entry;
    shard->newest = entry;
    entry->number_of = ++shard->entries_ever;
    shard->count++;
}

/* The new entry takes the place of the old one, for iterators too. */
static void put_in_place(struct sht *table, struct shard *shard, struct entry *old,
                         struct entry *entry)
{
    struct entry **link = find(shard, old->hash, entry_key(old));

    entry->in_bucket = old->in_bucket;
    entry->older = old->older;
    entry->newer = old->newer;
    entry->number_of = old->number_of;
    *link = entry;
    *link_between(shard, old->older) = entry;
    if (old->newer)
        old->newer->older = entry;
    else
        shard->newest = entry;
    if (shard->sweep == old)
        shard->sweep = entry;
    atomic_fetch_sub_explicit(&table->bytes, size_of(old), memory_order_relaxed);
    free(old);
}

/* Takes the bytes from the table's share, or says that it is full. */
static bool reserve(struct sht *table, size_t size, msec now)
{
    size_t before = atomic_fetch_add_explicit(&table->bytes, size, memory_order_relaxed);

    if (before + size <= table->bytes_max)
        return true;
    atomic_fetch_sub_explicit(&table->bytes, size, memory_order_relaxed);
    if (log_gate_pass(&table->full, now, LOG_INTERVAL))
        log_error("htable: table \"" STR_FMT "\" is full (%zu bytes): new items are refused; give "
                  "its items an end by autoexpire, or raise memory_max",
                  STR_ARG(table->name), before);
    return false;
}

static struct entry *make(struct sht *table, struct str key, const struct value *value, msec now)
{
    struct str text = value->is_int ? STR("") : value->text;
    size_t size = sizeof(struct entry) + key.len + text.len;
    struct entry *entry;

    if (key.len > UINT32_MAX || text.len > UINT32_MAX || !reserve(table, size, now))
        return NULL;
    entry = calloc(1, size);
    if (!entry) {
        atomic_fetch_sub_explicit(&table->bytes, size, memory_order_relaxed);
        return NULL;
    }
    entry->hash = hash_of(table, key);
    entry->is_text = !value->is_int;
    entry->number = (int32_t)(uint32_t)(uint64_t)value->number;
    entry->key_length = (uint32_t)key.len;
    entry->text_length = (uint32_t)text.len;
    if (key.len)
        memcpy(entry->bytes, key.ptr, key.len);
    if (text.len)
        memcpy(entry->bytes + key.len, text.ptr, text.len);
    return entry;
}

static msec end_of(const struct sht *table, int64_t lifetime, msec now)
{
    int64_t seconds = lifetime == LIFETIME_OF_TABLE ? table->lifetime : lifetime;

    return table->lifetime > 0 && seconds > 0 ? now + (msec)seconds * 1000 : 0;
}

/* An update: the table says whether it postpones the end. */
static msec new_end(const struct sht *table, const struct entry *old, int64_t lifetime, msec now)
{
    bool is_kept = old && table->keeps_expiry && lifetime == LIFETIME_OF_TABLE;

    return is_kept ? old->expires_at : end_of(table, lifetime, now);
}

static enum err put(struct sht *table, struct shard *shard, struct str key,
                    const struct value *value, int64_t lifetime, msec now)
{
    struct entry *old = *find(shard, hash_of(table, key), key), *entry;
    msec expires_at = new_end(table, old && !has_expired(old, now) ? old : NULL, lifetime, now);

    if (old && value->is_int && !old->is_text) {
        old->number = (int32_t)(uint32_t)(uint64_t)value->number;
        old->expires_at = expires_at;
        return ERR_NONE;
    }
    entry = make(table, key, value, now);
    if (!entry)
        return ERR_LIMIT;
    entry->expires_at = expires_at;
    if (old)
        put_in_place(table, shard, old, entry);
    else
        put_in(shard, entry);
    return ERR_NONE;
}

/* ---- by key ---- */

void sht_remove(struct sht *table, struct str key, msec now)
{
    struct shard *shard = enter_key(table, key, now);
    struct entry *entry = *find(shard, hash_of(table, key), key);

    if (entry)
        drop(table, shard, entry);
    leave(shard);
}

enum err sht_set(struct sht *table, struct str key, const struct value *value,
                   int64_t lifetime, msec now)
{
    struct shard *shard;
    enum err err;

    if (value_is_null(value)) {
        sht_remove(table, key, now);
        return ERR_NONE;
    }
    shard = enter_key(table, key, now);
    err = put(table, shard, key, value, lifetime, now);
    leave(shard);
    return err;
}

static struct value value_of_none(const struct sht *table)
{
    return table->has_initial ? value_of_int(table->initial) : value_null();
}

enum err sht_get(struct sht *table, struct str key, msec now, struct arena *arena,
                   struct value *out)
{
    struct shard *shard = enter_key(table, key, now);
    const struct entry *entry = find_live(table, shard, key, now);
    enum err err = ERR_NONE;
    struct str text = { 0 };

    if (entry && entry->is_text)
        err = str_copy(arena, entry_text(entry), &text);
    if (!err)
        *out = !entry ? value_of_none(table) : entry->is_text ? value_of_str(text) : entry_value(entry);
    leave(shard);
    return err;
}

enum err sht_add(struct sht *table, struct str key, int32_t amount, msec now, struct value *out)
{
    struct shard *shard = enter_key(table, key, now);
    const struct entry *entry = find_live(table, shard, key, now);
    int64_t number = entry ? entry->number : table->initial;
    enum err err = ERR_NONE;

    *out = value_null();
    if (entry ? !entry->is_text : table->has_initial) {
        *out = value_of_int((int32_t)(uint32_t)(uint64_t)(number + amount));
        err = put(table, shard, key, out, LIFETIME_OF_TABLE, now);
    }
    leave(shard);
    return err;
}

int64_t sht_seconds_left(struct sht *table, struct str key, msec now)
{
    struct shard *shard = enter_key(table, key, now);
    const struct entry *entry = find_live(table, shard, key, now);
    int64_t seconds = entry ? entry_seconds_left(entry, now) : 0;

    leave(shard);
    return seconds;
}

enum err sht_set_expiry(struct sht *table, struct str key, int64_t seconds, msec now)
{
    struct shard *shard = enter_key(table, key, now);
    struct entry *entry = find_live(table, shard, key, now);

    if (entry)
        entry->expires_at = end_of(table, seconds < 0 ? 0 : seconds, now);
    leave(shard);
    return entry ? ERR_NONE : ERR_NOT_FOUND;
}

/* ---- all of them ---- */

static bool visit_shard(struct sht *table, struct shard *shard, msec now, sht_visit_fn *visit,
                        void *context)
{
    struct entry *next;
    enum visit how = VISIT_ON;

    for (struct entry *entry = shard->oldest; entry && how != VISIT_STOP; entry = next) {
        next = entry->newer;
        if (has_expired(entry, now))
            continue;
        how = visit(context, entry);
        if (how == VISIT_REMOVE)
            drop(table, shard, entry);
    }
    return how != VISIT_STOP;
}

void sht_each(struct sht *table, msec now, sht_visit_fn *visit, void *context)
{
    bool goes_on = true;

    for (unsigned i = 0; goes_on && i < SHT_SHARDS; i++) {
        enter(table, &table->shards[i], now);
        goes_on = visit_shard(table, &table->shards[i], now, visit, context);
        leave(&table->shards[i]);
    }
}

static enum visit remove_any(void *context, const struct entry *entry)
{
    (void)context;
    (void)entry;
    return VISIT_REMOVE;
}

void sht_clear(struct sht *table)
{
    sht_each(table, 0, remove_any, NULL);
}

size_t sht_count(struct sht *table)
{
    size_t count = 0;

    for (unsigned i = 0; i < SHT_SHARDS; i++) {
        pthread_mutex_lock(&table->shards[i].lock);
        count += table->shards[i].count;
        pthread_mutex_unlock(&table->shards[i].lock);
    }
    return count;
}

static const struct entry *first_behind(const struct shard *shard, uint64_t number_of, msec now)
{
    const struct entry *entry = number_of ? shard->newest : shard->oldest;

    if (number_of) {
        while (entry && entry->older && entry->older->number_of > number_of)
            entry = entry->older;
        if (entry && entry->number_of <= number_of)
            return NULL;
    }
    while (entry && has_expired(entry, now))
        entry = entry->newer;
    return entry;
}

bool sht_next(struct sht *table, struct sht_place *place, msec now,
                void (*keep)(void *context, const struct entry *entry), void *context)
{
    const struct entry *entry = NULL;

    while (!entry && place->shard < SHT_SHARDS) {
        struct shard *shard = &table->shards[place->shard];

        enter(table, shard, now);
        entry = first_behind(shard, place->number_of, now);
        place->number_of = entry ? entry->number_of : 0;
        if (entry)
            keep(context, entry);
        else
            place->shard++;
        leave(shard);
    }
    return entry;
}

struct entry *sht_sweep(struct sht *table, unsigned index, unsigned rounds, msec now)
{
    struct shard *shard = &table->shards[index];
    struct entry *taken = NULL;
    size_t left;

    enter(table, shard, now);
    left = shard->count / (rounds ? rounds : 1) + SWEEP_MIN;
    if (!shard->sweep)
        shard->sweep = shard->oldest;
    for (; shard->sweep && left; left--) {
        struct entry *entry = shard->sweep;

        shard->sweep = entry->newer;
        if (!has_expired(entry, now))
            continue;
        take_out(table, shard, find(shard, entry->hash, entry_key(entry)));
        entry->in_bucket = taken;
        taken = entry;
    }
    leave(shard);
    return taken;
}
