/* SPDX-License-Identifier: Apache-2.0 */
#include "script/operate.h"


enum {
    FLAG_NOT = 1,
    FLAG_MAY_FAIL = 2,
    DYNAMIC_PATTERN_MAX = 1024, /* bytes of a pattern that comes from a variable */
};

/* ---- conversions ---- */

static int64_t hex_number(struct str text)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (char_hex(text.ptr[i]) < 0)
            return 0;
        number = number << 4 | (unsigned)char_hex(text.ptr[i]);
    }
    return (int64_t)number;
}

static int64_t text_number(struct str text)
{
    int64_t number;

    if (str_starts(text, STR("0x")))
        return hex_number(str_skip(text, 2));
    return str_to_int(text, INT64_MIN, INT64_MAX, &number) ? 0 : number;
}

int64_t operate_number(const struct value *value)
{
    if (value->has_number)
        return value->number;
    return value->has_text ? text_number(value->text) : 0;
}

struct value operate_text(struct run *run, const struct value *value)
{
    struct str text;

    if (value->has_text)
        return value_of_str(value->text);
    if (value_to_str(run->arena, value, &text))
        return value_failed();
    return value_of_str(text);
}

/* ---- comparisons ---- */

static int judge(enum compare compare, int order)
{
    switch (compare) {
    case COMPARE_EQUAL:
        return order == 0;
    case COMPARE_UNEQUAL:
        return order != 0;
    case COMPARE_LESS:
        return order < 0;
    case COMPARE_MORE:
        return order > 0;
    case COMPARE_AT_MOST:
        return order <= 0;
    case COMPARE_AT_LEAST:
        return order >= 0;
    }
    return 0;
}

static int judge_numbers(enum compare compare, int64_t left, int64_t right)
{
    return judge(compare, (left > right) - (left < right));
}

static int order_exactly(struct str a, struct str b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

int operate_compare_text(struct run *run, enum compare compare, bool ignores_case,
                         const struct value *left, const struct value *right)
{
    struct value a = operate_text(run, left), b = operate_text(run, right);

    return judge(compare,
                 ignores_case ? str_icompare(a.text, b.text) : order_exactly(a.text, b.text));
}

int operate_compare_number(enum compare compare, const struct value *left,
                           const struct value *right)
{
    return judge_numbers(compare, operate_number(left), operate_number(right));
}

static bool is_equality(enum compare compare)
{
    return compare == COMPARE_EQUAL || compare == COMPARE_UNEQUAL;
}

/*
 * OpenSER: a number on the right needs a number on the left, a text a text. What is not there can
 * only be compared with what is not there.
 */
int operate_compare(struct run *run, enum compare compare, const struct value *left,
                    const struct value *right)
{
    if (value_has_failed(left) || value_has_failed(right))
        return -1;
    if (value_is_null(right))
        return is_equality(compare) ? value_is_null(left) == (compare == COMPARE_EQUAL) : -1;
    if (value_is_null(left))
        return -1;
    if (right->is_int)
        return left->has_number ? judge_numbers(compare, left->number, right->number) : -1;
    return operate_compare_text(run, compare, true, left, right);
}

/* Kamailio: == and != go by the left type, or the right when nothing is left; all else by numbers.
 */
int operate_compare_rich(struct run *run, enum compare compare, const struct value *left,
                         const struct value *right)
{
    const struct value *decides = value_is_null(left) ? right : left;

    if (!is_equality(compare) || decides->is_int)
        return operate_compare_number(compare, left, right);
    return operate_compare_text(run, compare, false, left, right);
}

int operate_match(struct run *run, const struct regex *regex, unsigned flag,
                  const struct value *value)
{
    struct value text;
    bool matches;

    if ((flag & FLAG_MAY_FAIL) && value_is_null(value))
        return -1;
    text = operate_text(run, value);
    if (run->vm)
        run->vm->steps += regex_steps(regex, text.text);
    matches = regex_match(regex, text.text, NULL);
    return matches != (flag & FLAG_NOT);
}

/* Patterns made of what a message brought must not cost much. */
static struct regex *compile_pattern(struct str pattern)
{
    struct regex *regex = NULL;

    if (pattern.len <= DYNAMIC_PATTERN_MAX)
        (void)!regex_compile(pattern, REGEX_DEFAULT, &regex, NULL, 0);
    return regex;
}

int operate_match_text(struct run *run, unsigned flag, const struct value *value,
                       const struct value *pattern)
{
    struct value text = operate_text(run, pattern);
    struct regex *regex;
    int result;

    if ((flag & FLAG_MAY_FAIL) && value_is_null(pattern))
        return -1;
    regex = compile_pattern(text.text);
    if (!regex)
        return flag & FLAG_MAY_FAIL ? -1 : 0;
    result = operate_match(run, regex, flag, value);
    regex_destroy(regex);
    return result;
}

/* OpenSER: "0" is true, for it is not empty. */
int operate_truth(const struct value *value)
{
    if (value_has_failed(value))
        return -1;
    if (value->is_int)
        return value->number != 0;
    return value->has_text && value->text.len > 0;
}

/* ---- arithmetic ---- */

static struct value divide(enum arithmetic arithmetic, int64_t left, int64_t right)
{
    if (right == 0)
        return value_failed();
    if (right == -1)
        return value_of_int(arithmetic == ARITHMETIC_DIVIDE ? (int64_t)(0 - (uint64_t)left) : 0);
    return value_of_int(arithmetic == ARITHMETIC_DIVIDE ? left / right : left % right);
}

/* Of 32 bits, like the numbers: by 33 is by 1. */
static struct value shift(enum arithmetic arithmetic, int64_t left, int64_t right)
{
    right &= 31;
    if (arithmetic == ARITHMETIC_SHIFT_LEFT)
        return value_of_int((int64_t)((uint64_t)left << right));
    return value_of_int(left >> right);
}

/* Wraps around instead of overflowing. */
static struct value compute(enum arithmetic arithmetic, int64_t left, int64_t right)
{
    uint64_t a = (uint64_t)left, b = (uint64_t)right;

    switch (arithmetic) {
    case ARITHMETIC_PLUS:
    case ARITHMETIC_PLUS_LITERAL:
        return value_of_int((int64_t)(a + b));
    case ARITHMETIC_MINUS:
        return value_of_int((int64_t)(a - b));
    case ARITHMETIC_MULTIPLY:
        return value_of_int((int64_t)(a * b));
    case ARITHMETIC_DIVIDE:
    case ARITHMETIC_MODULO:
        return divide(arithmetic, left, right);
    case ARITHMETIC_AND:
        return value_of_int((int64_t)(a & b));
    case ARITHMETIC_OR:
        return value_of_int((int64_t)(a | b));
    case ARITHMETIC_XOR:
        return value_of_int((int64_t)(a ^ b));
    case ARITHMETIC_SHIFT_LEFT:
    case ARITHMETIC_SHIFT_RIGHT:
        return shift(arithmetic, left, right);
    }
    return value_failed();
}

static struct value join(struct run *run, const struct value *left, const struct value *right)
{
    struct value a = operate_text(run, left), b = operate_text(run, right);
    char *bytes;

    if (!a.has_text || !b.has_text)
        return value_failed();
    bytes = arena_alloc(run->arena, a.text.len + b.text.len);
    if (!bytes)
        return value_failed();
    if (a.text.len)
        memcpy(bytes, a.text.ptr, a.text.len);
    if (b.text.len)
        memcpy(bytes + a.text.len, b.text.ptr, b.text.len);
    return value_of_str((struct str){ bytes, a.text.len + b.text.len });
}

/* OpenSER: the left type decides, and the right side must have it. */
struct value operate_arithmetic(struct run *run, enum arithmetic arithmetic,
                                const struct value *left, const struct value *right)
{
    if (value_is_null(left) || value_is_null(right))
        return value_failed();
    if (left->is_int)
        return right->has_number ? compute(arithmetic, left->number, right->number)
                                 : value_failed();
    return arithmetic == ARITHMETIC_PLUS ? join(run, left, right) : value_failed();
}

/* As a text both sides joined, as a number their sum: whoever takes it chooses. */
static struct value join_or_add(struct run *run, const struct value *left, const struct value *right)
{
    struct value result = join(run, left, right);

    if (!value_has_failed(&result))
        result = value_of_both(result.text, (int32_t)(operate_number(left) + operate_number(right)));
    return result;
}

/* Kamailio: + is for numbers when the left side is one; everything else takes numbers, of 32 bits. */
struct value operate_arithmetic_rich(struct run *run, enum arithmetic arithmetic,
                                     const struct value *left, const struct value *right)
{
    struct value result;

    if (value_has_failed(left) || value_has_failed(right))
        return value_failed();
    if (arithmetic == ARITHMETIC_PLUS && !left->is_int)
        return join_or_add(run, left, right);
    result = compute(arithmetic, operate_number(left), operate_number(right));
    return value_has_failed(&result) ? result : value_of_int((int32_t)result.number);
}
