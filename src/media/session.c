/* SPDX-License-Identifier: Apache-2.0 */
#include "media/session.h"

#include <stdlib.h>

static struct str copy_name(char **at, struct str name)
{
    struct str copy = { *at, name.len };

    if (name.len > 0)
        memcpy(*at, name.ptr, name.len);
    *at += name.len;
    return copy;
}

enum err session_create(struct relay *relay, uint64_t hash, const struct relay_describe *what,
                        struct session **out)
{
    bool is_from_caller = str_is_empty(what->branch) || what->is_from_caller;
    struct str caller_tag = is_from_caller ? what->sender_tag : what->receiver_tag;
    size_t names = what->call_id.len + caller_tag.len + what->branch.len;
    struct session *session = calloc(1, sizeof *session + names);
    char *at;

    if (!session)
        return ERR_NOMEM;
    at = session->names;
    session->relay = relay;
    session->hash = hash;
    session->call_id = copy_name(&at, what->call_id);
    session->caller_tag = copy_name(&at, caller_tag);
    session->branch = copy_name(&at, what->branch);
    session->is_kept = str_is_empty(what->branch);
    session->lane = relay->engine->choose_lane(relay->engine);
    session->created_at = what->now;
    atomic_init(&session->refs, 1);
    lock_init(&session->lock);
    *out = session;
    return ERR_NONE;
}

static void session_ref(struct session *session)
{
    atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
}

void session_unref(struct session *session)
{
    if (atomic_fetch_sub_explicit(&session->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (unsigned i = 0; i < session->stream_count; i++)
        free(session->streams[i]);
    free(session->callee_name);
    lock_fini(&session->lock);
    free(session);
}

enum err session_set_callee_tag(struct session *session, struct str tag)
{
    char *copy;

    if (str_is_empty(tag) || str_eq(tag, session->callee_tag))
        return ERR_NONE;
    copy = malloc(tag.len);
    if (!copy)
        return ERR_NOMEM;
    memcpy(copy, tag.ptr, tag.len);
    free(session->callee_name);
    session->callee_name = copy;
    session->callee_tag = (struct str){ copy, tag.len };
    return ERR_NONE;
}

static bool is_wanted(const struct sdp_stream *described)
{
    return described->is_relayable && described->port != 0;
}

/* The stream of an m= line; made when there is none yet. */
static struct stream *reach_stream(struct session *session, unsigned index)
{
    struct stream *stream = session->streams[index];

    if (stream)
        return stream;
    stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->session = session;
    for (unsigned side = 0; side < RELAY_SIDES; side++) {
        stream->legs[side].stream = stream;
        stream->legs[side].side = (enum relay_side)side;
    }
    session->streams[index] = stream;
    if (session->stream_count <= index)
        session->stream_count = index + 1;
    return stream;
}

static void close_ports(struct session *session, struct media_ports *ports)
{
    struct media_engine *engine = session->relay->engine;

    if (ports)
        engine->close(engine, ports);
}

/* Opens what the receiver's leg of one stream lacks, or has where the receiver no longer is. */
static enum err open_missing(struct session *session, const struct relay_describe *what,
                             unsigned index, enum relay_side receiver, struct media_ports **out)
{
    struct stream *stream = reach_stream(session, index);
    struct leg *leg;
    enum err err;

    if (!stream)
        return ERR_NOMEM;
    leg = &stream->legs[receiver];
    if (relay_ports_suit(session->relay, leg->ports, &what->receiver))
        return ERR_NONE;
    session_ref(session); /* the pair's */
    err = relay_open_ports(session->relay, &what->receiver, leg, what->now, out);
    if (err)
        session_unref(session);
    return err;
}

/* All or nothing. */
static enum err open_all_missing(struct session *session, const struct relay_describe *what,
                                 enum relay_side receiver, struct media_ports *opened[])
{
    enum err err = ERR_NONE;

    for (unsigned i = 0; i < what->sdp->stream_count && !err; i++)
        if (is_wanted(&what->sdp->streams[i]))
            err = open_missing(session, what, i, receiver, &opened[i]);
    if (err)
        for (unsigned i = 0; i < what->sdp->stream_count; i++)
            close_ports(session, opened[i]);
    return err;
}

/* What the signalling shows of a party, described by itself or not. */
static void meet_party(struct leg *leg, const struct relay_party *party)
{
    leg->is_direct = party->is_direct;
    for (unsigned half = 0; half < HALVES; half++) {
        leg->halves[half].trust.signalling = party->source;
        leg->halves[half].trust.policy = party->policy;
    }
}

static void describe_half(struct leg_half *half, const struct addr *address, uint16_t port,
                          msec now)
{
    struct addr described = *address;

    described.port = port;
    half->has_moved = !addr_eq(&half->trust.described, &described);
    half->trust.described = described;
    latch_reopen(&half->latch, now);
}

static void describe_sender(struct leg *leg, const struct sdp_stream *described,
                            const struct relay_describe *what)
{
    struct stream *stream = leg->stream;
    enum rtp_profile profile = rtp_profile_of(described->proto, described->section);
    struct writer media = writer_over(stream->media, sizeof stream->media - 1);

    memset(stream->media, 0, sizeof stream->media);
    write_str(&media, described->media);
    /* until the answer, what flowed before the offer may go on */
    if (what->is_answer || profile > stream->profile)
        stream->profile = profile;
    stream->is_held[leg->side] = sdp_stream_is_held(described);
    meet_party(leg, &what->sender);
    leg->is_described = true;
    leg->is_muxing = described->has_rtcp_mux;
    describe_half(&leg->halves[HALF_RTP], &described->address, described->port, what->now);
    describe_half(&leg->halves[HALF_RTCP], &described->rtcp_address, described->rtcp_port,
                  what->now);
}

static void anchor_receiver(const struct leg *leg, bool is_muxed, struct sdp_anchor *anchor)
{
    const struct relay *relay = leg->stream->session->relay;
    uint16_t port = leg->ports->local.port;

    anchor->is_relayed = true;
    anchor->address = relay->interfaces[leg->ports->interface].advertised;
    anchor->address.port = port;
    anchor->rtcp_port = (uint16_t)(is_muxed ? port : port + 1);
}

static void describe_stream(struct stream *stream, const struct sdp_stream *described,
                            const struct relay_describe *what, enum relay_side sender,
                            struct sdp_anchor *anchor)
{
    struct leg *receiver = &stream->legs[!sender];

    describe_sender(&stream->legs[sender], described, what);
    if (!receiver->is_described)
        meet_party(receiver, &what->receiver);
    /* RFC 5761 §5.1.1: in an offer the RTCP port is for a receiver that does not multiplex */
    anchor_receiver(receiver, what->is_answer && described->has_rtcp_mux && receiver->is_muxing,
                    anchor);
}

static void use_ports(struct leg *leg, struct media_ports *ports)
{
    close_ports(leg->stream->session, leg->ports);
    leg->ports = ports;
    for (unsigned half = 0; half < HALVES; half++)
        leg->halves[half].latch = (struct latch){ 0 };
}

/* Forgets all but the counters. */
static void close_leg(struct leg *leg)
{
    use_ports(leg, NULL);
    leg->is_described = false;
    for (unsigned half = 0; half < HALVES; half++)
        leg->halves[half].trust = (struct latch_trust){ 0 };
}

static void close_stream(struct stream *stream)
{
    for (unsigned side = 0; side < RELAY_SIDES; side++)
        close_leg(&stream->legs[side]);
}

static enum err learn_callee_tag(struct session *session, const struct relay_describe *what,
                                 enum relay_side sender)
{
    if (session->is_kept && !str_is_empty(session->callee_tag))
        return ERR_NONE;
    return session_set_callee_tag(session,
                                  sender == RELAY_CALLEE ? what->sender_tag : what->receiver_tag);
}

enum err session_describe(struct session *session, const struct relay_describe *what,
                          enum relay_side sender, struct sdp_anchor anchors[])
{
    struct media_ports *opened[SDP_STREAMS_MAX] = { NULL };
    enum err err;

    if ((err = learn_callee_tag(session, what, sender)))
        return err;
    if ((err = open_all_missing(session, what, !sender, opened)))
        return err;
    lock_take(&session->lock);
    for (unsigned i = 0; i < what->sdp->stream_count; i++) {
        const struct sdp_stream *described = &what->sdp->streams[i];
        struct stream *stream = session->streams[i];

        anchors[i] = (struct sdp_anchor){ 0 };
        if (opened[i])
            use_ports(&stream->legs[!sender], opened[i]);
        if (is_wanted(described))
            describe_stream(stream, described, what, sender, &anchors[i]);
        else if (stream && what->is_answer)
            close_stream(stream); /* by an offer alone it may still be rejected */
    }
    session->is_answered |= what->is_answer;
    session->described_at = what->now;
    lock_give(&session->lock);
    return ERR_NONE;
}

void session_end(struct session *session)
{
    lock_take(&session->lock);
    for (unsigned i = 0; i < session->stream_count; i++)
        if (session->streams[i])
            close_stream(session->streams[i]);
    lock_give(&session->lock);
    session_unref(session);
}

static msec later(msec a, msec b)
{
    return a > b ? a : b;
}

/* When the leg's party was last heard; 0: never. */
static msec leg_heard_at(const struct leg *leg)
{
    return later(leg->halves[HALF_RTP].latch.heard_at, leg->halves[HALF_RTCP].latch.heard_at);
}

static msec stream_heard_at(const struct stream *stream)
{
    return later(leg_heard_at(&stream->legs[RELAY_CALLER]),
                 leg_heard_at(&stream->legs[RELAY_CALLEE]));
}

static bool stream_is_open(const struct stream *stream)
{
    return stream->legs[RELAY_CALLER].ports || stream->legs[RELAY_CALLEE].ports;
}

static bool stream_is_held(const struct stream *stream)
{
    return stream_is_open(stream) &&
           (stream->is_held[RELAY_CALLER] || stream->is_held[RELAY_CALLEE]);
}

/* What the timeouts depend on, taken from all streams. */
struct pulse {
    msec heard_at; /* 0: never */
    bool is_held;
    bool has_ports;
};

static struct pulse feel_pulse(const struct session *session)
{
    struct pulse pulse = { 0 };

    for (unsigned i = 0; i < session->stream_count; i++) {
        const struct stream *stream = session->streams[i];

        if (!stream)
            continue;
        pulse.heard_at = later(pulse.heard_at, stream_heard_at(stream));
        pulse.is_held |= stream_is_held(stream);
        pulse.has_ports |= stream_is_open(stream);
    }
    return pulse;
}

static msec allowed_silence(const struct session *session, const struct pulse *pulse)
{
    const struct relay_settings *settings = &session->relay->settings;

    if (!pulse->has_ports || (session->is_answered && pulse->is_held))
        return settings->hold_timeout;
    if (!session->is_answered || pulse->heard_at == 0)
        return settings->setup_timeout;
    return settings->silence_timeout;
}

bool session_is_dead(struct session *session, msec now)
{
    struct pulse pulse;
    msec last, allowed;

    lock_take(&session->lock);
    pulse = feel_pulse(session);
    last = later(pulse.heard_at, session->described_at);
    allowed = allowed_silence(session, &pulse);
    lock_give(&session->lock);
    return now > last && now - last >= allowed;
}

bool session_has_ports(struct session *session)
{
    bool has_ports;

    lock_take(&session->lock);
    has_ports = feel_pulse(session).has_ports;
    lock_give(&session->lock);
    return has_ports;
}

static void report_leg(const struct leg *leg, msec now, struct relay_leg_report *report)
{
    msec heard_at = leg_heard_at(leg);

    *report = (struct relay_leg_report){
        .described = leg->halves[HALF_RTP].trust.described,
        .latched = leg->halves[HALF_RTP].latch.source,
        .rtp = leg->halves[HALF_RTP].counters,
        .rtcp = leg->halves[HALF_RTCP].counters,
        .last_packet = MSEC_NEVER,
    };
    if (leg->ports)
        report->local = leg->ports->local;
    if (heard_at > 0)
        report->last_packet = now > heard_at ? now - heard_at : 0;
}

void session_report(struct session *session, msec now, struct relay_report *report,
                    struct relay_stream_report streams[])
{
    *report = (struct relay_report){
        .call_id = session->call_id,
        .caller_tag = session->caller_tag,
        .callee_tag = session->callee_tag,
        .branch = session->branch,
        .age = now > session->created_at ? now - session->created_at : 0,
        .streams = streams,
    };
    lock_take(&session->lock);
    report->is_answered = session->is_answered;
    report->is_held = feel_pulse(session).is_held;
    for (unsigned i = 0; i < session->stream_count; i++) {
        const struct stream *stream = session->streams[i];
        struct relay_stream_report *next = &streams[report->stream_count];

        if (!stream)
            continue;
        memcpy(next->media, stream->media, sizeof next->media);
        for (unsigned side = 0; side < RELAY_SIDES; side++)
            report_leg(&stream->legs[side], now, &next->legs[side]);
        report->stream_count++;
    }
    lock_give(&session->lock);
}
