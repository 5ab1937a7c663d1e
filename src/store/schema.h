/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The tables of a new database: those of OpenSER 1.3, by name and column, so that its modules and
 * tools find what they know. Where Kamailio 5 has more columns, they are added behind. `location`
 * and `aliases` are Kamailio's (versions 9 and 8), which have every column of OpenSER's and a key,
 * the ruid; one table serves both, and a row without a ruid gets one.
 */
#include <culvert/writer.h>

#include "store/driver.h"
#include "store/store_internal.h"

/* Creates the tables that are missing, with their rows in `version`, or none. */
MUST_USE enum err schema_create(struct connection *connection);
/* Tells of each table, in a line, how it differs from these. Changes nothing. */
void schema_check(struct connection *connection, store_tell_fn *tell, void *context);
/*
 * Adds tables and columns that are missing, and tells of them. What is there stays as it is, so
 * that those who use the database otherwise go on with it. Stops at the first failure, which is
 * logged.
 */
MUST_USE enum err schema_migrate(struct connection *connection, store_tell_fn *tell, void *context);

/* --- for schema_change.c --- */

enum {
    INDEXES_MAX = 2,
    SCHEMA_SQL_MAX = 4096,
};

struct table_schema {
    struct str name;
    unsigned version;
    struct str columns; /* with words of the dialect in braces */
    struct str indexes[INDEXES_MAX];
};

extern const struct table_schema schema_tables[]; /* the last one has no name */

/* "{time}" becomes what the dialect has for it. */
void schema_write(struct writer *w, const struct dialect *dialect, struct str text);
/* Runs what was written. */
MUST_USE enum err schema_run(struct connection *connection, const struct writer *w);
