/* SPDX-License-Identifier: Apache-2.0 */
#include "sdp/exchange.h"

/* The states as the sender of a message sees them. */
enum view {
    NONE,
    OWN,    /* its own offer is open */
    THEIRS, /* the other party's */
    BOTH,
    VIEWS,
};

struct move {
    uint8_t role; /* enum sdp_role */
    uint8_t next; /* enum view */
};

/* RFC 6337 §2.2 lists the sound ways; the other cells are what is least harmful. */
static const struct move moves[VIEWS][SDP_CARRIERS] = {
    [NONE] = {
        [SDP_CARRIES_NOTHING] = { SDP_NOTHING, NONE },
        [SDP_CARRIES_OFFER] = { SDP_OFFER, OWN },
        [SDP_CARRIES_EITHER] = { SDP_OFFER, OWN },
        [SDP_CARRIES_ANSWER] = { SDP_REPEAT, NONE },
        [SDP_CARRIES_PREVIEW] = { SDP_REPEAT, NONE },
        [SDP_ACCEPTS] = { SDP_NOTHING, NONE },
    },
    [OWN] = {
        [SDP_CARRIES_NOTHING] = { SDP_NOTHING, OWN },
        [SDP_CARRIES_OFFER] = { SDP_OFFER, OWN },
        [SDP_CARRIES_EITHER] = { SDP_OFFER, OWN }, /* of an unreliable 1xx, again in the 2xx */
        [SDP_CARRIES_ANSWER] = { SDP_REPEAT, OWN },
        [SDP_CARRIES_PREVIEW] = { SDP_REPEAT, OWN },
        [SDP_ACCEPTS] = { SDP_NOTHING, OWN },
    },
    [THEIRS] = {
        [SDP_CARRIES_NOTHING] = { SDP_NOTHING, THEIRS },
        [SDP_CARRIES_OFFER] = { SDP_OFFER, BOTH },
        [SDP_CARRIES_EITHER] = { SDP_ANSWER, NONE },
        [SDP_CARRIES_ANSWER] = { SDP_ANSWER, NONE },
        [SDP_CARRIES_PREVIEW] = { SDP_PREVIEW, THEIRS },
        [SDP_ACCEPTS] = { SDP_SETTLED, NONE },
    },
    [BOTH] = {
        [SDP_CARRIES_NOTHING] = { SDP_NOTHING, BOTH },
        [SDP_CARRIES_OFFER] = { SDP_OFFER, BOTH },
        [SDP_CARRIES_EITHER] = { SDP_ANSWER, OWN },
        [SDP_CARRIES_ANSWER] = { SDP_ANSWER, OWN },
        [SDP_CARRIES_PREVIEW] = { SDP_PREVIEW, BOTH },
        [SDP_ACCEPTS] = { SDP_SETTLED, OWN },
    },
};

/* The second party sees the first one's offers as the other's: bits change places. */
static uint8_t view_of(uint8_t state, unsigned party)
{
    return party == 0 ? state : (uint8_t)((state & 1) << 1 | state >> 1);
}

static bool is_open(const struct sdp_exchange *exchange, unsigned party, struct sdp_turn turn)
{
    const struct sdp_turn *own = &exchange->turns[party];

    return exchange->state & 1u << party && own->asker == turn.asker && own->cseq == turn.cseq;
}

/* A transaction that fails takes with it what either party has offered in it. */
static enum sdp_role refuse(struct sdp_exchange *exchange, struct sdp_turn turn)
{
    for (unsigned party = 0; party < 2; party++) {
        if (!is_open(exchange, party, turn))
            continue;
        exchange->state &= (uint8_t) ~(1u << party);
        exchange->offerer = party;
        exchange->is_previewed = false;
        return SDP_REFUSED;
    }
    return SDP_NOTHING;
}

enum sdp_role sdp_exchange_step(struct sdp_exchange *exchange, unsigned sender,
                                enum sdp_carrier carrier, struct sdp_turn turn)
{
    struct move move = moves[view_of(exchange->state, sender)][carrier];

    if (carrier == SDP_REFUSES)
        return refuse(exchange, turn);
    if (carrier == SDP_ACCEPTS && !is_open(exchange, !sender, turn))
        return SDP_NOTHING;
    exchange->state = view_of(move.next, sender);
    exchange->offerer = move.role == SDP_OFFER ? sender : !sender;
    if (move.role == SDP_OFFER)
        exchange->turns[sender] = turn;
    if (move.role == SDP_PREVIEW)
        exchange->is_previewed = true;
    else if (move.role != SDP_REPEAT && move.role != SDP_NOTHING)
        exchange->is_previewed = false;
    return (enum sdp_role)move.role;
}
