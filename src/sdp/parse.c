/* SPDX-License-Identifier: Apache-2.0 */
#include "sdp/lines.h"

#include <culvert/cursor.h>

/* Everything but the blank that separates the words of a line. */
static struct str take_word(struct cursor *c)
{
    struct str word = cursor_take_until(c, ' ');

    if (word.len == 0)
        cursor_fail(c);
    cursor_skip_lws(c);
    return word;
}

/* RTP/AVP, UDP/TLS/RTP/SAVPF, udptl…: what travels over UDP. */
static bool is_relayable(struct str proto)
{
    return str_istarts(proto, STR("RTP/")) || str_istarts(proto, STR("UDP/")) ||
           str_ieq(proto, STR("udp")) || str_ieq(proto, STR("udptl"));
}

/* media-field = "m=" media SP port ["/" integer] SP proto 1*(SP fmt); the formats may be missing.
 */
static enum err parse_media(struct str value, struct sdp_stream *stream)
{
    struct cursor c = cursor_over(value);

    stream->media = take_word(&c);
    stream->port_text.ptr = c.at;
    stream->port = (uint16_t)cursor_take_uint(&c, UINT16_MAX);
    stream->port_text = str_between(stream->port_text.ptr, c.at);
    if (cursor_skip(&c, '/'))
        cursor_take(&c, class_digit);
    cursor_expect(&c, ' ');
    cursor_skip_lws(&c);
    stream->proto = take_word(&c);
    stream->is_relayable = is_relayable(stream->proto);
    return c.fault ? ERR_SYNTAX : ERR_NONE;
}

/* rtcp-attribute = "a=rtcp:" port [SP nettype SP addrtype SP address] (RFC 3605) */
static void parse_rtcp(struct sdp_stream *stream, const struct sdp_line *line, struct str value)
{
    struct cursor c = cursor_over(value);
    uint16_t port = (uint16_t)cursor_take_uint(&c, UINT16_MAX);
    struct sdp_place place;

    stream->rtcp_line = line->text;
    if (c.fault)
        return;
    stream->rtcp_port = port;
    if (sdp_place_parse(cursor_rest(&c), &place))
        stream->rtcp_address = place.parsed;
}

static const struct str directions[] = {
    [SDP_SENDRECV] = STR_INIT("sendrecv"),
    [SDP_SENDONLY] = STR_INIT("sendonly"),
    [SDP_RECVONLY] = STR_INIT("recvonly"),
    [SDP_INACTIVE] = STR_INIT("inactive"),
};

static void parse_direction(const struct sdp_line *line, uint8_t *direction)
{
    struct str value;

    for (uint8_t i = 0; i < sizeof directions / sizeof *directions; i++)
        if (sdp_line_is_attribute(line, directions[i], &value))
            *direction = i;
}

/* What is collected on the way. */
struct session {
    struct sdp *sdp;
    const struct sdp_limits *limits;
    uint8_t direction;               /* of the lines before the first m= */
    unsigned attributes, candidates; /* of the section that is being read */
};

static void parse_session_line(struct session *session, const struct sdp_line *line)
{
    struct sdp *sdp = session->sdp;
    struct sdp_place place;

    parse_direction(line, &session->direction);
    if ((line->type != 'o' && line->type != 'c') || !sdp_place_parse(line->value, &place))
        return;
    if (line->type == 'o') {
        sdp->origin_address = place.address;
        return;
    }
    sdp->session_connection = place.address;
    sdp->session_network = place.network;
    sdp->session_address = place.parsed;
}

static void parse_stream_line(struct sdp_stream *stream, const struct sdp_line *line)
{
    struct sdp_place place;
    struct str value;

    if (line->type == 'c' && sdp_place_parse(line->value, &place)) {
        stream->connection = place.address;
        stream->address = place.parsed;
    }
    if (line->type != 'a')
        return;
    parse_direction(line, &stream->direction);
    if (sdp_line_is_attribute(line, STR("rtcp"), &value))
        parse_rtcp(stream, line, value);
    if (sdp_line_is_attribute(line, STR("rtcp-mux"), &value))
        stream->has_rtcp_mux = true;
    if (sdp_line_is_attribute(line, STR("remote-candidates"), &value))
        stream->has_remote_candidates = true;
}

static enum err open_stream(struct session *session, const struct sdp_line *line)
{
    struct sdp *sdp = session->sdp;
    struct sdp_stream *stream;

    if (sdp->stream_count == SDP_STREAMS_MAX || sdp->stream_count >= session->limits->streams)
        return ERR_LIMIT;
    session->attributes = session->candidates = 0;
    stream = &sdp->streams[sdp->stream_count++];
    *stream = (struct sdp_stream){ .direction = session->direction };
    stream->section = (struct str){ line->text.ptr, 0 };
    return parse_media(line->value, stream);
}

/* What a stream does not say is the session's, or follows from the rest. */
static void complete_stream(const struct sdp *sdp, struct sdp_stream *stream)
{
    if (stream->connection.len == 0)
        stream->address = sdp->session_address;
    if (stream->rtcp_port == 0 && stream->port > 0)
        stream->rtcp_port = (uint16_t)(stream->port + 1);
    if (stream->rtcp_address.family == ADDR_NONE)
        stream->rtcp_address = stream->address;
}

static bool is_within_limits(struct session *session, const struct sdp_line *line)
{
    struct str value;

    if (line->type != 'a')
        return true;
    if (sdp_line_is_attribute(line, STR("candidate"), &value))
        return ++session->candidates <= session->limits->candidates;
    return ++session->attributes <= session->limits->attributes;
}

static enum err parse_lines(struct session *session, struct str rest)
{
    struct sdp *sdp = session->sdp;
    struct sdp_stream *stream = NULL;
    struct sdp_line line;
    enum err err;

    while (sdp_line_next(&rest, &line)) {
        if (!is_within_limits(session, &line))
            return ERR_LIMIT;
        if (line.type == 'm') {
            if ((err = open_stream(session, &line)))
                return err;
            stream = &sdp->streams[sdp->stream_count - 1];
        } else if (stream) {
            parse_stream_line(stream, &line);
        } else {
            parse_session_line(session, &line);
        }
        if (stream)
            stream->section.len += line.text.len;
    }
    return ERR_NONE;
}

const struct sdp_limits *sdp_limits_default(void)
{
    static const struct sdp_limits limits = {
        .bytes = 16384, .streams = SDP_STREAMS_MAX, .attributes = 256, .candidates = 64
    };

    return &limits;
}

enum err sdp_parse(struct str text, struct sdp *out)
{
    return sdp_parse_within(text, sdp_limits_default(), out);
}

enum err sdp_parse_within(struct str text, const struct sdp_limits *limits, struct sdp *out)
{
    struct session session = { .sdp = out, .limits = limits, .direction = SDP_SENDRECV };
    enum err err;

    /* The streams are cleared one by one as they come: clearing all costs more than parsing. */
    memset(out, 0, offsetof(struct sdp, streams));
    out->stream_count = 0;
    out->text = text;
    if (text.len > limits->bytes)
        return ERR_LIMIT;
    if (!str_starts(text, STR("v=")))
        return ERR_SYNTAX;
    err = parse_lines(&session, text);
    if (err)
        return err;
    for (unsigned i = 0; i < out->stream_count; i++)
        complete_stream(out, &out->streams[i]);
    return ERR_NONE;
}

bool sdp_stream_is_held(const struct sdp_stream *stream)
{
    return stream->direction == SDP_SENDONLY || stream->direction == SDP_INACTIVE ||
           (stream->address.family != ADDR_NONE && addr_is_unspecified(&stream->address));
}
