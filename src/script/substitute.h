/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Substitutions as sed writes them: /pattern/replacement/flags with any delimiter. */
#include <culvert/regex.h>
#include <culvert/writer.h>

struct substitution {
    struct str pattern;
    struct str replacement; /* \0…\9 are the groups of the match */
    bool is_global;         /* g: every match, not only the first */
    unsigned regex_flags;   /* i ignores case, s lets '.' match a newline */
};

/* Borrows the text. False when it has not the form. */
bool substitution_parse(struct str text, struct substitution *out);
/*
 * Writes the text with what matches replaced. ERR_NOT_FOUND: nothing does, it is written unchanged.
 * ERR_UNSUPPORTED: the pattern matches no text at all in some place, which is never replaced.
 */
MUST_USE enum err substitution_write(struct writer *w, const struct substitution *substitution,
                                     const struct regex *regex, struct str text);
