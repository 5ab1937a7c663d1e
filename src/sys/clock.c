/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include <uv.h>

#include "sys/loop.h"

msec clock_monotonic(void)
{
    return uv_hrtime() / 1000000;
}

uint64_t clock_fine(void)
{
    return uv_hrtime();
}

uint64_t clock_wall_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t clock_wall(void)
{
    return (uint64_t)time(NULL);
}
