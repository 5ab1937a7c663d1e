/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as OpenSER's global parameters describe it. */
#include "host/settings.h"

/* A parameter sets a word of the profile of servers, of clients, or of both. */
static const struct {
    const char *name;
    struct str key;
    bool of_server, of_client;
} rows[] = {
    { "tls_method", STR_INIT("method"), true, true },
    { "tls_certificate", STR_INIT("certificate"), true, true },
    { "tls_private_key", STR_INIT("private_key"), true, true },
    { "tls_ca_list", STR_INIT("ca_list"), true, true },
    { "tls_ciphers_list", STR_INIT("cipher_list"), true, true },
    { "tls_verify", STR_INIT("verify_certificate"), true, true },
    { "tls_verify_client", STR_INIT("verify_certificate"), true, false },
    { "tls_verify_server", STR_INIT("verify_certificate"), false, true },
    { "tls_require_client_certificate", STR_INIT("require_certificate"), true, false },
    { "tls_require_certificate", STR_INIT("require_certificate"), true, false },
};

void tls_settings_init(struct tls_settings *tls)
{
    *tls = (struct tls_settings){ 0 };
    tls->server = (struct tls_profile){ .where = STR("tls_certificate"),
                                        .verify_depth = 9,
                                        .verifies_peer = true,
                                        .requires_peer = true };
    tls->client = (struct tls_profile){ .where = STR("the TLS settings for clients"),
                                        .is_client = true,
                                        .verify_depth = 9,
                                        .verifies_peer = true };
}

static enum err set_in(struct tls_profile *profile, struct str key, struct str value,
                       const struct script_place *place)
{
    char why[256];
    struct writer w = writer_over(why, sizeof why);
    enum err err = tls_profile_set(profile, key, value, &w);
    struct str text = writer_text(&w);

    if (err)
        script_complain(place, STR_FMT, STR_ARG(text));
    return err;
}

/* ERR_NOT_FOUND without a word: no such parameter. */
static enum err set_by_name(struct tls_profile *server, struct tls_profile *client, struct str name,
                            struct str value, const struct script_place *place)
{
    enum err err = ERR_NONE;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!str_eq(name, str_of(rows[i].name)))
            continue;
        if (server && rows[i].of_server)
            err = set_in(server, rows[i].key, value, place);
        if (!err && client && rows[i].of_client)
            err = set_in(client, rows[i].key, value, place);
        return err;
    }
    return ERR_NOT_FOUND;
}

enum err tls_settings_set(struct settings *settings, const struct script_setting *setting,
                          const struct script_place *place)
{
    struct str value;

    if (value_to_str(&settings->arena, &setting->values[0], &value) ||
        str_copy(&settings->arena, value, &value))
        return ERR_NOMEM;
    settings->tls.is_used = true;
    return set_by_name(&settings->tls.server, &settings->tls.client, setting->name, value, place);
}

/* ---- domains ---- */

static bool is_between(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';' || c == '{' || c == '}';
}

static void skip_between(struct str *rest)
{
    while (rest->len && is_between(rest->ptr[0]))
        *rest = str_skip(*rest, 1);
}

static struct str take_name(struct str *rest)
{
    size_t len = 0;
    struct str name;

    while (len < rest->len && !is_between(rest->ptr[len]) && rest->ptr[len] != '=')
        len++;
    name = (struct str){ rest->ptr, len };
    *rest = str_skip(*rest, len);
    return name;
}

/* "text" or a word; false at anything else. */
static bool take_value(struct str *rest, struct str *out)
{
    struct str quoted;

    skip_between(rest);
    if (rest->len && rest->ptr[0] == '"') {
        if (!str_split(str_skip(*rest, 1), '"', &quoted, rest))
            return false;
        *out = quoted;
        return true;
    }
    *out = take_name(rest);
    return out->len > 0;
}

static enum err read_block(struct tls_profile *profile, struct str block,
                           const struct script_place *place)
{
    struct tls_profile *server = profile->is_client ? NULL : profile;
    struct tls_profile *client = profile->is_client ? profile : NULL;

    for (skip_between(&block); block.len; skip_between(&block)) {
        struct str name = take_name(&block), value;
        enum err err;

        skip_between(&block);
        if (!name.len || !block.len || block.ptr[0] != '=') {
            script_complain(place, "a TLS domain is a list of name = value");
            return ERR_SYNTAX;
        }
        block = str_skip(block, 1);
        if (!take_value(&block, &value)) {
            script_complain(place, "\"" STR_FMT "\" of a TLS domain has no value", STR_ARG(name));
            return ERR_SYNTAX;
        }
        err = set_by_name(server, client, name, value, place);
        if (err == ERR_NOT_FOUND)
            script_complain(place, "there is no \"" STR_FMT "\" in a TLS domain", STR_ARG(name));
        if (err)
            return err;
    }
    return ERR_NONE;
}

/* An address, or the name of the domain: what clients ask for, what peers are dialled as. */
static void set_domain(struct tls_profile *profile, struct str text)
{
    if (addr_parse(text, &profile->addr)) {
        profile->addr.family = ADDR_NONE;
        profile->name = text;
    }
}

enum err tls_settings_add_domain(struct settings *settings, const struct script_setting *setting,
                                 const struct script_place *place)
{
    struct tls_settings *tls = &settings->tls;
    bool is_client = str_eq(setting->name, STR("tls_client_domain"));
    struct tls_profile profile = is_client ? tls->client : tls->server;
    struct str name, block;

    if (setting->value_count != 2 || tls->domain_count == TLS_DOMAINS_MAX) {
        script_complain(place, "at most %d TLS domains, each a name and a block", TLS_DOMAINS_MAX);
        return ERR_LIMIT;
    }
    if (str_copy(&settings->arena, setting->values[0].text, &name) ||
        str_copy(&settings->arena, setting->values[1].text, &block) ||
        str_print(&settings->arena, &profile.where, STR_FMT "[" STR_FMT "]", STR_ARG(setting->name),
                  STR_ARG(name)))
        return ERR_NOMEM;
    set_domain(&profile, name);
    tls->is_used = true;
    tls->domains[tls->domain_count++] = profile;
    return read_block(&tls->domains[tls->domain_count - 1], block, place);
}

enum err tls_settings_list(const struct tls_settings *tls, struct arena *arena,
                           const struct tls_profile **out, unsigned *count)
{
    struct tls_profile *list = arena_alloc(arena, (TLS_DOMAINS_MAX + 2) * sizeof *list);
    unsigned n = 0;

    if (!list)
        return ERR_NOMEM;
    if (tls->server.certificate.len)
        list[n++] = tls->server;
    list[n++] = tls->client;
    for (unsigned i = 0; i < tls->domain_count; i++)
        list[n++] = tls->domains[i];
    *out = list;
    *count = n;
    return ERR_NONE;
}
