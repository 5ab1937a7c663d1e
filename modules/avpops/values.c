/* SPDX-License-Identifier: Apache-2.0 */
/* AVPs asked for, removed, copied, and put into requests. */
#include "avpops.h"

struct set_with_flags {
    struct avp_set set;
    struct str flags;
};

/* set [ "/" flags ] */
static enum err prepare_set(struct str text, bool takes_kinds, const char *allowed,
                            const struct script_place *place, const void **out)
{
    struct set_with_flags *it = arena_zalloc(script_place_arena(place), sizeof *it);
    enum err err;

    if (!it)
        return ERR_NOMEM;
    *out = it;
    if ((err = read_set(take_part(&text), takes_kinds, place, &it->set)))
        return err;
    it->flags = str_trim(text);
    return read_flags(it->flags, allowed, place);
}

/* ---- avp_delete(name[/g]) ---- */

PREPARE(delete)
{
    (void)module;
    (void)index;
    return prepare_set(text, true, "g", place, out);
}

FUNCTION(delete)
{
    const struct set_with_flags *it = call->args[0].object;
    struct avp_walk walk;
    struct avp *avp = walk_start(&walk, call->run, &it->set);
    bool has_found = avp;

    for (; avp; avp = has_flag(it->flags, 'g') ? walk_next(&walk) : NULL)
        remove_avp(call->run, avp);
    return verdict_if(has_found);
}

/* ---- is_avp_set(name[/flags]) ---- */

PREPARE(is_set)
{
    (void)module;
    (void)index;
    return prepare_set(text, false, "esn", place, out);
}

FUNCTION(is_set)
{
    const struct set_with_flags *it = call->args[0].object;
    struct avp_walk walk;
    const struct avp *avp = walk_start(&walk, call->run, &it->set);
    const struct value *value = avp ? &avp->value : NULL;

    if (!value)
        return VERDICT_FALSE;
    if ((has_flag(it->flags, 's') && value->is_int) || (has_flag(it->flags, 'n') && !value->is_int))
        return VERDICT_FALSE;
    if (!has_flag(it->flags, 'e'))
        return VERDICT_TRUE;
    return verdict_if(value->is_int ? value->number == 0 : str_is_empty(value->text));
}

/* ---- avp_copy(from, to[/flags]) ---- */

PREPARE(copy)
{
    (void)module;
    return prepare_set(text, false, index == 0 ? "" : "gdns", place, out);
}

/* n: as a number, s: as text. */
static enum err convert(struct run *run, struct str flags, struct value *value)
{
    struct str text;
    int64_t number;

    if (has_flag(flags, 'n') && !value->is_int) {
        if (str_to_int(value->text, INT64_MIN, INT64_MAX, &number))
            return ERR_SYNTAX;
        *value = value_of_int(number);
    } else if (has_flag(flags, 's') && value->is_int) {
        if (value_to_str(run->arena, value, &text))
            return ERR_NOMEM;
        *value = value_of_str(text);
    }
    return ERR_NONE;
}

FUNCTION(copy)
{
    const struct set_with_flags *from = call->args[0].object, *to = call->args[1].object;
    struct run *run = call->run;
    struct avp_walk walk;
    struct avp_name name;
    struct avp *avp = walk_start(&walk, run, &from->set);
    bool has_found = avp;

    if (!set_name(run, &to->set, &name))
        return VERDICT_ERROR;
    for (; avp; avp = has_flag(to->flags, 'g') ? walk_next(&walk) : NULL) {
        struct value value = avp->value;
        if (convert(run, to->flags, &value) || add_avp(run, &name, &value))
            return VERDICT_ERROR;
        if (has_flag(to->flags, 'd'))
            remove_avp(run, avp);
    }
    return verdict_if(has_found);
}

/* ---- avp_pushto(destination, name[/g]) ---- */

/* NULL: another target. */
static const struct {
    const char *text, *variable;
} destinations[] = {
    { "$ru", "$ru" }, { "$ru/username", "$rU" }, { "$ru/domain", "$rd" }, { "$du", "$du" }, { "$br", NULL },
    { "$ruri", "$ru" }, { "$ruri/username", "$rU" }, { "$ruri/domain", "$rd" }, { "$duri", "$du" },
};

struct destination {
    const struct variable_ref *ref; /* NULL: another target */
    bool is_uri;                    /* more than one value makes more than one target */
};

struct source {
    struct avp_set set;
    const struct variable_ref *ref; /* NULL: the set is it */
    struct str flags;
};

static enum err prepare_destination(struct str text, const struct script_place *place,
                                    const void **out)
{
    struct destination *destination = arena_zalloc(script_place_arena(place), sizeof *destination);

    if (!destination)
        return ERR_NOMEM;
    *out = destination;
    for (size_t i = 0; i < sizeof destinations / sizeof *destinations; i++) {
        if (!str_eq(str_trim(text), str_of(destinations[i].text)))
            continue;
        if (!destinations[i].variable)
            return ERR_NONE;
        destination->is_uri = !str_eq(str_of(destinations[i].variable), STR("$du"));
        return script_place_variable(place, str_of(destinations[i].variable), &destination->ref);
    }
    script_complain(place, "\"" STR_FMT "\" is none of $ru, $ru/username, $ru/domain, $du, $br", STR_ARG(text));
    return ERR_SYNTAX;
}

static enum err prepare_source(struct str text, const struct script_place *place,
                               const void **out)
{
    struct source *source = arena_zalloc(script_place_arena(place), sizeof *source);
    struct str name = take_part(&text);
    enum err err;

    if (!source)
        return ERR_NOMEM;
    *out = source;
    source->flags = str_trim(text);
    if ((err = read_flags(source->flags, "g", place)))
        return err;
    if (!str_starts(name, STR("$")))
        return read_set(name, false, place, &source->set);
    if ((err = script_place_variable(place, name, &source->ref)))
        return err;
    if (variable_is_avp(source->ref)) {
        source->set.ref = source->ref;
        source->ref = NULL;
    }
    return ERR_NONE;
}

PREPARE(pushto)
{
    (void)module;
    return index == 0 ? prepare_destination(text, place, out) : prepare_source(text, place, out);
}

static enum err add_target(struct run *run, struct str uri)
{
    struct target target = { .uri = uri, .q = -1, .socket = SOCKET_ANY };
    struct sip_uri parsed;
    enum err err = sip_uri_parse(uri, &parsed);

    return err ? err : request_add_target(run->request, &target);
}

static enum err push(struct run *run, const struct destination *destination, const struct value *value,
                     bool is_first)
{
    struct value text = value_null();
    enum err err = value_to_str(run->arena, value, &text.text);

    if (err)
        return err;
    if (!destination->ref)
        return add_target(run, text.text);
    if (!is_first && destination->is_uri && (err = add_target(run, run_target(run)->uri)))
        return err;
    text.has_text = true;
    return variable_set(run, destination->ref, &text);
}

FUNCTION(pushto)
{
    const struct destination *destination = call->args[0].object;
    const struct source *source = call->args[1].object;
    struct run *run = call->run;
    struct value value = value_null();
    struct avp_walk walk;
    const struct avp *first, *avp;
    enum err err = ERR_NONE;

    if (source->ref)
        return verdict_of(variable_get(run, source->ref, &value) || value_is_null(&value)
                              ? ERR_NOT_FOUND
                              : push(run, destination, &value, true));
    first = walk_start(&walk, run, &source->set);
    for (avp = first; avp && !err; avp = has_flag(source->flags, 'g') ? walk_next(&walk) : NULL)
        err = push(run, destination, &avp->value, avp == first);
    return verdict_of(first ? err : ERR_NOT_FOUND);
}

/* ---- avp_write(value, name): of OpenSER before 1.2 ---- */

PREPARE(write)
{
    struct operand *operand;

    (void)module;
    if (index == 1)
        return prepare_set(text, false, "", place, out);
    *out = operand = arena_zalloc(script_place_arena(place), sizeof *operand);
    return operand ? read_operand(text, place, operand) : ERR_NOMEM;
}

FUNCTION(write)
{
    const struct set_with_flags *to = call->args[1].object;
    struct value value = operand_value(call->run, call->args[0].object);
    struct avp_name name;

    if (value_is_null(&value) || !set_name(call->run, &to->set, &name))
        return VERDICT_FALSE;
    return verdict_of(add_avp(call->run, &name, &value));
}

/* ---- avp_print() ---- */

FUNCTION(print)
{
    struct run *run = call->run;

    for (const struct avp *avp = run->request->avps.first; avp; avp = avp->next) {
        struct str text, value;
        if (value_to_str(run->arena, &avp->value, &value))
            return VERDICT_ERROR;
        if (avp->name.is_number
                ? str_print(run->arena, &text, "avp i:%lld = " STR_FMT, (long long)avp->name.number, STR_ARG(value))
                : str_print(run->arena, &text, "avp s:" STR_FMT " = " STR_FMT, STR_ARG(avp->name.text), STR_ARG(value)))
            return VERDICT_ERROR;
        run_log(run, LEVEL_INFO, text);
    }
    return VERDICT_TRUE;
}
