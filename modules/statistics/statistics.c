/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of a script's own: statistics of OpenSER. */
#include "tally.h"

#define GROUP STR("script")

struct statistics {
    struct tallies tallies;
};

/* name [ "/no_reset" ] */
static enum err add_variable(struct module *module, const struct value *value,
                             const struct script_place *place)
{
    struct statistics *state = module_state(module);
    struct str name = value->text, option = STR("");

    if (str_split(value->text, '/', &name, &option) && !str_eq(option, STR("no_reset"))) {
        script_complain(place, "statistics.variable is a name, or name/no_reset");
        return ERR_SYNTAX;
    }
    return tally_add(module, &state->tallies, GROUP, name, !str_is_empty(option));
}

/* How much to add: a number, or a variable that has one. */
struct amount {
    int64_t number;
    const struct variable_ref *variable; /* NULL: the number */
};

static enum err prepare_name(struct module *module, struct str text, const struct script_place *place,
                             const void **out)
{
    const struct statistics *state = module_state(module);

    *out = tally_find(&state->tallies, GROUP, text);
    if (*out)
        return ERR_NONE;
    script_complain(place, "there is no statistic \"" STR_FMT "\"; declare it: modparam(\"statistics\", \"variable\", …)",
                    STR_ARG(text));
    return ERR_NOT_FOUND;
}

static enum err prepare_amount(struct str text, const struct script_place *place, const void **out)
{
    struct amount *amount = arena_zalloc(script_place_arena(place), sizeof *amount);
    struct str digits = str_starts(text, STR("+")) ? str_skip(text, 1) : text;

    if (!amount)
        return ERR_NOMEM;
    *out = amount;
    if (str_starts(text, STR("$")))
        return script_place_variable(place, text, &amount->variable);
    if (!str_to_int(digits, INT32_MIN, INT32_MAX, &amount->number))
        return ERR_NONE;
    script_complain(place, "\"" STR_FMT "\" is no number", STR_ARG(text));
    return ERR_SYNTAX;
}

static enum err prepare(struct module *module, unsigned index, struct str text,
                        const struct script_place *place, const void **out)
{
    return index == 0 ? prepare_name(module, text, place, out)
                      : prepare_amount(text, place, out);
}

static enum verdict update_stat(struct call *call)
{
    const struct tally *tally = call->args[0].object;
    const struct amount *amount = call->args[1].object;
    struct value value = value_of_int(amount->number);

    if (amount->variable && (variable_get(call->run, amount->variable, &value) ||
                             (!value.has_number &&
                              str_to_int(value.text, INT32_MIN, INT32_MAX, &value.number))))
        return VERDICT_ERROR;
    counter_add(tally->counter, value.number);
    return VERDICT_TRUE;
}

static enum verdict reset_stat(struct call *call)
{
    const struct tally *tally = call->args[0].object;

    if (!tally->is_kept)
        counter_reset(tally->counter);
    return VERDICT_TRUE;
}

/* clang-format off */
static const struct mod_function functions[] = {
    { .name = "update_stat", .run = update_stat, .prepare = prepare, .takes = { ARG_CUSTOM, ARG_CUSTOM }, .min_args = 2,
      .stages = STAGE_EVERY, .doc = "Adds to a counter: name, number or variable." },
    { .name = "reset_stat", .run = reset_stat, .prepare = prepare, .takes = { ARG_CUSTOM }, .min_args = 1,
      .stages = STAGE_EVERY, .doc = "Sets a counter to 0, unless it was declared with /no_reset." },
    { 0 },
};

static const struct mod_param params[] = {
    { .name = "variable", .type = PARAM_CALL, .set = add_variable, .doc = "Declares a counter: name[/no_reset]." },
    { 0 },
};
/* clang-format on */

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "statistics",
    .summary = "Counters of a script's own.",
    .state_size = sizeof(struct statistics),
    .functions = functions,
    .params = params,
};
