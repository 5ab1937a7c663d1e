/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Workers with real sockets for tests: each runs its loop in a thread; what they hear is queued for
 * the test, which waits for it with a deadline. Include after cmocka.h. All failures end the test.
 */
#include "net/net.h"

enum {
    RIG_WORKERS = 2,
    RIG_LISTENERS_MAX = 4,
    RIG_PATIENCE = 10000, /* ms until a test gives up waiting */
};

struct rig;

enum rig_kind {
    RIG_MESSAGE,
    RIG_CLOSED,
};

struct rig_event {
    struct rig_event *next;
    enum rig_kind kind;
    unsigned worker;
    struct flow flow;
    enum err why;
    bool is_stream;
    struct str bytes; /* follow the event */
};

/* Roomy limits, to be shortened by the test. */
struct net_limits rig_limits(void);
/* Listeners by "udp:127.0.0.1" …; NULL ends them. The ports are chosen. */
struct rig *rig_open(const char *const *listeners, const struct net_limits *limits);
void rig_close(struct rig *rig);

const struct addr *rig_bound(const struct rig *rig, unsigned listener);
struct net_shared *rig_shared(const struct rig *rig);
struct net_counters rig_counters(const struct rig *rig);

/* The next event of that kind; to be freed. */
struct rig_event *rig_wait(struct rig *rig, enum rig_kind kind);
/* Waits for a message of exactly this text; *flow may be NULL. The result is the worker. */
unsigned rig_expect(struct rig *rig, const char *text, struct flow *flow);
/* Waits until a connection was reported lost; the result says why. */
enum err rig_expect_closed(struct rig *rig, struct flow *flow);
/* Nothing of that kind is queued. */
void rig_expect_no(struct rig *rig, enum rig_kind kind);
/* Waits until a counter has reached a value. */
#define rig_await(rig, counter, least)                                                             \
    rig_await_counter((rig), offsetof(struct net_counters, counter), (least))
void rig_await_counter(struct rig *rig, size_t offset, uint64_t least);

/* Runs on the worker's thread, and waits for it. */
void rig_run(struct rig *rig, unsigned worker, void (*run)(struct net *net, void *context),
             void *context);
enum err rig_send(struct rig *rig, unsigned worker, const struct flow *flow, struct str bytes);

/* ---- the other side: plain sockets ---- */

int peer_udp(const char *ip, struct addr *bound);
/* Listens with a backlog of n. */
int peer_listen(const char *ip, int backlog, struct addr *bound);
int peer_accept(int listener);
int peer_connect(const struct addr *to);
void peer_send(int fd, const char *text);
void peer_send_to(int fd, const char *text, const struct addr *to);
/* One datagram; *from may be NULL. */
void peer_expect_datagram(int fd, const char *text, struct addr *from);
/* Exactly these bytes come next. */
void peer_expect(int fd, const char *text);
/* The connection is closed or reset by the other side; what comes before is read away. */
void peer_expect_end(int fd);
void peer_reset(int fd); /* closes with RST */
bool peer_has_ipv6(void);
struct addr peer_addr(const char *text);

/* ---- the log ---- */

void rig_catch_log(void);
/* What was logged since; stops catching. */
const char *rig_caught_log(void);
