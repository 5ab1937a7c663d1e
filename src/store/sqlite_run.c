/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite.h"

#include <limits.h>
#include <stdlib.h>

#include <culvert/log.h>

#include "store/rows.h"
#include "sys/loop.h"

/* --- prepared statements --- */

struct ready {
    struct prepared base;
    sqlite3_stmt *statement;
};

void sqlite_close_prepared(struct connection *connection, struct prepared *prepared)
{
    (void)connection;
    sqlite3_finalize(((struct ready *)(void *)prepared)->statement);
}

/* One statement and nothing behind it. */
static enum err compile(struct sqlite *sqlite, struct str sql, sqlite3_stmt **out)
{
    const char *rest = NULL;
    int code;

    if (str_is_empty(sql))
        return ERR_SYNTAX;
    if (sql.len > INT_MAX)
        return ERR_LIMIT;
    code = sqlite3_prepare_v3(sqlite->handle, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT, out,
                              &rest);
    if (code != SQLITE_OK) {
        sqlite_log(sqlite, "cannot prepare a statement");
        return sqlite_err(code);
    }
    if (*out && str_is_empty(str_trim(str_between(rest, sql.ptr + sql.len))))
        return ERR_NONE;
    sqlite3_finalize(*out);
    log_error("store: \"" STR_FMT "\" is not one statement", STR_ARG(sql));
    return ERR_SYNTAX;
}

static enum err prepare(struct sqlite *sqlite, struct str sql, sqlite3_stmt **out)
{
    struct ready *ready = (struct ready *)(void *)prepared_find(&sqlite->prepared, sql);
    enum err err;

    if (!ready) {
        ready = (struct ready *)(void *)prepared_create(sql, sizeof *ready);
        if (!ready)
            return ERR_NOMEM;
        if ((err = compile(sqlite, sql, &ready->statement))) {
            free(ready);
            return err;
        }
        prepared_keep(&sqlite->prepared, &sqlite->base, &ready->base);
    }
    *out = ready->statement;
    return ERR_NONE;
}

/* --- parameters --- */

/* Borrowed texts: they outlive the step, and sqlite3_clear_bindings() ends it. */
static int bind_value(sqlite3_stmt *statement, int index, const struct value *value)
{
    if (value->has_number && (value->is_int || !value->has_text))
        return sqlite3_bind_int64(statement, index, value->number);
    if (value->has_text)
        return sqlite3_bind_text64(statement, index, value->text.ptr ? value->text.ptr : "",
                                   value->text.len, SQLITE_STATIC, SQLITE_UTF8);
    return sqlite3_bind_null(statement, index);
}

static enum err bind_all(struct sqlite *sqlite, sqlite3_stmt *statement, const struct query *query)
{
    int code;

    if (sqlite3_bind_parameter_count(statement) != (int)query->param_count) {
        log_error("store: \"" STR_FMT "\" takes %d parameters, not %u", STR_ARG(query->sql),
                  sqlite3_bind_parameter_count(statement), query->param_count);
        return ERR_SYNTAX;
    }
    for (unsigned i = 0; i < query->param_count; i++) {
        code = bind_value(statement, (int)i + 1, &query->params[i]);
        if (code != SQLITE_OK) {
            sqlite_log(sqlite, "cannot bind a parameter");
            return sqlite_err(code);
        }
    }
    return ERR_NONE;
}

/* --- rows --- */

/* Values have no fractions: those are text. */
static enum err read_value(struct rows *rows, sqlite3_stmt *statement, int column,
                           struct value *out)
{
    struct str text;

    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
        return ERR_NONE;
    case SQLITE_INTEGER:
        *out = value_of_int(sqlite3_column_int64(statement, column));
        return ERR_NONE;
    }
    text.ptr = sqlite3_column_blob(statement, column);
    if (sqlite3_column_type(statement, column) == SQLITE_FLOAT)
        text.ptr = (const char *)sqlite3_column_text(statement, column);
    text.len = (size_t)sqlite3_column_bytes(statement, column);
    if (!text.ptr)
        text = STR("");
    return rows_keep_text(rows, text, out);
}

static enum err add_row(struct rows *rows, sqlite3_stmt *statement)
{
    int columns = sqlite3_column_count(statement);
    struct value *values;
    enum err err = rows_add(rows, (unsigned)columns, &values);

    for (int i = 0; !err && i < columns; i++)
        err = read_value(rows, statement, i, &values[i]);
    return err;
}

static enum err step_all(struct sqlite *sqlite, sqlite3_stmt *statement, struct rows *rows)
{
    enum err err;
    int code;

    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        if ((err = add_row(rows, statement)))
            return err;
    if (code == SQLITE_DONE)
        return ERR_NONE;
    sqlite_log(sqlite, "a statement failed");
    return sqlite_err(code);
}

static enum err run_statement(struct sqlite *sqlite, sqlite3_stmt *statement,
                              const struct query *query, struct answer *answer)
{
    struct rows rows = { .arena = &answer->arena };
    int64_t changes_before = sqlite3_total_changes64(sqlite->handle);
    enum err err = bind_all(sqlite, statement, query);

    if (!err)
        err = step_all(sqlite, statement, &rows);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (err)
        return err;
    rows_give(&rows, &answer->result);
    answer->result.affected = sqlite3_total_changes64(sqlite->handle) - changes_before;
    return ERR_NONE;
}

void sqlite_run(struct connection *connection, const struct query *query, struct answer *answer)
{
    struct sqlite *sqlite = sqlite_of(connection);
    sqlite3_stmt *statement;
    enum err err;

    sqlite->has_run_out = false;
    sqlite->deadline = clock_monotonic() + connection->database->limits.statement;
    err = prepare(sqlite, query->sql, &statement);
    if (!err)
        err = run_statement(sqlite, statement, query, answer);
    sqlite->deadline = 0;
    answer->result.err = err;
}
