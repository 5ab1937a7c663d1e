/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/patches.h"

void sip_patches_init(struct sip_patches *patches)
{
    patches->count = 0;
    patches->first = NULL;
    patches->has_overflowed = false;
}

void sip_patch(struct sip_patches *patches, const char *at, size_t cut, struct str insert)
{
    struct sip_edit **link = &patches->first;
    struct sip_edit *edit;

    if (patches->count == SIP_PATCHES_MAX) {
        patches->has_overflowed = true;
        return;
    }
    while (*link && (*link)->at <= at)
        link = &(*link)->next;
    edit = &patches->edits[patches->count++];
    *edit = (struct sip_edit){ .next = *link, .at = at, .cut = cut, .insert = insert };
    *link = edit;
}

/* The decimal digits of a number, in a buffer that outlives the writing. */
static struct str number_text(char *buffer, size_t size, uint64_t number)
{
    struct writer w = writer_over(buffer, size);

    write_uint(&w, number);
    return writer_text(&w);
}

void sip_patch_content_length(struct sip_patches *patches, const struct sip_msg *msg,
                              const struct sip_edits *const edits[2])
{
    const struct sip_hdr *hdr = sip_msg_find(msg, SIP_HDR_CONTENT_LENGTH, NULL);
    size_t size = sip_splice_size(sip_splice_body(msg, edits));
    struct str digits = number_text(patches->length, sizeof patches->length, size);

    if (hdr && !sip_hdr_is_removed(edits, hdr)) {
        if (size != msg->body.len)
            sip_patch(patches, hdr->value.ptr, hdr->value.len, digits);
        return;
    }
    sip_patch(patches, sip_msg_head_end(msg), 0, STR("Content-Length: "));
    sip_patch(patches, sip_msg_head_end(msg), 0, digits);
    sip_patch(patches, sip_msg_head_end(msg), 0, STR("\r\n"));
}

enum err sip_write_rest(struct writer *w, const struct sip_msg *msg,
                        const struct sip_patches *patches, const struct sip_edits *const edits[2])
{
    struct str text;

    if (patches->has_overflowed)
        return ERR_LIMIT;
    sip_splice_write_head(w, sip_splice_head(msg, patches->first, edits));
    write_str(w, STR("\r\n"));
    sip_splice_write_body(w, sip_splice_body(msg, edits));
    return writer_finish(w, &text);
}
