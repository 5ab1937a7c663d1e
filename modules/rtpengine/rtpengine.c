/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/log.h>
#include <culvert/module.h>

#include <inttypes.h>

#include "../rtpproxy/manage.h"

/* ---- flags ---- */

/* Flags ask for work on the media themselves that nobody does here. */
static const struct str unheeded[] = {
    STR_INIT("codec-transcode"), STR_INIT("codec-strip"),   STR_INIT("codec-mask"),
    STR_INIT("codec-set"),       STR_INIT("transcode"),     STR_INIT("always-transcode"),
    STR_INIT("ICE=force"),       STR_INIT("record-call=on"), STR_INIT("T38-decode"),
    STR_INIT("T.38-decode"),     STR_INIT("T38-force"),     STR_INIT("T.38-force"),
    STR_INIT("inject-DTMF"),     STR_INIT("repacketize"),   STR_INIT("rtcp-mux-demux"),
};

struct rtpengine {
    struct log_gate gate;
};

static void note_unheeded(const struct call *call, struct str flag)
{
    struct rtpengine *rtpengine = module_state(call->module);

    for (size_t i = 0; i < sizeof unheeded / sizeof unheeded[0]; i++)
        if (str_istarts(flag, unheeded[i]) && log_gate_pass(&rtpengine->gate, run_now(call->run), 60000))
            log_notice("rtpengine: \"" STR_FMT "\" is not done: media pass as the phones send them",
                       STR_ARG(flag));
}

static bool is_flag(struct str flag, const char *dashed, const char *spaced)
{
    return str_ieq(flag, str_of(dashed)) || str_ieq(flag, str_of(spaced));
}

/* Keys are written with = or, in older scripts, with a dash. */
static bool read_address(struct str flag, struct media_options *options)
{
    struct str key = STR("media-address=");

    if (!str_istarts(flag, key))
        return true;
    return !addr_parse_ip(str_skip(flag, key.len), &options->address);
}

/* What is not listed passes through or comes about by itself: ICE, DTLS, SDES, symmetric, force… */
static bool read_flag(const struct call *call, struct str flag, struct media_options *options)
{
    if (is_flag(flag, "replace-origin", "replace origin"))
        options->replace_origin = true;
    else if (is_flag(flag, "trust-address", "trust address"))
        options->is_direct = true;
    else if (is_flag(flag, "SIP-source-address", "SIP source address"))
        options->is_direct = false;
    else if (str_ieq(flag, STR("asymmetric")))
        options->is_asymmetric = options->is_direct = true;
    note_unheeded(call, flag);
    return read_address(flag, options);
}

static bool read_flags(const struct call *call, struct media_options *options)
{
    struct str rest = call->arg_count > 0 ? call->args[0].value.text : STR(""), flag;

    *options = (struct media_options){ .policy = MEDIA_STRICT };
    while (!str_is_empty(rest = str_trim(rest))) {
        if (!str_split(rest, ' ', &flag, &rest)) {
            flag = rest;
            rest = STR("");
        }
        if (!read_flag(call, flag, options)) {
            log_error("rtpengine: \"" STR_FMT "\" names no address", STR_ARG(flag));
            return false;
        }
    }
    return true;
}

/* ---- functions ---- */

static enum verdict anchor(struct call *call)
{
    struct media_options options;

    return verdict_if(read_flags(call, &options) && media_anchor(call, &options) == VERDICT_TRUE);
}

static enum verdict manage(struct call *call)
{
    struct media_options options;

    return verdict_if(read_flags(call, &options) && media_manage(call, &options) == VERDICT_TRUE);
}

static enum verdict query(struct call *call)
{
    struct media_totals totals;

    return verdict_of(run_media_totals(call->run, &totals));
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

/* RTP and RTCP of both sides together. */
static enum err get_statistics(const struct variable_use *use, struct value *out)
{
    struct media_totals t;
    struct str text;
    enum err err;

    *out = value_null();
    if (run_media_totals(use->run, &t))
        return ERR_NONE;
    err = str_print(use->run->arena, &text,
                    "RTP: %" PRIu64 " bytes, %" PRIu64 " packets, %" PRIu64 " errors; RTCP: %" PRIu64
                    " bytes, %" PRIu64 " packets, %" PRIu64 " errors",
                    t.rtp[0].bytes + t.rtp[1].bytes, t.rtp[0].packets + t.rtp[1].packets,
                    t.rtp[0].lost + t.rtp[1].lost, t.rtcp[0].bytes + t.rtcp[1].bytes,
                    t.rtcp[0].packets + t.rtcp[1].packets, t.rtcp[0].lost + t.rtcp[1].lost);
    if (!err)
        *out = value_of_str(text);
    return err;
}

static const struct mod_variable variables[] = {
    { .name = "rtpestat", .get = get_statistics, .doc = "What has been relayed of this call." },
    { .name = "rtpstat", .get = get_statistics, .doc = "The same." },
    { 0 },
};

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
    ROW("rtpengine_query", query, "True when media of this call are relayed.", ARG_FMT),
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
    .state_size = sizeof(struct rtpengine),
    .functions = functions,
    .variables = variables,
    .params = params,
};
