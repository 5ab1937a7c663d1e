/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mysql.h"

#include <stdlib.h>

#include <culvert/log.h>

#include "store/rows.h"

struct ready {
    struct prepared base;
    MYSQL_STMT *statement;
};

/* What fails while rows are read is known to the connection alone. */
static enum err statement_failed(struct mysql *mysql, MYSQL_STMT *statement)
{
    if (!mysql_stmt_errno(statement))
        return mysql_failed(mysql, mysql_errno(mysql->handle), mysql_error(mysql->handle));
    return mysql_failed(mysql, mysql_stmt_errno(statement), mysql_stmt_error(statement));
}

/* --- prepared statements --- */

/* Says so to the database, and does not wait: there is no answer. */
void mysql_close_prepared(struct connection *connection, struct prepared *prepared)
{
    (void)connection;
    mysql_stmt_close(((struct ready *)(void *)prepared)->statement);
}

static enum err compile(struct mysql *mysql, struct str sql, MYSQL_STMT **out)
{
    MYSQL_STMT *statement = mysql_stmt_init(mysql->handle);
    int failed = 0;
    enum err err;

    if (!statement)
        return ERR_NOMEM;
    MYSQL_AWAIT(mysql, &failed, mysql_stmt_prepare, statement, statement, sql.ptr ? sql.ptr : "",
                sql.len);
    if (!failed) {
        *out = statement;
        return ERR_NONE;
    }
    err = statement_failed(mysql, statement);
    mysql_stmt_close(statement);
    return err;
}

static enum err prepare(struct mysql *mysql, struct str sql, MYSQL_STMT **out)
{
    struct ready *ready = (struct ready *)(void *)prepared_find(&mysql->prepared, sql);
    enum err err;

    if (!ready) {
        ready = (struct ready *)(void *)prepared_create(sql, sizeof *ready);
        if (!ready)
            return ERR_NOMEM;
        if ((err = compile(mysql, sql, &ready->statement))) {
            free(ready);
            return err;
        }
        prepared_keep(&mysql->prepared, &mysql->base, &ready->base);
    }
    *out = ready->statement;
    return ERR_NONE;
}

/* --- parameters --- */

static MYSQL_BIND bind_value(const struct value *value)
{
    if (value->has_number && (value->is_int || !value->has_text))
        return (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_LONGLONG,
                             .buffer = (void *)(uintptr_t)&value->number };
    if (value->has_text)
        return (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_STRING,
                             .buffer = (void *)(uintptr_t)(value->text.len ? value->text.ptr : ""),
                             .buffer_length = value->text.len };
    return (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_NULL };
}

static enum err bind_all(struct mysql *mysql, MYSQL_STMT *statement, const struct query *query,
                         struct arena *arena)
{
    unsigned count = query->param_count;
    MYSQL_BIND *binds = arena_zalloc(arena, (count + 1) * sizeof *binds);

    if (mysql_stmt_param_count(statement) != count) {
        log_error("store: \"" STR_FMT "\" takes %lu parameters, not %u", STR_ARG(query->sql),
                  mysql_stmt_param_count(statement), count);
        return ERR_SYNTAX;
    }
    if (!binds)
        return ERR_LIMIT;
    for (unsigned i = 0; i < count; i++)
        binds[i] = bind_value(&query->params[i]);
    if (count && mysql_stmt_bind_param(statement, binds))
        return statement_failed(mysql, statement);
    return ERR_NONE;
}

/* --- rows --- */

/* Where the library puts a row: numbers here; of texts the length, and they are fetched then. */
struct cell {
    int64_t number;
    unsigned long length;
    my_bool is_null;
    bool is_number;
};

struct result {
    MYSQL_STMT *statement;
    unsigned count; /* of columns */
    struct cell *cells;
    MYSQL_BIND *binds;
};

/* Those that int64_t holds; others are text. */
static bool is_number(const MYSQL_FIELD *field)
{
    switch (field->type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_YEAR:
        return true;
    case MYSQL_TYPE_LONGLONG:
        return !(field->flags & UNSIGNED_FLAG);
    default:
        return false;
    }
}

static void bind_cell(struct cell *cell, MYSQL_BIND *bind, const MYSQL_FIELD *field)
{
    cell->is_number = is_number(field);
    *bind = (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_STRING };
    if (cell->is_number) {
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->buffer = &cell->number;
        bind->buffer_length = sizeof cell->number;
    }
    bind->length = &cell->length;
    bind->is_null = &cell->is_null;
}

static enum err bind_result(struct mysql *mysql, struct result *result, struct arena *arena)
{
    MYSQL_RES *description = mysql_stmt_result_metadata(result->statement);
    enum err err = ERR_NONE;

    if (!description)
        return statement_failed(mysql, result->statement);
    result->cells = arena_zalloc(arena, result->count * sizeof *result->cells);
    result->binds = arena_zalloc(arena, result->count * sizeof *result->binds);
    for (unsigned i = 0; result->cells && result->binds && i < result->count; i++)
        bind_cell(&result->cells[i], &result->binds[i], mysql_fetch_field_direct(description, i));
    if (!result->cells || !result->binds)
        err = ERR_LIMIT;
    else if (mysql_stmt_bind_result(result->statement, result->binds))
        err = statement_failed(mysql, result->statement);
    mysql_free_result(description);
    return err;
}

static enum err read_text(struct result *result, unsigned column, struct rows *rows,
                          struct value *out)
{
    unsigned long length = result->cells[column].length;
    MYSQL_BIND bind = { .buffer_type = MYSQL_TYPE_STRING, .buffer_length = length + 1 };
    enum err err = rows_make_room(rows, length + 1, (char **)&bind.buffer);

    if (err)
        return err;
    if (mysql_stmt_fetch_column(result->statement, &bind, column, 0))
        return ERR_IO;
    *out = value_of_str((struct str){ bind.buffer, length });
    return ERR_NONE;
}

static enum err add_row(struct result *result, struct rows *rows)
{
    struct value *values;
    enum err err = rows_add(rows, result->count, &values);

    for (unsigned i = 0; !err && i < result->count; i++) {
        const struct cell *cell = &result->cells[i];

        if (cell->is_null)
            continue;
        if (cell->is_number)
            values[i] = value_of_int(cell->number);
        else
            err = read_text(result, i, rows, &values[i]);
    }
    return err;
}

static enum err fetch_rows(struct mysql *mysql, struct result *result, struct rows *rows)
{
    enum err err = ERR_NONE;
    int state = 0;

    while (!err) {
        MYSQL_AWAIT(mysql, &state, mysql_stmt_fetch, result->statement, result->statement);
        if (state == MYSQL_NO_DATA)
            return ERR_NONE;
        if (state && state != MYSQL_DATA_TRUNCATED)
            return statement_failed(mysql, result->statement);
        err = add_row(result, rows);
    }
    mysql_drop(mysql); /* the rest would have to be read all the same */
    return err;
}

/* Of a procedure: nobody asked for them, but they come. */
static enum err skip_other_results(struct mysql *mysql, MYSQL_STMT *statement)
{
    int failed = 0;

    while (mysql_stmt_more_results(statement)) {
        my_bool ignored = 0;

        MYSQL_AWAIT(mysql, &failed, mysql_stmt_next_result, statement, statement);
        if (failed)
            return statement_failed(mysql, statement);
        MYSQL_AWAIT(mysql, &ignored, mysql_stmt_free_result, statement, statement);
    }
    return ERR_NONE;
}

static enum err read_result(struct mysql *mysql, MYSQL_STMT *statement, struct answer *answer)
{
    struct result result = { .statement = statement, .count = mysql_stmt_field_count(statement) };
    struct rows rows = { .arena = &answer->arena };
    enum err err = ERR_NONE;

    if (!result.count)
        answer->result.affected = (int64_t)mysql_stmt_affected_rows(statement);
    else if (!(err = bind_result(mysql, &result, &answer->arena)))
        err = fetch_rows(mysql, &result, &rows);
    if (!err)
        err = skip_other_results(mysql, statement);
    if (!err)
        rows_give(&rows, &answer->result);
    return err;
}

static enum err run_statement(struct mysql *mysql, MYSQL_STMT *statement, const struct query *query,
                              struct answer *answer)
{
    int failed = 0;
    enum err err = bind_all(mysql, statement, query, &answer->arena);

    if (err)
        return err;
    MYSQL_AWAIT(mysql, &failed, mysql_stmt_execute, statement, statement);
    if (failed)
        return statement_failed(mysql, statement);
    return read_result(mysql, statement, answer);
}

void mysql_run(struct connection *connection, const struct query *query, struct answer *answer)
{
    struct mysql *mysql = mysql_of(connection);
    MYSQL_STMT *statement;
    enum err err;

    connection->fault[0] = '\0';
    mysql_set_deadline(mysql);
    err = prepare(mysql, query->sql, &statement);
    if (!err)
        err = run_statement(mysql, statement, query, answer);
    if (err && connection->fault[0])
        connection_log(connection, "a statement failed");
    answer->result.err = err;
}
