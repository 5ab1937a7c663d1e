/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "ft." and, in base64url: a byte of flags, the hash of the caller's tag (4), the flows, the MAC
 * (12). A flow is transport (1), socket (2), port (2), address (4 or 16), and, as the flags say,
 * IPv6 scope (4) and connection (8); the top bit of the transport says that the identity (4) of a
 * peer that was dialled by name follows. All numbers are big-endian.
 *
 * A hop token is "fp.", a byte of flags, the flow, the MAC.
 */
#include "dialog/token.h"

#include "base/hash.h"
#include "dialog/mac.h"

#define PREFIX "ft."
#define HOP_PREFIX "fp."

enum {
    PREFIX_LENGTH = sizeof(PREFIX) - 1,
    MAC_BYTES = TOKEN_MAC_BYTES,
    FLOW_BYTES_MIN = 1 + 2 + 2 + 4,
    FLOW_BYTES_MAX = 1 + 2 + 2 + 16 + 4 + 8 + 4,
    PAYLOAD_MIN = 1 + 4 + 2 * FLOW_BYTES_MIN,
    PAYLOAD_MAX = 1 + 4 + 2 * FLOW_BYTES_MAX,
    HOP_PAYLOAD_MIN = 1 + FLOW_BYTES_MIN,
    HOP_TEXT_MIN = PREFIX_LENGTH + ((HOP_PAYLOAD_MIN + MAC_BYTES) * 8 + 5) / 6,
    TEXT_MIN = PREFIX_LENGTH + ((PAYLOAD_MIN + MAC_BYTES) * 8 + 5) / 6,
    TEXT_MAX = PREFIX_LENGTH + ((PAYLOAD_MAX + MAC_BYTES) * 8 + 5) / 6,

    VERSION = 1 << 6, /* in the top two bits of the flags */
    VERSION_MASK = 3 << 6,
    CALLER_SHIFT = 0,
    CALLEE_SHIFT = 3,
    HAS_IPV6 = 1,
    HAS_SCOPE = 2,
    HAS_CONNECTION = 4,
    HAS_IDENTITY = 0x80, /* of the byte of the transport */

    HOP_VERSION = 2 << 6, /* unlike VERSION: one kind never stands for the other */
};

_Static_assert(TEXT_MAX <= (int)FLOW_TOKEN_MAX, "the longest token fits");

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ---- bytes ---- */

struct packer {
    uint8_t bytes[PAYLOAD_MAX + MAC_BYTES];
    size_t length;
};

static void pack_uint(struct packer *p, uint64_t number, unsigned count)
{
    while (count--)
        p->bytes[p->length++] = (uint8_t)(number >> (8 * count));
}

static void pack_bytes(struct packer *p, const uint8_t *bytes, size_t count)
{
    memcpy(p->bytes + p->length, bytes, count);
    p->length += count;
}

/* Reads beyond the end give zeros and are remembered. */
struct unpacker {
    const uint8_t *at;
    const uint8_t *end;
    bool is_short;
};

static uint64_t unpack_uint(struct unpacker *u, unsigned count)
{
    uint64_t number = 0;

    if ((size_t)(u->end - u->at) < count) {
        u->is_short = true;
        return 0;
    }
    while (count--)
        number = number << 8 | *u->at++;
    return number;
}

/* ---- flows ---- */

static unsigned flow_flags(const struct flow *flow)
{
    unsigned flags = 0;

    if (flow->peer.family == ADDR_IPV6)
        flags |= HAS_IPV6;
    if (flow->peer.scope)
        flags |= HAS_SCOPE;
    if (flow->connection)
        flags |= HAS_CONNECTION;
    return flags;
}

static void pack_flow(struct packer *p, const struct flow *flow)
{
    unsigned flags = flow_flags(flow);

    pack_uint(p, flow->transport | (flow->identity ? (unsigned)HAS_IDENTITY : 0), 1);
    pack_uint(p, flow->socket, 2);
    pack_uint(p, flow->peer.port, 2);
    pack_bytes(p, flow->peer.ip, flags & HAS_IPV6 ? 16 : 4);
    if (flags & HAS_SCOPE)
        pack_uint(p, flow->peer.scope, 4);
    if (flags & HAS_CONNECTION)
        pack_uint(p, flow->connection, 8);
    if (flow->identity)
        pack_uint(p, flow->identity, 4);
}

static void unpack_flow(struct unpacker *u, unsigned flags, struct flow *out)
{
    unsigned ip_bytes = flags & HAS_IPV6 ? 16 : 4;
    unsigned transport = (unsigned)unpack_uint(u, 1);

    *out = (struct flow){ .transport = (uint8_t)(transport & ~(unsigned)HAS_IDENTITY) };
    out->socket = (uint16_t)unpack_uint(u, 2);
    out->peer.port = (uint16_t)unpack_uint(u, 2);
    out->peer.family = flags & HAS_IPV6 ? ADDR_IPV6 : ADDR_IPV4;
    for (unsigned i = 0; i < ip_bytes; i++)
        out->peer.ip[i] = (uint8_t)unpack_uint(u, 1);
    if (flags & HAS_SCOPE)
        out->peer.scope = (uint32_t)unpack_uint(u, 4);
    if (flags & HAS_CONNECTION)
        out->connection = unpack_uint(u, 8);
    if (transport & HAS_IDENTITY)
        out->identity = (uint32_t)unpack_uint(u, 4);
}

/* ---- base64url ---- */

static void write_base64(struct writer *w, const uint8_t *bytes, size_t count)
{
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < count; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 6; have -= 6)
            write_char(w, digits[bits >> (have - 6) & 63]);
    }
    if (have)
        write_char(w, digits[bits << (6 - have) & 63]);
}

static bool digit_value(char c, uint32_t *out)
{
    const char *found = c ? strchr(digits, c) : NULL;

    if (found)
        *out = (uint32_t)(found - digits);
    return found != NULL;
}

/* Accepts only what write_base64 writes: the bits that are left over must be zero. */
static bool read_base64(struct str text, struct packer *out)
{
    uint32_t bits = 0, value;
    unsigned have = 0;

    out->length = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!digit_value(text.ptr[i], &value) || out->length == sizeof out->bytes)
            return false;
        bits = bits << 6 | value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out->bytes[out->length++] = (uint8_t)(bits >> have);
        }
    }
    return have < 6 && (bits & ((1u << have) - 1)) == 0;
}

/* ---- tokens ---- */

static void write_signed(struct writer *w, struct flow_signer *signer, struct str prefix,
                         struct packer *p)
{
    uint8_t mac[MAC_BYTES];

    if (!flow_signer_sign(signer, p->bytes, p->length, mac)) {
        w->has_overflowed = true;
        return;
    }
    pack_bytes(p, mac, sizeof mac);
    write_str(w, prefix);
    write_base64(w, p->bytes, p->length);
}

/* The payload of a text behind its prefix; false: it is none that we signed. */
static bool read_signed(struct str text, struct flow_signer *signer, struct packer *p,
                        struct unpacker *out)
{
    if (!read_base64(str_skip(text, PREFIX_LENGTH), p) ||
        p->length < HOP_PAYLOAD_MIN + MAC_BYTES ||
        !flow_signer_check(signer, p->bytes, p->length - MAC_BYTES, p->bytes + p->length - MAC_BYTES))
        return false;
    *out = (struct unpacker){ .at = p->bytes, .end = p->bytes + p->length - MAC_BYTES };
    return true;
}

void flow_token_write(struct writer *w, struct flow_signer *signer, const struct flow_token *token)
{
    struct packer p = { .length = 0 };

    pack_uint(&p,
              (unsigned)VERSION | flow_flags(&token->caller) << CALLER_SHIFT |
                  flow_flags(&token->callee) << CALLEE_SHIFT,
              1);
    pack_uint(&p, token->caller_tag, 4);
    pack_flow(&p, &token->caller);
    pack_flow(&p, &token->callee);
    write_signed(w, signer, STR(PREFIX), &p);
}

static bool unpack_token(struct unpacker *u, struct flow_token *out)
{
    unsigned flags = (unsigned)unpack_uint(u, 1);

    if ((flags & VERSION_MASK) != VERSION)
        return false;
    out->caller_tag = (uint32_t)unpack_uint(u, 4);
    unpack_flow(u, flags >> CALLER_SHIFT & 7, &out->caller);
    unpack_flow(u, flags >> CALLEE_SHIFT & 7, &out->callee);
    return !u->is_short && u->at == u->end && out->caller.transport < TRANSPORTS &&
           out->callee.transport < TRANSPORTS;
}

enum err flow_token_read(struct str text, struct flow_signer *signer, struct flow_token *out)
{
    struct packer p;
    struct unpacker u;
    struct flow_token token;

    if (!flow_token_is_like(text) || !read_signed(text, signer, &p, &u) ||
        !unpack_token(&u, &token))
        return ERR_DENIED;
    *out = token;
    return ERR_NONE;
}

bool flow_token_is_like(struct str text)
{
    return text.len >= TEXT_MIN && str_starts(text, STR(PREFIX));
}

/* ---- hop tokens ---- */

void hop_token_write(struct writer *w, struct flow_signer *signer, const struct flow *flow)
{
    struct packer p = { .length = 0 };

    pack_uint(&p, (unsigned)HOP_VERSION | flow_flags(flow), 1);
    pack_flow(&p, flow);
    write_signed(w, signer, STR(HOP_PREFIX), &p);
}

static bool unpack_hop(struct unpacker *u, struct flow *out)
{
    unsigned flags = (unsigned)unpack_uint(u, 1);

    if ((flags & VERSION_MASK) != HOP_VERSION)
        return false;
    unpack_flow(u, flags & 7, out);
    return !u->is_short && u->at == u->end && out->transport < TRANSPORTS;
}

enum err hop_token_read(struct str text, struct flow_signer *signer, struct flow *out)
{
    struct packer p;
    struct unpacker u;
    struct flow flow;

    if (!hop_token_is_like(text) || !read_signed(text, signer, &p, &u) || !unpack_hop(&u, &flow))
        return ERR_DENIED;
    *out = flow;
    return ERR_NONE;
}

bool hop_token_is_like(struct str text)
{
    return text.len >= HOP_TEXT_MIN && str_starts(text, STR(HOP_PREFIX));
}

uint32_t flow_token_tag_hash(struct str tag)
{
    static const struct hash_key no_key; /* the token is signed: no need for another secret */

    return (uint32_t)hash_str(&no_key, tag);
}
