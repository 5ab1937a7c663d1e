/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/index.h"

#include "sip/grammar.h"

_Static_assert(SIP_HDR_IDS <= 64, "sip_msg.present has a bit for every header");

/*
 * The first fault counts. But only a message that is well-formed is refused for its version: what
 * a 505 copies must be sound, while a 400 repeats what it complains of.
 */
void sip_index_refuse(struct sip_index *index, enum err err, unsigned status, const char *what)
{
    if (index->err && index->fault.status != 505)
        return;
    index->err = err;
    index->fault = (struct sip_fault){ what, status };
}

static void refuse_syntax(struct sip_index *index, const char *what)
{
    sip_index_refuse(index, ERR_SYNTAX, 400, what);
}

/* Twice the room, now in the arena. */
static bool rows_grow(struct sip_hdr_rows *rows, struct arena *arena)
{
    size_t size = sizeof *rows->rows * rows->capacity;
    struct sip_hdr *grown = arena_alloc(arena, size * 2);

    if (!grown)
        return false;
    memcpy(grown, rows->rows, size);
    rows->rows = grown;
    rows->capacity *= 2;
    return true;
}

/* A new row at the end; NULL, and the message is refused, when there may be no more. */
static struct sip_hdr *add_row(struct sip_index *index)
{
    struct sip_hdr_rows *rows = &index->rows;

    if (rows->count == index->limits->headers) {
        sip_index_refuse(index, ERR_LIMIT, 400, "Too many header fields");
        return NULL;
    }
    if (rows->count == rows->capacity && !rows_grow(rows, index->msg->arena)) {
        sip_index_refuse(index, ERR_NOMEM, 503, "Out of memory");
        return NULL;
    }
    return &rows->rows[rows->count++];
}

/* Adds the number of values in a header to a count that has a limit. */
static void count_values(struct sip_index *index, struct str list, unsigned *count, unsigned limit)
{
    struct str value;

    if (!str_find_char(list, ',')) {
        ++*count;
    } else {
        while (sip_list_next(&list, &value))
            ++*count;
    }
    if (*count > limit)
        sip_index_refuse(index, ERR_LIMIT, 400, "Too many values of one header field");
}

/* Via = via-parm *(COMMA via-parm): the topmost is parsed, the others are counted. */
static void index_via(struct sip_index *index, struct str value)
{
    struct sip_msg *msg = index->msg;
    struct str top;

    if (index->vias == 0) {
        msg->via_rest = value;
        if (sip_list_next(&msg->via_rest, &top) && !sip_via_read(top, &msg->via))
            index->has_via = true;
        else
            refuse_syntax(index, "Via malformed");
    }
    count_values(index, value, &index->vias, index->limits->vias);
}

static void index_nameaddr(struct sip_index *index, struct str value, struct sip_nameaddr *addr,
                           struct str *tag)
{
    if (sip_nameaddr_read(value, addr, tag) || addr->is_star)
        refuse_syntax(index, "From or To malformed");
    else if (addr->uri.text.len > index->limits->uri_bytes)
        sip_index_refuse(index, ERR_LIMIT, 400, "URI too long");
}

static void index_from(struct sip_index *index, struct str value)
{
    index_nameaddr(index, value, &index->msg->from, &index->msg->from_tag);
}

static void index_to(struct sip_index *index, struct str value)
{
    index_nameaddr(index, value, &index->msg->to, &index->msg->to_tag);
}

/* callid = word [ "@" word ]; spaces are let through, since nothing hangs on them. */
static void index_call_id(struct sip_index *index, struct str value)
{
    if (value.len == 0 || str_find_char(value, '\n'))
        refuse_syntax(index, "Call-ID malformed");
    index->msg->call_id = value;
}

/* CSeq = 1*DIGIT LWS Method; the number is below 2^31 (RFC 3261 §8.1.1.5). */
static void index_cseq(struct sip_index *index, struct str value)
{
    struct cursor c = cursor_over(value);
    struct str digits = cursor_take(&c, class_digit);
    uint64_t number = 0;
    struct str method;

    if (!c.fault && str_to_uint(digits, 0, INT32_MAX, &number))
        sip_index_refuse(index, ERR_RANGE, 400, "CSeq out of range");
    cursor_skip_lws(&c);
    method = cursor_take(&c, class_token);
    if (cursor_finish(&c) || digits.ptr + digits.len == method.ptr)
        refuse_syntax(index, "CSeq malformed");
    index->msg->cseq = (uint32_t)number;
    index->cseq_method = method;
}

static void index_max_forwards(struct sip_index *index, struct str value)
{
    uint64_t number;

    if (str_to_uint(value, 0, UINT8_MAX, &number)) {
        sip_index_refuse(index, ERR_RANGE, 400, "Max-Forwards out of range");
        return;
    }
    index->msg->max_forwards = (uint8_t)number;
    index->msg->has_max_forwards = true;
}

static void index_content_length(struct sip_index *index, struct str value)
{
    if (str_to_uint(value, 0, INT32_MAX, &index->content_length))
        sip_index_refuse(index, ERR_RANGE, 400, "Content-Length out of range");
    else
        index->has_length = true;
}

static void index_route(struct sip_index *index, struct str value)
{
    count_values(index, value, &index->routes, index->limits->routes);
}

static void index_contact(struct sip_index *index, struct str value)
{
    count_values(index, value, &index->contacts, index->limits->contacts);
}

typedef void index_value_fn(struct sip_index *index, struct str value);

/* What is read from a header as soon as it is met. */
static index_value_fn *const readers[SIP_HDR_IDS] = {
    [SIP_HDR_VIA] = index_via,
    [SIP_HDR_FROM] = index_from,
    [SIP_HDR_TO] = index_to,
    [SIP_HDR_CALL_ID] = index_call_id,
    [SIP_HDR_CSEQ] = index_cseq,
    [SIP_HDR_MAX_FORWARDS] = index_max_forwards,
    [SIP_HDR_CONTENT_LENGTH] = index_content_length,
    [SIP_HDR_ROUTE] = index_route,
    [SIP_HDR_RECORD_ROUTE] = index_route,
    [SIP_HDR_CONTACT] = index_contact,
};

/* More parameters in one of the values than allowed? */
static bool has_too_many_params(struct str list, unsigned limit)
{
    struct str value;

    while (sip_list_next(&list, &value)) {
        unsigned count = 0;

        for (size_t i = 0; i < value.len; i++)
            count += value.ptr[i] == ';';
        if (count > limit)
            return true;
    }
    return false;
}

static void check_sizes(struct sip_index *index, const struct sip_hdr *hdr)
{
    const struct sip_limits *limits = index->limits;

    if (hdr->name.len > limits->name_bytes)
        sip_index_refuse(index, ERR_LIMIT, 400, "Header field name too long");
    if (hdr->value.len > limits->value_bytes)
        sip_index_refuse(index, ERR_LIMIT, 400, "Header field too long");
    if (hdr->value.len > 2 * (size_t)limits->params && /* a shorter one cannot have that many */
        has_too_many_params(hdr->value, limits->params))
        sip_index_refuse(index, ERR_LIMIT, 400, "Too many header parameters");
}

static void read_header(struct sip_index *index, const struct sip_hdr *hdr)
{
    uint64_t bit = UINT64_C(1) << hdr->id;

    check_sizes(index, hdr);
    if (index->msg->present & bit && sip_hdr_is_single(hdr->id))
        refuse_syntax(index, "Header field that may come once comes twice");
    else if (readers[hdr->id])
        readers[hdr->id](index, hdr->value);
    index->msg->present |= bit;
}

static void check_line(struct sip_index *index, const struct sip_line *line)
{
    if (line->is_folded || line->has_bare_lf)
        index->msg->is_canonical = false;
    if (line->has_bare_lf && index->is_stream)
        refuse_syntax(index, "Line end without CR");
}

/* message-header = field-name HCOLON field-value; a line that is none is left out of the index. */
static void index_line(struct sip_index *index, const struct sip_line *line)
{
    struct sip_hdr *hdr = add_row(index);

    check_line(index, line);
    if (!hdr)
        return;
    if (sip_line_read_header(line, hdr)) {
        read_header(index, hdr);
    } else {
        index->rows.count--;
        refuse_syntax(index, "Header field malformed");
    }
}

const char *sip_index_headers(struct sip_index *index, const char *at, const char *end)
{
    struct sip_line line;

    while (sip_line_take_folded(at, end, &line)) {
        if (line.text.len == 0) {
            check_line(index, &line);
            return line.end;
        }
        index_line(index, &line);
        at = line.end;
    }
    refuse_syntax(index, "No empty line behind the header fields");
    return end;
}
