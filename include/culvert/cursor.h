/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A read position that remembers its first failure; after one, every call does nothing. Parsers are
 * written one function per grammar production, with a single check at the end (cursor_finish).
 */
#include <culvert/str.h>

struct cursor {
    const char *at;
    const char *end;
    const char *fault; /* where reading first went wrong; NULL while all is well */
};

/* The empty str that has no pointer is read as "": a failure needs a place to be remembered at. */
static inline struct cursor cursor_over(struct str text)
{
    const char *start = text.ptr ? text.ptr : "";

    return (struct cursor){ start, start + text.len, NULL };
}

static inline bool cursor_at_end(const struct cursor *c)
{
    return c->at == c->end;
}

/* The next byte without taking it; NUL at the end. */
static inline char cursor_peek(const struct cursor *c)
{
    return c->at < c->end ? *c->at : '\0';
}

static inline struct str cursor_rest(const struct cursor *c)
{
    return str_between(c->at, c->end);
}

void cursor_fail(struct cursor *c);
/* Takes the byte if it is next; false, without failing, when it is not. */
static inline bool cursor_skip(struct cursor *c, char byte)
{
    if (c->at == c->end || *c->at != byte)
        return false;
    c->at++;
    return true;
}

/* Takes the byte; fails when it is not next. */
void cursor_expect(struct cursor *c, char byte);
/* Skips SP and HTAB, and folded line ends (CRLF or LF followed by SP or HTAB). */
void cursor_skip_lws(struct cursor *c);
/* LWS byte LWS, as the SIP grammar's SEMI, COMMA, EQUAL, COLON: false when the byte is not there.
 */
bool cursor_skip_sep(struct cursor *c, char byte);
/* Takes one or more bytes of a class; fails on none. */
struct str cursor_take(struct cursor *c, const bool class[static 256]);
/* Takes zero or more bytes of a class. */
static inline struct str cursor_take_any(struct cursor *c, const bool class[static 256])
{
    const char *start = c->at;

    while (c->at < c->end && class[(unsigned char)*c->at])
        c->at++;
    return str_between(start, c->at);
}

/* Takes everything up to (not including) the byte, or to the end. */
struct str cursor_take_until(struct cursor *c, char byte);
/* Takes a decimal number within bounds; fails otherwise. */
uint64_t cursor_take_uint(struct cursor *c, uint64_t max);
/* quoted-string of RFC 3261 §25.1, with its quotes; fails when it does not close. */
struct str cursor_take_quoted(struct cursor *c);
/* ERR_NONE when nothing failed and the end was reached, else ERR_SYNTAX. */
MUST_USE enum err cursor_finish(const struct cursor *c);

/* Character classes of RFC 3261 §25.1. */
extern const bool class_token[256];
extern const bool class_digit[256];
extern const bool class_alnum[256];
extern const bool class_host[256]; /* letters, digits, '-', '.', '_' */
