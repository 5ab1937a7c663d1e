/* SPDX-License-Identifier: Apache-2.0 */
/* What Kamailio has in corex and the core here does not offer by itself. */
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/server.h>

enum {
    XFLAGS_MAX = 64,
};

/* A domain of which all names below are ours. */
struct domain {
    struct domain *next;
    struct str name;
};

struct corex {
    struct domain *domains;
    unsigned slot; /* of requests: their flags */
};

/* ---- flags ---- */

/* NULL, with a complaint in the log: there is no such flag, or no memory. */
static uint64_t *flags_of(const struct call *call, uint64_t *bit)
{
    const struct corex *state = module_state(call->module);
    struct request *request = call->run->request;
    int64_t number = call->args[0].value.number;

    if (number < 0 || number >= XFLAGS_MAX) {
        log_error("there is no flag %lld; extended flags are 0 to %d", (long long)number,
                  XFLAGS_MAX - 1);
        return NULL;
    }
    *bit = (uint64_t)1 << number;
    if (!request->slots[state->slot])
        request->slots[state->slot] = arena_zalloc(&request->arena, sizeof(uint64_t));
    return request->slots[state->slot];
}

static enum verdict setxflag(struct call *call)
{
    uint64_t bit, *flags = flags_of(call, &bit);

    if (flags)
        *flags |= bit;
    return verdict_if(flags);
}

static enum verdict resetxflag(struct call *call)
{
    uint64_t bit, *flags = flags_of(call, &bit);

    if (flags)
        *flags &= ~bit;
    return verdict_if(flags);
}

static enum verdict isxflagset(struct call *call)
{
    uint64_t bit, *flags = flags_of(call, &bit);

    return verdict_if(flags && (*flags & bit));
}

/* ---- sockets and messages ---- */

static enum verdict is_socket_name(struct call *call)
{
    uint16_t socket;

    return verdict_if(
        !server_find_listener(run_server(call->run), call->args[0].value.text, &socket));
}

static enum verdict is_faked_msg(struct call *call)
{
    return verdict_if(call->run->request->local != NULL);
}

/* ---- alias_subdomains ---- */

/* [ "udp:" ] domain [ ":port" ]: transport and port make no difference here. */
static enum err add_domain(struct module *module, const struct value *value,
                           const struct script_place *place)
{
    struct corex *state = module_state(module);
    struct domain *domain = arena_zalloc(module_arena(module), sizeof *domain);
    struct str name = value->text, head, rest;
    enum transport transport;

    if (!domain)
        return ERR_NOMEM;
    if (str_split(name, ':', &head, &rest) && !transport_find(head, &transport))
        name = rest;
    if (str_split(name, ':', &head, &rest))
        name = head;
    if (str_is_empty(name)) {
        script_complain(place, "corex.alias_subdomains is a domain");
        return ERR_SYNTAX;
    }
    domain->next = state->domains;
    state->domains = domain;
    return str_copy(module_arena(module), name, &domain->name);
}

/* The domain itself is ours as well. */
static bool is_within(struct str host, struct str domain)
{
    struct str tail;

    if (host.len < domain.len)
        return false;
    tail = str_skip(host, host.len - domain.len);
    return str_ieq(tail, domain) && (host.len == domain.len || tail.ptr[-1] == '.');
}

static bool owns(struct module *module, struct str host)
{
    const struct corex *state = module_state(module);
    const struct domain *domain = state->domains;

    while (domain && !is_within(host, domain->name))
        domain = domain->next;
    return domain != NULL;
}

/* clang-format off */
#define ROW(name_, minimum, doc_, ...) \
    { .name = #name_, .run = name_, .takes = { __VA_ARGS__ }, .min_args = minimum, .stages = STAGE_ANY, .doc = doc_ }
#define IGNORED(name_, why) { .name = name_, .type = PARAM_IGNORED, .doc = why }

static const struct mod_function functions[] = {
    ROW(setxflag, 1, "Sets one of the 64 extended flags of a message.", ARG_INT),
    ROW(resetxflag, 1, "Clears it.", ARG_INT),
    ROW(isxflagset, 1, "True when it is set.", ARG_INT),
    ROW(is_socket_name, 1, "True when we listen there: \"udp:192.0.2.1:5060\".", ARG_FMT),
    ROW(is_faked_msg, 0, "True for a request that we have made ourselves.", ARG_END),
    { 0 },
};

static const struct mod_param params[] = {
    { .name = "alias_subdomains", .type = PARAM_CALL, .set = add_domain, .doc = "A domain: all names below it are ours." },
    IGNORED("dns_cache", "names are looked up in the DNS, or in /etc/hosts"),
    IGNORED("nio_intercept", "what comes in and goes out is not shown to scripts"),
    IGNORED("nio_min_msg_len", "what comes in and goes out is not shown to scripts"),
    IGNORED("nio_msg_avp", "what comes in and goes out is not shown to scripts"),
    IGNORED("evcb_reply_out", "what comes in and goes out is not shown to scripts"),
    { 0 },
};
/* clang-format on */

static enum err start(struct module *module)
{
    struct corex *state = module_state(module);
    enum err err = module_slot(module, &state->slot);

    return err || !state->domains ? err : server_add_owner(module_server(module), module, owns);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "corex",
    .summary = "Extended flags, sockets, and domains with all names below them.",
    .state_size = sizeof(struct corex),
    .functions = functions,
    .params = params,
    .start = start,
};
