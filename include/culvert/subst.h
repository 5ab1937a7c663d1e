/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * '/expression/replacement/flags', as scripts write replacements: the separator may be any character;
 * \0 to \9 in the replacement are groups, variables are expanded. Flags: i ignores case, g replaces
 * all, s lets '.' match a newline.
 */
#include <culvert/module.h>

enum {
    SUBST_TEXT_MAX = 4096, /* bytes of a replacement, and of a text with replacements */
};

struct subst;

/* An argument of a script; lives as long as that does. Bad text is complained about. */
MUST_USE enum err script_place_subst(const struct script_place *place, struct str text,
                                     const struct subst **out);
/*
 * While a script runs; variables in the replacement are plain text then. Lives in the arena, and ends
 * with it. ERR_SYNTAX: `why` gets a text for people.
 */
MUST_USE enum err subst_compile(struct arena *arena, struct str text, const struct subst **out,
                                char *why, size_t why_size);

/* One part of a text that is replaced. */
typedef enum err subst_replaced_fn(void *context, struct str old, struct str replacement);

/*
 * Calls `replaced` for each match. ERR_NOT_FOUND: there was none. ERR_UNSUPPORTED: one of nothing at
 * all, as of /^/; scripts know that such rules do nothing.
 */
MUST_USE enum err subst_each(struct run *run, const struct subst *subst, struct str text,
                             subst_replaced_fn *replaced, void *context);
/* The text with the replacements, in the run's arena. ERR_NOT_FOUND: nothing matches. */
MUST_USE enum err subst_text(struct run *run, const struct subst *subst, struct str text, struct str *out);
