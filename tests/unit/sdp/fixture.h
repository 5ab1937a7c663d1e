/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the tests of sdp share: descriptions parsed from blocks of exactly their size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <culvert/sdp.h>

#define ROWS(array) (sizeof(array) / sizeof *(array))

static inline void assert_text(struct str got, const char *want)
{
    if (!str_eq(got, str_of(want)))
        fail_msg("got '" STR_FMT "', not '%s'", STR_ARG(got), want);
}

static inline struct addr address(const char *text)
{
    struct addr addr;

    if (addr_parse(str_of(text), &addr))
        fail_msg("'%s' is no address", text);
    return addr;
}

static inline char *exact_copy(struct str text)
{
    char *bytes = malloc(text.len ? text.len : 1);

    assert_non_null(bytes);
    if (text.len)
        memcpy(bytes, text.ptr, text.len);
    return bytes;
}

struct fixture {
    char *bytes;
    struct sdp sdp;
    char buffer[16384];
    struct writer w;
};

static inline enum err fixture_try(struct fixture *f, struct str text)
{
    f->bytes = exact_copy(text);
    f->w = writer_over(f->buffer, sizeof f->buffer);
    return sdp_parse((struct str){ f->bytes, text.len }, &f->sdp);
}

static inline void fixture_open(struct fixture *f, const char *text)
{
    assert_int_equal(fixture_try(f, str_of(text)), ERR_NONE);
}

static inline void fixture_close(struct fixture *f)
{
    free(f->bytes);
}
