/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Modules that scripts ask for and that have no object here: those whose work the server does by
 * itself, and those that culvert does not have. What belongs to one is explained once, at its
 * loadmodule or where it is first used; further names of it say nothing.
 */
#include "host/reading.h"

enum foreign_kind {
    FOREIGN_BUILT_IN, /* what it did is part of the server */
    FOREIGN_IDLE,     /* missed only where one of its names is used */
    FOREIGN_MISSING,  /* the script does not do its work without it */
};

struct foreign_module {
    const char *name;
    uint8_t kind;          /* enum foreign_kind */
    const char *about;     /* what it was for, and what to use instead */
    const char *functions; /* names with blanks between them; NULL: none */
    const char *variables; /* without '$' */
};

extern const struct foreign_module foreign_modules[]; /* ends with a row without a name */

/* One that the script has asked for. */
struct foreign_load {
    struct foreign_load *next;
    struct str name;
    const struct foreign_module *row; /* NULL: nobody knows it */
    bool is_told;                     /* there was an error because of it */
};

const struct foreign_module *foreign_find(struct str name);
/* loadmodule of one; a notice, or an error. */
MUST_USE enum err foreign_load(struct reading *reading, struct str name,
                               const struct script_place *place);
bool foreign_is_loaded(const struct reading *reading, struct str name);
/* Does one match that was asked for? */
bool foreign_matches(const struct reading *reading, const struct regex *modules);
/* As in struct script_host. */
enum script_excuse foreign_excuse(void *context, enum script_name_kind kind, struct str name,
                                  const struct script_place *place, char *hint, size_t size);
/* Writes ", 2 of them because of modules that culvert does not have: a, b". */
void foreign_write_summary(const struct reading *reading, struct writer *w);
