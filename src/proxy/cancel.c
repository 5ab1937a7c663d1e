/* SPDX-License-Identifier: Apache-2.0 */
/* CANCEL (RFC 3261 §9, §16.10). */
#include "proxy/flight.h"

/* Its CANCEL goes out with the first response, which nobody waits for. */
static bool is_hasty(const struct leg *leg)
{
    return flight_of_leg(leg)->proxy->settings.rules.drops_silent_branches;
}

static void cancel_leg(struct leg *leg, struct str headers)
{
    if (leg->branch.state == BRANCH_PREPARING) {
        proxy_leg_fail(leg, ERR_DENIED, 487);
        return;
    }
    if (leg->branch.request->msg->method != SIP_INVITE)
        return;
    leg->branch.is_cancelled = true;
    if (leg->branch.txn)
        client_txn_cancel(leg->branch.txn, headers);
    if (leg->branch.state == BRANCH_CALLING && is_hasty(leg))
        proxy_leg_finish(leg, 487);
}

/* The caller holds the flight, and lets it advance. */
void proxy_cancel_legs(struct flight *flight, struct str headers)
{
    struct request *request = &flight->request;

    for (unsigned i = 0; i < request->branch_count; i++) {
        struct leg *leg = leg_of(request->branches[i]);

        if (leg->branch.state != BRANCH_DONE && !leg->is_replica)
            cancel_leg(leg, headers);
    }
}

void proxy_cancel_branches(struct proxy *proxy, struct request *request, struct str headers)
{
    struct flight *flight = flight_of(request);

    proxy_flight_enter(flight, proxy);
    proxy_flight_hold(flight);
    proxy_cancel_legs(flight, headers);
    proxy_flight_advance(flight);
    proxy_flight_release(flight);
}

void proxy_cancel_branch(struct proxy *proxy, struct branch *branch)
{
    struct flight *flight = flight_of(branch->request);

    proxy_flight_enter(flight, proxy);
    if (branch->state == BRANCH_DONE)
        return;
    proxy_flight_hold(flight);
    cancel_leg(leg_of(branch), STR(""));
    proxy_flight_advance(flight);
    proxy_flight_release(flight);
}

/* Why the caller hung up travels on (RFC 3326). */
static struct str reason_lines(struct request *cancel, const struct flight *flight)
{
    const struct sip_hdr *hdr = sip_msg_find(cancel->msg, SIP_HDR_REASON, NULL);
    struct str line;

    if (flight->request.passes_no_reason || flight->proxy->settings.rules.passes_no_reason)
        return STR("");
    if (!hdr || str_has_line_break(hdr->value) ||
        str_print(&cancel->arena, &line, "Reason: " STR_FMT "\r\n", STR_ARG(hdr->value)))
        return STR("");
    return line;
}

static enum err cancel_request(struct flight *flight, struct str headers)
{
    struct request *request = &flight->request;

    if (request->is_answered || request->is_cancelled)
        return ERR_NOT_NOW;
    proxy_flight_hold(flight);
    request->is_cancelled = true;
    proxy_cancel_legs(flight, headers);
    proxy_flight_advance(flight);
    proxy_flight_release(flight);
    return ERR_NONE;
}

enum err proxy_cancel_request(struct proxy *proxy, struct request *request)
{
    proxy_flight_enter(flight_of(request), proxy);
    return cancel_request(flight_of(request), STR(""));
}

enum err proxy_cancel(struct proxy *proxy, struct request *cancel, struct request *invite)
{
    struct flight *flight = flight_of(invite);
    enum err err = ERR_NONE;

    proxy_flight_enter(flight_of(cancel), proxy);
    if (!cancel->txn)
        err = proxy_reply_open(flight_of(cancel), true);
    if (!err)
        err = proxy_reply(proxy, cancel, 200, STR("canceling"), STR(""), STR(""));
    proxy_flight_enter(flight, proxy);
    if (invite->msg->method == SIP_INVITE)
        (void)!cancel_request(flight, reason_lines(cancel, flight));
    return err;
}
