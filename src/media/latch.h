/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The latch: where the packets of one party really come from, for one of RTP and RTCP. It learns
 * from packets, by rank, and then refuses everybody else. Only a new description of the party opens
 * it again, and even then the old source stays valid until another one proves itself. Pure values:
 * no I/O, no clock.
 */
#include "media/relay.h"

/* How good a reason there is to take a source for the party. Smaller is better. */
enum latch_rank {
    RANK_EXACT = 1, /* the described address and port */
    RANK_DESCRIBED, /* the described address, another port */
    RANK_PRESERVED, /* the address that its signalling comes from, at the described port: a NAT may
                       keep it */
    RANK_SIGNALLED, /* the same, another port */
    RANK_SITE,      /* the same /24 or /64 as one of these; only with LATCH_SITE */
    RANK_ANYONE,    /* only with LATCH_ANY */
    RANK_REFUSED,
};

/* What the signalling says about a party. */
struct latch_trust {
    struct addr described;  /* family NONE: nothing yet */
    struct addr signalling; /* port ignored */
    enum latch_policy policy;
};

enum latch_state {
    LATCH_OPEN,     /* nothing learned */
    LATCH_LOCKED,   /* one source, all others are strangers */
    LATCH_REOPENED, /* the same source is still valid, but the next acceptable one wins */
};

struct latch {
    struct addr source;   /* family NONE while open */
    struct addr previous; /* what the source took over from; family NONE: nothing */
    uint8_t state;        /* enum latch_state */
    uint8_t rank;         /* enum latch_rank of the source */
    unsigned packets;     /* from the source, since it was locked or reopened */
    msec since;           /* when that was */
    msec heard_at;        /* the last packet from the source */
};

enum latch_rank latch_rank(const struct latch_trust *trust, const struct addr *source);
/* The party has been described anew. */
void latch_reopen(struct latch *latch, msec now);
/* True when the source is the one that the latch holds: latch_accept would agree. */
bool latch_holds(const struct latch *latch, const struct addr *source);
/* A valid packet came from the source. False: a stranger, and nothing has changed. */
bool latch_accept(struct latch *latch, const struct latch_trust *trust, const struct addr *source,
                  msec now);
