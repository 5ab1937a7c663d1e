/* SPDX-License-Identifier: Apache-2.0 */
#include "script/avp_alias.h"

#include "script/program.h"
#include "script/report.h"

bool avp_name_parse(struct str text, struct avp_name *out)
{
    struct str prefix, name;

    *out = (struct avp_name){ .text = text };
    if (!str_split(text, ':', &prefix, &name) || prefix.len == 0)
        return false;
    if (prefix.ptr[0] != 'i' && prefix.ptr[0] != 's')
        return false;
    for (size_t i = 1; i < prefix.len; i++)
        if (prefix.ptr[i] < '0' || prefix.ptr[i] > '9')
            return false;
    if (prefix.ptr[0] == 's') {
        out->text = name;
        return true;
    }
    out->is_number = true;
    return !str_to_int(name, INT32_MIN, UINT32_MAX, &out->number);
}

static void add_alias(struct unit *unit, struct span span, struct str alias, struct str name)
{
    struct avp_alias *added = unit_alloc(unit, unit->keep, sizeof *added);

    if (!added || !unit->program)
        return;
    added->alias = unit_copy(unit, unit->keep, str_trim(alias));
    if (!avp_name_parse(unit_copy(unit, unit->keep, str_trim(name)), &added->name) &&
        added->name.is_number)
        report_error(unit, span, "\"" STR_FMT "\" is no name of an AVP; write i:number or s:name",
                     STR_ARG(name));
    if (added->alias.len && added->alias.ptr[0] == '$')
        added->alias = str_skip(added->alias, 1);
    added->next = unit->program->aliases;
    unit->program->aliases = added;
}

/* aliases = alias "=" name *( ";" alias "=" name ) */
void avp_alias_parse(struct unit *unit, struct span span, struct str text)
{
    struct str rest = text, item, alias, name;

    while (str_trim(rest).len) {
        if (!str_split(rest, ';', &item, &rest)) {
            item = rest;
            rest = (struct str){ 0 };
        }
        if (str_split(item, '=', &alias, &name))
            add_alias(unit, span, alias, name);
        else if (str_trim(item).len)
            report_error(unit, span, "AVP aliases look like \"name=i:1;other=s:x\"");
    }
}

enum err script_add_avp_alias(const struct script_place *place, struct str text)
{
    unsigned errors = place->unit->error_count;

    avp_alias_parse(place->unit, place->span, text);
    return place->unit->error_count > errors ? ERR_SYNTAX : ERR_NONE;
}
