/* SPDX-License-Identifier: Apache-2.0 */
#include "registrar.h"

enum lookup_answer {
    NOBODY = -1,
    METHOD_NOT_ALLOWED = -2,
    LOOKUP_ERROR = -3,
};

static bool is_stream(const struct flow *flow)
{
    return transport_traits(flow->transport)->is_reliable;
}

/*
 * A stream client is reached by its connection or not at all. A datagram client is reached by its
 * flow when NAT handling says so, else where its Contact says.
 */
static bool uses_flow(const struct location_rules *rules, const struct binding *binding)
{
    bool is_marked = rules->nat_bflag >= 0 && (binding->cflags >> rules->nat_bflag & 1);

    if (!str_is_empty(binding->path))
        return false;
    return rules->uses_flows || is_stream(&binding->flow) || is_marked ||
           !str_is_empty(binding->received);
}

/* The URI of the first value of a Path list. */
static struct str first_hop(struct str path)
{
    struct sip_nameaddr nameaddr;
    struct str first;

    if (!sip_list_next(&path, &first) || sip_nameaddr_parse(first, &nameaddr))
        return (struct str){ 0 };
    return nameaddr.uri.text;
}

static struct target target_of(const struct location_rules *rules, const struct binding *binding)
{
    struct str hop = first_hop(binding->path);

    return (struct target){
        .uri = binding->contact,
        .dst_uri = str_is_empty(hop) ? binding->received : hop,
        .path = binding->path,
        .instance = binding->instance,
        .ruid = binding->ruid,
        .q = binding->q,
        .bflags = binding->cflags,
        .socket = binding->flow.socket,
        .has_flow = uses_flow(rules, binding),
        .flow = binding->flow,
    };
}

static bool takes_method(const struct registrar *registrar, const struct run *run,
                         const struct binding *binding)
{
    return !registrar->method_filtering || !str_is_empty(run->request->msg->to_tag) ||
           (binding->methods >> run->request->msg->method & 1);
}

/* The first binding becomes the Request-URI, the others more targets. */
static enum verdict add_targets(struct call *call, const struct binding *bindings, unsigned count)
{
    const struct registrar *registrar = module_state(call->module);
    struct request *request = call->run->request;
    const struct location_rules *rules = server_location_rules(run_server(call->run));
    bool is_first = true;

    for (unsigned i = 0; i < count; i++) {
        struct target target = target_of(rules, &bindings[i]);

        if (!takes_method(registrar, call->run, &bindings[i]))
            continue;
        if (is_first) {
            target.bflags |= request->target.bflags;
            request->target = target;
            request->target_is_new = true;
            is_first = false;
        } else if (!registrar->append_branches || request_add_target(request, &target)) {
            break;
        }
    }
    return is_first ? (enum verdict)METHOD_NOT_ALLOWED : VERDICT_TRUE;
}

static struct str looked_up_uri(const struct call *call)
{
    return call->arg_count > 1 ? call->args[1].value.text : call->run->request->target.uri;
}

static enum err find_bindings(struct call *call, struct binding **bindings, unsigned *count)
{
    struct run *run = call->run;
    struct str aor;
    enum err err = registrar_aor(call, looked_up_uri(call), &aor);

    /* Targets point into what is found: it has to live as long as the request. */
    return err ? err
               : location_find(server_location(run_server(run)), call->args[0].value.text, aor,
                               run_now(run), &run->request->arena, bindings, count);
}

enum verdict registrar_lookup(struct call *call)
{
    struct binding *bindings;
    unsigned count;
    enum err err = find_bindings(call, &bindings, &count);

    if (err)
        return (enum verdict)(err == ERR_NOT_FOUND ? NOBODY : LOOKUP_ERROR);
    return add_targets(call, bindings, count);
}

enum verdict registrar_registered(struct call *call)
{
    struct binding *bindings;
    unsigned count;

    return find_bindings(call, &bindings, &count) ? VERDICT_FALSE : VERDICT_TRUE;
}

enum verdict registrar_unregister(struct call *call)
{
    struct location *location = server_location(run_server(call->run));
    struct str aor;

    if (call->arg_count > 2)
        return location_remove_ruid(location, call->args[2].value.text) ? VERDICT_FALSE
                                                                        : VERDICT_TRUE;
    if (registrar_aor(call, call->args[1].value.text, &aor))
        return VERDICT_ERROR;
    return location_remove(location, call->args[0].value.text, aor) ? VERDICT_FALSE : VERDICT_TRUE;
}
