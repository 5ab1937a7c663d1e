/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/line.h"

/* The first byte below 0x0e: CR, LF, NUL, and the rare HTAB; a subtraction marks such bytes. */
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

static bool is_token(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!class_token[(unsigned char)text.ptr[i]])
            return false;
    return text.len > 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
    return is_blank(c) || c == '\r' || c == '\n';
}

static struct str trim_value(const char *at, const char *end)
{
    while (at < end && is_space(*at))
        at++;
    while (at < end && is_space(end[-1]))
        end--;
    return str_between(at, end);
}

static struct str trim_name(const char *at, const char *colon)
{
    while (at < colon && is_blank(colon[-1]))
        colon--;
    return str_between(at, colon);
}

/* A name from the table is known to be a token, which spares most names the look at each byte. */
bool sip_line_read_header(const struct sip_line *line, struct sip_hdr *out)
{
    struct str text = line->text;
    const char *colon = str_find_char(text, ':');

    if (!colon || line->has_stray_bytes)
        return false;
    out->name = trim_name(text.ptr, colon);
    out->id = sip_hdr_find_id(out->name);
    out->value = trim_value(colon + 1, text.ptr + text.len);
    out->line = str_between(text.ptr, line->end);
    return out->id != SIP_HDR_OTHER || is_token(out->name);
}

bool sip_are_header_lines(struct str lines)
{
    struct sip_line line;
    struct sip_hdr hdr;

    while (lines.len > 0) {
        const char *end = lines.ptr + lines.len;

        if (!sip_line_take(lines.ptr, end, &line) || line.has_bare_lf ||
            !sip_line_read_header(&line, &hdr))
            return false;
        lines = str_between(line.end, end);
    }
    return true;
}

enum err sip_print_header(struct arena *arena, struct str *line, struct str name, struct str value)
{
    if (str_is_empty(name) || str_has_line_break(name) || str_has_line_break(value))
        return ERR_SYNTAX;
    return str_print(arena, line, STR_FMT ": " STR_FMT "\r\n", STR_ARG(name), STR_ARG(value));
}
