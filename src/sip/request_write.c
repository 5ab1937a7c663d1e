/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/line.h"
#include "sip/patches.h"

enum {
    INITIAL_HOPS = 70, /* RFC 3261 §8.1.1.6 */
};

/* Request-Line = Method SP Request-URI SP SIP-Version CRLF */
static void write_request_line(struct writer *w, struct str method, struct str ruri)
{
    write_str(w, method);
    write_char(w, ' ');
    write_str(w, ruri);
    write_str(w, STR(" SIP/2.0\r\n"));
}

static const char *line_end(const struct sip_hdr *hdr)
{
    return hdr->line.ptr + hdr->line.len;
}

/* Behind the first run of Via lines, but never behind a received Record-Route. */
static const char *place_behind_vias(const struct sip_msg *msg)
{
    const struct sip_hdr *last = sip_msg_find(msg, SIP_HDR_VIA, NULL);
    const struct sip_hdr *routed = sip_msg_find(msg, SIP_HDR_RECORD_ROUTE, NULL);
    const struct sip_hdr *next;

    if (!last)
        return sip_msg_head_end(msg);
    while ((next = sip_msg_find(msg, SIP_HDR_VIA, last)) && next == last + 1)
        last = next;
    return routed && routed->line.ptr < line_end(last) ? routed->line.ptr : line_end(last);
}

/* Cuts a run of Route lines that follow each other; the header behind the run, or NULL. */
static const struct sip_hdr *cut_route_run(struct sip_patches *patches, const struct sip_msg *msg,
                                           const struct sip_hdr *first)
{
    const struct sip_hdr *last = first;
    const struct sip_hdr *next;

    while ((next = sip_msg_find(msg, SIP_HDR_ROUTE, last)) && next == last + 1)
        last = next;
    sip_patch(patches, first->line.ptr, (size_t)(line_end(last) - first->line.ptr),
              (struct str){ 0 });
    return next;
}

static void replace_routes(struct sip_patches *patches, const struct sip_msg *msg,
                           struct str routes)
{
    const struct sip_hdr *hdr = sip_msg_find(msg, SIP_HDR_ROUTE, NULL);

    sip_patch(patches, hdr ? hdr->line.ptr : place_behind_vias(msg), 0, routes);
    while (hdr)
        hdr = cut_route_run(patches, msg, hdr);
}

/* Replaces the value of a header, or adds one behind the Vias. */
static void set_value(struct sip_patches *patches, const struct sip_msg *msg,
                      const struct sip_hdr *hdr, struct str name, struct str value)
{
    const char *place;

    if (hdr) {
        sip_patch(patches, hdr->value.ptr, hdr->value.len, value);
        return;
    }
    place = place_behind_vias(msg);
    sip_patch(patches, place, 0, name);
    sip_patch(patches, place, 0, value);
    sip_patch(patches, place, 0, STR("\r\n"));
}

/* One that a script has removed is added anew. */
static const struct sip_hdr *find_kept(const struct sip_msg *msg, const struct sip_outgoing *out,
                                       enum sip_hdr_id id)
{
    const struct sip_hdr *hdr = sip_msg_find(msg, id, NULL);

    return hdr && sip_hdr_is_removed(out->edits, hdr) ? NULL : hdr;
}

static void set_max_forwards(struct sip_patches *patches, const struct sip_msg *msg,
                             const struct sip_outgoing *out)
{
    const struct sip_hdr *hdr = find_kept(msg, out, SIP_HDR_MAX_FORWARDS);
    struct writer w = writer_over(patches->hops, sizeof patches->hops);

    if (hdr && out->max_forwards < 0)
        return;
    write_uint(&w, out->max_forwards < 0 ? INITIAL_HOPS : (uint64_t)out->max_forwards);
    set_value(patches, msg, hdr, STR("Max-Forwards: "), writer_text(&w));
}

static void set_max_breadth(struct sip_patches *patches, const struct sip_msg *msg,
                            const struct sip_outgoing *out)
{
    struct writer w = writer_over(patches->breadth, sizeof patches->breadth);

    if (!out->max_breadth)
        return;
    write_uint(&w, out->max_breadth);
    set_value(patches, msg, find_kept(msg, out, SIP_HDR_MAX_BREADTH), STR("Max-Breadth: "),
              writer_text(&w));
}

/* Scripts and other users may have had a hand in these texts. */
static bool is_sound(const struct sip_outgoing *out)
{
    return !str_has_line_break(out->ruri) && !str_find_char(out->ruri, ' ') &&
           sip_are_header_lines(out->via) && sip_are_header_lines(out->record_routes) &&
           sip_are_header_lines(out->routes);
}

enum err sip_request_write(struct writer *w, const struct sip_msg *msg,
                           const struct sip_outgoing *out)
{
    struct sip_patches patches;

    if (!is_sound(out))
        return ERR_SYNTAX;
    sip_patches_init(&patches);
    if (out->received_via.len > 0)
        sip_patch(&patches, msg->via.text.ptr, msg->via.text.len, out->received_via);
    if (out->record_routes.len > 0)
        sip_patch(&patches, place_behind_vias(msg), 0, out->record_routes);
    if (out->replaces_routes)
        replace_routes(&patches, msg, out->routes);
    set_max_forwards(&patches, msg, out);
    set_max_breadth(&patches, msg, out);
    sip_patch_content_length(&patches, msg, out->edits);
    write_request_line(w, msg->method_name, out->ruri.len > 0 ? out->ruri : msg->ruri);
    write_str(w, out->via);
    return sip_write_rest(w, msg, &patches, out->edits);
}

enum err sip_request_rewrite(struct writer *w, const struct sip_msg *msg,
                             const struct sip_outgoing *out)
{
    struct sip_patches patches;

    if (!is_sound(out))
        return ERR_SYNTAX;
    sip_patches_init(&patches);
    if (out->replaces_routes)
        replace_routes(&patches, msg, out->routes);
    if (out->max_forwards >= 0)
        set_max_forwards(&patches, msg, out);
    sip_patch_content_length(&patches, msg, out->edits);
    write_request_line(w, msg->method_name, out->ruri.len > 0 ? out->ruri : msg->ruri);
    return sip_write_rest(w, msg, &patches, out->edits);
}

/* Top Via, Routes, Max-Forwards, From, To, Call-ID: what CANCEL and ACK take from the request. */
static void write_copied_head(struct writer *w, const struct sip_msg *sent, enum sip_method method,
                              struct str to)
{
    const struct sip_hdr *hdr = NULL;
    struct str name = sip_method_name(method);

    write_request_line(w, name, sent->ruri);
    sip_write_line(w, STR("Via"), sent->via.text);
    while ((hdr = sip_msg_find(sent, SIP_HDR_ROUTE, hdr)))
        sip_write_line(w, STR("Route"), hdr->value);
    write_str(w, STR("Max-Forwards: 70\r\n"));
    sip_write_line(w, STR("From"), sip_msg_value(sent, SIP_HDR_FROM));
    sip_write_line(w, STR("To"), to);
    sip_write_line(w, STR("Call-ID"), sent->call_id);
    write_str(w, STR("CSeq: "));
    write_uint(w, sent->cseq);
    write_char(w, ' ');
    write_str(w, name);
    write_str(w, STR("\r\n"));
}

static enum err end_without_body(struct writer *w)
{
    struct str text;

    write_str(w, STR("Content-Length: 0\r\n\r\n"));
    return writer_finish(w, &text);
}

enum err sip_cancel_write(struct writer *w, const struct sip_msg *sent, struct str reason_hdr)
{
    if (!sip_are_header_lines(reason_hdr))
        return ERR_SYNTAX;
    write_copied_head(w, sent, SIP_CANCEL, sip_msg_value(sent, SIP_HDR_TO));
    write_str(w, reason_hdr);
    return end_without_body(w);
}

enum err sip_ack_write(struct writer *w, const struct sip_msg *sent, const struct sip_msg *response)
{
    write_copied_head(w, sent, SIP_ACK, sip_msg_value(response, SIP_HDR_TO));
    return end_without_body(w);
}
