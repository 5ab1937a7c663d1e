/* SPDX-License-Identifier: Apache-2.0 */
/* Log levels as scripts write them. */
#include "host/host.h"

/* The third character of L_ALERT, L_BUG, L_CRIT… tells them apart. */
static const struct {
    char initial;
    enum log_level level;
} by_initial[] = {
    { 'A', LEVEL_ALERT },   { 'B', LEVEL_CRITICAL }, { 'C', LEVEL_CRITICAL }, { 'E', LEVEL_ERROR },
    { 'W', LEVEL_WARNING }, { 'N', LEVEL_NOTICE },   { 'I', LEVEL_INFO },     { 'D', LEVEL_DEBUG },
};

struct scale {
    int64_t number;
    enum log_level level;
};

/* Numbers between two rows mean the more important one; those beyond the ends, the ends. */
static const struct scale openser_scale[] = {
    { -3, LEVEL_ALERT }, { -2, LEVEL_CRITICAL }, { -1, LEVEL_ERROR }, { 1, LEVEL_WARNING },
    { 2, LEVEL_NOTICE }, { 3, LEVEL_INFO },      { 4, LEVEL_DEBUG },
};

static const struct scale kamailio_scale[] = {
    { -5, LEVEL_ALERT }, { -4, LEVEL_CRITICAL }, { -1, LEVEL_ERROR }, { 0, LEVEL_WARNING },
    { 1, LEVEL_NOTICE }, { 2, LEVEL_INFO },      { 3, LEVEL_DEBUG },
};

static bool find_initial(struct str text, enum log_level *out)
{
    for (size_t i = 0; i < sizeof by_initial / sizeof by_initial[0]; i++) {
        if (by_initial[i].initial == text.ptr[2]) {
            *out = by_initial[i].level;
            return true;
        }
    }
    return false;
}

static enum log_level find_number(const struct scale *scale, size_t count, int64_t number)
{
    enum log_level level = scale[0].level;

    for (size_t i = 0; i < count && scale[i].number <= number; i++)
        level = scale[i].level;
    return level;
}

bool server_log_level(const struct server *server, struct str text, enum log_level *out)
{
    int64_t number;

    if (text.len > 2 && str_starts(text, STR("L_")))
        return find_initial(text, out);
    if (str_to_int(text, INT32_MIN, INT32_MAX, &number))
        return false;
    *out =
        server_is_openser(server)
            ? find_number(openser_scale, sizeof openser_scale / sizeof openser_scale[0], number)
            : find_number(kamailio_scale, sizeof kamailio_scale / sizeof kamailio_scale[0], number);
    return true;
}

bool server_logs_to_stderr(const struct server *server)
{
    return server->settings.log_stderr;
}
