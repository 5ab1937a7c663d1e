/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of strangers, made fit for databases. */
#include <culvert/cursor.h>

#include "acc.h"

/* The length of the UTF-8 sequence at the start (RFC 3629); 0: what is there is to be escaped. */
static size_t plain_length(struct str text)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

    if (at[0] < 0x20 || at[0] == 0x7f || at[0] > 0xf4 || length > text.len)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

/* How much of it can stay as it is, up to `width` characters. */
static size_t clean_length(struct str text, unsigned width)
{
    size_t at = 0, length;

    while (at < text.len && width > 0 && (length = plain_length(str_skip(text, at))) > 0) {
        at += length;
        width--;
    }
    return at;
}

static void write_clean(struct writer *w, struct str text, unsigned width)
{
    enum { ESCAPE = 4 };

    while (text.len && width > 0) {
        size_t length = plain_length(text);

        if (length) {
            write_str(w, (struct str){ text.ptr, length });
            width--;
        } else {
            if (width < ESCAPE)
                return;
            write_str(w, STR("\\x"));
            write_hex(w, text.ptr, 1);
            length = 1;
            width -= ESCAPE;
        }
        text = str_skip(text, length);
    }
}

struct str text_clean(struct arena *arena, struct str text, unsigned width)
{
    size_t length = clean_length(text, width), room = 4 * (size_t)width;
    char *buffer;
    struct writer w;

    if (length == text.len || plain_length(str_skip(text, length)))
        return (struct str){ text.ptr, length };
    buffer = arena_alloc(arena, room + 1);
    w = writer_over(buffer, buffer ? room : 0);
    write_clean(&w, text, width);
    return writer_text(&w);
}

bool text_is_table(struct str text)
{
    unsigned dots = 0;

    for (size_t i = 0; i < text.len; i++) {
        dots += text.ptr[i] == '.';
        if (!class_alnum[(unsigned char)text.ptr[i]] && text.ptr[i] != '_' && text.ptr[i] != '.')
            return false;
    }
    return text.len && text.len <= TABLE_NAME_MAX && dots <= 1;
}
