/* SPDX-License-Identifier: Apache-2.0 */
#include "support/siptext.h"

#include <culvert/cursor.h>

static const struct {
    struct str name, compact;
} compact_rows[] = {
    { STR_INIT("Via"), STR_INIT("v") },          { STR_INIT("From"), STR_INIT("f") },
    { STR_INIT("To"), STR_INIT("t") },           { STR_INIT("Call-ID"), STR_INIT("i") },
    { STR_INIT("Contact"), STR_INIT("m") },      { STR_INIT("Content-Length"), STR_INIT("l") },
    { STR_INIT("Content-Type"), STR_INIT("c") }, { STR_INIT("Supported"), STR_INIT("k") },
};

bool siptext_line(struct str *rest, struct str *out)
{
    struct str line;

    if (str_is_empty(*rest))
        return false;
    if (!str_split(*rest, '\n', &line, rest)) {
        line = *rest;
        *rest = STR("");
    }
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    *out = line;
    return true;
}

static bool is_named(struct str name, struct str wanted)
{
    if (str_ieq(name, wanted))
        return true;
    for (size_t i = 0; i < sizeof compact_rows / sizeof compact_rows[0]; i++)
        if (str_ieq(compact_rows[i].name, wanted))
            return str_ieq(compact_rows[i].compact, name);
    return false;
}

bool siptext_header(const struct siptext *text, struct str name, unsigned index, struct str *out)
{
    struct str rest = text->headers, line, found, value;

    while (siptext_line(&rest, &line)) {
        if (!str_split(line, ':', &found, &value) || !is_named(str_trim(found), name))
            continue;
        if (index-- == 0) {
            *out = str_trim(value);
            return true;
        }
    }
    return false;
}

struct str siptext_value(const struct siptext *text, struct str name)
{
    struct str value = STR("");

    siptext_header(text, name, 0, &value);
    return value;
}

/* Where the first item of a list ends: a comma outside quotes and brackets. */
static size_t item_length(struct str list)
{
    bool is_quoted = false;
    unsigned brackets = 0;

    for (size_t i = 0; i < list.len; i++) {
        char c = list.ptr[i];

        if (c == '"' && (i == 0 || list.ptr[i - 1] != '\\'))
            is_quoted = !is_quoted;
        else if (is_quoted)
            continue;
        else if (c == '<')
            brackets++;
        else if (c == '>' && brackets > 0)
            brackets--;
        else if (c == ',' && brackets == 0)
            return i;
    }
    return list.len;
}

bool siptext_item(const struct siptext *text, struct str name, unsigned index, struct str *out)
{
    struct str list;

    for (unsigned line = 0; siptext_header(text, name, line, &list); line++) {
        while (!str_is_empty(list)) {
            size_t length = item_length(list);

            if (index-- == 0) {
                *out = str_trim((struct str){ list.ptr, length });
                return true;
            }
            list = str_skip(list, length + 1);
        }
    }
    return false;
}

struct str siptext_uri(struct str value)
{
    const char *open = str_find_char(value, '<');
    const char *close = str_find_char(value, '>');
    struct str uri, rest;

    if (open && close && open < close)
        return str_between(open + 1, close);
    return str_split(value, ';', &uri, &rest) ? str_trim(uri) : str_trim(value);
}

struct str siptext_param(struct str value, struct str name)
{
    const char *close = str_find_char(value, '>');
    struct str rest = close ? str_between(close, value.ptr + value.len) : value;
    struct str head, param, key, text;

    while (str_split(rest, ';', &head, &rest)) {
        struct str tail;

        param = str_split(rest, ';', &head, &tail) ? head : rest;
        if (!str_split(param, '=', &key, &text)) {
            key = param;
            text = STR("");
        }
        if (str_ieq(str_trim(key), name))
            return str_trim(text);
    }
    return STR("");
}

struct str siptext_digest(struct str value, struct str name)
{
    struct str rest = str_skip(value, 6), key, text, part;

    while (!str_is_empty(rest)) {
        size_t length = item_length(rest);

        part = (struct str){ rest.ptr, length };
        rest = str_skip(rest, length + 1);
        if (!str_split(part, '=', &key, &text) || !str_ieq(str_trim(key), name))
            continue;
        text = str_trim(text);
        if (text.len >= 2 && text.ptr[0] == '"')
            text = (struct str){ text.ptr + 1, text.len - 2 };
        return text;
    }
    return STR("");
}

/* ---- judging ---- */

static bool read_number(struct str text, unsigned max, unsigned *out)
{
    uint64_t number;

    if (str_to_uint(text, 0, max, &number))
        return false;
    *out = (unsigned)number;
    return true;
}

static const char *read_first_line(struct str line, struct siptext *out)
{
    struct str first, second, rest;

    if (!str_split(line, ' ', &first, &rest) || !str_split(rest, ' ', &second, &rest))
        return "the first line has not three parts";
    out->is_request = !str_eq(first, STR("SIP/2.0"));
    if (!out->is_request)
        return read_number(second, 699, &out->status) && second.len == 3 ? NULL : "bad status";
    out->method = first;
    out->uri = second;
    return str_eq(rest, STR("SIP/2.0")) ? NULL : "the request line does not end in SIP/2.0";
}

static const char *check_line_ends(struct str head)
{
    for (size_t i = 0; i < head.len; i++) {
        if (head.ptr[i] == '\0')
            return "NUL in the head";
        if (head.ptr[i] == '\n' && (i == 0 || head.ptr[i - 1] != '\r'))
            return "bare LF in the head";
        if (head.ptr[i] == '\r' && (i + 1 == head.len || head.ptr[i + 1] != '\n'))
            return "bare CR in the head";
    }
    return NULL;
}

static const char *check_header_lines(struct str headers)
{
    struct str line, name, value;

    while (siptext_line(&headers, &line)) {
        if (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
            continue;
        if (!str_split(line, ':', &name, &value))
            return "a header line without colon";
        name = str_trim(name);
        for (size_t i = 0; i < name.len; i++)
            if (!class_token[(unsigned char)name.ptr[i]])
                return "a header name is no token";
        if (str_is_empty(name))
            return "a header without name";
    }
    return NULL;
}

static const char *check_single(const struct siptext *text)
{
    static const struct str names[] = { STR_INIT("From"),           STR_INIT("To"),
                                        STR_INIT("Call-ID"),        STR_INIT("CSeq"),
                                        STR_INIT("Content-Length"), STR_INIT("Content-Type"),
                                        STR_INIT("Max-Forwards") };
    struct str value;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (siptext_header(text, names[i], 1, &value))
            return "a single header comes twice";
        if (i < 4 && !siptext_header(text, names[i], 0, &value))
            return "From, To, Call-ID or CSeq is missing";
    }
    return siptext_header(text, STR("Via"), 0, &value) ? NULL : "Via is missing";
}

static const char *check_meaning(struct siptext *text)
{
    struct str number, method, length;
    const char *fault = check_single(text);
    unsigned count;

    if (fault)
        return fault;
    if (text->status == 400 && str_is_empty(text->body))
        return NULL; /* repeats what it complains of */
    if (!str_split(siptext_value(text, STR("CSeq")), ' ', &number, &method))
        return "bad CSeq";
    method = str_trim(method);
    if (text->is_request && !str_eq(method, text->method))
        return "CSeq names another method";
    text->method = method;
    length = siptext_value(text, STR("Content-Length"));
    if (str_is_empty(length))
        return text->body.len ? "a body without Content-Length" : NULL;
    if (!read_number(length, 65535, &count) || count != text->body.len)
        return "Content-Length is not the length of the body";
    return NULL;
}

const char *siptext_read(struct str bytes, struct siptext *out)
{
    const char *end = str_find(bytes, STR("\r\n\r\n"));
    const char *fault;
    struct str first;

    *out = (struct siptext){ .bytes = bytes };
    if (!end)
        return "no empty line";
    out->headers = str_between(bytes.ptr, end + 2);
    out->body = str_between(end + 4, bytes.ptr + bytes.len);
    if ((fault = check_line_ends(out->headers)) || !siptext_line(&out->headers, &first))
        return fault ? fault : "nothing";
    if ((fault = read_first_line(first, out)) || (fault = check_header_lines(out->headers)))
        return fault;
    return check_meaning(out);
}
