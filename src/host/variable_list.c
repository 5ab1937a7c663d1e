/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of variables in arguments: "$avp(a);$var(b)". */
#include <culvert/module.h>

enum {
    VARIABLES_MAX = 64,
};

/* The text up to the next separator that stands in no parentheses. */
static struct str take_name(struct str *rest)
{
    struct str text = *rest;
    unsigned depth = 0;
    size_t len = 0;

    for (; len < text.len; len++) {
        depth += text.ptr[len] == '(';
        depth -= text.ptr[len] == ')' && depth > 0;
        if (depth == 0 && (text.ptr[len] == ';' || text.ptr[len] == ','))
            break;
    }
    *rest = str_skip(text, len + 1);
    return str_trim((struct str){ text.ptr, len });
}

static enum err add(struct variable_list *list, struct str name, const struct script_place *place)
{
    const struct variable_ref **ref = &list->refs[list->count];
    enum err err = list->count < VARIABLES_MAX ? script_place_variable(place, name, ref) : ERR_LIMIT;

    if (err)
        return err;
    list->count++;
    if (variable_can_set(*ref))
        return ERR_NONE;
    script_complain(place, STR_FMT " cannot be written", STR_ARG(name));
    return ERR_UNSUPPORTED;
}

enum err script_place_variable_list(const struct script_place *place, struct str text,
                                    const struct variable_list **out)
{
    struct arena *arena = script_place_arena(place);
    struct variable_list *list = arena_zalloc(arena, sizeof *list);
    enum err err = ERR_NONE;

    if (!list)
        return ERR_NOMEM;
    list->refs = arena_zalloc(arena, VARIABLES_MAX * sizeof *list->refs);
    if (!list->refs)
        return ERR_NOMEM;
    while (!err && text.len)
        err = add(list, take_name(&text), place);
    *out = list;
    return err || list->count ? err : ERR_SYNTAX;
}
