/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what: files of rules over From and Request-URI, trusted peers, groups of addresses.
 * Files are read at the start; tables are kept in memory, and no request waits for the database.
 */
#include "permissions.h"

/* ---- files of rules ---- */

/* Before the start the names are remembered: start() reads the files, where the server will run. */
static enum err take_files(struct module *module, struct rule_files *files)
{
    struct permissions *permissions = module_state(module);

    if (server_is_started(module_server(module)))
        return permissions_load_named(module, files);
    files->next = permissions->files;
    permissions->files = files;
    return ERR_NONE;
}

static enum err name_files(struct module *module, unsigned index, struct str text,
                           const struct script_place *place, const void **out)
{
    struct arena *arena = script_place_arena(place);
    struct rule_files *files = arena_zalloc(arena, sizeof *files);

    if (!files || str_copy(arena, text, &files->name) ||
        arena_at_end(arena, permissions_drop_named, files))
        return ERR_NOMEM;
    files->arena = arena;
    files->is_deny = index == 1;
    *out = files;
    return take_files(module, files);
}

struct rule_pair {
    const struct rules *allow, *deny;
};

/* No name: the default files; one: with both suffixes; two: those files. */
static struct rule_pair rules_of(const struct call *call, unsigned name_count)
{
    const struct permissions *permissions = module_state(call->module);
    const struct rule_files *first = name_count > 0 ? call->args[0].object : &permissions->defaults;

    if (name_count < 2)
        return (struct rule_pair){ first->allow, first->deny };
    return (struct rule_pair){ first->itself, ((const struct rule_files *)call->args[1].object)->itself };
}

static bool allows(const struct rule_pair *pair, struct str from, struct str to)
{
    return permissions_allow(pair->allow, pair->deny, from, to);
}

static bool allows_plain(struct run *run, const struct rule_pair *pair, struct str from, struct str uri)
{
    struct str plain;

    return !permissions_plain_uri(run->arena, uri, &plain) && allows(pair, from, plain);
}

static enum verdict allow_routing(struct call *call)
{
    const struct permissions *permissions = module_state(call->module);
    const struct request *request = call->run->request;
    struct rule_pair pair = rules_of(call, call->arg_count);
    struct str from = request->msg->from.uri.text;

    if (!allows_plain(call->run, &pair, from, run_target(call->run)->uri))
        return VERDICT_FALSE;
    for (unsigned i = 0; permissions->check_all_branches && i < request->extra_count; i++)
        if (!allows_plain(call->run, &pair, from, request->extra[i].uri))
            return VERDICT_FALSE;
    return VERDICT_TRUE;
}

static enum verdict allow_register(struct call *call)
{
    const struct sip_msg *msg = call->run->request->msg;
    struct sip_values values = sip_values_of(msg, SIP_HDR_CONTACT);
    struct rule_pair pair = rules_of(call, call->arg_count);

    while (sip_values_next(&values)) {
        struct sip_nameaddr contact;
        if (sip_nameaddr_parse(values.value, &contact))
            return VERDICT_FALSE;
        if (!contact.is_star && !allows_plain(call->run, &pair, msg->to.uri.text, contact.uri.text))
            return VERDICT_FALSE;
    }
    return VERDICT_TRUE;
}

static enum verdict allow_refer_to(struct call *call)
{
    const struct sip_msg *msg = call->run->request->msg;
    struct rule_pair pair = rules_of(call, call->arg_count);
    struct sip_nameaddr party;

    if (sip_nameaddr_parse(sip_msg_value(msg, SIP_HDR_REFER_TO), &party))
        return VERDICT_FALSE;
    return verdict_if(allows_plain(call->run, &pair, msg->from.uri.text, party.uri.text));
}

/* The URI is compared as it stands. */
static enum verdict allow_uri(struct call *call)
{
    struct rule_pair pair = rules_of(call, 1);

    return verdict_if(allows(&pair, call->run->request->msg->from.uri.text, call->args[1].value.text));
}

/* ---- tags ---- */

static void set_tag(const struct call *call, struct str tag)
{
    const struct permissions *permissions = module_state(call->module);
    struct value value = value_of_str(tag);

    if (permissions->peer_tag && tag.len && variable_set(call->run, permissions->peer_tag, &value))
        log_error("permissions: the tag " STR_FMT " could not be stored", STR_ARG(tag));
}

/* ---- trusted peers ---- */

static bool is_trusted(const struct call *call, const struct trusted_query *query)
{
    struct permissions *permissions = module_state(call->module);
    const struct trusted *row;
    bool is_found;

    pthread_rwlock_rdlock(&permissions->lock);
    row = trusted_list_find(permissions->trusted, query, NULL);
    is_found = row != NULL;
    while (row) {
        set_tag(call, row->tag);
        row = permissions->peer_tag_mode ? trusted_list_find(permissions->trusted, query, row) : NULL;
    }
    pthread_rwlock_unlock(&permissions->lock);
    return is_found;
}

/* allow_trusted([address, transport [, From]]) */
static enum verdict allow_trusted(struct call *call)
{
    struct run *run = call->run;
    struct trusted_query query = {
        .addr = run->source.peer,
        .proto = transport_traits((enum transport)run->source.transport)->param_name,
        .from = run->request->msg->from.uri.text,
        .ruri = run_target(run)->uri,
    };

    if (call->arg_count == 1)
        return VERDICT_ERROR;
    if (call->arg_count > 1) {
        if (addr_parse_ip(call->args[0].value.text, &query.addr))
            return VERDICT_FALSE;
        query.proto = call->args[1].value.text;
    }
    if (call->arg_count > 2)
        query.from = call->args[2].value.text;
    return verdict_if(is_trusted(call, &query));
}

/* ---- groups of addresses ---- */

/* The group of the first match, or -1; it may be 0. */
static int64_t find_group(const struct call *call, const struct address_query *query)
{
    struct permissions *permissions = module_state(call->module);
    const struct address *row;
    int64_t group = -1;

    pthread_rwlock_rdlock(&permissions->lock);
    row = address_list_find(permissions->addresses, query, NULL);
    if (row)
        group = row->group;
    while (row) {
        set_tag(call, row->tag);
        row = permissions->peer_tag_mode ? address_list_find(permissions->addresses, query, row) : NULL;
    }
    pthread_rwlock_unlock(&permissions->lock);
    return group;
}

static struct address_query ask_source(const struct run *run, int64_t group)
{
    return (struct address_query){ .addr = run->source.peer, .port = run->source.peer.port, .group = group };
}

/* An address or a name, and a port; false for a port that is none. */
static bool read_query(const struct arg args[], int64_t group, struct address_query *out)
{
    uint64_t port;

    *out = (struct address_query){ .name = args[0].value.text, .group = group };
    if (addr_parse_ip(out->name, &out->addr))
        out->addr = (struct addr){ 0 };
    if (str_to_uint(args[1].value.text, 0, UINT16_MAX, &port))
        return false;
    out->port = (uint16_t)port;
    return true;
}

static enum verdict set_address_group(struct call *call)
{
    const struct permissions *permissions = module_state(call->module);
    struct request *request = call->run->request;
    int64_t *group = arena_alloc(&request->arena, sizeof *group);

    if (!group)
        return VERDICT_ERROR;
    *group = call->args[0].value.number;
    request->slots[permissions->slot] = group;
    return VERDICT_TRUE;
}

static int64_t chosen_group(const struct call *call)
{
    const struct permissions *permissions = module_state(call->module);
    const int64_t *group = call->run->request->slots[permissions->slot];

    return group ? *group : 0;
}

/* OpenSER: allow_address(address, port); Kamailio: allow_address(group, address, port). */
static enum verdict allow_address(struct call *call)
{
    struct address_query query;
    int64_t group = chosen_group(call);

    if (call->arg_count == 3 && str_to_int(call->args[0].value.text, 0, UINT32_MAX, &group))
        return VERDICT_ERROR;
    if (!read_query(&call->args[call->arg_count - 2], group, &query))
        return VERDICT_ERROR;
    return verdict_if(find_group(call, &query) >= 0);
}

static enum verdict allow_source_address(struct call *call)
{
    int64_t group = server_is_openser(run_server(call->run)) ? 0 : 1;
    struct address_query query = ask_source(call->run, call->arg_count ? call->args[0].value.number : group);

    return verdict_if(find_group(call, &query) >= 0);
}

static enum verdict allow_source_address_group(struct call *call)
{
    struct address_query query = ask_source(call->run, GROUP_ANY);

    return (enum verdict)find_group(call, &query);
}

static enum verdict allow_address_group(struct call *call)
{
    struct address_query query;

    if (!read_query(call->args, GROUP_ANY, &query))
        return VERDICT_ERROR;
    return (enum verdict)find_group(call, &query);
}

/* ---- tables ---- */

#define R_F (STAGE_REQUEST | STAGE_FAILURE)
#define ROW(name_, least, stages_, doc_, ...)                                                       \
    { .name = #name_, .run = name_, .takes = { __VA_ARGS__ }, .min_args = least, .stages = stages_, \
      .doc = doc_ }
#define DECIDES TRAIT_DECIDES | TRAIT_ADMITS
#define PEERS(name_, least, stages_, doc_, ...)                                                     \
    { .name = #name_, .run = name_, .takes = { __VA_ARGS__ }, .min_args = least, .stages = stages_, \
      .traits = DECIDES, .doc = doc_ }
#define RULES(name_, least, stages_, doc_, second)                                                  \
    { .name = #name_, .run = name_, .prepare = name_files, .takes = { ARG_CUSTOM, second },         \
      .min_args = least, .stages = stages_, .traits = DECIDES, .doc = doc_ }

static const struct mod_function functions[] = {
    RULES(allow_routing, 0, STAGE_ANY, "True when the files let From reach every target.", ARG_CUSTOM),
    RULES(allow_register, 1, R_F, "True when the files let To register every Contact.", ARG_CUSTOM),
    RULES(allow_refer_to, 1, R_F, "True when the files let From refer to Refer-To.", ARG_CUSTOM),
    RULES(allow_uri, 2, R_F, "True when the files let From reach the URI given.", ARG_FMT),
    PEERS(allow_trusted, 0, STAGE_ANY, "True when address, transport, From and Request-URI are in the table.",
        ARG_FMT, ARG_FMT, ARG_FMT),
    ROW(set_address_group, 1, R_F, "Chooses the group for allow_address().", ARG_INT),
    PEERS(allow_address, 2, STAGE_EVERY, "True when address and port are in the group.", ARG_FMT, ARG_FMT, ARG_FMT),
    PEERS(allow_source_address, 0, STAGE_EVERY, "True when the source is in the group.", ARG_INT),
    ROW(allow_source_address_group, 0, STAGE_EVERY, "The group that the source is in, or -1.", ARG_END),
    ROW(allow_address_group, 2, STAGE_EVERY, "The group that address and port are in, or -1.", ARG_FMT, ARG_FMT),
    { 0 },
};

#define FIELD(field) .offset = offsetof(struct permissions, field)
#define TEXT(field, value, doc_)                                                                    \
    { .name = #field, .type = PARAM_STR, FIELD(field), .initial_text = value, .doc = doc_ }
#define NUMBER(field, value, most, doc_)                                                            \
    { .name = #field, .type = PARAM_INT, FIELD(field), .initial = value, .max = most, .doc = doc_ }

static const struct mod_param params[] = {
    TEXT(default_allow_file, "permissions.allow", "Rules of allow_routing() without a name."),
    TEXT(default_deny_file, "permissions.deny", "Rules of what is denied, likewise."),
    TEXT(allow_suffix, ".allow", "Behind the name of a pair of files."),
    TEXT(deny_suffix, ".deny", "Behind the name of a pair of files."),
    TEXT(db_url, "", "Database; empty: the embedded one."),
    TEXT(trusted_table, "trusted", "Table of the trusted peers."),
    TEXT(source_col, "src_ip", "Its column of the address."),
    TEXT(proto_col, "proto", "Its column of the transport; \"any\" matches all."),
    TEXT(from_col, "from_pattern", "Its column of the expression for From."),
    TEXT(ruri_col, "ruri_pattern", "Its column of the expression for the Request-URI; Kamailio."),
    TEXT(tag_col, "tag", "The column of the tag, in both tables."),
    TEXT(priority_col, "priority", "Its column of the priority; Kamailio."),
    TEXT(address_table, "address", "Table of the groups of addresses."),
    TEXT(grp_col, "grp", "Its column of the group."),
    TEXT(ip_addr_col, "ip_addr", "Its column of the address."),
    TEXT(mask_col, "mask", "Its column of the number of bits."),
    TEXT(port_col, "port", "Its column of the port; 0: any."),
    TEXT(address_file, "", "File in place of that table: group address mask port tag."),
    TEXT(peer_tag_avp, "", "AVP that gets the tag of the row that matched."),
    NUMBER(check_all_branches, 1, 1, "1: allow_routing() looks at all targets."),
    NUMBER(db_mode, 0, 1, "0: tables are read again every few seconds; 1: by command."),
    NUMBER(peer_tag_mode, 0, 1, "1: the AVP gets the tags of all rows that match."),
    NUMBER(load_backends, 0xffff, 0xffff, "1 addresses, 2 trusted peers, 4 allow files, 8 deny files."),
    NUMBER(reload_delta, 5, 86400, "Seconds that must be between two commands to reload."),
    { .name = "max_subnets", .type = PARAM_IGNORED, .doc = "there may be any number of networks" },
    { .name = "trusted_cleanup_interval", .type = PARAM_IGNORED, .doc = "old tables are freed at once" },
    { 0 },
};

static enum err start(struct module *module)
{
    struct permissions *permissions = module_state(module);
    enum err err = module_slot(module, &permissions->slot);

    if (!err)
        err = permissions_open_tables(module);
    if (!err && !str_is_empty(permissions->peer_tag_avp))
        err = module_variable(module, permissions->peer_tag_avp, &permissions->peer_tag);
    return err ? err : permissions_load_files(module);
}

static void stop(struct module *module)
{
    struct permissions *permissions = module_state(module);

    permissions_close_tables(permissions);
    permissions_drop_files(permissions);
}

static void on_tick(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now)
{
    (void)worker;
    (void)count;
    permissions_tick(module, index, now);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "permissions",
    .summary = "Says who may do what, by rules in files and by tables of addresses.",
    .state_size = sizeof(struct permissions),
    .functions = functions,
    .params = params,
    .commands = permissions_commands,
    .hooks = { .on_tick = on_tick },
    .start = start,
    .stop = stop,
};
