/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Programs that a script runs beside the server. They have no descriptor of ours but standard error,
 * a process group of their own, a time and an amount of output; only so many run at once
 * (exec_processes). None runs unless the setting allow_exec says so.
 */
#include <culvert/run.h>

enum {
    SHELL_OUTPUT_MAX = 64 * 1024,
};

struct shell_command {
    struct str line;               /* a line for /bin/sh */
    struct str input;              /* what it reads; may be empty */
    const struct str *environment; /* "NAME=value" each, beside the server's own; no NUL in them */
    unsigned environment_count;
    msec time_max;                 /* then it is killed with all of its group */
};

struct shell_result {
    /*
     * ERR_NONE: it ended by itself. ERR_TIMEOUT; ERR_LIMIT: it wrote too much, and was killed; ERR_IO: it
     * could not be started; ERR_NOT_NOW: the server stops.
     */
    enum err err;
    int status; /* of its end: 0 is success; 128 and the number of a signal */
    struct str output;
};

typedef void shell_done_fn(void *context, const struct shell_result *result);

/* What the script function answers. Not VERDICT_WAIT. The result lives for the call. */
typedef enum verdict shell_answer_fn(struct run *run, void *context, const struct shell_result *result);

/*
 * Runs it; without an error the script function answers VERDICT_WAIT. Texts are copied; the context
 * lives as long as the request. ERR_DENIED: allow_exec is off. ERR_EXHAUSTED: as many as may be run now.
 */
MUST_USE enum err run_shell_command(struct run *run, const struct shell_command *command, shell_answer_fn *answer,
                              void *context);
