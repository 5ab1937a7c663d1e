/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The making of a message's index: one pass over the lines, each header judged as it is met. A
 * fault does not stop the pass, so that a response can still be made from a request that is
 * refused.
 */
#include "sip/header.h"
#include "sip/line.h"

/* Rows of the header table: in memory of the caller at first, in the arena when there are many. */
struct sip_hdr_rows {
    struct sip_hdr *rows;
    unsigned count;
    unsigned capacity;
};

struct sip_index {
    struct sip_msg *msg;
    const struct sip_limits *limits;
    struct sip_hdr_rows rows;
    bool is_stream;
    bool has_via; /* the topmost Via could be read */
    bool has_length;
    uint64_t content_length;
    struct str cseq_method;
    unsigned vias, routes, contacts;
    enum err err; /* the first fault */
    struct sip_fault fault;
};

/* Remembers the first reason to refuse the message. */
void sip_index_refuse(struct sip_index *index, enum err err, unsigned status, const char *what);

/* Request-Line / Status-Line. False when it is neither, so that nothing else can be made of it. */
bool sip_index_first_line(struct sip_index *index, const struct sip_line *line);
/* The header lines from `at` to the empty line; the end of the head, or `end` when there is none.
 */
const char *sip_index_headers(struct sip_index *index, const char *at, const char *end);

/* sip_msg_parse without its copy: the bytes must live as long as the arena. */
MUST_USE enum err sip_msg_parse_in_place(struct arena *arena, struct str bytes, bool is_stream,
                                         const struct sip_limits *limits, struct sip_msg **out,
                                         struct sip_fault *fault);
