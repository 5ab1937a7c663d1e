/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who passes: the ways of a request through the request route. A relay that is reached before
 * anything looked at the sender or the destination is open to the world; so is a registrar that
 * some requests reach without the password that others need.
 *
 * A way is described by what has been looked at on it. Where ways meet, all of them must have
 * looked; one that has asked for a password is enough, as which requests are asked is decided by
 * their methods.
 */
#include "script/sense.h"

#include "script/report.h"

enum {
    LOOKED = 1 << 0,   /* at the sender, or at where the request goes */
    ADMITTED = 1 << 1, /* at who the sender is */
    ENDED = 1 << 2,    /* nothing goes on here */
    STATES = 4,        /* of a route at its start: LOOKED and ADMITTED or not */
    CALLS_MAX = 64,
};

/* What is known of a route, by the state in which it is entered. */
struct passed_route {
    struct passed_route *next;
    const struct block *block;
    bool is_walked;
    uint8_t known; /* bits of states */
    uint8_t end[STATES];
};

struct passage {
    struct unit *unit;
    struct passed_route *routes;
    bool has_admission; /* somewhere in the script */
    unsigned depth;
    unsigned returns;  /* where the returns of the route being walked meet */
    unsigned *breaks;  /* the same of the switch or loop; NULL: in none */
};

static unsigned run_statements(struct passage *passage, struct stmt *stmt, unsigned state);
static unsigned run_expr(struct passage *passage, struct expr *expr, unsigned state);

static unsigned meet(unsigned a, unsigned b)
{
    if (a & ENDED)
        return b;
    return b & ENDED ? a : (a & b) | ((a | b) & ADMITTED);
}

/* ---- routes ---- */

static struct passed_route *find_route(struct passage *passage, const struct block *block)
{
    struct passed_route *route = passage->routes;

    while (route && route->block != block)
        route = route->next;
    if (route)
        return route;
    route = unit_alloc(passage->unit, &passage->unit->scratch, sizeof *route);
    if (route) {
        *route = (struct passed_route){ .next = passage->routes, .block = block };
        passage->routes = route;
    }
    return route;
}

static unsigned walk_route(struct passage *passage, struct passed_route *route, unsigned state)
{
    unsigned returns = passage->returns, *breaks = passage->breaks, end;

    passage->returns = ENDED;
    passage->breaks = NULL;
    route->is_walked = true;
    passage->depth++;
    end = run_statements(passage, route->block->body, state);
    passage->depth--;
    route->is_walked = false;
    end = meet(end, passage->returns);
    passage->returns = returns;
    passage->breaks = breaks;
    return end;
}

static unsigned run_route(struct passage *passage, const struct block *block, unsigned state)
{
    struct passed_route *route;

    if ((state & ENDED) || passage->depth == CALLS_MAX)
        return state;
    route = find_route(passage, block);
    if (!route || route->is_walked)
        return state;
    if (!(route->known & 1u << state)) {
        route->end[state] = (uint8_t)walk_route(passage, route, state);
        route->known |= (uint8_t)(1u << state);
    }
    return route->end[state];
}

/* ---- expressions ---- */

static bool is_open_relay(const struct expr *call, unsigned state)
{
    return (call->function->traits & TRAIT_RELAYS) && !(state & LOOKED) &&
           (call->arg_count == 0 || str_starts(call->args->text, STR("0x")));
}

static bool is_open_registrar(const struct passage *passage, const struct expr *call, unsigned state)
{
    return (call->function->traits & TRAIT_REGISTERS) && passage->has_admission && !(state & ADMITTED);
}

static void judge_call(struct passage *passage, struct expr *call, unsigned state)
{
    const char *what = NULL;

    if (is_open_relay(call, state))
        what = "an open relay: nothing on the way here looks at who sends or where it goes";
    else if (is_open_registrar(passage, call, state))
        what = "anybody can register here: no password is asked on the way";
    if (what && !call->is_doubted)
        report_warning(passage->unit, call->span, "%s", what);
    call->is_doubted |= what != NULL;
}

static unsigned run_arguments(struct passage *passage, const struct expr *call, unsigned state)
{
    for (struct expr *arg = call->args; arg; arg = arg->next)
        state = run_expr(passage, arg, state);
    return state;
}

/* Asked: in a condition, where its answer counts. */
static unsigned run_call(struct passage *passage, struct expr *call, unsigned state, bool is_asked)
{
    unsigned traits;

    if (!call->function)
        return state | LOOKED | ADMITTED; /* nobody knows: rather no warning */
    traits = call->function->traits;
    judge_call(passage, call, state);
    if (traits & TRAIT_ADMITS)
        return state | LOOKED | ADMITTED;
    if (traits & TRAIT_AIMS)
        return state | LOOKED;
    if (!is_asked || (traits & (TRAIT_BLIND | TRAIT_FOLLOWS | TRAIT_RELAYS)))
        return state;
    return run_arguments(passage, call, state) | LOOKED;
}

/* Variables that tell neither who sends nor where it goes. */
static bool is_blind(const struct expr *expr)
{
    static const char *const names[] = { "$rm", "$ml", "$cs", "$ci", "$rc", "$ua" };

    if (expr->kind == EXPR_KEYWORD)
        return expr->keyword == KEYWORD_METHOD || expr->keyword == KEYWORD_MSG_LEN ||
               expr->keyword == KEYWORD_RETCODE;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(expr->text, str_of(names[i])))
            return true;
    return false;
}

static unsigned run_expr(struct passage *passage, struct expr *expr, unsigned state)
{
    if (!expr || (state & ENDED))
        return state;
    switch ((enum expr_kind)expr->kind) {
    case EXPR_CALL:
        return run_call(passage, expr, state, true);
    case EXPR_ROUTE:
        return expr->route ? run_route(passage, expr->route, state) : state | LOOKED | ADMITTED;
    case EXPR_KEYWORD:
    case EXPR_VARIABLE:
        return is_blind(expr) ? state : state | LOOKED;
    case EXPR_MYSELF:
        return state | LOOKED;
    case EXPR_BLOCK:
        return run_statements(passage, expr->body, state);
    default:
        state = run_expr(passage, expr->left, state);
        state = run_expr(passage, expr->right, state);
        return run_expr(passage, expr->third, state);
    }
}

/* Is the request one of a dialog when this is true? */
static bool follows_when_true(const struct expr *condition)
{
    if (!condition)
        return false;
    if (condition->kind == EXPR_CALL)
        return condition->function && (condition->function->traits & TRAIT_FOLLOWS);
    if (condition->kind == EXPR_BINARY && condition->operator== OPERATOR_AND)
        return follows_when_true(condition->left) || follows_when_true(condition->right);
    return false;
}

static bool follows_when_false(const struct expr *condition)
{
    return condition && condition->kind == EXPR_UNARY && condition->operator== OPERATOR_NOT &&
           follows_when_true(condition->left);
}

/* ---- statements ---- */

static unsigned run_if(struct passage *passage, struct stmt *stmt, unsigned state)
{
    unsigned asked = run_expr(passage, stmt->expr, state);
    unsigned when_true = asked | (follows_when_true(stmt->expr) ? LOOKED : 0);
    unsigned when_false = asked | (follows_when_false(stmt->expr) ? LOOKED : 0);

    when_true = run_statements(passage, stmt->body, when_true);
    return meet(when_true, run_statements(passage, stmt->otherwise, when_false));
}

static unsigned run_cases(struct passage *passage, struct stmt *stmt, unsigned asked)
{
    unsigned fallen = ENDED, breaks = ENDED, *outer = passage->breaks;
    bool has_default = false;

    passage->breaks = &breaks;
    for (struct switch_case *item = stmt->cases; item; item = item->next) {
        fallen = run_statements(passage, item->body, meet(fallen, asked));
        has_default |= !item->label;
    }
    passage->breaks = outer;
    breaks = meet(breaks, fallen);
    return has_default ? breaks : meet(breaks, asked);
}

static unsigned run_while(struct passage *passage, struct stmt *stmt, unsigned state)
{
    unsigned asked = run_expr(passage, stmt->expr, state), breaks = asked, *outer = passage->breaks;

    passage->breaks = &breaks;
    breaks = meet(breaks, run_statements(passage, stmt->body, asked));
    passage->breaks = outer;
    return breaks;
}

/* Writing a Request-URI or a next hop aims; reading one to keep it looks at nothing. */
static unsigned run_assign(struct passage *passage, struct stmt *stmt, unsigned state)
{
    static const char *const names[] = { "$ru", "$rd", "$du", "$dd" };

    if (stmt->expr && (stmt->expr->kind == EXPR_CALL || stmt->expr->kind == EXPR_ROUTE))
        state = run_expr(passage, stmt->expr, state);
    for (size_t i = 0; stmt->target && i < sizeof names / sizeof *names; i++)
        if (str_eq(stmt->target->text, str_of(names[i])))
            state |= LOOKED;
    return state;
}

/* "return 0" ends the whole run. */
static unsigned run_return(struct passage *passage, const struct stmt *stmt, unsigned state)
{
    bool ends_all = stmt->expr && stmt->expr->kind == EXPR_NUMBER && stmt->expr->number == 0;

    if (!ends_all)
        passage->returns = meet(passage->returns, state);
    return ENDED;
}

static unsigned run_break(struct passage *passage, unsigned state)
{
    unsigned *target = passage->breaks ? passage->breaks : &passage->returns;

    *target = meet(*target, state);
    return ENDED;
}

static unsigned run_statement(struct passage *passage, struct stmt *stmt, unsigned state)
{
    switch ((enum stmt_kind)stmt->kind) {
    case STMT_EXPR:
        if (stmt->expr && stmt->expr->kind == EXPR_CALL)
            return run_call(passage, stmt->expr, state, false);
        return run_expr(passage, stmt->expr, state);
    case STMT_ASSIGN:
        return run_assign(passage, stmt, state);
    case STMT_IF:
        return run_if(passage, stmt, state);
    case STMT_WHILE:
        return run_while(passage, stmt, state);
    case STMT_SWITCH:
        return run_cases(passage, stmt, run_expr(passage, stmt->expr, state));
    case STMT_BLOCK:
        return run_statements(passage, stmt->body, state);
    case STMT_EXIT:
    case STMT_DROP:
        return ENDED;
    case STMT_RETURN:
        return run_return(passage, stmt, state);
    case STMT_BREAK:
        return run_break(passage, state);
    }
    return state;
}

static unsigned run_statements(struct passage *passage, struct stmt *stmt, unsigned state)
{
    for (; stmt && !(state & ENDED); stmt = stmt->next)
        state = run_statement(passage, stmt, state);
    return state;
}

/* ---- the script ---- */

struct admission_search {
    struct tree_walk walk;
    bool is_found;
};

static void look_for_admission(struct tree_walk *walk, struct expr *expr)
{
    struct admission_search *search = (struct admission_search *)walk;

    if (expr->kind == EXPR_CALL && expr->function && (expr->function->traits & TRAIT_ADMITS))
        search->is_found = true;
}

static void pass_stmt(struct tree_walk *walk, struct stmt *stmt)
{
    (void)walk;
    (void)stmt;
}

void check_flow(struct unit *unit, struct block *blocks)
{
    struct admission_search search = { .walk = { look_for_admission, pass_stmt } };
    struct passage passage = { .unit = unit, .returns = ENDED };

    for (struct block *block = blocks; block; block = block->next)
        tree_each(&search.walk, block->body);
    passage.has_admission = search.is_found;
    for (struct block *block = blocks; block; block = block->next)
        if (block->kind == ROUTE_PLAIN && str_is_empty(block->name))
            run_route(&passage, block, 0);
}
