/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The user part of temporary GRUUs (RFC 5627 §3.2): which binding it is for, hidden and signed with
 * the server's secret. No two are alike, and nobody else can tell that two of them are for the same
 * phone. One is good as long as its binding keeps the Call-ID that it was made with.
 */
#include <culvert/location.h>

enum {
    GRUU_SECRET = 32,
    GRUU_USER_MAX = 64,
};

/* ERR_UNSUPPORTED: the ruid is not one that we made. */
MUST_USE enum err gruu_write_user(struct writer *w, const uint8_t secret[static GRUU_SECRET],
                                  struct random_source *random, const struct binding *binding);
/* Reads like one, ours or not: what ordinary user parts do not. */
bool gruu_is_like(struct str user);
/* The ruid that it names; the buffer holds RUID_MAX bytes. ERR_SYNTAX: it is none. */
MUST_USE enum err gruu_read_ruid(struct str user, const uint8_t secret[static GRUU_SECRET],
                                 char buffer[static RUID_MAX], struct str *out);
/* We made it for this binding, under the Call-ID that it still has. */
bool gruu_is_for(struct str user, const uint8_t secret[static GRUU_SECRET],
                 const struct binding *binding);
