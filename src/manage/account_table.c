/* SPDX-License-Identifier: Apache-2.0 */
#include "manage/account_table.h"

#include <culvert/writer.h>

enum {
    SQL_MAX = 1024,
    PARAMS_MAX = ACCOUNT_KEYS + ACCOUNT_VALUES,
};

/* A statement under construction. */
struct draft {
    char text[SQL_MAX];
    struct writer w;
    struct value params[PARAMS_MAX];
    unsigned count;
};

static void begin(struct draft *draft, const char *verb, struct str table)
{
    draft->count = 0;
    draft->w = writer_over(draft->text, sizeof draft->text);
    write_fmt(&draft->w, "%s " STR_FMT, verb, STR_ARG(table));
}

/* "column=?" for each column that there is, with its value as a parameter. */
static void add_columns(struct draft *draft, const struct str *columns, const struct str *values,
                        unsigned count, const char *between)
{
    bool is_first = true;

    for (unsigned i = 0; i < count; i++) {
        if (str_is_empty(columns[i]))
            continue;
        write_fmt(&draft->w, "%s" STR_FMT "=?", is_first ? "" : between, STR_ARG(columns[i]));
        draft->params[draft->count++] = value_of_str(values[i]);
        is_first = false;
    }
}

static void add_where(struct draft *draft, const struct account_table *table,
                      const struct account_row *row)
{
    write_str(&draft->w, STR(" WHERE "));
    add_columns(draft, table->keys, row->keys, ACCOUNT_KEYS, " AND ");
}

static enum err run(const struct account_table *table, struct draft *draft, store_done_fn *done,
                    void *context)
{
    struct str sql;
    enum err err = writer_finish(&draft->w, &sql);

    return err ? err : store_run(table->store, sql, draft->params, draft->count, done, context);
}

static void note_affected(void *context, const struct store_result *result)
{
    int64_t *affected = context;

    *affected = result->affected;
}

static void note_rows(void *context, const struct store_result *result)
{
    bool *has_rows = context;

    *has_rows = result->row_count > 0;
}

static enum err exists(const struct account_table *table, const struct account_row *row, bool *out)
{
    struct draft draft;

    begin(&draft, "SELECT 1 FROM", table->name);
    add_where(&draft, table, row);
    return run(table, &draft, note_rows, out);
}

/* The names of columns; their values become parameters. */
static void list_columns(struct draft *draft, const struct account_table *table,
                         const struct account_row *row)
{
    const struct str *columns[] = { table->keys, table->values };
    const struct str *values[] = { row->keys, row->values };
    const unsigned counts[] = { ACCOUNT_KEYS, ACCOUNT_VALUES };

    for (unsigned part = 0; part < 2; part++)
        for (unsigned i = 0; i < counts[part]; i++) {
            if (str_is_empty(columns[part][i]))
                continue;
            write_fmt(&draft->w, "%s" STR_FMT, draft->count ? ", " : "", STR_ARG(columns[part][i]));
            draft->params[draft->count++] = value_of_str(values[part][i]);
        }
}

enum err account_write(const struct account_table *table, const struct account_row *row)
{
    struct draft draft;
    bool is_there = false;
    enum err err = exists(table, row, &is_there);

    if (err || is_there)
        return err ? err : ERR_EXISTS;
    begin(&draft, "INSERT INTO", table->name);
    write_str(&draft.w, STR(" ("));
    list_columns(&draft, table, row);
    write_str(&draft.w, STR(") VALUES (?"));
    for (unsigned i = 1; i < draft.count; i++)
        write_str(&draft.w, STR(", ?"));
    write_str(&draft.w, STR(")"));
    return run(table, &draft, NULL, NULL);
}

enum err account_table_change(const struct account_table *table, const struct account_row *row)
{
    struct draft draft;
    bool is_there = false;
    enum err err = exists(table, row, &is_there);

    if (err || !is_there)
        return err ? err : ERR_NOT_FOUND;
    begin(&draft, "UPDATE", table->name);
    write_str(&draft.w, STR(" SET "));
    add_columns(&draft, table->values, row->values, ACCOUNT_VALUES, ", ");
    add_where(&draft, table, row);
    return run(table, &draft, NULL, NULL);
}

enum err account_table_remove(const struct account_table *table, const struct account_row *row)
{
    struct draft draft;
    int64_t affected = 0;
    enum err err;

    begin(&draft, "DELETE FROM", table->name);
    add_where(&draft, table, row);
    if ((err = run(table, &draft, note_affected, &affected)))
        return err;
    return affected ? ERR_NONE : ERR_NOT_FOUND;
}

/* ---- reading ---- */

struct reading {
    const struct account_table *table;
    const struct account_row *which;
    account_visit_fn *visit;
    void *context;
};

static bool is_wanted(const struct reading *reading, const struct account_row *row)
{
    const struct str *keys = reading->which->keys;

    return (str_is_empty(keys[0]) || str_eq(keys[0], row->keys[0])) &&
           (str_is_empty(keys[1]) || str_ieq(keys[1], row->keys[1]));
}

static void take_part(const struct str *columns, struct str *out, unsigned count,
                      const struct value **next)
{
    for (unsigned i = 0; i < count; i++)
        if (!str_is_empty(columns[i]))
            out[i] = (*next)++->text;
}

static void take_rows(void *context, const struct store_result *result)
{
    const struct reading *reading = context;

    for (unsigned i = 0; i < result->row_count; i++) {
        const struct value *next = result->rows[i].columns;
        struct account_row row = { .keys = { { 0 } } };

        take_part(reading->table->keys, row.keys, ACCOUNT_KEYS, &next);
        take_part(reading->table->values, row.values, ACCOUNT_VALUES, &next);
        if (is_wanted(reading, &row))
            reading->visit(reading->context, &row);
    }
}

enum err account_table_each(const struct account_table *table, const struct account_row *which,
                            account_visit_fn *visit, void *context)
{
    struct reading reading = { table, which, visit, context };
    struct draft draft;

    begin(&draft, "SELECT", STR(""));
    list_columns(&draft, table, which);
    draft.count = 0;
    write_fmt(&draft.w, " FROM " STR_FMT " ORDER BY " STR_FMT, STR_ARG(table->name),
              STR_ARG(table->keys[0]));
    if (!str_is_empty(table->keys[1]))
        write_fmt(&draft.w, ", " STR_FMT, STR_ARG(table->keys[1]));
    return run(table, &draft, take_rows, &reading);
}
