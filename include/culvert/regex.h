/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Regular expressions with the meaning that scripts expect: POSIX extended, case ignored unless said
 * otherwise. Compiled ones are immutable and may be used by all workers at once.
 */
#include <culvert/arena.h>

struct regex;

enum regex_flags {
    REGEX_DEFAULT = 0,
    REGEX_CASE = 1,    /* case matters */
    REGEX_NEWLINE = 2, /* '.' and [^…] do not match a newline; ^ and $ match at line ends (textops) */
};

enum {
    REGEX_GROUPS = 10,
};

/*
 * What would take much memory or time is refused: references back, and repetitions of repetitions
 * that unfold to thousands of nodes. On ERR_SYNTAX, `why` (if not NULL) gets a text for people. Freed
 * with regex_destroy.
 */
MUST_USE enum err regex_compile(struct str pattern, unsigned flags, struct regex **out, char *why,
                                size_t why_size);
void regex_destroy(struct regex *regex);
/*
 * groups[0] is the whole match, unmatched ones have ptr NULL; groups may be NULL. A text that would
 * take a tenth of a second does not match, which is logged.
 */
bool regex_match(const struct regex *regex, struct str text, struct str groups[REGEX_GROUPS]);
/* What a match costs at worst, in instructions of a script. */
unsigned regex_steps(const struct regex *regex, struct str text);
