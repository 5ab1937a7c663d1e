/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAT traversal without a word in the script: every client counts as behind a NAT. Bindings are
 * reached by their flow, Record-Route carries a signed token with the flows of the dialog, media is
 * anchored at the relay for each branch, and pinholes are kept open.
 */
#include <culvert/keepalive.h>
#include <culvert/module.h>
#include <culvert/server.h>

enum { DIRECT_MAX = 32 };

struct nat {
    int64_t keepalive_interval, keepalive_misses;
    int64_t relay_media, end_silent_calls;
    struct str keepalive_method, latch;
    struct addr_net direct[DIRECT_MAX];
    unsigned direct_count;
    struct media_options media;
    struct keepalive *keepalive;
};

static bool creates_dialog(const struct sip_msg *msg)
{
    static const bool creates[SIP_METHODS] = {
#define M(id, dialog) [SIP_##id] = dialog,
        SIP_METHOD_TABLE(M)
#undef M
    };

    return creates[msg->method] && str_is_empty(msg->to_tag);
}

/* Answers go to where the request came from, asked for or not. */
static void on_request(struct module *module, struct run *run)
{
    (void)module;
    run->request->force_rport = true;
    run->request->record_route.has_flow_token = true;
}

static unsigned anchor(struct module *module, struct run *run)
{
    const struct nat *nat = module_state(module);

    if (!nat->relay_media || run->request->media || (run->branch && run->branch->media))
        return 0;
    switch (run_media_anchor(run, &nat->media)) {
    case MEDIA_BAD_SDP:
        return 488;
    case MEDIA_NO_PORTS:
        return 503;
    case MEDIA_FAILED:
        return 500;
    default:
        return 0;
    }
}

static bool may_carry_media(const struct sip_msg *msg)
{
    return msg->method == SIP_INVITE || msg->method == SIP_ACK || msg->method == SIP_UPDATE ||
           msg->method == SIP_PRACK;
}

/* To be ended when their media dies. One call too many is carried all the same. */
static void follow(const struct nat *nat, struct run *run)
{
    if (nat->end_silent_calls && run->msg->method == SIP_INVITE)
        (void)!run_follow_dialog(run);
}

static unsigned on_branch(struct module *module, struct run *run)
{
    if (creates_dialog(run->msg)) {
        run->request->record_route.is_wanted = true;
        follow(module_state(module), run);
    }
    return may_carry_media(run->msg) ? anchor(module, run) : 0;
}

/* What cannot be anchored in an ACK passes: nobody could be told, and the call has begun already. */
static unsigned on_forward(struct module *module, struct run *run)
{
    unsigned status = may_carry_media(run->msg) ? anchor(module, run) : 0;

    return run->msg->method == SIP_ACK ? 0 : status;
}

static bool is_success(unsigned status)
{
    return status > 100 && status < 300;
}

/* A description in a failure is no answer to be used; it passes as it is. */
static unsigned on_reply(struct module *module, struct run *run)
{
    if (!may_carry_media(run->msg) || !is_success(run->msg->status))
        return 0;
    return anchor(module, run);
}

static void on_tick(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now)
{
    struct nat *nat = module_state(module);

    keepalive_tick(nat->keepalive, worker, index, count, now);
}

/* ---- parameters ---- */

static enum err add_direct(struct module *module, const struct value *value,
                           const struct script_place *place)
{
    struct nat *nat = module_state(module);
    struct str rest = value->text, one;

    while (!str_is_empty(rest)) {
        if (!str_split(rest, ';', &one, &rest)) {
            one = rest;
            rest = (struct str){ 0 };
        }
        if (nat->direct_count == DIRECT_MAX ||
            addr_net_parse(str_trim(one), &nat->direct[nat->direct_count])) {
            script_complain(place, "\"" STR_FMT "\" is no network; write address/bits", STR_ARG(one));
            return ERR_SYNTAX;
        }
        nat->direct_count++;
    }
    return ERR_NONE;
}

static enum err deny(struct module *module, const struct value *value,
                     const struct script_place *place)
{
    return server_deny_media(module_server(module), value->text, place);
}

static const struct mod_param params[] = {
    { .name = "keepalive_interval", .type = PARAM_INT,
      .offset = offsetof(struct nat, keepalive_interval), .initial = 20, .max = 3600,
      .doc = "Seconds between two pings of a binding; 0: none." },
    { .name = "keepalive_method", .type = PARAM_STR, .offset = offsetof(struct nat, keepalive_method),
      .initial_text = "crlf", .doc = "\"crlf\", or \"options\": requests that want an answer." },
    { .name = "keepalive_misses", .type = PARAM_INT, .offset = offsetof(struct nat, keepalive_misses),
      .initial = 3, .max = 100,
      .doc = "A binding is removed after this many OPTIONS without an answer; 0: never." },
    { .name = "relay_media", .type = PARAM_INT, .offset = offsetof(struct nat, relay_media),
      .initial = 1, .max = 1, .doc = "0: descriptions pass as they are." },
    { .name = "end_silent_calls", .type = PARAM_INT,
      .offset = offsetof(struct nat, end_silent_calls), .initial = 1, .max = 1,
      .doc = "1: when the media of a call has died, and it is not on hold, both sides get a BYE." },
    { .name = "latch", .type = PARAM_STR, .offset = offsetof(struct nat, latch),
      .initial_text = "strict",
      .doc = "Whose media counts: \"strict\" the address that signals, \"site\" its network, \"any\"." },
    { .name = "direct", .type = PARAM_CALL, .set = add_direct,
      .doc = "Networks whose clients are not behind a NAT, separated by semicolons." },
    { .name = "denied", .type = PARAM_CALL, .set = deny,
      .doc = "Networks that media are never sent to, separated by semicolons." },
    { 0 },
};

static enum err choose_latch(struct nat *nat)
{
    static const struct {
        struct str name;
        enum media_policy policy;
    } rows[] = {
        { STR_INIT("strict"), MEDIA_STRICT },
        { STR_INIT("site"), MEDIA_SITE },
        { STR_INIT("any"), MEDIA_ANY },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (str_ieq(nat->latch, rows[i].name)) {
            nat->media.policy = rows[i].policy;
            return ERR_NONE;
        }
    }
    log_error("nat.latch is \"strict\", \"site\" or \"any\", not \"" STR_FMT "\"", STR_ARG(nat->latch));
    return ERR_SYNTAX;
}

static enum err start_keepalive(struct module *module)
{
    struct nat *nat = module_state(module);
    bool by_options = str_ieq(nat->keepalive_method, STR("options"));
    const struct keepalive_settings settings = {
        .interval = (msec)nat->keepalive_interval * 1000,
        .nat_bflag = -1,
        .method = by_options ? KEEPALIVE_REQUEST : KEEPALIVE_CRLF,
        .request_method = STR("OPTIONS"),
        .misses_max = (unsigned)nat->keepalive_misses,
    };

    if (!by_options && !str_ieq(nat->keepalive_method, STR("crlf"))) {
        log_error("nat.keepalive_method is \"crlf\" or \"options\", not \"" STR_FMT "\"",
                  STR_ARG(nat->keepalive_method));
        return ERR_SYNTAX;
    }
    return keepalive_create(module, &settings, &nat->keepalive);
}

static enum err start(struct module *module)
{
    struct nat *nat = module_state(module);
    enum err err = choose_latch(nat);

    nat->media.direct = nat->direct;
    nat->media.direct_count = nat->direct_count;
    nat->media.must_relay = true;
    server_location_rules(module_server(module))->uses_flows = true;
    server_dialog_rules(module_server(module))->ends_silent = nat->end_silent_calls != 0;
    return err ? err : start_keepalive(module);
}

static void stop(struct module *module)
{
    struct nat *nat = module_state(module);

    keepalive_destroy(nat->keepalive);
}

static const char *const needs[] = { "rr", "registrar", NULL };

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "nat",
    .summary = "Carries calls through NATs without a call in the script.",
    .state_size = sizeof(struct nat),
    .needs = needs,
    .params = params,
    .hooks = {
        .on_request = on_request,
        .on_branch = on_branch,
        .on_forward = on_forward,
        .on_reply = on_reply,
        .on_tick = on_tick,
    },
    .start = start,
    .stop = stop,
};
