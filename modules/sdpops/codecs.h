/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Codecs of a session description: found by payload number or name, and taken out. Pure. */
#include <culvert/sdp.h>

/* Which codecs of which streams are meant. */
struct codec_choice {
    struct str list;  /* numbers or names, separated by commas */
    struct str media; /* of the streams; empty: all */
    bool is_by_name;  /* names know no case; a number means what the stream it is in says */
};

enum codec_match {
    CODECS_NONE,
    CODECS_SOME,
    CODECS_ALL, /* each of them in each stream */
};

enum codec_match codecs_match(const struct sdp *sdp, const struct codec_choice *choice);
/* A name that some stream knows, or that RFC 3551 gives a number. */
bool codecs_know_name(const struct sdp *sdp, const struct codec_choice *choice);
/*
 * Writes the description without these codecs, or without all others. A stream that has none left
 * keeps them and is refused instead: its port is 0 (RFC 3264 §6).
 */
void codecs_write(struct writer *w, const struct sdp *sdp, const struct codec_choice *choice, bool keeps);

/* Takes the next line off *rest, with its line end. False at the end. */
bool line_next(struct str *rest, struct str *out);
