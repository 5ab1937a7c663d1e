/* SPDX-License-Identifier: Apache-2.0 */
/* Productions of what stands outside route blocks: it is handed to the host as it is read. */
#include "script/parse.h"

#include "script/avp_alias.h"
#include "script/report.h"
#include "script/variable.h"

enum {
    VALUES_MAX = 64, /* of one setting */
    NAMED_FLAGS = 32,
};

/* ---- values ---- */

/* word *( text | word ), with nothing between: udp:"192.0.2.1":5060, where a #!define filled a name in */
static bool take_joined_word(struct parser *p, struct str *out)
{
    struct str word, part;
    struct span span;

    if (!parser_take_word(p, &word, &span))
        return false;
    while (parser_peek(p, 0)->kind == TOKEN_TEXT && parser_peek(p, 0)->is_glued) {
        struct str text = parser_take(p).text;

        part = STR("");
        if (parser_peek(p, 0)->is_glued && parser_at_word(p) && !parser_take_word(p, &part, &span))
            return false;
        if (str_print(&p->unit->scratch, &word, STR_FMT STR_FMT STR_FMT, STR_ARG(word),
                      STR_ARG(text), STR_ARG(part))) {
            report_no_memory(p->unit);
            return false;
        }
    }
    *out = word;
    return true;
}

/* value = text | [ sign ] number | word */
static bool parse_setting_value(struct parser *p, struct value *out)
{
    const struct token *token = parser_peek(p, 0);
    bool is_signed = parser_at(p, SYM_MINUS) || parser_at(p, SYM_PLUS);
    struct str word;

    if (token->kind == TOKEN_TEXT) {
        *out = value_of_str(parser_take(p).text);
        return true;
    }
    if (is_signed || (token->kind == TOKEN_NUMBER && !parser_word_goes_on(p))) {
        struct expr *number = parse_signed_number(p);

        *out = value_of_int(number ? number->number : 0);
        return number;
    }
    if (!take_joined_word(p, &word))
        return parser_fail(p, "a value");
    *out = value_of_str(word);
    return true;
}

static void set(struct parser *p, struct str name, const struct value *values, unsigned count,
                struct span span)
{
    struct unit *unit = p->unit;
    const struct script_host *host = unit->host;
    struct script_setting setting = { name, values, count };
    struct script_place place = { unit, span };
    unsigned errors = unit->error_count;
    struct suggestion suggestion;
    char buffer[SUGGESTION_TEXT_MAX];
    enum err err;

    if (p->is_lost)
        return;
    err = host->set_setting(host->context, &setting, &place);
    if (!err || unit->error_count > errors)
        return;
    suggestion_init(&suggestion, name);
    suggestion_ask(&suggestion, host, NAME_SETTING);
    if (err == ERR_NOT_FOUND)
        report_error(unit, span, "there is no setting \"" STR_FMT "\"%s", STR_ARG(name),
                     suggestion_text(&suggestion, buffer, sizeof buffer));
    else
        report_error(unit, span, "this value does not fit \"" STR_FMT "\": %s", STR_ARG(name),
                     err_name(err));
}

/* ---- modules ---- */

/* MOD_name, for #!ifdef. */
static void define_module(struct parser *p, struct str path)
{
    struct str name = path, folder;

    while (str_split(name, '/', &folder, &name))
        ;
    if (name.len > 3 && str_eq(str_skip(name, name.len - 3), STR(".so")))
        name.len -= 3;
    if (!str_print(&p->unit->scratch, &name, "MOD_" STR_FMT, STR_ARG(name)))
        preprocess_define(p->unit, name, STR("1"));
}

/* "loadmodule" [ "=" ] text */
static void parse_loadmodule(struct parser *p)
{
    const struct script_host *host = p->unit->host;
    struct span start = parser_take(p).span;
    unsigned errors = p->unit->error_count;
    struct script_place place;
    struct str path;

    parser_skip(p, SYM_ASSIGN);
    if (parser_peek(p, 0)->kind != TOKEN_TEXT) {
        parser_fail(p, "the name of a module in quotes");
        return;
    }
    path = parser_take(p).text;
    place = (struct script_place){ p->unit, parser_span_from(p, start) };
    if (host->load_module(host->context, path, &place) && p->unit->error_count == errors)
        report_error(p->unit, place.span, "cannot load the module \"" STR_FMT "\"", STR_ARG(path));
    if (p->dialect->has_preprocessor)
        define_module(p, path);
}

/* Parameters of modules that are the language's own business. */
static bool is_varset(struct str modules, struct str name)
{
    return str_eq(name, STR("varset")) && str_eq(modules, STR("pv"));
}

static bool is_alias_param(struct str modules, struct str name)
{
    return str_eq(name, STR("avp_aliases")) &&
           (str_eq(modules, STR("pv")) || str_eq(modules, STR("avpops")));
}

static void keep_text(struct unit *unit, const struct value *value)
{
    struct named_text *text;

    if (!value->has_text || !(text = unit_alloc(unit, &unit->scratch, sizeof *text)))
        return;
    *text = (struct named_text){ unit->param_texts, value->text };
    unit->param_texts = text;
}

static void set_param(struct parser *p, struct str modules, struct str name,
                      const struct value *value, struct span span)
{
    const struct script_host *host = p->unit->host;
    struct script_place place = { p->unit, span };
    unsigned errors = p->unit->error_count;
    enum err err;

    keep_text(p->unit, value);
    if (is_alias_param(modules, name)) {
        avp_alias_parse(p->unit, span, value->text);
        return;
    }
    if (is_varset(modules, name)) {
        builtin_set_first(p->unit, span, value->text);
        return;
    }
    err = host->set_param(host->context, modules, name, value, &place);
    if (err && p->unit->error_count == errors)
        report_error(p->unit, span, "cannot set the parameter \"" STR_FMT "\": %s", STR_ARG(name),
                     err_name(err));
}

static struct str parse_param_text(struct parser *p, const char *what)
{
    if (parser_peek(p, 0)->kind != TOKEN_TEXT)
        parser_fail(p, what);
    return parser_take(p).text;
}

/* "modparam" "(" text "," text "," value ")" */
static void parse_modparam(struct parser *p)
{
    struct span start = parser_take(p).span;
    struct str modules, name;
    struct value value = value_null();

    parser_expect(p, SYM_PAREN_OPEN, "behind modparam");
    modules = parse_param_text(p, "the name of a module in quotes");
    parser_expect(p, SYM_COMMA, "behind the module");
    name = parse_param_text(p, "the name of a parameter in quotes");
    parser_expect(p, SYM_COMMA, "behind the name of the parameter");
    parse_setting_value(p, &value);
    parser_expect(p, SYM_PAREN_CLOSE, "behind the value");
    if (!p->is_lost)
        set_param(p, modules, name, &value, parser_span_from(p, start));
}

/* ( "loadpath" | "mpath" ) [ "=" ] text */
static void parse_path(struct parser *p)
{
    struct token name = parser_take(p);
    struct value value;

    parser_skip(p, SYM_ASSIGN);
    if (parse_setting_value(p, &value))
        set(p, name.text, &value, 1, parser_span_from(p, name.span));
}

/* ---- flags ---- */

/* Every flag without a number takes the next one that is free. */
static int64_t free_flag(const struct unit *unit)
{
    int64_t number = 0;
    const struct named_flag *flag = unit->flags;

    while (flag && number < NAMED_FLAGS) {
        if (flag->number != number) {
            flag = flag->next;
            continue;
        }
        number++;
        flag = unit->flags;
    }
    return number;
}

/* flag = name [ ":" number ] */
static void parse_flag(struct parser *p)
{
    struct unit *unit = p->unit;
    struct token name = *parser_peek(p, 0);
    struct named_flag *flag = unit_alloc(unit, &unit->scratch, sizeof *flag);
    struct expr *number = NULL;

    if (name.kind != TOKEN_NAME && name.kind != TOKEN_TEXT) {
        parser_fail(p, "the name of a flag");
        return;
    }
    parser_take(p);
    if (parser_skip(p, SYM_COLON))
        number = parse_signed_number(p);
    if (!flag || p->is_lost)
        return;
    *flag =
        (struct named_flag){ unit->flags, name.text, number ? number->number : free_flag(unit) };
    if (flag->number < 0 || flag->number >= NAMED_FLAGS)
        report_error(unit, name.span, "flags are numbered from 0 to %d", NAMED_FLAGS - 1);
    unit->flags = flag;
}

/* "flags" flag *( "," flag ) */
static void parse_flags(struct parser *p)
{
    parser_take(p);
    do {
        parse_flag(p);
    } while (parser_skip(p, SYM_COMMA));
}

/* "avpflags" name *( "," name ): no function here takes them */
static void parse_avpflags(struct parser *p)
{
    report_warning(p->unit, parser_take(p).span, "flags of AVPs do nothing here");
    do {
        if (parser_peek(p, 0)->kind == TOKEN_NAME)
            parser_take(p);
    } while (parser_skip(p, SYM_COMMA));
}

/* ---- settings ---- */

/* group.name = … at the start of a line: an operator's own setting. */
static bool at_custom_setting(struct parser *p)
{
    return parser_peek(p, 0)->starts_line && parser_peek(p, 1)->symbol == SYM_DOT &&
           parser_peek(p, 2)->kind == TOKEN_NAME && parser_peek(p, 3)->symbol == SYM_ASSIGN;
}

/* Does a new item begin here? What a list of values ends at. */
static bool at_item(struct parser *p)
{
    static const char *const words[] = {
        "loadmodule", "loadmodulex", "modparam", "modparamx",
        "loadpath",   "mpath",       "flags",    "avpflags",
    };
    const struct token *token = parser_peek(p, 0);

    if (token->kind != TOKEN_NAME && token->kind != TOKEN_NUMBER && token->kind != TOKEN_TEXT &&
        !parser_at_word(p))
        return true;
    if (parser_peek(p, 1)->kind == TOKEN_SYMBOL && parser_peek(p, 1)->symbol == SYM_ASSIGN)
        return true;
    if (token->kind != TOKEN_NAME || !token->starts_line)
        return false;
    if (at_custom_setting(p))
        return true;
    if (token->text.len >= 5 && str_eq(str_skip(token->text, token->text.len - 5), STR("route")))
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (parser_at_name(p, words[i]))
            return true;
    return false;
}

/* value *value, with commas or parentheses anywhere: listen, alias */
static unsigned parse_value_list(struct parser *p, struct value *values)
{
    unsigned count = 0;

    do {
        while (parser_skip(p, SYM_PAREN_OPEN) || parser_skip(p, SYM_PAREN_CLOSE) ||
               parser_skip(p, SYM_COMMA))
            ;
        if (count && at_item(p))
            break;
        if (count == VALUES_MAX) {
            parser_fail(p, "fewer values");
            break;
        }
    } while (parse_setting_value(p, &values[count]) && ++count);
    return count;
}

static bool takes_list(struct str name)
{
    return str_eq(name, STR("listen")) || str_eq(name, STR("alias"));
}

static void append_token(struct parser *p, struct str *text, const struct token *token)
{
    const char *quote = token->kind == TOKEN_TEXT ? "\"" : "";

    if (str_print(&p->unit->scratch, text, STR_FMT "%s%s" STR_FMT "%s", STR_ARG(*text),
                  token->is_glued || !text->len ? "" : " ", quote, STR_ARG(token->text), quote))
        report_no_memory(p->unit);
}

/* "{" … "}" as written, for blocks that the host reads itself */
static struct str take_braces(struct parser *p)
{
    struct str text = STR("");
    unsigned depth = 0;

    do {
        struct token token = parser_take(p);

        if (token.kind == TOKEN_END) {
            parser_fail(p, "'}'");
            return text;
        }
        depth += token.symbol == SYM_BRACE_OPEN;
        depth -= token.symbol == SYM_BRACE_CLOSE;
        append_token(p, &text, &token);
    } while (depth && !p->unit->is_out_of_memory);
    return text;
}

/* "dst_blacklist" "=" name ":" "{" … "}": two values, the name and the rules */
static void parse_blacklist(struct parser *p)
{
    struct token keyword = parser_take(p);
    struct value values[2];

    parser_expect(p, SYM_ASSIGN, "behind dst_blacklist");
    if (parser_peek(p, 0)->kind != TOKEN_NAME) {
        parser_fail(p, "the name of the list");
        return;
    }
    values[0] = value_of_str(parser_take(p).text);
    parser_expect(p, SYM_COLON, "behind the name of the list");
    if (!parser_at(p, SYM_BRACE_OPEN)) {
        parser_fail(p, "'{'");
        return;
    }
    values[1] = value_of_str(take_braces(p));
    set(p, keyword.text, values, 2, parser_span_from(p, keyword.span));
}

/* "tls_server_domain" "[" name "]" "{" … "}": two values, the name and the settings */
static void parse_tls_domain(struct parser *p)
{
    struct token keyword = parser_take(p);
    struct value values[2] = { value_of_str(STR("")) };

    parser_expect(p, SYM_BRACKET_OPEN, "behind it");
    parse_setting_value(p, &values[0]);
    parser_expect(p, SYM_BRACKET_CLOSE, "behind the name of the domain");
    if (!parser_at(p, SYM_BRACE_OPEN)) {
        parser_fail(p, "'{'");
        return;
    }
    values[1] = value_of_str(take_braces(p));
    set(p, keyword.text, values, 2, parser_span_from(p, keyword.span));
}

/* name = NAME [ "[" number "]" ] *( "." NAME ) */
static bool take_setting_name(struct parser *p, struct str *out, struct span *span)
{
    struct token token = *parser_peek(p, 0);

    *span = token.span;
    *out = token.text;
    if (token.kind != TOKEN_NAME)
        return false;
    if (parser_peek(p, 1)->symbol == SYM_ASSIGN) {
        parser_take(p);
        return true;
    }
    if (parser_peek(p, 1)->symbol != SYM_DOT && parser_peek(p, 1)->symbol != SYM_BRACKET_OPEN)
        return false;
    return parser_take_word(p, out, span);
}

/* [ ( "desc" | "descr" | "description" ) text ] */
static void skip_description(struct parser *p)
{
    if (parser_skip_name(p, "desc") || parser_skip_name(p, "descr") ||
        parser_skip_name(p, "description"))
        parse_param_text(p, "a description in quotes");
}

static struct str text_before(struct str text, char c)
{
    const char *at = str_find_char(text, c);

    return at ? str_between(text.ptr, at) : text;
}

/* name "=" value *value */
static bool parse_setting(struct parser *p)
{
    struct value values[VALUES_MAX];
    unsigned count = 1;
    struct span span;
    struct str name;

    if (!take_setting_name(p, &name, &span))
        return false;
    if (parser_at(p, SYM_BRACE_OPEN)) {
        parser_fail_keyword(p, span, text_before(name, '['));
        return true;
    }
    parser_expect(p, SYM_ASSIGN, "behind the name of a setting");
    if (takes_list(name))
        count = parse_value_list(p, values);
    else
        parse_setting_value(p, &values[0]);
    skip_description(p);
    if (p->is_lost)
        return true;
    span = parser_span_from(p, span);
    if (str_eq(name, STR("avp_aliases")))
        avp_alias_parse(p->unit, span, values[0].text);
    else
        set(p, name, values, count, span);
    return true;
}

static const struct {
    const char *name;
    void (*parse)(struct parser *p);
    bool only_kamailio;
} globals[] = {
    { "loadmodule", parse_loadmodule, false },
    { "loadmodulex", parse_loadmodule, true },
    { "modparam", parse_modparam, false },
    { "modparamx", parse_modparam, true },
    { "loadpath", parse_path, false },
    { "mpath", parse_path, false },
    { "flags", parse_flags, true },
    { "bool", parse_flags, true },
    { "avpflags", parse_avpflags, true },
    { "dst_blacklist", parse_blacklist, false },
    { "tls_server_domain", parse_tls_domain, false },
    { "tls_client_domain", parse_tls_domain, false },
};

bool parse_global(struct parser *p)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        if (globals[i].only_kamailio && !p->dialect->has_preprocessor)
            continue;
        if (!parser_at_name(p, globals[i].name))
            continue;
        globals[i].parse(p);
        return true;
    }
    return parse_setting(p);
}
