/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/log.h>
#include <culvert/module.h>

#include "manage.h"

struct rtpproxy {
    struct str nortpproxy_str;
};

enum {
    ALREADY_MARKED = -2,
};

/* Another server has relayed these media already. */
static bool is_marked(const struct call *call)
{
    const struct rtpproxy *rtpproxy = module_state(call->module);
    struct str mark = str_trim(rtpproxy->nortpproxy_str);

    return !str_is_empty(mark) && str_find(call->run->msg->body, mark);
}

/* Of the flags only f says something here: the relay finds out the rest by itself. */
static bool ignores_mark(const struct call *call)
{
    return call->arg_count > 0 && str_find_char(call->args[0].value.text, 'f');
}

static enum verdict anchor(struct call *call)
{
    if (!ignores_mark(call) && is_marked(call))
        return (enum verdict)ALREADY_MARKED;
    return media_anchor(call, true);
}

static enum verdict manage(struct call *call)
{
    if (!ignores_mark(call) && is_marked(call))
        return (enum verdict)ALREADY_MARKED;
    return media_manage(call, true);
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
    .params = params,
};
