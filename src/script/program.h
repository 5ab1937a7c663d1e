/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A compiled script: instructions, the tables that they point into, and the routes. Made once by
 * compile.c, checked by verify.c, immutable from then on, shared by all workers.
 */
#include <stdatomic.h>

#include "script/variable.h"

enum opcode {
#define OP(name, operand, count, flag, pops, pushes, flow, meaning) OP_##name,
#include "script/opcodes.def"
#undef OP
    OPCODES
};

enum operand_kind {
    OPERAND_NONE,
    OPERAND_CONSTANT,
    OPERAND_VARIABLE,
    OPERAND_FORMAT,
    OPERAND_REGEX,
    OPERAND_NET,
    OPERAND_CALL,
    OPERAND_ROUTE,
    OPERAND_SWITCH,
    OPERAND_TARGET, /* an instruction of the same route */
    OPERAND_NUMBER, /* itself, signed */
    OPERAND_STAGE,  /* one bit of enum stage */
};

enum count_kind {
    COUNT_NONE,
    COUNT_VARIABLE,
    COUNT_ARGS, /* of a call, on the stack */
    COUNT_LOOP, /* a counter of the route */
};

enum control {
    FLOW_NEXT,
    FLOW_JUMP,
    FLOW_FORK,
    FLOW_KEEP,
    FLOW_CASES,
    FLOW_END,
};

enum {
    POPS_0 = 0,
    POPS_1 = 1,
    POPS_2 = 2,
    POPS_3 = 3,
    POPS_MANY = 255,
};

struct opcode_row {
    const char *name;
    uint8_t operand; /* enum operand_kind */
    uint8_t count;   /* enum count_kind */
    uint8_t flag_max;
    uint8_t pops, pushes;
    uint8_t flow; /* enum control */
    const char *meaning;
};

/* NULL when there is no such instruction. */
const struct opcode_row *opcode_row(unsigned op);

/* COMPARE…: in the order of the flag. */
enum compare {
    COMPARE_EQUAL,
    COMPARE_UNEQUAL,
    COMPARE_LESS,
    COMPARE_MORE,
    COMPARE_AT_MOST,
    COMPARE_AT_LEAST,
};

/* ARITHMETIC…: in the order of the flag. */
enum arithmetic {
    ARITHMETIC_PLUS,
    ARITHMETIC_MINUS,
    ARITHMETIC_MULTIPLY,
    ARITHMETIC_DIVIDE,
    ARITHMETIC_MODULO,
    ARITHMETIC_AND,
    ARITHMETIC_OR,
    ARITHMETIC_XOR,
    ARITHMETIC_SHIFT_LEFT,
    ARITHMETIC_SHIFT_RIGHT,
    ARITHMETIC_PLUS_LITERAL, /* OpenSER: a number as written; not for texts */
};

struct instruction {
    uint8_t op;
    uint8_t flag;
    uint16_t count;
    uint32_t operand;
};

/* An argument of a call: what is known when the script is compiled, and what comes from the stack.
 */
struct call_arg {
    struct arg arg;
    uint8_t type; /* enum arg_type */
    bool is_on_stack;
};

struct call_site {
    const struct mod_function *function;
    struct module *module;
    struct call_arg args[ARGS_MAX];
    uint8_t arg_count;
    uint8_t stack_count;
    bool keeps_rc; /* $rc is not touched */
};

struct net {
    struct addr addr;
    unsigned bits;
};

enum case_kind {
    CASE_NUMBER,
    CASE_TEXT,
    CASE_REGEX,
};

struct case_row {
    uint8_t kind; /* enum case_kind */
    int64_t number;
    struct str text;
    uint32_t regex;
    uint32_t target;
};

struct switch_table {
    struct case_row *rows;
    unsigned row_count;
    uint32_t otherwise; /* default, or behind the switch */
    uint32_t end;       /* behind the switch */
    bool has_otherwise; /* there is a default */
};

struct route {
    struct str name;
    uint8_t kind;        /* enum route_kind */
    uint16_t stages;     /* where it may run */
    uint32_t start, end; /* instructions */
    uint16_t loop_count;
    uint16_t stack_size; /* by the verifier */
};

/* From this instruction on, until the next mark. */
struct line_mark {
    uint32_t at;
    uint32_t line;
    struct str file;
    struct str text; /* of the line, without blanks around it */
};

/* A name of $var() and where its value is. */
struct var_slot {
    struct str name;
    unsigned index;
    struct value first; /* null: none */
};

struct program {
    atomic_uint refs;
    const struct dialect *dialect;
    struct script_host host; /* for what running scripts ask */
    struct arena arena;

    struct instruction *code;
    struct value *constants;
    const struct variable_ref **variables;
    const struct format **formats;
    struct regex **regexes; /* owned */
    struct net *nets;
    struct call_site **calls;
    struct switch_table **switches;
    struct route *routes; /* [0] is no route */
    struct line_mark *marks;
    struct var_slot **vars;
    struct avp_alias *aliases;
    unsigned code_count, constant_count, variable_count, format_count, regex_count, net_count,
        call_count, switch_count, route_count, mark_count, var_count;
};

/* Checks every instruction and fills in stack sizes. On ERR_SYNTAX, `why` says what is wrong. */
MUST_USE enum err program_verify(struct program *program, char *why, size_t why_size);
/* The file and line of an instruction. */
const struct line_mark *program_mark(const struct program *program, uint32_t at);
uint16_t program_find_route(const struct program *program, unsigned kind, struct str name);
