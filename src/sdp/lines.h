/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The lines of a session description, with CRLF or LF behind them, and the addresses in c= and o=.
 */
#include <culvert/sdp.h>

struct sdp_line {
    char type;        /* the letter before '='; NUL when the line has another form */
    struct str value; /* behind '=' */
    struct str name;  /* of a=name or a=name:value, else empty */
    struct str text;  /* the whole line with its line end */
};

/* Takes the next line off *rest. False at the end. */
bool sdp_line_next(struct str *rest, struct sdp_line *out);
/* True for a= lines of this name; *value is what follows ':', or empty. */
bool sdp_line_is_attribute(const struct sdp_line *line, struct str name, struct str *value);
/* CRLF or LF: what the first line of the text ends in. */
struct str sdp_line_end(struct str text);

/* nettype SP addrtype SP connection-address, as c= is made of and o= ends in. */
struct sdp_place {
    struct str network; /* "IP4" */
    struct str address; /* without "/ttl" */
    struct str tail;    /* behind the address, the ttl included */
    struct addr parsed; /* family NONE for a name */
};

/* False when the text does not end in the three. */
bool sdp_place_parse(struct str value, struct sdp_place *out);
/* "IP4" or "IP6" */
struct str sdp_network_name(const struct addr *addr);
/* A line "c=IN IP4 192.0.2.1". */
void sdp_write_connection(struct writer *w, const struct addr *addr, struct str line_end);
/* The line with another address in the place that was found in it. */
void sdp_write_replaced(struct writer *w, const struct sdp_line *line,
                        const struct sdp_place *place, const struct addr *addr);
/* Ends the last line written if it has no line end. */
void sdp_end_line(struct writer *w, struct str line_end);
