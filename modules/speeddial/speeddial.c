/* SPDX-License-Identifier: Apache-2.0 */
/* Short numbers of each user's own: the table says what they stand for. */
#include <culvert/module.h>
#include <culvert/query.h>
#include <culvert/server.h>

struct speeddial {
    struct str db_url, user_column, domain_column, sd_user_column, sd_domain_column, new_uri_column;
    struct str domain_prefix;
    int64_t use_domain;
    struct store *store;
};

static enum verdict take_uri(struct run *run, void *context, const struct store_result *result)
{
    struct sip_uri uri;
    struct str text;

    (void)context;
    if (result->err || result->row_count == 0 ||
        value_to_str(run->arena, &result->rows[0].columns[0], &text))
        return VERDICT_FALSE;
    if (!str_find_char(text, ':') && str_print(run->arena, &text, "sip:" STR_FMT, STR_ARG(text)))
        return VERDICT_ERROR;
    if (sip_uri_parse(text, &uri)) {
        log_error("speeddial: \"" STR_FMT "\" in the table is no URI", STR_ARG(text));
        return VERDICT_ERROR;
    }
    return verdict_of(run_set_uri(run, text));
}

static struct str without(struct str text, struct str prefix)
{
    return prefix.len && str_starts(text, prefix) ? str_skip(text, prefix.len) : text;
}

static enum err write_query(const struct speeddial *speeddial, struct str table, struct arena *arena,
                            struct str *out)
{
    enum err err = str_print(arena, out, "SELECT " STR_FMT " FROM " STR_FMT " WHERE " STR_FMT "=? AND "
                             STR_FMT "=?", STR_ARG(speeddial->new_uri_column), STR_ARG(table),
                             STR_ARG(speeddial->user_column), STR_ARG(speeddial->sd_user_column));

    if (!err && speeddial->use_domain)
        err = str_print(arena, out, STR_FMT " AND " STR_FMT "=? AND " STR_FMT "=?", STR_ARG(*out),
                        STR_ARG(speeddial->domain_column), STR_ARG(speeddial->sd_domain_column));
    return err;
}

/* sd_lookup(table [, owner]): the owner is a URI, that of From by default. */
static enum verdict sd_lookup(struct call *call)
{
    const struct speeddial *speeddial = module_state(call->module);
    struct run *run = call->run;
    struct sip_uri dialled, owner = run->request->msg->from.uri;
    struct str sql;

    if (call->arg_count > 1 && sip_uri_parse(call->args[1].value.text, &owner)) {
        log_error("sd_lookup: the owner \"" STR_FMT "\" is no URI", STR_ARG(call->args[1].value.text));
        return VERDICT_ERROR;
    }
    if (sip_uri_parse(run_target(run)->uri, &dialled) ||
        write_query(speeddial, call->args[0].value.text, run->arena, &sql))
        return VERDICT_ERROR;
    const struct value params[] = {
        value_of_str(owner.user),
        value_of_str(dialled.user),
        value_of_str(without(owner.host, speeddial->domain_prefix)),
        value_of_str(without(dialled.host, speeddial->domain_prefix)),
    };
    return run_query(run, speeddial->store, sql, params, speeddial->use_domain ? 4 : 2, take_uri, NULL);
}

static const struct mod_function functions[] = {
    { .name = "sd_lookup", .run = sd_lookup, .takes = { ARG_FMT, ARG_FMT }, .min_args = 1,
      .stages = STAGE_REQUEST, .traits = TRAIT_AIMS, .doc = "Replaces a short number in the Request-URI by what it stands for." },
    { 0 },
};

#define TEXT(name_, initial_, doc_)                                                             \
    { .name = #name_, .type = PARAM_STR, .offset = offsetof(struct speeddial, name_),           \
      .initial_text = initial_, .doc = doc_ }

static const struct mod_param params[] = {
    TEXT(db_url, "", "Database; empty: the embedded one."),
    TEXT(user_column, "username", "Column of the owner's user part."),
    TEXT(domain_column, "domain", "Column of the owner's domain."),
    TEXT(sd_user_column, "sd_username", "Column of the short number."),
    TEXT(sd_domain_column, "sd_domain", "Column of its domain."),
    TEXT(new_uri_column, "new_uri", "Column of the URI that it stands for."),
    TEXT(domain_prefix, "", "Taken off the domains before they are looked up."),
    { .name = "use_domain", .type = PARAM_INT, .offset = offsetof(struct speeddial, use_domain),
      .max = 1, .doc = "1: the domains select the row too." },
    { 0 },
};

static enum err start(struct module *module)
{
    struct speeddial *speeddial = module_state(module);

    return store_open(speeddial->db_url, &speeddial->store);
}

static void stop(struct module *module)
{
    struct speeddial *speeddial = module_state(module);

    store_close(speeddial->store);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "speeddial",
    .summary = "Short numbers of each user's own.",
    .state_size = sizeof(struct speeddial),
    .functions = functions,
    .params = params,
    .start = start,
    .stop = stop,
};
