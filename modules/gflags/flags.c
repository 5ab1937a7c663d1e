/* SPDX-License-Identifier: Apache-2.0 */
#include "flags.h"

#include <culvert/log.h>

enum {
    GFLAGS_MAX = 32,
};

static struct gflags *gflags_of(const struct module *module)
{
    return module_state(module);
}

/* The bit of a number; 0: there is no such flag. */
static uint32_t bit_of(int64_t number)
{
    return number >= 0 && number < GFLAGS_MAX ? (uint32_t)1 << number : 0;
}

static uint32_t bit_of_call(const struct call *call)
{
    uint32_t bit = bit_of(call->args[0].value.number);

    if (!bit)
        log_error("there is no global flag %lld; they are 0 to %d",
                  (long long)call->args[0].value.number, GFLAGS_MAX - 1);
    return bit;
}

enum verdict gflags_set(struct call *call)
{
    uint32_t bit = bit_of_call(call);

    atomic_fetch_or(&gflags_of(call->module)->flags, bit);
    return verdict_if(bit);
}

enum verdict gflags_reset(struct call *call)
{
    uint32_t bit = bit_of_call(call);

    atomic_fetch_and(&gflags_of(call->module)->flags, ~bit);
    return verdict_if(bit);
}

enum verdict gflags_is(struct call *call)
{
    return verdict_if(atomic_load(&gflags_of(call->module)->flags) & bit_of_call(call));
}

/* ---- commands ---- */

static enum err read_bit(struct command *command, uint32_t *out)
{
    uint64_t number;

    if (str_to_uint(command_arg(command, 0), 0, GFLAGS_MAX - 1, &number))
        return command_fail(command, ERR_RANGE, "give a flag, 0 to %d", GFLAGS_MAX - 1);
    *out = bit_of((int64_t)number);
    return ERR_NONE;
}

enum err gflags_command_set(struct module *module, struct command *command)
{
    uint32_t bit = 0;
    enum err err = read_bit(command, &bit);

    atomic_fetch_or(&gflags_of(module)->flags, bit);
    return err;
}

enum err gflags_command_reset(struct module *module, struct command *command)
{
    uint32_t bit = 0;
    enum err err = read_bit(command, &bit);

    atomic_fetch_and(&gflags_of(module)->flags, ~bit);
    return err;
}

enum err gflags_command_is(struct module *module, struct command *command)
{
    uint32_t bit = 0;
    enum err err = read_bit(command, &bit);

    if (!err)
        command_text(command, "flag",
                     atomic_load(&gflags_of(module)->flags) & bit ? STR("TRUE") : STR("FALSE"));
    return err;
}

enum err gflags_command_get(struct module *module, struct command *command)
{
    command_number(command, "flags", atomic_load(&gflags_of(module)->flags));
    return ERR_NONE;
}
