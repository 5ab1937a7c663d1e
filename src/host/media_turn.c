/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which turn of offer and answer a message is (RFC 3261 §13.2.1, 3262 §5, 3311 §5, 6337 §2), and
 * what the relay must know of messages that have nothing to anchor.
 */
#include "host/media.h"

/* Descriptions in other methods describe something else (RFC 3261 §11.2: OPTIONS, what is
 * possible). */
static const struct {
    bool may_describe;
    uint8_t request, success; /* enum sdp_carrier; of a success to a request that offered */
} rows[SIP_METHODS] = {
    [SIP_INVITE] = { true, SDP_CARRIES_OFFER, SDP_CARRIES_ANSWER },
    [SIP_UPDATE] = { true, SDP_CARRIES_OFFER, SDP_CARRIES_ANSWER },
    [SIP_PRACK] = { true, SDP_CARRIES_EITHER, SDP_CARRIES_ANSWER },
    [SIP_ACK] = { true, SDP_CARRIES_ANSWER, SDP_CARRIES_NOTHING },
};

/* RFC 3262 §3 */
static bool is_reliable(const struct sip_msg *msg)
{
    struct sip_values required = sip_values_of(msg, SIP_HDR_REQUIRE);

    if (str_is_empty(sip_msg_value(msg, SIP_HDR_RSEQ)))
        return false;
    while (sip_values_next(&required))
        if (str_ieq(required.value, STR("100rel")))
            return true;
    return false;
}

static bool has_offered(const struct request *request)
{
    const struct sip_body body = sip_msg_body(request->msg);
    struct sip_part part;

    return request->has_offered || !sip_body_find(&body, STR("application/sdp"), &part);
}

static enum sdp_carrier carrier_of_response(const struct request *request,
                                            const struct sip_msg *response)
{
    if (response->status >= 300)
        return SDP_REFUSES;
    if (response->method != SIP_INVITE)
        return rows[response->method].success;
    if (!has_offered(request))
        return SDP_CARRIES_EITHER;
    return response->status >= 200 || is_reliable(response) ? SDP_CARRIES_ANSWER
                                                            : SDP_CARRIES_PREVIEW;
}

bool media_may_describe(const struct sip_msg *msg)
{
    return rows[msg->method].may_describe && (msg->is_request || msg->status < 300);
}

/* Offers and answers inside the initial INVITE belong to a branch; later ones to the dialog. */
static struct str branch_of(const struct request *request, const struct branch *branch)
{
    return branch && str_is_empty(request->msg->to_tag) ? branch->id : STR("");
}

static struct relay_describe of_request(const struct request *request, const struct branch *branch)
{
    const struct sip_msg *msg = request->msg;

    return (struct relay_describe){
        .call_id = msg->call_id,
        .sender_tag = msg->from_tag,
        .receiver_tag = msg->to_tag,
        .branch = branch_of(request, branch),
        .is_from_caller = true,
        .cseq = msg->cseq,
        .now = request->worker->wheel.now,
    };
}

/* The tag is the response's, since the request of a dialog that begins has none. */
static struct relay_describe of_response(const struct request *request, const struct branch *branch,
                                         struct str to_tag)
{
    struct relay_describe what = of_request(request, branch);

    what.receiver_tag = what.sender_tag;
    what.sender_tag = to_tag;
    what.is_from_caller = false;
    what.is_response = true;
    return what;
}

struct relay_describe media_describe(const struct run *run)
{
    struct relay_describe what;

    if (run->msg->is_request) {
        what = of_request(run->request, run->branch);
        what.carrier = rows[run->msg->method].request;
        return what;
    }
    what = of_response(run->request, run->branch, run->msg->to_tag);
    what.carrier = carrier_of_response(run->request, run->msg);
    return what;
}

void media_note_reply(const struct run *run)
{
    struct relay *relay = run->worker->server->relay;
    struct relay_describe what = media_describe(run);
    bool is_success = run->msg->status >= 200 && run->msg->status < 300;

    if (!relay || !run->request->has_media || run->edits->has_media || run->msg->status >= 300)
        return;
    what.carrier = is_success && has_offered(run->request) ? SDP_ACCEPTS : SDP_CARRIES_NOTHING;
    relay_note(relay, &what);
}

/* Whoever refused: a branch, the caller by CANCEL, or nobody at all by silence. */
void media_note_final(const struct request *request, unsigned status)
{
    struct relay *relay = request->worker->server->relay;
    struct relay_describe what = of_response(request, NULL, request->msg->to_tag);

    if (!relay || !request->has_media || status < 300 || str_is_empty(request->msg->to_tag))
        return;
    what.carrier = SDP_REFUSES;
    relay_note(relay, &what);
}
