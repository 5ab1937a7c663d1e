/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Received bytes with edit lists applied, as a sequence of pieces. The same walk measures and
 * writes, so the two cannot disagree.
 */
#include <culvert/edit.h>

enum {
    SIP_SPLICE_LISTS = 3, /* what the writer itself changes, then the branch, then the request */
};

struct sip_splice {
    const char *at; /* the next received byte */
    const char *end;
    const struct sip_edit
        *next[SIP_SPLICE_LISTS]; /* of two edits of the same bytes the first wins */
    bool is_canonical;           /* the received bytes need no normalising */
};

/* The empty line that ends the head. */
const char *sip_msg_head_end(const struct sip_msg *msg);
/* True when one of the two lists (NULL allowed) cuts the header's whole line. */
bool sip_hdr_is_removed(const struct sip_edits *const edits[2], const struct sip_hdr *hdr);

/* The header lines: from behind the start line up to the empty line. `own` is a sorted list or
 * NULL. */
struct sip_splice sip_splice_head(const struct sip_msg *msg, const struct sip_edit *own,
                                  const struct sip_edits *const edits[2]);
struct sip_splice sip_splice_body(const struct sip_msg *msg,
                                  const struct sip_edits *const edits[2]);

size_t sip_splice_size(struct sip_splice splice);
/* Writes header lines: folds become one SP, line ends CRLF, and no empty line comes to be. */
void sip_splice_write_head(struct writer *w, struct sip_splice splice);
/* Writes the bytes as they are. */
void sip_splice_write_body(struct writer *w, struct sip_splice splice);

/* Writes a run of header text as above; canonical text is copied in one piece. */
void sip_write_head_text(struct writer *w, struct str text, bool is_canonical);
/* A header value, each fold made one SP. */
void sip_write_value(struct writer *w, struct str value);
/* A value that ends in these parameters, without those of some names. */
void sip_write_without(struct writer *w, struct str value, struct str params,
                       bool (*is_left_out)(struct str name));
/* name: value CRLF, the same way. */
void sip_write_line(struct writer *w, struct str name, struct str value);
