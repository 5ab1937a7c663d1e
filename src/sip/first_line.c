/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/index.h"

#include "sip/grammar.h"

/* SIP-Version = "SIP" "/" 1*DIGIT "." 1*DIGIT; any but 2.0 is refused, but read all the same. */
static void parse_version(struct cursor *c, struct sip_index *index)
{
    struct str protocol = cursor_take(c, class_alnum);
    struct str major;
    struct str minor;

    cursor_expect(c, '/');
    major = cursor_take(c, class_digit);
    cursor_expect(c, '.');
    minor = cursor_take(c, class_digit);
    if (c->fault || !str_ieq(protocol, STR("SIP")))
        cursor_fail(c);
    else if (!str_eq(major, STR("2")) || !str_eq(minor, STR("0")))
        sip_index_refuse(index, ERR_UNSUPPORTED, 505, "SIP version is not 2.0");
}

/* Of any scheme, but without headers (RFC 3261 §19.1.1). */
static void check_ruri(struct sip_index *index, struct str ruri)
{
    struct sip_uri uri = { 0 };

    if (ruri.len > index->limits->uri_bytes)
        sip_index_refuse(index, ERR_LIMIT, 414, "Request-URI too long");
    else if (sip_uri_read(ruri, &uri))
        sip_index_refuse(index, ERR_SYNTAX, 400, "Request-URI malformed");
    else if (uri.headers.len > 0)
        sip_index_refuse(index, ERR_SYNTAX, 400, "Request-URI with header fields");
}

/* The text up to the last SP: a Request-URI that wrongly holds spaces is taken whole. */
static struct str take_ruri(struct cursor *c)
{
    const char *start = c->at;
    const char *space = c->end > start ? memrchr(start, ' ', (size_t)(c->end - start)) : NULL;

    if (!space) {
        cursor_fail(c);
        return (struct str){ start, 0 };
    }
    c->at = space;
    return str_between(start, space);
}

/* Request-Line = Method SP Request-URI SP SIP-Version CRLF */
static bool parse_request_line(struct sip_index *index, struct str text)
{
    struct sip_msg *msg = index->msg;
    struct cursor c = cursor_over(text);

    msg->is_request = true;
    msg->method_name = cursor_take(&c, class_token);
    msg->method = sip_method_find(msg->method_name);
    cursor_expect(&c, ' ');
    msg->ruri = take_ruri(&c);
    cursor_expect(&c, ' ');
    parse_version(&c, index);
    if (cursor_finish(&c))
        return false;
    check_ruri(index, msg->ruri);
    return true;
}

/* Status-Code = 3DIGIT, of the six classes */
static unsigned take_status(struct cursor *c)
{
    struct str digits = cursor_take(c, class_digit);
    uint64_t status = 0;

    if (digits.len != 3 || str_to_uint(digits, 100, 699, &status))
        cursor_fail(c);
    return (unsigned)status;
}

/* Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF */
static bool parse_status_line(struct sip_index *index, struct str text)
{
    struct cursor c = cursor_over(text);

    parse_version(&c, index);
    cursor_expect(&c, ' ');
    index->msg->status = take_status(&c);
    if (!cursor_at_end(&c))
        cursor_expect(&c, ' ');
    index->msg->reason = cursor_rest(&c);
    return !c.fault;
}

bool sip_index_first_line(struct sip_index *index, const struct sip_line *line)
{
    struct str text = line->text;

    index->msg->first_line = str_between(text.ptr, line->end);
    if (line->has_stray_bytes)
        return false;
    if (line->has_bare_lf)
        index->msg->is_canonical = false;
    if (str_istarts(text, STR("SIP/")))
        return parse_status_line(index, text);
    return parse_request_line(index, text);
}
