/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What is known of a destination: whether it is to be used, and how often it failed or answered in a
 * row. One word, so that all workers may look and change it by compare-and-swap. Pure.
 */
#include <culvert/str.h>

/* The numbers are those of the flags in lists. */
enum dest_flag {
    DEST_INACTIVE = 1, /* it does not answer: not used */
    DEST_TRYING = 2,   /* it has failed, but not often enough: still used */
    DEST_DISABLED = 4, /* by people: neither used nor asked */
    DEST_PROBING = 8,  /* it is asked by requests of our own */
    DEST_NO_DNS = 16,  /* its name is not looked up */
    DEST_FLAGS = 31,
};

struct state_rules {
    unsigned failures_max;  /* so many in a row make it inactive; at least 1 */
    unsigned answers_min;   /* so many in a row make it active again; at least 1 */
    bool adds_probing;      /* one that fails is asked from now on */
    bool keeps_probing;     /* it is asked on, when it is active again */
};

/* Flags in the lowest byte; the rest is this file's business. */
uint32_t state_of(unsigned flags);
static inline unsigned state_flags(uint32_t state)
{
    return state & DEST_FLAGS;
}

static inline bool state_is_usable(uint32_t state)
{
    return !(state & (DEST_INACTIVE | DEST_DISABLED));
}

/* The state after it has failed: a request of our own, or what a script has sent there. */
uint32_t state_after_failure(uint32_t state, const struct state_rules *rules);
uint32_t state_after_answer(uint32_t state, const struct state_rules *rules);
/* As people or scripts say; what the list says of its name stays. */
uint32_t state_after_order(uint32_t state, unsigned flags);

/* What letters mean: a, i, d, t, p in any case, or OpenSER's 1, 0, 2. */
MUST_USE enum err state_letters(struct str text, unsigned *flags);
/* "AX", "IP": how it is shown. */
struct str state_name(uint32_t state, char room[static 2]);
