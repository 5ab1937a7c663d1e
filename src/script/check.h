/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The tree checked: names get what they stand for, types are worked out, and commands are allowed
 * where they stand. Complains; the tree stays usable for the next phase.
 */
#include "script/tree.h"

void check_script(struct unit *unit, struct block *blocks);
struct block *check_find_block(struct block *blocks, enum route_kind kind, struct str name);

/* types.c: what is known about a value; Kamailio refuses comparisons that cannot be meant. */
void types_infer(struct unit *unit, struct expr *expr);
