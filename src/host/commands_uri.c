/* SPDX-License-Identifier: Apache-2.0 */
/* Core commands that change parts of the Request-URI. */
#include "host/commands.h"

#include <culvert/log.h>

#include "host/core.h"

enum {
    URI_MAX = 1024,
    PIECE_MAX = 512,
};

static enum err read_uri(struct run *run, struct sip_uri *out)
{
    enum err err = sip_uri_parse(run_target(run)->uri, out);

    return !err && out->scheme == URI_OTHER ? ERR_UNSUPPORTED : err;
}

static enum err write_uri(struct run *run, const struct sip_uri *uri)
{
    char buffer[URI_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str text;
    enum err err;

    sip_uri_write(&w, uri);
    err = writer_finish(&w, &text);
    return err ? err : run_set_uri(run, text);
}

static enum verdict finish(struct call *call, enum err err)
{
    if (err)
        log_notice("the Request-URI \"" STR_FMT "\" stays as it is: %s",
                   STR_ARG(run_target(call->run)->uri), err_name(err));
    return verdict_of(err);
}

void command_leave_tel(struct sip_uri *uri)
{
    if (uri->scheme != URI_TEL)
        return;
    uri->scheme = URI_SIP;
    uri->params = STR("user=phone");
}

static enum err parse_host(struct str text, struct sip_uri *uri)
{
    struct addr addr;

    if (str_is_empty(text))
        return ERR_SYNTAX;
    if (!addr_parse_ip(text, &addr) && addr.family == ADDR_IPV6 && text.ptr[0] != '[')
        return ERR_SYNTAX; /* only in brackets: a port may follow */
    uri->host = text;
    return ERR_NONE;
}

static enum err parse_port(struct str text, struct sip_uri *uri)
{
    uint64_t port;
    enum err err = str_to_uint(text, 1, UINT16_MAX, &port);

    if (err)
        return err;
    uri->has_port = true;
    uri->port = (uint16_t)port;
    return ERR_NONE;
}

/* host [ ":" port ], IPv6 in brackets. */
static enum err parse_hostport(struct str text, struct sip_uri *uri)
{
    const char *bracket = str_find_char(text, ']');
    struct str tail = bracket ? str_skip(text, (size_t)(bracket - text.ptr)) : text;
    const char *colon = str_find_char(tail, ':');
    enum err err;

    uri->has_port = false;
    uri->port = 0;
    if (!colon)
        return parse_host(text, uri);
    err = parse_host(str_between(text.ptr, colon), uri);
    return err ? err : parse_port(str_between(colon + 1, text.ptr + text.len), uri);
}

enum verdict command_sethost(struct call *call)
{
    struct sip_uri uri;
    enum err err = read_uri(call->run, &uri);

    if (!err)
        err = parse_host(call->args[0].value.text, &uri);
    if (!err)
        command_leave_tel(&uri);
    return finish(call, err ? err : write_uri(call->run, &uri));
}

enum verdict command_sethostport(struct call *call)
{
    struct sip_uri uri;
    enum err err = read_uri(call->run, &uri);

    if (!err)
        err = parse_hostport(call->args[0].value.text, &uri);
    if (!err)
        command_leave_tel(&uri);
    return finish(call, err ? err : write_uri(call->run, &uri));
}

/* The parameters without those of this name, in `buffer`. */
static enum err drop_param(struct writer *w, struct str params, struct str name)
{
    struct str rest = params;
    struct sip_param param;
    struct str text;

    while (sip_param_next(&rest, &param)) {
        if (str_ieq(param.name, name))
            continue;
        if (w->at != w->start)
            write_char(w, ';');
        write_str(w, param.name);
        if (param.has_value) {
            write_char(w, '=');
            write_str(w, param.value);
        }
    }
    return writer_finish(w, &text);
}

enum verdict command_sethostporttrans(struct call *call)
{
    struct str text = call->args[0].value.text, hostport, transport = { 0 };
    char buffer[PIECE_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_uri uri;
    enum err err = read_uri(call->run, &uri);

    if (!str_split(text, ';', &hostport, &transport))
        hostport = text;
    if (!err)
        err = drop_param(&w, uri.params, STR("transport"));
    if (!err)
        err = parse_hostport(hostport, &uri);
    if (err)
        return finish(call, err);
    if (!str_is_empty(transport)) {
        if (w.at != w.start)
            write_char(&w, ';');
        write_str(&w, transport);
    }
    command_leave_tel(&uri);
    err = writer_finish(&w, &uri.params);
    return finish(call, err ? err : write_uri(call->run, &uri));
}

static enum verdict set_user(struct call *call, struct str user)
{
    struct sip_uri uri;
    enum err err = read_uri(call->run, &uri);

    uri.user = user;
    if (str_is_empty(user))
        uri.password = user;
    return finish(call, err ? err : write_uri(call->run, &uri));
}

enum verdict command_setuser(struct call *call)
{
    return set_user(call, call->args[0].value.text);
}

enum verdict command_setuserpass(struct call *call)
{
    struct str text = call->args[0].value.text;
    struct sip_uri uri;
    enum err err = read_uri(call->run, &uri);

    uri.password = (struct str){ 0 };
    if (!str_split(text, ':', &uri.user, &uri.password))
        uri.user = text;
    return finish(call, err ? err : write_uri(call->run, &uri));
}

enum verdict command_setport(struct call *call)
{
    struct str text = call->args[0].value.text;
    struct sip_uri uri;
    enum err err = read_uri(call->run, &uri);

    if (err || uri.scheme == URI_TEL)
        return finish(call, err ? err : ERR_UNSUPPORTED);
    uri.has_port = false;
    if (!str_is_empty(text))
        err = parse_port(text, &uri);
    return finish(call, err ? err : write_uri(call->run, &uri));
}

enum verdict command_seturi(struct call *call)
{
    return finish(call, run_set_uri(call->run, call->args[0].value.text));
}

enum verdict command_revert_uri(struct call *call)
{
    return finish(call, run_set_uri(call->run, call->run->request->msg->ruri));
}

enum verdict command_prefix(struct call *call)
{
    char buffer[PIECE_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_uri uri;
    enum err err = read_uri(call->run, &uri);

    if (err)
        return finish(call, err);
    write_str(&w, call->args[0].value.text);
    write_str(&w, uri.user);
    err = writer_finish(&w, &uri.user);
    return finish(call, err ? err : write_uri(call->run, &uri));
}

/* How many characters of the user part to drop; too many leave it empty, and that is no error. */
static size_t count_of(const struct call *call, struct str user)
{
    int64_t wanted = call->args[0].value.number;

    if (wanted < 0)
        return 0;
    if ((uint64_t)wanted > user.len) {
        log_notice("strip: the user part \"" STR_FMT "\" has no %lld characters", STR_ARG(user),
                   (long long)wanted);
        return user.len;
    }
    return (size_t)wanted;
}

enum verdict command_strip(struct call *call)
{
    struct sip_uri uri;
    enum err err = read_uri(call->run, &uri);

    return err ? finish(call, err) : set_user(call, str_skip(uri.user, count_of(call, uri.user)));
}

enum verdict command_strip_tail(struct call *call)
{
    struct sip_uri uri;
    enum err err = read_uri(call->run, &uri);

    if (err)
        return finish(call, err);
    uri.user.len -= count_of(call, uri.user);
    return set_user(call, uri.user);
}

enum verdict command_userphone(struct call *call)
{
    char buffer[PIECE_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_uri uri;
    enum err err = read_uri(call->run, &uri);

    if (err || uri.scheme == URI_TEL ||
        str_ieq(sip_param_value(uri.params, STR("user")), STR("phone")))
        return finish(call, err);
    write_str(&w, uri.params);
    write_str(&w, str_is_empty(uri.params) ? STR("user=phone") : STR(";user=phone"));
    err = writer_finish(&w, &uri.params);
    return finish(call, err ? err : write_uri(call->run, &uri));
}
