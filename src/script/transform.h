/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Transformations: what stands in braces behind a variable, $(ru{uri.user}{s.len}). */
#include "script/variable.h"

/* Takes "{…}" off the front. NULL after a complaint. */
struct transform *transform_read(struct unit *unit, struct span span, struct str *rest,
                                 unsigned depth);
/* Puts `next` behind the last of a chain. */
void transform_append(struct transform **chain, struct transform *next);
/* Applies a chain from left to right. An error leaves nothing readable. */
enum err transform_apply(struct run *run, const struct transform *chain, struct value *value);

/* For the page about them. */
struct transform_doc {
    const char *name; /* "s.substr" */
    const char *args; /* "offset,length" */
    const char *doc;
};
extern const struct transform_doc transform_docs[]; /* ends with a row without a name */
void transform_each(void (*visit)(void *visitor, struct str class, struct str name), void *visitor);
