/* SPDX-License-Identifier: Apache-2.0 */
#include "script/unit.h"

#include "script/report.h"

enum {
    SCRATCH_MAX = 256 * 1024 * 1024,
    ITEMS_FIRST = 16, /* of a growing array; doubles from there */
};

void unit_init(struct unit *unit, const struct script_host *host, const struct dialect *dialect,
               struct arena *keep)
{
    *unit = (struct unit){ .host = host, .dialect = dialect, .keep = keep };
    arena_init(&unit->scratch, NULL, SCRATCH_MAX);
}

void unit_fini(struct unit *unit)
{
    report_finish(unit);
    for (struct text_rule *subst = unit->substs; subst; subst = subst->next)
        regex_destroy(subst->regex);
    arena_fini(&unit->scratch);
}

void *unit_alloc(struct unit *unit, struct arena *arena, size_t size)
{
    void *bytes = arena_zalloc(arena, size);

    if (!bytes)
        report_no_memory(unit);
    return bytes;
}

static bool is_full(unsigned count)
{
    return count == 0 || (count >= ITEMS_FIRST && (count & (count - 1)) == 0);
}

bool unit_reserve(struct unit *unit, struct arena *arena, void *array, unsigned count, size_t size)
{
    size_t room = count < ITEMS_FIRST ? ITEMS_FIRST : (size_t)count * 2;
    void *items, *larger;

    if (!is_full(count))
        return true;
    larger = unit_alloc(unit, arena, room * size);
    if (!larger)
        return false;
    memcpy(&items, array, sizeof items);
    if (count)
        memcpy(larger, items, count * size);
    memcpy(array, &larger, sizeof larger);
    return true;
}

struct str unit_copy(struct unit *unit, struct arena *arena, struct str text)
{
    struct str copy = { 0 };

    if (str_copy(arena, text, &copy))
        report_no_memory(unit);
    return copy;
}

const struct define *unit_find_define(const struct unit *unit, struct str name)
{
    for (const struct define *define = unit->defines; define; define = define->next)
        if (str_eq(define->name, name))
            return define;
    return NULL;
}

const struct named_flag *unit_find_flag(const struct unit *unit, struct str name)
{
    for (const struct named_flag *flag = unit->flags; flag; flag = flag->next)
        if (str_eq(flag->name, name))
            return flag;
    return NULL;
}
