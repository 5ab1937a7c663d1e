/* SPDX-License-Identifier: Apache-2.0 */
/* Productions of statements and route blocks, and what all productions stand on. */
#include "script/parse.h"

#include <stdio.h>

#include "script/report.h"

/* ---- tokens ---- */

const struct token *parser_peek(struct parser *p, unsigned distance)
{
    static const struct token end = { .kind = TOKEN_END };

    if (p->is_lost)
        return &end;
    while (p->ahead_count <= distance)
        p->ahead[p->ahead_count++] = lexer_next(&p->lexer);
    return &p->ahead[distance];
}

struct token parser_take(struct parser *p)
{
    struct token token = *parser_peek(p, 0);

    if (p->is_lost)
        return token;
    p->last = token.span;
    p->ahead_count--;
    memmove(p->ahead, p->ahead + 1, p->ahead_count * sizeof *p->ahead);
    return token;
}

bool parser_at(struct parser *p, enum symbol symbol)
{
    const struct token *token = parser_peek(p, 0);

    return token->kind == TOKEN_SYMBOL && token->symbol == symbol;
}

bool parser_at_name(struct parser *p, const char *name)
{
    const struct token *token = parser_peek(p, 0);

    return token->kind == TOKEN_NAME && str_eq(token->text, str_of(name));
}

bool parser_skip(struct parser *p, enum symbol symbol)
{
    if (!parser_at(p, symbol))
        return false;
    parser_take(p);
    return true;
}

bool parser_skip_name(struct parser *p, const char *name)
{
    if (!parser_at_name(p, name))
        return false;
    parser_take(p);
    return true;
}

static const char *describe(const struct token *token, char *buffer, size_t size)
{
    if (token->kind == TOKEN_END)
        return "the end of the file";
    if (token->kind == TOKEN_TEXT)
        return "a string";
    if (token->symbol == SYM_ASSIGN)
        return "\"=\" (it is == that compares)";
    snprintf(buffer, size, "\"%.*s\"", token->text.len > 40 ? 40 : (int)token->text.len,
             token->text.ptr);
    return buffer;
}

void *parser_fail(struct parser *p, const char *expected)
{
    const struct token *token = parser_peek(p, 0);
    char buffer[64];

    if (!p->is_lost && !p->lexer.is_cut)
        report_error(p->unit, token->span, "expected %s, not %s", expected,
                     describe(token, buffer, sizeof buffer));
    p->is_lost = true;
    return NULL;
}

void parser_expect(struct parser *p, enum symbol symbol, const char *where)
{
    char expected[128];

    if (parser_skip(p, symbol))
        return;
    snprintf(expected, sizeof expected, "'%s' %s", symbol_text(symbol), where);
    parser_fail(p, expected);
}

bool parser_enter(struct parser *p)
{
    if (p->is_lost)
        return false;
    if (p->nesting >= NESTING_MAX) {
        parser_fail(p, "less nesting");
        return false;
    }
    p->nesting++;
    return true;
}

void parser_leave(struct parser *p)
{
    p->nesting--;
}

struct span parser_span_from(const struct parser *p, struct span start)
{
    if (start.source && start.source == p->last.source && p->last.end > start.end)
        start.end = p->last.end;
    return start;
}

/* The point behind the token taken last: where something is missing. */
static struct span behind_last(const struct parser *p)
{
    return (struct span){ p->last.source, p->last.end, p->last.end };
}

/* ---- statements ---- */

struct stmt *parser_stmt(struct parser *p, enum stmt_kind kind, struct span span)
{
    struct stmt *stmt = unit_alloc(p->unit, &p->unit->scratch, sizeof *stmt);

    if (!stmt) {
        p->is_lost = true;
        return NULL;
    }
    stmt->kind = (uint8_t)kind;
    stmt->span = span;
    return stmt;
}

/* Skips the rest of a statement that could not be read: to behind its ';', or to the closing '}'.
 */
static void recover_statement(struct parser *p)
{
    unsigned depth = 0;

    p->is_lost = false;
    while (parser_peek(p, 0)->kind != TOKEN_END) {
        if (parser_at(p, SYM_BRACE_CLOSE) && depth == 0)
            return;
        if (parser_at(p, SYM_BRACE_OPEN))
            depth++;
        if (parser_at(p, SYM_BRACE_CLOSE) && --depth == 0) {
            parser_take(p);
            return;
        }
        if (parser_take(p).symbol == SYM_SEMICOLON && depth == 0)
            return;
    }
}

static struct stmt *parse_body(struct parser *p);

/* Complains about what is missing at a place. */
static void fail_at(struct parser *p, struct span span, const char *what)
{
    if (!p->is_lost && !p->lexer.is_cut)
        report_error(p->unit, span, "%s", what);
    p->is_lost = true;
}

/* When the next statement is on the next line only the ';' is wrong: reading goes on. */
static void expect_semicolon(struct parser *p)
{
    bool goes_on = parser_peek(p, 0)->starts_line || parser_at(p, SYM_BRACE_CLOSE);

    if (parser_skip(p, SYM_SEMICOLON))
        return;
    if (parser_at(p, SYM_ASSIGN))
        fail_at(p, parser_peek(p, 0)->span, "only variables are assigned to: is a '$' missing?");
    else if (goes_on && !p->is_lost && !p->lexer.is_cut)
        report_error(p->unit, behind_last(p), "a ';' is missing here");
    else
        fail_at(p, behind_last(p), "a ';' is missing here");
}

/* The else of an if that could not be read. */
static void skip_orphaned_else(struct parser *p)
{
    while (parser_skip_name(p, "else")) {
        parse_body(p);
        if (p->is_lost)
            recover_statement(p);
    }
}

static bool at_label(struct parser *p)
{
    return parser_at_name(p, "case") || parser_at_name(p, "default");
}

/* *statement up to '}', case or default */
static struct stmt *parse_statements(struct parser *p)
{
    struct stmt *first = NULL, **link = &first;

    while (!p->unit->is_out_of_memory) {
        const struct token *token = parser_peek(p, 0);
        struct stmt *stmt;

        if (token->kind == TOKEN_END || parser_at(p, SYM_BRACE_CLOSE) || at_label(p))
            break;
        stmt = parse_statement(p);
        if (p->is_lost) {
            recover_statement(p);
            skip_orphaned_else(p);
        }
        for (*link = stmt; *link; link = &(*link)->next)
            ;
    }
    return first;
}

/* A label outside of a switch; what follows it. */
static struct stmt *skip_stray_label(struct parser *p)
{
    fail_at(p, parser_peek(p, 0)->span, "case and default stand in the { } of a switch");
    p->is_lost = false;
    parser_take(p);
    while (!parser_at(p, SYM_COLON) && !parser_peek(p, 0)->starts_line &&
           parser_peek(p, 0)->kind != TOKEN_END)
        parser_take(p);
    parser_skip(p, SYM_COLON);
    return parse_statements(p);
}

static void append(struct stmt **list, struct stmt *more)
{
    while (*list)
        list = &(*list)->next;
    *list = more;
}

struct stmt *parse_actions(struct parser *p)
{
    struct span start = parser_peek(p, 0)->span;
    struct stmt *block;

    if (!parser_enter(p))
        return NULL;
    parser_expect(p, SYM_BRACE_OPEN, "to open a block");
    block = parser_stmt(p, STMT_BLOCK, start);
    if (block && !p->is_lost)
        block->body = parse_statements(p);
    while (block && at_label(p))
        append(&block->body, skip_stray_label(p));
    if (!parser_skip(p, SYM_BRACE_CLOSE))
        fail_at(p, start, "this block is not closed");
    parser_leave(p);
    return block;
}

/* body = "{" *statement "}" | statement */
static struct stmt *parse_body(struct parser *p)
{
    if (parser_at(p, SYM_BRACE_OPEN))
        return parse_actions(p);
    return parse_statement(p);
}

/* A ';' before else is the habit of "};". */
static bool skip_else(struct parser *p)
{
    if (parser_at(p, SYM_SEMICOLON) && str_eq(parser_peek(p, 1)->text, STR("else")) &&
        parser_peek(p, 1)->kind == TOKEN_NAME)
        parser_take(p);
    return parser_skip_name(p, "else");
}

/* "if" condition body [ "else" body ] */
static struct stmt *parse_if(struct parser *p)
{
    struct stmt *stmt = parser_stmt(p, STMT_IF, parser_take(p).span);

    if (!stmt)
        return NULL;
    stmt->expr = parse_condition(p);
    stmt->span = parser_span_from(p, stmt->span);
    stmt->body = parse_body(p);
    if (!p->is_lost && skip_else(p)) {
        stmt->has_otherwise = true;
        stmt->otherwise = parse_body(p);
    }
    return stmt;
}

/* "while" condition body */
static struct stmt *parse_while(struct parser *p)
{
    struct stmt *stmt = parser_stmt(p, STMT_WHILE, parser_take(p).span);

    if (!stmt)
        return NULL;
    stmt->expr = parse_condition(p);
    stmt->span = parser_span_from(p, stmt->span);
    stmt->body = parse_body(p);
    return stmt;
}

/* label = [ "/" ] text | [ sign ] number | word */
static struct expr *parse_label(struct parser *p, bool *is_regex)
{
    *is_regex = parser_skip(p, SYM_SLASH);
    if (parser_peek(p, 0)->kind == TOKEN_TEXT || *is_regex)
        return parse_value(p);
    return parse_signed_number(p);
}

/* Skips a label that could not be read, or the ':' that it lacks. */
static void recover_label(struct parser *p)
{
    p->is_lost = false;
    while (!parser_at(p, SYM_COLON) && !parser_at(p, SYM_SEMICOLON) &&
           !parser_at(p, SYM_BRACE_CLOSE) && !parser_peek(p, 0)->starts_line &&
           parser_peek(p, 0)->kind != TOKEN_END)
        parser_take(p);
    if (!parser_skip(p, SYM_COLON))
        parser_skip(p, SYM_SEMICOLON);
}

/* "case" label ":" *statement | "default" ":" *statement */
static struct switch_case *parse_case(struct parser *p)
{
    struct switch_case *item = unit_alloc(p->unit, &p->unit->scratch, sizeof *item);
    bool is_default = parser_at_name(p, "default");

    if (!item || !at_label(p)) {
        parser_fail(p, "case, default or '}'");
        return NULL;
    }
    item->span = parser_take(p).span;
    if (!is_default)
        item->label = parse_label(p, &item->is_regex);
    parser_expect(p, SYM_COLON, "behind the label");
    if (p->is_lost)
        recover_label(p);
    item->span = parser_span_from(p, item->span);
    item->body = parse_statements(p);
    return item;
}

/* "switch" "(" value ")" "{" *case "}" */
static struct stmt *parse_switch(struct parser *p)
{
    struct stmt *stmt = parser_stmt(p, STMT_SWITCH, parser_take(p).span);
    struct switch_case **link;

    if (!stmt || !parser_enter(p))
        return NULL;
    parser_expect(p, SYM_PAREN_OPEN, "behind switch");
    stmt->expr = parse_value(p);
    parser_expect(p, SYM_PAREN_CLOSE, "behind what switch looks at");
    stmt->span = parser_span_from(p, stmt->span);
    parser_expect(p, SYM_BRACE_OPEN, "to open the cases");
    for (link = &stmt->cases; !p->is_lost && !parser_at(p, SYM_BRACE_CLOSE);) {
        struct switch_case *item = parse_case(p);

        if (!item)
            break;
        *link = item;
        link = &item->next;
    }
    parser_expect(p, SYM_BRACE_CLOSE, "behind the cases");
    parser_leave(p);
    return stmt;
}

/* "return" [ value ] ";" */
static struct stmt *parse_return(struct parser *p)
{
    struct stmt *stmt = parser_stmt(p, STMT_RETURN, parser_take(p).span);

    if (!stmt)
        return NULL;
    if (parser_at(p, SYM_PAREN_OPEN) && parser_peek(p, 1)->symbol == SYM_PAREN_CLOSE) {
        parser_take(p);
        parser_take(p);
    } else if (!parser_at(p, SYM_SEMICOLON)) {
        stmt->expr = parse_value(p);
    }
    expect_semicolon(p);
    return stmt;
}

/* ( "exit" | "drop" | "break" ) [ "(" [ number ] ")" ] ";" */
static struct stmt *parse_end(struct parser *p, enum stmt_kind kind)
{
    struct stmt *stmt = parser_stmt(p, kind, parser_take(p).span);

    if (parser_skip(p, SYM_PAREN_OPEN)) {
        if (!parser_at(p, SYM_PAREN_CLOSE))
            parse_signed_number(p);
        parser_expect(p, SYM_PAREN_CLOSE, "to close the parenthesis");
    }
    expect_semicolon(p);
    return stmt;
}

static struct stmt *parse_exit(struct parser *p)
{
    return parse_end(p, STMT_EXIT);
}

static struct stmt *parse_drop(struct parser *p)
{
    return parse_end(p, STMT_DROP);
}

static struct stmt *parse_break(struct parser *p)
{
    return parse_end(p, STMT_BREAK);
}

/* OpenSER knows "x += 1" by grammar alone and assigns. */
static bool skip_assign(struct parser *p, bool *replaces)
{
    enum symbol symbol = parser_peek(p, 0)->symbol;

    *replaces = symbol == SYM_REPLACE;
    if (parser_skip(p, SYM_ASSIGN) || parser_skip(p, SYM_REPLACE))
        return true;
    if (parser_peek(p, 0)->kind != TOKEN_SYMBOL || symbol < SYM_ASSIGN_ADD ||
        symbol > SYM_ASSIGN_XOR)
        return parser_fail(p, "'=' behind a variable");
    if (p->dialect->has_rich_expressions)
        return parser_fail(p, "'='");
    report_warning(p->unit, parser_peek(p, 0)->span,
                   "%s assigns and does no arithmetic, as in OpenSER; write $x = $x + …",
                   symbol_text(symbol));
    parser_take(p);
    return true;
}

struct stmt *parse_assignment(struct parser *p)
{
    struct stmt *stmt = parser_stmt(p, STMT_ASSIGN, parser_peek(p, 0)->span);

    if (!stmt)
        return NULL;
    stmt->target = parse_variable(p);
    if (!skip_assign(p, &stmt->replaces))
        return NULL;
    stmt->expr = parse_value(p);
    stmt->span = parser_span_from(p, stmt->span);
    return stmt->expr ? stmt : NULL;
}

/* ( command | route-call ) ";" */
static struct stmt *parse_call_statement(struct parser *p)
{
    struct stmt *stmt = parser_stmt(p, STMT_EXPR, parser_peek(p, 0)->span);

    if (!stmt)
        return NULL;
    stmt->expr = parser_at_name(p, "route") ? parse_route_call(p) : parse_call(p);
    stmt->span = parser_span_from(p, stmt->span);
    expect_semicolon(p);
    return stmt->expr ? stmt : NULL;
}

static const struct {
    const char *name;
    struct stmt *(*parse)(struct parser *p);
} statements[] = {
    { "if", parse_if },         { "while", parse_while }, { "switch", parse_switch },
    { "return", parse_return }, { "exit", parse_exit },   { "drop", parse_drop },
    { "break", parse_break },   { "esac", parse_break },
};

static struct stmt *parse_plain_statement(struct parser *p)
{
    struct stmt *stmt;

    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (parser_at_name(p, statements[i].name))
            return statements[i].parse(p);
    if (parser_at(p, SYM_BRACE_OPEN))
        return parse_actions(p);
    if (parser_peek(p, 0)->kind == TOKEN_VARIABLE) {
        stmt = parse_assignment(p);
        expect_semicolon(p);
        return stmt;
    }
    if (parser_at_name(p, "else")) {
        fail_at(p, parser_peek(p, 0)->span, "there is no if for this else");
        return NULL;
    }
    if (parser_peek(p, 0)->kind != TOKEN_NAME)
        return parser_fail(p, "a statement");
    return parse_call_statement(p);
}

/* statement = ";" | if | while | switch | end | assignment ";" | call ";" ; NULL for ";" alone */
struct stmt *parse_statement(struct parser *p)
{
    struct stmt *stmt;

    if (parser_skip(p, SYM_SEMICOLON))
        return NULL;
    if (!parser_enter(p))
        return NULL;
    stmt = parse_plain_statement(p);
    parser_leave(p);
    return p->is_lost ? NULL : stmt;
}

/* ---- route blocks ---- */

static const struct {
    const char *keyword;
    uint8_t kind;
    bool needs_name;
} block_keywords[] = {
    { "route", ROUTE_PLAIN, false },           { "request_route", ROUTE_PLAIN, false },
    { "failure_route", ROUTE_FAILURE, false }, { "onreply_route", ROUTE_REPLY, false },
    { "reply_route", ROUTE_REPLY, false },     { "branch_route", ROUTE_BRANCH, false },
    { "error_route", ROUTE_ERROR, false },     { "onsend_route", ROUTE_ONSEND, false },
    { "event_route", ROUTE_EVENT, true },
};

enum {
    BLOCK_KEYWORDS = sizeof block_keywords / sizeof *block_keywords,
};

static int find_block_keyword(struct parser *p)
{
    for (int i = 0; i < BLOCK_KEYWORDS; i++)
        if (parser_at_name(p, block_keywords[i].keyword))
            return i;
    return -1;
}

/* "[" name "]": everything between the brackets; a quoted name and a bare one are the same */
static struct str parse_block_name(struct parser *p)
{
    struct str name = STR("");

    if (!parser_skip(p, SYM_BRACKET_OPEN))
        return name;
    while (!parser_at(p, SYM_BRACKET_CLOSE) && parser_peek(p, 0)->kind != TOKEN_END) {
        struct token token = parser_take(p);

        if (str_print(&p->unit->scratch, &name, STR_FMT STR_FMT, STR_ARG(name),
                      STR_ARG(token.text)))
            report_no_memory(p->unit);
    }
    parser_expect(p, SYM_BRACKET_CLOSE, "behind the name of the route");
    return str_eq(name, STR("0")) ? STR("") : name;
}

static struct block *find_block(const struct parser *p, enum route_kind kind, struct str name)
{
    for (struct block *block = p->blocks; block; block = block->next)
        if (block->kind == kind && str_eq(block->name, name))
            return block;
    return NULL;
}

static void add_block(struct parser *p, struct block *block)
{
    struct block *twin = find_block(p, block->kind, block->name);

    if (!twin) {
        *p->blocks_end = block;
        p->blocks_end = &block->next;
        return;
    }
    if (!p->dialect->appends_main_routes || !str_is_empty(block->name)) {
        report_error(p->unit, block->span, "%s of this name exists already",
                     route_words(block->kind));
        return;
    }
    append(&twin->body, block->body);
}

/* block = keyword [ "[" name "]" ] "{" *statement "}" */
static void parse_block(struct parser *p, int row)
{
    struct block *block = unit_alloc(p->unit, &p->unit->scratch, sizeof *block);
    struct stmt *actions;

    if (!block)
        return;
    block->span = parser_take(p).span;
    block->kind = block_keywords[row].kind;
    block->name = parse_block_name(p);
    block->span = parser_span_from(p, block->span);
    block->stages = 0;
    if (block_keywords[row].needs_name && str_is_empty(block->name))
        report_error(p->unit, block->span, "event_route needs the name of its event in [ ]");
    actions = parse_actions(p);
    if (actions)
        block->body = actions->body;
    add_block(p, block);
}

/* ---- the file ---- */

/* Skips what could not be read at the top level: to the next line that begins something. */
static void recover_item(struct parser *p)
{
    p->is_lost = false;
    p->nesting = 0;
    while (parser_peek(p, 0)->kind != TOKEN_END) {
        const struct token *token = parser_peek(p, 0);

        if (token->starts_line && token->kind == TOKEN_NAME &&
            (find_block_keyword(p) >= 0 || parser_peek(p, 1)->symbol == SYM_ASSIGN ||
             parser_at_name(p, "loadmodule") || parser_at_name(p, "modparam")))
            return;
        parser_take(p);
    }
}

void parser_fail_keyword(struct parser *p, struct span span, struct str word)
{
    struct suggestion suggestion;
    char buffer[SUGGESTION_TEXT_MAX];

    suggestion_init(&suggestion, word);
    for (int i = 0; i < BLOCK_KEYWORDS; i++)
        suggestion_offer(&suggestion, str_of(block_keywords[i].keyword));
    suggestion_offer(&suggestion, STR("loadmodule"));
    suggestion_offer(&suggestion, STR("modparam"));
    report_error(p->unit, span, "no setting, no loadmodule and no route begins with this%s",
                 suggestion_text(&suggestion, buffer, sizeof buffer));
    p->is_lost = true;
}

static void fail_item(struct parser *p)
{
    const struct token *token = parser_peek(p, 0);

    if (token->kind != TOKEN_NAME)
        parser_fail(p, "a setting, loadmodule, modparam or a route");
    else
        parser_fail_keyword(p, token->span, token->text);
}

/* file = *( ";" | global | block ) */
static void parse_item(struct parser *p)
{
    int row;

    if (parser_skip(p, SYM_SEMICOLON))
        return;
    row = find_block_keyword(p);
    if (row >= 0)
        parse_block(p, row);
    else if (!parse_global(p))
        fail_item(p);
}

void parse_script(struct unit *unit, struct source *source, struct block **out)
{
    struct parser p = { .unit = unit, .dialect = unit->dialect };

    p.blocks_end = &p.blocks;
    lexer_init(&p.lexer, unit, source);
    while (parser_peek(&p, 0)->kind != TOKEN_END && !unit->is_out_of_memory) {
        parse_item(&p);
        if (p.is_lost)
            recover_item(&p);
    }
    *out = p.blocks;
}
