/* SPDX-License-Identifier: Apache-2.0 */
#include "ratelimit.h"

enum {
    FACTOR_INITIAL = 500, /* per mille */
};

/* ---- functions ---- */

static enum verdict take(struct ratelimit *ratelimit, struct pipe *pipe)
{
    return verdict_if(pipe && pipe_take(ratelimit, pipe));
}

static enum verdict check_method(struct call *call)
{
    struct ratelimit *ratelimit = module_state(call->module);

    return take(ratelimit, pipe_for_method(ratelimit, call->run->request->msg->method_name));
}

static enum verdict check_pipe(struct call *call)
{
    struct ratelimit *ratelimit = module_state(call->module);
    int64_t number = call->args[0].value.number;

    return number < 0 ? check_method(call) : take(ratelimit, pipe_find(ratelimit, number));
}

static enum verdict check(struct call *call)
{
    return call->arg_count ? check_pipe(call) : check_method(call);
}

/* ---- parameters ---- */

static enum err complain(const struct script_place *place, struct str text, const char *form)
{
    script_complain(place, "\"" STR_FMT "\" is not of the form %s", STR_ARG(text), form);
    return ERR_SYNTAX;
}

static enum err set_pipe(struct module *module, const struct value *value,
                         const struct script_place *place)
{
    struct ratelimit *ratelimit = module_state(module);
    struct str number, algorithm_text, limit_text, rest;
    enum algorithm algorithm;
    uint64_t index, limit;

    if (!str_split(value->text, ':', &number, &rest) ||
        !str_split(rest, ':', &algorithm_text, &limit_text) ||
        str_to_uint(str_trim(number), 0, PIPES_MAX - 1, &index) ||
        !algorithm_find(str_trim(algorithm_text), &algorithm) ||
        str_to_uint(str_trim(limit_text), 0, INT32_MAX, &limit))
        return complain(place, value->text, "number:TAILDROP|RED|NETWORK|FEEDBACK:limit, numbers to 31");
    atomic_store(&ratelimit->pipes[index].limit, (long long)limit);
    atomic_store(&ratelimit->pipes[index].algorithm, (int)algorithm);
    return ERR_NONE;
}

static enum err set_queue(struct module *module, const struct value *value,
                          const struct script_place *place)
{
    struct ratelimit *ratelimit = module_state(module);
    struct queue *queue = &ratelimit->queues[ratelimit->queue_count];
    struct str number, method;
    uint64_t pipe;

    if (ratelimit->queue_count == QUEUES_MAX) {
        script_complain(place, "there are %d queues already", QUEUES_MAX);
        return ERR_LIMIT;
    }
    if (!str_split(value->text, ':', &number, &method) ||
        str_to_uint(str_trim(number), 0, PIPES_MAX - 1, &pipe) || str_is_empty(str_trim(method)) ||
        str_trim(method).len >= METHOD_MAX)
        return complain(place, value->text, "pipe:METHOD or pipe:*");
    method = str_trim(method);
    memcpy(queue->method, method.ptr, method.len);
    atomic_store(&queue->pipe, (int)pipe);
    ratelimit->queue_count++;
    return ERR_NONE;
}

/* clang-format off */
static const struct mod_function functions[] = {
    { .name = "rl_check", .run = check, .takes = { ARG_INT }, .stages = STAGE_ANY,
      .doc = "False when the pipe of the request's method, or this one, is full." },
    { .name = "rl_check_pipe", .run = check_pipe, .takes = { ARG_INT }, .min_args = 1, .stages = STAGE_ANY,
      .doc = "False when the pipe is full." },
    { 0 },
};

static const struct mod_param params[] = {
    { .name = "timer_interval", .type = PARAM_INT, .offset = offsetof(struct ratelimit, timer_interval),
      .min = 1, .max = 86400, .initial = 10, .doc = "Seconds of an interval." },
    { .name = "pipe", .type = PARAM_CALL, .set = set_pipe, .doc = "number:algorithm:limit" },
    { .name = "queue", .type = PARAM_CALL, .set = set_queue, .doc = "pipe:METHOD, or pipe:* for the others." },
    { 0 },
};
/* clang-format on */

/* ---- the end of an interval ---- */

static void measure_load(struct ratelimit *ratelimit)
{
    int forced = atomic_load_explicit(&ratelimit->forced_load, memory_order_relaxed);
    uint64_t busy, all;

    if (forced >= 0)
        atomic_store_explicit(&ratelimit->load, forced, memory_order_relaxed);
    if (forced >= 0 || !gauge_processors(&busy, &all))
        return;
    if (ratelimit->all_before && all > ratelimit->all_before)
        atomic_store_explicit(&ratelimit->load,
                              (int)((busy - ratelimit->busy_before) * PER_MILLE /
                                    (all - ratelimit->all_before)),
                              memory_order_relaxed);
    ratelimit->busy_before = busy;
    ratelimit->all_before = all;
}

static bool uses(const struct ratelimit *ratelimit, enum algorithm algorithm)
{
    for (unsigned i = 0; i < PIPES_MAX; i++)
        if (atomic_load_explicit(&ratelimit->pipes[i].algorithm, memory_order_relaxed) == (int)algorithm)
            return true;
    return false;
}

static void measure(struct ratelimit *ratelimit)
{
    int64_t waiting;

    if (uses(ratelimit, ALGORITHM_FEEDBACK))
        measure_load(ratelimit);
    if (uses(ratelimit, ALGORITHM_NETWORK) && gauge_waiting_bytes(&waiting))
        atomic_store_explicit(&ratelimit->waiting, waiting, memory_order_relaxed);
}

static void on_tick(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now)
{
    struct ratelimit *ratelimit = module_state(module);

    (void)worker;
    (void)count;
    if (index != 0 || now < ratelimit->interval_ends)
        return;
    ratelimit->interval_ends = now + (msec)ratelimit->timer_interval * 1000;
    measure(ratelimit);
    pipes_turn(ratelimit);
}

static enum err start(struct module *module)
{
    struct ratelimit *ratelimit = module_state(module);

    for (unsigned i = ratelimit->queue_count; i < QUEUES_MAX; i++)
        atomic_store(&ratelimit->queues[i].pipe, -1);
    atomic_store(&ratelimit->forced_load, -1);
    atomic_store(&ratelimit->ki, FACTOR_INITIAL);
    atomic_store(&ratelimit->kp, FACTOR_INITIAL);
    return ERR_NONE;
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "ratelimit",
    .summary = "Lets through only so many requests a second.",
    .state_size = sizeof(struct ratelimit),
    .functions = functions,
    .params = params,
    .commands = ratelimit_commands,
    .hooks = { .on_tick = on_tick },
    .start = start,
};
