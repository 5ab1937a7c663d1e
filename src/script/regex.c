/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/regex.h>

#include <stdio.h>
#include <stdlib.h>
#include <tre/tre.h>

#include "script/pattern.h"

struct regex {
    regex_t compiled;
};

enum {
    NODES_MAX = 20000, /* what repetitions may unfold a pattern to */
    GROUPS_NESTED_MAX = 100,
};

/* How large a pattern becomes once its {n,m} are unfolded, group by group. */
struct weight {
    struct str rest;
    uint64_t sums[GROUPS_NESTED_MAX];
    unsigned depth;
    uint64_t last; /* of the atom read last */
};

static void weigh_atom(struct weight *w, uint64_t weight)
{
    w->sums[w->depth] += weight;
    w->last = weight;
}

/* bracket expression: everything up to the ']' that closes it is one atom. */
static void skip_bracket(struct weight *w)
{
    if (w->rest.len && w->rest.ptr[0] == '^')
        w->rest = str_skip(w->rest, 1);
    if (w->rest.len && w->rest.ptr[0] == ']')
        w->rest = str_skip(w->rest, 1);
    while (w->rest.len && w->rest.ptr[0] != ']')
        w->rest = str_skip(w->rest, 1);
    w->rest = str_skip(w->rest, 1);
    weigh_atom(w, 1);
}

/* bound = "{" [n] [ "," [m] ] "}": the larger number multiplies the atom before it. */
static void weigh_bound(struct weight *w)
{
    uint64_t number = 0, largest = 1;

    while (w->rest.len && w->rest.ptr[0] != '}') {
        char c = w->rest.ptr[0];

        number = c >= '0' && c <= '9' ? number * 10 + (uint64_t)(c - '0') : 0;
        if (number > NODES_MAX)
            number = NODES_MAX;
        if (number > largest)
            largest = number;
        w->rest = str_skip(w->rest, 1);
    }
    w->rest = str_skip(w->rest, 1);
    w->sums[w->depth] += w->last * (largest - 1);
    w->last *= largest;
}

/* False when groups nest too deep. */
static bool open_group(struct weight *w)
{
    if (w->depth + 1 == GROUPS_NESTED_MAX)
        return false;
    w->sums[++w->depth] = 1;
    return true;
}

static void close_group(struct weight *w)
{
    if (w->depth == 0)
        return;
    w->depth--;
    weigh_atom(w, w->sums[w->depth + 1]);
}

static bool weigh_next(struct weight *w)
{
    char c = w->rest.ptr[0];

    w->rest = str_skip(w->rest, 1);
    if (c == '(')
        return open_group(w);
    if (c == ')')
        close_group(w);
    else if (c == '[')
        skip_bracket(w);
    else if (c == '{')
        weigh_bound(w);
    else
        weigh_atom(w, 1);
    if (c == '\\')
        w->rest = str_skip(w->rest, 1);
    return w->sums[w->depth] <= NODES_MAX;
}

/* The compiler of patterns has no limit of its own: "((a{255}){255}){255}" would take all memory.
 */
static bool is_affordable(struct str pattern)
{
    struct weight w = { .rest = pattern };

    while (w.rest.len)
        if (!weigh_next(&w))
            return false;
    return true;
}

static int tre_flags(unsigned flags)
{
    int out = REG_EXTENDED;

    if (!(flags & REGEX_CASE))
        out |= REG_ICASE;
    if (flags & REGEX_NEWLINE)
        out |= REG_NEWLINE;
    return out;
}

static enum err compile_error(int code, const regex_t *compiled, char *why, size_t why_size)
{
    if (code == REG_ESPACE)
        return ERR_NOMEM;
    if (why && why_size)
        tre_regerror(code, compiled, why, why_size);
    return ERR_SYNTAX;
}

enum err regex_compile(struct str pattern, unsigned flags, struct regex **out, char *why,
                       size_t why_size)
{
    struct regex *regex;
    enum err err;
    int code;

    if (!is_affordable(pattern)) {
        if (why && why_size)
            snprintf(why, why_size, "Repetitions make it too large");
        return ERR_SYNTAX;
    }
    regex = malloc(sizeof *regex);
    if (!regex)
        return ERR_NOMEM;
    code = tre_regncomp(&regex->compiled, pattern.len ? pattern.ptr : "", pattern.len,
                        tre_flags(flags));
    if (code == REG_OK) {
        *out = regex;
        return ERR_NONE;
    }
    err = compile_error(code, &regex->compiled, why, why_size);
    free(regex);
    return err;
}

void regex_destroy(struct regex *regex)
{
    if (!regex)
        return;
    tre_regfree(&regex->compiled);
    free(regex);
}

static struct str group_text(struct str text, const regmatch_t *match)
{
    if (match->rm_so < 0)
        return (struct str){ 0 };
    return str_between(text.ptr + match->rm_so, text.ptr + match->rm_eo);
}

bool regex_match(const struct regex *regex, struct str text, struct str groups[REGEX_GROUPS])
{
    regmatch_t matches[REGEX_GROUPS];

    if (!text.ptr)
        text = STR("");
    if (tre_regnexec(&regex->compiled, text.ptr, text.len, groups ? REGEX_GROUPS : 0, matches, 0))
        return false;
    for (int i = 0; groups && i < REGEX_GROUPS; i++)
        groups[i] = group_text(text, &matches[i]);
    return true;
}

bool pattern_is_linear(const struct regex *regex)
{
    return !tre_have_backrefs(&regex->compiled);
}
