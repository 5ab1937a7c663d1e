/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A command on accounts, run by a tool: the answer is that which a server would give. */
#include <culvert/accounts.h>

#include <jansson.h>

json_t *account_answer(const struct account_table *table,
                       enum err (*run)(const struct account_table *table, struct command *command),
                       const json_t *params);
