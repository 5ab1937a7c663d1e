/* SPDX-License-Identifier: Apache-2.0 */
/* Databases that others have made: what differs, and adding what is missing. */
#include <stdarg.h>
#include <stdio.h>

#include <culvert/writer.h>

#include "store/schema.h"

enum {
    LINE_MAX_BYTES = 1024,
};

static void say(store_tell_fn *tell, void *context, const char *format, ...) PRINTF_LIKE(3, 4);

static void say(store_tell_fn *tell, void *context, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    tell(context, line);
}

/* --- the columns of a table --- */

struct column {
    struct str name;
    struct str text; /* its definition, with words in braces */
};

/* Up to a comma that is in no parenthesis or quotation. */
static size_t definition_length(struct str text)
{
    bool is_quoted = false;
    unsigned depth = 0;
    size_t length = 0;

    for (; length < text.len; length++) {
        char c = text.ptr[length];

        is_quoted ^= c == '\'';
        if (is_quoted)
            continue;
        if (c == '(')
            depth++;
        if (c == ')' && depth)
            depth--;
        if (c == ',' && !depth)
            break;
    }
    return length;
}

/* "{id}" is one with its name, "{partition} INTEGER" has its name in braces. */
static struct str name_of(struct str definition)
{
    struct str name, rest;

    if (!str_split(definition, ' ', &name, &rest))
        name = definition;
    if (name.len > 2 && name.ptr[0] == '{')
        name = (struct str){ name.ptr + 1, name.len - 2 };
    return name;
}

/* False at the end. Constraints are no columns. */
static bool next_column(struct str *left, struct column *out)
{
    while (left->len) {
        size_t length = definition_length(*left);

        out->text = str_trim((struct str){ left->ptr, length });
        out->name = name_of(out->text);
        *left = str_skip(*left, length + 1);
        if (!str_eq(out->name, STR("UNIQUE")))
            return true;
    }
    return false;
}

/* --- checking --- */

static void keep_version(struct connection *connection, const struct table_schema *table,
                         int64_t *out)
{
    struct value name = value_of_str(table->name);
    struct query query = { STR("SELECT table_version FROM version WHERE table_name = ?"), &name,
                           1 };
    struct answer answer;

    answer_init(&answer);
    connection->database->driver->run(connection, &query, &answer);
    if (!answer.result.err && answer.result.row_count)
        *out = answer.result.rows[0].columns[0].number;
    answer_fini(&answer);
}

static void write_missing(struct writer *w, struct connection *connection,
                          const struct table_schema *table)
{
    struct str left = table->columns;
    struct column column;

    while (next_column(&left, &column)) {
        if (connection_has_column(connection, table->name, column.name))
            continue;
        if (w->at != w->start)
            write_str(w, STR(", "));
        write_str(w, column.name);
    }
}

static void check_table(struct connection *connection, const struct table_schema *table,
                        bool has_versions, store_tell_fn *tell, void *context)
{
    char buffer[LINE_MAX_BYTES / 2];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str missing;
    int64_t version = 0;

    if (!connection_has_table(connection, table->name)) {
        say(tell, context, STR_FMT ": is not there; db.create makes it", STR_ARG(table->name));
        return;
    }
    if (has_versions)
        keep_version(connection, table, &version);
    write_missing(&w, connection, table);
    missing = writer_text(&w);
    if (missing.len)
        say(tell, context,
            STR_FMT ": version %lld, ours is %u; has no " STR_FMT
                    ". db.migrate adds them, if something needs them",
            STR_ARG(table->name), (long long)version, table->version, STR_ARG(missing));
    else
        say(tell, context, STR_FMT ": version %lld, ours is %u; has all columns",
            STR_ARG(table->name), (long long)version, table->version);
}

void schema_check(struct connection *connection, store_tell_fn *tell, void *context)
{
    bool has_versions = connection_has_table(connection, STR("version"));

    for (const struct table_schema *table = schema_tables; table->name.len; table++)
        check_table(connection, table, has_versions, tell, context);
}

/* --- migrating --- */

/* With the name of the table for '@'. */
static enum err run_for_table(struct connection *connection, const struct table_schema *table,
                              struct str text)
{
    char buffer[SCHEMA_SQL_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str before;

    while (str_split(text, '@', &before, &text)) {
        write_str(&w, before);
        write_str(&w, table->name);
    }
    schema_write(&w, connection->database->driver->dialect, text);
    return schema_run(connection, &w);
}

/* The key of a table that has none: the rows that are there get one. */
static enum err add_ruid(struct connection *connection, const struct table_schema *table)
{
    static const struct str steps[] = {
        STR_INIT("ALTER TABLE @ ADD COLUMN ruid VARCHAR(64) DEFAULT '' NOT NULL"),
        STR_INIT("UPDATE @ SET ruid = {numbered} WHERE ruid = ''"),
        STR_INIT("CREATE UNIQUE INDEX @_ruid_idx ON @ (ruid)"),
    };
    enum err err = ERR_NONE;

    for (size_t i = 0; !err && i < sizeof steps / sizeof steps[0]; i++)
        err = run_for_table(connection, table, steps[i]);
    return err;
}

static enum err add_column(struct connection *connection, const struct table_schema *table,
                           const struct column *column)
{
    char buffer[SCHEMA_SQL_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);

    if (str_eq(column->name, STR("ruid")))
        return add_ruid(connection, table);
    write_fmt(&w, "ALTER TABLE " STR_FMT " ADD COLUMN ", STR_ARG(table->name));
    schema_write(&w, connection->database->driver->dialect, column->text);
    return schema_run(connection, &w);
}

static enum err set_version(struct connection *connection, const struct table_schema *table)
{
    struct value params[] = { value_of_int(table->version), value_of_str(table->name) };
    struct query query = { STR("UPDATE version SET table_version = ? WHERE table_name = ?"), params,
                           2 };

    return connection_ask(connection, &query, NULL);
}

static enum err migrate_table(struct connection *connection, const struct table_schema *table,
                              store_tell_fn *tell, void *context)
{
    struct str left = table->columns;
    struct column column;
    unsigned added = 0;
    enum err err;

    while (next_column(&left, &column)) {
        if (connection_has_column(connection, table->name, column.name))
            continue;
        if ((err = add_column(connection, table, &column)))
            return err;
        say(tell, context, STR_FMT ": has " STR_FMT " now", STR_ARG(table->name),
            STR_ARG(column.name));
        added++;
    }
    return added ? set_version(connection, table) : ERR_NONE;
}

enum err schema_migrate(struct connection *connection, store_tell_fn *tell, void *context)
{
    enum err err = schema_create(connection);

    for (const struct table_schema *table = schema_tables; !err && table->name.len; table++)
        err = migrate_table(connection, table, tell, context);
    return err;
}
