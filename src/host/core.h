/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What scripts can use without loading anything: core commands and variables, as rows of the same
 * kind as those of modules.
 */
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/server.h>

extern const struct mod_function core_commands[];               /* ends with a row without a name */
extern const struct mod_variable *const core_variable_tables[]; /* ends with NULL */

/* Sends from the listener of this name ("udp:192.0.2.1:5060"); empty: let the server choose. */
MUST_USE enum err run_set_socket(struct run *run, struct str name);
/*
 * append_branch(): a copy of the target joins the set, with another URI and q unless these are
 * empty and -1. The form without URI takes the way to the next hop away from the target that is
 * copied.
 */
MUST_USE enum err run_append_branch(struct run *run, struct str uri, int q);
