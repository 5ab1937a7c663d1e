/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/line.h"
#include "sip/splice.h"

static const char *edit_end(const struct sip_edit *edit)
{
    return edit->at + edit->cut;
}

static bool starts_line(const struct sip_msg *msg, const char *at)
{
    return at > msg->bytes.ptr && at[-1] == '\n';
}

static bool ends_in_crlf(struct str text)
{
    return text.len >= 2 && str_eq(str_skip(text, text.len - 2), STR("\r\n"));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* No NUL, no CR or LF but in pairs, no empty line, no fold. */
static bool has_whole_line_ends(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\0' || text.ptr[i] == '\n')
            return false;
        if (text.ptr[i] != '\r')
            continue;
        if (++i == text.len || text.ptr[i] != '\n')
            return false;
        if (i + 1 < text.len && is_space(text.ptr[i + 1]))
            return false;
    }
    return true;
}

/*
 * Could this text stand in the head in place of the `cut` bytes at `at`? It must begin like a line
 * where one begins, and end like one where one ends.
 */
static bool fits_head(const struct sip_msg *msg, const char *at, size_t cut, struct str text)
{
    bool is_line_before = starts_line(msg, at);
    bool is_line_behind = starts_line(msg, at + cut);

    if (text.len == 0)
        return is_line_before || !is_line_behind;
    if (is_line_before && is_space(text.ptr[0]))
        return false;
    return has_whole_line_ends(text) && ends_in_crlf(text) == is_line_behind;
}

static bool splits_line_end(const char *at)
{
    return at[-1] == '\r' && at[0] == '\n';
}

/* Places in the head are between the start line and the empty line. */
static bool is_in_head(const struct sip_msg *msg, const char *at)
{
    return at >= msg->first_line.ptr + msg->first_line.len && at <= sip_msg_head_end(msg) &&
           !splits_line_end(at);
}

/* ERR_RANGE when the bytes are not of the message, or not all of its head or all of its body. */
static enum err check_place(const struct sip_msg *msg, const char *at, size_t cut, bool *is_body)
{
    const char *body = msg->head.ptr + msg->head.len;
    const char *end = body + msg->body.len;

    if (at < msg->bytes.ptr || at > end || cut > (size_t)(end - at))
        return ERR_RANGE;
    *is_body = at >= body;
    if (!*is_body && (!is_in_head(msg, at) || !is_in_head(msg, at + cut)))
        return ERR_RANGE;
    return ERR_NONE;
}

/* Forgets the edits that lie within the bytes about to be cut; insertions at their rim stay. */
static void drop_covered(struct sip_edits *edits, const char *at, const char *end)
{
    struct sip_edit **link = &edits->first;

    while (*link) {
        struct sip_edit *edit = *link;
        bool is_inside = edit->cut > 0 ? edit->at >= at && edit_end(edit) <= end
                                       : edit->at > at && edit->at < end;

        if (is_inside)
            *link = edit->next;
        else
            link = &edit->next;
    }
}

/* Shortens the cut to the bytes that no earlier edit cuts. False when nothing is left of it. */
static bool shorten(const struct sip_edits *edits, const char **at, const char **end)
{
    for (const struct sip_edit *edit = edits->first; edit; edit = edit->next) {
        if (edit_end(edit) <= *at || edit->at >= *end)
            continue;
        if (edit->at > *at)
            *end = edit->at;
        else
            *at = edit_end(edit);
        if (*at >= *end)
            return false;
    }
    return true;
}

/* Insertions at one place come before the cut there, in the order in which they were added. */
static bool belongs_behind(const struct sip_edit *added, const struct sip_edit *other)
{
    if (other->at != added->at)
        return other->at < added->at;
    return other->cut == 0;
}

static enum err link_edit(struct sip_edits *edits, const struct sip_msg *msg,
                          const struct sip_edit *made)
{
    struct sip_edit **link = &edits->first;
    struct sip_edit *edit = arena_alloc(msg->arena, sizeof *edit);

    if (!edit)
        return ERR_NOMEM;
    *edit = *made;
    while (*link && belongs_behind(edit, *link))
        link = &(*link)->next;
    edit->next = *link;
    *link = edit;
    return ERR_NONE;
}

static bool is_inside_cut(const struct sip_edits *edits, const char *at)
{
    for (const struct sip_edit *edit = edits->first; edit; edit = edit->next)
        if (edit->at < at && at < edit_end(edit))
            return true;
    return false;
}

enum err sip_edit_insert(struct sip_edits *edits, const struct sip_msg *msg, const char *at,
                         struct str insert)
{
    bool is_body = false;
    enum err err = check_place(msg, at, 0, &is_body);

    if (err)
        return err;
    if (!is_body && !fits_head(msg, at, 0, insert))
        return ERR_SYNTAX;
    if (is_inside_cut(edits, at))
        return ERR_NONE;
    edits->has_body |= is_body;
    return link_edit(edits, msg, &(struct sip_edit){ .at = at, .insert = insert });
}

enum err sip_edit_replace(struct sip_edits *edits, const struct sip_msg *msg, struct str old,
                          struct str insert)
{
    const char *at = old.ptr;
    const char *end;
    bool is_body = false;
    enum err err = check_place(msg, at, old.len, &is_body);

    if (err)
        return err;
    if (!is_body && !fits_head(msg, at, old.len, insert))
        return ERR_SYNTAX;
    if (old.len == 0)
        return sip_edit_insert(edits, msg, at, insert);
    end = at + old.len;
    edits->has_body |= is_body;
    drop_covered(edits, at, end);
    if (!shorten(edits, &at, &end))
        return ERR_NONE;
    return link_edit(edits, msg,
                     &(struct sip_edit){ .at = at, .cut = (size_t)(end - at), .insert = insert });
}

enum err sip_edit_remove_hdr(struct sip_edits *edits, const struct sip_msg *msg,
                             const struct sip_hdr *hdr)
{
    return sip_edit_replace(edits, msg, hdr->line, (struct str){ 0 });
}

enum err sip_edit_append_hdr(struct sip_edits *edits, const struct sip_msg *msg, struct str lines)
{
    if (lines.len == 0 || !sip_are_header_lines(lines))
        return ERR_SYNTAX;
    return sip_edit_insert(edits, msg, sip_msg_head_end(msg), lines);
}

enum err sip_edit_set_body(struct sip_edits *edits, const struct sip_msg *msg, struct str body)
{
    const char *start = msg->head.ptr + msg->head.len;
    struct sip_edit **link = &edits->first;

    while (*link && (*link)->at < start)
        link = &(*link)->next;
    *link = NULL;
    edits->has_body = true;
    return link_edit(edits, msg,
                     &(struct sip_edit){ .at = start, .cut = msg->body.len, .insert = body });
}

bool sip_edits_remove(const struct sip_edits *edits, const struct sip_hdr *hdr)
{
    const char *end = hdr->line.ptr + hdr->line.len;

    for (const struct sip_edit *edit = edits->first; edit && edit->at <= hdr->line.ptr;
         edit = edit->next)
        if (edit->cut > 0 && edit_end(edit) >= end)
            return true;
    return false;
}
