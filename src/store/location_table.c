/* SPDX-License-Identifier: Apache-2.0 */
#include "store/location_table.h"

#include <culvert/cursor.h>
#include <culvert/log.h>

#include "store/driver.h"
#include "store/store_internal.h"

enum {
    TABLE_NAME_MAX = 64,
    SQL_MAX = 2048,
};

static void write_columns(struct writer *w, unsigned count, const char *format)
{
    for (unsigned i = 0; i < count; i++) {
        struct str name = row_column_name((enum row_column)i);

        if (i)
            write_str(w, STR(", "));
        for (const char *at = format; *at; at++)
            if (*at == '@')
                write_str(w, name);
            else
                write_char(w, *at);
    }
}

static enum err keep_text(struct arena *arena, const struct writer *w, struct str *out)
{
    struct str text;
    enum err err = writer_finish(w, &text);

    return err ? err : str_copy(arena, text, out);
}

static enum err make_upsert(const struct dialect *dialect, struct arena *arena,
                            struct journal_table *table)
{
    char buffer[SQL_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);

    write_fmt(&w, "INSERT INTO " STR_FMT " (", STR_ARG(table->name));
    write_columns(&w, table->column_count, "@");
    write_str(&w, STR(") VALUES ("));
    write_columns(&w, table->column_count, "?");
    write_str(&w, STR(")"));
    write_str(&w, dialect->upsert_front);
    if (dialect->upsert_names_key)
        write_str(&w, STR("ruid"));
    write_str(&w, dialect->upsert_middle);
    write_columns(&w, table->column_count, dialect->upsert_column);
    return keep_text(arena, &w, &table->upsert);
}

static enum err make_load(struct arena *arena, struct journal_table *table)
{
    char buffer[SQL_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);

    write_str(&w, STR("SELECT "));
    write_columns(&w, table->column_count, "@");
    write_fmt(&w, ", id FROM " STR_FMT " WHERE id > ? ORDER BY id LIMIT ?", STR_ARG(table->name));
    return keep_text(arena, &w, &table->load);
}

static bool is_table_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!class_alnum[(unsigned char)name.ptr[i]] && name.ptr[i] != '_')
            return false;
    return name.len > 0 && name.len <= TABLE_NAME_MAX;
}

/* All that we write are there; only `flow`, the last one, may be missing. */
static enum err check_columns(struct store *store, struct journal_table *table)
{
    for (unsigned i = 0; i < ROW_FLOW; i++) {
        struct str column = row_column_name((enum row_column)i);

        if (store_has_column(store, table->name, column))
            continue;
        log_error("usrloc: the table \"" STR_FMT "\" of the database has no column \"" STR_FMT
                  "\": it must be of version 9 (Kamailio 5). Add what is missing, or rename the "
                  "table, and the embedded database makes a new one",
                  STR_ARG(table->name), STR_ARG(column));
        return ERR_UNSUPPORTED;
    }
    table->column_count = ROW_FLOW;
    if (store_has_column(store, table->name, row_column_name(ROW_FLOW)))
        table->column_count = ROW_COLUMNS;
    return ERR_NONE;
}

enum err location_table_open(struct store *store, struct str name, struct arena *arena,
                             struct journal_table *table)
{
    enum err err;

    if (!is_table_name(name)) {
        log_error("usrloc: \"" STR_FMT "\" is not the name of a table", STR_ARG(name));
        return ERR_SYNTAX;
    }
    if ((err = str_copy(arena, name, &table->name)))
        return err;
    if ((err = check_columns(store, table)))
        return err;
    if ((err = str_print(arena, &table->remove, "DELETE FROM " STR_FMT " WHERE ruid = ?",
                         STR_ARG(name))))
        return err;
    if ((err = make_upsert(store_dialect(store), arena, table)))
        return err;
    return make_load(arena, table);
}

/* --- loading --- */

/* A row without a ruid, or with one too long for us, gets the number of the row. */
static enum err name_row(struct table_load *load, int64_t id, struct arena *arena, struct str *ruid)
{
    struct value params[2];
    struct str sql;
    enum err err;

    if (ruid->len > 0 && ruid->len <= RUID_MAX)
        return ERR_NONE;
    if ((err = str_print(arena, ruid, "row-%lld", (long long)id)))
        return err;
    if ((err = str_print(arena, &sql, "UPDATE " STR_FMT " SET ruid = ? WHERE id = ?",
                         STR_ARG(load->table->name))))
        return err;
    params[0] = value_of_str(*ruid);
    params[1] = value_of_int(id);
    return store_query(load->store, NULL, sql, params, 2, NULL, NULL);
}

static enum err load_row(struct table_load *load, const struct value *row, int64_t id,
                         struct arena *arena)
{
    struct binding binding;
    enum err err;

    if ((err = row_read(&load->rules, row, load->time.now, arena, &binding)))
        return err;
    if (binding.expires_at != BINDING_FOREVER && binding.expires_at <= load->time.now)
        return ERR_NONE;
    if ((err = name_row(load, id, arena, &binding.ruid)))
        return err;
    binding.table = load->table->name;
    if ((err = location_restore(load->location, &binding)))
        return err;
    load->loaded++;
    return ERR_NONE;
}

static void load_page(void *context, const struct store_result *result)
{
    struct table_load *load = context;
    unsigned columns = load->table->column_count;

    for (unsigned i = 0; i < result->row_count; i++) {
        struct value row[ROW_COLUMNS] = { { .is_int = false } };
        struct arena arena;
        enum err err;

        memcpy(row, result->rows[i].columns, columns * sizeof *row);
        load->last_id = result->rows[i].columns[columns].number;
        arena_init(&arena, NULL, SIZE_MAX);
        err = load_row(load, row, load->last_id, &arena);
        arena_fini(&arena);
        if (err)
            log_warning("usrloc: row %lld of \"" STR_FMT "\" is left out: %s",
                        (long long)load->last_id, STR_ARG(load->table->name), err_name(err));
    }
    load->row_count = result->row_count;
}

/* Permanent bindings have the epoch itself. */
static enum err delete_expired(const struct table_load *load)
{
    char texts[2][TIME_TEXT_MAX];
    struct value params[] = { value_of_str(row_write_time(load->time.wall, texts[0])),
                              value_of_str(row_write_time(0, texts[1])) };
    struct str sql;
    struct arena arena;
    enum err err;

    arena_init(&arena, NULL, SIZE_MAX);
    err = str_print(&arena, &sql, "DELETE FROM " STR_FMT " WHERE expires < ? AND expires > ?",
                    STR_ARG(load->table->name));
    if (!err)
        err = store_run(load->store, sql, params, 2, NULL, NULL);
    arena_fini(&arena);
    return err;
}

enum err location_table_load(struct table_load *load)
{
    enum err err;

    if ((err = delete_expired(load)))
        return err;
    do {
        struct value params[] = { value_of_int(load->last_id), value_of_int(load->fetch_rows) };

        load->row_count = 0;
        if ((err = store_run(load->store, load->table->load, params, 2, load_page, load)))
            return err;
    } while (load->row_count == load->fetch_rows);
    return ERR_NONE;
}
