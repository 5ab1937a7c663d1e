/* SPDX-License-Identifier: Apache-2.0 */
/* Other names of users: the table says whom they mean. */
#include <culvert/accounts.h>
#include <culvert/module.h>
#include <culvert/query.h>
#include <culvert/server.h>

struct alias_db {
    struct str db_url, user_column, domain_column, alias_user_column, alias_domain_column;
    struct str domain_prefix;
    int64_t use_domain, append_branches;
    struct store *store;
};

/* What a lookup is about, until the answer is there. */
struct lookup {
    const struct alias_db *alias_db;
    const struct variable_ref *out; /* NULL: the Request-URI */
};

struct way {
    bool is_reverse, uses_domain;
};

/* Letters: d ignores the domain, u minds it, r goes from the user to the alias. */
static bool read_flags(struct str flags, struct way *way)
{
    for (size_t i = 0; i < flags.len; i++) {
        switch (flags.ptr[i]) {
        case 'd': way->uses_domain = false; break;
        case 'u': way->uses_domain = true; break;
        case 'r': way->is_reverse = true; break;
        default: return false;
        }
    }
    return true;
}

static enum err write_query(const struct alias_db *a, const struct way *way, struct str table,
                            struct arena *arena, struct str *out)
{
    struct str users[] = { a->user_column, a->alias_user_column };
    struct str domains[] = { a->domain_column, a->alias_domain_column };
    unsigned from = way->is_reverse ? 0 : 1;
    enum err err = str_print(arena, out, "SELECT " STR_FMT "," STR_FMT " FROM " STR_FMT " WHERE " STR_FMT "=?",
                             STR_ARG(users[!from]), STR_ARG(domains[!from]), STR_ARG(table),
                             STR_ARG(users[from]));

    if (!err && way->uses_domain)
        err = str_print(arena, out, STR_FMT " AND " STR_FMT "=?", STR_ARG(*out), STR_ARG(domains[from]));
    return err;
}

/* ---- the answer ---- */

static enum err read_row(struct run *run, const struct store_row *row, struct str *out)
{
    struct str user, host;
    struct sip_uri uri;
    enum err err;

    if ((err = value_to_str(run->arena, &row->columns[0], &user)) ||
        (err = value_to_str(run->arena, &row->columns[1], &host)) ||
        (err = str_print(run->arena, out, "sip:" STR_FMT "@" STR_FMT, STR_ARG(user), STR_ARG(host))))
        return err;
    return sip_uri_parse(*out, &uri);
}

static enum err use_first(struct run *run, const struct lookup *lookup, struct str uri)
{
    struct value value = value_of_str(uri);

    return lookup->out ? variable_set(run, lookup->out, &value) : run_set_uri(run, uri);
}

static void add_others(struct run *run, const struct store_result *result)
{
    for (unsigned i = 1; i < result->row_count; i++) {
        struct target target = { .q = -1, .socket = SOCKET_ANY };
        if (read_row(run, &result->rows[i], &target.uri) || request_add_target(run->request, &target))
            log_error("alias_db: row %u of an alias is left out", i + 1);
    }
}

static enum verdict take_rows(struct run *run, void *context, const struct store_result *result)
{
    const struct lookup *lookup = context;
    struct str uri;
    enum err err;

    if (result->err || result->row_count == 0)
        return VERDICT_FALSE;
    if ((err = read_row(run, &result->rows[0], &uri)) || (err = use_first(run, lookup, uri))) {
        log_error("alias_db: what the table says cannot be used: %s", err_name(err));
        return VERDICT_ERROR;
    }
    if (!lookup->out && lookup->alias_db->append_branches)
        add_others(run, result);
    return VERDICT_TRUE;
}

/* ---- the question ---- */

static enum verdict look_up(struct call *call, struct str text, const struct variable_ref *out,
                            struct str flags)
{
    const struct alias_db *alias_db = module_state(call->module);
    struct run *run = call->run;
    struct way way = { .uses_domain = alias_db->use_domain != 0 };
    struct str prefix = alias_db->domain_prefix, sql;
    struct lookup *lookup = arena_zalloc(run->arena, sizeof *lookup);
    struct sip_uri uri;

    if (!read_flags(flags, &way)) {
        log_error("alias_db: flags are letters of \"dur\", not \"" STR_FMT "\"", STR_ARG(flags));
        return VERDICT_ERROR;
    }
    if (!lookup || sip_uri_parse(text, &uri) || str_is_empty(uri.user) ||
        write_query(alias_db, &way, call->args[0].value.text, run->arena, &sql))
        return VERDICT_ERROR;
    lookup->alias_db = alias_db;
    lookup->out = out;
    if (prefix.len && str_starts(uri.host, prefix))
        uri.host = str_skip(uri.host, prefix.len);
    const struct value params[] = { value_of_str(uri.user), value_of_str(uri.host) };
    return run_query(run, alias_db->store, sql, params, way.uses_domain ? 2 : 1, take_rows, lookup);
}

static struct str flags_of(const struct call *call, unsigned index)
{
    return call->arg_count > index ? call->args[index].value.text : STR("");
}

static enum verdict alias_db_lookup(struct call *call)
{
    return look_up(call, run_target(call->run)->uri, NULL, flags_of(call, 1));
}

/* alias_db_find(table, URI, variable [, flags]) */
static enum verdict alias_db_find(struct call *call)
{
    return look_up(call, call->args[1].value.text, call->args[2].object, flags_of(call, 3));
}

static const struct mod_function functions[] = {
    { .name = "alias_db_lookup", .run = alias_db_lookup, .takes = { ARG_FMT, ARG_FMT }, .min_args = 1,
      .stages = STAGE_REQUEST | STAGE_FAILURE, .traits = TRAIT_AIMS,
      .doc = "Replaces an alias in the Request-URI by the user it stands for." },
    { .name = "alias_db_find", .run = alias_db_find,
      .takes = { ARG_FMT, ARG_FMT, ARG_VAR, ARG_FMT }, .min_args = 3,
      .stages = STAGE_REQUEST | STAGE_FAILURE | STAGE_REPLY | STAGE_BRANCH | STAGE_LOCAL,
      .doc = "Writes the user that a URI stands for into a variable." },
    { 0 },
};

#define TEXT(name_, initial_, doc_)                                                             \
    { .name = #name_, .type = PARAM_STR, .offset = offsetof(struct alias_db, name_),            \
      .initial_text = initial_, .doc = doc_ }
#define SWITCH(name_, doc_)                                                                     \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct alias_db, name_), .max = 1,  \
      .doc = doc_ }

static const struct mod_param params[] = {
    TEXT(db_url, "", "Database; empty: the embedded one."),
    TEXT(user_column, "username", "Column of the user part."),
    TEXT(domain_column, "domain", "Column of the domain."),
    TEXT(alias_user_column, "alias_username", "Column of the alias's user part."),
    TEXT(alias_domain_column, "alias_domain", "Column of the alias's domain."),
    TEXT(domain_prefix, "", "Taken off the domain before it is looked up."),
    SWITCH(use_domain, "1: the domain selects the row too."),
    SWITCH(append_branches, "1: all rows of an alias become targets."),
    { 0 },
};

/* ---- commands ---- */

static enum err manage(struct module *module, struct command *command,
                       enum err (*run)(const struct account_table *, struct command *))
{
    const struct alias_db *a = module_state(module);
    const struct account_table table = {
        .store = a->store,
        .name = STR("dbaliases"),
        .keys = { a->alias_user_column, a->alias_domain_column },
        .values = { a->user_column, a->domain_column },
    };

    return run(&table, command);
}

static enum err run_add(struct module *module, struct command *command)
{
    return manage(module, command, account_add_alias);
}

static enum err run_rm(struct module *module, struct command *command)
{
    return manage(module, command, account_remove_alias);
}

static enum err run_list(struct module *module, struct command *command)
{
    return manage(module, command, account_list_aliases);
}

static const struct mod_command commands[] = {
    { "alias.add", "alias@domain user@domain", "Gives a user another name.", run_add },
    { "alias.rm", "alias@domain", "Takes that name away.", run_rm },
    { "alias.list", "[user@domain]", "The aliases, of all users or of one.", run_list },
    { 0 },
};

static enum err start(struct module *module)
{
    struct alias_db *alias_db = module_state(module);

    return store_open(alias_db->db_url, &alias_db->store);
}

static void stop(struct module *module)
{
    struct alias_db *alias_db = module_state(module);

    store_close(alias_db->store);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "alias_db",
    .summary = "Other names of users.",
    .state_size = sizeof(struct alias_db),
    .functions = functions,
    .params = params,
    .commands = commands,
    .start = start,
    .stop = stop,
};
