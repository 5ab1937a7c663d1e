/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What an answer of the DNS says, read from its bytes (RFC 1035 §4). Pure: anybody may have sent
 * them. Aliases are followed, at most DNS_ALIASES_MAX; of many records DNS_RECORDS_MAX are taken.
 */
#include <culvert/addr.h>

enum {
    DNS_NAME_MAX = 255,
    DNS_RECORDS_MAX = 16,
    DNS_ALIASES_MAX = 8,
    DNS_SERVICE_MAX = 31,
};

enum dns_kind {
    DNS_IPV4,    /* A */
    DNS_IPV6,    /* AAAA (RFC 3596) */
    DNS_SERVICE, /* SRV (RFC 2782) */
    DNS_POINTER, /* NAPTR (RFC 3403) */
    DNS_KINDS
};

struct dns_service {
    char target[DNS_NAME_MAX + 1]; /* empty: the root; the service is decidedly not offered */
    uint16_t port;
    uint16_t priority;
    uint16_t weight;
};

/* Those with a regular expression are passed over: SIP has no use for them (RFC 3263 §4.1). */
struct dns_pointer {
    char replacement[DNS_NAME_MAX + 1];
    char service[DNS_SERVICE_MAX + 1]; /* "SIP+D2U", as written */
    char flag;                         /* in lower case; '\0': none */
    uint16_t order;
    uint16_t preference;
};

struct dns_answer {
    unsigned count;
    uint32_t ttl; /* seconds; the smallest of the records and aliases used */
    union {
        struct addr addrs[DNS_RECORDS_MAX];           /* of DNS_IPV4 and DNS_IPV6; without ports */
        struct dns_service services[DNS_RECORDS_MAX]; /* as they came */
        struct dns_pointer pointers[DNS_RECORDS_MAX];
    };
};

/* The number of the record type on the wire. */
int dns_type(enum dns_kind kind);

/*
 * `asked` is the name as it was asked, letter by letter: an answer to the same name in other case
 * is not one to us. With `has_suffix` it may go on behind it (search lists). ERR_NONE also without
 * records; ERR_NOT_FOUND: no such name; ERR_DENIED: not an answer to that question;
 * ERR_UNSUPPORTED: the server could not answer; ERR_SYNTAX, ERR_LIMIT: not to be understood, too
 * many aliases.
 */
MUST_USE enum err dns_read(struct str bytes, enum dns_kind kind, struct str asked, bool has_suffix,
                           struct dns_answer *out);
