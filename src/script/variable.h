/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Variables and texts with variables in them, compiled: what a name, its parentheses, its index and
 * its transformations stand for. They live with the program, or with the module that asked.
 */
#include "script/unit.h"

struct transform;

struct variable_ref {
    const struct mod_variable *row;
    struct module *module; /* of the row; NULL for those of the language itself */
    const struct dialect *dialect;
    struct str inner;                  /* constant text in parentheses */
    const struct format *inner_format; /* or text to be made */
    const void *object;                /* what row->prepare made of a constant text */
    int index;
    bool has_index, is_all;
    const struct variable_ref *index_variable;
    struct transform *transforms;
    struct str text; /* as written, for messages */
};

struct format_piece {
    struct str text;
    const struct variable_ref *variable; /* NULL: the text stands for itself */
};

struct format {
    const struct format_piece *pieces;
    unsigned piece_count;
    struct str text; /* as written, for messages */
};

/* A whole text that is one variable. Complains at the span and returns NULL. */
const struct variable_ref *variable_compile(struct unit *unit, struct span span, struct str text);
/* A row of the language itself or of the host. */
const struct variable_ref *variable_of_name(struct unit *unit, struct span span, struct str name);
const struct format *format_compile(struct unit *unit, struct span span, struct str text);
/*
 * As format_text, for lines of a head. ERR_SYNTAX: a variable brings CR, LF or NUL into a line that
 * the text begins; one that is whole lines by itself may.
 */
bool text_ends_line(struct str text); /* its last byte is a line end */
MUST_USE enum err format_lines(struct run *run, const struct format *format, struct str *out);
/* True when no piece is a variable. */
bool format_is_constant(const struct format *format);

/* Takes the variable that begins at the '$' off the front; NULL after a complaint. */
const struct variable_ref *variable_read(struct unit *unit, struct span span, struct str *rest,
                                         unsigned depth);

/* As variable_set, or with := */
enum err variable_assign(struct run *run, const struct variable_ref *ref, const struct value *value,
                         bool replaces);

/* The rows of the language itself: $var, $avp, $rc… */
const struct mod_variable *builtin_find(struct str name);
/* The same, as tables that end with a row without a name; NULL ends them. */
void builtin_tables(const struct mod_variable *tables[static 3]);
/* modparam("pv", "varset", "name=i:5"): the first value of a $var(). Complains at the span. */
void builtin_set_first(struct unit *unit, struct span span, struct str text);
void builtin_each(void (*visit)(void *visitor, struct str name), void *visitor);
