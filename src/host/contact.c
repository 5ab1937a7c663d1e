/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/run.h>

/*
 * Edits of the URI: an insertion in front of it is not one of them, and one behind it only when a
 * bracket follows, since a bare URI is followed by parameters of the header.
 */
static bool concerns(const struct sip_edit *edit, const struct sip_nameaddr *contact)
{
    const char *start = contact->uri.text.ptr;
    const char *end = start + contact->uri.text.len;
    bool has_bracket = end < contact->text.ptr + contact->text.len && *end == '>';

    if (edit->cut == 0)
        return edit->at > start && (edit->at < end || (edit->at == end && has_bracket));
    return edit->at >= start && edit->at < end && edit->at + edit->cut <= end;
}

static size_t changed_size(const struct sip_edits *edits, const struct sip_nameaddr *contact,
                           bool *is_changed)
{
    size_t size = contact->uri.text.len;

    for (const struct sip_edit *edit = edits->first; edit; edit = edit->next) {
        if (!concerns(edit, contact))
            continue;
        *is_changed = true;
        size += edit->insert.len;
    }
    return size;
}

static void write_changed(struct writer *w, const struct sip_edits *edits,
                          const struct sip_nameaddr *contact)
{
    struct str text = contact->uri.text;
    const char *at = text.ptr;

    for (const struct sip_edit *edit = edits->first; edit; edit = edit->next) {
        if (!concerns(edit, contact))
            continue;
        write_str(w, str_between(at, edit->at));
        write_str(w, edit->insert);
        at = edit->at + edit->cut;
    }
    write_str(w, str_between(at, text.ptr + text.len));
}

/* An edit may have put a bare URI in brackets. */
static struct str without_brackets(struct str uri)
{
    if (uri.len && uri.ptr[0] == '<')
        uri = str_skip(uri, 1);
    if (uri.len && uri.ptr[uri.len - 1] == '>')
        uri.len--;
    return uri;
}

struct str run_contact_uri(const struct run *run, const struct sip_nameaddr *contact)
{
    bool is_changed = false;
    size_t size = changed_size(run->edits, contact, &is_changed);
    struct writer w;
    struct str uri;
    char *buffer;

    if (!is_changed || !(buffer = arena_alloc(run->arena, size)))
        return contact->uri.text;
    w = writer_over(buffer, size);
    write_changed(&w, run->edits, contact);
    return writer_finish(&w, &uri) ? contact->uri.text : without_brackets(uri);
}

/* ---- rewriting ---- */

enum {
    REWRITTEN_MAX = 1024,
};

static enum verdict rewrite_value(struct run *run, struct str value, run_rewrite_fn *rewrite,
                                  void *context)
{
    char buffer[REWRITTEN_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_nameaddr contact;
    struct str text, kept;
    enum verdict verdict;

    if (sip_nameaddr_parse(value, &contact) || contact.is_star)
        return VERDICT_FALSE;
    verdict = rewrite(context, &contact.uri, &w);
    if (verdict != VERDICT_TRUE)
        return verdict;
    if (writer_finish(&w, &text) || str_copy(run->arena, text, &kept))
        return VERDICT_ERROR;
    return verdict_of(sip_edit_replace(run->edits, run->msg, contact.uri.text, kept));
}

enum verdict run_rewrite_contacts(struct run *run, run_rewrite_fn *rewrite, void *context)
{
    const struct sip_hdr *hdr = sip_msg_find(run->msg, SIP_HDR_CONTACT, NULL);
    struct str rest = hdr ? hdr->value : STR(""), value;
    enum verdict verdict = VERDICT_FALSE;

    while (sip_list_next(&rest, &value)) {
        verdict = rewrite_value(run, value, rewrite, context);
        if (verdict != VERDICT_TRUE)
            break;
    }
    return verdict;
}

enum verdict run_rewrite_uri(struct run *run, run_rewrite_fn *rewrite, void *context)
{
    char buffer[REWRITTEN_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_uri uri;
    struct str text;
    enum verdict verdict;

    if (sip_uri_parse(run_target(run)->uri, &uri))
        return VERDICT_ERROR;
    verdict = rewrite(context, &uri, &w);
    if (verdict != VERDICT_TRUE || str_eq(writer_text(&w), uri.text))
        return verdict;
    return writer_finish(&w, &text) ? VERDICT_ERROR : verdict_of(run_set_uri(run, text));
}
