/* SPDX-License-Identifier: Apache-2.0 */
/* regex_substring(): a group of a match. */
#include "textops.h"

enum {
    NO_MATCH = -2,
};

enum err pattern_prepare(struct module *module, unsigned index, struct str text,
                         const struct script_place *place, const void **out)
{
    const struct regex *regex;
    enum err err = script_place_regex(place, text, REGEX_CASE, &regex);

    (void)module;
    (void)index;
    if (!err)
        *out = regex;
    return err;
}

/* regex_substring(text, expression, group, groups, variable): group 0 is the whole match. */
enum verdict textops_regex_substring(struct call *call)
{
    const struct regex *regex = call->args[1].object;
    int64_t index = call->args[2].value.number, count = call->args[3].value.number;
    struct str groups[REGEX_GROUPS];
    struct value value;

    if (!regex_match(regex, call_text(call, 0), groups))
        return (enum verdict)NO_MATCH;
    if (index < 0 || index >= count || index >= REGEX_GROUPS || !groups[index].ptr)
        return VERDICT_FALSE;
    value = value_of_str(groups[index]);
    return verdict_of(variable_set(call->run, call->args[4].object, &value));
}
