/* SPDX-License-Identifier: Apache-2.0 */
/* Dialogs as state, for scripts of both dialects: the tables, and what happens by itself. */
#include "dialog.h"

static bool has_flag(const struct run *run, int64_t flag)
{
    return flag >= 0 && flag < FLAGS_MAX && (run->request->flags >> flag & 1);
}

/* What the AVP holds by now is seconds. */
static void read_timeout(const struct dialog_module *state, struct run *run, struct dialog *dialog)
{
    struct value value;

    if (state->timeout && !variable_get(run, state->timeout, &value) && value.has_number &&
        value.number > 0 && value.number < INT32_MAX)
        (void)!dialog_set_lifetime(run->worker, dialog, (msec)value.number * 1000);
}

static unsigned on_branch(struct module *module, struct run *run)
{
    const struct dialog_module *state = module_state(module);
    struct dialog *dialog;
    enum err err = ERR_NONE;

    if (run->request->msg->method != SIP_INVITE || !str_is_empty(run->request->msg->to_tag))
        return 0;
    if (has_flag(run, state->dlg_flag))
        err = context_follow(module, run);
    if (err && err != ERR_EXISTS)
        log_notice("call " STR_FMT " is not followed: %s", STR_ARG(run->request->msg->call_id),
                   err_name(err));
    dialog = run_dialog(run);
    if (dialog)
        read_timeout(state, run, dialog);
    return 0;
}

static void on_dialog(struct module *module, struct worker *worker, struct dialog *dialog,
                      enum dialog_moment moment)
{
    static const int amounts[] = {
        [DIALOG_FORKED] = 1,
        [DIALOG_FINISHED] = -1,
        [DIALOG_FAILED] = -1,
    };

    (void)worker;
    if (moment < sizeof amounts / sizeof amounts[0] && amounts[moment])
        profiles_count_all(module_state(module), dialog, amounts[moment]);
}

static void on_tick(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now)
{
    (void)count;
    dialog_pings_tick(module, worker, index, now);
}

/* ---- parameters ---- */

/* clang-format off */
#define INT(name_, field, initial_, min_, max_, doc_) \
    { .name = name_, .type = PARAM_INT, .offset = offsetof(struct dialog_module, field), \
      .initial = initial_, .min = min_, .max = max_, .doc = doc_ }
#define TEXT(name_, field, initial_, doc_) \
    { .name = name_, .type = PARAM_STR, .offset = offsetof(struct dialog_module, field), \
      .initial_text = initial_, .doc = doc_ }
#define OTHER(name_, doc_) { .name = name_, .type = PARAM_IGNORED, .doc = doc_ }
#define STORED(name_) OTHER(name_, "dialogs are kept in memory alone; calls go on after a restart by their tokens")
#define BRIDGE(name_) OTHER(name_, "the server makes no calls of its own")

static const struct mod_param params[] = {
    INT("dlg_flag", dlg_flag, -1, -1, FLAGS_MAX - 1, "Message flag of INVITEs to follow."),
    INT("default_timeout", default_timeout, 43200, 1, INT32_MAX, "Seconds that a dialog may last."),
    INT("dlg_match_mode", match_mode, 2, 0, 2, "0: by the cookie alone; 1, 2: by Call-ID and tags."),
    INT("hash_size", hash_size, 4096, 1, 1 << 24, "h_entry is below this."),
    INT("detect_spirals", detect_spirals, 1, 0, 1, "0: an INVITE that comes back is another dialog."),
    INT("send_bye", send_bye, 0, 0, 1, "1: both sides get a BYE when the time is over."),
    INT("timeout_noreset", timeout_noreset, 0, 0, 1, "1: requests inside do not start the time anew."),
    INT("early_timeout", early_timeout, 300, 1, 86400, "Seconds until an INVITE without answer is forgotten."),
    INT("noack_timeout", noack_timeout, 60, 1, 86400, "Seconds until a dialog without ACK ends."),
    INT("end_silent_calls", end_silent_calls, 0, 0, 1, "1: a BYE to both when the media has died, but not on hold."),
    INT("dialogs_max", dialogs_max, 65536, 1, 1 << 24, "Dialogs that one worker follows at most."),
    INT("ka_timer", ka_timer, 0, 0, 86400, "Accepted: moments are spread over ka_interval."),
    INT("ka_interval", ka_interval, 0, 0, 86400, "Seconds between two OPTIONS in dialogs with ka-src, ka-dst."),
    INT("ka_failed_limit", ka_failed_limit, 1, 1, 100, "Misses until the dialog ends."),
    TEXT("rr_param", rr_param, "did", "Name of the cookie in Record-Route."),
    TEXT("dlg_extra_hdrs", extra_headers, "", "Whole header lines in BYEs of ours."),
    TEXT("timeout_avp", timeout_avp, "", "AVP with the seconds that a dialog may last."),
    TEXT("profiles_with_value", profiles_with_value, "", "Names of profiles, separated by semicolons."),
    TEXT("profiles_no_value", profiles_no_value, "", "Likewise, of those without values."),
    OTHER("enable_stats", "counters always count"),
    OTHER("use_tight_match", "dialogs are matched by Call-ID and both tags"),
    OTHER("end_timeout", "a dialog that has ended is forgotten at once"),
    OTHER("h_id_start", "ids start at random"),
    OTHER("h_id_step", "ids of workers never meet"),
    OTHER("wait_ack", "the ACK is waited for"),
    OTHER("initial_cbs_inscript", "events come when they happen"),
    OTHER("track_cseq_updates", "CSeqs pass as they are"),
    OTHER("lreq_callee_headers", "use event_route[tm:local-request]"),
    OTHER("ruri_pvar", "it is the Request-URI as received"),
    OTHER("timer_procs", "workers have timers"),
    OTHER("event_callback", "use event_route[dialog:start], [dialog:end], [dialog:failed]"),
    OTHER("keep_proxy_rr", "route sets end at us"),
    OTHER("dlg_filter_mode", "use flags"),
    OTHER("dlg_ctxiuid_mode", "dialogs are known by h_entry and h_id"),
    OTHER("debug_variables", "use the log level"),
    OTHER("bye_early_code", "use t_reply"),
    OTHER("bye_early_reason", "use t_reply"),
    OTHER("xavp_cfg", "use $dlg_ctx"),
    OTHER("enable_dmq", "dialogs are not shared between servers"),
    BRIDGE("bridge_controller"), BRIDGE("bridge_contact"),
    STORED("db_url"), STORED("db_mode"), STORED("db_update_period"), STORED("db_fetch_rows"),
    STORED("db_skip_load"), STORED("table_name"), STORED("vars_table_name"),
    STORED("call_id_column"), STORED("callid_column"), STORED("from_uri_column"), STORED("from_tag_column"),
    STORED("to_uri_column"), STORED("to_tag_column"), STORED("h_id_column"), STORED("h_entry_column"),
    STORED("state_column"), STORED("start_time_column"), STORED("timeout_column"),
    STORED("to_cseq_column"), STORED("from_cseq_column"), STORED("to_route_column"),
    STORED("from_route_column"), STORED("to_contact_column"), STORED("from_contact_column"),
    STORED("to_sock_column"), STORED("from_sock_column"), STORED("sflags_column"),
    STORED("iflags_column"), STORED("toroute_name_column"), STORED("req_uri_column"),
    STORED("xdata_column"), STORED("vars_h_id_column"), STORED("vars_h_entry_column"),
    STORED("vars_key_column"), STORED("vars_value_column"),
    { 0 },
};
/* clang-format on */

static void set_rules(const struct dialog_module *state, struct dialog_rules *rules)
{
    static const enum dialog_match modes[] = { DIALOG_MATCH_COOKIE, DIALOG_MATCH_EITHER,
                                               DIALOG_MATCH_TAGS };

    rules->cookie = state->rr_param;
    rules->match = modes[state->match_mode];
    rules->ignores_spirals = !state->detect_spirals;
    rules->lifetime = (msec)state->default_timeout * 1000;
    rules->early_timeout = (msec)state->early_timeout * 1000;
    rules->unacknowledged_timeout = (msec)state->noack_timeout * 1000;
    rules->sends_bye = state->send_bye != 0;
    rules->keeps_timer = state->timeout_noreset != 0;
    rules->ends_silent |= state->end_silent_calls != 0;
    rules->bye_headers = state->extra_headers;
    rules->entries = (uint32_t)state->hash_size;
    rules->dialogs_max = (unsigned)state->dialogs_max;
}

static enum err start(struct module *module)
{
    struct dialog_module *state = module_state(module);
    enum err err = module_slot(module, &state->slot);

    set_rules(state, server_dialog_rules(module_server(module)));
    if (!err && state->timeout_avp.len)
        err = module_variable(module, state->timeout_avp, &state->timeout);
    return err ? err : profiles_make(module, state);
}

static void stop(struct module *module)
{
    profiles_free(module_state(module));
}

static const char *const needs[] = { "tm", "rr", NULL };

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "dialog",
    .summary = "Follows calls: limits, timeouts, counting, ending them from here.",
    .state_size = sizeof(struct dialog_module),
    .needs = needs,
    .functions = dialog_functions,
    .variables = dialog_variables,
    .params = params,
    .commands = dialog_commands,
    .hooks = { .on_branch = on_branch, .on_dialog = on_dialog, .on_tick = on_tick },
    .start = start,
    .stop = stop,
};
