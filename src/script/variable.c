/* SPDX-License-Identifier: Apache-2.0 */
/* Variables: what is written behind a '$' becomes a reference; a reference is read and written. */
#include "script/variable.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "script/report.h"
#include "script/transform.h"

enum {
    DEPTH_MAX = 16, /* variables within the names of variables */
};

/* ---- reading ---- */

struct reader {
    struct unit *unit;
    struct span span;
    struct str rest;
    struct str all; /* the text this is part of, for messages */
    unsigned depth;
};

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

static char next_char(const struct reader *r)
{
    return r->rest.len ? r->rest.ptr[0] : '\0';
}

static bool skip_char(struct reader *r, char c)
{
    if (r->rest.len == 0 || r->rest.ptr[0] != c)
        return false;
    r->rest = str_skip(r->rest, 1);
    return true;
}

static void *fail(struct reader *r, const char *what)
{
    report_error(r->unit, r->span, "%s in \"" STR_FMT "\"", what, STR_ARG(r->all));
    return NULL;
}

/* name = "?" | "$" | 1*( letter | digit | "_" | "." ) */
static struct str take_name(struct reader *r)
{
    struct str name = r->rest;
    size_t len = 0;

    if (next_char(r) == '?' || next_char(r) == '$')
        len = 1;
    else
        while (len < name.len && is_name_char(name.ptr[len]))
            len++;
    r->rest = str_skip(r->rest, len);
    return (struct str){ name.ptr, len };
}

static const struct mod_variable *find_row(struct unit *unit, struct str name,
                                           struct module **module)
{
    const struct script_host *host = unit->host;
    const struct mod_variable *row = builtin_find(name);

    *module = NULL;
    return row ? row : host->find_variable(host->context, name, module);
}

/* "Hello $fu." : a dot behind the name belongs to the text when no name has it. */
static const struct mod_variable *find_shorter(struct reader *r, struct str *name,
                                               struct module **module)
{
    struct str shorter = *name;
    const struct mod_variable *row;

    while (shorter.len) {
        if (shorter.ptr[--shorter.len] != '.')
            continue;
        row = find_row(r->unit, shorter, module);
        if (!row)
            continue;
        r->rest = str_between(shorter.ptr + shorter.len, r->rest.ptr + r->rest.len);
        *name = shorter;
        return row;
    }
    return NULL;
}

static void *fail_unknown(struct reader *r, struct str name)
{
    const struct unknown_name unknown = { NAME_VARIABLE, name, "unknown variable $", "", "",
                                          builtin_each };

    report_unknown(r->unit, r->span, &unknown);
    return NULL;
}

/* Everything to the parenthesis that closes the one that has been taken. */
static bool take_inner(struct reader *r, struct str *out)
{
    unsigned depth = 1;
    size_t len = 0;

    for (; len < r->rest.len; len++) {
        if (r->rest.ptr[len] == '(')
            depth++;
        if (r->rest.ptr[len] == ')' && --depth == 0)
            break;
    }
    if (len == r->rest.len)
        return fail(r, "a ')' is missing");
    *out = str_trim((struct str){ r->rest.ptr, len });
    r->rest = str_skip(r->rest, len + 1);
    return true;
}

/* Takes the next word off the front of a list of words. */
static bool next_word(struct str *rest, struct str *word)
{
    if (rest->len == 0)
        return false;
    if (!str_split(*rest, ' ', word, rest)) {
        *word = *rest;
        *rest = (struct str){ 0 };
    }
    return true;
}

enum err script_expect_word(const struct script_place *place, struct str text, const char *words)
{
    struct str rest = str_of(words), word;
    struct suggestion suggestion;
    char buffer[SUGGESTION_TEXT_MAX];

    suggestion_init(&suggestion, text);
    while (next_word(&rest, &word)) {
        if (str_eq(word, text))
            return ERR_NONE;
        suggestion_offer(&suggestion, word);
    }
    script_complain(place, "\"" STR_FMT "\" is none of: %s%s", STR_ARG(text), words,
                    suggestion_text(&suggestion, buffer, sizeof buffer));
    return ERR_SYNTAX;
}

static bool prepare_inner(struct reader *r, struct variable_ref *ref)
{
    struct script_place place = { r->unit, r->span };
    unsigned errors = r->unit->error_count;

    if (!ref->row->prepare || ref->row->inner == INNER_NONE)
        return true;
    if (!ref->row->prepare(ref->module, ref->inner, &place, &ref->object))
        return true;
    if (r->unit->error_count == errors)
        report_error(r->unit, r->span, "\"" STR_FMT "\" cannot stand in $%s( )",
                     STR_ARG(ref->inner), ref->row->name);
    return false;
}

static bool read_inner_variable(struct reader *r, struct variable_ref *ref, struct str text)
{
    struct str rest = text;

    if (r->depth >= FORMAT_DEPTH_MAX)
        return fail(r, "variables are nested too deep");
    if (text.len && text.ptr[0] == '$')
        ref->object = variable_read(r->unit, r->span, &rest, r->depth + 1);
    else
        fail(r, "a variable must stand in the parentheses");
    if (ref->object && rest.len)
        return fail(r, "only one variable may stand in the parentheses");
    return ref->object;
}

/* inner = constant text | text with variables | one variable */
static bool read_inner(struct reader *r, struct variable_ref *ref)
{
    struct str text;

    if (!take_inner(r, &text))
        return false;
    if (ref->row->inner == INNER_NONE)
        return fail(r, "this variable takes nothing in parentheses:");
    if (ref->row->inner == INNER_VARIABLE)
        return read_inner_variable(r, ref, text);
    if (str_find_char(text, '$')) {
        ref->inner_format = format_compile(r->unit, r->span, text);
        return ref->inner_format;
    }
    ref->inner = unit_copy(r->unit, r->unit->keep, text);
    return prepare_inner(r, ref);
}

static bool set_past_end(struct variable_ref *ref)
{
    ref->index = INT_MAX;
    return true;
}

/* "[" ( "*" | "+" | integer | variable ) "]"; "+" is where the next value would go: nothing yet */
static bool read_index(struct reader *r, struct variable_ref *ref)
{
    struct str text, number;
    int64_t value = 0;

    if (!str_split(r->rest, ']', &text, &r->rest))
        return fail(r, "a ']' is missing");
    number = text = str_trim(text);
    ref->has_index = true;
    ref->is_all = str_eq(text, STR("*"));
    if (ref->is_all)
        return true;
    if (text.len && text.ptr[0] == '$') {
        ref->index_variable = variable_read(r->unit, r->span, &text, r->depth + 1);
        return ref->index_variable;
    }
    if (str_eq(text, STR("+")))
        return set_past_end(ref);
    if (str_to_int(number, INT_MIN, INT_MAX, &value))
        return fail(r, "the index must be a number or *");
    ref->index = (int)value;
    return true;
}

static bool read_transforms(struct reader *r, struct variable_ref *ref)
{
    while (next_char(r) == '{') {
        struct transform *transform = transform_read(r->unit, r->span, &r->rest, r->depth + 1);

        if (!transform)
            return false;
        transform_append(&ref->transforms, transform);
    }
    return true;
}

/* Kamailio without a directive: a name that nobody knows is an AVP. */
static bool become_avp(struct reader *r, struct variable_ref *ref, struct str name)
{
    ref->row = builtin_find(STR("avp"));
    ref->inner = unit_copy(r->unit, r->unit->keep, name);
    return prepare_inner(r, ref);
}

/* name [ "(" inner ")" ] */
static bool read_name(struct reader *r, struct variable_ref *ref, bool is_long)
{
    struct str name = take_name(r);

    if (name.len == 0)
        return fail(r, "the name of a variable is missing behind '$'");
    ref->row = find_row(r->unit, name, &ref->module);
    if (!ref->row && !is_long)
        ref->row = find_shorter(r, &name, &ref->module);
    if (!ref->row && r->unit->has_loose_names && next_char(r) != '(')
        return become_avp(r, ref, name);
    if (!ref->row)
        return fail_unknown(r, name);
    if (next_char(r) == '(' && (is_long || ref->row->inner != INNER_NONE)) {
        skip_char(r, '(');
        return read_inner(r, ref);
    }
    if (ref->row->inner == INNER_NEEDED)
        return fail(r, "something in parentheses is needed behind the name");
    return prepare_inner(r, ref);
}

/* variable = "$" name [ "(" inner ")" ] | "$(" name [ "(" inner ")" ] [ index ] *transformation ")"
 */
static bool read_variable(struct reader *r, struct variable_ref *ref)
{
    bool is_long;

    skip_char(r, '$');
    is_long = skip_char(r, '(');
    if (!read_name(r, ref, is_long))
        return false;
    if (!is_long)
        return true;
    if (skip_char(r, '[') && !read_index(r, ref))
        return false;
    if (!read_transforms(r, ref))
        return false;
    while (skip_char(r, ' '))
        ;
    return skip_char(r, ')') || fail(r, "a ')' is missing");
}

const struct variable_ref *variable_read(struct unit *unit, struct span span, struct str *rest,
                                         unsigned depth)
{
    struct reader r = { .unit = unit, .span = span, .rest = *rest, .all = *rest, .depth = depth };
    struct variable_ref *ref = unit_alloc(unit, unit->keep, sizeof *ref);

    if (!ref)
        return NULL;
    if (depth > DEPTH_MAX)
        return fail(&r, "variables are nested too deep");
    ref->dialect = unit->dialect;
    if (!read_variable(&r, ref))
        return NULL;
    ref->text = unit_copy(unit, unit->keep, str_between(rest->ptr, r.rest.ptr));
    *rest = r.rest;
    return ref;
}

const struct variable_ref *variable_compile(struct unit *unit, struct span span, struct str text)
{
    struct str rest = text;
    const struct variable_ref *ref;

    if (text.len == 0 || text.ptr[0] != '$') {
        report_error(unit, span, "a variable is needed here, like $var(x)");
        return NULL;
    }
    ref = variable_read(unit, span, &rest, 0);
    if (ref && rest.len) {
        report_error(unit, span, "\"" STR_FMT "\" is left over behind the variable", STR_ARG(rest));
        return NULL;
    }
    return ref;
}

const struct variable_ref *variable_of_name(struct unit *unit, struct span span, struct str name)
{
    struct str text;

    if (str_print(&unit->scratch, &text, "$" STR_FMT, STR_ARG(name))) {
        report_no_memory(unit);
        return NULL;
    }
    return variable_compile(unit, span, text);
}

/* ---- at run time ---- */

static enum err fill_inner(struct run *run, const struct variable_ref *ref,
                           struct variable_use *use)
{
    use->inner = ref->inner;
    use->object = ref->object;
    return ref->inner_format ? format_text(run, ref->inner_format, &use->inner) : ERR_NONE;
}

static enum err fill_index(struct run *run, const struct variable_ref *ref,
                           struct variable_use *use)
{
    struct value value;
    enum err err;

    use->index = ref->index;
    if (!ref->index_variable)
        return ERR_NONE;
    err = variable_get(run, ref->index_variable, &value);
    if (err)
        return err;
    if (!value.has_number || value.number < INT_MIN || value.number > INT_MAX)
        return ERR_RANGE;
    use->index = (int)value.number;
    return ERR_NONE;
}

static enum err use_of(struct run *run, const struct variable_ref *ref, struct variable_use *use)
{
    enum err err;

    *use = (struct variable_use){
        .run = run, .has_index = ref->has_index, .is_all = ref->is_all, .module = ref->module
    };
    err = fill_inner(run, ref, use);
    return err ? err : fill_index(run, ref, use);
}

enum err variable_get(struct run *run, const struct variable_ref *ref, struct value *out)
{
    struct variable_use use;
    struct value value = value_null();
    enum err err = use_of(run, ref, &use);

    if (!err)
        err = ref->row->get(&use, &value);
    if (!err && ref->transforms)
        err = transform_apply(run, ref->transforms, &value);
    if (!err)
        *out = value;
    return err;
}

bool variable_can_set(const struct variable_ref *ref)
{
    return ref->row->set && !ref->transforms;
}

enum err variable_assign(struct run *run, const struct variable_ref *ref, const struct value *value,
                         bool replaces)
{
    struct variable_use use;
    enum err err;

    if (!variable_can_set(ref))
        return ERR_UNSUPPORTED;
    err = use_of(run, ref, &use);
    if (err)
        return err;
    use.replaces = replaces;
    return ref->row->set(&use, value);
}

enum err variable_set(struct run *run, const struct variable_ref *ref, const struct value *value)
{
    return variable_assign(run, ref, value, false);
}
