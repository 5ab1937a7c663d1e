/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests go to one of several destinations: by a hash, in turn, by weight or load. Those that do
 * not answer are left out; what is chosen waits for the failure of the one before.
 */
#include "dispatcher.h"

#include <stdlib.h>

enum {
    SECOND = 1000,
    TICKS_A_SECOND = 10,
    HASH_BITS_MAX = 16,
};

/* ---- parameters ---- */

static enum err set_database(struct module *module, const struct value *value,
                             const struct script_place *place)
{
    struct dispatcher *dispatcher = module_state(module);

    (void)place;
    dispatcher->has_database = true;
    return str_copy(module_arena(module), value->text, &dispatcher->db_url);
}

static enum err set_codes(struct module *module, const struct value *value,
                          const struct script_place *place)
{
    struct dispatcher *dispatcher = module_state(module);

    if (!dispatcher_reads_codes(value->text)) {
        script_complain(place, "ds_ping_reply_codes are \"class=2;code=403;…\"");
        return ERR_SYNTAX;
    }
    return str_copy(module_arena(module), value->text, &dispatcher->reply_codes);
}

/* clang-format off */
#define AT(field_) .offset = offsetof(struct dispatcher, field_)
#define TEXT(name_, field_, initial_, doc_) \
    { .name = name_, .type = PARAM_STR, AT(field_), .initial_text = initial_, .doc = doc_ }
#define INT(name_, field_, min_, max_, initial_, doc_) \
    { .name = name_, .type = PARAM_INT, AT(field_), .min = min_, .max = max_, .initial = initial_, .doc = doc_ }
#define OTHER(name_, doc_) { .name = name_, .type = PARAM_IGNORED, .doc = doc_ }
#define BY_DIALECT (-1)
#define BY_NAME "AVPs have names: use dst_avp, grp_avp and cnt_avp"

static const struct mod_param params[] = {
    TEXT("list_file", list_file, "dispatcher.list", "The list, relative to the script: set uri flags priority attributes."),
    { .name = "db_url", .type = PARAM_CALL, .set = set_database, .doc = "Database of the list in place of a file; empty: the embedded one." },
    TEXT("table_name", table_name, "dispatcher", "Its table."),
    TEXT("setid_col", setid_col, "setid", "Column of the set."),
    TEXT("destination_col", destination_col, "destination", "Column of the URI."),
    TEXT("flags_col", flags_col, "flags", "Column of the flags; Kamailio."),
    TEXT("priority_col", priority_col, "priority", "Column of the priority; Kamailio."),
    TEXT("attrs_col", attrs_col, "attrs", "Column of the attributes; Kamailio."),
    TEXT("ds_db_extra_attrs", extra_attrs, "", "More columns, separated by commas, that become attributes."),
    INT("force_dst", force_dst, BY_DIALECT, 1, BY_DIALECT, "1: $du is overwritten when it is set already; Kamailio: 1, OpenSER: 0."),
    INT("flags", flags, 0, 3, 0, "1: hashes are over the user of a URI alone; 2: failover to the next destination."),
    INT("use_default", use_default, 0, 1, 0, "1: the last destination of a set is used when there is no other."),
    TEXT("xavp_dst", xavp_dst, "_dsdst_", "Name of the list of destinations: uri, grp, dstid, attrs, sock, sockname."),
    INT("xavp_dst_mode", xavp_dst_mode, 0, 15, 0, "1: the list is without attributes."),
    TEXT("xavp_ctx", xavp_ctx, "_dsctx_", "Name of the xavp with cnt, how many there are."),
    INT("xavp_ctx_mode", xavp_ctx_mode, 0, 1, 0, "1: it is not set."),
    TEXT("hash_pvar", hash_pvar, "", "What algorithm 7 makes its hash of."),
    TEXT("setid_pvname", setid_pvname, "", "Variable that ds_is_from_list() writes the set to."),
    TEXT("attrs_pvname", attrs_pvname, "", "Variable that ds_is_from_list() writes the attributes to."),
    TEXT("dst_avp", mirror_names[MIRROR_URI], "", "AVP with the URIs, as older scripts read them."),
    TEXT("grp_avp", mirror_names[MIRROR_SET], "", "AVP with their sets."),
    TEXT("cnt_avp", mirror_names[MIRROR_COUNT], "", "AVP with how many there are."),
    TEXT("attrs_avp", mirror_names[MIRROR_ATTRS], "", "AVP with their attributes."),
    TEXT("dstid_avp", mirror_names[MIRROR_ID], "", "AVP with their duid."),
    TEXT("sock_avp", mirror_names[MIRROR_SOCKET], "", "AVP with their sockets."),
    OTHER("dst_avp_id", BY_NAME),
    OTHER("grp_avp_id", BY_NAME),
    OTHER("cnt_avp_id", BY_NAME),
    INT("ds_probing_threshhold", probing_threshold, 0, 4095, 0, "Failures in a row until a destination is left out; OpenSER: 3, Kamailio: 1."),
    INT("ds_probing_threshold", probing_threshold, 0, 4095, 0, "The same."),
    INT("ds_inactive_threshold", inactive_threshold, 1, 4095, 1, "Answers in a row until it is used again."),
    TEXT("ds_ping_method", ping_method, "OPTIONS", "Method of the requests that ask destinations."),
    TEXT("ds_ping_from", ping_from, "sip:dispatcher@localhost", "Their From; ping_from= of a destination goes before."),
    INT("ds_ping_interval", ping_interval, 0, 86400, 0, "Seconds between two of them to one destination; 0: none are sent."),
    { .name = "ds_ping_reply_codes", .type = PARAM_CALL, .set = set_codes, .doc = "Answers that are good besides 2xx: \"class=3;code=403\"." },
    INT("ds_ping_latency_stats", has_latency_stats, 0, 1, 0, "1: how long answers take is noted, for algorithm 13 and cc=1."),
    INT("ds_latency_estimator_alpha", latency_alpha, 0, 1000, 900, "So many of 1000 parts of the estimate stay with each answer."),
    INT("ds_probing_mode", probing_mode, 0, 3, 0, "Who is asked: 0 flagged ones, 1 all, 2 flagged ones that fail, 3 inactive ones."),
    INT("ds_hash_size", hash_size, 0, HASH_BITS_MAX, 0, "Power of two: slots for calls of algorithm 10; 0: it is not used."),
    INT("ds_hash_expire", hash_expire, 1, INT32_MAX, 7200, "Seconds that an answered call counts at most."),
    INT("ds_hash_initexpire", hash_first_expire, 1, INT32_MAX, 7200, "Seconds that a call counts that is not answered."),
    INT("ds_hash_check_interval", hash_check_interval, 1, 86400, 30, "Seconds within which such calls are found."),
    TEXT("outbound_proxy", outbound_proxy, "", "Next hop of requests that ask; obproxy= of a destination goes before."),
    TEXT("ds_default_socket", default_socket, "", "Socket to send from when a destination names none."),
    TEXT("ds_default_sockname", default_socket, "", "The same by the socket's name."),
    INT("ds_attrs_none", attrs_none, 0, 1, 0, "1: attrs is \"none\" for destinations without attributes."),
    INT("reload_delta", reload_delta, 0, 86400, 5, "Seconds that must be between two commands to reload."),
    INT("ds_dns_mode", dns_mode, 0, 7, 1, "Names of destinations are looked up for ds_is_from_list(): 0 not, 1 with the list, 2 again and again."),
    INT("ds_dns_interval", dns_interval, 1, INT32_MAX, 600, "Seconds between two of those lookups."),
    OTHER("ds_dns_ttl", "the resolver goes by what the DNS says"),
    OTHER("ds_timer_mode", "every worker asks its share of the destinations"),
    OTHER("ds_load_mode", "a destination that cannot be understood is left out, and the log says so"),
    OTHER("ds_retain_latency_stats", "what is known of a destination outlives a reload"),
    OTHER("event_callback", "use event_route[dispatcher:dst-up] and [dispatcher:dst-down]"),
    { 0 },
};
/* clang-format on */

/* ---- life ---- */

static enum err find_variable(struct module *module, struct str name, const struct variable_ref **out)
{
    return str_is_empty(name) ? ERR_NONE : module_variable(module, name, out);
}

static enum err find_variables(struct module *module)
{
    struct dispatcher *dispatcher = module_state(module);
    enum err err = find_variable(module, dispatcher->setid_pvname, &dispatcher->setid);

    if (!err)
        err = find_variable(module, dispatcher->attrs_pvname, &dispatcher->attrs);
    for (unsigned i = 0; !err && i < MIRRORS; i++)
        err = find_variable(module, dispatcher->mirror_names[i], &dispatcher->mirrors[i]);
    if (!err && dispatcher->hash_pvar.len)
        err = module_format(module, dispatcher->hash_pvar, &dispatcher->hash_text);
    return err;
}

static void set_rules(struct dispatcher *dispatcher)
{
    if (dispatcher->force_dst == BY_DIALECT)
        dispatcher->force_dst = !dispatcher->is_openser;
    if (dispatcher->probing_threshold == 0)
        dispatcher->probing_threshold = dispatcher->is_openser ? 3 : 1;
    dispatcher->state_rules = (struct state_rules){
        .failures_max = (unsigned)dispatcher->probing_threshold,
        .answers_min = (unsigned)dispatcher->inactive_threshold,
    };
    dispatcher->asks = true;
}

static enum err open_calls(struct dispatcher *dispatcher)
{
    const struct calls_rules rules = {
        .size_bits = (unsigned)dispatcher->hash_size,
        .first_lifetime = (msec)dispatcher->hash_first_expire * SECOND,
        .lifetime = (msec)dispatcher->hash_expire * SECOND,
        .sweeps = (unsigned)dispatcher->hash_check_interval * TICKS_A_SECOND,
    };

    if (dispatcher->hash_size == 0)
        return ERR_NONE;
    dispatcher->calls = calloc(dispatcher->worker_count, sizeof(struct calls *));
    for (unsigned i = 0; dispatcher->calls && i < dispatcher->worker_count; i++)
        if (!(dispatcher->calls[i] = calls_create(&rules)))
            return ERR_NOMEM;
    return dispatcher->calls ? ERR_NONE : ERR_NOMEM;
}

static enum err find_slots(struct module *module)
{
    struct dispatcher *dispatcher = module_state(module);
    enum err err = module_slot(module, &dispatcher->slot);

    return err ? err : module_slot(module, &dispatcher->tally_slot);
}

static enum err start(struct module *module)
{
    struct dispatcher *dispatcher = module_state(module);
    struct server *server = module_server(module);
    enum err err;

    dispatcher->self = module;
    dispatcher->is_openser = server_is_openser(server);
    dispatcher->worker_count = server_worker_count(server);
    set_rules(dispatcher);
    if ((err = find_slots(module)) || (err = find_variables(module)) || (err = open_calls(dispatcher)))
        return err;
    return dispatcher_open(module);
}

static void stop(struct module *module)
{
    struct dispatcher *dispatcher = module_state(module);

    if (!dispatcher->self)
        return;
    for (unsigned i = 0; dispatcher->calls && i < dispatcher->worker_count; i++)
        calls_destroy(dispatcher->calls[i]);
    free(dispatcher->calls);
    if (dispatcher->seen)
        dispatcher_close(module);
}

static void on_tick(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now)
{
    struct dispatcher *dispatcher = module_state(module);

    dispatcher_tick_generations(module, index, now);
    if (dispatcher->calls)
        calls_sweep(dispatcher->calls[index], now);
    dispatcher_ask(module, worker, index, count, now);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "dispatcher",
    .summary = "Spreads requests over sets of destinations, and leaves out those that do not answer.",
    .state_size = sizeof(struct dispatcher),
    .functions = dispatcher_functions,
    .variables = dispatcher_variables,
    .params = params,
    .commands = dispatcher_commands,
    .hooks = { .on_tick = on_tick },
    .start = start,
    .stop = stop,
};
