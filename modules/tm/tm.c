/* SPDX-License-Identifier: Apache-2.0 */
/* tm, with what Kamailio keeps in tmx: the tables. */
#include "tm.h"

enum {
    ON_REQUESTS = STAGE_REQUEST | STAGE_FAILURE,
    ALMOST_ANY = STAGE_REQUEST | STAGE_FAILURE | STAGE_REPLY | STAGE_BRANCH,
};

/* clang-format off */
#define ROW(function, minimum, stages_, doc_, ...) \
    { .name = #function, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = stages_, .doc = doc_ }
#define ALIAS(name_, function, minimum, stages_, doc_, ...) \
    { .name = name_, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = stages_, .doc = doc_ }
#define ARM(function, kind, doc_) \
    { .name = #function, .run = function, .takes = { ARG_ROUTE }, .min_args = 1, \
      .stages = STAGE_ANY, .route_stage = kind, .doc = doc_ }
#define NO_ARGS ARG_END

#define DOC_RELAY "Relays statefully; arguments: flags, or a destination and flags, or host and port."
#define DOC_RELAY_BY "The same over a given transport."
#define DOC_REPLICATE "Sends a copy to another server; its responses are dropped."
#define DOC_REPLY "Answers through the transaction: status, reason."
#define DOC_CANCELLED "True when the caller has cancelled."
#define DOC_DONE_ANYWAY "Accepted; culvert does so by itself."

static const struct mod_function functions[] = {
    ROW(t_relay, 0, ON_REQUESTS, DOC_RELAY, ARG_FMT, ARG_FMT),
    ALIAS("t_relay_to", t_relay, 0, ON_REQUESTS, DOC_RELAY, ARG_FMT, ARG_FMT),
    ALIAS("t_forward_nonack", t_relay, 0, ON_REQUESTS, DOC_RELAY, ARG_FMT, ARG_FMT),
    ALIAS("t_forward_nonack_uri", t_relay, 0, ON_REQUESTS, DOC_RELAY, NO_ARGS),
    ALIAS("t_forward_nonack_to", t_relay, 0, ON_REQUESTS, DOC_RELAY, ARG_FMT, ARG_FMT),
    ROW(t_relay_to_udp, 0, ON_REQUESTS, DOC_RELAY_BY, ARG_FMT, ARG_FMT),
    ROW(t_relay_to_tcp, 0, ON_REQUESTS, DOC_RELAY_BY, ARG_FMT, ARG_FMT),
    ROW(t_relay_to_tls, 0, ON_REQUESTS, DOC_RELAY_BY, ARG_FMT, ARG_FMT),
    ALIAS("t_forward_nonack_udp", t_relay_to_udp, 2, ON_REQUESTS, DOC_RELAY_BY, ARG_FMT, ARG_FMT),
    ALIAS("t_forward_nonack_tcp", t_relay_to_tcp, 2, ON_REQUESTS, DOC_RELAY_BY, ARG_FMT, ARG_FMT),
    ALIAS("t_forward_nonack_tls", t_relay_to_tls, 2, ON_REQUESTS, DOC_RELAY_BY, ARG_FMT, ARG_FMT),
    ROW(t_replicate, 0, STAGE_REQUEST, DOC_REPLICATE, ARG_FMT, ARG_FMT),
    ALIAS("t_replicate_to", t_replicate, 0, STAGE_REQUEST, DOC_REPLICATE, ARG_FMT, ARG_FMT),
    ROW(t_replicate_udp, 2, STAGE_REQUEST, DOC_REPLICATE, ARG_FMT, ARG_FMT),
    ROW(t_replicate_tcp, 2, STAGE_REQUEST, DOC_REPLICATE, ARG_FMT, ARG_FMT),
    ROW(t_newtran, 0, STAGE_REQUEST, "Makes the transaction now.", NO_ARGS),
    ROW(t_reply, 2, ALMOST_ANY, DOC_REPLY, ARG_FMT, ARG_FMT),
    ROW(t_send_reply, 2, ALMOST_ANY, DOC_REPLY, ARG_FMT, ARG_FMT),
    ROW(t_release, 0, STAGE_REQUEST, "Lets go of a transaction: it ends by itself.", NO_ARGS),
    ROW(t_relay_cancel, 0, STAGE_REQUEST, "Cancels the INVITE of this CANCEL, if it is known.", NO_ARGS),
    ALIAS("t_retransmit_reply", t_release, 0, STAGE_REQUEST, DOC_DONE_ANYWAY, NO_ARGS),

    ROW(t_check_trans, 0, STAGE_ANY, "True for the CANCEL and ACK of a transaction that is known.", NO_ARGS),
    ROW(t_lookup_request, 0, STAGE_ANY, "True when the transaction is known.", NO_ARGS),
    ROW(t_lookup_cancel, 0, STAGE_REQUEST, "True for a CANCEL whose INVITE is known; 1 takes its flags.", ARG_INT),
    ROW(t_precheck_trans, 0, STAGE_REQUEST, "True for a retransmission: those never reach a script.", NO_ARGS),
    ROW(t_check_status, 1, STAGE_ANY, "Matches the status by a regular expression.", ARG_RE),
    ROW(t_grep_status, 1, ALMOST_ANY, "True when some branch ended with this status.", ARG_INT),
    ROW(t_get_status_code, 0, ALMOST_ANY, "The status, as return code.", NO_ARGS),
    ROW(t_local_replied, 1, ALMOST_ANY, "True when the reply is our own: all, branch or last.", ARG_STR),
    ROW(t_was_cancelled, 0, STAGE_ANY, DOC_CANCELLED, NO_ARGS),
    ALIAS("t_is_canceled", t_was_cancelled, 0, STAGE_ANY, DOC_CANCELLED, NO_ARGS),
    ROW(t_branch_timeout, 0, STAGE_FAILURE | STAGE_EVENT, "True when the chosen branch timed out.", NO_ARGS),
    ROW(t_branch_replied, 0, STAGE_FAILURE | STAGE_EVENT, "True when the chosen branch was answered.", NO_ARGS),
    ROW(t_any_timeout, 0, ALMOST_ANY, "True when some branch timed out.", NO_ARGS),
    ROW(t_any_replied, 0, ALMOST_ANY, "True when some branch was answered.", NO_ARGS),
    ALIAS("t_is_expired", t_never, 0, ALMOST_ANY, "True when the transaction is too old: never seen.", NO_ARGS),
    ALIAS("t_is_retr_async_reply", t_never, 0, ALMOST_ANY, "True for a repeated response: never seen.", NO_ARGS),
    ROW(t_is_failure_route, 0, STAGE_ANY, "True in a failure route.", NO_ARGS),
    ROW(t_is_branch_route, 0, STAGE_ANY, "True in a branch route.", NO_ARGS),
    ROW(t_is_reply_route, 0, STAGE_ANY, "True in a reply route.", NO_ARGS),
    ROW(t_is_request_route, 0, STAGE_ANY, "True in the request route.", NO_ARGS),

    ARM(t_on_failure, STAGE_FAILURE, "The route to run when all branches have failed."),
    ARM(t_on_reply, STAGE_REPLY, "The route to run for each response."),
    ARM(t_on_branch, STAGE_BRANCH, "The route to run for each branch before it is sent."),
    ROW(t_is_set, 1, STAGE_ANY, "True when a route is armed: failure_route, onreply_route, branch_route.", ARG_STR),
    ROW(t_set_fr, 1, ALMOST_ANY, "Timeouts of this request in milliseconds: final reply to INVITE, first reply.", ARG_INT, ARG_INT),
    ROW(t_reset_fr, 0, ALMOST_ANY, "Takes back t_set_fr().", NO_ARGS),
    ROW(t_set_auto_inv_100, 1, STAGE_REQUEST, "0: no automatic 100 to this INVITE.", ARG_INT),
    ROW(t_set_disable_internal_reply, 1, ALMOST_ANY, "1: a failure to forward is left to the script.", ARG_INT),
    ALIAS("t_set_retr", t_flush_flags, 2, ALMOST_ANY, "Accepted; retransmissions follow RFC 3261.", ARG_INT, ARG_INT),
    ALIAS("t_reset_retr", t_flush_flags, 0, ALMOST_ANY, DOC_DONE_ANYWAY, NO_ARGS),
    ALIAS("t_set_max_lifetime", t_flush_flags, 2, ALMOST_ANY, "Accepted; t_set_fr() bounds the lifetime.", ARG_INT, ARG_INT),
    ALIAS("t_reset_max_lifetime", t_flush_flags, 0, ALMOST_ANY, DOC_DONE_ANYWAY, NO_ARGS),
    ALIAS("t_set_disable_6xx", t_flush_flags, 1, ALMOST_ANY, "Accepted; a 6xx ends all branches.", ARG_INT),
    ALIAS("t_set_disable_failover", t_flush_flags, 1, ALMOST_ANY, "Accepted; see t_relay() flag 4.", ARG_INT),
    ALIAS("t_set_no_e2e_cancel_reason", t_flush_flags, 1, ALMOST_ANY, DOC_DONE_ANYWAY, ARG_INT),
    ALIAS("t_disable_e2e_cancel_reason", t_flush_flags, 1, ALMOST_ANY, DOC_DONE_ANYWAY, ARG_INT),
    ALIAS("t_drop_replies", t_flush_flags, 0, STAGE_FAILURE, "Accepted; only the latest branches compete.", ARG_STR),
    ROW(t_flush_flags, 0, ALMOST_ANY, DOC_DONE_ANYWAY, NO_ARGS),
    ALIAS("t_flush_xflags", t_flush_flags, 0, ALMOST_ANY, DOC_DONE_ANYWAY, NO_ARGS),
    ALIAS("t_save_lumps", t_flush_flags, 0, STAGE_REQUEST, DOC_DONE_ANYWAY, NO_ARGS),
    ALIAS("t_clean", t_flush_flags, 0, STAGE_ANY, DOC_DONE_ANYWAY, NO_ARGS),

    ROW(t_load_contacts, 0, ON_REQUESTS, "Puts the targets in order of q, for t_next_contacts().", ARG_INT),
    ROW(t_next_contacts, 0, ON_REQUESTS, "Takes the targets of the next q; -2 when none are left.", NO_ARGS),
    { 0 },
};

/* The unit of the first three is the dialect's, see server_set_timer(). */
#define TIMER(name_, doc_) \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct tm_state, name_), .initial = -1, .doc = doc_ }
#define IGNORED(name_, why) { .name = name_, .type = PARAM_IGNORED, .doc = why }
#define RFC_TIMING "retransmission follows RFC 3261"
#define NO_KEMI "there is no KEMI"
#define RFC_CHOICE "responses are chosen as RFC 3261 says"
#define NEW_MATCHING "transactions are matched by branch"

static const struct mod_param params[] = {
    TIMER(fr_timer, "How long a branch may be silent; seconds in OpenSER's dialect, else milliseconds."),
    TIMER(fr_inv_timer, "How long an INVITE may ring; seconds in OpenSER's dialect, else milliseconds."),
    TIMER(wt_timer, "How long a finished transaction stays; seconds in OpenSER's dialect, else milliseconds."),
    TIMER(T1_timer, "T1 in milliseconds."),
    TIMER(T2_timer, "T2 in milliseconds."),
    TIMER(retr_timer1, "T1 in milliseconds."),
    TIMER(retr_timer2, "T2 in milliseconds."),
    { .name = "auto_inv_100", .type = PARAM_INT, .offset = offsetof(struct tm_state, auto_inv_100),
      .initial = 1, .doc = "0: no automatic 100 to INVITE." },
    { .name = "fr_timer_avp", .type = PARAM_STR, .offset = offsetof(struct tm_state, fr_timer_avp),
      .doc = "Variable with seconds that take the place of fr_timer." },
    { .name = "fr_inv_timer_avp", .type = PARAM_STR, .offset = offsetof(struct tm_state, fr_inv_timer_avp),
      .doc = "Variable with seconds that take the place of fr_inv_timer." },
    IGNORED("delete_timer", "transactions end when nobody uses them"),
    IGNORED("max_inv_lifetime", "see fr_inv_timer"),
    IGNORED("max_noninv_lifetime", "see fr_timer"),
    IGNORED("retr_timer1p1", RFC_TIMING),
    IGNORED("retr_timer1p2", RFC_TIMING),
    IGNORED("retr_timer1p3", RFC_TIMING),
    IGNORED("noisy_ctimer", "a branch that rings too long is always cancelled"),
    IGNORED("ruri_matching", NEW_MATCHING),
    IGNORED("via1_matching", NEW_MATCHING),
    IGNORED("callid_matching", NEW_MATCHING),
    IGNORED("callid_cseq_matching", NEW_MATCHING),
    IGNORED("unix_tx_timeout", "nothing is written to sockets of other programs"),
    IGNORED("tw_append", "nothing is written to sockets of other programs"),
    IGNORED("restart_fr_on_each_reply", "each provisional response restarts the timer"),
    IGNORED("pass_provisional_replies", "provisional responses always pass"),
    IGNORED("relay_100", "a 100 goes one hop"),
    IGNORED("syn_branch", "branches are always unique"),
    IGNORED("onreply_avp_mode", "AVPs of the request are always seen"),
    IGNORED("enable_stats", "transactions are always counted"),
    IGNORED("branch_flag_mask", "branch flags are their own"),
    IGNORED("auto_inv_100_reason", "a 100 says Trying"),
    IGNORED("aggregate_challenges", RFC_CHOICE),
    IGNORED("disable_6xx_block", RFC_CHOICE),
    IGNORED("failure_reply_mode", RFC_CHOICE),
    IGNORED("faked_reply_prio", RFC_CHOICE),
    IGNORED("remap_503_500", RFC_CHOICE),
    IGNORED("reparse_invite", "CANCEL and ACK are made from the INVITE as it was sent"),
    IGNORED("ac_extra_hdrs", "CANCEL and ACK are made from the INVITE as it was sent"),
    IGNORED("local_ack_mode", "CANCEL and ACK are made from the INVITE as it was sent"),
    IGNORED("blst_503", "there is no blacklist"),
    IGNORED("blst_503_def_timeout", "there is no blacklist"),
    IGNORED("blst_503_min_timeout", "there is no blacklist"),
    IGNORED("blst_503_max_timeout", "there is no blacklist"),
    IGNORED("blst_methods_add", "there is no blacklist"),
    IGNORED("blst_methods_lookup", "there is no blacklist"),
    IGNORED("cancel_b_method", "a CANCEL waits for the first response"),
    IGNORED("unmatched_cancel", "the script decides"),
    IGNORED("local_cancel_reason", "a Reason is always added"),
    IGNORED("e2e_cancel_reason", "a Reason is always passed on"),
    IGNORED("reparse_on_dns_failover", "each address gets a message of its own"),
    IGNORED("dns_reuse_rcv_socket", "the socket is chosen by address family"),
    IGNORED("on_sl_reply", "use the unnamed reply route"),
    IGNORED("contacts_avp", "contacts are kept with the request"),
    IGNORED("contact_flows_avp", "contacts are kept with the request"),
    IGNORED("xavp_contact", "contacts are kept with the request"),
    IGNORED("default_code", "a failure says what it is"),
    IGNORED("default_reason", "a failure says what it is"),
    IGNORED("failure_exec_mode", "armed routes run once"),
    IGNORED("rich_redirect", "contacts carry their q"),
    IGNORED("exec_time_check", "the script has a budget of steps"),
    IGNORED("reply_relay_mode", "responses of a call are never mixed up"),
    IGNORED("enable_uac_fr", "requests of our own time out"),
    IGNORED("event_callback", NO_KEMI),
    IGNORED("event_callback_lres_sent", NO_KEMI),
    { 0 },
};
/* clang-format on */

static void set_timers(struct module *module)
{
    struct tm_state *tm = module_state(module);
    struct server *server = module_server(module);

#define T(name)                                                                                    \
    if (tm->name >= 0)                                                                             \
        server_set_timer(server, #name, tm->name);
    TM_TIMER_TABLE(T)
#undef T
}

static enum err find_variable(struct module *module, struct str name,
                              const struct variable_ref **out)
{
    return str_is_empty(name) ? ERR_NONE : module_variable(module, name, out);
}

static enum err start(struct module *module)
{
    struct tm_state *tm = module_state(module);
    enum err err = module_slot(module, &tm->slot);

    if (!err)
        err = find_variable(module, tm->fr_timer_avp, &tm->fr_timer_ref);
    if (!err)
        err = find_variable(module, tm->fr_inv_timer_avp, &tm->fr_inv_timer_ref);
    if (!err)
        set_timers(module);
    return err;
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "tm",
    .summary = "Stateful forwarding: transactions, forking, failure routes.",
    .state_size = sizeof(struct tm_state),
    .functions = functions,
    .variables = tm_variables,
    .params = params,
    .start = start,
};
