/* SPDX-License-Identifier: Apache-2.0 */
/* From a URI to bindings: an address-of-record has all of them, a GRUU those of one instance. */
#include "registrar.h"

#include <culvert/gruu.h>

struct str registrar_instance_id(struct str instance)
{
    if (instance.len > 2 && instance.ptr[0] == '<' && instance.ptr[instance.len - 1] == '>')
        return (struct str){ instance.ptr + 1, instance.len - 2 };
    return instance;
}

/* Leaves those of the instance, in order; a UUID is the same in any case of letters. */
static enum err keep_instance(struct str instance, struct binding *bindings, unsigned *count)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < *count; i++)
        if (str_ieq(registrar_instance_id(bindings[i].instance), instance))
            bindings[kept++] = bindings[i];
    *count = kept;
    return kept ? ERR_NONE : ERR_NOT_FOUND;
}

/* usrloc.desc_time_order; otherwise they come by q, and then by time. */
static void order_by_time(struct binding *bindings, unsigned count)
{
    for (unsigned i = 1; i < count; i++)
        for (unsigned j = i; j > 0 && bindings[j].updated_at > bindings[j - 1].updated_at; j--) {
            struct binding later = bindings[j];

            bindings[j] = bindings[j - 1];
            bindings[j - 1] = later;
        }
}

static enum err find_aor(struct call *call, struct str table, struct str aor,
                         struct binding **bindings, unsigned *count)
{
    struct server *server = run_server(call->run);
    enum err err = registrar_know(call, table, aor);

    if (err)
        return err;
    /* Targets point into what is found: it has to live as long as the request. */
    err = location_find(server_location(server), table, aor, run_now(call->run),
                        &call->run->request->arena, bindings, count);
    if (err == ERR_NOT_FOUND && registrar_is_unsure(call))
        return ERR_IO;
    if (!err && server_location_rules(server)->is_by_time)
        order_by_time(*bindings, *count);
    return err;
}

static enum err find_public(struct call *call, struct str table, struct str uri, struct str gruu,
                            struct binding **bindings, unsigned *count)
{
    struct str aor, instance;
    enum err err;

    if ((err = registrar_aor(call, uri, &aor)) ||
        (err = sip_unescape(call->run->arena, gruu, &instance)) ||
        (err = find_aor(call, table, aor, bindings, count)))
        return err;
    return keep_instance(instance, *bindings, count);
}

/* The binding that the GRUU was made for says whose it is; all flows of its instance count. */
static enum err find_temporary(struct call *call, struct str table, struct str user,
                               struct binding **bindings, unsigned *count)
{
    struct server *server = run_server(call->run);
    const uint8_t *secret = server_secret(server);
    char buffer[RUID_MAX];
    struct binding *made_for;
    struct str ruid;
    enum err err = gruu_read_ruid(user, secret, buffer, &ruid);

    if (!err)
        err = registrar_know_ruid(call, table, ruid);
    if (!err)
        err = location_find_ruid(server_location(server), ruid, run_now(call->run),
                                 call->run->arena, &made_for);
    if (err || !str_eq(made_for->table, table) || !gruu_is_for(user, secret, made_for))
        return ERR_NOT_FOUND;
    if ((err = find_aor(call, table, made_for->aor, bindings, count)))
        return err;
    return keep_instance(registrar_instance_id(made_for->instance), *bindings, count);
}

enum err registrar_find(struct call *call, struct str table, struct str text,
                        struct binding **bindings, unsigned *count)
{
    const struct registrar *registrar = module_state(call->module);
    struct sip_param gruu;
    struct sip_uri uri;
    struct str aor;
    enum err err;

    if (registrar->gruu_enabled && !sip_uri_parse(text, &uri) &&
        sip_param_find(uri.params, STR("gr"), &gruu))
        return str_is_empty(gruu.value)
                   ? find_temporary(call, table, uri.user, bindings, count)
                   : find_public(call, table, text, gruu.value, bindings, count);
    err = registrar_aor(call, text, &aor);
    return err ? err : find_aor(call, table, aor, bindings, count);
}
