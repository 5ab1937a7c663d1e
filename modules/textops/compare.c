/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing texts of the script. */
#include "textops.h"

#include <fnmatch.h>

enum {
    PATTERN_MAX = 512,
};

enum verdict textops_cmp_str(struct call *call)
{
    return verdict_if(str_eq(call_text(call, 0), call_text(call, 1)));
}

enum verdict textops_cmp_istr(struct call *call)
{
    return verdict_if(str_ieq(call_text(call, 0), call_text(call, 1)));
}

enum verdict textops_starts_with(struct call *call)
{
    return verdict_if(str_starts(call_text(call, 0), call_text(call, 1)));
}

enum verdict textops_ends_with(struct call *call)
{
    struct str text = call_text(call, 0), end = call_text(call, 1);

    return verdict_if(text.len >= end.len && str_eq(str_skip(text, text.len - end.len), end));
}

enum verdict textops_str_within(struct call *call)
{
    struct str wanted = call_text(call, 1);

    return verdict_if(!str_is_empty(wanted) && str_find(call_text(call, 0), wanted));
}

enum verdict textops_str_iwithin(struct call *call)
{
    struct str wanted = call_text(call, 1);

    return verdict_if(!str_is_empty(wanted) && str_ifind(call_text(call, 0), wanted));
}

/* The place, counted from 1. */
static enum verdict place_of(struct call *call, const char *(*find)(struct str text, struct str wanted))
{
    struct str text = call_text(call, 0), wanted = call_text(call, 1);
    const char *at = str_is_empty(wanted) ? NULL : find(text, wanted);

    return at ? (enum verdict)(at - text.ptr + 1) : VERDICT_FALSE;
}

enum verdict textops_str_find(struct call *call)
{
    return place_of(call, str_find);
}

enum verdict textops_str_ifind(struct call *call)
{
    return place_of(call, str_ifind);
}

enum verdict textops_search_str(struct call *call)
{
    return verdict_if(regex_match(call->args[1].object, call_text(call, 0), NULL));
}

/* ---- lists: (text, list, separator) ---- */

typedef bool belongs_fn(struct str text, struct str entry);

static bool is_prefix(struct str text, struct str entry)
{
    return str_starts(text, entry);
}

static enum verdict find_in_list(const struct call *call, belongs_fn *belongs)
{
    struct str rest = call_text(call, 1), separator = call_text(call, 2), entry;

    while (!str_is_empty(rest)) {
        if (str_is_empty(separator) || !str_split(rest, separator.ptr[0], &entry, &rest)) {
            entry = rest;
            rest = (struct str){ 0 };
        }
        entry = str_trim(entry);
        if (!str_is_empty(entry) && belongs(call_text(call, 0), entry))
            return VERDICT_TRUE;
    }
    return VERDICT_FALSE;
}

enum verdict textops_in_list(struct call *call)
{
    return find_in_list(call, str_eq);
}

enum verdict textops_in_list_prefix(struct call *call)
{
    return find_in_list(call, is_prefix);
}

/* ---- patterns of the shell ---- */

static bool terminate(struct str text, char buffer[static PATTERN_MAX])
{
    if (text.len >= PATTERN_MAX || str_has_line_break(text))
        return false;
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = '\0';
    return true;
}

/* fnmatch(text, pattern [, "i"]) */
enum verdict textops_match_pattern(struct call *call)
{
    char text[PATTERN_MAX], pattern[PATTERN_MAX];
    int flags = str_eq(call_text(call, 2), STR("i")) ? FNM_CASEFOLD : 0;

    if (!terminate(call_text(call, 0), text) || !terminate(call_text(call, 1), pattern))
        return VERDICT_ERROR;
    return verdict_if(fnmatch(pattern, text, flags) == 0);
}
