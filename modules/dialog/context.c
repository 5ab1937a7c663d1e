/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts say things of a dialog before there is one: variables, profiles, what a timeout does. They
 * are kept with the request, and given to the dialog when it is made.
 */
#include "dialog.h"

struct context *context_of(const struct module *module, struct run *run)
{
    const struct dialog_module *state = module_state(module);
    struct request *request = run->request;
    struct context *context = request->slots[state->slot];

    if (context)
        return context;
    context = arena_zalloc(&request->arena, sizeof *context);
    if (context)
        context->timeout_bye = -1;
    request->slots[state->slot] = context;
    return context;
}

static void set_properties(struct run *run, struct dialog *dialog, const struct context *context)
{
    dialog->flags |= context->flags;
    if (context->timeout > 0)
        (void)!dialog_set_lifetime(run->worker, dialog, (msec)context->timeout * 1000);
    if (context->timeout_bye >= 0)
        dialog->sends_bye = context->timeout_bye != 0;
}

static bool is_profile(const struct dialog_module *state, const void *owner)
{
    for (unsigned i = 0; i < state->profile_count; i++)
        if (state->profiles[i] == owner)
            return true;
    return false;
}

static enum err give_note(const struct dialog_module *state, struct dialog *dialog,
                          const void *owner, struct str key, struct str value)
{
    bool is_new = !dialog_find_note(dialog, owner, key);
    enum err err = dialog_set_note(dialog, owner, key, value);

    if (!err && is_new && is_profile(state, owner))
        profile_count((struct profile *)(uintptr_t)owner, key, 1);
    return err;
}

enum err context_follow(const struct module *module, struct run *run)
{
    const struct dialog_module *state = module_state(module);
    struct context *context = context_of(module, run);
    enum err err = run_follow_dialog(run);
    struct dialog *dialog = run_dialog(run);

    if ((err && err != ERR_EXISTS) || !dialog || !context)
        return err ? err : ERR_NOMEM;
    set_properties(run, dialog, context);
    err = ERR_NONE;
    for (struct dialog_note *note = context->pending; note && !err; note = note->next)
        err = give_note(state, dialog, note->owner, note->key, note->value);
    context->pending = NULL;
    return err;
}

static struct dialog_note **find_pending(struct context *context, const void *owner, struct str key)
{
    struct dialog_note **link = &context->pending;

    while (*link && !((*link)->owner == owner && str_eq((*link)->key, key)))
        link = &(*link)->next;
    return link;
}

static enum err keep_note(struct context *context, struct arena *arena, const void *owner,
                          struct str key, struct str value)
{
    struct dialog_note **link = find_pending(context, owner, key);
    struct dialog_note *note = *link ? *link : arena_zalloc(arena, sizeof *note);

    if (!note || str_copy(arena, key, &note->key) || str_copy(arena, value, &note->value))
        return ERR_NOMEM;
    note->owner = owner;
    *link = note;
    return ERR_NONE;
}

enum err context_set_note(const struct module *module, struct run *run, const void *owner,
                          struct str key, struct str value)
{
    struct dialog *dialog = run_dialog(run);
    struct context *context = dialog ? NULL : context_of(module, run);

    if (dialog)
        return give_note(module_state(module), dialog, owner, key, value);
    return context ? keep_note(context, &run->request->arena, owner, key, value) : ERR_NOMEM;
}

bool context_remove_note(const struct module *module, struct run *run, const void *owner,
                         struct str key)
{
    const struct dialog_module *state = module_state(module);
    struct dialog *dialog = run_dialog(run);
    struct context *context = dialog ? NULL : context_of(module, run);
    struct dialog_note **link;

    if (dialog) {
        if (!dialog_remove_note(dialog, owner, key))
            return false;
        if (is_profile(state, owner))
            profile_count((struct profile *)(uintptr_t)owner, key, -1);
        return true;
    }
    link = context ? find_pending(context, owner, key) : NULL;
    if (!link || !*link)
        return false;
    *link = (*link)->next;
    return true;
}

bool context_find_note(const struct module *module, struct run *run, const void *owner,
                       struct str key, struct str *value)
{
    const struct dialog_module *state = module_state(module);
    struct dialog *dialog = run_dialog(run);
    struct context *context = run->request->slots[state->slot];
    const struct dialog_note *note = dialog    ? dialog_find_note(dialog, owner, key)
                                     : context ? *find_pending(context, owner, key)
                                               : NULL;

    if (!note)
        return false;
    *value = note->value;
    return true;
}
