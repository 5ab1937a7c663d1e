/* SPDX-License-Identifier: Apache-2.0 */
/* avp_check(name, op/value[/flags]) */
#include "avpops.h"

#include <fnmatch.h>

enum {
    LESS = 1,
    SAME = 2,
    MORE = 4,
};

enum kind {
    KIND_ORDER,   /* by which of the two is less */
    KIND_BITS,    /* what the two numbers make is not 0 */
    KIND_REGEX,
    KIND_PATTERN, /* of the shell */
};

static const struct op {
    const char *name;
    enum kind kind;
    unsigned orders; /* that make it true */
} ops[] = {
    { "eq", KIND_ORDER, SAME },        { "ne", KIND_ORDER, LESS | MORE }, { "lt", KIND_ORDER, LESS },
    { "le", KIND_ORDER, LESS | SAME }, { "gt", KIND_ORDER, MORE },        { "ge", KIND_ORDER, MORE | SAME },
    { "re", KIND_REGEX, 0 },           { "fm", KIND_PATTERN, 0 },         { "and", KIND_BITS, 0 },
    { "or", KIND_BITS, 0 },            { "xor", KIND_BITS, 0 },
};

struct check {
    const struct op *op;
    combine_fn *combine; /* of KIND_BITS */
    struct operand operand;
    const struct regex *regex; /* of an expression that is known */
    bool takes_any, ignores_case;
};

struct checked {
    const struct variable_ref *ref;
    struct avp_set set;
};

/* ---- arguments ---- */

static const struct op *find_op(struct str name)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (str_ieq(name, str_of(ops[i].name)))
            return &ops[i];
    return NULL;
}

/* The flags are behind the last slash, if they are such: a value may have slashes of its own. */
static void take_flags(struct str *text, struct check *check)
{
    size_t at = text->len;

    while (at > 0 && strchr("gGiI", text->ptr[at - 1]))
        at--;
    if (at == text->len || at == 0 || text->ptr[at - 1] != '/')
        return;
    for (size_t i = at; i < text->len; i++) {
        check->takes_any |= char_lower(text->ptr[i]) == 'g';
        check->ignores_case |= char_lower(text->ptr[i]) == 'i';
    }
    text->len = at - 1;
}

/* op "/" value [ "/" flags ] */
static enum err prepare_check(struct str text, const struct script_place *place,
                              const void **out)
{
    struct check *check = arena_zalloc(script_place_arena(place), sizeof *check);
    struct str name = take_part(&text);
    enum err err;

    if (!check)
        return ERR_NOMEM;
    *out = check;
    check->op = find_op(name);
    if (!check->op || str_is_empty(text)) {
        script_complain(place, "write op/value, op being eq, ne, lt, le, gt, ge, re, fm, and, or or xor");
        return ERR_SYNTAX;
    }
    check->combine = combine_find(name);
    take_flags(&text, check);
    if ((err = read_operand(text, place, &check->operand)))
        return err;
    if (check->op->kind == KIND_REGEX && !check->operand.ref && !check->operand.constant.is_int)
        return script_place_regex(place, check->operand.constant.text, REGEX_DEFAULT, &check->regex);
    return ERR_NONE;
}

static enum err prepare_checked(struct str text, const struct script_place *place,
                                const void **out)
{
    struct checked *checked = arena_zalloc(script_place_arena(place), sizeof *checked);
    enum err err;

    if (!checked)
        return ERR_NOMEM;
    *out = checked;
    text = str_trim(text);
    if (!str_starts(text, STR("$")))
        return read_set(text, false, place, &checked->set);
    if ((err = script_place_variable(place, text, &checked->ref)))
        return err;
    if (variable_is_avp(checked->ref))
        checked->set.ref = checked->ref;
    return ERR_NONE;
}

PREPARE(check)
{
    (void)module;
    return index == 0 ? prepare_checked(text, place, out) : prepare_check(text, place, out);
}

/* ---- comparing ---- */

static unsigned order_of(int difference)
{
    return difference < 0 ? LESS : difference > 0 ? MORE : SAME;
}

static unsigned order_texts(struct str a, struct str b, bool ignores_case)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int difference = ignores_case ? str_icompare(a, b) : len ? memcmp(a.ptr, b.ptr, len) : 0;

    if (difference || ignores_case)
        return order_of(difference);
    return a.len < b.len ? LESS : a.len > b.len ? MORE : SAME;
}

static unsigned order(const struct value *a, const struct value *b, bool ignores_case)
{
    if (a->is_int)
        return a->number < b->number ? LESS : a->number > b->number ? MORE : SAME;
    return order_texts(a->text, b->text, ignores_case);
}

static bool matches_regex(const struct check *check, struct str text, struct str expression)
{
    struct regex *regex;
    bool matches;

    if (check->regex)
        return regex_match(check->regex, text, NULL);
    if (regex_compile(expression, REGEX_DEFAULT, &regex, NULL, 0)) {
        log_error("avp_check: \"" STR_FMT "\" is no regular expression", STR_ARG(expression));
        return false;
    }
    matches = regex_match(regex, text, NULL);
    regex_destroy(regex);
    return matches;
}

static bool matches_pattern(struct run *run, struct str text, struct str pattern)
{
    struct str texts[2];

    if (str_print(run->arena, &texts[0], STR_FMT, STR_ARG(text)) ||
        str_print(run->arena, &texts[1], STR_FMT, STR_ARG(pattern)))
        return false;
    return fnmatch(texts[1].ptr, texts[0].ptr, 0) == 0;
}

/* Numbers compare with numbers, texts with texts. */
static bool is_true(struct run *run, const struct check *check, const struct value *value,
                    const struct value *operand)
{
    if (value_is_null(value) || value_is_null(operand) || value->is_int != operand->is_int)
        return false;
    if (check->op->kind == KIND_ORDER)
        return check->op->orders & order(value, operand, check->ignores_case);
    if (check->op->kind == KIND_BITS)
        return value->is_int && check->combine(value->number, operand->number) != 0;
    if (value->is_int)
        return false;
    return check->op->kind == KIND_REGEX ? matches_regex(check, value->text, operand->text)
                                         : matches_pattern(run, value->text, operand->text);
}

FUNCTION(check)
{
    const struct checked *checked = call->args[0].object;
    const struct check *check = call->args[1].object;
    struct run *run = call->run;
    struct value operand = operand_value(run, &check->operand), value;
    struct avp_walk walk;

    if (!checked->set.ref) {
        const struct operand one = { .ref = checked->ref };
        value = operand_value(run, &one);
        return verdict_if(is_true(run, check, &value, &operand));
    }
    for (const struct avp *avp = walk_start(&walk, run, &checked->set); avp;
         avp = check->takes_any ? walk_next(&walk) : NULL)
        if (is_true(run, check, &avp->value, &operand))
            return VERDICT_TRUE;
    return VERDICT_FALSE;
}
