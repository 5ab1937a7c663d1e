/* SPDX-License-Identifier: Apache-2.0 */
#include "txn/identity.h"

enum {
    ROOM = 240, /* for the texts; mostly they fit */
};

/* What is hashed: the number, the lengths, the texts. A longer text is replaced by its own hash. */
struct identity {
    uint64_t number;
    uint32_t lengths[IDENTITY_PIECES_MAX];
    char text[ROOM];
};

/* Eight bytes are kept free for each of the `left` pieces that are still to come. */
static size_t add_piece(const struct hash_key *key, char *text, size_t used, struct str piece,
                        unsigned left)
{
    uint64_t own;

    if (piece.len == 0)
        return used;
    if (piece.len <= ROOM && used + piece.len + left * sizeof own <= ROOM) {
        memcpy(text + used, piece.ptr, piece.len);
        return used + piece.len;
    }
    own = hash_str(key, piece);
    memcpy(text + used, &own, sizeof own);
    return used + sizeof own;
}

uint64_t txn_identity_hash(const struct hash_key *key, const struct str *pieces, unsigned count,
                           uint64_t number)
{
    struct identity identity;
    size_t used = 0;

    identity.number = number;
    memset(identity.lengths, 0, sizeof identity.lengths);
    for (unsigned i = 0; i < count; i++) {
        identity.lengths[i] = (uint32_t)pieces[i].len;
        used = add_piece(key, identity.text, used, pieces[i], count - 1 - i);
    }
    return hash_bytes(key, &identity, offsetof(struct identity, text) + used);
}
