/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Re-anchoring session descriptions: from a message and its flows to the relay's table, and back
 * into the message. In the request stage nothing is done but a check; the work happens as each
 * branch goes out, when its flow is known, so that a fork has media for each branch.
 */
#include "host/media.h"

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

static enum media_result result_of(enum err err)
{
    return err == ERR_EXHAUSTED ? MEDIA_NO_PORTS : MEDIA_FAILED;
}

static enum media_result write_description(struct run *run, const struct run_part *part,
                                           const struct sdp *sdp, const struct sdp_anchor anchors[],
                                           const struct sdp_writing *how)
{
    size_t size = sdp->text.len + how->extra_line.len + 256 + 128 * (size_t)sdp->stream_count;
    char *buffer = arena_alloc(run->arena, size);
    struct writer w;
    struct str text;

    if (!buffer)
        return MEDIA_FAILED;
    w = writer_over(buffer, size);
    if (sdp_write_anchored(&w, sdp, anchors, how) || writer_finish(&w, &text) ||
        run_set_part(run, part, text))
        return MEDIA_FAILED;
    run->edits->has_media = true;
    return MEDIA_ANCHORED;
}

static void log_refusal(const struct run *run, enum err err)
{
    if (!log_gate_pass(&run->worker->server->media_warnings, run_now(run), 1000))
        return;
    log_warning("call " STR_FMT ": media cannot be relayed: %s", STR_ARG(run->msg->call_id),
                err == ERR_EXHAUSTED ? "no free media port; widen media_ports" : err_name(err));
}

static enum err tell_relay(struct run *run, const struct relay_describe *what,
                           struct sdp_anchor anchors[])
{
    struct server *server = run->worker->server;
    enum err err = relay_describe(server->relay, what, anchors);

    if (err == ERR_EXHAUSTED)
        counter_add(server->count.media_exhausted, 1);
    if (err)
        log_refusal(run, err);
    return err;
}

/* An address that the script has named stands for ours. */
static void rename_anchors(struct sdp_anchor anchors[], unsigned count, const struct addr *address)
{
    for (unsigned i = 0; i < count && address->family != ADDR_NONE; i++) {
        uint16_t port = anchors[i].address.port;

        anchors[i].address = *address;
        anchors[i].address.port = port;
    }
}

/* Tells the relay and rewrites the body of run->msg, which travels on run->branch's flow or back.
 */
static enum media_result anchor_now(struct run *run, const struct run_part *part,
                                    const struct sdp *sdp, const struct media_options *options)
{
    struct relay_describe what = media_describe(run);
    struct sdp_anchor anchors[SDP_STREAMS_MAX] = { { 0 } };
    bool is_response = !run->msg->is_request;
    const struct flow *onward = is_response ? &run->request->source : &run->branch->flow;
    struct sdp_writing how = { .replaces_origin = options->replace_origin,
                               .extra_line = options->extra_line };
    enum err err;

    what.sdp = sdp;
    what.sender = party_of(run, is_response ? &run->branch->flow : &run->source, options);
    what.sender.is_direct |= options->is_direct;
    what.sender.is_asymmetric = options->is_asymmetric;
    what.receiver = party_of(run, onward, options);
    err = tell_relay(run, &what, anchors);
    if (err)
        return result_of(err);
    rename_anchors(anchors, sdp->stream_count, &options->address);
    run->request->has_media = true;
    run->request->has_offered |= run->msg->is_request;
    /* Phones take the family of a description from the first address in it, which is o='s. */
    how.replaces_origin |= what.sender.source.family != what.receiver.source.family;
    return write_description(run, part, sdp, anchors, &how);
}

/* Before a branch has its flow, nobody knows which of our addresses its party can reach. */
static bool is_too_early(const struct run *run)
{
    if (!run->msg->is_request)
        return false;
    return !run->branch || run->stage == STAGE_FAILURE ||
           run->branch->flow.peer.family == ADDR_NONE;
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
    if (run->stage == STAGE_BRANCH)
        run->branch->media = kept;
    else
        run->request->media = kept;
    return MEDIA_ANCHORED;
}

/* MEDIA_NO_BODY: nothing to anchor in this message. */
static enum media_result find_description(struct run *run, struct run_part *part, struct sdp **out)
{
    enum err err = run_find_part(run, STR("application/sdp"), part);

    if (err == ERR_NOT_FOUND || err == ERR_SYNTAX)
        return MEDIA_NO_BODY;
    *out = err ? NULL : arena_alloc(run->arena, sizeof **out);
    if (*out)
        err = sdp_parse_within(part->part.content, &run->worker->server->sdp_limits, *out);
    if (err == ERR_LIMIT)
        counter_add(run->worker->server->count.media_limits, 1);
    return *out && !err ? MEDIA_ANCHORED : MEDIA_BAD_SDP;
}

enum media_result run_media_anchor(struct run *run, const struct media_options *options)
{
    struct run_part part;
    struct sdp *sdp;
    enum media_result result;

    if (!run->worker->server->relay)
        return MEDIA_FAILED;
    if (!media_may_describe(run->msg))
        return MEDIA_NO_BODY;
    if (run->edits->has_media)
        return MEDIA_ANCHORED;
    result = find_description(run, &part, &sdp);
    if (result != MEDIA_ANCHORED)
        return result;
    if (is_too_early(run))
        return defer(run, options);
    return run->branch ? anchor_now(run, &part, sdp, options) : MEDIA_FAILED;
}

unsigned media_anchor_deferred(struct run *run)
{
    const struct media_options *options =
        run->branch && run->branch->media ? run->branch->media : run->request->media;

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
