/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Whether something that counts its turns still takes them. */
#include <culvert/timer.h>

struct pulse {
    uint64_t turns; /* when it was felt last */
    msec since;     /* they have not changed */
    bool is_lost;
};

enum pulse_news {
    PULSE_NO_NEWS,
    PULSE_LOST, /* told once, after `limit` without a turn */
    PULSE_BACK, /* after a loss; `silence` says how long it was */
};

enum pulse_news pulse_feel(struct pulse *pulse, uint64_t turns, msec now, msec limit,
                           msec *silence);
