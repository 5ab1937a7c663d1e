/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Bodies of several parts (RFC 2046 §5.1, RFC 5621): finding the part that is meant, so that it can
 * be changed while every other byte stays. A body of any other type counts as one part. Nothing
 * here copies; all strs borrow the text they were found in.
 */
#include <culvert/edit.h>

enum {
    SIP_PARTS_MAX = 16,
    SIP_PART_NESTING_MAX = 4,
    SIP_BOUNDARY_MAX = 70, /* RFC 2046 §5.1.1 */
};

struct sip_part {
    struct str span;        /* from its delimiter line up to the next: what to cut to remove it */
    struct str content;     /* without its headers */
    struct str type;        /* of Content-Type, with its parameters; may be empty */
    struct str disposition; /* of Content-Disposition; may be empty */
    struct str encoding;    /* of Content-Encoding or Content-Transfer-Encoding; may be empty */
    struct str length;      /* the digits of a Content-Length of its own; mostly empty */
};

struct sip_parts {
    struct sip_part parts[SIP_PARTS_MAX]; /* the innermost ones, in order */
    unsigned count;
    struct str boundary; /* of the outermost multipart; empty: the body is one part */
    const char *end;     /* where its closing delimiter line begins: place for another part */
};

/*
 * Takes a body apart. `type` is the value of its Content-Type. ERR_SYNTAX: a multipart without a
 * boundary that may stand, or none of its lines found; ERR_LIMIT: more parts or deeper nesting than
 * above. A missing closing line ends the last part at the end. Time is linear in the body.
 */
MUST_USE enum err sip_body_split(struct str type, struct str body, struct sip_parts *out);

/* Is the value of a Content-Type this type/subtype, whatever its parameters and case? */
bool sip_type_is(struct str value, struct str type);
/* Nothing has to be undone before the content can be read: no encoding, or identity, 7bit, 8bit,
 * binary. */
bool sip_encoding_is_plain(struct str value);

/* A body as it stands, received or changed. */
struct sip_body {
    struct str type;     /* value of Content-Type; empty: application/sdp (RFC 3261 §13) */
    struct str encoding; /* value of Content-Encoding */
    struct str text;
};

/* The body as it was received. */
struct sip_body sip_msg_body(const struct sip_msg *msg);

/*
 * The part of a type that is to be acted on: one that is encoded, or meant for something else by
 * its Content-Disposition ("session" and "render" are fine), does not count. ERR_NOT_FOUND: none;
 * ERR_EXISTS: two, of which nobody can know which one counts; else as sip_body_split.
 */
MUST_USE enum err sip_body_find(const struct sip_body *body, struct str type, struct sip_part *out);

/* Gives a part of the message's received body another content; its Content-Length follows. */
MUST_USE enum err sip_edit_set_part(struct sip_edits *edits, const struct sip_msg *msg,
                                    const struct sip_part *part, struct str content);
/* Writes a body with another content in one of its parts. */
void sip_body_write(struct writer *w, const struct sip_body *body, const struct sip_part *part,
                    struct str content);
