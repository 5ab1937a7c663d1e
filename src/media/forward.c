/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a packet through a session: valid? from whom? to whom? */
#include <culvert/log.h>

#include "media/session.h"

enum {
    GONE_MSEC = 1000, /* a party that moved and is silent for this long is sought where it says */
};

/* A packet on its way: where it came in, and what it turned out to be. */
struct passage {
    struct leg *leg;      /* of the party that sent it */
    enum media_half half; /* the port that it came to */
    enum rtp_kind kind;
    enum media_half latch;  /* which latch of the leg judges it */
    enum media_half target; /* where the other party takes it */
    msec now;
};

/* A counter with one writer: no locked instruction is needed. */
static void count(atomic_uint_fast64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* Places that nothing is sent to and nothing is learned from, whatever anybody says. */
static bool is_allowed(const struct leg *leg, const struct addr *addr)
{
    const struct relay *relay = leg->stream->session->relay;

    if (addr->port == 0 || addr->family != leg->ports->local.family)
        return false;
    switch (addr_classify(addr)) {
    case ADDR_LOOPBACK:
        if (addr_classify(&leg->ports->local) != ADDR_LOOPBACK)
            return false;
        break;
    case ADDR_LINK_LOCAL:
    case ADDR_MULTICAST:
    case ADDR_BROADCAST:
    case ADDR_UNSPECIFIED:
        return false;
    default:
        break;
    }
    return !relay_refuses(relay, addr);
}

/*
 * A described address may be used before anything came from there when it is the party's word
 * against nobody's (not behind a NAT), or when the party was seen at that address.
 */
static bool is_believable(const struct leg *leg, const struct leg_half *half)
{
    const struct latch *rtp = &leg->halves[HALF_RTP].latch;

    if (leg->is_direct || addr_same_ip(&half->trust.described, &half->trust.signalling))
        return true;
    return rtp->state != LATCH_OPEN && addr_same_ip(&half->trust.described, &rtp->source);
}

/* A party that described itself elsewhere and is heard no longer where it was. */
static bool has_left(const struct leg_half *half, msec now)
{
    const struct latch *latch = &half->latch;

    return latch->state == LATCH_REOPENED && half->has_moved && now > latch->heard_at &&
           now - latch->heard_at >= GONE_MSEC;
}

/* Where to send to a party; NULL: nowhere yet. */
static const struct addr *find_target(const struct leg *leg, enum media_half which, msec now)
{
    const struct leg_half *half = &leg->halves[which];
    bool is_latched = half->latch.state != LATCH_OPEN;

    if (!leg->ports)
        return NULL;
    if (leg->is_asymmetric && is_allowed(leg, &half->trust.described))
        return &half->trust.described;
    if (is_latched && !has_left(half, now))
        return &half->latch.source;
    if (is_believable(leg, half) && is_allowed(leg, &half->trust.described))
        return &half->trust.described;
    return is_latched ? &half->latch.source : NULL;
}

/* False: not what this port of the stream carries. */
static bool choose_halves(struct passage *p)
{
    const struct leg *other = &p->leg->stream->legs[!p->leg->side];

    p->latch = p->half;
    p->target = p->half;
    if (p->kind == RTP_MEDIA)
        return p->half == HALF_RTP;
    if (p->kind == RTP_CONTROL) {
        p->latch = p->half == HALF_RTP && p->leg->is_muxing ? HALF_RTP : HALF_RTCP;
        p->target = other->is_muxing ? HALF_RTP : HALF_RTCP;
    }
    return p->kind != RTP_INVALID;
}

static void log_latch(const struct passage *p, const struct addr *from)
{
    const struct stream *stream = p->leg->stream;
    char text[ADDR_TEXT_MAX];

    log_debug("media: call " STR_FMT ", %s %s of the %s comes from %s",
              STR_ARG(stream->session->call_id), stream->media,
              p->latch == HALF_RTP ? "RTP" : "RTCP",
              p->leg->side == RELAY_CALLER ? "caller" : "callee", addr_text(from, text));
}

static bool is_from_party(const struct passage *p, const struct addr *from)
{
    struct leg_half *half = &p->leg->halves[p->latch];
    bool is_held = latch_holds(&half->latch, from);

    if (!is_held && !is_allowed(p->leg, from))
        return false;
    if (!latch_accept(&half->latch, &half->trust, from, p->now))
        return false;
    if (!is_held)
        log_latch(p, from);
    return true;
}

/* Whether a party multiplexes is what its packets say, once there are any. */
static void learn_muxing(const struct passage *p, const struct addr *from)
{
    if (p->kind == RTP_CONTROL)
        p->leg->is_muxing =
            p->half == HALF_RTP && latch_holds(&p->leg->halves[HALF_RTP].latch, from);
}

static void forward(struct passage *p, const struct media_packet *packet,
                    struct relay_leg_counters *counters, struct lane_totals *totals)
{
    struct leg *other = &p->leg->stream->legs[!p->leg->side];
    struct media_engine *engine = p->leg->stream->session->relay->engine;
    const struct addr *target = find_target(other, p->target, p->now);

    if (!target) {
        counters->unsendable++;
        count(&totals->unsendable, 1);
        return;
    }
    if (!engine->send(engine, other->ports, p->target, target, packet)) {
        count(&totals->dropped, 1);
        return;
    }
    counters->packets++;
    counters->bytes += packet->count;
    count(&totals->packets, 1);
    count(&totals->bytes, packet->count);
}

static void receive(struct passage *p, const struct media_packet *packet,
                    struct lane_totals *totals)
{
    struct leg *leg = p->leg;
    struct relay_leg_counters *counters;

    p->kind = rtp_classify(leg->stream->profile, packet->bytes, packet->count);
    counters = &leg->halves[p->kind == RTP_CONTROL ? HALF_RTCP : p->half].counters;
    if (!choose_halves(p)) {
        counters->invalid++;
        count(&totals->invalid, 1);
        return;
    }
    if (!is_from_party(p, &packet->from)) {
        counters->strangers++;
        count(&totals->strangers, 1);
        return;
    }
    learn_muxing(p, &packet->from);
    if (!rate_allows(&leg->meter, leg->stream->limit, packet->count, p->now)) {
        counters->excess++;
        count(&totals->excess, 1);
        return;
    }
    forward(p, packet, counters, totals);
}

void media_receive(struct media_ports *ports, enum media_half half,
                   const struct media_packet packets[], unsigned packet_count, msec now)
{
    struct session *session = ports->leg->stream->session;
    struct lane_totals *totals = &session->relay->totals[session->lane];
    struct passage p = { .leg = ports->leg, .half = half, .now = now };

    lock_take(&session->lock);
    /* packets may be early, before the pair is in use, or late, while it is being closed */
    for (unsigned i = 0; i < packet_count && ports->leg->ports == ports; i++)
        receive(&p, &packets[i], totals);
    lock_give(&session->lock);
}
