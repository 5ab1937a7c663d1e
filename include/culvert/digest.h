/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The arithmetic of digest authentication (RFC 7616 §3.4, RFC 8760). Hashes are lower-case hex. */
#include <culvert/sip.h>

enum {
    DIGEST_HEX_MAX = 64,
};

struct digest_algorithm;

struct digest_hex {
    char text[DIGEST_HEX_MAX];
    size_t len;
};

/* "MD5", "SHA-256" or "SHA-512-256" in any case, "" for MD5; NULL when it is none of them. */
const struct digest_algorithm *digest_algorithm_find(struct str name);
const char *digest_algorithm_name(const struct digest_algorithm *algorithm);
/* Hex digits of its hashes. */
size_t digest_algorithm_length(const struct digest_algorithm *algorithm);

/* H(user:realm:password). False when the library fails, here and below. */
MUST_USE bool digest_ha1(const struct digest_algorithm *algorithm, struct str user, struct str realm,
                         struct str password, struct digest_hex *out);

/* What a response covers. `method` is empty for rspauth of Authentication-Info (RFC 7616 §3.5). */
struct digest_question {
    const struct sip_digest *digest; /* nonce, uri, qop, nc, cnonce */
    struct str method, body;         /* the body matters for qop=auth-int */
};
/* `ha1` in hex. Without a qop: as RFC 2069 had it. */
MUST_USE bool digest_response(const struct digest_algorithm *algorithm, struct str ha1,
                              const struct digest_question *question, struct digest_hex *out);

static inline struct str digest_str(const struct digest_hex *hex)
{
    return (struct str){ hex->text, hex->len };
}
