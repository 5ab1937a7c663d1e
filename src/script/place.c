/* SPDX-License-Identifier: Apache-2.0 */
/* What modules make for one place of a script; it lives where the script does. */
#include "script/report.h"
#include "script/select.h"
#include "script/variable.h"

struct arena *script_place_arena(const struct script_place *place)
{
    return place->unit->keep;
}

static void release_regex(void *regex)
{
    regex_destroy(regex);
}

enum err script_place_regex(const struct script_place *place, struct str pattern, unsigned flags,
                            const struct regex **out)
{
    struct regex *regex;
    char why[128];
    enum err err = regex_compile(pattern, flags, &regex, why, sizeof why);

    if (err) {
        script_complain(place, "\"" STR_FMT "\" is no regular expression: %s", STR_ARG(pattern),
                        err == ERR_NOMEM ? err_name(err) : why);
        return err;
    }
    if ((err = arena_at_end(place->unit->keep, release_regex, regex))) {
        regex_destroy(regex);
        return err;
    }
    *out = regex;
    return ERR_NONE;
}

static enum err failure_of(const struct unit *unit)
{
    return unit->is_out_of_memory ? ERR_NOMEM : ERR_SYNTAX;
}

enum err script_place_format(const struct script_place *place, struct str text,
                             const struct format **out)
{
    const struct format *format = format_compile(place->unit, place->span, text);

    if (!format)
        return failure_of(place->unit);
    *out = format;
    return ERR_NONE;
}

enum err script_place_select(const struct script_place *place, struct str name,
                             const struct variable_ref **out)
{
    struct unit *unit = place->unit;
    struct str text;

    if (str_print(&unit->scratch, &text, "@" STR_FMT, STR_ARG(name)))
        return ERR_NOMEM;
    if (select_translate(unit, text, &text) != name.len + 1)
        return ERR_NOT_FOUND;
    return script_place_variable(place, text, out);
}

enum err script_place_variable(const struct script_place *place, struct str text,
                               const struct variable_ref **out)
{
    const struct variable_ref *ref = variable_compile(place->unit, place->span, text);

    if (!ref)
        return failure_of(place->unit);
    *out = ref;
    return ERR_NONE;
}
