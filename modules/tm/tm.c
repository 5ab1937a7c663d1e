/* SPDX-License-Identifier: Apache-2.0 */
/* tm, with what Kamailio keeps in tmx: the tables. */
#include "tm.h"

enum {
    ON_REQUESTS = STAGE_REQUEST | STAGE_FAILURE,
    ALMOST_ANY = STAGE_REQUEST | STAGE_FAILURE | STAGE_REPLY | STAGE_BRANCH,
};

/* clang-format off */
#define TRAITED(traits_, name_, function, minimum, stages_, doc_, ...) \
    { .name = name_, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = stages_, .traits = traits_, .doc = doc_ }
#define ALIAS(name_, ...) TRAITED(0, name_, __VA_ARGS__)
#define ROW(function, ...) TRAITED(0, #function, function, __VA_ARGS__)
#define RELAYS(name_, ...) TRAITED(TRAIT_RELAYS, name_, __VA_ARGS__)
#define BLIND(function, ...) TRAITED(TRAIT_BLIND, #function, function, __VA_ARGS__)
#define FOLLOWS(function, ...) TRAITED(TRAIT_FOLLOWS, #function, function, __VA_ARGS__)
#define ARM(function, kind, doc_) \
    { .name = #function, .run = function, .takes = { ARG_ROUTE }, .min_args = 1, \
      .stages = STAGE_ANY, .route_stage = kind, .doc = doc_ }
#define NO_ARGS ARG_END

#define DOC_RELAY "Relays statefully; arguments: flags, or a destination and flags, or host and port."
#define DOC_RELAY_BY "The same over a given transport."
#define DOC_REPLICATE "Sends a copy to another server; its responses are dropped."
#define DOC_REPLY "Answers through the transaction: status, reason."
#define DOC_CANCELLED "True when the caller has cancelled."
#define DOC_NO_SCTP "Fails: there is no SCTP."
#define DOC_NO_FIFO "Fails: nothing is written to pipes and sockets of other programs."
#define DOC_NO_REASON "1: the Reason of the caller's CANCEL is not passed on."
#define DOC_DONE_ANYWAY "Accepted; culvert does so by itself."

static const struct mod_function functions[] = {
    RELAYS("t_relay", t_relay, 0, ON_REQUESTS, DOC_RELAY, ARG_FMT, ARG_FMT),
    RELAYS("t_relay_to", t_relay, 0, ON_REQUESTS, DOC_RELAY, ARG_FMT, ARG_FMT),
    RELAYS("t_forward_nonack", t_relay, 0, ON_REQUESTS, DOC_RELAY, ARG_FMT, ARG_FMT),
    RELAYS("t_forward_nonack_uri", t_relay, 0, ON_REQUESTS, DOC_RELAY, NO_ARGS),
    RELAYS("t_forward_nonack_to", t_relay, 0, ON_REQUESTS, DOC_RELAY, ARG_FMT, ARG_FMT),
    RELAYS("t_relay_to_udp", t_relay_to_udp, 0, ON_REQUESTS, DOC_RELAY_BY, ARG_FMT, ARG_FMT),
    RELAYS("t_relay_to_tcp", t_relay_to_tcp, 0, ON_REQUESTS, DOC_RELAY_BY, ARG_FMT, ARG_FMT),
    RELAYS("t_relay_to_tls", t_relay_to_tls, 0, ON_REQUESTS, DOC_RELAY_BY, ARG_FMT, ARG_FMT),
    RELAYS("t_forward_nonack_udp", t_relay_to_udp, 2, ON_REQUESTS, DOC_RELAY_BY, ARG_FMT, ARG_FMT),
    RELAYS("t_forward_nonack_tcp", t_relay_to_tcp, 2, ON_REQUESTS, DOC_RELAY_BY, ARG_FMT, ARG_FMT),
    RELAYS("t_forward_nonack_tls", t_relay_to_tls, 2, ON_REQUESTS, DOC_RELAY_BY, ARG_FMT, ARG_FMT),
    ALIAS("t_relay_to_sctp", t_relay_by_sctp, 0, ON_REQUESTS, DOC_NO_SCTP, ARG_FMT, ARG_FMT),
    ALIAS("t_forward_nonack_sctp", t_relay_by_sctp, 2, ON_REQUESTS, DOC_NO_SCTP, ARG_FMT, ARG_FMT),
    ALIAS("t_replicate_sctp", t_relay_by_sctp, 2, STAGE_REQUEST, DOC_NO_SCTP, ARG_FMT, ARG_FMT),
    ROW(t_relay_to_avp, 2, STAGE_REQUEST, "Relays by a protocol to where a variable says.", ARG_STR, ARG_VAR),
    ROW(t_replicate, 0, STAGE_REQUEST, DOC_REPLICATE, ARG_FMT, ARG_FMT),
    ALIAS("t_replicate_to", t_replicate, 0, STAGE_REQUEST, DOC_REPLICATE, ARG_FMT, ARG_FMT),
    ROW(t_replicate_udp, 2, STAGE_REQUEST, DOC_REPLICATE, ARG_FMT, ARG_FMT),
    ROW(t_replicate_tcp, 2, STAGE_REQUEST, DOC_REPLICATE, ARG_FMT, ARG_FMT),
    ROW(t_replicate_tls, 2, STAGE_REQUEST, DOC_REPLICATE, ARG_FMT, ARG_FMT),
    BLIND(t_newtran, 0, STAGE_REQUEST, "Makes the transaction now.", NO_ARGS),
    ROW(t_reply, 2, ALMOST_ANY, DOC_REPLY, ARG_FMT, ARG_FMT),
    ROW(t_send_reply, 2, ALMOST_ANY, DOC_REPLY, ARG_FMT, ARG_FMT),
    ROW(t_reply_error, 0, ON_REQUESTS, "Answers with the reason why forwarding failed.", NO_ARGS),
    ROW(t_release, 0, STAGE_REQUEST, "Lets go of a transaction: it ends by itself.", NO_ARGS),
    ROW(t_relay_cancel, 0, STAGE_REQUEST, "Cancels the INVITE of this CANCEL, if it is known.", NO_ARGS),
    ALIAS("t_retransmit_reply", t_release, 0, STAGE_REQUEST, DOC_DONE_ANYWAY, NO_ARGS),

    FOLLOWS(t_check_trans, 0, STAGE_ANY, "True for the CANCEL and ACK of a transaction that is known.", NO_ARGS),
    FOLLOWS(t_lookup_request, 0, STAGE_ANY, "True when the transaction is known.", NO_ARGS),
    ROW(t_exists, 0, STAGE_ANY, "True when there is a transaction.", NO_ARGS),
    FOLLOWS(t_lookup_cancel, 0, STAGE_REQUEST, "True for a CANCEL whose INVITE is known; 1 takes its flags.", ARG_INT),
    BLIND(t_precheck_trans, 0, STAGE_REQUEST, "True for a retransmission: those never reach a script.", NO_ARGS),
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
    ROW(t_is_expired, 0, ALMOST_ANY, "True when the request has lasted longer than it may.", NO_ARGS),
    ALIAS("t_is_retr_async_reply", t_never, 0, ALMOST_ANY, "True for a repeated response: never seen.", NO_ARGS),
    ROW(t_is_failure_route, 0, STAGE_ANY, "True in a failure route.", NO_ARGS),
    ROW(t_is_branch_route, 0, STAGE_ANY, "True in a branch route.", NO_ARGS),
    ROW(t_is_reply_route, 0, STAGE_ANY, "True in a reply route.", NO_ARGS),
    ROW(t_is_request_route, 0, STAGE_ANY, "True in the request route.", NO_ARGS),

    ARM(t_on_failure, STAGE_FAILURE, "The route to run when all branches have failed."),
    ARM(t_on_reply, STAGE_REPLY, "The route to run for each response."),
    ARM(t_on_branch, STAGE_BRANCH, "The route to run for each branch before it is sent."),
    ROW(t_on_branch_failure, 1, ALMOST_ANY | STAGE_EVENT, "Names the event_route[tm:branch-failure:…] to run when a branch fails.", ARG_FMT),
    ROW(t_is_set, 1, STAGE_ANY, "True when a route is armed: failure_route, onreply_route, branch_route.", ARG_STR),
    ROW(t_set_fr, 1, ALMOST_ANY, "Timeouts of this request in milliseconds: final reply to INVITE, first reply.", ARG_INT, ARG_INT),
    ROW(t_reset_fr, 0, ALMOST_ANY, "Takes back t_set_fr().", NO_ARGS),
    ROW(t_set_auto_inv_100, 1, STAGE_REQUEST, "0: no automatic 100 to this INVITE.", ARG_INT),
    ROW(t_set_disable_internal_reply, 1, ALMOST_ANY, "1: a failure to forward is left to the script.", ARG_INT),
    ROW(t_set_retr, 2, ALMOST_ANY, "T1 and T2 of this request in milliseconds; 0 leaves one as it is.", ARG_INT, ARG_INT),
    ROW(t_reset_retr, 0, ALMOST_ANY, "Takes back t_set_retr().", NO_ARGS),
    ROW(t_set_max_lifetime, 2, ALMOST_ANY, "How long it may last in milliseconds: INVITE, others; 0 leaves it.", ARG_INT, ARG_INT),
    ROW(t_reset_max_lifetime, 0, ALMOST_ANY, "Takes back t_set_max_lifetime().", NO_ARGS),
    ROW(t_set_disable_6xx, 1, ALMOST_ANY, "1: a 6xx is like any other failure.", ARG_INT),
    ROW(t_set_disable_failover, 1, ALMOST_ANY, "1: only the first address of a name is tried.", ARG_INT),
    ROW(t_set_no_e2e_cancel_reason, 1, ALMOST_ANY, DOC_NO_REASON, ARG_INT),
    ALIAS("t_disable_e2e_cancel_reason", t_set_no_e2e_cancel_reason, 1, ALMOST_ANY, DOC_NO_REASON, ARG_INT),
    ROW(t_drop_replies, 0, STAGE_FAILURE, "Which failures so far compete no more: a, l(ast) or n(one).", ARG_STR),
    ROW(t_flush_flags, 0, ALMOST_ANY, DOC_DONE_ANYWAY, NO_ARGS),
    ALIAS("t_flush_xflags", t_flush_flags, 0, ALMOST_ANY, DOC_DONE_ANYWAY, NO_ARGS),
    ALIAS("t_save_lumps", t_flush_flags, 0, STAGE_REQUEST, DOC_DONE_ANYWAY, NO_ARGS),
    ALIAS("t_clean", t_flush_flags, 0, STAGE_ANY, DOC_DONE_ANYWAY, NO_ARGS),
    ALIAS("t_use_uac_headers", t_flush_flags, 0, STAGE_ANY, DOC_DONE_ANYWAY, NO_ARGS),
    ALIAS("t_write_req", t_unwritten, 2, ON_REQUESTS | STAGE_BRANCH, DOC_NO_FIFO, ARG_STR, ARG_STR),
    ALIAS("t_write_unix", t_unwritten, 2, ON_REQUESTS | STAGE_BRANCH, DOC_NO_FIFO, ARG_STR, ARG_STR),

    ROW(t_load_contacts, 0, ON_REQUESTS, "Puts the targets in order of q (1: drawn by q), for t_next_contacts().", ARG_INT),
    ROW(t_next_contacts, 0, ON_REQUESTS, "Takes the targets of the next q; -2 when none are left.", NO_ARGS),
    ROW(t_next_contact_flow, 0, STAGE_FAILURE | STAGE_EVENT, "Takes another flow to the instance that failed; -2 when there is none.", NO_ARGS),
    ROW(t_reuse_branch, 0, STAGE_FAILURE | STAGE_EVENT, "Takes the target of the failed branch once more.", NO_ARGS),

    ROW(t_suspend, 0, ON_REQUESTS, "Lets the transaction wait for t_continue().", NO_ARGS),
    ROW(t_continue, 3, STAGE_ANY, "Runs a route over a request that waits: index, label, route.", ARG_INT, ARG_INT, ARG_FMT),
    ROW(t_drop, 0, ALMOST_ANY, "Ends the transaction without an answer.", ARG_INT),
    ROW(t_cancel_branches, 1, STAGE_REPLY, "Cancels branches: all, others or this.", ARG_STR),
    ROW(t_cancel_callid, 3, STAGE_ANY, "Cancels a call: Call-ID, CSeq, flag to set, status to answer with.", ARG_FMT, ARG_FMT, ARG_INT, ARG_INT),
    ROW(t_reply_callid, 4, STAGE_ANY, "Answers a call: Call-ID, CSeq, status, reason.", ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT),
    ROW(t_uac_send, 6, STAGE_ANY, "Sends a request of our own: method, URI, next hop, socket, headers, body.", ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT),
    { 0 },
};

/* The unit of the first three is the dialect's, see server_set_timer(). */
#define TIMER(name_, doc_) \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct tm_state, name_), .initial = -1, .doc = doc_ }
#define LIFETIME(name_, doc_) \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct tm_state, name_), .min = -1, \
      .max = INT32_MAX, .initial = -1, .doc = doc_ }
#define CHOICE(name_, max_, initial_, doc_) \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct tm_state, name_), .max = max_, \
      .initial = initial_, .doc = doc_ }
#define IGNORED(name_, why) { .name = name_, .type = PARAM_IGNORED, .doc = why }
#define NO_KEMI "there is no KEMI"
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
    { .name = "retr_timer1p1", .type = PARAM_INT, .offset = offsetof(struct tm_state, retr_timer1p1),
      .initial = -1, .doc = "T1 in seconds, as OpenSER 1.1 has it." },
    LIFETIME(max_inv_lifetime, "How long an INVITE may last in milliseconds; 0: as long as it likes."),
    LIFETIME(max_noninv_lifetime, "The same for other requests."),
    CHOICE(failure_reply_mode, 3, 3, "Failures of earlier steps: 0 compete, 1 go, 2 the last step's go, 3 go once there is a new one."),
    { .name = "faked_reply_prio", .type = PARAM_INT, .offset = offsetof(struct tm_state, faked_reply_prio),
      .min = -100000, .max = 100000, .doc = "Added to the status of our own failures when the best is chosen." },
    CHOICE(remap_503_500, 1, 1, "1: a 503 goes upstream as a 500."),
    CHOICE(aggregate_challenges, 1, 1, "1: the challenges of all branches go upstream."),
    CHOICE(disable_6xx_block, 1, 0, "1: a 6xx is like any other failure."),
    CHOICE(restart_fr_on_each_reply, 1, 1, "0: only a higher provisional response restarts the timer."),
    CHOICE(cancel_b_method, 2, 1, "0: CANCEL ends a branch that was never heard of at once; else it waits."),
    CHOICE(unmatched_cancel, 2, 1, "2: a CANCEL without INVITE is dropped; else it goes on statelessly."),
    CHOICE(local_cancel_reason, 1, 1, "1: a CANCEL of our own says why."),
    CHOICE(e2e_cancel_reason, 1, 1, "1: the Reason of the caller's CANCEL is passed on."),
    { .name = "auto_inv_100_reason", .type = PARAM_STR, .offset = offsetof(struct tm_state, auto_inv_100_reason),
      .doc = "Reason of the automatic 100." },
    { .name = "default_code", .type = PARAM_INT, .offset = offsetof(struct tm_state, default_code),
      .min = 100, .max = 699, .initial = 500, .doc = "Status of t_reply() when its own makes no sense." },
    { .name = "default_reason", .type = PARAM_STR, .offset = offsetof(struct tm_state, default_reason),
      .initial_text = "Server Internal Error", .doc = "Reason that goes with default_code." },
    { .name = "fr_timer_avp", .type = PARAM_STR, .offset = offsetof(struct tm_state, fr_timer_avp),
      .doc = "Variable with seconds that take the place of fr_timer." },
    { .name = "fr_inv_timer_avp", .type = PARAM_STR, .offset = offsetof(struct tm_state, fr_inv_timer_avp),
      .doc = "Variable with seconds that take the place of fr_inv_timer." },
    IGNORED("delete_timer", "transactions end when nobody uses them"),
    IGNORED("retr_timer1p2", "the interval doubles from retr_timer1p1"),
    IGNORED("retr_timer1p3", "the interval doubles from retr_timer1p1"),
    IGNORED("noisy_ctimer", "a branch that rings too long is always cancelled"),
    IGNORED("ruri_matching", NEW_MATCHING),
    IGNORED("via1_matching", NEW_MATCHING),
    IGNORED("callid_matching", NEW_MATCHING),
    IGNORED("callid_cseq_matching", NEW_MATCHING),
    IGNORED("unix_tx_timeout", "nothing is written to sockets of other programs"),
    IGNORED("tw_append", "nothing is written to sockets of other programs"),
    IGNORED("pass_provisional_replies", "it is about requests sent by other programs; provisional responses always pass"),
    IGNORED("relay_100", "a 100 goes one hop"),
    IGNORED("syn_branch", "branches are always unique"),
    IGNORED("onreply_avp_mode", "AVPs of the request are always seen"),
    IGNORED("enable_stats", "transactions are always counted"),
    IGNORED("branch_flag_mask", "branch flags are their own"),
    IGNORED("reparse_invite", "CANCEL and ACK are made from the INVITE as it was sent"),
    IGNORED("ac_extra_hdrs", "CANCEL and ACK are made from the INVITE as it was sent"),
    IGNORED("local_ack_mode", "CANCEL and ACK are made from the INVITE as it was sent"),
    IGNORED("blst_503", "destinations that fail are tried last by themselves: dst_blocklist_expire"),
    IGNORED("blst_503_def_timeout", "destinations that fail are tried last by themselves: dst_blocklist_expire"),
    IGNORED("blst_503_min_timeout", "destinations that fail are tried last by themselves: dst_blocklist_expire"),
    IGNORED("blst_503_max_timeout", "destinations that fail are tried last by themselves: dst_blocklist_expire"),
    IGNORED("blst_methods_add", "destinations that fail are tried last by themselves: dst_blocklist_expire"),
    IGNORED("blst_methods_lookup", "destinations that fail are tried last by themselves: dst_blocklist_expire"),
    IGNORED("reparse_on_dns_failover", "each address gets a message of its own"),
    IGNORED("dns_reuse_rcv_socket", "the socket is chosen by address family"),
    IGNORED("on_sl_reply", "use the unnamed reply route"),
    IGNORED("contacts_avp", "contacts are kept with the request"),
    IGNORED("contact_flows_avp", "contacts are kept with the request"),
    IGNORED("xavp_contact", "contacts are kept with the request"),
    IGNORED("failure_exec_mode", "t_relay() tells of branches that could not be sent"),
    IGNORED("failover_reply_codes", "a 503 makes the next address be tried (RFC 3263 section 4.3)"),
    IGNORED("rich_redirect", "contacts carry their q"),
    IGNORED("precheck_trans", "a retransmission never reaches the script"),
    IGNORED("exec_time_check", "the script has a budget of steps"),
    IGNORED("reply_relay_mode", "responses of a call are never mixed up"),
    IGNORED("enable_uac_fr", "requests of our own time out"),
    IGNORED("event_callback", NO_KEMI),
    IGNORED("event_callback_lres_sent", NO_KEMI),
    { 0 },
};
/* clang-format on */

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
        err = tm_make_counters(module);
    if (!err)
        tm_set_rules(module);
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
    .commands = tm_commands,
    .hooks = { .on_final = tm_count_final },
    .start = start,
};
