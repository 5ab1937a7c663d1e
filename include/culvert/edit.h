/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Changes to a message, recorded against its received bytes and applied when it is written; a script
 * sees what arrived, unless it has asked for another message in its place (run_apply_changes). A request has one list, and each of
 * its branches one more. Also here: writing the messages that a proxy sends.
 */
#include <culvert/sip.h>

/* Replaces `cut` bytes at `at` (a pointer into msg->bytes) by `insert`. */
struct sip_edit {
    struct sip_edit *next;
    const char *at;
    size_t cut;
    struct str insert;
};

/* Sorted by position; insertions at one place keep the order in which they were added. */
struct sip_edits {
    struct sip_edit *first;
    bool has_body; /* one of them touches the body: Content-Length is written anew */
    bool has_media; /* the session description in it names the relay already */
};

/* The texts must live as long as the list. A cut that overlaps an earlier one is shortened. */
MUST_USE enum err sip_edit_replace(struct sip_edits *edits, const struct sip_msg *msg, struct str old,
                                   struct str insert);
MUST_USE enum err sip_edit_insert(struct sip_edits *edits, const struct sip_msg *msg, const char *at,
                                  struct str insert);
MUST_USE enum err sip_edit_remove_hdr(struct sip_edits *edits, const struct sip_msg *msg,
                                      const struct sip_hdr *hdr);
/* Adds whole header lines (with CRLF) behind the last header; refuses text that breaks the message. */
MUST_USE enum err sip_edit_append_hdr(struct sip_edits *edits, const struct sip_msg *msg,
                                      struct str lines);
/* A new whole body replaces the old one. */
MUST_USE enum err sip_edit_set_body(struct sip_edits *edits, const struct sip_msg *msg,
                                    struct str body);
/* The body with the changes of up to two lists (either may be NULL), the second over the first. */
MUST_USE enum err sip_edits_body(const struct sip_msg *msg, const struct sip_edits *const edits[2],
                                 struct str *out);
/* True when the header's line is cut by one of the edits. */
bool sip_edits_remove(const struct sip_edits *edits, const struct sip_hdr *hdr);

/* How one request goes out. Empty strs and NULLs leave things as they are. */
struct sip_outgoing {
    struct str ruri;          /* the new Request-URI; empty: as received */
    struct str via;           /* our whole Via header line with CRLF, put on top */
    struct str record_routes; /* whole header lines with CRLF, put behind the Vias */
    struct str routes;        /* whole Route header lines with CRLF that replace all received ones… */
    bool replaces_routes;     /* …when this is set (routes may be empty: all removed) */
    int max_forwards;         /* the value to write; negative: as received (added as 70 if absent) */
    unsigned max_breadth;     /* the value of Max-Breadth (RFC 5393); 0: as received */
    struct str received_via;  /* replaces the received topmost via-parm: with received and rport filled */
    const struct sip_edits *edits[2]; /* of the request and of the branch; each may be NULL */
};

/*
 * Writes the request with all changes. ERR_LIMIT when it does not fit, ERR_SYNTAX when a text would
 * break the message; likewise for all that are written below.
 */
MUST_USE enum err sip_request_write(struct writer *w, const struct sip_msg *msg,
                                    const struct sip_outgoing *out);

/*
 * The message as it now is, with nothing added for a way: to be parsed anew. Of what a request's
 * `out` says, ruri, routes, max_forwards and edits count; a negative max_forwards adds nothing.
 */
MUST_USE enum err sip_request_rewrite(struct writer *w, const struct sip_msg *msg,
                                      const struct sip_outgoing *out);
MUST_USE enum err sip_response_rewrite(struct writer *w, const struct sip_msg *msg,
                                       const struct sip_edits *edits);

/* Writes a received response onwards: topmost via-parm removed, edits applied, Content-Length right. */
MUST_USE enum err sip_response_forward(struct writer *w, const struct sip_msg *msg, unsigned status,
                                       struct str reason, const struct sip_edits *edits);

/* A response of our own to a request (RFC 3261 §8.2.6). */
struct sip_reply {
    unsigned status;
    struct str reason;       /* empty: the RFC's phrase */
    struct str to_tag;       /* added when the request has none and status is not 100 */
    struct str received_via; /* as in sip_outgoing */
    struct str headers;      /* whole header lines with CRLF */
    struct str body;         /* with its Content-Type among the headers */
};

MUST_USE enum err sip_reply_write(struct writer *w, const struct sip_msg *request,
                                  const struct sip_reply *reply);
/* "Not Found" for 404; a phrase of the class when unknown. */
struct str sip_reason_phrase(unsigned status);

/*
 * The topmost via-parm of a request as it must be written after reception (RFC 3261 §18.2.1, RFC
 * 3581 §4): received= when the source differs from sent-by or rport is asked for, rport= filled when
 * present or `force_rport`. In the arena; equals msg->via.text when nothing changes.
 */
MUST_USE enum err sip_via_mark(const struct sip_msg *request, const struct addr *source,
                               bool force_rport, struct str *out);

/*
 * CANCEL (RFC 3261 §9.1) and the ACK to a failure (§17.1.1.3), made from the request as it was sent
 * and, for ACK, the To of the response. `sent` is what sip_request_write wrote.
 */
MUST_USE enum err sip_cancel_write(struct writer *w, const struct sip_msg *sent, struct str reason_hdr);
MUST_USE enum err sip_ack_write(struct writer *w, const struct sip_msg *sent,
                                const struct sip_msg *response);
