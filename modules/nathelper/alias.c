/* SPDX-License-Identifier: Apache-2.0 */
/* ;alias=address~port~transport in a Contact: where its user agent really is. */
#include "nathelper.h"

enum {
    ADDED = 1,
    NOTHING_TO_DO = 2,
    DEFAULT_PORT = 5060,
    URI_MAX = 1024,
};

/* The digit that stands for a transport in an alias. */
static const struct {
    char digit;
    enum transport transport;
} digits[] = {
    { '1', TRANSPORT_UDP }, { '2', TRANSPORT_TCP }, { '3', TRANSPORT_TLS },
    { '5', TRANSPORT_WS },  { '6', TRANSPORT_WSS },
};

static char digit_of(enum transport transport)
{
    for (size_t i = 0; i < sizeof digits / sizeof digits[0]; i++) {
        if (digits[i].transport == transport)
            return digits[i].digit;
    }
    return '1';
}

static bool transport_of(struct str digit, enum transport *out)
{
    for (size_t i = 0; digit.len == 1 && i < sizeof digits / sizeof digits[0]; i++) {
        if (digits[i].digit == digit.ptr[0]) {
            *out = digits[i].transport;
            return true;
        }
    }
    return false;
}

/* ---- writing one ---- */

static const struct nathelper *state_of(const struct call *call)
{
    return module_state(call->module);
}

/* True when an alias has been added to this message. */
static bool has_added(const struct call *call)
{
    struct str name = state_of(call)->alias_name;

    for (const struct sip_edit *edit = call->run->edits->first; edit; edit = edit->next) {
        const char *at = str_find(edit->insert, name);
        if (at && at > edit->insert.ptr && at[-1] == ';')
            return true;
    }
    return false;
}

static enum err write_alias(const struct call *call, const struct addr *addr,
                            enum transport transport, struct str *out)
{
    char buffer[ADDR_TEXT_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);

    addr_write_ip(&w, addr, true);
    return str_print(call->run->arena, out, ";" STR_FMT "=" STR_FMT "~%u~%c",
                     STR_ARG(state_of(call)->alias_name), STR_ARG(writer_text(&w)), addr->port,
                     digit_of(transport));
}

static bool is_where_it_says(const struct sip_uri *uri, const struct addr *addr,
                             enum transport transport)
{
    enum transport said = TRANSPORT_UDP;
    struct addr host;

    return !addr_parse_ip(uri->host, &host) && addr_same_ip(&host, addr) &&
           (uri->port ? uri->port : DEFAULT_PORT) == addr->port && !sip_uri_transport(uri, &said) &&
           said == transport;
}

/* add_contact_alias(address, port, transport) */
static bool read_args(const struct call *call, struct addr *addr, enum transport *transport)
{
    uint64_t port;

    if (addr_parse_ip(call->args[0].value.text, addr) ||
        str_to_uint(call->args[1].value.text, 1, UINT16_MAX, &port) ||
        transport_find(call->args[2].value.text, transport))
        return false;
    addr->port = (uint16_t)port;
    return true;
}

enum verdict add_contact_alias(struct call *call)
{
    struct run *run = call->run;
    struct addr addr = run->source.peer;
    enum transport transport = run->source.transport;
    struct sip_nameaddr contact;
    struct str alias, hostport;

    if (call->arg_count == 1 || call->arg_count == 2 ||
        (call->arg_count == 3 && !read_args(call, &addr, &transport)) || has_added(call))
        return VERDICT_ERROR;
    if (!nat_find_contact(run->msg, &contact) || is_where_it_says(&contact.uri, &addr, transport))
        return (enum verdict)NOTHING_TO_DO;
    hostport = nat_hostport(&contact.uri);
    if (write_alias(call, &addr, transport, &alias) ||
        add_uri_param(run, &contact, hostport.ptr + hostport.len, alias))
        return VERDICT_ERROR;
    return (enum verdict)ADDED;
}

/* The parameter with the semicolon before it. */
static struct str whole_param(const struct sip_param *param)
{
    const char *end =
        param->has_value ? param->value.ptr + param->value.len : param->name.ptr + param->name.len;

    return str_between(param->name.ptr - 1, end);
}

static enum err remove_alias(const struct call *call, const struct sip_uri *uri)
{
    struct sip_param alias;

    if (!sip_param_find(uri->params, state_of(call)->alias_name, &alias))
        return ERR_NONE;
    return sip_edit_replace(call->run->edits, call->run->msg, whole_param(&alias), STR(""));
}

enum verdict set_contact_alias(struct call *call)
{
    struct run *run = call->run;
    bool trims = call->arg_count > 0 && call->args[0].value.number != 0;
    struct sip_nameaddr contact;
    struct str alias;

    if (!nat_find_contact(run->msg, &contact) ||
        write_alias(call, &run->source.peer, run->source.transport, &alias) ||
        (trims && remove_alias(call, &contact.uri)))
        return VERDICT_ERROR;
    return verdict_of(
        add_uri_param(run, &contact, contact.uri.text.ptr + contact.uri.text.len, alias));
}

/* ---- reading one ---- */

/* address~port~digit */
static bool parse_alias(struct str text, struct addr *addr, enum transport *transport)
{
    struct str host, port_text, digit, rest;
    uint64_t port;

    if (!str_split(text, '~', &host, &rest) || !str_split(rest, '~', &port_text, &digit) ||
        addr_parse_ip(host, addr) || str_to_uint(port_text, 1, UINT16_MAX, &port))
        return false;
    addr->port = (uint16_t)port;
    return transport_of(digit, transport);
}

static enum err write_alias_uri(struct run *run, const struct addr *addr, enum transport transport,
                                bool names_udp, struct str *out)
{
    char address[ADDR_TEXT_MAX];

    if (transport == TRANSPORT_UDP && !names_udp)
        return str_print(run->arena, out, "sip:%s", addr_text(addr, address));
    return str_print(run->arena, out, "sip:%s;transport=" STR_FMT, addr_text(addr, address),
                     STR_ARG(transport_traits(transport)->param_name));
}

/* The first alias parameter, or the last one. */
static bool find_alias(const struct call *call, struct str params, bool is_last,
                       struct sip_param *out)
{
    struct str rest = params;
    struct sip_param param;
    bool is_found = false;

    while (sip_param_next(&rest, &param)) {
        if (!str_ieq(param.name, state_of(call)->alias_name))
            continue;
        *out = param;
        is_found = true;
        if (!is_last)
            break;
    }
    return is_found;
}

static enum err cut_out(struct run *run, struct str text, struct str part)
{
    char buffer[URI_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str uri;
    enum err err;

    write_str(&w, str_between(text.ptr, part.ptr));
    write_str(&w, str_between(part.ptr + part.len, text.ptr + text.len));
    err = writer_finish(&w, &uri);
    return err ? err : run_set_uri(run, uri);
}

enum verdict handle_ruri_alias(struct call *call)
{
    struct run *run = call->run;
    bool is_last = call->arg_count > 0 && call->args[0].value.number != 0;
    enum transport transport = TRANSPORT_UDP;
    struct sip_param alias;
    struct sip_uri uri;
    struct str hop;
    struct addr addr;

    if (sip_uri_parse(run_target(run)->uri, &uri))
        return VERDICT_ERROR;
    if (!find_alias(call, uri.params, is_last, &alias))
        return (enum verdict)NOTHING_TO_DO;
    if (!parse_alias(alias.value, &addr, &transport) ||
        write_alias_uri(run, &addr, transport, false, &hop) ||
        cut_out(run, uri.text, whole_param(&alias)))
        return VERDICT_ERROR;
    return verdict_of(run_set_dst_uri(run, hop));
}

enum verdict set_alias_to_pv(struct call *call)
{
    enum transport transport = TRANSPORT_UDP;
    struct sip_nameaddr contact;
    struct sip_param alias;
    struct value value;
    struct str uri;
    struct addr addr;

    if (!nat_find_contact(call->run->msg, &contact) ||
        !find_alias(call, contact.uri.params, false, &alias) ||
        !parse_alias(alias.value, &addr, &transport) ||
        write_alias_uri(call->run, &addr, transport, true, &uri))
        return VERDICT_FALSE;
    value = value_of_str(uri);
    return verdict_of(variable_set(call->run, call->args[0].object, &value));
}
