/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How functions of culvert report success. `enum err` answers "did it work", `bool` answers a
 * question; results go to a last parameter named `out`, written only on success.
 */

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))

enum err {
    ERR_NONE = 0,
    ERR_NOMEM,       /* memory, or a limit on memory, is exhausted */
    ERR_SYNTAX,      /* the bytes are not what the grammar asks for */
    ERR_LIMIT,       /* well-formed, but larger or more numerous than allowed */
    ERR_RANGE,       /* a number outside its range */
    ERR_NOT_FOUND,   /* nothing of that name or key */
    ERR_EXISTS,      /* there is one already */
    ERR_UNSUPPORTED, /* understood, but not something we do */
    ERR_DENIED,      /* policy or permission forbids it */
    ERR_UNREACHABLE, /* the next hop cannot be reached, or its flow is gone */
    ERR_UNRESOLVED,  /* the name of the next hop has no address */
    ERR_TIMEOUT,     /* no answer in time */
    ERR_EXHAUSTED,   /* a pool (ports, connections) has nothing left */
    ERR_NOT_NOW,     /* not now: the object is in the wrong state */
    ERR_IO,          /* the kernel or a peer failed us; the log line has the detail */
};

/* "out of memory", "syntax error"…: for log lines. Static text. */
const char *err_name(enum err err);
