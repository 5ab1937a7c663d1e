/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials checked against the table of subscribers. The query suspends the script; an unknown
 * user costs the same time and gets the same answer as a wrong password. A row that was read lately
 * is tried first: only what it proves right needs no question.
 */
#include "auth_db.h"

enum {
    FLAG_SENDER = 1,        /* the user must be the one that the request names… */
    FLAG_SENDER_BY_METHOD = 2, /* …but not for some methods */
    FLAG_USE_DOMAIN = 1,
    FLAG_LOAD_NOTHING = 2,
};

/* Columns of a row: the secret, and what load_credentials names. */
enum {
    COLUMN_SECRET,
    COLUMN_FIRST_LOADED,
};

struct check {
    const struct auth_db *auth_db;
    struct auth_attempt attempt;
    struct str table, method;
    bool must_be_sender;
};

/* ---- what is asked for ---- */

/*
 * With stored HA1: the column over user@domain when the user name has a domain, and that of SHA-256
 * when there is one.
 */
static struct str secret_column(const struct auth_db *auth_db, const struct auth_attempt *attempt)
{
    bool is_md5 = attempt->algorithm == digest_algorithm_find(STR("MD5"));

    if (auth_db->calculate_ha1)
        return auth_db->password_column;
    if (!is_md5 && !str_is_empty(auth_db->sha_column))
        return auth_db->sha_column;
    return attempt->has_domain ? auth_db->password_column_2 : auth_db->password_column;
}

static struct cache_key key_of(const struct check *check)
{
    const struct auth_db *auth_db = check->auth_db;

    return (struct cache_key){
        .table = check->table,
        .column = secret_column(auth_db, &check->attempt),
        .user = check->attempt.username,
        .domain = auth_db->use_domain ? check->attempt.domain : STR(""),
    };
}

/* ---- the answer ---- */

static bool is_sender_free(const struct run *run)
{
    static const enum sip_method methods[] = { SIP_INVITE, SIP_BYE, SIP_PRACK, SIP_UPDATE, SIP_MESSAGE };

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (run->request->msg->method == methods[i])
            return true;
    }
    return false;
}

/* values: a row; NULL for an unknown user. */
static enum auth_outcome judge(struct run *run, const struct check *check, const struct value *values,
                               bool may_be_old)
{
    const struct auth_db *auth_db = check->auth_db;
    struct auth_secret secret = {
        .text = STR(""),
        .is_clear = auth_db->calculate_ha1 != 0,
        .may_be_old = may_be_old,
        .is_nobody = !values || value_is_null(&values[COLUMN_SECRET]),
        .method = check->method,
    };
    enum auth_outcome outcome;

    if (!secret.is_nobody && value_to_str(run->arena, &values[COLUMN_SECRET], &secret.text))
        return AUTH_FAILED;
    outcome = auth_finish(run, &check->attempt, &secret);
    if (outcome != AUTH_OK)
        return outcome;
    if (columns_load(auth_db, run, values + COLUMN_FIRST_LOADED))
        return AUTH_FAILED;
    return check->must_be_sender && !auth_names_sender(run, &check->attempt, auth_db->use_domain != 0)
               ? AUTH_WRONG_USER
               : AUTH_OK;
}

/* A phone that is told 401 now would take its password for wrong. */
static enum verdict refuse_for_now(struct run *run)
{
    return run_reply(run, 500, STR("Server Internal Error")) ? VERDICT_ERROR : VERDICT_STOP;
}

static enum verdict on_row(struct run *run, void *context, const struct store_result *result)
{
    const struct check *check = context;
    const struct value *values = result->row_count ? result->rows[0].columns : NULL;
    const struct cache_key key = key_of(check);
    enum auth_outcome outcome;

    if (result->err)
        return refuse_for_now(run);
    outcome = judge(run, check, values, false);
    if (outcome == AUTH_OK && check->auth_db->cache)
        cache_keep(check->auth_db->cache, &key, values, run_now(run));
    return auth_verdict(run, outcome);
}

/* ---- the question ---- */

struct selection {
    struct str column, table;
    struct str user, domain;
    bool uses_domain;
};

/* The column and those of load_credentials, of one subscriber. */
static enum verdict select_row(struct run *run, const struct auth_db *auth_db,
                               const struct selection *selection, query_answer_fn *answer, void *context)
{
    const struct value params[] = { value_of_str(selection->user), value_of_str(selection->domain) };
    bool uses_domain = selection->uses_domain;
    struct str names, sql;

    if (columns_names(auth_db, run->arena, &names) ||
        str_print(run->arena, &sql,
                  "SELECT " STR_FMT STR_FMT " FROM " STR_FMT " WHERE " STR_FMT "=?%s" STR_FMT "%s",
                  STR_ARG(selection->column), STR_ARG(names), STR_ARG(selection->table),
                  STR_ARG(auth_db->user_column), uses_domain ? " AND " : "",
                  STR_ARG(uses_domain ? auth_db->domain_column : STR("")), uses_domain ? "=?" : ""))
        return VERDICT_ERROR;
    return run_query(run, auth_db->store, sql, params, uses_domain ? 2 : 1, answer, context);
}

static enum verdict ask(struct run *run, struct check *check)
{
    const struct selection selection = {
        .column = secret_column(check->auth_db, &check->attempt),
        .table = check->table,
        .user = check->attempt.username,
        .domain = check->attempt.domain,
        .uses_domain = check->auth_db->use_domain != 0,
    };

    return select_row(run, check->auth_db, &selection, on_row, check);
}

static enum verdict try_remembered(struct run *run, struct check *check)
{
    struct value values[1 + COLUMNS_MAX];
    const struct cache_key key = key_of(check);
    enum auth_outcome outcome = AUTH_UNSURE;

    if (check->auth_db->cache &&
        cache_find(check->auth_db->cache, &key, run_now(run), run->arena, values))
        outcome = judge(run, check, values, true);
    return outcome == AUTH_UNSURE ? ask(run, check) : auth_verdict(run, outcome);
}

static enum verdict authenticate(struct call *call, enum sip_hdr_id id, struct str method,
                                 bool must_be_sender)
{
    struct run *run = call->run;
    struct check *check;
    enum auth_outcome outcome;

    if (auth_is_exempt(run))
        return VERDICT_TRUE;
    check = arena_zalloc(run->arena, sizeof *check);
    if (!check)
        return auth_verdict(run, AUTH_FAILED);
    check->auth_db = module_state(call->module);
    check->table = call_text(call, 1);
    check->method = method;
    check->must_be_sender = must_be_sender;
    outcome = auth_begin(run, id, auth_realm(run, call_text(call, 0)), &check->attempt);
    return outcome ? auth_verdict(run, outcome) : try_remembered(run, check);
}

enum verdict www_authenticate(struct call *call)
{
    return authenticate(call, SIP_HDR_AUTHORIZATION, call_text(call, 2), false);
}

enum verdict proxy_authenticate(struct call *call)
{
    return authenticate(call, SIP_HDR_PROXY_AUTHORIZATION, call_text(call, 2), false);
}

enum verdict auth_check(struct call *call)
{
    bool is_register = call->run->request->msg->method == SIP_REGISTER;
    int64_t flags = call->args[2].value.number;
    bool must_be_sender = flags & FLAG_SENDER &&
                          !(flags & FLAG_SENDER_BY_METHOD && is_sender_free(call->run));

    return authenticate(call, is_register ? SIP_HDR_AUTHORIZATION : SIP_HDR_PROXY_AUTHORIZATION,
                        STR(""), must_be_sender);
}

/* ---- is_subscriber(uri, table, flags) ---- */

enum {
    NOT_A_SUBSCRIBER = -2,
};

struct question {
    const struct auth_db *auth_db;
    bool loads;
};

static enum verdict on_subscriber(struct run *run, void *context, const struct store_result *result)
{
    const struct question *question = context;

    if (result->err)
        return VERDICT_FALSE;
    if (result->row_count == 0)
        return (enum verdict)NOT_A_SUBSCRIBER;
    if (question->loads && columns_load(question->auth_db, run, result->rows[0].columns + 1))
        return VERDICT_FALSE;
    return VERDICT_TRUE;
}

enum verdict is_subscriber(struct call *call)
{
    const struct auth_db *auth_db = module_state(call->module);
    int64_t flags = call->args[2].value.number;
    struct question *question = arena_zalloc(call->run->arena, sizeof *question);
    struct sip_uri uri;

    if (!question || sip_uri_parse(call_text(call, 0), &uri))
        return VERDICT_FALSE;
    *question = (struct question){ auth_db, !(flags & FLAG_LOAD_NOTHING) };
    const struct selection selection = {
        .column = auth_db->user_column,
        .table = call_text(call, 1),
        .user = uri.user,
        .domain = uri.host,
        .uses_domain = (flags & FLAG_USE_DOMAIN) != 0,
    };
    return select_row(call->run, auth_db, &selection, on_subscriber, question);
}
