/* SPDX-License-Identifier: Apache-2.0 */
/* {s.…} on plain text, {line.…} and {val.…}. */
#include <time.h>

#include "script/transform_row.h"

enum {
    LINE_WIDTH_MAX = 1024, /* of {s.fmtlines}, and of what stands in front */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char char_upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
}

/* A separator as written: \n, \r, \t, \\ or the first character. */
static char separator_of(struct str text)
{
    if (text.len < 2 || text.ptr[0] != '\\')
        return text.len ? text.ptr[0] : '\0';
    switch (text.ptr[1]) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return text.ptr[1];
    }
}

static enum err s_len(struct transform_call *call)
{
    return transform_give_number(call, (int64_t)call->text.len);
}

/* The text stays as it was written: "+12" is 12. */
static enum err s_int(struct transform_call *call)
{
    int64_t number;
    enum err err;

    if (call->value->is_int)
        return transform_give_number(call, call->value->number);
    err = str_to_int(call->text, INT32_MIN, INT32_MAX, &number);
    if (err)
        return err;
    *call->out = value_of_both(call->text, number);
    call->out->is_int = true;
    return ERR_NONE;
}

/*
 * {s.substr,offset,length}: a negative offset counts from the end; length 0, and in Kamailio's
 * dialect one that is too long, goes to the end.
 */
static enum err s_substr(struct transform_call *call)
{
    int64_t total = (int64_t)call->text.len, offset = call->numbers[0], len = call->numbers[1];

    if (offset < 0)
        offset = offset < -total ? -1 : offset + total;
    if (offset < 0 || offset > total || len < 0 || (offset == total && !call->is_openser))
        return ERR_RANGE;
    if (len > total - offset) {
        if (call->is_openser)
            return ERR_RANGE;
        len = 0;
    }
    return transform_give(
        call, (struct str){ call->text.ptr + offset, (size_t)(len ? len : total - offset) });
}

static int64_t count_char(struct str text, char c)
{
    int64_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == c;
    return count;
}

/* {s.select,n,c}: the n-th field between the separators; negative counts from the end */
static enum err s_select(struct transform_call *call)
{
    char separator = separator_of(call->args[1]);
    struct str rest = call->text, field = call->text;
    int64_t index = call->numbers[0], fields = count_char(rest, separator) + 1;

    if (index < 0)
        index += fields;
    if (index < 0 || index >= fields)
        return transform_give(call, STR(""));
    for (int64_t i = 0; i <= index; i++) {
        if (str_split(rest, separator, &field, &rest))
            continue;
        field = rest;
        rest = (struct str){ 0 };
    }
    return transform_give(call, field);
}

static enum err s_tolower(struct transform_call *call)
{
    struct writer w;
    enum err err = transform_open(call, call->text.len, &w);

    for (size_t i = 0; !err && i < call->text.len; i++)
        write_char(&w, call->row->variant ? char_upper(call->text.ptr[i])
                                          : char_lower(call->text.ptr[i]));
    return err ? err : transform_close(call, &w);
}

enum keeping {
    KEEP_DIGITS,
    DROP_BLANKS,
};

static enum err s_keep(struct transform_call *call)
{
    struct writer w;
    enum err err = transform_open(call, call->text.len, &w);

    for (size_t i = 0; !err && i < call->text.len; i++) {
        char c = call->text.ptr[i];

        if (call->row->variant == KEEP_DIGITS ? is_digit(c) : !is_blank(c))
            write_char(&w, c);
    }
    return err ? err : transform_close(call, &w);
}

enum side {
    SIDE_LEFT = 1,
    SIDE_RIGHT = 2,
};

static enum err s_trim(struct transform_call *call)
{
    struct str text = call->text;

    while ((call->row->variant & SIDE_LEFT) && text.len && is_blank(text.ptr[0]))
        text = str_skip(text, 1);
    while ((call->row->variant & SIDE_RIGHT) && text.len && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return transform_give(call, text);
}

/* {s.strip,n}, {s.striptail,n} */
static enum err s_strip(struct transform_call *call)
{
    struct str text = call->text;
    size_t count = call->numbers[0] < 0 ? 0 : (size_t)call->numbers[0];

    if (count > text.len)
        count = text.len;
    if (call->row->variant == SIDE_LEFT)
        text = str_skip(text, count);
    else
        text.len -= count;
    return transform_give(call, text);
}

static enum err s_stripto(struct transform_call *call)
{
    const char *at = str_find_char(call->text, separator_of(call->args[0]));

    if (!at)
        return transform_give(call, STR(""));
    return transform_give(call, str_skip(call->text, (size_t)(at - call->text.ptr)));
}

/* Writes the text with each `old` replaced. */
static enum err replace_all(struct transform_call *call, struct str old, struct str new)
{
    struct str rest = call->text;
    struct writer w;
    const char *at;
    size_t growth = old.len && new.len > old.len ? rest.len / old.len *(new.len - old.len) : 0;
    enum err err = transform_open(call, rest.len + growth, &w);

    if (err)
        return err;
    while ((at = str_find(rest, old))) {
        write_str(&w, str_between(rest.ptr, at));
        write_str(&w, new);
        rest = str_between(at + old.len, rest.ptr + rest.len);
    }
    write_str(&w, rest);
    return transform_close(call, &w);
}

static enum err s_rm(struct transform_call *call)
{
    return replace_all(call, call->args[0], STR(""));
}

static enum err s_replace(struct transform_call *call)
{
    return replace_all(call, call->args[0], call->args[1]);
}

static enum err s_unquote(struct transform_call *call)
{
    struct str text = call->text;
    const char *pairs = call->row->variant ? "<>" : "\"\"''";

    for (const char *pair = pairs; text.len > 1 && *pair; pair += 2)
        if (text.ptr[0] == pair[0] && text.ptr[text.len - 1] == pair[1])
            return transform_give(call, (struct str){ text.ptr + 1, text.len - 2 });
    return transform_give(call, text);
}

static enum err s_count(struct transform_call *call)
{
    return transform_give_number(call, count_char(call->text, separator_of(call->args[0])));
}

enum cut {
    CUT_BEFORE,
    CUT_AFTER,
    CUT_BEFORE_LAST,
    CUT_AFTER_LAST,
};

static const char *find_last(struct str text, char c)
{
    return text.len ? memrchr(text.ptr, c, text.len) : NULL;
}

/* {s.before,c} and the like; without the character: the whole text before it, nothing after it */
static enum err s_cut(struct transform_call *call)
{
    char c = separator_of(call->args[0]);
    bool is_last = call->row->variant >= CUT_BEFORE_LAST;
    bool is_before = call->row->variant == CUT_BEFORE || call->row->variant == CUT_BEFORE_LAST;
    const char *at = is_last ? find_last(call->text, c) : str_find_char(call->text, c);

    if (!at)
        return transform_give(call, is_before ? call->text : STR(""));
    if (is_before)
        return transform_give(call, str_between(call->text.ptr, at));
    return transform_give(call, str_between(at + 1, call->text.ptr + call->text.len));
}

/* {s.ftime,format}: seconds since 1970 as a date */
static enum err s_ftime(struct transform_call *call)
{
    char format[64], text[128];
    struct str copy;
    struct tm tm;
    time_t when;
    size_t len;
    int64_t number;

    if (call->args[0].len >= sizeof format || str_to_int(call->text, 0, INT64_MAX, &number))
        return ERR_SYNTAX;
    memcpy(format, call->args[0].ptr, call->args[0].len);
    format[call->args[0].len] = '\0';
    when = (time_t)number;
    if (!localtime_r(&when, &tm))
        return ERR_RANGE;
    len = strftime(text, sizeof text, format, &tm);
    if (str_copy(call->arena, (struct str){ text, len }, &copy))
        return ERR_NOMEM;
    return transform_give(call, copy);
}

/* {s.prefixes[,max]}: "1,12,123" */
static enum err s_prefixes(struct transform_call *call)
{
    size_t max = call->text.len, total = 0;
    bool is_quoted = call->row->variant;
    struct writer w;
    enum err err;

    if (call->arg_count && call->numbers[0] > 0 && (uint64_t)call->numbers[0] < max)
        max = (size_t)call->numbers[0];
    for (size_t i = 1; i <= max; i++)
        total += i + 3;
    err = transform_open(call, total, &w);
    for (size_t i = 1; !err && i <= max; i++) {
        write_str(&w, i > 1 ? STR(",") : STR(""));
        write_str(&w, is_quoted ? STR("'") : STR(""));
        write_str(&w, (struct str){ call->text.ptr, i });
        write_str(&w, is_quoted ? STR("'") : STR(""));
    }
    return err ? err : transform_close(call, &w);
}

/* ---- lines ---- */

static bool next_line(struct str *rest, struct str *line)
{
    if (!rest->ptr || rest->len == 0)
        return false;
    if (!str_split(*rest, '\n', line, rest)) {
        *line = *rest;
        *rest = (struct str){ 0 };
    }
    if (line->len && line->ptr[line->len - 1] == '\r')
        line->len--;
    return true;
}

static int64_t count_lines(struct str text)
{
    int64_t count = 0;
    struct str line;

    while (next_line(&text, &line))
        count++;
    return count;
}

static enum err line_count(struct transform_call *call)
{
    if (!call->is_openser && str_is_empty(call->text))
        return ERR_NOT_FOUND;
    return transform_give_number(call, count_lines(call->text));
}

static enum err line_at(struct transform_call *call)
{
    struct str rest = call->text, line;
    int64_t index = call->numbers[0];

    if (index < 0)
        index += count_lines(rest);
    while (index >= 0 && next_line(&rest, &line))
        if (index-- == 0)
            return transform_give(call, line);
    return transform_give(call, STR(""));
}

static enum err line_starts_with(struct transform_call *call)
{
    struct str rest = call->text, line;

    while (next_line(&rest, &line))
        if (str_starts(line, call->args[0]))
            return transform_give(call, line);
    return transform_give(call, STR(""));
}

/* {s.fmtlines,n,m}: lines of n characters, each but the first behind m blanks; fmtlinet: tabs */
static enum err s_fmtlines(struct transform_call *call)
{
    size_t width = call->numbers[0] > 0 ? (size_t)call->numbers[0] : 0;
    size_t indent = call->numbers[1] > 0 ? (size_t)call->numbers[1] : 0;
    struct str rest = call->text;
    struct writer w;
    enum err err;

    if (!width || width > LINE_WIDTH_MAX || indent > LINE_WIDTH_MAX)
        return ERR_RANGE;
    err = transform_open(call, rest.len + (rest.len / width + 1) * (indent + 2), &w);
    while (!err && rest.len > width) {
        write_str(&w, (struct str){ rest.ptr, width });
        write_str(&w, STR("\r\n"));
        for (size_t i = 0; i < indent; i++)
            write_char(&w, call->row->variant ? '\t' : ' ');
        rest = str_skip(rest, width);
    }
    if (err)
        return err;
    write_str(&w, rest);
    return transform_close(call, &w);
}

/* ---- any value, also none ---- */

static enum err val_or_zero(struct transform_call *call)
{
    *call->out = value_is_null(call->value) ? value_of_int(0) : *call->value;
    return ERR_NONE;
}

static enum err val_or_empty(struct transform_call *call)
{
    *call->out = value_is_null(call->value) ? value_of_str(STR("")) : *call->value;
    return ERR_NONE;
}

static void write_json(struct writer *w, struct str text)
{
    static const char letters[] = "\"\\\n\r\t\b\f", escapes[] = "\"\\nrtbf";

    for (size_t i = 0; i < text.len; i++) {
        const char *letter = text.ptr[i] ? strchr(letters, text.ptr[i]) : NULL;

        if (letter)
            write_fmt(w, "\\%c", escapes[letter - letters]);
        else if ((unsigned char)text.ptr[i] < ' ')
            write_fmt(w, "\\u%04x", (unsigned char)text.ptr[i]);
        else
            write_char(w, text.ptr[i]);
    }
}

/* {val.json}: escaped; {val.jsonqe}: and in quotes */
static enum err val_json(struct transform_call *call)
{
    bool is_quoted = call->row->variant;
    struct writer w;
    enum err err = transform_open(call, call->text.len * 6 + 2, &w);

    if (err)
        return err;
    write_str(&w, is_quoted ? STR("\"") : STR(""));
    write_json(&w, call->text);
    write_str(&w, is_quoted ? STR("\"") : STR(""));
    return transform_close(call, &w);
}

#define ROW(class, name, function, min, max, ...)                                                  \
    {                                                                                              \
        STR_INIT(class), STR_INIT(name), function, min, max, __VA_ARGS__                           \
    }

const struct transform_row transform_text_rows[] = {
    ROW("s", "len", s_len, 0, 0, .variant = 0),
    ROW("s", "int", s_int, 0, 0, .variant = 0),
    ROW("s", "substr", s_substr, 2, 2, .variant = 0, .number_args = 3),
    ROW("s", "select", s_select, 2, 2, .number_args = 1, .char_args = 2),
    ROW("s", "tolower", s_tolower, 0, 0, .variant = 0),
    ROW("s", "toupper", s_tolower, 0, 0, .variant = 1),
    ROW("s", "numeric", s_keep, 0, 0, .variant = KEEP_DIGITS),
    ROW("s", "rmws", s_keep, 0, 0, .variant = DROP_BLANKS),
    ROW("s", "trim", s_trim, 0, 0, .variant = SIDE_LEFT | SIDE_RIGHT),
    ROW("s", "ltrim", s_trim, 0, 0, .variant = SIDE_LEFT),
    ROW("s", "rtrim", s_trim, 0, 0, .variant = SIDE_RIGHT),
    ROW("s", "strip", s_strip, 1, 1, .variant = SIDE_LEFT, .number_args = 1),
    ROW("s", "striptail", s_strip, 1, 1, .variant = SIDE_RIGHT, .number_args = 1),
    ROW("s", "stripto", s_stripto, 1, 1, .variant = 0),
    ROW("s", "rm", s_rm, 1, 1, .variant = 0),
    ROW("s", "replace", s_replace, 2, 2, .variant = 0),
    ROW("s", "unquote", s_unquote, 0, 0, .variant = 0),
    ROW("s", "unbracket", s_unquote, 0, 0, .variant = 1),
    ROW("s", "count", s_count, 1, 1, .variant = 0),
    ROW("s", "before", s_cut, 1, 1, .variant = CUT_BEFORE),
    ROW("s", "after", s_cut, 1, 1, .variant = CUT_AFTER),
    ROW("s", "rbefore", s_cut, 1, 1, .variant = CUT_BEFORE_LAST),
    ROW("s", "rafter", s_cut, 1, 1, .variant = CUT_AFTER_LAST),
    ROW("s", "ftime", s_ftime, 1, 1, .variant = 0),
    ROW("s", "prefixes", s_prefixes, 0, 1, .variant = 0, .number_args = 1),
    ROW("s", "prefixes.quoted", s_prefixes, 0, 1, .variant = 1, .number_args = 1),
    ROW("s", "fmtlines", s_fmtlines, 2, 2, .variant = 0, .number_args = 3),
    ROW("s", "fmtlinet", s_fmtlines, 2, 2, .variant = 1, .number_args = 3),
    ROW("line", "count", line_count, 0, 0, .variant = 0),
    ROW("line", "at", line_at, 1, 1, .variant = 0, .number_args = 1),
    ROW("line", "sw", line_starts_with, 1, 1, .variant = 0),
    ROW("val", "n0", val_or_zero, 0, 0, .takes_null = true),
    ROW("val", "ne", val_or_empty, 0, 0, .takes_null = true),
    ROW("val", "json", val_json, 0, 0, .takes_null = true),
    ROW("val", "jsonqe", val_json, 0, 0, .variant = 1, .takes_null = true),
    { .apply = NULL },
};
