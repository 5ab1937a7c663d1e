/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/str.h>

static bool bytes_ieq(const char *a, const char *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (char_lower(a[i]) != char_lower(b[i]))
            return false;
    return true;
}

bool str_ieq(struct str a, struct str b)
{
    return a.len == b.len && bytes_ieq(a.ptr, b.ptr, a.len);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq((struct str){ s.ptr, prefix.len }, prefix);
}

bool str_istarts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && bytes_ieq(s.ptr, prefix.ptr, prefix.len);
}

int str_icompare(struct str a, struct str b)
{
    size_t shared = a.len < b.len ? a.len : b.len;

    for (size_t i = 0; i < shared; i++) {
        int order = (unsigned char)char_lower(a.ptr[i]) - (unsigned char)char_lower(b.ptr[i]);
        if (order)
            return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

const char *str_find_char(struct str s, char c)
{
    return s.len ? memchr(s.ptr, c, s.len) : NULL;
}

const char *str_find(struct str s, struct str needle)
{
    if (s.len == 0 || needle.len == 0)
        return NULL;
    return memmem(s.ptr, s.len, needle.ptr, needle.len);
}

const char *str_ifind(struct str s, struct str needle)
{
    if (needle.len == 0)
        return NULL;
    for (size_t i = 0; i + needle.len <= s.len; i++)
        if (bytes_ieq(s.ptr + i, needle.ptr, needle.len))
            return s.ptr + i;
    return NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.len && is_space(s.ptr[0]))
        s = str_skip(s, 1);
    while (s.len && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

struct str str_skip(struct str s, size_t n)
{
    if (s.len == 0)
        return s;
    if (n > s.len)
        n = s.len;
    return (struct str){ s.ptr + n, s.len - n };
}

bool str_split(struct str s, char separator, struct str *head, struct str *tail)
{
    const char *at = str_find_char(s, separator);

    if (!at)
        return false;
    *head = str_between(s.ptr, at);
    *tail = str_between(at + 1, s.ptr + s.len);
    return true;
}

bool str_has_line_break(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0')
            return true;
    return false;
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return s.len > 0;
}

enum err str_to_uint(struct str s, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (!is_number(s))
        return ERR_SYNTAX;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(s.ptr[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return ERR_RANGE;
        value = value * 10 + digit;
    }
    if (value < min || value > max)
        return ERR_RANGE;
    *out = value;
    return ERR_NONE;
}

enum err str_hex_to_uint(struct str s, uint64_t *out)
{
    uint64_t value = 0;

    if (s.len == 0 || s.len > 16)
        return ERR_SYNTAX;
    for (size_t i = 0; i < s.len; i++) {
        int digit = char_hex(s.ptr[i]);
        if (digit < 0)
            return ERR_SYNTAX;
        value = value << 4 | (unsigned)digit;
    }
    *out = value;
    return ERR_NONE;
}

enum err str_to_int(struct str s, int64_t min, int64_t max, int64_t *out)
{
    bool is_negative = s.len && s.ptr[0] == '-';
    bool has_sign = is_negative || (s.len && s.ptr[0] == '+');
    uint64_t most = (uint64_t)INT64_MAX + is_negative;
    uint64_t magnitude;
    int64_t value;
    enum err err = str_to_uint(has_sign ? str_skip(s, 1) : s, 0, most, &magnitude);

    if (err)
        return err;
    value = (int64_t)(is_negative ? 0 - magnitude : magnitude);
    if (value < min || value > max)
        return ERR_RANGE;
    *out = value;
    return ERR_NONE;
}
