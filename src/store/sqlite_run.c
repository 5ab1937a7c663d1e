/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite.h"

#include <limits.h>
#include <stdlib.h>

#include <culvert/log.h>

/* --- prepared statements --- */

static void forget(struct sqlite *sqlite, struct prepared *prepared)
{
    list_remove(&prepared->node);
    sqlite->prepared_count--;
    sqlite3_finalize(prepared->statement);
    free(prepared);
}

void sqlite_forget_prepared(struct sqlite *sqlite)
{
    struct list_node *node;

    while ((node = list_first(&sqlite->prepared)))
        forget(sqlite, CONTAINER_OF(node, struct prepared, node));
}

static struct prepared *find_prepared(struct sqlite *sqlite, struct str sql)
{
    LIST_EACH(node, &sqlite->prepared)
    {
        struct prepared *prepared = CONTAINER_OF(node, struct prepared, node);

        if (!str_eq((struct str){ prepared->text, prepared->length }, sql))
            continue;
        list_remove(node);
        list_push_front(&sqlite->prepared, node);
        return prepared;
    }
    return NULL;
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

static enum err add_prepared(struct sqlite *sqlite, struct str sql, struct prepared **out)
{
    struct prepared *prepared = calloc(1, sizeof *prepared + sql.len);
    enum err err;

    if (!prepared)
        return ERR_NOMEM;
    if ((err = compile(sqlite, sql, &prepared->statement))) {
        free(prepared);
        return err;
    }
    memcpy(prepared->text, sql.ptr, sql.len);
    prepared->length = sql.len;
    if (sqlite->prepared_count == PREPARED_MAX)
        forget(sqlite, CONTAINER_OF(sqlite->prepared.prev, struct prepared, node));
    list_push_front(&sqlite->prepared, &prepared->node);
    sqlite->prepared_count++;
    *out = prepared;
    return ERR_NONE;
}

static enum err prepare(struct sqlite *sqlite, struct str sql, sqlite3_stmt **out)
{
    struct prepared *prepared = find_prepared(sqlite, sql);
    enum err err = ERR_NONE;

    if (!prepared)
        err = add_prepared(sqlite, sql, &prepared);
    if (!err)
        *out = prepared->statement;
    return err;
}

bool sqlite_writes(struct connection *connection, struct str sql)
{
    sqlite3_stmt *statement;

    if (prepare(sqlite_of(connection), sql, &statement))
        return false;
    return !sqlite3_stmt_readonly(statement);
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

struct rows {
    struct arena *arena;
    struct store_row *rows;
    unsigned count;
    unsigned capacity;
};

/* Old arrays stay in the arena: at most as much again as the newest. */
static enum err make_room(struct rows *rows)
{
    unsigned capacity = rows->capacity ? 2 * rows->capacity : 8;
    struct store_row *grown;

    if (rows->count < rows->capacity)
        return ERR_NONE;
    grown = arena_alloc(rows->arena, capacity * sizeof *grown);
    if (!grown)
        return ERR_LIMIT;
    if (rows->count)
        memcpy(grown, rows->rows, rows->count * sizeof *grown);
    rows->rows = grown;
    rows->capacity = capacity;
    return ERR_NONE;
}

/* Values have no fractions: those are text. */
static enum err read_value(struct arena *arena, sqlite3_stmt *statement, int column,
                           struct value *out)
{
    struct str text;

    *out = value_null();
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
    if (str_copy(arena, text, &text))
        return ERR_LIMIT;
    *out = value_of_str(text);
    return ERR_NONE;
}

static enum err add_row(struct rows *rows, sqlite3_stmt *statement)
{
    int columns = sqlite3_column_count(statement);
    struct value *values = arena_alloc(rows->arena, (size_t)columns * sizeof *values);
    enum err err;

    if (!values)
        return ERR_LIMIT;
    if ((err = make_room(rows)))
        return err;
    for (int i = 0; i < columns; i++)
        if ((err = read_value(rows->arena, statement, i, &values[i])))
            return err;
    rows->rows[rows->count++] = (struct store_row){ values, (unsigned)columns };
    return ERR_NONE;
}

static enum err step_all(struct sqlite *sqlite, sqlite3_stmt *statement, struct rows *rows)
{
    enum err err;
    int code;

    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        if ((err = add_row(rows, statement))) {
            log_error("store: a result is larger than %d bytes", ANSWER_BYTES_MAX);
            return err;
        }
    }
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
    answer->result.rows = rows.rows;
    answer->result.row_count = rows.count;
    answer->result.affected = sqlite3_total_changes64(sqlite->handle) - changes_before;
    return ERR_NONE;
}

void sqlite_run(struct connection *connection, const struct query *query, struct answer *answer)
{
    struct sqlite *sqlite = sqlite_of(connection);
    sqlite3_stmt *statement;
    enum err err = prepare(sqlite, query->sql, &statement);

    if (!err)
        err = run_statement(sqlite, statement, query, answer);
    answer->result.err = err;
}
