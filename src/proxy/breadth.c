/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Max-Breadth (RFC 5393 §5.3): how many branches of a request may be in progress at once, here and
 * at everybody it is forwarded to. Together with the loop check it keeps a circle of bindings from
 * growing without end: each branch can only pass on a share of what came in.
 */
#include "proxy/flight.h"

enum {
    BREADTH_MAX = 60, /* §5.3.3.1: of a request that says nothing; more than that nobody gets */
    BREADTH_REPLICA = 1,
    KEPT_BACK = 8, /* one in so many, for branches that the script adds later */
};

/* Within a dialog nothing forks, so there only what was received is counted. */
static bool is_counted(const struct sip_msg *msg)
{
    return !msg->to_tag.len || sip_msg_find(msg, SIP_HDR_MAX_BREADTH, NULL);
}

/* What cannot be read is as good as nothing said. */
static unsigned received(const struct sip_msg *msg)
{
    uint64_t breadth;

    if (str_to_uint(str_trim(sip_msg_value(msg, SIP_HDR_MAX_BREADTH)), 0, UINT32_MAX, &breadth))
        return BREADTH_MAX;
    return breadth < BREADTH_MAX ? (unsigned)breadth : BREADTH_MAX;
}

/* Of legs that still run; those that are over have given theirs back. */
static unsigned in_use(const struct request *request, unsigned first)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < first; i++) {
        const struct leg *leg = leg_of(request->branches[i]);

        if (leg->branch.state != BRANCH_DONE && !leg->is_replica)
            sum += leg->breadth;
    }
    return sum;
}

unsigned proxy_breadth_share(struct flight *flight, unsigned first)
{
    struct request *request = &flight->request;
    unsigned count = request->branch_count - first, used = in_use(request, first), left;

    if (!is_counted(request->msg) || count == 0)
        return 0;
    left = received(request->msg);
    left = left > used ? left - used : 0;
    if (left < count && !flight->options.is_replica)
        return 440;
    if (left > KEPT_BACK * count)
        left -= left / KEPT_BACK;
    for (unsigned i = 0; i < count; i++) {
        struct leg *leg = leg_of(request->branches[first + i]);

        leg->breadth = leg->is_replica ? BREADTH_REPLICA : left / count + (i < left % count);
    }
    return 0;
}
