/* SPDX-License-Identifier: Apache-2.0 */
/* regex_substring(): a group of a match. */
#include "textops.h"

enum {
    REASON_MAX = 128,
    NO_MATCH = -2,
};

struct pattern {
    struct pattern *next;
    struct regex *regex;
};

enum err pattern_prepare(struct module *module, unsigned index, struct str text,
                         const struct script_place *place, const void **out)
{
    struct textops *textops = module_state(module);
    struct pattern *pattern = arena_zalloc(module_arena(module), sizeof *pattern);
    char why[REASON_MAX];
    enum err err;

    (void)index;
    if (!pattern)
        return ERR_NOMEM;
    if ((err = regex_compile(text, REGEX_CASE, &pattern->regex, why, sizeof why))) {
        script_complain(place, "\"" STR_FMT "\" is no regular expression: %s", STR_ARG(text), why);
        return err;
    }
    pattern->next = textops->patterns;
    textops->patterns = pattern;
    *out = pattern;
    return ERR_NONE;
}

void pattern_destroy_all(struct textops *textops)
{
    for (struct pattern *pattern = textops->patterns; pattern; pattern = pattern->next)
        regex_destroy(pattern->regex);
}

/* regex_substring(text, expression, group, groups, variable): group 0 is the whole match. */
enum verdict textops_regex_substring(struct call *call)
{
    const struct pattern *pattern = call->args[1].object;
    int64_t index = call->args[2].value.number, count = call->args[3].value.number;
    struct str groups[REGEX_GROUPS];
    struct value value;

    if (!regex_match(pattern->regex, call_text(call, 0), groups))
        return (enum verdict)NO_MATCH;
    if (index < 0 || index >= count || index >= REGEX_GROUPS || !groups[index].ptr)
        return VERDICT_FALSE;
    value = value_of_str(groups[index]);
    return verdict_of(variable_set(call->run, call->args[4].object, &value));
}
