/* SPDX-License-Identifier: Apache-2.0 */
/* When the relay's ports go back: at the end of a dialog, and of branches that lost. */
#include "host/host.h"

static void end_dialog_media(struct run *run)
{
    const struct sip_msg *msg = run->request->msg;

    media_keep_totals(run->worker, run_dialog(run));
    relay_end(run->worker->server->relay, msg->call_id, msg->from_tag, msg->to_tag);
}

void run_media_end(struct run *run)
{
    struct relay *relay = run->worker->server->relay;
    const struct sip_msg *msg = run->request->msg;

    if (!relay || msg->method == SIP_CANCEL)
        return;
    if (run->stage == STAGE_REPLY && run->branch && str_is_empty(msg->to_tag))
        relay_end_branch(relay, msg->call_id, msg->from_tag, run->branch->id);
    else if (str_is_empty(msg->to_tag))
        relay_end(relay, msg->call_id, STR(""), STR(""));
    else
        end_dialog_media(run);
}

static bool holds_branch_media(const struct branch *branch)
{
    const struct request *request = branch->request;

    return request->has_media && request->msg->method == SIP_INVITE &&
           str_is_empty(request->msg->to_tag);
}

void media_branch_lost(struct branch *branch)
{
    const struct sip_msg *msg = branch->request->msg;
    struct relay *relay = branch->request->worker->server->relay;

    if (relay && holds_branch_media(branch))
        relay_end_branch(relay, msg->call_id, msg->from_tag, branch->id);
}

void media_branch_won(struct branch *branch, struct str to_tag)
{
    const struct sip_msg *msg = branch->request->msg;
    struct relay *relay = branch->request->worker->server->relay;

    if (relay && holds_branch_media(branch))
        relay_keep_branch(relay, msg->call_id, msg->from_tag, branch->id, to_tag);
}
