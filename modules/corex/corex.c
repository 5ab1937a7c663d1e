/* SPDX-License-Identifier: Apache-2.0 */
/* What Kamailio has in corex and the core here does not offer by itself. */
#include "corex.h"

#include <culvert/log.h>
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

struct corex_notes *corex_notes(const struct call *call)
{
    const struct corex *state = module_state(call->module);
    struct request *request = call->run->request;
    void **slot = &request->slots[state->slot];

    if (!*slot)
        *slot = arena_zalloc(&request->arena, sizeof(struct corex_notes));
    return *slot;
}

/* ---- flags ---- */

/* NULL, with a complaint in the log: there is no such flag, or no memory. */
static uint64_t *flags_of(const struct call *call, uint64_t *bit)
{
    int64_t number = call->args[0].value.number;
    struct corex_notes *notes = corex_notes(call);

    if (number < 0 || number >= XFLAGS_MAX) {
        log_error("there is no flag %lld; extended flags are 0 to %d", (long long)number,
                  XFLAGS_MAX - 1);
        return NULL;
    }
    *bit = (uint64_t)1 << number;
    return notes ? &notes->xflags : NULL;
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

/* ---- msg_iflag_…() ---- */

/* Flags of the original's core that scripts may set; nothing here goes by them. */
static const struct str iflag_names[] = {
    STR_INIT("USE_UAC_FROM"),
    STR_INIT("USE_UAC_TO"),
    STR_INIT("UAC_AUTH"),
};

enum {
    NO_IFLAG = -2,
};

static uint32_t iflag_of(const struct call *call)
{
    for (unsigned i = 0; i < sizeof iflag_names / sizeof iflag_names[0]; i++)
        if (str_ieq(iflag_names[i], call_text(call, 0)))
            return 1U << i;
    log_error("there is no message flag \"" STR_FMT "\": USE_UAC_FROM, USE_UAC_TO and UAC_AUTH",
              STR_ARG(call_text(call, 0)));
    return 0;
}

static enum verdict msg_iflag_set(struct call *call)
{
    struct corex_notes *notes = corex_notes(call);
    uint32_t flag = iflag_of(call);

    if (notes)
        notes->iflags |= flag;
    return verdict_if(notes && flag);
}

static enum verdict msg_iflag_reset(struct call *call)
{
    struct corex_notes *notes = corex_notes(call);
    uint32_t flag = iflag_of(call);

    if (notes)
        notes->iflags &= ~flag;
    return verdict_if(notes && flag);
}

static enum verdict msg_iflag_is_set(struct call *call)
{
    const struct corex_notes *notes = corex_notes(call);
    uint32_t flag = iflag_of(call);

    if (!notes || !flag)
        return VERDICT_ERROR;
    return notes->iflags & flag ? VERDICT_TRUE : (enum verdict)NO_IFLAG;
}

/* ---- what makes no sense any more ---- */

static enum verdict forward_reply(struct call *call)
{
    (void)call;
    log_notice("forward_reply: a response is forwarded when the route ends; drop keeps it back");
    return VERDICT_TRUE;
}

static enum verdict is_incoming(struct call *call)
{
    (void)call; /* of event_route[network:msg], which there is not */
    return VERDICT_FALSE;
}

static enum verdict leave_via(struct call *call)
{
    (void)call;
    log_notice("our Via stays as it is: set_advertised_address() changes its host, and add_rr_param() what comes back");
    return VERDICT_TRUE;
}

static enum verdict set_send_socket_name(struct call *call)
{
    log_error("sockets have no names here: use set_send_socket(\"udp:192.0.2.1:5060\") in place of \"" STR_FMT "\"",
              STR_ARG(call_text(call, 0)));
    return VERDICT_FALSE;
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
#define VIA_STAYS "Does nothing but say so: our Via is made of the socket and its advertised address."
#define IGNORED(name_, why) { .name = name_, .type = PARAM_IGNORED, .doc = why }

static const struct mod_function functions[] = {
    ROW(setxflag, 1, "Sets one of the 64 extended flags of a message.", ARG_INT),
    ROW(resetxflag, 1, "Clears it.", ARG_INT),
    ROW(isxflagset, 1, "True when it is set.", ARG_INT),
    ROW(is_socket_name, 1, "True when we listen there: \"udp:192.0.2.1:5060\".", ARG_FMT),
    ROW(file_read, 2, "Reads a regular file of at most 64 kilobytes into a variable.", ARG_FMT, ARG_VAR),
    ROW(file_write, 2, "Makes a text of at most 64 kilobytes the content of a file.", ARG_FMT, ARG_FMT),
    ROW(send_data, 2, "Sends these bytes to the address of a URI.", ARG_FMT, ARG_FMT),
    ROW(sendx, 3, "The same from a socket: URI, socket, bytes.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW(set_source_address, 1, "The request counts as coming from there, and is answered there: [transport:]address[:port].",
        ARG_FMT),
    ROW(set_recv_socket, 1, "The request counts as having come to that socket of ours.", ARG_FMT),
    { .name = "set_recv_socket_name", .run = set_send_socket_name, .takes = { ARG_FMT }, .min_args = 1, .stages = STAGE_ANY,
      .doc = "False: sockets have no names; use set_recv_socket()." },
    ROW(set_send_socket_name, 1, "False: sockets have no names; use set_send_socket().", ARG_FMT),
    ROW(msg_iflag_set, 1, "Sets a flag of the message by its name.", ARG_FMT),
    ROW(msg_iflag_reset, 1, "Clears it.", ARG_FMT),
    ROW(msg_iflag_is_set, 1, "True when it is set.", ARG_FMT),
    ROW(is_incoming, 0, "False: messages are not shown to scripts as they come and go.", ARG_END),
    ROW(forward_reply, 0, "Does nothing: a response is forwarded when the route ends.", ARG_END),
    { .name = "via_add_srvid", .run = leave_via, .takes = { ARG_INT }, .min_args = 1, .stages = STAGE_ANY, .doc = VIA_STAYS },
    { .name = "via_add_xavp_params", .run = leave_via, .takes = { ARG_INT }, .min_args = 1, .stages = STAGE_ANY, .doc = VIA_STAYS },
    { .name = "via_use_xavp_fields", .run = leave_via, .takes = { ARG_INT }, .min_args = 1, .stages = STAGE_ANY, .doc = VIA_STAYS },
    { .name = "via_reply_add_xavp_params", .run = leave_via, .takes = { ARG_INT }, .min_args = 1, .stages = STAGE_ANY, .doc = VIA_STAYS },
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
    .summary = "Extended flags, sockets, small files, bytes to send, and domains with all names below them.",
    .state_size = sizeof(struct corex),
    .functions = functions,
    .params = params,
    .start = start,
};
