/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Nonces of digest challenges: expiry, counter and marks under a keyed MAC, so that none has to be
 * remembered until it has been used; and the counts that were used with each (RFC 7616 §3.4, "nc").
 * Shared by all workers.
 */
#include <culvert/random.h>
#include <culvert/str.h>

enum {
    NONCE_HEAD = 18, /* hex digits of expiry, counter and marks */
    NONCE_MAC = 32,
    NONCE_LENGTH = NONCE_HEAD + NONCE_MAC,
};

/* Marks: what the nonce was made for. The upper ones say what of the request its MAC covers. */
enum {
    NONCE_OFFERS_QOP = 1,
    NONCE_BINDS_URI = 2,
    NONCE_BINDS_CALL_ID = 4,
    NONCE_BINDS_FROM_TAG = 8,
    NONCE_BINDS_SOURCE = 16,
};

struct nonce {
    struct str text;
    uint32_t expiry; /* seconds since 1970 */
    uint8_t marks;
};

struct nonces;

/*
 * `secret` empty: a key of this process alone, so that the nonces of an earlier one are not good any
 * more. `remembered`: how many used nonces have room; beyond it the oldest become stale early.
 */
MUST_USE enum err nonces_create(struct random_source *random, struct str secret, size_t remembered,
                                struct nonces **out);
void nonces_destroy(struct nonces *nonces);

/* `bound` is the text of what the marks bind. ERR_IO when the library fails. */
MUST_USE enum err nonces_make(struct nonces *nonces, uint32_t expiry, uint8_t marks, struct str bound,
                              char out[static NONCE_LENGTH]);
/* The shape alone: ERR_SYNTAX when it cannot be ours. */
MUST_USE enum err nonce_read(struct str text, struct nonce *out);
/* True when we made it; whether it has expired is the caller's to see. */
bool nonces_know(struct nonces *nonces, const struct nonce *nonce, struct str bound);

/* The count of a nonce that may be used once, as it is when the client sends none. */
#define NONCE_COUNT_ONCE UINT32_MAX

/*
 * Marks a count as used, once the response has been found right. False when it was used before, is too
 * far behind the highest (64), or when so many nonces are in use that this one cannot be told. Expired
 * ones make room first.
 */
bool nonces_use(struct nonces *nonces, const struct nonce *nonce, uint32_t count, uint32_t now);
