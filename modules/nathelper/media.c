/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenSER's nathelper had a separate program for: relaying media. Ours is in the server. */
#include "nathelper.h"

struct media_wish {
    bool needs_tag;    /* l, s */
    bool ignores_mark; /* f */
    struct media_options options;
};

/* The relay finds out by itself what i, e, c and w say. */
static bool parse_flags(struct str flags, struct media_wish *out)
{
    for (size_t i = 0; i < flags.len; i++) {
        char flag = char_lower(flags.ptr[i]);

        out->needs_tag |= flag == 'l' || flag == 's';
        out->ignores_mark |= flag == 'f';
        out->options.replace_origin |= flag == 'o';
        out->options.is_asymmetric |= flag == 'a';
        out->options.is_direct |= flag == 'a' || flag == 'r';
        if (!str_find_char(STR("alieforcsw"), flag)) {
            log_error("force_rtp_proxy: unknown flag '%c'", flag);
            return false;
        }
    }
    return true;
}

/* [flags [, address]] */
static bool parse_wish(const struct call *call, struct media_wish *out)
{
    const struct nathelper *nathelper = module_state(call->module);

    out->options.extra_line = str_trim(nathelper->nortpproxy_str);
    if (call->arg_count > 0 && !parse_flags(call->args[0].value.text, out))
        return false;
    if (call->arg_count < 2 || !addr_parse_ip(call->args[1].value.text, &out->options.address))
        return true;
    log_error("force_rtp_proxy: \"" STR_FMT "\" is no address", STR_ARG(call->args[1].value.text));
    return false;
}

/* Another server has relayed these media already. */
static bool is_marked(const struct call *call)
{
    const struct nathelper *nathelper = module_state(call->module);
    struct str mark = str_trim(nathelper->nortpproxy_str);

    return !str_is_empty(mark) && str_find(call->run->msg->body, mark);
}

enum verdict force_rtp_proxy(struct call *call)
{
    const struct sip_msg *msg = call->run->msg;
    struct media_wish wish = { .options = { .policy = MEDIA_STRICT } };

    if (!parse_wish(call, &wish))
        return VERDICT_ERROR;
    if ((wish.needs_tag && str_is_empty(msg->to_tag)) || (!wish.ignores_mark && is_marked(call)))
        return VERDICT_FALSE;
    return verdict_if(run_media_anchor(call->run, &wish.options) == MEDIA_ANCHORED);
}

enum verdict unforce_rtp_proxy(struct call *call)
{
    if (str_is_empty(call->run->msg->call_id) || str_is_empty(call->run->msg->from_tag))
        return VERDICT_FALSE;
    run_media_end(call->run);
    return VERDICT_TRUE;
}

/* There is one relay. */
enum verdict set_rtp_proxy_set(struct call *call)
{
    (void)call;
    return VERDICT_TRUE;
}

enum verdict start_recording(struct call *call)
{
    log_notice("call " STR_FMT ": start_recording(): media are not recorded",
               STR_ARG(call->run->msg->call_id));
    return VERDICT_FALSE;
}
