/* SPDX-License-Identifier: Apache-2.0 */
#include "script/program.h"

#include <stdlib.h>

#include "script/tree.h"

struct program *program_ref(struct program *program)
{
    atomic_fetch_add_explicit(&program->refs, 1, memory_order_relaxed);
    return program;
}

void program_unref(struct program *program)
{
    if (!program || atomic_fetch_sub_explicit(&program->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (unsigned i = 0; i < program->regex_count; i++)
        regex_destroy(program->regexes[i]);
    arena_fini(&program->arena);
    free(program);
}

enum script_dialect program_dialect(const struct program *program)
{
    return program ? program->dialect->id : DIALECT_AUTO;
}

unsigned program_var_count(const struct program *program)
{
    return program->var_count;
}

uint16_t program_find_route(const struct program *program, unsigned kind, struct str name)
{
    if (str_eq(name, STR("0")))
        name = STR("");
    for (unsigned i = 1; i < program->route_count; i++)
        if (program->routes[i].kind == kind && str_eq(program->routes[i].name, name))
            return (uint16_t)i;
    return ROUTE_NONE;
}

uint16_t program_route(const struct program *program, enum stage stage, struct str name)
{
    static const struct {
        enum stage stage;
        enum route_kind kind;
    } rows[] = {
        { STAGE_REQUEST, ROUTE_PLAIN }, { STAGE_FAILURE, ROUTE_FAILURE },
        { STAGE_REPLY, ROUTE_REPLY },   { STAGE_CORE_REPLY, ROUTE_REPLY },
        { STAGE_BRANCH, ROUTE_BRANCH }, { STAGE_ERROR, ROUTE_ERROR },
        { STAGE_EVENT, ROUTE_EVENT },   { STAGE_ONSEND, ROUTE_ONSEND },
    };

    if (stage == STAGE_LOCAL)
        return program_find_route(program, ROUTE_EVENT, STR("tm:local-request"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].stage == stage)
            return program_find_route(program, rows[i].kind, name);
    return ROUTE_NONE;
}

struct str program_route_name(const struct program *program, uint16_t route)
{
    return program->routes[route].name;
}

const struct line_mark *program_mark(const struct program *program, uint32_t at)
{
    static const struct line_mark nowhere = { .file = STR_INIT("?") };
    unsigned low = 0, high = program->mark_count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (program->marks[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &program->marks[low - 1] : &nowhere;
}

static const struct opcode_row opcodes[] = {
#define OP(name, operand, count, flag, pops, pushes, flow, meaning)                                \
    { #name, OPERAND_##operand, COUNT_##count, flag, POPS_##pops, pushes, FLOW_##flow, meaning },
#include "script/opcodes.def"
#undef OP
};

const struct opcode_row *opcode_row(unsigned op)
{
    return op < OPCODES ? &opcodes[op] : NULL;
}
