/* SPDX-License-Identifier: Apache-2.0 */
#include "auth_db.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>

#include <culvert/random.h>

enum {
    SETS = 1 << 14,
    WAYS = 4,
    LOCKS = 64,
    KEY_BYTES = 16,
    ROW_BYTES = 200,
    LENGTH_NULL = 255,
};

struct row {
    uint8_t key[KEY_BYTES];
    msec until; /* 0: free */
    uint8_t bytes[ROW_BYTES]; /* of each value its length, and so many bytes */
};

struct cache {
    msec time;
    unsigned value_count;
    uint8_t secret[KEY_BYTES];
    pthread_mutex_t locks[LOCKS];
    struct row rows[SETS][WAYS];
};

enum err cache_create(msec time, unsigned value_count, struct random_source *random,
                      struct cache **out)
{
    struct cache *cache = calloc(1, sizeof *cache);

    if (!cache)
        return ERR_NOMEM;
    cache->time = time;
    cache->value_count = value_count;
    random->fill(random, cache->secret, KEY_BYTES);
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_init(&cache->locks[i], NULL);
    *out = cache;
    return ERR_NONE;
}

void cache_destroy(struct cache *cache)
{
    if (!cache)
        return;
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&cache->locks[i]);
    OPENSSL_cleanse(cache, sizeof *cache);
    free(cache);
}

/*
 * Users come from the network and a wrong row would let somebody in as somebody else: rows are known
 * by a cryptographic hash of all that they were asked by, with a secret.
 */
static bool hash_key(const struct cache *cache, const struct cache_key *key, uint8_t out[KEY_BYTES])
{
    const struct str parts[] = { key->table, key->column, key->user, key->domain };
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char hash[EVP_MAX_MD_SIZE];
    bool ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
              EVP_DigestUpdate(context, cache->secret, KEY_BYTES);

    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && ok; i++) {
        ok = EVP_DigestUpdate(context, &parts[i].len, sizeof parts[i].len) &&
             EVP_DigestUpdate(context, parts[i].ptr, parts[i].len);
    }
    ok = ok && EVP_DigestFinal_ex(context, hash, NULL);
    EVP_MD_CTX_free(context);
    if (ok)
        memcpy(out, hash, KEY_BYTES);
    return ok;
}

static unsigned set_index(const uint8_t key[KEY_BYTES])
{
    return (key[0] | (unsigned)key[1] << 8) % SETS;
}

/* ---- values as bytes ---- */

/* False when they have no room. */
static bool pack(const struct cache *cache, const struct value values[], uint8_t bytes[ROW_BYTES])
{
    size_t at = 0;

    for (unsigned i = 0; i < cache->value_count; i++) {
        size_t length = values[i].has_text ? values[i].text.len : 0;

        if (length >= LENGTH_NULL || at + 1 + length > ROW_BYTES ||
            (!values[i].has_text && !value_is_null(&values[i])))
            return false;
        bytes[at++] = values[i].has_text ? (uint8_t)length : LENGTH_NULL;
        if (length)
            memcpy(bytes + at, values[i].text.ptr, length);
        at += length;
    }
    return true;
}

static bool unpack(const struct cache *cache, const uint8_t *bytes, struct arena *arena,
                   struct value values[])
{
    for (unsigned i = 0; i < cache->value_count; i++) {
        uint8_t length = *bytes++;
        struct str text = { (const char *)bytes, length };

        values[i] = value_null();
        if (length == LENGTH_NULL)
            continue;
        if (str_copy(arena, text, &text))
            return false;
        values[i] = value_of_str(text);
        bytes += length;
    }
    return true;
}

/* ---- rows ---- */

static struct row *find_row(struct row set[static WAYS], const uint8_t key[KEY_BYTES])
{
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].until && memcmp(set[i].key, key, KEY_BYTES) == 0)
            return &set[i];
    }
    return NULL;
}

/* That of the key, else the one that is too old first. */
static struct row *choose_row(struct row set[static WAYS], const uint8_t key[KEY_BYTES])
{
    struct row *row = find_row(set, key), *oldest = &set[0];

    for (unsigned i = 1; i < WAYS; i++)
        oldest = set[i].until < oldest->until ? &set[i] : oldest;
    return row ? row : oldest;
}

bool cache_find(struct cache *cache, const struct cache_key *key, msec now, struct arena *arena,
                struct value values[])
{
    uint8_t hash[KEY_BYTES];
    pthread_mutex_t *lock;
    const struct row *row;
    bool is_known;

    if (!hash_key(cache, key, hash))
        return false;
    lock = &cache->locks[set_index(hash) % LOCKS];
    pthread_mutex_lock(lock);
    row = find_row(cache->rows[set_index(hash)], hash);
    is_known = row && row->until > now && unpack(cache, row->bytes, arena, values);
    pthread_mutex_unlock(lock);
    return is_known;
}

void cache_keep(struct cache *cache, const struct cache_key *key, const struct value values[], msec now)
{
    struct row row = { .until = now + cache->time };
    pthread_mutex_t *lock;

    if (!hash_key(cache, key, row.key) || !pack(cache, values, row.bytes))
        return;
    lock = &cache->locks[set_index(row.key) % LOCKS];
    pthread_mutex_lock(lock);
    *choose_row(cache->rows[set_index(row.key)], row.key) = row;
    pthread_mutex_unlock(lock);
    OPENSSL_cleanse(&row, sizeof row);
}

void cache_forget_all(struct cache *cache)
{
    for (unsigned i = 0; i < SETS; i++) {
        pthread_mutex_lock(&cache->locks[i % LOCKS]);
        memset(cache->rows[i], 0, sizeof cache->rows[i]);
        pthread_mutex_unlock(&cache->locks[i % LOCKS]);
    }
}
