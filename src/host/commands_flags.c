/* SPDX-License-Identifier: Apache-2.0 */
/* Message flags, script flags and branch flags. */
#include "host/commands.h"

#include <culvert/log.h>

#include "host/core.h"

/* The bit that an argument names; 0, with a complaint in the log, when there is no such flag. */
static uint32_t bit_of(const struct arg *arg)
{
    int64_t number = arg->value.number;

    if (number >= 0 && number < FLAGS_MAX)
        return (uint32_t)1 << number;
    log_error("there is no flag %lld; flags are 0 to %d", (long long)number, FLAGS_MAX - 1);
    return 0;
}

static enum verdict set(uint32_t *flags, uint32_t bit)
{
    if (!flags || !bit)
        return VERDICT_ERROR;
    *flags |= bit;
    return VERDICT_TRUE;
}

static enum verdict reset(uint32_t *flags, uint32_t bit)
{
    if (!flags || !bit)
        return VERDICT_ERROR;
    *flags &= ~bit;
    return VERDICT_TRUE;
}

static enum verdict test(const uint32_t *flags, uint32_t bit)
{
    return verdict_if(flags && (*flags & bit));
}

enum verdict command_setflag(struct call *call)
{
    return set(&call->run->request->flags, bit_of(&call->args[0]));
}

enum verdict command_resetflag(struct call *call)
{
    return reset(&call->run->request->flags, bit_of(&call->args[0]));
}

enum verdict command_isflagset(struct call *call)
{
    return test(&call->run->request->flags, bit_of(&call->args[0]));
}

enum verdict command_setsflag(struct call *call)
{
    return set(&call->run->script_flags, bit_of(&call->args[0]));
}

enum verdict command_resetsflag(struct call *call)
{
    return reset(&call->run->script_flags, bit_of(&call->args[0]));
}

enum verdict command_issflagset(struct call *call)
{
    return test(&call->run->script_flags, bit_of(&call->args[0]));
}

/* The branch flags and the bit in them: (flag), OpenSER's (branch, flag), Kamailio's (flag,
 * branch). */
struct branch_flag {
    uint32_t *flags; /* NULL: no such branch */
    uint32_t bit;
};

static uint32_t *flags_of_branch(struct run *run, int64_t branch)
{
    if (branch == 0)
        return &run_target(run)->bflags;
    if (branch < 0 || branch > run->request->extra_count)
        return NULL;
    return &run->request->extra[branch - 1].bflags;
}

static struct branch_flag find_branch_flag(const struct call *call)
{
    bool is_branch_first = call->arg_count > 1 && server_is_openser(run_server(call->run));
    const struct arg *flag = &call->args[is_branch_first ? 1 : 0];
    int64_t branch = call->arg_count > 1 ? call->args[is_branch_first ? 0 : 1].value.number : 0;

    return (struct branch_flag){ flags_of_branch(call->run, branch), bit_of(flag) };
}

enum verdict command_setbflag(struct call *call)
{
    struct branch_flag found = find_branch_flag(call);

    return set(found.flags, found.bit);
}

enum verdict command_resetbflag(struct call *call)
{
    struct branch_flag found = find_branch_flag(call);

    return reset(found.flags, found.bit);
}

enum verdict command_isbflagset(struct call *call)
{
    struct branch_flag found = find_branch_flag(call);

    return test(found.flags, found.bit);
}
