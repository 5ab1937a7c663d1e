/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/base64.h>

static const char *letters_of(unsigned variant)
{
    return variant & BASE64_URL
               ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
               : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

static uint32_t take_three(const char *bytes, size_t count)
{
    uint32_t group = 0;

    for (size_t i = 0; i < 3; i++)
        group = group << 8 | (i < count ? (unsigned char)bytes[i] : 0u);
    return group;
}

void write_base64(struct writer *w, struct str text, unsigned variant)
{
    const char *letters = letters_of(variant);

    for (size_t i = 0; i < text.len; i += 3) {
        size_t count = text.len - i < 3 ? text.len - i : 3;
        uint32_t group = take_three(text.ptr + i, count);

        for (size_t j = 0; j < 4; j++) {
            if (j <= count)
                write_char(w, letters[group >> (18 - 6 * j) & 63]);
            else if (!(variant & BASE64_BARE))
                write_char(w, '=');
        }
    }
}

enum err write_from_base64(struct writer *w, struct str text, unsigned variant)
{
    const char *letters = letters_of(variant);
    uint32_t group = 0;
    unsigned bits = 0;

    while (text.len && text.ptr[text.len - 1] == '=')
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        const char *letter = text.ptr[i] ? strchr(letters, text.ptr[i]) : NULL;

        if (!letter)
            return ERR_SYNTAX;
        group = (group << 6 | (uint32_t)(letter - letters)) & 0xffffff;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        write_char(w, (char)(group >> bits & 0xff));
    }
    return ERR_NONE;
}
