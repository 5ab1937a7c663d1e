/* SPDX-License-Identifier: Apache-2.0 */
#include "host/foreign.h"

#include <stdio.h>

#include "host/installed.h"
#include "script/report.h"

const struct foreign_module *foreign_find(struct str name)
{
    for (const struct foreign_module *row = foreign_modules; row->name; row++)
        if (str_eq(name, str_of(row->name)))
            return row;
    return NULL;
}

static const char *names_of(const struct foreign_module *row, enum script_name_kind kind)
{
    if (kind == NAME_FUNCTION)
        return row->functions;
    return kind == NAME_VARIABLE ? row->variables : NULL;
}

static bool has_name(const struct foreign_module *row, enum script_name_kind kind, struct str name)
{
    const char *names = names_of(row, kind);
    struct str rest = names ? str_of(names) : (struct str){ 0 }, one;

    while (str_split(rest, ' ', &one, &rest))
        if (str_eq(one, name))
            return true;
    return names && str_eq(rest, name);
}

/* ---- loadmodule ---- */

static struct foreign_load *remember(struct reading *reading, struct str name,
                                     const struct foreign_module *row)
{
    struct foreign_load *load = arena_zalloc(reading->arena, sizeof *load), **end;

    if (!load || str_copy(reading->arena, name, &load->name))
        return NULL;
    load->row = row;
    for (end = reading->foreign; *end; end = &(*end)->next)
        ;
    *end = load;
    return load;
}

static void offer_installed(void *suggestion, const struct module_desc *desc)
{
    suggestion_offer(suggestion, str_of(desc->name));
}

static void fail_unknown(const struct server *server, struct foreign_load *load,
                         const struct script_place *place)
{
    struct suggestion suggestion;
    char buffer[SUGGESTION_TEXT_MAX];

    suggestion_init(&suggestion, load->name);
    each_installed_module(server->settings.module_path, offer_installed, &suggestion);
    for (const struct foreign_module *row = foreign_modules; row->name; row++)
        suggestion_offer(&suggestion, str_of(row->name));
    script_complain(place, "there is no module \"" STR_FMT "\"%s", STR_ARG(load->name),
                    suggestion_text(&suggestion, buffer, sizeof buffer));
}

enum err foreign_load(struct reading *reading, struct str name, const struct script_place *place)
{
    const struct foreign_module *row = foreign_find(name);
    struct foreign_load *load = remember(reading, name, row);

    if (!load)
        return ERR_NOMEM;
    if (row && row->kind != FOREIGN_MISSING) {
        if (reading->is_first)
            log_notice("module %s: %s", row->name, row->about);
        return ERR_NONE;
    }
    load->is_told = true;
    if (row)
        script_complain(place, "there is no module \"%s\" here: %s", row->name, row->about);
    else
        fail_unknown(reading->server, load, place);
    return ERR_NOT_FOUND;
}

bool foreign_is_loaded(const struct reading *reading, struct str name)
{
    for (const struct foreign_load *load = *reading->foreign; load; load = load->next)
        if (str_eq(load->name, name))
            return true;
    return false;
}

bool foreign_matches(const struct reading *reading, const struct regex *modules)
{
    for (const struct foreign_load *load = *reading->foreign; load; load = load->next)
        if (regex_match(modules, load->name, NULL))
            return true;
    return false;
}

/* ---- names that are not known ---- */

/* The name of an installed module that is looked for. */
struct search {
    enum script_name_kind kind;
    struct str name;
    const char *module;
};

static bool has_function(const struct mod_function *row, struct str name)
{
    for (; row && row->name; row++)
        if (str_eq(name, str_of(row->name)))
            return true;
    return false;
}

static bool has_variable(const struct mod_variable *row, struct str name)
{
    for (; row && row->name; row++)
        if (str_eq(name, str_of(row->name)))
            return true;
    return false;
}

static void search_module(void *context, const struct module_desc *desc)
{
    struct search *search = context;

    if (search->kind == NAME_FUNCTION ? has_function(desc->functions, search->name)
                                      : has_variable(desc->variables, search->name))
        search->module = desc->name;
}

/* A module that nobody knows may have any name. */
static enum script_excuse hint_at_unknown(const struct reading *reading, char *hint, size_t size)
{
    for (const struct foreign_load *load = *reading->foreign; load; load = load->next) {
        if (load->row)
            continue;
        snprintf(hint, size, "; perhaps it is of the module \"" STR_FMT "\", which is not here",
                 STR_ARG(load->name));
        return EXCUSE_MAYBE;
    }
    return EXCUSE_NONE;
}

static enum script_excuse hint_at_module(const struct reading *reading, enum script_name_kind kind,
                                         struct str name, char *hint, size_t size)
{
    struct search search = { kind, name, NULL };

    each_installed_module(reading->server->settings.module_path, search_module, &search);
    if (search.module) {
        snprintf(hint, size, "; the module %s has it: write loadmodule \"%s\"", search.module,
                 search.module);
        return EXCUSE_SURE;
    }
    for (const struct foreign_module *row = foreign_modules; row->name; row++) {
        if (!has_name(row, kind, name))
            continue;
        snprintf(hint, size, "; it is of the module %s, which culvert does not have", row->name);
        return EXCUSE_SURE;
    }
    return hint_at_unknown(reading, hint, size);
}

static void explain(struct foreign_load *load, enum script_name_kind kind, struct str name,
                    const struct script_place *place)
{
    if (!load->is_told)
        script_complain(place, "%s" STR_FMT " is of the module %s, which is not here: %s",
                        kind == NAME_VARIABLE ? "$" : "", STR_ARG(name), load->row->name,
                        load->row->about);
    load->is_told = true;
}

enum script_excuse foreign_excuse(void *context, enum script_name_kind kind, struct str name,
                                  const struct script_place *place, char *hint, size_t size)
{
    const struct reading *reading = context;

    for (struct foreign_load *load = *reading->foreign; load; load = load->next) {
        if (!load->row || !has_name(load->row, kind, name))
            continue;
        explain(load, kind, name, place);
        return EXCUSE_TOLD;
    }
    return hint_at_module(reading, kind, name, hint, size);
}

/* ---- the last line ---- */

void foreign_write_summary(const struct reading *reading, struct writer *w)
{
    const char *between = "";
    unsigned count = 0;

    for (const struct foreign_load *load = *reading->foreign; load; load = load->next)
        count += load->is_told;
    if (count == 0)
        return;
    write_fmt(w, "; %u of the errors because of modules that culvert does not have: ", count);
    for (const struct foreign_load *load = *reading->foreign; load; load = load->next) {
        if (!load->is_told)
            continue;
        write_fmt(w, "%s" STR_FMT, between, STR_ARG(load->name));
        between = ", ";
    }
}
