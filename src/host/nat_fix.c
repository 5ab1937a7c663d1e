/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/nat.h>

enum {
    HOSTPORT_MAX = 64,
};

struct str nat_hostport(const struct sip_uri *uri)
{
    const char *end = uri->host.ptr + uri->host.len;
    const char *limit = uri->text.ptr + uri->text.len;

    if (uri->has_port) {
        end++;
        while (end < limit && *end >= '0' && *end <= '9')
            end++;
    }
    return str_between(uri->host.ptr, end);
}

static bool is_edited(const struct sip_edits *edits, struct str text)
{
    for (const struct sip_edit *edit = edits->first; edit; edit = edit->next) {
        if (edit->cut > 0 && edit->at <= text.ptr && text.ptr < edit->at + edit->cut)
            return true;
    }
    return false;
}

/* ;maddr= would lead past the new host. */
static enum err drop_maddr(struct run *run, const struct sip_uri *uri)
{
    struct sip_param maddr;
    const char *end;

    if (!sip_param_find(uri->params, STR("maddr"), &maddr))
        return ERR_NONE;
    end = maddr.has_value ? maddr.value.ptr + maddr.value.len : maddr.name.ptr + maddr.name.len;
    return sip_edit_replace(run->edits, run->msg, str_between(maddr.name.ptr - 1, end), STR(""));
}

enum err nat_fix_contact(struct run *run)
{
    struct sip_nameaddr contact;
    char buffer[HOSTPORT_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str text;
    enum err err;

    if (!nat_find_contact(run->msg, &contact))
        return ERR_NOT_FOUND;
    if (is_edited(run->edits, contact.uri.host))
        return ERR_EXISTS;
    addr_write(&w, &run->source.peer);
    err = str_copy(run->arena, writer_text(&w), &text);
    if (!err)
        err = sip_edit_replace(run->edits, run->msg, nat_hostport(&contact.uri), text);
    return err ? err : drop_maddr(run, &contact.uri);
}
