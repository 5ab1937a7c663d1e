/* SPDX-License-Identifier: Apache-2.0 */
/* $sbranch(): a target that is put together field by field before it joins the set. */
#include "pv.h"

static struct target *target_of(struct run *run, const struct module *module)
{
    const struct pv *pv = module_state(module);
    struct target *target = run->request->slots[pv->slot];

    if (!target) {
        target = arena_zalloc(&run->request->arena, sizeof *target);
        run->request->slots[pv->slot] = target;
        if (target)
            *target = (struct target){ .q = -1, .socket = SOCKET_ANY };
    }
    return target;
}

FUNCTION(sbranch_reset)
{
    struct target *target = target_of(call->run, call->module);

    if (!target)
        return VERDICT_ERROR;
    *target = (struct target){ .q = -1, .socket = SOCKET_ANY };
    return VERDICT_TRUE;
}

FUNCTION(sbranch_append)
{
    const struct target *target = target_of(call->run, call->module);

    if (!target || str_is_empty(target->uri))
        return VERDICT_FALSE;
    return verdict_of(request_add_target(call->run->request, target));
}

FUNCTION(sbranch_set_ruri)
{
    const struct target *target = target_of(call->run, call->module);

    if (!target || str_is_empty(target->uri) || run_set_uri(call->run, target->uri))
        return VERDICT_FALSE;
    *run_target(call->run) = *target;
    return VERDICT_TRUE;
}

static const struct {
    const char *name;
    size_t offset;
} text_fields[] = {
    { "uri", offsetof(struct target, uri) },
    { "dst_uri", offsetof(struct target, dst_uri) },
    { "path", offsetof(struct target, path) },
    { "ruid", offsetof(struct target, ruid) },
    { "instance", offsetof(struct target, instance) },
    { "location_ua", offsetof(struct target, user_agent) },
};

static struct str *find_text(struct target *target, struct str name)
{
    for (size_t i = 0; i < sizeof text_fields / sizeof *text_fields; i++) {
        if (str_eq(name, str_of(text_fields[i].name)))
            return (struct str *)(void *)((char *)target + text_fields[i].offset);
    }
    return NULL;
}

enum err pv_get_sbranch(const struct variable_use *use, struct value *out)
{
    struct target *target = target_of(use->run, use->module);
    const struct str *text = target ? find_text(target, use->inner) : NULL;

    if (!target)
        return ERR_NOMEM;
    if (text)
        *out = text->len ? value_of_str(*text) : value_null();
    else if (str_eq(use->inner, STR("q")))
        *out = value_of_int(target->q);
    else if (str_eq(use->inner, STR("flags")))
        *out = value_of_int(target->bflags);
    else
        *out = value_null();
    return ERR_NONE;
}

enum err pv_set_sbranch(const struct variable_use *use, const struct value *value)
{
    struct target *target = target_of(use->run, use->module);
    struct str *field = target ? find_text(target, use->inner) : NULL, text;
    struct arena *arena = &use->run->request->arena;
    int64_t number = value->number;
    enum err err;

    if (!target)
        return ERR_NOMEM;
    if (field) {
        err = value_to_str(arena, value, &text);
        return err ? err : str_copy(arena, text, field);
    }
    if (!value->has_number && str_to_int(value->text, INT32_MIN, UINT32_MAX, &number))
        return ERR_SYNTAX;
    if (str_eq(use->inner, STR("q")))
        target->q = (int)number;
    else if (str_eq(use->inner, STR("flags")))
        target->bflags = (uint32_t)number;
    else
        return ERR_UNSUPPORTED;
    return ERR_NONE;
}
