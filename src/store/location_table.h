/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A location table of a database: the statements for it, and loading it. */
#include "store/driver.h"
#include "store/location_row.h"

/*
 * Tables of Kamailio 5 have a key, the ruid, and one statement inserts or updates. Those of OpenSER
 * have none: there a row is known by its address-of-record and contact, and what updates no row is
 * inserted. The first parameter is always the ruid; `skips_ruid` says that it is not for the
 * statement. Texts live in the arena that it was opened with.
 */
struct journal_table {
    struct journal *journal; /* whose it is */
    struct str name;
    struct str upsert; /* parameters: the columns, and the key if there is no ruid */
    struct str insert; /* without ruid alone: the columns */
    struct str remove; /* parameters: the key */
    struct str load;      /* parameters: the last id before, how many */
    struct str find_aor;  /* parameters: the user name, and the domain with uses_domain */
    struct str find_ruid; /* parameter: the ruid; empty without one */
    enum row_column columns[ROW_COLUMNS]; /* those that it has */
    unsigned column_count;
    bool skips_ruid;
    bool uses_domain;
};

/*
 * ERR_UNSUPPORTED when a column is missing, ERR_SYNTAX when the name is none; both are logged.
 * ERR_IO: the database is away.
 */
MUST_USE enum err location_table_open(struct store *store, struct str name, bool uses_domain,
                                      struct arena *arena, struct journal_table *table);
/* From the values of all columns to the parameters of `upsert`, or of `remove`; how many. */
unsigned location_table_upsert_params(const struct journal_table *table,
                                      const struct value row[static ROW_COLUMNS],
                                      struct value out[static ROW_COLUMNS + 4]);
unsigned location_table_remove_params(const struct journal_table *table,
                                      const struct value row[static ROW_COLUMNS],
                                      struct value out[static ROW_COLUMNS + 4]);

/* What the journal knows of a binding that the row may not know yet. */
enum row_news {
    NEWS_NONE,
    NEWS_CHANGED,
    NEWS_GONE,
};

struct table_load {
    const struct journal_table *table;
    struct location *location;
    struct store *store;
    struct row_rules rules;
    struct journal_time time;
    unsigned fetch_rows; /* of a page */
    bool is_late;        /* what was registered meanwhile comes first */
    bool is_shared;      /* others use the table too: what came on their sockets is not for us */
    struct str aor;      /* rows of others are passed over; empty: none are */
    enum row_news (*news)(void *context, struct str ruid);
    void *context;
    const atomic_bool *is_stopping; /* ends the loading; may be NULL */
    /* Of the loading itself. */
    int64_t last_id;
    unsigned row_count; /* of the last page */
    uint64_t loaded;
};

/* Deletes what is over, and restores the rest to the location. Rows that make no binding are
 * logged. */
MUST_USE enum err location_table_load(struct table_load *load);
/* Restores the rows of one answer, of `load` or `find_…`: a store_done_fn for a struct table_load. */
void location_table_take(void *context, const struct store_result *result);
/* The statement that deletes what is over, with its two parameters, whose texts are in the buffers. */
MUST_USE enum err location_table_clean(const struct journal_table *table, int64_t wall,
                                       struct arena *arena, struct query *out);
