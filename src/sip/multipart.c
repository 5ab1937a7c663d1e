/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/multipart.h>

#include <culvert/uri.h>

#include "sip/line.h"

/* ---- values of headers ---- */

static struct str without_params(struct str value)
{
    const char *semicolon = str_find_char(value, ';');

    return str_trim(semicolon ? str_between(value.ptr, semicolon) : value);
}

bool sip_type_is(struct str value, struct str type)
{
    return str_ieq(without_params(value), type);
}

bool sip_encoding_is_plain(struct str value)
{
    static const struct str plain[] = { STR_INIT(""), STR_INIT("identity"), STR_INIT("7bit"),
                                        STR_INIT("8bit"), STR_INIT("binary") };

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (sip_type_is(value, plain[i]))
            return true;
    return false;
}

static bool is_multipart(struct str type)
{
    return str_istarts(without_params(type), STR("multipart/"));
}

static struct str unquote(struct str value)
{
    bool is_quoted = value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"';

    return is_quoted ? (struct str){ value.ptr + 1, value.len - 2 } : value;
}

/* RFC 2046 §5.1.1: up to 70 characters, the last of them no blank. */
static bool find_boundary(struct str type, struct str *out)
{
    const char *semicolon = str_find_char(type, ';');
    struct str boundary;

    if (!semicolon)
        return false;
    boundary =
        unquote(sip_param_value(str_between(semicolon, type.ptr + type.len), STR("boundary")));
    *out = boundary;
    return boundary.len > 0 && boundary.len <= SIP_BOUNDARY_MAX &&
           boundary.ptr[boundary.len - 1] != ' ' && !str_has_line_break(boundary);
}

/* ---- taking apart ---- */

struct split {
    struct sip_parts *out;
    unsigned depth;
};

enum delimiter {
    NO_DELIMITER,
    OPENS_PART,
    CLOSES_BODY,
};

static bool is_blank(struct str text)
{
    return str_is_empty(str_trim(text));
}

/* delimiter = "--" boundary ["--"] *LWSP at the start of a line; a longer word is another one. */
static enum delimiter read_delimiter(struct str line, struct str boundary)
{
    struct str rest;

    if (!str_starts(line, STR("--")) || !str_starts(str_skip(line, 2), boundary))
        return NO_DELIMITER;
    rest = str_skip(line, 2 + boundary.len);
    if (is_blank(rest))
        return OPENS_PART;
    return str_starts(rest, STR("--")) && is_blank(str_skip(rest, 2)) ? CLOSES_BODY : NO_DELIMITER;
}

/* The line at `at`, without its end, which is at *next. The last one may have none. */
static struct str take_line(const char *at, const char *end, const char **next)
{
    const char *feed = memchr(at, '\n', (size_t)(end - at));
    const char *stop = feed ? feed : end;

    *next = feed ? feed + 1 : end;
    return str_between(at, feed && feed > at && feed[-1] == '\r' ? feed - 1 : stop);
}

static void read_part_header(const struct sip_hdr *hdr, struct sip_part *part)
{
    if (hdr->id == SIP_HDR_CONTENT_TYPE)
        part->type = hdr->value;
    else if (hdr->id == SIP_HDR_CONTENT_LENGTH)
        part->length = hdr->value;
    else if (str_ieq(hdr->name, STR("Content-Disposition")))
        part->disposition = hdr->value;
    else if ((hdr->id == SIP_HDR_CONTENT_ENCODING ||
              str_ieq(hdr->name, STR("Content-Transfer-Encoding"))) &&
             !sip_encoding_is_plain(hdr->value))
        part->encoding = hdr->value;
}

/* Headers up to the empty line; the rest is the content. */
static void read_part(struct str text, struct sip_part *part)
{
    const char *at = text.ptr, *end = text.ptr + text.len;
    struct sip_line line;
    struct sip_hdr hdr;

    part->content = (struct str){ end, 0 };
    while (sip_line_take_folded(at, end, &line)) {
        at = line.end;
        if (line.text.len == 0) {
            part->content = str_between(at, end);
            return;
        }
        if (sip_line_read_header(&line, &hdr))
            read_part_header(&hdr, part);
    }
}

static enum err split_multipart(struct split *split, struct str boundary, struct str body,
                                const char **closing);

/* One that cannot be taken apart further counts as one part. */
static enum err split_inner(struct split *split, struct sip_part *part)
{
    unsigned count = split->out->count;
    struct str boundary;
    const char *closing;
    enum err err;

    if (!is_multipart(part->type) || !sip_encoding_is_plain(part->encoding) ||
        !find_boundary(part->type, &boundary))
        return ERR_SYNTAX;
    if (split->depth == SIP_PART_NESTING_MAX)
        return ERR_LIMIT;
    split->depth++;
    err = split_multipart(split, boundary, part->content, &closing);
    split->depth--;
    if (err == ERR_SYNTAX)
        split->out->count = count;
    return err;
}

static enum err add_part(struct split *split, struct str span, struct str text)
{
    struct sip_part part = { .span = span };
    enum err err;

    read_part(text, &part);
    err = split_inner(split, &part);
    if (err != ERR_SYNTAX)
        return err;
    if (split->out->count == SIP_PARTS_MAX)
        return ERR_LIMIT;
    split->out->parts[split->out->count++] = part;
    return ERR_NONE;
}

/* The line end in front of a delimiter belongs to the delimiter. */
static const char *before_line_end(const char *start, const char *at)
{
    if (at > start && at[-1] == '\n')
        at--;
    if (at > start && at[-1] == '\r')
        at--;
    return at;
}

static enum err split_multipart(struct split *split, struct str boundary, struct str body,
                                const char **closing)
{
    const char *at = body.ptr, *end = body.ptr + body.len, *next;
    const char *opened = NULL, *start = NULL; /* of the part: its delimiter line, its text */
    enum delimiter delimiter = NO_DELIMITER;
    enum err err;

    for (; at < end && delimiter != CLOSES_BODY; at = next) {
        delimiter = read_delimiter(take_line(at, end, &next), boundary);
        if (!opened && delimiter == CLOSES_BODY)
            delimiter = NO_DELIMITER;
        if (delimiter == NO_DELIMITER)
            continue;
        if (opened && (err = add_part(split, str_between(opened, at),
                                      str_between(start, before_line_end(start, at)))))
            return err;
        opened = *closing = at;
        start = next;
    }
    if (!opened)
        return ERR_SYNTAX;
    if (delimiter == CLOSES_BODY)
        return ERR_NONE;
    *closing = end;
    return add_part(split, str_between(opened, end), str_between(start, end));
}

enum err sip_body_split(struct str type, struct str body, struct sip_parts *out)
{
    struct split split = { .out = out };

    out->count = 0;
    out->boundary = (struct str){ 0 };
    out->end = body.ptr + body.len;
    if (is_multipart(type)) {
        if (!find_boundary(type, &out->boundary))
            return ERR_SYNTAX;
        return split_multipart(&split, out->boundary, body, &out->end);
    }
    out->parts[0] = (struct sip_part){ .span = body, .content = body, .type = type };
    out->count = 1;
    return ERR_NONE;
}

/* ---- one part ---- */

struct sip_body sip_msg_body(const struct sip_msg *msg)
{
    return (struct sip_body){
        .type = sip_msg_value(msg, SIP_HDR_CONTENT_TYPE),
        .encoding = sip_msg_value(msg, SIP_HDR_CONTENT_ENCODING),
        .text = msg->body,
    };
}

/* RFC 5621 §3.1 with RFC 3261 §20.11: without a word a session description describes the session.
 */
static bool is_meant(const struct sip_part *part, struct str type)
{
    struct str disposition = without_params(part->disposition);

    return part->content.len > 0 && sip_type_is(part->type, type) &&
           sip_encoding_is_plain(part->encoding) &&
           (str_is_empty(disposition) || str_ieq(disposition, STR("session")) ||
            str_ieq(disposition, STR("render")));
}

static enum err find_in(const struct sip_parts *parts, struct str type, struct sip_part *out)
{
    const struct sip_part *found = NULL;

    for (unsigned i = 0; i < parts->count; i++) {
        if (!is_meant(&parts->parts[i], type))
            continue;
        if (found)
            return ERR_EXISTS;
        found = &parts->parts[i];
    }
    if (!found)
        return ERR_NOT_FOUND;
    *out = *found;
    return ERR_NONE;
}

enum err sip_body_find(const struct sip_body *body, struct str type, struct sip_part *out)
{
    struct sip_parts parts;
    struct str own_type = str_is_empty(body->type) ? STR("application/sdp") : body->type;
    enum err err;

    if (str_is_empty(body->text) || !sip_encoding_is_plain(body->encoding))
        return ERR_NOT_FOUND;
    err = sip_body_split(own_type, body->text, &parts);
    return err ? err : find_in(&parts, type, out);
}

/* ---- another content ---- */

/* A Content-Length of the part's own, which RFC 5621 does not ask for, shall not lie. */
static void write_part(struct writer *w, const struct sip_part *part, const char *from,
                       struct str content)
{
    if (!str_is_empty(part->length)) {
        write_str(w, str_between(from, part->length.ptr));
        write_uint(w, content.len);
        from = part->length.ptr + part->length.len;
    }
    write_str(w, str_between(from, part->content.ptr));
    write_str(w, content);
}

void sip_body_write(struct writer *w, const struct sip_body *body, const struct sip_part *part,
                    struct str content)
{
    const char *behind = part->content.ptr + part->content.len;

    write_part(w, part, body->text.ptr, content);
    write_str(w, str_between(behind, body->text.ptr + body->text.len));
}

static enum err set_length(struct sip_edits *edits, const struct sip_msg *msg,
                           const struct sip_part *part, size_t length)
{
    struct str digits;
    enum err err;

    if (str_is_empty(part->length))
        return ERR_NONE;
    err = str_print(msg->arena, &digits, "%zu", length);
    return err ? err : sip_edit_replace(edits, msg, part->length, digits);
}

enum err sip_edit_set_part(struct sip_edits *edits, const struct sip_msg *msg,
                           const struct sip_part *part, struct str content)
{
    enum err err;

    if (part->content.ptr == msg->body.ptr && part->content.len == msg->body.len)
        return sip_edit_set_body(edits, msg, content);
    err = sip_edit_replace(edits, msg, part->content, content);
    return err ? err : set_length(edits, msg, part, content.len);
}
