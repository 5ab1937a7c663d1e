/* SPDX-License-Identifier: Apache-2.0 */
#include "host/stun.h"

enum {
    HEADER = 20,
    TRANSACTION_ID = 12,
    BINDING_REQUEST = 0x0001,
    BINDING_SUCCESS = 0x0101,
    XOR_MAPPED_ADDRESS = 0x0020,
    OPTIONAL_ATTRIBUTES = 0x8000, /* from here on, one that is not understood may be passed over */
    FAMILY_IPV4 = 1,
    FAMILY_IPV6 = 2,
};

#define COOKIE UINT32_C(0x2112A442)

static uint32_t read_number(struct str bytes, size_t at, unsigned count)
{
    uint32_t number = 0;

    while (count--)
        number = number << 8 | (uint8_t)bytes.ptr[at++];
    return number;
}

static void write_number(struct writer *w, uint32_t number, unsigned count)
{
    while (count--)
        write_char(w, (char)(number >> (8 * count)));
}

bool stun_is_like(struct str bytes)
{
    return bytes.len >= HEADER && ((uint8_t)bytes.ptr[0] & 0xC0) == 0 &&
           read_number(bytes, 4, 4) == COOKIE;
}

/* All that we would have to understand is nothing: what asks for more is not for us. */
static bool has_plain_attributes(struct str bytes)
{
    size_t at = HEADER;

    while (at + 4 <= bytes.len) {
        uint32_t type = read_number(bytes, at, 2);
        size_t length = read_number(bytes, at + 2, 2);

        if (type < OPTIONAL_ATTRIBUTES)
            return false;
        at += 4 + ((length + 3) & ~(size_t)3);
    }
    return at == bytes.len;
}

static bool is_binding_request(struct str bytes)
{
    return stun_is_like(bytes) && read_number(bytes, 0, 2) == BINDING_REQUEST &&
           read_number(bytes, 2, 2) == bytes.len - HEADER && has_plain_attributes(bytes);
}

/* Hidden from NATs that would rewrite what looks like an address: RFC 5389 §15.2. */
static void write_address(struct writer *w, struct str request, const struct addr *source)
{
    bool is_ipv4 = source->family == ADDR_IPV4;
    unsigned count = is_ipv4 ? 4 : 16;

    write_number(w, XOR_MAPPED_ADDRESS, 2);
    write_number(w, 4 + count, 2);
    write_number(w, is_ipv4 ? FAMILY_IPV4 : FAMILY_IPV6, 2);
    write_number(w, source->port ^ (COOKIE >> 16), 2);
    for (unsigned i = 0; i < count; i++) /* cookie and transaction id are one mask */
        write_char(w, (char)(source->ip[i] ^ (uint8_t)request.ptr[4 + i]));
}

bool stun_write_answer(struct writer *w, struct str request, const struct addr *source)
{
    if (!is_binding_request(request) ||
        (source->family != ADDR_IPV4 && source->family != ADDR_IPV6))
        return false;
    write_number(w, BINDING_SUCCESS, 2);
    write_number(w, source->family == ADDR_IPV4 ? 12 : 24, 2);
    write_str(w, (struct str){ request.ptr + 4, 4 + TRANSACTION_ID });
    write_address(w, request, source);
    return true;
}

bool stun_gate_pass(struct stun_gate *gate, const struct hash_key *key, const struct addr *source,
                    msec now)
{
    uint8_t *count = &gate->counts[hash_bytes(key, source->ip, sizeof source->ip) % STUN_BUCKETS];

    if (now - gate->since >= 1000)
        *gate = (struct stun_gate){ .since = now };
    if (*count == STUN_ANSWERS_MAX)
        return false;
    ++*count;
    return true;
}
