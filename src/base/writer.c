/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/writer.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void write_str(struct writer *w, struct str s)
{
    if (w->has_overflowed || s.len > (size_t)(w->end - w->at)) {
        w->has_overflowed = true;
        return;
    }
    if (s.len)
        memcpy(w->at, s.ptr, s.len);
    w->at += s.len;
}

void write_char(struct writer *w, char c)
{
    write_str(w, (struct str){ &c, 1 });
}

void write_uint(struct writer *w, uint64_t number)
{
    char digits[20]; /* of UINT64_MAX */
    char *end = digits + sizeof digits;
    char *at = end;

    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    write_str(w, str_between(at, end));
}

void write_hex(struct writer *w, const void *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = bytes;

    for (size_t i = 0; i < count; i++) {
        write_char(w, digits[at[i] >> 4]);
        write_char(w, digits[at[i] & 15]);
    }
}

static void write_long_text(struct writer *w, const char *format, va_list args)
{
    char *text = NULL;
    int length = vasprintf(&text, format, args);

    if (length < 0) {
        w->has_overflowed = true;
        return;
    }
    write_str(w, (struct str){ text, (size_t)length });
    free(text);
}

/* vsnprintf always writes a NUL, for which there may be no room: hence by way of other memory. */
void write_fmt(struct writer *w, const char *format, ...)
{
    char text[512];
    va_list args;
    int length;

    if (w->has_overflowed)
        return;
    va_start(args, format);
    length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < sizeof text) {
        write_str(w, (struct str){ text, (size_t)length });
        return;
    }
    va_start(args, format);
    write_long_text(w, format, args);
    va_end(args);
}

enum err writer_finish(const struct writer *w, struct str *out)
{
    if (w->has_overflowed)
        return ERR_LIMIT;
    *out = writer_text(w);
    return ERR_NONE;
}
