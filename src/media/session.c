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

struct session *session_ref(struct session *session)
{
    atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
    return session;
}

void session_unref(struct session *session)
{
    if (atomic_fetch_sub_explicit(&session->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (unsigned i = 0; i < session->stream_count; i++)
        free(session->streams[i]);
    while (session->callees) {
        struct callee *callee = session->callees;

        session->callees = callee->next;
        free(callee);
    }
    lock_fini(&session->lock);
    free(session);
}

static struct callee *find_callee(const struct session *session, struct str tag)
{
    struct callee *callee = session->callees;

    while (callee && !str_eq(callee->tag, tag))
        callee = callee->next;
    return callee;
}

bool session_has_callee(const struct session *session, struct str tag)
{
    return str_eq(session->callee_tag, tag) || (!session->is_kept && find_callee(session, tag));
}

static struct callee *make_callee(struct session *session, struct str tag)
{
    struct callee *callee = malloc(sizeof *callee + tag.len);

    if (!callee)
        return NULL;
    memcpy(callee->text, tag.ptr, tag.len);
    callee->tag = (struct str){ callee->text, tag.len };
    callee->next = session->callees;
    session->callees = callee;
    return callee;
}

/* The oldest makes room: a callee that invents tags without end gets no memory for them. */
static void limit_callees(struct session *session)
{
    struct callee **link = &session->callees;

    for (unsigned i = 0; *link && i < CALLEES_MAX; i++)
        link = &(*link)->next;
    if (*link) {
        free(*link);
        *link = NULL;
    }
}

enum err session_set_callee_tag(struct session *session, struct str tag)
{
    struct callee *callee;

    if (str_is_empty(tag) || str_eq(tag, session->callee_tag))
        return ERR_NONE;
    callee = find_callee(session, tag);
    if (!callee)
        callee = make_callee(session, tag);
    if (!callee)
        return ERR_NOMEM;
    session->callee_tag = callee->tag;
    limit_callees(session);
    return ERR_NONE;
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
