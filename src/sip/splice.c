/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/splice.h"

const char *sip_msg_head_end(const struct sip_msg *msg)
{
    const char *end = msg->head.ptr + msg->head.len;

    return msg->head.len >= 2 && end[-2] == '\r' ? end - 2 : end - 1;
}

static bool cuts_line(const struct sip_edits *edits, const struct sip_hdr *hdr)
{
    return edits && sip_edits_remove(edits, hdr);
}

bool sip_hdr_is_removed(const struct sip_edits *const edits[2], const struct sip_hdr *hdr)
{
    return cuts_line(edits[0], hdr) || cuts_line(edits[1], hdr);
}

static const struct sip_edit *first_from(const struct sip_edits *edits, const char *start)
{
    const struct sip_edit *edit = edits ? edits->first : NULL;

    while (edit && edit->at < start)
        edit = edit->next;
    return edit;
}

struct sip_splice sip_splice_head(const struct sip_msg *msg, const struct sip_edit *own,
                                  const struct sip_edits *const edits[2])
{
    const char *start = msg->first_line.ptr + msg->first_line.len;

    return (struct sip_splice){
        .at = start,
        .end = sip_msg_head_end(msg),
        .next = { own, first_from(edits[1], start), first_from(edits[0], start) },
        .is_canonical = msg->is_canonical,
    };
}

struct sip_splice sip_splice_body(const struct sip_msg *msg, const struct sip_edits *const edits[2])
{
    const char *start = msg->head.ptr + msg->head.len;

    return (struct sip_splice){
        .at = start,
        .end = start + msg->body.len,
        .next = { NULL, first_from(edits[1], start), first_from(edits[0], start) },
        .is_canonical = true,
    };
}

/* Earlier places first; at one place insertions before cuts. */
static bool comes_before(const struct sip_edit *a, const struct sip_edit *b)
{
    if (a->at != b->at)
        return a->at < b->at;
    return a->cut == 0 && b->cut > 0;
}

/* The list whose edit is due next; NULL when none is left in the range. */
static const struct sip_edit **next_list(struct sip_splice *splice)
{
    const struct sip_edit **best = NULL;

    for (unsigned i = 0; i < SIP_SPLICE_LISTS; i++) {
        const struct sip_edit **list = &splice->next[i];

        if (*list && (*list)->at <= splice->end && (!best || comes_before(*list, *best)))
            best = list;
    }
    return best;
}

/* Everything received up to `to`. */
static struct str take_received(struct sip_splice *splice, const char *to)
{
    struct str taken = str_between(splice->at, to);

    splice->at = to;
    return taken;
}

/* Applies an edit that is due. One inside of what another edit has cut already is lost with it. */
static struct str apply_edit(struct sip_splice *splice, const struct sip_edit *edit)
{
    const char *cut_end = edit->at + edit->cut;

    if (cut_end > splice->end)
        cut_end = splice->end;
    if (edit->at < splice->at && cut_end <= splice->at)
        return (struct str){ 0 };
    if (cut_end > splice->at)
        splice->at = cut_end;
    return edit->insert;
}

/* The next piece, which may be empty. False at the end. */
static bool splice_next(struct sip_splice *splice, struct str *piece)
{
    const struct sip_edit **list = next_list(splice);
    const struct sip_edit *edit;

    if (!list && splice->at == splice->end)
        return false;
    if (!list || (*list)->at > splice->at) {
        *piece = take_received(splice, list ? (*list)->at : splice->end);
        return true;
    }
    edit = *list;
    *list = edit->next;
    *piece = apply_edit(splice, edit);
    return true;
}

size_t sip_splice_size(struct sip_splice splice)
{
    size_t size = 0;
    struct str piece;

    while (splice_next(&splice, &piece))
        size += piece.len;
    return size;
}

void sip_splice_write_body(struct writer *w, struct sip_splice splice)
{
    struct str piece;

    while (splice_next(&splice, &piece))
        write_str(w, piece);
}

void sip_splice_write_head(struct writer *w, struct sip_splice splice)
{
    struct str piece;

    while (splice_next(&splice, &piece))
        sip_write_head_text(w, piece, splice.is_canonical);
}

static bool has_body(const struct sip_edits *edits)
{
    return edits && edits->has_body;
}

enum err sip_edits_body(const struct sip_msg *msg, const struct sip_edits *const edits[2],
                        struct str *out)
{
    struct sip_splice splice;
    struct writer w;
    size_t size;
    char *room;

    *out = msg->body;
    if (!has_body(edits[0]) && !has_body(edits[1]))
        return ERR_NONE;
    splice = sip_splice_body(msg, edits);
    size = sip_splice_size(splice);
    room = arena_alloc(msg->arena, size + 1);
    if (!room)
        return ERR_NOMEM;
    w = writer_over(room, size + 1);
    sip_splice_write_body(&w, splice);
    return writer_finish(&w, out);
}
