/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts and modules attach to a dialog. */
#include <stdlib.h>

#include "dialog/dialogs.h"

static struct dialog_note **link_of(struct dialog *dialog, const void *owner, struct str key)
{
    struct dialog_note **link = &dialog->notes;

    while (*link && !((*link)->owner == owner && str_eq((*link)->key, key)))
        link = &(*link)->next;
    return link;
}

struct dialog_note *dialog_find_note(const struct dialog *dialog, const void *owner, struct str key)
{
    for (struct dialog_note *note = dialog->notes; note; note = note->next)
        if (note->owner == owner && str_eq(note->key, key))
            return note;
    return NULL;
}

static struct dialog_note *note_create(const void *owner, struct str key, struct str value)
{
    struct dialog_note *note = malloc(sizeof *note + key.len + value.len);
    char *text;

    if (!note)
        return NULL;
    text = (char *)(note + 1);
    if (key.len)
        memcpy(text, key.ptr, key.len);
    if (value.len)
        memcpy(text + key.len, value.ptr, value.len);
    *note = (struct dialog_note){
        .owner = owner,
        .key = { text, key.len },
        .value = { text + key.len, value.len },
    };
    return note;
}

static unsigned count_notes(const struct dialog *dialog)
{
    unsigned count = 0;

    for (const struct dialog_note *note = dialog->notes; note; note = note->next)
        count++;
    return count;
}

enum err dialog_set_note(struct dialog *dialog, const void *owner, struct str key, struct str value)
{
    struct dialog_note **link = link_of(dialog, owner, key), *old = *link, *note;

    if (key.len + value.len > DIALOG_NOTE_SIZE_MAX ||
        (!old && count_notes(dialog) >= DIALOG_NOTES_MAX))
        return ERR_LIMIT;
    note = note_create(owner, key, value);
    if (!note)
        return ERR_NOMEM;
    note->next = old ? old->next : NULL;
    *link = note;
    free(old);
    return ERR_NONE;
}

bool dialog_remove_note(struct dialog *dialog, const void *owner, struct str key)
{
    struct dialog_note **link = link_of(dialog, owner, key), *note = *link;

    if (!note)
        return false;
    *link = note->next;
    free(note);
    return true;
}
