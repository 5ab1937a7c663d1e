/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Programs run by the script, which waits for them; the worker does not. The command is a line for
 * the shell in which variables are expanded as they are: what a caller writes into a header can end a
 * quote there. Scripts are safe when they leave such texts to the environment, "$SIP_HF_FROM" in the
 * program, where they are bounded and have no line ends.
 */
#include <culvert/module.h>
#include <culvert/shell.h>
#include <culvert/server.h>

enum {
    ENVIRONMENT_MAX = 128, /* variables */
    VALUE_MAX = 4096,      /* bytes of each; longer ones are cut */
};

struct environment {
    struct str items[ENVIRONMENT_MAX];
    unsigned count;
};

/* What the program is told of the message; texts live until the event is over. */
MUST_USE enum err environment_fill(struct environment *environment, struct run *run, bool is_safe_for_bash);
