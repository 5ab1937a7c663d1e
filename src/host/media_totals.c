/* SPDX-License-Identifier: Apache-2.0 */
/* What went through the relay for a call: now, and before its ports were given back. */
#include "host/host.h"

static uint64_t lost_of(const struct relay_leg_counters *counters)
{
    return counters->strangers + counters->invalid + counters->unsendable + counters->excess;
}

static void add_leg(struct media_totals *totals, const struct relay_leg_report *leg, unsigned side)
{
    totals->rtp[side].packets += leg->rtp.packets;
    totals->rtp[side].bytes += leg->rtp.bytes;
    totals->rtp[side].lost += lost_of(&leg->rtp);
    totals->rtcp[side].packets += leg->rtcp.packets;
    totals->rtcp[side].bytes += leg->rtcp.bytes;
    totals->rtcp[side].lost += lost_of(&leg->rtcp);
}

static msec silence_of(const struct relay_report *report)
{
    msec silence = report->age;

    for (unsigned i = 0; i < report->stream_count; i++)
        for (unsigned side = 0; side < 2; side++)
            if (report->streams[i].legs[side].last_packet < silence)
                silence = report->streams[i].legs[side].last_packet;
    return silence;
}

void media_add_report(struct media_totals *totals, const struct relay_report *report)
{
    for (unsigned i = 0; i < report->stream_count; i++)
        for (unsigned side = 0; side < 2; side++)
            add_leg(totals, &report->streams[i].legs[side], side);
    totals->silence = silence_of(report) / 1000;
}

void media_add_totals(struct media_totals *sum, const struct media_totals *more)
{
    for (unsigned side = 0; side < 2; side++) {
        sum->rtp[side].packets += more->rtp[side].packets;
        sum->rtp[side].bytes += more->rtp[side].bytes;
        sum->rtp[side].lost += more->rtp[side].lost;
        sum->rtcp[side].packets += more->rtcp[side].packets;
        sum->rtcp[side].bytes += more->rtcp[side].bytes;
        sum->rtcp[side].lost += more->rtcp[side].lost;
    }
    sum->silence = more->silence;
}

/* ---- those of now ---- */

struct counting {
    struct media_totals *totals;
    struct str callee_tag; /* of the one session that counts; empty: all do */
    uint64_t silence;
    bool has_found;
};

static void add_session(void *context, const struct relay_report *report)
{
    struct counting *counting = context;

    if (counting->callee_tag.len && !str_eq(counting->callee_tag, report->callee_tag))
        return;
    media_add_report(counting->totals, report);
    if (!counting->has_found || counting->totals->silence < counting->silence)
        counting->silence = counting->totals->silence;
    counting->has_found = true;
}

/* Adds to the totals; false when there is no session. */
static bool add_call(struct worker *worker, struct str call_id, struct str callee_tag,
                     struct media_totals *totals)
{
    struct counting counting = { .totals = totals, .callee_tag = callee_tag };

    if (!worker->server->relay)
        return false;
    relay_each_of_call(worker->server->relay, call_id, worker_now(worker), add_session, &counting);
    if (counting.has_found)
        totals->silence = counting.silence;
    return counting.has_found;
}

enum err run_media_totals(const struct run *run, struct media_totals *out)
{
    const struct dialog *dialog = run_dialog(run);
    struct media_totals totals = { 0 };
    bool has_found = dialog && dialog->has_media;

    if (has_found)
        totals = dialog->media;
    has_found |= add_call(run->worker, run->msg->call_id, STR(""), &totals);
    if (has_found)
        *out = totals;
    return has_found ? ERR_NONE : ERR_NOT_FOUND;
}

void media_keep_totals(struct worker *worker, struct dialog *dialog)
{
    if (dialog)
        dialog->has_media |=
            add_call(worker, dialog->call_id, dialog->parties[DIALOG_CALLEE].tag, &dialog->media);
}
