/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Source text -> tokens. In the Kamailio dialect this includes the preprocessor: directives,
 * included files, names that stand for text. Tokens borrow the sources or the unit's scratch
 * memory.
 */
#include "script/unit.h"

/* S(id, text): longer ones first, so that the first match is the longest. */
#define SYMBOL_TABLE(S)                                                                            \
    S(ASSIGN_ADD, "+=")                                                                            \
    S(ASSIGN_SUBTRACT, "-=")                                                                       \
    S(ASSIGN_MULTIPLY, "*=")                                                                       \
    S(ASSIGN_DIVIDE, "/=")                                                                         \
    S(ASSIGN_MODULO, "%=")                                                                         \
    S(ASSIGN_AND, "&=")                                                                            \
    S(ASSIGN_OR, "|=")                                                                             \
    S(ASSIGN_XOR, "^=")                                                                            \
    S(REPLACE, ":=")                                                                               \
    S(EQUAL, "==")                                                                                 \
    S(UNEQUAL, "!=")                                                                               \
    S(MATCH, "=~")                                                                                 \
    S(MISMATCH, "!~")                                                                              \
    S(AT_MOST, "<=")                                                                               \
    S(AT_LEAST, ">=")                                                                              \
    S(ARROW, "=>")                                                                                 \
    S(SHIFT_LEFT, "<<")                                                                            \
    S(SHIFT_RIGHT, ">>")                                                                           \
    S(AND, "&&")                                                                                   \
    S(OR, "||")                                                                                    \
    S(ASSIGN, "=")                                                                                 \
    S(LESS, "<")                                                                                   \
    S(MORE, ">")                                                                                   \
    S(NOT, "!")                                                                                    \
    S(BIT_AND, "&")                                                                                \
    S(BIT_OR, "|")                                                                                 \
    S(BIT_XOR, "^")                                                                                \
    S(BIT_NOT, "~")                                                                                \
    S(PLUS, "+")                                                                                   \
    S(MINUS, "-")                                                                                  \
    S(STAR, "*")                                                                                   \
    S(SLASH, "/")                                                                                  \
    S(PERCENT, "%")                                                                                \
    S(BRACE_OPEN, "{")                                                                             \
    S(BRACE_CLOSE, "}")                                                                            \
    S(PAREN_OPEN, "(")                                                                             \
    S(PAREN_CLOSE, ")")                                                                            \
    S(BRACKET_OPEN, "[")                                                                           \
    S(BRACKET_CLOSE, "]")                                                                          \
    S(COMMA, ",")                                                                                  \
    S(SEMICOLON, ";")                                                                              \
    S(COLON, ":")                                                                                  \
    S(DOT, ".")                                                                                    \
    S(AT, "@")                                                                                     \
    S(QUESTION, "?")

/* Operators that are words; they follow the symbols in the enum. W(id, text, Kamailio only) */
#define WORD_SYMBOL_TABLE(W)                                                                       \
    W(WORD_AND, "and", false)                                                                      \
    W(WORD_OR, "or", false)                                                                        \
    W(WORD_NOT, "not", false)                                                                      \
    W(WORD_MOD, "mod", true)                                                                       \
    W(WORD_EQ, "eq", true)                                                                         \
    W(WORD_NE, "ne", true)                                                                         \
    W(WORD_IEQ, "ieq", true)                                                                       \
    W(WORD_INE, "ine", true)

enum symbol {
    SYM_NONE,
#define S(id, text) SYM_##id,
    SYMBOL_TABLE(S)
#undef S
#define W(id, text, kamailio) SYM_##id,
        WORD_SYMBOL_TABLE(W)
#undef W
            SYMBOLS
};

enum token_kind {
    TOKEN_END,
    TOKEN_NAME,     /* identifier */
    TOKEN_WORD,     /* digits with letters: 2eth, 0a1b: part of an address or an interface */
    TOKEN_NUMBER,   /* also yes, no, on, off… */
    TOKEN_TEXT,     /* quoted; escapes resolved */
    TOKEN_VARIABLE, /* $…, as written */
    TOKEN_SYMBOL,
};

struct token {
    uint8_t kind;
    uint8_t symbol; /* enum symbol of TOKEN_SYMBOL */
    bool is_glued;  /* nothing stands between it and the token before */
    bool starts_line;
    struct span span;
    struct str text; /* TOKEN_TEXT: resolved; else as written */
    int64_t number;
};

struct lexer {
    struct unit *unit;
    struct input *input; /* what is being read; the one that brought it in is behind it */
    unsigned input_depth, file_depth;
    unsigned condition_depth; /* open #!ifdef */
    unsigned expansion_count;
    bool is_glued, starts_line;
    bool is_cut; /* the file ended inside a string or a comment: that was reported */
};

/* A text being read: a file, or the value of a name. */
struct input {
    struct input *up;
    const struct source *source; /* of a file; NULL for a value */
    struct span use;             /* of a value: where its name stands */
    struct define *define;
    struct str text;
    size_t at;
};

void lexer_init(struct lexer *lexer, struct unit *unit, struct source *source);
/* After the end: TOKEN_END again and again. Errors are reported and skipped over. */
struct token lexer_next(struct lexer *lexer);
const char *symbol_text(enum symbol symbol);

/* ---- between lex.c and preprocess.c ---- */

/* The byte at a distance in the current input; NUL behind its end. */
char lexer_peek(const struct lexer *lexer, size_t distance);
/* A place in the current input. */
struct span lexer_span(const struct lexer *lexer, size_t start, size_t end);
/* The text of a string that starts here, read and resolved; false when there is none. */
bool lexer_take_text(struct lexer *lexer, struct str *out);
void lexer_push_source(struct lexer *lexer, struct source *source);
void lexer_push_define(struct lexer *lexer, struct define *define, struct span use);

/* At "#!" or "!!": obeys the directive and moves past it; false when it is none. */
bool preprocess_directive(struct lexer *lexer);
/* At a string behind include_file or import_file: reads that file next. */
void preprocess_include(struct lexer *lexer, bool may_be_missing);
/* The substitutions of #!subst, applied to a token. */
struct str preprocess_text(struct unit *unit, struct str text);
void preprocess_define(struct unit *unit, struct str name, struct str value);
/* The names that are known from the start. */
void preprocess_start(struct unit *unit);
/* At the end of everything. */
void preprocess_finish(struct lexer *lexer);
