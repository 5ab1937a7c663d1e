/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/index.h"

/*
 * *scanned packs two things: what is awaited in the low bits, and how many bytes have been
 * searched, or, when the body is awaited, the size of the whole message.
 */
enum awaited {
    AWAIT_START_LINE,
    AWAIT_EMPTY_LINE,
    AWAIT_BODY,
    AWAIT_BITS = 2,
};

struct progress {
    enum awaited awaited;
    size_t size;
};

static struct progress unpack(size_t scanned)
{
    return (struct progress){ scanned & ((1u << AWAIT_BITS) - 1), scanned >> AWAIT_BITS };
}

static enum sip_frame await(size_t *scanned, enum awaited awaited, size_t size)
{
    *scanned = size << AWAIT_BITS | awaited;
    return SIP_FRAME_MORE;
}

static enum sip_frame found(size_t *scanned, enum sip_frame frame, size_t size, size_t *length)
{
    *scanned = 0;
    *length = size;
    return frame;
}

/* The bytes start with CR: a ping, a pong, the beginning of one, or nothing we know. */
static enum sip_frame frame_line_ends(struct str bytes, size_t *scanned, size_t *length)
{
    struct str ping = STR("\r\n\r\n");

    if (str_starts(bytes, ping))
        return found(scanned, SIP_FRAME_KEEPALIVE, ping.len, length);
    if (str_starts(ping, bytes))
        return SIP_FRAME_MORE;
    if (str_starts(bytes, STR("\r\n")))
        return found(scanned, SIP_FRAME_SKIP, 2, length);
    return SIP_FRAME_BROKEN;
}

/* Could these bytes be the start of "METHOD " or of "SIP/2.0 "? */
static bool may_be_start_line(struct str bytes)
{
    struct cursor c = cursor_over(bytes);
    struct str word = cursor_take(&c, class_token);

    if (c.fault)
        return false;
    if (cursor_at_end(&c) || cursor_peek(&c) == ' ')
        return true;
    return str_ieq(word, STR("SIP")) && cursor_peek(&c) == '/';
}

/* A whole start line: of a response, or one that ends in a SIP version. */
static bool is_start_line(struct str line)
{
    const char *space = line.len ? memrchr(line.ptr, ' ', line.len) : NULL;

    if (str_istarts(line, STR("SIP/")))
        return true;
    return space && str_istarts(str_between(space + 1, line.ptr + line.len), STR("SIP/"));
}

static bool read_length(struct str value, uint64_t *length)
{
    uint64_t number;

    if (str_to_uint(value, 0, INT32_MAX, &number))
        return false;
    if (*length != UINT64_MAX && *length != number)
        return false;
    *length = number;
    return true;
}

/* The value of Content-Length; false when it is missing, broken, or given twice with a difference.
 */
static bool find_length(struct str head, uint64_t *out)
{
    const char *end = head.ptr + head.len;
    uint64_t length = UINT64_MAX;
    struct sip_line line;
    struct sip_hdr hdr;

    if (!sip_line_take(head.ptr, end, &line))
        return false;
    while (sip_line_take_folded(line.end, end, &line) && line.text.len > 0) {
        char first = char_lower(line.text.ptr[0]);

        if ((first != 'c' && first != 'l') || !sip_line_read_header(&line, &hdr) ||
            hdr.id != SIP_HDR_CONTENT_LENGTH)
            continue;
        if (!read_length(hdr.value, &length))
            return false;
    }
    *out = length;
    return length != UINT64_MAX;
}

static enum sip_frame frame_body(struct str bytes, size_t size, size_t *scanned, size_t *length)
{
    if (bytes.len < size)
        return await(scanned, AWAIT_BODY, size);
    return found(scanned, SIP_FRAME_MESSAGE, size, length);
}

static enum sip_frame frame_head(struct str bytes, size_t head_size,
                                 const struct sip_limits *limits, size_t *scanned, size_t *length)
{
    uint64_t body_size;

    if (!find_length((struct str){ bytes.ptr, head_size }, &body_size))
        return SIP_FRAME_BROKEN;
    if (body_size > limits->message_bytes || head_size + body_size > limits->message_bytes)
        return SIP_FRAME_BROKEN;
    return frame_body(bytes, head_size + (size_t)body_size, scanned, length);
}

/* The LF at or behind `from`; NULL when there is none yet. *is_crlf tells whether CR is before it.
 */
static const char *find_line_feed(struct str bytes, size_t from, bool *is_crlf)
{
    const char *feed = str_find_char(str_skip(bytes, from), '\n');

    *is_crlf = feed && feed > bytes.ptr && feed[-1] == '\r';
    return feed;
}

static enum sip_frame frame_empty_line(struct str bytes, const struct sip_limits *limits,
                                       size_t from, size_t *scanned, size_t *length)
{
    bool is_crlf;
    const char *feed;

    while ((feed = find_line_feed(bytes, from, &is_crlf))) {
        size_t size = (size_t)(feed - bytes.ptr) + 1;

        if (!is_crlf)
            return SIP_FRAME_BROKEN;
        if (feed[-2] == '\n')
            return frame_head(bytes, size, limits, scanned, length);
        from = size;
    }
    if (bytes.len > limits->message_bytes)
        return SIP_FRAME_BROKEN;
    return await(scanned, AWAIT_EMPTY_LINE, bytes.len);
}

static enum sip_frame frame_start_line(struct str bytes, const struct sip_limits *limits,
                                       size_t from, size_t *scanned, size_t *length)
{
    bool is_crlf;
    const char *feed = find_line_feed(bytes, from, &is_crlf);
    size_t size = feed ? (size_t)(feed - bytes.ptr) : bytes.len;

    if (size > limits->uri_bytes + limits->name_bytes ||
        !may_be_start_line((struct str){ bytes.ptr, size }))
        return SIP_FRAME_BROKEN;
    if (!feed)
        return await(scanned, AWAIT_START_LINE, size);
    if (!is_crlf || !is_start_line(str_between(bytes.ptr, feed - 1)))
        return SIP_FRAME_BROKEN;
    return frame_empty_line(bytes, limits, size + 1, scanned, length);
}

enum sip_frame sip_stream_frame(struct str bytes, const struct sip_limits *limits, size_t *scanned,
                                size_t *length)
{
    struct progress progress = unpack(*scanned);

    if (bytes.len == 0)
        return SIP_FRAME_MORE;
    if (progress.awaited == AWAIT_BODY)
        return frame_body(bytes, progress.size, scanned, length);
    if (bytes.ptr[0] == '\r')
        return frame_line_ends(bytes, scanned, length);
    if (progress.awaited == AWAIT_START_LINE)
        return frame_start_line(bytes, limits, progress.size, scanned, length);
    return frame_empty_line(bytes, limits, progress.size, scanned, length);
}
