/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The variables of extended AVPs; ends with a row without a name. */
#include <culvert/module.h>

extern const struct mod_variable xavp_variables[];

/* How many items the name in parentheses has; false when `kind` is none of these variables. */
bool xavp_count_of(const struct run *run, struct str kind, struct str inner, int64_t *out);
