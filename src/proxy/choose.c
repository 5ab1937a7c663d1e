/* SPDX-License-Identifier: Apache-2.0 */
/* The choice among failures (RFC 3261 §16.7 steps 6 and 7). */
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

/* The lower the better: any 6xx, then the lowest class, then the lowest number; 503 at the very
 * end. */
static unsigned rank(unsigned status)
{
    unsigned rank = status * 10;

    if (status >= 600)
        return status - 600;
    if (status == 503)
        return 10000;
    if (is_helpful(status))
        rank = status / 100 * 1000 + status % 100;
    else
        rank += 100;
    return rank;
}

bool proxy_choose_prefers(unsigned a, unsigned b)
{
    return rank(a) < rank(b);
}

struct leg *proxy_choose_best(const struct flight *flight, unsigned step)
{
    const struct request *request = &flight->request;
    struct leg *best = NULL;

    for (unsigned i = 0; i < request->branch_count; i++) {
        struct leg *leg = leg_of(request->branches[i]);

        if (leg->branch.step != step || !leg->was_sent || leg->is_replica ||
            !is_final_failure(leg->branch.status))
            continue;
        if (!best || proxy_choose_prefers(leg->branch.status, best->branch.status))
            best = leg;
    }
    return best;
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

    if (!is_challenge(best->branch.status) || !best->final)
        return ERR_NONE;
    for (unsigned i = 0; i < request->branch_count && !err; i++) {
        const struct leg *leg = leg_of(request->branches[i]);

        if (leg == best || leg->branch.step != best->branch.step || !leg->final ||
            !is_challenge(leg->branch.status))
            continue;
        err = append_challenges(best->final, leg->final, SIP_HDR_WWW_AUTHENTICATE);
        if (!err)
            err = append_challenges(best->final, leg->final, SIP_HDR_PROXY_AUTHENTICATE);
    }
    return err;
}
