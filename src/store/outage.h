/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Whether a database can be reached, as the lanes of its pool see it. It is away when none of them
 * is connected and one has tried in vain: that is said once, and once more when it is back.
 */
#include "base/lock.h"
#include "store/driver.h"

struct outage {
    struct lock lock; /* after all others */
    unsigned up;      /* connections */
    bool is_away;
    bool has_too_few; /* some cannot connect while others are; said once */
    msec since;
};

void outage_init(struct outage *outage);
void outage_fini(struct outage *outage);
bool outage_is_on(struct outage *outage);
/* Is any lane connected? */
bool outage_is_any_up(struct outage *outage);
void outage_note_up(struct outage *outage, const struct connection *connection);
/* One that was up is no more: not an outage yet. */
void outage_note_lost(struct outage *outage);
void outage_note_failure(struct outage *outage, const struct connection *connection);
