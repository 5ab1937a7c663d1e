/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Writes text into a buffer of the caller and remembers an overflow: later calls do nothing, and one
 * check at the end tells. Nothing is ever written past the end, nor is a terminating NUL.
 */
#include <culvert/str.h>

struct writer {
    char *start;
    char *at;
    char *end;
    bool has_overflowed;
};

static inline struct writer writer_over(char *buffer, size_t size)
{
    return (struct writer){ buffer, buffer, buffer + size, false };
}

static inline struct str writer_text(const struct writer *w)
{
    return (struct str){ w->start, (size_t)(w->at - w->start) };
}

void write_str(struct writer *w, struct str s);
void write_char(struct writer *w, char c);
void write_uint(struct writer *w, uint64_t number);
/* Lower-case hexadecimal of the bytes. */
void write_hex(struct writer *w, const void *bytes, size_t count);
void write_fmt(struct writer *w, const char *format, ...) PRINTF_LIKE(2, 3);
/* The text written, or ERR_LIMIT when it did not fit. */
MUST_USE enum err writer_finish(const struct writer *w, struct str *out);
