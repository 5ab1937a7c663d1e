/* SPDX-License-Identifier: Apache-2.0 */
/* Dead code, unused routes, comparisons that never hold, results that nobody looks at. */
#include "script/sense.h"

#include <culvert/sip.h>

#include "script/report.h"

struct sense {
    struct tree_walk walk; /* first: the walk is the check */
    struct unit *unit;
    struct block *blocks;
    bool calls_computed; /* a route is called by a name that is made at run time */
};

static bool is_text(const struct expr *expr)
{
    return expr->kind == EXPR_TEXT || expr->kind == EXPR_WORD;
}

/* ---- code behind an end ---- */

static const char *end_word(const struct stmt *stmt)
{
    switch ((enum stmt_kind)stmt->kind) {
    case STMT_RETURN:
        return "return";
    case STMT_EXIT:
        return "exit";
    case STMT_DROP:
        return "drop";
    case STMT_BREAK:
        return "break";
    default:
        return NULL;
    }
}

/* What stands under #!ifdef may well make the rest needless. */
static bool is_conditional(struct span before, struct span behind)
{
    if (before.source != behind.source || behind.start < before.end)
        return true;
    return str_find((struct str){ before.source->text.ptr + before.end, behind.start - before.end },
                    STR("#!"));
}

/* "exit; break;" is how a case is written. */
static void warn_of_dead_code(struct unit *unit, const struct stmt *stmt)
{
    const char *word = end_word(stmt);

    if (word && stmt->next && !end_word(stmt->next) && !is_conditional(stmt->span, stmt->next->span))
        report_warning(unit, stmt->next->span, "this is never reached: there is %s above it", word);
}

/* ---- results that nobody looks at ---- */

struct rc_search {
    struct tree_walk walk;
    bool is_found, is_overwritten;
};

static void look_for_rc(struct tree_walk *walk, struct expr *expr)
{
    struct rc_search *search = (struct rc_search *)walk;
    bool is_variable = expr->kind == EXPR_VARIABLE &&
                       (str_eq(expr->text, STR("$rc")) || str_eq(expr->text, STR("$retcode")) ||
                        str_eq(expr->text, STR("$?")));

    if (search->is_overwritten)
        return;
    search->is_found |=
        is_variable || (expr->kind == EXPR_KEYWORD && expr->keyword == KEYWORD_RETCODE);
    search->is_overwritten = expr->kind == EXPR_CALL || expr->kind == EXPR_ROUTE;
}

static void pass_stmt(struct tree_walk *walk, struct stmt *stmt)
{
    (void)walk;
    (void)stmt;
}

/* The last result of a route is the route's. */
static bool is_result_used(const struct stmt *stmt)
{
    struct rc_search search = { .walk = { look_for_rc, pass_stmt } };

    if (!stmt->next)
        return true;
    tree_each(&search.walk, stmt->next);
    return search.is_found;
}

static void warn_of_lost_result(struct unit *unit, const struct stmt *stmt)
{
    const struct expr *call = stmt->kind == STMT_EXPR ? stmt->expr : NULL;

    if (!call || call->kind != EXPR_CALL || !call->function)
        return;
    if ((call->function->traits & TRAIT_DECIDES) && !is_result_used(stmt))
        report_warning(unit, call->span, "nobody looks at the result of %s: everybody passes here",
                       call->function->name);
}

static void sense_stmt(struct tree_walk *walk, struct stmt *stmt)
{
    struct sense *sense = (struct sense *)walk;

    warn_of_dead_code(sense->unit, stmt);
    warn_of_lost_result(sense->unit, stmt);
}

/* ---- comparisons ---- */

static bool is_listed(const char *const *names, const struct expr *expr)
{
    if (expr->kind != EXPR_VARIABLE || expr->text.len < 2)
        return false;
    for (; *names; names++)
        if (str_eq(str_skip(expr->text, 1), str_of(*names)))
            return true;
    return false;
}

static bool is_method(const struct expr *expr)
{
    static const char *const names[] = { "rm", NULL };

    return is_listed(names, expr) || (expr->kind == EXPR_KEYWORD && expr->keyword == KEYWORD_METHOD);
}

static bool looks_like_method(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((name.ptr[i] < 'A' || name.ptr[i] > 'Z') && (name.ptr[i] < 'a' || name.ptr[i] > 'z'))
            return false;
    return name.len > 0;
}

static bool has_small_letter(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] >= 'a' && name.ptr[i] <= 'z')
            return true;
    return false;
}

/* Methods that are not in the table are said only when they look like one that is. */
static void check_method(const struct sense *sense, const struct expr *left,
                         const struct expr *right)
{
    struct suggestion suggestion;
    char buffer[SUGGESTION_TEXT_MAX];

    if (!is_text(right) || !looks_like_method(right->text))
        return;
    if (left->kind == EXPR_VARIABLE && sense->unit->dialect->has_rich_expressions &&
        has_small_letter(right->text)) {
        report_warning(sense->unit, right->span,
                       "methods are in capital letters: this is never equal");
        return;
    }
    suggestion_init(&suggestion, right->text);
    for (unsigned method = 0; method < SIP_UNKNOWN_METHOD; method++)
        suggestion_offer(&suggestion, sip_method_name(method));
    if (suggestion.best[0] && suggestion.distance > 0)
        report_warning(sense->unit, right->span, "\"" STR_FMT "\" is no method%s",
                       STR_ARG(right->text),
                       suggestion_text(&suggestion, buffer, sizeof buffer));
}

/* URIs and methods are never a number; a status, port or length is never another text. */
static void check_types(const struct sense *sense, const struct expr *left,
                        const struct expr *right)
{
    static const char *const texts[] = { "rm", "ru", "ou", "du", "fu", "tu", "si", NULL };
    static const char *const numbers[] = { "rs", "sp", "Rp", "ml", "cs", NULL };
    int64_t number;

    if (right->kind == EXPR_NUMBER && is_listed(texts, left))
        report_warning(sense->unit, right->span, STR_FMT " is text: it is never equal to a number",
                       STR_ARG(left->text));
    if (right->kind == EXPR_TEXT && is_listed(numbers, left) &&
        str_to_int(right->text, INT64_MIN, INT64_MAX, &number))
        report_warning(sense->unit, right->span,
                       STR_FMT " is a number: it is never equal to this text",
                       STR_ARG(left->text));
}

static bool is_equality(const struct expr *expr)
{
    return expr->kind == EXPR_BINARY && expr->left && expr->right &&
           (expr->operator== OPERATOR_EQUAL || expr->operator== OPERATOR_UNEQUAL ||
            expr->operator== OPERATOR_EQUAL_TEXT || expr->operator== OPERATOR_UNEQUAL_TEXT);
}

static void sense_expr(struct tree_walk *walk, struct expr *expr)
{
    struct sense *sense = (struct sense *)walk;

    if (!is_equality(expr))
        return;
    if (is_method(expr->left))
        check_method(sense, expr->left, expr->right);
    if (expr->left->kind == EXPR_VARIABLE)
        check_types(sense, expr->left, expr->right);
}

/* ---- routes that nothing names ---- */

static void use_block(struct sense *sense, enum route_kind kind, struct str name)
{
    for (struct block *block = sense->blocks; block; block = block->next)
        if (block->kind == kind && str_eq(block->name, name))
            block->is_used = true;
}

/* A text that is the name of a route may mean it: functions of many modules run routes. */
static void use_text(struct sense *sense, struct str text)
{
    for (unsigned kind = 0; kind < ROUTE_KINDS; kind++)
        use_block(sense, kind, text);
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* "timer=t;route=CLEAN" names CLEAN too. */
static void use_words(struct sense *sense, struct str text)
{
    while (text.len) {
        struct str word = text;

        for (word.len = 0; word.len < text.len && is_name_char(text.ptr[word.len]);)
            word.len++;
        if (word.len)
            use_text(sense, word);
        text = str_skip(text, word.len ? word.len : 1);
    }
}

static void use_arguments(struct sense *sense, const struct expr *call)
{
    for (const struct expr *arg = call->args; arg; arg = arg->next) {
        if (is_text(arg) || arg->kind == EXPR_NUMBER)
            use_text(sense, arg->text);
        else if (call->function && call->function->route_stage)
            sense->calls_computed = true;
    }
}

static void mark_uses(struct tree_walk *walk, struct expr *expr)
{
    struct sense *sense = (struct sense *)walk;

    if (expr->kind == EXPR_ROUTE && expr->has_route && expr->route)
        expr->route->is_used = true;
    else if (expr->kind == EXPR_ROUTE && !expr->has_route)
        sense->calls_computed = true;
    else if (expr->kind == EXPR_CALL)
        use_arguments(sense, expr);
    else if (expr->kind == EXPR_TEXT)
        use_text(sense, expr->text);
}

static const char *who_names(enum route_kind kind)
{
    static const char *const words[ROUTE_KINDS] = {
        [ROUTE_PLAIN] = "no route() calls it",
        [ROUTE_FAILURE] = "no t_on_failure() names it",
        [ROUTE_REPLY] = "no t_on_reply() names it",
        [ROUTE_BRANCH] = "no t_on_branch() names it",
    };

    return words[kind];
}

static void warn_of_unused(const struct sense *sense, const struct block *block)
{
    const char *words = who_names(block->kind);

    if (!block->is_used && !str_is_empty(block->name) && words)
        report_warning(sense->unit, block->span, "this route is never run: %s", words);
}

static void check_uses(struct sense *sense)
{
    sense->walk = (struct tree_walk){ mark_uses, pass_stmt };
    for (struct block *block = sense->blocks; block; block = block->next)
        tree_each(&sense->walk, block->body);
    for (const struct named_text *text = sense->unit->param_texts; text; text = text->next)
        use_words(sense, text->text);
    if (sense->calls_computed)
        return;
    for (const struct block *block = sense->blocks; block; block = block->next)
        warn_of_unused(sense, block);
}

void check_sense(struct unit *unit, struct block *blocks)
{
    struct sense sense = { .walk = { sense_expr, sense_stmt }, .unit = unit, .blocks = blocks };

    for (struct block *block = blocks; block; block = block->next)
        tree_each(&sense.walk, block->body);
    if (unit->error_count > 0) /* the tree may lack something */
        return;
    check_uses(&sense);
    check_flow(unit, blocks);
}
