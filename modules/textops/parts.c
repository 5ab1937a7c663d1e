/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a multipart body (RFC 2046 §5.1): reading, removing and adding them. */
#include "textops.h"

#include <culvert/multipart.h>

#define USUAL_BOUNDARY STR("unique-boundary-1")

static const char *end_of(struct str text)
{
    return text.ptr + text.len;
}

/* The first part of a type, whatever it is meant for; NULL: none. */
static const struct sip_part *find_part(const struct sip_parts *parts, struct str type)
{
    for (unsigned i = 0; i < parts->count; i++) {
        if (sip_type_is(parts->parts[i].type, type))
            return &parts->parts[i];
    }
    return NULL;
}

static enum err split(const struct sip_msg *msg, struct sip_parts *out)
{
    const struct sip_body body = sip_msg_body(msg);

    return str_is_empty(body.text) ? ERR_NOT_FOUND : sip_body_split(body.type, body.text, out);
}

static enum verdict give_part(struct call *call, bool is_raw)
{
    const struct sip_part *part;
    struct sip_parts parts;
    struct value value;
    const char *line_end;

    if (split(call->run->msg, &parts) || !(part = find_part(&parts, call_text(call, 0))))
        return VERDICT_FALSE;
    value = value_of_str(part->content);
    line_end = is_raw && parts.boundary.len ? str_find_char(part->span, '\n') : NULL;
    if (line_end)
        value = value_of_str(str_between(line_end + 1, end_of(part->content)));
    return verdict_of(variable_set(call->run, call->args[1].object, &value));
}

/* get_body_part(type, variable) */
enum verdict textops_get_body_part(struct call *call)
{
    return give_part(call, false);
}

/* The same with the part's headers. */
enum verdict textops_get_body_part_raw(struct call *call)
{
    return give_part(call, true);
}

enum verdict textops_remove_body_part(struct call *call)
{
    const struct sip_part *part;
    struct sip_parts parts;

    if (split(call->run->msg, &parts) || !parts.boundary.len ||
        !(part = find_part(&parts, call_text(call, 0))))
        return VERDICT_FALSE;
    return verdict_of(
        sip_edit_replace(call->run->edits, call->run->msg, part->span, STR("")));
}

/* Headers of parts are lines too: what is put into them must not end one. */
static enum err write_part(struct run *run, struct str boundary, struct str type,
                           struct str disposition, struct str text, struct str *out)
{
    if (str_is_empty(type) || str_has_line_break(type) || str_has_line_break(disposition))
        return ERR_SYNTAX;
    return str_print(run->arena, out,
                     "--" STR_FMT "\r\nContent-Type: " STR_FMT "%s" STR_FMT "\r\n\r\n" STR_FMT
                     "\r\n",
                     STR_ARG(boundary), STR_ARG(type),
                     disposition.len ? "\r\nContent-Disposition: " : "", STR_ARG(disposition),
                     STR_ARG(text));
}

/* append_body_part(text, type [, disposition]) */
enum verdict textops_append_body_part(struct call *call)
{
    struct run *run = call->run;
    struct sip_parts parts;
    struct str part;

    if (split(run->msg, &parts) || !parts.boundary.len || !parts.end ||
        write_part(run, parts.boundary, call_text(call, 1), call_text(call, 2), call_text(call, 0),
                   &part))
        return VERDICT_FALSE;
    return verdict_of(sip_edit_insert(run->edits, run->msg, parts.end, part));
}

static bool may_be_boundary(struct str boundary, struct str text)
{
    for (size_t i = 0; i < boundary.len; i++) {
        char c = char_lower(boundary.ptr[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !(c && strchr("'()+_,-./:=?", c)))
            return false;
    }
    return boundary.len > 0 && boundary.len <= SIP_BOUNDARY_MAX && !str_find(text, boundary);
}

/* set_body_multipart([text, type [, boundary]]): of the body that there is, when no text is given. */
enum verdict textops_set_body_multipart(struct call *call)
{
    struct run *run = call->run;
    struct sip_body body = sip_msg_body(run->msg);
    struct str boundary = call->arg_count > 2 ? call_text(call, 2) : USUAL_BOUNDARY;
    struct str part, whole, type;
    enum err err;

    if (call->arg_count > 1)
        body = (struct sip_body){ .type = call_text(call, 1), .text = call_text(call, 0) };
    else if (call->arg_count == 1 || str_is_empty(body.text))
        return VERDICT_FALSE;
    if (!may_be_boundary(boundary, body.text))
        return VERDICT_FALSE;
    if ((err = write_part(run, boundary, body.type, STR(""), body.text, &part)) ||
        (err = str_print(run->arena, &whole, STR_FMT "--" STR_FMT "--\r\n", STR_ARG(part),
                         STR_ARG(boundary))) ||
        (err = str_print(run->arena, &type, "multipart/mixed;boundary=\"" STR_FMT "\"",
                         STR_ARG(boundary))))
        return VERDICT_ERROR;
    return verdict_of(body_replace(run, whole, type));
}
