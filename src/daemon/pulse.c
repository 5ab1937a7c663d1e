/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pulse.h"

static enum pulse_news note_turn(struct pulse *pulse, uint64_t turns, msec now)
{
    bool was_lost = pulse->is_lost;

    *pulse = (struct pulse){ .turns = turns, .since = now };
    return was_lost ? PULSE_BACK : PULSE_NO_NEWS;
}

enum pulse_news pulse_feel(struct pulse *pulse, uint64_t turns, msec now, msec limit, msec *silence)
{
    *silence = pulse->since ? now - pulse->since : 0;
    if (turns != pulse->turns || !pulse->since)
        return note_turn(pulse, turns, now);
    if (pulse->is_lost || *silence < limit)
        return PULSE_NO_NEWS;
    pulse->is_lost = true;
    return PULSE_LOST;
}
