/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/log.h>

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <culvert/writer.h>

enum {
    TEXT_MAX = 2048,                /* what is longer is cut */
    ESCAPED_MAX = 4 * TEXT_MAX + 1, /* each byte may become \x00 */
};

static void write_to_stderr(enum log_level level, const char *line)
{
    static const char *const names[] = {
        [LEVEL_ALERT] = "alert",     [LEVEL_CRITICAL] = "critical", [LEVEL_ERROR] = "error",
        [LEVEL_WARNING] = "warning", [LEVEL_NOTICE] = "notice",     [LEVEL_INFO] = "info",
        [LEVEL_DEBUG] = "debug",
    };

    fprintf(stderr, "%s: %s\n", names[level], line);
}

static log_sink_fn *current_sink = write_to_stderr;
static _Atomic int current_threshold = LEVEL_INFO;

void log_set_sink(log_sink_fn *sink)
{
    current_sink = sink ? sink : write_to_stderr;
}

void log_set_threshold(enum log_level least_important)
{
    atomic_store_explicit(&current_threshold, (int)least_important, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&current_threshold, memory_order_relaxed);
}

static void write_escaped(struct writer *w, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];

        if (byte < 0x20 || byte == 0x7f) {
            write_str(w, STR("\\x"));
            write_hex(w, &byte, 1);
        } else {
            write_char(w, text.ptr[i]);
        }
    }
}

void log_write(enum log_level level, const char *format, ...)
{
    char text[TEXT_MAX];
    char line[ESCAPED_MAX];
    struct writer w = writer_over(line, sizeof line);
    va_list args;

    if (!log_is_on(level))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    write_escaped(&w, str_of(text));
    write_char(&w, '\0');
    current_sink(level, line);
}

bool log_gate_pass(struct log_gate *gate, uint64_t now, uint64_t interval)
{
    uint64_t opens_at = atomic_load_explicit(&gate->opens_at, memory_order_relaxed);

    return now >= opens_at &&
           atomic_compare_exchange_strong(&gate->opens_at, &opens_at, now + interval);
}
