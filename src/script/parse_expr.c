/* SPDX-License-Identifier: Apache-2.0 */
/* Productions of expressions: conditions and arithmetic of OpenSER, the one grammar of Kamailio. */
#include "script/parse.h"

#include "script/report.h"

/* ---- nodes ---- */

struct expr *parser_node(struct parser *p, enum expr_kind kind, struct span span)
{
    struct expr *expr = unit_alloc(p->unit, &p->unit->scratch, sizeof *expr);

    if (!expr) {
        p->is_lost = true;
        return NULL;
    }
    expr->kind = (uint8_t)kind;
    expr->span = span;
    expr->depth = 1;
    return expr;
}

static uint16_t depth_of(const struct expr *expr)
{
    return expr ? expr->depth : 0;
}

static uint16_t largest(uint16_t a, uint16_t b, uint16_t c)
{
    uint16_t ab = a > b ? a : b;

    return ab > c ? ab : c;
}

static struct expr *unary(struct parser *p, enum operator operator, struct expr * operand,
                          struct span start)
{
    struct expr *expr;

    if (!operand)
        return NULL;
    expr = parser_node(p, EXPR_UNARY, parser_span_from(p, start));
    if (!expr)
        return NULL;
    expr->operator=(uint8_t) operator;
    expr->left = operand;
    expr->depth = (uint16_t)(operand->depth + 1);
    return expr;
}

static struct expr *binary(struct parser *p, enum operator operator, struct expr * left,
                           struct expr *right)
{
    struct expr *expr;

    if (!left || !right)
        return NULL;
    if (left->depth >= TREE_DEPTH_MAX || right->depth >= TREE_DEPTH_MAX)
        return parser_fail(p, "the end of an expression this long");
    expr = parser_node(p, EXPR_BINARY, parser_span_from(p, left->span));
    if (!expr)
        return NULL;
    expr->operator=(uint8_t) operator;
    expr->left = left;
    expr->right = right;
    expr->depth = (uint16_t)(largest(left->depth, right->depth, 0) + 1);
    return expr;
}

/* ---- binary operators ---- */

/* A row of a grammar: operators of a higher level bind tighter; all associate to the left. */
struct binary_row {
    uint8_t symbol;   /* enum symbol; SYM_NONE ends the table */
    uint8_t level;    /* from 1 */
    uint8_t operator; /* enum operator */
};

/* Conditions of OpenSER: and, or on one level. '&' and '|' are how 1.1 spells them too. */
static const struct binary_row condition_rows[] = {
    { SYM_AND, 1, OPERATOR_AND },
    { SYM_OR, 1, OPERATOR_OR },
    { SYM_WORD_AND, 1, OPERATOR_AND },
    { SYM_WORD_OR, 1, OPERATOR_OR },
    { SYM_BIT_AND, 1, OPERATOR_AND },
    { SYM_BIT_OR, 1, OPERATOR_OR },
    { 0 },
};

/* Arithmetic of OpenSER: all of + - * / % on one level. */
static const struct binary_row arithmetic_rows[] = {
    { SYM_BIT_AND, 1, OPERATOR_BIT_AND },
    { SYM_BIT_OR, 1, OPERATOR_BIT_OR },
    { SYM_BIT_XOR, 1, OPERATOR_BIT_XOR },
    { SYM_PLUS, 2, OPERATOR_PLUS },
    { SYM_MINUS, 2, OPERATOR_MINUS },
    { SYM_STAR, 2, OPERATOR_MULTIPLY },
    { SYM_SLASH, 2, OPERATOR_DIVIDE },
    { SYM_PERCENT, 2, OPERATOR_MODULO },
    { 0 },
};

/* Everything of Kamailio. Shifts bind looser than ==, bit operators than shifts. */
static const struct binary_row rich_rows[] = {
    { SYM_OR, 1, OPERATOR_OR },
    { SYM_WORD_OR, 1, OPERATOR_OR },
    { SYM_AND, 2, OPERATOR_AND },
    { SYM_WORD_AND, 2, OPERATOR_AND },
    { SYM_BIT_OR, 3, OPERATOR_BIT_OR },
    { SYM_BIT_AND, 4, OPERATOR_BIT_AND },
    { SYM_BIT_XOR, 5, OPERATOR_BIT_XOR },
    { SYM_SHIFT_LEFT, 6, OPERATOR_SHIFT_LEFT },
    { SYM_SHIFT_RIGHT, 6, OPERATOR_SHIFT_RIGHT },
    { SYM_EQUAL, 7, OPERATOR_EQUAL },
    { SYM_UNEQUAL, 7, OPERATOR_UNEQUAL },
    { SYM_MATCH, 7, OPERATOR_MATCH },
    { SYM_MISMATCH, 7, OPERATOR_MISMATCH },
    { SYM_WORD_EQ, 7, OPERATOR_EQUAL_TEXT },
    { SYM_WORD_NE, 7, OPERATOR_UNEQUAL_TEXT },
    { SYM_WORD_IEQ, 7, OPERATOR_EQUAL_NUMBER },
    { SYM_WORD_INE, 7, OPERATOR_UNEQUAL_NUMBER },
    { SYM_LESS, 8, OPERATOR_LESS },
    { SYM_MORE, 8, OPERATOR_MORE },
    { SYM_AT_MOST, 8, OPERATOR_AT_MOST },
    { SYM_AT_LEAST, 8, OPERATOR_AT_LEAST },
    { SYM_PLUS, 9, OPERATOR_PLUS },
    { SYM_MINUS, 9, OPERATOR_MINUS },
    { SYM_STAR, 10, OPERATOR_MULTIPLY },
    { SYM_SLASH, 10, OPERATOR_DIVIDE },
    { SYM_WORD_MOD, 10, OPERATOR_MODULO },
    { SYM_PERCENT, 10, OPERATOR_MODULO },
    { 0 },
};

static const struct binary_row comparison_rows[] = {
    { SYM_EQUAL, 1, OPERATOR_EQUAL },
    { SYM_UNEQUAL, 1, OPERATOR_UNEQUAL },
    { SYM_MATCH, 1, OPERATOR_MATCH },
    { SYM_MISMATCH, 1, OPERATOR_MISMATCH },
    { SYM_LESS, 1, OPERATOR_LESS },
    { SYM_MORE, 1, OPERATOR_MORE },
    { SYM_AT_MOST, 1, OPERATOR_AT_MOST },
    { SYM_AT_LEAST, 1, OPERATOR_AT_LEAST },
    { SYM_WORD_EQ, 1, OPERATOR_EQUAL },
    { SYM_WORD_NE, 1, OPERATOR_UNEQUAL },
    { SYM_WORD_IEQ, 1, OPERATOR_EQUAL },
    { SYM_WORD_INE, 1, OPERATOR_UNEQUAL },
    { 0 },
};

static const struct binary_row *find_ahead(struct parser *p, unsigned distance,
                                           const struct binary_row *rows)
{
    const struct token *token = parser_peek(p, distance);

    if (token->kind != TOKEN_SYMBOL)
        return NULL;
    for (const struct binary_row *row = rows; row->symbol; row++)
        if (row->symbol == token->symbol)
            return row;
    return NULL;
}

static const struct binary_row *find_binary(struct parser *p, const struct binary_row *rows)
{
    return find_ahead(p, 0, rows);
}

typedef struct expr *operand_fn(struct parser *p);

/* binary(level) = operand *( operator of the level or above, binary(level + 1) ) */
static struct expr *parse_binary(struct parser *p, const struct binary_row *rows, unsigned level,
                                 operand_fn *operand)
{
    struct expr *left;
    const struct binary_row *row;

    if (!parser_enter(p))
        return NULL;
    left = operand(p);
    while (left && (row = find_binary(p, rows)) && row->level >= level) {
        parser_take(p);
        left = binary(p, row->operator, left, parse_binary(p, rows, row->level + 1u, operand));
    }
    parser_leave(p);
    return left;
}

/* ---- words, numbers, variables ---- */

static bool joins_word(const struct token *token, bool is_first)
{
    static const uint8_t joints[] = { SYM_DOT,           SYM_COLON,   SYM_MINUS,
                                      SYM_SLASH,         SYM_STAR,    SYM_BRACKET_OPEN,
                                      SYM_BRACKET_CLOSE, SYM_PERCENT, SYM_AT };

    if (token->kind == TOKEN_NAME || token->kind == TOKEN_WORD || token->kind == TOKEN_NUMBER)
        return true;
    if (token->kind != TOKEN_SYMBOL)
        return false;
    if (is_first)
        return token->symbol == SYM_BRACKET_OPEN || token->symbol == SYM_STAR ||
               token->symbol == SYM_SLASH || token->symbol == SYM_COLON;
    for (size_t i = 0; i < sizeof joints; i++)
        if (joints[i] == token->symbol)
            return true;
    return false;
}

bool parser_at_word(struct parser *p)
{
    return joins_word(parser_peek(p, 0), true);
}

bool parser_word_goes_on(struct parser *p)
{
    const struct token *next = parser_peek(p, 1);

    return next->is_glued && next->symbol != SYM_BRACKET_CLOSE && joins_word(next, false);
}

/* A ']' belongs to the word only when its '[' does: [::1], but not the end of route[x]. */
static bool ends_word(const struct token *token, bool is_in_brackets)
{
    return token->symbol == SYM_BRACKET_CLOSE && !is_in_brackets;
}

bool parser_take_word(struct parser *p, struct str *out, struct span *span)
{
    struct str word = { 0 };
    bool is_in_brackets = false;

    *span = parser_peek(p, 0)->span;
    for (bool is_first = true; joins_word(parser_peek(p, 0), is_first); is_first = false) {
        const struct token *token = parser_peek(p, 0);

        if ((!is_first && !token->is_glued) || ends_word(token, is_in_brackets))
            break;
        if (token->symbol == SYM_BRACKET_OPEN || token->symbol == SYM_BRACKET_CLOSE)
            is_in_brackets = token->symbol == SYM_BRACKET_OPEN;
        if (str_print(&p->unit->scratch, &word, STR_FMT STR_FMT, STR_ARG(word),
                      STR_ARG(token->text))) {
            report_no_memory(p->unit);
            return false;
        }
        parser_take(p);
    }
    *span = parser_span_from(p, *span);
    *out = word;
    return word.len > 0;
}

static struct expr *parse_word(struct parser *p)
{
    struct str word;
    struct span span;
    struct expr *expr;

    if (!parser_take_word(p, &word, &span))
        return parser_fail(p, "a name or an address");
    expr = parser_node(p, EXPR_WORD, span);
    if (expr)
        expr->text = word;
    return expr;
}

static struct expr *leaf(struct parser *p, enum expr_kind kind)
{
    struct token token = parser_take(p);
    struct expr *expr = parser_node(p, kind, token.span);

    if (!expr)
        return NULL;
    expr->text = token.text;
    expr->number = token.number;
    if (kind == EXPR_NUMBER)
        expr->type = TYPE_INT;
    if (kind == EXPR_TEXT)
        expr->type = TYPE_STR;
    return expr;
}

struct expr *parse_variable(struct parser *p)
{
    if (parser_peek(p, 0)->kind != TOKEN_VARIABLE)
        return parser_fail(p, "a variable");
    return leaf(p, EXPR_VARIABLE);
}

struct expr *parse_signed_number(struct parser *p)
{
    struct span start = parser_peek(p, 0)->span;
    bool is_negative = parser_skip(p, SYM_MINUS);
    struct expr *expr;

    if (!is_negative)
        parser_skip(p, SYM_PLUS);
    if (parser_peek(p, 0)->kind != TOKEN_NUMBER)
        return parser_fail(p, "a number");
    expr = leaf(p, EXPR_NUMBER);
    if (expr && is_negative) {
        expr->number = -expr->number;
        expr->span = parser_span_from(p, start);
    }
    return expr;
}

static bool at_signed_number(struct parser *p)
{
    unsigned sign = parser_at(p, SYM_MINUS) || parser_at(p, SYM_PLUS);

    return parser_peek(p, sign)->kind == TOKEN_NUMBER;
}

/* A number that is not the start of an address. */
static bool at_plain_number(struct parser *p)
{
    const struct token *next = parser_peek(p, 1);

    if (parser_peek(p, 0)->kind != TOKEN_NUMBER)
        return false;
    return !next->is_glued || next->kind != TOKEN_SYMBOL ||
           (next->symbol != SYM_DOT && next->symbol != SYM_COLON);
}

static bool at_null(struct parser *p)
{
    return parser_at_name(p, "null") || parser_at_name(p, "NULL");
}

/* ---- calls ---- */

/* Inside an argument list: a bare word that no other production begins with. */
static bool at_word_argument(struct parser *p)
{
    static const char *const functions[] = { "strlen", "strempty", "defined", "selval" };
    const struct token *token = parser_peek(p, 0);

    if (at_plain_number(p) || at_null(p))
        return false;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (parser_at_name(p, functions[i]))
            return false;
    return joins_word(token, true);
}

/* argument = word | [ "+" | "-" ] number | text | variable | expression (Kamailio) */
static struct expr *parse_argument(struct parser *p)
{
    if (at_word_argument(p))
        return parse_word(p);
    return parse_value(p);
}

/* "(" [ argument *( "," argument ) ] ")" */
static void parse_arguments(struct parser *p, struct expr *call)
{
    struct expr **link = &call->args;

    if (!parser_skip(p, SYM_PAREN_OPEN))
        return;
    if (!parser_at(p, SYM_PAREN_CLOSE)) {
        do {
            struct expr *argument = parse_argument(p);

            if (!argument)
                return;
            *link = argument;
            link = &argument->next;
            call->arg_count++;
        } while (parser_skip(p, SYM_COMMA));
    }
    parser_expect(p, SYM_PAREN_CLOSE, "behind the arguments");
}

struct expr *parse_call(struct parser *p)
{
    struct expr *call;

    if (parser_peek(p, 0)->kind != TOKEN_NAME)
        return parser_fail(p, "a command");
    call = leaf(p, EXPR_CALL);
    if (call)
        parse_arguments(p, call);
    return call;
}

/* What names a route: a number or a word is taken as written, anything else is computed. */
static struct expr *parse_route_name(struct parser *p)
{
    if (parser_peek(p, 0)->kind == TOKEN_TEXT && parser_peek(p, 1)->symbol == SYM_PAREN_CLOSE)
        return leaf(p, EXPR_TEXT);
    if (at_plain_number(p) || parser_at_word(p))
        return parse_word(p);
    return parse_value(p);
}

struct expr *parse_route_call(struct parser *p)
{
    struct expr *call = leaf(p, EXPR_ROUTE);

    if (!call)
        return NULL;
    parser_expect(p, SYM_PAREN_OPEN, "behind route");
    call->left = parse_route_name(p);
    parser_expect(p, SYM_PAREN_CLOSE, "behind the name of the route");
    call->span = parser_span_from(p, call->span);
    return p->is_lost ? NULL : call;
}

/* ---- comparisons with keywords ---- */

static int keyword_ahead(struct parser *p)
{
    const struct token *token = parser_peek(p, 0);

    if (token->kind == TOKEN_VARIABLE && str_eq(token->text, STR("$?")))
        return -1;
    if (token->kind != TOKEN_NAME)
        return -1;
    if (str_eq(token->text, STR("msg")) && parser_peek(p, 1)->symbol == SYM_COLON &&
        str_eq(parser_peek(p, 2)->text, STR("len")))
        return KEYWORD_MSG_LEN;
    return keyword_find(token->text);
}

static struct expr *parse_keyword(struct parser *p)
{
    int keyword = keyword_ahead(p);
    struct expr *expr;

    if (keyword == KEYWORD_MSG_LEN) {
        parser_take(p);
        parser_take(p);
    }
    expr = leaf(p, EXPR_KEYWORD);
    if (expr)
        expr->keyword = (uint8_t)keyword;
    return expr;
}

static struct expr *parse_myself(struct parser *p)
{
    return leaf(p, EXPR_MYSELF);
}

/* max_len is the largest message. */
static struct expr *parse_max_len(struct parser *p)
{
    struct expr *expr = leaf(p, EXPR_NUMBER);

    if (expr)
        expr->number = 65535;
    return expr;
}

/* operand = "myself" | "null" | "max_len" | text | variable | [ sign ] number | word */
static struct expr *parse_operand(struct parser *p)
{
    const struct token *token = parser_peek(p, 0);

    if (token->kind == TOKEN_TEXT)
        return leaf(p, EXPR_TEXT);
    if (token->kind == TOKEN_VARIABLE)
        return parse_variable(p);
    if (parser_at_name(p, "myself"))
        return parse_myself(p);
    if (parser_at_name(p, "max_len"))
        return parse_max_len(p);
    if (at_null(p))
        return leaf(p, EXPR_NULL);
    if (at_plain_number(p) &&
        !(parser_peek(p, 1)->is_glued && parser_peek(p, 1)->symbol == SYM_SLASH))
        return leaf(p, EXPR_NUMBER);
    if (at_signed_number(p) && parser_peek(p, 0)->kind == TOKEN_SYMBOL)
        return parse_signed_number(p);
    if (keyword_ahead(p) >= 0)
        return parse_keyword(p);
    if (parser_at_word(p))
        return parse_word(p);
    return parser_fail(p, "a value to compare with");
}

/* comparison = keyword [ operator operand ] | "myself" ( "==" | "!=" ) keyword */
static struct expr *parse_keyword_comparison(struct parser *p)
{
    bool is_swapped = parser_at_name(p, "myself");
    struct expr *left = is_swapped ? parse_myself(p) : parse_keyword(p);
    const struct binary_row *row = find_binary(p, comparison_rows);
    struct expr *right;

    if (!row)
        return is_swapped ? parser_fail(p, "== or != behind myself") : left;
    parser_take(p);
    if (is_swapped && keyword_ahead(p) < 0)
        return parser_fail(p, "uri, from_uri, to_uri, src_ip or dst_ip");
    right = is_swapped ? parse_keyword(p) : parse_operand(p);
    return is_swapped ? binary(p, row->operator, right, left)
                      : binary(p, row->operator, left, right);
}

static bool at_keyword_comparison(struct parser *p)
{
    return parser_at_name(p, "myself") || keyword_ahead(p) >= 0;
}

/* ---- OpenSER: conditions ---- */

static struct expr *parse_element(struct parser *p);

/* arithmetic-operand = "(" arithmetic ")" | ( "~" | "-" ) operand | variable | text | number | null
 */
static struct expr *parse_arithmetic_operand(struct parser *p)
{
    struct span start = parser_peek(p, 0)->span;
    const struct token *token = parser_peek(p, 0);
    struct expr *expr;

    if (parser_skip(p, SYM_PAREN_OPEN)) {
        expr = parse_binary(p, arithmetic_rows, 1, parse_arithmetic_operand);
        parser_expect(p, SYM_PAREN_CLOSE, "to close the parenthesis");
        return expr;
    }
    if (!parser_enter(p))
        return NULL;
    if (parser_skip(p, SYM_BIT_NOT))
        expr = unary(p, OPERATOR_BIT_NOT, parse_arithmetic_operand(p), start);
    else if (at_signed_number(p))
        expr = parse_signed_number(p);
    else if (parser_skip(p, SYM_MINUS))
        expr = unary(p, OPERATOR_NEGATE, parse_arithmetic_operand(p), start);
    else if (token->kind == TOKEN_TEXT)
        expr = leaf(p, EXPR_TEXT);
    else if (token->kind == TOKEN_VARIABLE)
        expr = parse_variable(p);
    else if (at_null(p))
        expr = leaf(p, EXPR_NULL);
    else if (keyword_ahead(p) >= 0)
        expr = parse_keyword(p);
    else if (parser_at_word(p))
        expr = parse_word(p);
    else
        expr = parser_fail(p, "a value");
    parser_leave(p);
    return expr;
}

/* "[" arithmetic "]" as an element: true when it is not zero */
static struct expr *parse_bracket(struct parser *p)
{
    struct expr *expr = leaf(p, EXPR_ARITHMETIC);
    struct expr *inner = parse_binary(p, arithmetic_rows, 1, parse_arithmetic_operand);

    parser_expect(p, SYM_BRACKET_CLOSE, "behind the arithmetic");
    if (!expr || !inner)
        return NULL;
    expr->left = inner;
    expr->depth = (uint16_t)(depth_of(inner) + 1);
    return expr;
}

/* "{" actions "}", an if, or an assignment, as an element: true when its last action was */
static struct expr *parse_block_element(struct parser *p, struct stmt *(*parse)(struct parser *p))
{
    struct expr *expr = parser_node(p, EXPR_BLOCK, parser_peek(p, 0)->span);

    if (expr)
        expr->body = parse(p);
    return expr;
}

static bool at_assignment(struct parser *p)
{
    enum symbol symbol = parser_peek(p, 1)->symbol;

    if (parser_peek(p, 0)->kind != TOKEN_VARIABLE)
        return false;
    return symbol == SYM_ASSIGN || (symbol >= SYM_ASSIGN_ADD && symbol <= SYM_REPLACE);
}

/* The originals take it; hardly anybody means it. */
static struct expr *parse_assigning_condition(struct parser *p)
{
    struct expr *expr = parse_block_element(p, parse_assignment);

    if (expr && !p->is_lost)
        report_warning(p->unit, expr->span, "this assigns; == compares");
    return expr;
}

/* variable [ comparison-operator operand ] | assignment */
static struct expr *parse_variable_element(struct parser *p)
{
    const struct binary_row *row;
    struct expr *left;

    if (at_assignment(p))
        return parse_assigning_condition(p);
    left = parse_variable(p);
    row = find_binary(p, comparison_rows);
    if (!row)
        return left;
    parser_take(p);
    return binary(p, row->operator, left, parse_operand(p));
}

/* number [ comparison-operator operand ] */
static struct expr *parse_number_element(struct parser *p)
{
    struct expr *left = parse_signed_number(p);
    const struct binary_row *row = find_binary(p, comparison_rows);

    if (!row)
        return left;
    parser_take(p);
    return binary(p, row->operator, left, parse_operand(p));
}

static struct expr *parse_condition_group(struct parser *p)
{
    struct expr *expr = parse_binary(p, condition_rows, 1, parse_element);

    parser_expect(p, SYM_PAREN_CLOSE, "to close the parenthesis");
    return expr;
}

static struct expr *parse_plain_element(struct parser *p)
{
    if (parser_skip(p, SYM_PAREN_OPEN))
        return parse_condition_group(p);
    if (parser_at(p, SYM_BRACKET_OPEN))
        return parse_bracket(p);
    if (parser_at(p, SYM_BRACE_OPEN))
        return parse_block_element(p, parse_actions);
    if (parser_at_name(p, "if"))
        return parse_block_element(p, parse_statement);
    if (parser_peek(p, 0)->kind == TOKEN_VARIABLE)
        return parse_variable_element(p);
    if (at_signed_number(p))
        return parse_number_element(p);
    if (at_keyword_comparison(p))
        return parse_keyword_comparison(p);
    if (parser_at_name(p, "route"))
        return parse_route_call(p);
    if (parser_peek(p, 0)->kind == TOKEN_NAME)
        return parse_call(p);
    return parser_fail(p, "a condition");
}

/* element = *( "!" | "not" ) plain-element */
static struct expr *parse_element(struct parser *p)
{
    struct span start = parser_peek(p, 0)->span;
    struct expr *expr;

    if (!parser_enter(p))
        return NULL;
    if (parser_skip(p, SYM_NOT) || parser_skip(p, SYM_WORD_NOT))
        expr = unary(p, OPERATOR_NOT, parse_element(p), start);
    else
        expr = parse_plain_element(p);
    parser_leave(p);
    return expr;
}

/* ---- Kamailio: one expression grammar ---- */

static struct expr *parse_rich_operand(struct parser *p);

static struct expr *parse_rich(struct parser *p)
{
    return parse_binary(p, rich_rows, 1, parse_rich_operand);
}

/* "(int)" and "(str)" are casts; every other "(" opens a group. */
static bool skip_cast(struct parser *p, enum operator* out)
{
    const struct token *name = parser_peek(p, 1);

    if (!parser_at(p, SYM_PAREN_OPEN) || name->kind != TOKEN_NAME ||
        parser_peek(p, 2)->symbol != SYM_PAREN_CLOSE)
        return false;
    if (!str_eq(name->text, STR("int")) && !str_eq(name->text, STR("str")))
        return false;
    *out = name->text.ptr[0] == 'i' ? OPERATOR_TO_INT : OPERATOR_TO_STR;
    parser_take(p);
    parser_take(p);
    parser_take(p);
    return true;
}

static const struct {
    uint8_t symbol; /* enum symbol, or… */
    const char *name;
    uint8_t operator;
} prefixes[] = {
    { SYM_NOT, NULL, OPERATOR_NOT },         { SYM_WORD_NOT, NULL, OPERATOR_NOT },
    { SYM_BIT_NOT, NULL, OPERATOR_BIT_NOT }, { SYM_MINUS, NULL, OPERATOR_NEGATE },
    { 0, "defined", OPERATOR_DEFINED },      { 0, "strlen", OPERATOR_LENGTH },
    { 0, "strempty", OPERATOR_IS_EMPTY },
};

static bool skip_prefix(struct parser *p, enum operator* out)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        *out = prefixes[i].operator;
        if (prefixes[i].name ? parser_skip_name(p, prefixes[i].name)
                             : parser_skip(p, prefixes[i].symbol))
            return true;
    }
    return skip_cast(p, out);
}

/* "selval" "(" expression "," expression "," expression ")" */
static struct expr *parse_choose(struct parser *p)
{
    struct expr *expr = leaf(p, EXPR_CHOOSE);

    parser_expect(p, SYM_PAREN_OPEN, "behind selval");
    if (!expr)
        return NULL;
    expr->left = parse_rich(p);
    parser_expect(p, SYM_COMMA, "behind the condition of selval");
    expr->right = parse_rich(p);
    parser_expect(p, SYM_COMMA, "behind the first value of selval");
    expr->third = parse_rich(p);
    parser_expect(p, SYM_PAREN_CLOSE, "to close selval");
    expr->depth =
        (uint16_t)(largest(depth_of(expr->left), depth_of(expr->right), depth_of(expr->third)) + 1);
    return p->is_lost ? NULL : expr;
}

static struct expr *parse_rich_name(struct parser *p)
{
    if (parser_at_name(p, "myself") && !find_ahead(p, 1, comparison_rows))
        return parse_myself(p);
    if (at_keyword_comparison(p))
        return parse_keyword_comparison(p);
    if (at_null(p))
        return leaf(p, EXPR_NULL);
    if (parser_at_name(p, "selval"))
        return parse_choose(p);
    if (parser_at_name(p, "route"))
        return parse_route_call(p);
    if (parser_at_name(p, "max_len"))
        return parse_max_len(p);
    return parse_call(p);
}

/* primary = "(" expression ")" | number | text | variable | comparison | call */
static struct expr *parse_primary(struct parser *p)
{
    const struct token *token = parser_peek(p, 0);
    struct expr *expr;

    if (parser_skip(p, SYM_PAREN_OPEN)) {
        expr = at_assignment(p) ? parse_assigning_condition(p) : parse_rich(p);
        parser_expect(p, SYM_PAREN_CLOSE, "to close the parenthesis");
        return expr;
    }
    if (token->kind == TOKEN_NUMBER)
        return at_plain_number(p) ? leaf(p, EXPR_NUMBER) : parse_word(p);
    if (token->kind == TOKEN_TEXT)
        return leaf(p, EXPR_TEXT);
    if (token->kind == TOKEN_VARIABLE)
        return parse_variable(p);
    if (token->kind == TOKEN_NAME)
        return parse_rich_name(p);
    if (parser_at(p, SYM_BRACKET_OPEN))
        return parse_word(p);
    return parser_fail(p, "a value");
}

/* operand = *( "!" | "~" | "-" | "defined" | cast … ) primary */
static struct expr *parse_rich_operand(struct parser *p)
{
    struct span start = parser_peek(p, 0)->span;
    enum operator operator;
    struct expr *expr;

    if (!parser_enter(p))
        return NULL;
    if (at_signed_number(p) && parser_at(p, SYM_MINUS))
        expr = parse_signed_number(p);
    else if (skip_prefix(p, &operator))
        expr = unary(p, operator, parse_rich_operand(p), start);
    else
        expr = parse_primary(p);
    parser_leave(p);
    return expr;
}

/* ---- entries ---- */

struct expr *parse_condition(struct parser *p)
{
    if (p->dialect->has_rich_expressions)
        return parse_rich(p);
    return parse_binary(p, condition_rows, 1, parse_element);
}

struct expr *parse_value(struct parser *p)
{
    if (p->dialect->has_rich_expressions)
        return parse_rich(p);
    return parse_binary(p, arithmetic_rows, 1, parse_arithmetic_operand);
}
