/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

const struct tally *tally_find(const struct tallies *tallies, struct str group, struct str name)
{
    const struct tally *tally = tallies->first;

    while (tally && (!str_eq(tally->group, group) || !str_eq(tally->name, name)))
        tally = tally->next;
    return tally;
}

enum err tally_add(struct module *module, struct tallies *tallies, struct str group, struct str name,
                   bool is_kept)
{
    struct arena *arena = module_arena(module);
    struct tally *tally;
    enum err err;

    if (tally_find(tallies, group, name))
        return ERR_NONE;
    if (!(tally = arena_zalloc(arena, sizeof *tally)))
        return ERR_NOMEM;
    /* The registry of counters wants terminated names. */
    if ((err = str_print(arena, &tally->group, STR_FMT "%c", STR_ARG(group), 0)) ||
        (err = str_print(arena, &tally->name, STR_FMT "%c", STR_ARG(name), 0)) ||
        (err = server_counter(module_server(module), tally->group.ptr, tally->name.ptr,
                              &tally->counter)))
        return err;
    tally->group.len--;
    tally->name.len--;
    tally->is_kept = is_kept;
    tally->next = tallies->first;
    tallies->first = tally;
    return ERR_NONE;
}
