/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Timers of one worker: a hierarchical wheel with a resolution of one millisecond. Timers are
 * embedded in the objects that they belong to; the wheel allocates nothing and reads no clock.
 */
#include <stdbool.h>
#include <stdint.h>

typedef uint64_t msec; /* milliseconds of a monotonic clock */

#define MSEC_NEVER UINT64_MAX

struct timer;
typedef void timer_fn(struct timer *timer);

struct timer {
    struct timer *next;
    struct timer **link; /* the pointer that points here; NULL while not armed */
    timer_fn *fire;
    msec deadline;
    uint8_t level;
    uint8_t slot;
};

enum {
    WHEEL_LEVELS = 6,
    WHEEL_SLOTS = 64,
};

struct wheel {
    msec now;
    uint64_t occupied[WHEEL_LEVELS]; /* a bit a slot */
    struct timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];
    unsigned count; /* armed timers */
};

void wheel_init(struct wheel *wheel, msec now);
/* Runs `fire` at the first advance to `deadline` or later; an armed timer is moved. */
void timer_start(struct wheel *wheel, struct timer *timer, msec deadline, timer_fn *fire);
/* Stopping twice is fine. */
void timer_stop(struct wheel *wheel, struct timer *timer);
static inline bool timer_is_armed(const struct timer *timer)
{
    return timer->link != 0;
}
/* Moves time forward and fires what is due, in order; timers may start and stop others. */
void wheel_advance(struct wheel *wheel, msec now);
/* No timer is due before this; MSEC_NEVER when none is armed. */
msec wheel_next(const struct wheel *wheel);
