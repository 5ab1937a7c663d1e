/* SPDX-License-Identifier: Apache-2.0 */
/* Replacing bodies, and taking one part out of several (RFC 2046 §5.1). */
#include "textops.h"

enum {
    BOUNDARY_MAX = 70, /* RFC 2046 §5.1.1 */
};

/* The new type takes the old header's place, or a header is added. */
static enum err set_content_type(struct run *run, struct str type)
{
    const struct sip_hdr *hdr = sip_msg_find(run->msg, SIP_HDR_CONTENT_TYPE, NULL);
    struct str line;

    if (hdr)
        return edit_replace(run, hdr->value, type);
    if (sip_print_header(run->arena, &line, STR("Content-Type"), type))
        return ERR_NOMEM;
    return sip_edit_append_hdr(run->edits, run->msg, line);
}

static enum err put_body(struct run *run, struct str body)
{
    struct str kept;
    enum err err = str_copy(run->arena, body, &kept);

    return err ? err : sip_edit_set_body(run->edits, run->msg, kept);
}

enum err body_replace(struct run *run, struct str body, struct str type)
{
    bool is_type = type.len && !str_has_line_break(type);
    enum err err = is_type ? set_content_type(run, type) : ERR_SYNTAX;

    return err ? err : put_body(run, body);
}

enum verdict textops_set_body(struct call *call)
{
    return verdict_of(body_replace(call->run, call_text(call, 0), call_text(call, 1)));
}

/* set_reply_body(text, type): of the next reply that we make. */
enum verdict textops_set_reply_body(struct call *call)
{
    return verdict_of(run_set_reply_body(call->run, call_text(call, 0), call_text(call, 1)));
}

enum verdict textops_remove_body(struct call *call)
{
    struct run *run = call->run;
    const struct sip_hdr *hdr = sip_msg_find(run->msg, SIP_HDR_CONTENT_TYPE, NULL);
    enum err err = hdr ? sip_edit_remove_hdr(run->edits, run->msg, hdr) : ERR_NONE;

    return verdict_of(err ? err : put_body(run, STR("")));
}

/* ---- one part of a multipart body ---- */

static bool find_boundary(const struct sip_msg *msg, struct str *out)
{
    struct str type = sip_msg_value(msg, SIP_HDR_CONTENT_TYPE), kind, params;

    if (!str_split(type, ';', &kind, &params) || !str_istarts(kind, STR("multipart/")))
        return false;
    *out = sip_unquote(sip_param_value(params, STR("boundary")));
    return out->len > 0 && out->len <= BOUNDARY_MAX;
}

/* Where the next "--boundary" stands at the start of a line; NULL: nowhere. */
static const char *find_delimiter(struct str text, struct str delimiter, const char *start)
{
    const char *at;

    while ((at = str_find(text, delimiter)) && at > start && at[-1] != '\n')
        text = str_between(at + 1, text.ptr + text.len);
    return at;
}

/* One part between delimiters: headers, empty line, content. */
struct part {
    struct str headers, content;
};

static struct part split_part(struct str text)
{
    static const struct str ends[] = { STR_INIT("\r\n\r\n"), STR_INIT("\n\n") };
    struct part part = { .content = text };

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const char *at = str_find(text, ends[i]);
        if (!at)
            continue;
        part.headers = str_between(text.ptr, at);
        part.content = str_between(at + ends[i].len, text.ptr + text.len);
        break;
    }
    return part;
}

/* Content-Type of a part, without parameters; text/plain when it says nothing. */
static struct str part_type(const struct part *part)
{
    struct str rest = part->headers, line, name, value, type;

    while (!str_is_empty(rest)) {
        if (!str_split(rest, '\n', &line, &rest)) {
            line = rest;
            rest = (struct str){ 0 };
        }
        if (!str_split(line, ':', &name, &value) ||
            sip_hdr_find_id(str_trim(name)) != SIP_HDR_CONTENT_TYPE)
            continue;
        return str_trim(str_split(value, ';', &type, &value) ? type : value);
    }
    return STR("text/plain");
}

static bool find_part(struct str body, struct str delimiter, struct str type, struct part *out)
{
    const char *end = body.ptr + body.len;
    const char *at = find_delimiter(body, delimiter, body.ptr), *next;

    for (; at; at = next) {
        struct str rest = str_between(at + delimiter.len, end);
        const char *line_end = str_find_char(rest, '\n');
        if (str_starts(rest, STR("--")) || !line_end)
            return false;
        next = find_delimiter(rest, delimiter, body.ptr);
        *out = split_part(str_between(line_end + 1, next ? next : end));
        if (str_ieq(part_type(out), type))
            return true;
    }
    return false;
}

/*
 * filter_body(type): the first part of the type becomes the body. The line end before the delimiter
 * stays: descriptions are made of whole lines.
 */
enum verdict textops_filter_body(struct call *call)
{
    struct run *run = call->run;
    struct str boundary, delimiter, type = call_text(call, 0);
    struct part part;
    enum err err;

    if (str_is_empty(run->msg->body))
        return VERDICT_FALSE;
    if (sip_msg_has_content_type(run->msg, type))
        return VERDICT_TRUE;
    if (!find_boundary(run->msg, &boundary) ||
        str_print(run->arena, &delimiter, "--" STR_FMT, STR_ARG(boundary)) ||
        !find_part(run->msg->body, delimiter, type, &part))
        return VERDICT_FALSE;
    err = set_content_type(run, type);
    return verdict_of(err ? err : put_body(run, part.content));
}
