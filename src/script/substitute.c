/* SPDX-License-Identifier: Apache-2.0 */
#include "script/substitute.h"

bool substitution_parse(struct str text, struct substitution *out)
{
    struct str rest, flags;

    if (text.len < 2 || !str_split(str_skip(text, 1), text.ptr[0], &out->pattern, &rest) ||
        !str_split(rest, text.ptr[0], &out->replacement, &flags) || !out->pattern.len)
        return false;
    out->is_global = str_find_char(flags, 'g');
    out->regex_flags = str_find_char(flags, 'i') ? REGEX_DEFAULT : REGEX_CASE;
    if (!str_find_char(flags, 's'))
        out->regex_flags |= REGEX_NEWLINE;
    return true;
}

static char escaped(char c)
{
    static const char letters[] = "nrt", meanings[] = "\n\r\t";
    const char *letter = strchr(letters, c);

    return letter ? meanings[letter - letters] : c;
}

static void write_replacement(struct writer *w, struct str text, const struct str *groups)
{
    for (size_t i = 0; i < text.len; i++) {
        char next = i + 1 < text.len ? text.ptr[i + 1] : '\0';

        if (text.ptr[i] != '\\' || !next)
            write_char(w, text.ptr[i]);
        else if (next >= '0' && next <= '9')
            write_str(w, groups[text.ptr[++i] - '0']);
        else
            write_char(w, escaped(text.ptr[++i]));
    }
}

enum err substitution_write(struct writer *w, const struct substitution *substitution,
                            const struct regex *regex, struct str text)
{
    struct str groups[REGEX_GROUPS];
    enum err err = ERR_NOT_FOUND;

    while ((err || substitution->is_global) && regex_match(regex, text, groups)) {
        if (!groups[0].len)
            return ERR_UNSUPPORTED;
        err = ERR_NONE;
        write_str(w, str_between(text.ptr, groups[0].ptr));
        write_replacement(w, substitution->replacement, groups);
        text = str_between(groups[0].ptr + groups[0].len, text.ptr + text.len);
    }
    write_str(w, text);
    return err;
}
