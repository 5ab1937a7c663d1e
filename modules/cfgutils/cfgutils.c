/* SPDX-License-Identifier: Apache-2.0 */
/* Chance, pauses, locks and shared flags for scripts. */
#include <culvert/log.h>
#include <culvert/random.h>

#include "../gflags/flags.h"
#include "lock.h"

enum {
    SLEEP_MAX = 3600, /* seconds: who waits longer waits for nothing */
    HASH_BITS_MAX = 30,
};

struct cfgutils {
    struct gflags gflags; /* first: the functions of gflags look there */
    struct locks locks;
    int64_t initial_probability;
    _Atomic int64_t probability; /* in percent */
};

static struct cfgutils *state_of(const struct call *call)
{
    return module_state(call->module);
}

/* ---- chance ---- */

static enum verdict rand_set_prob(struct call *call)
{
    int64_t percent = call->args[0].value.number;

    if (percent < 0 || percent > 100) {
        log_error("rand_set_prob: %lld is no percentage", (long long)percent);
        return VERDICT_ERROR;
    }
    atomic_store(&state_of(call)->probability, percent);
    return VERDICT_TRUE;
}

static enum verdict rand_reset_prob(struct call *call)
{
    atomic_store(&state_of(call)->probability, state_of(call)->initial_probability);
    return VERDICT_TRUE;
}

static enum verdict rand_get_prob(struct call *call)
{
    return (enum verdict)atomic_load(&state_of(call)->probability);
}

static enum verdict rand_event(struct call *call)
{
    uint32_t drawn = random_below(run_random(call->run), 100);

    return verdict_if(drawn < (uint64_t)atomic_load(&state_of(call)->probability));
}

/* ---- pauses: the script stands still, never the worker ---- */

static enum verdict go_on(struct run *run, void *context, msec *again)
{
    (void)run;
    (void)context;
    (void)again;
    return VERDICT_TRUE;
}

static enum verdict pause_for(struct call *call, int64_t number, int64_t unit)
{
    if (number < 0 || number / unit > SLEEP_MAX * (int64_t)1000) {
        log_error("sleep: up to %d seconds", SLEEP_MAX);
        return VERDICT_ERROR;
    }
    if (number == 0)
        return VERDICT_TRUE;
    return run_wait(call->run, (msec)((number + unit - 1) / unit), go_on, NULL) ? VERDICT_ERROR
                                                                               : VERDICT_WAIT;
}

static enum verdict sleep_seconds(struct call *call)
{
    int64_t seconds = call->args[0].value.number;

    return pause_for(call, seconds > SLEEP_MAX ? INT64_MAX : seconds * 1000, 1);
}

static enum verdict sleep_microseconds(struct call *call)
{
    return pause_for(call, call->args[0].value.number, 1000);
}

/* The original ends the whole server, to look at its memory; here it ends the script. */
static enum verdict end_script(struct call *call)
{
    (void)call;
    log_error("abort() was called: the script ends here; the server goes on");
    return VERDICT_STOP;
}

/* ---- locks ---- */

static enum verdict lock(struct call *call)
{
    return locks_lock(&state_of(call)->locks, call->run, call->args[0].value.text);
}

static enum verdict trylock(struct call *call)
{
    return locks_try(&state_of(call)->locks, call->run, call->args[0].value.text);
}

static enum verdict unlock(struct call *call)
{
    return locks_unlock(&state_of(call)->locks, call->run, call->args[0].value.text);
}

/* ---- others ---- */

/* core_hash(a, b, bits): 1 to 2^bits, as 0 would end the script. */
static enum verdict core_hash(struct call *call)
{
    int64_t bits = call->args[2].value.number;
    uint32_t hash = locks_hash(call->args[0].value.text, call->args[1].value.text);

    if (bits < 1 || bits > HASH_BITS_MAX)
        return VERDICT_ERROR;
    hash &= ((uint32_t)1 << bits) - 1;
    return (enum verdict)(hash ? hash : (uint32_t)1 << bits);
}

static enum verdict check_route_exists(struct call *call)
{
    return verdict_if(run_find_route(call->run, call->args[0].value.text) !=
                      ROUTE_NONE);
}

/* Memory is a message's own, and ends with it: there are no pools to look at. */
static enum verdict memory_status(struct call *call)
{
    (void)call;
    log_info("memory belongs to messages and calls here; see culvertctl stats");
    return VERDICT_TRUE;
}

/* clang-format off */
#define ROW(name_, function, minimum, doc_, ...) \
    { .name = name_, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = STAGE_ANY, .doc = doc_ }
#define NO_ARGS ARG_END
#define DOC_STATUS "Says in the log where memory is to be looked at."

static const struct mod_function functions[] = {
    ROW("rand_set_prob", rand_set_prob, 1, "Sets how probable rand_event() is, in percent.", ARG_INT),
    ROW("rand_reset_prob", rand_reset_prob, 0, "Takes that back to initial_probability.", NO_ARGS),
    ROW("rand_get_prob", rand_get_prob, 0, "Answers with it.", NO_ARGS),
    ROW("rand_event", rand_event, 0, "True by chance.", NO_ARGS),
    ROW("sleep", sleep_seconds, 1, "The script waits for seconds; the server does not.", ARG_INT),
    ROW("usleep", sleep_microseconds, 1, "The same in microseconds, rounded up to milliseconds.", ARG_INT),
    ROW("abort", end_script, 0, "Ends the script, with a line in the log.", NO_ARGS),
    ROW("lock", lock, 1, "Takes the lock of a key; the script waits while another has it.", ARG_FMT),
    ROW("trylock", trylock, 1, "The same, false when another has it.", ARG_FMT),
    ROW("unlock", unlock, 1, "Gives the lock of a key back.", ARG_FMT),
    ROW("core_hash", core_hash, 3, "A number of so many bits for two texts.", ARG_FMT, ARG_FMT, ARG_INT),
    ROW("check_route_exists", check_route_exists, 1, "True when there is a route of this name.", ARG_FMT),
    { .name = "route_if_exists", .run = check_route_exists, .takes = { ARG_FMT }, .min_args = 1, .stages = STAGE_ANY,
      .traits = TRAIT_ENTERS, .doc = "Calls the route of this name; -1 when there is none." },
    ROW("pkg_status", memory_status, 0, DOC_STATUS, NO_ARGS),
    ROW("shm_status", memory_status, 0, DOC_STATUS, NO_ARGS),
    ROW("pkg_summary", memory_status, 0, DOC_STATUS, NO_ARGS),
    ROW("shm_summary", memory_status, 0, DOC_STATUS, NO_ARGS),
    GFLAG_FUNCTIONS,
    { 0 },
};

static const struct mod_command commands[] = { GFLAG_COMMANDS("cfgutils"), { 0 } };

static const struct mod_param params[] = {
    { .name = "initial_probability", .type = PARAM_INT, .offset = offsetof(struct cfgutils, initial_probability),
      .max = 100, .initial = 10, .doc = "Of rand_event(), in percent." },
    { .name = "initial_gflags", .type = PARAM_INT, .offset = offsetof(struct cfgutils, gflags.initial),
      .max = UINT32_MAX, .doc = "The flags that are set at the start, as a number." },
    { .name = "lock_set_size", .type = PARAM_INT, .offset = offsetof(struct cfgutils, locks.size_bits),
      .max = 16, .doc = "2 to the power of this many locks; 0: none." },
    { .name = "hash_file", .type = PARAM_IGNORED, .doc = "flags are set by the script and by culvertctl" },
    { 0 },
};
/* clang-format on */

static enum err start(struct module *module)
{
    struct cfgutils *state = module_state(module);

    atomic_store(&state->probability, state->initial_probability);
    atomic_store(&state->gflags.flags, (uint32_t)state->gflags.initial);
    return locks_start(module, &state->locks);
}

static void stop(struct module *module)
{
    struct cfgutils *state = module_state(module);

    locks_stop(&state->locks);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "cfgutils",
    .summary = "Chance, pauses, locks and shared flags for scripts.",
    .state_size = sizeof(struct cfgutils),
    .functions = functions,
    .commands = commands,
    .params = params,
    .start = start,
    .stop = stop,
};
