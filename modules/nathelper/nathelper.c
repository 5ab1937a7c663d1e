/* SPDX-License-Identifier: Apache-2.0 */
#include "nathelper.h"

enum {
    ON_MESSAGES =
        STAGE_REQUEST | STAGE_REPLY | STAGE_CORE_REPLY | STAGE_FAILURE | STAGE_BRANCH | STAGE_LOCAL,
    SECONDS = 1000,
};

/* ---- variables ---- */

static enum err get_rr_count(const struct variable_use *use, struct value *out)
{
    struct sip_values routes = sip_values_of(use->run->msg, SIP_HDR_RECORD_ROUTE);
    int64_t count = 0;

    while (sip_values_next(&routes))
        count++;
    *out = value_of_int(count);
    return ERR_NONE;
}

/* How many of the topmost Record-Routes are of one server: two when it says r2. */
static enum err get_rr_top_count(const struct variable_use *use, struct value *out)
{
    struct sip_values routes = sip_values_of(use->run->msg, SIP_HDR_RECORD_ROUTE);
    struct sip_nameaddr route;
    struct sip_param r2;

    if (!sip_values_next(&routes) || sip_nameaddr_parse(routes.value, &route))
        *out = value_of_int(0);
    else
        *out = value_of_int(sip_param_find(route.uri.params, STR("r2"), &r2) ? 2 : 1);
    return ERR_NONE;
}

static const struct mod_variable variables[] = {
    { .name = "rr_count", .get = get_rr_count, .doc = "How many Record-Route values there are." },
    { .name = "rr_top_count",
      .get = get_rr_top_count,
      .doc = "How many of them the topmost server has added." },
    { 0 },
};

/* ---- commands ---- */

static enum err enable_ping(struct module *module, struct command *command)
{
    struct nathelper *nathelper = module_state(module);
    struct str wanted = command_arg(command, 0);
    bool is_on = str_eq(wanted, STR("1"));

    if (nathelper->natping_interval == 0)
        return command_fail(command, ERR_NOT_NOW, "pings are off: natping_interval is 0");
    if (!is_on && !str_eq(wanted, STR("0")))
        return command_fail(command, ERR_SYNTAX, "say 1 for on, 0 for off");
    keepalive_set_enabled(nathelper->keepalive, is_on);
    return ERR_NONE;
}

static const struct mod_command commands[] = {
    { "nathelper.enable_ping", "0|1", "Stops or continues keeping NATs open.", enable_ping },
    { 0 },
};

/* clang-format off */
/* ---- functions ---- */

#define ROW(function, minimum, stages_, doc_, ...) \
    { .name = #function, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = stages_, .doc = doc_ }
#define NO_ARGS ARG_END

static const struct mod_function functions[] = {
    { .name = "nat_uac_test", .run = nat_uac_test, .takes = { ARG_FLAGS }, .min_args = 1,
      .stages = ON_MESSAGES, .traits = TRAIT_BLIND,
      .doc = "True when one of the tests says that the sender is behind a NAT." },
    ROW(fix_nated_contact, 0, ON_MESSAGES, "Replaces host and port of the first Contact by the source.", NO_ARGS),
    ROW(fix_nated_sdp, 1, ON_MESSAGES, "Changes the description: 1 direction, 2 addresses, 4 mark, 8 origin; [address].",
        ARG_FLAGS, ARG_FMT),
    ROW(fix_nated_register, 0, STAGE_REQUEST, "Remembers the source of a REGISTER for save().", NO_ARGS),
    ROW(add_rcv_param, 0, STAGE_REQUEST, "Adds ;received= to every Contact; 1: inside the URI.", ARG_INT),
    ROW(is_rfc1918, 1, STAGE_EVERY, "True for a private address.", ARG_FMT),
    ROW(add_contact_alias, 0, ON_MESSAGES, "Notes the source in the first Contact, if it is not what it says.",
        ARG_FMT, ARG_FMT, ARG_FMT),
    ROW(set_contact_alias, 0, ON_MESSAGES, "Notes the source in the first Contact; 1: in place of an older note.", ARG_INT),
    ROW(handle_ruri_alias, 0, STAGE_REQUEST | STAGE_BRANCH | STAGE_LOCAL | STAGE_FAILURE,
        "Makes the note in the Request-URI the next hop; 1: the last one.", ARG_INT),
    ROW(set_alias_to_pv, 1, STAGE_ANY, "Stores the note in the Contact as a URI.", ARG_VAR),
    ROW(force_rtp_proxy, 0, ON_MESSAGES, "Relays the media: [flags [, address]].", ARG_FMT, ARG_FMT),
    ROW(unforce_rtp_proxy, 0, ON_MESSAGES, "Ends the relaying of media.", NO_ARGS),
    ROW(set_rtp_proxy_set, 1, ON_MESSAGES, "Accepted; there is one relay.", ARG_INT),
    ROW(start_recording, 0, ON_MESSAGES, "False: media are not recorded.", NO_ARGS),
    { 0 },
};

/* ---- parameters ---- */

#define NUMBER(field, value, doc_) \
    { .name = #field, .type = PARAM_INT, .offset = offsetof(struct nathelper, field), .initial = value, .doc = doc_ }
#define TEXT(field, value, doc_) \
    { .name = #field, .type = PARAM_STR, .offset = offsetof(struct nathelper, field), .initial_text = value, .doc = doc_ }
#define IGNORED(name_, why) { .name = name_, .type = PARAM_IGNORED, .doc = why }
#define OWN_RELAY "media are relayed by the server itself"

static const struct mod_param params[] = {
    NUMBER(natping_interval, 0, "Seconds between two pings of a binding; 0: none."),
    NUMBER(ping_nated_only, 0, "1: only bindings with usrloc's nat_bflag are pinged."),
    NUMBER(sipping_bflag, -1, "Bindings with this branch flag are pinged by a request."),
    NUMBER(natping_disable_bflag, -1, "Bindings with this branch flag are never pinged."),
    NUMBER(keepalive_timeout, 0, "Seconds without an answer to requests until a binding is removed; 0: never."),
    TEXT(sipping_from, "", "From of such requests."),
    TEXT(sipping_method, "OPTIONS", "Their method."),
    TEXT(nortpproxy_str, "a=nortpproxy:yes\r\n", "Line that marks a description as relayed; empty: none."),
    NUMBER(append_sdp_oldmediaip, 1, "1: fix_nated_sdp() keeps replaced addresses in a=oldmediaip:."),
    TEXT(alias_name, "alias", "Name of the parameter of add_contact_alias() and its like."),
    TEXT(received_avp, "", "Variable that fix_nated_register() writes and save() reads."),
    IGNORED("natping_processes", "every worker sends its share"),
    IGNORED("natping_socket", "pings leave from the socket that the client registered on"),
    IGNORED("force_socket", "pings leave from the socket that the client registered on"),
    IGNORED("udpping_from_path", "pings leave from the socket that the client registered on"),
    IGNORED("filter_server_id", "only bindings of this server are known"),
    IGNORED("nat_addr_mode", "192.0.0.0/24 is private"),
    IGNORED("rtpproxy_sock", OWN_RELAY),
    IGNORED("rtpproxy_disable", OWN_RELAY),
    IGNORED("rtpproxy_disable_tout", OWN_RELAY),
    IGNORED("rtpproxy_tout", OWN_RELAY),
    IGNORED("rtpproxy_retr", OWN_RELAY),
    { 0 },
};
/* clang-format on */

/* ---- life ---- */

static void on_tick(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now)
{
    struct nathelper *nathelper = module_state(module);

    keepalive_tick(nathelper->keepalive, worker, index, count, now);
}

static enum err find_received(struct module *module)
{
    struct nathelper *nathelper = module_state(module);
    struct str name = nathelper->received_avp;
    uint64_t number;

    if (str_is_empty(name))
        return ERR_NONE;
    if (!str_to_uint(name, 0, UINT32_MAX, &number) && /* as OpenSER 1.1 had it */
        str_print(module_arena(module), &name, "$avp(i:%u)", (unsigned)number))
        return ERR_NOMEM;
    return module_variable(module, name, &nathelper->received);
}

static enum err complete_mark(struct module *module)
{
    struct nathelper *nathelper = module_state(module);
    struct str mark = str_trim(nathelper->nortpproxy_str);

    if (str_is_empty(mark)) {
        nathelper->nortpproxy_str = STR("");
        return ERR_NONE;
    }
    return str_print(module_arena(module), &nathelper->nortpproxy_str, STR_FMT "\r\n",
                     STR_ARG(mark));
}

static uint32_t bit(int64_t flag)
{
    return flag >= 0 && flag < FLAGS_MAX ? (uint32_t)1 << flag : 0;
}

/* In Kamailio's dialect a sipping_bflag without ping_nated_only means requests for everybody. */
static bool is_all_requests(const struct module *module)
{
    const struct nathelper *nathelper = module_state(module);

    return !server_is_openser(module_server(module)) && nathelper->sipping_bflag >= 0 &&
           !nathelper->ping_nated_only;
}

static enum err start_keepalive(struct module *module)
{
    struct nathelper *nathelper = module_state(module);
    const struct keepalive_settings settings = {
        .interval = (msec)nathelper->natping_interval * SECONDS,
        .nated_only = nathelper->ping_nated_only != 0,
        .nat_bflag = -1,
        .request_bflags = bit(nathelper->sipping_bflag),
        .off_bflags = bit(nathelper->natping_disable_bflag),
        .method = is_all_requests(module) ? KEEPALIVE_REQUEST : KEEPALIVE_ZEROS,
        .request_method = nathelper->sipping_method,
        .from = nathelper->sipping_from,
        .misses_max = nathelper->natping_interval
                          ? (unsigned)(nathelper->keepalive_timeout / nathelper->natping_interval)
                          : 0,
    };

    if (settings.interval > 0 && nathelper->sipping_bflag >= 0 && str_is_empty(settings.from)) {
        log_error("nathelper: sipping_bflag needs sipping_from");
        return ERR_NOT_NOW;
    }
    return keepalive_create(module, &settings, &nathelper->keepalive);
}

static enum err start(struct module *module)
{
    enum err err = find_received(module);

    if (!err)
        err = complete_mark(module);
    return err ? err : start_keepalive(module);
}

static void stop(struct module *module)
{
    struct nathelper *nathelper = module_state(module);

    keepalive_destroy(nathelper->keepalive);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "nathelper",
    .summary = "NAT handling by script, as OpenSER and Kamailio do it.",
    .state_size = sizeof(struct nathelper),
    .functions = functions,
    .variables = variables,
    .params = params,
    .commands = commands,
    .hooks = { .on_tick = on_tick },
    .start = start,
    .stop = stop,
};
