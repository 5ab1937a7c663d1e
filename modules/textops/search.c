/* SPDX-License-Identifier: Apache-2.0 */
/* Finding in the text of a message, and replacing what was found. */
#include "textops.h"

typedef struct str find_text_fn(const struct sip_msg *msg);

struct str text_behind_start_line(const struct sip_msg *msg)
{
    return str_skip(msg->bytes, msg->first_line.len);
}

struct str text_of_headers(const struct sip_msg *msg)
{
    return str_skip(msg->head, msg->first_line.len);
}

static struct str text_of_body(const struct sip_msg *msg)
{
    return msg->body;
}

/* An expression such as (.*)$ takes the CR in front of the newline along: it stays where it is. */
static bool ends_in_cr(struct str text)
{
    return text.len > 0 && text.ptr[text.len - 1] == '\r';
}

enum err edit_replace(struct run *run, struct str old, struct str text)
{
    struct str kept;
    enum err err;

    if (ends_in_cr(old) && ends_in_cr(text)) {
        old.len--;
        text.len--;
    }
    err = str_copy(run->arena, text, &kept);
    return err ? err : sip_edit_replace(run->edits, run->msg, old, kept);
}

/* ---- finding ---- */

static bool finds(const struct call *call, unsigned arg, struct str text)
{
    return regex_match(call->args[arg].object, text, NULL);
}

enum verdict textops_search(struct call *call)
{
    return verdict_if(finds(call, 0, text_behind_start_line(call->run->msg)));
}

enum verdict textops_search_body(struct call *call)
{
    return verdict_if(finds(call, 0, call->run->msg->body));
}

/* search_hf(name, expression, which): a all, f the first, l the last header of that name. */
enum verdict textops_search_hf(struct call *call)
{
    const struct sip_msg *msg = call->run->msg;
    struct str which = call_text(call, 2);
    bool is_all = str_ieq(which, STR("a")), is_first = str_ieq(which, STR("f"));
    const struct sip_hdr *hdr = NULL;
    bool is_found = false;

    while ((hdr = sip_msg_find_name(msg, call_text(call, 0), hdr))) {
        is_found = finds(call, 1, hdr->value);
        if (is_first || (is_all && is_found))
            break;
    }
    return verdict_if(is_found);
}

/* ---- adding behind ---- */

static enum verdict append_behind(struct call *call, find_text_fn *find)
{
    struct run *run = call->run;
    struct str groups[REGEX_GROUPS], kept;

    if (!regex_match(call->args[0].object, find(run->msg), groups) ||
        str_copy(run->arena, call_text(call, 1), &kept))
        return VERDICT_FALSE;
    return verdict_of(sip_edit_insert(run->edits, run->msg, groups[0].ptr + groups[0].len, kept));
}

enum verdict textops_search_append(struct call *call)
{
    return append_behind(call, text_behind_start_line);
}

enum verdict textops_search_append_body(struct call *call)
{
    return append_behind(call, text_of_body);
}

/* ---- replacing by expression ---- */

static struct str rest_behind(struct str text, struct str found)
{
    const char *end = found.ptr + found.len + (found.len == 0);

    return end < text.ptr + text.len ? str_between(end, text.ptr + text.len) : (struct str){ 0 };
}

static enum verdict replace_matches(struct call *call, find_text_fn *find, bool is_all)
{
    struct str text = find(call->run->msg), groups[REGEX_GROUPS];
    enum verdict verdict = VERDICT_FALSE;

    while (!str_is_empty(text) && regex_match(call->args[0].object, text, groups)) {
        if (edit_replace(call->run, groups[0], call_text(call, 1)))
            return VERDICT_ERROR;
        verdict = VERDICT_TRUE;
        if (!is_all)
            break;
        text = rest_behind(text, groups[0]);
    }
    return verdict;
}

enum verdict textops_replace(struct call *call)
{
    return replace_matches(call, text_behind_start_line, false);
}

enum verdict textops_replace_all(struct call *call)
{
    return replace_matches(call, text_behind_start_line, true);
}

enum verdict textops_replace_body(struct call *call)
{
    return replace_matches(call, text_of_body, false);
}

enum verdict textops_replace_body_all(struct call *call)
{
    return replace_matches(call, text_of_body, true);
}

enum verdict textops_replace_hdrs(struct call *call)
{
    return replace_matches(call, text_of_headers, true);
}

/* ---- replacing a plain text: (text, replacement, mode); mode a all, f the first ---- */

static enum verdict replace_plain(struct call *call, find_text_fn *find)
{
    struct str text = find(call->run->msg), wanted = call_text(call, 0);
    bool is_all = str_ieq(call_text(call, 2), STR("a"));
    enum verdict verdict = VERDICT_FALSE;
    const char *at;

    while (!str_is_empty(wanted) && (at = str_find(text, wanted))) {
        struct str found = { at, wanted.len };
        if (edit_replace(call->run, found, call_text(call, 1)))
            return VERDICT_ERROR;
        verdict = VERDICT_TRUE;
        if (!is_all)
            break;
        text = rest_behind(text, found);
    }
    return verdict;
}

enum verdict textops_replace_str(struct call *call)
{
    return replace_plain(call, text_behind_start_line);
}

enum verdict textops_replace_body_str(struct call *call)
{
    return replace_plain(call, text_of_body);
}

enum verdict textops_replace_hdrs_str(struct call *call)
{
    return replace_plain(call, text_of_headers);
}
