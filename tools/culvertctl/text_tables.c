/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of dbtext: a file each. The first line has the columns, "name(type[,option])…" with blanks
 * between; each other line is a row, with ':' between the values and '\' before what is special.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <culvert/arena.h>
#include <culvert/cursor.h>
#include <culvert/writer.h>

#include "databases.h"

enum {
    COLUMNS_MAX = 64,
    SQL_MAX = 8192,
    PATH_LENGTH_MAX = 4096,
};

struct column {
    struct str name;
    bool is_number;
    bool may_be_null;
    bool is_numbered; /* by the database: not copied */
};

struct text_table {
    struct store *store;
    struct str name;
    struct column columns[COLUMNS_MAX];
    unsigned column_count;
    unsigned copied, refused;
    char sql[SQL_MAX];
    struct str insert;
};

/* --- the head --- */

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!class_alnum[(unsigned char)name.ptr[i]] && name.ptr[i] != '_')
            return false;
    return name.len > 0;
}

/* name(type,option,option) */
static bool read_column(struct str text, struct column *out)
{
    struct str options, rest;

    *out = (struct column){ 0 };
    if (!str_split(text, '(', &out->name, &options) || !str_split(options, ')', &options, &rest))
        return false;
    out->is_number = str_istarts(options, STR("int"));
    out->may_be_null = str_ifind(options, STR("null")) != NULL;
    out->is_numbered = str_ifind(options, STR("auto")) != NULL;
    return is_name(out->name);
}

static bool read_columns(struct text_table *table, struct str line)
{
    struct str text;

    for (line = str_trim(line); line.len; line = str_trim(line)) {
        if (table->column_count == COLUMNS_MAX)
            return false;
        if (!str_split(line, ')', &text, &line))
            return false;
        text.len++; /* with the parenthesis */
        if (!read_column(text, &table->columns[table->column_count++]))
            return false;
    }
    return table->column_count > 0;
}

static void write_insert(struct text_table *table)
{
    struct writer w = writer_over(table->sql, sizeof table->sql);
    const char *between = "";
    unsigned count = 0;

    write_fmt(&w, "INSERT INTO " STR_FMT " (", STR_ARG(table->name));
    for (unsigned i = 0; i < table->column_count; i++) {
        if (table->columns[i].is_numbered)
            continue;
        write_fmt(&w, "%s" STR_FMT, between, STR_ARG(table->columns[i].name));
        between = ", ";
        count++;
    }
    write_str(&w, STR(") VALUES ("));
    for (unsigned i = 0; i < count; i++)
        write_str(&w, i ? STR(", ?") : STR("?"));
    write_str(&w, STR(")"));
    table->insert = writer_text(&w);
}

/* --- rows --- */

/* What '\' and a letter stand for; other characters stand for themselves. */
static char unescaped(char c)
{
    return (char)(c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c);
}

/* One value, without its escapes, in place of its text; moves behind the ':'. */
static struct str take_value(char **at, char *end)
{
    char *to = *at;
    struct str value = { to, 0 };
    char *from = *at;

    for (; from < end && *from != ':'; from++) {
        if (*from == '\\' && from + 1 < end)
            *to++ = unescaped(*++from);
        else
            *to++ = *from;
    }
    value.len = (size_t)(to - value.ptr);
    *at = from < end ? from + 1 : NULL;
    return value;
}

static struct value value_of(const struct column *column, struct str text)
{
    int64_t number;

    if (!text.len && (column->may_be_null || column->is_number))
        return value_null();
    if (column->is_number && !str_to_int(text, INT64_MIN, INT64_MAX, &number))
        return value_of_int(number);
    return value_of_str(text);
}

static bool copy_row(struct text_table *table, char *line, size_t length)
{
    struct value values[COLUMNS_MAX];
    char *at = line, *end = line + length;
    unsigned count = 0;

    for (unsigned i = 0; i < table->column_count; i++) {
        struct str text;

        if (!at)
            return false;
        text = take_value(&at, end);
        if (!table->columns[i].is_numbered)
            values[count++] = value_of(&table->columns[i], text);
    }
    return !at && !store_run(table->store, table->insert, values, count, NULL, NULL);
}

static void copy_rows(struct text_table *table, FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    while ((length = getline(&line, &room, file)) > 0) {
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            length--;
        if (length == 0)
            continue;
        if (copy_row(table, line, (size_t)length))
            table->copied++;
        else
            table->refused++;
    }
    free(line);
}

/* --- files --- */

static bool read_head(struct text_table *table, FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length = getline(&line, &room, file);
    bool is_good = length > 0 && read_columns(table, (struct str){ line, (size_t)length });

    if (is_good)
        write_insert(table);
    free(line);
    return is_good;
}

static bool copy_file(struct store *store, const char *path, const char *name)
{
    struct text_table table = { .store = store, .name = str_of(name) };
    FILE *file = fopen(path, "r");

    if (!file) {
        perror(path);
        return false;
    }
    if (!read_head(&table, file)) {
        printf("%s: is no table, its first line has no columns\n", name);
        fclose(file);
        return true;
    }
    copy_rows(&table, file);
    fclose(file);
    printf("%s: %u rows copied", name, table.copied);
    if (table.refused)
        printf(", %u not: the lines above say why", table.refused);
    printf("\n");
    return table.refused == 0;
}

bool import_text_tables(struct store *store, const char *folder)
{
    DIR *files = opendir(folder);
    struct dirent *entry;
    bool is_whole = true;

    if (!files) {
        perror(folder);
        return false;
    }
    while ((entry = readdir(files))) {
        char path[PATH_LENGTH_MAX];

        if (!is_name(str_of(entry->d_name)) || strcmp(entry->d_name, "version") == 0)
            continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path)
            is_whole &= copy_file(store, path, entry->d_name);
    }
    closedir(files);
    return is_whole;
}
