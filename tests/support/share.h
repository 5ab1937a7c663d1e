/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Long tests: how long, and on all processors. */
#include <stdbool.h>

/* CULVERT_EXTENT=all: tests take the time that they need. */
bool share_is_thorough(void);
/*
 * Runs parts of a test in as many processes as there are processors, each with its number; false
 * when one of them does not exit with 0.
 */
bool share_out(int (*part)(unsigned number, unsigned of));
