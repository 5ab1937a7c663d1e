/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a message as the script has changed it so far, part by part. */
#include <culvert/multipart.h>

#include "host/host.h"

/* What has been changed in run->msg: by the request's routes, and by those of this branch alone. */
static enum err current_body(const struct run *run, struct run_part *out)
{
    bool is_request = run->msg->is_request;
    const struct sip_edits *const edits[2] = { is_request ? &run->request->edits : run->edits,
                                               is_request ? run->edits : NULL };

    out->body = sip_msg_body(run->msg);
    out->is_received = !edits[0]->has_body && !(edits[1] && edits[1]->has_body);
    return out->is_received ? ERR_NONE : sip_edits_body(run->msg, edits, &out->body.text);
}

enum err run_find_part(const struct run *run, struct str type, struct run_part *out)
{
    enum err err = current_body(run, out);

    return err ? err : sip_body_find(&out->body, type, &out->part);
}

enum err run_set_part(struct run *run, const struct run_part *part, struct str content)
{
    size_t size = part->body.text.len + content.len + 32;
    struct writer w;
    struct str text;
    char *room;

    if (part->is_received)
        return sip_edit_set_part(run->edits, run->msg, &part->part, content);
    room = arena_alloc(run->arena, size);
    if (!room)
        return ERR_NOMEM;
    w = writer_over(room, size);
    sip_body_write(&w, &part->body, &part->part, content);
    return writer_finish(&w, &text) ? ERR_LIMIT : sip_edit_set_body(run->edits, run->msg, text);
}
