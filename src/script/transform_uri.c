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
    SHAPE_TO_SOCKET, /* transport:host:port */
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
        write_str(&w, transport.len ? transport : uri.scheme == URI_SIPS ? STR("tls") : STR("udp"));
        write_str(&w, STR(":"));
        write_str(&w, uri.host);
        write_fmt(&w, ":%u", sip_uri_port(&uri));
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

static enum err param_by_name(struct transform_call *call)
{
    char separator = param_separator(call, 1);
    struct str rest = call->text;
    struct parameter parameter;

    while (next_param(&rest, separator, &parameter)) {
        if (!str_ieq(parameter.name, call->args[0]))
            continue;
        return call->row->variant == PARAM_IN ? transform_give_number(call, 1)
                                              : transform_give(call, parameter.value);
    }
    return call->row->variant == PARAM_IN ? transform_give_number(call, 0)
                                          : transform_give(call, STR(""));
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
    return transform_give_number(call, count_params(call->text, param_separator(call, 0)));
}

/* ---- name-addr: the body of From, To, Contact ---- */

enum nameaddr_part {
    NAMEADDR_NAME,
    NAMEADDR_BEFORE, /* all that stands before the '<' */
    NAMEADDR_URI,
    NAMEADDR_USER,
    NAMEADDR_HOST,
    NAMEADDR_PARAMS,
    NAMEADDR_TAG,
};

static struct str nameaddr_text(const struct sip_nameaddr *nameaddr, enum nameaddr_part part)
{
    switch (part) {
    case NAMEADDR_NAME:
        return nameaddr->display;
    case NAMEADDR_BEFORE:
        return nameaddr->display.len
                   ? str_between(nameaddr->display.ptr, nameaddr->uri.text.ptr - 1)
                   : STR("");
    case NAMEADDR_URI:
        return nameaddr->uri.text;
    case NAMEADDR_USER:
        return nameaddr->uri.user;
    case NAMEADDR_HOST:
        return nameaddr->uri.host;
    case NAMEADDR_PARAMS:
        return nameaddr->params;
    case NAMEADDR_TAG:
        return sip_param_value(nameaddr->params, STR("tag"));
    }
    return STR("");
}

static enum err nameaddr_part(struct transform_call *call)
{
    struct sip_nameaddr nameaddr;
    enum err err = sip_nameaddr_parse(call->text, &nameaddr);

    return err ? err : transform_give(call, nameaddr_text(&nameaddr, call->row->variant));
}

static enum err nameaddr_len(struct transform_call *call)
{
    struct sip_nameaddr nameaddr;
    enum err err = sip_nameaddr_parse(call->text, &nameaddr);
    size_t len = err || !nameaddr.params.len ? call->text.len
                                             : (size_t)(nameaddr.params.ptr - call->text.ptr) - 1;

    return err ? err : transform_give_number(call, (int64_t)len);
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
    ROW("param", "value", param_by_name, 1, 2, .variant = PARAM_VALUE),
    ROW("param", "in", param_by_name, 1, 2, .variant = PARAM_IN),
    ROW("param", "name", param_by_index, 1, 2, .variant = HALF_NAME, .number_args = 1),
    ROW("param", "valueat", param_by_index, 1, 2, .variant = HALF_VALUE, .number_args = 1),
    ROW("param", "count", param_count, 0, 1, .variant = 0),
    ROW("nameaddr", "name", nameaddr_part, 0, 0, .variant = NAMEADDR_BEFORE),
    ROW("nameaddr", "uri", nameaddr_part, 0, 0, .variant = NAMEADDR_URI),
    ROW("nameaddr", "len", nameaddr_len, 0, 0, .variant = 0),
    ROW("tobody", "uri", nameaddr_part, 0, 0, .variant = NAMEADDR_URI),
    ROW("tobody", "tag", nameaddr_part, 0, 0, .variant = NAMEADDR_TAG),
    ROW("tobody", "user", nameaddr_part, 0, 0, .variant = NAMEADDR_USER),
    ROW("tobody", "host", nameaddr_part, 0, 0, .variant = NAMEADDR_HOST),
    ROW("tobody", "params", nameaddr_part, 0, 0, .variant = NAMEADDR_PARAMS),
    ROW("tobody", "display", nameaddr_part, 0, 0, .variant = NAMEADDR_NAME),
    { .apply = NULL },
};
