/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The tree of a script: route blocks, statements, expressions, the same for both dialects. Nodes
 * live in the unit's scratch memory. check.c fills in what names stand for.
 */
#include "script/lex.h"

/* ---- expressions ---- */

enum expr_kind {
    EXPR_NUMBER,
    EXPR_TEXT, /* quoted */
    EXPR_WORD, /* bare: a host, an address, a flag name */
    EXPR_NULL,
    EXPR_VARIABLE,
    EXPR_KEYWORD, /* method, uri, src_ip… */
    EXPR_MYSELF,
    EXPR_CALL,
    EXPR_ROUTE, /* route(X): left is the name */
    EXPR_UNARY,
    EXPR_BINARY,
    EXPR_CHOOSE,     /* selval(left, right, third) */
    EXPR_BLOCK,      /* OpenSER: { actions } or an assignment as part of a condition */
    EXPR_ARITHMETIC, /* OpenSER: [ … ] in a condition */
};

/* O(id, text for messages) */
#define OPERATOR_TABLE(O)                                                                          \
    O(OR, "||")                                                                                    \
    O(AND, "&&")                                                                                   \
    O(NOT, "!")                                                                                    \
    O(EQUAL, "==")                                                                                 \
    O(UNEQUAL, "!=")                                                                               \
    O(LESS, "<")                                                                                   \
    O(MORE, ">")                                                                                   \
    O(AT_MOST, "<=")                                                                               \
    O(AT_LEAST, ">=")                                                                              \
    O(MATCH, "=~")                                                                                 \
    O(MISMATCH, "!~")                                                                              \
    O(EQUAL_TEXT, "eq")                                                                            \
    O(UNEQUAL_TEXT, "ne")                                                                          \
    O(EQUAL_NUMBER, "ieq")                                                                         \
    O(UNEQUAL_NUMBER, "ine")                                                                       \
    O(BIT_OR, "|")                                                                                 \
    O(BIT_AND, "&")                                                                                \
    O(BIT_XOR, "^")                                                                                \
    O(SHIFT_LEFT, "<<")                                                                            \
    O(SHIFT_RIGHT, ">>")                                                                           \
    O(PLUS, "+")                                                                                   \
    O(MINUS, "-")                                                                                  \
    O(MULTIPLY, "*")                                                                               \
    O(DIVIDE, "/")                                                                                 \
    O(MODULO, "mod")                                                                               \
    O(BIT_NOT, "~")                                                                                \
    O(NEGATE, "-")                                                                                 \
    O(TO_INT, "(int)")                                                                             \
    O(TO_STR, "(str)")                                                                             \
    O(DEFINED, "defined")                                                                          \
    O(LENGTH, "strlen")                                                                            \
    O(IS_EMPTY, "strempty")

enum operator{
#define O(id, text) OPERATOR_##id,
    OPERATOR_TABLE(O)
#undef O
        OPERATORS
};

/* What a keyword is compared as. */
enum keyword_type {
    COMPARES_TEXT,
    COMPARES_URI,
    COMPARES_IP,
    COMPARES_NUMBER,
    COMPARES_TRANSPORT,
    COMPARES_FAMILY,
    COMPARES_CODE, /* $rc: a plain number */
};

/* K(id, text, variable that has it, type) */
#define KEYWORD_TABLE(K)                                                                           \
    K(METHOD, "method", "rm", COMPARES_TEXT)                                                       \
    K(URI, "uri", "ru", COMPARES_URI)                                                              \
    K(STATUS, "status", "ru", COMPARES_URI)                                                        \
    K(FROM_URI, "from_uri", "fu", COMPARES_URI)                                                    \
    K(TO_URI, "to_uri", "tu", COMPARES_URI)                                                        \
    K(SRC_IP, "src_ip", "si", COMPARES_IP)                                                         \
    K(DST_IP, "dst_ip", "Ri", COMPARES_IP)                                                         \
    K(SRC_PORT, "src_port", "sp", COMPARES_NUMBER)                                                 \
    K(DST_PORT, "dst_port", "Rp", COMPARES_NUMBER)                                                 \
    K(PROTO, "proto", "pr", COMPARES_TRANSPORT)                                                    \
    K(AF, "af", "af", COMPARES_FAMILY)                                                             \
    K(MSG_LEN, "msg:len", "ml", COMPARES_NUMBER)                                                   \
    K(RETCODE, "retcode", "rc", COMPARES_CODE)                                                     \
    K(SND_IP, "snd_ip", "sndfrom(ip)", COMPARES_IP)                                                  \
    K(SND_PORT, "snd_port", "sndfrom(port)", COMPARES_NUMBER)                                        \
    K(SND_PROTO, "snd_proto", "sndto(sproto)", COMPARES_TRANSPORT)                                 \
    K(TO_PROTO, "to_proto", "sndto(sproto)", COMPARES_TRANSPORT)                                   \
    K(SND_AF, "snd_af", "sndto(saf)", COMPARES_FAMILY)                                             \
    K(TO_AF, "to_af", "sndto(saf)", COMPARES_FAMILY)                                               \
    K(TO_IP, "to_ip", "sndto(ip)", COMPARES_IP)                                                    \
    K(TO_PORT, "to_port", "sndto(port)", COMPARES_NUMBER)

enum keyword {
#define K(id, text, variable, type) KEYWORD_##id,
    KEYWORD_TABLE(K)
#undef K
        KEYWORDS
};

/* What is known about a value before anything runs. */
enum value_type {
    TYPE_ANY,
    TYPE_INT,
    TYPE_STR,
};

/* What a part of the lines of a head may bring. */
enum line_guard {
    GUARD_NONE,
    GUARD_WITHIN, /* no end of a line */
    GUARD_WHOLE,  /* whole lines, or no end of one */
};

struct expr {
    uint8_t kind;     /* enum expr_kind */
    uint8_t operator; /* EXPR_UNARY, EXPR_BINARY */
    uint8_t keyword;  /* EXPR_KEYWORD */
    uint8_t type;     /* enum value_type */
    uint8_t guard;    /* enum line_guard */
    uint16_t depth;   /* of the tree under it */
    struct span span;
    struct str text; /* EXPR_TEXT, EXPR_WORD, EXPR_VARIABLE as written, EXPR_CALL: the name */
    int64_t number;
    struct expr *left, *right, *third;
    struct expr *args, *next; /* EXPR_CALL: arguments, linked */
    unsigned arg_count;
    struct stmt *body; /* EXPR_BLOCK */
    /* by check.c */
    const struct mod_function *function;
    struct module *module;
    const struct variable_ref *variable;
    const struct variable_ref *in_reply; /* uri and status: what they are in responses */
    struct block *route; /* EXPR_ROUTE to a constant name; NULL with has_route: none such */
    bool has_route;
    bool is_doubted; /* a warning was given */
};

/* ---- statements ---- */

enum stmt_kind {
    STMT_EXPR, /* a call, for its effect */
    STMT_ASSIGN,
    STMT_IF,
    STMT_WHILE,
    STMT_SWITCH,
    STMT_BLOCK,
    STMT_RETURN,
    STMT_EXIT,
    STMT_DROP,
    STMT_BREAK,
};

struct switch_case {
    struct switch_case *next;
    struct expr *label; /* NULL: default */
    bool is_regex;
    struct stmt *body;
    struct span span;
};

struct stmt {
    struct stmt *next;
    uint8_t kind;  /* enum stmt_kind */
    bool replaces; /* := */
    struct span span;
    struct expr *expr;   /* condition, value, call */
    struct expr *target; /* STMT_ASSIGN */
    struct stmt *body, *otherwise;
    bool has_otherwise;
    struct switch_case *cases;
};

/* ---- route blocks ---- */

/* R(id, keyword, stage, words for messages) */
#define ROUTE_TABLE(R)                                                                             \
    R(PLAIN, "route", STAGE_REQUEST, "a route")                                                    \
    R(FAILURE, "failure_route", STAGE_FAILURE, "a failure_route")                                  \
    R(REPLY, "onreply_route", STAGE_REPLY, "an onreply_route")                                     \
    R(BRANCH, "branch_route", STAGE_BRANCH, "a branch_route")                                      \
    R(ERROR, "error_route", STAGE_ERROR, "an error_route")                                         \
    R(ONSEND, "onsend_route", STAGE_ONSEND, "an onsend_route")                                     \
    R(EVENT, "event_route", STAGE_EVENT, "an event_route")

enum route_kind {
#define R(id, keyword, stage, words) ROUTE_##id,
    ROUTE_TABLE(R)
#undef R
        ROUTE_KINDS
};

struct block {
    struct block *next;
    uint8_t kind;     /* enum route_kind */
    struct span span; /* of its keyword and name */
    struct str name;  /* "" for the main one */
    struct stmt *body;
    uint16_t stages; /* bits of enum stage in which it may run */
    bool is_used;    /* by sense.c: something names it */
    uint16_t index;  /* in the program */
};

const char *operator_text(enum operator operator);
/* "failure_route", and "a failure_route" for sentences. */
const char *route_keyword(enum route_kind kind);
const char *route_words(enum route_kind kind);
uint16_t route_stage(enum route_kind kind, struct str name);
/* The keyword of a name, or -1. */
int keyword_find(struct str text);
enum keyword_type keyword_type(enum keyword keyword);
/* The variable behind it, without '$'. */
struct str keyword_variable(enum keyword keyword);
const char *keyword_text(enum keyword keyword);

/* Visits every statement and, children first, every expression under a list of statements. */
struct tree_walk {
    void (*on_expr)(struct tree_walk *walk, struct expr *expr);
    void (*on_stmt)(struct tree_walk *walk, struct stmt *stmt);
};

void tree_each(struct tree_walk *walk, struct stmt *first);
