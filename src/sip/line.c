/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/line.h"

/* The first byte below 0x0e: CR, LF, NUL, and the rare HTAB. */
static const char *find_control(const char *at, const char *end)
{
    const uint64_t ones = UINT64_MAX / 255;

    for (; end - at >= 8; at += 8) {
        uint64_t word;

        memcpy(&word, at, sizeof word);
        if ((word - ones * 0x0e) & ~word & (ones * 0x80))
            break;
    }
    while (at < end && (unsigned char)*at >= 0x0e)
        at++;
    return at;
}

static void end_line(struct sip_line *line, const char *text_end, const char *end)
{
    line->text.len = (size_t)(text_end - line->text.ptr);
    line->end = end;
}

/* Extends the line from `at` to the next line end. */
static bool take_to_line_end(struct sip_line *line, const char *at, const char *end)
{
    for (;; at++) {
        at = find_control(at, end);
        if (at == end)
            return false;
        if (*at == '\r' && end - at >= 2 && at[1] == '\n') {
            end_line(line, at, at + 2);
            return true;
        }
        if (*at == '\n') {
            line->has_bare_lf = true;
            end_line(line, at, at + 1);
            return true;
        }
        if (*at == '\r' || *at == '\0')
            line->has_stray_bytes = true;
    }
}

bool sip_line_take(const char *at, const char *end, struct sip_line *out)
{
    *out = (struct sip_line){ .text.ptr = at };
    return take_to_line_end(out, at, end);
}

static bool is_fold(const char *at, const char *end)
{
    return at < end && (*at == ' ' || *at == '\t');
}

bool sip_line_take_folded(const char *at, const char *end, struct sip_line *out)
{
    if (!sip_line_take(at, end, out))
        return false;
    while (out->text.len > 0 && is_fold(out->end, end)) {
        out->is_folded = true;
        if (!take_to_line_end(out, out->end, end))
            return false;
    }
    return true;
}

bool sip_line_split(struct str text, struct str *name, struct str *value)
{
    const char *at = text.ptr;
    const char *end = text.ptr + text.len;

    while (at < end && class_token[(unsigned char)*at])
        at++;
    *name = str_between(text.ptr, at);
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    if (name->len == 0 || at == end || *at != ':')
        return false;
    *value = str_trim(str_between(at + 1, end));
    return true;
}
