/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres.h"

#include <stdio.h>
#include <stdlib.h>

#include <culvert/log.h>

#include "store/placeholders.h"
#include "store/rows.h"

/* Of the types of pg_type that we treat apart. */
enum type {
    TYPE_BOOL = 16,
    TYPE_BYTEA = 17,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_TEXT = 25,
    TYPE_OID = 26,
    TYPE_BPCHAR = 1042,
    TYPE_VARCHAR = 1043,
};

enum {
    TEXT_FORMAT = 0,
    BINARY_FORMAT = 1, /* of texts: the bytes, with their length */
    NUMBER_TEXT_MAX = 24,
};

struct ready {
    struct prepared base;
    char name[24];
    int param_count;
    Oid *types;
};

/* --- prepared statements --- */

void postgres_close_prepared(struct connection *connection, struct prepared *prepared)
{
    struct ready *ready = (struct ready *)(void *)prepared;
    char sql[48];

    free(ready->types);
    if (!connection->is_up)
        return;
    snprintf(sql, sizeof sql, "DEALLOCATE %s", ready->name);
    postgres_execute(connection, sql); /* one more or less that nobody uses */
}

/* The one result of what was sent. */
static enum err take_result(struct postgres *postgres, int was_sent, PGresult **out)
{
    PGresult *result = NULL;
    enum err err;

    if (!was_sent || postgres_next_result(postgres, &result) || !result)
        return postgres_failed(postgres, NULL);
    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        postgres_skip_results(postgres);
        *out = result;
        return ERR_NONE;
    }
    err = postgres_failed(postgres, result);
    PQclear(result);
    postgres_skip_results(postgres);
    return err;
}

static enum err keep_types(struct ready *ready, const PGresult *description)
{
    ready->param_count = PQnparams(description);
    ready->types = calloc((size_t)ready->param_count + 1, sizeof *ready->types);
    if (!ready->types)
        return ERR_NOMEM;
    for (int i = 0; i < ready->param_count; i++)
        ready->types[i] = PQparamtype(description, i);
    return ERR_NONE;
}

static enum err describe(struct postgres *postgres, struct ready *ready)
{
    PGresult *result;
    enum err err =
        take_result(postgres, PQsendDescribePrepared(postgres->handle, ready->name), &result);

    if (err)
        return err;
    err = keep_types(ready, result);
    PQclear(result);
    return err;
}

static enum err send_text(struct postgres *postgres, const struct ready *ready, struct str sql)
{
    size_t room = sql.len * sizeof "$65535" + 1; /* in the place of '?' */
    char *text = malloc(room);
    struct writer w = writer_over(text, room);
    PGresult *result;
    enum err err;

    if (!text)
        return ERR_NOMEM;
    write_numbered(&w, sql);
    write_char(&w, '\0');
    err = w.has_overflowed
              ? ERR_LIMIT
              : take_result(postgres, PQsendPrepare(postgres->handle, ready->name, text, 0, NULL),
                            &result);
    free(text);
    if (!err)
        PQclear(result);
    return err;
}

static enum err prepare(struct postgres *postgres, struct str sql, struct ready **out)
{
    struct ready *ready = (struct ready *)(void *)prepared_find(&postgres->prepared, sql);
    enum err err;

    if (ready) {
        *out = ready;
        return ERR_NONE;
    }
    if (!(ready = (struct ready *)(void *)prepared_create(sql, sizeof *ready)))
        return ERR_NOMEM;
    snprintf(ready->name, sizeof ready->name, "s%llu", (unsigned long long)++postgres->last_name);
    err = send_text(postgres, ready, sql);
    if (!err)
        err = describe(postgres, ready);
    if (err) {
        free(ready->types);
        free(ready);
        return err;
    }
    prepared_keep(&postgres->prepared, &postgres->base, &ready->base);
    *out = ready;
    return ERR_NONE;
}

/* --- parameters --- */

struct params {
    const char **texts;
    int *lengths;
    int *formats;
};

static bool takes_bytes(Oid type)
{
    return type == TYPE_BYTEA || type == TYPE_TEXT || type == TYPE_VARCHAR || type == TYPE_BPCHAR;
}

static enum err bind_number(struct arena *arena, int64_t number, Oid type, const char **out)
{
    struct str text;
    enum err err = type == TYPE_BOOL ? str_print(arena, &text, "%s%c", number ? "t" : "f", 0)
                                     : str_print(arena, &text, "%lld%c", (long long)number, 0);

    if (!err)
        *out = text.ptr;
    return err;
}

/* Texts of types that are not text are few and short: they are read by the database as literals. */
static enum err bind_value(struct arena *arena, const struct value *value, Oid type,
                           struct params *params, unsigned i)
{
    struct str text;

    if (value->has_number && (value->is_int || !value->has_text))
        return bind_number(arena, value->number, type, &params->texts[i]);
    if (!value->has_text)
        return ERR_NONE;
    if (takes_bytes(type)) {
        params->texts[i] = value->text.len ? value->text.ptr : "";
        params->lengths[i] = (int)value->text.len;
        params->formats[i] = BINARY_FORMAT;
        return ERR_NONE;
    }
    if (str_print(arena, &text, STR_FMT "%c", STR_ARG(value->text), 0))
        return ERR_LIMIT;
    params->texts[i] = text.ptr;
    return ERR_NONE;
}

static enum err bind_all(const struct ready *ready, const struct query *query, struct arena *arena,
                         struct params *params)
{
    unsigned count = query->param_count;
    enum err err = ERR_NONE;

    if (ready->param_count != (int)count) {
        log_error("store: \"" STR_FMT "\" takes %d parameters, not %u", STR_ARG(query->sql),
                  ready->param_count, count);
        return ERR_SYNTAX;
    }
    params->texts = arena_zalloc(arena, (count + 1) * sizeof *params->texts);
    params->lengths = arena_zalloc(arena, (count + 1) * sizeof *params->lengths);
    params->formats = arena_zalloc(arena, (count + 1) * sizeof *params->formats);
    if (!params->texts || !params->lengths || !params->formats)
        return ERR_LIMIT;
    for (unsigned i = 0; !err && i < count; i++)
        err = bind_value(arena, &query->params[i], ready->types[i], params, i);
    return err;
}

/* --- rows --- */

static enum err keep_bytes(struct rows *rows, const char *text, struct value *out)
{
    size_t length;
    unsigned char *bytes = PQunescapeBytea((const unsigned char *)text, &length);
    enum err err;

    if (!bytes)
        return ERR_NOMEM;
    err = rows_keep_text(rows, (struct str){ (const char *)bytes, length }, out);
    PQfreemem(bytes);
    return err;
}

static enum err read_value(struct rows *rows, const PGresult *result, int column, struct value *out)
{
    const char *text = PQgetvalue(result, 0, column);
    struct str all = { text, (size_t)PQgetlength(result, 0, column) };
    int64_t number;

    if (PQgetisnull(result, 0, column))
        return ERR_NONE;
    switch (PQftype(result, column)) {
    case TYPE_BOOL:
        *out = value_of_int(text[0] == 't');
        return ERR_NONE;
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_OID:
        if (str_to_int(all, INT64_MIN, INT64_MAX, &number))
            return ERR_RANGE;
        *out = value_of_int(number);
        return ERR_NONE;
    case TYPE_BYTEA:
        return keep_bytes(rows, text, out);
    default:
        return rows_keep_text(rows, all, out);
    }
}

static enum err add_row(struct rows *rows, const PGresult *result)
{
    int columns = PQnfields(result);
    struct value *values;
    enum err err = rows_add(rows, (unsigned)columns, &values);

    for (int i = 0; !err && i < columns; i++)
        err = read_value(rows, result, i, &values[i]);
    return err;
}

static enum err take_part(struct postgres *postgres, const PGresult *result, struct rows *rows,
                          int64_t *affected)
{
    uint64_t count;
    enum err err;

    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
        if ((err = add_row(rows, result)))
            postgres_drop(postgres); /* the rest would have to be read all the same */
        return err;
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        if (!str_starts(str_of(PQcmdStatus((PGresult *)(uintptr_t)result)), STR("SELECT")) &&
            !str_to_uint(str_of(PQcmdTuples((PGresult *)(uintptr_t)result)), 0, INT64_MAX, &count))
            *affected = (int64_t)count;
        return ERR_NONE;
    case PGRES_EMPTY_QUERY:
        connection_fault(&postgres->base, "a statement is empty");
        return ERR_SYNTAX;
    default:
        return postgres_failed(postgres, result);
    }
}

static enum err read_results(struct postgres *postgres, struct rows *rows, int64_t *affected)
{
    PGresult *result = NULL;
    enum err err = ERR_NONE;

    while (!err) {
        if (postgres_next_result(postgres, &result))
            return postgres_failed(postgres, NULL);
        if (!result)
            return ERR_NONE;
        err = take_part(postgres, result, rows, affected);
        PQclear(result);
    }
    postgres_skip_results(postgres);
    return err;
}

static enum err run_ready(struct postgres *postgres, const struct ready *ready,
                          const struct query *query, struct answer *answer)
{
    struct rows rows = { .arena = &answer->arena };
    struct params params;
    int64_t affected = 0;
    enum err err = bind_all(ready, query, &answer->arena, &params);

    if (err)
        return err;
    if (!PQsendQueryPrepared(postgres->handle, ready->name, (int)query->param_count, params.texts,
                             params.lengths, params.formats, TEXT_FORMAT))
        return postgres_failed(postgres, NULL);
    PQsetSingleRowMode(postgres->handle);
    if ((err = read_results(postgres, &rows, &affected)))
        return err;
    rows_give(&rows, &answer->result);
    answer->result.affected = affected;
    return ERR_NONE;
}

/* Tables may have changed since: the next attempt prepares it anew. */
static void forget_if_stale(struct postgres *postgres, struct str sql, enum err err)
{
    struct prepared *prepared;

    if (err != ERR_IO || !postgres->base.is_up)
        return;
    if ((prepared = prepared_find(&postgres->prepared, sql)))
        prepared_forget(&postgres->prepared, &postgres->base, prepared);
}

void postgres_run(struct connection *connection, const struct query *query, struct answer *answer)
{
    struct postgres *postgres = postgres_of(connection);
    struct ready *ready;
    enum err err;

    connection->fault[0] = '\0';
    postgres_set_deadline(postgres);
    err = prepare(postgres, query->sql, &ready);
    if (!err)
        err = run_ready(postgres, ready, query, answer);
    forget_if_stale(postgres, query->sql, err);
    if (err && connection->fault[0])
        connection_log(connection, "a statement failed");
    answer->result.err = err;
}
