/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host.h"

struct counting {
    struct media_totals *totals;
    bool has_found;
    msec silence;
};

static uint64_t lost_of(const struct relay_leg_counters *counters)
{
    return counters->strangers + counters->invalid + counters->unsendable + counters->excess;
}

static void add_leg(struct counting *counting, const struct relay_leg_report *leg, unsigned side)
{
    struct media_totals *totals = counting->totals;

    totals->rtp[side].packets += leg->rtp.packets;
    totals->rtp[side].bytes += leg->rtp.bytes;
    totals->rtp[side].lost += lost_of(&leg->rtp);
    totals->rtcp[side].packets += leg->rtcp.packets;
    totals->rtcp[side].bytes += leg->rtcp.bytes;
    totals->rtcp[side].lost += lost_of(&leg->rtcp);
    if (leg->last_packet < counting->silence)
        counting->silence = leg->last_packet;
}

static void add_session(void *context, const struct relay_report *report)
{
    struct counting *counting = context;

    counting->has_found = true;
    if (report->age < counting->silence)
        counting->silence = report->age;
    for (unsigned i = 0; i < report->stream_count; i++)
        for (unsigned side = 0; side < 2; side++)
            add_leg(counting, &report->streams[i].legs[side], side);
}

enum err run_media_totals(const struct run *run, struct media_totals *out)
{
    struct relay *relay = run->worker->server->relay;
    struct counting counting = { .totals = out, .silence = MSEC_NEVER };

    if (!relay)
        return ERR_NOT_FOUND;
    *out = (struct media_totals){ 0 };
    relay_each_of_call(relay, run->msg->call_id, run_now(run), add_session, &counting);
    out->silence = counting.silence / 1000;
    return counting.has_found ? ERR_NONE : ERR_NOT_FOUND;
}
