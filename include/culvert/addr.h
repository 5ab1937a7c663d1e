/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Transport addresses and flows. A flow (transport, local socket, peer, connection) is the primary
 * key of reachability: what a packet came in on is what the answer goes out on.
 */
#include <culvert/str.h>
#include <culvert/writer.h>

struct sockaddr_storage;

enum addr_family {
    ADDR_NONE = 0,
    ADDR_IPV4 = 4,
    ADDR_IPV6 = 6,
};

/* An IP address and a port. Values of this type hold no padding garbage: clear before filling. */
struct addr {
    uint8_t ip[16]; /* network order; IPv4 uses the first four */
    uint32_t scope; /* IPv6 scope id, else 0 */
    uint16_t port;  /* host order; 0 = none */
    uint8_t family; /* enum addr_family */
    uint8_t unused;
};

/* A network: 192.168.0.0/16 */
struct addr_net {
    struct addr addr;
    unsigned bits;
};

enum addr_class {
    ADDR_PUBLIC,
    ADDR_PRIVATE,    /* RFC 1918, and IPv6 unique local */
    ADDR_SHARED,     /* 100.64/10: carrier-grade NAT */
    ADDR_LOOPBACK,
    ADDR_LINK_LOCAL, /* with 169.254.169.254, where clouds keep their secrets */
    ADDR_MULTICAST,
    ADDR_UNSPECIFIED, /* 0.0.0.0/8 and :: */
    ADDR_BROADCAST,
    ADDR_RESERVED,
};

/* IPv4 dotted quad, or IPv6 with or without brackets; no names, no ports. port is left 0. */
MUST_USE enum err addr_parse_ip(struct str text, struct addr *out);
/* "1.2.3.4:5060", "[::1]:5060", or without a port. */
MUST_USE enum err addr_parse(struct str text, struct addr *out);
/* The address alone; IPv6 in brackets when `bracketed`. */
void addr_write_ip(struct writer *w, const struct addr *addr, bool bracketed);
/* host:port, IPv6 in brackets. */
void addr_write(struct writer *w, const struct addr *addr);
/* host:port as NUL-terminated text in `buffer`, for log lines. */
#define ADDR_TEXT_MAX 64
const char *addr_text(const struct addr *addr, char buffer[static ADDR_TEXT_MAX]);

bool addr_eq(const struct addr *a, const struct addr *b);      /* address and port */
bool addr_same_ip(const struct addr *a, const struct addr *b); /* address alone */
/* The same /24 (IPv4) or /64 (IPv6). */
bool addr_same_site(const struct addr *a, const struct addr *b);
/* True when addr lies in net/bits. */
bool addr_in_net(const struct addr *addr, const struct addr *net, unsigned bits);
/* "192.168.0.0/16", "::1", "10.0.0.0/255.0.0.0". */
MUST_USE enum err addr_net_parse(struct str text, struct addr_net *out);
/* IPv4-mapped and -compatible IPv6, 6to4, Teredo and NAT64 are judged by the IPv4 address in them. */
enum addr_class addr_classify(const struct addr *addr);
bool addr_is_unspecified(const struct addr *addr);
/* RFC 1918 only: what the classic NAT tests of OpenSER mean by private. */
bool addr_is_rfc1918(const struct addr *addr);

void addr_from_sockaddr(const struct sockaddr_storage *from, struct addr *out);
/* The length of the sockaddr is the result, as unsigned for socklen_t. */
unsigned addr_to_sockaddr(const struct addr *from, struct sockaddr_storage *out);

#define TRANSPORT_TABLE(T)                     \
    T(UDP, "UDP", "udp", 5060, false, false)   \
    T(TCP, "TCP", "tcp", 5060, true, false)    \
    T(TLS, "TLS", "tls", 5061, true, true)     \
    T(WS, "WS", "ws", 80, true, false)         \
    T(WSS, "WSS", "wss", 443, true, true)

enum transport {
#define T(id, via, param, port, reliable, secure) TRANSPORT_##id,
    TRANSPORT_TABLE(T)
#undef T
    TRANSPORTS
};

struct transport_traits {
    struct str via_name;   /* as in Via: "UDP" */
    struct str param_name; /* as in ;transport=: "udp" */
    uint16_t default_port;
    bool is_reliable; /* a stream: no retransmission by us */
    bool is_secure;   /* what a sips URI asks for */
};

const struct transport_traits *transport_traits(enum transport transport);
/* By name, any case. */
MUST_USE enum err transport_find(struct str name, enum transport *out);

/*
 * Where a message came from, or where one goes. `socket` is the index of one of our listen sockets.
 * connection: 0 for datagrams; for streams 0 means "reuse or dial the peer", anything else names
 * one connection, which is never dialled again once it is gone. identity: of the domain that a TLS
 * peer which we dial has to prove (RFC 5922); 0: it was addressed by its address.
 */
struct flow {
    struct addr peer;
    uint64_t connection;
    uint16_t socket;
    uint8_t transport; /* enum transport */
    uint8_t unused;
    uint32_t identity;
};

#define SOCKET_ANY UINT16_MAX /* flow.socket: let the transport layer choose by peer and family */

bool flow_eq(const struct flow *a, const struct flow *b);
/* "udp:192.0.2.1:5060" as NUL-terminated text, for log lines. */
#define FLOW_TEXT_MAX 80
const char *flow_text(const struct flow *flow, char buffer[static FLOW_TEXT_MAX]);
