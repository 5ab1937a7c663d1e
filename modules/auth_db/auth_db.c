/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials checked against the table of subscribers. The query suspends the script; an unknown
 * user costs the same time and gets the same answer as a wrong password.
 */
#include <culvert/auth.h>
#include <culvert/module.h>
#include <culvert/server.h>

#include <stdio.h>

#include "auth_db.h"

/* A check that waits for the database. */
struct check {
    struct run *run;
    const struct auth_db *auth_db;
    struct auth_attempt attempt;
    enum verdict verdict;
    bool is_done, is_waiting;
    bool must_match_user;
};

/* ---- the answer of the database ---- */

/* Stands in for the password of a user who does not exist, so that the same work is done. */
static enum auth_outcome check_nobody(struct check *check)
{
    enum auth_outcome outcome =
        auth_finish(check->run, &check->attempt, STR("00000000000000000000000000000000"),
                    check->auth_db->calculate_ha1 != 0);

    check->run->request->credentials = NULL;
    return outcome == AUTH_FAILED ? AUTH_FAILED : AUTH_UNKNOWN_USER;
}

static enum auth_outcome check_row(struct check *check, const struct store_result *result)
{
    struct str secret;

    if (result->err)
        return AUTH_FAILED;
    if (result->row_count == 0 || value_is_null(&result->rows[0].columns[0]))
        return check_nobody(check);
    if (value_to_str(check->run->arena, &result->rows[0].columns[0], &secret))
        return AUTH_FAILED;
    return auth_finish(check->run, &check->attempt, secret, check->auth_db->calculate_ha1 != 0);
}

/* Kamailio's auth_check(…, 1): who signs must be who speaks. */
static bool is_same_user(const struct check *check)
{
    const struct sip_msg *msg = check->run->request->msg;
    const struct sip_uri *uri = msg->method == SIP_REGISTER ? &msg->to.uri : &msg->from.uri;

    return str_eq(uri->user, check->attempt.username);
}

static void on_row(void *context, const struct store_result *result)
{
    struct check *check = context;
    enum auth_outcome outcome = check_row(check, result);

    check->verdict = auth_verdict(check->run, outcome);
    if (result->err && result->err != ERR_NOT_NOW) /* the server stops */
        log_error("auth_db: the subscriber cannot be read: %s", err_name(result->err));
    if (outcome == AUTH_OK && check->must_match_user && !is_same_user(check))
        check->verdict = (enum verdict)-8;
    check->is_done = true;
    if (check->is_waiting)
        run_resume(check->run, check->verdict);
}

/* ---- the question ---- */

/* calculate_ha1=0 and a user name with a domain: the column of HA1 over user@domain. */
static struct str secret_column(const struct auth_db *auth_db, const struct auth_attempt *attempt)
{
    return attempt->has_domain && !auth_db->calculate_ha1 ? auth_db->password_column_2
                                                          : auth_db->password_column;
}

static enum err ask(struct check *check, struct str table)
{
    const struct auth_db *auth_db = check->auth_db;
    const struct value params[] = { value_of_str(check->attempt.username),
                                    value_of_str(check->attempt.domain) };
    struct str sql;
    enum err err = str_print(
        check->run->arena, &sql, "SELECT " STR_FMT " FROM " STR_FMT " WHERE " STR_FMT "=?",
        STR_ARG(secret_column(auth_db, &check->attempt)), STR_ARG(table), STR_ARG(auth_db->user_column));

    if (!err && auth_db->use_domain)
        err = str_print(check->run->arena, &sql, STR_FMT " AND " STR_FMT "=?", STR_ARG(sql),
                        STR_ARG(auth_db->domain_column));
    return err ? err
               : store_query(auth_db->store, check->run->worker, sql, params,
                             auth_db->use_domain ? 2 : 1, on_row, check);
}

static enum verdict authorize(struct call *call, enum sip_hdr_id id, bool must_match_user)
{
    const struct auth_db *auth_db = module_state(call->module);
    struct run *run = call->run;
    struct str realm = call->args[0].value.text;
    struct check *check;
    enum auth_outcome outcome;

    if (auth_is_exempt(run))
        return VERDICT_TRUE;
    check = arena_zalloc(run->arena, sizeof *check);
    if (!check)
        return auth_verdict(run, AUTH_FAILED);
    check->run = run;
    check->auth_db = auth_db;
    check->must_match_user = must_match_user;
    if (str_is_empty(realm))
        realm = auth_default_realm(run, STR(""));
    outcome = auth_begin(run, id, realm, &check->attempt);
    if (outcome == AUTH_OK && ask(check, call->args[1].value.text))
        outcome = AUTH_FAILED;
    if (outcome != AUTH_OK)
        return auth_verdict(run, outcome);
    if (check->is_done)
        return check->verdict;
    check->is_waiting = true;
    return VERDICT_WAIT;
}

static enum verdict www_authorize(struct call *call)
{
    return authorize(call, SIP_HDR_AUTHORIZATION, false);
}

static enum verdict proxy_authorize(struct call *call)
{
    return authorize(call, SIP_HDR_PROXY_AUTHORIZATION, false);
}

static enum verdict auth_check(struct call *call)
{
    bool is_register = call->run->request->msg->method == SIP_REGISTER;

    return authorize(call, is_register ? SIP_HDR_AUTHORIZATION : SIP_HDR_PROXY_AUTHORIZATION,
                     (call->args[2].value.number & 1) != 0);
}

#define AUTHORIZE(name_, run_, doc_)                                                            \
    { .name = name_, .run = run_, .takes = { ARG_FMT, ARG_STR }, .min_args = 2,                 \
      .stages = STAGE_REQUEST, .traits = TRAIT_DECIDES | TRAIT_ADMITS, .doc = doc_ }

static const struct mod_function functions[] = {
    AUTHORIZE("www_authorize", www_authorize, "Checks Authorization against a table."),
    AUTHORIZE("www_authenticate", www_authorize, "The same by Kamailio's name."),
    AUTHORIZE("proxy_authorize", proxy_authorize, "Checks Proxy-Authorization against a table."),
    AUTHORIZE("proxy_authenticate", proxy_authorize, "The same by Kamailio's name."),
    { .name = "auth_check", .run = auth_check, .takes = { ARG_FMT, ARG_STR, ARG_FLAGS },
      .min_args = 3, .stages = STAGE_REQUEST, .traits = TRAIT_DECIDES | TRAIT_ADMITS,
      .doc = "Checks what the method asks for; 1: the user must be that of To or From." },
    { 0 },
};

#define TEXT(name_, initial_, doc_)                                                             \
    { .name = #name_, .type = PARAM_STR, .offset = offsetof(struct auth_db, name_),             \
      .initial_text = initial_, .doc = doc_ }

static const struct mod_param params[] = {
    TEXT(db_url, "", "Database; empty: the embedded one."),
    TEXT(user_column, "username", "Column of the user name."),
    TEXT(domain_column, "domain", "Column of the domain."),
    TEXT(password_column, "ha1", "Column of HA1, or of the password with calculate_ha1."),
    TEXT(password_column_2, "ha1b", "Column of HA1 over user@domain."),
    { .name = "calculate_ha1", .type = PARAM_INT, .offset = offsetof(struct auth_db, calculate_ha1),
      .max = 1, .doc = "1: password_column holds clear passwords." },
    { .name = "use_domain", .type = PARAM_INT, .offset = offsetof(struct auth_db, use_domain),
      .max = 1, .doc = "1: the domain selects the row too." },
    { .name = "demo_accounts", .type = PARAM_INT, .offset = offsetof(struct auth_db, demo_accounts),
      .max = 10, .doc = "Accounts made, and printed, when there are none at all." },
    { .name = "load_credentials", .type = PARAM_IGNORED, .doc = "no columns are loaded into AVPs" },
    { .name = "version_table", .type = PARAM_IGNORED, .doc = "the version of a table is not checked" },
    { 0 },
};

static enum err start(struct module *module)
{
    struct auth_db *auth_db = module_state(module);
    enum err err = store_open(auth_db->db_url, &auth_db->store);

    if (!err && auth_db->demo_accounts > 0)
        err = demo_accounts_make(module, auth_db);
    return err;
}

static void stop(struct module *module)
{
    struct auth_db *auth_db = module_state(module);

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
    .start = start,
    .stop = stop,
};
