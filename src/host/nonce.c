/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nonce.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <culvert/writer.h>

#include "base/lock.h"

enum {
    KEY_BYTES = 32,
    WAYS = 8,
    LOCKS = 64,
    WINDOW = 64, /* counts below the highest that may still come */
    BOUND_MAX = 1024,
};

/* A nonce with which somebody has proved who he is. */
struct use {
    uint64_t id; /* the head of its MAC; 0: free */
    uint64_t seen; /* bit i: highest - i was used */
    uint32_t highest;
    uint32_t expiry;
};

struct set {
    struct use uses[WAYS];
    uint32_t forgotten; /* nonces that expire up to then may have been pushed out */
};

struct nonces {
    uint8_t key[KEY_BYTES];
    atomic_uint_least32_t counter;
    struct lock locks[LOCKS];
    size_t set_count; /* a power of two */
    struct set *sets;
};

/* ---- made ---- */

static bool derive_key(struct nonces *nonces, struct random_source *random, struct str secret)
{
    if (!str_is_empty(secret))
        return EVP_Digest(secret.ptr, secret.len, nonces->key, NULL, EVP_sha256(), NULL) == 1;
    random->fill(random, nonces->key, KEY_BYTES);
    return true;
}

enum err nonces_create(struct random_source *random, struct str secret, size_t remembered,
                       struct nonces **out)
{
    struct nonces *nonces = calloc(1, sizeof *nonces);
    size_t sets = 1;

    while (sets * WAYS < remembered)
        sets *= 2;
    if (!nonces || !(nonces->sets = calloc(sets, sizeof *nonces->sets))) {
        free(nonces);
        return ERR_NOMEM;
    }
    nonces->set_count = sets;
    atomic_init(&nonces->counter, (uint32_t)random_u64(random));
    for (unsigned i = 0; i < LOCKS; i++)
        lock_init(&nonces->locks[i]);
    *out = nonces;
    if (derive_key(nonces, random, secret))
        return ERR_NONE;
    nonces_destroy(nonces);
    return ERR_IO;
}

void nonces_destroy(struct nonces *nonces)
{
    if (!nonces)
        return;
    for (unsigned i = 0; i < LOCKS; i++)
        lock_fini(&nonces->locks[i]);
    OPENSSL_cleanse(nonces->key, KEY_BYTES);
    free(nonces->sets);
    free(nonces);
}

static bool sign(const struct nonces *nonces, struct str head, struct str bound,
                 char hex[static NONCE_MAC])
{
    unsigned char text[NONCE_HEAD + BOUND_MAX], mac[EVP_MAX_MD_SIZE];
    struct writer w = writer_over(hex, NONCE_MAC);
    size_t bound_length = bound.len < BOUND_MAX ? bound.len : BOUND_MAX;

    memcpy(text, head.ptr, NONCE_HEAD);
    if (bound_length)
        memcpy(text + NONCE_HEAD, bound.ptr, bound_length);
    if (!HMAC(EVP_sha256(), nonces->key, KEY_BYTES, text, NONCE_HEAD + bound_length, mac, NULL))
        return false;
    write_hex(&w, mac, NONCE_MAC / 2);
    return true;
}

enum err nonces_make(struct nonces *nonces, uint32_t expiry, uint8_t marks, struct str bound,
                     char out[static NONCE_LENGTH])
{
    struct writer w = writer_over(out, NONCE_HEAD);
    uint32_t counter = atomic_fetch_add_explicit(&nonces->counter, 1, memory_order_relaxed);

    write_fmt(&w, "%08x%08x%02x", expiry, counter, marks);
    return sign(nonces, (struct str){ out, NONCE_HEAD }, bound, out + NONCE_HEAD) ? ERR_NONE : ERR_IO;
}

/* ---- known again ---- */

enum err nonce_read(struct str text, struct nonce *out)
{
    uint64_t expiry, marks;

    if (text.len != NONCE_LENGTH || str_hex_to_uint((struct str){ text.ptr, 8 }, &expiry) ||
        str_hex_to_uint((struct str){ text.ptr + 16, 2 }, &marks))
        return ERR_SYNTAX;
    *out = (struct nonce){ text, (uint32_t)expiry, (uint8_t)marks };
    return ERR_NONE;
}

bool nonces_know(struct nonces *nonces, const struct nonce *nonce, struct str bound)
{
    char mac[NONCE_MAC];

    return sign(nonces, nonce->text, bound, mac) &&
           CRYPTO_memcmp(mac, nonce->text.ptr + NONCE_HEAD, NONCE_MAC) == 0;
}

/* ---- counts that were used ---- */

static uint64_t id_of(const struct nonce *nonce)
{
    struct str head = { nonce->text.ptr + NONCE_HEAD, 16 };
    uint64_t id;

    return str_hex_to_uint(head, &id) || id == 0 ? 1 : id;
}

static struct use *find_use(struct set *set, uint64_t id)
{
    for (unsigned i = 0; i < WAYS; i++) {
        if (set->uses[i].id == id)
            return &set->uses[i];
    }
    return NULL;
}

/* A place that is free or expired, else that of the nonce which expires first. */
static struct use *make_room(struct set *set, uint32_t now)
{
    struct use *first = &set->uses[0];

    for (unsigned i = 0; i < WAYS; i++) {
        if (set->uses[i].id == 0)
            return &set->uses[i];
        if (set->uses[i].expiry < first->expiry)
            first = &set->uses[i];
    }
    if (first->expiry >= now && first->expiry > set->forgotten)
        set->forgotten = first->expiry;
    return first;
}

static bool use_first(struct set *set, const struct nonce *nonce, uint32_t count, uint32_t now)
{
    struct use *use;

    if (nonce->expiry <= set->forgotten)
        return false;
    use = make_room(set, now);
    *use = (struct use){ id_of(nonce), 1, count, nonce->expiry };
    return true;
}

static bool use_again(struct use *use, uint32_t count)
{
    uint32_t behind = use->highest - count;

    if (count > use->highest) {
        uint32_t ahead = count - use->highest;
        use->seen = (ahead < WINDOW ? use->seen << ahead : 0) | 1;
        use->highest = count;
        return true;
    }
    if (use->highest == NONCE_COUNT_ONCE || behind >= WINDOW || use->seen >> behind & 1)
        return false;
    use->seen |= UINT64_C(1) << behind;
    return true;
}

bool nonces_use(struct nonces *nonces, const struct nonce *nonce, uint32_t count, uint32_t now)
{
    uint64_t id = id_of(nonce);
    struct set *set = &nonces->sets[id & (nonces->set_count - 1)];
    struct lock *lock = &nonces->locks[id & (LOCKS - 1)];
    struct use *use;
    bool is_new;

    lock_take(lock);
    use = find_use(set, id);
    is_new = use ? count != NONCE_COUNT_ONCE && use_again(use, count)
                 : use_first(set, nonce, count, now);
    lock_give(lock);
    return is_new;
}
