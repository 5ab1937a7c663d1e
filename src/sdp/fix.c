/* SPDX-License-Identifier: Apache-2.0 */
#include "sdp/lines.h"

struct fixing {
    struct writer *w;
    const struct sdp_fix *fix;
    bool has_connection; /* a c= with an address was met */
    bool has_origin;
    bool has_mixed_families;
};

static bool is_wanted(const struct sdp_fix *fix, char type)
{
    return (type == 'c' && fix->replace_connections) || (type == 'o' && fix->replace_origin);
}

/* True when the line's address is to be replaced: a hold stays, and so does what is right already.
 */
static bool needs_fix(struct fixing *f, const struct sdp_line *line, struct sdp_place *place)
{
    if (!is_wanted(f->fix, line->type) || !sdp_place_parse(line->value, place) ||
        place->parsed.family == ADDR_NONE)
        return false;
    f->has_connection |= line->type == 'c';
    f->has_origin |= line->type == 'o';
    if (addr_is_unspecified(&place->parsed))
        return false;
    f->has_mixed_families |= place->parsed.family != f->fix->address.family;
    return !addr_same_ip(&place->parsed, &f->fix->address);
}

static void write_fixed_lines(struct fixing *f, struct str rest)
{
    struct sdp_place place;
    struct sdp_line line;

    while (sdp_line_next(&rest, &line)) {
        if (needs_fix(f, &line, &place))
            sdp_write_replaced(f->w, &line, &place, &f->fix->address);
        else
            write_str(f->w, line.text);
    }
}

static void write_old_addresses(struct fixing *f, struct str rest, char type, struct str line_end)
{
    struct sdp_place place;
    struct sdp_line line;

    while (sdp_line_next(&rest, &line)) {
        if (line.type != type || !needs_fix(f, &line, &place))
            continue;
        write_str(f->w, STR("a=oldmediaip:"));
        write_str(f->w, place.address);
        write_str(f->w, line_end);
    }
}

static void write_added_lines(struct fixing *f, struct str text)
{
    struct str line_end = sdp_line_end(text);

    sdp_end_line(f->w, line_end);
    if (f->fix->add_direction_active) {
        write_str(f->w, STR("a=direction:active"));
        write_str(f->w, line_end);
    }
    write_str(f->w, f->fix->extra_line);
    if (f->fix->add_old_address) {
        write_old_addresses(f, text, 'c', line_end);
        write_old_addresses(f, text, 'o', line_end);
    }
}

static bool adds_lines(const struct sdp_fix *fix)
{
    return fix->add_direction_active || fix->add_old_address || fix->extra_line.len > 0;
}

enum err sdp_write_fixed(struct writer *w, struct str text, const struct sdp_fix *fix)
{
    struct fixing f = { .w = w, .fix = fix };
    struct str written;

    write_fixed_lines(&f, text);
    if (f.has_mixed_families)
        return ERR_UNSUPPORTED;
    if ((fix->replace_connections && !f.has_connection) || (fix->replace_origin && !f.has_origin))
        return ERR_NOT_FOUND;
    if (adds_lines(fix))
        write_added_lines(&f, text);
    return writer_finish(w, &written);
}
