/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The changes that the writers themselves make to a head: a short list of edits in memory of the
 * writer, kept sorted. It goes before the lists of scripts: of two edits of the same bytes it wins.
 */
#include "sip/splice.h"

enum {
    SIP_PATCHES_MAX = 48,
};

struct sip_patches {
    struct sip_edit edits[SIP_PATCHES_MAX];
    unsigned count;
    struct sip_edit *first;
    bool has_overflowed;
    char hops[8];    /* Max-Forwards as text */
    char breadth[8]; /* Max-Breadth as text */
    char length[24]; /* Content-Length as text */
};

void sip_patches_init(struct sip_patches *patches);
/* Puts `insert` in place of `cut` bytes; at one place the first added comes first. */
void sip_patch(struct sip_patches *patches, const char *at, size_t cut, struct str insert);
/* Makes Content-Length right: its value is replaced, or the header added, where needed. */
void sip_patch_content_length(struct sip_patches *patches, const struct sip_msg *msg,
                              const struct sip_edits *const edits[2]);
/* Writes what follows the start line: head with patches and edits, empty line, body. */
MUST_USE enum err sip_write_rest(struct writer *w, const struct sip_msg *msg,
                                 const struct sip_patches *patches,
                                 const struct sip_edits *const edits[2]);
