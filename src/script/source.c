/* SPDX-License-Identifier: Apache-2.0 */
#include "script/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SOURCE_MAX = 16 * 1024 * 1024,
    READ_STEP = 64 * 1024,
};

/* Bytes being read: grows by doubling. */
struct reading {
    char *bytes;
    size_t len, room;
};

static enum err make_room(struct reading *reading)
{
    size_t room = reading->room ? reading->room * 2 : READ_STEP;
    char *bytes;

    if (reading->len < reading->room)
        return ERR_NONE;
    if (room > SOURCE_MAX)
        return ERR_LIMIT;
    bytes = realloc(reading->bytes, room);
    if (!bytes)
        return ERR_NOMEM;
    reading->bytes = bytes;
    reading->room = room;
    return ERR_NONE;
}

static enum err read_stream(FILE *file, struct reading *reading)
{
    enum err err;

    while (!(err = make_room(reading))) {
        size_t count = fread(reading->bytes + reading->len, 1, reading->room - reading->len, file);

        if (count == 0)
            return ferror(file) ? ERR_IO : ERR_NONE;
        reading->len += count;
    }
    return err;
}

static enum err read_path(const char *path, struct reading *reading)
{
    FILE *file = fopen(path, "rb");
    enum err err;

    if (!file)
        return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
    err = read_stream(file, reading);
    fclose(file);
    return err;
}

enum err source_read_input(struct arena *arena, struct source **out)
{
    struct reading reading = { 0 };
    enum err err = read_stream(stdin, &reading);

    if (!err)
        err = source_of_text(arena, STR("-"), (struct str){ reading.bytes, reading.len }, out);
    free(reading.bytes);
    return err;
}

enum err source_read(struct arena *arena, struct str path, struct source **out)
{
    struct reading reading = { 0 };
    struct str name;
    enum err err = str_print(arena, &name, STR_FMT, STR_ARG(path)); /* NUL-terminated */

    if (err)
        return err;
    err = read_path(name.ptr, &reading);
    if (!err)
        err = source_of_text(arena, name, (struct str){ reading.bytes, reading.len }, out);
    free(reading.bytes);
    return err;
}

enum err source_of_text(struct arena *arena, struct str name, struct str text, struct source **out)
{
    struct source *source = arena_zalloc(arena, sizeof *source);

    if (!source)
        return ERR_NOMEM;
    if (text.len > SOURCE_MAX)
        return ERR_LIMIT;
    if (str_copy(arena, name, &source->name) || str_copy(arena, text, &source->text))
        return ERR_NOMEM;
    *out = source;
    return ERR_NONE;
}

struct source_position source_position(const struct source *source, uint32_t offset)
{
    struct str text = source->text;
    struct source_position position = { .line = 1, .column = 1 };
    size_t start = 0, end;

    if (offset > text.len)
        offset = (uint32_t)text.len;
    for (size_t i = 0; i < offset; i++) {
        if (text.ptr[i] != '\n')
            continue;
        position.line++;
        start = i + 1;
    }
    for (end = start; end < text.len && text.ptr[end] != '\n' && text.ptr[end] != '\r'; end++)
        ;
    position.column = (unsigned)(offset - start) + 1;
    position.line_text = (struct str){ text.ptr + start, end - start };
    return position;
}

struct str source_folder(const struct source *source)
{
    size_t len = source->name.len;

    while (len && source->name.ptr[len - 1] != '/')
        len--;
    return (struct str){ source->name.ptr, len };
}
