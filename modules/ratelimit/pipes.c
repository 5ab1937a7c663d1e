/* SPDX-License-Identifier: Apache-2.0 */
#include "ratelimit.h"

static const char *const names[ALGORITHMS] = {
    [ALGORITHM_NONE] = "NOP",
    [ALGORITHM_TAILDROP] = "TAILDROP",
    [ALGORITHM_RED] = "RED",
    [ALGORITHM_NETWORK] = "NETWORK",
    [ALGORITHM_FEEDBACK] = "FEEDBACK",
};

bool algorithm_find(struct str name, enum algorithm *out)
{
    for (unsigned i = ALGORITHM_TAILDROP; i < ALGORITHMS; i++) {
        if (str_ieq(name, str_of(names[i]))) {
            *out = (enum algorithm)i;
            return true;
        }
    }
    return false;
}

const char *algorithm_name(enum algorithm algorithm)
{
    return names[algorithm];
}

struct pipe *pipe_find(struct ratelimit *ratelimit, int64_t number)
{
    if (number < 0 || number >= PIPES_MAX ||
        atomic_load_explicit(&ratelimit->pipes[number].algorithm, memory_order_relaxed) == ALGORITHM_NONE)
        return NULL;
    return &ratelimit->pipes[number];
}

/* The first queue that fits. */
struct pipe *pipe_for_method(struct ratelimit *ratelimit, struct str method)
{
    for (unsigned i = 0; i < QUEUES_MAX; i++) {
        const struct queue *queue = &ratelimit->queues[i];
        int pipe = atomic_load_explicit(&queue->pipe, memory_order_acquire);
        struct str own = str_of(queue->method);

        if (pipe >= 0 && (str_eq(own, STR("*")) || str_ieq(own, method)))
            return pipe_find(ratelimit, pipe);
    }
    return NULL;
}

/* ---- one request ---- */

/* Refuses so many of a thousand, as far apart as can be. */
static bool is_spared(int refused, long long number)
{
    return number * refused / PER_MILLE == (number - 1) * refused / PER_MILLE;
}

bool pipe_take(struct ratelimit *ratelimit, struct pipe *pipe)
{
    long long number = atomic_fetch_add_explicit(&pipe->count, 1, memory_order_relaxed) + 1;
    long long limit = atomic_load_explicit(&pipe->limit, memory_order_relaxed);
    int refused = atomic_load_explicit(&pipe->refused, memory_order_relaxed);

    switch ((enum algorithm)atomic_load_explicit(&pipe->algorithm, memory_order_relaxed)) {
    case ALGORITHM_TAILDROP:
        return number <= limit * ratelimit->timer_interval;
    case ALGORITHM_NETWORK:
        return atomic_load_explicit(&ratelimit->waiting, memory_order_relaxed) <= limit;
    case ALGORITHM_RED:
    case ALGORITHM_FEEDBACK:
        return is_spared(refused, number);
    case ALGORITHM_NONE:
    case ALGORITHMS:
        break;
    }
    return true;
}

/* ---- the end of an interval ---- */

/* What was too much in the last interval is refused in the next. */
static int red_share(const struct ratelimit *ratelimit, long long before, long long limit)
{
    long long allowed = limit * ratelimit->timer_interval;

    return before <= allowed ? 0 : (int)((before - allowed) * PER_MILLE / before);
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double factor(const atomic_int *value)
{
    return atomic_load_explicit(value, memory_order_relaxed) / (double)PER_MILLE;
}

/* A controller with a proportional, an integral and a derivative part; the integral never winds up. */
static int feedback_share(struct ratelimit *ratelimit, unsigned index, long long limit)
{
    double error = factor(&ratelimit->load) - (double)limit / 100;
    double slope = error - ratelimit->error_before[index];
    double sum = clamp(ratelimit->integral[index] + factor(&ratelimit->ki) * error, 0, 1);

    ratelimit->integral[index] = sum;
    ratelimit->error_before[index] = error;
    return (int)(clamp(factor(&ratelimit->kp) * error + sum + factor(&ratelimit->kd) * slope, 0, 1) *
                 PER_MILLE);
}

static void turn_pipe(struct ratelimit *ratelimit, unsigned index)
{
    struct pipe *pipe = &ratelimit->pipes[index];
    enum algorithm algorithm =
        (enum algorithm)atomic_load_explicit(&pipe->algorithm, memory_order_relaxed);
    long long before = atomic_exchange_explicit(&pipe->count, 0, memory_order_relaxed);
    long long limit = atomic_load_explicit(&pipe->limit, memory_order_relaxed);
    int refused = 0;

    if (algorithm == ALGORITHM_RED)
        refused = red_share(ratelimit, before, limit);
    else if (algorithm == ALGORITHM_FEEDBACK)
        refused = feedback_share(ratelimit, index, limit);
    atomic_store_explicit(&pipe->before, before, memory_order_relaxed);
    atomic_store_explicit(&pipe->refused, refused, memory_order_relaxed);
    if (algorithm != ALGORITHM_NONE && atomic_load_explicit(&ratelimit->is_logging, memory_order_relaxed))
        log_warning("ratelimit: pipe %u %s: limit %lld, %lld requests in the last interval, %d of 1000 "
                    "are refused", index, algorithm_name(algorithm), limit, before, refused);
}

void pipes_turn(struct ratelimit *ratelimit)
{
    for (unsigned i = 0; i < PIPES_MAX; i++)
        turn_pipe(ratelimit, i);
}
