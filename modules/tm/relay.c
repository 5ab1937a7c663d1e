/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that forward and answer. */
#include "tm.h"

enum {
    RELAY_NO_100 = 1,
    RELAY_NO_INTERNAL_REPLY = 2,
    RELAY_NO_DNS_FAILOVER = 4,
    RELAY_FLAGS = 7,
};

/* "0x02" or "2"; false for anything larger than the flags there are. */
static bool parse_flags(struct str text, unsigned *out)
{
    uint64_t number = 0;

    if (str_istarts(text, STR("0x")))
        text = str_skip(text, 2); /* one digit of either base means the same */
    if (str_to_uint(text, 0, RELAY_FLAGS, &number))
        return false;
    *out = (unsigned)number;
    return true;
}

static void take_flags(struct relay_options *options, unsigned flags)
{
    options->no_100 = flags & RELAY_NO_100;
    options->no_internal_reply = flags & RELAY_NO_INTERNAL_REPLY;
    options->no_dns_failover = flags & RELAY_NO_DNS_FAILOVER;
}

/* "sip:host:port;transport=tcp" as "tcp:host:port". */
static enum err destination_of_uri(struct arena *arena, const struct sip_uri *uri, struct str *out)
{
    enum transport transport = TRANSPORT_UDP;
    struct str name;

    if (sip_uri_transport(uri, &transport))
        return ERR_UNSUPPORTED;
    name = transport_traits(transport)->param_name;
    if (uri->has_port)
        return str_print(arena, out, STR_FMT ":" STR_FMT ":%u", STR_ARG(name), STR_ARG(uri->host),
                         uri->port);
    return str_print(arena, out, STR_FMT ":" STR_FMT, STR_ARG(name), STR_ARG(uri->host));
}

/* A URI, or "[proto:]host[:port]" as it is. */
static enum err parse_destination(struct arena *arena, struct str text, struct str *out)
{
    struct sip_uri uri;

    if (!sip_uri_parse(text, &uri) && (uri.scheme == URI_SIP || uri.scheme == URI_SIPS))
        return destination_of_uri(arena, &uri, out);
    return str_copy(arena, text, out);
}

/*
 * The arguments in all their forms: (flags), (destination), (destination, flags), (host, port). A
 * second argument is a port when it is too large for flags.
 */
static enum err take_args(const struct call *call, struct relay_options *options)
{
    struct arena *arena = call->run->arena;
    unsigned flags = 0;
    enum err err;

    if (call->arg_count == 0)
        return ERR_NONE;
    if (call->arg_count == 1 && parse_flags(call->args[0].value.text, &flags)) {
        take_flags(options, flags);
        return ERR_NONE;
    }
    err = parse_destination(arena, call->args[0].value.text, &options->destination);
    if (err || call->arg_count == 1)
        return err;
    if (parse_flags(call->args[1].value.text, &flags)) {
        take_flags(options, flags);
        return ERR_NONE;
    }
    return str_print(arena, &options->destination, STR_FMT ":" STR_FMT,
                     STR_ARG(options->destination), STR_ARG(call->args[1].value.text));
}

/* Without a destination: the next hop of the current target, but over this transport. */
static enum err force_transport(const struct call *call, struct str proto, struct str *destination)
{
    const struct target *target = &call->run->request->target;
    struct arena *arena = call->run->arena;
    struct sip_uri uri;
    enum err err;

    if (!str_is_empty(*destination))
        return str_print(arena, destination, STR_FMT ":" STR_FMT, STR_ARG(proto),
                         STR_ARG(*destination));
    err = sip_uri_parse(str_is_empty(target->dst_uri) ? target->uri : target->dst_uri, &uri);
    if (err)
        return err;
    return str_print(arena, destination, STR_FMT ":" STR_FMT ":%u", STR_ARG(proto),
                     STR_ARG(uri.host), sip_uri_port(&uri));
}

/* The options live in the arena: a relay may wait for a name to be resolved. */
static enum verdict relay(struct call *call, struct str proto, bool is_replica)
{
    struct relay_options *options = arena_zalloc(call->run->arena, sizeof *options);
    enum err err = options ? take_args(call, options) : ERR_NOMEM;

    if (!err && !str_is_empty(proto))
        err = force_transport(call, proto, &options->destination);
    if (err) {
        log_error("t_relay: cannot send to \"" STR_FMT "\": %s",
                  STR_ARG(call->arg_count ? call->args[0].value.text : STR("")), err_name(err));
        return VERDICT_ERROR;
    }
    options->is_replica = is_replica;
    options->no_100 |= is_replica;
    tm_read_timer_avps(call);
    return run_relay(call->run, options);
}

enum verdict t_relay(struct call *call)
{
    return relay(call, (struct str){ 0 }, false);
}

enum verdict t_relay_to_udp(struct call *call)
{
    return relay(call, STR("udp"), false);
}

enum verdict t_relay_to_tcp(struct call *call)
{
    return relay(call, STR("tcp"), false);
}

enum verdict t_relay_to_tls(struct call *call)
{
    return relay(call, STR("tls"), false);
}

enum verdict t_replicate(struct call *call)
{
    return relay(call, (struct str){ 0 }, true);
}

enum verdict t_replicate_udp(struct call *call)
{
    return relay(call, STR("udp"), true);
}

enum verdict t_replicate_tcp(struct call *call)
{
    return relay(call, STR("tcp"), true);
}

enum verdict t_replicate_tls(struct call *call)
{
    return relay(call, STR("tls"), true);
}

enum verdict t_relay_by_sctp(struct call *call)
{
    (void)call;
    log_error("t_relay: there is no SCTP here; use t_relay_to_tcp or t_relay_to_tls");
    return VERDICT_ERROR;
}

/* t_relay_to_avp(proto, variable): where to, as the variable says. */
enum verdict t_relay_to_avp(struct call *call)
{
    struct relay_options *options = arena_zalloc(call->run->arena, sizeof *options);
    struct value where;

    if (!options || variable_get(call->run, call->args[1].object, &where) ||
        value_is_null(&where) ||
        parse_destination(call->run->arena, where.text, &options->destination) ||
        force_transport(call, call->args[0].value.text, &options->destination)) {
        log_error("t_relay_to_avp: the variable names no destination");
        return VERDICT_ERROR;
    }
    tm_read_timer_avps(call);
    return run_relay(call->run, options);
}

enum verdict t_newtran(struct call *call)
{
    enum err err = run_create_transaction(call->run);

    return verdict_if(!err || err == ERR_EXISTS);
}

/* Kamailio sends the target set along with a redirection. */
static enum err add_contacts(struct run *run, uint64_t status)
{
    bool is_redirection = status >= 300 && status < 400;

    return is_redirection && !server_is_openser(run_server(run)) ? run_add_contacts(run) : ERR_NONE;
}

static enum verdict reply(struct call *call)
{
    const struct tm_state *tm = module_state(call->module);
    struct str reason = call->args[1].value.text;
    uint64_t status;
    enum err err;

    if (str_to_uint(call->args[0].value.text, 100, 699, &status)) {
        log_error("t_reply: \"" STR_FMT "\" is no status", STR_ARG(call->args[0].value.text));
        status = (uint64_t)tm->default_code;
        reason = tm->default_reason;
    }
    if (add_contacts(call->run, status))
        return VERDICT_ERROR;
    err = run_reply(call->run, (unsigned)status, reason);
    if (err)
        log_notice("t_reply: %u not sent: %s", (unsigned)status, err_name(err));
    return verdict_of(err);
}

/* With the reason why forwarding failed. */
enum verdict t_reply_error(struct call *call)
{
    struct str reason;
    unsigned status = run_error(call->run, &reason);

    return t_newtran(call) == VERDICT_TRUE ? verdict_of(run_reply(call->run, status, reason))
                                           : VERDICT_ERROR;
}

enum verdict t_reply(struct call *call)
{
    if (call->run->request->txn)
        return reply(call);
    log_error("t_reply: there is no transaction; t_newtran() or t_relay() makes one");
    return VERDICT_ERROR;
}

enum verdict t_send_reply(struct call *call)
{
    return t_newtran(call) == VERDICT_TRUE ? reply(call) : VERDICT_ERROR;
}

/* A transaction ends by itself. */
enum verdict t_release(struct call *call)
{
    (void)call;
    return VERDICT_TRUE;
}

/* A CANCEL that has found its INVITE is dealt with, and the script ends. */
enum verdict t_relay_cancel(struct call *call)
{
    struct relay_options *options = arena_zalloc(call->run->arena, sizeof *options);

    if (!options || call->run->request->msg->method != SIP_CANCEL)
        return VERDICT_ERROR;
    if (!call->run->request->invite)
        return VERDICT_TRUE;
    return run_relay(call->run, options) == VERDICT_TRUE ? VERDICT_STOP : VERDICT_ERROR;
}
