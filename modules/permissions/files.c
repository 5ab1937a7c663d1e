/* SPDX-License-Identifier: Apache-2.0 */
/* Which files of rules the script names, and what they say. */
#include "permissions.h"

#include <stdlib.h>

enum err permissions_path(struct module *module, struct arena *arena, struct str name,
                          struct str suffix, const char **out)
{
    struct str folder = server_script_folder(module_server(module)), path;
    bool is_relative = !str_starts(name, STR("/")) && !str_starts(name, STR("."));
    enum err err = str_print(arena, &path, STR_FMT STR_FMT STR_FMT "%c",
                             STR_ARG(is_relative ? folder : STR("")), STR_ARG(name),
                             STR_ARG(suffix), 0);

    if (!err)
        *out = path.ptr;
    return err;
}

static enum err load(struct module *module, struct arena *arena, struct str name,
                     struct str suffix, struct rules **out)
{
    const char *path;
    enum err err = permissions_path(module, arena, name, suffix, &path);

    return err ? err : rules_load(path, out);
}

static bool has_rules(const struct permissions *permissions, int backend)
{
    return (permissions->load_backends & backend) != 0;
}

enum err permissions_load_named(struct module *module, struct rule_files *files)
{
    const struct permissions *permissions = module_state(module);
    enum err err = ERR_NONE;

    if (has_rules(permissions, files->is_deny ? BACKEND_DENY : BACKEND_ALLOW))
        err = load(module, files->arena, files->name, STR(""), &files->itself);
    if (!err && !files->is_deny && has_rules(permissions, BACKEND_ALLOW))
        err = load(module, files->arena, files->name, permissions->allow_suffix, &files->allow);
    if (!err && !files->is_deny && has_rules(permissions, BACKEND_DENY))
        err = load(module, files->arena, files->name, permissions->deny_suffix, &files->deny);
    return err;
}

enum err permissions_load_files(struct module *module)
{
    struct permissions *permissions = module_state(module);
    struct arena *arena = module_arena(module);
    enum err err = ERR_NONE;

    if (has_rules(permissions, BACKEND_ALLOW))
        err = load(module, arena, permissions->default_allow_file, STR(""), &permissions->defaults.allow);
    if (!err && has_rules(permissions, BACKEND_DENY))
        err = load(module, arena, permissions->default_deny_file, STR(""), &permissions->defaults.deny);
    for (; permissions->files && !err; permissions->files = permissions->files->next)
        err = permissions_load_named(module, permissions->files);
    return err;
}

void permissions_drop_named(void *context)
{
    struct rule_files *files = context;

    rules_destroy(files->itself);
    rules_destroy(files->allow);
    rules_destroy(files->deny);
}

void permissions_drop_files(struct permissions *permissions)
{
    permissions_drop_named(&permissions->defaults);
}

bool permissions_allow(const struct rules *allow, const struct rules *deny, struct str from,
                       struct str to)
{
    return rules_match(allow, from, to) || !rules_match(deny, from, to);
}

enum err permissions_plain_uri(struct arena *arena, struct str text, struct str *out)
{
    struct sip_uri uri;
    enum err err = sip_uri_parse(text, &uri);

    if (err || uri.scheme == URI_OTHER)
        return ERR_SYNTAX;
    return str_print(arena, out, "sip:" STR_FMT "%s" STR_FMT, STR_ARG(uri.user),
                     uri.user.len && uri.host.len ? "@" : "", STR_ARG(uri.host));
}
