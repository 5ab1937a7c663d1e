/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A borrowed run of bytes: pointer and length, never NUL-terminated by promise. A `struct str` owns
 * nothing; to keep bytes longer than what they were taken from, use str_copy() (culvert/arena.h).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <culvert/err.h>

struct str {
    const char *ptr;
    size_t len;
};

/* A string literal as a str. */
#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })
/* For static initialisers, where a compound literal is not allowed. */
#define STR_INIT(literal) { (literal), sizeof(literal) - 1 }
/* printf: log_info("user " STR_FMT, STR_ARG(user)) */
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).len, (s).ptr

static inline struct str str_of(const char *text)
{
    return (struct str){ text, text ? strlen(text) : 0 };
}

static inline struct str str_between(const char *start, const char *end)
{
    return (struct str){ start, (size_t)(end - start) };
}

static inline bool str_is_empty(struct str s)
{
    return s.len == 0;
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII case folding, independent of any locale. */
static inline char char_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* The value of a hexadecimal digit; -1 when it is none. */
static inline int char_hex(char c)
{
    char lower = char_lower(c);

    if (c >= '0' && c <= '9')
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Compares ignoring ASCII case. */
bool str_ieq(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_istarts(struct str s, struct str prefix);
/* Total order, ASCII case ignored: negative, 0, positive. */
int str_icompare(struct str a, struct str b);
/* The first occurrence of c, or NULL. */
const char *str_find_char(struct str s, char c);
/* The first occurrence of a non-empty needle, or NULL; the second ignores ASCII case. */
const char *str_find(struct str s, struct str needle);
const char *str_ifind(struct str s, struct str needle);
/* Without leading and trailing SP, HTAB, CR and LF. */
struct str str_trim(struct str s);
/* Drops the first n bytes (all of them when n is larger). */
struct str str_skip(struct str s, size_t n);
/* Splits at the first `separator`: true and both halves, or false and nothing written. */
bool str_split(struct str s, char separator, struct str *head, struct str *tail);
/* True when any CR, LF or NUL is in s: such text never goes into a header we write. */
bool str_has_line_break(struct str s);

/*
 * The one reader of decimal numbers: digits only, the whole of s, min <= value <= max.
 * ERR_SYNTAX when a byte is not a digit or s is empty, ERR_RANGE when out of bounds.
 */
MUST_USE enum err str_to_uint(struct str s, uint64_t min, uint64_t max, uint64_t *out);
/* Hexadecimal digits of either case, 1 to 16 of them; ERR_SYNTAX. */
MUST_USE enum err str_hex_to_uint(struct str s, uint64_t *out);
/* The same as str_to_uint with an optional leading '+' or '-'. */
MUST_USE enum err str_to_int(struct str s, int64_t min, int64_t max, int64_t *out);
