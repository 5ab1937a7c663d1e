/* SPDX-License-Identifier: Apache-2.0 */
/* Where destinations are listed: a file, or a table. */
#include "dispatcher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SQL_MAX = 1024,
    ATTRS_MAX = 4096,
    PATH_ROOM = 4096,
};

/* ---- the file ---- */

static void add_line(struct listing *rows, struct str line, const char *path, unsigned number)
{
    enum err err = listing_add_line(rows, line);

    if (err && err != ERR_NOT_FOUND)
        log_error("dispatcher: %s:%u is left out, it is not  set sip:host:port flags priority attributes: %s",
                  path, number, err_name(err));
}

static void read_lines(FILE *file, const char *path, struct listing *rows)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    for (unsigned number = 1; (length = getline(&line, &room, file)) >= 0; number++)
        add_line(rows, (struct str){ line, (size_t)length }, path, number);
    free(line);
}

static enum err write_path(struct module *module, char path[static PATH_ROOM])
{
    const struct dispatcher *dispatcher = module_state(module);
    struct writer w = writer_over(path, PATH_ROOM - 1);
    struct str text;
    enum err err;

    if (!str_starts(dispatcher->list_file, STR("/")))
        write_str(&w, server_script_folder(module_server(module)));
    write_str(&w, dispatcher->list_file);
    if ((err = writer_finish(&w, &text)))
        return err;
    path[text.len] = '\0';
    return ERR_NONE;
}

static enum err read_file(struct module *module, struct listing *rows)
{
    char path[PATH_ROOM];
    enum err err = write_path(module, path);
    FILE *file;

    if (err)
        return err;
    if (!(file = fopen(path, "re"))) {
        log_error("dispatcher: the list %s cannot be read: %s; name another with "
                  "modparam(\"dispatcher\", \"list_file\", …) or a database with db_url",
                  path, strerror(errno));
        return ERR_IO;
    }
    read_lines(file, path, rows);
    fclose(file);
    return ERR_NONE;
}

/* ---- the table ---- */

struct reading {
    const struct dispatcher *dispatcher;
    struct listing *rows;
    enum err err;
};

static int64_t number_of(const struct value *value)
{
    int64_t number;

    if (value->has_number)
        return value->number;
    return value->has_text && !str_to_int(value->text, INT32_MIN, INT32_MAX, &number) ? number : 0;
}

static struct str text_of(const struct value *value)
{
    return value->has_text ? value->text : STR("");
}

/* Columns of ds_db_extra_attrs follow as name=value. */
static void write_attrs(struct writer *w, const struct dispatcher *dispatcher,
                        const struct store_row *row, unsigned at)
{
    struct str names = dispatcher->extra_attrs, name;

    write_str(w, text_of(&row->columns[at++]));
    while (sip_list_next(&names, &name) && at < row->column_count) {
        const struct value *value = &row->columns[at++];
        if (value_is_null(value))
            continue;
        write_fmt(w, "%s" STR_FMT "=", w->at > w->start ? ";" : "", STR_ARG(name));
        if (value->has_text)
            write_str(w, value->text);
        else
            write_fmt(w, "%lld", (long long)value->number);
    }
}

static enum err add_row(struct reading *reading, const struct store_row *columns)
{
    char attrs[ATTRS_MAX];
    struct writer w = writer_over(attrs, sizeof attrs);
    struct row row = { .set = number_of(&columns->columns[0]), .uri = text_of(&columns->columns[1]) };
    enum err err;

    if (columns->column_count > 4) {
        row.flags = (unsigned)number_of(&columns->columns[2]) & DEST_FLAGS;
        row.priority = number_of(&columns->columns[3]);
        write_attrs(&w, reading->dispatcher, columns, 4);
    }
    err = writer_finish(&w, &row.attrs);
    return err ? err : listing_add(reading->rows, &row);
}

static void take_rows(void *context, const struct store_result *result)
{
    struct reading *reading = context;

    reading->err = result->err;
    for (unsigned i = 0; !reading->err && i < result->row_count; i++) {
        const struct store_row *row = &result->rows[i];
        if (row->column_count >= 2 && add_row(reading, row))
            log_error("dispatcher: the destination \"" STR_FMT "\" of the table is left out: it is no SIP URI",
                      STR_ARG(text_of(&row->columns[1])));
    }
}

static enum err write_query(const struct dispatcher *dispatcher, struct writer *w, struct str *sql)
{
    write_fmt(w, "SELECT " STR_FMT "," STR_FMT, STR_ARG(dispatcher->setid_col),
              STR_ARG(dispatcher->destination_col));
    if (!dispatcher->is_openser)
        write_fmt(w, "," STR_FMT "," STR_FMT "," STR_FMT, STR_ARG(dispatcher->flags_col),
                  STR_ARG(dispatcher->priority_col), STR_ARG(dispatcher->attrs_col));
    if (!dispatcher->is_openser && dispatcher->extra_attrs.len)
        write_fmt(w, "," STR_FMT, STR_ARG(dispatcher->extra_attrs));
    write_fmt(w, " FROM " STR_FMT, STR_ARG(dispatcher->table_name));
    return writer_finish(w, sql);
}

static enum err read_table(struct module *module, struct listing *rows)
{
    struct dispatcher *dispatcher = module_state(module);
    struct reading reading = { dispatcher, rows, ERR_NONE };
    char buffer[SQL_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str sql;
    enum err err = write_query(dispatcher, &w, &sql);

    if (!err)
        err = store_run(dispatcher->store, sql, NULL, 0, take_rows, &reading);
    if (!err)
        err = reading.err;
    if (err)
        log_error("dispatcher: the table \"" STR_FMT "\" cannot be read: %s",
                  STR_ARG(dispatcher->table_name), err_name(err));
    return err;
}

enum err dispatcher_read(struct module *module, struct listing **out)
{
    struct dispatcher *dispatcher = module_state(module);
    struct listing *rows = listing_create();
    enum err err;

    if (!rows)
        return ERR_NOMEM;
    err = dispatcher->has_database ? read_table(module, rows) : read_file(module, rows);
    if (err)
        listing_destroy(rows);
    else
        *out = rows;
    return err;
}
