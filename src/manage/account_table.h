/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Rows of an account table by their keys. Blocks: for the management thread and tools. */
#include <culvert/accounts.h>

/* ERR_NOT_FOUND; others come from the store, and were logged. */
/* Writes every value, also the empty ones. */
MUST_USE enum err account_table_change(const struct account_table *table, const struct account_row *row);
MUST_USE enum err account_table_remove(const struct account_table *table, const struct account_row *row);

typedef void account_visit_fn(void *context, const struct account_row *row);
/* In the order of keys; those of which a key that is given differs are left out. */
MUST_USE enum err account_table_each(const struct account_table *table, const struct account_row *which,
                                     account_visit_fn *visit, void *context);
