/* SPDX-License-Identifier: Apache-2.0 */
#include "ratelimit.h"

static void tell_pipe(struct command *command, const struct pipe *pipe, unsigned index)
{
    command_open_object(command, "");
    command_number(command, "id", index);
    command_text(command, "algorithm",
                 str_of(algorithm_name((enum algorithm)atomic_load(&pipe->algorithm))));
    command_number(command, "limit", atomic_load(&pipe->limit));
    command_number(command, "counter", atomic_load(&pipe->count));
    command_number(command, "last_counter", atomic_load(&pipe->before));
    command_number(command, "refused_per_mille", atomic_load(&pipe->refused));
    command_close(command);
}

static enum err run_get_pipes(struct module *module, struct command *command)
{
    struct ratelimit *ratelimit = module_state(module);

    command_open_list(command, "pipes");
    for (unsigned i = 0; i < PIPES_MAX; i++)
        if (pipe_find(ratelimit, i))
            tell_pipe(command, &ratelimit->pipes[i], i);
    command_close(command);
    return ERR_NONE;
}

static enum err run_get_queues(struct module *module, struct command *command)
{
    struct ratelimit *ratelimit = module_state(module);

    command_open_list(command, "queues");
    for (unsigned i = 0; i < QUEUES_MAX; i++) {
        const struct queue *queue = &ratelimit->queues[i];
        int pipe = atomic_load(&queue->pipe);

        if (pipe < 0)
            continue;
        command_open_object(command, "");
        command_number(command, "id", i);
        command_text(command, "method", str_of(queue->method));
        command_number(command, "pipe", pipe);
        command_close(command);
    }
    command_close(command);
    return ERR_NONE;
}

static enum err run_get_pid(struct module *module, struct command *command)
{
    struct ratelimit *ratelimit = module_state(module);

    command_number(command, "ki_per_mille", atomic_load(&ratelimit->ki));
    command_number(command, "kp_per_mille", atomic_load(&ratelimit->kp));
    command_number(command, "kd_per_mille", atomic_load(&ratelimit->kd));
    return ERR_NONE;
}

static enum err run_stats(struct module *module, struct command *command)
{
    struct ratelimit *ratelimit = module_state(module);

    command_number(command, "timer_interval", ratelimit->timer_interval);
    command_number(command, "load_per_mille", atomic_load(&ratelimit->load));
    command_number(command, "waiting_bytes", atomic_load(&ratelimit->waiting));
    run_get_pipes(module, command);
    return run_get_queues(module, command);
}

static enum err number_arg(struct command *command, unsigned index, const char *what, uint64_t max,
                           uint64_t *out)
{
    struct str text = command_arg(command, index);

    if (!str_to_uint(text, 0, max, out))
        return ERR_NONE;
    return command_fail(command, ERR_SYNTAX, "\"" STR_FMT "\" is no %s", STR_ARG(text), what);
}

static enum err run_set_pipe(struct module *module, struct command *command)
{
    struct ratelimit *ratelimit = module_state(module);
    enum algorithm algorithm;
    uint64_t number = 0, limit = 0;
    enum err err = number_arg(command, 0, "pipe", PIPES_MAX - 1, &number);

    if (!err)
        err = number_arg(command, 2, "limit", INT32_MAX, &limit);
    if (err)
        return err;
    if (!algorithm_find(command_arg(command, 1), &algorithm))
        return command_fail(command, ERR_SYNTAX, "the ways are TAILDROP, RED, NETWORK and FEEDBACK");
    atomic_store(&ratelimit->pipes[number].limit, (long long)limit);
    atomic_store(&ratelimit->pipes[number].refused, 0);
    atomic_store(&ratelimit->pipes[number].algorithm, (int)algorithm);
    return ERR_NONE;
}

/* The pipe of a queue changes; its method stays, for workers are reading it. */
static enum err run_set_queue(struct module *module, struct command *command)
{
    struct ratelimit *ratelimit = module_state(module);
    struct str method = command_arg(command, 1);
    uint64_t number = 0, pipe = 0;
    struct queue *queue;
    enum err err = number_arg(command, 0, "queue", QUEUES_MAX - 1, &number);

    if (!err)
        err = number_arg(command, 2, "pipe", PIPES_MAX - 1, &pipe);
    if (err)
        return err;
    queue = &ratelimit->queues[number];
    if (atomic_load(&queue->pipe) < 0) {
        if (str_is_empty(method) || method.len >= METHOD_MAX)
            return command_fail(command, ERR_SYNTAX, "\"" STR_FMT "\" is no method", STR_ARG(method));
        memcpy(queue->method, method.ptr, method.len);
    } else if (!str_ieq(method, str_of(queue->method))) {
        return command_fail(command, ERR_EXISTS, "queue %u is for %s; take another number",
                            (unsigned)number, queue->method);
    }
    atomic_store_explicit(&queue->pipe, (int)pipe, memory_order_release);
    return ERR_NONE;
}

/* "0.85" in thousandths. */
static enum err decimal_arg(struct command *command, unsigned index, int *out)
{
    struct str text = command_arg(command, index), whole = text, part = STR("");
    uint64_t ones = 0, thousandths = 0;
    char digits[3] = { '0', '0', '0' };

    (void)str_split(text, '.', &whole, &part);
    memcpy(digits, part.ptr ? part.ptr : "", part.len < 3 ? part.len : 3);
    if (str_to_uint(whole, 0, 1000, &ones) ||
        str_to_uint((struct str){ digits, sizeof digits }, 0, PER_MILLE, &thousandths))
        return command_fail(command, ERR_SYNTAX, "\"" STR_FMT "\" is no number", STR_ARG(text));
    *out = (int)(ones * PER_MILLE + thousandths);
    return ERR_NONE;
}

static enum err run_set_pid(struct module *module, struct command *command)
{
    struct ratelimit *ratelimit = module_state(module);
    int ki, kp, kd;
    enum err err = decimal_arg(command, 0, &ki);

    if (!err)
        err = decimal_arg(command, 1, &kp);
    if (!err)
        err = decimal_arg(command, 2, &kd);
    if (err)
        return err;
    atomic_store(&ratelimit->ki, ki);
    atomic_store(&ratelimit->kp, kp);
    atomic_store(&ratelimit->kd, kd);
    return ERR_NONE;
}

static enum err run_push_load(struct module *module, struct command *command)
{
    struct ratelimit *ratelimit = module_state(module);
    int load;
    enum err err = decimal_arg(command, 0, &load);

    if (err)
        return err;
    if (load > PER_MILLE)
        return command_fail(command, ERR_RANGE, "a load is 0 to 1");
    atomic_store(&ratelimit->forced_load, load);
    return ERR_NONE;
}

static enum err run_set_dbg(struct module *module, struct command *command)
{
    struct ratelimit *ratelimit = module_state(module);
    uint64_t is_on = 0;
    enum err err = number_arg(command, 0, "switch: 0 or 1", 1, &is_on);

    if (!err)
        atomic_store(&ratelimit->is_logging, is_on != 0);
    return err;
}

const struct mod_command ratelimit_commands[] = {
    { "rl.stats", "", "The pipes, the queues, and what was measured.", run_stats },
    { "rl.get_pipes", "", "The pipes and how much went into them.", run_get_pipes },
    { "rl.set_pipe", "pipe algorithm limit", "Changes or adds a pipe.", run_set_pipe },
    { "rl.get_queues", "", "Which methods go into which pipes.", run_get_queues },
    { "rl.set_queue", "queue method pipe", "Adds a queue, or gives it another pipe.", run_set_queue },
    { "rl.get_pid", "", "The factors of FEEDBACK, in thousandths.", run_get_pid },
    { "rl.set_pid", "ki kp kd", "Sets them, as decimal numbers.", run_set_pid },
    { "rl.push_load", "load", "A load, 0 to 1, for FEEDBACK in place of the measured one.", run_push_load },
    { "rl.set_dbg", "0|1", "Logs each pipe at the end of each interval.", run_set_dbg },
    { 0 },
};
