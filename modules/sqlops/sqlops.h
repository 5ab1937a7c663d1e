/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Statements by script. A result is kept under its name with the request that asked, so that two
 * requests that use the same name never see each other's rows; it ends with the request.
 */
#include <culvert/module.h>
#include <culvert/query.h>
#include <culvert/server.h>

enum {
    CONNECTIONS_MAX = 16,
};

struct connection {
    struct str name, url;
    struct store *store; /* NULL: it could not be opened (connect_mode=1) */
};

struct sqlops {
    struct connection connections[CONNECTIONS_MAX];
    unsigned connection_count;
    int64_t connect_mode, results_maxsize, result_bytes;
    unsigned slot;
};

/* ERR_NOT_FOUND after a complaint. */
MUST_USE enum err sqlops_find(struct module *module, struct str name, const struct script_place *place,
                              const struct connection **out);
unsigned sqlops_index(const struct sqlops *sqlops, const struct connection *connection);

/* The rows of one statement, copied. */
struct result {
    struct result *next;
    struct str name;
    struct str sql;             /* that names the columns */
    const struct value *values; /* row after row */
    unsigned row_count, column_count;
    char *room; /* where the values are; used again for the next result of that name */
    size_t size;
};

/* What a request has asked. */
struct results {
    struct result *first;
    unsigned count;
    int64_t affected[CONNECTIONS_MAX];
};

/* NULL: nothing was asked yet. */
struct results *results_of(const struct module *module, const struct run *run);
MUST_USE enum err results_make(const struct module *module, struct run *run, struct results **out);
struct result *results_find(const struct results *results, struct str name);
/* Keeps the rows under a name. ERR_LIMIT: more results, or bytes, than parameters allow. */
MUST_USE enum err results_keep(const struct module *module, struct run *run, struct str name,
                               struct str sql, const struct store_result *rows);
void result_clear(struct result *result);

/* The name of a column, as the statement says it; empty when it does not. */
struct str column_name(struct str sql, unsigned index);

extern const struct mod_variable sqlops_variables[];
