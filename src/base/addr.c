/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/addr.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <culvert/cursor.h>

enum {
    IPV4_BYTES = 4,
    IPV6_BYTES = 16,
};

/* dec-octet of RFC 3986: no leading zeros. */
static uint8_t parse_octet(struct cursor *c)
{
    const char *start = c->at;
    uint64_t octet = cursor_take_uint(c, 255);

    if (*start == '0' && c->at - start > 1)
        cursor_fail(c);
    return (uint8_t)octet;
}

/* IPv4address = dec-octet "." dec-octet "." dec-octet "." dec-octet */
static enum err parse_ipv4(struct str text, struct addr *out)
{
    struct addr addr = { .family = ADDR_IPV4 };
    struct cursor c = cursor_over(text);

    for (int i = 0; i < IPV4_BYTES && !c.fault; i++) {
        if (i > 0)
            cursor_expect(&c, '.');
        if (!cursor_at_end(&c))
            addr.ip[i] = parse_octet(&c);
        else
            cursor_fail(&c);
    }
    if (cursor_finish(&c))
        return ERR_SYNTAX;
    *out = addr;
    return ERR_NONE;
}

static bool is_ipv6_char(char c)
{
    return c == ':' || c == '.' || (c >= '0' && c <= '9') ||
           (char_lower(c) >= 'a' && char_lower(c) <= 'f');
}

static enum err parse_ipv6(struct str text, struct addr *out)
{
    struct addr addr = { .family = ADDR_IPV6 };
    char copy[INET6_ADDRSTRLEN] = { 0 };

    if (text.len >= sizeof copy)
        return ERR_SYNTAX;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_ipv6_char(text.ptr[i]))
            return ERR_SYNTAX;
        copy[i] = text.ptr[i];
    }
    if (inet_pton(AF_INET6, copy, addr.ip) != 1)
        return ERR_SYNTAX;
    *out = addr;
    return ERR_NONE;
}

enum err addr_parse_ip(struct str text, struct addr *out)
{
    if (text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
        return parse_ipv6((struct str){ text.ptr + 1, text.len - 2 }, out);
    if (str_find_char(text, ':'))
        return parse_ipv6(text, out);
    return parse_ipv4(text, out);
}

/* Where the ':' before the port is; NULL without a port. A second colon makes a bare IPv6. */
static const char *find_port(struct str text)
{
    const char *bracket = str_find_char(text, ']');
    const char *end = text.ptr + text.len;
    const char *colon;

    if (bracket)
        return bracket + 1 < end && bracket[1] == ':' ? bracket + 1 : NULL;
    colon = str_find_char(text, ':');
    return colon && !str_find_char(str_between(colon + 1, end), ':') ? colon : NULL;
}

enum err addr_parse(struct str text, struct addr *out)
{
    const char *colon = find_port(text);
    struct addr addr;
    uint64_t port = 0;
    enum err err;

    if (!colon)
        return addr_parse_ip(text, out);
    err = addr_parse_ip(str_between(text.ptr, colon), &addr);
    if (!err)
        err = str_to_uint(str_between(colon + 1, text.ptr + text.len), 0, UINT16_MAX, &port);
    if (err)
        return err;
    addr.port = (uint16_t)port;
    *out = addr;
    return ERR_NONE;
}

void addr_write_ip(struct writer *w, const struct addr *addr, bool bracketed)
{
    char text[INET6_ADDRSTRLEN] = "-";
    bool is_ipv6 = addr->family == ADDR_IPV6;

    if (addr->family != ADDR_NONE)
        inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, addr->ip, text, sizeof text);
    if (is_ipv6 && bracketed)
        write_char(w, '[');
    write_str(w, str_of(text));
    if (is_ipv6 && bracketed)
        write_char(w, ']');
}

void addr_write(struct writer *w, const struct addr *addr)
{
    addr_write_ip(w, addr, true);
    if (addr->port == 0)
        return;
    write_char(w, ':');
    write_uint(w, addr->port);
}

const char *addr_text(const struct addr *addr, char buffer[static ADDR_TEXT_MAX])
{
    struct writer w = writer_over(buffer, ADDR_TEXT_MAX);

    addr_write(&w, addr);
    write_char(&w, '\0');
    return buffer;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
    return a->port == b->port && addr_same_ip(a, b);
}

bool addr_same_ip(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && a->scope == b->scope &&
           memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool addr_same_site(const struct addr *a, const struct addr *b)
{
    return a->scope == b->scope && addr_in_net(a, b, a->family == ADDR_IPV4 ? 24 : 64);
}

bool addr_in_net(const struct addr *addr, const struct addr *net, unsigned bits)
{
    unsigned bits_max = 8 * (addr->family == ADDR_IPV4 ? IPV4_BYTES : IPV6_BYTES);
    unsigned whole, rest;

    if (addr->family != net->family)
        return false;
    if (bits > bits_max)
        bits = bits_max;
    whole = bits / 8;
    rest = bits % 8;
    if (memcmp(addr->ip, net->ip, whole) != 0)
        return false;
    return rest == 0 || (addr->ip[whole] ^ net->ip[whole]) >> (8 - rest) == 0;
}

void addr_from_sockaddr(const struct sockaddr_storage *from, struct addr *out)
{
    *out = (struct addr){ 0 };
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        out->family = ADDR_IPV4;
        out->port = ntohs(in->sin_port);
        memcpy(out->ip, &in->sin_addr, IPV4_BYTES);
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)from;
        out->family = ADDR_IPV6;
        out->port = ntohs(in->sin6_port);
        out->scope = in->sin6_scope_id;
        memcpy(out->ip, &in->sin6_addr, IPV6_BYTES);
    }
}

static unsigned fill_ipv4(const struct addr *from, struct sockaddr_in *in)
{
    in->sin_family = AF_INET;
    in->sin_port = htons(from->port);
    memcpy(&in->sin_addr, from->ip, IPV4_BYTES);
    return sizeof *in;
}

static unsigned fill_ipv6(const struct addr *from, struct sockaddr_in6 *in)
{
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(from->port);
    in->sin6_scope_id = from->scope;
    memcpy(&in->sin6_addr, from->ip, IPV6_BYTES);
    return sizeof *in;
}

unsigned addr_to_sockaddr(const struct addr *from, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){ 0 };
    if (from->family == ADDR_IPV4)
        return fill_ipv4(from, (struct sockaddr_in *)out);
    if (from->family == ADDR_IPV6)
        return fill_ipv6(from, (struct sockaddr_in6 *)out);
    return 0;
}
