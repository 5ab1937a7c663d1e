/* SPDX-License-Identifier: Apache-2.0 */
/* The choice among failures (RFC 3261 §16.7 steps 6 and 7), and which of them compete. */
#include "proxy/flight.h"

/* A client can do something about these: they come before others of their class. */
static bool is_helpful(unsigned status)
{
    switch (status) {
    case 401:
    case 407:
    case 415:
    case 420:
    case 484:
        return true;
    default:
        return false;
    }
}

enum {
    RANK_UNIT = 10, /* of one in a status: finer ranks lie between */
    RANK_LAST = 10000,
};

/* The lower the better: the lowest class, then the lowest number; 503 at the very end. */
static unsigned rank_in_order(unsigned status)
{
    if (status == 503)
        return RANK_LAST;
    if (is_helpful(status))
        return status / 100 * 100 * RANK_UNIT + status % 100;
    return status * RANK_UNIT + 100;
}

/* Any 6xx comes first. */
static unsigned rank(unsigned status)
{
    return status >= 600 ? status - 600 : rank_in_order(status);
}

bool proxy_choose_prefers(unsigned a, unsigned b)
{
    return rank(a) < rank(b);
}

bool proxy_choose_is_lenient(const struct flight *flight)
{
    return flight->request.lets_6xx_compete || flight->proxy->settings.rules.lets_6xx_compete;
}

/* A failure that nobody has sent may be made worse, or better, than one that came. */
static int64_t rank_of_leg(const struct flight *flight, const struct leg *leg)
{
    unsigned status = leg->branch.status;
    int64_t own = proxy_choose_is_lenient(flight) ? rank_in_order(status) : rank(status);

    if (!leg->branch.is_received)
        own += flight->proxy->settings.rules.local_rank * RANK_UNIT;
    return own;
}

static bool competes(const struct leg *leg)
{
    return leg->was_sent && !leg->is_replica && !leg->is_outdated &&
           is_final_failure(leg->branch.status);
}

/* Such an answer is as good as none (RFC 4320 §4.2). */
static bool is_late(const struct leg *leg)
{
    return leg->branch.status == 408 && leg->branch.request->msg->method != SIP_INVITE;
}

static bool is_better(const struct flight *flight, const struct leg *leg, const struct leg *best)
{
    if (is_late(leg) != is_late(best))
        return is_late(best);
    return rank_of_leg(flight, leg) < rank_of_leg(flight, best);
}

struct leg *proxy_choose_best(const struct flight *flight)
{
    const struct request *request = &flight->request;
    struct leg *best = NULL;

    for (unsigned i = 0; i < request->branch_count; i++) {
        struct leg *leg = leg_of(request->branches[i]);

        if (competes(leg) && (!best || is_better(flight, leg, best)))
            best = leg;
    }
    return best;
}

/* ---- the steps before ---- */

/* Those of the step before alone, or of all steps before. */
static void outdate(struct flight *flight, bool last_only)
{
    struct request *request = &flight->request;

    for (unsigned i = 0; i < request->branch_count; i++) {
        struct leg *leg = leg_of(request->branches[i]);
        unsigned step = leg->branch.step;

        if (step < request->step && (!last_only || step + 1 == request->step))
            leg->is_outdated = true;
    }
}

static bool has_news(const struct flight *flight)
{
    const struct request *request = &flight->request;

    for (unsigned i = 0; i < request->branch_count; i++)
        if (request->branches[i]->step == request->step && request->branches[i]->is_received)
            return true;
    return false;
}

void proxy_choose_outdate(struct flight *flight)
{
    struct request *request = &flight->request;
    enum older_failures rule = flight->proxy->settings.rules.older_failures;

    if (request->has_older_failures)
        rule = request->older_failures;
    request->has_older_failures = false;
    flight->older_yield = rule == OLDER_YIELD;
    if (rule == OLDER_DROPPED || rule == OLDER_LAST_DROPPED ||
        (flight->older_yield && has_news(flight)))
        outdate(flight, rule == OLDER_LAST_DROPPED);
}

void proxy_choose_note(struct leg *leg)
{
    struct flight *flight = flight_of_leg(leg);

    if (flight->older_yield && leg->branch.step == flight->request.step)
        outdate(flight, false);
}

/* ---- challenges ---- */

static enum err append_challenges(struct held *to, const struct held *from, enum sip_hdr_id id)
{
    const struct sip_hdr *hdr = NULL;
    struct str line;
    enum err err = ERR_NONE;

    while (!err && (hdr = sip_msg_find(from->msg, id, hdr))) {
        if (sip_edits_remove(&from->edits, hdr))
            continue;
        err = str_copy(&to->arena, hdr->line, &line);
        if (!err)
            err = sip_edit_append_hdr(&to->edits, to->msg, line);
    }
    return err;
}

static bool is_challenge(unsigned status)
{
    return status == 401 || status == 407;
}

enum err proxy_choose_merge_challenges(const struct flight *flight, struct leg *best)
{
    const struct request *request = &flight->request;
    enum err err = ERR_NONE;

    if (!is_challenge(best->branch.status) || !best->final ||
        flight->proxy->settings.rules.keeps_challenges_apart)
        return ERR_NONE;
    for (unsigned i = 0; i < request->branch_count && !err; i++) {
        const struct leg *leg = leg_of(request->branches[i]);

        if (leg == best || !competes(leg) || !leg->final || !is_challenge(leg->branch.status))
            continue;
        err = append_challenges(best->final, leg->final, SIP_HDR_WWW_AUTHENTICATE);
        if (!err)
            err = append_challenges(best->final, leg->final, SIP_HDR_PROXY_AUTHENTICATE);
    }
    return err;
}
