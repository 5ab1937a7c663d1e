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

#define TM_FUNCTION_TABLE(F)                                                                       \
    /* relay.c */                                                                                  \
    F(t_relay)                                                                                     \
    F(t_relay_to_udp) F(t_relay_to_tcp) F(t_relay_to_tls) F(t_replicate) F(t_replicate_udp)        \
        F(t_replicate_tcp) F(t_newtran) F(t_reply) F(t_send_reply) F(t_release)                    \
            F(t_relay_cancel) /* status.c */                                                       \
        F(t_check_trans) F(t_lookup_request) F(t_lookup_cancel) F(t_precheck_trans)                \
            F(t_check_status) F(t_grep_status) F(t_get_status_code) F(t_local_replied)             \
                F(t_was_cancelled) F(t_branch_timeout) F(t_branch_replied) F(t_any_timeout)        \
                    F(t_any_replied) F(t_is_failure_route) F(t_is_branch_route)                    \
                        F(t_is_reply_route) F(t_is_request_route) F(t_never) /* arm.c */           \
        F(t_on_failure) F(t_on_reply) F(t_on_branch) F(t_is_set) F(t_set_fr) F(t_reset_fr)         \
            F(t_set_auto_inv_100) F(t_set_disable_internal_reply) F(t_flush_flags) /* serial.c */  \
        F(t_load_contacts) F(t_next_contacts)

#define F(name) enum verdict name(struct call *call);
TM_FUNCTION_TABLE(F)
#undef F

/* The status that a route is about: of the response, of the failure, or the last one we sent. */
unsigned tm_status(const struct run *run);
/* Reads fr_timer_avp and its like into the request; before it is relayed. */
void tm_read_timer_avps(const struct call *call);

extern const struct mod_variable tm_variables[];
