/* SPDX-License-Identifier: Apache-2.0 */
/* Marking destinations, asking about them, counting their calls. */
#include <culvert/transaction.h>
#include <culvert/uri.h>

#include "dispatcher.h"

/* ---- marking ---- */

static struct live *current_live(const struct call *call)
{
    struct str uri;
    int64_t id;
    const struct set *set;
    const struct dest *dest;

    if (dispatcher_current(call, &uri, &id) || !(set = sets_find(dispatcher_sets(call->module), id)))
        return NULL;
    dest = set_find(set, uri);
    return dest ? dest->live : NULL;
}

/* OpenSER's p and Kamailio's t count a failure; all else is an order. */
static bool counts_failure(const struct dispatcher *dispatcher, unsigned flags)
{
    return (flags & (dispatcher->is_openser ? DEST_PROBING : DEST_TRYING)) != 0;
}

static enum verdict ds_mark_dst(struct call *call)
{
    struct dispatcher *dispatcher = module_state(call->module);
    struct state_rules rules = dispatcher->state_rules;
    struct live *live = current_live(call);
    struct news news = { 0 };
    unsigned flags = DEST_INACTIVE;
    bool is_up, has_turned;

    if (call->arg_count && state_letters(call_text(call, 0), &flags)) {
        log_error("ds_mark_dst: \"" STR_FMT "\" is no state: a active, i inactive, t trying, d disabled, p probing",
                  STR_ARG(call_text(call, 0)));
        return VERDICT_ERROR;
    }
    if (!live)
        return VERDICT_FALSE;
    rules.adds_probing = (flags & DEST_PROBING) != 0;
    has_turned = counts_failure(dispatcher, flags) ? live_fails(live, &rules, &is_up)
                                                   : live_is_ordered(live, flags, &is_up);
    news.flags = state_flags(live->state);
    if (has_turned)
        dispatcher_tell(dispatcher->self, call->run->worker, live, is_up, &news);
    return VERDICT_TRUE;
}

/* ---- who is in a list ---- */

enum {
    ANY_PORT = 1,
    ANY_TRANSPORT = 2,
    ONLY_ACTIVE = 4,
    ANY_SET = -1,
};

struct peer {
    struct addr addr; /* family NONE: a name */
    struct str host;
    uint16_t port;
    struct str transport; /* empty: not told */
};

static bool has_address(const struct dest *dest, const struct peer *peer)
{
    if (!peer->addr.family) {
        struct str host = dest->hostport;
        host.len = peer->host.len < host.len ? peer->host.len : host.len;
        return str_ieq(host, peer->host) &&
               (host.len == dest->hostport.len || strchr(":;", dest->hostport.ptr[host.len]));
    }
    for (unsigned i = 0; i < dest->addr_count; i++)
        if (addr_same_ip(&dest->addrs[i], &peer->addr))
            return true;
    return false;
}

static bool is_peer(const struct dest *dest, const struct peer *peer, int64_t mode)
{
    return has_address(dest, peer) && ((mode & ANY_PORT) || dest->port == 0 || dest->port == peer->port) &&
           ((mode & ANY_TRANSPORT) || str_ieq(dest->transport, peer->transport)) &&
           (!(mode & ONLY_ACTIVE) || live_is_usable(dest->live));
}

static const struct dest *find_peer(const struct set *set, const struct peer *peer, int64_t mode)
{
    for (unsigned i = 0; i < set->count; i++)
        if (is_peer(&set->dests[i], peer, mode))
            return &set->dests[i];
    return NULL;
}

/* The set is told when it was not said. */
static enum err tell_match(const struct call *call, int64_t id, bool is_known, const struct dest *dest)
{
    const struct dispatcher *dispatcher = module_state(call->module);
    struct value set = value_of_int(id), attrs = value_of_str(dest->attrs);
    enum err err = ERR_NONE;

    if (dispatcher->setid && !is_known)
        err = variable_set(call->run, dispatcher->setid, &set);
    if (!err && dispatcher->attrs && dest->attrs.len)
        err = variable_set(call->run, dispatcher->attrs, &attrs);
    return err;
}

static enum verdict look_for(const struct call *call, const struct peer *peer, int64_t group, int64_t mode)
{
    const struct sets *sets = dispatcher_sets(call->module);

    for (unsigned i = 0; i < sets->count; i++) {
        const struct dest *dest = NULL;
        if (group == ANY_SET || sets->items[i].id == group)
            dest = find_peer(&sets->items[i], peer, mode);
        if (dest)
            return verdict_of(tell_match(call, sets->items[i].id, group != ANY_SET, dest));
    }
    return VERDICT_FALSE;
}

static enum err read_peer(struct str text, struct peer *out)
{
    struct sip_uri uri;

    if (sip_uri_parse(text, &uri) || uri.scheme > URI_SIPS)
        return ERR_SYNTAX;
    *out = (struct peer){ .host = uri.host, .port = uri.port,
                          .transport = sip_param_value(uri.params, STR("transport")) };
    if (addr_parse_ip(uri.host, &out->addr))
        out->addr = (struct addr){ 0 };
    return ERR_NONE;
}

/* ds_is_from_list([group [, mode [, uri]]]) */
static enum verdict ds_is_from_list(struct call *call)
{
    const struct flow *source = &call->run->source;
    int64_t group = call->arg_count > 0 ? call->args[0].value.number : ANY_SET;
    int64_t mode = call->arg_count > 1 ? call->args[1].value.number : ANY_TRANSPORT;
    struct peer peer = {
        .addr = source->peer,
        .port = source->peer.port,
        .transport = transport_traits((enum transport)source->transport)->param_name,
    };

    if (call->arg_count > 2 && read_peer(call_text(call, 2), &peer)) {
        log_error("ds_is_from_list: \"" STR_FMT "\" is no SIP URI", STR_ARG(call_text(call, 2)));
        return VERDICT_ERROR;
    }
    return look_for(call, &peer, group, mode);
}

static struct set *set_of(const struct call *call)
{
    return sets_find(dispatcher_sets(call->module), call->args[0].value.number);
}

static enum verdict ds_list_exists(struct call *call)
{
    return verdict_if(set_of(call));
}

/* ds_is_active(group [, uri]) */
static enum verdict ds_is_active(struct call *call)
{
    const struct set *set = set_of(call);
    bool is_active = false;

    for (unsigned i = 0; set && i < set->count; i++)
        is_active |= live_is_usable(set->dests[i].live) &&
                     (call->arg_count < 2 || str_eq(set->dests[i].uri, call_text(call, 1)));
    return verdict_if(is_active);
}

/* ---- calls ---- */

static struct calls *calls_of(const struct call *call)
{
    const struct dispatcher *dispatcher = module_state(call->module);

    return dispatcher->calls ? dispatcher->calls[worker_index(call->run->worker)] : NULL;
}

/* BYE and CANCEL end a call, a 2xx to INVITE makes it last. */
static enum verdict ds_load_update(struct call *call)
{
    const struct sip_msg *msg = call->run->msg;
    struct calls *calls = calls_of(call);

    if (!calls)
        return VERDICT_ERROR;
    if (msg->is_request && (msg->method == SIP_BYE || msg->method == SIP_CANCEL))
        (void)calls_remove(calls, msg->call_id);
    else if (!msg->is_request && msg->method == SIP_INVITE && msg->status / 100 == 2)
        (void)calls_confirm(calls, msg->call_id, run_now(call->run));
    return VERDICT_TRUE;
}

static enum verdict ds_load_unset(struct call *call)
{
    struct calls *calls = calls_of(call);

    if (!calls)
        return VERDICT_ERROR;
    (void)calls_remove(calls, call->run->msg->call_id);
    return VERDICT_TRUE;
}

/* ---- reading again ---- */

static enum verdict ds_reload(struct call *call)
{
    struct dispatcher *dispatcher = module_state(call->module);

    return verdict_of(dispatcher_reload_later(dispatcher->self));
}

/* ---- ds_dsg_fetch(), $dsg(…) ---- */

struct tally {
    int64_t count, active;
};

static enum verdict ds_dsg_fetch(struct call *call)
{
    const struct dispatcher *dispatcher = module_state(call->module);
    struct request *request = call->run->request;
    const struct set *set = set_of(call);
    struct tally *tally = arena_zalloc(&request->arena, sizeof *tally);

    if (!set || !tally)
        return VERDICT_FALSE;
    tally->count = set->count;
    for (unsigned i = 0; i < set->count; i++)
        tally->active += live_is_usable(set->dests[i].live);
    request->slots[dispatcher->tally_slot] = tally;
    return VERDICT_TRUE;
}

static int64_t percent(int64_t part, int64_t whole)
{
    return whole ? part * 100 / whole : 0;
}

static enum err get_dsg(const struct variable_use *use, struct value *out)
{
    const struct dispatcher *dispatcher = module_state(use->module);
    const struct tally *tally = use->run->request->slots[dispatcher->tally_slot];
    const struct {
        struct str name;
        int64_t number;
    } rows[] = {
        { STR("count"), tally ? tally->count : 0 },
        { STR("active"), tally ? tally->active : 0 },
        { STR("inactive"), tally ? tally->count - tally->active : 0 },
        { STR("pactive"), tally ? percent(tally->active, tally->count) : 0 },
        { STR("pinactive"), tally ? percent(tally->count - tally->active, tally->count) : 0 },
    };

    *out = value_null();
    for (unsigned i = 0; tally && i < sizeof rows / sizeof rows[0]; i++)
        if (str_eq(rows[i].name, use->inner))
            *out = value_of_int(rows[i].number);
    return ERR_NONE;
}

/* ---- $dsv(…) ---- */

static enum err get_dsv(const struct variable_use *use, struct value *out)
{
    const struct dispatcher *dispatcher = module_state(use->module);
    const struct news *news = use->run->request->slots[dispatcher->slot];

    *out = value_null();
    if (!news)
        return ERR_NONE;
    if (str_eq(use->inner, STR("code")))
        *out = value_of_int(news->code);
    else if (str_eq(use->inner, STR("reason")))
        *out = value_of_str(news->reason);
    else
        *out = value_of_int(news->flags);
    return ERR_NONE;
}

static enum err prepare_inner(struct str inner, const char *known, const struct script_place *place)
{
    struct str names = str_of(known), name;

    while (sip_list_next(&names, &name))
        if (str_eq(name, inner))
            return ERR_NONE;
    script_complain(place, "\"" STR_FMT "\" is none of %s", STR_ARG(inner), known);
    return ERR_SYNTAX;
}

static enum err prepare_dsv(struct module *module, struct str inner, const struct script_place *place,
                            const void **out)
{
    (void)module;
    *out = NULL;
    return prepare_inner(inner, "code, reason, flags", place);
}

static enum err prepare_dsg(struct module *module, struct str inner, const struct script_place *place,
                            const void **out)
{
    (void)module;
    *out = NULL;
    return prepare_inner(inner, "count, active, inactive, pactive, pinactive", place);
}

const struct mod_variable dispatcher_variables[] = {
    { .name = "dsv", .inner = INNER_NEEDED, .get = get_dsv, .prepare = prepare_dsv,
      .doc = "In event_route[dispatcher:…]: code and reason of the answer, flags of the destination." },
    { .name = "dsg", .inner = INNER_NEEDED, .get = get_dsg, .prepare = prepare_dsg,
      .doc = "After ds_dsg_fetch(): count, active, inactive of a set, pactive and pinactive of a hundred." },
    { 0 },
};

/* clang-format off */
#define R_F (STAGE_REQUEST | STAGE_FAILURE)
#define ROW(name_, minimum, stages_, doc_, ...) \
    { .name = #name_, .run = name_, .takes = { __VA_ARGS__ }, .min_args = minimum, .stages = stages_, .doc = doc_ }
#define AIMS(name_, minimum, stages_, doc_, ...) \
    { .name = #name_, .run = name_, .takes = { __VA_ARGS__ }, .min_args = minimum, .stages = stages_, .traits = TRAIT_AIMS, .doc = doc_ }
#define SELECTS(name_, stages_, doc_) AIMS(name_, 2, stages_, doc_, ARG_INT, ARG_INT, ARG_INT)

const struct mod_function dispatcher_functions[] = {
    SELECTS(ds_select, STAGE_ANY, "Chooses destinations for ds_next_dst(): set, algorithm [, how many]."),
    SELECTS(ds_select_dst, R_F | STAGE_BRANCH, "The same, and makes the best one the next hop."),
    SELECTS(ds_select_domain, R_F | STAGE_BRANCH, "The same, and writes the best one into the Request-URI."),
    AIMS(ds_select_routes, 2, R_F, "Chooses from several sets: \"set=algorithm;…\", 0 next hop, 1 Request-URI, 2 neither [, how many].",
        ARG_FMT, ARG_FMT, ARG_INT),
    AIMS(ds_next_dst, 0, R_F, "Goes on to the next destination that was chosen; false when there is none.", ARG_END),
    AIMS(ds_next_domain, 0, R_F, "The same in the Request-URI.", ARG_END),
    AIMS(ds_set_dst, 0, R_F, "Makes the destination at hand the next hop.", ARG_END),
    AIMS(ds_set_domain, 0, R_F, "Writes the destination at hand into the Request-URI.", ARG_END),
    ROW(ds_mark_dst, 0, R_F | STAGE_REPLY, "Says how the destination at hand is: a active, i inactive, t trying, d disabled, p probing.", ARG_FMT),
    { .name = "ds_is_from_list", .run = ds_is_from_list, .takes = { ARG_INT, ARG_INT, ARG_FMT }, .stages = STAGE_ANY,
      .traits = TRAIT_DECIDES | TRAIT_ADMITS,
      .doc = "True when the source, or a URI, is a destination: [set [, 1 any port + 2 any transport + 4 only active [, URI]]]." },
    ROW(ds_list_exists, 1, STAGE_ANY, "True when there is such a set.", ARG_INT),
    { .name = "ds_list_exist", .run = ds_list_exists, .takes = { ARG_INT }, .min_args = 1, .stages = STAGE_ANY,
      .doc = "True when there is such a set." },
    ROW(ds_is_active, 1, STAGE_ANY, "True when some destination of the set, or this one, is used.", ARG_INT, ARG_FMT),
    ROW(ds_load_update, 0, STAGE_ANY, "Keeps the number of calls right: BYE, CANCEL and the answer to INVITE.", ARG_END),
    ROW(ds_load_unset, 0, STAGE_ANY, "The call counts for no destination any more.", ARG_END),
    ROW(ds_reload, 0, STAGE_ANY, "Has the list read again, meanwhile the old one is used.", ARG_END),
    ROW(ds_dsg_fetch, 1, STAGE_ANY, "Counts the destinations of a set for $dsg(…).", ARG_INT),
    { 0 },
};
/* clang-format on */
