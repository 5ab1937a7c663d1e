/* SPDX-License-Identifier: Apache-2.0 */
/* Names of commands, routes and variables; which command may stand in which route. */
#include "script/check.h"

#include "script/report.h"
#include "script/variable.h"

/* One route calls another; callee NULL: any, the name is computed. */
struct route_edge {
    struct route_edge *next;
    struct block *caller, *callee;
};

struct check {
    struct tree_walk walk; /* first: the walk is the check */
    struct unit *unit;
    struct block *blocks;
    struct block *block; /* being walked */
    struct route_edge *edges;
};

struct block *check_find_block(struct block *blocks, enum route_kind kind, struct str name)
{
    if (str_eq(name, STR("0")))
        name = STR("");
    for (; blocks; blocks = blocks->next)
        if (blocks->kind == kind && str_eq(blocks->name, name))
            return blocks;
    return NULL;
}

/* ---- commands ---- */

/* The function of that name with another number of arguments. */
static const struct mod_function *find_any_count(const struct script_host *host, struct str name)
{
    struct module *module;

    for (unsigned count = 0; count <= ARGS_MAX; count++) {
        const struct mod_function *function =
            host->find_function(host->context, name, count, &module);

        if (function)
            return function;
    }
    return NULL;
}

static unsigned count_types(const struct mod_function *function)
{
    unsigned count = 0;

    while (count < ARGS_MAX && function->takes[count] != ARG_END)
        count++;
    return count;
}

static void fail_count(struct unit *unit, const struct expr *call,
                       const struct mod_function *function)
{
    unsigned max = count_types(function);

    if (function->min_args < max)
        report_error(unit, call->span, "%s takes %u to %u arguments, not %u", function->name,
                     function->min_args, max, call->arg_count);
    else
        report_error(unit, call->span, "%s takes %u argument%s, not %u", function->name, max,
                     max == 1 ? "" : "s", call->arg_count);
}

/* A word without parentheses behind it was meant as a value. */
static bool is_bare(const struct expr *call)
{
    struct str rest = str_skip(call->span.source->text, call->span.end);

    while (rest.len && (*rest.ptr == ' ' || *rest.ptr == '\t'))
        rest = str_skip(rest, 1);
    return call->arg_count == 0 && (!rest.len || *rest.ptr != '(');
}

static void fail_unknown(struct unit *unit, const struct expr *call)
{
    const struct unknown_name unknown = {
        .kind = NAME_FUNCTION,
        .name = call->text,
        .before = is_bare(call) ? "\"" : "unknown command \"",
        .behind = is_bare(call) ? "\" is no command" : "\"",
        .otherwise = is_bare(call) ? "; as a value it needs quotes or a #!define"
                                   : "; is a loadmodule missing?",
    };

    report_unknown(unit, call->span, &unknown);
}

static void resolve_call(struct check *check, struct expr *call)
{
    const struct script_host *host = check->unit->host;
    const struct mod_function *other;

    call->function = host->find_function(host->context, call->text, call->arg_count, &call->module);
    if (call->function)
        return;
    other = find_any_count(host, call->text);
    if (other)
        fail_count(check->unit, call, other);
    else
        fail_unknown(check->unit, call);
}

/* ---- routes ---- */

static void add_edge(struct check *check, struct block *callee)
{
    struct unit *unit = check->unit;
    struct route_edge *edge = unit_alloc(unit, &unit->scratch, sizeof *edge);

    if (!edge)
        return;
    *edge = (struct route_edge){ check->edges, check->block, callee };
    check->edges = edge;
}

static bool is_constant_name(const struct expr *name)
{
    return name->kind == EXPR_TEXT || name->kind == EXPR_WORD || name->kind == EXPR_NUMBER;
}

static void fail_route(struct check *check, const struct expr *call)
{
    struct suggestion suggestion;
    char buffer[SUGGESTION_TEXT_MAX];

    if (check->unit->dialect->has_missing_routes) {
        report_warning(check->unit, call->span, "there is no route[" STR_FMT "]: this does nothing",
                       STR_ARG(call->left->text));
        return;
    }
    suggestion_init(&suggestion, call->left->text);
    for (const struct block *block = check->blocks; block; block = block->next)
        if (block->kind == ROUTE_PLAIN && block->name.len)
            suggestion_offer(&suggestion, block->name);
    report_error(check->unit, call->span, "there is no route[" STR_FMT "]%s",
                 STR_ARG(call->left->text), suggestion_text(&suggestion, buffer, sizeof buffer));
}

static void resolve_route(struct check *check, struct expr *call)
{
    if (!call->left)
        return;
    call->has_route = is_constant_name(call->left);
    if (!call->has_route) {
        add_edge(check, NULL);
        return;
    }
    call->route = check_find_block(check->blocks, ROUTE_PLAIN, call->left->text);
    if (call->route)
        add_edge(check, call->route);
    else
        fail_route(check, call);
}

/* ---- the walk that resolves ---- */

static void resolve_keyword(struct check *check, struct expr *expr)
{
    expr->variable = variable_of_name(check->unit, expr->span, keyword_variable(expr->keyword));
    if (expr->keyword == KEYWORD_URI || expr->keyword == KEYWORD_STATUS)
        expr->in_reply = variable_of_name(check->unit, expr->span, STR("rs"));
}

static bool is_whole(const struct expr *expr)
{
    if (expr->kind == EXPR_UNARY)
        return expr->left;
    return expr->kind != EXPR_BINARY || (expr->left && expr->right);
}

static void resolve_expr(struct tree_walk *walk, struct expr *expr)
{
    struct check *check = (struct check *)walk;

    if (!is_whole(expr))
        return;
    if (expr->kind == EXPR_VARIABLE)
        expr->variable = variable_compile(check->unit, expr->span, expr->text);
    else if (expr->kind == EXPR_KEYWORD)
        resolve_keyword(check, expr);
    else if (expr->kind == EXPR_CALL)
        resolve_call(check, expr);
    else if (expr->kind == EXPR_ROUTE)
        resolve_route(check, expr);
    types_infer(check->unit, expr);
}

static void check_target(struct unit *unit, const struct expr *target)
{
    const struct variable_ref *ref = target ? target->variable : NULL;

    if (!ref)
        return;
    if (ref->transforms)
        report_error(unit, target->span, "a transformation cannot be assigned to");
    else if (!ref->row->set)
        report_error(unit, target->span, "$%s cannot be assigned to", ref->row->name);
}

static void warn_of_text(struct unit *unit, const struct expr *condition)
{
    if (condition && condition->kind == EXPR_TEXT && unit->dialect->has_rich_expressions)
        report_warning(unit, condition->span, "a string as a condition is its number: mostly 0");
}

static void resolve_stmt(struct tree_walk *walk, struct stmt *stmt)
{
    struct check *check = (struct check *)walk;

    if (stmt->kind == STMT_ASSIGN)
        check_target(check->unit, stmt->target);
    if (stmt->kind == STMT_IF || stmt->kind == STMT_WHILE)
        warn_of_text(check->unit, stmt->expr);
}

/* ---- stages ---- */

static void start_stages(struct block *blocks)
{
    for (struct block *block = blocks; block; block = block->next)
        if (block->kind != ROUTE_PLAIN || str_is_empty(block->name))
            block->stages = route_stage(block->kind, block->name);
}

static bool reach(struct block *block, uint16_t stages)
{
    if ((block->stages | stages) == block->stages)
        return false;
    block->stages |= stages;
    return true;
}

static bool follow_edge(struct check *check, const struct route_edge *edge)
{
    bool has_changed = false;

    if (edge->callee)
        return reach(edge->callee, edge->caller->stages);
    for (struct block *block = check->blocks; block; block = block->next)
        if (block->kind == ROUTE_PLAIN)
            has_changed |= reach(block, edge->caller->stages);
    return has_changed;
}

/* A route that others call runs in all the stages of its callers. */
static void spread_stages(struct check *check)
{
    bool has_changed;

    do {
        has_changed = false;
        for (const struct route_edge *edge = check->edges; edge; edge = edge->next)
            has_changed |= follow_edge(check, edge);
    } while (has_changed);
}

static const char *stage_words(uint16_t stages)
{
    for (unsigned kind = 0; kind < ROUTE_KINDS; kind++)
        if (route_stage(kind, STR("x")) & stages)
            return route_words(kind);
    return stages & STAGE_CORE_REPLY ? "the unnamed onreply_route" : "any route";
}

static void check_stage(struct tree_walk *walk, struct expr *expr)
{
    struct check *check = (struct check *)walk;
    const struct block *block = check->block;

    if (expr->kind == EXPR_ROUTE && block->kind == ROUTE_ONSEND)
        report_error(check->unit, expr->span, "an onsend_route calls no other route");
    if (expr->kind != EXPR_CALL || !expr->function || !block->stages)
        return;
    if (expr->function->stages & block->stages)
        return;
    if (block->kind == ROUTE_PLAIN && block->name.len)
        report_error(check->unit, expr->span,
                     "command %s cannot be used in a route that is called from %s",
                     expr->function->name, stage_words(block->stages));
    else
        report_error(check->unit, expr->span, "command %s cannot be used in %s",
                     expr->function->name, route_words(block->kind));
}

static void ignore_stmt(struct tree_walk *walk, struct stmt *stmt)
{
    (void)walk;
    (void)stmt;
}

void check_script(struct unit *unit, struct block *blocks)
{
    struct check check = { .walk = { resolve_expr, resolve_stmt }, .unit = unit, .blocks = blocks };

    for (check.block = blocks; check.block; check.block = check.block->next)
        tree_each(&check.walk, check.block->body);
    start_stages(blocks);
    spread_stages(&check);
    check.walk = (struct tree_walk){ check_stage, ignore_stmt };
    for (check.block = blocks; check.block; check.block = check.block->next)
        tree_each(&check.walk, check.block->body);
}
