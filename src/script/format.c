/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with variables in them: "$fu called $ru" becomes pieces, pieces become text. */
#include "script/report.h"
#include "script/variable.h"

enum {
    PIECES_MAX = 256,
};

struct pieces {
    struct unit *unit;
    struct format_piece *items;
    unsigned count;
};

static struct format_piece *add_piece(struct pieces *pieces)
{
    struct unit *unit = pieces->unit;

    if (!unit_reserve(unit, unit->keep, &pieces->items, pieces->count, sizeof *pieces->items))
        return NULL;
    return &pieces->items[pieces->count++];
}

/* Does a variable begin here? A '$' in front of anything else is a '$'. */
static bool starts_variable(struct str s)
{
    char c = s.len > 1 ? s.ptr[1] : '\0';

    return s.len > 1 && s.ptr[0] == '$' &&
           ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '(' || c == '?' ||
            c == '$');
}

static size_t plain_length(struct str s)
{
    size_t len = 0;

    while (len < s.len && !starts_variable(str_skip(s, len)))
        len++;
    return len;
}

/* piece = plain text | variable */
static bool read_piece(struct pieces *pieces, struct span span, struct str *rest)
{
    struct format_piece *piece = add_piece(pieces);
    size_t len = plain_length(*rest);

    if (!piece)
        return false;
    if (len) {
        piece->text = unit_copy(pieces->unit, pieces->unit->keep, (struct str){ rest->ptr, len });
        *rest = str_skip(*rest, len);
        return true;
    }
    piece->variable = variable_read(pieces->unit, span, rest, 1);
    return piece->variable;
}

static bool read_pieces(struct pieces *pieces, struct span span, struct str text)
{
    while (text.len) {
        if (pieces->count == PIECES_MAX) {
            report_error(pieces->unit, span, "this text has more than %d pieces", PIECES_MAX);
            return false;
        }
        if (!read_piece(pieces, span, &text))
            return false;
    }
    return true;
}

const struct format *format_compile(struct unit *unit, struct span span, struct str text)
{
    struct format *format = unit_alloc(unit, unit->keep, sizeof *format);
    struct pieces pieces = { .unit = unit };

    if (unit->format_depth >= FORMAT_DEPTH_MAX) {
        report_error(unit, span, "variables are nested too deep");
        return NULL;
    }
    unit->format_depth++;
    if (!format || !read_pieces(&pieces, span, text))
        format = NULL;
    unit->format_depth--;
    if (!format)
        return NULL;
    format->pieces = pieces.items;
    format->piece_count = pieces.count;
    format->text = unit_copy(unit, unit->keep, text);
    return format;
}

bool format_is_constant(const struct format *format)
{
    for (unsigned i = 0; i < format->piece_count; i++)
        if (format->pieces[i].variable)
            return false;
    return true;
}

/* What is not there is shown as such; what cannot be computed, as nothing. */
static enum err piece_text(struct run *run, const struct format_piece *piece, struct str *out)
{
    struct value value;

    if (!piece->variable) {
        *out = piece->text;
        return ERR_NONE;
    }
    *out = STR("");
    if (variable_get(run, piece->variable, &value))
        return ERR_NONE;
    if (!value_is_null(&value))
        return value_to_str(run->arena, &value, out);
    *out = STR("<null>");
    return ERR_NONE;
}

static enum err join_texts(struct arena *arena, const struct str *texts, unsigned count,
                           struct str *out)
{
    size_t len = 0;
    char *bytes;

    for (unsigned i = 0; i < count; i++)
        len += texts[i].len;
    bytes = arena_alloc(arena, len);
    if (!bytes)
        return ERR_NOMEM;
    *out = (struct str){ bytes, len };
    for (unsigned i = 0; i < count; i++) {
        if (texts[i].len)
            memcpy(bytes, texts[i].ptr, texts[i].len);
        bytes += texts[i].len;
    }
    return ERR_NONE;
}

bool text_ends_line(struct str text)
{
    return text.len && text.ptr[text.len - 1] == '\n';
}

/* "X-A: $var(a)\r\n": no line ends within $var(a); "$var(lines)": whole lines. */
static bool stay_in_lines(const struct format *format, const struct str *texts)
{
    bool is_at_start = true;

    for (unsigned i = 0; i < format->piece_count; i++) {
        bool is_whole = is_at_start && text_ends_line(texts[i]);

        if (format->pieces[i].variable && !is_whole && str_has_line_break(texts[i]))
            return false;
        if (texts[i].len)
            is_at_start = text_ends_line(texts[i]);
    }
    return true;
}

static enum err make_text(struct run *run, const struct format *format, bool is_lines,
                          struct str *out)
{
    struct str texts[PIECES_MAX];
    enum err err = ERR_NONE;

    if (format->piece_count == 0) {
        *out = STR("");
        return ERR_NONE;
    }
    for (unsigned i = 0; i < format->piece_count && !err; i++)
        err = piece_text(run, &format->pieces[i], &texts[i]);
    if (err)
        return err;
    if (is_lines && !stay_in_lines(format, texts))
        return ERR_SYNTAX;
    if (format->piece_count > 1)
        return join_texts(run->arena, texts, format->piece_count, out);
    *out = texts[0];
    return ERR_NONE;
}

enum err format_text(struct run *run, const struct format *format, struct str *out)
{
    return make_text(run, format, false, out);
}

enum err format_lines(struct run *run, const struct format *format, struct str *out)
{
    return make_text(run, format, true, out);
}

/* ---- for modules ---- */

enum err script_format(const struct script_host *host, enum script_dialect dialect,
                       struct arena *arena, struct str text, const struct format **out)
{
    struct unit unit;
    const struct format *format;

    unit_init(&unit, host, dialect_of(dialect), arena);
    format = format_compile(&unit, (struct span){ 0 }, text);
    unit_fini(&unit);
    if (!format)
        return unit.is_out_of_memory ? ERR_NOMEM : ERR_SYNTAX;
    *out = format;
    return ERR_NONE;
}

enum err script_variable(const struct script_host *host, enum script_dialect dialect,
                         struct arena *arena, struct str text, const struct variable_ref **out)
{
    struct unit unit;
    const struct variable_ref *ref;

    unit_init(&unit, host, dialect_of(dialect), arena);
    ref = variable_compile(&unit, (struct span){ 0 }, text);
    unit_fini(&unit);
    if (!ref)
        return unit.is_out_of_memory ? ERR_NOMEM : ERR_SYNTAX;
    *out = ref;
    return ERR_NONE;
}
