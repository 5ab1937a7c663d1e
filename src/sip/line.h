/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The lines of a message head, found eight bytes at a time. Nothing is copied: a line points into
 * the bytes it was taken from.
 */
#include <culvert/cursor.h>
#include <culvert/sip.h>

struct sip_line {
    struct str text;      /* without the line end; folds inside are still there */
    const char *end;      /* behind the line end */
    bool is_folded;       /* goes on over further lines that start with SP or HTAB */
    bool has_bare_lf;     /* a line end in it is LF alone */
    bool has_stray_bytes; /* a NUL, or a CR that ends no line, is in it */
};

/* One line. False when no line end is left. */
bool sip_line_take(const char *at, const char *end, struct sip_line *out);
/* One header: a line with the folded lines that continue it. */
bool sip_line_take_folded(const char *at, const char *end, struct sip_line *out);
/* "name SP* : value". False, *out being half filled, when it is not, or holds stray bytes. */
bool sip_line_read_header(const struct sip_line *line, struct sip_hdr *out);
/* True for nothing but whole lines of the form "name: value" CRLF, and for no line at all. */
bool sip_are_header_lines(struct str lines);
