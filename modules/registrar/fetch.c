/* SPDX-License-Identifier: Apache-2.0 */
/* reg_fetch_contacts() keeps the bindings of a URI under a name; $ulc(name=>attribute) reads them. */
#include "registrar.h"

struct profile {
    struct profile *next;
    struct str name;
    struct str aor;
    struct binding *bindings;
    unsigned count;
};

static struct profile *find_profile(const struct registrar_note *note, struct str name)
{
    struct profile *profile = note ? note->profiles : NULL;

    while (profile && !str_eq(profile->name, name))
        profile = profile->next;
    return profile;
}

static struct profile *make_profile(struct call *call, struct str name)
{
    struct registrar_note *note = registrar_note(call);
    struct arena *arena = &call->run->request->arena;
    struct profile *profile = find_profile(note, name);

    if (profile || !note)
        return profile;
    profile = arena_zalloc(arena, sizeof *profile);
    if (!profile || str_copy(arena, name, &profile->name))
        return NULL;
    profile->next = note->profiles;
    note->profiles = profile;
    return profile;
}

/* reg_fetch_contacts(table, uri, profile) */
static enum verdict fetch(struct call *call)
{
    struct profile *profile = make_profile(call, call->args[2].value.text);
    struct str uri = call->args[1].value.text, aor;

    if (!profile)
        return VERDICT_ERROR;
    profile->count = 0;
    if (registrar_find(call, registrar_table(call), uri, &profile->bindings, &profile->count))
        return VERDICT_FALSE;
    aor = profile->bindings[0].aor;
    return verdict_of(str_copy(&call->run->request->arena, aor, &profile->aor));
}

enum verdict registrar_fetch(struct call *call)
{
    return registrar_with_rows(call, fetch);
}

enum verdict registrar_free(struct call *call)
{
    struct profile *profile = find_profile(registrar_note(call), call->args[0].value.text);

    if (profile)
        profile->count = 0;
    return VERDICT_TRUE;
}

enum err registrar_show(const struct registrar *registrar, struct request *request, struct str name,
                        struct binding *binding)
{
    struct registrar_note *note = arena_zalloc(&request->arena, sizeof *note);
    struct profile *profile = arena_zalloc(&request->arena, sizeof *profile);

    if (!note || !profile)
        return ERR_NOMEM;
    *profile = (struct profile){ .name = name, .aor = binding->aor, .bindings = binding, .count = 1 };
    note->profiles = profile;
    request->slots[registrar->slot] = note;
    return ERR_NONE;
}

/* ---- $ulc ---- */

struct fact {
    const struct variable_use *use;
    const struct profile *profile;
    const struct binding *binding;
};

static struct value text_or_null(struct str text)
{
    return str_is_empty(text) ? value_null() : value_of_str(text);
}

#define TEXT_FACT(name, field)                                     \
    static struct value give_##name(const struct fact *fact)       \
    {                                                              \
        return text_or_null(fact->binding->field);                 \
    }
#define NUMBER_FACT(name, expression)                              \
    static struct value give_##name(const struct fact *fact)       \
    {                                                              \
        const struct binding *b = fact->binding;                   \
                                                                   \
        return value_of_int((int64_t)(expression));                \
    }

TEXT_FACT(addr, contact)
TEXT_FACT(path, path)
TEXT_FACT(received, received)
TEXT_FACT(callid, call_id)
TEXT_FACT(user_agent, user_agent)
TEXT_FACT(ruid, ruid)
TEXT_FACT(instance, instance)
NUMBER_FACT(q, b->q)
NUMBER_FACT(cseq, b->cseq)
NUMBER_FACT(flags, b->flags)
NUMBER_FACT(cflags, b->cflags)
NUMBER_FACT(methods, b->methods)
NUMBER_FACT(regid, b->reg_id)
NUMBER_FACT(conid, b->flow.connection)

static struct value give_aor(const struct fact *fact)
{
    return value_of_str(fact->profile->aor);
}

static struct value give_domain(const struct fact *fact)
{
    return text_or_null(fact->binding->table);
}

static struct value give_count(const struct fact *fact)
{
    return value_of_int(fact->profile->count);
}

/* There is one server, and its hash of an address-of-record is nobody's business. */
static struct value give_zero(const struct fact *fact)
{
    (void)fact;
    return value_of_int(0);
}

static int64_t wall_time(const struct fact *fact, msec when)
{
    struct run *run = fact->use->run;

    return (int64_t)run_wall_clock(run) + ((int64_t)when - (int64_t)run_now(run)) / 1000;
}

static struct value give_expires(const struct fact *fact)
{
    msec at = fact->binding->expires_at;

    return value_of_int(at == BINDING_FOREVER ? 0 : wall_time(fact, at));
}

static struct value give_modified(const struct fact *fact)
{
    return value_of_int(wall_time(fact, fact->binding->updated_at));
}

static struct value give_socket(const struct fact *fact)
{
    unsigned count;
    const struct listener *listeners = server_listeners(run_server(fact->use->run), &count);
    uint16_t socket = fact->binding->flow.socket;

    return socket < count ? value_of_str(listeners[socket].name) : value_null();
}

static const struct {
    struct str name;
    struct value (*give)(const struct fact *fact);
} facts[] = {
    { STR_INIT("aor"), give_aor },
    { STR_INIT("domain"), give_domain },
    { STR_INIT("aorhash"), give_zero },
    { STR_INIT("addr"), give_addr },
    { STR_INIT("path"), give_path },
    { STR_INIT("received"), give_received },
    { STR_INIT("expires"), give_expires },
    { STR_INIT("callid"), give_callid },
    { STR_INIT("q"), give_q },
    { STR_INIT("cseq"), give_cseq },
    { STR_INIT("flags"), give_flags },
    { STR_INIT("cflags"), give_cflags },
    { STR_INIT("user_agent"), give_user_agent },
    { STR_INIT("socket"), give_socket },
    { STR_INIT("modified"), give_modified },
    { STR_INIT("methods"), give_methods },
    { STR_INIT("count"), give_count },
    { STR_INIT("ruid"), give_ruid },
    { STR_INIT("regid"), give_regid },
    { STR_INIT("instance"), give_instance },
    { STR_INIT("conid"), give_conid },
    { STR_INIT("server_id"), give_zero },
};

/* "profile=>attribute" */
static bool split_inner(struct str inner, struct str *name, struct str *attribute)
{
    const char *arrow = str_find(inner, STR("=>"));

    if (!arrow)
        return false;
    *name = str_trim(str_between(inner.ptr, arrow));
    *attribute = str_trim(str_between(arrow + 2, inner.ptr + inner.len));
    return true;
}

static const struct binding *chosen(const struct profile *profile, const struct variable_use *use)
{
    int index = use->has_index ? use->index : 0;

    if (index < 0)
        index += (int)profile->count;
    return index >= 0 && index < (int)profile->count ? &profile->bindings[index] : NULL;
}

enum err registrar_get_ulc(const struct variable_use *use, struct value *out)
{
    const struct registrar *registrar = module_state(use->module);
    struct fact fact = { .use = use };
    struct str name, attribute;

    *out = value_null();
    if (!split_inner(use->inner, &name, &attribute) ||
        !(fact.profile = find_profile(use->run->request->slots[registrar->slot], name)))
        return ERR_NONE;
    fact.binding = chosen(fact.profile, use);
    for (size_t i = 0; fact.binding && i < sizeof facts / sizeof facts[0]; i++)
        if (str_eq(facts[i].name, attribute))
            *out = facts[i].give(&fact);
    return ERR_NONE;
}
