/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Management commands: one row each, run on the management thread, so they touch shared objects only
 * through functions that say they may be called from any thread. The answer is a tree of named
 * values, which clients get as JSON and culvertctl shows as text.
 */
#include <culvert/str.h>

struct command;
struct module;

struct mod_command {
    const char *name; /* "ul.dump": area, dot, verb */
    const char *args; /* for the help: "table [aor]" */
    const char *doc;
    /* ERR_NONE, or an error with command_fail() called. */
    enum err (*run)(struct module *module, struct command *command);
};

unsigned command_arg_count(const struct command *command);
/* Empty when there is no such argument. */
struct str command_arg(const struct command *command, unsigned index);
/* The answer: fields of the current object; objects and lists nest. name is empty inside lists. */
void command_text(struct command *command, const char *name, struct str text);
void command_number(struct command *command, const char *name, int64_t number);
void command_open_object(struct command *command, const char *name);
void command_open_list(struct command *command, const char *name);
void command_close(struct command *command);
/* The reason, for people. */
enum err command_fail(struct command *command, enum err err, const char *format, ...)
    PRINTF_LIKE(3, 4);
