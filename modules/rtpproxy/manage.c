/* SPDX-License-Identifier: Apache-2.0 */
#include "manage.h"

enum verdict media_anchor(struct call *call, bool replace_origin)
{
    static const struct media_options plain = { .policy = MEDIA_STRICT };
    static const struct media_options with_origin = { .policy = MEDIA_STRICT,
                                                      .replace_origin = true };

    switch (run_media_anchor(call->run, replace_origin ? &with_origin : &plain)) {
    case MEDIA_ANCHORED:
        return VERDICT_TRUE;
    case MEDIA_NO_PORTS:
        return (enum verdict)MEDIA_NO_RELAY;
    default:
        return VERDICT_FALSE;
    }
}

enum verdict media_end(struct call *call)
{
    run_media_end(call->run);
    return VERDICT_TRUE;
}

enum action {
    NOTHING, /* not ours */
    ANCHOR,  /* when there is a description */
    END,
};

static enum action action_for(const struct run *run)
{
    const struct sip_msg *msg = run->msg;

    switch (msg->method) {
    case SIP_BYE:
    case SIP_CANCEL:
        return END;
    case SIP_INVITE:
        if (run->stage == STAGE_FAILURE || (!msg->is_request && msg->status >= 300))
            return END;
        return ANCHOR;
    case SIP_ACK:
    case SIP_PRACK:
    case SIP_UPDATE:
        return ANCHOR;
    default:
        return NOTHING;
    }
}

enum verdict media_manage(struct call *call, bool replace_origin)
{
    const struct sip_msg *msg = call->run->msg;

    switch (action_for(call->run)) {
    case END:
        return media_end(call);
    case ANCHOR:
        return str_is_empty(msg->body) ? VERDICT_FALSE : media_anchor(call, replace_origin);
    default:
        return VERDICT_FALSE;
    }
}
