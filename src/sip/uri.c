/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/grammar.h"

#include <culvert/sip.h>

/* IPv6reference = "[" IPv6address "]"; RFC 5118 §4.10 asks to be generous with its inside. */
static const bool class_ipv6[256] = {
    ['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true,
    ['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true, ['a'] = true, ['b'] = true,
    ['c'] = true, ['d'] = true, ['e'] = true, ['f'] = true, ['A'] = true, ['B'] = true,
    ['C'] = true, ['D'] = true, ['E'] = true, ['F'] = true, [':'] = true, ['.'] = true,
};

struct str sip_take_host(struct cursor *c)
{
    const char *start = c->at;

    if (!cursor_skip(c, '['))
        return cursor_take(c, class_host);
    cursor_take(c, class_ipv6);
    cursor_expect(c, ']');
    return str_between(start, c->at);
}

/* userinfo = ( user / telephone-subscriber ) [ ":" password ] "@" */
static void parse_userinfo(struct cursor *c, struct sip_uri *uri)
{
    const char *at = str_find_char(cursor_rest(c), '@');
    struct str info;

    if (!at)
        return;
    info = str_between(c->at, at);
    if (!str_split(info, ':', &uri->user, &uri->password))
        uri->user = info;
    c->at = at + 1;
    if (str_find_char(cursor_rest(c), '@'))
        cursor_fail(c);
}

/* hostport = host [ ":" port ] */
static void parse_hostport(struct cursor *c, struct sip_uri *uri)
{
    uri->host = sip_take_host(c);
    if (cursor_skip(c, ':')) {
        uri->has_port = true;
        uri->port = (uint16_t)cursor_take_uint(c, UINT16_MAX);
    }
}

/* uri-parameters [ headers ] */
static void parse_tail(struct cursor *c, struct sip_uri *uri)
{
    if (cursor_skip(c, ';'))
        uri->params = cursor_take_until(c, '?');
    if (cursor_skip(c, '?')) {
        uri->headers = cursor_rest(c);
        c->at = c->end;
    }
}

/* SIP-URI = "sip:" [ userinfo ] hostport uri-parameters [ headers ] */
static void parse_sip(struct cursor *c, struct sip_uri *uri)
{
    parse_userinfo(c, uri);
    parse_hostport(c, uri);
    parse_tail(c, uri);
}

/* telephone-uri = "tel:" telephone-subscriber (RFC 3966) */
static void parse_tel(struct cursor *c, struct sip_uri *uri)
{
    uri->user = cursor_take_until(c, ';');
    if (uri->user.len == 0)
        cursor_fail(c);
    if (cursor_skip(c, ';')) {
        uri->params = cursor_rest(c);
        c->at = c->end;
    }
}

static void parse_other(struct cursor *c, struct sip_uri *uri)
{
    (void)uri;
    if (cursor_at_end(c))
        cursor_fail(c);
    c->at = c->end;
}

typedef void parse_rest_fn(struct cursor *c, struct sip_uri *uri);

static const struct {
    struct str name;
    parse_rest_fn *parse_rest;
} schemes[] = {
    [URI_SIP] = { STR_INIT("sip"), parse_sip },
    [URI_SIPS] = { STR_INIT("sips"), parse_sip },
    [URI_TEL] = { STR_INIT("tel"), parse_tel },
    [URI_OTHER] = { STR_INIT(""), parse_other },
};

static bool is_scheme_byte(char c)
{
    return class_alnum[(unsigned char)c] || c == '+' || c == '-' || c == '.';
}

/* scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) */
static bool is_scheme(struct str name)
{
    char first = name.len ? char_lower(name.ptr[0]) : '\0';

    if (first < 'a' || first > 'z')
        return false;
    for (size_t i = 1; i < name.len; i++)
        if (!is_scheme_byte(name.ptr[i]))
            return false;
    return true;
}

/* False for what is no scheme at all. */
static bool find_scheme(struct str name, uint8_t *out)
{
    uint8_t scheme = URI_SIP;

    while (scheme < URI_OTHER && !str_ieq(schemes[scheme].name, name))
        scheme++;
    *out = scheme;
    return scheme < URI_OTHER || is_scheme(name);
}

static bool has_only_uri_bytes(struct str text)
{
    struct cursor c = cursor_over(text);

    cursor_take(&c, class_uri);
    return cursor_finish(&c) == ERR_NONE;
}

enum err sip_uri_read(struct str text, struct sip_uri *out)
{
    struct str scheme;
    struct str rest;
    struct cursor c;

    out->text = text;
    if (!has_only_uri_bytes(text) || !str_split(text, ':', &scheme, &rest) ||
        !find_scheme(scheme, &out->scheme))
        return ERR_SYNTAX;
    c = cursor_over(rest);
    schemes[out->scheme].parse_rest(&c, out);
    return cursor_finish(&c);
}

enum err sip_uri_parse(struct str text, struct sip_uri *out)
{
    struct sip_uri uri = { 0 };

    if (sip_uri_read(text, &uri))
        return ERR_SYNTAX;
    *out = uri;
    return ERR_NONE;
}

static void write_tail(struct writer *w, char separator, struct str tail)
{
    if (tail.len > 0) {
        write_char(w, separator);
        write_str(w, tail);
    }
}

static void write_userinfo(struct writer *w, const struct sip_uri *uri)
{
    write_str(w, uri->user);
    write_tail(w, ':', uri->password);
    if (uri->scheme != URI_TEL && (uri->user.len > 0 || uri->password.len > 0))
        write_char(w, '@');
}

void sip_uri_write(struct writer *w, const struct sip_uri *uri)
{
    if (uri->scheme == URI_OTHER) {
        write_str(w, uri->text);
        return;
    }
    write_str(w, schemes[uri->scheme].name);
    write_char(w, ':');
    write_userinfo(w, uri);
    write_str(w, uri->host);
    if (uri->has_port) {
        write_char(w, ':');
        write_uint(w, uri->port);
    }
    write_tail(w, ';', uri->params);
    write_tail(w, '?', uri->headers);
}

/* What `transport` means under sips: the same over TLS. ERR_UNSUPPORTED for UDP. */
static enum err secure_transport(enum transport transport, enum transport *out)
{
    if (transport == TRANSPORT_UDP)
        return ERR_UNSUPPORTED;
    *out = transport == TRANSPORT_WS || transport == TRANSPORT_WSS ? TRANSPORT_WSS : TRANSPORT_TLS;
    return ERR_NONE;
}

enum err sip_uri_transport(const struct sip_uri *uri, enum transport *out)
{
    enum transport transport = uri->scheme == URI_SIPS ? TRANSPORT_TLS : TRANSPORT_UDP;
    struct sip_param param;

    if (uri->scheme != URI_SIP && uri->scheme != URI_SIPS)
        return ERR_UNSUPPORTED;
    if (sip_param_find(uri->params, STR("transport"), &param) &&
        transport_find(param.value, &transport))
        return ERR_UNSUPPORTED;
    if (uri->scheme == URI_SIPS)
        return secure_transport(transport, out);
    *out = transport;
    return ERR_NONE;
}

uint16_t sip_uri_port(const struct sip_uri *uri)
{
    enum transport transport = TRANSPORT_UDP;

    if (uri->has_port)
        return uri->port;
    if (sip_uri_transport(uri, &transport))
        transport = uri->scheme == URI_SIPS ? TRANSPORT_TLS : TRANSPORT_UDP;
    return transport_traits(transport)->default_port;
}
