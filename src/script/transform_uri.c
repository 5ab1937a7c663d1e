/* SPDX-License-Identifier: Apache-2.0 */
/* {uri.…}, {param.…}, {nameaddr.…} and {tobody.…}. */
#include "script/transform_row.h"

/* ---- URIs ---- */

enum uri_part {
    URI_USER,
    URI_PASSWORD,
    URI_HOST,
    URI_PARAMS,
    URI_HEADERS,
    URI_SCHEME,
};

static struct str scheme_text(const struct sip_uri *uri)
{
    struct str scheme, rest;

    return str_split(uri->text, ':', &scheme, &rest) ? scheme : STR("");
}

static struct str part_of(const struct sip_uri *uri, enum uri_part part)
{
    switch (part) {
    case URI_USER:
        return uri->user;
    case URI_PASSWORD:
        return uri->password;
    case URI_HOST:
        return uri->host;
    case URI_PARAMS:
        return uri->params;
    case URI_HEADERS:
        return uri->headers;
    case URI_SCHEME:
        return scheme_text(uri);
    }
    return STR("");
}

static enum err uri_part(struct transform_call *call)
{
    struct sip_uri uri;
    enum err err = sip_uri_parse(call->text, &uri);

    return err ? err : transform_give(call, part_of(&uri, call->row->variant));
}

/* A number that is shown as nothing when there is no port. */
static enum err uri_port(struct transform_call *call)
{
    struct sip_uri uri;
    enum err err = sip_uri_parse(call->text, &uri);

    if (err)
        return err;
    err = transform_give_number(call, uri.port);
    call->out->has_text = true;
    call->out->text = STR("");
    return err || !uri.has_port ? err : str_print(call->arena, &call->out->text, "%u", uri.port);
}

/* {uri.param,name}, and {uri.transport} and the like by the row */
static enum err uri_param(struct transform_call *call)
{
    struct str name = call->arg_count ? call->args[0] : call->row->parameter;
    struct sip_uri uri;
    enum err err = sip_uri_parse(call->text, &uri);

    return err ? err : transform_give(call, sip_param_value(uri.params, name));
}

enum shape {
    SHAPE_AOR,       /* scheme:user@host */
    SHAPE_URI,       /* with the port and the transport */
    SHAPE_NEXT_HOP,  /* the same without the user */
    SHAPE_TO_SOCKET, /* transport:host:port, when both are in the URI */
};

static enum err uri_shape(struct transform_call *call)
{
    struct sip_uri uri;
    struct writer w;
    enum err err = sip_uri_parse(call->text, &uri);
    struct str transport;

    if (!err)
        err = transform_open(call, call->text.len + 32, &w);
    if (err)
        return err;
    transport = sip_param_value(uri.params, STR("transport"));
    if (call->row->variant == SHAPE_TO_SOCKET) {
        if (!transport.len || !uri.has_port)
            return ERR_NOT_FOUND;
        write_fmt(&w, STR_FMT ":" STR_FMT ":%u", STR_ARG(transport), STR_ARG(uri.host), uri.port);
        return transform_close(call, &w);
    }
    write_str(&w, scheme_text(&uri));
    write_char(&w, ':');
    if (call->row->variant != SHAPE_NEXT_HOP && uri.user.len)
        write_fmt(&w, STR_FMT "@", STR_ARG(uri.user));
    write_str(&w, uri.host);
    if (call->row->variant != SHAPE_AOR && uri.has_port)
        write_fmt(&w, ":%u", uri.port);
    if (call->row->variant != SHAPE_AOR && transport.len)
        write_fmt(&w, ";transport=" STR_FMT, STR_ARG(transport));
    return transform_close(call, &w);
}

/* ---- host~port~transport, as in the alias parameter of a Contact ---- */

enum {
    ALIAS_UDP = 1, /* transports count from there */
};

static enum err urialias_encode(struct transform_call *call)
{
    enum transport transport = TRANSPORT_UDP;
    struct sip_uri uri;
    struct str text;
    enum err err = sip_uri_parse(call->text, &uri);

    if (err)
        return err;
    if (transport_find(sip_param_value(uri.params, STR("transport")), &transport))
        transport = TRANSPORT_UDP;
    err = str_print(call->arena, &text, STR_FMT "~%u~%d", STR_ARG(uri.host),
                    uri.has_port ? uri.port : 5060u, (int)transport + ALIAS_UDP);
    return err ? err : transform_give(call, text);
}

static enum err urialias_decode(struct transform_call *call)
{
    struct str host, port, number, text;
    uint64_t transport;
    enum err err;

    if (!str_split(call->text, '~', &host, &port) || !str_split(port, '~', &port, &number) ||
        str_to_uint(number, ALIAS_UDP, TRANSPORTS, &transport))
        return ERR_SYNTAX;
    err = str_print(call->arena, &text, "sip:" STR_FMT ":" STR_FMT, STR_ARG(host), STR_ARG(port));
    if (!err && transport != ALIAS_UDP)
        err = str_print(call->arena, &text, STR_FMT ";transport=" STR_FMT, STR_ARG(text),
                        STR_ARG(transport_traits((enum transport)(transport - ALIAS_UDP))->param_name));
    return err ? err : transform_give(call, text);
}

/* ---- sockets: [ proto ":" ] host [ ":" port ] ---- */

enum sock_part {
    SOCK_HOST,
    SOCK_PORT,
    SOCK_PROTO,
};

struct sock {
    struct str proto, host, port;
};

/* Where the port begins: behind the last ':' that is not in brackets. */
static bool split_port(struct str text, struct str *host, struct str *port)
{
    const char *colon = text.len ? memrchr(text.ptr, ':', text.len) : NULL;
    const char *bracket = text.len ? memrchr(text.ptr, ']', text.len) : NULL;

    if (!colon || (bracket && bracket > colon))
        return false;
    *host = str_between(text.ptr, colon);
    *port = str_between(colon + 1, text.ptr + text.len);
    return true;
}

static enum err parse_sock(struct str text, struct sock *out)
{
    struct str proto, rest;
    enum transport transport;
    uint64_t port;

    *out = (struct sock){ .host = text };
    if (str_split(text, ':', &proto, &rest) && !transport_find(proto, &transport))
        *out = (struct sock){ .proto = proto, .host = rest };
    if (split_port(out->host, &out->host, &out->port) && str_to_uint(out->port, 1, 65535, &port))
        return ERR_SYNTAX;
    return ERR_NONE;
}

static enum err sock_part(struct transform_call *call)
{
    struct sock sock;
    enum err err = parse_sock(call->text, &sock);

    if (err)
        return err;
    if (call->row->variant == SOCK_HOST)
        return transform_give(call, sock.host);
    return transform_give(call, call->row->variant == SOCK_PORT ? sock.port : sock.proto);
}

static enum err sock_uri(struct transform_call *call)
{
    struct sock sock;
    struct str text;
    enum err err = parse_sock(call->text, &sock);

    if (!err)
        err = str_print(call->arena, &text, "sip:" STR_FMT "%s" STR_FMT "%s" STR_FMT,
                        STR_ARG(sock.host), sock.port.len ? ":" : "", STR_ARG(sock.port),
                        sock.proto.len ? ";transport=" : "", STR_ARG(sock.proto));
    return err ? err : transform_give(call, text);
}

/* ---- parameters: a=1;b=2 ---- */

struct parameter {
    struct str name, value;
};

static char param_separator(const struct transform_call *call, unsigned arg)
{
    return call->arg_count > arg && call->args[arg].len ? call->args[arg].ptr[0] : ';';
}

/* Up to a separator that is not in quotes. */
static struct str take_item(struct str *rest, char separator)
{
    struct str item = { rest->ptr, 0 };
    bool is_quoted = false;

    while (item.len < rest->len && (is_quoted || rest->ptr[item.len] != separator)) {
        if (is_quoted && rest->ptr[item.len] == '\\' && item.len + 1 < rest->len)
            item.len++;
        else if (rest->ptr[item.len] == '"')
            is_quoted = !is_quoted;
        item.len++;
    }
    *rest = str_skip(*rest, item.len < rest->len ? item.len + 1 : item.len);
    return item;
}

/* Takes the next parameter off the front. */
static bool next_param(struct str *rest, char separator, struct parameter *out)
{
    struct str item;

    if (rest->len == 0)
        return false;
    item = take_item(rest, separator);
    if (!str_split(item, '=', &out->name, &out->value)) {
        out->name = item;
        out->value = STR("");
    }
    out->name = str_trim(out->name);
    out->value = sip_unquote(str_trim(out->value));
    return true;
}

enum param_question {
    PARAM_VALUE,
    PARAM_IN,
};

/* The last of that name counts. */
static enum err param_by_name(struct transform_call *call)
{
    char separator = param_separator(call, 1);
    struct str rest = call->text, value = STR("");
    struct parameter parameter;
    bool is_there = false;

    while (next_param(&rest, separator, &parameter)) {
        if (!str_ieq(parameter.name, call->args[0]))
            continue;
        value = parameter.value;
        is_there = true;
    }
    return call->row->variant == PARAM_IN ? transform_give_number(call, is_there)
                                          : transform_give(call, value);
}

static int64_t count_params(struct str rest, char separator)
{
    struct parameter parameter;
    int64_t count = 0;

    while (next_param(&rest, separator, &parameter))
        count++;
    return count;
}

enum param_half {
    HALF_NAME,
    HALF_VALUE,
};

static enum err param_by_index(struct transform_call *call)
{
    char separator = param_separator(call, 1);
    struct str rest = call->text;
    int64_t index = call->numbers[0];
    struct parameter parameter;

    if (index < 0)
        index += count_params(rest, separator);
    while (index >= 0 && next_param(&rest, separator, &parameter))
        if (index-- == 0)
            return transform_give(call, call->row->variant == HALF_NAME ? parameter.name
                                                                        : parameter.value);
    return transform_give(call, STR(""));
}

static enum err param_count(struct transform_call *call)
{
    if (!call->is_openser && str_is_empty(call->text))
        return ERR_NOT_FOUND;
    return transform_give_number(call, count_params(call->text, param_separator(call, 0)));
}

/* ---- name-addr: the body of From, To, Contact ---- */

/* Up to the '<' that no quotes hide; the whole text without one. */
static struct str before_bracket(struct str text)
{
    bool is_quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        if (is_quoted && text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == '"')
            is_quoted = !is_quoted;
        else if (text.ptr[i] == '<' && !is_quoted)
            return (struct str){ text.ptr, i };
    }
    return text;
}

/* What {nameaddr.…} sees: name "<" uri ">", else a URI alone. */
struct bracketed {
    struct str name, uri;
    size_t len;
};

static struct bracketed find_brackets(struct str text)
{
    struct str name = before_bracket(text), uri, rest;

    if (name.len < text.len && str_split(str_skip(text, name.len + 1), '>', &uri, &rest))
        return (struct bracketed){ name, uri, name.len + uri.len + 2 };
    return (struct bracketed){ STR(""), text, text.len };
}

static enum err nameaddr_name(struct transform_call *call)
{
    return transform_give(call, find_brackets(call->text).name);
}

static enum err nameaddr_uri(struct transform_call *call)
{
    return transform_give(call, find_brackets(call->text).uri);
}

static enum err nameaddr_len(struct transform_call *call)
{
    return transform_give_number(call, (int64_t)find_brackets(call->text).len);
}

enum tobody_part {
    TOBODY_DISPLAY,
    TOBODY_URI,
    TOBODY_USER,
    TOBODY_HOST,
    TOBODY_PARAMS,
    TOBODY_TAG,
};

static struct str tobody_text(const struct sip_nameaddr *body, enum tobody_part part)
{
    switch (part) {
    case TOBODY_DISPLAY:
        return body->display;
    case TOBODY_URI:
        return body->uri.text;
    case TOBODY_USER:
        return body->uri.user;
    case TOBODY_HOST:
        return body->uri.host;
    case TOBODY_PARAMS:
        return body->params;
    case TOBODY_TAG:
        return sip_param_value(body->params, STR("tag"));
    }
    return STR("");
}

static enum err tobody_part(struct transform_call *call)
{
    struct sip_nameaddr body;
    enum err err = sip_nameaddr_parse(call->text, &body);

    return err ? err : transform_give(call, tobody_text(&body, call->row->variant));
}

#define ROW(class, name, function, min, max, ...)                                                  \
    {                                                                                              \
        STR_INIT(class), STR_INIT(name), function, min, max, __VA_ARGS__                           \
    }

const struct transform_row transform_uri_rows[] = {
    ROW("uri", "user", uri_part, 0, 0, .variant = URI_USER),
    ROW("uri", "host", uri_part, 0, 0, .variant = URI_HOST),
    ROW("uri", "domain", uri_part, 0, 0, .variant = URI_HOST),
    ROW("uri", "passwd", uri_part, 0, 0, .variant = URI_PASSWORD),
    ROW("uri", "params", uri_part, 0, 0, .variant = URI_PARAMS),
    ROW("uri", "headers", uri_part, 0, 0, .variant = URI_HEADERS),
    ROW("uri", "scheme", uri_part, 0, 0, .variant = URI_SCHEME),
    ROW("uri", "port", uri_port, 0, 0, .variant = 0),
    ROW("uri", "param", uri_param, 1, 1, .variant = 0),
    ROW("uri", "transport", uri_param, 0, 0, .parameter = STR_INIT("transport")),
    ROW("uri", "ttl", uri_param, 0, 0, .parameter = STR_INIT("ttl")),
    ROW("uri", "uparam", uri_param, 0, 0, .parameter = STR_INIT("user")),
    ROW("uri", "maddr", uri_param, 0, 0, .parameter = STR_INIT("maddr")),
    ROW("uri", "method", uri_param, 0, 0, .parameter = STR_INIT("method")),
    ROW("uri", "lr", uri_param, 0, 0, .parameter = STR_INIT("lr")),
    ROW("uri", "r2", uri_param, 0, 0, .parameter = STR_INIT("r2")),
    ROW("uri", "saor", uri_shape, 0, 0, .variant = SHAPE_AOR),
    ROW("uri", "suri", uri_shape, 0, 0, .variant = SHAPE_URI),
    ROW("uri", "duri", uri_shape, 0, 0, .variant = SHAPE_NEXT_HOP),
    ROW("uri", "tosocket", uri_shape, 0, 0, .variant = SHAPE_TO_SOCKET),
    ROW("urialias", "encode", urialias_encode, 0, 0, .variant = 0),
    ROW("urialias", "decode", urialias_decode, 0, 0, .variant = 0),
    ROW("sock", "host", sock_part, 0, 0, .variant = SOCK_HOST),
    ROW("sock", "port", sock_part, 0, 0, .variant = SOCK_PORT),
    ROW("sock", "proto", sock_part, 0, 0, .variant = SOCK_PROTO),
    ROW("sock", "touri", sock_uri, 0, 0, .variant = 0),
    ROW("param", "value", param_by_name, 1, 2, .variant = PARAM_VALUE),
    ROW("param", "in", param_by_name, 1, 2, .variant = PARAM_IN),
    ROW("param", "name", param_by_index, 1, 2, .variant = HALF_NAME, .number_args = 1),
    ROW("param", "valueat", param_by_index, 1, 2, .variant = HALF_VALUE, .number_args = 1),
    ROW("param", "count", param_count, 0, 1, .variant = 0),
    ROW("nameaddr", "name", nameaddr_name, 0, 0, .variant = 0),
    ROW("nameaddr", "uri", nameaddr_uri, 0, 0, .variant = 0),
    ROW("nameaddr", "len", nameaddr_len, 0, 0, .variant = 0),
    ROW("tobody", "uri", tobody_part, 0, 0, .variant = TOBODY_URI),
    ROW("tobody", "tag", tobody_part, 0, 0, .variant = TOBODY_TAG),
    ROW("tobody", "user", tobody_part, 0, 0, .variant = TOBODY_USER),
    ROW("tobody", "host", tobody_part, 0, 0, .variant = TOBODY_HOST),
    ROW("tobody", "params", tobody_part, 0, 0, .variant = TOBODY_PARAMS),
    ROW("tobody", "display", tobody_part, 0, 0, .variant = TOBODY_DISPLAY),
    { .apply = NULL },
};
