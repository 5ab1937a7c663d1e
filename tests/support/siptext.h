/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reads SIP messages by its own, strict rules: what judges the server's output must not be the
 * server's own parser.
 */
#include <culvert/str.h>

struct siptext {
    struct str bytes;
    bool is_request;
    struct str method; /* of the request line, or of CSeq */
    struct str uri;
    unsigned status;
    struct str headers; /* lines with their ends, without the empty one */
    struct str body;
};

/* NULL when the message is faultless, else what is wrong with it. */
const char *siptext_read(struct str bytes, struct siptext *out);
/* The value of the header line number `index` of this name (full name given; compact ones match).
 */
bool siptext_header(const struct siptext *text, struct str name, unsigned index, struct str *out);
struct str siptext_value(const struct siptext *text, struct str name);
/* The value number `index` of a comma-separated header, over all its lines. */
bool siptext_item(const struct siptext *text, struct str name, unsigned index, struct str *out);
/* ;name=value of a header value, behind the brackets if there are any. */
struct str siptext_param(struct str value, struct str name);
/* The URI in brackets, or what stands before the parameters. */
struct str siptext_uri(struct str value);
/* name="value" or name=value in a challenge. */
struct str siptext_digest(struct str value, struct str name);
/* Walks lines; without their ends. */
bool siptext_line(struct str *rest, struct str *out);
