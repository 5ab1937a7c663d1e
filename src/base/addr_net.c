/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/addr.h>

static unsigned family_bits(const struct addr *addr)
{
    return addr->family == ADDR_IPV6 ? 128 : 32;
}

/* 255.255.255.0 as 24; ERR_SYNTAX when the ones are not all in front. */
static enum err mask_bits(const struct addr *mask, unsigned *out)
{
    unsigned bits = 0, total = family_bits(mask);

    while (bits < total && (mask->ip[bits / 8] & (0x80 >> bits % 8)))
        bits++;
    for (unsigned i = bits; i < total; i++) {
        if (mask->ip[i / 8] & (0x80 >> i % 8))
            return ERR_SYNTAX;
    }
    *out = bits;
    return ERR_NONE;
}

enum err addr_net_parse(struct str text, struct addr_net *out)
{
    struct addr_net net = { 0 };
    struct str address, length;
    struct addr mask;
    uint64_t bits;

    if (!str_split(text, '/', &address, &length)) {
        if (addr_parse_ip(text, &net.addr))
            return ERR_SYNTAX;
        net.bits = family_bits(&net.addr);
        *out = net;
        return ERR_NONE;
    }
    if (addr_parse_ip(address, &net.addr))
        return ERR_SYNTAX;
    if (!str_to_uint(length, 0, family_bits(&net.addr), &bits))
        net.bits = (unsigned)bits;
    else if (addr_parse_ip(length, &mask) || mask.family != net.addr.family ||
             mask_bits(&mask, &net.bits))
        return ERR_SYNTAX;
    *out = net;
    return ERR_NONE;
}
