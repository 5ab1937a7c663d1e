/* SPDX-License-Identifier: Apache-2.0 */
/* Statements and routes -> instructions; and the whole way from a file to a program. */
#include <stdlib.h>

#include "script/build.h"
#include "script/parse.h"
#include "script/report.h"
#include "script/sense.h"

enum {
    ALWAYS_ONE = 1,  /* JUMP_UNLESS: the result is 1 when it jumps */
    RC_IS_VALUE = 2, /* and $rc is the condition */
    PROGRAM_MAX = 256 * 1024 * 1024,
};

static bool is_rich(const struct builder *b)
{
    return b->unit->dialect->has_rich_expressions;
}

/* ---- statements ---- */

static void build_assign(struct builder *b, struct stmt *stmt)
{
    build_plain_value(b, stmt->expr);
    if (stmt->target && stmt->target->variable)
        build_emit(b, OP_STORE, stmt->replaces, 0, build_variable(b, stmt->target->variable));
}

static void build_if(struct builder *b, struct stmt *stmt)
{
    unsigned flag = 0;
    uint32_t to_else, to_end;

    if (!stmt->has_otherwise)
        flag = b->unit->dialect->rc_follows_all ? ALWAYS_ONE | RC_IS_VALUE : ALWAYS_ONE;
    build_condition(b, stmt->expr);
    to_else = build_emit(b, OP_JUMP_UNLESS, flag, 0, 0);
    build_statements(b, stmt->body);
    if (!stmt->has_otherwise) {
        build_land(b, to_else);
        return;
    }
    to_end = build_emit(b, OP_JUMP, 0, 0, 0);
    build_land(b, to_else);
    build_statements(b, stmt->otherwise);
    build_land(b, to_end);
}

static void land_breaks(struct builder *b, struct jump *breaks)
{
    for (; breaks; breaks = breaks->next)
        build_land(b, breaks->at);
}

/* A condition that is not 0 goes on in Kamailio; in OpenSER it must be true. */
static void build_while(struct builder *b, struct stmt *stmt)
{
    struct jump *breaks = NULL, **outer = b->breaks;
    unsigned loop = b->loop_depth++;
    uint32_t start, exit, turn;

    if (b->loop_depth > b->route->loop_count)
        b->route->loop_count = (uint16_t)b->loop_depth;
    build_emit(b, OP_LOOP_START, 0, loop, 0);
    start = build_here(b);
    build_condition(b, stmt->expr);
    exit = build_emit(b, is_rich(b) ? OP_JUMP_IF_ZERO : OP_JUMP_UNLESS, 0, 0, 0);
    turn = build_emit(b, OP_LOOP_TURN, 0, loop, 0);
    b->breaks = &breaks;
    build_statements(b, stmt->body);
    b->breaks = outer;
    build_emit(b, OP_JUMP, 0, 0, start);
    build_land(b, exit);
    build_land(b, turn);
    land_breaks(b, breaks);
    b->loop_depth--;
}

/* ---- switch ---- */

static bool same_label(const struct case_row *a, const struct case_row *b)
{
    if (a->kind != b->kind || a->kind == CASE_REGEX)
        return false;
    return a->kind == CASE_NUMBER ? a->number == b->number : str_eq(a->text, b->text);
}

static void check_twins(struct builder *b, const struct switch_table *table, struct span span)
{
    const struct case_row *last = &table->rows[table->row_count - 1];

    for (unsigned i = 0; i + 1 < table->row_count; i++) {
        if (!same_label(&table->rows[i], last))
            continue;
        if (b->unit->dialect->refuses_twin_labels)
            report_error(b->unit, span, "this case is there already");
        else
            report_warning(b->unit, span, "this case is there already: the first one counts");
        return;
    }
}

/* A label is a number, a text, or a regular expression in which case matters. */
static void fill_case(struct builder *b, const struct switch_case *item, struct case_row *row)
{
    const struct expr *label = item->label;

    row->target = build_here(b);
    if (label->kind == EXPR_NUMBER) {
        row->kind = CASE_NUMBER;
        row->number = label->number;
    } else if (!build_is_constant(label)) {
        report_error(b->unit, label->span, "a label must be a number or a string");
    } else if (item->is_regex) {
        row->kind = CASE_REGEX;
        build_regex(b, label->span, label->text, REGEX_CASE, &row->regex);
    } else {
        row->kind = CASE_TEXT;
        row->text = unit_copy(b->unit, &b->program->arena, label->text);
    }
}

static void add_case(struct builder *b, struct switch_table *table, const struct switch_case *item)
{
    if (!item->label) {
        if (table->has_otherwise)
            report_error(b->unit, item->span, "there is a default already");
        table->has_otherwise = true;
        table->otherwise = build_here(b);
        return;
    }
    if (!unit_reserve(b->unit, &b->program->arena, &table->rows, table->row_count,
                      sizeof *table->rows))
        return;
    fill_case(b, item, &table->rows[table->row_count++]);
    check_twins(b, table, item->span);
}

static void add_break(struct builder *b)
{
    struct jump *jump = unit_alloc(b->unit, &b->unit->scratch, sizeof *jump);

    if (!jump)
        return;
    *jump = (struct jump){ *b->breaks, build_emit(b, OP_JUMP, 0, 0, 0) };
    *b->breaks = jump;
}

static void build_switch_statement(struct builder *b, struct stmt *stmt)
{
    struct switch_table *table = unit_alloc(b->unit, &b->program->arena, sizeof *table);
    struct jump *breaks = NULL, **outer = b->breaks;

    if (!table)
        return;
    build_value(b, stmt->expr);
    build_emit(b, OP_CASES, 0, 0, build_switch(b, table));
    b->breaks = &breaks;
    for (const struct switch_case *item = stmt->cases; item; item = item->next) {
        if (!item->label && !b->unit->dialect->falls_into_default)
            add_break(b);
        add_case(b, table, item);
        build_statements(b, item->body);
    }
    b->breaks = outer;
    land_breaks(b, breaks);
    table->end = build_here(b);
    if (!table->has_otherwise)
        table->otherwise = table->end;
}

/* ---- ends ---- */

static void build_return(struct builder *b, struct stmt *stmt)
{
    if (stmt->expr)
        build_value(b, stmt->expr);
    else
        build_emit(b, OP_CONSTANT, 0, 0, build_constant(b, value_of_int(1)));
    build_emit(b, OP_RETURN, 0, 0, 0);
}

/* Outside of loops and switches, break ends the route. */
static void build_break(struct builder *b)
{
    if (b->breaks)
        add_break(b);
    else
        build_emit(b, OP_RETURN_RESULT, 0, 0, 0);
}

static void build_expr_statement(struct builder *b, struct stmt *stmt)
{
    if (!stmt->expr)
        return;
    if (stmt->expr->kind == EXPR_CALL)
        build_call(b, stmt->expr);
    else
        build_route_call(b, stmt->expr);
}

static void build_statement(struct builder *b, struct stmt *stmt)
{
    build_mark(b, stmt->span);
    switch ((enum stmt_kind)stmt->kind) {
    case STMT_EXPR:
        build_expr_statement(b, stmt);
        break;
    case STMT_ASSIGN:
        build_assign(b, stmt);
        break;
    case STMT_IF:
        build_if(b, stmt);
        break;
    case STMT_WHILE:
        build_while(b, stmt);
        break;
    case STMT_SWITCH:
        build_switch_statement(b, stmt);
        break;
    case STMT_BLOCK:
        build_statements(b, stmt->body);
        break;
    case STMT_RETURN:
        build_return(b, stmt);
        break;
    case STMT_EXIT:
    case STMT_DROP:
        build_emit(b, OP_EXIT, stmt->kind == STMT_DROP, 0, 0);
        break;
    case STMT_BREAK:
        build_break(b);
        break;
    }
}

void build_statements(struct builder *b, struct stmt *first)
{
    for (struct stmt *stmt = first; stmt; stmt = stmt->next)
        build_statement(b, stmt);
}

/* ---- routes ---- */

/* Routes get their numbers before any code refers to one. */
static void number_routes(struct builder *b)
{
    struct program *program = b->program;
    unsigned count = 1;

    for (struct block *block = b->blocks; block; block = block->next)
        block->index = (uint16_t)count++;
    if (count > UINT16_MAX)
        report_error(b->unit, b->blocks->span, "there are too many routes");
    program->routes = unit_alloc(b->unit, &program->arena, count * sizeof *program->routes);
    program->route_count = program->routes ? count : 0;
}

static void build_route(struct builder *b, const struct block *block)
{
    struct route *route = &b->program->routes[block->index];

    b->route = route;
    b->loop_depth = 0;
    route->name = unit_copy(b->unit, &b->program->arena, block->name);
    route->kind = block->kind;
    route->stages = block->stages;
    route->start = build_here(b);
    build_mark(b, block->span);
    build_emit(b, OP_SET_RESULT, 0, 0, 1);
    build_statements(b, block->body);
    build_emit(b, OP_RETURN_RESULT, 0, 0, 0);
    route->end = build_here(b);
}

static void build_program(struct unit *unit, struct block *blocks)
{
    struct builder b = { .unit = unit, .program = unit->program, .blocks = blocks };

    number_routes(&b);
    if (b.program->route_count == 0 || b.program->route_count > UINT16_MAX)
        return;
    for (const struct block *block = blocks; block; block = block->next)
        build_route(&b, block);
}

/* ---- from a file to a program ---- */

static struct program *program_create(const struct dialect *dialect, const struct script_host *host)
{
    struct program *program = calloc(1, sizeof *program);

    if (!program)
        return NULL;
    atomic_init(&program->refs, 1);
    program->dialect = dialect;
    program->host = *host;
    arena_init(&program->arena, NULL, PROGRAM_MAX);
    return program;
}

static void verify(struct unit *unit)
{
    char why[200];

    if (unit->error_count == 0 && program_verify(unit->program, why, sizeof why))
        report_error(unit, (struct span){ 0 }, "the compiler made a bad program: %s", why);
}

static enum err compile(struct unit *unit, struct source *source)
{
    struct block *blocks = NULL;

    unit->has_loose_names = unit->dialect->has_preprocessor && dialect_has_loose_names(source);
    parse_script(unit, source, &blocks);
    check_script(unit, blocks);
    build_program(unit, blocks);
    check_sense(unit, blocks);
    verify(unit);
    if (unit->is_out_of_memory)
        return ERR_NOMEM;
    return unit->error_count ? ERR_SYNTAX : ERR_NONE;
}

static enum err read_any(struct unit *unit, const char *path, const struct str *text,
                         struct source **out)
{
    if (text)
        return source_of_text(&unit->scratch, str_of(path), *text, out);
    if (strcmp(path, "-") == 0)
        return source_read_input(&unit->scratch, out);
    return source_read(&unit->scratch, str_of(path), out);
}

static enum err read_script(struct unit *unit, const char *path, const struct str *text,
                            struct source **out)
{
    enum err err = read_any(unit, path, text, out);

    if (err)
        report_error(unit, (struct span){ 0 }, "cannot read %s: %s", path, err_name(err));
    return err;
}

enum err script_compile(const char *path, const struct str *text, enum script_dialect dialect,
                        const struct script_host *host, struct program **out)
{
    struct source *source;
    struct program *program;
    struct unit unit;
    enum err err;

    unit_init(&unit, host, dialect_of(dialect), NULL);
    err = read_script(&unit, path, text, &source);
    if (!err) {
        unit.dialect = dialect_of(dialect == DIALECT_AUTO ? dialect_detect(source) : dialect);
        program = program_create(unit.dialect, host);
        unit.program = program;
        unit.keep = program ? &program->arena : NULL;
        err = program ? compile(&unit, source) : ERR_NOMEM;
        if (err)
            program_unref(program);
        else
            *out = program;
    }
    unit_fini(&unit);
    if (host->summarize)
        host->summarize(host->context, unit.error_count, unit.warning_count);
    return err;
}
