/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the module share: its state, and the functions behind the rows of tm.c. */
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/server.h>

/* Timers of the transaction layer that can be set by parameters; negative: not set. */
#define TM_TIMER_TABLE(T)                                                                          \
    T(fr_timer)                                                                                    \
    T(fr_inv_timer)                                                                                \
    T(wt_timer)                                                                                    \
    T(T1_timer)                                                                                    \
    T(T2_timer)                                                                                    \
    T(retr_timer1)                                                                                 \
    T(retr_timer2)

struct tm_state {
#define T(name) int64_t name;
    TM_TIMER_TABLE(T)
#undef T
    int64_t retr_timer1p1; /* seconds: of OpenSER 1.1 */
    int64_t max_inv_lifetime, max_noninv_lifetime;
    int64_t auto_inv_100;
    int64_t failure_reply_mode, faked_reply_prio, remap_503_500, aggregate_challenges;
    int64_t disable_6xx_block, restart_fr_on_each_reply, cancel_b_method, unmatched_cancel;
    int64_t local_cancel_reason, e2e_cancel_reason;
    int64_t default_code;
    struct str default_reason, auto_inv_100_reason;
    struct str fr_timer_avp, fr_inv_timer_avp;
    const struct variable_ref *fr_timer_ref, *fr_inv_timer_ref; /* NULL: none */
    struct counter *finals[7]; /* by class */
    unsigned slot; /* targets kept for serial forking */
};

#define FUNCTION(name) enum verdict name(struct call *call)

/* relay.c */
FUNCTION(t_relay);
FUNCTION(t_relay_to_udp);
FUNCTION(t_relay_to_tcp);
FUNCTION(t_relay_to_tls);
FUNCTION(t_replicate);
FUNCTION(t_replicate_udp);
FUNCTION(t_replicate_tcp);
FUNCTION(t_replicate_tls);
FUNCTION(t_relay_by_sctp);
FUNCTION(t_relay_to_avp);
FUNCTION(t_newtran);
FUNCTION(t_reply);
FUNCTION(t_send_reply);
FUNCTION(t_reply_error);
FUNCTION(t_release);
FUNCTION(t_relay_cancel);

/* status.c */
FUNCTION(t_check_trans);
FUNCTION(t_lookup_request);
FUNCTION(t_exists);
FUNCTION(t_lookup_cancel);
FUNCTION(t_precheck_trans);
FUNCTION(t_check_status);
FUNCTION(t_grep_status);
FUNCTION(t_get_status_code);
FUNCTION(t_local_replied);
FUNCTION(t_was_cancelled);
FUNCTION(t_branch_timeout);
FUNCTION(t_branch_replied);
FUNCTION(t_any_timeout);
FUNCTION(t_any_replied);
FUNCTION(t_is_expired);
FUNCTION(t_is_failure_route);
FUNCTION(t_is_branch_route);
FUNCTION(t_is_reply_route);
FUNCTION(t_is_request_route);
FUNCTION(t_never);
FUNCTION(t_unwritten);

/* arm.c */
FUNCTION(t_on_failure);
FUNCTION(t_on_reply);
FUNCTION(t_on_branch);
FUNCTION(t_on_branch_failure);
FUNCTION(t_is_set);
FUNCTION(t_set_fr);
FUNCTION(t_reset_fr);
FUNCTION(t_set_retr);
FUNCTION(t_reset_retr);
FUNCTION(t_set_max_lifetime);
FUNCTION(t_reset_max_lifetime);
FUNCTION(t_set_disable_6xx);
FUNCTION(t_set_disable_failover);
FUNCTION(t_set_no_e2e_cancel_reason);
FUNCTION(t_drop_replies);
FUNCTION(t_set_auto_inv_100);
FUNCTION(t_set_disable_internal_reply);
FUNCTION(t_flush_flags);

/* serial.c */
FUNCTION(t_load_contacts);
FUNCTION(t_next_contacts);
FUNCTION(t_next_contact_flow);
FUNCTION(t_reuse_branch);

/* wait.c */
FUNCTION(t_suspend);
FUNCTION(t_continue);
FUNCTION(t_drop);
FUNCTION(t_cancel_branches);
FUNCTION(t_cancel_callid);
FUNCTION(t_reply_callid);

/* uac.c */
FUNCTION(t_uac_send);

/* rules.c: tells the server what the parameters say. */
void tm_set_rules(struct module *module);

/* The status that a route is about: of the response, of the failure, or the last one we sent. */
unsigned tm_status(const struct run *run);
/* Reads fr_timer_avp and its like into the request; before it is relayed. */
void tm_read_timer_avps(const struct call *call);

/* counters.c: how transactions end. */
enum err tm_make_counters(struct module *module);
void tm_count_final(struct module *module, struct run *run, unsigned status, struct str reason,
                    const struct sip_msg *response);

extern const struct mod_variable tm_variables[];
extern const struct mod_command tm_commands[];
