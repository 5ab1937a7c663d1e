/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Threads that run shells, one each at a time, so that neither starting one nor waiting for it costs
 * anybody else time.
 */
#include <culvert/shell.h>

struct shells;

MUST_USE enum err shells_create(unsigned threads, struct shells **out);
/* Kills what runs; whatever was asked for has been told its end when this returns. */
void shells_destroy(struct shells *shells);
/*
 * From any thread. `done` is called on a thread of ours, once. ERR_EXHAUSTED: all threads have something
 * to do.
 */
MUST_USE enum err shells_run(struct shells *shells, const struct shell_command *command,
                               shell_done_fn *done, void *context);
