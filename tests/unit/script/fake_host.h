/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A host for scripts under test: a few commands and variables that write down what happens to them.
 */
#include "script/script.h"

enum {
    FAKE_TEXT_MAX = 16384,
    FAKE_VARS_MAX = 32,
};

struct fake_host {
    struct script_host host;
    char trace[FAKE_TEXT_MAX]; /* what the script did, one word an action */
    size_t trace_len;
    char reports[FAKE_TEXT_MAX]; /* what the compiler said */
    size_t reports_len;
    bool is_strict;     /* unknown settings, modules and parameters are errors */
    bool is_permissive; /* every command exists, with any arguments */
    int answer;         /* of permissive commands */
    struct arena arena;
};

/* One run of a script. */
struct fake_run {
    struct run run; /* first: a run is one of these */
    struct fake_host *host;
    struct request request;
    struct arena arena;
    struct value vars[FAKE_VARS_MAX];
    struct script_locals locals;
    unsigned done_count;
};

void fake_init(struct fake_host *fake);
void fake_fini(struct fake_host *fake);
/* Compiles a text named "test.cfg"; NULL with reports when it is wrong. */
struct program *fake_compile(struct fake_host *fake, const char *text, enum script_dialect dialect);
void fake_trace(struct fake_host *fake, const char *format, ...) PRINTF_LIKE(2, 3);

void fake_run_init(struct fake_run *fake, struct fake_host *host, enum stage stage);
void fake_run_fini(struct fake_run *fake);
void fake_run_start(struct fake_run *fake, struct program *program, uint16_t route,
                    const struct script_budget *budget);
