/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A location table of a database: the statements for it, and loading it. */
#include "store/location_row.h"

/* Texts live in the arena that it was opened with. */
struct journal_table {
    struct str name;
    struct str upsert; /* parameters: column_count values, in the order of enum row_column */
    struct str remove; /* parameter: the ruid */
    struct str load;
    unsigned column_count; /* ROW_COLUMNS, or one less: `flow` is missing */
};

/* ERR_UNSUPPORTED when a column is missing, ERR_SYNTAX when the name is none; both are logged. */
MUST_USE enum err location_table_open(struct store *store, struct str name, struct arena *arena,
                                      struct journal_table *table);

struct table_load {
    const struct journal_table *table;
    struct location *location;
    struct store *store;
    struct row_rules rules;
    struct journal_time time;
    unsigned fetch_rows; /* of a page */
    /* Of the loading itself. */
    int64_t last_id;
    unsigned row_count; /* of the last page */
    uint64_t loaded;
};

/* Deletes what is over, and restores the rest to the location. Rows that make no binding are
 * logged. */
MUST_USE enum err location_table_load(struct table_load *load);
