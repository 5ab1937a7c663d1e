/* SPDX-License-Identifier: Apache-2.0 */
/* From a URI to targets. */
#include "registrar.h"

#include <culvert/journal.h>

enum lookup_answer {
    NOBODY = -1,
    METHOD_NOT_ALLOWED = -2,
    LOOKUP_ERROR = -3,
};

enum lookup_filter {
    FILTER_BRANCH_FLAGS = 1,
    FILTER_LOST_CONNECTIONS = 2,
};

/* The URI of the first value of a Path list. */
static struct str first_hop(struct str path)
{
    struct sip_nameaddr nameaddr;
    struct str first;

    if (!sip_list_next(&path, &first) || sip_nameaddr_parse(first, &nameaddr))
        return (struct str){ 0 };
    return nameaddr.uri.text;
}

/* path_check_local: a first hop that is ourselves has been passed already. */
static struct str path_ahead(const struct call *call, struct str path)
{
    const struct registrar *registrar = module_state(call->module);
    struct str rest = path, first;
    struct sip_nameaddr hop;

    if (registrar->path_check_local && sip_list_next(&rest, &first) &&
        !sip_nameaddr_parse(first, &hop) && run_is_uri_myself(call->run, &hop.uri))
        return rest;
    return path;
}

static struct target target_of(const struct call *call, const struct binding *binding)
{
    const struct location_rules *rules = server_location_rules(run_server(call->run));
    struct str path = path_ahead(call, binding->path), hop = first_hop(path);

    return (struct target){
        .uri = binding->contact,
        .dst_uri = str_is_empty(hop) ? binding->received : hop,
        .path = path,
        .instance = binding->instance,
        .ruid = binding->ruid,
        .user_agent = binding->user_agent,
        .reg_id = binding->reg_id,
        .q = binding->q,
        .bflags = binding->cflags,
        .socket = binding->flow.socket,
        .has_flow = registrar_uses_flow(rules, binding),
        .flow = binding->flow,
    };
}

/* ---- which bindings count ---- */

static bool takes_method(const struct registrar *registrar, const struct run *run,
                         const struct binding *binding)
{
    return !registrar->method_filtering || !str_is_empty(run->request->msg->to_tag) ||
           (binding->methods >> run->request->msg->method & 1);
}

static bool passes_filter(const struct registrar *registrar, struct run *run,
                          const struct binding *binding)
{
    int64_t set = run->request->target.bflags;
    uint32_t wanted;

    (void)registrar_setting_number(registrar, run, SETTING_BRANCH_FLAGS, &set);
    wanted = (uint32_t)set;
    if (registrar->lookup_filter_mode & FILTER_BRANCH_FLAGS && wanted &&
        !(binding->cflags & wanted))
        return false;
    return !(registrar->lookup_filter_mode & FILTER_LOST_CONNECTIONS) ||
           binding->flow.connection != JOURNAL_CONNECTION_GONE;
}

/* ---- targets ---- */

/* What a lookup has found so far. */
struct finding {
    struct call *call;
    struct target targets[TARGETS_MAX];
    unsigned count, count_max;
};

/* Two flows of one instance are one target, with the newest flow first (RFC 5626 §5.3). */
static struct target *same_instance(struct finding *finding, const struct binding *binding)
{
    for (unsigned i = 0; i < finding->count; i++)
        if (binding->reg_id && finding->targets[i].reg_id && binding->instance.len &&
            str_eq(finding->targets[i].instance, binding->instance))
            return &finding->targets[i];
    return NULL;
}

static enum err add_flow(struct finding *finding, struct target *to, const struct binding *binding)
{
    const struct target **link = &to->other_flow;
    struct target *copy = arena_alloc(&finding->call->run->request->arena, sizeof *copy);

    if (!copy)
        return ERR_NOMEM;
    *copy = target_of(finding->call, binding);
    while (*link)
        link = (const struct target **)(uintptr_t)&(*link)->other_flow;
    *link = copy;
    return ERR_NONE;
}

static enum err take_binding(struct finding *finding, const struct binding *binding)
{
    struct target *same = same_instance(finding, binding);

    if (same)
        return add_flow(finding, same, binding);
    if (finding->count < finding->count_max)
        finding->targets[finding->count++] = target_of(finding->call, binding);
    return ERR_NONE;
}

static bool are_flows_of_one_instance(const struct binding *a, const struct binding *b)
{
    return a->reg_id && b->reg_id && a->instance.len && str_eq(a->instance, b->instance);
}

/* Among the places that the flows of an instance have, the newest flow takes the first. */
static void put_newest_flows_first(struct binding *bindings, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = i + 1; j < count; j++) {
            if (bindings[j].updated_at <= bindings[i].updated_at ||
                !are_flows_of_one_instance(&bindings[i], &bindings[j]))
                continue;
            struct binding newer = bindings[j];
            bindings[j] = bindings[i];
            bindings[i] = newer;
        }
    }
}

static int find_targets(struct finding *finding, struct str table, struct str uri)
{
    struct call *call = finding->call;
    const struct registrar *registrar = module_state(call->module);
    struct binding *bindings;
    unsigned count, before = finding->count;
    enum err err = registrar_find(call, table, uri, &bindings, &count);

    if (err)
        return err == ERR_NOT_FOUND ? NOBODY : LOOKUP_ERROR;
    put_newest_flows_first(bindings, count);
    for (unsigned i = 0; i < count; i++) {
        if (!takes_method(registrar, call->run, &bindings[i]) ||
            !passes_filter(registrar, call->run, &bindings[i]))
            continue;
        if (take_binding(finding, &bindings[i]))
            return LOOKUP_ERROR;
    }
    return finding->count > before ? VERDICT_TRUE : METHOD_NOT_ALLOWED;
}

static struct finding start_finding(struct call *call)
{
    const struct registrar *registrar = module_state(call->module);

    return (struct finding){ .call = call,
                             .count_max = registrar->append_branches ? TARGETS_MAX : 1 };
}

static void set_first(struct request *request, struct target target)
{
    target.bflags |= request->target.bflags;
    request->target = target;
    request->target_is_new = true;
}

static void add_others(struct request *request, const struct finding *finding, unsigned first)
{
    for (unsigned i = first; i < finding->count; i++)
        if (request_add_target(request, &finding->targets[i]))
            break;
}

static struct str looked_up_uri(const struct call *call)
{
    return call->arg_count > 1 ? call->args[1].value.text : call->run->request->target.uri;
}

/* The first binding becomes the Request-URI, the others more targets. */
static enum verdict lookup(struct call *call)
{
    struct request *request = call->run->request;
    struct finding finding = start_finding(call);
    int answer = find_targets(&finding, registrar_table(call), looked_up_uri(call));

    if (answer != VERDICT_TRUE)
        return (enum verdict)answer;
    set_first(request, finding.targets[0]);
    add_others(request, &finding, 1);
    return VERDICT_TRUE;
}

static enum verdict lookup_to_dset(struct call *call)
{
    struct finding finding = start_finding(call);
    int answer = find_targets(&finding, registrar_table(call), looked_up_uri(call));

    add_others(call->run->request, &finding, 0);
    return (enum verdict)answer;
}

/* Every target that names a user gives way to the bindings of that user. */
static enum verdict lookup_branches(struct call *call)
{
    struct request *request = call->run->request;
    struct finding finding = { .call = call, .count_max = TARGETS_MAX };
    int answer = find_targets(&finding, registrar_table(call), request->target.uri);

    if (answer != VERDICT_TRUE)
        finding.targets[finding.count++] = request->target;
    for (unsigned i = 0; i < request->extra_count && finding.count < TARGETS_MAX; i++) {
        const struct target *extra = &request->extra[i];
        int found = extra->ruid.len ? NOBODY : find_targets(&finding, registrar_table(call), extra->uri);

        if (found == VERDICT_TRUE)
            answer = found;
        else if (finding.count < TARGETS_MAX)
            finding.targets[finding.count++] = *extra;
    }
    request->extra_count = 0;
    set_first(request, finding.targets[0]);
    add_others(request, &finding, 1);
    return (enum verdict)answer;
}

/* ---- questions, and the end ---- */

/* In replies it is the user who was called that matters. */
static struct str asked_uri(const struct call *call)
{
    if (call->arg_count > 1 && call->args[1].value.text.len)
        return call->args[1].value.text;
    if (call->run->stage & (STAGE_REPLY | STAGE_CORE_REPLY))
        return call->run->msg->to.uri.text;
    return call->run->request->target.uri;
}

enum registered_match {
    MATCH_SAME_CALL_ID = 1,
    MATCH_SAME_RECEIVED = 2,
    MATCH_SAME_CONTACT = 4,
};

static struct str first_contact(const struct run *run)
{
    struct sip_values contacts = sip_values_of(run->msg, SIP_HDR_CONTACT);
    struct sip_nameaddr contact;

    if (!sip_values_next(&contacts) || sip_nameaddr_parse(contacts.value, &contact))
        return (struct str){ 0 };
    return contact.uri.text;
}

static bool came_from_here(const struct run *run, const struct binding *binding)
{
    return addr_eq(&binding->flow.peer, &run->source.peer) &&
           binding->flow.transport == run->source.transport;
}

/* Without settings of the script's own, what is compared is what the message says. */
static bool is_match(const struct call *call, int64_t match, const struct binding *binding)
{
    const struct registrar *registrar = module_state(call->module);
    struct run *run = call->run;
    struct str call_id = registrar_setting_text(registrar, run, SETTING_MATCH_CALL_ID),
               received = registrar_setting_text(registrar, run, SETTING_MATCH_RECEIVED),
               contact = registrar_setting_text(registrar, run, SETTING_MATCH_CONTACT);

    if (match & MATCH_SAME_CALL_ID &&
        !str_eq(binding->call_id, call_id.len ? call_id : run->msg->call_id))
        return false;
    if (match & MATCH_SAME_RECEIVED &&
        !(received.len ? str_eq(binding->received, received) : came_from_here(run, binding)))
        return false;
    return !(match & MATCH_SAME_CONTACT) ||
           str_eq(binding->contact, contact.len ? contact : first_contact(run));
}

enum {
    ACTION_TELLS_NOTHING = 2,
};

static enum verdict tell_registered(const struct call *call, const struct binding *binding)
{
    int64_t action = call->arg_count > 3 ? call->args[3].value.number : 0;

    if (!(action & ACTION_TELLS_NOTHING))
        registrar_tell_extended(module_state(call->module), call->run, binding);
    return VERDICT_TRUE;
}

static enum verdict registered(struct call *call)
{
    int64_t match = call->arg_count > 2 ? call->args[2].value.number : 0;
    struct binding *bindings;
    unsigned count;

    if (registrar_find(call, registrar_table(call), asked_uri(call), &bindings, &count))
        return VERDICT_FALSE;
    for (unsigned i = 0; i < count; i++)
        if (is_match(call, match, &bindings[i]))
            return tell_registered(call, &bindings[i]);
    return VERDICT_FALSE;
}

static enum verdict unregister(struct call *call)
{
    struct location *location = server_location(run_server(call->run));
    struct str aor;

    if (call->arg_count > 2 && call->args[2].value.text.len)
        return registrar_know_ruid(call, registrar_table(call), call->args[2].value.text)
                   ? VERDICT_ERROR
                   : verdict_of(location_remove_ruid(location, call->args[2].value.text));
    if (registrar_aor(call, call->args[1].value.text, &aor) ||
        registrar_know(call, registrar_table(call), aor))
        return VERDICT_ERROR;
    return verdict_of(location_remove(location, registrar_table(call), aor));
}

/* ---- what the database may have to be asked for ---- */

#define WITH_ROWS(name)                                     \
    enum verdict registrar_##name(struct call *call)        \
    {                                                       \
        return registrar_with_rows(call, name);             \
    }

WITH_ROWS(lookup)
WITH_ROWS(lookup_to_dset)
WITH_ROWS(lookup_branches)
WITH_ROWS(registered)
WITH_ROWS(unregister)
