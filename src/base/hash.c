/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

struct siphash {
    uint64_t v[4];
};

static uint64_t rotate_left(uint64_t bits, unsigned count)
{
    return bits << count | bits >> (64 - count);
}

/* Up to eight bytes, the first one lowest. */
static uint64_t load_word(const unsigned char *bytes, size_t count)
{
    uint64_t word = 0;

    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

static void mix(struct siphash *s, unsigned rounds)
{
    uint64_t *v = s->v;

    while (rounds--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate_left(v[1], 13) ^ v[0];
        v[3] = rotate_left(v[3], 16) ^ v[2];
        v[0] = rotate_left(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate_left(v[1], 17) ^ v[2];
        v[3] = rotate_left(v[3], 21) ^ v[0];
        v[2] = rotate_left(v[2], 32);
    }
}

static void absorb(struct siphash *s, uint64_t word)
{
    s->v[3] ^= word;
    mix(s, 2);
    s->v[0] ^= word;
}

void hash_key_random(struct random_source *source, struct hash_key *out)
{
    source->fill(source, out->k, sizeof out->k);
}

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    size_t left = count;
    struct siphash s = { { key->k[0] ^ 0x736f6d6570736575, key->k[1] ^ 0x646f72616e646f6d,
                           key->k[0] ^ 0x6c7967656e657261, key->k[1] ^ 0x7465646279746573 } };

    for (; left >= 8; left -= 8, at += 8)
        absorb(&s, load_word(at, 8));
    absorb(&s, (uint64_t)count << 56 | load_word(at, left));
    s.v[2] ^= 0xff;
    mix(&s, 4);
    return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

uint64_t hash_str(const struct hash_key *key, struct str s)
{
    return hash_bytes(key, s.ptr, s.len);
}
