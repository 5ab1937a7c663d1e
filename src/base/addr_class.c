/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/addr.h>

/* A net of either family, and what its addresses are. */
struct class_row {
    uint8_t ip[16];
    unsigned bits;
    enum addr_class class;
};

/* The first row that matches decides. */
static const struct class_row ipv4_rows[] = {
    { { 0 }, 8, ADDR_UNSPECIFIED },        { { 10 }, 8, ADDR_PRIVATE },
    { { 100, 64 }, 10, ADDR_SHARED },      { { 127 }, 8, ADDR_LOOPBACK },
    { { 169, 254 }, 16, ADDR_LINK_LOCAL }, { { 172, 16 }, 12, ADDR_PRIVATE },
    { { 192, 0, 0 }, 24, ADDR_RESERVED }, /* IETF protocol assignments */
    { { 192, 168 }, 16, ADDR_PRIVATE },    { { 198, 18 }, 15, ADDR_RESERVED }, /* benchmarks */
    { { 224 }, 4, ADDR_MULTICAST },        { { 255, 255, 255, 255 }, 32, ADDR_BROADCAST },
    { { 240 }, 4, ADDR_RESERVED },
};

static const struct class_row ipv6_rows[] = {
    { { 0 }, 128, ADDR_UNSPECIFIED },
    { { [15] = 1 }, 128, ADDR_LOOPBACK },
    { { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48, ADDR_PRIVATE }, /* RFC 8215: NAT64 of a site */
    { { 0x01 }, 64, ADDR_RESERVED },                              /* RFC 6666: discard */
    { { 0xfe, 0x80 }, 10, ADDR_LINK_LOCAL },
    { { 0xfe, 0xc0 }, 10, ADDR_PRIVATE }, /* RFC 3879: site-local of old */
    { { 0xfc }, 7, ADDR_PRIVATE },
    { { 0xff }, 8, ADDR_MULTICAST },
};

/* IPv6 nets whose addresses carry an IPv4 address, and where. */
static const struct embedding {
    uint8_t ip[16];
    unsigned bits;
    unsigned offset;
    uint8_t flip; /* the bytes are stored xor this */
} embeddings[] = {
    { { [10] = 0xff, [11] = 0xff }, 96, 12, 0 },  /* ::ffff:0:0, IPv4-mapped */
    { { [8] = 0xff, [9] = 0xff }, 96, 12, 0 },    /* ::ffff:0:0:0, IPv4-translated */
    { { 0 }, 96, 12, 0 },                         /* IPv4-compatible */
    { { 0x20, 0x02 }, 16, 2, 0 },                 /* 6to4 */
    { { 0x20, 0x01, 0x00, 0x00 }, 32, 12, 0xff }, /* Teredo */
    { { 0x00, 0x64, 0xff, 0x9b }, 96, 12, 0 },    /* NAT64 */
};

static bool is_in(const struct addr *addr, const uint8_t ip[static 16], unsigned bits)
{
    struct addr net = { .family = addr->family };

    memcpy(net.ip, ip, sizeof net.ip);
    return addr_in_net(addr, &net, bits);
}

static bool find_class(const struct addr *addr, const struct class_row *rows, size_t count,
                       enum addr_class *out)
{
    for (size_t i = 0; i < count; i++) {
        if (is_in(addr, rows[i].ip, rows[i].bits)) {
            *out = rows[i].class;
            return true;
        }
    }
    return false;
}

static enum addr_class classify_ipv4(const struct addr *addr)
{
    enum addr_class class = ADDR_PUBLIC;

    find_class(addr, ipv4_rows, sizeof ipv4_rows / sizeof *ipv4_rows, &class);
    return class;
}

static bool find_embedded(const struct addr *addr, struct addr *out)
{
    for (size_t i = 0; i < sizeof embeddings / sizeof *embeddings; i++) {
        const struct embedding *e = &embeddings[i];

        if (!is_in(addr, e->ip, e->bits))
            continue;
        *out = (struct addr){ .family = ADDR_IPV4 };
        for (unsigned byte = 0; byte < 4; byte++)
            out->ip[byte] = addr->ip[e->offset + byte] ^ e->flip;
        return true;
    }
    return false;
}

static enum addr_class classify_ipv6(const struct addr *addr)
{
    enum addr_class class = ADDR_PUBLIC;
    struct addr embedded;

    if (find_class(addr, ipv6_rows, sizeof ipv6_rows / sizeof *ipv6_rows, &class))
        return class;
    return find_embedded(addr, &embedded) ? classify_ipv4(&embedded) : class;
}

enum addr_class addr_classify(const struct addr *addr)
{
    if (addr->family == ADDR_IPV4)
        return classify_ipv4(addr);
    if (addr->family == ADDR_IPV6)
        return classify_ipv6(addr);
    return ADDR_UNSPECIFIED;
}

bool addr_is_unspecified(const struct addr *addr)
{
    static const uint8_t nowhere[16];

    return memcmp(addr->ip, nowhere, sizeof nowhere) == 0;
}

bool addr_is_rfc1918(const struct addr *addr)
{
    return addr->family == ADDR_IPV4 && classify_ipv4(addr) == ADDR_PRIVATE;
}
