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
#include <culvert/str.h>

enum log_level {
    LEVEL_ALERT,
    LEVEL_CRITICAL,
    LEVEL_ERROR,
    LEVEL_WARNING,
    LEVEL_NOTICE,
    LEVEL_INFO,
    LEVEL_DEBUG,
};

enum {
    LOG_LEVELS = LEVEL_DEBUG + 1,
    LOG_TEXT_MAX = 16384, /* bytes of a text; what is longer is cut */
};

/* facility: of syslog (LOG_LOCAL0…), or LOG_OWN_FACILITY. */
typedef void log_sink_fn(enum log_level level, int facility, const char *line);

#define LOG_OWN_FACILITY (-1) /* that of the server */

void log_set_sink(log_sink_fn *sink); /* NULL: standard error */
/* The sink for standard error itself; takes as long as that takes. */
log_sink_fn log_to_stderr;
/* What stands before a line on standard error: a word, or a number in brackets that a journal reads. */
void log_mark_levels_for_journal(bool is_journal);
const char *log_level_name(enum log_level level);
/* "LOG_LOCAL0", any case; false when there is no such facility. */
bool log_find_facility(struct str name, int *out);
void log_set_threshold(enum log_level least_important);
bool log_is_on(enum log_level level);
void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);
/*
 * A text of any length. With colours, sequences that only colour a terminal (ESC [ digits ; … m) stay
 * as they are; all other control bytes are escaped.
 */
void log_text(enum log_level level, int facility, bool has_colours, struct str text);

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
