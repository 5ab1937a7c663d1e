/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/splice.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool ends_in_line_end(const struct writer *w)
{
    return w->at - w->start >= 2 && w->at[-2] == '\r' && w->at[-1] == '\n';
}

static struct str skip_line_end(struct str text)
{
    if (str_starts(text, STR("\r\n")))
        return str_skip(text, 2);
    return str_starts(text, STR("\n")) ? str_skip(text, 1) : text;
}

/*
 * Where pieces meet, an edit may have left a line end behind a line end, which would end the head,
 * or a blank behind one, which would be a fold: the first is left out, the second joins the lines.
 */
static struct str mend_seam(struct writer *w, struct str text)
{
    if (w->has_overflowed || !ends_in_line_end(w))
        return text;
    text = skip_line_end(text);
    if (text.len > 0 && is_blank(text.ptr[0]))
        w->at -= 2;
    return text;
}

static struct str trim_blanks_right(struct str text)
{
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

static struct str skip_blanks(struct str text)
{
    while (text.len > 0 && is_blank(text.ptr[0]))
        text = str_skip(text, 1);
    return text;
}

/* One received line with its line end, or what is left of one without. */
static struct str write_line(struct writer *w, struct str text)
{
    struct str line;
    struct str rest;

    if (!str_split(text, '\n', &line, &rest)) {
        write_str(w, text);
        return str_skip(text, text.len);
    }
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (rest.len > 0 && is_blank(rest.ptr[0])) {
        write_str(w, trim_blanks_right(line));
        write_char(w, ' ');
        return skip_blanks(rest);
    }
    write_str(w, line);
    write_str(w, STR("\r\n"));
    return rest;
}

void sip_write_head_text(struct writer *w, struct str text, bool is_canonical)
{
    text = mend_seam(w, text);
    if (is_canonical) {
        write_str(w, text);
        return;
    }
    while (text.len > 0)
        text = write_line(w, text);
}

void sip_write_value(struct writer *w, struct str value)
{
    if (!str_find_char(value, '\n')) {
        write_str(w, value);
        return;
    }
    while (value.len > 0)
        value = write_line(w, value);
}

/* The text up to the parameters, without the ';' and the blanks before it. */
static struct str before_params(struct str value, struct str params)
{
    if (params.len == 0)
        return value;
    value = str_trim(str_between(value.ptr, params.ptr));
    value.len--;
    return str_trim(value);
}

void sip_write_without(struct writer *w, struct str value, struct str params,
                       bool (*is_left_out)(struct str name))
{
    struct sip_param param;

    sip_write_value(w, before_params(value, params));
    while (sip_param_next(&params, &param)) {
        if (is_left_out(param.name))
            continue;
        write_char(w, ';');
        write_str(w, param.name);
        if (param.has_value) {
            write_char(w, '=');
            sip_write_value(w, param.value);
        }
    }
}

void sip_write_line(struct writer *w, struct str name, struct str value)
{
    write_str(w, name);
    write_str(w, STR(": "));
    sip_write_value(w, value);
    write_str(w, STR("\r\n"));
}
