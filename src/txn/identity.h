/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One keyed hash over all that tells one transaction, call or request from another. */
#include "base/hash.h"

enum {
    IDENTITY_PIECES_MAX = 8,
};

/* Where one piece ends and the next begins counts too. At most IDENTITY_PIECES_MAX of them. */
uint64_t txn_identity_hash(const struct hash_key *key, const struct str *pieces, unsigned count,
                           uint64_t number);
