/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * SipHash-2-4: a keyed hash for tables whose keys come from the network. Without the key nobody can
 * choose inputs that collide.
 */
#include <culvert/random.h>
#include <culvert/str.h>

struct hash_key {
    uint64_t k[2];
};

void hash_key_random(struct random_source *source, struct hash_key *out);
uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t count);
uint64_t hash_str(const struct hash_key *key, struct str s);
