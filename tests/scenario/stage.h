/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the tests in C share: a world with a configuration of conf/examples, and phones in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/phone.h"

/* The options' script is read from conf/examples/NAME.cfg, with `more` at its end; stops on
 * failure. */
struct world *stage_open(const char *name, const char *more, struct world_options *options);
void stage_phone(struct phone *phone, struct world *world, const char *name, const char *user,
                 const char *ip, struct sim_nat *nat, enum transport transport);
void stage_nat(struct sim_nat *nat, struct world *world, const char *name, const char *outside,
               enum nat_kind kind);
/* Says something in the words of the phone; `target` may be "". */
void stage_ask(struct phone *phone, const char *method, const char *target);
void stage_answer(struct phone *phone, const char *method, unsigned status);
/* The newest request or response of that kind that was heard since the last forgetting; or NULL. */
const struct heard *stage_heard(const struct phone *phone, const char *method, unsigned status);
/* Answers a challenge. */
void stage_register(struct phone *phone);
/* Eleven minutes later nothing is held any more. */
void stage_expect_clean(struct world *world);
