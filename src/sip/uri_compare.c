/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/uri.h>

/* escaped = "%" HEXDIG HEXDIG: its byte, or -1 when text does not start with one. */
static int escaped_byte(struct str text)
{
    int high = text.len >= 3 && text.ptr[0] == '%' ? char_hex(text.ptr[1]) : -1;
    int low = high >= 0 ? char_hex(text.ptr[2]) : -1;

    return low >= 0 ? high * 16 + low : -1;
}

/* Takes one byte off *text, an escape being one; broken escapes stand for themselves. */
static int take_byte(struct str *text)
{
    int byte = escaped_byte(*text);

    if (byte >= 0) {
        *text = str_skip(*text, 3);
        return byte;
    }
    byte = (unsigned char)text->ptr[0];
    *text = str_skip(*text, 1);
    return byte;
}

static bool same_unescaped(struct str a, struct str b)
{
    while (a.len > 0 && b.len > 0)
        if (take_byte(&a) != take_byte(&b))
            return false;
    return a.len == b.len;
}

static bool is_visual_separator(char c)
{
    return c == '-' || c == '.' || c == '(' || c == ')';
}

static struct str skip_visual_separators(struct str number)
{
    while (number.len > 0 && is_visual_separator(number.ptr[0]))
        number = str_skip(number, 1);
    return number;
}

/* RFC 3966 §4: visual separators do not count. */
static bool same_number(struct str a, struct str b)
{
    for (;;) {
        a = skip_visual_separators(a);
        b = skip_visual_separators(b);
        if (a.len == 0 || b.len == 0)
            return a.len == b.len;
        if (char_lower(a.ptr[0]) != char_lower(b.ptr[0]))
            return false;
        a = str_skip(a, 1);
        b = str_skip(b, 1);
    }
}

/* Parameters that make a difference even when only one URI has them. */
static bool is_significant(struct str name)
{
    static const struct str names[] = { STR_INIT("user"), STR_INIT("ttl"), STR_INIT("method"),
                                        STR_INIT("maddr"), STR_INIT("transport") };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_ieq(names[i], name))
            return true;
    return false;
}

/* Each parameter of a agrees with the one of the same name in b. */
static bool params_agree(struct str a, struct str b)
{
    struct sip_param param;
    struct sip_param other;

    while (sip_param_next(&a, &param)) {
        if (!sip_param_find(b, param.name, &other)) {
            if (is_significant(param.name))
                return false;
        } else if (!str_ieq(param.value, other.value)) {
            return false;
        }
    }
    return true;
}

static bool same_params(const struct sip_uri *a, const struct sip_uri *b)
{
    return params_agree(a->params, b->params) && params_agree(b->params, a->params);
}

bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b)
{
    if (a->scheme != b->scheme)
        return false;
    if (a->scheme == URI_OTHER)
        return str_eq(a->text, b->text);
    if (a->scheme == URI_TEL)
        return same_number(a->user, b->user) && same_params(a, b);
    return same_unescaped(a->user, b->user) && same_unescaped(a->password, b->password) &&
           str_ieq(a->host, b->host) && a->has_port == b->has_port && a->port == b->port &&
           same_params(a, b) && str_ieq(a->headers, b->headers);
}

static bool is_forbidden(int byte)
{
    return byte == '\0' || byte == '\r' || byte == '\n';
}

enum err sip_unescape(struct arena *arena, struct str text, struct str *out)
{
    struct writer w;
    char *bytes;

    if (!str_find_char(text, '%')) {
        *out = text;
        return str_has_line_break(text) ? ERR_SYNTAX : ERR_NONE;
    }
    bytes = arena_alloc(arena, text.len);
    if (!bytes)
        return ERR_NOMEM;
    w = writer_over(bytes, text.len);
    while (text.len > 0) {
        bool is_broken = text.ptr[0] == '%' && escaped_byte(text) < 0;
        int byte = take_byte(&text);

        if (is_broken || is_forbidden(byte))
            return ERR_SYNTAX;
        write_char(&w, (char)byte);
    }
    return writer_finish(&w, out);
}
