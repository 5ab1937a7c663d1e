/* SPDX-License-Identifier: Apache-2.0 */
#include "media/latch.h"

enum {
    EARLY_MSEC = 3000,   /* after locking, a better rank may still take over for this long… */
    EARLY_PACKETS = 50,  /* …or for this many packets, whichever lasts longer */
    WINDOW_MSEC = 10000, /* a reopened latch locks again once the old source has kept sending… */
    WINDOW_PACKETS = 10, /* …for this long and this often: a few late packets prove nothing */
    PAUSE_MSEC = 8000,   /* a longer silence and it has not kept sending (RTCP comes rarely) */
    GONE_MSEC = 500,     /* a source silent for this long may be followed by the one before it */
};

/* Clocks of different threads may be a little apart. */
static msec elapsed(msec now, msec since)
{
    return now > since ? now - since : 0;
}

static bool is_same_site(const struct latch_trust *trust, const struct addr *source)
{
    return addr_same_site(source, &trust->signalling) || addr_same_site(source, &trust->described);
}

enum latch_rank latch_rank(const struct latch_trust *trust, const struct addr *source)
{
    if (addr_eq(source, &trust->described))
        return RANK_EXACT;
    if (addr_same_ip(source, &trust->described))
        return RANK_DESCRIBED;
    if (addr_same_ip(source, &trust->signalling))
        return source->port == trust->described.port ? RANK_PRESERVED : RANK_SIGNALLED;
    if (trust->policy == LATCH_SITE && is_same_site(trust, source))
        return RANK_SITE;
    return trust->policy == LATCH_ANY ? RANK_ANYONE : RANK_REFUSED;
}

void latch_reopen(struct latch *latch, msec now)
{
    if (latch->state == LATCH_OPEN)
        return;
    latch->state = LATCH_REOPENED;
    latch->packets = 0;
    latch->since = now;
}

bool latch_holds(const struct latch *latch, const struct addr *source)
{
    return latch->state != LATCH_OPEN && addr_eq(&latch->source, source);
}

static void lock_on(struct latch *latch, const struct addr *source, enum latch_rank rank, msec now)
{
    latch->source = *source;
    latch->state = LATCH_LOCKED;
    latch->rank = (uint8_t)rank;
    latch->packets = 1;
    latch->since = now;
    latch->heard_at = now;
}

/* A packet of the source that the latch holds already. */
static void hear(struct latch *latch, msec now)
{
    if (latch->state == LATCH_REOPENED && elapsed(now, latch->heard_at) > PAUSE_MSEC) {
        latch->since = now;
        latch->packets = 0;
    }
    latch->heard_at = now;
    if (latch->packets < WINDOW_PACKETS + EARLY_PACKETS)
        latch->packets++;
    if (latch->state == LATCH_REOPENED && latch->packets >= WINDOW_PACKETS &&
        elapsed(now, latch->since) >= WINDOW_MSEC)
        latch->state = LATCH_LOCKED;
}

static bool is_early(const struct latch *latch, msec now)
{
    return elapsed(now, latch->since) < EARLY_MSEC || latch->packets < EARLY_PACKETS;
}

/* May this source, which is not the held one, take over? */
static bool may_take_over(const struct latch *latch, enum latch_rank rank,
                          const struct addr *source, msec now)
{
    bool was_replaced = addr_eq(source, &latch->previous);

    switch (latch->state) {
    case LATCH_OPEN:
        return true;
    case LATCH_REOPENED: /* late packets of a source already replaced must not win it back */
        return !was_replaced || rank == RANK_EXACT || elapsed(now, latch->heard_at) >= GONE_MSEC;
    default:
        return rank < latch->rank && !was_replaced && is_early(latch, now);
    }
}

bool latch_accept(struct latch *latch, const struct latch_trust *trust, const struct addr *source,
                  msec now)
{
    enum latch_rank rank;
    bool returns;

    if (latch_holds(latch, source)) {
        hear(latch, now);
        return true;
    }
    rank = latch_rank(trust, source);
    if (rank == RANK_REFUSED || !may_take_over(latch, rank, source, now))
        return false;
    returns = addr_eq(source, &latch->previous);
    if (latch->state == LATCH_REOPENED)
        latch->previous = latch->source;
    lock_on(latch, source, rank, now);
    if (returns)
        latch->state = LATCH_REOPENED; /* was it a late packet? the other may come back as well */
    return true;
}
