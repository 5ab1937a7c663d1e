/* SPDX-License-Identifier: Apache-2.0 */
#include "registrar.h"

/* Adds "name: proto:ip:port" of the socket that the request came in on. */
static enum verdict add_sock_hdr(struct call *call)
{
    struct run *run = call->run;
    const struct listener *listeners;
    unsigned count;
    struct str line;

    listeners = server_listeners(run_server(run), &count);
    if (run->source.socket >= count ||
        sip_print_header(run->arena, &line, call_text(call, 0), listeners[run->source.socket].name) ||
        sip_edit_append_hdr(run->edits, run->msg, line))
        return VERDICT_ERROR;
    return VERDICT_TRUE;
}

struct registrar_note *registrar_note(const struct call *call)
{
    const struct registrar *registrar = module_state(call->module);
    struct request *request = call->run->request;

    if (!request->slots[registrar->slot])
        request->slots[registrar->slot] =
            arena_zalloc(&request->arena, sizeof(struct registrar_note));
    return request->slots[registrar->slot];
}

bool registrar_is_on(const struct run *run, int64_t parameter)
{
    if (parameter == AUTOMATIC)
        return server_location_rules(run_server(run))->uses_flows;
    return parameter != 0;
}

enum {
    BEFORE_RELAY = STAGE_REQUEST | STAGE_FAILURE,
};

struct str registrar_table(const struct call *call)
{
    const struct str *table = call->args[0].object;

    return *table;
}

static bool is_known(const struct location_rules *rules, struct str table)
{
    for (unsigned i = 0; i < rules->table_count; i++)
        if (str_eq(rules->tables[i], table))
            return true;
    return false;
}

/* Tables that the first script names are those that usrloc loads and writes. */
static enum err add_table(struct module *module, struct str text, const struct script_place *place)
{
    struct location_rules *rules = server_location_rules(module_server(module));
    struct str kept;

    if (server_is_started(module_server(module))) {
        script_complain(place, "location table \"" STR_FMT "\" is new: it needs a start of the server",
                        STR_ARG(text));
        return ERR_NOT_NOW;
    }
    if (rules->table_count == LOCATION_TABLES_MAX) {
        script_complain(place, "no more than %d location tables", LOCATION_TABLES_MAX);
        return ERR_LIMIT;
    }
    if (str_copy(module_arena(module), text, &kept))
        return ERR_NOMEM;
    rules->tables[rules->table_count++] = kept;
    return ERR_NONE;
}

static enum err prepare_table(struct module *module, unsigned index, struct str text,
                              const struct script_place *place, const void **out)
{
    struct arena *arena = script_place_arena(place);
    struct str *table = arena_alloc(arena, sizeof *table);

    (void)index;
    if (!table || str_copy(arena, text, table))
        return ERR_NOMEM;
    *out = table;
    return is_known(server_location_rules(module_server(module)), text)
               ? ERR_NONE
               : add_table(module, text, place);
}

#define TRAITED(traits_, name_, run_, min_, stages_, doc_, ...)                                 \
    { .name = name_, .run = run_, .prepare = prepare_table, .takes = { __VA_ARGS__ },           \
      .min_args = min_, .stages = stages_, .traits = traits_, .doc = doc_ }
#define FUNCTION(...) TRAITED(0, __VA_ARGS__)
#define SAVES(...) TRAITED(TRAIT_REGISTERS, __VA_ARGS__)
#define AIMS(...) TRAITED(TRAIT_AIMS, __VA_ARGS__)

static const struct mod_function functions[] = {
    SAVES("save", registrar_save, 1, BEFORE_RELAY | STAGE_REPLY,
             "Keeps the bindings of a REGISTER, with the flow it came on, and answers it.", ARG_CUSTOM,
             ARG_FLAGS, ARG_FMT),
    SAVES("save_noreply", registrar_save_no_reply, 1, STAGE_REQUEST,
             "The same without an answer.", ARG_CUSTOM),
    SAVES("save_memory", registrar_save_memory, 1, STAGE_REQUEST,
             "The same, not written to the database.", ARG_CUSTOM),
    FUNCTION("reg_send_reply", registrar_send_reply, 0, BEFORE_RELAY,
             "Sends the answer that save() was told to leave.", ARG_END),
    AIMS("lookup", registrar_lookup, 1, BEFORE_RELAY,
             "Replaces the Request-URI by the bindings: 1, -1 nobody, -2 method, -3 error.",
             ARG_CUSTOM, ARG_FMT),
    AIMS("lookup_to_dset", registrar_lookup_to_dset, 1, BEFORE_RELAY,
             "Adds the bindings as targets; the Request-URI stays.", ARG_CUSTOM, ARG_FMT),
    AIMS("lookup_branches", registrar_lookup_branches, 1, BEFORE_RELAY,
             "lookup() for the Request-URI and for every target that names a user.", ARG_CUSTOM),
    FUNCTION("registered", registrar_registered, 1, STAGE_ANY,
             "True when the Request-URI, or the URI given, has a binding; match bits: 1 its"
             " Call-ID, 2 its source, 4 its Contact are those of this message.",
             ARG_CUSTOM, ARG_FMT, ARG_INT, ARG_INT),
    FUNCTION("unregister", registrar_unregister, 2, STAGE_ANY,
             "Removes the bindings of a URI, or one by its ruid.", ARG_CUSTOM, ARG_FMT, ARG_FMT),
    FUNCTION("reg_fetch_contacts", registrar_fetch, 3, BEFORE_RELAY,
             "Keeps the bindings of a URI under a name, for $ulc(name=>attribute).", ARG_CUSTOM,
             ARG_FMT, ARG_STR),
    FUNCTION("reg_free_contacts", registrar_free, 1, BEFORE_RELAY,
             "Forgets what reg_fetch_contacts() kept under the name.", ARG_STR),
    FUNCTION("add_sock_hdr", add_sock_hdr, 1, STAGE_REQUEST,
             "Adds a header that names the receiving socket.", ARG_FMT),
    { 0 },
};

static const struct mod_variable variables[] = {
    { .name = "ulc", .inner = INNER_NEEDED, .get = registrar_get_ulc,
      .doc = "Of the bindings kept by reg_fetch_contacts(): $(ulc(name=>attribute)[index])." },
    { 0 },
};

#define INT(name_, initial_, min_, max_, doc_)                                                  \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct registrar, name_),           \
      .initial = initial_, .min = min_, .max = max_, .doc = doc_ }
#define LIVE(name_, initial_, min_, max_, doc_)                                                 \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct registrar, name_),           \
      .initial = initial_, .min = min_, .max = max_, .doc = doc_, .is_live = true }
#define TEXT(name_, initial_, doc_)                                                             \
    { .name = #name_, .type = PARAM_STR, .offset = offsetof(struct registrar, name_),           \
      .initial_text = initial_, .doc = doc_ }
#define IGNORED(name_, doc_) { .name = name_, .type = PARAM_IGNORED, .doc = doc_ }
#define SECONDS INT32_MAX

static const struct mod_param params[] = {
    LIVE(default_expires, 3600, 0, SECONDS, "Seconds for a contact that asks for nothing."),
    LIVE(min_expires, 60, 0, SECONDS, "Less is raised to this; 0: no bound."),
    LIVE(min_expires_mode, 0, 0, 1, "1: answer 423 instead of raising."),
    LIVE(max_expires, 0, 0, SECONDS, "More is cut to this; 0: no bound."),
    LIVE(default_expires_range, 0, 0, 100, "Up to this many percent are taken off the default."),
    LIVE(expires_range, 0, 0, 100, "Up to this many percent are taken off what is asked for."),
    LIVE(default_q, -1, -1, 1000, "q times 1000 for contacts without; -1: unspecified."),
    LIVE(append_branches, 1, 0, 1, "lookup() adds all bindings, not only the best."),
    INT(case_sensitive, 0, 0, 1, "The user part of an address-of-record keeps its case."),
    LIVE(max_contacts, 0, 0, INT32_MAX, "Bindings an address-of-record may have; 0: any number."),
    LIVE(retry_after, 0, 0, SECONDS, "Seconds in Retry-After of 5xx answers; 0: none, 60 in a 503."),
    LIVE(method_filtering, 0, 0, 1, "lookup() leaves out contacts whose Allow lacks the method."),
    LIVE(lookup_filter_mode, 0, 0, 3,
        "lookup() leaves out: 1 contacts without a branch flag of the request, 2 connections that"
        " ended with the last server."),
    INT(use_path, AUTOMATIC, AUTOMATIC, 1,
        "Keep and use Path (RFC 3327); -1: with automatic NAT handling, by the flow it came on."),
    INT(path_mode, AUTOMATIC, AUTOMATIC, PATH_STRICT,
        "0 store only, 1 echo when supported, 2 insist on support; -1: 2, or 1 when automatic."),
    INT(path_use_received, 0, 0, 1, "The received parameter of the first Path is the received URI."),
    INT(path_check_local, 0, 0, 1, "lookup() leaves out a first Path that is this server."),
    INT(gruu_enabled, 1, 0, 1, "Give out and resolve GRUUs (RFC 5627)."),
    INT(outbound_mode, AUTOMATIC, AUTOMATIC, OUTBOUND_REQUIRED,
        "RFC 5626: 0 no, 1 supported, 2 required; -1: 0, or 1 when automatic."),
    INT(regid_mode, 0, 0, 1, "1: a reg-id counts without outbound too."),
    INT(flow_timer, 0, 0, SECONDS, "Flow-Timer for clients with outbound; 0: none."),
    INT(contact_max_size, 0, 0, 4096, "Bytes a Contact URI may have; 0: as the dialect does."),
    INT(replace_moved, AUTOMATIC, AUTOMATIC, 1,
        "1: a new address under the same Call-ID replaces the old one; -1: when automatic."),
    INT(sock_flag, -1, -1, FLAGS_MAX - 1, "Message flag: take the socket from sock_hdr_name."),
    TEXT(sock_hdr_name, "", "Header that names the socket, as add_sock_hdr() does."),
    TEXT(realm_prefix, "", "Cut off the front of the domain."),
    TEXT(received_param, "received", "Parameter of the reply that names the received URI."),
    TEXT(received_avp, "", "The variable that fix_nated_register() fills."),
    TEXT(xavp_cfg, "", "List of $xavp with settings for one request: expires, q, max_contacts,"
         " socket, match_callid, match_contact, match_received, rlf_bflags."),
    TEXT(xavp_rcd, "", "List of $xavp that gets ruid, contact, expires, received and path."),
    INT(xavp_rcd_mask, 0, 0, 31, "Bits of those that xavp_rcd leaves out, from 1 for ruid."),
    TEXT(aor_avp, "", "A variable with the URI to register instead of To."),
    IGNORED("tcp_persistent_flag", "a registered connection is kept by its keepalives"),
    IGNORED("nat_flag", "flows are always kept; see usrloc.nat_bflag"),
    IGNORED("sip_natping_flag", "see sipping_bflag of nathelper"),
    IGNORED("use_domain", "set use_domain of usrloc"),
    IGNORED("desc_time_order", "set desc_time_order of usrloc"),
    IGNORED("use_branch_flags", "branch flags are always kept"),
    IGNORED("sock_mode", "sockets are known by the address they are bound to"),
    IGNORED("use_expired_contacts", "a contact that is over is gone"),
    IGNORED("event_callback", "scripts in other languages are not run"),
    { 0 },
};

/* Settings that the originals show as statistics; "default_expire" is how they spell it. */
static const struct {
    const char *name;
    size_t offset;
} told[SETTINGS_TOLD] = {
    { "max_expires", offsetof(struct registrar, max_expires) },
    { "max_contacts", offsetof(struct registrar, max_contacts) },
    { "default_expire", offsetof(struct registrar, default_expires) },
    { "default_expires_range", offsetof(struct registrar, default_expires_range) },
    { "expires_range", offsetof(struct registrar, expires_range) },
};

static void tell_settings(struct module *module)
{
    const struct registrar *registrar = module_state(module);

    for (size_t i = 0; i < SETTINGS_TOLD; i++) {
        const char *field = (const char *)registrar + told[i].offset;

        counter_reset(registrar->told[i]);
        counter_add(registrar->told[i], *(const int64_t *)(const void *)field);
    }
}

static enum err make_counters(struct server *server, struct registrar *registrar)
{
    enum err err = server_counter(server, "registrar", "accepted_regs", &registrar->accepted);

    if (!err)
        err = server_counter(server, "registrar", "rejected_regs", &registrar->rejected);
    for (size_t i = 0; i < SETTINGS_TOLD && !err; i++)
        err = server_counter(server, "registrar", told[i].name, &registrar->told[i]);
    return err;
}

static enum err start(struct module *module)
{
    struct registrar *registrar = module_state(module);
    struct server *server = module_server(module);
    enum err err;

    if (registrar->contact_max_size == 0)
        registrar->contact_max_size = server_is_openser(server) ? 255 : 512;
    if ((err = make_counters(server, registrar)) || (err = module_slot(module, &registrar->slot)))
        return err;
    tell_settings(module);
    if (!str_is_empty(registrar->received_avp))
        err = module_variable(module, registrar->received_avp, &registrar->received_var);
    if (!err && !str_is_empty(registrar->aor_avp))
        err = module_variable(module, registrar->aor_avp, &registrar->aor_var);
    if (!err)
        err = registrar_prepare_extended(module);
    return err ? err : registrar_watch_expired(registrar, server);
}

static void stop(struct module *module)
{
    registrar_unwatch_expired(module_state(module), module_server(module));
}

static void on_tick(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now)
{
    (void)index;
    (void)count;
    (void)now;
    registrar_tell_expired(module_state(module), worker);
}

static const char *const needs[] = { "usrloc", NULL };

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "registrar",
    .summary = "Keeps where clients are, and finds them again.",
    .state_size = sizeof(struct registrar),
    .needs = needs,
    .functions = functions,
    .variables = variables,
    .params = params,
    .hooks = { .on_tick = on_tick },
    .start = start,
    .changed = tell_settings,
    .stop = stop,
};
