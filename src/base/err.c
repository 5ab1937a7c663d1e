/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/err.h>

const char *err_name(enum err err)
{
    static const char *const names[] = {
        [ERR_NONE] = "no error",
        [ERR_NOMEM] = "out of memory",
        [ERR_SYNTAX] = "syntax error",
        [ERR_LIMIT] = "limit exceeded",
        [ERR_RANGE] = "out of range",
        [ERR_NOT_FOUND] = "not found",
        [ERR_EXISTS] = "exists already",
        [ERR_UNSUPPORTED] = "not supported",
        [ERR_DENIED] = "denied",
        [ERR_UNREACHABLE] = "unreachable",
        [ERR_UNRESOLVED] = "name has no address",
        [ERR_TIMEOUT] = "timed out",
        [ERR_EXHAUSTED] = "nothing left in the pool",
        [ERR_NOT_NOW] = "wrong state",
        [ERR_IO] = "input or output failed",
    };

    if ((unsigned)err >= sizeof names / sizeof *names)
        return "unknown error";
    return names[err];
}
