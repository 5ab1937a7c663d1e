/* SPDX-License-Identifier: Apache-2.0 */
/* From the text of a scenario to its statements, in all their orders. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/scene.h"
#include "support/simnat.h"

static char *read_all(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    long size;

    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return NULL;
    }
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    bytes = sim_alloc((size_t)size + 1);
    *length = fread(bytes, 1, (size_t)size, file);
    fclose(file);
    return bytes;
}

static bool is_blank(struct str line)
{
    line = str_trim(line);
    return line.len == 0 || line.ptr[0] == '#';
}

static bool is_indented(struct str line)
{
    return line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
}

struct reading {
    struct script_file *file;
    struct str rest;
    unsigned line;
    unsigned block, part;
    bool part_has_lines;
};

/* How many blocks a line opens, less those that it closes; quoted braces do not count. */
static int depth_change(struct str line)
{
    bool is_quoted = false;
    int change = 0;

    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];

        if (c == '"' && (i == 0 || line.ptr[i - 1] != '\\'))
            is_quoted = !is_quoted;
        else if (!is_quoted && c == '#')
            break;
        else if (!is_quoted)
            change += (c == '{') - (c == '}');
    }
    return change;
}

/* "config {" goes on to the brace that closes it. */
static void take_braces(struct reading *reading, struct statement *statement)
{
    const char *start = reading->rest.ptr;
    struct str line;
    int depth = 1;

    while (siptext_line(&reading->rest, &line)) {
        reading->line++;
        depth += depth_change(line);
        if (depth <= 0)
            break;
    }
    statement->notes[0] = str_between(start, line.ptr);
    statement->note_count = 1;
}

static bool open_block(struct reading *reading)
{
    struct script_file *file = reading->file;

    if (reading->block || file->block_count == sizeof file->parts / sizeof file->parts[0])
        return false;
    reading->block = ++file->block_count;
    reading->part = 0;
    return true;
}

/* Lines that shape blocks; false: it is none of them. */
static bool take_block_line(struct reading *reading, struct str line)
{
    if (str_eq(line, STR("in any order {")))
        return open_block(reading);
    if (reading->block && str_eq(line, STR("--"))) {
        reading->part++;
        return true;
    }
    if (reading->block && str_eq(line, STR("}"))) {
        reading->file->parts[reading->block - 1] = reading->part + 1;
        reading->block = 0;
        return true;
    }
    return false;
}

static void take_line(struct reading *reading, struct str line)
{
    struct script_file *file = reading->file;
    struct statement *statement;

    if (is_indented(line) && file->count > 0) {
        statement = &file->statements[file->count - 1];
        if (statement->note_count < STATEMENT_NOTES_MAX)
            statement->notes[statement->note_count++] = str_trim(line);
        return;
    }
    if (take_block_line(reading, str_trim(line)))
        return;
    file->statements = realloc(file->statements, (file->count + 1) * sizeof *file->statements);
    if (!file->statements)
        abort();
    statement = &file->statements[file->count++];
    *statement = (struct statement){ .line = reading->line,
                                     .text = str_trim(line),
                                     .block = reading->block,
                                     .part = reading->part };
    if ((str_starts(line, STR("config")) || str_starts(line, STR("reload"))) &&
        line.ptr[line.len - 1] == '{')
        take_braces(reading, statement);
}

bool script_file_read(const char *path, struct script_file *out)
{
    struct reading reading = { .file = out };
    struct str line;
    size_t length;

    *out = (struct script_file){ .path = path, .bytes = read_all(path, &length) };
    if (!out->bytes)
        return false;
    reading.rest = (struct str){ out->bytes, length };
    while (siptext_line(&reading.rest, &line)) {
        reading.line++;
        if (!is_blank(line))
            take_line(&reading, line);
    }
    return true;
}

void script_file_free(struct script_file *file)
{
    free(file->statements);
    free(file->bytes);
}

static unsigned factorial(unsigned n)
{
    return n < 2 ? 1 : n * factorial(n - 1);
}

unsigned script_file_orders(const struct script_file *file)
{
    unsigned orders = 1;

    for (unsigned i = 0; i < file->block_count; i++)
        orders *= factorial(file->parts[i]);
    return orders;
}

/* The permutation of a number, in the factorial number system. */
static void permute(unsigned number, unsigned count, unsigned out[static 8])
{
    unsigned left[8];

    for (unsigned i = 0; i < count; i++)
        left[i] = i;
    for (unsigned i = 0; i < count; i++) {
        unsigned weight = factorial(count - 1 - i), at = number / weight;

        number %= weight;
        out[i] = left[at];
        memmove(left + at, left + at + 1, (count - 1 - i - at) * sizeof *left);
    }
}

static unsigned add_part(const struct script_file *file, unsigned block, unsigned part,
                         const struct statement **out, unsigned filled)
{
    for (unsigned i = 0; i < file->count; i++)
        if (file->statements[i].block == block && file->statements[i].part == part)
            out[filled++] = &file->statements[i];
    return filled;
}

void script_file_order(const struct script_file *file, unsigned number,
                       const struct statement **out)
{
    unsigned filled = 0, done = 0;

    for (unsigned i = 0; i < file->count; i++) {
        const struct statement *statement = &file->statements[i];
        unsigned parts[8], count;

        if (statement->block == 0)
            out[filled++] = statement;
        if (statement->block <= done)
            continue;
        done = statement->block;
        count = file->parts[done - 1];
        permute(number % factorial(count), count, parts);
        number /= factorial(count);
        for (unsigned p = 0; p < count; p++)
            filled = add_part(file, done, parts[p], out, filled);
    }
}
