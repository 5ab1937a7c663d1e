/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sessions: who is found by which name, and who ends. */
#include <culvert/log.h>

#include "media/session.h"

/* The shard of a call, locked. */
static struct shard *lock_shard(struct relay *relay, struct str call_id, uint64_t *hash)
{
    struct shard *shard;

    *hash = hash_str(&relay->key, call_id);
    shard = &relay->shards[*hash % RELAY_SHARDS];
    lock_take(&shard->lock);
    return shard;
}

/* The first session of a call at or behind `session`. */
static struct session *of_call(struct session *session, uint64_t hash, struct str call_id)
{
    while (session && (session->hash != hash || !str_eq(session->call_id, call_id)))
        session = session->next;
    return session;
}

static void link_session(struct shard *shard, struct session *session)
{
    struct relay *relay = session->relay;

    session->next = shard->first;
    shard->first = session;
    atomic_fetch_add_explicit(&relay->sessions, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&relay->sessions_total, 1, memory_order_relaxed);
}

/* Moves the session at *link from its shard to the list of those that end. */
static void unlink_session(struct session **link, struct session **ended)
{
    struct session *session = *link;

    *link = session->next;
    session->next = *ended;
    *ended = session;
    atomic_fetch_sub_explicit(&session->relay->sessions, 1, memory_order_relaxed);
}

static void end_sessions(struct session *ended)
{
    while (ended) {
        struct session *next = ended->next;

        session_end(ended);
        ended = next;
    }
}

/* Which side of a session sends the description; false when it belongs to another one. */
static bool find_sender(const struct session *session, const struct relay_describe *what,
                        enum relay_side *out)
{
    enum relay_side sender = what->is_from_caller ? RELAY_CALLER : RELAY_CALLEE;
    struct str caller_tag = what->is_from_caller ? what->sender_tag : what->receiver_tag;

    if (!str_is_empty(what->branch)) {
        *out = sender;
        return str_eq(session->branch, what->branch) && str_eq(session->caller_tag, caller_tag);
    }
    *out = str_eq(session->caller_tag, what->sender_tag) ? RELAY_CALLER : RELAY_CALLEE;
    if (*out == RELAY_CALLER)
        return session_has_callee(session, what->receiver_tag);
    return str_eq(session->caller_tag, what->receiver_tag) &&
           session_has_callee(session, what->sender_tag);
}

static struct session *find_described(const struct shard *shard, uint64_t hash,
                                      const struct relay_describe *what, enum relay_side *sender)
{
    struct session *session = of_call(shard->first, hash, what->call_id);

    while (session && !find_sender(session, what, sender))
        session = of_call(session->next, hash, what->call_id);
    return session;
}

/* Opens a session with its first description. */
static enum err open_session(struct relay *relay, struct shard *shard, uint64_t hash,
                             const struct relay_describe *what, struct sdp_anchor anchors[])
{
    bool is_from_caller = str_is_empty(what->branch) || what->is_from_caller;
    struct session *session;
    enum err err = session_create(relay, hash, what, &session);

    if (err)
        return err;
    err = session_describe(session, what, is_from_caller ? RELAY_CALLER : RELAY_CALLEE, anchors);
    if (err)
        session_unref(session);
    else
        link_session(shard, session);
    return err;
}

enum err relay_describe(struct relay *relay, const struct relay_describe *what,
                        struct sdp_anchor anchors[])
{
    uint64_t hash;
    struct shard *shard = lock_shard(relay, what->call_id, &hash);
    enum relay_side sender;
    struct session *session = find_described(shard, hash, what, &sender);
    enum err err;

    if (session)
        err = session_describe(session, what, sender, anchors);
    else if (what->carrier != SDP_CARRIES_OFFER && what->carrier != SDP_CARRIES_EITHER)
        err = ERR_NOT_FOUND;
    else
        err = open_session(relay, shard, hash, what, anchors);
    lock_give(&shard->lock);
    return err;
}

void relay_note(struct relay *relay, const struct relay_describe *what)
{
    uint64_t hash;
    struct shard *shard = lock_shard(relay, what->call_id, &hash);
    enum relay_side sender;
    struct session *session = find_described(shard, hash, what, &sender);

    if (session)
        session_note(session, what, sender);
    lock_give(&shard->lock);
}

bool relay_has_call(struct relay *relay, struct str call_id)
{
    uint64_t hash;
    struct shard *shard = lock_shard(relay, call_id, &hash);
    bool has_call = of_call(shard->first, hash, call_id) != NULL;

    lock_give(&shard->lock);
    return has_call;
}

/* Picks what ends from the sessions of a call. */
typedef bool choose_fn(struct session *session, const void *names);

static void end_chosen(struct relay *relay, struct str call_id, choose_fn *choose,
                       const void *names)
{
    uint64_t hash;
    struct shard *shard = lock_shard(relay, call_id, &hash);
    struct session **link = &shard->first;
    struct session *ended = NULL;

    while (*link) {
        struct session *session = *link;

        if (of_call(session, hash, call_id) == session && choose(session, names))
            unlink_session(link, &ended);
        else
            link = &session->next;
    }
    lock_give(&shard->lock);
    end_sessions(ended);
}

struct branch_names {
    struct str caller_tag, branch, callee_tag;
};

static bool is_branch(const struct session *session, const struct branch_names *names)
{
    return str_eq(session->branch, names->branch) && str_eq(session->caller_tag, names->caller_tag);
}

static bool choose_branch(struct session *session, const void *names)
{
    return is_branch(session, names);
}

void relay_end_branch(struct relay *relay, struct str call_id, struct str caller_tag,
                      struct str branch)
{
    struct branch_names names = { .caller_tag = caller_tag, .branch = branch };

    end_chosen(relay, call_id, choose_branch, &names);
}

static bool choose_loser(struct session *session, const void *context)
{
    const struct branch_names *names = context;

    if (!is_branch(session, names))
        return str_eq(session->caller_tag, names->caller_tag);
    if (session_set_callee_tag(session, names->callee_tag))
        log_error("media: out of memory, call " STR_FMT " keeps its older tag",
                  STR_ARG(session->call_id));
    session->is_kept = true;
    return false;
}

void relay_keep_branch(struct relay *relay, struct str call_id, struct str caller_tag,
                       struct str branch, struct str callee_tag)
{
    struct branch_names names = { caller_tag, branch, callee_tag };

    end_chosen(relay, call_id, choose_loser, &names);
}

struct dialog_names {
    struct str tag, other_tag;
};

/* An empty tag fits any. */
static bool fits(struct str tag, struct str wanted)
{
    return str_is_empty(wanted) || str_eq(tag, wanted);
}

static bool choose_dialog(struct session *session, const void *context)
{
    const struct dialog_names *names = context;

    return (fits(session->caller_tag, names->tag) && fits(session->callee_tag, names->other_tag)) ||
           (fits(session->caller_tag, names->other_tag) && fits(session->callee_tag, names->tag));
}

void relay_end(struct relay *relay, struct str call_id, struct str tag, struct str other_tag)
{
    struct dialog_names names = { tag, other_tag };

    end_chosen(relay, call_id, choose_dialog, &names);
}

void relay_end_all(struct relay *relay)
{
    for (unsigned i = 0; i < RELAY_SHARDS; i++) {
        struct shard *shard = &relay->shards[i];
        struct session *ended = NULL;

        lock_take(&shard->lock);
        while (shard->first)
            unlink_session(&shard->first, &ended);
        lock_give(&shard->lock);
        end_sessions(ended);
    }
}

void relay_each(struct relay *relay, msec now,
                void (*visit)(void *context, const struct relay_report *report), void *context)
{
    struct relay_stream_report streams[SDP_STREAMS_MAX];
    struct relay_report report;

    for (unsigned i = 0; i < RELAY_SHARDS; i++) {
        struct shard *shard = &relay->shards[i];

        lock_take(&shard->lock);
        for (struct session *session = shard->first; session; session = session->next) {
            session_report(session, now, &report, streams);
            visit(context, &report);
        }
        lock_give(&shard->lock);
    }
}

void relay_each_of_call(struct relay *relay, struct str call_id, msec now,
                        void (*visit)(void *context, const struct relay_report *report),
                        void *context)
{
    struct relay_stream_report streams[SDP_STREAMS_MAX];
    struct relay_report report;
    uint64_t hash;
    struct shard *shard = lock_shard(relay, call_id, &hash);
    struct session *session = of_call(shard->first, hash, call_id);

    for (; session; session = of_call(session->next, hash, call_id)) {
        session_report(session, now, &report, streams);
        visit(context, &report);
    }
    lock_give(&shard->lock);
}

/* The session's media died: it ends and the user learns of it. A session that has no ports, since
 * all its streams are off, is forgotten without a word. */
static void time_out(struct session *session, msec now)
{
    struct relay *relay = session->relay;
    struct relay_stream_report streams[SDP_STREAMS_MAX];
    struct relay_report report;
    bool had_ports = session_has_ports(session);

    session_report(session, now, &report, streams);
    if (had_ports) {
        atomic_fetch_add_explicit(&relay->timeouts, 1, memory_order_relaxed);
        if (relay->user.on_timeout)
            relay->user.on_timeout(relay->user.context, &report);
    }
    session_end(session);
}

static void sweep_shard(struct shard *shard, unsigned lane, msec now)
{
    struct session **link = &shard->first;
    struct session *ended = NULL;

    lock_take(&shard->lock);
    while (*link) {
        struct session *session = *link;

        if (session->lane == lane && session_is_dead(session, now))
            unlink_session(link, &ended);
        else
            link = &session->next;
    }
    lock_give(&shard->lock);
    while (ended) {
        struct session *next = ended->next;

        time_out(ended, now);
        ended = next;
    }
}

void media_sweep(struct relay *relay, unsigned lane, msec now)
{
    if (!atomic_load_explicit(&relay->sessions, memory_order_relaxed))
        return;
    for (unsigned i = 0; i < RELAY_SHARDS; i++)
        sweep_shard(&relay->shards[i], lane, now);
}
