/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The texts of a script: the file, what it includes, and places in them. Sources live in the
 * scratch memory of the compilation; a span borrows them.
 */
#include <culvert/arena.h>

struct source {
    struct str name; /* for messages */
    struct str text;
    unsigned number; /* sources count up as they are read */
};

/* A stretch of a source; no source at all: nowhere in particular. */
struct span {
    const struct source *source;
    uint32_t start, end;
};

/* Line and column count from 1; a column is a byte. */
struct source_position {
    unsigned line, column;
    struct str line_text;
};

/* Reads a file. ERR_NOT_FOUND, ERR_IO, ERR_LIMIT (16 MB), ERR_NOMEM. */
MUST_USE enum err source_read(struct arena *arena, struct str path, struct source **out);
/* Reads standard input. */
MUST_USE enum err source_read_input(struct arena *arena, struct source **out);
MUST_USE enum err source_of_text(struct arena *arena, struct str name, struct str text,
                                 struct source **out);
struct source_position source_position(const struct source *source, uint32_t offset);
/* The directory part of the name with its '/'; empty when there is none. */
struct str source_folder(const struct source *source);
