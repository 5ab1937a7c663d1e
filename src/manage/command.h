/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A command under way: its arguments and the JSON tree that its functions build. */
#include <culvert/command.h>

#include <jansson.h>

#include "manage/control.h"

enum {
    COMMAND_DEPTH_MAX = 16,
    COMMAND_ARGS_MAX = 16,
};

struct command {
    const struct control_context *context;
    const json_t *params; /* array */
    json_t *stack[COMMAND_DEPTH_MAX]; /* the open objects and lists; [0] is the result */
    unsigned depth;
    char *failure; /* NULL: the error speaks for itself */
};

/* Core commands; the table ends with a row without a name. The module argument is NULL there. */
extern const struct mod_command core_manage_commands[];

/* commands_script.c */
enum err run_reload(struct module *module, struct command *command);
enum err run_disasm(struct module *module, struct command *command);
enum err run_profile(struct module *module, struct command *command);

/* commands_names.c */
enum err run_dns_view(struct module *module, struct command *command);
enum err run_dns_delete_all(struct module *module, struct command *command);
enum err run_blocklist_view(struct module *module, struct command *command);
enum err run_blocklist_delete_all(struct module *module, struct command *command);
enum err run_list_blacklists(struct module *module, struct command *command);
