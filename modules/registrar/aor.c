/* SPDX-License-Identifier: Apache-2.0 */
#include "registrar.h"

static void lower(struct str text)
{
    char *bytes = (char *)(uintptr_t)text.ptr;

    for (size_t i = 0; i < text.len; i++)
        bytes[i] = char_lower(bytes[i]);
}

static struct str domain_of(const struct registrar *registrar, const struct sip_uri *uri)
{
    return str_starts(uri->host, registrar->realm_prefix)
               ? str_skip(uri->host, registrar->realm_prefix.len)
               : uri->host;
}

/* The key is a copy of its own, so its letters may be changed in place. */
enum err registrar_aor(struct call *call, struct str text, struct str *out)
{
    const struct registrar *registrar = module_state(call->module);
    const struct location_rules *rules = server_location_rules(run_server(call->run));
    struct arena *arena = call->run->arena;
    struct str user, domain;
    struct sip_uri uri;
    enum err err = sip_uri_parse(text, &uri);

    if (!err)
        err = sip_unescape(arena, uri.user, &user);
    if (!err)
        err = str_copy(arena, user, &user);
    if (err)
        return err;
    if (!registrar->case_sensitive)
        lower(user);
    domain = domain_of(registrar, &uri);
    if (rules->use_domain || str_is_empty(user)) {
        if ((err = str_copy(arena, domain, &domain)))
            return err;
        lower(domain);
        err = str_is_empty(user) ? ERR_NONE
                                 : str_print(arena, &domain, STR_FMT "@" STR_FMT, STR_ARG(user),
                                             STR_ARG(domain));
        user = domain;
    }
    if (!err && user.len > AOR_BYTES_MAX)
        err = ERR_LIMIT;
    if (!err)
        *out = user;
    return err;
}
