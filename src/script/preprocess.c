/* SPDX-License-Identifier: Apache-2.0 */
/* The Kamailio preprocessor: directives, included files, defined names, substitutions. */
#include "script/lex.h"

#include <stdlib.h>

#include "script/report.h"

enum {
    DEFINES_MAX = 4096,
    CONDITIONS_MAX = 512,
    TEXT_MAX = 1024 * 1024, /* of a string after substitution */
};

typedef void directive_fn(struct lexer *l, struct str rest, struct span span);

struct directive {
    struct str name;
    directive_fn *obey;
};

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Splits the name off the front. */
static struct str take_name(struct str *rest)
{
    struct str name;
    size_t len = 0;

    *rest = str_trim(*rest);
    while (len < rest->len && is_name_char(rest->ptr[len]))
        len++;
    name = (struct str){ rest->ptr, len };
    *rest = str_skip(*rest, len);
    return name;
}

/* ---- names ---- */

static void add_define(struct unit *unit, struct str name, struct str value)
{
    struct define *define = unit_alloc(unit, &unit->scratch, sizeof *define);

    if (!define)
        return;
    *define = (struct define){ .next = unit->defines, .name = name, .value = str_trim(value) };
    unit->defines = define;
    unit->define_count++;
}

static struct define *find_define(struct unit *unit, struct str name)
{
    for (struct define *define = unit->defines; define; define = define->next)
        if (str_eq(define->name, name))
            return define;
    return NULL;
}

/* Overwrites. */
void preprocess_define(struct unit *unit, struct str name, struct str value)
{
    struct define *define = find_define(unit, name);

    if (define)
        define->value = str_trim(value);
    else
        add_define(unit, name, value);
}

static bool check_name(struct lexer *l, struct str name, struct str rest, struct span span)
{
    if (name.len == 0 || (rest.len && rest.ptr[0] == '-')) {
        report_error(l->unit, span, "a name of letters, digits and '_' is needed here");
        return false;
    }
    if (l->unit->define_count >= DEFINES_MAX) {
        report_error(l->unit, span, "more than %d names are defined", DEFINES_MAX);
        return false;
    }
    return true;
}

static void obey_define(struct lexer *l, struct str rest, struct span span)
{
    struct str name = take_name(&rest);

    if (!check_name(l, name, rest, span))
        return;
    if (find_define(l->unit, name))
        report_error(l->unit, span, "\"" STR_FMT "\" is defined already; #!redefine changes it",
                     STR_ARG(name));
    else
        add_define(l->unit, name, rest);
}

static void obey_trydef(struct lexer *l, struct str rest, struct span span)
{
    struct str name = take_name(&rest);

    if (check_name(l, name, rest, span) && !find_define(l->unit, name))
        add_define(l->unit, name, rest);
}

static void obey_redef(struct lexer *l, struct str rest, struct span span)
{
    struct str name = take_name(&rest);

    if (check_name(l, name, rest, span))
        preprocess_define(l->unit, name, rest);
}

/* NAME[=ENVIRONMENT_NAME] */
static void define_environment(struct lexer *l, struct str rest, struct span span, bool is_quoted,
                               bool may_be_missing)
{
    struct str name = take_name(&rest), variable = name, text;
    const char *value;

    if (!check_name(l, name, rest, span))
        return;
    if (rest.len && rest.ptr[0] == '=')
        variable = str_trim(str_skip(rest, 1));
    if (str_print(&l->unit->scratch, &text, STR_FMT, STR_ARG(variable)))
        return;
    value = getenv(text.ptr);
    if (!value && !may_be_missing)
        report_error(l->unit, span, "there is no environment variable " STR_FMT, STR_ARG(variable));
    if (!value || str_print(&l->unit->scratch, &text, is_quoted ? "\"%s\"" : "%s", value))
        return;
    preprocess_define(l->unit, name, text);
}

static void obey_defenv(struct lexer *l, struct str rest, struct span span)
{
    define_environment(l, rest, span, false, false);
}

static void obey_defenvs(struct lexer *l, struct str rest, struct span span)
{
    define_environment(l, rest, span, true, false);
}

static void obey_trydefenv(struct lexer *l, struct str rest, struct span span)
{
    define_environment(l, rest, span, false, true);
}

static void obey_trydefenvs(struct lexer *l, struct str rest, struct span span)
{
    define_environment(l, rest, span, true, true);
}

void preprocess_start(struct unit *unit)
{
    static const char *const names[] = { "KAMAILIO_5", "KAMAILIO_5_6", "KAMAILIO_5_6_6",
                                         "CULVERT" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        preprocess_define(unit, str_of(names[i]), STR(""));
}

/* ---- conditions ---- */

static const struct directive *find_directive(struct str name);
static bool take_directive(struct lexer *l, struct str *name, struct str *rest);

static void obey_ifdef(struct lexer *l, struct str rest, struct span span);
static void obey_ifndef(struct lexer *l, struct str rest, struct span span);
static void obey_else(struct lexer *l, struct str rest, struct span span);
static void obey_endif(struct lexer *l, struct str rest, struct span span);

static void to_line_end(struct lexer *l)
{
    while (l->input->at < l->input->text.len && l->input->text.ptr[l->input->at] != '\n')
        l->input->at++;
}

/* The directive of the current line, if it is one; moves to the end of the line. */
static directive_fn *take_line(struct lexer *l)
{
    const struct directive *directive = NULL;
    struct str name, rest;

    while (lexer_peek(l, 0) == ' ' || lexer_peek(l, 0) == '\t')
        l->input->at++;
    if (lexer_peek(l, 1) == '!' && take_directive(l, &name, &rest))
        directive = find_directive(name);
    to_line_end(l);
    return directive ? directive->obey : NULL;
}

/* Skips lines to the #!endif, or the #!else when that counts, of the condition just met. */
static void skip_branch(struct lexer *l, bool stops_at_else)
{
    unsigned depth = 0;

    while (l->input->at < l->input->text.len) {
        directive_fn *obey;

        l->input->at++; /* the newline */
        obey = take_line(l);
        if (obey == obey_ifdef || obey == obey_ifndef)
            depth++;
        else if (obey == obey_else && depth == 0 && stops_at_else)
            return;
        else if (obey == obey_endif && depth-- == 0) {
            l->condition_depth--;
            return;
        }
    }
}

static void enter_condition(struct lexer *l, bool is_met, struct span span)
{
    if (l->condition_depth >= CONDITIONS_MAX) {
        report_error(l->unit, span, "conditions are nested more than %d deep", CONDITIONS_MAX);
        return;
    }
    l->condition_depth++;
    if (!is_met)
        skip_branch(l, true);
}

static void obey_ifdef(struct lexer *l, struct str rest, struct span span)
{
    enter_condition(l, find_define(l->unit, take_name(&rest)), span);
}

static void obey_ifndef(struct lexer *l, struct str rest, struct span span)
{
    enter_condition(l, !find_define(l->unit, take_name(&rest)), span);
}

static void obey_else(struct lexer *l, struct str rest, struct span span)
{
    (void)rest;
    if (l->condition_depth == 0)
        report_error(l->unit, span, "there is no #!ifdef for this #!else");
    else
        skip_branch(l, false);
}

static void obey_endif(struct lexer *l, struct str rest, struct span span)
{
    (void)rest;
    if (l->condition_depth == 0)
        report_error(l->unit, span, "there is no #!ifdef for this #!endif");
    else
        l->condition_depth--;
}

void preprocess_finish(struct lexer *l)
{
    if (l->condition_depth)
        report_error(l->unit, lexer_span(l, l->input->at, l->input->at),
                     "%u #!ifdef without #!endif", l->condition_depth);
    l->condition_depth = 0;
}

/* ---- included files ---- */

static enum err read_beside(struct lexer *l, struct str name, struct source **out)
{
    struct unit *unit = l->unit;
    const struct input *input = l->input;
    struct str path;
    enum err err = source_read(&unit->scratch, name, out);

    while (input && !input->source)
        input = input->up;
    if (err != ERR_NOT_FOUND || !input || name.ptr[0] == '/')
        return err;
    if (str_print(&unit->scratch, &path, STR_FMT STR_FMT, STR_ARG(source_folder(input->source)),
                  STR_ARG(name)))
        return ERR_NOMEM;
    return source_read(&unit->scratch, path, out);
}

void preprocess_include(struct lexer *l, bool may_be_missing)
{
    struct source *source;
    struct str name;
    size_t start;
    enum err err;

    while (lexer_peek(l, 0) == ' ' || lexer_peek(l, 0) == '\t')
        l->input->at++;
    start = l->input->at;
    if (!lexer_take_text(l, &name) || name.len == 0) {
        report_error(l->unit, lexer_span(l, start, start + 1), "a file name in quotes is needed");
        return;
    }
    name = preprocess_text(l->unit, name);
    err = read_beside(l, name, &source);
    if (!err)
        lexer_push_source(l, source);
    else if (err != ERR_NOT_FOUND || !may_be_missing)
        report_error(l->unit, lexer_span(l, start, l->input->at), "cannot read " STR_FMT ": %s",
                     STR_ARG(name), err_name(err));
}

static void obey_include(struct lexer *l, struct str rest, struct span span)
{
    (void)span;
    l->input->at = (size_t)(rest.ptr - l->input->text.ptr);
    preprocess_include(l, false);
}

static void obey_import(struct lexer *l, struct str rest, struct span span)
{
    (void)span;
    l->input->at = (size_t)(rest.ptr - l->input->text.ptr);
    preprocess_include(l, true);
}

/* ---- substitutions ---- */

static bool parse_rule(struct lexer *l, struct str text, struct substitution *out, struct span span)
{
    if (text.len > 1 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
        text = (struct str){ text.ptr + 1, text.len - 2 };
    if (substitution_parse(text, out))
        return true;
    report_error(l->unit, span, "a rule like \"/pattern/replacement/g\" is needed here");
    return false;
}

static void add_subst(struct lexer *l, const struct substitution *rule, struct span span)
{
    struct unit *unit = l->unit;
    struct text_rule *subst = unit_alloc(unit, &unit->scratch, sizeof *subst), **link = &unit->substs;
    char why[100] = "";

    if (!subst)
        return;
    if (regex_compile(rule->pattern, rule->regex_flags, &subst->regex, why, sizeof why)) {
        report_error(unit, span, "this is no regular expression: %s", why);
        return;
    }
    subst->rule = *rule;
    while (*link)
        link = &(*link)->next;
    *link = subst;
}

static void obey_subst(struct lexer *l, struct str rest, struct span span)
{
    struct substitution rule;

    if (parse_rule(l, str_trim(rest), &rule, span))
        add_subst(l, &rule, span);
}

static void define_and_substitute(struct lexer *l, struct str rest, struct span span,
                                  const char *format)
{
    struct substitution rule;
    struct str value;

    if (!parse_rule(l, str_trim(rest), &rule, span))
        return;
    add_subst(l, &rule, span);
    if (!str_print(&l->unit->scratch, &value, format, STR_ARG(rule.replacement)))
        preprocess_define(l->unit, rule.pattern, value);
}

static void obey_substdef(struct lexer *l, struct str rest, struct span span)
{
    define_and_substitute(l, rest, span, STR_FMT);
}

static void obey_substdefs(struct lexer *l, struct str rest, struct span span)
{
    define_and_substitute(l, rest, span, "\"" STR_FMT "\"");
}

struct str preprocess_text(struct unit *unit, struct str text)
{
    char *buffer;

    if (!unit->substs || text.len == 0)
        return text;
    buffer = malloc(TEXT_MAX);
    for (const struct text_rule *subst = unit->substs; buffer && subst; subst = subst->next) {
        struct writer w = writer_over(buffer, TEXT_MAX);

        if (!substitution_write(&w, &subst->rule, subst->regex, text))
            text = unit_copy(unit, &unit->scratch, writer_text(&w));
    }
    if (!buffer)
        report_no_memory(unit);
    free(buffer);
    return text;
}

/* ---- directives ---- */

static const struct directive directives[] = {
    { STR_INIT("define"), obey_define },
    { STR_INIT("def"), obey_define },
    { STR_INIT("trydefine"), obey_trydef },
    { STR_INIT("trydef"), obey_trydef },
    { STR_INIT("redefine"), obey_redef },
    { STR_INIT("redef"), obey_redef },
    { STR_INIT("ifdef"), obey_ifdef },
    { STR_INIT("ifndef"), obey_ifndef },
    { STR_INIT("else"), obey_else },
    { STR_INIT("endif"), obey_endif },
    { STR_INIT("subst"), obey_subst },
    { STR_INIT("substdef"), obey_substdef },
    { STR_INIT("substdefs"), obey_substdefs },
    { STR_INIT("defenv"), obey_defenv },
    { STR_INIT("defenvs"), obey_defenvs },
    { STR_INIT("trydefenv"), obey_trydefenv },
    { STR_INIT("trydefenvs"), obey_trydefenvs },
    { STR_INIT("include_file"), obey_include },
    { STR_INIT("import_file"), obey_import },
};

static const struct directive *find_directive(struct str name)
{
    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++)
        if (str_eq(directives[i].name, name))
            return &directives[i];
    return NULL;
}

/* The rest of the line, moved past; a backslash at its end joins the next line. */
static struct str take_rest(struct lexer *l)
{
    struct input *input = l->input;
    size_t start = input->at;
    bool has_joints = false;
    struct str line;
    char *bytes;
    size_t len = 0;

    for (to_line_end(l); input->at > start && input->at < input->text.len; to_line_end(l)) {
        size_t last = input->at - 1;

        if (last > start && input->text.ptr[last] == '\r')
            last--;
        if (input->text.ptr[last] != '\\')
            break;
        has_joints = true;
        input->at++;
    }
    line = (struct str){ input->text.ptr + start, input->at - start };
    bytes = has_joints ? unit_alloc(l->unit, &l->unit->scratch, line.len) : NULL;
    if (!bytes)
        return line;
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] == '\n' && len)
            len -= bytes[len - 1] == '\r' && len > 1 ? 2 : 1; /* with the backslash */
        else
            bytes[len++] = line.ptr[i];
    }
    return (struct str){ bytes, len };
}

/* "#!" name; the position moves behind it. */
static bool take_directive(struct lexer *l, struct str *name, struct str *rest)
{
    *rest = str_skip(l->input->text, l->input->at);
    if (rest->len < 3 || rest->ptr[1] != '!' || (rest->ptr[0] != '#' && rest->ptr[0] != '!') ||
        !is_name_char(rest->ptr[2]))
        return false;
    *rest = str_skip(*rest, 2);
    *name = take_name(rest);
    return true;
}

bool preprocess_directive(struct lexer *l)
{
    const struct directive *directive;
    size_t start = l->input->at;
    struct str name, rest;

    if (!take_directive(l, &name, &rest) || !(directive = find_directive(name)))
        return false;
    l->input->at = (size_t)(rest.ptr - l->input->text.ptr);
    if (directive->obey == obey_include || directive->obey == obey_import)
        rest.len = 0;
    else
        rest = take_rest(l);
    directive->obey(l, rest, lexer_span(l, start, start + name.len + 2));
    return true;
}
