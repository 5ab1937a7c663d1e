/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the tests of sip share: texts in blocks of exactly their size, so that a read behind the end
 * is seen by the sanitizer, and messages parsed from them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <culvert/edit.h>

#include "sip/index.h"

#define ROWS(array) (sizeof(array) / sizeof *(array))

static inline void assert_text(struct str got, const char *want)
{
    if (!str_eq(got, str_of(want)))
        fail_msg("got '" STR_FMT "', not '%s'", STR_ARG(got), want);
}

/* The bytes in a block of their own, without a NUL; for free(). */
static inline char *exact_copy(struct str text)
{
    char *bytes = malloc(text.len ? text.len : 1);

    assert_non_null(bytes);
    if (text.len)
        memcpy(bytes, text.ptr, text.len);
    return bytes;
}

struct fixture {
    struct arena arena;
    struct sip_fault fault;
    struct sip_msg *msg; /* NULL when none was made */
    char *bytes;
    char buffer[65536];
    struct writer w;
};

static inline enum err fixture_try(struct fixture *f, struct str text, bool is_stream)
{
    enum err err;

    *f = (struct fixture){ 0 };
    arena_init(&f->arena, NULL, 1 << 20);
    f->w = writer_over(f->buffer, sizeof f->buffer);
    f->bytes = exact_copy(text);
    err = sip_msg_parse_in_place(&f->arena, (struct str){ f->bytes, text.len }, is_stream,
                                 sip_limits_default(), &f->msg, &f->fault);
    return err;
}

static inline void fixture_open(struct fixture *f, const char *text)
{
    enum err err = fixture_try(f, str_of(text), false);

    if (err)
        fail_msg("%s: %s", err_name(err), f->fault.what);
}

static inline void fixture_close(struct fixture *f)
{
    arena_fini(&f->arena);
    free(f->bytes);
}

/* A small request, to which the tests add lines. */
#define REQUEST_HEAD                                                                               \
    "OPTIONS sip:bob@example.com SIP/2.0\r\n"                                                      \
    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\r\n"                                    \
    "From: <sip:alice@example.com>;tag=1\r\n"                                                      \
    "To: <sip:bob@example.com>\r\n"                                                                \
    "Call-ID: one@192.0.2.1\r\n"                                                                   \
    "CSeq: 1 OPTIONS\r\n"
