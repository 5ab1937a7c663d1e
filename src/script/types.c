/* SPDX-License-Identifier: Apache-2.0 */
/* What is known about values before anything runs. */
#include "script/check.h"

#include "script/report.h"

static bool is_comparison(enum operator operator)
{
    return operator>= OPERATOR_EQUAL && operator<= OPERATOR_UNEQUAL_NUMBER;
}

static enum value_type type_of_unary(const struct expr *expr)
{
    return expr->operator== OPERATOR_TO_STR ? TYPE_STR : TYPE_INT;
}

static enum value_type type_of_binary(const struct expr *expr)
{
    return expr->operator== OPERATOR_PLUS ? expr->left->type : TYPE_INT;
}

static bool is_negation(const struct expr *expr)
{
    return expr->kind == EXPR_UNARY && expr->operator== OPERATOR_NOT;
}

/* "!$rU == x" compares a truth value with a text: meant was !($rU == x). */
static void refuse_int_with_text(struct unit *unit, const struct expr *expr)
{
    if (is_negation(expr->left))
        report_error(unit, expr->span, "! binds tighter than %s: write !(… %s …)",
                     operator_text(expr->operator), operator_text(expr->operator));
    else
        report_error(unit, expr->span,
                     "a number is compared with a string: %s on them is never meant",
                     operator_text(expr->operator));
}

static void check_rich_binary(struct unit *unit, const struct expr *expr)
{
    enum value_type left = expr->left->type, right = expr->right->type;

    if (expr->left->kind == EXPR_KEYWORD || expr->right->kind == EXPR_KEYWORD)
        return;
    if ((expr->operator== OPERATOR_EQUAL || expr->operator== OPERATOR_UNEQUAL) &&
        left == TYPE_INT && right == TYPE_STR)
        refuse_int_with_text(unit, expr);
    if ((expr->operator== OPERATOR_EQUAL_NUMBER || expr->operator== OPERATOR_UNEQUAL_NUMBER) &&
        (left == TYPE_STR || right == TYPE_STR))
        report_error(unit, expr->span, "%s compares numbers; this is a string",
                     operator_text(expr->operator));
}

/* A keyword decides what it can be compared with. */
static bool fits_keyword(const struct expr *keyword, const struct expr *operand)
{
    enum keyword_type type = keyword_type(keyword->keyword);

    if (operand->kind == EXPR_VARIABLE || operand->kind == EXPR_KEYWORD)
        return true;
    switch (type) {
    case COMPARES_NUMBER:
    case COMPARES_CODE:
        return operand->kind == EXPR_NUMBER;
    case COMPARES_URI:
        return operand->kind != EXPR_NULL;
    case COMPARES_IP:
        return operand->kind == EXPR_TEXT || operand->kind == EXPR_WORD ||
               operand->kind == EXPR_MYSELF;
    case COMPARES_TEXT:
        return operand->kind == EXPR_TEXT || operand->kind == EXPR_WORD;
    case COMPARES_TRANSPORT:
    case COMPARES_FAMILY:
        return operand->kind == EXPR_WORD || operand->kind == EXPR_NUMBER;
    }
    return false;
}

static bool knows_operator(const struct expr *keyword, enum operator operator)
{
    bool is_equality = operator== OPERATOR_EQUAL || operator== OPERATOR_UNEQUAL;
    bool is_match = operator== OPERATOR_MATCH || operator== OPERATOR_MISMATCH;

    switch (keyword_type(keyword->keyword)) {
    case COMPARES_NUMBER:
    case COMPARES_CODE:
        return !is_match;
    case COMPARES_TEXT:
    case COMPARES_URI:
        return is_equality || is_match;
    default:
        return is_equality;
    }
}

static void check_keyword(struct unit *unit, const struct expr *expr)
{
    const char *name = keyword_text(expr->left->keyword);

    if (!knows_operator(expr->left, expr->operator))
        report_error(unit, expr->span, "%s cannot be compared by %s", name,
                     operator_text(expr->operator));
    else if (!fits_keyword(expr->left, expr->right))
        report_error(unit, expr->right->span, "%s cannot be compared with this", name);
}

/* $variable == myself: a URI or a host. */
static void check_myself(struct unit *unit, const struct expr *expr)
{
    bool is_equality = expr->operator== OPERATOR_EQUAL || expr->operator== OPERATOR_UNEQUAL;

    if (!is_equality || expr->left->kind != EXPR_VARIABLE)
        report_error(
            unit, expr->span,
            "myself is compared by == with a variable, uri, from_uri, to_uri, src_ip or dst_ip");
}

static void check_binary(struct unit *unit, const struct expr *expr)
{
    if (expr->left->kind == EXPR_KEYWORD && is_comparison(expr->operator))
        check_keyword(unit, expr);
    else if (expr->left->kind == EXPR_MYSELF || expr->right->kind == EXPR_MYSELF)
        check_myself(unit, expr);
    else if (unit->dialect->has_rich_expressions)
        check_rich_binary(unit, expr);
}

void types_infer(struct unit *unit, struct expr *expr)
{
    switch ((enum expr_kind)expr->kind) {
    case EXPR_CALL:
    case EXPR_ROUTE:
        expr->type = TYPE_INT;
        break;
    case EXPR_UNARY:
        expr->type = (uint8_t)type_of_unary(expr);
        break;
    case EXPR_BINARY:
        check_binary(unit, expr);
        expr->type = (uint8_t)type_of_binary(expr);
        break;
    default:
        break;
    }
}
