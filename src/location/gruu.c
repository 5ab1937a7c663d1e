/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "tgruu." and, in hex: a random number, the number that the ruid is, masked by a keyed hash of the
 * random one, and a keyed hash of both and the Call-ID. Eight bytes each.
 */
#include <culvert/gruu.h>

#include "base/hash.h"

#define PREFIX "tgruu."

enum {
    PREFIX_LENGTH = sizeof(PREFIX) - 1,
    NUMBER_DIGITS = 16,
    USER_LENGTH = PREFIX_LENGTH + 3 * NUMBER_DIGITS,
};

_Static_assert(USER_LENGTH <= (int)GRUU_USER_MAX, "it fits");

struct gruu_user {
    uint64_t nonce, masked, tag;
};

/* One key for each purpose, and none of them the secret itself. */
static struct hash_key key_for(const uint8_t secret[static GRUU_SECRET], const char *purpose)
{
    struct hash_key from[2], key;

    _Static_assert(sizeof from == GRUU_SECRET, "two keys of the hash");
    memcpy(from, secret, sizeof from);
    key.k[0] = hash_str(&from[0], str_of(purpose));
    key.k[1] = hash_str(&from[1], str_of(purpose));
    return key;
}

static uint64_t mask_of(const uint8_t secret[static GRUU_SECRET], uint64_t nonce)
{
    struct hash_key key = key_for(secret, "mask of a temporary GRUU");

    return hash_bytes(&key, &nonce, sizeof nonce);
}

static uint64_t tag_of(const uint8_t secret[static GRUU_SECRET], const struct gruu_user *user,
                       struct str call_id)
{
    struct hash_key key = key_for(secret, "tag of a temporary GRUU");
    uint64_t parts[3] = { user->nonce, user->masked, hash_str(&key, call_id) };

    return hash_bytes(&key, parts, sizeof parts);
}

/* ---- numbers in hex: most significant digit first ---- */

static void write_number(struct writer *w, uint64_t number)
{
    for (unsigned shift = 64; shift; shift -= 4)
        write_char(w, "0123456789abcdef"[number >> (shift - 4) & 15]);
}

static bool read_digit(char c, uint64_t *out)
{
    if (c >= '0' && c <= '9')
        *out = (uint64_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
        *out = (uint64_t)(c - 'a' + 10);
    else
        return false;
    return true;
}

static bool read_number(struct str text, uint64_t *out)
{
    uint64_t number = 0, digit;

    if (text.len != NUMBER_DIGITS)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!read_digit(text.ptr[i], &digit))
            return false;
        number = number << 4 | digit;
    }
    *out = number;
    return true;
}

/* ---- user parts ---- */

bool gruu_is_like(struct str user)
{
    return user.len == USER_LENGTH && str_starts(user, STR(PREFIX));
}

static struct str part(struct str user, unsigned index)
{
    return (struct str){ user.ptr + PREFIX_LENGTH + index * NUMBER_DIGITS, NUMBER_DIGITS };
}

static bool read_user(struct str text, struct gruu_user *out)
{
    return gruu_is_like(text) && read_number(part(text, 0), &out->nonce) &&
           read_number(part(text, 1), &out->masked) && read_number(part(text, 2), &out->tag);
}

enum err gruu_write_user(struct writer *w, const uint8_t secret[static GRUU_SECRET],
                         struct random_source *random, const struct binding *binding)
{
    struct gruu_user user;
    uint64_t ruid;

    if (!read_number(binding->ruid, &ruid))
        return ERR_UNSUPPORTED;
    user.nonce = random_u64(random);
    user.masked = ruid ^ mask_of(secret, user.nonce);
    user.tag = tag_of(secret, &user, binding->call_id);
    write_str(w, STR(PREFIX));
    write_number(w, user.nonce);
    write_number(w, user.masked);
    write_number(w, user.tag);
    return ERR_NONE;
}

enum err gruu_read_ruid(struct str text, const uint8_t secret[static GRUU_SECRET],
                        char buffer[static RUID_MAX], struct str *out)
{
    struct writer w = writer_over(buffer, RUID_MAX);
    struct gruu_user user;

    if (!read_user(text, &user))
        return ERR_SYNTAX;
    write_number(&w, user.masked ^ mask_of(secret, user.nonce));
    return writer_finish(&w, out);
}

/* The tag tells nobody anything that looking the GRUU up does not: no constant time is needed. */
bool gruu_is_for(struct str text, const uint8_t secret[static GRUU_SECRET],
                 const struct binding *binding)
{
    char buffer[RUID_MAX];
    struct gruu_user user;
    struct str ruid;

    return read_user(text, &user) && !gruu_read_ruid(text, secret, buffer, &ruid) &&
           str_eq(ruid, binding->ruid) && user.tag == tag_of(secret, &user, binding->call_id);
}
