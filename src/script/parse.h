/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Tokens -> tree, by recursive descent: one function per production, the production above it.
 * Global items (loadmodule, settings…) are handed to the host as they are read; route blocks are
 * collected.
 *
 * The first error makes the parser lost: it then sees no more tokens, so that every production
 * ends, until the statement or item that it stands in has been skipped.
 */
#include "script/tree.h"

enum {
    AHEAD_MAX = 4,
    NESTING_MAX = 250, /* blocks and parentheses */
    TREE_DEPTH_MAX = 1000,
};

struct parser {
    struct unit *unit;
    const struct dialect *dialect;
    struct lexer lexer;
    struct token ahead[AHEAD_MAX];
    unsigned ahead_count;
    struct span last; /* of the token taken last */
    bool is_lost;
    unsigned nesting;
    struct block *blocks, **blocks_end;
};

/* Reads everything; errors are counted in the unit. */
void parse_script(struct unit *unit, struct source *source, struct block **out);

/* ---- tokens ---- */

/* The token after `distance` others, not taken. */
const struct token *parser_peek(struct parser *p, unsigned distance);
struct token parser_take(struct parser *p);
bool parser_at(struct parser *p, enum symbol symbol);
bool parser_at_name(struct parser *p, const char *name);
/* Takes the token if it is the one. */
bool parser_skip(struct parser *p, enum symbol symbol);
bool parser_skip_name(struct parser *p, const char *name);
/* Takes the symbol or complains: "expected ')' behind the arguments". */
void parser_expect(struct parser *p, enum symbol symbol, const char *where);
/* Complains about the next token: "expected … here, not …". Returns NULL. */
void *parser_fail(struct parser *p, const char *expected);
/* False, and lost, when it is too deep. Each true needs a parser_leave. */
bool parser_enter(struct parser *p);
void parser_leave(struct parser *p);
struct span parser_span_from(const struct parser *p, struct span start);

/* ---- nodes; NULL when there is no memory ---- */

struct expr *parser_node(struct parser *p, enum expr_kind kind, struct span span);
struct stmt *parser_stmt(struct parser *p, enum stmt_kind kind, struct span span);

/* ---- productions of parse_expr.c ---- */

/* What an if, while, or switch asks. */
struct expr *parse_condition(struct parser *p);
/* The right side of an assignment. */
struct expr *parse_value(struct parser *p);
/* name [ "(" [ argument *( "," argument ) ] ")" ] */
struct expr *parse_call(struct parser *p);
/* "route" "(" name ")" */
struct expr *parse_route_call(struct parser *p);
struct expr *parse_variable(struct parser *p);
/* [ "+" | "-" ] number */
struct expr *parse_signed_number(struct parser *p);
/* Tokens without blanks between them that make up one bare word: a host, proto:host:port, a path.
 */
bool parser_take_word(struct parser *p, struct str *out, struct span *span);
bool parser_at_word(struct parser *p);
/* Is the next token but the start of a word? */
bool parser_word_goes_on(struct parser *p);

/* ---- productions of parse.c and parse_global.c ---- */

/* "{" *statement "}" */
struct stmt *parse_actions(struct parser *p);
struct stmt *parse_statement(struct parser *p);
/* $variable = value */
struct stmt *parse_assignment(struct parser *p);
/* Complains about a word that begins nothing at the top level. */
void parser_fail_keyword(struct parser *p, struct span span, struct str word);
/* loadmodule, modparam, name = value…; false when the next token starts none. */
bool parse_global(struct parser *p);
