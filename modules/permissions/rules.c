/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file = *line; line = [ rule ] [ "#" comment ]; rule = side ":" side; side = list [ "EXCEPT" list ];
 * list = "ALL" | quoted *( "," quoted ); each of the quoted is an extended regular expression.
 */
#include "permissions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct expression {
    struct expression *next;
    struct regex *regex;
};

struct list {
    bool is_all;
    struct expression *first;
};

struct side {
    struct list list, except;
};

struct rule {
    struct rule *next;
    struct side from, to;
};

struct rules {
    struct rule *first;
};

/* ---- memory ---- */

static void list_clear(struct list *list)
{
    while (list->first) {
        struct expression *expression = list->first;
        list->first = expression->next;
        regex_destroy(expression->regex);
        free(expression);
    }
}

static void rule_destroy(struct rule *rule)
{
    list_clear(&rule->from.list);
    list_clear(&rule->from.except);
    list_clear(&rule->to.list);
    list_clear(&rule->to.except);
    free(rule);
}

void rules_destroy(struct rules *rules)
{
    while (rules && rules->first) {
        struct rule *rule = rules->first;
        rules->first = rule->next;
        rule_destroy(rule);
    }
    free(rules);
}

/* ---- one line ---- */

static bool skip_word(struct str *at, struct str word)
{
    *at = str_trim(*at);
    if (!str_starts(*at, word))
        return false;
    *at = str_skip(*at, word.len);
    return true;
}

static enum err add_expression(struct list *list, struct str pattern)
{
    struct expression *expression = calloc(1, sizeof *expression);
    enum err err = expression ? regex_compile(pattern, REGEX_DEFAULT, &expression->regex, NULL, 0)
                              : ERR_NOMEM;

    if (err) {
        free(expression);
        return err;
    }
    expression->next = list->first;
    list->first = expression;
    return ERR_NONE;
}

static enum err take_list(struct str *at, struct list *list)
{
    struct str pattern;
    enum err err = ERR_NONE;

    if (skip_word(at, STR("ALL"))) {
        list->is_all = true;
        return ERR_NONE;
    }
    do {
        if (!skip_word(at, STR("\"")) || !str_split(*at, '"', &pattern, at))
            return ERR_SYNTAX;
        err = add_expression(list, pattern);
    } while (!err && skip_word(at, STR(",")));
    return err;
}

static enum err take_side(struct str *at, struct side *side)
{
    enum err err = take_list(at, &side->list);

    if (!err && skip_word(at, STR("EXCEPT")))
        err = take_list(at, &side->except);
    return err;
}

static enum err take_rule(struct str line, struct rule *rule)
{
    enum err err = take_side(&line, &rule->from);

    if (!err && !skip_word(&line, STR(":")))
        err = ERR_SYNTAX;
    if (!err)
        err = take_side(&line, &rule->to);
    if (!err && !skip_word(&line, STR("#")) && !str_is_empty(line))
        err = ERR_SYNTAX;
    return err;
}

/* ---- the file ---- */

static enum err add_line(struct str line, struct rule ***end)
{
    struct rule *rule;
    enum err err;

    line = str_trim(line);
    if (str_is_empty(line) || line.ptr[0] == '#')
        return ERR_NONE;
    rule = calloc(1, sizeof *rule);
    if (!rule)
        return ERR_NOMEM;
    if ((err = take_rule(line, rule))) {
        rule_destroy(rule);
        return err;
    }
    **end = rule;
    *end = &rule->next;
    return ERR_NONE;
}

static enum err read_lines(FILE *file, const char *path, struct rules *rules)
{
    struct rule **end = &rules->first;
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    enum err err = ERR_NONE;

    for (unsigned number = 1; err != ERR_NOMEM && (length = getline(&line, &room, file)) >= 0; number++) {
        err = add_line((struct str){ line, (size_t)length }, &end);
        if (err)
            log_error("permissions: %s:%u is left out: it is no rule such as  ALL : \"^sip:a@\" EXCEPT \"b\"",
                      path, number);
    }
    free(line);
    if (err == ERR_NOMEM)
        return err;
    return ferror(file) ? ERR_IO : ERR_NONE;
}

enum err rules_load(const char *path, struct rules **out)
{
    FILE *file = fopen(path, "re");
    struct rules *rules;
    enum err err;

    if (!file && errno != ENOENT) {
        log_error("permissions: %s cannot be read: %s", path, strerror(errno));
        return ERR_IO;
    }
    rules = calloc(1, sizeof *rules);
    err = !rules ? ERR_NOMEM : file ? read_lines(file, path, rules) : ERR_NONE;
    if (file)
        fclose(file);
    if (err) {
        rules_destroy(rules);
        return err;
    }
    *out = rules;
    return ERR_NONE;
}

/* ---- matching ---- */

static bool list_matches(const struct list *list, struct str text)
{
    if (list->is_all)
        return true;
    for (const struct expression *expression = list->first; expression; expression = expression->next)
        if (regex_match(expression->regex, text, NULL))
            return true;
    return false;
}

static bool side_matches(const struct side *side, struct str text)
{
    return list_matches(&side->list, text) && !list_matches(&side->except, text);
}

bool rules_match(const struct rules *rules, struct str from, struct str to)
{
    for (const struct rule *rule = rules ? rules->first : NULL; rule; rule = rule->next)
        if (side_matches(&rule->from, from) && side_matches(&rule->to, to))
            return true;
    return false;
}
