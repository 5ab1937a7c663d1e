/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of a script's own: counters of Kamailio. */
#include "../statistics/tally.h"

struct counters {
    struct tallies tallies;
    struct str group; /* of names without one */
};

/* [ group "." ] name */
static void split_name(const struct counters *state, struct str text, struct str *group,
                       struct str *name)
{
    if (str_split(text, '.', group, name))
        return;
    *group = state->group;
    *name = text;
}

/* [ group "." ] name [ SP description ] */
static enum err add_counter(struct module *module, const struct value *value,
                            const struct script_place *place)
{
    struct counters *state = module_state(module);
    struct str text = str_trim(value->text), name, group, description;

    if (str_split(text, ' ', &name, &description))
        text = name;
    split_name(state, text, &group, &name);
    if (!str_is_empty(name) && !str_is_empty(group))
        return tally_add(module, &state->tallies, group, name, false);
    script_complain(place, "counters.script_counter needs a name");
    return ERR_SYNTAX;
}

static enum err prepare(struct module *module, unsigned index, struct str text,
                        const struct script_place *place, const void **out)
{
    const struct counters *state = module_state(module);
    struct str group, name;

    (void)index;
    split_name(state, text, &group, &name);
    *out = tally_find(&state->tallies, group, name);
    if (*out)
        return ERR_NONE;
    script_complain(place, "there is no counter \"" STR_FMT "\"; declare it: modparam(\"counters\", \"script_counter\", …)",
                    STR_ARG(text));
    return ERR_NOT_FOUND;
}

static struct counter *counter_of(const struct call *call)
{
    return ((const struct tally *)call->args[0].object)->counter;
}

static enum verdict cnt_inc(struct call *call)
{
    counter_add(counter_of(call), 1);
    return VERDICT_TRUE;
}

static enum verdict cnt_add(struct call *call)
{
    counter_add(counter_of(call), call->args[1].value.number);
    return VERDICT_TRUE;
}

static enum verdict cnt_reset(struct call *call)
{
    counter_reset(counter_of(call));
    return VERDICT_TRUE;
}

/* clang-format off */
#define ROW(name_, minimum, doc_, ...) \
    { .name = #name_, .run = name_, .prepare = prepare, .takes = { ARG_CUSTOM, __VA_ARGS__ }, .min_args = minimum, \
      .stages = STAGE_EVERY, .doc = doc_ }

static const struct mod_function functions[] = {
    ROW(cnt_inc, 1, "Adds 1 to a counter.", ARG_END),
    ROW(cnt_add, 2, "Adds a number to a counter.", ARG_INT),
    ROW(cnt_reset, 1, "Sets a counter to 0.", ARG_END),
    { 0 },
};

static const struct mod_param params[] = {
    { .name = "script_counter", .type = PARAM_CALL, .set = add_counter, .doc = "Declares a counter: [group.]name [description]." },
    { .name = "script_cnt_grp_name", .type = PARAM_STR, .offset = offsetof(struct counters, group), .initial_text = "script",
      .doc = "Group of counters that name none." },
    { 0 },
};
/* clang-format on */

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "counters",
    .summary = "Counters of a script's own.",
    .state_size = sizeof(struct counters),
    .functions = functions,
    .params = params,
};
