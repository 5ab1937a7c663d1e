/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a branch: branch route, name resolution, sending, and the next address when one fails
 * (RFC 3263 §4.3).
 */
#include "proxy/flight.h"

/* ---- birth ---- */

static enum err grow_branches(struct request *request)
{
    unsigned room = request->branch_room ? 2 * request->branch_room : 4;
    struct branch **branches;

    if (request->branch_count < request->branch_room)
        return ERR_NONE;
    if (request->branch_count >= LEGS_MAX)
        return ERR_LIMIT;
    branches = arena_alloc(&request->arena, room * sizeof(struct branch *));
    if (!branches)
        return ERR_NOMEM;
    if (request->branch_count)
        memcpy(branches, request->branches, request->branch_count * sizeof(struct branch *));
    request->branches = branches;
    request->branch_room = room;
    return ERR_NONE;
}

enum err proxy_leg_create(struct flight *flight, const struct target *target, struct leg **out)
{
    struct request *request = &flight->request;
    struct leg *leg;
    enum err err = grow_branches(request);

    if (err)
        return err;
    leg = arena_zalloc(&request->arena, sizeof *leg);
    if (!leg)
        return ERR_NOMEM;
    if ((err = proxy_id_make(flight, request->branch_count, &leg->branch.id)))
        return err;
    leg->branch.request = request;
    leg->branch.index = request->branch_count;
    leg->branch.step = request->step;
    leg->branch.target = *target;
    leg->branch.on_failure = request->on_branch_failure;
    leg->is_replica = flight->options.is_replica;
    leg->is_launching = true;
    flight->launching++;
    request->branches[request->branch_count++] = &leg->branch;
    proxy_flight_hold(flight);
    *out = leg;
    return ERR_NONE;
}

/* ---- end ---- */

/* Of several legs that could not be sent, the best reason is reported. */
static void note_launch(struct leg *leg, enum err err, unsigned status)
{
    struct flight *flight = flight_of_leg(leg);

    if (!leg->is_launching)
        return;
    leg->is_launching = false;
    flight->launching--;
    if (err && (!flight->launch_err || proxy_choose_prefers(status, flight->launch_status))) {
        flight->launch_err = err;
        flight->launch_status = status;
    }
}

/* The flow is gone, or nobody was heard on it: the instance may still be reached by another. */
static bool has_lost_flow(const struct leg *leg, unsigned status)
{
    const struct request *request = leg->branch.request;
    bool is_silent = leg->branch.state != BRANCH_RINGING && !leg->final;
    bool is_lost = status == 430 || (is_silent && status == 503);

    if (!leg->branch.target.other_flow || request->is_cancelled || request->is_answered)
        return false;
    return (is_lost && !leg->branch.is_cancelled) || (is_silent && status == 408);
}

/* RFC 5626 §5.3 and §6: flows of one instance are tried one after the other. */
static void try_other_flow(struct leg *lost)
{
    struct flight *flight = flight_of_leg(lost);
    const struct target *other = lost->branch.target.other_flow;
    struct leg *leg;

    lost->branch.target.other_flow = NULL; /* no script has to do it */
    if (proxy_leg_create(flight, other, &leg))
        return;
    leg->branch.step = lost->branch.step;
    leg->breadth = lost->breadth;
    lost->is_outdated = true;
    proxy_leg_start(leg);
}

void proxy_leg_finish(struct leg *leg, unsigned status)
{
    struct flight *flight = flight_of_leg(leg);
    struct proxy_user *user = &flight->proxy->user;
    bool goes_on;

    if (leg->branch.state == BRANCH_DONE)
        return;
    goes_on = has_lost_flow(leg, status);
    leg->branch.state = BRANCH_DONE;
    leg->branch.status = status;
    timer_stop(flight->proxy->wheel, &leg->branch.timer);
    if (!leg->has_won && user->on_branch_end)
        user->on_branch_end(user->context, &leg->branch);
    if (goes_on)
        try_other_flow(leg);
    proxy_flight_release(flight);
}

void proxy_leg_ask_failure(struct leg *leg)
{
    struct flight *flight = flight_of_leg(leg);
    struct proxy_user *user = &flight->proxy->user;
    const struct request *request = &flight->request;

    if (leg->branch.on_failure == ROUTE_NONE || !user->on_branch_failure || leg->is_replica ||
        request->is_answered || request->is_cancelled)
        return;
    leg->is_asked_again = true;
    flight->failing_legs++;
    proxy_flight_hold(flight);
    user->on_branch_failure(user->context, &leg->branch);
}

void proxy_branch_failure_continue(struct branch *branch)
{
    struct leg *leg = leg_of(branch);
    struct flight *flight = flight_of_leg(leg);

    if (!leg->is_asked_again)
        return;
    leg->is_asked_again = false;
    flight->failing_legs--;
    proxy_flight_advance(flight);
    proxy_flight_release(flight);
}

/* The caller holds the flight. */
void proxy_leg_fail(struct leg *leg, enum err err, unsigned status)
{
    if (leg->branch.state == BRANCH_DONE)
        return;
    note_launch(leg, err, status);
    proxy_leg_finish(leg, status);
}

/* Forgets the client transaction, which ends by itself. */
static void let_go(struct leg *leg)
{
    struct client_txn *txn = leg->branch.txn;

    leg->branch.txn = NULL;
    if (!txn)
        return;
    client_txn_detach(txn);
    proxy_flight_release(flight_of_leg(leg));
}

/* ---- what becomes of a hop ---- */

void proxy_leg_judge(const struct leg *leg, enum err why, msec pause)
{
    struct outside *outside = flight_of_leg(leg)->proxy->outside;

    if (leg->is_resolved && outside->judge)
        outside->judge(outside, &leg->branch.flow, why, pause);
}

/* ---- timers: fr_timer, then fr_inv_timer, neither beyond the lifetime of the request ---- */

static msec deadline_of(const struct flight *flight)
{
    const struct fork_rules *rules = &flight->proxy->settings.rules;
    const struct request *request = &flight->request;
    msec lifetime = request->lifetime;

    if (!lifetime)
        lifetime =
            request->msg->method == SIP_INVITE ? rules->invite_lifetime : rules->other_lifetime;
    return lifetime ? request->received_at + lifetime : MSEC_NEVER;
}

bool proxy_flight_is_expired(const struct flight *flight)
{
    return flight->proxy->wheel->now >= deadline_of(flight);
}

/* An INVITE is cancelled, and its late answer still wanted; anything else is only let go. */
static void give_up(struct leg *leg)
{
    struct client_txn *txn = leg->branch.txn;

    if (!txn)
        return;
    if (leg->branch.request->msg->method == SIP_INVITE) {
        leg->branch.is_cancelled = true;
        client_txn_cancel(txn, STR(""));
    } else {
        let_go(leg);
    }
}

static void time_out(struct leg *leg)
{
    struct flight *flight = flight_of_leg(leg);
    bool is_silent = leg->branch.state == BRANCH_CALLING;
    unsigned status = leg->branch.is_cancelled ? 487 : 408;

    if (leg->branch.state == BRANCH_DONE)
        return;
    if (is_silent)
        proxy_leg_judge(leg, ERR_TIMEOUT, 0);
    if (is_silent && proxy_leg_fail_over(leg))
        return;
    give_up(leg);
    proxy_leg_finish(leg, status);
    proxy_leg_ask_failure(leg);
    proxy_flight_advance(flight);
}

static void fire_timer(struct timer *timer)
{
    struct leg *leg = CONTAINER_OF(timer, struct leg, branch.timer);
    struct flight *flight = flight_of_leg(leg);

    proxy_flight_hold(flight);
    time_out(leg);
    proxy_flight_release(flight);
}

static msec delay_of(const struct flight *flight, bool is_ringing)
{
    const struct proxy_settings *settings = &flight->proxy->settings;
    const struct request *request = &flight->request;

    if (is_ringing)
        return request->fr_inv_timer ? request->fr_inv_timer : settings->fr_inv_timer;
    return request->fr_timer ? request->fr_timer : settings->fr_timer;
}

void proxy_leg_start_timer(struct leg *leg, bool is_ringing)
{
    const struct flight *flight = flight_of_leg(leg);
    struct wheel *wheel = flight->proxy->wheel;
    msec end = wheel->now + delay_of(flight, is_ringing), deadline = deadline_of(flight);

    timer_start(wheel, &leg->branch.timer, end < deadline ? end : deadline, fire_timer);
}

/* ---- the client transaction ---- */

static void on_txn_response(void *context, struct client_txn *txn, struct sip_msg *response,
                            const struct flow *source)
{
    (void)txn;
    proxy_response_receive(context, response, source);
}

/* RFC 3261 §8.1.3.1: a silent hop counts as a 408, a broken one as a 503. */
static void lose(struct leg *leg, enum err why)
{
    struct flight *flight = flight_of_leg(leg);
    unsigned status = leg->branch.target.has_flow ? 430 : 503;

    if (leg->branch.state == BRANCH_DONE)
        return;
    if (why != ERR_TIMEOUT || leg->branch.state == BRANCH_CALLING)
        proxy_leg_judge(leg, why, 0);
    if (proxy_leg_fail_over(leg))
        return;
    if (why == ERR_TIMEOUT)
        status = 408;
    proxy_leg_finish(leg, leg->branch.is_cancelled ? 487 : status);
    proxy_leg_ask_failure(leg);
    proxy_flight_advance(flight);
}

/* Nothing is lost while the final response only waits for its reply route. */
static void on_txn_failure(void *context, struct client_txn *txn, enum err why)
{
    struct leg *leg = context;
    struct flight *flight = flight_of_leg(leg);

    (void)txn;
    proxy_flight_hold(flight);
    lose(leg, why);
    proxy_flight_release(flight);
}

static void on_txn_end(void *context, struct client_txn *txn)
{
    struct leg *leg = context;

    if (leg->branch.txn == txn)
        leg->branch.txn = NULL;
    proxy_flight_release(flight_of_leg(leg));
}

const struct client_txn_user proxy_leg_txn_user = { on_txn_response, on_txn_failure, on_txn_end };

/* ---- sending ---- */

/* A later attempt is another transaction, and starts from the edits that there were before. */
static enum err prepare_attempt(struct leg *leg, struct str *via_branch)
{
    *via_branch = leg->branch.id;
    if (leg->attempt++ == 0)
        return ERR_NONE;
    return str_print(&leg->branch.request->arena, via_branch, STR_FMT ".%x",
                     STR_ARG(leg->branch.id), leg->attempt - 1);
}

static enum err copy_edits(struct arena *arena, const struct sip_edits *from, struct sip_edits *to)
{
    struct sip_edit **link = &to->first;

    *to = (struct sip_edits){ .has_body = from->has_body };
    for (const struct sip_edit *edit = from->first; edit; edit = edit->next) {
        struct sip_edit *copy = arena_alloc(arena, sizeof *copy);

        if (!copy)
            return ERR_NOMEM;
        *copy = *edit;
        copy->next = NULL;
        *link = copy;
        link = &copy->next;
    }
    return ERR_NONE;
}

static enum err open_txn(struct leg *leg, struct str via_branch, struct str bytes)
{
    struct flight *flight = flight_of_leg(leg);
    struct client_request request = {
        .method = flight->request.msg->method,
        .branch = via_branch,
        .bytes = bytes,
        .flow = leg->branch.flow,
        .t1 = flight->request.t1,
        .t2 = flight->request.t2,
        .is_forwarded = true,
    };
    enum err err =
        client_txn_open(flight->proxy->layer, &request, &proxy_leg_txn_user, leg, &leg->branch.txn);

    if (!err)
        proxy_flight_hold(flight);
    return err;
}

/* A stream is tried at most once for a hop, and never where somebody has chosen UDP. */
static bool may_stream(const struct leg *leg)
{
    return flight_of_leg(leg)->proxy->settings.udp_mtu && leg->is_resolved && !leg->has_transport &&
           leg->streamed != leg->branch.hop_next;
}

/* True when the leg's flow is a stream now; its datagrams are the next hop to try. */
static bool change_to_stream(struct leg *leg, size_t size)
{
    const struct proxy_settings *settings = &flight_of_leg(leg)->proxy->settings;

    if (!may_stream(leg) ||
        !proxy_hop_for_size(settings, &leg->branch.flow, size, &leg->branch.flow))
        return false;
    leg->streamed = leg->branch.hop_next--;
    return true;
}

static enum err write_and_send(struct leg *leg)
{
    struct flight *flight = flight_of_leg(leg);
    struct departure departure = {
        .target = &leg->branch.target,
        .flow = &leg->branch.flow,
        .breadth = leg->breadth,
        .edits = &leg->branch.edits,
    };
    struct str bytes;
    enum err err;

    if ((err = prepare_attempt(leg, &departure.via_branch)) ||
        (err = proxy_build_request(flight, &departure, &bytes)))
        return err;
    if (change_to_stream(leg, bytes.len) && (err = proxy_build_request(flight, &departure, &bytes)))
        return err;
    if (!proxy_may_send(flight, flight->request.msg, &flight->request.source, &leg->branch.flow, bytes))
        return ERR_DENIED;
    return open_txn(leg, departure.via_branch, bytes);
}

static unsigned status_of(const struct leg *leg, enum err err)
{
    if (err == ERR_UNREACHABLE && leg->branch.target.has_flow)
        return 430;
    if (err == ERR_LIMIT)
        return 513;
    if (err == ERR_DENIED)
        return PROXY_UNSENT;
    return err ? proxy_hop_status(err) : 0;
}

/* The status that an attempt failed with, 0 when it was sent. */
static unsigned attempt(struct leg *leg, enum err *err)
{
    struct flight *flight = flight_of_leg(leg);
    struct proxy_user *user = &flight->proxy->user;
    bool has_more = leg->branch.hop_next < leg->branch.hop_count || may_stream(leg);
    unsigned status;

    *err = ERR_NONE;
    if (has_more)
        *err = copy_edits(&flight->request.arena, &leg->branch.edits, &leg->clean);
    if (*err)
        return 500;
    status = user->on_branch_ready ? user->on_branch_ready(user->context, &leg->branch) : 0;
    if (status) {
        *err = ERR_DENIED;
        return status;
    }
    *err = write_and_send(leg);
    return status_of(leg, *err);
}

/* The next address that it may go to; false when none is left. */
static bool take_hop(struct leg *leg, bool *was_refused)
{
    const struct proxy_user *user = &flight_of_leg(leg)->proxy->user;

    while (leg->branch.hop_next < leg->branch.hop_count) {
        leg->branch.flow = leg->branch.hops[leg->branch.hop_next++];
        if (!user->is_refused || !user->is_refused(user->context, &leg->branch))
            return true;
        *was_refused = true;
    }
    return false;
}

/* Tries the addresses that are left, until one takes it. */
static unsigned send_next(struct leg *leg, enum err *err)
{
    bool was_refused = false, has_tried = false;
    unsigned status = 477;

    *err = ERR_UNREACHABLE;
    while (*err == ERR_UNREACHABLE && take_hop(leg, &was_refused)) {
        has_tried = true;
        if (leg->attempt)
            leg->branch.edits = leg->clean;
        status = attempt(leg, err);
        if (*err == ERR_UNREACHABLE)
            proxy_leg_judge(leg, *err, 0);
    }
    if (has_tried || !was_refused)
        return status;
    *err = ERR_DENIED;
    return 473;
}

static void was_sent(struct leg *leg)
{
    struct flight *flight = flight_of_leg(leg);

    leg->was_sent = true;
    leg->branch.state = BRANCH_CALLING;
    flight->has_sent = true;
    note_launch(leg, ERR_NONE, 0);
    proxy_leg_start_timer(leg, false);
}

static void send_first(struct leg *leg)
{
    struct flight *flight = flight_of_leg(leg);
    enum err err;
    unsigned status = send_next(leg, &err);

    if (status)
        proxy_leg_fail(leg, err, status);
    else
        was_sent(leg);
    proxy_flight_advance(flight);
}

bool proxy_leg_fail_over(struct leg *leg)
{
    struct flight *flight = flight_of_leg(leg);
    enum err err;

    if (leg->branch.hop_next >= leg->branch.hop_count || leg->branch.is_cancelled ||
        flight->request.is_cancelled || flight->request.is_answered ||
        proxy_flight_is_expired(flight))
        return false;
    if (leg->branch.txn)
        client_txn_cancel(leg->branch.txn, STR(""));
    let_go(leg);
    if (send_next(leg, &err))
        return false;
    leg->branch.state = BRANCH_CALLING;
    proxy_leg_start_timer(leg, false);
    return true;
}

/* ---- name resolution ---- */

static void on_resolved(void *context, enum err err, const struct flow *hops, unsigned count)
{
    struct leg *leg = context;
    struct flight *flight = flight_of_leg(leg);

    if (leg->branch.state != BRANCH_DONE) {
        if (!err && count == 0)
            err = ERR_UNRESOLVED;
        if (!err)
            err = proxy_hop_copy(flight, &leg->branch.target, hops, count, &leg->branch.hops,
                                 &leg->branch.hop_count);
        if (!err && !leg->has_failover)
            leg->branch.hop_count = 1;
        if (err) {
            proxy_leg_fail(leg, err, proxy_hop_status(err));
            proxy_flight_advance(flight);
        } else {
            send_first(leg);
        }
    }
    proxy_flight_release(flight);
}

static void resolve(struct leg *leg)
{
    struct flight *flight = flight_of_leg(leg);
    struct outside *outside = flight->proxy->outside;
    struct hop_choice choice;
    enum err err =
        proxy_hop_choose(flight, &leg->branch.target, flight->options.destination, &choice);

    leg->is_resolved = !choice.has_flow && !leg->branch.target.ruid.len;
    leg->has_transport = choice.query.has_transport;
    proxy_flight_hold(flight);
    if (err && choice.has_flow) {
        proxy_leg_fail(leg, err, err == ERR_UNREACHABLE ? 430 : proxy_hop_status(err));
        proxy_flight_advance(flight);
        proxy_flight_release(flight);
    } else if (err) {
        on_resolved(leg, err, NULL, 0);
    } else if (choice.has_flow) {
        on_resolved(leg, ERR_NONE, &choice.flow, 1);
    } else {
        outside->resolve(outside, &choice.query, on_resolved, leg);
    }
}

/* ---- the branch route ---- */

void proxy_leg_start(struct leg *leg)
{
    struct proxy_user *user = &flight_of_leg(leg)->proxy->user;

    leg->has_failover = !flight_of_leg(leg)->options.no_dns_failover &&
                        !leg->branch.request->no_failover &&
                        !flight_of_leg(leg)->proxy->settings.no_failover;
    leg->is_asked = true;
    proxy_flight_hold(flight_of_leg(leg));
    if (user->on_branch)
        user->on_branch(user->context, &leg->branch);
    else
        proxy_branch_continue(&leg->branch, 0);
}

void proxy_branch_continue(struct branch *branch, unsigned status)
{
    struct leg *leg = leg_of(branch);
    struct flight *flight = flight_of_leg(leg);

    if (!leg->is_asked)
        return;
    leg->is_asked = false;
    if (branch->state != BRANCH_DONE && status) {
        proxy_leg_fail(leg, ERR_NOT_FOUND, status == PROXY_DROP ? 500 : status);
        proxy_flight_advance(flight);
    } else if (branch->state != BRANCH_DONE) {
        resolve(leg);
    }
    proxy_flight_release(flight);
}
