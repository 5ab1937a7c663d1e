/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/grammar.h"

/* display-name without quotes: wider than the RFC's tokens, but never what delimits other parts. */
static bool is_display_byte(char c)
{
    return c != '"' && c != '<' && c != '>' && c != ';' && c != ',';
}

/* display-name = *( token LWS ) / quoted-string, when a name-addr follows; else nothing is taken.
 */
static void parse_display(struct cursor *c, struct sip_nameaddr *addr)
{
    const char *start = c->at;

    if (cursor_peek(c) == '"') {
        addr->display = cursor_take_quoted(c);
        cursor_skip_lws(c);
        return;
    }
    while (c->at < c->end && is_display_byte(*c->at))
        c->at++;
    if (cursor_peek(c) == '<')
        addr->display = str_trim(str_between(start, c->at));
    else
        c->at = start;
}

/* addr-spec without brackets ends where the header parameters begin (RFC 3261 §20). */
static struct str take_addr_spec(struct cursor *c)
{
    const char *start = c->at;

    while (c->at < c->end && class_uri[(unsigned char)*c->at] && *c->at != ';' && *c->at != ',')
        c->at++;
    return str_between(start, c->at);
}

/* name-addr = [ display-name ] LAQUOT addr-spec RAQUOT */
static struct str take_bracketed(struct cursor *c)
{
    struct str text;

    cursor_expect(c, '<');
    text = cursor_take_until(c, '>');
    cursor_expect(c, '>');
    return text;
}

static void parse_addr(struct cursor *c, struct sip_nameaddr *addr)
{
    struct str text;

    parse_display(c, addr);
    if (addr->display.len > 0 || cursor_peek(c) == '<')
        text = take_bracketed(c);
    else
        text = take_addr_spec(c);
    if (!c->fault && sip_uri_read(text, &addr->uri))
        cursor_fail(c);
}

/* tag-param = "tag" EQUAL token, once */
static void parse_tag(struct cursor *c, const struct sip_param *param, struct str *tag)
{
    if (!str_ieq(param->name, STR("tag")))
        return;
    if (tag->ptr)
        cursor_fail(c);
    *tag = param->value;
}

/* *( SEMI generic-param ) */
static void parse_params(struct cursor *c, struct sip_nameaddr *addr, struct str *tag)
{
    const char *start = NULL;

    while (cursor_skip_sep(c, ';')) {
        struct sip_param param;

        if (!start)
            start = c->at;
        sip_take_param(c, &param);
        if (tag && !c->fault)
            parse_tag(c, &param, tag);
    }
    if (start)
        addr->params = str_between(start, c->at);
}

enum err sip_nameaddr_read(struct str text, struct sip_nameaddr *out, struct str *tag)
{
    struct cursor c = cursor_over(str_trim(text));

    out->text = cursor_rest(&c);
    out->is_star = str_eq(out->text, STR("*"));
    if (out->is_star)
        return ERR_NONE;
    parse_addr(&c, out);
    parse_params(&c, out, tag);
    return cursor_finish(&c);
}

enum err sip_nameaddr_parse(struct str text, struct sip_nameaddr *out)
{
    struct sip_nameaddr addr = { 0 };

    if (sip_nameaddr_read(text, &addr, NULL))
        return ERR_SYNTAX;
    *out = addr;
    return ERR_NONE;
}
