/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A server with one worker that runs a script, for tests of what script functions do: one message
 * goes in, and what is sent is kept. Names do not resolve. Modules come from the build folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/prng.h"
#include "host/host.h"

#define ROWS(array) (sizeof(array) / sizeof *(array))

enum {
    SENT_MAX = 32,
    BED_START = 1000000,
};

struct sent {
    struct flow flow;
    char *bytes;
    size_t length;
};

struct testbed {
    struct outside outside; /* first: callbacks get a pointer to it */
    struct prng random;
    struct server *server;
    struct worker *worker;
    struct listener listeners[2];
    struct sent sent[SENT_MAX];
    unsigned sent_count;
    bool is_unreachable; /* nothing can be sent */
    msec now;
    char module_path[4096];
};

static inline enum err testbed_send(struct outside *outside, const struct flow *flow,
                                    struct str bytes)
{
    struct testbed *bed = (struct testbed *)(void *)outside;
    struct sent *sent = &bed->sent[bed->sent_count];

    if (bed->is_unreachable || bed->sent_count == SENT_MAX)
        return ERR_UNREACHABLE;
    sent->flow = *flow;
    sent->length = bytes.len;
    sent->bytes = malloc(bytes.len + 1);
    assert_non_null(sent->bytes);
    memcpy(sent->bytes, bytes.ptr, bytes.len);
    sent->bytes[bytes.len] = '\0';
    bed->sent_count++;
    return ERR_NONE;
}

static inline void testbed_resolve(struct outside *outside, const struct resolve_query *query,
                                   resolve_done_fn *done, void *context)
{
    struct flow hop = { .transport = (uint8_t)query->transport,
                        .socket = query->transport == TRANSPORT_UDP ? 0 : 1 };

    (void)outside;
    if (addr_parse_ip(query->host, &hop.peer)) {
        done(context, ERR_UNRESOLVED, NULL, 0);
        return;
    }
    hop.peer.port = query->port ? query->port : 5060;
    done(context, ERR_NONE, &hop, 1);
}

static inline msec testbed_now(void *context)
{
    return ((struct testbed *)context)->now;
}

static inline uint64_t testbed_wall_msec(void *context)
{
    (void)context;
    return UINT64_C(1000000000) * 1000; /* 2001-09-09 01:46:40 UTC */
}

/* build/tests/unit/test_x -> build/modules */
static inline struct str testbed_modules(struct testbed *bed)
{
    ssize_t length = readlink("/proc/self/exe", bed->module_path, sizeof bed->module_path - 16);

    assert_true(length > 0);
    bed->module_path[length] = '\0';
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(bed->module_path, '/');
        assert_non_null(slash);
        *slash = '\0';
    }
    strcat(bed->module_path, "/modules");
    return str_of(bed->module_path);
}

static inline void testbed_listen(struct testbed *bed)
{
    static const struct str names[] = { STR_INIT("udp:203.0.113.1:5060"),
                                        STR_INIT("tcp:203.0.113.1:5060") };

    for (unsigned i = 0; i < 2; i++) {
        struct listener *listener = &bed->listeners[i];
        listener->transport = i ? TRANSPORT_TCP : TRANSPORT_UDP;
        listener->name = names[i];
        assert_int_equal(addr_parse(STR("203.0.113.1:5060"), &listener->bound), ERR_NONE);
    }
    server_set_listeners(bed->server, bed->listeners, 2);
}

static inline struct testbed *testbed_open(const char *script)
{
    struct testbed *bed = calloc(1, sizeof *bed);
    struct str text = str_of(script);
    struct server_world world;

    assert_non_null(bed);
    bed->now = BED_START;
    bed->outside = (struct outside){ .send = testbed_send, .resolve = testbed_resolve };
    prng_init(&bed->random, 7);
    world = (struct server_world){ .random = &bed->random.source,
                                   .location_random = &bed->random.source,
                                   .media_random = &bed->random.source,
                                   .now = testbed_now,
                                   .wall_msec = testbed_wall_msec,
                                   .context = bed };
    assert_int_equal(server_create(&world, &bed->server), ERR_NONE);
    bed->server->settings.module_path = testbed_modules(bed);
    assert_int_equal(server_load(bed->server, "test", &text, DIALECT_AUTO), ERR_NONE);
    testbed_listen(bed);
    assert_int_equal(server_start(bed->server, 1), ERR_NONE);
    assert_int_equal(
        worker_create(bed->server, 0, &bed->outside, &bed->random.source, bed->now, &bed->worker),
        ERR_NONE);
    return bed;
}

static inline void testbed_close(struct testbed *bed)
{
    worker_destroy(bed->worker);
    server_destroy(bed->server);
    for (unsigned i = 0; i < bed->sent_count; i++)
        free(bed->sent[i].bytes);
    free(bed);
}

/* `source` is "192.0.2.1:5060", over UDP. */
static inline void testbed_receive(struct testbed *bed, const char *source, const char *bytes)
{
    struct flow flow = { .transport = TRANSPORT_UDP };

    assert_int_equal(addr_parse(str_of(source), &flow.peer), ERR_NONE);
    worker_receive(bed->worker, &flow, str_of(bytes), false);
}

static inline void testbed_run_for(struct testbed *bed, msec duration)
{
    msec end = bed->now + duration;

    while (bed->now < end) {
        msec next = wheel_next(&bed->worker->wheel);
        bed->now = next > end ? end : next > bed->now ? next : bed->now + 1;
        worker_advance(bed->worker, bed->now);
    }
}

/* The first thing sent whose first line starts so; NULL: nothing. */
static inline const char *testbed_find(const struct testbed *bed, const char *start)
{
    for (unsigned i = 0; i < bed->sent_count; i++) {
        if (strncmp(bed->sent[i].bytes, start, strlen(start)) == 0)
            return bed->sent[i].bytes;
    }
    return NULL;
}

/* The answer of a next hop to a request that was sent to it. */
static inline void testbed_answer(struct testbed *bed, const char *request, const char *status,
                                  const char *source)
{
    static const char *const copied[] = { "Via:", "From:", "To:", "Call-ID:", "CSeq:" };
    char buffer[4096];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str rest = str_of(request), line;

    write_fmt(&w, "SIP/2.0 %s\r\n", status);
    while (str_split(rest, '\n', &line, &rest) && line.len > 1) {
        for (size_t i = 0; i < ROWS(copied); i++) {
            if (!str_starts(line, str_of(copied[i])))
                continue;
            write_str(&w, str_trim(line));
            if (i == 2 && !str_find(line, STR("tag=")))
                write_str(&w, STR(";tag=answer"));
            write_str(&w, STR("\r\n"));
        }
    }
    write_str(&w, STR("Content-Length: 0\r\n\r\n"));
    write_char(&w, '\0');
    assert_false(w.has_overflowed);
    testbed_receive(bed, source, buffer);
}
