/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Re-anchoring session descriptions: from a message and its flows to the relay's table, and back
 * into the message. In the request stage nothing is done but a check; the work happens as each
 * branch goes out, when its flow is known, so that a fork has media for each branch.
 */
#include "host/host.h"

enum {
    SDP_BYTES_MAX = 16384, /* a description longer than this is refused */
};

/* RFC 3261 §13: a body without a type in an INVITE is taken for a session description. */
static bool has_description(const struct sip_msg *msg)
{
    if (str_is_empty(msg->body))
        return false;
    return sip_msg_has_content_type(msg, STR("application/sdp")) ||
           str_is_empty(sip_msg_value(msg, SIP_HDR_CONTENT_TYPE));
}

static bool is_direct(const struct media_options *options, const struct addr *source)
{
    for (unsigned i = 0; i < options->direct_count; i++) {
        if (addr_in_net(source, &options->direct[i].addr, options->direct[i].bits))
            return true;
    }
    return false;
}

static struct relay_party party_of(const struct run *run, const struct flow *flow,
                                   const struct media_options *options)
{
    static const enum latch_policy policies[] = {
        [MEDIA_STRICT] = LATCH_STRICT,
        [MEDIA_SITE] = LATCH_SITE,
        [MEDIA_ANY] = LATCH_ANY,
    };
    const struct server *server = run->worker->server;
    struct relay_party party = {
        .source = flow->peer,
        .policy = policies[options->policy],
        .is_direct = is_direct(options, &flow->peer),
    };

    if (flow->socket < server->listener_count)
        party.local = server->listeners[flow->socket].bound;
    return party;
}

/* Offers and answers inside the initial INVITE belong to a branch; later ones to the dialog. */
static struct str branch_of(const struct run *run)
{
    return run->branch && str_is_empty(run->request->msg->to_tag) ? run->branch->id : STR("");
}

static void describe_request(const struct run *run, struct relay_describe *what)
{
    what->sender_tag = run->msg->from_tag;
    what->receiver_tag = run->msg->to_tag;
    what->is_from_caller = true;
    what->is_answer = run->msg->method == SIP_ACK || run->msg->method == SIP_PRACK;
}

static void describe_response(const struct run *run, struct relay_describe *what)
{
    what->sender_tag = run->msg->to_tag;
    what->receiver_tag = run->msg->from_tag;
    what->is_from_caller = false;
    what->is_answer = has_description(run->request->msg);
}

static enum media_result result_of(enum err err)
{
    return err == ERR_EXHAUSTED ? MEDIA_NO_PORTS : MEDIA_FAILED;
}

static enum media_result write_body(struct run *run, const struct sdp *sdp,
                                    const struct sdp_anchor anchors[], bool replaces_origin)
{
    size_t size = run->msg->body.len + 256 + 128 * (size_t)sdp->stream_count;
    char *buffer = arena_alloc(run->arena, size);
    struct writer w;
    struct str body;

    if (!buffer)
        return MEDIA_FAILED;
    w = writer_over(buffer, size);
    if (sdp_write_anchored(&w, sdp, anchors, replaces_origin) || writer_finish(&w, &body) ||
        sip_edit_set_body(run->edits, run->msg, body))
        return MEDIA_FAILED;
    return MEDIA_ANCHORED;
}

static void log_refusal(const struct run *run, enum err err)
{
    if (!log_gate_pass(&run->worker->server->media_warnings, run_now(run), 1000))
        return;
    log_warning("call " STR_FMT ": media cannot be relayed: %s", STR_ARG(run->msg->call_id),
                err == ERR_EXHAUSTED ? "no free media port; widen media_ports" : err_name(err));
}

/* Tells the relay and rewrites the body of run->msg, which travels on run->branch's flow or back.
 */
static enum media_result anchor_now(struct run *run, const struct sdp *sdp,
                                    const struct media_options *options)
{
    struct server *server = run->worker->server;
    struct relay_describe what = {
        .call_id = run->msg->call_id,
        .branch = branch_of(run),
        .sdp = sdp,
        .now = run_now(run),
    };
    struct sdp_anchor anchors[SDP_STREAMS_MAX] = { { 0 } };
    bool is_response = !run->msg->is_request;
    const struct flow *onward = is_response ? &run->request->source : &run->branch->flow;
    enum err err;

    if (is_response)
        describe_response(run, &what);
    else
        describe_request(run, &what);
    what.sender = party_of(run, is_response ? &run->branch->flow : &run->source, options);
    what.receiver = party_of(run, onward, options);
    err = relay_describe(server->relay, &what, anchors);
    if (err == ERR_EXHAUSTED)
        counter_add(server->count.media_exhausted, 1);
    if (err) {
        log_refusal(run, err);
        return result_of(err);
    }
    run->request->has_media = true;
    /* Phones take the family of a description from the first address in it, which is o='s. */
    return write_body(run, sdp, anchors,
                      options->replace_origin ||
                          what.sender.source.family != what.receiver.source.family);
}

/* Remembers what the script asked for until the branches go out. */
static enum media_result defer(struct run *run, const struct media_options *options)
{
    struct media_options *kept = arena_alloc(&run->request->arena, sizeof *kept);
    struct relay_counters counters;

    if (!kept)
        return MEDIA_FAILED;
    relay_read_counters(run->worker->server->relay, &counters);
    if (counters.ports_used >= counters.ports_total)
        return MEDIA_NO_PORTS;
    *kept = *options;
    run->request->media = kept;
    return MEDIA_ANCHORED;
}

enum media_result run_media_anchor(struct run *run, const struct media_options *options)
{
    struct sdp *sdp;

    if (!run->worker->server->relay)
        return MEDIA_FAILED;
    if (!has_description(run->msg))
        return MEDIA_NO_BODY;
    sdp = arena_alloc(run->arena, sizeof *sdp);
    if (!sdp || run->msg->body.len > SDP_BYTES_MAX || sdp_parse(run->msg->body, sdp))
        return MEDIA_BAD_SDP;
    if (run->msg->is_request && !run->branch)
        return defer(run, options);
    return run->branch ? anchor_now(run, sdp, options) : MEDIA_FAILED;
}

unsigned media_anchor_deferred(struct run *run)
{
    const struct media_options *options = run->request->media;

    if (!options)
        return 0;
    switch (run_media_anchor(run, options)) {
    case MEDIA_NO_PORTS:
        return 503;
    case MEDIA_BAD_SDP:
        return options->must_relay ? 488 : 0;
    case MEDIA_FAILED:
        return options->must_relay ? 500 : 0;
    default:
        return 0;
    }
}

void run_media_end(struct run *run)
{
    struct relay *relay = run->worker->server->relay;
    const struct sip_msg *msg = run->request->msg;

    if (!relay)
        return;
    if (run->stage == STAGE_REPLY && run->branch && str_is_empty(msg->to_tag))
        relay_end_branch(relay, msg->call_id, msg->from_tag, run->branch->id);
    else if (str_is_empty(msg->to_tag))
        relay_end(relay, msg->call_id, STR(""), STR(""));
    else
        relay_end(relay, msg->call_id, msg->from_tag, msg->to_tag);
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
