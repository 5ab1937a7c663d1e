/* SPDX-License-Identifier: Apache-2.0 */
/* Which groups a user is in: by the table of members, or by expressions over the URI. */
#include <culvert/module.h>
#include <culvert/query.h>
#include <culvert/server.h>

#include <stdlib.h>

/* A row of the table of expressions; the later ones come first. */
struct pattern {
    struct pattern *next;
    struct regex *regex;
    int64_t group;
};

struct group {
    struct str db_url, table, user_column, domain_column, group_column;
    struct str re_table, re_exp_column, re_gid_column;
    int64_t use_domain, multiple_gid;
    struct store *store;
    struct pattern *patterns; /* read at the start */
};

/* ---- whose groups ---- */

typedef bool find_user_fn(const struct run *run, struct sip_uri *out);

static bool find_target(const struct run *run, struct sip_uri *out)
{
    return !sip_uri_parse(run->request->target.uri, out);
}

static bool find_to(const struct run *run, struct sip_uri *out)
{
    *out = run->request->msg->to.uri;
    return true;
}

static bool find_from(const struct run *run, struct sip_uri *out)
{
    *out = run->request->msg->from.uri;
    return true;
}

/* The name may have a domain of its own; else the realm is it. */
static bool find_credentials(const struct run *run, struct sip_uri *out)
{
    const struct sip_hdr *hdr = run->request->credentials;
    struct sip_digest digest;

    if (!hdr)
        hdr = sip_msg_find(run->request->msg, SIP_HDR_AUTHORIZATION, NULL);
    if (!hdr)
        hdr = sip_msg_find(run->request->msg, SIP_HDR_PROXY_AUTHORIZATION, NULL);
    if (!hdr || sip_digest_parse(hdr->value, &digest))
        return false;
    *out = (struct sip_uri){ .user = digest.username, .host = digest.realm };
    str_split(digest.username, '@', &out->user, &out->host);
    return true;
}

static const struct {
    struct str name;
    find_user_fn *find;
} places[] = {
    { STR_INIT("Request-URI"), find_target },
    { STR_INIT("To"), find_to },
    { STR_INIT("From"), find_from },
    { STR_INIT("Credentials"), find_credentials },
};

/* One of the places, or the text of a URI. */
static bool find_user(const struct run *run, struct str text, struct sip_uri *out)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (str_ieq(text, places[i].name))
            return places[i].find(run, out);
    return !sip_uri_parse(text, out);
}

/* ---- members ---- */

static enum verdict tell(struct run *run, void *context, const struct store_result *result)
{
    (void)context;
    if (result->err)
        return VERDICT_ERROR;
    if (result->row_count > 0)
        return VERDICT_TRUE;
    return server_is_openser(run_server(run)) ? VERDICT_FALSE : (enum verdict)-6;
}

static enum verdict is_user_in(struct call *call)
{
    const struct group *group = module_state(call->module);
    struct run *run = call->run;
    struct sip_uri user;
    struct str sql;
    enum err err;

    if (!find_user(run, call->args[0].value.text, &user))
        return VERDICT_ERROR;
    err = str_print(run->arena, &sql, "SELECT 1 FROM " STR_FMT " WHERE " STR_FMT "=? AND " STR_FMT "=?",
                    STR_ARG(group->table), STR_ARG(group->user_column), STR_ARG(group->group_column));
    if (!err && group->use_domain)
        err = str_print(run->arena, &sql, STR_FMT " AND " STR_FMT "=?", STR_ARG(sql),
                        STR_ARG(group->domain_column));
    const struct value params[] = { value_of_str(user.user), call->args[1].value, value_of_str(user.host) };
    return err ? VERDICT_ERROR
               : run_query(run, group->store, sql, params, group->use_domain ? 3 : 2, tell, NULL);
}

/* ---- expressions ---- */

static void add_pattern(struct group *group, const struct value columns[])
{
    struct pattern *pattern = calloc(1, sizeof *pattern);
    int64_t number = columns[1].number;

    if (pattern && (columns[1].has_number || !str_to_int(columns[1].text, 0, UINT32_MAX, &number)) &&
        columns[0].has_text && !regex_compile(columns[0].text, REGEX_DEFAULT, &pattern->regex, NULL, 0)) {
        pattern->group = number;
        pattern->next = group->patterns;
        group->patterns = pattern;
        return;
    }
    free(pattern);
    log_error("group: the expression \"" STR_FMT "\" of re_table is left out: it, or its group, is none",
              STR_ARG(columns[0].text));
}

static void take_patterns(void *context, const struct store_result *result)
{
    for (unsigned i = 0; i < result->row_count; i++)
        add_pattern(context, result->rows[i].columns);
}

/* How many groups there are; with multiple_gid 0 the first ends the search. */
static enum verdict get_user_group(struct call *call)
{
    const struct group *group = module_state(call->module);
    struct run *run = call->run;
    struct sip_uri user;
    struct str text;
    int count = 0;

    if (!find_user(run, call->args[0].value.text, &user) ||
        str_print(run->arena, &text, "sip:" STR_FMT "@" STR_FMT, STR_ARG(user.user), STR_ARG(user.host)))
        return VERDICT_ERROR;
    for (const struct pattern *p = group->patterns; p && (count == 0 || group->multiple_gid); p = p->next) {
        struct value value = value_of_int(p->group);
        if (!regex_match(p->regex, text, NULL))
            continue;
        if (variable_set(run, call->args[1].object, &value))
            return VERDICT_ERROR;
        count++;
    }
    return count > 0 ? (enum verdict)count : VERDICT_FALSE;
}

/* ---- tables ---- */

#define STAGES (STAGE_REQUEST | STAGE_FAILURE | STAGE_BRANCH | STAGE_LOCAL)

static const struct mod_function functions[] = {
    { .name = "is_user_in", .run = is_user_in, .takes = { ARG_FMT, ARG_FMT }, .min_args = 2,
      .stages = STAGES, .doc = "True when the user of Request-URI, To, From, Credentials or a URI is in the group." },
    { .name = "get_user_group", .run = get_user_group, .takes = { ARG_FMT, ARG_VAR }, .min_args = 2,
      .stages = STAGES, .doc = "Adds the groups whose expressions match the user to an AVP; says how many." },
    { 0 },
};

#define TEXT(name_, initial_, doc_)                                                             \
    { .name = #name_, .type = PARAM_STR, .offset = offsetof(struct group, name_),               \
      .initial_text = initial_, .doc = doc_ }
#define SWITCH(name_, initial_, doc_)                                                           \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct group, name_), .max = 1,     \
      .initial = initial_, .doc = doc_ }

static const struct mod_param params[] = {
    TEXT(db_url, "", "Database; empty: the embedded one."),
    TEXT(table, "grp", "Table of the members."),
    TEXT(user_column, "username", "Its column of the user."),
    TEXT(domain_column, "domain", "Its column of the domain."),
    TEXT(group_column, "grp", "Its column of the group."),
    TEXT(re_table, "", "Table of expressions for get_user_group(); empty: none."),
    TEXT(re_exp_column, "reg_exp", "Its column of the expression."),
    TEXT(re_gid_column, "group_id", "Its column of the group's number."),
    SWITCH(use_domain, 0, "1: the domain must be right too."),
    SWITCH(multiple_gid, 1, "0: get_user_group() looks for one group only."),
    { 0 },
};

static enum err load_patterns(struct module *module, struct group *group)
{
    struct str sql;
    enum err err = str_print(module_arena(module), &sql, "SELECT " STR_FMT "," STR_FMT " FROM " STR_FMT,
                             STR_ARG(group->re_exp_column), STR_ARG(group->re_gid_column),
                             STR_ARG(group->re_table));

    if (!err)
        err = store_run(group->store, sql, NULL, 0, take_patterns, group);
    if (err)
        log_error("group: the table \"" STR_FMT "\" (re_table) cannot be read: %s",
                  STR_ARG(group->re_table), err_name(err));
    return err;
}

static enum err start(struct module *module)
{
    struct group *group = module_state(module);
    enum err err = store_open(group->db_url, &group->store);

    return err || str_is_empty(group->re_table) ? err : load_patterns(module, group);
}

static void stop(struct module *module)
{
    struct group *group = module_state(module);

    while (group->patterns) {
        struct pattern *pattern = group->patterns;
        group->patterns = pattern->next;
        regex_destroy(pattern->regex);
        free(pattern);
    }
    store_close(group->store);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "group",
    .summary = "Knows which groups users are in.",
    .state_size = sizeof(struct group),
    .functions = functions,
    .params = params,
    .start = start,
    .stop = stop,
};
