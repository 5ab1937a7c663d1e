/* SPDX-License-Identifier: Apache-2.0 */
#include "store/location_table.h"

#include <stdatomic.h>

#include <culvert/cursor.h>
#include <culvert/log.h>

#include "store/driver.h"
#include "store/store_internal.h"

enum {
    TABLE_NAME_MAX = 64,
    SQL_MAX = 2048,
};

/* The columns of enum row_column that a table may lack: those that OpenSER did not know. */
static bool may_be_missing(enum row_column column)
{
    return column == ROW_RUID || column == ROW_INSTANCE || column == ROW_REG_ID ||
           column == ROW_CONNECTION || column == ROW_FLOW;
}

/* With the name of each column for '@'. */
static void write_columns(struct writer *w, const struct journal_table *table, const char *format)
{
    for (unsigned i = 0; i < table->column_count; i++) {
        if (i)
            write_str(w, STR(", "));
        for (const char *at = format; *at; at++)
            if (*at == '@')
                write_str(w, row_column_name(table->columns[i]));
            else
                write_char(w, *at);
    }
}

static void write_key(struct writer *w, const struct journal_table *table)
{
    if (!table->skips_ruid)
        write_str(w, STR(" WHERE ruid = ?"));
    else if (table->uses_domain)
        write_str(w, STR(" WHERE username = ? AND contact = ? AND domain = ?"));
    else
        write_str(w, STR(" WHERE username = ? AND contact = ?"));
}

static enum err keep_text(struct arena *arena, const struct writer *w, struct str *out)
{
    struct str text;
    enum err err = writer_finish(w, &text);

    return err ? err : str_copy(arena, text, out);
}

static void write_insert(struct writer *w, const struct journal_table *table)
{
    write_fmt(w, "INSERT INTO " STR_FMT " (", STR_ARG(table->name));
    write_columns(w, table, "@");
    write_str(w, STR(") VALUES ("));
    write_columns(w, table, "?");
    write_str(w, STR(")"));
}

static enum err make_upsert(const struct dialect *dialect, struct arena *arena,
                            struct journal_table *table)
{
    char buffer[SQL_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);

    write_insert(&w, table);
    write_str(&w, dialect->upsert_front);
    if (dialect->upsert_names_key)
        write_str(&w, STR("ruid"));
    write_str(&w, dialect->upsert_middle);
    write_columns(&w, table, dialect->upsert_column);
    return keep_text(arena, &w, &table->upsert);
}

static enum err make_update_and_insert(struct arena *arena, struct journal_table *table)
{
    char buffer[SQL_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    enum err err;

    write_insert(&w, table);
    if ((err = keep_text(arena, &w, &table->insert)))
        return err;
    w = writer_over(buffer, sizeof buffer);
    write_fmt(&w, "UPDATE " STR_FMT " SET ", STR_ARG(table->name));
    write_columns(&w, table, "@ = ?");
    write_key(&w, table);
    return keep_text(arena, &w, &table->upsert);
}

static enum err make_remove(struct arena *arena, struct journal_table *table)
{
    char buffer[SQL_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);

    write_fmt(&w, "DELETE FROM " STR_FMT, STR_ARG(table->name));
    write_key(&w, table);
    return keep_text(arena, &w, &table->remove);
}

static enum err make_load(struct arena *arena, struct journal_table *table)
{
    char buffer[SQL_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);

    write_str(&w, STR("SELECT "));
    write_columns(&w, table, "@");
    write_fmt(&w, ", id FROM " STR_FMT " WHERE id > ? ORDER BY id LIMIT ?", STR_ARG(table->name));
    return keep_text(arena, &w, &table->load);
}

static void write_find(struct writer *w, const struct journal_table *table, const char *where)
{
    write_str(w, STR("SELECT "));
    write_columns(w, table, "@");
    write_fmt(w, ", id FROM " STR_FMT " WHERE %s", STR_ARG(table->name), where);
}

static enum err make_finds(struct arena *arena, struct journal_table *table)
{
    char buffer[SQL_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    enum err err;

    write_find(&w, table, table->uses_domain ? "username = ? AND domain = ?" : "username = ?");
    if ((err = keep_text(arena, &w, &table->find_aor)) || table->skips_ruid)
        return err;
    w = writer_over(buffer, sizeof buffer);
    write_find(&w, table, "ruid = ?");
    return keep_text(arena, &w, &table->find_ruid);
}

static unsigned add_key(const struct journal_table *table, const struct value *row,
                        struct value *out, unsigned count)
{
    if (!table->skips_ruid)
        return count;
    out[count++] = row[ROW_USERNAME];
    out[count++] = row[ROW_CONTACT];
    if (table->uses_domain)
        out[count++] = row[ROW_DOMAIN];
    return count;
}

unsigned location_table_upsert_params(const struct journal_table *table,
                                      const struct value row[static ROW_COLUMNS],
                                      struct value out[static ROW_COLUMNS + 4])
{
    unsigned count = 0;

    if (table->skips_ruid)
        out[count++] = row[ROW_RUID];
    for (unsigned i = 0; i < table->column_count; i++)
        out[count++] = row[table->columns[i]];
    return add_key(table, row, out, count);
}

unsigned location_table_remove_params(const struct journal_table *table,
                                      const struct value row[static ROW_COLUMNS],
                                      struct value out[static ROW_COLUMNS + 4])
{
    out[0] = row[ROW_RUID];
    return add_key(table, row, out, 1);
}

/* --- opening --- */

static bool is_table_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!class_alnum[(unsigned char)name.ptr[i]] && name.ptr[i] != '_')
            return false;
    return name.len > 0 && name.len <= TABLE_NAME_MAX;
}

static enum err refuse_column(struct str table, enum row_column column)
{
    log_error("usrloc: the table \"" STR_FMT "\" of the database has no column \"" STR_FMT
              "\", or is "
              "not there: it must be that of OpenSER 1.3 or Kamailio 5. \"culvertctl db.migrate "
              "URL\" adds what is missing",
              STR_ARG(table), STR_ARG(row_column_name(column)));
    return ERR_UNSUPPORTED;
}

static enum err find_columns(struct store *store, struct journal_table *table)
{
    for (enum row_column column = 0; column < ROW_COLUMNS; column++) {
        if (store_has_column(store, table->name, row_column_name(column)))
            table->columns[table->column_count++] = column;
        else if (store_is_away(store))
            return ERR_IO;
        else if (!may_be_missing(column))
            return refuse_column(table->name, column);
    }
    table->skips_ruid = table->columns[0] != ROW_RUID;
    return ERR_NONE;
}

static enum err make_statements(struct store *store, struct arena *arena,
                                struct journal_table *table)
{
    enum err err = table->skips_ruid ? make_update_and_insert(arena, table)
                                     : make_upsert(store_dialect(store), arena, table);

    if (!err)
        err = make_remove(arena, table);
    if (!err)
        err = make_load(arena, table);
    return err ? err : make_finds(arena, table);
}

enum err location_table_open(struct store *store, struct str name, bool uses_domain,
                             struct arena *arena, struct journal_table *table)
{
    enum err err;

    *table = (struct journal_table){ .uses_domain = uses_domain };
    if (!is_table_name(name)) {
        log_error("usrloc: \"" STR_FMT "\" is not the name of a table", STR_ARG(name));
        return ERR_SYNTAX;
    }
    if ((err = str_copy(arena, name, &table->name)))
        return err;
    err = find_columns(store, table);
    return err ? err : make_statements(store, arena, table);
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
    if (load->table->skips_ruid)
        return ERR_NONE;
    if ((err = str_print(arena, &sql, "UPDATE " STR_FMT " SET ruid = ? WHERE id = ?",
                         STR_ARG(load->table->name))))
        return err;
    params[0] = value_of_str(*ruid);
    params[1] = value_of_int(id);
    return store_query(load->store, NULL, sql, params, 2, NULL, NULL);
}

/* Of the same contact or the same client is another one, by a later request. */
static bool is_superseded(struct table_load *load, const struct binding *row, struct arena *arena)
{
    struct binding *bindings;
    unsigned count;
    bool is_superseded = false;

    if (location_find(load->location, row->table, row->aor, load->time.now, arena, &bindings,
                      &count))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (str_eq(bindings[i].ruid, row->ruid))
            return false;
        if (str_eq(bindings[i].contact, row->contact) ||
            (row->instance.len && str_eq(bindings[i].instance, row->instance)))
            is_superseded = true;
    }
    return is_superseded;
}

static enum err delete_row(struct table_load *load, int64_t id, struct arena *arena)
{
    struct value param = value_of_int(id);
    struct str sql;
    enum err err =
        str_print(arena, &sql, "DELETE FROM " STR_FMT " WHERE id = ?", STR_ARG(load->table->name));

    return err ? err : store_query(load->store, NULL, sql, &param, 1, NULL, NULL);
}

/* A binding that is over, or somebody else's. */
static bool is_passed_over(const struct table_load *load, const struct binding *binding,
                           const struct value *row)
{
    if (binding->expires_at != BINDING_FOREVER && binding->expires_at <= load->time.now)
        return true;
    if (load->is_shared && row[ROW_SOCKET].text.len && binding->flow.socket == SOCKET_ANY)
        return true;
    return load->aor.len && !str_eq(load->aor, binding->aor);
}

/* One that was removed while it was restored is removed once more. */
static enum err restore(struct table_load *load, const struct binding *binding)
{
    enum err err;

    if (load->news && load->news(load->context, binding->ruid) != NEWS_NONE)
        return ERR_NONE;
    if ((err = location_restore(load->location, binding)))
        return err == ERR_NOT_NOW ? ERR_NONE : err;
    load->loaded++;
    if (load->news && load->news(load->context, binding->ruid) == NEWS_GONE)
        (void)!location_remove_ruid(load->location, binding->ruid);
    return ERR_NONE;
}

static enum err load_row(struct table_load *load, const struct value *row, int64_t id,
                         struct arena *arena)
{
    struct binding binding;
    enum err err;

    if ((err = row_read(&load->rules, row, load->time.now, arena, &binding)))
        return err;
    if (is_passed_over(load, &binding, row))
        return ERR_NONE;
    binding.table = load->table->name;
    if ((err = name_row(load, id, arena, &binding.ruid)))
        return err;
    if (load->is_late && is_superseded(load, &binding, arena))
        return delete_row(load, id, arena);
    return restore(load, &binding);
}

void location_table_take(void *context, const struct store_result *result)
{
    struct table_load *load = context;
    unsigned columns = load->table->column_count;

    for (unsigned i = 0; i < result->row_count; i++) {
        struct value row[ROW_COLUMNS] = { { .is_int = false } };
        struct arena arena;
        enum err err;

        for (unsigned column = 0; column < columns; column++)
            row[load->table->columns[column]] = result->rows[i].columns[column];
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
enum err location_table_clean(const struct journal_table *table, int64_t wall, struct arena *arena,
                              struct query *out)
{
    struct value *params = arena_alloc(arena, 2 * sizeof *params);
    char *texts = arena_alloc(arena, 2 * TIME_TEXT_MAX);
    enum err err;

    if (!params || !texts)
        return ERR_NOMEM;
    params[0] = value_of_str(row_write_time(wall, texts));
    params[1] = value_of_str(row_write_time(0, texts + TIME_TEXT_MAX));
    *out = (struct query){ .params = params, .param_count = 2 };
    err = str_print(arena, &out->sql, "DELETE FROM " STR_FMT " WHERE expires < ? AND expires > ?",
                    STR_ARG(table->name));
    return err;
}

static enum err delete_expired(const struct table_load *load)
{
    struct arena arena;
    struct query query;
    enum err err;

    arena_init(&arena, NULL, SIZE_MAX);
    err = location_table_clean(load->table, load->time.wall, &arena, &query);
    if (!err)
        err = store_run(load->store, query.sql, query.params, query.param_count, NULL, NULL);
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
        if ((err = store_run(load->store, load->table->load, params, 2, location_table_take, load)))
            return err;
    } while (load->row_count == load->fetch_rows &&
             !(load->is_stopping && atomic_load(load->is_stopping)));
    return ERR_NONE;
}
