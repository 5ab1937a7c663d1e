/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/log.h>

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <syslog.h>

#include <culvert/writer.h>

enum {
    TEXT_MAX = 2048, /* of log_write; what is longer is cut */
};

/* Each byte may become \\x00. */
#define ESCAPED_MAX(size) (4 * (size) + 1)

/* ---- sinks ---- */

static _Atomic bool is_for_journal;

const char *log_level_name(enum log_level level)
{
    static const char *const names[LOG_LEVELS] = {
        [LEVEL_ALERT] = "alert",     [LEVEL_CRITICAL] = "critical", [LEVEL_ERROR] = "error",
        [LEVEL_WARNING] = "warning", [LEVEL_NOTICE] = "notice",     [LEVEL_INFO] = "info",
        [LEVEL_DEBUG] = "debug",
    };

    return names[level];
}

void log_mark_levels_for_journal(bool is_journal)
{
    is_for_journal = is_journal;
}

void log_to_stderr(enum log_level level, int facility, const char *line)
{
    (void)facility;
    if (is_for_journal)
        fprintf(stderr, "<%d>%s\n", (int)level + LOG_ALERT, line);
    else
        fprintf(stderr, "%s: %s\n", log_level_name(level), line);
}

static const struct {
    const char *name;
    int facility;
} facilities[] = {
    { "LOG_DAEMON", LOG_DAEMON },     { "LOG_AUTH", LOG_AUTH },     { "LOG_AUTHPRIV", LOG_AUTHPRIV },
    { "LOG_CRON", LOG_CRON },         { "LOG_FTP", LOG_FTP },       { "LOG_KERN", LOG_KERN },
    { "LOG_LPR", LOG_LPR },           { "LOG_MAIL", LOG_MAIL },     { "LOG_NEWS", LOG_NEWS },
    { "LOG_SYSLOG", LOG_SYSLOG },     { "LOG_USER", LOG_USER },     { "LOG_UUCP", LOG_UUCP },
    { "LOG_LOCAL0", LOG_LOCAL0 },     { "LOG_LOCAL1", LOG_LOCAL1 }, { "LOG_LOCAL2", LOG_LOCAL2 },
    { "LOG_LOCAL3", LOG_LOCAL3 },     { "LOG_LOCAL4", LOG_LOCAL4 }, { "LOG_LOCAL5", LOG_LOCAL5 },
    { "LOG_LOCAL6", LOG_LOCAL6 },     { "LOG_LOCAL7", LOG_LOCAL7 },
};

bool log_find_facility(struct str name, int *out)
{
    for (size_t i = 0; i < sizeof facilities / sizeof facilities[0]; i++) {
        if (!str_ieq(name, str_of(facilities[i].name)))
            continue;
        *out = facilities[i].facility;
        return true;
    }
    return false;
}

static _Atomic(log_sink_fn *) current_sink = log_to_stderr;
static _Atomic int current_threshold = LEVEL_INFO;

void log_set_sink(log_sink_fn *sink)
{
    current_sink = sink ? sink : log_to_stderr;
}

void log_set_threshold(enum log_level least_important)
{
    atomic_store_explicit(&current_threshold, (int)least_important, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&current_threshold, memory_order_relaxed);
}

/* ---- lines ---- */

static bool is_colour_char(char c)
{
    return (c >= '0' && c <= '9') || c == ';';
}

/* The length of a sequence that colours a terminal: ESC "[" *( DIGIT | ";" ) "m"; 0: none here. */
static size_t colour_length(struct str text)
{
    size_t len = 2;

    if (text.len < 3 || text.ptr[0] != '\033' || text.ptr[1] != '[')
        return 0;
    while (len < text.len && is_colour_char(text.ptr[len]))
        len++;
    return len < text.len && text.ptr[len] == 'm' ? len + 1 : 0;
}

static void write_byte(struct writer *w, unsigned char byte)
{
    if (byte < 0x20 || byte == 0x7f) {
        write_str(w, STR("\\x"));
        write_hex(w, &byte, 1);
    } else {
        write_char(w, (char)byte);
    }
}

static void write_escaped(struct writer *w, bool has_colours, struct str text)
{
    while (text.len) {
        size_t colour = has_colours ? colour_length(text) : 0;

        if (colour)
            write_str(w, (struct str){ text.ptr, colour });
        else
            write_byte(w, (unsigned char)text.ptr[0]);
        text = str_skip(text, colour ? colour : 1);
    }
    write_char(w, '\0');
}

void log_write(enum log_level level, const char *format, ...)
{
    char text[TEXT_MAX];
    char line[ESCAPED_MAX(TEXT_MAX)];
    struct writer w = writer_over(line, sizeof line);
    va_list args;

    if (!log_is_on(level))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    write_escaped(&w, false, str_of(text));
    current_sink(level, LOG_OWN_FACILITY, line);
}

void log_text(enum log_level level, int facility, bool has_colours, struct str text)
{
    char line[ESCAPED_MAX(LOG_TEXT_MAX)];
    struct writer w = writer_over(line, sizeof line);

    if (!log_is_on(level))
        return;
    if (text.len > LOG_TEXT_MAX)
        text.len = LOG_TEXT_MAX;
    write_escaped(&w, has_colours, text);
    current_sink(level, facility, line);
}

bool log_gate_pass(struct log_gate *gate, uint64_t now, uint64_t interval)
{
    uint64_t opens_at = atomic_load_explicit(&gate->opens_at, memory_order_relaxed);

    return now >= opens_at &&
           atomic_compare_exchange_strong(&gate->opens_at, &opens_at, now + interval);
}
