/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/log.h>
#include <culvert/module.h>

#include "../rtpproxy/manage.h"

/* Of the flags only replace-origin says something here: the relay finds out the rest by itself. */
static bool replaces_origin(const struct call *call)
{
    return call->arg_count > 0 && str_find(call->args[0].value.text, STR("replace-origin"));
}

static enum verdict anchor(struct call *call)
{
    return verdict_if(media_anchor(call, replaces_origin(call)) == VERDICT_TRUE);
}

static enum verdict manage(struct call *call)
{
    return verdict_if(media_manage(call, replaces_origin(call)) == VERDICT_TRUE);
}

static enum verdict accept(struct call *call)
{
    (void)call;
    return VERDICT_TRUE;
}

static enum verdict refuse(struct call *call)
{
    log_notice("call " STR_FMT ": media are relayed, nothing else is done to them",
               STR_ARG(call->run->msg->call_id));
    return VERDICT_FALSE;
}

/* clang-format off */
#define ROW(name_, function, doc_, ...) \
    { .name = name_, .run = function, .takes = { __VA_ARGS__ }, .stages = STAGE_ANY, .doc = doc_ }
#define REFUSED(name_) ROW(name_, refuse, "False: media are only relayed.", ARG_FMT)

static const struct mod_function functions[] = {
    ROW("rtpengine_offer", anchor, "Relays the media of an offer: [flags].", ARG_FMT),
    ROW("rtpengine_answer", anchor, "Relays the media of an answer: [flags].", ARG_FMT),
    ROW("rtpengine_manage", manage, "Relays or ends the media, as the message asks: [flags].", ARG_FMT),
    ROW("rtpengine_delete", media_end, "Ends the relaying of media.", ARG_FMT),
    ROW("rtpengine_info", accept, "Accepted; candidates around the relay are not used.", ARG_FMT),
    { .name = "set_rtpengine_set", .run = accept, .takes = { ARG_INT, ARG_INT }, .min_args = 1,
      .stages = STAGE_ANY, .doc = "Accepted; there is one relay." },
    REFUSED("rtpengine_query"),
    REFUSED("start_recording"),
    REFUSED("stop_recording"),
    REFUSED("block_dtmf"),
    REFUSED("unblock_dtmf"),
    REFUSED("block_media"),
    REFUSED("unblock_media"),
    REFUSED("silence_media"),
    REFUSED("unsilence_media"),
    REFUSED("start_forwarding"),
    REFUSED("stop_forwarding"),
    REFUSED("play_media"),
    REFUSED("stop_media"),
    REFUSED("play_dtmf"),
    { 0 },
};

#define IGNORED(name_) { .name = name_, .type = PARAM_IGNORED, .doc = "media are relayed by the server itself" }

static const struct mod_param params[] = {
    IGNORED("rtpengine_sock"),
    IGNORED("rtpengine_disable_tout"),
    IGNORED("rtpengine_tout_ms"),
    IGNORED("rtpengine_retr"),
    IGNORED("aggressive_redetection"),
    IGNORED("queried_nodes_limit"),
    IGNORED("rtpengine_allow_op"),
    IGNORED("control_cmd_tos"),
    IGNORED("db_url"),
    IGNORED("table_name"),
    IGNORED("setid_col"),
    IGNORED("url_col"),
    IGNORED("weight_col"),
    IGNORED("disabled_col"),
    IGNORED("extra_id_pv"),
    IGNORED("setid_avp"),
    IGNORED("setid_default"),
    IGNORED("force_send_interface"),
    IGNORED("rtp_inst_pvar"),
    IGNORED("hash_table_size"),
    IGNORED("hash_table_tout"),
    IGNORED("hash_algo"),
    IGNORED("media_duration"),
    IGNORED("wsapi"),
    { 0 },
};
/* clang-format on */

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "rtpengine",
    .summary = "Relays media by script, as Kamailio's rtpengine module does.",
    .functions = functions,
    .params = params,
};
