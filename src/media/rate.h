/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How much one party may send through a leg: a cap on packets and on bytes a second, with room for
 * a burst of one second. It keeps a party that floods from using up what all calls share. Pure.
 */
#include <culvert/timer.h>

#include <stdbool.h>
#include <stddef.h>

/* A second; 0: no cap. */
struct rate_limit {
    uint32_t packets, bytes;
};

/* All zero: nothing has been sent. */
struct rate_meter {
    msec at;
    uint64_t packets, bytes; /* thousandths that are not yet worked off */
};

/* True when one more packet of this size fits, and counts it; false changes nothing. */
bool rate_allows(struct rate_meter *meter, const struct rate_limit *limit, size_t bytes, msec now);
