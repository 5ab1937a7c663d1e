/* SPDX-License-Identifier: Apache-2.0 */
/* Statements as scripts write them: texts in quotes become parameters, the rest stays text. */
#include <culvert/cursor.h>
#include <culvert/query.h>

#include "host/host.h"

enum {
    QUERY_PARAMS_MAX = 64,
};

/* One of format and variable is NULL. */
struct query_param {
    const struct format *format;
    const struct variable_ref *variable;
    struct value none; /* what stands for a variable that is null */
};

struct query_text {
    const struct format *sql;
    struct query_param *params;
    unsigned param_count;
};

/* A statement being read. */
struct scanner {
    struct module *module;
    const struct script_place *place; /* NULL: a parameter of the module */
    struct arena *arena;
    struct str rest;
    struct writer sql;
    struct query_text *out;
};

/* ---- variables in a text ---- */

static bool is_name_char(char c)
{
    return class_alnum[(unsigned char)c] || c == '_';
}

/* The length up to the parenthesis that closes the one at the start. */
static size_t parentheses_length(struct str s)
{
    unsigned depth = 0;

    for (size_t i = 0; i < s.len; i++) {
        depth += s.ptr[i] == '(';
        depth -= s.ptr[i] == ')';
        if (depth == 0)
            return i + 1;
    }
    return s.len;
}

/* The length of the variable that a text begins with; 0: none. */
static size_t variable_length(struct str s)
{
    size_t len = 1;

    if (s.len < 2 || s.ptr[0] != '$')
        return 0;
    while (len < s.len && is_name_char(s.ptr[len]))
        len++;
    if (len < s.len && s.ptr[len] == '(')
        len += parentheses_length(str_skip(s, len));
    return len > 1 ? len : 0;
}

static void write_first(struct scanner *s, size_t len)
{
    write_str(&s->sql, (struct str){ s->rest.ptr, len });
    s->rest = str_skip(s->rest, len);
}

/* ---- parameters ---- */

static enum err compile_format(const struct scanner *s, struct str text, const struct format **out)
{
    return s->place ? script_place_format(s->place, text, out)
                    : module_format(s->module, text, out);
}

static enum err compile_variable(const struct scanner *s, struct str text,
                                 const struct variable_ref **out)
{
    return s->place ? script_place_variable(s->place, text, out)
                    : module_variable(s->module, text, out);
}

static enum err add_param(struct scanner *s, struct query_param param, size_t len)
{
    if (s->out->param_count == QUERY_PARAMS_MAX)
        return ERR_LIMIT;
    s->out->params[s->out->param_count++] = param;
    write_char(&s->sql, '?');
    s->rest = str_skip(s->rest, len);
    return ERR_NONE;
}

/* The text of a literal without its quotes. What is bound wants no escapes for a database. */
static enum err read_literal(struct arena *arena, struct str inside, struct str *out)
{
    static const struct str quotes = STR_INIT("''"), escape = STR_INIT("{s.escape.common}");
    char *room = arena_alloc(arena, inside.len);
    struct writer w = writer_over(room, room ? inside.len : 0);

    while (inside.len) {
        if (str_starts(inside, escape)) {
            inside = str_skip(inside, escape.len);
            continue;
        }
        write_char(&w, inside.ptr[0]);
        inside = str_skip(inside, str_starts(inside, quotes) ? quotes.len : 1);
    }
    return writer_finish(&w, out);
}

/* The length of the literal at the start, with its quotes; 0 when it does not end. */
static size_t literal_length(struct str s, bool *has_variables)
{
    size_t i = 1;

    *has_variables = false;
    while (i < s.len) {
        size_t variable = variable_length(str_skip(s, i));
        if (variable > 0)
            *has_variables = true;
        else if (s.ptr[i] == '\'' && (i + 1 == s.len || s.ptr[i + 1] != '\''))
            return i + 1;
        else
            variable = s.ptr[i] == '\'' ? 2 : 1;
        i += variable;
    }
    return 0;
}

/*
 * A word in front makes a literal part of something else (DATE '…', E'…', a name behind AS), unless
 * it is one of these.
 */
static bool may_be_param(struct str before)
{
    static const char *const words[] = { "and",  "between", "case", "else",      "glob", "having", "ilike",  "like",
                                         "not",  "on",      "or",   "returning", "rlike", "regexp", "select", "then",
                                         "when", "where" };
    struct str text = str_trim(before), word;
    size_t start = text.len;

    while (start > 0 && is_name_char(text.ptr[start - 1]))
        start--;
    word = str_skip(text, start);
    if (str_is_empty(word))
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_ieq(word, str_of(words[i])) && text.len < before.len)
            return true;
    return false;
}

static enum err take_literal(struct scanner *s)
{
    struct arena *arena = s->arena;
    bool has_variables;
    size_t len = literal_length(s->rest, &has_variables);
    struct query_param param = { 0 };
    struct str text;
    enum err err;

    if (len == 0 || !has_variables || !may_be_param(writer_text(&s->sql))) {
        write_first(s, len ? len : s->rest.len);
        return ERR_NONE;
    }
    if ((err = read_literal(arena, (struct str){ s->rest.ptr + 1, len - 2 }, &text)) ||
        (err = compile_format(s, text, &param.format)))
        return err;
    return add_param(s, param, len);
}

/* ---- $(x{sql.val}) ---- */

static const struct {
    struct str text;
    struct value none;
} sql_values[] = {
    { STR_INIT("{sql.val})"), { .is_int = false } },
    { STR_INIT("{sql.val.str})"), { .text = STR_INIT(""), .has_text = true } },
    { STR_INIT("{sql.val.int})"), { .has_number = true, .is_int = true } },
};

static bool str_ends(struct str s, struct str end)
{
    return s.len >= end.len && str_ieq(str_skip(s, s.len - end.len), end);
}

static enum err take_variable(struct scanner *s, size_t len)
{
    struct str text = { s->rest.ptr, len };
    struct query_param param = { 0 };
    enum err err;

    for (size_t i = 0; i < sizeof sql_values / sizeof *sql_values; i++) {
        if (!str_ends(text, sql_values[i].text))
            continue;
        param.none = sql_values[i].none;
        text.len -= sql_values[i].text.len;
        if ((err = str_print(s->arena, &text, STR_FMT ")", STR_ARG(text))) ||
            (err = compile_variable(s, text, &param.variable)))
            return err;
        return add_param(s, param, len);
    }
    write_first(s, len);
    return ERR_NONE;
}

/* ---- reading ---- */

static enum err scan(struct scanner *s)
{
    enum err err = ERR_NONE;

    while (!err && s->rest.len) {
        size_t variable = variable_length(s->rest);
        if (variable)
            err = take_variable(s, variable);
        else if (s->rest.ptr[0] == '\'')
            err = take_literal(s);
        else
            write_first(s, 1);
    }
    return err;
}

static enum err compile(struct module *module, const struct script_place *place, struct str text,
                        const struct query_text **out)
{
    struct arena *arena = place ? script_place_arena(place) : module_arena(module);
    struct query_text *query = arena_zalloc(arena, sizeof *query);
    struct query_param *params = arena_zalloc(arena, QUERY_PARAMS_MAX * sizeof *params);
    char *room = arena_alloc(arena, text.len + 1);
    struct scanner s = { module, place, arena, text, writer_over(room, text.len), query };
    struct str sql;
    enum err err;

    if (!query || !params || !room)
        return ERR_NOMEM;
    query->params = params;
    if ((err = scan(&s)) || (err = writer_finish(&s.sql, &sql)))
        return err;
    *out = query;
    return compile_format(&s, sql, &query->sql);
}

enum err module_query_text(struct module *module, struct str text, const struct query_text **out)
{
    return compile(module, NULL, text, out);
}

enum err script_place_query_text(const struct script_place *place, struct str text,
                                 const struct query_text **out)
{
    return compile(NULL, place, text, out);
}

/* ---- asking ---- */

static enum err param_value(struct run *run, const struct query_param *param, struct value *out)
{
    struct str text;
    enum err err;

    if (param->format) {
        err = format_text(run, param->format, &text);
        *out = value_of_str(text);
        return err;
    }
    if (variable_get(run, param->variable, out) || value_is_null(out))
        *out = param->none;
    return ERR_NONE;
}

static enum err fill(struct run *run, const struct query_text *text, struct str *sql,
                     struct value values[QUERY_PARAMS_MAX])
{
    enum err err = format_text(run, text->sql, sql);

    for (unsigned i = 0; i < text->param_count && !err; i++)
        err = param_value(run, &text->params[i], &values[i]);
    return err;
}

enum verdict run_query_text(struct run *run, struct store *store, const struct query_text *text,
                            query_answer_fn *answer, void *context)
{
    struct value values[QUERY_PARAMS_MAX];
    struct str sql;

    if (fill(run, text, &sql, values))
        return VERDICT_ERROR;
    return run_query(run, store, sql, values, text->param_count, answer, context);
}

enum err run_write_text(struct run *run, struct store *store, const struct query_text *text)
{
    struct value values[QUERY_PARAMS_MAX];
    struct str sql;
    enum err err = fill(run, text, &sql, values);

    return err ? err : store_query(store, NULL, sql, values, text->param_count, NULL, NULL);
}
