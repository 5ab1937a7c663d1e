/* SPDX-License-Identifier: Apache-2.0 */
/* The first line is a Content-Type, the rest a body: its parts lie inside of it, in order, and one
 * can be changed. */
#include "fuzz.h"

#include <culvert/multipart.h>

static bool is_inside(struct str part, struct str whole)
{
    return part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len;
}

static void check_change(const struct sip_body *body, const struct sip_part *part)
{
    static char buffer[1 << 18];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_body changed = *body;
    struct sip_part again;

    sip_body_write(&w, body, part, STR("v=0\r\nsomething else"));
    must(!writer_finish(&w, &changed.text));
    must(changed.text.len + part->content.len + part->length.len >= body->text.len);
    if (!sip_body_find(&changed, STR("application/sdp"), &again))
        must(str_starts(again.content, STR("v=0\r\nsomething else")));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str text = { (const char *)bytes, size };
    struct sip_body body = { .text = text };
    struct sip_parts parts;
    struct sip_part part;
    const char *at = text.ptr;

    if (size > 1 << 16 || !str_split(text, '\n', &body.type, &body.text))
        return 0;
    if (!sip_body_split(body.type, body.text, &parts)) {
        must(parts.count <= SIP_PARTS_MAX && is_inside((struct str){ parts.end, 0 }, body.text));
        for (unsigned i = 0; i < parts.count; i++) {
            must(is_inside(parts.parts[i].span, body.text) && parts.parts[i].span.ptr >= at);
            must(is_inside(parts.parts[i].content, parts.parts[i].span));
            at = parts.parts[i].span.ptr + parts.parts[i].span.len;
        }
    }
    if (!sip_body_find(&body, STR("application/sdp"), &part))
        check_change(&body, &part);
    return 0;
}
