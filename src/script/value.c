/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/value.h>

enum err value_to_str(struct arena *arena, const struct value *value, struct str *out)
{
    if (value->has_text) {
        *out = value->text;
        return ERR_NONE;
    }
    if (value->has_number)
        return str_print(arena, out, "%lld", (long long)value->number);
    *out = STR("");
    return ERR_NONE;
}

enum err value_parse_named(struct str text, struct str *name, struct value *out)
{
    struct str type, value;
    int64_t number = 0;

    if (!str_split(text, '=', name, &value) || !str_split(value, ':', &type, &value))
        return ERR_SYNTAX;
    *name = str_trim(*name);
    if (str_eq(type, STR("s")))
        *out = value_of_str(value);
    else if (str_eq(type, STR("i")) && !str_to_int(value, INT32_MIN, UINT32_MAX, &number))
        *out = value_of_int(number);
    else
        return ERR_SYNTAX;
    return ERR_NONE;
}

static bool name_eq(const struct avp_name *a, const struct avp_name *b)
{
    if (a->is_number != b->is_number)
        return false;
    return a->is_number ? a->number == b->number : str_eq(a->text, b->text);
}

struct avp *avp_find(const struct avps *avps, const struct avp_name *name, const struct avp *after)
{
    for (struct avp *avp = after ? after->next : avps->first; avp; avp = avp->next)
        if (name_eq(&avp->name, name))
            return avp;
    return NULL;
}

enum err avp_add(struct avps *avps, struct arena *arena, const struct avp_name *name,
                 const struct value *value)
{
    struct avp *avp = arena_alloc(arena, sizeof *avp);

    if (!avp)
        return ERR_NOMEM;
    *avp = (struct avp){ .next = avps->first, .name = *name, .value = *value };
    if (!name->is_number && str_copy(arena, name->text, &avp->name.text))
        return ERR_NOMEM;
    if (value->has_text && str_copy(arena, value->text, &avp->value.text))
        return ERR_NOMEM;
    avps->first = avp;
    return ERR_NONE;
}

void avp_remove(struct avps *avps, const struct avp_name *name, bool all)
{
    struct avp **link = &avps->first;

    while (*link) {
        if (!name_eq(&(*link)->name, name)) {
            link = &(*link)->next;
            continue;
        }
        *link = (*link)->next;
        if (!all)
            return;
    }
}
