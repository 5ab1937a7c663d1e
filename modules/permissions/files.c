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

static enum err load(struct module *module, struct str name, struct str suffix, struct rules **out)
{
    const char *path;
    enum err err = permissions_path(module, module_arena(module), name, suffix, &path);

    return err ? err : rules_load(path, out);
}

static bool has_rules(const struct permissions *permissions, int backend)
{
    return (permissions->load_backends & backend) != 0;
}

static enum err load_named(struct module *module, struct rule_files *files)
{
    const struct permissions *permissions = module_state(module);
    enum err err = ERR_NONE;

    if (has_rules(permissions, files->is_deny ? BACKEND_DENY : BACKEND_ALLOW))
        err = load(module, files->name, STR(""), &files->itself);
    if (!err && !files->is_deny && has_rules(permissions, BACKEND_ALLOW))
        err = load(module, files->name, permissions->allow_suffix, &files->allow);
    if (!err && !files->is_deny && has_rules(permissions, BACKEND_DENY))
        err = load(module, files->name, permissions->deny_suffix, &files->deny);
    return err;
}

enum err permissions_load_files(struct module *module)
{
    struct permissions *permissions = module_state(module);
    enum err err = ERR_NONE;

    if (has_rules(permissions, BACKEND_ALLOW))
        err = load(module, permissions->default_allow_file, STR(""), &permissions->defaults.allow);
    if (!err && has_rules(permissions, BACKEND_DENY))
        err = load(module, permissions->default_deny_file, STR(""), &permissions->defaults.deny);
    for (struct rule_files *files = permissions->files; files && !err; files = files->next)
        err = load_named(module, files);
    return err;
}

static void drop(struct rule_files *files)
{
    rules_destroy(files->itself);
    rules_destroy(files->allow);
    rules_destroy(files->deny);
}

void permissions_drop_files(struct permissions *permissions)
{
    drop(&permissions->defaults);
    for (struct rule_files *files = permissions->files; files; files = files->next)
        drop(files);
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
