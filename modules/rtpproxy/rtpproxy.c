/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/log.h>
#include <culvert/module.h>

#include <inttypes.h>

#include "manage.h"

struct rtpproxy {
    struct str nortpproxy_str;
};

#define DOC_STATISTICS "Packets of this call: \"60 caller callee relayed lost\"."

enum {
    ALREADY_MARKED = -2,
    TIME_TO_LIVE = 60, /* s: what the original grants a silent session */
};

/* Another server has relayed these media already. */
static bool is_marked(const struct call *call)
{
    const struct rtpproxy *rtpproxy = module_state(call->module);
    struct str mark = str_trim(rtpproxy->nortpproxy_str);

    return !str_is_empty(mark) && str_find(call->run->msg->body, mark);
}

/* What the flags of a call say. Those that are only known here ask for what the relay does anyway. */
struct wish {
    bool ignores_mark;
    bool needs_tag;
    struct media_options options;
};

static bool read_flag(char flag, struct wish *wish)
{
    switch (char_lower(flag)) {
    case 'f':
        wish->ignores_mark = true;
        return true;
    case 'l':
        wish->needs_tag = true;
        return true;
    case 'a':
        wish->options.is_asymmetric = wish->options.is_direct = true;
        return true;
    case 'r':
        wish->options.is_direct = true;
        return true;
    default:
        return str_find_char(STR("ieocw123bxzt0456789 "), char_lower(flag)) != NULL;
    }
}

/* [flags [, address]] */
static bool read_wish(const struct call *call, struct wish *wish)
{
    const struct rtpproxy *rtpproxy = module_state(call->module);
    struct str flags = call->arg_count > 0 ? call->args[0].value.text : STR("");
    struct str address = call->arg_count > 1 ? call->args[1].value.text : STR("");

    /* `o` says nothing: the original always rewrites o= */
    *wish = (struct wish){ .options = { .replace_origin = true } };
    wish->options.extra_line = str_trim(rtpproxy->nortpproxy_str);
    for (size_t i = 0; i < flags.len; i++) {
        if (!read_flag(flags.ptr[i], wish)) {
            log_error("rtpproxy: unknown flag '%c'", flags.ptr[i]);
            return false;
        }
    }
    if (!str_is_empty(address) && addr_parse_ip(address, &wish->options.address)) {
        log_error("rtpproxy: \"" STR_FMT "\" is no address", STR_ARG(address));
        return false;
    }
    return true;
}

static enum verdict relay(struct call *call,
                          enum verdict (*act)(struct call *, const struct media_options *))
{
    struct wish wish;

    if (!read_wish(call, &wish) || (wish.needs_tag && str_is_empty(call->run->msg->to_tag)))
        return VERDICT_FALSE;
    if (!wish.ignores_mark && is_marked(call))
        return (enum verdict)ALREADY_MARKED;
    return act(call, &wish.options);
}

static enum verdict anchor(struct call *call)
{
    return relay(call, media_anchor);
}

static enum verdict manage(struct call *call)
{
    return relay(call, media_manage);
}

static enum verdict accept_set(struct call *call)
{
    (void)call;
    return VERDICT_TRUE;
}

static enum verdict refuse(struct call *call)
{
    log_notice("call " STR_FMT ": media are neither recorded nor played",
               STR_ARG(call->run->msg->call_id));
    return VERDICT_FALSE;
}

/* Seconds to live, packets of the caller and of the callee, packets relayed, and lost. */
static enum err get_statistics(const struct variable_use *use, struct value *out)
{
    struct media_totals totals;
    struct str text;
    uint64_t a, b, lost = 0;
    enum err err;

    *out = value_null();
    if (run_media_totals(use->run, &totals))
        return ERR_NONE;
    a = totals.rtp[0].packets + totals.rtcp[0].packets;
    b = totals.rtp[1].packets + totals.rtcp[1].packets;
    for (unsigned side = 0; side < 2; side++)
        lost += totals.rtp[side].lost + totals.rtcp[side].lost;
    err = str_print(use->run->arena, &text, "%u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
                    totals.silence < TIME_TO_LIVE ? TIME_TO_LIVE - (unsigned)totals.silence : 0, a,
                    b, a + b, lost);
    if (!err)
        *out = value_of_str(text);
    return err;
}

static const struct mod_variable variables[] = {
    { .name = "rtppstat", .get = get_statistics, .doc = DOC_STATISTICS },
    { .name = "rtpstat", .get = get_statistics, .doc = DOC_STATISTICS },
    { 0 },
};

/* clang-format off */
#define ROW(name_, function, doc_, ...) \
    { .name = name_, .run = function, .takes = { __VA_ARGS__ }, .stages = STAGE_ANY, .doc = doc_ }
#define NEEDS(name_, function, minimum, doc_, ...) \
    { .name = name_, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = STAGE_ANY, .doc = doc_ }
#define DOC_PLAY "False: media are not played."

static const struct mod_function functions[] = {
    ROW("rtpproxy_offer", anchor, "Relays the media of an offer: [flags [, address]].", ARG_FMT, ARG_FMT),
    ROW("rtpproxy_answer", anchor, "Relays the media of an answer: [flags [, address]].", ARG_FMT, ARG_FMT),
    ROW("rtpproxy_manage", manage, "Relays or ends the media, as the message asks: [flags [, address]].", ARG_FMT, ARG_FMT),
    ROW("rtpproxy_destroy", media_end, "Ends the relaying of media.", ARG_FMT),
    ROW("unforce_rtp_proxy", media_end, "Ends the relaying of media.", ARG_FMT),
    NEEDS("set_rtp_proxy_set", accept_set, 1, "Accepted; there is one relay.", ARG_INT),
    ROW("start_recording", refuse, "False: media are not recorded.", ARG_END),
    NEEDS("rtpproxy_stream2uac", refuse, 2, DOC_PLAY, ARG_FMT, ARG_INT),
    NEEDS("rtpproxy_stream2uas", refuse, 2, DOC_PLAY, ARG_FMT, ARG_INT),
    ROW("rtpproxy_stop_stream2uac", refuse, DOC_PLAY, ARG_END),
    ROW("rtpproxy_stop_stream2uas", refuse, DOC_PLAY, ARG_END),
    { 0 },
};

#define IGNORED(name_) { .name = name_, .type = PARAM_IGNORED, .doc = "media are relayed by the server itself" }

static const struct mod_param params[] = {
    { .name = "nortpproxy_str", .type = PARAM_STR, .offset = offsetof(struct rtpproxy, nortpproxy_str),
      .initial_text = "a=nortpproxy:yes", .doc = "Line that marks a description as relayed; empty: none." },
    IGNORED("rtpproxy_sock"),
    IGNORED("rtpproxy_disable_tout"),
    IGNORED("rtpproxy_tout"),
    IGNORED("rtpproxy_retr"),
    IGNORED("timeout_socket"),
    IGNORED("ice_candidate_priority_avp"),
    IGNORED("extra_id_pv"),
    IGNORED("db_url"),
    IGNORED("table_name"),
    IGNORED("rtp_inst_pvar"),
    { 0 },
};
/* clang-format on */

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "rtpproxy",
    .summary = "Relays media by script, as Kamailio's rtpproxy module does.",
    .state_size = sizeof(struct rtpproxy),
    .functions = functions,
    .variables = variables,
    .params = params,
};
