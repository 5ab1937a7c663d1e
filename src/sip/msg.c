/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/index.h"

enum {
    FIRST_ROWS = 48, /* enough for nearly every message */
};

#define BIT(id) (UINT64_C(1) << SIP_HDR_##id)

const struct sip_limits *sip_limits_default(void)
{
    static const struct sip_limits limits = {
        .headers = 256,
        .vias = 64,
        .routes = 32,
        .contacts = 16,
        .params = 64,
        .name_bytes = 128,
        .value_bytes = 8192,
        .uri_bytes = 1024,
        .message_bytes = 65536,
    };

    return &limits;
}

/* CRLFs in front of the start line are skipped (RFC 3261 §7.5). */
static struct str skip_line_ends(struct str bytes)
{
    while (bytes.len > 0 && (bytes.ptr[0] == '\r' || bytes.ptr[0] == '\n'))
        bytes = str_skip(bytes, 1);
    return bytes;
}

static void check_required(struct sip_index *index)
{
    static const struct {
        uint64_t bit;
        const char *what;
    } required[] = {
        { BIT(VIA), "Via is missing" },   { BIT(FROM), "From is missing" },
        { BIT(TO), "To is missing" },     { BIT(CALL_ID), "Call-ID is missing" },
        { BIT(CSEQ), "CSeq is missing" },
    };

    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        if (!(index->msg->present & required[i].bit))
            sip_index_refuse(index, ERR_SYNTAX, 400, required[i].what);
}

/* The method of CSeq is that of the request, and tells a response's (RFC 3261 §8.1.1.5). */
static void settle_method(struct sip_index *index)
{
    struct sip_msg *msg = index->msg;

    if (!msg->is_request) {
        msg->method_name = index->cseq_method;
        msg->method = sip_method_find(msg->method_name);
    } else if (!str_eq(msg->method_name, index->cseq_method)) {
        sip_index_refuse(index, ERR_SYNTAX, 400, "CSeq has another method");
    }
}

/* RFC 3261 §18.3: on datagrams the body may be shorter than the packet, never longer. */
static void settle_body(struct sip_index *index, struct str rest)
{
    if (index->has_length && index->content_length > rest.len)
        sip_index_refuse(index, ERR_SYNTAX, 400, "Content-Length is larger than the body");
    else if (index->has_length)
        rest.len = (size_t)index->content_length;
    else if (index->is_stream)
        sip_index_refuse(index, ERR_SYNTAX, 400, "Content-Length is missing");
    index->msg->body = rest;
}

/* Moves the header table into the arena, unless growing has done so. */
static bool settle_rows(struct sip_index *index, const struct sip_hdr *first_rows)
{
    struct sip_msg *msg = index->msg;
    size_t size = sizeof *first_rows * index->rows.count;

    msg->hdr_count = index->rows.count;
    msg->hdrs = index->rows.rows;
    if (index->rows.rows != first_rows)
        return true;
    msg->hdrs = arena_alloc(msg->arena, size);
    if (msg->hdrs && size > 0)
        memcpy(msg->hdrs, first_rows, size);
    return msg->hdrs;
}

/* Fills the message from msg->bytes. False when not even its first line could be read. */
static bool index_message(struct sip_index *index)
{
    struct sip_msg *msg = index->msg;
    const char *end = msg->bytes.ptr + msg->bytes.len;
    struct sip_line line;
    const char *head_end;

    if (!sip_line_take(msg->bytes.ptr, end, &line) || !sip_index_first_line(index, &line)) {
        sip_index_refuse(index, ERR_SYNTAX, 400, "Start line malformed");
        return false;
    }
    if (line.has_bare_lf && index->is_stream)
        sip_index_refuse(index, ERR_SYNTAX, 400, "Line end without CR");
    head_end = sip_index_headers(index, line.end, end);
    msg->head = str_between(msg->bytes.ptr, head_end);
    check_required(index);
    settle_method(index);
    settle_body(index, str_between(head_end, end));
    msg->bytes.len = msg->head.len + msg->body.len;
    return true;
}

/* Can a response be made? Via was readable, and what else it copies is there. */
static bool is_answerable(const struct sip_index *index)
{
    const uint64_t copied = BIT(FROM) | BIT(TO) | BIT(CALL_ID) | BIT(CSEQ);

    return index->msg->is_request && index->has_via && (index->msg->present & copied) == copied;
}

static enum err out_of_memory(struct sip_fault *fault)
{
    *fault = (struct sip_fault){ "Out of memory", 503 };
    return ERR_NOMEM;
}

enum err sip_msg_parse_in_place(struct arena *arena, struct str bytes, bool is_stream,
                                const struct sip_limits *limits, struct sip_msg **out,
                                struct sip_fault *fault)
{
    struct sip_hdr first_rows[FIRST_ROWS];
    struct sip_index index = {
        .msg = arena_zalloc(arena, sizeof *index.msg),
        .limits = limits,
        .rows = { first_rows, 0, FIRST_ROWS },
        .is_stream = is_stream,
    };
    bool is_readable;

    *out = NULL;
    if (!index.msg)
        return out_of_memory(fault);
    index.msg->arena = arena;
    index.msg->bytes = bytes;
    index.msg->is_canonical = true;
    is_readable = index_message(&index);
    if (!settle_rows(&index, first_rows))
        return out_of_memory(fault);
    *fault = index.fault;
    if (!index.err || (is_readable && index.err != ERR_NOMEM && is_answerable(&index)))
        *out = index.msg;
    return index.err;
}

enum err sip_msg_parse(struct arena *arena, struct str bytes, bool is_stream,
                       const struct sip_limits *limits, struct sip_msg **out,
                       struct sip_fault *fault)
{
    struct str copy;

    *out = NULL;
    if (bytes.len > limits->message_bytes) {
        *fault = (struct sip_fault){ "Message too large", 513 };
        return ERR_LIMIT;
    }
    bytes = skip_line_ends(bytes);
    if (bytes.len == 0) {
        *fault = (struct sip_fault){ "Empty message", 400 };
        return ERR_SYNTAX;
    }
    if (str_copy(arena, bytes, &copy))
        return out_of_memory(fault);
    return sip_msg_parse_in_place(arena, copy, is_stream, limits, out, fault);
}

struct str sip_peek_call_id(struct str bytes)
{
    struct str rest = skip_line_ends(bytes);
    const char *end = rest.len ? rest.ptr + rest.len : rest.ptr;
    struct sip_line line = { .end = rest.ptr };
    struct sip_hdr hdr;

    while (sip_line_take_folded(line.end, end, &line) && line.text.len > 0) {
        char first = char_lower(line.text.ptr[0]);

        if ((first == 'c' || first == 'i') && sip_line_read_header(&line, &hdr) &&
            hdr.id == SIP_HDR_CALL_ID)
            return hdr.value;
    }
    return (struct str){ 0 };
}
