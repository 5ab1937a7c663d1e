/* SPDX-License-Identifier: Apache-2.0 */
#include "flags.h"

static const struct mod_function functions[] = { GFLAG_FUNCTIONS, { 0 } };
static const struct mod_command commands[] = { GFLAG_COMMANDS("gflags"), { 0 } };

static const struct mod_param params[] = {
    { .name = "initial",
      .type = PARAM_INT,
      .offset = offsetof(struct gflags, initial),
      .max = UINT32_MAX,
      .doc = "The flags that are set at the start, as a number." },
    { 0 },
};

static enum err start(struct module *module)
{
    struct gflags *gflags = module_state(module);

    atomic_store(&gflags->flags, (uint32_t)gflags->initial);
    return ERR_NONE;
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "gflags",
    .summary = "Flags that all workers share.",
    .state_size = sizeof(struct gflags),
    .functions = functions,
    .commands = commands,
    .params = params,
    .start = start,
};
