/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From the host of a URI to flows (RFC 3263): addresses at once, names by NAPTR, SRV, A and AAAA.
 * It knows neither sockets nor the DNS: both are asked for through `struct resolver_ground`, on
 * which net/ puts it, and so does the simulated world.
 */
#include <culvert/server.h>

#include "base/outside.h"
#include "net/dns.h"
#include "net/name_rules.h"

struct outages;
struct resolver;

/* The answer is valid during the call. No records: none of that kind, or nobody answered. */
typedef void name_done_fn(void *context, const struct dns_answer *answer);

struct resolver_ground {
    void *context;
    const struct name_rules *rules;
    const struct listener *listeners;
    unsigned listener_count;
    struct random_source *random;
    struct outages *outages; /* NULL: none are known */
    msec (*now)(void *context);
    void (*start_timer)(void *context, struct timer *timer, msec deadline, timer_fn *fire);
    void (*stop_timer)(void *context, struct timer *timer);
    /* The socket that the kernel would reach the peer from; SOCKET_ANY: there is none. */
    uint16_t (*choose_socket)(void *context, enum transport transport, const struct addr *peer);
    /* What the peer of a TLS connection to this host has to prove; 0: nothing. May be NULL. */
    uint32_t (*identify)(void *context, struct str host);
    /* Calls done exactly once, perhaps within the call. */
    void (*find_name)(void *context, enum dns_kind kind, struct str name, name_done_fn *done,
                      void *done_context);
};

/* The ground is copied; what it points to must outlive the resolver. */
MUST_USE enum err resolver_create(const struct resolver_ground *ground, struct resolver **out);
/* What is under way is forgotten: its `done` is not called. */
void resolver_destroy(struct resolver *resolver);
/* Hops come in the order in which they are to be tried, each once; see struct outside. */
void resolver_resolve(struct resolver *resolver, const struct resolve_query *query,
                      resolve_done_fn *done, void *context);
