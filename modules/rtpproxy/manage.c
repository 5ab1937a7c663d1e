/* SPDX-License-Identifier: Apache-2.0 */
#include "manage.h"

enum verdict media_anchor(struct call *call, const struct media_options *options)
{
    switch (run_media_anchor(call->run, options)) {
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
    DONE,    /* ours, and nothing to do */
    ANCHOR,  /* when there is a description */
    END,
};

static enum action action_for_invite(const struct run *run)
{
    const struct sip_msg *msg = run->msg;
    bool has_failed = run->stage == STAGE_FAILURE || (!msg->is_request && msg->status >= 300);

    if (!has_failed)
        return ANCHOR;
    return str_is_empty(run->request->msg->to_tag) ? END : DONE;
}

static enum action action_for(const struct run *run)
{
    switch (run->msg->method) {
    case SIP_BYE:
        return END;
    case SIP_CANCEL:
        return DONE;
    case SIP_INVITE:
        return action_for_invite(run);
    case SIP_ACK:
    case SIP_PRACK:
    case SIP_UPDATE:
        return ANCHOR;
    default:
        return NOTHING;
    }
}

enum verdict media_manage(struct call *call, const struct media_options *options)
{
    switch (action_for(call->run)) {
    case END:
        return media_end(call);
    case DONE:
        return VERDICT_TRUE;
    case ANCHOR:
        return str_is_empty(call->run->msg->body) ? VERDICT_FALSE : media_anchor(call, options);
    default:
        return VERDICT_FALSE;
    }
}
