/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as records show them. */
#include <stdio.h>
#include <time.h>

#include "acc.h"

enum {
    FORMATTED_MAX = 128,
};

struct str moment_fraction(struct arena *arena, wall_msec when)
{
    struct str text = { 0 };

    (void)!str_print(arena, &text, "%llu.%03u", (unsigned long long)(when / 1000),
                     (unsigned)(when % 1000));
    return text;
}

struct str moment_formatted(struct arena *arena, wall_msec when, struct str format, bool is_local)
{
    const time_t seconds = (time_t)(when / 1000);
    char pattern[FORMATTED_MAX], text[FORMATTED_MAX];
    struct str out = { 0 };
    struct tm parts;
    size_t length;

    snprintf(pattern, sizeof pattern, STR_FMT, STR_ARG(format));
    if (is_local)
        localtime_r(&seconds, &parts);
    else
        gmtime_r(&seconds, &parts);
    length = strftime(text, sizeof text, pattern, &parts);
    (void)!str_copy(arena, (struct str){ text, length }, &out);
    return out;
}

struct str moment_column(const struct acc *acc, struct arena *arena, wall_msec when)
{
    return moment_formatted(arena, when, STR("%Y-%m-%d %H:%M:%S"), acc->db_localtime != 0);
}
