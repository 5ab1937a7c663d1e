/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who may try a password. Wrong ones slow down the source that sent them, and strangers to an account
 * that many sources try; they never slow down a source where the account was at home lately. Memory
 * is fixed; shared by all workers.
 */
#include <culvert/addr.h>
#include <culvert/random.h>
#include <culvert/timer.h>

struct guard;

struct guard_rules {
    unsigned failures_allowed; /* in a row before the first delay; 0: no limit */
    msec delay_first, delay_max; /* doubled with each further failure */
    msec memory;               /* failures are forgotten after so long without another */
    msec home_memory;          /* so long a source counts as the home of an account */
};
extern const struct guard_rules guard_rules_usual;

MUST_USE enum err guard_create(const struct guard_rules *rules, struct random_source *random,
                               struct guard **out);
void guard_destroy(struct guard *guard);

/* An account is user@realm as the credentials say; a source is an IPv4 address or the /64 of an IPv6 one. */
bool guard_allows(struct guard *guard, const struct addr *source, struct str account, msec now);
void guard_failed(struct guard *guard, const struct addr *source, struct str account, msec now);
void guard_succeeded(struct guard *guard, const struct addr *source, struct str account, msec now);
