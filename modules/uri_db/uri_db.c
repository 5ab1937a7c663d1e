/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the user who signed a request is the one it speaks for, and whether a user exists. */
#include <culvert/auth.h>
#include <culvert/module.h>
#include <culvert/query.h>
#include <culvert/server.h>

struct uri_db {
    struct str db_url;
    struct str uri_table, uri_user_column, uri_domain_column, uri_uriuser_column;
    struct str subscriber_table, subscriber_user_column, subscriber_domain_column;
    int64_t use_uri_table, use_domain;
    struct store *store;
};

/* ---- a query that suspends the script ---- */

static enum verdict tell(struct run *run, void *context, const struct store_result *result)
{
    (void)run;
    (void)context;
    return verdict_if(!result->err && result->row_count > 0);
}

/* True when the query has rows. */
static enum verdict has_rows(struct call *call, struct str sql, const struct value params[],
                             unsigned param_count)
{
    const struct uri_db *uri_db = module_state(call->module);

    return run_query(call->run, uri_db->store, sql, params, param_count, tell, NULL);
}

/* ---- identity ---- */

/* The credentials that were found right, else the first there are: as OpenSER does. */
static bool read_credentials(const struct request *request, struct sip_digest *out)
{
    const struct sip_hdr *hdr = request->credentials;

    if (!hdr)
        hdr = sip_msg_find(request->msg, SIP_HDR_AUTHORIZATION, NULL);
    if (!hdr)
        hdr = sip_msg_find(request->msg, SIP_HDR_PROXY_AUTHORIZATION, NULL);
    return hdr && !sip_digest_parse(hdr->value, out);
}

static struct str user_part(struct str username)
{
    struct str user, domain;

    return str_split(username, '@', &user, &domain) ? user : username;
}

/* The table `uri` says which user parts a user may use besides his own. */
static enum verdict ask_uri_table(struct call *call, struct str username, const struct sip_uri *uri)
{
    const struct uri_db *uri_db = module_state(call->module);
    const struct value params[] = { value_of_str(username), value_of_str(uri->user),
                                    value_of_str(uri->host) };
    struct str sql;
    enum err err = str_print(call->run->arena, &sql,
                             "SELECT 1 FROM " STR_FMT " WHERE " STR_FMT "=? AND " STR_FMT "=?",
                             STR_ARG(uri_db->uri_table), STR_ARG(uri_db->uri_user_column),
                             STR_ARG(uri_db->uri_uriuser_column));

    if (!err && uri_db->use_domain)
        err = str_print(call->run->arena, &sql, STR_FMT " AND " STR_FMT "=?", STR_ARG(sql),
                        STR_ARG(uri_db->uri_domain_column));
    return err ? VERDICT_ERROR : has_rows(call, sql, params, uri_db->use_domain ? 3 : 2);
}

static enum verdict check_identity(struct call *call, const struct sip_uri *uri)
{
    const struct uri_db *uri_db = module_state(call->module);
    struct sip_digest digest;
    struct str user;

    if (!read_credentials(call->run->request, &digest)) {
        log_info("uri_db: call " STR_FMT ": no credentials to compare with",
                 STR_ARG(call->run->request->msg->call_id));
        return VERDICT_FALSE;
    }
    if (uri_db->use_uri_table)
        return ask_uri_table(call, user_part(digest.username), uri);
    if (sip_unescape(call->run->arena, uri->user, &user))
        return VERDICT_FALSE;
    return str_ieq(user, user_part(digest.username)) ? VERDICT_TRUE : VERDICT_FALSE;
}

static enum verdict check_to(struct call *call)
{
    return check_identity(call, &call->run->request->msg->to.uri);
}

static enum verdict check_from(struct call *call)
{
    return check_identity(call, &call->run->request->msg->from.uri);
}

/* ---- existence ---- */

static enum verdict does_uri_exist(struct call *call)
{
    const struct uri_db *uri_db = module_state(call->module);
    bool by_uri = uri_db->use_uri_table != 0;
    struct sip_uri uri;
    struct str sql;
    enum err err;

    if (sip_uri_parse(call->run->request->target.uri, &uri))
        return VERDICT_ERROR;
    const struct value params[] = { value_of_str(uri.user), value_of_str(uri.host) };
    err = str_print(call->run->arena, &sql, "SELECT 1 FROM " STR_FMT " WHERE " STR_FMT "=?",
                    STR_ARG(by_uri ? uri_db->uri_table : uri_db->subscriber_table),
                    STR_ARG(by_uri ? uri_db->uri_uriuser_column : uri_db->subscriber_user_column));
    if (!err && uri_db->use_domain)
        err = str_print(call->run->arena, &sql, STR_FMT " AND " STR_FMT "=?", STR_ARG(sql),
                        STR_ARG(by_uri ? uri_db->uri_domain_column
                                       : uri_db->subscriber_domain_column));
    return err ? VERDICT_ERROR : has_rows(call, sql, params, uri_db->use_domain ? 2 : 1);
}

static const struct mod_function functions[] = {
    { .name = "check_to", .run = check_to, .stages = STAGE_REQUEST, .traits = TRAIT_DECIDES,
      .doc = "True when the user of To is the one of the credentials." },
    { .name = "check_from", .run = check_from, .stages = STAGE_REQUEST, .traits = TRAIT_DECIDES,
      .doc = "True when the user of From is the one of the credentials." },
    { .name = "does_uri_exist", .run = does_uri_exist, .stages = STAGE_REQUEST | STAGE_LOCAL,
      .doc = "True when the user of the Request-URI is in the table." },
    { 0 },
};

#define TEXT(name_, initial_, doc_)                                                             \
    { .name = #name_, .type = PARAM_STR, .offset = offsetof(struct uri_db, name_),              \
      .initial_text = initial_, .doc = doc_ }

static const struct mod_param params[] = {
    TEXT(db_url, "", "Database; empty: the embedded one."),
    TEXT(uri_table, "uri", "Table of the URIs that users may use."),
    TEXT(uri_user_column, "username", "Its column of the user."),
    TEXT(uri_domain_column, "domain", "Its column of the domain."),
    TEXT(uri_uriuser_column, "uri_user", "Its column of the URI's user part."),
    TEXT(subscriber_table, "subscriber", "Table of the users."),
    TEXT(subscriber_user_column, "username", "Its column of the user."),
    TEXT(subscriber_domain_column, "domain", "Its column of the domain."),
    { .name = "use_uri_table", .type = PARAM_INT, .offset = offsetof(struct uri_db, use_uri_table),
      .max = 1, .doc = "1: the table of URIs decides." },
    { .name = "use_domain", .type = PARAM_INT, .offset = offsetof(struct uri_db, use_domain),
      .max = 1, .doc = "1: the domain must be right too." },
    { 0 },
};

static enum err start(struct module *module)
{
    struct uri_db *uri_db = module_state(module);

    return store_open(uri_db->db_url, &uri_db->store);
}

static void stop(struct module *module)
{
    struct uri_db *uri_db = module_state(module);

    store_close(uri_db->store);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "uri_db",
    .summary = "Compares who signed with who is named, and knows which users exist.",
    .state_size = sizeof(struct uri_db),
    .functions = functions,
    .params = params,
    .start = start,
    .stop = stop,
};
