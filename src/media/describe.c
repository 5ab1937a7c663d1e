/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What descriptions do to a session. An offer is learned at once, since its party sends and listens
 * there at once; what it replaces is kept until the answer, and comes back if there is none.
 */
#include <stdlib.h>

#include "media/session.h"

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

/* ---- ports ---- */

static void close_ports(struct session *session, struct media_ports *ports)
{
    struct media_engine *engine = session->relay->engine;

    if (ports)
        engine->close(engine, ports);
}

/* The ports that the leg's party was told last. */
static struct media_ports *told_ports(const struct leg *leg)
{
    return leg->next_ports ? leg->next_ports : leg->ports;
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
    if (relay_ports_suit(session->relay, told_ports(leg), &what->receiver))
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

static void use_ports(struct leg *leg, struct media_ports *ports)
{
    close_ports(leg->stream->session, leg->ports);
    leg->ports = ports;
    for (unsigned half = 0; half < HALVES; half++)
        leg->halves[half].latch = (struct latch){ 0 };
}

static void set_next_ports(struct leg *leg, struct media_ports *ports)
{
    close_ports(leg->stream->session, leg->next_ports);
    leg->next_ports = ports;
}

static void use_next_ports(struct leg *leg)
{
    struct media_ports *next = leg->next_ports;

    leg->next_ports = NULL;
    if (next)
        use_ports(leg, next);
}

/* By an offer alone the party does not move: its old ports serve until it has answered. */
static void take_opened(struct leg *leg, struct media_ports *opened, enum sdp_role role)
{
    if (leg->ports && role == SDP_OFFER) {
        set_next_ports(leg, opened);
        return;
    }
    set_next_ports(leg, NULL);
    use_ports(leg, opened);
}

/* Forgets all but the counters. */
static void close_leg(struct leg *leg)
{
    set_next_ports(leg, NULL);
    use_ports(leg, NULL);
    leg->is_described = false;
    leg->before.is_saved = false;
    for (unsigned half = 0; half < HALVES; half++)
        leg->halves[half].trust = (struct latch_trust){ 0 };
}

static void close_stream(struct stream *stream)
{
    for (unsigned side = 0; side < RELAY_SIDES; side++)
        close_leg(&stream->legs[side]);
    stream->is_agreed = false;
}

/* ---- what an open offer has changed ---- */

static void save(struct leg *leg, enum relay_side offerer)
{
    struct leg_before *before = &leg->before;

    if (before->is_saved)
        return;
    *before = (struct leg_before){
        .is_saved = true,
        .offerer = offerer,
        .is_direct = leg->is_direct,
        .is_asymmetric = leg->is_asymmetric,
        .is_muxing = leg->is_muxing,
        .is_held = leg->stream->is_held[leg->side],
        .profile = leg->stream->profile,
    };
    for (unsigned half = 0; half < HALVES; half++)
        before->trusts[half] = leg->halves[half].trust;
}

/* The latch stays open for whoever is where the party is again. */
static void restore(struct leg *leg, msec now)
{
    const struct leg_before *before = &leg->before;

    leg->is_direct = before->is_direct;
    leg->is_asymmetric = before->is_asymmetric;
    leg->is_muxing = before->is_muxing;
    leg->stream->is_held[leg->side] = before->is_held;
    leg->stream->profile = before->profile;
    for (unsigned half = 0; half < HALVES; half++) {
        leg->halves[half].trust = before->trusts[half];
        latch_reopen(&leg->halves[half].latch, now);
    }
}

static void conclude_leg(struct leg *leg, enum relay_side offerer, bool is_agreed, msec now)
{
    if (leg->side != offerer && is_agreed)
        use_next_ports(leg);
    else if (leg->side != offerer)
        set_next_ports(leg, NULL);
    if (!leg->before.is_saved || leg->before.offerer != offerer)
        return;
    if (!is_agreed)
        restore(leg, now);
    leg->before.is_saved = false;
}

/* The offer of one party has been answered, or refused. */
static void conclude(struct session *session, enum relay_side offerer, bool is_agreed, msec now)
{
    for (unsigned i = 0; i < session->stream_count; i++) {
        struct stream *stream = session->streams[i];

        if (!stream)
            continue;
        if (!stream->is_agreed && !is_agreed && stream->offerer == offerer)
            close_stream(stream);
        stream->is_agreed |= is_agreed;
        for (unsigned side = 0; side < RELAY_SIDES; side++)
            conclude_leg(&stream->legs[side], offerer, is_agreed, now);
    }
    session->is_agreed |= is_agreed;
}

/* ---- one description ---- */

/* A description on its way through a session. */
struct describing {
    struct session *session;
    const struct relay_describe *what;
    enum relay_side sender;
    enum sdp_role role;
    enum relay_side offerer;
    bool is_news; /* not an answer heard before: the latches open, whatever it says */
};

/* What the signalling shows of a party, described by itself or not. */
static void meet_party(struct leg *leg, const struct relay_party *party)
{
    leg->is_direct = party->is_direct;
    leg->is_asymmetric = party->is_asymmetric;
    for (unsigned half = 0; half < HALVES; half++) {
        leg->halves[half].trust.signalling = party->source;
        leg->halves[half].trust.policy = party->policy;
    }
}

static void describe_half(const struct describing *d, struct leg_half *half,
                          const struct addr *address, uint16_t port)
{
    struct addr described = *address;

    described.port = port;
    half->has_moved = !addr_eq(&half->trust.described, &described);
    half->trust.described = described;
    if (d->is_news || half->has_moved)
        latch_reopen(&half->latch, d->what->now);
}

static void describe_sender(const struct describing *d, struct leg *leg,
                            const struct sdp_stream *described)
{
    struct stream *stream = leg->stream;
    enum rtp_profile profile = rtp_profile_of(described->proto, described->section);
    struct writer media = writer_over(stream->media, sizeof stream->media - 1);

    memset(stream->media, 0, sizeof stream->media);
    write_str(&media, described->media);
    stream->limit = str_ieq(described->media, STR("audio"))
                        ? &stream->session->relay->settings.audio_rate
                        : &stream->session->relay->settings.other_rate;
    /* until the answer, what flowed before the offer may go on */
    if (d->role != SDP_OFFER || profile > stream->profile)
        stream->profile = profile;
    stream->is_held[leg->side] = sdp_stream_is_held(described);
    meet_party(leg, &d->what->sender);
    leg->is_described = true;
    leg->is_muxing = described->has_rtcp_mux;
    describe_half(d, &leg->halves[HALF_RTP], &described->address, described->port);
    describe_half(d, &leg->halves[HALF_RTCP], &described->rtcp_address, described->rtcp_port);
}

static void anchor_receiver(const struct leg *leg, bool is_muxed, struct sdp_anchor *anchor)
{
    const struct relay *relay = leg->stream->session->relay;
    const struct media_ports *ports = told_ports(leg);
    uint16_t port = ports->local.port;

    anchor->is_relayed = true;
    anchor->address = relay->interfaces[ports->interface].advertised;
    anchor->address.port = port;
    anchor->rtcp_port = (uint16_t)(is_muxed ? port : port + 1);
}

static void describe_stream(const struct describing *d, struct stream *stream,
                            const struct sdp_stream *described, struct sdp_anchor *anchor)
{
    struct leg *sender = &stream->legs[d->sender], *receiver = &stream->legs[!d->sender];

    if (stream->is_agreed && (d->role == SDP_OFFER || d->role == SDP_PREVIEW))
        save(sender, d->offerer);
    describe_sender(d, sender, described);
    if (!receiver->is_described)
        meet_party(receiver, &d->what->receiver);
    /* RFC 5761 §5.1.1: in an offer the RTCP port is for a receiver that does not multiplex */
    anchor_receiver(receiver,
                    d->role != SDP_OFFER && described->has_rtcp_mux && receiver->is_muxing, anchor);
}

static void describe_line(const struct describing *d, unsigned index, struct media_ports *opened,
                          struct sdp_anchor *anchor)
{
    const struct sdp_stream *described = &d->what->sdp->streams[index];
    struct stream *stream = d->session->streams[index];

    *anchor = (struct sdp_anchor){ 0 };
    if (opened && !stream->is_agreed)
        stream->offerer = d->offerer;
    if (opened)
        take_opened(&stream->legs[!d->sender], opened, d->role);
    if (is_wanted(described))
        describe_stream(d, stream, described, anchor);
    else if (stream && d->role == SDP_ANSWER)
        close_stream(stream); /* by an offer or a preview alone it may still be wanted */
}

static enum err learn_callee_tag(struct session *session, const struct relay_describe *what,
                                 enum relay_side sender)
{
    if (session->is_kept && !str_is_empty(session->callee_tag))
        return ERR_NONE;
    return session_set_callee_tag(session,
                                  sender == RELAY_CALLEE ? what->sender_tag : what->receiver_tag);
}

static struct sdp_turn turn_of(const struct relay_describe *what, enum relay_side sender)
{
    return (struct sdp_turn){ what->is_response ? !sender : sender, what->cseq };
}

enum err session_describe(struct session *session, const struct relay_describe *what,
                          enum relay_side sender, struct sdp_anchor anchors[])
{
    struct media_ports *opened[SDP_STREAMS_MAX] = { NULL };
    struct sdp_exchange exchange = session->exchange;
    struct describing d = { .session = session, .what = what, .sender = sender };
    enum err err;

    if ((err = learn_callee_tag(session, what, sender)))
        return err;
    if ((err = open_all_missing(session, what, !sender, opened)))
        return err;
    d.role = sdp_exchange_step(&exchange, sender, what->carrier, turn_of(what, sender));
    d.offerer = (enum relay_side)exchange.offerer;
    d.is_news = d.role == SDP_OFFER || (d.role != SDP_REPEAT && !session->exchange.is_previewed);
    lock_take(&session->lock);
    for (unsigned i = 0; i < what->sdp->stream_count; i++)
        describe_line(&d, i, opened[i], &anchors[i]);
    if (d.role == SDP_ANSWER)
        conclude(session, d.offerer, true, what->now);
    session->is_answered |= d.role != SDP_OFFER;
    session->described_at = what->now;
    session->exchange = exchange;
    lock_give(&session->lock);
    return ERR_NONE;
}

/* An offer that opened the session ends with it; only later ones leave something to go back to. */
void session_note(struct session *session, const struct relay_describe *what,
                  enum relay_side sender)
{
    enum sdp_role role;

    (void)!learn_callee_tag(session, what, sender);
    lock_take(&session->lock);
    role = sdp_exchange_step(&session->exchange, sender, what->carrier, turn_of(what, sender));
    if (role == SDP_SETTLED || (role == SDP_REFUSED && session->is_agreed))
        conclude(session, (enum relay_side)session->exchange.offerer, role == SDP_SETTLED,
                 what->now);
    lock_give(&session->lock);
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
