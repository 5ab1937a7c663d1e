/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    T1 = 500,
    T2 = 4000,
    T4 = 5000,
    TIMER_D_LENGTH = 32000,
    LONG = 64 * T1,
    SLOW_TRYING = 7 * T1, /* RFC 4320 §4.1: when timer E of the client has come to T2 */
    TOLERANCE = 1,        /* ms */
};

/* ---- small things ---- */

static void keep(char *to, struct str text)
{
    size_t length = text.len < MODEL_KEY - 1 ? text.len : MODEL_KEY - 1;

    memcpy(to, text.ptr ? text.ptr : "", length);
    to[length] = '\0';
}

static bool is_text(const char *own, struct str text)
{
    return strlen(own) == text.len && memcmp(own, text.ptr, text.len) == 0;
}

static bool can_reach(const struct model *model, unsigned peer)
{
    const struct model_peer *to = &model->peers[peer];

    return !to->is_stream || to->is_open || to->can_dial;
}

/* Responses go back on the connection of their request, and on no other. */
static bool can_answer(const struct model *model, const struct model_asked *asked)
{
    const struct model_peer *from = &model->peers[asked->peer];

    return !from->is_stream || (from->is_open && from->connection == asked->connection);
}

static bool is_helpful(unsigned status)
{
    return status == 401 || status == 407 || status == 415 || status == 420 || status == 484;
}

/* ---- what is due ---- */

static struct model_due *due(struct model *model, enum model_due_kind kind, unsigned peer)
{
    struct model_due *due = &model->dues[model->due_count++];

    if (model->due_count > MODEL_DUES_MAX)
        abort();
    *due = (struct model_due){ .kind = kind, .at = model->now, .peer = peer };
    return due;
}

static void due_reply(struct model *model, struct model_asked *asked, unsigned status,
                      const char *tag)
{
    struct model_due *reply;

    if (!can_answer(model, asked))
        return;
    reply = due(model, DUE_REPLY, asked->peer);
    reply->asked = asked;
    reply->method = asked->method;
    reply->choices[reply->choice_count++] = status;
    keep(reply->tag, (struct str){ tag, strlen(tag) });
}

static void due_again(struct model *model, struct model_asked *asked)
{
    struct model_due *reply;

    if (!can_answer(model, asked))
        return;
    reply = due(model, DUE_REPLY_AGAIN, asked->peer);
    reply->asked = asked;
    reply->method = asked->method;
}

static void due_request(struct model *model, enum model_due_kind kind, struct model_client *client)
{
    struct model_due *request;

    if (!can_reach(model, client->peer))
        return;
    request = due(model, kind, client->peer);
    request->client = client;
    request->method = kind == DUE_ACK ? M_ACK : client->method;
    if (model->peers[client->peer].is_stream)
        model->peers[client->peer].is_open = true;
}

/* ---- client transactions ---- */

static struct model_client *make_client(struct model *model, enum model_method method,
                                        unsigned peer)
{
    struct model_client *client = &model->clients[model->client_count++];

    if (model->client_count > MODEL_CLIENTS_MAX)
        abort();
    *client = (struct model_client){ .state = C_CALLING,
                                     .method = method,
                                     .peer = peer,
                                     .interval = T1,
                                     .repeat_at = model->now + T1,
                                     .end_at = model->now + LONG };
    if (model->peers[peer].is_stream)
        client->repeat_at = MSEC_NEVER;
    due_request(model, DUE_REQUEST, client);
    return client;
}

static void end_client(struct model_client *client)
{
    client->state = C_GONE;
    client->repeat_at = client->end_at = MSEC_NEVER;
}

static void cancel_client(struct model *model, struct model_client *invite)
{
    struct model_client *cancel;

    invite->end_at = model->now + LONG;
    if (!can_reach(model, invite->peer))
        return;
    cancel = make_client(model, M_CANCEL, invite->peer);
    cancel->of = invite;
}

/* RFC 3261 §9.1: not before a provisional response. */
static void stop_client(struct model *model, struct model_client *client)
{
    if (client->is_cancelled)
        return;
    client->is_cancelled = true;
    if (client->state == C_PROCEEDING)
        cancel_client(model, client);
}

static struct model_client *find_client(struct model *model, struct str branch,
                                        enum model_method method)
{
    for (unsigned i = 0; i < model->client_count; i++) {
        struct model_client *client = &model->clients[i];
        const char *own = client->of ? client->of->branch : client->branch;

        if (client->state != C_GONE && client->method == method && is_text(own, branch))
            return client;
    }
    return NULL;
}

/* ---- the answer (RFC 3261 §16.7) ---- */

static void add_choice(struct model_due *due, unsigned status)
{
    for (unsigned i = 0; i < due->choice_count; i++)
        if (due->choices[i] == status)
            return;
    if (due->choice_count < MODEL_CHOICES)
        due->choices[due->choice_count++] = status;
}

/* RFC 4320 §4.2: to anything but an INVITE a 408 is as good as no answer. */
static bool is_worthless(const struct model_asked *asked, unsigned status)
{
    return status < 300 || (asked->method != M_INVITE && status == 408);
}

static bool is_of_best(const struct model_asked *asked, unsigned status)
{
    bool is_best = status > 0;

    for (unsigned i = 0; i < MODEL_LEGS && is_best; i++) {
        unsigned other = asked->legs[i].status;

        if (is_worthless(asked, other))
            continue;
        if (is_worthless(asked, status))
            return false;
        if (other >= 600 || status >= 600)
            is_best = status >= 600;
        else if (other / 100 != status / 100)
            is_best = status / 100 < other / 100;
        else
            is_best = is_helpful(status) || !is_helpful(other);
    }
    return is_best;
}

static void choose(const struct model_asked *asked, struct model_due *due)
{
    for (unsigned i = 0; i < MODEL_LEGS; i++) {
        unsigned status = asked->legs[i].status;

        if (status < 300 || !is_of_best(asked, status))
            continue;
        add_choice(due, status);
        if (status == 503)
            add_choice(due, 500);
    }
    if (asked->is_cancelled && due->choice_count)
        add_choice(due, 487);
}

static bool is_running(const struct model_asked *asked)
{
    for (unsigned i = 0; i < MODEL_LEGS; i++)
        if (asked->legs[i].state != LEG_NONE && asked->legs[i].state != LEG_OVER)
            return true;
    return false;
}

static void complete(struct model *model, struct model_asked *asked)
{
    bool is_stream = model->peers[asked->peer].is_stream;

    asked->state = S_COMPLETED;
    asked->trying_at = MSEC_NEVER;
    asked->end_at =
        model->now + (asked->method != M_INVITE && is_stream ? model->timers.linger : LONG);
    if (asked->method == M_INVITE && !is_stream) {
        asked->interval = T1;
        asked->repeat_at = model->now + T1;
    }
    if (asked->method == M_INVITE && !can_answer(model, asked))
        asked->state = S_GONE;
}

/* RFC 4320 §4.2: a 408 to anything but an INVITE tells nothing to who has given up himself. */
static bool is_only_late(const struct model *model, const struct model_asked *asked,
                         const struct model_due *answer)
{
    if (model->now - asked->asked_at < LONG)
        return false;
    return asked->method != M_INVITE && answer->choice_count == 1 && answer->choices[0] == 408;
}

static void conclude(struct model *model, struct model_asked *asked)
{
    struct model_due scratch = { 0 }, *answer;

    if (asked->is_answered || is_running(asked) ||
        (asked->state != S_TRYING && asked->state != S_PROCEEDING))
        return;
    choose(asked, &scratch);
    if (is_only_late(model, asked, &scratch)) {
        asked->is_answered = true;
        asked->state = S_ABANDONED;
        asked->trying_at = MSEC_NEVER;
        asked->end_at = model->now + LONG;
        return;
    }
    asked->is_answered = true;
    if (can_answer(model, asked)) {
        answer = due(model, DUE_REPLY, asked->peer);
        answer->asked = asked;
        answer->method = asked->method;
        memcpy(answer->choices, scratch.choices, sizeof answer->choices);
        answer->choice_count = scratch.choice_count;
    }
    complete(model, asked);
}

static void end_leg(struct model_leg *leg, unsigned status)
{
    leg->state = LEG_OVER;
    leg->status = status;
    leg->timer = MSEC_NEVER;
}

static void cancel_legs(struct model *model, struct model_asked *asked)
{
    for (unsigned i = 0; i < MODEL_LEGS; i++) {
        struct model_leg *leg = &asked->legs[i];

        if (leg->state == LEG_ASKING) {
            end_leg(leg, asked->is_cancelled ? 487 : 0);
        } else if (asked->method == M_INVITE &&
                   (leg->state == LEG_CALLING || leg->state == LEG_RINGING)) {
            leg->is_cancelled = true;
            stop_client(model, leg->client);
        }
    }
}

static void start_leg(struct model *model, struct model_asked *asked, struct model_leg *leg)
{
    if (!can_reach(model, leg->peer)) {
        end_leg(leg, 0);
        return;
    }
    leg->state = LEG_CALLING;
    leg->timer = model->now + model->timers.silence;
    leg->client = make_client(model, asked->method, leg->peer);
    leg->client->asked = asked;
    leg->client->leg = leg;
}

/* ---- requests ---- */

static struct model_asked *find_asked(struct model *model, struct str branch,
                                      enum model_method method)
{
    for (unsigned i = 0; i < model->asked_count; i++) {
        struct model_asked *asked = &model->asked[i];

        if (asked->state != S_GONE && asked->method == method && is_text(asked->branch, branch))
            return asked;
    }
    return NULL;
}

static struct model_asked *make_asked(struct model *model, unsigned peer, enum model_method method,
                                      struct str branch)
{
    struct model_asked *asked = &model->asked[model->asked_count++];

    if (model->asked_count > MODEL_ASKED_MAX)
        abort();
    *asked = (struct model_asked){ .asked_at = model->now,
                                   .method = method,
                                   .peer = peer,
                                   .connection = model->peers[peer].connection,
                                   .state = method == M_INVITE ? S_PROCEEDING : S_TRYING,
                                   .repeat_at = MSEC_NEVER,
                                   .end_at = MSEC_NEVER,
                                   .trying_at = MSEC_NEVER };
    keep(asked->branch, branch);
    for (unsigned i = 0; i < MODEL_LEGS; i++)
        asked->legs[i].timer = MSEC_NEVER;
    return asked;
}

static void take_again(struct model *model, struct model_asked *asked)
{
    if (asked->state == S_PROCEEDING || asked->state == S_COMPLETED)
        due_again(model, asked);
}

static void take_cancel(struct model *model, unsigned peer, struct str branch)
{
    struct model_asked *invite = find_asked(model, branch, M_INVITE), *cancel;
    struct model_due *refusal;

    if (!invite) {
        refusal = due(model, DUE_STRAY, peer);
        refusal->method = M_CANCEL;
        add_choice(refusal, 481);
        return;
    }
    cancel = make_asked(model, peer, M_CANCEL, branch);
    due_reply(model, cancel, 200, "");
    complete(model, cancel);
    if (invite->is_answered || invite->is_cancelled)
        return;
    invite->is_cancelled = true;
    cancel_legs(model, invite);
    conclude(model, invite);
}

static void take_failure_ack(struct model *model, struct str branch)
{
    struct model_asked *invite = find_asked(model, branch, M_INVITE);

    if (!invite || invite->state != S_COMPLETED)
        return;
    invite->state = model->peers[invite->peer].is_stream ? S_GONE : S_CONFIRMED;
    invite->repeat_at = MSEC_NEVER;
    invite->end_at = model->now + T4;
}

static void take_new(struct model *model, unsigned peer, enum model_method method,
                     struct str branch, const struct model_target *targets, unsigned count)
{
    struct model_asked *asked = make_asked(model, peer, method, branch);

    asked->is_relayed = true;
    if (method == M_INVITE)
        due_reply(model, asked, 100, "");
    else
        asked->trying_at = model->now + SLOW_TRYING;
    for (unsigned i = 0; i < count; i++) {
        asked->legs[i].peer = targets[i].peer;
        asked->legs[i].state = LEG_ASKING;
        asked->legs[i].order = targets[i].is_name ? model->lookups++ : 0;
    }
    for (unsigned i = 0; i < count; i++)
        if (!targets[i].is_name)
            start_leg(model, asked, &asked->legs[i]);
    conclude(model, asked);
}

void model_take_request(struct model *model, unsigned peer, enum model_method method,
                        struct str branch, const struct model_target *targets, unsigned count)
{
    struct model_asked *asked = method == M_ACK ? NULL : find_asked(model, branch, method);

    if (asked)
        take_again(model, asked);
    else if (method == M_ACK)
        take_failure_ack(model, branch);
    else if (method == M_CANCEL)
        take_cancel(model, peer, branch);
    else
        take_new(model, peer, method, branch, targets, count);
}

void model_take_ack(struct model *model, unsigned to)
{
    if (can_reach(model, to))
        due(model, DUE_PASS, to)->method = M_ACK;
}

static struct model_leg *find_lookup(struct model *model, struct model_asked **asked)
{
    struct model_leg *found = NULL;

    for (unsigned i = 0; i < model->asked_count; i++)
        for (unsigned j = 0; j < MODEL_LEGS; j++) {
            struct model_leg *leg = &model->asked[i].legs[j];

            if (leg->order == UINT32_MAX || leg->state == LEG_NONE || !leg->order)
                continue;
            if (!found || leg->order < found->order) {
                found = leg;
                *asked = &model->asked[i];
            }
        }
    return found;
}

void model_take_lookup(struct model *model, bool is_found)
{
    struct model_asked *asked;
    struct model_leg *leg = find_lookup(model, &asked);

    if (!leg)
        return;
    leg->order = UINT32_MAX;
    if (leg->state != LEG_ASKING)
        return;
    if (is_found)
        start_leg(model, asked, leg);
    else
        end_leg(leg, 0);
    conclude(model, asked);
}

/* ---- responses ---- */

static void pass_response(struct model *model, struct model_asked *asked, unsigned status,
                          struct str tag, bool is_stray)
{
    struct model_due *reply;

    if (!can_answer(model, asked))
        return;
    reply = due(model, is_stray ? DUE_STRAY : DUE_REPLY, asked->peer);
    reply->asked = asked;
    reply->method = asked->method;
    add_choice(reply, status);
    keep(reply->tag, tag);
}

static void take_provisional(struct model *model, struct model_client *client, unsigned status,
                             struct str tag)
{
    struct model_leg *leg = client->leg;

    if (client->state != C_CALLING && client->state != C_PROCEEDING)
        return;
    if (client->method == M_INVITE && client->state == C_CALLING) {
        client->repeat_at = client->end_at = MSEC_NEVER;
        if (client->is_cancelled)
            cancel_client(model, client);
    }
    client->state = C_PROCEEDING;
    if (client->method != M_INVITE || leg->state == LEG_OVER)
        return;
    leg->state = LEG_RINGING;
    leg->timer = model->now + model->timers.ringing;
    if (status > 100 && !client->asked->is_answered)
        pass_response(model, client->asked, status, tag, false);
}

static void take_acceptance(struct model *model, struct model_client *client, unsigned status,
                            struct str tag)
{
    struct model_asked *asked = client->asked;
    bool is_first = !asked->is_answered;

    if (client->state == C_COMPLETED)
        return;
    if (client->state != C_ACCEPTED)
        client->end_at = model->now + LONG; /* timer M */
    client->state = C_ACCEPTED;
    client->repeat_at = MSEC_NEVER;
    pass_response(model, asked, status, tag, !is_first);
    if (client->leg->state != LEG_OVER)
        end_leg(client->leg, status);
    if (!is_first)
        return;
    asked->is_answered = true;
    asked->state = S_ACCEPTED;
    asked->end_at = model->now + LONG; /* timer L */
    cancel_legs(model, asked);
}

static void fail_leg(struct model *model, struct model_client *client, unsigned status)
{
    if (!client->leg || client->leg->state == LEG_OVER)
        return;
    end_leg(client->leg, status);
    if (status >= 600)
        cancel_legs(model, client->asked);
    conclude(model, client->asked);
}

static void take_refusal(struct model *model, struct model_client *client, unsigned status)
{
    if (client->state == C_ACCEPTED)
        return;
    due_request(model, DUE_ACK, client);
    if (client->state == C_COMPLETED)
        return;
    client->state = C_COMPLETED;
    client->repeat_at = MSEC_NEVER;
    client->end_at = model->now + TIMER_D_LENGTH;
    if (model->peers[client->peer].is_stream)
        end_client(client);
    fail_leg(model, client, status);
}

static void finish_other(struct model *model, struct model_client *client)
{
    client->state = C_COMPLETED;
    client->repeat_at = MSEC_NEVER;
    client->end_at = model->now + T4; /* timer K */
    if (model->peers[client->peer].is_stream)
        end_client(client);
}

static void take_other_final(struct model *model, struct model_client *client, unsigned status,
                             struct str tag)
{
    struct model_asked *asked = client->asked;

    if (client->state == C_COMPLETED)
        return;
    finish_other(model, client);
    if (!client->leg || client->leg->state == LEG_OVER)
        return;
    if (status >= 300) {
        fail_leg(model, client, status);
        return;
    }
    end_leg(client->leg, status);
    if (asked->is_answered)
        return;
    asked->is_answered = true;
    pass_response(model, asked, status, tag, false);
    complete(model, asked);
    cancel_legs(model, asked);
}

static void take_stray(struct model *model, enum model_method method)
{
    struct model_due *stray;

    if (model->now - model->made_at > model->timers.youth)
        return;
    stray = due(model, DUE_STRAY, 0);
    stray->method = method;
    stray->is_optional = true;
}

void model_take_response(struct model *model, struct str branch, enum model_method method,
                         unsigned status, struct str tag)
{
    struct model_client *client = find_client(model, branch, method);

    if (!client)
        take_stray(model, method);
    else if (status < 200)
        take_provisional(model, client, status, tag);
    else if (client->method != M_INVITE)
        take_other_final(model, client, status, tag);
    else if (status < 300)
        take_acceptance(model, client, status, tag);
    else
        take_refusal(model, client, status);
}

/* ---- connections ---- */

static void lose_client(struct model *model, struct model_client *client)
{
    bool was_waiting = client->state == C_CALLING || client->state == C_PROCEEDING;

    if (client->state == C_ACCEPTED)
        return;
    end_client(client);
    if (was_waiting && client->leg)
        fail_leg(model, client, client->leg->is_cancelled ? 487 : 503);
}

static void lose_asked(struct model *model, struct model_asked *asked)
{
    if (asked->state == S_COMPLETED) {
        asked->state = S_GONE;
    } else if (asked->method == M_INVITE && asked->state == S_PROCEEDING) {
        asked->is_cancelled = true;
        cancel_legs(model, asked);
        conclude(model, asked);
    }
}

void model_lose(struct model *model, unsigned peer)
{
    model->peers[peer].is_open = false;
    model->peers[peer].connection++;
    for (unsigned i = 0; i < model->client_count; i++)
        if (model->clients[i].state != C_GONE && model->clients[i].peer == peer)
            lose_client(model, &model->clients[i]);
    for (unsigned i = 0; i < model->asked_count; i++)
        if (model->asked[i].peer == peer)
            lose_asked(model, &model->asked[i]);
}

/* ---- time ---- */

static void pull(msec *soonest, msec at)
{
    if (at < *soonest)
        *soonest = at;
}

static msec find_next(const struct model *model)
{
    msec soonest = MSEC_NEVER;

    for (unsigned i = 0; i < model->client_count; i++)
        if (model->clients[i].state != C_GONE) {
            pull(&soonest, model->clients[i].repeat_at);
            pull(&soonest, model->clients[i].end_at);
        }
    for (unsigned i = 0; i < model->asked_count; i++) {
        const struct model_asked *asked = &model->asked[i];

        if (asked->state != S_GONE) {
            pull(&soonest, asked->repeat_at);
            pull(&soonest, asked->end_at);
            pull(&soonest, asked->trying_at);
        }
        for (unsigned j = 0; j < MODEL_LEGS; j++)
            pull(&soonest, asked->legs[j].timer);
    }
    return soonest;
}

/* Timers A and E. */
static void repeat_request(struct model *model, struct model_client *client)
{
    due_request(model, DUE_REQUEST_AGAIN, client);
    client->interval *= 2;
    if (client->method != M_INVITE && (client->interval > T2 || client->state == C_PROCEEDING))
        client->interval = T2;
    client->repeat_at = model->now + client->interval;
}

/* Timers B, D, F, K, M. */
static void end_by_timer(struct model *model, struct model_client *client)
{
    bool was_waiting = client->state == C_CALLING || client->state == C_PROCEEDING;

    end_client(client);
    if (was_waiting && client->leg)
        fail_leg(model, client, client->leg->is_cancelled ? 487 : 408);
}

static void fire_client(struct model *model, struct model_client *client)
{
    if (client->state != C_GONE && client->end_at <= model->now)
        end_by_timer(model, client);
    if (client->state != C_GONE && client->repeat_at <= model->now)
        repeat_request(model, client);
}

/* RFC 3261 §16.8, for fr_timer too. */
static void give_up(struct model *model, struct model_asked *asked, struct model_leg *leg)
{
    unsigned status = leg->is_cancelled ? 487 : 408;

    if (asked->method == M_INVITE)
        stop_client(model, leg->client);
    else
        leg->client->repeat_at = MSEC_NEVER;
    end_leg(leg, status);
    conclude(model, asked);
}

static void fire_asked(struct model *model, struct model_asked *asked)
{
    for (unsigned i = 0; i < MODEL_LEGS; i++)
        if (asked->legs[i].timer <= model->now)
            give_up(model, asked, &asked->legs[i]);
    if (asked->state == S_GONE)
        return;
    if (asked->end_at <= model->now) {
        asked->state = S_GONE;
        return;
    }
    if (asked->repeat_at <= model->now) { /* timer G */
        due_again(model, asked);
        asked->interval = asked->interval * 2 > T2 ? T2 : asked->interval * 2;
        asked->repeat_at = model->now + asked->interval;
    }
    if (asked->trying_at <= model->now) {
        asked->trying_at = MSEC_NEVER;
        asked->state = S_PROCEEDING;
        due_reply(model, asked, 100, "");
    }
}

void model_advance(struct model *model, msec now)
{
    msec next;

    while ((next = find_next(model)) <= now) {
        model->now = next > model->now ? next : model->now;
        for (unsigned i = 0; i < model->client_count; i++)
            fire_client(model, &model->clients[i]);
        for (unsigned i = 0; i < model->asked_count; i++)
            fire_asked(model, &model->asked[i]);
    }
    model->now = now;
}

/* ---- life ---- */

void model_init(struct model *model, const struct model_timers *timers, msec now)
{
    *model = (struct model){ .timers = *timers, .now = now, .made_at = now };
}

void model_forget(struct model *model)
{
    model->asked_count = model->client_count = model->due_count = 0;
    model->lookups = 1; /* 0: none */
}

void model_restart(struct model *model)
{
    model_forget(model);
    model->made_at = model->now;
    for (unsigned i = 0; i < MODEL_PEERS; i++) {
        model->peers[i].is_open = false;
        model->peers[i].connection++;
    }
}

bool model_has_accepted(struct model *model, struct str branch)
{
    const struct model_asked *asked = find_asked(model, branch, M_INVITE);

    return asked && asked->state == S_ACCEPTED;
}

bool model_is_over(const struct model *model)
{
    return find_next(model) == MSEC_NEVER;
}

/* ---- the judge ---- */

static bool has_status(const struct model_due *due, unsigned status)
{
    for (unsigned i = 0; i < due->choice_count; i++)
        if (due->choices[i] == status)
            return true;
    return due->choice_count == 0 && status >= 300;
}

static bool is_reply_due(const struct model_due *due, const struct model_sent *sent)
{
    if (sent->is_request || sent->method != due->method)
        return false;
    if (due->is_optional)
        return true;
    if (due->kind == DUE_REPLY_AGAIN)
        return str_eq(due->asked->last, sent->bytes);
    return has_status(due, sent->status) && (!due->tag[0] || is_text(due->tag, sent->tag));
}

static bool is_request_due(const struct model_due *due, const struct model_sent *sent)
{
    const struct model_client *client = due->client;

    if (!sent->is_request || sent->method != due->method)
        return false;
    if (due->kind == DUE_REQUEST_AGAIN)
        return str_eq(client->bytes, sent->bytes);
    if (due->kind == DUE_REQUEST && client->of)
        return is_text(client->of->branch, sent->branch);
    if (due->kind == DUE_ACK)
        return is_text(client->branch, sent->branch);
    return true;
}

static bool is_due(const struct model_due *due, const struct model_sent *sent)
{
    bool is_request = due->kind >= DUE_REQUEST;

    if (due->is_done || due->peer != sent->peer || sent->at + TOLERANCE < due->at ||
        due->at + TOLERANCE < sent->at)
        return false;
    return is_request ? is_request_due(due, sent) : is_reply_due(due, sent);
}

/* What it was becomes what is to be repeated. */
static void learn(struct model_due *due, const struct model_sent *sent)
{
    due->is_done = true;
    if (due->kind == DUE_REPLY) {
        due->asked->last = sent->bytes;
    } else if (due->kind == DUE_REQUEST) {
        due->client->bytes = sent->bytes;
        keep(due->client->branch, sent->branch);
    }
}

static const char *const method_names[] = { "INVITE", "ACK", "CANCEL", "another request" };

const char *model_judge(struct model *model, const struct model_sent *sent)
{
    for (unsigned i = 0; i < model->due_count; i++)
        if (is_due(&model->dues[i], sent)) {
            learn(&model->dues[i], sent);
            return NULL;
        }
    if (sent->is_request)
        snprintf(model->text, sizeof model->text, "an undue %s to peer %u",
                 method_names[sent->method], sent->peer);
    else
        snprintf(model->text, sizeof model->text, "an undue %u to %s, to peer %u", sent->status,
                 method_names[sent->method], sent->peer);
    return model->text;
}

const char *model_find_missing(struct model *model)
{
    static const char *const kinds[] = {
        "a reply",         "a reply past its transaction", "a repeated reply",
        "a request",       "a repeated request",           "our ACK",
        "an ACK passed on"
    };

    for (unsigned i = 0; i < model->due_count; i++) {
        const struct model_due *due = &model->dues[i];

        if (due->is_done || due->is_optional)
            continue;
        snprintf(model->text, sizeof model->text, "%s was due at %llu to peer %u: %s %u",
                 kinds[due->kind], (unsigned long long)due->at, due->peer,
                 method_names[due->method], due->choice_count ? due->choices[0] : 0);
        return model->text;
    }
    model->due_count = 0;
    return NULL;
}
