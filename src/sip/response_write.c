/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/line.h"
#include "sip/patches.h"

/* Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF */
static void write_status_line(struct writer *w, unsigned status, struct str reason)
{
    write_str(w, STR("SIP/2.0 "));
    write_uint(w, status);
    write_char(w, ' ');
    write_str(w, reason.len > 0 ? reason : sip_reason_phrase(status));
    write_str(w, STR("\r\n"));
}

/* Cuts the topmost via-parm: the whole line, or when others share it up to the next of them. */
static void cut_top_via(struct sip_patches *patches, const struct sip_msg *msg)
{
    const struct sip_hdr *hdr = sip_msg_find(msg, SIP_HDR_VIA, NULL);
    struct str rest = msg->via_rest;
    struct str next;

    if (!hdr)
        return;
    if (sip_list_next(&rest, &next))
        sip_patch(patches, hdr->value.ptr, (size_t)(next.ptr - hdr->value.ptr), (struct str){ 0 });
    else
        sip_patch(patches, hdr->line.ptr, hdr->line.len, (struct str){ 0 });
}

enum err sip_response_forward(struct writer *w, const struct sip_msg *msg, unsigned status,
                              struct str reason, const struct sip_edits *edits)
{
    const struct sip_edits *lists[2] = { edits, NULL };
    struct sip_patches patches;

    if (str_has_line_break(reason))
        return ERR_SYNTAX;
    sip_patches_init(&patches);
    if (reason.len == 0 && status == msg->status)
        reason = msg->reason;
    cut_top_via(&patches, msg);
    sip_patch_content_length(&patches, msg, lists);
    write_status_line(w, status, reason);
    return sip_write_rest(w, msg, &patches, lists);
}

enum err sip_response_rewrite(struct writer *w, const struct sip_msg *msg,
                              const struct sip_edits *edits)
{
    const struct sip_edits *lists[2] = { edits, NULL };
    struct sip_patches patches;

    if (str_has_line_break(msg->reason))
        return ERR_SYNTAX;
    sip_patches_init(&patches);
    sip_patch_content_length(&patches, msg, lists);
    write_status_line(w, msg->status, msg->reason);
    return sip_write_rest(w, msg, &patches, lists);
}

/* Via lines as received, but for the topmost via-parm. */
static void write_vias(struct writer *w, const struct sip_msg *request, struct str received_via)
{
    const struct sip_hdr *hdr = sip_msg_find(request, SIP_HDR_VIA, NULL);
    struct str rest = request->via_rest;
    struct str next;

    write_str(w, STR("Via: "));
    sip_write_value(w, received_via.len > 0 ? received_via : request->via.text);
    while (sip_list_next(&rest, &next)) {
        write_str(w, STR(", "));
        sip_write_value(w, next);
    }
    write_str(w, STR("\r\n"));
    while ((hdr = sip_msg_find(request, SIP_HDR_VIA, hdr)))
        sip_write_line(w, STR("Via"), hdr->value);
}

/* RFC 3261 §12.1.1: in what may make a dialog. */
static void write_record_routes(struct writer *w, const struct sip_msg *request, unsigned status)
{
    const struct sip_hdr *hdr = NULL;

    if (status == 100 || status >= 300)
        return;
    while ((hdr = sip_msg_find(request, SIP_HDR_RECORD_ROUTE, hdr)))
        sip_write_line(w, STR("Record-Route"), hdr->value);
}

static bool is_tag(struct str name)
{
    return str_ieq(name, STR("tag"));
}

/* The value without its empty tag, if it has one: a second tag would not do. */
static void write_untagged(struct writer *w, struct str value, struct str params)
{
    struct sip_param tag;

    if (sip_param_find(params, STR("tag"), &tag))
        sip_write_without(w, value, params, is_tag);
    else
        sip_write_value(w, value);
}

static void write_to(struct writer *w, const struct sip_msg *request, const struct sip_reply *reply)
{
    struct str value = sip_msg_value(request, SIP_HDR_TO);

    if (request->to_tag.len > 0 || reply->to_tag.len == 0 || reply->status == 100) {
        sip_write_line(w, STR("To"), value);
        return;
    }
    write_str(w, STR("To: "));
    write_untagged(w, value, request->to.params);
    write_str(w, STR(";tag="));
    write_str(w, reply->to_tag);
    write_str(w, STR("\r\n"));
}

/* RFC 3261 §8.2.6.1: a 100 returns the Timestamp. */
static void write_timestamp(struct writer *w, const struct sip_msg *request, unsigned status)
{
    const struct sip_hdr *hdr = NULL;

    if (status == 100)
        hdr = sip_msg_find_name(request, STR("Timestamp"), NULL);
    if (hdr)
        sip_write_line(w, STR("Timestamp"), hdr->value);
}

/* Scripts may have had a hand in these texts. */
static bool is_sound(const struct sip_reply *reply)
{
    return !str_has_line_break(reply->reason) && !str_has_line_break(reply->to_tag) &&
           sip_are_header_lines(reply->headers);
}

enum err sip_reply_write(struct writer *w, const struct sip_msg *request,
                         const struct sip_reply *reply)
{
    struct str text;

    if (!is_sound(reply))
        return ERR_SYNTAX;
    write_status_line(w, reply->status, reply->reason);
    write_vias(w, request, reply->received_via);
    write_record_routes(w, request, reply->status);
    sip_write_line(w, STR("From"), sip_msg_value(request, SIP_HDR_FROM));
    write_to(w, request, reply);
    sip_write_line(w, STR("Call-ID"), request->call_id);
    sip_write_line(w, STR("CSeq"), sip_msg_value(request, SIP_HDR_CSEQ));
    write_timestamp(w, request, reply->status);
    write_str(w, reply->headers);
    write_str(w, STR("Content-Length: "));
    write_uint(w, reply->body.len);
    write_str(w, STR("\r\n\r\n"));
    write_str(w, reply->body);
    return writer_finish(w, &text);
}
