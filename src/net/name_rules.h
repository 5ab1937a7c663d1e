/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* How names are resolved. All zeros is a good configuration: each 0 stands for the default. */
#include <culvert/addr.h>
#include <culvert/timer.h>

struct name_rules {
    const char *servers;  /* "192.0.2.53,[2001:db8::53]:5353"; NULL: those of the machine */
    unsigned servers_max; /* of those of the machine; 0: all */
    msec timeout;         /* of the first try, doubled by each that follows: 1500 */
    unsigned tries;       /* 2 */
    msec ttl_min;         /* how long an answer is used at least: 5000 */
    msec ttl_max;         /* … and at most: an hour */
    msec absence_ttl;     /* that there is no such name or record: 30000 */
    msec stale_ttl;       /* how long after its end while no server answers (RFC 8767): a day */
    unsigned names_max;   /* remembered by one worker: 1024 */
    msec outage;          /* how long a hop that failed comes after the others: 60000 */
    bool no_cache;
    bool no_search; /* domains that resolv.conf lists for names without a dot are not tried */
    bool no_ipv4, no_ipv6;
    bool prefers_ipv6;   /* of a host that has both */
    bool no_naptr;       /* go on with SRV */
    bool ignores_order;  /* of NAPTR records: our preference of transports decides */
    bool ignores_weight; /* of SRV records of one priority: the heaviest comes first */
    bool no_outages;
    uint8_t preference[TRANSPORTS]; /* for ignores_order: the largest is tried first */
};
