/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/regex.h>

#include <stdio.h>
#include <stdlib.h>
#include <tre/tre.h>

#include <culvert/log.h>

struct regex {
    regex_t compiled;
    uint64_t cost; /* of a byte of text, at worst; some 5 ns each */
};

enum {
    NODES_MAX = 20000, /* what repetitions may unfold a pattern to */
    LOOSE_MAX = 500,   /* of them, what may be left out or repeated */
    GROUPS_NESTED_MAX = 100,
    MATCH_COST_MAX = 1 << 24,
    COST_OF_A_STEP = 1024,
};

struct nodes {
    uint64_t all;
    uint64_t loose; /* behind them any of those that follow may come: they cost their square */
};

/* How large a pattern becomes once its {n,m} are unfolded, group by group. */
struct weight {
    struct str rest;
    struct nodes sums[GROUPS_NESTED_MAX];
    unsigned depth;
    struct nodes last; /* of the atom read last */
};

static void weigh_atom(struct weight *w, struct nodes nodes)
{
    w->sums[w->depth].all += nodes.all;
    w->sums[w->depth].loose += nodes.loose;
    w->last = nodes;
}

static void weigh_one(struct weight *w)
{
    weigh_atom(w, (struct nodes){ .all = 1 });
}

/* "*", "+" or "?": all of the atom before it is loose. */
static void loosen(struct weight *w)
{
    w->sums[w->depth].loose += w->last.all - w->last.loose;
    w->last.loose = w->last.all;
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
    weigh_one(w);
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
    w->sums[w->depth].all += w->last.all * (largest - 1);
    w->sums[w->depth].loose += w->last.loose * (largest - 1);
    w->last.all *= largest;
    w->last.loose *= largest;
}

/* False when groups nest too deep. */
static bool open_group(struct weight *w)
{
    if (w->depth + 1 == GROUPS_NESTED_MAX)
        return false;
    w->sums[++w->depth] = (struct nodes){ .all = 1 };
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
    else if (c == '*' || c == '+' || c == '?')
        loosen(w);
    else
        weigh_one(w);
    if (c == '\\')
        w->rest = str_skip(w->rest, 1);
    return w->sums[w->depth].all <= NODES_MAX && w->sums[w->depth].loose <= LOOSE_MAX;
}

/* The compiler of patterns has no limit of its own: "((a{255}){255}){255}" would take all memory.
 */
static bool is_affordable(struct str pattern, uint64_t *cost)
{
    struct weight w = { .rest = pattern };

    while (w.rest.len)
        if (!weigh_next(&w))
            return false;
    *cost = 1;
    for (unsigned i = 0; i <= w.depth; i++)
        *cost += w.sums[i].all + w.sums[i].loose * w.sums[i].loose;
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

static enum err refuse(const char *reason, char *why, size_t why_size)
{
    if (why && why_size)
        snprintf(why, why_size, "%s", reason);
    return ERR_SYNTAX;
}

/* What refers back is matched by trying, in a time that doubles with every byte. */
static enum err compile(struct regex *regex, struct str pattern, unsigned flags, char *why,
                        size_t why_size)
{
    int code = tre_regncomp(&regex->compiled, pattern.len ? pattern.ptr : "", pattern.len,
                            tre_flags(flags));

    if (code != REG_OK)
        return compile_error(code, &regex->compiled, why, why_size);
    if (!tre_have_backrefs(&regex->compiled))
        return ERR_NONE;
    tre_regfree(&regex->compiled);
    return refuse("References back to a group may take for ever", why, why_size);
}

enum err regex_compile(struct str pattern, unsigned flags, struct regex **out, char *why,
                       size_t why_size)
{
    struct regex *regex;
    uint64_t cost;
    enum err err;

    if (!is_affordable(pattern, &cost))
        return refuse("Repetitions make it too large", why, why_size);
    regex = malloc(sizeof *regex);
    if (!regex)
        return ERR_NOMEM;
    regex->cost = cost;
    err = compile(regex, pattern, flags, why, why_size);
    if (err)
        free(regex);
    else
        *out = regex;
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
    if (regex->cost * text.len > MATCH_COST_MAX) {
        log_warning("a text of %zu bytes is too long for its regular expression: it does not match",
                    text.len);
        return false;
    }
    if (tre_regnexec(&regex->compiled, text.ptr, text.len, groups ? REGEX_GROUPS : 0, matches, 0))
        return false;
    for (int i = 0; groups && i < REGEX_GROUPS; i++)
        groups[i] = group_text(text, &matches[i]);
    return true;
}

unsigned regex_steps(const struct regex *regex, struct str text)
{
    return (unsigned)(regex->cost * text.len / COST_OF_A_STEP);
}
