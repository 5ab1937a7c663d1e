/* SPDX-License-Identifier: Apache-2.0 */
#include "codecs.h"

#include <culvert/cursor.h>

enum {
    FORMATS_MAX = 128, /* of a stream; there are no more numbers than that */
};

/* RFC 3551 §6: numbers that need no rtpmap. */
static const struct {
    struct str name, number;
} static_payloads[] = {
    { STR_INIT("PCMU"), STR_INIT("0") },   { STR_INIT("GSM"), STR_INIT("3") },
    { STR_INIT("G723"), STR_INIT("4") },   { STR_INIT("DVI4"), STR_INIT("5") },
    { STR_INIT("DVI4"), STR_INIT("6") },   { STR_INIT("LPC"), STR_INIT("7") },
    { STR_INIT("PCMA"), STR_INIT("8") },   { STR_INIT("G722"), STR_INIT("9") },
    { STR_INIT("L16"), STR_INIT("10") },   { STR_INIT("L16"), STR_INIT("11") },
    { STR_INIT("QCELP"), STR_INIT("12") }, { STR_INIT("CN"), STR_INIT("13") },
    { STR_INIT("MPA"), STR_INIT("14") },   { STR_INIT("G728"), STR_INIT("15") },
    { STR_INIT("DVI4"), STR_INIT("16") },  { STR_INIT("DVI4"), STR_INIT("17") },
    { STR_INIT("G729"), STR_INIT("18") },  { STR_INIT("CelB"), STR_INIT("25") },
    { STR_INIT("JPEG"), STR_INIT("26") },  { STR_INIT("nv"), STR_INIT("28") },
    { STR_INIT("H261"), STR_INIT("31") },  { STR_INIT("MPV"), STR_INIT("32") },
    { STR_INIT("MP2T"), STR_INIT("33") },  { STR_INIT("H263"), STR_INIT("34") },
};

/* ---- words ---- */

bool line_next(struct str *rest, struct str *out)
{
    const char *line_end = str_find_char(*rest, '\n');

    if (str_is_empty(*rest))
        return false;
    *out = line_end ? str_between(rest->ptr, line_end + 1) : *rest;
    *rest = str_skip(*rest, out->len);
    return true;
}

static bool word_next(struct str *rest, struct str *out)
{
    struct str text = str_trim(*rest);
    const char *space = str_find_char(text, ' ');

    *out = space ? str_between(text.ptr, space) : text;
    *rest = str_skip(text, out->len);
    return out->len > 0;
}

static bool item_next(struct str *list, struct str *out)
{
    if (str_is_empty(*list))
        return false;
    if (!str_split(*list, ',', out, list)) {
        *out = *list;
        *list = STR("");
    }
    *out = str_trim(*out);
    return true;
}

/* The first so many words. */
static struct str limit_words(struct str text, unsigned count)
{
    struct str rest = text, word = text;

    while (count-- > 0 && word_next(&rest, &word))
        ;
    return str_between(text.ptr, word.ptr + word.len);
}

/* The payload numbers of an m= line: behind media, port and profile. */
static struct str formats_of(const struct sdp_stream *stream)
{
    struct str rest = stream->section, line, word;

    if (!line_next(&rest, &line))
        return STR("");
    rest = str_trim(line);
    for (unsigned i = 0; i < 3; i++)
        if (!word_next(&rest, &word))
            return STR("");
    return limit_words(str_trim(rest), FORMATS_MAX);
}

static bool is_rtp(const struct sdp_stream *stream)
{
    return str_find(stream->proto, STR("RTP/")) != NULL;
}

/* ---- what a number is called ---- */

/* "a=NAME:NUMBER …": true when it is of this number; *value is what follows. */
static bool tells_of(struct str line, struct str number, struct str *value)
{
    static const struct str names[] = { STR_INIT("a=rtpmap:"), STR_INIT("a=fmtp:"), STR_INIT("a=rtcp-fb:") };

    for (unsigned i = 0; i < 3; i++)
        if (str_starts(line, names[i])) {
            struct str rest = str_skip(line, names[i].len), word;
            bool is_meant = word_next(&rest, &word) && str_eq(word, number);
            *value = i == 0 ? str_trim(rest) : STR("");
            return is_meant;
        }
    return false;
}

static bool static_is(struct str number, struct str name)
{
    for (size_t i = 0; i < sizeof static_payloads / sizeof static_payloads[0]; i++)
        if (str_eq(static_payloads[i].number, number) && str_ieq(static_payloads[i].name, name))
            return true;
    return false;
}

/* What rtpmap says goes before what the number means by itself. */
static bool is_called(const struct sdp_stream *stream, struct str number, struct str name)
{
    struct str rest = stream->section, line, value, head, tail;

    while (line_next(&rest, &line))
        if (tells_of(line, number, &value) && value.len)
            return str_ieq(str_split(value, '/', &head, &tail) ? head : value, name);
    return static_is(number, name);
}

static bool is_listed(const struct sdp_stream *stream, struct str number, const struct codec_choice *choice)
{
    struct str list = choice->list, item;

    while (item_next(&list, &item))
        if (choice->is_by_name ? is_called(stream, number, item) : str_eq(number, item))
            return true;
    return false;
}

/* ---- asking ---- */

static bool has_item(const struct sdp_stream *stream, struct str item, bool is_by_name)
{
    const struct codec_choice one = { .list = item, .is_by_name = is_by_name };
    struct str formats = formats_of(stream), number;

    while (word_next(&formats, &number))
        if (is_listed(stream, number, &one))
            return true;
    return false;
}

static bool is_static_name(struct str name)
{
    for (size_t i = 0; i < sizeof static_payloads / sizeof static_payloads[0]; i++)
        if (str_ieq(static_payloads[i].name, name))
            return true;
    return false;
}

static bool is_known(const struct sdp *sdp, struct str name)
{
    bool is_known = is_static_name(name);

    for (unsigned i = 0; i < sdp->stream_count && !is_known; i++)
        is_known = has_item(&sdp->streams[i], name, true);
    return is_known;
}

bool codecs_know_name(const struct sdp *sdp, const struct codec_choice *choice)
{
    struct str list = choice->list, item;

    while (item_next(&list, &item))
        if (is_known(sdp, item))
            return true;
    return false;
}

/* Names that nobody knows do not count. */
enum codec_match codecs_match(const struct sdp *sdp, const struct codec_choice *choice)
{
    struct str list = choice->list, item;
    unsigned found = 0, wanted = 0;

    while (item_next(&list, &item))
        for (unsigned i = 0; i < sdp->stream_count; i++) {
            if (choice->is_by_name && !is_known(sdp, item))
                continue;
            found += has_item(&sdp->streams[i], item, choice->is_by_name);
            wanted++;
        }
    return found == 0 ? CODECS_NONE : found < wanted ? CODECS_SOME : CODECS_ALL;
}

/* ---- writing ---- */

struct removal {
    const struct sdp_stream *stream;
    const struct codec_choice *choice;
    bool keeps;
};

static bool goes(const struct removal *removal, struct str number)
{
    return is_listed(removal->stream, number, removal->choice) != removal->keeps;
}

static unsigned count_left(const struct removal *removal, unsigned *all)
{
    struct str formats = formats_of(removal->stream), number;
    unsigned left = 0;

    for (*all = 0; word_next(&formats, &number); (*all)++)
        left += !goes(removal, number);
    return left;
}

static bool line_goes(const struct removal *removal, struct str line)
{
    struct str formats = formats_of(removal->stream), number, value;

    while (word_next(&formats, &number))
        if (tells_of(line, number, &value))
            return goes(removal, number);
    return false;
}

static void write_formats(struct writer *w, const struct removal *removal, struct str line)
{
    struct str formats = formats_of(removal->stream), number;
    const char *formats_end = formats.ptr + formats.len;

    write_str(w, str_trim(str_between(line.ptr, formats.ptr)));
    while (word_next(&formats, &number))
        if (!goes(removal, number)) {
            write_char(w, ' ');
            write_str(w, number);
        }
    write_str(w, str_skip(line, (size_t)(formats_end - line.ptr)));
}

static void write_reduced(struct writer *w, const struct removal *removal)
{
    struct str rest = removal->stream->section, line;

    if (line_next(&rest, &line))
        write_formats(w, removal, line);
    while (line_next(&rest, &line))
        if (!line_goes(removal, line))
            write_str(w, line);
}

static void write_refused(struct writer *w, const struct sdp_stream *stream)
{
    struct str section = stream->section;

    write_str(w, str_between(section.ptr, stream->port_text.ptr));
    write_char(w, '0');
    write_str(w, str_between(stream->port_text.ptr + stream->port_text.len, section.ptr + section.len));
}

static void write_stream(struct writer *w, const struct removal *removal)
{
    const struct sdp_stream *stream = removal->stream;
    struct str media = removal->choice->media;
    unsigned all, left = count_left(removal, &all);

    if (!is_rtp(stream) || left == all || (media.len && !str_ieq(media, stream->media)))
        write_str(w, stream->section);
    else if (left == 0)
        write_refused(w, stream);
    else
        write_reduced(w, removal);
}

void codecs_write(struct writer *w, const struct sdp *sdp, const struct codec_choice *choice, bool keeps)
{
    const char *start = sdp->text.ptr;
    const char *streams = sdp->stream_count ? sdp->streams[0].section.ptr : start + sdp->text.len;

    write_str(w, str_between(start, streams));
    for (unsigned i = 0; i < sdp->stream_count; i++)
        write_stream(w, &(struct removal){ &sdp->streams[i], choice, keeps });
}
