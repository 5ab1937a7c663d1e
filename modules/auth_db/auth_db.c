/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of auth_db. */
#include "auth_db.h"

/* clang-format off */
#define AUTHENTICATE(name_, run_, header) \
    { .name = name_, .run = run_, .takes = { ARG_FMT, ARG_STR, ARG_FMT }, .min_args = 2, \
      .stages = STAGE_REQUEST, .traits = TRAIT_DECIDES | TRAIT_ADMITS, \
      .doc = "Checks " header " of a realm against a table [as if the method were the third]." }

static const struct mod_function functions[] = {
    AUTHENTICATE("www_authorize", www_authenticate, "Authorization"),
    AUTHENTICATE("www_authenticate", www_authenticate, "Authorization"),
    AUTHENTICATE("proxy_authorize", proxy_authenticate, "Proxy-Authorization"),
    AUTHENTICATE("proxy_authenticate", proxy_authenticate, "Proxy-Authorization"),
    { .name = "auth_check", .run = auth_check, .takes = { ARG_FMT, ARG_STR, ARG_FLAGS },
      .min_args = 3, .stages = STAGE_REQUEST, .traits = TRAIT_DECIDES | TRAIT_ADMITS,
      .doc = "Checks what the method asks for: realm, table, flags 1 the user is the sender, 2 not for INVITE and the like." },
    { .name = "is_subscriber", .run = is_subscriber, .takes = { ARG_FMT, ARG_STR, ARG_FLAGS },
      .min_args = 3, .stages = STAGE_ANY, .traits = TRAIT_DECIDES,
      .doc = "True when the user of a URI is in a table: flags 1 in its domain, 2 load_credentials loads nothing." },
    { 0 },
};

#define TEXT(name_, field, initial_, doc_) \
    { .name = name_, .type = PARAM_STR, .offset = offsetof(struct auth_db, field), \
      .initial_text = initial_, .doc = doc_ }
#define NUMBER(name_, field, initial_, most, doc_) \
    { .name = name_, .type = PARAM_INT, .offset = offsetof(struct auth_db, field), \
      .initial = initial_, .max = most, .doc = doc_ }

static const struct mod_param params[] = {
    TEXT("db_url", db_url, "", "Database; empty: the embedded one."),
    TEXT("user_column", user_column, "username", "Column of the user name."),
    TEXT("domain_column", domain_column, "domain", "Column of the domain."),
    TEXT("password_column", password_column, "ha1", "Column of HA1, or of the password with calculate_ha1."),
    TEXT("password_column_2", password_column_2, "ha1b", "Column of HA1 over user@domain."),
    TEXT("password_column_sha", sha_column, "", "Column of HA1 by SHA-256; empty: the same as of MD5."),
    TEXT("load_credentials", load_credentials, "", "Columns to load: column or $avp(name)=column, separated by semicolons; OpenSER loads rpid without it."),
    NUMBER("calculate_ha1", calculate_ha1, 0, 1, "1: password_column holds clear passwords."),
    NUMBER("use_domain", use_domain, 0, 1, "1: the domain selects the row too."),
    NUMBER("cache_time", cache_time, 60, 86400, "Seconds that a row is remembered after it was found right; 0: not at all."),
    NUMBER("demo_accounts", demo_accounts, 0, 10, "Accounts made, and printed, when there are none at all."),
    { .name = "version_table", .type = PARAM_IGNORED, .doc = "the version of a table is not checked" },
    { .name = "force_generate_avps", .type = PARAM_IGNORED, .doc = "a row that is remembered loads its columns too" },
    { 0 },
};
/* clang-format on */

static enum err flush(struct module *module, struct command *command)
{
    struct auth_db *auth_db = module_state(module);

    (void)command;
    if (auth_db->cache)
        cache_forget_all(auth_db->cache);
    return ERR_NONE;
}

typedef enum err account_fn(const struct account_table *table, struct command *command);

/* What is remembered of a user may be wrong from now on. */
static enum err manage(struct module *module, struct command *command, account_fn *run)
{
    struct auth_db *auth_db = module_state(module);
    const struct account_table table = accounts_of(auth_db);
    enum err err = run(&table, command);

    (void)!flush(module, command);
    return err;
}

#define MANAGE(name, run)                                                     \
    static enum err name(struct module *module, struct command *command)      \
    {                                                                         \
        return manage(module, command, run);                                  \
    }

MANAGE(add_user, account_add_user)
MANAGE(change_user, account_change_user)
MANAGE(remove_user, account_remove_user)
MANAGE(show_user, account_show_user)
MANAGE(list_users, account_list_users)

#define HASHES "user@domain ha1 ha1b ha1-by-SHA-256 [password]"

static const struct mod_command commands[] = {
    { "user.add", HASHES, "Adds a user; culvertctl user add asks for the password and makes these.",
      add_user },
    { "user.passwd", HASHES, "Changes a password, likewise.", change_user },
    { "user.rm", "user@domain", "Removes a user.", remove_user },
    { "user.show", "user@domain", "Says whether there is a user, and what of the password is kept.",
      show_user },
    { "user.list", "[domain]", "The users.", list_users },
    { .name = "auth_db.flush", .run = flush, .doc = "Forgets remembered passwords: after accounts were changed." },
    { 0 },
};

struct account_table accounts_of(const struct auth_db *auth_db)
{
    bool has_hashes = !auth_db->calculate_ha1;

    return (struct account_table){
        .store = auth_db->store,
        .name = STR("subscriber"),
        .keys = { auth_db->user_column, auth_db->domain_column },
        .values = {
            [ACCOUNT_HA1] = has_hashes ? auth_db->password_column : STR(""),
            [ACCOUNT_HA1B] = has_hashes ? auth_db->password_column_2 : STR(""),
            [ACCOUNT_HA1_SHA] = has_hashes ? auth_db->sha_column : STR(""),
            [ACCOUNT_PASSWORD] = has_hashes ? STR("password") : auth_db->password_column,
        },
    };
}

static enum err start(struct module *module)
{
    struct auth_db *auth_db = module_state(module);
    enum err err = store_open(auth_db->db_url, &auth_db->store);

    if (str_is_empty(auth_db->load_credentials) && server_is_openser(module_server(module)))
        auth_db->load_credentials = STR("rpid");
    if (!err)
        err = columns_read(module, auth_db);
    if (!err && auth_db->cache_time > 0)
        err = cache_create((msec)auth_db->cache_time * 1000, 1 + auth_db->column_count,
                           server_random(module_server(module)), &auth_db->cache);
    if (!err && auth_db->demo_accounts > 0)
        err = demo_accounts_make(module, auth_db);
    return err;
}

static void stop(struct module *module)
{
    struct auth_db *auth_db = module_state(module);

    cache_destroy(auth_db->cache);
    auth_db->cache = NULL;
    store_close(auth_db->store);
}

static const char *const needs[] = { "auth", NULL };

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "auth_db",
    .summary = "Checks credentials against the table of subscribers.",
    .state_size = sizeof(struct auth_db),
    .needs = needs,
    .functions = functions,
    .params = params,
    .commands = commands,
    .start = start,
    .stop = stop,
};
