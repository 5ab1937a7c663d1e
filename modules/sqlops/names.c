/* SPDX-License-Identifier: Apache-2.0 */
/* What the columns of a SELECT are called: the statement says it. */
#include <culvert/cursor.h>

#include "sqlops.h"

static bool is_word_char(char c)
{
    return class_token[(unsigned char)c] && !strchr("!%*+-'`~.", c);
}

/* The length of a text in quotes at the start, or of one byte. */
static size_t quoted_length(struct str s)
{
    size_t i = 1;

    if (!strchr("'\"`", s.ptr[0]))
        return 1;
    while (i < s.len && s.ptr[i] != s.ptr[0])
        i++;
    return i < s.len ? i + 1 : s.len;
}

/* The same, and of what stands in parentheses. */
static size_t piece_length(struct str s)
{
    size_t i = 0;
    unsigned depth = 0;

    do {
        depth += s.ptr[i] == '(';
        depth -= s.ptr[i] == ')' && depth > 0;
        i += quoted_length(str_skip(s, i));
    } while (i < s.len && depth > 0);
    return i;
}

/* Takes a word off the front, which must end there. */
static bool take_word(struct str *s, struct str word)
{
    struct str rest = str_trim(*s);

    if (!str_istarts(rest, word) || (rest.len > word.len && is_word_char(rest.ptr[word.len])))
        return false;
    *s = str_skip(rest, word.len);
    return true;
}

/* The next item of the list, which ends at FROM. */
static bool take_item(struct str *list, struct str *out)
{
    struct str rest = *list;
    bool begins_word = true;

    while (rest.len && rest.ptr[0] != ',') {
        struct str from = rest;
        size_t len = piece_length(rest);
        if (begins_word && take_word(&from, STR("from")))
            break;
        begins_word = !is_word_char(rest.ptr[len - 1]);
        rest = str_skip(rest, len);
    }
    *out = str_trim(str_between(list->ptr, rest.ptr));
    *list = rest.len && rest.ptr[0] == ',' ? str_skip(rest, 1) : STR("");
    return out->len > 0;
}

static struct str unquoted(struct str text)
{
    if (text.len > 1 && strchr("'\"`", text.ptr[0]) && text.ptr[text.len - 1] == text.ptr[0])
        return (struct str){ text.ptr + 1, text.len - 2 };
    return text;
}

/* item = [ table "." ] column | expression [ [ "AS" ] name ] */
static struct str name_of(struct str item)
{
    size_t start = 0;
    struct str before;

    for (size_t at = 0, len; at < item.len; at += len) {
        len = piece_length(str_skip(item, at));
        if (len > 1 || !is_word_char(item.ptr[at]))
            start = len > 1 && item.ptr[at] != '(' ? at : at + len;
    }
    before = str_trim((struct str){ item.ptr, start });
    if (start == item.len || (before.len && strchr("+-*/|=<>%", before.ptr[before.len - 1])))
        return item;
    return unquoted(str_skip(item, start));
}

struct str column_name(struct str sql, unsigned index)
{
    struct str item;

    if (!take_word(&sql, STR("select")))
        return STR("");
    if (!take_word(&sql, STR("distinct")))
        (void)take_word(&sql, STR("all"));
    while (take_item(&sql, &item))
        if (item.ptr[item.len - 1] == '*')
            return STR("");
        else if (index-- == 0)
            return name_of(item);
    return STR("");
}
