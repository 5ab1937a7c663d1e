/* SPDX-License-Identifier: Apache-2.0 */
/* Reloading, looking into the tables, trying a rule. */
#include "permissions.h"

/* ---- reloading ---- */

static enum err reload(struct module *module, struct command *command, msec read_at, const char *table,
                       enum err (*read)(struct module *module))
{
    const struct permissions *permissions = module_state(module);
    enum err err;

    if (server_now(module_server(module)) < read_at + (msec)permissions->reload_delta * 1000)
        return command_fail(command, ERR_NOT_NOW, "%s were read less than %d seconds ago (reload_delta)",
                            table, (int)permissions->reload_delta);
    err = read(module);
    return err ? command_fail(command, err, "%s cannot be read: %s", table, err_name(err)) : ERR_NONE;
}

static enum err reload_addresses(struct module *module, struct command *command)
{
    const struct permissions *permissions = module_state(module);

    return reload(module, command, permissions->addresses_read_at, "the addresses",
                  permissions_reload_addresses);
}

static enum err reload_trusted(struct module *module, struct command *command)
{
    const struct permissions *permissions = module_state(module);

    return reload(module, command, permissions->trusted_read_at, "the trusted peers",
                  permissions_reload_trusted);
}

/* ---- looking ---- */

static void show_address(struct command *command, const struct address *row)
{
    command_open_object(command, "");
    command_number(command, "group", row->group);
    command_text(command, row->addr.family ? "ip" : "domain", row->name);
    if (row->addr.family)
        command_number(command, "mask", row->bits);
    command_number(command, "port", row->port);
    command_text(command, "tag", row->tag);
    command_close(command);
}

enum part {
    PART_SINGLE,
    PART_NETWORKS,
    PART_NAMES,
};

static enum err dump_addresses(struct module *module, struct command *command, enum part part)
{
    struct permissions *permissions = module_state(module);
    const struct address_list *list;

    command_open_list(command, "addresses");
    pthread_rwlock_rdlock(&permissions->lock);
    if ((list = permissions->addresses)) {
        const size_t bounds[] = { 0, list->networks_at, list->names_at, list->count };
        for (size_t i = bounds[part]; i < bounds[part + 1]; i++)
            show_address(command, &list->rows[i]);
    }
    pthread_rwlock_unlock(&permissions->lock);
    command_close(command);
    return ERR_NONE;
}

static enum err dump_single(struct module *module, struct command *command)
{
    return dump_addresses(module, command, PART_SINGLE);
}

static enum err dump_networks(struct module *module, struct command *command)
{
    return dump_addresses(module, command, PART_NETWORKS);
}

static enum err dump_names(struct module *module, struct command *command)
{
    return dump_addresses(module, command, PART_NAMES);
}

static void show_trusted(struct command *command, const struct trusted *row)
{
    char buffer[ADDR_TEXT_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);

    addr_write_ip(&w, &row->addr, false);
    command_open_object(command, "");
    command_text(command, "ip", writer_text(&w));
    command_text(command, "proto", row->proto);
    command_text(command, "pattern", row->from_text);
    command_text(command, "ruri_pattern", row->ruri_text);
    command_text(command, "tag", row->tag);
    command_number(command, "priority", row->priority);
    command_close(command);
}

static enum err dump_trusted(struct module *module, struct command *command)
{
    struct permissions *permissions = module_state(module);

    command_open_list(command, "trusted");
    pthread_rwlock_rdlock(&permissions->lock);
    for (size_t i = 0; permissions->trusted && i < permissions->trusted->count; i++)
        show_trusted(command, &permissions->trusted->rows[i]);
    pthread_rwlock_unlock(&permissions->lock);
    command_close(command);
    return ERR_NONE;
}

/* ---- trying ---- */

static enum err try_files(struct module *module, struct arena *arena, struct command *command, bool *out)
{
    const struct permissions *permissions = module_state(module);
    struct rules *allow = NULL, *deny = NULL;
    const char *allow_path, *deny_path;
    struct str to;
    enum err err;

    if (!(err = permissions_plain_uri(arena, command_arg(command, 2), &to)) &&
        !(err = permissions_path(module, arena, command_arg(command, 0), permissions->allow_suffix, &allow_path)) &&
        !(err = permissions_path(module, arena, command_arg(command, 0), permissions->deny_suffix, &deny_path)) &&
        !(err = rules_load(allow_path, &allow)) && !(err = rules_load(deny_path, &deny)))
        *out = permissions_allow(allow, deny, command_arg(command, 1), to);
    rules_destroy(allow);
    rules_destroy(deny);
    return err;
}

/* The files as they are now, which may be newer than those of the script. */
static enum err try_uri(struct module *module, struct command *command)
{
    struct arena arena;
    bool is_allowed = false;
    enum err err;

    if (command_arg_count(command) != 3)
        return command_fail(command, ERR_SYNTAX, "wanted: base of the files, URI, Contact");
    arena_init(&arena, NULL, 65536);
    err = try_files(module, &arena, command, &is_allowed);
    arena_fini(&arena);
    if (err)
        return command_fail(command, err, "the Contact is no URI, or a file cannot be read: %s", err_name(err));
    command_text(command, "result", is_allowed ? STR("Allowed") : STR("Denied"));
    return ERR_NONE;
}

#define RELOAD_ADDRESSES "", "Reads the groups of addresses again.", reload_addresses
#define RELOAD_TRUSTED "", "Reads the trusted peers again.", reload_trusted
#define DUMP_ADDRESSES "", "Lists the single addresses.", dump_single
#define DUMP_NETWORKS "", "Lists the networks.", dump_networks
#define DUMP_TRUSTED "", "Lists the trusted peers.", dump_trusted
#define TRY "base uri contact", "Says whether the files let the URI register or reach the Contact.", try_uri

const struct mod_command permissions_commands[] = {
    { "permissions.addressReload", RELOAD_ADDRESSES },
    { "permissions.addressDump", DUMP_ADDRESSES },
    { "permissions.subnetDump", DUMP_NETWORKS },
    { "permissions.domainDump", "", "Lists the names among the addresses.", dump_names },
    { "permissions.trustedReload", RELOAD_TRUSTED },
    { "permissions.trustedDump", DUMP_TRUSTED },
    { "permissions.testUri", TRY },
    { "permissions.allowUri", TRY },
    { "address_reload", RELOAD_ADDRESSES },
    { "address_dump", DUMP_ADDRESSES },
    { "subnet_dump", DUMP_NETWORKS },
    { "trusted_reload", RELOAD_TRUSTED },
    { "trusted_dump", DUMP_TRUSTED },
    { "allow_uri", TRY },
    { 0 },
};
