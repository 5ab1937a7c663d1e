/* SPDX-License-Identifier: Apache-2.0 */
/* AVPs computed with: numbers, and replacements in texts. */
#include "avpops.h"

enum {
    REASON_MAX = 128,
};

/* ---- what two numbers make; no overflow is an error ---- */

#define COMBINE(name, expression)                                                                   \
    static int64_t name(int64_t a, int64_t b)                                                       \
    {                                                                                               \
        uint64_t x = (uint64_t)a, y = (uint64_t)b;                                                  \
        return (int64_t)(expression);                                                               \
    }

COMBINE(add, x + y)
COMBINE(sub, x - y)
COMBINE(mul, x * y)
COMBINE(and, x & y)
COMBINE(or, x | y)
COMBINE(xor, x ^ y)

static int64_t divide(int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    return b == -1 ? sub(0, a) : a / b;
}

static int64_t modulo(int64_t a, int64_t b)
{
    return b == 0 || b == -1 ? 0 : a % b;
}

/* Of the operand, as scripts know it. */
static int64_t not(int64_t a, int64_t b)
{
    (void)a;
    return ~b;
}

static const struct {
    const char *name;
    combine_fn *combine;
} combines[] = {
    { "add", add }, { "sub", sub }, { "mul", mul }, { "div", divide }, { "mod", modulo },
    { "and", and }, { "or", or }, { "xor", xor }, { "not", not },
};

combine_fn *combine_find(struct str name)
{
    for (size_t i = 0; i < sizeof combines / sizeof *combines; i++)
        if (str_ieq(name, str_of(combines[i].name)))
            return combines[i].combine;
    return NULL;
}

/* ---- source[/target[/flags]] ---- */

struct way {
    struct avp_set from, to;
    struct str flags;
};

static enum err read_way(struct str text, const char *flags, const struct script_place *place,
                         const void **out)
{
    struct way *way = arena_zalloc(script_place_arena(place), sizeof *way);
    struct str to;
    enum err err;

    if (!way)
        return ERR_NOMEM;
    *out = way;
    if ((err = read_set(take_part(&text), false, place, &way->from)))
        return err;
    way->to = way->from;
    to = take_part(&text);
    if ((to.len || text.len) && (err = read_set(to, false, place, &way->to)))
        return err;
    way->flags = str_trim(text);
    return read_flags(way->flags, flags, place);
}

/* ---- avp_op(source[/target], op/value[/flags]) ---- */

struct operation {
    combine_fn *combine;
    struct operand operand;
    struct str flags;
};

PREPARE(op)
{
    struct operation *operation;
    struct str name;
    enum err err;

    (void)module;
    if (index == 0)
        return read_way(text, "", place, out);
    *out = operation = arena_zalloc(script_place_arena(place), sizeof *operation);
    if (!operation)
        return ERR_NOMEM;
    name = take_part(&text);
    operation->combine = combine_find(name);
    if (!operation->combine) {
        script_complain(place, "\"" STR_FMT "\" is none of add, sub, mul, div, mod, and, or, xor, not", STR_ARG(name));
        return ERR_SYNTAX;
    }
    if ((err = read_operand(take_part(&text), place, &operation->operand)))
        return err;
    operation->flags = str_trim(text);
    return read_flags(operation->flags, "gd", place);
}

FUNCTION(op)
{
    const struct way *way = call->args[0].object;
    const struct operation *operation = call->args[1].object;
    struct run *run = call->run;
    struct value operand = operand_value(run, &operation->operand);
    struct avp_walk walk;
    struct avp_name name;
    bool is_done = false;

    if (!operand.is_int || !set_name(run, &way->to, &name))
        return VERDICT_FALSE;
    for (struct avp *avp = walk_start(&walk, run, &way->from); avp; avp = walk_next(&walk)) {
        struct value value = value_of_int(operation->combine(avp->value.number, operand.number));
        if (!avp->value.is_int)
            continue;
        if (has_flag(operation->flags, 'd'))
            remove_avp(run, avp);
        if (add_avp(run, &name, &value))
            return VERDICT_ERROR;
        is_done = true;
        if (!has_flag(operation->flags, 'g'))
            break;
    }
    return verdict_if(is_done);
}

/* ---- avp_subst(source[/target[/flags]], replacement) ---- */

PREPARE(subst)
{
    (void)module;
    return index == 0 ? read_way(text, "gd", place, out)
                      : script_place_subst(place, text, (const struct subst **)out);
}

static enum verdict substitute(struct run *run, const struct way *way, const struct subst *subst)
{
    bool replaces = way->to.ref == way->from.ref || has_flag(way->flags, 'd'), is_done = false;
    struct avp_walk walk;
    struct avp_name name;

    if (!set_name(run, &way->to, &name))
        return VERDICT_FALSE;
    for (struct avp *avp = walk_start(&walk, run, &way->from); avp; avp = walk_next(&walk)) {
        struct value value = value_of_str(STR(""));
        enum err err = avp->value.is_int ? ERR_NOT_FOUND : subst_text(run, subst, avp->value.text, &value.text);
        if (!err && replaces)
            remove_avp(run, avp);
        if (!err)
            err = add_avp(run, &name, &value);
        if (err && err != ERR_NOT_FOUND)
            return VERDICT_ERROR;
        is_done |= !err;
        if (!has_flag(way->flags, 'g'))
            break;
    }
    return verdict_if(is_done);
}

FUNCTION(subst)
{
    return substitute(call->run, call->args[0].object, call->args[1].object);
}

/* avp_subst_pv(source[/target[/flags]], text): variables in the text make the replacement. */
FUNCTION(subst_pv)
{
    char why[REASON_MAX];
    const struct subst *subst;

    if (subst_compile(call->run->arena, call_text(call, 1), &subst, why, sizeof why)) {
        log_error("avp_subst_pv: \"" STR_FMT "\": %s", STR_ARG(call_text(call, 1)), why);
        return (enum verdict)-3;
    }
    return substitute(call->run, call->args[0].object, subst);
}
