/* SPDX-License-Identifier: Apache-2.0 */
#include "sdp/lines.h"

struct anchoring {
    struct writer *w;
    const struct sdp *sdp;
    const struct sdp_anchor *anchors;
    bool replaces_origin;
    const struct addr *session_address; /* the session's new address; NULL: it stays */
    bool is_any_relayed;
    struct str line_end; /* of the lines we add */
    /* In the section that is being written: */
    const struct sdp_stream *stream;  /* NULL in the session part */
    const struct sdp_anchor *anchor;  /* NULL unless the stream is relayed */
    const struct addr *added_address; /* a c= that the stream still lacks */
};

static bool is_null(const struct addr *addr)
{
    return addr->family != ADDR_NONE && addr_is_unspecified(addr);
}

/* The address that all relayed streams share; NULL when there is none. */
static const struct addr *shared_address(const struct sdp *sdp, const struct sdp_anchor *anchors)
{
    const struct addr *shared = NULL;

    for (unsigned i = 0; i < sdp->stream_count; i++) {
        if (!anchors[i].is_relayed)
            continue;
        if (shared && !addr_same_ip(shared, &anchors[i].address))
            return NULL;
        shared = &anchors[i].address;
    }
    return shared;
}

static const struct addr *first_address(const struct sdp *sdp, const struct sdp_anchor *anchors)
{
    for (unsigned i = 0; i < sdp->stream_count; i++)
        if (anchors[i].is_relayed)
            return &anchors[i].address;
    return NULL;
}

/* The session's c= follows when it fits all relayed streams and is not a hold. */
static const struct addr *choose_session_address(const struct sdp *sdp,
                                                 const struct sdp_anchor *anchors)
{
    if (sdp->session_connection.len == 0 || is_null(&sdp->session_address))
        return NULL;
    return shared_address(sdp, anchors);
}

/* The c= that a stream without one needs when it is written. */
static const struct addr *choose_added_address(const struct anchoring *a)
{
    if (a->stream->connection.len > 0)
        return NULL;
    if (!a->anchor)
        return a->session_address && a->stream->port > 0 ? &a->sdp->session_address : NULL;
    if (a->session_address || is_null(&a->stream->address))
        return NULL;
    return &a->anchor->address;
}

/* The session's old c= for a stream that keeps it, a name included. */
static void write_old_connection(const struct anchoring *a)
{
    write_str(a->w, STR("c=IN "));
    write_str(a->w, a->sdp->session_network);
    write_char(a->w, ' ');
    write_str(a->w, a->sdp->session_connection);
    write_str(a->w, a->line_end);
}

static void write_added_connection(struct anchoring *a)
{
    if (!a->added_address)
        return;
    sdp_end_line(a->w, a->line_end);
    if (a->anchor)
        sdp_write_connection(a->w, a->added_address, a->line_end);
    else
        write_old_connection(a);
    a->added_address = NULL;
}

static bool is_rtp(const struct sdp_stream *stream)
{
    return str_ifind(stream->proto, STR("RTP/")) != NULL;
}

/* a=rtcp is written when RTCP is not at the port that follows RTP's. */
static bool needs_rtcp_line(const struct anchoring *a)
{
    return a->anchor && a->stream->port > 0 && is_rtp(a->stream) && a->anchor->rtcp_port > 0 &&
           a->anchor->rtcp_port != a->anchor->address.port + 1;
}

static void write_rtcp_line(struct anchoring *a)
{
    sdp_end_line(a->w, a->line_end);
    write_str(a->w, STR("a=rtcp:"));
    write_uint(a->w, a->anchor->rtcp_port);
    write_str(a->w, a->line_end);
}

static void end_section(struct anchoring *a)
{
    if (!a->stream)
        return;
    write_added_connection(a);
    if (needs_rtcp_line(a) && a->stream->rtcp_line.len == 0)
        write_rtcp_line(a);
}

static void open_section(struct anchoring *a, unsigned i)
{
    a->stream = &a->sdp->streams[i];
    a->anchor = a->anchors[i].is_relayed ? &a->anchors[i] : NULL;
    a->added_address = choose_added_address(a);
}

static void write_media_line(const struct anchoring *a, const struct sdp_line *line)
{
    struct str port = a->stream->port_text;

    if (!a->anchor || a->stream->port == 0) {
        write_str(a->w, line->text);
        return;
    }
    write_str(a->w, str_between(line->text.ptr, port.ptr));
    write_uint(a->w, a->anchor->address.port);
    write_str(a->w, str_between(port.ptr + port.len, line->text.ptr + line->text.len));
}

/* What replaces the address in this line; NULL: nothing does. */
static const struct addr *replacement(const struct anchoring *a, const struct sdp_line *line)
{
    if (line->type == 'o' && !a->stream && a->replaces_origin)
        return a->session_address ? a->session_address : first_address(a->sdp, a->anchors);
    if (line->type != 'c')
        return NULL;
    if (!a->stream)
        return a->session_address;
    return a->anchor ? &a->anchor->address : NULL;
}

static bool is_relayed_here(const struct anchoring *a)
{
    return a->stream ? a->anchor != NULL : a->is_any_relayed;
}

/* A c= that we cannot read, some phone may: it would be a second way, around the relay. */
static void write_address_line(const struct anchoring *a, const struct sdp_line *line)
{
    const struct addr *addr = replacement(a, line);
    struct sdp_place place;

    if (line->type == 'c' && is_relayed_here(a) && !sdp_place_parse(line->value, &place))
        return;
    if (!addr || !sdp_place_parse(line->value, &place) ||
        (line->type == 'c' && is_null(&place.parsed)))
        write_str(a->w, line->text);
    else
        sdp_write_replaced(a->w, line, &place, addr);
}

/* ICE names ways around the relay, and its checks would find that the relay does not answer. */
static bool is_ice(const struct sdp_line *line)
{
    static const struct str names[] = {
        STR_INIT("candidate"), STR_INIT("remote-candidates"), STR_INIT("end-of-candidates"),
        STR_INIT("ice-ufrag"), STR_INIT("ice-pwd"),           STR_INIT("ice-options"),
        STR_INIT("ice-lite"),  STR_INIT("ice-mismatch"),      STR_INIT("ice-pacing"),
    };
    struct str value;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (sdp_line_is_attribute(line, names[i], &value))
            return true;
    return false;
}

static void write_attribute(struct anchoring *a, const struct sdp_line *line)
{
    struct str value;

    if (is_relayed_here(a) && is_ice(line))
        return;
    if (!a->anchor || !sdp_line_is_attribute(line, STR("rtcp"), &value)) {
        write_str(a->w, line->text);
        return;
    }
    if (needs_rtcp_line(a) && line->text.ptr == a->stream->rtcp_line.ptr)
        write_rtcp_line(a);
}

/* A c= stands behind m= and i= (RFC 8866 §5.14). */
static bool is_before_connection(const struct sdp_line *line)
{
    return line->type == 'm' || line->type == 'i';
}

static void write_line(struct anchoring *a, const struct sdp_line *line)
{
    if (!is_before_connection(line))
        write_added_connection(a);
    if (line->type == 'm')
        write_media_line(a, line);
    else if (line->type == 'c' || line->type == 'o')
        write_address_line(a, line);
    else
        write_attribute(a, line);
}

static void write_extra_line(const struct anchoring *a, struct str extra)
{
    if (str_is_empty(extra))
        return;
    sdp_end_line(a->w, a->line_end);
    write_str(a->w, extra);
    write_str(a->w, a->line_end);
}

enum err sdp_write_anchored(struct writer *w, const struct sdp *sdp,
                            const struct sdp_anchor anchors[], const struct sdp_writing *how)
{
    struct anchoring a = {
        .w = w,
        .sdp = sdp,
        .anchors = anchors,
        .replaces_origin = how->replaces_origin,
        .session_address = choose_session_address(sdp, anchors),
        .is_any_relayed = first_address(sdp, anchors) != NULL,
        .line_end = sdp_line_end(sdp->text),
    };
    struct str rest = sdp->text;
    struct sdp_line line;
    unsigned opened = 0;
    struct str text;

    while (sdp_line_next(&rest, &line)) {
        if (line.type == 'm') {
            end_section(&a);
            open_section(&a, opened++);
        }
        write_line(&a, &line);
    }
    end_section(&a);
    write_extra_line(&a, how->extra_line);
    return writer_finish(w, &text);
}
