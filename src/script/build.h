/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Emitting a program: between compile.c (statements), compile_expr.c (expressions) and
 * compile_call.c (commands and their arguments).
 */
#include "script/check.h"
#include "script/program.h"

/* Instructions that jump to a place that is not known yet. */
struct jump {
    struct jump *next;
    uint32_t at;
};

struct builder {
    struct unit *unit;
    struct program *program;
    struct block *blocks;
    struct route *route;  /* being emitted */
    struct jump **breaks; /* of the innermost while or switch; NULL outside */
    unsigned loop_depth;
    /* where source positions have been counted to */
    const struct source *line_source;
    uint32_t line_offset, line;
};

/* The index of the instruction. */
uint32_t build_emit(struct builder *b, enum opcode op, unsigned flag, unsigned count,
                    uint32_t operand);
uint32_t build_here(const struct builder *b);
/* Makes an instruction jump to here. */
void build_land(struct builder *b, uint32_t at);
/* From here on instructions belong to this place. */
void build_mark(struct builder *b, struct span span);

/* Rows of the tables; the index. */
uint32_t build_constant(struct builder *b, struct value value);
uint32_t build_variable(struct builder *b, const struct variable_ref *ref);
uint32_t build_format(struct builder *b, const struct format *format);
uint32_t build_net(struct builder *b, const struct net *net);
uint32_t build_call_site(struct builder *b, struct call_site *site);
uint32_t build_switch(struct builder *b, struct switch_table *table);
/* Complains and returns false when the pattern is bad. The program owns the regex. */
bool build_regex(struct builder *b, struct span span, struct str pattern, unsigned flags,
                 uint32_t *out);

void build_statements(struct builder *b, struct stmt *first);
/* Pushes the value of an expression. */
void build_plain_value(struct builder *b, struct expr *expr);
void build_value(struct builder *b, struct expr *expr);
/* Pushes 1 or 0; OpenSER: or -1. */
void build_condition(struct builder *b, struct expr *expr);
/* The right side of a comparison or a label is a text known now. */
bool build_is_constant(const struct expr *expr);
/* A command: pushes what it needs and calls it; its answer is the last result. */
void build_call(struct builder *b, struct expr *call);
void build_route_call(struct builder *b, struct expr *call);
