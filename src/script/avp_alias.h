/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Names of AVPs: i:17, s:name, and the aliases that stand for them. */
#include "script/unit.h"

/* "alias=i:1;other=s:name": adds to the unit's program; complains at the span. */
void avp_alias_parse(struct unit *unit, struct span span, struct str text);
/*
 * name = "i:" number | "s:" text | [ "i" | "s" ] flags ":" … ; false when there is no such prefix,
 * and *out is then a text name as written.
 */
bool avp_name_parse(struct str text, struct avp_name *out);
