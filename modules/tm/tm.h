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
    int64_t auto_inv_100;
    struct str fr_timer_avp, fr_inv_timer_avp;
    const struct variable_ref *fr_timer_ref, *fr_inv_timer_ref; /* NULL: none */
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
FUNCTION(t_newtran);
FUNCTION(t_reply);
FUNCTION(t_send_reply);
FUNCTION(t_release);
FUNCTION(t_relay_cancel);

/* status.c */
FUNCTION(t_check_trans);
FUNCTION(t_lookup_request);
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
FUNCTION(t_is_failure_route);
FUNCTION(t_is_branch_route);
FUNCTION(t_is_reply_route);
FUNCTION(t_is_request_route);
FUNCTION(t_never);

/* arm.c */
FUNCTION(t_on_failure);
FUNCTION(t_on_reply);
FUNCTION(t_on_branch);
FUNCTION(t_is_set);
FUNCTION(t_set_fr);
FUNCTION(t_reset_fr);
FUNCTION(t_set_auto_inv_100);
FUNCTION(t_set_disable_internal_reply);
FUNCTION(t_flush_flags);

/* serial.c */
FUNCTION(t_load_contacts);
FUNCTION(t_next_contacts);

/* The status that a route is about: of the response, of the failure, or the last one we sent. */
unsigned tm_status(const struct run *run);
/* Reads fr_timer_avp and its like into the request; before it is relayed. */
void tm_read_timer_avps(const struct call *call);

extern const struct mod_variable tm_variables[];
