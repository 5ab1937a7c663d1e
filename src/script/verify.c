/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever made a program, it runs only when every instruction is sound: operands exist, jumps stay
 * in their route, the stack never runs dry, and is as deep on every way to a place.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "script/program.h"
#include "script/tree.h"

enum {
    STACK_MAX = 4096,
    LOOPS_MAX = 1000,
    UNSEEN = -1,
};

struct verifier {
    const struct program *program;
    struct route *route;
    uint32_t at;     /* the instruction looked at */
    int32_t *depths; /* of the stack before each instruction; UNSEEN */
    uint32_t *work;  /* instructions to look at */
    unsigned work_count;
    char *why;
    size_t why_size;
    bool has_failed;
};

PRINTF_LIKE(2, 3) static bool fail(struct verifier *v, const char *format, ...)
{
    char text[128];
    va_list args;

    if (v->has_failed)
        return false;
    v->has_failed = true;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(v->why, v->why_size, "instruction %u: %s", v->at, text);
    return false;
}

/* ---- operands ---- */

static uint32_t table_size(const struct program *program, enum operand_kind kind)
{
    switch (kind) {
    case OPERAND_CONSTANT:
        return program->constant_count;
    case OPERAND_VARIABLE:
        return program->variable_count;
    case OPERAND_FORMAT:
        return program->format_count;
    case OPERAND_REGEX:
        return program->regex_count;
    case OPERAND_NET:
        return program->net_count;
    case OPERAND_CALL:
        return program->call_count;
    case OPERAND_ROUTE:
        return program->route_count;
    case OPERAND_SWITCH:
        return program->switch_count;
    case OPERAND_STAGE:
        return STAGE_EVERY + 1;
    case OPERAND_TARGET:
        return program->code_count;
    case OPERAND_NONE:
    case OPERAND_NUMBER:
        break;
    }
    return UINT32_MAX;
}

static bool check_call(struct verifier *v, const struct instruction *code)
{
    const struct call_site *site = v->program->calls[code->operand];
    unsigned on_stack = 0;

    if (!site->function || !site->function->run)
        return fail(v, "the command has no function");
    if (site->arg_count > ARGS_MAX)
        return fail(v, "%u arguments", site->arg_count);
    for (unsigned i = 0; i < site->arg_count; i++)
        on_stack += site->args[i].is_on_stack;
    if (on_stack != code->count || on_stack != site->stack_count)
        return fail(v, "%u arguments on the stack, %u taken", on_stack, code->count);
    return true;
}

static bool check_count(struct verifier *v, const struct instruction *code,
                        const struct opcode_row *row)
{
    switch ((enum count_kind)row->count) {
    case COUNT_NONE:
        return code->count == 0 || fail(v, "a count that means nothing");
    case COUNT_VARIABLE:
        return code->count < v->program->variable_count || fail(v, "no such variable");
    case COUNT_LOOP:
        return code->count < v->route->loop_count || fail(v, "no such loop");
    case COUNT_ARGS:
        return check_call(v, code);
    }
    return false;
}

static bool is_in_route(const struct verifier *v, uint32_t target)
{
    return target >= v->route->start && target < v->route->end;
}

static bool check_operand(struct verifier *v, const struct instruction *code,
                          const struct opcode_row *row)
{
    if (code->operand >= table_size(v->program, row->operand) && row->operand != OPERAND_NUMBER)
        return fail(v, "operand %u is out of range", code->operand);
    if (row->operand == OPERAND_NONE && code->operand)
        return fail(v, "an operand that means nothing");
    if (row->operand == OPERAND_ROUTE && code->operand == ROUTE_NONE)
        return fail(v, "no such route");
    if (row->operand == OPERAND_TARGET && !is_in_route(v, code->operand))
        return fail(v, "a jump out of the route");
    return check_count(v, code, row);
}

/* The row of an instruction that is sound in itself; NULL when it is not. */
static const struct opcode_row *check_instruction(struct verifier *v,
                                                  const struct instruction *code)
{
    const struct opcode_row *row = opcode_row(code->op);

    if (!row) {
        fail(v, "no such instruction: %u", code->op);
        return NULL;
    }
    if (code->flag > row->flag_max) {
        fail(v, "flag %u of %s is out of range", code->flag, row->name);
        return NULL;
    }
    return check_operand(v, code, row) ? row : NULL;
}

/* ---- the stack ---- */

/* The machine may arrive at a target with this many values. */
static void arrive(struct verifier *v, uint32_t target, int32_t depth)
{
    if (!is_in_route(v, target)) {
        fail(v, "the end of the route is run over");
        return;
    }
    if (v->depths[target] == UNSEEN) {
        v->depths[target] = depth;
        v->work[v->work_count++] = target;
    } else if (v->depths[target] != depth) {
        fail(v, "%d or %d values on the stack at %u", v->depths[target], depth, target);
    }
}

static void arrive_at_cases(struct verifier *v, const struct instruction *code, int32_t depth)
{
    const struct switch_table *table = v->program->switches[code->operand];

    for (unsigned i = 0; i < table->row_count; i++) {
        const struct case_row *row = &table->rows[i];

        if (row->kind > CASE_REGEX ||
            (row->kind == CASE_REGEX && row->regex >= v->program->regex_count))
            fail(v, "a case that cannot be compared");
        arrive(v, row->target, depth);
    }
    arrive(v, table->otherwise, depth);
    arrive(v, table->end, depth);
}

static void follow(struct verifier *v, const struct instruction *code, const struct opcode_row *row,
                   int32_t depth)
{
    int32_t pops = row->pops == POPS_MANY ? code->count : row->pops;
    int32_t after = depth - pops + row->pushes;

    switch ((enum control)row->flow) {
    case FLOW_NEXT:
        arrive(v, v->at + 1, after);
        break;
    case FLOW_JUMP:
        arrive(v, code->operand, after);
        break;
    case FLOW_FORK:
        arrive(v, code->operand, after);
        arrive(v, v->at + 1, after);
        break;
    case FLOW_KEEP:
        arrive(v, code->operand, depth);
        arrive(v, v->at + 1, after);
        break;
    case FLOW_CASES:
        arrive_at_cases(v, code, after);
        break;
    case FLOW_END:
        break;
    }
}

static void step(struct verifier *v)
{
    const struct instruction *code = &v->program->code[v->at];
    const struct opcode_row *row = check_instruction(v, code);
    int32_t depth = v->depths[v->at], pops, after;

    if (!row)
        return;
    pops = row->pops == POPS_MANY ? code->count : row->pops;
    after = depth - pops + row->pushes;
    if (pops > depth) {
        fail(v, "%s takes %d values, there are %d", row->name, pops, depth);
        return;
    }
    if (after > STACK_MAX) {
        fail(v, "the stack is too deep");
        return;
    }
    if (after > v->route->stack_size)
        v->route->stack_size = (uint16_t)after;
    follow(v, code, row, depth);
}

static void check_route(struct verifier *v)
{
    struct route *route = v->route;

    v->at = route->start;
    route->stack_size = 1;
    if (route->start >= route->end || route->end > v->program->code_count ||
        route->loop_count > LOOPS_MAX) {
        fail(v, "a route that is no stretch of code");
        return;
    }
    arrive(v, route->start, 0);
    while (v->work_count && !v->has_failed) {
        v->at = v->work[--v->work_count];
        step(v);
    }
}

static bool verifier_init(struct verifier *v, struct program *program, char *why, size_t why_size)
{
    size_t count = program->code_count ? program->code_count : 1;

    *v = (struct verifier){ .program = program, .why = why, .why_size = why_size };
    v->depths = calloc(count, sizeof *v->depths);
    v->work = calloc(count, sizeof *v->work);
    for (size_t i = 0; v->depths && i < count; i++)
        v->depths[i] = UNSEEN;
    return v->depths && v->work;
}

enum err program_verify(struct program *program, char *why, size_t why_size)
{
    struct verifier v;
    bool is_ready = verifier_init(&v, program, why, why_size);

    if (!is_ready)
        snprintf(why, why_size, "out of memory");
    for (unsigned i = 1; is_ready && i < program->route_count && !v.has_failed; i++) {
        v.route = &program->routes[i];
        check_route(&v);
    }
    free(v.depths);
    free(v.work);
    return is_ready && !v.has_failed ? ERR_NONE : ERR_SYNTAX;
}
