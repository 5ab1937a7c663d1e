/* SPDX-License-Identifier: Apache-2.0 */
#include "script/report.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    ERRORS_MAX = 1000, /* more are counted, not told; as many warnings */
    MESSAGE_MAX = 2048,
    LINE_MAX_SHOWN = 200,
    NAME_MAX = 63,
    HINT_MAX = 320,
};

static bool has_line(struct span span)
{
    return span.source && span.source->text.len > 0;
}

static void write_place(struct writer *w, struct span span)
{
    struct source_position at;

    if (!span.source)
        return;
    at = source_position(span.source, span.start);
    write_fmt(w, STR_FMT ":%u:%u: ", STR_ARG(span.source->name), at.line, at.column);
}

/* The blanks that put a caret under a column: tabs stay tabs. */
static void write_indent(struct writer *w, struct str line, unsigned column)
{
    for (unsigned i = 0; i + 1 < column && i < line.len; i++)
        write_char(w, line.ptr[i] == '\t' ? '\t' : ' ');
}

static void write_caret(struct writer *w, struct span span, const struct source_position *at)
{
    size_t left = at->line_text.len >= at->column ? at->line_text.len - at->column : 0;
    size_t wide = span.end > span.start ? span.end - span.start - 1 : 0;

    write_indent(w, at->line_text, at->column);
    write_char(w, '^');
    for (size_t i = 0; i < wide && i < left; i++)
        write_char(w, '~');
    write_char(w, '\n');
}

static void write_line(struct writer *w, struct span span)
{
    struct source_position at;

    if (!has_line(span))
        return;
    at = source_position(span.source, span.start);
    if (at.line_text.len > LINE_MAX_SHOWN)
        at.line_text.len = LINE_MAX_SHOWN;
    write_str(w, STR("    "));
    write_str(w, at.line_text);
    write_str(w, STR("\n    "));
    if (at.column <= LINE_MAX_SHOWN)
        write_caret(w, span, &at);
    else
        write_char(w, '\n');
}

/* What has no place comes last. */
static bool is_before(struct span a, struct span b)
{
    if (!a.source || !b.source)
        return a.source;
    if (a.source != b.source)
        return a.source->number < b.source->number;
    return a.start < b.start;
}

/* Files a message behind those that come before it; tells it at once when there is no memory. */
static void keep(struct unit *unit, struct span span, bool is_error, struct str text)
{
    struct message *message = arena_alloc(&unit->scratch, sizeof *message);
    struct message **link = &unit->messages;

    if (!message || str_copy(&unit->scratch, text, &message->text)) {
        unit->host->report(unit->host->context, is_error, text);
        return;
    }
    while (*link && !is_before(span, (*link)->span))
        link = &(*link)->next;
    message->next = *link;
    message->span = span;
    message->is_error = is_error;
    *link = message;
}

static void report(struct unit *unit, struct span span, bool is_error, const char *format,
                   va_list args)
{
    char text[MESSAGE_MAX / 2], message[MESSAGE_MAX];
    struct writer w = writer_over(message, sizeof message);

    vsnprintf(text, sizeof text, format, args);
    write_place(&w, span);
    write_fmt(&w, "%s: %s\n", is_error ? "error" : "warning", text);
    write_line(&w, span);
    keep(unit, span, is_error, writer_text(&w));
}

void report_finish(struct unit *unit)
{
    for (const struct message *message = unit->messages; message; message = message->next)
        unit->host->report(unit->host->context, message->is_error, message->text);
    unit->messages = NULL;
}

void report_error(struct unit *unit, struct span span, const char *format, ...)
{
    va_list args;

    if (++unit->error_count > ERRORS_MAX)
        return;
    va_start(args, format);
    report(unit, span, true, format, args);
    va_end(args);
}

void report_warning(struct unit *unit, struct span span, const char *format, ...)
{
    va_list args;

    if (++unit->warning_count > ERRORS_MAX)
        return;
    va_start(args, format);
    report(unit, span, false, format, args);
    va_end(args);
}

void report_no_memory(struct unit *unit)
{
    if (!unit->is_out_of_memory)
        report_error(unit, (struct span){ 0 }, "out of memory");
    unit->is_out_of_memory = true;
}

void script_complain(const struct script_place *place, const char *format, ...)
{
    va_list args;

    if (++place->unit->error_count > ERRORS_MAX)
        return;
    va_start(args, format);
    report(place->unit, place->span, true, format, args);
    va_end(args);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* One row of the distance table (Damerau's restricted edit distance); a, b and rows count from 1.
 */
static unsigned fill_row(unsigned rows[3][NAME_MAX + 1], struct str a, struct str b, unsigned i)
{
    unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
    unsigned smallest = now[0] = i;

    for (unsigned j = 1; j <= b.len; j++) {
        bool same = char_lower(a.ptr[i - 1]) == char_lower(b.ptr[j - 1]);

        now[j] = least(before[j - 1] + !same, least(before[j], now[j - 1]) + 1);
        if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
            now[j] = least(now[j], earlier[j - 2] + 1);
        smallest = least(smallest, now[j]);
    }
    return smallest;
}

unsigned edit_distance(struct str a, struct str b, unsigned most)
{
    unsigned rows[3][NAME_MAX + 1];

    if (a.len > NAME_MAX || b.len > NAME_MAX)
        return most + 1;
    for (unsigned j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.len; i++)
        if (fill_row(rows, a, b, i) > most)
            return most + 1;
    return least(rows[a.len % 3][b.len], most + 1);
}

void suggestion_init(struct suggestion *suggestion, struct str wanted)
{
    *suggestion = (struct suggestion){ .wanted = wanted };
    suggestion->distance = wanted.len < 4 ? 2 : wanted.len < 8 ? 3 : 4; /* only nearer ones count */
}

void suggestion_offer(struct suggestion *suggestion, struct str name)
{
    unsigned distance = edit_distance(suggestion->wanted, name, suggestion->distance);

    if (distance >= suggestion->distance || name.len >= sizeof suggestion->best)
        return;
    suggestion->distance = distance;
    memcpy(suggestion->best, name.ptr, name.len);
    suggestion->best[name.len] = '\0';
}

void suggestion_visit(void *suggestion, struct str name)
{
    suggestion_offer(suggestion, name);
}

void suggestion_ask(struct suggestion *suggestion, const struct script_host *host,
                    enum script_name_kind kind)
{
    if (host->each_name)
        host->each_name(host->context, kind, suggestion_visit, suggestion);
}

const char *suggestion_text(struct suggestion *suggestion, char *buffer, size_t size)
{
    if (!suggestion->best[0])
        return "";
    snprintf(buffer, size, "; did you mean \"%s\"?", suggestion->best);
    return buffer;
}

void report_unknown(struct unit *unit, struct span span, const struct unknown_name *unknown)
{
    const struct script_host *host = unit->host;
    struct script_place place = { unit, span };
    char hint[HINT_MAX] = "", near[SUGGESTION_TEXT_MAX];
    const char *tail = unknown->otherwise;
    enum script_excuse excuse = EXCUSE_NONE;
    struct suggestion suggestion;

    if (host->excuse)
        excuse = host->excuse(host->context, unknown->kind, unknown->name, &place, hint, sizeof hint);
    if (excuse == EXCUSE_TOLD)
        return;
    suggestion_init(&suggestion, unknown->name);
    if (unknown->offer)
        unknown->offer(suggestion_visit, &suggestion);
    suggestion_ask(&suggestion, host, unknown->kind);
    if (excuse == EXCUSE_SURE || (excuse == EXCUSE_MAYBE && !suggestion.best[0]))
        tail = hint;
    else if (suggestion.best[0])
        tail = suggestion_text(&suggestion, near, sizeof near);
    report_error(unit, span, "%s" STR_FMT "%s%s", unknown->before, STR_ARG(unknown->name),
                 unknown->behind, tail);
}
