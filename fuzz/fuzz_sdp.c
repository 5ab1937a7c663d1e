/* SPDX-License-Identifier: Apache-2.0 */
/* A description written with anchors is read back with the streams at their anchors. */
#include "fuzz.h"

#include <culvert/sdp.h>

static void choose_anchors(const struct sdp *sdp, struct sdp_anchor anchors[SDP_STREAMS_MAX])
{
    for (unsigned i = 0; i < sdp->stream_count; i++) {
        anchors[i] = (struct sdp_anchor){
            .is_relayed = sdp->streams[i].is_relayable,
            .address = { .ip = { 203, 0, 113, 1 },
                         .port = (uint16_t)(30000 + 2 * i),
                         .family = ADDR_IPV4 },
        };
        anchors[i].rtcp_port = (uint16_t)(anchors[i].address.port + !sdp->streams[i].has_rtcp_mux);
    }
}

static void check_stream(const struct sdp_stream *before, const struct sdp_stream *after,
                         const struct sdp_anchor *anchor)
{
    bool is_null = before->address.family && addr_is_unspecified(&before->address);

    must(str_eq(before->media, after->media) && str_eq(before->proto, after->proto));
    if (!anchor->is_relayed) {
        must(before->port == after->port);
        must(before->port == 0 || addr_same_ip(&before->address, &after->address));
        return;
    }
    must(after->port == (before->port ? anchor->address.port : 0));
    must(is_null || before->port == 0 || addr_same_ip(&after->address, &anchor->address));
    must(!after->has_remote_candidates);
}

static void check_fix(struct str text, struct writer w)
{
    struct sdp_fix fix = { .replace_connections = true,
                           .add_old_address = true,
                           .address = { .ip = { 203, 0, 113, 1 }, .family = ADDR_IPV4 } };

    (void)!sdp_write_fixed(&w, text, &fix);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char buffer[1 << 18];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str text = { (const char *)bytes, size };
    struct sdp_anchor anchors[SDP_STREAMS_MAX];
    struct sdp before;
    struct sdp after;

    check_fix(text, w);
    if (size > 1 << 16 || sdp_parse(text, &before))
        return 0;
    choose_anchors(&before, anchors);
    must(!sdp_write_anchored(&w, &before, anchors,
                             &(struct sdp_writing){ .replaces_origin = true }));
    must(!sdp_parse(writer_text(&w), &after) && after.stream_count == before.stream_count);
    for (unsigned i = 0; i < before.stream_count; i++)
        check_stream(&before.streams[i], &after.streams[i], &anchors[i]);
    return 0;
}
