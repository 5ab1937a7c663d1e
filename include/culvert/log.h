/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One line a call, without a newline; levels as in syslog. Log once, where an error is handled.
 * Control bytes in the text are written escaped. The sink and the threshold belong to the process:
 * the one deliberate global of this code base.
 */
#include <stdbool.h>
#include <stdint.h>

#include <culvert/err.h>

enum log_level {
    LEVEL_ALERT,
    LEVEL_CRITICAL,
    LEVEL_ERROR,
    LEVEL_WARNING,
    LEVEL_NOTICE,
    LEVEL_INFO,
    LEVEL_DEBUG,
};

typedef void log_sink_fn(enum log_level level, const char *line);

void log_set_sink(log_sink_fn *sink); /* NULL: standard error */
void log_set_threshold(enum log_level least_important);
bool log_is_on(enum log_level level);
void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* For lines that a peer can provoke: lets one pass in each interval. Zeroed at first; any thread. */
struct log_gate {
    _Atomic uint64_t opens_at;
};

bool log_gate_pass(struct log_gate *gate, uint64_t now, uint64_t interval);

#define log_error(...) log_write(LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                           \
    do {                                         \
        if (log_is_on(LEVEL_DEBUG))                \
            log_write(LEVEL_DEBUG, __VA_ARGS__);   \
    } while (0)
