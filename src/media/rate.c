/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rate.h"

enum {
    PER_SECOND = 1000,
};

static uint64_t worked_off(uint64_t level, uint32_t limit, msec elapsed)
{
    uint64_t done = limit * (elapsed < PER_SECOND ? elapsed : PER_SECOND);

    return level > done ? level - done : 0;
}

static bool has_room(uint64_t level, uint32_t limit)
{
    return limit == 0 || level <= (uint64_t)limit * PER_SECOND;
}

bool rate_allows(struct rate_meter *meter, const struct rate_limit *limit, size_t bytes, msec now)
{
    msec elapsed = now > meter->at ? now - meter->at : 0;
    struct rate_meter next = {
        .at = now > meter->at ? now : meter->at,
        .packets = worked_off(meter->packets, limit->packets, elapsed) + PER_SECOND,
        .bytes = worked_off(meter->bytes, limit->bytes, elapsed) + (uint64_t)bytes * PER_SECOND,
    };

    if (!has_room(next.packets, limit->packets) || !has_room(next.bytes, limit->bytes))
        return false;
    *meter = next;
    return true;
}
