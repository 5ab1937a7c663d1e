/* SPDX-License-Identifier: Apache-2.0 */
/* Redirections followed here: the contacts of 3xx responses become targets, by their q. */
#include <culvert/module.h>
#include <culvert/server.h>

enum {
    FILTERS_MAX = 6, /* of each kind, added by the script to one request */
    CONTACTS_MAX = 32, /* looked at */
    REASON_MAX = 128,
};

enum kind {
    DENY,
    ACCEPT,
    KINDS,
};

/* What the script has said for one request. */
struct filters {
    bool drops_usual[KINDS];
    const struct regex *added[KINDS][FILTERS_MAX];
    unsigned count[KINDS];
};

struct redirect {
    struct str default_filter, deny_filter, accept_filter, acc_function;
    int64_t bflags, q_value;
    bool denies; /* what no filter matches */
    struct regex *usual[KINDS];
    unsigned slot;
};

/* ---- filters ---- */

static struct filters *filters_of(const struct redirect *redirect, struct run *run)
{
    void **slot = &run->request->slots[redirect->slot];

    if (!*slot)
        *slot = arena_zalloc(&run->request->arena, sizeof(struct filters));
    return *slot;
}

static const struct reset {
    const char *name;
    bool drops_usual, drops_added;
} resets[] = {
    { "", false, false },
    { "reset_default", true, false },
    { "reset_added", false, true },
    { "reset_all", true, true },
};

static enum err prepare_reset(struct str text, const struct script_place *place, const void **out)
{
    for (size_t i = 0; i < sizeof resets / sizeof *resets; i++) {
        *out = &resets[i];
        if (str_ieq(str_trim(text), str_of(resets[i].name)))
            return ERR_NONE;
    }
    script_complain(place, "\"" STR_FMT "\" is none of reset_all, reset_default, reset_added", STR_ARG(text));
    return ERR_SYNTAX;
}

static enum verdict set_filter(struct call *call, enum kind kind)
{
    const struct redirect *redirect = module_state(call->module);
    const struct reset *reset = call->arg_count > 1 ? call->args[1].object : &resets[0];
    struct filters *filters = filters_of(redirect, call->run);

    if (!filters)
        return VERDICT_ERROR;
    filters->drops_usual[kind] |= reset->drops_usual;
    if (reset->drops_added)
        filters->count[kind] = 0;
    if (str_is_empty(call_text(call, 0)))
        return VERDICT_TRUE;
    if (filters->count[kind] == FILTERS_MAX) {
        log_error("uac_redirect: there are more than %d filters", FILTERS_MAX);
        return VERDICT_ERROR;
    }
    filters->added[kind][filters->count[kind]++] = call->args[0].object;
    return VERDICT_TRUE;
}

static enum verdict set_deny_filter(struct call *call)
{
    return set_filter(call, DENY);
}

static enum verdict set_accept_filter(struct call *call)
{
    return set_filter(call, ACCEPT);
}

static bool is_matched(const struct redirect *redirect, const struct filters *filters, enum kind kind, struct str uri)
{
    if (redirect->usual[kind] && !filters->drops_usual[kind] && regex_match(redirect->usual[kind], uri, NULL))
        return true;
    for (unsigned i = 0; i < filters->count[kind]; i++)
        if (regex_match(filters->added[kind][i], uri, NULL))
            return true;
    return false;
}

static bool is_accepted(const struct redirect *redirect, const struct filters *filters, struct str uri)
{
    if (is_matched(redirect, filters, ACCEPT, uri))
        return true;
    return !redirect->denies && !is_matched(redirect, filters, DENY, uri);
}

/* ---- contacts ---- */

struct contact {
    struct sip_uri uri;
    int q; /* -1: unspecified */
};

/* The highest q first; those of one q as they came. */
struct contacts {
    struct contact items[CONTACTS_MAX];
    unsigned count;
};

static void add_contact(struct contacts *contacts, const struct contact *contact)
{
    unsigned at = contacts->count;

    if (contacts->count == CONTACTS_MAX)
        return;
    for (; at > 0 && contacts->items[at - 1].q < contact->q; at--)
        contacts->items[at] = contacts->items[at - 1];
    contacts->items[at] = *contact;
    contacts->count++;
}

static bool is_target(struct str target, const struct sip_uri *uri)
{
    struct sip_uri parsed;

    return !sip_uri_parse(target, &parsed) && sip_uri_equal(&parsed, uri);
}

/* Where the request has been, or will go anyway: a redirection there makes a circle. */
static bool is_known(const struct request *request, const struct sip_uri *uri)
{
    for (unsigned i = 0; i < request->branch_count; i++)
        if (is_target(request->branches[i]->target.uri, uri))
            return true;
    for (unsigned i = 0; i < request->extra_count; i++)
        if (is_target(request->extra[i].uri, uri))
            return true;
    return false;
}

static bool is_listed(const struct contacts *contacts, const struct sip_uri *uri)
{
    for (unsigned i = 0; i < contacts->count; i++)
        if (sip_uri_equal(&contacts->items[i].uri, uri))
            return true;
    return false;
}

static void read_contact(const struct redirect *redirect, struct run *run, struct str value, struct contacts *contacts)
{
    struct sip_nameaddr nameaddr;
    struct contact contact;

    if (sip_nameaddr_parse(value, &nameaddr) || nameaddr.is_star || nameaddr.uri.scheme > URI_SIPS)
        return;
    contact.uri = nameaddr.uri;
    contact.q = sip_q_parse(sip_param_value(nameaddr.params, STR("q")));
    if (contact.q < 0)
        contact.q = (int)redirect->q_value;
    if (is_accepted(redirect, filters_of(redirect, run), contact.uri.text) && !is_known(run->request, &contact.uri) &&
        !is_listed(contacts, &contact.uri))
        add_contact(contacts, &contact);
}

/* ---- get_redirects(total[:branch] [, reason]) ---- */

/* How many contacts may be used; written 0 or *: all. */
struct bounds {
    uint64_t total, branch;
};

static bool read_bound(struct str text, uint64_t *out)
{
    *out = 0;
    if (!str_eq(str_trim(text), STR("*")) && str_to_uint(str_trim(text), 0, UINT32_MAX, out))
        return false;
    *out = *out ? *out : TARGETS_MAX;
    return true;
}

static enum err prepare_bounds(struct str text, const struct script_place *place, const void **out)
{
    struct bounds *bounds = arena_alloc(script_place_arena(place), sizeof *bounds);
    struct str total = text, branch = STR("*");

    if (!bounds)
        return ERR_NOMEM;
    *out = bounds;
    str_split(text, ':', &total, &branch);
    if (read_bound(total, &bounds->total) && read_bound(branch, &bounds->branch))
        return ERR_NONE;
    script_complain(place, "\"" STR_FMT "\" must be total or total:branch, each a number or *", STR_ARG(text));
    return ERR_SYNTAX;
}

/* Writes an account of it, when the script has given a reason. */
static void account(struct run *run, const struct redirect *redirect, struct str reason)
{
    enum verdict verdict;

    if (reason.len && run_function(run, redirect->acc_function, &reason, 1, &verdict))
        log_error("get_redirects: there is no function " STR_FMT "(reason) for accounts: load the module acc",
                  STR_ARG(redirect->acc_function));
}

/* How many of the branch's contacts became targets. */
static unsigned follow(const struct redirect *redirect, struct run *run, const struct branch *branch, uint64_t most,
                       struct str reason)
{
    struct sip_values values = sip_values_of(branch->response, SIP_HDR_CONTACT);
    struct contacts contacts = { .count = 0 };
    unsigned count = 0;

    while (sip_values_next(&values))
        read_contact(redirect, run, values.value, &contacts);
    while (count < contacts.count && count < most) {
        const struct contact *contact = &contacts.items[count];
        const struct target target = { .uri = contact->uri.text, .q = contact->q, .socket = SOCKET_ANY,
                                       .bflags = (uint32_t)redirect->bflags };
        if (request_add_target(run->request, &target))
            break;
        account(run, redirect, reason);
        count++;
    }
    return count;
}

static enum verdict get_redirects(struct call *call)
{
    const struct redirect *redirect = module_state(call->module);
    const struct bounds *bounds = call->args[0].object;
    struct request *request = call->run->request;
    uint64_t left = bounds->total;
    unsigned count = 0;

    if (!filters_of(redirect, call->run))
        return VERDICT_ERROR;
    for (unsigned i = 0; i < request->branch_count; i++) {
        const struct branch *branch = request->branches[i];
        if (branch->step != request->step || branch->status / 100 != 3 || !branch->response)
            continue;
        unsigned followed = follow(redirect, call->run, branch, left < bounds->branch ? left : bounds->branch,
                                   call_text(call, 1));
        left -= followed;
        count += followed;
    }
    return verdict_if(count > 0);
}

static enum err prepare(struct module *module, unsigned index, struct str text, const struct script_place *place,
                        const void **out)
{
    (void)module;
    return index == 0 ? prepare_bounds(text, place, out) : prepare_reset(text, place, out);
}

/* ---- tables ---- */

static const struct mod_function functions[] = {
    { .name = "set_deny_filter", .run = set_deny_filter, .prepare = prepare, .takes = { ARG_RE, ARG_CUSTOM },
      .min_args = 1, .stages = STAGE_FAILURE,
      .doc = "Contacts that match are not followed: (expression, reset_all, reset_default, reset_added or nothing)." },
    { .name = "set_accept_filter", .run = set_accept_filter, .prepare = prepare, .takes = { ARG_RE, ARG_CUSTOM },
      .min_args = 1, .stages = STAGE_FAILURE,
      .doc = "Contacts that match are followed, whatever is denied: arguments as of set_deny_filter()." },
    { .name = "get_redirects", .run = get_redirects, .prepare = prepare, .takes = { ARG_CUSTOM, ARG_FMT },
      .min_args = 1, .stages = STAGE_FAILURE,
      .doc = "Makes targets of the contacts of 3xx responses: (\"total:branch\", numbers or *; a reason writes accounts)." },
    { 0 },
};

#define TEXT(name_, initial_, doc_)                                                             \
    { .name = #name_, .type = PARAM_STR, .offset = offsetof(struct redirect, name_),            \
      .initial_text = initial_, .doc = doc_ }

static const struct mod_param params[] = {
    TEXT(default_filter, "accept", "What becomes of contacts that no filter matches: accept or deny."),
    TEXT(deny_filter, "", "Expression of contacts that are not followed."),
    TEXT(accept_filter, "", "Expression of contacts that are, whatever is denied."),
    { .name = "bflags", .type = PARAM_INT, .offset = offsetof(struct redirect, bflags), .max = UINT32_MAX,
      .doc = "Branch flags of the new targets, as bits." },
    { .name = "q_value", .type = PARAM_INT, .offset = offsetof(struct redirect, q_value), .min = -1, .max = 1000,
      .initial = 10, .doc = "q times 1000 of contacts that have none; -1: unspecified." },
    TEXT(acc_function, "acc_log_request", "Function that writes accounts."),
    { .name = "acc_db_table", .type = PARAM_IGNORED, .doc = "accounts go to the log" },
    { 0 },
};

static enum err compile(struct str text, const char *name, struct regex **out)
{
    char why[REASON_MAX];
    enum err err = str_is_empty(text) ? ERR_NONE : regex_compile(text, REGEX_DEFAULT, out, why, sizeof why);

    if (err)
        log_error("uac_redirect: %s \"" STR_FMT "\": %s", name, STR_ARG(text), why);
    return err;
}

static enum err start(struct module *module)
{
    struct redirect *redirect = module_state(module);
    enum err err;

    redirect->denies = str_ieq(redirect->default_filter, STR("deny"));
    if (!redirect->denies && !str_ieq(redirect->default_filter, STR("accept"))) {
        log_error("uac_redirect: default_filter must be accept or deny");
        return ERR_SYNTAX;
    }
    if ((err = compile(redirect->deny_filter, "deny_filter", &redirect->usual[DENY])) ||
        (err = compile(redirect->accept_filter, "accept_filter", &redirect->usual[ACCEPT])))
        return err;
    return module_slot(module, &redirect->slot);
}

static void stop(struct module *module)
{
    struct redirect *redirect = module_state(module);

    for (unsigned kind = 0; kind < KINDS; kind++)
        regex_destroy(redirect->usual[kind]);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "uac_redirect",
    .summary = "Follows redirections.",
    .state_size = sizeof(struct redirect),
    .functions = functions,
    .params = params,
    .start = start,
    .stop = stop,
};
