/* SPDX-License-Identifier: Apache-2.0 */
/* What the parameters come to: timers, and the rules of forking. */
#include "tm.h"

enum {
    MILLISECONDS = 1000,
};

static void set_timers(const struct tm_state *tm, struct server *server)
{
#define T(name)                                                                                    \
    if (tm->name >= 0)                                                                             \
        server_set_timer(server, #name, tm->name);
    TM_TIMER_TABLE(T)
#undef T
    if (tm->retr_timer1p1 > 0)
        server_set_timer(server, "T1_timer", tm->retr_timer1p1 * MILLISECONDS);
}

static msec lifetime(int64_t given, msec usual)
{
    return given < 0 ? usual : (msec)given;
}

/* OpenSER has no lifetimes, and forgets what the steps before have brought. */
static void set_dialect(const struct tm_state *tm, struct fork_rules *rules, bool is_openser)
{
    static const enum older_failures modes[] = { OLDER_KEPT, OLDER_DROPPED, OLDER_LAST_DROPPED,
                                                 OLDER_YIELD };

    rules->older_failures = is_openser ? OLDER_DROPPED : modes[tm->failure_reply_mode];
    rules->invite_lifetime = lifetime(tm->max_inv_lifetime, is_openser ? 0 : 180000);
    rules->other_lifetime = lifetime(tm->max_noninv_lifetime, is_openser ? 0 : 32000);
}

void tm_set_rules(struct module *module)
{
    const struct tm_state *tm = module_state(module);
    struct server *server = module_server(module);
    struct fork_rules *rules = server_fork_rules(server);

    set_timers(tm, server);
    set_dialect(tm, rules, server_is_openser(server));
    rules->local_rank = tm->faked_reply_prio;
    rules->keeps_503 = !tm->remap_503_500;
    rules->keeps_challenges_apart = !tm->aggregate_challenges;
    rules->lets_6xx_compete = tm->disable_6xx_block;
    rules->counts_rising_only = !tm->restart_fr_on_each_reply;
    rules->drops_silent_branches = tm->cancel_b_method == 0;
    rules->adds_no_reason = !tm->local_cancel_reason;
    rules->passes_no_reason = !tm->e2e_cancel_reason;
    rules->drops_strange_cancel = tm->unmatched_cancel == 2;
    rules->trying_reason = tm->auto_inv_100_reason;
    if (tm->cancel_b_method == 2)
        log_notice("tm: cancel_b_method 2 is as 1: a CANCEL before any response would not be "
                   "understood (RFC 3261 section 9.1)");
}
