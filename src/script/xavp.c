/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/xavp.h>

static bool is_named(const struct xavps *list, const struct xavp *xavp, struct str name)
{
    return list->ignores_case ? str_ieq(xavp->name, name) : str_eq(xavp->name, name);
}

unsigned xavp_count(const struct xavps *list, struct str name)
{
    unsigned count = 0;

    for (const struct xavp *xavp = list->first; xavp; xavp = xavp->next)
        count += is_named(list, xavp, name);
    return count;
}

struct xavp *xavp_find(const struct xavps *list, struct str name, int64_t index)
{
    if (index < 0)
        index += xavp_count(list, name);
    if (index < 0)
        return NULL;
    for (struct xavp *xavp = list->first; xavp; xavp = xavp->next) {
        if (is_named(list, xavp, name) && index-- == 0)
            return xavp;
    }
    return NULL;
}

enum err xavp_set(struct xavp *xavp, struct arena *arena, const struct value *value)
{
    struct value copy = *value;

    if (value->has_text && str_copy(arena, value->text, &copy.text))
        return ERR_NOMEM;
    xavp->value = copy;
    xavp->fields.first = NULL;
    return ERR_NONE;
}

enum err xavp_push(struct xavps *list, struct arena *arena, struct str name,
                   const struct value *value, struct xavp **out)
{
    struct xavp *xavp = arena_zalloc(arena, sizeof *xavp);

    if (!xavp || str_copy(arena, name, &xavp->name) || xavp_set(xavp, arena, value))
        return ERR_NOMEM;
    xavp->fields.ignores_case = list->ignores_case;
    xavp->next = list->first;
    list->first = xavp;
    if (out)
        *out = xavp;
    return ERR_NONE;
}

void xavp_remove(struct xavps *list, struct xavp *xavp)
{
    struct xavp **link = &list->first;

    while (*link && *link != xavp)
        link = &(*link)->next;
    if (*link)
        *link = xavp->next;
}

void xavp_remove_all(struct xavps *list, struct str name)
{
    struct xavp **link = &list->first;

    while (*link) {
        if (is_named(list, *link, name))
            *link = (*link)->next;
        else
            link = &(*link)->next;
    }
}
