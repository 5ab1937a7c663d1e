/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Flags that all workers share, for the modules gflags and cfgutils; module_state() begins with them. */
#include <stdatomic.h>

#include <culvert/module.h>

struct gflags {
    int64_t initial;
    _Atomic uint32_t flags;
};

enum verdict gflags_set(struct call *call);
enum verdict gflags_reset(struct call *call);
enum verdict gflags_is(struct call *call);
enum err gflags_command_set(struct module *module, struct command *command);
enum err gflags_command_reset(struct module *module, struct command *command);
enum err gflags_command_is(struct module *module, struct command *command);
enum err gflags_command_get(struct module *module, struct command *command);

/* clang-format off */
#define GFLAG_FUNCTION(name_, function, doc_) \
    { .name = name_, .run = function, .takes = { ARG_INT }, .min_args = 1, .stages = STAGE_EVERY, .doc = doc_ }
#define GFLAG_FUNCTIONS \
    GFLAG_FUNCTION("set_gflag", gflags_set, "Sets a flag that all workers share."), \
    GFLAG_FUNCTION("reset_gflag", gflags_reset, "Clears it."), \
    GFLAG_FUNCTION("is_gflag", gflags_is, "True when it is set.")
#define GFLAG_COMMANDS(area) \
    { area ".set_gflag", "flag", "Sets a flag that scripts can ask for.", gflags_command_set }, \
    { area ".reset_gflag", "flag", "Clears it.", gflags_command_reset }, \
    { area ".is_gflag", "flag", "Is it set?", gflags_command_is }, \
    { area ".get_gflags", "", "All of them, as a number.", gflags_command_get }
/* clang-format on */
