/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message that is accepted can be written, and what was written is read back: framed in one
 * piece, in the canonical form, with the headers that were expected. Scripts' edits included.
 */
#include "fuzz.h"

#include <culvert/edit.h>

static char buffer[1 << 18];

static struct sip_msg *read_back(struct arena *arena, struct str text)
{
    struct sip_limits limits = *sip_limits_default();
    struct sip_fault fault;
    struct sip_msg *msg;
    size_t scanned = 0;
    size_t length;

    limits.headers += 4;
    limits.vias += 1;
    limits.routes += 1;
    limits.value_bytes += 64;
    limits.message_bytes = sizeof buffer;
    must(sip_stream_frame(text, &limits, &scanned, &length) == SIP_FRAME_MESSAGE);
    must(length == text.len);
    must(!sip_msg_parse(arena, text, true, &limits, &msg, &fault));
    must(msg->is_canonical && msg->bytes.len == text.len);
    return msg;
}

static void check_request(const struct sip_msg *msg)
{
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_outgoing out = {
        .ruri = STR("sip:new@example.com"),
        .via = STR("Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKnew\r\n"),
        .record_routes = STR("Record-Route: <sip:203.0.113.1;lr>\r\n"),
        .max_forwards = 5,
    };
    bool lacks_length = !sip_msg_find(msg, SIP_HDR_CONTENT_LENGTH, NULL);
    const struct sip_msg *sent;

    must(!sip_request_write(&w, msg, &out));
    sent = read_back(msg->arena, writer_text(&w));
    must(sent->hdr_count == msg->hdr_count + 2 + !msg->has_max_forwards + lacks_length);
    must(sent->max_forwards == 5 && str_eq(sent->via.branch, STR("z9hG4bKnew")));
    must(str_eq(sent->body, msg->body));
    must(str_eq(sip_msg_value(sent, SIP_HDR_RECORD_ROUTE), STR("<sip:203.0.113.1;lr>")));
    w = writer_over(buffer, sizeof buffer);
    must(!sip_cancel_write(&w, sent, (struct str){ 0 }));
    read_back(msg->arena, writer_text(&w));
}

/* Every second header removed, every value behind it replaced, a header and a body added. */
static void check_edits(const struct sip_msg *msg)
{
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_edits request = { 0 };
    struct sip_edits branch = { 0 };
    struct sip_outgoing out = { .max_forwards = -1, .edits = { &request, &branch } };
    unsigned left = 0;

    for (unsigned i = 0; i < msg->hdr_count; i++) {
        const struct sip_hdr *hdr = &msg->hdrs[i];
        bool is_needed = hdr->id <= SIP_HDR_CSEQ;

        left += is_needed || i % 2 == 1;
        if (!is_needed && i % 2 == 0)
            must(!sip_edit_remove_hdr(i % 4 ? &request : &branch, msg, hdr));
        else if (hdr->id == SIP_HDR_OTHER && hdr->value.len > 0)
            must(!sip_edit_replace(&request, msg, hdr->value, STR("replaced")));
    }
    must(!sip_edit_append_hdr(&branch, msg, STR("X-Added: yes\r\n")));
    must(!sip_edit_set_body(&request, msg, STR("new body")));
    must(!sip_request_write(&w, msg, &out));
    msg = read_back(msg->arena, writer_text(&w));
    must(str_eq(msg->body, STR("new body")) && msg->hdr_count >= left + 1);
    must(sip_msg_find_name(msg, STR("x-added"), NULL));
}

static void check_reply(const struct sip_msg *msg)
{
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_reply reply = { .status = 200, .to_tag = STR("tag") };
    const struct sip_msg *response;

    must(!sip_reply_write(&w, msg, &reply));
    response = read_back(msg->arena, writer_text(&w));
    must(response->status == 200 && response->cseq == msg->cseq && response->to_tag.len > 0);
}

/* The reply to what was refused must at least be sound. */
static void check_refusal(const struct sip_msg *msg, const struct sip_fault *fault)
{
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_reply reply = { .status = fault->status };
    size_t scanned = 0;
    size_t length;

    must(!sip_reply_write(&w, msg, &reply));
    must(sip_stream_frame(writer_text(&w),
                          &(struct sip_limits){ .message_bytes = sizeof buffer, .uri_bytes = 1024 },
                          &scanned, &length) == SIP_FRAME_MESSAGE);
    must(length == writer_text(&w).len);
}

static void check_response(const struct sip_msg *msg)
{
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_values vias = sip_values_of(msg, SIP_HDR_VIA);

    must(sip_values_next(&vias));
    must(!sip_response_forward(&w, msg, msg->status, (struct str){ 0 }, NULL));
    if (sip_values_next(&vias) && !sip_via_parse(vias.value, &(struct sip_via){ 0 }))
        read_back(msg->arena, writer_text(&w));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str text = { (const char *)bytes, size };
    struct sip_fault fault;
    struct sip_msg *msg;
    struct arena arena;
    enum err err;

    arena_init(&arena, NULL, 1 << 24);
    err = sip_msg_parse(&arena, text, false, sip_limits_default(), &msg, &fault);
    if (!err)
        must(str_eq(sip_peek_call_id(text), msg->call_id));
    if (err && msg)
        check_refusal(msg, &fault);
    if (!err && !msg->is_request)
        check_response(msg);
    if (!err && msg->is_request) {
        check_request(msg);
        check_edits(msg);
        check_reply(msg);
    }
    arena_fini(&arena);
    return 0;
}
