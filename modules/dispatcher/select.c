/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing destinations, and going on to the next. What is chosen waits in the xavp, best first. */
#include <culvert/transaction.h>
#include <culvert/uri.h>

#include "dispatcher.h"

enum {
    NO_ATTRS = 1,  /* xavp_dst_mode */
    NO_COUNT = 1,  /* xavp_ctx_mode */
    PARALLEL = 12, /* the algorithm */
};

/* ---- keys ---- */

typedef bool key_fn(const struct call *call, uint64_t *key);

static const struct dispatcher *state_of_call(const struct call *call)
{
    return module_state(call->module);
}

static void hash_uri(const struct dispatcher *dispatcher, const struct sip_uri *uri, uint64_t *key)
{
    char port[8];
    struct writer w = writer_over(port, sizeof port);

    *key = hash_on(HASH_START, uri->user);
    if (dispatcher->flags & HASH_USER_ONLY)
        return;
    write_fmt(&w, ":%u", (unsigned)sip_uri_port(uri));
    for (size_t i = 0; i < uri->host.len; i++)
        *key = hash_on(*key, (struct str){ (char[]){ char_lower(uri->host.ptr[i]) }, 1 });
    *key = hash_on(*key, writer_text(&w));
}

static bool key_of_call_id(const struct call *call, uint64_t *key)
{
    *key = hash_on(HASH_START, call->run->msg->call_id);
    return true;
}

static bool key_of_from(const struct call *call, uint64_t *key)
{
    hash_uri(state_of_call(call), &call->run->msg->from.uri, key);
    return true;
}

static bool key_of_to(const struct call *call, uint64_t *key)
{
    hash_uri(state_of_call(call), &call->run->msg->to.uri, key);
    return true;
}

static bool key_of_ruri(const struct call *call, uint64_t *key)
{
    struct sip_uri uri;

    if (sip_uri_parse(run_target(call->run)->uri, &uri))
        return false;
    hash_uri(state_of_call(call), &uri, key);
    return true;
}

/* The user of the credentials, from Proxy-Authorization or else Authorization. */
static bool key_of_user(const struct call *call, uint64_t *key)
{
    static const enum sip_hdr_id ids[] = { SIP_HDR_PROXY_AUTHORIZATION, SIP_HDR_AUTHORIZATION };
    struct sip_digest digest;

    for (unsigned i = 0; i < 2; i++) {
        struct str value = sip_msg_value(call->run->msg, ids[i]);
        if (value.len && !sip_digest_parse(value, &digest) && digest.username.len) {
            *key = hash_on(HASH_START, digest.username);
            return true;
        }
    }
    return false;
}

static bool key_of_variable(const struct call *call, uint64_t *key)
{
    const struct dispatcher *dispatcher = state_of_call(call);
    struct str text;

    if (!dispatcher->hash_text || format_text(call->run, dispatcher->hash_text, &text) ||
        str_is_empty(text)) {
        log_error("dispatcher: algorithm 7 needs modparam(\"dispatcher\", \"hash_pvar\", …) and a value in it");
        return false;
    }
    *key = hash_on(HASH_START, text);
    return true;
}

/* ---- algorithms ---- */

struct algorithm {
    enum pick pick;
    key_fn *key;
    bool may_turn; /* without a key it is one after the other */
    bool counts;   /* the calls of a destination */
    bool is_kamailio;
};

static const struct algorithm algorithms[] = {
    { PICK_HASH, key_of_call_id, false, false, false },
    { PICK_HASH, key_of_from, false, false, false },
    { PICK_HASH, key_of_to, false, false, false },
    { PICK_HASH, key_of_ruri, false, false, false },
    { PICK_TURN, NULL, false, false, false },
    { PICK_HASH, key_of_user, true, false, false },
    { PICK_RANDOM, NULL, false, false, false },
    { PICK_HASH, key_of_variable, false, false, true },
    { PICK_FIRST, NULL, false, false, true },
    { PICK_WEIGHT, NULL, false, false, true },
    { PICK_LOAD, NULL, false, true, true },
    { PICK_RELATIVE, NULL, false, false, true },
    { PICK_FIRST, NULL, false, false, true },
    { PICK_DELAY, NULL, false, false, true },
};

static const struct algorithm *find_algorithm(const struct dispatcher *dispatcher, int64_t number)
{
    static const struct algorithm first = { PICK_FIRST, NULL, false, false, false };
    const int64_t count = sizeof algorithms / sizeof algorithms[0];

    if (number < 0 || number >= count || (dispatcher->is_openser && algorithms[number].is_kamailio)) {
        log_warning("dispatcher: there is no algorithm %lld: the first destination is taken", (long long)number);
        return &first;
    }
    return &algorithms[number];
}

static bool make_choice(const struct call *call, const struct algorithm *algorithm, unsigned limit,
                        struct choice *out)
{
    const struct dispatcher *dispatcher = state_of_call(call);

    *out = (struct choice){ .pick = algorithm->pick, .limit = limit,
                            .has_default = dispatcher->use_default != 0,
                            .random = run_random(call->run) };
    if (!algorithm->key || algorithm->key(call, &out->key))
        return true;
    out->pick = PICK_TURN;
    return algorithm->may_turn;
}

/* ---- what was chosen ---- */

struct chosen {
    struct dest *dest;
    int64_t set;
    bool counts; /* its calls are counted */
};

struct selection {
    struct chosen *items;
    unsigned count, room;
};

static enum err make_room(const struct call *call, struct selection *selection)
{
    const struct sets *sets = dispatcher_sets(call->module);

    *selection = (struct selection){ .room = sets->dest_count };
    selection->items = arena_alloc(call->run->arena, (selection->room + 1) * sizeof *selection->items);
    return selection->items ? ERR_NONE : ERR_NOMEM;
}

static bool add_chosen(const struct call *call, int64_t id, const struct algorithm *algorithm,
                       unsigned limit, struct selection *selection)
{
    struct set *set = sets_find(dispatcher_sets(call->module), id);
    struct dest **found;
    struct choice choice;
    unsigned count;

    if (!set) {
        log_error("dispatcher: there is no set %lld in the list", (long long)id);
        return false;
    }
    found = arena_alloc(call->run->arena, set->count * sizeof(struct dest *));
    if (!found || !make_choice(call, algorithm, limit, &choice))
        return false;
    count = choose(set, &choice, found);
    for (unsigned i = 0; i < count && selection->count < selection->room; i++)
        selection->items[selection->count++] = (struct chosen){ found[i], id, algorithm->counts };
    return count > 0;
}

/* ---- the xavp ---- */

static enum err add_text(struct xavps *fields, struct arena *arena, struct str name, struct str text)
{
    struct value value = value_of_str(text);
    struct xavp *made;

    return text.len ? xavp_push(fields, arena, name, &value, &made) : ERR_NONE;
}

static enum err add_number(struct xavps *fields, struct arena *arena, struct str name, int64_t number)
{
    struct value value = value_of_int(number);
    struct xavp *made;

    return xavp_push(fields, arena, name, &value, &made);
}

static struct str attrs_of(const struct dispatcher *dispatcher, const struct dest *dest)
{
    if (dispatcher->xavp_dst_mode & NO_ATTRS)
        return STR("");
    return str_is_empty(dest->attrs) && dispatcher->attrs_none ? STR("none") : dest->attrs;
}

static enum err publish_one(const struct call *call, const struct chosen *chosen)
{
    const struct dispatcher *dispatcher = state_of_call(call);
    struct request *request = call->run->request;
    struct arena *arena = &request->arena;
    const struct value none = value_null();
    struct xavp *record;
    enum err err;

    if ((err = xavp_push(&request->xavps, arena, dispatcher->xavp_dst, &none, &record)))
        return err;
    if ((err = add_text(&record->fields, arena, STR("sockname"), chosen->dest->sockname)) ||
        (err = add_text(&record->fields, arena, STR("sock"), chosen->dest->socket)) ||
        (err = add_text(&record->fields, arena, STR("attrs"), attrs_of(dispatcher, chosen->dest))) ||
        (err = add_text(&record->fields, arena, STR("dstid"), chosen->counts ? chosen->dest->uri : STR(""))) ||
        (err = add_number(&record->fields, arena, STR("grp"), chosen->set)))
        return err;
    return add_text(&record->fields, arena, STR("uri"), chosen->dest->uri);
}

static enum err publish_count(const struct call *call, unsigned count)
{
    const struct dispatcher *dispatcher = state_of_call(call);
    struct request *request = call->run->request;
    const struct value none = value_null();
    struct xavp *record;
    enum err err;

    if (dispatcher->xavp_ctx_mode & NO_COUNT)
        return ERR_NONE;
    err = xavp_push(&request->xavps, &request->arena, dispatcher->xavp_ctx, &none, &record);
    return err ? err : add_number(&record->fields, &request->arena, STR("cnt"), count);
}

/* ---- the AVPs of older scripts ---- */

static enum err mirror(const struct call *call, enum mirror which, struct value value)
{
    const struct variable_ref *ref = state_of_call(call)->mirrors[which];

    return ref ? variable_set(call->run, ref, &value) : ERR_NONE;
}

static enum err mirror_one(const struct call *call, const struct chosen *chosen)
{
    const struct dest *dest = chosen->dest;
    enum err err;

    if ((err = mirror(call, MIRROR_SET, value_of_int(chosen->set))) ||
        (err = mirror(call, MIRROR_URI, value_of_str(dest->uri))) ||
        (err = mirror(call, MIRROR_ATTRS, value_of_str(dest->attrs))) ||
        (err = mirror(call, MIRROR_ID, value_of_str(dest->duid))))
        return err;
    return mirror(call, MIRROR_SOCKET, value_of_str(dest->socket));
}

/* Those of the destination at hand go, as $null takes the newest. */
static void drop_mirrors(const struct call *call)
{
    for (enum mirror i = 0; i < MIRRORS; i++)
        if (i != MIRROR_COUNT && mirror(call, i, value_null()))
            log_error("dispatcher: an AVP of the last destination cannot be removed");
}

/* The best goes in last, which is in front. */
static enum err publish(const struct call *call, const struct selection *selection)
{
    enum err err = ERR_NONE;

    for (unsigned i = selection->count; !err && i-- > 0;) {
        err = publish_one(call, &selection->items[i]);
        if (!err)
            err = mirror_one(call, &selection->items[i]);
    }
    if (!err)
        err = mirror(call, MIRROR_COUNT, value_of_int(selection->count));
    return err ? err : publish_count(call, selection->count);
}

/* ---- going there ---- */

enum way {
    WAY_DST,    /* the next hop */
    WAY_DOMAIN, /* host and port of the Request-URI */
    WAY_NONE,
};

/* "sip:user@" of the Request-URI before host, port and parameters of the destination. */
static enum err set_domain(struct run *run, struct str uri)
{
    struct sip_uri old, new;
    struct str text;
    enum err err;

    if (sip_uri_parse(uri, &new) || sip_uri_parse(run_target(run)->uri, &old) || old.scheme > URI_SIPS)
        return ERR_SYNTAX;
    err = str_print(run->arena, &text, "%s:" STR_FMT "%s" STR_FMT "%s" STR_FMT,
                    new.scheme == URI_SIPS ? "sips" : "sip", STR_ARG(old.user),
                    old.password.len ? ":" : "", STR_ARG(old.password), old.user.len ? "@" : "",
                    (int)(uri.ptr + uri.len - new.host.ptr), new.host.ptr);
    return err ? err : run_set_uri(run, text);
}

/* One that we do not have is no reason to lose the call. */
static void set_socket(struct run *run, struct str name)
{
    uint16_t socket;

    if (server_find_listener(run_server(run), name, &socket))
        log_error("dispatcher: the server does not listen on \"" STR_FMT "\", as a destination wants",
                  STR_ARG(name));
    else
        run_target(run)->socket = socket;
}

/* In OpenSER's failure routes only branches that were added are relayed to. */
static bool needs_branch(const struct call *call, enum way way)
{
    return way != WAY_NONE && call->run->stage == STAGE_FAILURE && state_of_call(call)->is_openser;
}

static enum err add_branch(struct request *request)
{
    struct target target = request->target;

    return request_add_target(request, &target);
}

static enum err go(const struct call *call, enum way way, struct str uri, struct str socket)
{
    enum err err = ERR_NONE;

    if (way == WAY_DST)
        err = run_set_dst_uri(call->run, uri);
    else if (way == WAY_DOMAIN)
        err = set_domain(call->run, uri);
    if (str_is_empty(socket))
        socket = state_of_call(call)->default_socket;
    if (!err && way != WAY_NONE && !str_is_empty(socket))
        set_socket(call->run, socket);
    return err || !needs_branch(call, way) ? err : add_branch(call->run->request);
}

/* ---- calls that are counted ---- */

static struct calls *calls_of(const struct call *call)
{
    const struct dispatcher *dispatcher = state_of_call(call);

    return dispatcher->calls ? dispatcher->calls[worker_index(call->run->worker)] : NULL;
}

static enum err count_call(const struct call *call, struct live *live)
{
    enum err err = calls_add(calls_of(call), call->run->msg->call_id, live, run_now(call->run));

    if (err)
        log_error("dispatcher: a call is not counted: %s", err_name(err));
    return err;
}

static bool can_count(const struct call *call)
{
    if (!calls_of(call))
        log_error("dispatcher: calls are not counted: set modparam(\"dispatcher\", \"ds_hash_size\", 9)");
    return calls_of(call);
}

/* ---- selecting ---- */

static bool may_overwrite(const struct call *call, enum way way)
{
    bool may = way != WAY_DST || state_of_call(call)->force_dst ||
               str_is_empty(run_target(call->run)->dst_uri);

    if (!may)
        log_error("dispatcher: $du is set already, and force_dst is 0");
    return may;
}

/* Without failover only the best is remembered nowhere. */
static enum err finish_selection(const struct call *call, enum way way, const struct selection *selection)
{
    const struct chosen *best = &selection->items[0];
    bool is_kept = way == WAY_NONE || (state_of_call(call)->flags & HAS_FAILOVER);
    enum err err = is_kept ? publish(call, selection) : ERR_NONE;

    if (!err)
        err = go(call, way, best->dest->uri, best->dest->socket);
    return err || !best->counts ? err : count_call(call, best->dest->live);
}

/* Algorithm 12: to all of them at once. */
static enum err fork(const struct call *call, const struct selection *selection)
{
    struct request *request = call->run->request;
    enum err err = go(call, WAY_DST, selection->items[0].dest->uri, selection->items[0].dest->socket);

    for (unsigned i = 1; !err && i < selection->count; i++) {
        struct target target = request->target;
        target.dst_uri = selection->items[i].dest->uri;
        err = request_add_target(request, &target);
    }
    return err;
}

static bool reads_limit(const struct call *call, unsigned index, unsigned *out)
{
    int64_t limit = call->arg_count > index ? call->args[index].value.number : 0;

    *out = (unsigned)(limit > 0 && limit < INT32_MAX ? limit : 0);
    return limit >= 0;
}

/* select(set, algorithm [, limit]) */
static enum verdict select_from_set(struct call *call, enum way way)
{
    const struct dispatcher *dispatcher = state_of_call(call);
    int64_t number = call->args[1].value.number;
    const struct algorithm *algorithm = find_algorithm(dispatcher, number);
    struct selection selection;
    unsigned limit;

    if (!may_overwrite(call, way) || !reads_limit(call, 2, &limit) || (algorithm->counts && !can_count(call)))
        return VERDICT_ERROR;
    if (make_room(call, &selection) ||
        !add_chosen(call, call->args[0].value.number, algorithm, limit, &selection))
        return VERDICT_FALSE;
    if (number == PARALLEL && way == WAY_DST && !dispatcher->is_openser)
        return verdict_of(fork(call, &selection));
    return verdict_of(finish_selection(call, way, &selection));
}

enum verdict ds_select(struct call *call)
{
    return select_from_set(call, WAY_NONE);
}

enum verdict ds_select_dst(struct call *call)
{
    return select_from_set(call, WAY_DST);
}

enum verdict ds_select_domain(struct call *call)
{
    return select_from_set(call, WAY_DOMAIN);
}

/* ---- several sets: "1=4;2=8" ---- */

static bool read_rule(struct str rule, int64_t *set, int64_t *algorithm)
{
    struct str head, tail;

    return str_split(rule, '=', &head, &tail) && !str_to_int(str_trim(head), 0, INT32_MAX, set) &&
           !str_to_int(str_trim(tail), 0, INT32_MAX, algorithm);
}

static enum err add_rule(const struct call *call, struct str rule, unsigned limit, struct selection *selection)
{
    int64_t set, number;
    const struct algorithm *algorithm;

    if (!read_rule(rule, &set, &number)) {
        log_error("dispatcher: \"" STR_FMT "\" is no rule of ds_select_routes(): write set=algorithm;…",
                  STR_ARG(rule));
        return ERR_SYNTAX;
    }
    algorithm = find_algorithm(state_of_call(call), number);
    if (algorithm->counts && !can_count(call))
        return ERR_UNSUPPORTED;
    if (!limit || selection->count < limit)
        add_chosen(call, set, algorithm, limit ? limit - selection->count : 0, selection);
    return ERR_NONE;
}

static enum err add_rules(const struct call *call, struct str rules, unsigned limit, struct selection *selection)
{
    struct str rule;
    enum err err = make_room(call, selection);

    while (!err && str_trim(rules).len) {
        if (!str_split(rules, ';', &rule, &rules)) {
            rule = rules;
            rules = STR("");
        }
        if (str_trim(rule).len)
            err = add_rule(call, str_trim(rule), limit, selection);
    }
    return err;
}

/* ds_select_routes(rules, "0" next hop | "1" Request-URI | "2" neither [, limit]) */
enum verdict ds_select_routes(struct call *call)
{
    struct str mode = call_text(call, 1);
    enum way way = str_eq(mode, STR("1")) ? WAY_DOMAIN : str_eq(mode, STR("0")) ? WAY_DST : WAY_NONE;
    struct selection selection;
    unsigned limit;

    if (!may_overwrite(call, way) || !reads_limit(call, 2, &limit) ||
        add_rules(call, call_text(call, 0), limit, &selection))
        return VERDICT_ERROR;
    return selection.count ? verdict_of(finish_selection(call, way, &selection)) : VERDICT_FALSE;
}

/* ---- the one at hand, and the next ---- */

static struct xavp *current(const struct call *call)
{
    return xavp_find(&call->run->request->xavps, state_of_call(call)->xavp_dst, 0);
}

static struct value field(const struct xavp *record, struct str name)
{
    const struct xavp *found = record ? xavp_find(&record->fields, name, 0) : NULL;

    return found ? found->value : value_null();
}

enum err dispatcher_current(const struct call *call, struct str *uri, int64_t *set)
{
    const struct xavp *record = current(call);
    struct value text = field(record, STR("uri")), number = field(record, STR("grp"));

    if (!text.has_text || !number.has_number)
        return ERR_NOT_FOUND;
    *uri = text.text;
    *set = number.number;
    return ERR_NONE;
}

static enum err use_current(const struct call *call, enum way way)
{
    const struct xavp *record = current(call);
    struct value uri = field(record, STR("uri")), socket = field(record, STR("sock"));

    if (!uri.has_text || str_is_empty(uri.text))
        return ERR_NOT_FOUND;
    return go(call, way, uri.text, socket.has_text ? socket.text : STR(""));
}

/* The call has moved on: it counts where it now goes. */
static enum err count_current(const struct call *call)
{
    const struct set *set;
    const struct dest *dest;
    struct str uri;
    int64_t id;

    if (!field(current(call), STR("dstid")).has_text || !calls_of(call) ||
        dispatcher_current(call, &uri, &id))
        return ERR_NONE;
    set = sets_find(dispatcher_sets(call->module), id);
    dest = set ? set_find(set, uri) : NULL;
    return dest ? count_call(call, dest->live) : ERR_NONE;
}

static enum verdict use_next(struct call *call, enum way way)
{
    struct xavp *record = current(call);
    enum err err;

    if (!(state_of_call(call)->flags & HAS_FAILOVER) || !record)
        return VERDICT_FALSE;
    xavp_remove(&call->run->request->xavps, record);
    drop_mirrors(call);
    err = use_current(call, way);
    return verdict_of(err ? err : count_current(call));
}

enum verdict ds_next_dst(struct call *call)
{
    return use_next(call, WAY_DST);
}

enum verdict ds_next_domain(struct call *call)
{
    return use_next(call, WAY_DOMAIN);
}

enum verdict ds_set_dst(struct call *call)
{
    return verdict_of(use_current(call, WAY_DST));
}

enum verdict ds_set_domain(struct call *call)
{
    return verdict_of(use_current(call, WAY_DOMAIN));
}
