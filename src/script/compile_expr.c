/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions -> instructions. */
#include "script/build.h"
#include "script/report.h"

enum {
    FLAG_NOT = 1,
    FLAG_MAY_FAIL = 2, /* OpenSER: -1 when there is nothing to compare */
    FLAG_MAY_BE_HOST = 4,
};

static bool is_rich(const struct builder *b)
{
    return b->unit->dialect->has_rich_expressions;
}

static unsigned fail_flag(const struct builder *b)
{
    return is_rich(b) ? 0 : FLAG_MAY_FAIL;
}

bool build_is_constant(const struct expr *expr)
{
    return expr->kind == EXPR_TEXT || expr->kind == EXPR_WORD;
}

static void push(struct builder *b, struct value value)
{
    build_emit(b, OP_CONSTANT, 0, 0, build_constant(b, value));
}

static void push_variable(struct builder *b, const struct variable_ref *ref)
{
    if (ref)
        build_emit(b, OP_LOAD, 0, 0, build_variable(b, ref));
    else
        push(b, value_null());
}

static void push_keyword(struct builder *b, const struct expr *expr)
{
    if (expr->variable && expr->in_reply)
        build_emit(b, OP_LOAD_BY_KIND, 0, build_variable(b, expr->in_reply),
                   build_variable(b, expr->variable));
    else
        push_variable(b, expr->variable);
}

/* ---- comparisons ---- */

static const struct {
    uint8_t operator;
    uint8_t compare;
} compares[] = {
    { OPERATOR_EQUAL, COMPARE_EQUAL },        { OPERATOR_UNEQUAL, COMPARE_UNEQUAL },
    { OPERATOR_LESS, COMPARE_LESS },          { OPERATOR_MORE, COMPARE_MORE },
    { OPERATOR_AT_MOST, COMPARE_AT_MOST },    { OPERATOR_AT_LEAST, COMPARE_AT_LEAST },
    { OPERATOR_EQUAL_TEXT, COMPARE_EQUAL },   { OPERATOR_UNEQUAL_TEXT, COMPARE_UNEQUAL },
    { OPERATOR_EQUAL_NUMBER, COMPARE_EQUAL }, { OPERATOR_UNEQUAL_NUMBER, COMPARE_UNEQUAL },
};

static unsigned compare_of(enum operator operator)
{
    for (size_t i = 0; i < sizeof compares / sizeof *compares; i++)
        if (compares[i].operator== operator)
            return compares[i].compare;
    return COMPARE_EQUAL;
}

static bool is_match(const struct expr *expr)
{
    return expr->operator== OPERATOR_MATCH || expr->operator== OPERATOR_MISMATCH;
}

static bool is_negative(const struct expr *expr)
{
    return expr->operator== OPERATOR_UNEQUAL || expr->operator== OPERATOR_MISMATCH;
}

static bool is_comparison(const struct expr *expr)
{
    return expr->kind == EXPR_BINARY &&
           expr->operator>= OPERATOR_EQUAL && expr->operator<= OPERATOR_UNEQUAL_NUMBER;
}

/* The left side is on the stack. */
static void build_match(struct builder *b, const struct expr *expr)
{
    unsigned flag = (is_negative(expr) ? FLAG_NOT : 0u) | fail_flag(b);
    uint32_t regex;

    if (!build_is_constant(expr->right)) {
        build_value(b, expr->right);
        build_emit(b, OP_MATCH_TEXT, flag, 0, 0);
    } else if (build_regex(b, expr->right->span, expr->right->text, REGEX_DEFAULT, &regex)) {
        build_emit(b, OP_MATCH, flag, 0, regex);
    }
}

/* The left side is on the stack. */
static void build_compare_text(struct builder *b, const struct expr *expr, struct str text)
{
    push(b, value_of_str(text));
    build_emit(b, OP_COMPARE_TEXT, compare_of(expr->operator), 0, 0);
}

/* ---- keywords ---- */

static void build_text_keyword(struct builder *b, struct expr *expr)
{
    push_keyword(b, expr->left);
    if (is_match(expr)) {
        build_match(b, expr);
        return;
    }
    build_value(b, expr->right);
    build_emit(b, OP_COMPARE_TEXT, compare_of(expr->operator), 0, 0);
}

static bool is_number_text(struct str text)
{
    uint64_t number;

    return !str_to_uint(text, 0, UINT64_MAX, &number);
}

/* uri: myself, a host (bare), or the whole as text. */
static void build_uri_keyword(struct builder *b, struct expr *expr)
{
    if (expr->right->kind == EXPR_MYSELF) {
        push_keyword(b, expr->left);
        build_emit(b, OP_IS_URI_MYSELF, (is_negative(expr) ? FLAG_NOT : 0u) | fail_flag(b), 0, 0);
    } else if (expr->right->kind == EXPR_WORD && !is_match(expr) &&
               !is_number_text(expr->right->text)) {
        push_keyword(b, expr->left);
        build_emit(b, OP_URI_HOST, 0, 0, 0);
        build_compare_text(b, expr, expr->right->text);
    } else if (expr->right->kind == EXPR_NUMBER) {
        push_keyword(b, expr->left);
        build_compare_text(b, expr, expr->right->text);
    } else {
        build_text_keyword(b, expr);
    }
}

/* How many leading bits of a mask are set; false when they are not all in front. */
static bool mask_bits(const struct addr *mask, unsigned *out)
{
    unsigned size = mask->family == ADDR_IPV4 ? 4 : 16, bits = 0;

    while (bits < size * 8 && mask->ip[bits / 8] >> (7 - bits % 8) & 1)
        bits++;
    *out = bits;
    for (; bits < size * 8; bits++)
        if (mask->ip[bits / 8] >> (7 - bits % 8) & 1)
            return false;
    return true;
}

/* net = address [ "/" ( bits | mask ) ] */
static bool parse_net(struct str text, struct net *out)
{
    struct str host = text, width = { 0 };
    struct addr mask;
    uint64_t bits;

    str_split(text, '/', &host, &width);
    *out = (struct net){ .bits = 0 };
    if (addr_parse_ip(host, &out->addr))
        return false;
    out->bits = out->addr.family == ADDR_IPV4 ? 32 : 128;
    if (!width.ptr)
        return true;
    if (!str_to_uint(width, 0, out->bits, &bits)) {
        out->bits = (unsigned)bits;
        return true;
    }
    return !addr_parse_ip(width, &mask) && mask.family == out->addr.family &&
           mask_bits(&mask, &out->bits);
}

static void build_net_test(struct builder *b, const struct expr *expr)
{
    struct net net;

    if (parse_net(expr->right->text, &net)) {
        build_emit(b, OP_IN_NET, is_negative(expr), 0, build_net(b, &net));
        return;
    }
    if (str_find_char(expr->right->text, '/'))
        report_error(b->unit, expr->right->span, "this is no network; write address/bits");
    else
        report_warning(b->unit, expr->right->span,
                       "names are not looked up here: this never equals an address");
    build_compare_text(b, expr, expr->right->text);
}

/* src_ip, dst_ip: myself, an address, or a net. */
static void build_ip_keyword(struct builder *b, struct expr *expr)
{
    push_keyword(b, expr->left);
    if (expr->right->kind == EXPR_MYSELF) {
        push(b, value_of_int(0)); /* any port */
        build_emit(b, OP_IS_MYSELF, is_negative(expr), 0, 0);
    } else if (build_is_constant(expr->right) && !is_match(expr)) {
        build_net_test(b, expr);
    } else {
        build_value(b, expr->right);
        build_emit(b, OP_COMPARE_TEXT, compare_of(expr->operator), 0, 0);
    }
}

/* Words and numbers that mean the same. */
static const struct {
    struct str word;
    int64_t number;
    struct str meaning;
} constants[] = {
    { STR_INIT("udp"), 1, STR_INIT("udp") },   { STR_INIT("tcp"), 2, STR_INIT("tcp") },
    { STR_INIT("tls"), 3, STR_INIT("tls") },   { STR_INIT("sctp"), 4, STR_INIT("sctp") },
    { STR_INIT("ws"), 5, STR_INIT("ws") },     { STR_INIT("wss"), 6, STR_INIT("wss") },
    { STR_INIT("inet"), 2, STR_INIT("INET") }, { STR_INIT("inet6"), 10, STR_INIT("INET6") },
    { STR_INIT("ipv4"), 4, STR_INIT("INET") }, { STR_INIT("ipv6"), 6, STR_INIT("INET6") },
};

enum {
    TRANSPORT_ROWS = 6,
    CONSTANT_ROWS = sizeof constants / sizeof *constants,
};

/* proto, af: words or numbers. */
static void build_named_keyword(struct builder *b, struct expr *expr)
{
    bool is_family = keyword_type(expr->left->keyword) == COMPARES_FAMILY;
    const struct expr *right = expr->right;

    push_keyword(b, expr->left);
    for (int i = is_family ? TRANSPORT_ROWS : 0; i < (is_family ? CONSTANT_ROWS : TRANSPORT_ROWS);
         i++) {
        if (right->kind == EXPR_NUMBER ? right->number != constants[i].number
                                       : !str_ieq(right->text, constants[i].word))
            continue;
        build_compare_text(b, expr, constants[i].meaning);
        return;
    }
    if (right->kind == EXPR_WORD)
        report_error(b->unit, right->span,
                     is_family ? "an address family is INET or INET6"
                               : "a protocol is udp, tcp, tls, ws or wss");
    build_value(b, expr->right);
    build_emit(b, OP_COMPARE_TEXT, compare_of(expr->operator), 0, 0);
}

static void build_number_keyword(struct builder *b, struct expr *expr)
{
    push_keyword(b, expr->left);
    build_value(b, expr->right);
    build_emit(b, OP_COMPARE_NUMBER, compare_of(expr->operator), 0, 0);
}

static void build_keyword(struct builder *b, struct expr *expr)
{
    switch (keyword_type(expr->left->keyword)) {
    case COMPARES_TEXT:
        build_text_keyword(b, expr);
        break;
    case COMPARES_URI:
        build_uri_keyword(b, expr);
        break;
    case COMPARES_IP:
        build_ip_keyword(b, expr);
        break;
    case COMPARES_TRANSPORT:
    case COMPARES_FAMILY:
        build_named_keyword(b, expr);
        break;
    case COMPARES_NUMBER:
    case COMPARES_CODE:
        build_number_keyword(b, expr);
        break;
    }
}

/* ---- variables compared ---- */

static bool is_null(const struct expr *expr)
{
    return expr->kind == EXPR_NULL ||
           (expr->kind == EXPR_VARIABLE && str_eq(expr->text, STR("$null")));
}

static enum opcode rich_opcode(enum operator operator)
{
    switch (operator) {
    case OPERATOR_EQUAL:
    case OPERATOR_UNEQUAL:
        return OP_COMPARE_RICH;
    case OPERATOR_EQUAL_TEXT:
    case OPERATOR_UNEQUAL_TEXT:
        return OP_COMPARE_EXACT;
    default:
        return OP_COMPARE_NUMBER;
    }
}

static void build_comparison(struct builder *b, struct expr *expr)
{
    bool is_equality = expr->operator== OPERATOR_EQUAL || expr->operator== OPERATOR_UNEQUAL;

    if (expr->left->kind == EXPR_KEYWORD) {
        build_keyword(b, expr);
        return;
    }
    build_value(b, expr->left);
    if (expr->right->kind == EXPR_MYSELF) {
        build_emit(b, OP_IS_URI_MYSELF,
                   (is_negative(expr) ? FLAG_NOT : 0u) | fail_flag(b) | FLAG_MAY_BE_HOST, 0, 0);
    } else if (is_equality && is_null(expr->right)) {
        build_emit(b, OP_IS_NULL, (is_negative(expr) ? FLAG_NOT : 0u) | fail_flag(b), 0, 0);
    } else if (is_match(expr)) {
        build_match(b, expr);
    } else {
        build_value(b, expr->right);
        build_emit(b, is_rich(b) ? rich_opcode(expr->operator) : OP_COMPARE,
                   compare_of(expr->operator), 0, 0);
    }
}

/* ---- arithmetic ---- */

static const struct {
    uint8_t operator;
    uint8_t arithmetic;
} arithmetics[] = {
    { OPERATOR_PLUS, ARITHMETIC_PLUS },
    { OPERATOR_MINUS, ARITHMETIC_MINUS },
    { OPERATOR_MULTIPLY, ARITHMETIC_MULTIPLY },
    { OPERATOR_DIVIDE, ARITHMETIC_DIVIDE },
    { OPERATOR_MODULO, ARITHMETIC_MODULO },
    { OPERATOR_BIT_AND, ARITHMETIC_AND },
    { OPERATOR_BIT_OR, ARITHMETIC_OR },
    { OPERATOR_BIT_XOR, ARITHMETIC_XOR },
    { OPERATOR_SHIFT_LEFT, ARITHMETIC_SHIFT_LEFT },
    { OPERATOR_SHIFT_RIGHT, ARITHMETIC_SHIFT_RIGHT },
};

static void build_arithmetic(struct builder *b, struct expr *expr)
{
    unsigned arithmetic = 0;

    for (size_t i = 0; i < sizeof arithmetics / sizeof *arithmetics; i++)
        if (arithmetics[i].operator== expr->operator)
            arithmetic = arithmetics[i].arithmetic;
    if (!is_rich(b) && arithmetic == ARITHMETIC_PLUS && expr->right->kind == EXPR_NUMBER)
        arithmetic = ARITHMETIC_PLUS_LITERAL;
    build_value(b, expr->left);
    build_value(b, expr->right);
    build_emit(b, is_rich(b) ? OP_ARITHMETIC_RICH : OP_ARITHMETIC, arithmetic, 0, 0);
}

static void build_unary(struct builder *b, struct expr *expr)
{
    build_value(b, expr->left);
    switch ((enum operator)expr->operator) {
    case OPERATOR_NOT:
        build_emit(b, OP_NOT_NUMBER, 0, 0, 0);
        break;
    case OPERATOR_BIT_NOT:
        build_emit(b, OP_COMPLEMENT, 0, 0, 0);
        break;
    case OPERATOR_NEGATE:
        build_emit(b, OP_NEGATE, 0, 0, 0);
        break;
    case OPERATOR_TO_INT:
        build_emit(b, OP_TO_INT, 0, 0, 0);
        break;
    case OPERATOR_TO_STR:
        build_emit(b, OP_TO_STR, 0, 0, 0);
        break;
    case OPERATOR_DEFINED:
        build_emit(b, OP_IS_NULL, FLAG_NOT, 0, 0);
        break;
    case OPERATOR_LENGTH:
        build_emit(b, OP_LENGTH, 0, 0, 0);
        break;
    default:
        build_emit(b, OP_IS_EMPTY, 0, 0, 0);
        break;
    }
}

/* ---- and, or ---- */

typedef void build_fn(struct builder *b, struct expr *expr);

static void build_truth(struct builder *b, struct expr *expr)
{
    build_value(b, expr);
    build_emit(b, OP_TRUTH_NUMBER, 0, 0, 0);
}

/* The right side counts only when the left has not decided. */
static void build_logic(struct builder *b, struct expr *expr, build_fn *side)
{
    enum opcode op = expr->operator== OPERATOR_AND ? OP_AND_ELSE : OP_OR_ELSE;
    uint32_t jump;

    side(b, expr->left);
    jump = build_emit(b, op, 0, 0, 0);
    side(b, expr->right);
    build_land(b, jump);
}

static bool is_logic(const struct expr *expr)
{
    return expr->operator== OPERATOR_AND || expr->operator== OPERATOR_OR;
}

static void build_binary(struct builder *b, struct expr *expr)
{
    if (is_logic(expr))
        build_logic(b, expr, build_truth);
    else if (is_comparison(expr))
        build_comparison(b, expr);
    else
        build_arithmetic(b, expr);
}

static void build_choose(struct builder *b, struct expr *expr)
{
    build_value(b, expr->left);
    build_value(b, expr->right);
    build_value(b, expr->third);
    build_emit(b, OP_CHOOSE, 0, 0, 0);
}

/* ---- OpenSER: conditions ---- */

static void build_element(struct builder *b, struct expr *expr)
{
    switch ((enum expr_kind)expr->kind) {
    case EXPR_UNARY:
        build_condition(b, expr->left);
        build_emit(b, OP_NOT, 0, 0, 0);
        break;
    case EXPR_BINARY:
        if (is_logic(expr))
            build_logic(b, expr, build_condition);
        else
            build_comparison(b, expr);
        break;
    case EXPR_ARITHMETIC:
        build_value(b, expr->left);
        build_emit(b, OP_NONZERO, 0, 0, 0);
        break;
    case EXPR_BLOCK:
    case EXPR_CALL:
    case EXPR_ROUTE:
        build_value(b, expr);
        break;
    default:
        build_value(b, expr);
        build_emit(b, OP_TRUTH, 0, 0, 0);
        break;
    }
}

void build_condition(struct builder *b, struct expr *expr)
{
    if (!expr || is_rich(b))
        build_value(b, expr);
    else
        build_element(b, expr);
}

/* ---- any ---- */

static void build_effect(struct builder *b, struct expr *expr)
{
    if (expr->kind == EXPR_CALL)
        build_call(b, expr);
    else if (expr->kind == EXPR_ROUTE)
        build_route_call(b, expr);
    else
        build_statements(b, expr->body);
}

static void build_action(struct builder *b, struct expr *expr)
{
    build_effect(b, expr);
    build_emit(b, OP_RESULT, 0, 0, 0);
}

/* What is assigned or returned: a command alone gives the number that it answered. */
void build_plain_value(struct builder *b, struct expr *expr)
{
    if (!expr || !is_rich(b) || !(expr->kind == EXPR_CALL || expr->kind == EXPR_ROUTE)) {
        build_value(b, expr);
        return;
    }
    build_effect(b, expr);
    build_emit(b, OP_RESULT_NUMBER, 0, 0, 0);
}

static void build_leaf(struct builder *b, const struct expr *expr)
{
    if (expr->kind == EXPR_NUMBER)
        push(b, value_of_int(is_rich(b) ? (int32_t)expr->number : expr->number));
    else if (expr->kind == EXPR_NULL)
        push(b, value_null());
    else
        push(b, value_of_str(expr->text));
}

static void build_unguarded(struct builder *b, struct expr *expr)
{
    switch ((enum expr_kind)expr->kind) {
    case EXPR_NUMBER:
    case EXPR_TEXT:
    case EXPR_WORD:
    case EXPR_NULL:
    case EXPR_MYSELF:
        build_leaf(b, expr);
        break;
    case EXPR_VARIABLE:
        push_variable(b, expr->variable);
        break;
    case EXPR_KEYWORD:
        push_keyword(b, expr);
        break;
    case EXPR_CALL:
    case EXPR_ROUTE:
    case EXPR_BLOCK:
        build_action(b, expr);
        break;
    case EXPR_UNARY:
        build_unary(b, expr);
        break;
    case EXPR_BINARY:
        build_binary(b, expr);
        break;
    case EXPR_CHOOSE:
        build_choose(b, expr);
        break;
    case EXPR_ARITHMETIC:
        build_value(b, expr->left);
        break;
    }
}

void build_value(struct builder *b, struct expr *expr)
{
    if (!expr) {
        push(b, value_null());
        return;
    }
    build_unguarded(b, expr);
    if (expr->guard)
        build_emit(b, OP_GUARD_LINES, expr->guard == GUARD_WHOLE, 0, 0);
}
