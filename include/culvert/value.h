/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Values of the script language. A value may carry text, a number, or both ($ml is text that also
 * has a number); `is_int` says which of them it is by type. No flag at all is null.
 */
#include <culvert/arena.h>

struct value {
    struct str text;
    int64_t number;
    bool has_text;
    bool has_number;
    bool is_int; /* int-typed: arithmetic and comparison use the number */
};

static inline struct value value_null(void)
{
    return (struct value){ 0 };
}

static inline bool value_is_null(const struct value *v)
{
    return !v->has_text && !v->has_number;
}

/* Text by type, without a number. */
static inline struct value value_of_str(struct str text)
{
    return (struct value){ .text = text, .has_text = true };
}

/* A number by type; its text is made when somebody asks (value_to_str). */
static inline struct value value_of_int(int64_t number)
{
    return (struct value){ .number = number, .has_number = true, .is_int = true };
}

/* Text by type that also carries a number: $sp, $ml, $rs. */
static inline struct value value_of_both(struct str text, int64_t number)
{
    return (struct value){ .text = text, .number = number, .has_text = true, .has_number = true };
}

/* The text of any value: numbers in decimal (in the arena), null as empty. */
MUST_USE enum err value_to_str(struct arena *arena, const struct value *value, struct str *out);

/* name "=" ( "i:" number | "s:" text ), as first values of variables are written; the text is borrowed. */
MUST_USE enum err value_parse_named(struct str text, struct str *name, struct value *out);

/*
 * Attribute-value pairs: a stack a name, newest first. Names are text or numbers. They live in the
 * arena of the request that they belong to.
 */
struct avp_name {
    struct str text; /* when is_number is false */
    int64_t number;
    bool is_number;
};

struct avp {
    struct avp *next;
    struct avp_name name;
    struct value value;
};

struct avps {
    struct avp *first;
};

/* Newest first; after = NULL starts. */
struct avp *avp_find(const struct avps *avps, const struct avp_name *name, const struct avp *after);
/* Adds on top. Name and text are copied into the arena. */
MUST_USE enum err avp_add(struct avps *avps, struct arena *arena, const struct avp_name *name,
                          const struct value *value);
/* Removes the newest, or all of the name. */
void avp_remove(struct avps *avps, const struct avp_name *name, bool all);
