/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the machine tells a profile; reading it is in script.h. */
#include "script/program.h"

/* The line that a run is in. */
struct profile_line {
    uint32_t mark; /* its number; 0: none */
    uint64_t since;
};

/* The instruction at this place is next. The clock is asked when it is of another line. */
void profile_step(struct script_profile *profile, struct profile_line *line, uint32_t at);
/* The run waits, or has ended; the profile may be NULL. */
void profile_leave(struct script_profile *profile, struct profile_line *line);
