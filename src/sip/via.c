/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/grammar.h"

#include <culvert/sip.h>

static void expect_sep(struct cursor *c, char byte)
{
    if (!cursor_skip_sep(c, byte))
        cursor_fail(c);
}

/* sent-protocol = protocol-name SLASH protocol-version SLASH transport */
static void parse_sent_protocol(struct cursor *c, struct sip_via *via)
{
    cursor_take(c, class_token);
    expect_sep(c, '/');
    cursor_take(c, class_token);
    expect_sep(c, '/');
    via->transport = cursor_take(c, class_token);
}

static void expect_lws(struct cursor *c)
{
    const char *start = c->at;

    cursor_skip_lws(c);
    if (c->at == start)
        cursor_fail(c);
}

/* sent-by = host [ COLON port ] */
static void parse_sent_by(struct cursor *c, struct sip_via *via)
{
    via->host = sip_take_host(c);
    if (cursor_skip_sep(c, ':'))
        via->port = (uint16_t)cursor_take_uint(c, UINT16_MAX);
}

/* response-port = "rport" [ EQUAL 1*DIGIT ] (RFC 3581) */
static void parse_rport(struct cursor *c, struct sip_via *via, struct str value)
{
    uint64_t port = 0;

    sip_take_once(c, &via->has_rport);
    if (value.len > 0 && str_to_uint(value, 0, UINT16_MAX, &port))
        cursor_fail(c);
    via->rport = (uint16_t)port;
}

/* The member that a parameter is kept in; NULL for those we do not know. */
static struct str *place_of(struct sip_via *via, struct str name)
{
    if (str_ieq(name, STR("branch")))
        return &via->branch;
    if (str_ieq(name, STR("received")))
        return &via->received;
    if (str_ieq(name, STR("maddr")))
        return &via->maddr;
    return NULL;
}

/* via-params = via-ttl / via-maddr / via-received / via-branch / response-port / via-extension */
static void parse_via_param(struct cursor *c, struct sip_via *via)
{
    struct sip_param param;
    struct str *place;

    sip_take_param(c, &param);
    if (c->fault)
        return;
    if (str_ieq(param.name, STR("rport"))) {
        parse_rport(c, via, param.value);
        return;
    }
    place = place_of(via, param.name);
    if (place && place->ptr)
        cursor_fail(c);
    if (place)
        *place = param.value;
}

static void parse_via_params(struct cursor *c, struct sip_via *via)
{
    const char *start = NULL;

    while (cursor_skip_sep(c, ';')) {
        if (!start)
            start = c->at;
        parse_via_param(c, via);
    }
    if (start)
        via->params = str_between(start, c->at);
}

/* The cookie alone is no branch: RFC 4475 §3.2.1 wants such a request taken as one of RFC 2543. */
static bool has_cookie(struct str branch)
{
    struct str cookie = STR("z9hG4bK");

    return branch.len > cookie.len && str_starts(branch, cookie);
}

/* via-parm = sent-protocol LWS sent-by *( SEMI via-params ) */
enum err sip_via_read(struct str text, struct sip_via *out)
{
    struct cursor c = cursor_over(str_trim(text));

    out->text = cursor_rest(&c);
    parse_sent_protocol(&c, out);
    expect_lws(&c);
    parse_sent_by(&c, out);
    parse_via_params(&c, out);
    out->is_rfc3261 = has_cookie(out->branch);
    return cursor_finish(&c);
}

enum err sip_via_parse(struct str text, struct sip_via *out)
{
    struct sip_via via = { 0 };

    if (sip_via_read(text, &via))
        return ERR_SYNTAX;
    *out = via;
    return ERR_NONE;
}
