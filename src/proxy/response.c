/* SPDX-License-Identifier: Apache-2.0 */
/* Responses of the legs (RFC 3261 §16.7): through the reply route in order, then upstream. */
#include "proxy/flight.h"

#define ELSEWHERE "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"
#define DECLINED "Reason: SIP;cause=603;text=\"Declined elsewhere\"\r\n"

static bool is_invite(const struct leg *leg)
{
    return leg->branch.request->msg->method == SIP_INVITE;
}

/* Why a branch is cancelled (RFC 3326). */
static struct str own_reason(const struct flight *flight, struct str line)
{
    return flight->proxy->settings.rules.adds_no_reason ? STR("") : line;
}

/* A 2xx to INVITE, which makes a dialog or changes one. */
static bool is_accepted(const struct leg *leg, unsigned status)
{
    return is_invite(leg) && status >= 200 && status < 300 && !leg->is_replica;
}

/* ---- upstream ---- */

static enum err write_upstream(struct flight *flight, const struct held *held, unsigned status,
                               struct str *out)
{
    struct proxy *proxy = flight->proxy;
    struct writer w = writer_over(proxy->message, sizeof proxy->message);
    enum err err = sip_response_forward(&w, held->msg, status, held->msg->reason, &held->edits);

    return err ? err : writer_finish(&w, out);
}

static bool may_go_up(struct flight *flight, const struct held *held, struct str bytes)
{
    const struct request *request = &flight->request;
    struct flow way;

    txn_reply_flow(request->msg, &request->source, request->force_rport, &way);
    return proxy_may_send(flight, held->msg, &held->source, &way, bytes);
}

/* It counts as sent: nothing else takes its place. */
static enum err withhold(struct flight *flight, unsigned status)
{
    struct request *request = &flight->request;

    if (status >= 200 && !request->is_answered) {
        request->is_answered = true;
        if (request->txn)
            server_txn_release(request->txn);
    }
    return ERR_NONE;
}

/* A 2xx to an INVITE goes up whatever has gone before, with or without a transaction. */
static enum err send_upstream(struct flight *flight, const struct held *held, unsigned status)
{
    struct str bytes;
    enum err err = write_upstream(flight, held, status, &bytes);

    if (err)
        return err;
    if (!may_go_up(flight, held, bytes))
        return withhold(flight, status);
    err = flight->request.txn ? proxy_reply_send(flight, status, false, bytes) : ERR_NOT_NOW;
    if (err == ERR_NOT_NOW && status / 100 == 2)
        err = proxy_reply_send_stray(flight, bytes);
    return err;
}

static void tell_final(struct flight *flight, const struct held *held, unsigned status)
{
    struct proxy_user *user = &flight->proxy->user;

    if (user->on_final)
        user->on_final(user->context, &flight->request, status, held->msg->reason, held->msg);
}

/* ---- what a response does ---- */

static void remember_tag(struct leg *leg, struct str tag)
{
    char *room;

    if (!tag.len || str_eq(tag, leg->branch.to_tag))
        return;
    if (tag.len > leg->tag_room) {
        room = arena_alloc(&leg->branch.request->arena, 2 * tag.len);
        if (!room)
            return;
        leg->tag = room;
        leg->tag_room = 2 * tag.len;
    }
    memcpy(leg->tag, tag.ptr, tag.len);
    leg->branch.to_tag = (struct str){ leg->tag, tag.len };
}

/* RFC 4320 §4.1: none but 100, of our own, for anything but an INVITE. */
static void take_provisional(struct leg *leg, struct held *held)
{
    struct flight *flight = flight_of_leg(leg);

    if (leg->branch.state != BRANCH_DONE && held->msg->status > 100 && held->verdict == 0 &&
        is_invite(leg) && !leg->is_replica && !flight->request.is_answered && flight->request.txn)
        (void)!send_upstream(flight, held, held->msg->status);
    proxy_held_free(held);
}

static void end_as_winner(struct leg *leg, unsigned status)
{
    leg->has_won = true;
    leg->branch.is_received = true;
    proxy_leg_finish(leg, status);
    leg->branch.status = status;
}

/* Others that still ring are told that it is over. */
static void win(struct leg *leg, struct held *held)
{
    struct flight *flight = flight_of_leg(leg);

    end_as_winner(leg, held->msg->status);
    flight->request.winner = &leg->branch;
    proxy_moves_note(flight);
    proxy_cancel_legs(flight, own_reason(flight, STR(ELSEWHERE)));
    tell_final(flight, held, held->msg->status);
}

static void keep_failure(struct leg *leg, struct held *held)
{
    leg->final = held;
    leg->branch.response = held->msg;
    leg->branch.is_received = true;
    proxy_choose_note(leg);
}

/* Retry-After: delta-seconds …; 0: it does not say. */
static msec retry_after(const struct sip_msg *msg)
{
    const struct sip_hdr *hdr = sip_msg_find(msg, SIP_HDR_RETRY_AFTER, NULL);
    struct str value = hdr ? str_trim(hdr->value) : STR("");
    uint64_t seconds = 0;
    size_t digits = 0;

    while (digits < value.len && value.ptr[digits] >= '0' && value.ptr[digits] <= '9')
        digits++;
    if (str_to_uint((struct str){ value.ptr, digits }, 0, UINT32_MAX, &seconds))
        return 0;
    return seconds * 1000;
}

/* The reply route's own verdict, or the status that arrived. */
static void lose(struct leg *leg, struct held *held, unsigned status)
{
    struct flight *flight = flight_of_leg(leg);
    bool is_own = status != held->msg->status;

    if (status == 503 && !is_own)
        proxy_leg_judge(leg, ERR_EXHAUSTED, retry_after(held->msg));
    if (status == 503 && !is_own && proxy_leg_fail_over(leg)) {
        proxy_held_free(held);
        return;
    }
    if (is_own) {
        leg->is_refused = true;
        if (held->msg->status < 200 && leg->branch.txn && is_invite(leg)) {
            leg->branch.is_cancelled = true;
            client_txn_cancel(leg->branch.txn, STR(""));
        }
        proxy_held_free(held);
    } else if (txn_has_way_up(held->msg)) {
        keep_failure(leg, held);
    } else { /* the status counts, the message is of no use */
        proxy_held_free(held);
    }
    proxy_leg_finish(leg, status);
    if (status >= 600 && !proxy_choose_is_lenient(flight))
        proxy_cancel_legs(flight, own_reason(flight, STR(DECLINED)));
    proxy_leg_ask_failure(leg);
}

/* One that cannot be written is as good as none. */
static void take_accepted(struct leg *leg, struct held *held)
{
    struct flight *flight = flight_of_leg(leg);
    struct request *request = &flight->request;
    bool was_answered = request->is_answered;
    enum err err = ERR_NONE;

    if (!was_answered || is_invite(leg))
        err = send_upstream(flight, held, held->msg->status);
    if (was_answered) {
        if (is_invite(leg))
            end_as_winner(leg, held->msg->status);
        else
            proxy_leg_finish(leg, held->msg->status);
    } else if (request->is_answered) {
        win(leg, held);
    } else if (err) {
        proxy_leg_finish(leg, 500);
    }
    proxy_held_free(held);
}

/* What happens to a response once its reply route has ended. */
static void take(struct leg *leg, struct held *held)
{
    unsigned status = held->msg->status;
    bool is_over = leg->branch.state == BRANCH_DONE;

    if (held->verdict >= 300 && is_accepted(leg, status))
        proxy_refuse_accepted(leg, held->msg);
    if (held->verdict >= 300 && !is_over) {
        lose(leg, held, held->verdict);
    } else if (status < 200) {
        take_provisional(leg, held);
    } else if (status < 300 && !leg->is_replica && held->verdict < 300 &&
               (!is_over || is_invite(leg))) {
        take_accepted(leg, held);
    } else if (!is_over) {
        lose(leg, held, status);
    } else {
        proxy_held_free(held);
    }
}

/* ---- the queue of a leg ---- */

static void ask(struct leg *leg, struct held *held)
{
    struct proxy_user *user = &flight_of_leg(leg)->proxy->user;

    held->is_asked = true;
    if (user->on_reply && !leg->is_replica)
        user->on_reply(user->context, &leg->branch, held->msg, &held->source, &held->edits);
    else
        held->is_answered = true;
}

static struct held *pop(struct leg *leg)
{
    struct held *held = leg->queue;

    leg->queue = held->next;
    held->next = NULL;
    leg->queued--;
    return held;
}

/* Works off the queue up to a response whose reply route is not done yet. */
static void pump(struct leg *leg)
{
    struct flight *flight = flight_of_leg(leg);

    if (leg->is_pumping)
        return;
    leg->is_pumping = true;
    while (leg->queue) {
        if (!leg->queue->is_asked)
            ask(leg, leg->queue);
        if (!leg->queue->is_answered)
            break;
        take(leg, pop(leg));
        proxy_flight_advance(flight);
        proxy_flight_release(flight);
    }
    leg->is_pumping = false;
}

static void enqueue(struct leg *leg, struct held *held)
{
    struct held **link = &leg->queue;

    while (*link)
        link = &(*link)->next;
    *link = held;
    leg->queued++;
    proxy_flight_hold(flight_of_leg(leg));
}

/* Nobody wants failures and provisionals of a leg that is over, or more than can be kept waiting.
 */
static bool is_wanted(const struct leg *leg, unsigned status)
{
    bool is_accepted = status >= 200 && status < 300;

    if (leg->is_refused)
        return false;
    if (leg->branch.state == BRANCH_DONE && !(is_accepted && is_invite(leg)))
        return false;
    return leg->queued < HELD_MAX || (status >= 200 && !leg->branch.status && !is_accepted);
}

/* RFC 3261 §16.7 step 2: each does, unless the script wants it less patient. */
static bool restarts_timer(const struct leg *leg, unsigned status)
{
    const struct fork_rules *rules = &flight_of_leg(leg)->proxy->settings.rules;

    return !rules->counts_rising_only || leg->progress == 0 ||
           (status >= 180 && status > leg->progress);
}

static void note_progress(struct leg *leg, unsigned status)
{
    if (leg->branch.state == BRANCH_DONE)
        return;
    if (leg->branch.state == BRANCH_CALLING && status != 503)
        proxy_leg_judge(leg, ERR_NONE, 0);
    if (status >= 200) {
        timer_stop(flight_of_leg(leg)->proxy->wheel, &leg->branch.timer);
        return;
    }
    leg->branch.state = BRANCH_RINGING;
    if (is_invite(leg) && restarts_timer(leg, status))
        proxy_leg_start_timer(leg, true);
    if (status > leg->progress)
        leg->progress = status;
}

void proxy_response_receive(struct leg *leg, struct sip_msg *msg, const struct flow *source)
{
    struct flight *flight = flight_of_leg(leg);
    struct held *held;

    if (leg->is_refused && is_accepted(leg, msg->status))
        proxy_refuse_accepted(leg, msg);
    if (!is_wanted(leg, msg->status))
        return;
    proxy_flight_hold(flight);
    held = proxy_held_take(msg, source);
    if (held) {
        if (flight->proxy->arriving)
            held->edits = *flight->proxy->arriving;
        note_progress(leg, msg->status);
        remember_tag(leg, msg->to_tag);
        enqueue(leg, held);
        pump(leg);
    } else if (msg->status >= 300) {
        proxy_leg_finish(leg, 500);
        proxy_flight_advance(flight);
    }
    proxy_flight_release(flight);
}

bool proxy_receive_response(struct proxy *proxy, struct sip_msg *response,
                            const struct flow *source, const struct sip_edits *edits)
{
    bool is_taken;

    proxy->arriving = edits;
    is_taken = txn_receive_response(proxy->layer, response, source);
    proxy->arriving = NULL;
    return is_taken;
}

void proxy_reply_continue(struct branch *branch, struct sip_msg *response, unsigned status)
{
    struct leg *leg = leg_of(branch);
    struct flight *flight = flight_of_leg(leg);
    struct held *held = leg->queue;

    if (!held || !held->is_asked || held->is_answered || held->msg != response)
        return;
    held->is_answered = true;
    held->verdict = status;
    proxy_flight_hold(flight);
    pump(leg);
    proxy_flight_release(flight);
}

/* ---- the answer ---- */

/* A cancelled request is answered with the 487 of a leg, if there is one. */
static struct leg *find_cancelled(const struct flight *flight)
{
    const struct request *request = &flight->request;

    for (unsigned i = 0; i < request->branch_count; i++) {
        struct leg *leg = leg_of(request->branches[i]);

        if (leg->final && leg->branch.status == 487)
            return leg;
    }
    return NULL;
}

/* RFC 3261 §16.7 step 6: that one hop is overloaded does not mean that we are. */
static unsigned status_upstream(const struct flight *flight, unsigned status)
{
    return status == 503 && !flight->proxy->settings.rules.keeps_503 ? 500 : status;
}

/* When not even that can be written, the client has to time out. */
static void answer_locally(struct flight *flight, unsigned status)
{
    struct request *request = &flight->request;

    (void)!proxy_reply(flight->proxy, request, status, STR(""), STR(""), STR(""));
    if (request->txn && !request->is_answered)
        server_txn_release(request->txn);
}

static enum err answer_with(struct flight *flight, struct leg *best)
{
    unsigned status = status_upstream(flight, best->branch.status);
    enum err err;

    if ((err = proxy_choose_merge_challenges(flight, best)))
        return err;
    err = send_upstream(flight, best->final, status);
    if (flight->request.is_answered)
        tell_final(flight, best->final, status);
    return err;
}

/*
 * Who did not send an INVITE waits for 64*T1 and then gives up himself: a 408 behind that tells him
 * nothing, and may only cross an answer (RFC 4320 §4.2). Before, it is what RFC 3261 §16.7 wants.
 */
static bool comes_too_late(const struct flight *flight, const struct leg *best)
{
    const struct request *request = &flight->request;
    msec age = flight->proxy->wheel->now - request->received_at;

    return request->txn && request->msg->method != SIP_INVITE && best &&
           best->branch.status == 408 && age >= 64 * txn_read_timers(flight->proxy->layer)->t1;
}

static void stay_silent(struct flight *flight, const struct leg *best)
{
    struct request *request = &flight->request;
    struct proxy_user *user = &flight->proxy->user;

    request->is_answered = true;
    server_txn_release(request->txn);
    if (user->on_final)
        user->on_final(user->context, request, 408, sip_reason_phrase(408),
                       best->final ? best->final->msg : NULL);
}

void proxy_response_answer(struct flight *flight)
{
    struct request *request = &flight->request;
    struct leg *best = request->is_cancelled ? find_cancelled(flight) : proxy_choose_best(flight);

    request->winner = best ? &best->branch : NULL;
    if (comes_too_late(flight, best)) {
        stay_silent(flight, best);
        return;
    }
    if (best && best->final) {
        if (answer_with(flight, best) && !request->is_answered)
            answer_locally(flight, 500);
        return;
    }
    answer_locally(flight, request->is_cancelled ? 487
                           : best                ? status_upstream(flight, best->branch.status)
                                                 : 500);
}

void proxy_response_forget(struct flight *flight, bool all)
{
    struct request *request = &flight->request;

    for (unsigned i = 0; i < request->branch_count; i++) {
        struct leg *leg = leg_of(request->branches[i]);

        if (!leg->final || !(all || leg->is_outdated))
            continue;
        leg->branch.response = NULL;
        proxy_held_free(leg->final);
        leg->final = NULL;
    }
}
