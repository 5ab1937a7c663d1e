/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A world for the tests of transactions and the proxy: a wheel that is turned by hand, and an
 * outside that keeps what is sent and resolves names as it is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/prng.h"
#include "txn/txn.h"

enum {
    SENT_MAX = 4096,
    FAKE_HOPS_MAX = 4,
    FAKE_QUERIES_MAX = 64,
};

struct sent {
    struct flow flow;
    struct str bytes;
};

struct fake_query {
    resolve_done_fn *done;
    void *context;
    struct flow hop;
};

struct fake {
    struct outside outside;
    struct wheel wheel;
    struct prng prng;
    struct sent sent[SENT_MAX];
    unsigned count; /* of sent */
    uint64_t dead_connection;
    struct addr dead_peer;
    bool is_deaf; /* nothing can be sent */

    struct flow hops[FAKE_HOPS_MAX]; /* what names resolve to; addresses resolve to themselves */
    unsigned hop_count;
    bool delays; /* answers to resolve wait for fake_resolve_one */
    struct fake_query queries[FAKE_QUERIES_MAX];
    unsigned query_count;
    struct resolve_query last_query;
};

static inline enum err fake_send(struct outside *outside, const struct flow *flow, struct str bytes)
{
    struct fake *fake = CONTAINER_OF(outside, struct fake, outside);
    char *copy;

    if (fake->is_deaf || (flow->connection && flow->connection == fake->dead_connection) ||
        (fake->dead_peer.family && addr_eq(&flow->peer, &fake->dead_peer)))
        return ERR_UNREACHABLE;
    assert_true(fake->count < SENT_MAX);
    copy = malloc(bytes.len + 1);
    assert_non_null(copy);
    memcpy(copy, bytes.ptr, bytes.len);
    copy[bytes.len] = '\0';
    fake->sent[fake->count++] = (struct sent){ *flow, { copy, bytes.len } };
    return ERR_NONE;
}

static inline void fake_resolve(struct outside *outside, const struct resolve_query *query,
                                resolve_done_fn *done, void *context)
{
    struct fake *fake = CONTAINER_OF(outside, struct fake, outside);
    struct flow hop = { .transport = (uint8_t)query->transport, .socket = query->socket };

    fake->last_query = *query;
    if (hop.socket == SOCKET_ANY)
        hop.socket = query->transport == TRANSPORT_UDP ? 0 : 1;
    if (addr_parse_ip(query->host, &hop.peer) == ERR_NONE) {
        hop.peer.port =
            query->port ? query->port : transport_traits(query->transport)->default_port;
        if (!fake->delays || fake->query_count == FAKE_QUERIES_MAX) {
            done(context, ERR_NONE, &hop, 1);
            return;
        }
        fake->queries[fake->query_count++] = (struct fake_query){ done, context, hop };
        return;
    }
    done(context, fake->hop_count ? ERR_NONE : ERR_UNRESOLVED, fake->hops, fake->hop_count);
}

/* Answers the oldest delayed query; false when there is none. */
static inline bool fake_resolve_one(struct fake *fake, enum err err)
{
    struct fake_query query;

    if (!fake->query_count)
        return false;
    query = fake->queries[0];
    fake->query_count--;
    memmove(fake->queries, fake->queries + 1, fake->query_count * sizeof *fake->queries);
    query.done(query.context, err, &query.hop, err ? 0 : 1);
    return true;
}

static inline void fake_forget_sent(struct fake *fake)
{
    while (fake->count)
        free((void *)(uintptr_t)fake->sent[--fake->count].bytes.ptr);
}

static inline struct fake *fake_create(uint64_t seed)
{
    struct fake *fake = calloc(1, sizeof *fake);

    assert_non_null(fake);
    fake->outside = (struct outside){ .send = fake_send, .resolve = fake_resolve };
    wheel_init(&fake->wheel, 1000000);
    prng_init(&fake->prng, seed);
    return fake;
}

static inline void fake_destroy(struct fake *fake)
{
    fake_forget_sent(fake);
    free(fake);
}

static inline void fake_wait(struct fake *fake, msec delay)
{
    wheel_advance(&fake->wheel, fake->wheel.now + delay);
}

/* Lets pass what ends "soon". */
static inline void fake_settle(struct fake *fake)
{
    fake_wait(fake, 1);
}

static inline struct str fake_last(const struct fake *fake)
{
    return fake->count ? fake->sent[fake->count - 1].bytes : (struct str){ "", 0 };
}

static inline struct flow fake_flow(enum transport transport, const char *address,
                                    uint64_t connection)
{
    struct flow flow = { .transport = (uint8_t)transport,
                         .connection = connection,
                         .socket = transport == TRANSPORT_UDP ? 0 : 1 };

    assert_int_equal(addr_parse(str_of(address), &flow.peer), ERR_NONE);
    return flow;
}

static inline struct sip_msg *fake_parse(struct arena *arena, struct str bytes)
{
    struct sip_msg *msg = NULL;
    struct sip_fault fault = { 0 };
    enum err err = sip_msg_parse(arena, bytes, false, sip_limits_default(), &msg, &fault);

    if (err)
        fprintf(stderr, "%s: " STR_FMT "\n", fault.what, STR_ARG(bytes));
    assert_int_equal(err, ERR_NONE);
    return msg;
}

static inline bool has_text(struct str bytes, const char *text)
{
    return str_find(bytes, str_of(text)) != NULL;
}

#define assert_has(bytes, text)                                                                    \
    do {                                                                                           \
        struct str has_bytes = (bytes);                                                            \
        if (!has_text(has_bytes, (text)))                                                          \
            fprintf(stderr, "no \"%s\" in:\n" STR_FMT "\n", (text), STR_ARG(has_bytes));           \
        assert_true(has_text(has_bytes, (text)));                                                  \
    } while (0)

#define assert_has_not(bytes, text)                                                                \
    do {                                                                                           \
        struct str has_bytes = (bytes);                                                            \
        if (has_text(has_bytes, (text)))                                                           \
            fprintf(stderr, "\"%s\" in:\n" STR_FMT "\n", (text), STR_ARG(has_bytes));              \
        assert_false(has_text(has_bytes, (text)));                                                 \
    } while (0)
