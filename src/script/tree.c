/* SPDX-License-Identifier: Apache-2.0 */
#include "script/tree.h"

static const struct {
    struct str text;
    struct str variable;
    enum keyword_type type;
} keywords[] = {
#define K(id, text, variable, type) { STR_INIT(text), STR_INIT(variable), type },
    KEYWORD_TABLE(K)
#undef K
};

static const struct {
    uint16_t stage;
    const char *keyword, *words;
} routes[] = {
#define R(id, keyword, stage, words) { stage, keyword, words },
    ROUTE_TABLE(R)
#undef R
};

const char *operator_text(enum operator operator)
{
    static const char *const texts[] = {
#define O(id, text) text,
        OPERATOR_TABLE(O)
#undef O
    };

    return texts[operator];
}

const char *route_keyword(enum route_kind kind)
{
    return routes[kind].keyword;
}

const char *route_words(enum route_kind kind)
{
    return routes[kind].words;
}

uint16_t route_stage(enum route_kind kind, struct str name)
{
    if (kind == ROUTE_REPLY && str_is_empty(name))
        return STAGE_CORE_REPLY;
    if (kind != ROUTE_EVENT)
        return routes[kind].stage;
    if (str_eq(name, STR("tm:local-request")))
        return STAGE_LOCAL | STAGE_REQUEST;
    if (str_starts(name, STR("tm:branch-failure:")))
        return STAGE_FAILURE | STAGE_EVENT;
    return STAGE_EVENT | STAGE_REQUEST;
}

int keyword_find(struct str text)
{
    for (int i = 0; i < KEYWORDS; i++)
        if (str_eq(keywords[i].text, text))
            return i;
    return -1;
}

enum keyword_type keyword_type(enum keyword keyword)
{
    return keywords[keyword].type;
}

struct str keyword_variable(enum keyword keyword)
{
    return keywords[keyword].variable;
}

const char *keyword_text(enum keyword keyword)
{
    return keywords[keyword].text.ptr;
}

static void walk_expr(struct tree_walk *walk, struct expr *expr)
{
    if (!expr)
        return;
    walk_expr(walk, expr->left);
    walk_expr(walk, expr->right);
    walk_expr(walk, expr->third);
    for (struct expr *arg = expr->args; arg; arg = arg->next)
        walk_expr(walk, arg);
    tree_each(walk, expr->body);
    walk->on_expr(walk, expr);
}

static void walk_stmt(struct tree_walk *walk, struct stmt *stmt)
{
    walk_expr(walk, stmt->target);
    walk_expr(walk, stmt->expr);
    walk->on_stmt(walk, stmt);
    tree_each(walk, stmt->body);
    tree_each(walk, stmt->otherwise);
    for (struct switch_case *item = stmt->cases; item; item = item->next) {
        walk_expr(walk, item->label);
        tree_each(walk, item->body);
    }
}

void tree_each(struct tree_walk *walk, struct stmt *first)
{
    for (struct stmt *stmt = first; stmt; stmt = stmt->next)
        walk_stmt(walk, stmt);
}
