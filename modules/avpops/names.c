/* SPDX-License-Identifier: Apache-2.0 */
#include "avpops.h"

/* ---- parts ---- */

struct str take_part(struct str *rest)
{
    struct str text = *rest;
    unsigned depth = 0;
    size_t len = 0;

    for (; len < text.len; len++) {
        depth += text.ptr[len] == '(';
        depth -= text.ptr[len] == ')' && depth > 0;
        if (depth == 0 && text.ptr[len] == '/')
            break;
    }
    *rest = str_skip(text, len + 1);
    return str_trim((struct str){ text.ptr, len });
}

enum err read_flags(struct str text, const char *allowed, const struct script_place *place)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] && strchr(allowed, text.ptr[i]))
            continue;
        script_complain(place, "flags here are letters of \"%s\", not \"" STR_FMT "\"", allowed, STR_ARG(text));
        return ERR_SYNTAX;
    }
    return ERR_NONE;
}

/* ---- sets ---- */

static const struct {
    const char *text;
    bool has_texts, has_numbers;
} kinds[] = {
    { "s", true, false },
    { "i", false, true },
    { "a", true, true },
    { "*", true, true },
};

static bool read_kind(struct str text, struct avp_set *out)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!str_eq(text, str_of(kinds[i].text)))
            continue;
        *out = (struct avp_set){ NULL, kinds[i].has_texts, kinds[i].has_numbers };
        return true;
    }
    return false;
}

enum err read_set(struct str text, bool takes_kinds, const struct script_place *place,
                  struct avp_set *out)
{
    struct arena *arena = script_place_arena(place);
    enum err err;

    if (takes_kinds && read_kind(text, out))
        return ERR_NONE;
    if ((str_starts(text, STR("s:")) || str_starts(text, STR("i:"))) &&
        (err = str_print(arena, &text, "$avp(" STR_FMT ")", STR_ARG(text))))
        return err;
    if (str_starts(text, STR("$"))) {
        *out = (struct avp_set){ .ref = NULL };
        if ((err = script_place_variable(place, text, &out->ref)))
            return err;
        if (variable_is_avp(out->ref))
            return ERR_NONE;
    }
    script_complain(place, "\"" STR_FMT "\" is no AVP; write $avp(name)", STR_ARG(text));
    return ERR_SYNTAX;
}

bool set_name(struct run *run, const struct avp_set *set, struct avp_name *out)
{
    return variable_avp(run, set->ref, out);
}

/* The first of the set from here on. */
static struct avp *first_of(const struct avp_walk *walk, const struct avp *after)
{
    struct avp *avp = after ? after->next : walk->avps->first;

    if (walk->set->ref)
        return avp_find(walk->avps, &walk->name, after);
    while (avp && !(avp->name.is_number ? walk->set->has_numbers : walk->set->has_texts))
        avp = avp->next;
    return avp;
}

struct avp *walk_start(struct avp_walk *walk, struct run *run, const struct avp_set *set)
{
    *walk = (struct avp_walk){ .avps = &run->request->avps, .set = set };
    if (set->ref && !set_name(run, set, &walk->name))
        return NULL;
    walk->next = first_of(walk, NULL);
    return walk_next(walk);
}

struct avp *walk_next(struct avp_walk *walk)
{
    struct avp *avp = walk->next;

    if (avp)
        walk->next = first_of(walk, avp);
    return avp;
}

void remove_avp(struct run *run, struct avp *avp)
{
    struct avp **link = &run->request->avps.first;

    while (*link != avp)
        link = &(*link)->next;
    *link = avp->next;
}

enum err add_avp(struct run *run, const struct avp_name *name, const struct value *value)
{
    return avp_add(&run->request->avps, &run->request->arena, name, value);
}

/* ---- operands ---- */

enum err read_operand(struct str text, const struct script_place *place,
                      struct operand *out)
{
    int64_t number;

    *out = (struct operand){ .constant = value_of_str(text) };
    if (str_starts(text, STR("$")))
        return script_place_variable(place, text, &out->ref);
    if (str_starts(text, STR("s:")))
        out->constant = value_of_str(str_skip(text, 2));
    if (!str_starts(text, STR("i:")))
        return ERR_NONE;
    if (str_to_int(str_skip(text, 2), INT64_MIN, INT64_MAX, &number)) {
        script_complain(place, "\"" STR_FMT "\" is no number", STR_ARG(text));
        return ERR_SYNTAX;
    }
    out->constant = value_of_int(number);
    return ERR_NONE;
}

struct value operand_value(struct run *run, const struct operand *operand)
{
    struct value value = value_null();

    if (!operand->ref)
        return operand->constant;
    return variable_get(run, operand->ref, &value) ? value_null() : value;
}
