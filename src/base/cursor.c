/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/cursor.h>

#define ROW(c) [c] = true
#define CLASS_DIGITS                                                                               \
    ROW('0'), ROW('1'), ROW('2'), ROW('3'), ROW('4'), ROW('5'), ROW('6'), ROW('7'), ROW('8'),      \
        ROW('9')
#define CLASS_UPPER                                                                                \
    ROW('A'), ROW('B'), ROW('C'), ROW('D'), ROW('E'), ROW('F'), ROW('G'), ROW('H'), ROW('I'),      \
        ROW('J'), ROW('K'), ROW('L'), ROW('M'), ROW('N'), ROW('O'), ROW('P'), ROW('Q'), ROW('R'),  \
        ROW('S'), ROW('T'), ROW('U'), ROW('V'), ROW('W'), ROW('X'), ROW('Y'), ROW('Z')
#define CLASS_LOWER                                                                                \
    ROW('a'), ROW('b'), ROW('c'), ROW('d'), ROW('e'), ROW('f'), ROW('g'), ROW('h'), ROW('i'),      \
        ROW('j'), ROW('k'), ROW('l'), ROW('m'), ROW('n'), ROW('o'), ROW('p'), ROW('q'), ROW('r'),  \
        ROW('s'), ROW('t'), ROW('u'), ROW('v'), ROW('w'), ROW('x'), ROW('y'), ROW('z')

const bool class_digit[256] = { CLASS_DIGITS };
const bool class_alnum[256] = { CLASS_DIGITS, CLASS_UPPER, CLASS_LOWER };
const bool class_host[256] = {
    CLASS_DIGITS, CLASS_UPPER, CLASS_LOWER, ROW('-'), ROW('.'), ROW('_')
};
const bool class_token[256] = { CLASS_DIGITS, CLASS_UPPER, CLASS_LOWER, ROW('-'), ROW('.'),
                                ROW('!'),     ROW('%'),    ROW('*'),    ROW('_'), ROW('+'),
                                ROW('`'),     ROW('\''),   ROW('~') };

/* What quoted strings mostly hold: never a quote, an escape or a control. */
static const bool class_quoted[256] = { CLASS_DIGITS, CLASS_UPPER, CLASS_LOWER, ROW(' '),
                                        ROW('-'),     ROW('.'),    ROW('_'),    ROW('@') };

void cursor_fail(struct cursor *c)
{
    if (!c->fault)
        c->fault = c->at;
    c->end = c->at;
}

void cursor_expect(struct cursor *c, char byte)
{
    if (!cursor_skip(c, byte))
        cursor_fail(c);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The length of a line end that is followed by a blank, else 0. */
static size_t fold_length(const struct cursor *c)
{
    const char *at = c->at;

    if (*at == '\r')
        at++;
    if (at == c->end || *at != '\n')
        return 0;
    at++;
    return at < c->end && is_blank(*at) ? (size_t)(at - c->at) : 0;
}

void cursor_skip_lws(struct cursor *c)
{
    while (c->at < c->end) {
        size_t length = is_blank(*c->at) ? 1 : fold_length(c);
        if (length == 0)
            return;
        c->at += length;
    }
}

bool cursor_skip_sep(struct cursor *c, char byte)
{
    const char *start = c->at;

    cursor_skip_lws(c);
    if (!cursor_skip(c, byte)) {
        c->at = start;
        return false;
    }
    cursor_skip_lws(c);
    return true;
}

struct str cursor_take(struct cursor *c, const bool class[static 256])
{
    struct str taken = cursor_take_any(c, class);

    if (taken.len == 0)
        cursor_fail(c);
    return taken;
}

struct str cursor_take_until(struct cursor *c, char byte)
{
    const char *start = c->at;
    const char *found = str_find_char(cursor_rest(c), byte);

    c->at = found ? found : c->end;
    return str_between(start, c->at);
}

uint64_t cursor_take_uint(struct cursor *c, uint64_t max)
{
    struct str digits = cursor_take(c, class_digit);
    uint64_t number = 0;

    if (!c->fault && str_to_uint(digits, 0, max, &number)) {
        c->at = digits.ptr;
        cursor_fail(c);
    }
    return number;
}

/* quoted-pair = "\" (%x00-09 / %x0B-0C / %x0E-7F) */
static void skip_quoted_pair(struct cursor *c)
{
    cursor_expect(c, '\\');
    if (c->at == c->end || *c->at == '\r' || *c->at == '\n' || (unsigned char)*c->at > 0x7f)
        cursor_fail(c);
    else
        c->at++;
}

/* qdtext = LWS / %x21 / %x23-5B / %x5D-7E / UTF8-NONASCII */
static void skip_qdtext(struct cursor *c)
{
    const char *start = c->at;
    unsigned char byte;

    cursor_skip_lws(c);
    if (c->at != start)
        return;
    byte = (unsigned char)cursor_peek(c);
    if (byte < 0x20 || byte == 0x7f)
        cursor_fail(c);
    else
        c->at++;
}

/* quoted-string = DQUOTE *(qdtext / quoted-pair ) DQUOTE */
struct str cursor_take_quoted(struct cursor *c)
{
    const char *start = c->at;

    cursor_expect(c, '"');
    for (;;) {
        cursor_take_any(c, class_quoted);
        if (c->at == c->end || *c->at == '"')
            break;
        if (*c->at == '\\')
            skip_quoted_pair(c);
        else
            skip_qdtext(c);
    }
    cursor_expect(c, '"');
    return str_between(start, c->at);
}

enum err cursor_finish(const struct cursor *c)
{
    return c->fault || c->at != c->end ? ERR_SYNTAX : ERR_NONE;
}
