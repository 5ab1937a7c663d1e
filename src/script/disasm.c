/* SPDX-License-Identifier: Apache-2.0 */
/* Programs printed for people. */
#include "script/program.h"
#include "script/tree.h"

enum {
    LINE_MAX_BYTES = 512,
};

static void write_value(struct writer *w, const struct value *value)
{
    if (value_is_null(value))
        write_str(w, STR("null"));
    else if (value->has_text)
        write_fmt(w, "\"%.*s\"", value->text.len > 60 ? 60 : (int)value->text.len, value->text.ptr);
    else
        write_fmt(w, "%lld", (long long)value->number);
}

static void write_call(struct writer *w, const struct call_site *site)
{
    write_fmt(w, "%s(", site->function->name);
    for (unsigned i = 0; i < site->arg_count; i++) {
        if (i)
            write_str(w, STR(", "));
        if (site->args[i].is_on_stack)
            write_str(w, STR("…"));
        else
            write_value(w, &site->args[i].arg.value);
    }
    write_char(w, ')');
}

static void write_route(struct writer *w, const struct route *route)
{
    write_fmt(w, "%s[" STR_FMT "]", route_keyword(route->kind), STR_ARG(route->name));
}

static void write_switch(struct writer *w, const struct switch_table *table)
{
    for (unsigned i = 0; i < table->row_count; i++) {
        const struct case_row *row = &table->rows[i];

        if (row->kind == CASE_NUMBER)
            write_fmt(w, "%lld", (long long)row->number);
        else if (row->kind == CASE_TEXT)
            write_fmt(w, "\"" STR_FMT "\"", STR_ARG(row->text));
        else
            write_str(w, STR("/…/"));
        write_fmt(w, " -> %u, ", row->target);
    }
    write_fmt(w, "else -> %u", table->otherwise);
}

static void write_operand(struct writer *w, const struct program *program,
                          const struct instruction *code, enum operand_kind kind)
{
    uint32_t operand = code->operand;

    switch (kind) {
    case OPERAND_NONE:
        break;
    case OPERAND_CONSTANT:
        write_value(w, &program->constants[operand]);
        break;
    case OPERAND_VARIABLE:
        write_str(w, program->variables[operand]->text);
        break;
    case OPERAND_FORMAT:
        write_fmt(w, "\"" STR_FMT "\"", STR_ARG(program->formats[operand]->text));
        break;
    case OPERAND_REGEX:
        write_fmt(w, "regex %u", operand);
        break;
    case OPERAND_NET:
        addr_write_ip(w, &program->nets[operand].addr, false);
        write_fmt(w, "/%u", program->nets[operand].bits);
        break;
    case OPERAND_CALL:
        write_call(w, program->calls[operand]);
        break;
    case OPERAND_ROUTE:
        write_route(w, &program->routes[operand]);
        break;
    case OPERAND_SWITCH:
        write_switch(w, program->switches[operand]);
        break;
    case OPERAND_TARGET:
        write_fmt(w, "-> %u", operand);
        break;
    case OPERAND_NUMBER:
        write_fmt(w, "%d", (int)(int32_t)operand);
        break;
    case OPERAND_STAGE:
        write_fmt(w, "stage 0x%x", operand);
        break;
    }
}

static void write_instruction(struct writer *w, const struct program *program, uint32_t at)
{
    const struct instruction *code = &program->code[at];
    const struct opcode_row *row = opcode_row(code->op);
    const struct line_mark *mark = program_mark(program, at);

    write_fmt(w, "%6u  %-16s ", at, row->name);
    write_operand(w, program, code, row->operand);
    if (row->flag_max)
        write_fmt(w, " flag %u", code->flag);
    if (row->count == COUNT_LOOP)
        write_fmt(w, " loop %u", code->count);
    if (mark->at == at)
        write_fmt(w, "   ; " STR_FMT ":%u", STR_ARG(mark->file), mark->line);
}

static void print_route(const struct program *program, const struct route *route,
                        void (*print)(void *context, struct str line), void *context)
{
    char buffer[LINE_MAX_BYTES];
    struct writer w = writer_over(buffer, sizeof buffer);

    write_route(&w, route);
    write_fmt(&w, "  ; stack %u, loops %u", route->stack_size, route->loop_count);
    print(context, writer_text(&w));
    for (uint32_t at = route->start; at < route->end; at++) {
        w = writer_over(buffer, sizeof buffer);
        write_instruction(&w, program, at);
        print(context, writer_text(&w));
    }
}

static bool is_wanted(const struct route *route, struct str which)
{
    char buffer[LINE_MAX_BYTES];
    struct writer w = writer_over(buffer, sizeof buffer);

    if (str_is_empty(which) || str_eq(which, route->name))
        return true;
    write_route(&w, route);
    return str_eq(which, writer_text(&w)) ||
           (str_is_empty(route->name) && str_eq(which, str_of(route_keyword(route->kind))));
}

bool program_disassemble(const struct program *program, struct str which,
                         void (*print)(void *context, struct str line), void *context)
{
    bool has_found = false;

    for (unsigned i = 1; i < program->route_count; i++) {
        if (!is_wanted(&program->routes[i], which))
            continue;
        has_found = true;
        print_route(program, &program->routes[i], print, context);
    }
    return has_found;
}
