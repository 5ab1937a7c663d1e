/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relaying: a step of forwarding makes a leg for each target and reports when none is left that was
 * neither sent nor has failed. When all legs of a step that were sent have failed, the failure
 * route may start the next step; else the best failure is the answer.
 */
#include "proxy/flight.h"

/* ---- what is going on ---- */

static bool has_running_legs(const struct flight *flight)
{
    const struct request *request = &flight->request;

    for (unsigned i = 0; i < request->branch_count; i++)
        if (request->branches[i]->state != BRANCH_DONE && !leg_of(request->branches[i])->is_replica)
            return true;
    return false;
}

static bool has_sent_legs(const struct flight *flight, unsigned step)
{
    const struct request *request = &flight->request;

    for (unsigned i = 0; i < request->branch_count; i++) {
        const struct leg *leg = leg_of(request->branches[i]);

        if (leg->branch.step == step && leg->was_sent && !leg->is_replica)
            return true;
    }
    return false;
}

/* ---- the end of the setting up ---- */

/* OpenSER answers for the script when a relay fails, but not in failure routes. */
static void answer_failed_relay(struct flight *flight, unsigned status)
{
    struct request *request = &flight->request;
    const struct proxy_settings *settings = &flight->proxy->settings;

    if (!settings->is_openser || flight->in_failure || request->is_answered ||
        flight->options.is_replica || flight->options.no_internal_reply ||
        request->no_internal_reply)
        return;
    (void)!proxy_reply(flight->proxy, request, status, STR(""), STR(""), STR(""));
}

/* Whoever has hung up is told just that, whatever else went wrong. */
static enum err find_launch_err(const struct flight *flight, unsigned *status)
{
    *status = flight->has_sent ? 0 : flight->launch_status;
    if (flight->has_sent)
        return ERR_NONE;
    if (!flight->request.is_cancelled)
        return flight->launch_err;
    *status = 487;
    return ERR_DENIED;
}

static void report_relay(struct flight *flight)
{
    proxy_done_fn *done = flight->done;
    void *context = flight->done_context;
    unsigned status;
    enum err err = find_launch_err(flight, &status);

    flight->done = NULL;
    if (err && !has_sent_legs(flight, flight->request.step))
        flight->request.step = flight->last_step;
    if (!err)
        proxy_choose_outdate(flight);
    if (err)
        answer_failed_relay(flight, status);
    done(context, err, status);
}

/* ---- the failure route ---- */

static void ask_failure(struct flight *flight)
{
    struct request *request = &flight->request;
    struct proxy_user *user = &flight->proxy->user;
    struct leg *best = proxy_choose_best(flight);

    request->winner = best ? &best->branch : NULL;
    flight->failed_step = request->step;
    flight->in_failure = true;
    proxy_flight_hold(flight);
    if (user->on_failure)
        user->on_failure(user->context, request);
    else
        proxy_failure_continue(request);
}

void proxy_failure_continue(struct request *request)
{
    struct flight *flight = flight_of(request);

    if (!flight->in_failure)
        return;
    flight->in_failure = false;
    proxy_flight_advance(flight);
    proxy_flight_release(flight);
}

/* ---- what comes next ---- */

static bool is_waiting(const struct flight *flight)
{
    return flight->is_starting || flight->launching || flight->in_failure || flight->failing_legs ||
           has_running_legs(flight);
}

/* Answered without the transaction, as a request is that is replicated afterwards. */
static void release_txn(struct request *request)
{
    if (!server_txn_is_final(request->txn))
        server_txn_release(request->txn);
}

static void advance(struct flight *flight)
{
    struct request *request = &flight->request;

    if (!request->txn)
        return;
    if (request->is_answered)
        release_txn(request);
    else if (has_sent_legs(flight, request->step) && request->step != flight->failed_step)
        ask_failure(flight);
    else if (has_sent_legs(flight, request->step) || request->is_cancelled)
        proxy_response_answer(flight);
    else if (flight->is_released)
        release_txn(request);
}

void proxy_flight_advance(struct flight *flight)
{
    proxy_flight_hold(flight);
    if (flight->done && !flight->is_starting && !flight->launching)
        report_relay(flight);
    if (!is_waiting(flight))
        advance(flight);
    if (!flight->in_failure)
        proxy_response_forget(flight, flight->request.is_answered);
    proxy_flight_release(flight);
}

/* ---- the start ---- */

/*
 * RFC 3261 §16.3 step 5: there is no extension that we know as a proxy; 420 says which were asked
 * for. A script that takes the header away means that they do not matter.
 */
static unsigned check_extensions(struct request *request)
{
    const struct sip_hdr *hdr = NULL;
    unsigned status = 0;

    if (request->msg->method == SIP_CANCEL)
        return 0;
    while ((hdr = sip_msg_find(request->msg, SIP_HDR_PROXY_REQUIRE, hdr))) {
        if (sip_edits_remove(&request->edits, hdr))
            continue;
        status = 420;
        if (!str_has_line_break(hdr->value) &&
            str_print(&request->arena, &request->reply_headers,
                      STR_FMT "Unsupported: " STR_FMT "\r\n", STR_ARG(request->reply_headers),
                      STR_ARG(hdr->value)))
            return 500;
    }
    return status;
}

/* Why it cannot be relayed at all. */
static enum err check_relay(struct flight *flight, bool is_replica, unsigned *status)
{
    struct request *request = &flight->request;

    *status = 500;
    if (flight->done || flight->has_ended)
        return ERR_NOT_NOW;
    if (request->is_cancelled) {
        *status = 487;
        return ERR_DENIED;
    }
    if (request->is_answered && !is_replica)
        return ERR_NOT_NOW;
    *status = proxy_build_check_hops(flight);
    if (!*status)
        *status = check_extensions(request);
    return *status ? ERR_DENIED : ERR_NONE;
}

/* Relays in a failure route are another step; so is the first one of all. */
static void start_step(struct flight *flight)
{
    struct request *request = &flight->request;

    flight->last_step = request->step;
    if (request->step == 0 || (flight->in_failure && request->step == flight->failed_step))
        request->step++;
}

static enum err make_legs(struct flight *flight, bool with_ruri)
{
    struct request *request = &flight->request;
    struct target target = request->target;
    struct leg *leg;
    enum err err = ERR_NONE;

    target.uri = proxy_flight_uri(flight);
    if (with_ruri)
        err = proxy_leg_create(flight, &target, &leg);
    for (unsigned i = 0; i < request->extra_count && !err; i++)
        err = proxy_leg_create(flight, &request->extra[i], &leg);
    request->extra_count = 0;
    request->target_is_new = false;
    return err;
}

static void start_legs(struct flight *flight, unsigned first)
{
    struct request *request = &flight->request;
    unsigned count = request->branch_count;

    for (unsigned i = first; i < count; i++) {
        struct leg *leg = leg_of(request->branches[i]);

        if (request->is_answered && !leg->is_replica)
            proxy_leg_fail(leg, ERR_NOT_NOW, 500);
        else if (leg->branch.state == BRANCH_PREPARING)
            proxy_leg_start(leg);
    }
}

static void refuse(struct flight *flight, enum err err, unsigned status)
{
    flight->launch_err = err;
    flight->launch_status = status;
}

/* None of them is sent. */
static void refuse_legs(struct flight *flight, unsigned first, enum err err, unsigned status)
{
    struct request *request = &flight->request;

    refuse(flight, err, status);
    for (unsigned i = first; i < request->branch_count; i++)
        proxy_leg_fail(leg_of(request->branches[i]), err, status);
}

static void launch(struct flight *flight, bool with_ruri)
{
    struct request *request = &flight->request;
    unsigned first = request->branch_count, status;
    enum err err;

    if (!request->txn && (err = proxy_reply_open(flight, flight->options.no_100)) &&
        err != ERR_EXISTS) {
        refuse(flight, err, proxy_hop_status(err));
        return;
    }
    start_step(flight);
    if ((err = make_legs(flight, with_ruri)))
        refuse(flight, err, 500);
    else if (request->branch_count == first)
        refuse(flight, ERR_NOT_FOUND, 500);
    else if ((status = proxy_breadth_share(flight, first)))
        refuse_legs(flight, first, ERR_DENIED, status);
    start_legs(flight, first);
}

/* The destination is borrowed from the caller, and legs may be resolved later. */
static enum err copy_options(struct flight *flight, const struct relay_options *options)
{
    flight->options = options ? *options : (struct relay_options){ 0 };
    return str_copy(&flight->request.arena, flight->options.destination,
                    &flight->options.destination);
}

static void reset_launch(struct flight *flight, proxy_done_fn *done, void *context)
{
    flight->done = done;
    flight->done_context = context;
    flight->has_sent = false;
    flight->launch_err = ERR_NONE;
    flight->launch_status = 0;
    flight->last_step = flight->request.step;
}

void proxy_relay(struct proxy *proxy, struct request *request, bool with_ruri,
                 const struct relay_options *options, proxy_done_fn *done, void *context)
{
    struct flight *flight = flight_of(request);
    unsigned status;
    enum err err;

    if (request->msg->method == SIP_ACK) {
        proxy_forward(proxy, request, options ? options->destination : STR(""), done, context);
        return;
    }
    proxy_flight_enter(flight, proxy);
    if ((err = check_relay(flight, options && options->is_replica, &status)) == ERR_NONE &&
        (err = copy_options(flight, options)) != ERR_NONE)
        status = 500;
    if (err) {
        done(context, err, status);
        return;
    }
    proxy_flight_hold(flight);
    request->has_relayed = true;
    reset_launch(flight, done, context);
    flight->is_starting = true;
    launch(flight, with_ruri);
    flight->is_starting = false;
    proxy_flight_advance(flight);
    proxy_flight_release(flight);
}

/* ---- letting go ---- */

void proxy_release(struct proxy *proxy, struct request *request)
{
    struct flight *flight = flight_of(request);

    proxy_flight_enter(flight, proxy);
    flight->is_released = true;
    proxy_flight_advance(flight);
}

void proxy_drop(struct proxy *proxy, struct request *request)
{
    struct flight *flight = flight_of(request);

    proxy_flight_enter(flight, proxy);
    request->is_answered = true;
    proxy_cancel_branches(proxy, request, STR(""));
}
