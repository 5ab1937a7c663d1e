/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction that waits for something else than a branch (Kamailio's t_suspend). What keeps it
 * is a blind leg: it is sent nowhere, but times out and is cancelled like any other.
 */
#include "proxy/flight.h"

static enum err add_blind_leg(struct flight *flight)
{
    struct request *request = &flight->request;
    struct leg *leg;
    enum err err;

    flight->options = (struct relay_options){ 0 };
    flight->last_step = request->step;
    if (request->step == 0 || flight->in_failure)
        request->step++;
    if ((err = proxy_leg_create(flight, &request->target, &leg)))
        return err;
    leg->is_blind = leg->was_sent = true;
    leg->is_launching = false;
    flight->launching--;
    flight->blind = leg;
    proxy_leg_start_timer(leg, true);
    return ERR_NONE;
}

static bool is_suspended(const struct flight *flight)
{
    return flight->blind && flight->blind->branch.state != BRANCH_DONE;
}

enum err proxy_suspend(struct proxy *proxy, struct request *request)
{
    struct flight *flight = flight_of(request);
    enum err err;

    proxy_flight_enter(flight, proxy);
    if (flight->done || is_suspended(flight) || request->is_answered || request->is_cancelled)
        return ERR_NOT_NOW;
    if (!request->txn && (err = proxy_reply_open(flight, false)))
        return err;
    flight->was_in_failure = flight->in_failure;
    return add_blind_leg(flight);
}

/* Its step is as if it had never been: the next relay begins it anew. */
enum resumed proxy_resume(struct proxy *proxy, struct request *request)
{
    struct flight *flight = flight_of(request);
    struct leg *leg = flight->blind;

    if (!flight->proxy || flight->proxy != proxy || !is_suspended(flight))
        return RESUMED_NOT;
    flight->blind = NULL;
    flight->is_released = false;
    leg->was_sent = false;
    proxy_flight_hold(flight);
    proxy_leg_finish(leg, 0);
    if (flight->was_in_failure) {
        request->step = flight->failed_step;
        flight->in_failure = true; /* the hold is that of proxy_failure_continue */
        return RESUMED_FAILURE;
    }
    proxy_flight_release(flight);
    return RESUMED_REQUEST;
}

void proxy_each(struct proxy *proxy, bool (*visit)(void *context, struct request *request),
                void *context)
{
    struct list_node *node = proxy->flights.next;

    while (node != &proxy->flights &&
           visit(context, &CONTAINER_OF(node, struct flight, node)->request))
        node = node->next;
}
