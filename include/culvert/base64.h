/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Base64 (RFC 4648), with its variants. */
#include <culvert/err.h>
#include <culvert/writer.h>

enum base64 {
    BASE64_PLAIN,
    BASE64_URL = 1,  /* the alphabet for URLs and file names */
    BASE64_BARE = 2, /* without '=' at the end */
};

/* Writes text as base64; its length is at most (text.len + 2) / 3 * 4. */
void write_base64(struct writer *w, struct str text, unsigned variant);
/* The other way round, with or without '=' at the end. ERR_SYNTAX for other letters. */
MUST_USE enum err write_from_base64(struct writer *w, struct str text, unsigned variant);
