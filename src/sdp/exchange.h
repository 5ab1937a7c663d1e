/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Offer and answer (RFC 3264) as they travel in SIP (RFC 3261 §13.2.1, 3262 §5, 3311, 6337): what a
 * description that passes is, told from the message that carries it and from what went before in
 * its dialog. Pure values.
 */
#include <stdbool.h>
#include <stdint.h>

/* What a message with or without a description may mean for the exchange, before its state is
 * asked. */
enum sdp_carrier {
    SDP_CARRIES_NOTHING, /* no description, and no word on one */
    SDP_CARRIES_OFFER,   /* INVITE, UPDATE */
    SDP_CARRIES_EITHER,  /* PRACK; a reliable 1xx or 2xx to an INVITE without a description */
    SDP_CARRIES_ANSWER,  /* ACK; a 2xx to PRACK or UPDATE; a reliable 1xx or 2xx to an INVITE with
                            one */
    SDP_CARRIES_PREVIEW, /* an unreliable 1xx to an INVITE with one: the answer is still to come */
    SDP_ACCEPTS,         /* a 2xx without a description to a request that offered */
    SDP_REFUSES,         /* a final failure; a description in it is no answer */
    SDP_CARRIERS,
};

/* What it turned out to be. */
enum sdp_role {
    SDP_NOTHING,
    SDP_OFFER,
    SDP_ANSWER,
    SDP_PREVIEW, /* like an answer, but the offer stays open */
    SDP_REPEAT,  /* nothing was asked: an answer once more, as in a 200 behind a reliable 183 */
    SDP_SETTLED, /* the offer stands without (another) answer */
    SDP_REFUSED, /* the offer is void: all is as it was before it */
};

/* Whose offers are open. Both: glare, of which one or both will be refused (RFC 3261 §14.1). */
enum sdp_exchange_state {
    SDP_IDLE,
    SDP_OFFERED_BY_FIRST,
    SDP_OFFERED_BY_SECOND,
    SDP_GLARE,
    SDP_EXCHANGE_STATES,
};

/* The transaction that a message belongs to: whose request it is, and its CSeq number. */
struct sdp_turn {
    unsigned asker;
    uint32_t cseq;
};

/* Of one dialog, or of one branch of an INVITE. All zero: nothing has been said. */
struct sdp_exchange {
    uint8_t state;            /* enum sdp_exchange_state */
    struct sdp_turn turns[2]; /* in which each party made its open offer; a later one replaces it */
    bool is_previewed;        /* the open offer has been answered as a preview */
    unsigned offerer;         /* whose offer the last step was about */
};

/*
 * A message of party 0 or 1 passes. An offer is accepted without an answer, or refused, by the
 * final response of its own transaction alone.
 */
enum sdp_role sdp_exchange_step(struct sdp_exchange *exchange, unsigned sender,
                                enum sdp_carrier carrier, struct sdp_turn turn);
