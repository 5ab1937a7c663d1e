/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which domains are ours: rows of the table `domain`, kept in memory and read again every few seconds,
 * so that a query never stands between a request and its answer.
 */
#include <culvert/accounts.h>
#include <culvert/module.h>
#include <culvert/server.h>

#include <pthread.h>
#include <stdlib.h>

enum { DOMAINS_MAX = 100000 };

/* One state of the table; replaced as a whole. */
struct domain_list {
    size_t count;
    struct str names[]; /* sorted; their bytes follow */
};

struct domain {
    struct str db_url, table, column;
    int64_t db_mode, register_myself, reload_interval;
    struct store *store;
    struct str query;
    pthread_rwlock_t lock; /* of list */
    struct domain_list *list;
    msec reload_at; /* touched by worker 0 alone */
};

/* ---- the list ---- */

static int compare_names(const void *a, const void *b)
{
    return str_icompare(*(const struct str *)a, *(const struct str *)b);
}

static struct domain_list *list_of(const struct store_result *result)
{
    size_t bytes = 0, count = 0;
    struct domain_list *list;
    char *at;

    for (unsigned i = 0; i < result->row_count; i++)
        bytes += result->rows[i].columns[0].text.len;
    list = malloc(sizeof *list + result->row_count * sizeof list->names[0] + bytes);
    if (!list)
        return NULL;
    at = (char *)&list->names[result->row_count];
    for (unsigned i = 0; i < result->row_count && count < DOMAINS_MAX; i++) {
        struct str name = result->rows[i].columns[0].text;
        memcpy(at, name.ptr, name.len);
        list->names[count++] = (struct str){ at, name.len };
        at += name.len;
    }
    list->count = count;
    qsort(list->names, count, sizeof list->names[0], compare_names);
    return list;
}

/* A failed query leaves what was known. */
static void take_list(void *context, const struct store_result *result)
{
    struct domain *domain = context;
    struct domain_list *list = result->err ? NULL : list_of(result), *old;

    if (!list) {
        if (result->err != ERR_NOT_NOW) /* the server stops */
            log_warning("domain: the table cannot be read: %s", err_name(result->err));
        return;
    }
    pthread_rwlock_wrlock(&domain->lock);
    old = domain->list;
    domain->list = list;
    pthread_rwlock_unlock(&domain->lock);
    free(old);
}

static bool is_listed(struct domain *domain, struct str name)
{
    bool found;

    pthread_rwlock_rdlock(&domain->lock);
    found = domain->list && bsearch(&name, domain->list->names, domain->list->count,
                                    sizeof domain->list->names[0], compare_names);
    pthread_rwlock_unlock(&domain->lock);
    return found;
}

static bool owns(struct module *module, struct str host)
{
    struct domain *domain = module_state(module);

    return domain->register_myself && is_listed(domain, host);
}

static void on_tick(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now)
{
    struct domain *domain = module_state(module);

    (void)count;
    if (index != 0 || domain->reload_interval == 0 || now < domain->reload_at)
        return;
    domain->reload_at = now + (msec)domain->reload_interval * 1000;
    if (store_query(domain->store, worker, domain->query, NULL, 0, take_list, domain))
        log_warning("domain: the database is too busy to read the table");
}

/* ---- script functions ---- */

static enum verdict answer(struct call *call, struct str host)
{
    return is_listed(module_state(call->module), host) ? VERDICT_TRUE : VERDICT_FALSE;
}

static enum verdict is_from_local(struct call *call)
{
    return answer(call, call->run->request->msg->from.uri.host);
}

static enum verdict is_uri_host_local(struct call *call)
{
    const struct request *request = call->run->request;
    bool is_appended = call->run->stage == STAGE_FAILURE && request->extra_count > 0;
    struct sip_uri uri;

    if (sip_uri_parse(is_appended ? request->extra[0].uri : request->target.uri, &uri))
        return VERDICT_FALSE;
    return answer(call, uri.host);
}

static enum verdict is_domain_local(struct call *call)
{
    return answer(call, call->args[0].value.text);
}

#define LOCAL_STAGES (STAGE_REQUEST | STAGE_BRANCH | STAGE_FAILURE | STAGE_LOCAL)

static const struct mod_function functions[] = {
    { .name = "is_from_local", .run = is_from_local, .stages = LOCAL_STAGES,
      .doc = "True when the domain of From is one of ours." },
    { .name = "is_uri_host_local", .run = is_uri_host_local, .stages = LOCAL_STAGES,
      .doc = "True when the host of the Request-URI is one of ours." },
    { .name = "is_domain_local", .run = is_domain_local, .takes = { ARG_FMT }, .min_args = 1,
      .stages = LOCAL_STAGES, .doc = "True when the domain given is one of ours." },
    { 0 },
};

static const struct mod_param params[] = {
    { .name = "db_url", .type = PARAM_STR, .offset = offsetof(struct domain, db_url),
      .initial_text = "", .doc = "Database; empty: the embedded one." },
    { .name = "db_mode", .type = PARAM_INT, .offset = offsetof(struct domain, db_mode),
      .doc = "The table is always kept in memory." },
    { .name = "domain_table", .type = PARAM_STR, .offset = offsetof(struct domain, table),
      .initial_text = "domain", .doc = "Name of the table." },
    { .name = "domain_col", .type = PARAM_STR, .offset = offsetof(struct domain, column),
      .initial_text = "domain", .doc = "Name of its column." },
    { .name = "register_myself", .type = PARAM_INT, .offset = offsetof(struct domain, register_myself),
      .max = 1, .doc = "1: these domains are myself too." },
    { .name = "reload_interval", .type = PARAM_INT, .offset = offsetof(struct domain, reload_interval),
      .initial = 5, .max = 86400, .doc = "Seconds until the table is read again; 0: by command only." },
    { .name = "domain_attrs_table", .type = PARAM_IGNORED, .doc = "domains have no attributes here" },
    { .name = "did_col", .type = PARAM_IGNORED, .doc = "domains have no attributes here" },
    { 0 },
};

static enum err reload(struct module *module)
{
    struct domain *domain = module_state(module);

    return store_run(domain->store, domain->query, NULL, 0, take_list, domain);
}

static enum err run_reload(struct module *module, struct command *command)
{
    enum err err = reload(module);

    return err ? command_fail(command, err, "the table cannot be read: %s", err_name(err)) : ERR_NONE;
}

/* A change counts at once. */
static enum err manage(struct module *module, struct command *command,
                       enum err (*run)(const struct account_table *, struct command *))
{
    const struct domain *domain = module_state(module);
    const struct account_table table = { domain->store, domain->table, { domain->column }, { { 0 } } };
    enum err err = run(&table, command);

    return err ? err : reload(module);
}

static enum err run_add(struct module *module, struct command *command)
{
    return manage(module, command, account_add_domain);
}

static enum err run_rm(struct module *module, struct command *command)
{
    return manage(module, command, account_remove_domain);
}

static enum err run_list(struct module *module, struct command *command)
{
    return manage(module, command, account_list_domains);
}

static enum err run_dump(struct module *module, struct command *command)
{
    struct domain *domain = module_state(module);

    command_open_list(command, "domains");
    pthread_rwlock_rdlock(&domain->lock);
    for (size_t i = 0; domain->list && i < domain->list->count; i++)
        command_text(command, "", domain->list->names[i]);
    pthread_rwlock_unlock(&domain->lock);
    command_close(command);
    return ERR_NONE;
}

static const struct mod_command commands[] = {
    { "domain.reload", "", "Reads the table of domains again.", run_reload },
    { "domain.add", "domain", "Adds a domain to the table.", run_add },
    { "domain.rm", "domain", "Removes a domain from the table.", run_rm },
    { "domain.list", "", "The domains of the table.", run_list },
    { "domain.dump", "", "Lists the domains that are ours.", run_dump },
    { 0 },
};

static enum err start(struct module *module)
{
    struct domain *domain = module_state(module);
    enum err err;

    pthread_rwlock_init(&domain->lock, NULL);
    if ((err = store_open(domain->db_url, &domain->store)) ||
        (err = str_print(module_arena(module), &domain->query, "SELECT " STR_FMT " FROM " STR_FMT,
                         STR_ARG(domain->column), STR_ARG(domain->table))) ||
        (err = reload(module)))
        return err;
    return server_add_owner(module_server(module), module, owns);
}

static void stop(struct module *module)
{
    struct domain *domain = module_state(module);

    store_close(domain->store);
    free(domain->list);
    pthread_rwlock_destroy(&domain->lock);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "domain",
    .summary = "Knows which domains are served here.",
    .state_size = sizeof(struct domain),
    .functions = functions,
    .params = params,
    .commands = commands,
    .hooks = { .on_tick = on_tick },
    .start = start,
    .stop = stop,
};
