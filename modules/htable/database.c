/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that are read from a database at the start, and written back at the end. */
#include "htable.h"

#include <stdlib.h>

enum {
    SQL_MAX = 1024,
    NAME_MAX_LENGTH = 1024,
};

struct loading {
    struct htable *htable;
    struct sht *table;
    msec now;
    uint64_t wall;
    enum err err;
};

/* "key[3]", and "key::size" for how many there are. */
static enum err load_array_item(const struct loading *loading, struct str key,
                                const struct value *value)
{
    char size_name[NAME_MAX_LENGTH], item_name[NAME_MAX_LENGTH];
    struct writer size_writer = writer_over(size_name, sizeof size_name);
    struct writer item_writer = writer_over(item_name, sizeof item_name);
    struct arena arena;
    struct value size = value_null();
    enum err err;

    write_fmt(&size_writer, STR_FMT STR_FMT, STR_ARG(key), STR_ARG(loading->htable->array_suffix));
    arena_init(&arena, NULL, SQL_MAX * 16);
    err = sht_get(loading->table, writer_text(&size_writer), loading->now, &arena, &size);
    arena_fini(&arena);
    if (err)
        return err;
    write_fmt(&item_writer, STR_FMT "[%lld]", STR_ARG(key), (long long)size.number);
    if (size_writer.has_overflowed || item_writer.has_overflowed)
        return ERR_LIMIT;
    size = value_of_int(size.number + 1);
    err = sht_set(loading->table, writer_text(&item_writer), value, LIFETIME_OF_TABLE, loading->now);
    return err ? err
               : sht_set(loading->table, writer_text(&size_writer), &size, LIFETIME_OF_TABLE,
                           loading->now);
}

static int64_t number_of(const struct value *value)
{
    int64_t number = value->number;

    if (!value->has_number && str_to_int(value->text, INT64_MIN, INT64_MAX, &number))
        return 0;
    return number;
}

static enum err load_row(const struct loading *loading, const struct value *columns)
{
    int64_t lifetime = LIFETIME_OF_TABLE, expires = number_of(&columns[4]);
    struct value value =
        number_of(&columns[2]) ? value_of_int(number_of(&columns[3])) : value_of_str(columns[3].text);

    if (number_of(&columns[1]))
        return load_array_item(loading, columns[0].text, &value);
    if (loading->htable->db_expires && expires > 0) {
        if (expires <= (int64_t)loading->wall)
            return ERR_NONE;
        lifetime = expires - (int64_t)loading->wall;
    }
    return sht_set(loading->table, columns[0].text, &value, lifetime, loading->now);
}

/* cols=: the values of all columns but the first, with a separator between them. */
static enum err load_columns(const struct loading *loading, const struct store_row *row)
{
    char buffer[8192];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct value value;

    for (unsigned i = 1; i < row->column_count; i++) {
        if (i > 1)
            write_char(&w, loading->table->column_separator);
        write_str(&w, value_is_null(&row->columns[i]) ? loading->table->null_column
                                                      : row->columns[i].text);
    }
    if (w.has_overflowed)
        return ERR_LIMIT;
    value = value_of_str(writer_text(&w));
    return sht_set(loading->table, row->columns[0].text, &value, LIFETIME_OF_TABLE, loading->now);
}

static void take_rows(void *context, const struct store_result *result)
{
    struct loading *loading = context;
    bool has_own_columns = !str_is_empty(loading->table->columns);

    loading->err = result->err;
    for (unsigned i = 0; !loading->err && i < result->row_count; i++)
        loading->err = has_own_columns ? load_columns(loading, &result->rows[i])
                                       : load_row(loading, result->rows[i].columns);
}

enum err htable_load(struct htable *htable, struct sht *table, msec now)
{
    char sql[SQL_MAX];
    struct writer w = writer_over(sql, sizeof sql);
    struct loading loading = { htable, table, now, server_wall_clock(htable->server), ERR_NONE };
    enum err err;

    if (!str_is_empty(table->columns))
        write_fmt(&w, "SELECT " STR_FMT, STR_ARG(table->columns));
    else
        write_fmt(&w, "SELECT " STR_FMT "," STR_FMT "," STR_FMT "," STR_FMT "," STR_FMT,
                  STR_ARG(htable->key_name), STR_ARG(htable->key_type), STR_ARG(htable->value_type),
                  STR_ARG(htable->key_value), STR_ARG(htable->expires));
    write_fmt(&w, " FROM " STR_FMT, STR_ARG(table->db_table));
    if (w.has_overflowed)
        return ERR_LIMIT;
    sht_clear(table);
    err = store_run(htable->store, writer_text(&w), NULL, 0, take_rows, &loading);
    return err ? err : loading.err;
}

/* ---- writing ---- */

struct storing {
    struct htable *htable;
    struct str sql;
    msec now;
    uint64_t wall;
    struct entry *copy; /* of the one to be written next; NULL: there was no memory */
};

/* Nobody is to wait for a shard while a row is written: that is done with a copy. */
static void copy_entry(void *context, const struct entry *entry)
{
    struct storing *storing = context;
    size_t size = sizeof *entry + entry->key_length + entry->text_length;

    storing->copy = malloc(size);
    if (storing->copy)
        memcpy(storing->copy, entry, size);
}

static enum err store_entry(const struct storing *storing, const struct entry *entry)
{
    struct value value = entry_value(entry);
    int64_t left = entry_seconds_left(entry, storing->now);
    char digits[16];
    struct writer w = writer_over(digits, sizeof digits);
    struct value values[4];

    write_fmt(&w, "%d", (int)entry->number);
    values[0] = value_of_str(entry_key(entry));
    values[1] = value_of_int(!entry->is_text);
    values[2] = value_of_str(entry->is_text ? value.text : writer_text(&w));
    values[3] = value_of_int(left ? (int64_t)storing->wall + left : 0);
    return store_run(storing->htable->store, storing->sql, values, 4, NULL, NULL);
}

static enum err store_entries(struct storing *storing, struct sht *table)
{
    struct sht_place place = { 0 };
    enum err err = ERR_NONE;

    while (!err && sht_next(table, &place, storing->now, copy_entry, storing)) {
        err = storing->copy ? store_entry(storing, storing->copy) : ERR_NOMEM;
        free(storing->copy);
    }
    return err;
}

enum err htable_store(struct htable *htable, struct sht *table, msec now)
{
    char sql[SQL_MAX];
    struct writer w = writer_over(sql, sizeof sql);
    struct storing storing = { htable, { 0 }, now, server_wall_clock(htable->server), NULL };
    enum err err;

    if (!str_is_empty(table->columns))
        return ERR_UNSUPPORTED;
    write_fmt(&w, "DELETE FROM " STR_FMT, STR_ARG(table->db_table));
    err = store_run(htable->store, writer_text(&w), NULL, 0, NULL, NULL);
    if (err)
        return err;
    w = writer_over(sql, sizeof sql);
    write_fmt(&w, "INSERT INTO " STR_FMT " (" STR_FMT "," STR_FMT "," STR_FMT "," STR_FMT ") VALUES (?,?,?,?)",
              STR_ARG(table->db_table), STR_ARG(htable->key_name), STR_ARG(htable->value_type),
              STR_ARG(htable->key_value), STR_ARG(htable->expires));
    if ((err = writer_finish(&w, &storing.sql)))
        return err;
    return store_entries(&storing, table);
}
