/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Pipes let through so many requests a second, in one of four ways; queues say which pipe the requests
 * of a method go through. One worker ends each interval; all count.
 */
#include <culvert/module.h>
#include <culvert/server.h>

#include <stdatomic.h>

enum {
    PIPES_MAX = 32,
    QUEUES_MAX = 32,
    METHOD_MAX = 32,
    PER_MILLE = 1000,
};

enum algorithm {
    ALGORITHM_NONE,
    ALGORITHM_TAILDROP, /* so many in an interval, then none */
    ALGORITHM_RED,      /* as many as the interval before says, evenly spread */
    ALGORITHM_NETWORK,  /* none while more bytes wait to be read from the network */
    ALGORITHM_FEEDBACK, /* so few that the processors stay at a load */
    ALGORITHMS,
};

struct pipe {
    atomic_int algorithm;
    atomic_llong limit;   /* requests a second, bytes, per cent */
    atomic_llong count;   /* of requests in this interval */
    atomic_llong before;  /* …and in the last one */
    atomic_int refused;   /* of a thousand: RED and FEEDBACK */
};

struct queue {
    atomic_int pipe; /* -1: no such queue */
    char method[METHOD_MAX]; /* "*": any */
};

struct ratelimit {
    int64_t timer_interval; /* seconds */
    struct pipe pipes[PIPES_MAX];
    struct queue queues[QUEUES_MAX];
    unsigned queue_count; /* that modparam gave */
    msec interval_ends;   /* of the worker that ends them, as is what follows */
    uint64_t busy_before, all_before;
    double integral[PIPES_MAX], error_before[PIPES_MAX];
    atomic_int ki, kp, kd;  /* per mille */
    atomic_int load;        /* of the processors, per mille */
    atomic_int forced_load; /* rl.push_load; -1: none */
    atomic_llong waiting;   /* bytes */
    atomic_bool is_logging;
};

/* pipes.c */
bool algorithm_find(struct str name, enum algorithm *out);
const char *algorithm_name(enum algorithm algorithm);
/* Counts a request: true when it may pass. */
bool pipe_take(struct ratelimit *ratelimit, struct pipe *pipe);
/* Works out what the next interval may let through. */
void pipes_turn(struct ratelimit *ratelimit);
/* NULL: there is none. */
struct pipe *pipe_find(struct ratelimit *ratelimit, int64_t number);
struct pipe *pipe_for_method(struct ratelimit *ratelimit, struct str method);

/* gauges.c: what the kernel says; false when it says nothing. */
bool gauge_processors(uint64_t *busy, uint64_t *all);
bool gauge_waiting_bytes(int64_t *out);

extern const struct mod_command ratelimit_commands[];
