/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/subst.h>

enum {
    PIECES_MAX = 20,
    ALWAYS_LITERAL = -1,
    REASON_MAX = 128,
};

/* A part of the replacement. */
struct piece {
    int group;                   /* ALWAYS_LITERAL: not a group */
    struct str text;             /* literal */
    const struct format *format; /* literal with variables in it; NULL: none */
};

struct subst {
    struct regex *regex;
    struct piece pieces[PIECES_MAX];
    unsigned piece_count;
    bool is_global;
};

/* One being compiled. */
struct compiling {
    const struct script_place *place; /* NULL: variables are plain text */
    struct arena *arena;
    struct subst *subst;
    struct writer why;
};

/* ---- compiling ---- */

/* Everything up to the next separator that no backslash escapes; false when there is none. */
static bool take_part(struct str *rest, char separator, struct str *out)
{
    for (size_t i = 0; i < rest->len; i++) {
        if (rest->ptr[i] == '\\') {
            i++;
        } else if (rest->ptr[i] == separator) {
            *out = (struct str){ rest->ptr, i };
            *rest = str_skip(*rest, i + 1);
            return true;
        }
    }
    return false;
}

/* The expression without the backslashes that only protect the separator. */
static enum err unprotect(struct arena *arena, struct str text, char separator, struct str *out)
{
    char *bytes = arena_alloc(arena, text.len + 1);
    size_t used = 0;

    if (!bytes)
        return ERR_NOMEM;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\' && i + 1 < text.len && text.ptr[i + 1] == separator)
            i++;
        bytes[used++] = text.ptr[i];
    }
    *out = (struct str){ bytes, used };
    return ERR_NONE;
}

static enum err add_literal(struct compiling *c, struct str text)
{
    struct subst *subst = c->subst;
    struct piece *piece = &subst->pieces[subst->piece_count];
    enum err err;

    if (str_is_empty(text))
        return ERR_NONE;
    if (subst->piece_count == PIECES_MAX)
        return ERR_LIMIT;
    *piece = (struct piece){ .group = ALWAYS_LITERAL };
    err = str_copy(c->arena, text, &piece->text);
    if (!err && c->place && str_find_char(text, '$'))
        err = script_place_format(c->place, piece->text, &piece->format);
    if (!err)
        subst->piece_count++;
    return err;
}

static enum err add_group(struct subst *subst, int group)
{
    if (subst->piece_count == PIECES_MAX)
        return ERR_LIMIT;
    subst->pieces[subst->piece_count++] = (struct piece){ .group = group };
    return ERR_NONE;
}

static struct str escaped(const char *at)
{
    switch (*at) {
    case 'n':
        return STR("\n");
    case 'r':
        return STR("\r");
    case 't':
        return STR("\t");
    default:
        return (struct str){ at, 1 };
    }
}

/* replacement = *( "\" digit / "\" character / text ) */
static enum err parse_replacement(struct compiling *c, struct str text)
{
    enum err err = ERR_NONE;

    while (!err && !str_is_empty(text)) {
        const char *slash = str_find_char(text, '\\');
        const char *end = text.ptr + text.len;
        if (!slash || slash + 1 == end)
            return add_literal(c, text);
        err = add_literal(c, str_between(text.ptr, slash));
        if (err)
            return err;
        err = slash[1] >= '0' && slash[1] <= '9' ? add_group(c->subst, slash[1] - '0')
                                                 : add_literal(c, escaped(slash + 1));
        text = str_between(slash + 2, end);
    }
    return err;
}

static bool parse_flags(struct str flags, struct subst *subst, unsigned *regex_flags)
{
    *regex_flags = REGEX_CASE | REGEX_NEWLINE;
    for (size_t i = 0; i < flags.len; i++) {
        switch (flags.ptr[i]) {
        case 'i':
            *regex_flags &= ~(unsigned)REGEX_CASE;
            break;
        case 's':
            *regex_flags &= ~(unsigned)REGEX_NEWLINE;
            break;
        case 'g':
            subst->is_global = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

static enum err fail(struct compiling *c, const char *why)
{
    write_str(&c->why, str_of(why));
    return ERR_SYNTAX;
}

static void release(void *subst)
{
    regex_destroy(((struct subst *)subst)->regex);
}

static enum err compile(struct compiling *c, struct str text)
{
    struct str rest = text.len ? str_skip(text, 1) : text, expression, replacement;
    char separator = text.len ? text.ptr[0] : '/';
    unsigned flags;
    enum err err;

    if (!take_part(&rest, separator, &expression) || !take_part(&rest, separator, &replacement))
        return fail(c, "it has no three parts");
    if (!parse_flags(rest, c->subst, &flags))
        return fail(c, "flags are i, g and s");
    err = unprotect(c->arena, expression, separator, &expression);
    if (!err)
        err = parse_replacement(c, replacement);
    if (err)
        return fail(c, err_name(err));
    err = regex_compile(expression, flags, &c->subst->regex, c->why.at, (size_t)(c->why.end - c->why.at));
    return err ? err : arena_at_end(c->arena, release, c->subst);
}

static enum err compile_in(struct arena *arena, const struct script_place *place, struct str text,
                           const struct subst **out, char *why, size_t why_size)
{
    struct compiling c = { place, arena, arena_zalloc(arena, sizeof *c.subst), writer_over(why, why_size - 1) };
    enum err err;

    memset(why, 0, why_size);
    if (!c.subst)
        return ERR_NOMEM;
    err = compile(&c, text);
    if (!err)
        *out = c.subst;
    return err;
}

enum err subst_compile(struct arena *arena, struct str text, const struct subst **out, char *why,
                       size_t why_size)
{
    return compile_in(arena, NULL, text, out, why, why_size);
}

enum err script_place_subst(const struct script_place *place, struct str text,
                            const struct subst **out)
{
    char why[REASON_MAX];
    enum err err = compile_in(script_place_arena(place), place, text, out, why, sizeof why);

    if (err)
        script_complain(place, "\"" STR_FMT "\": %s; write /expression/replacement/flags", STR_ARG(text), why);
    return err;
}

/* ---- replacing ---- */

/* Variables bring no line ends into a head. */
static bool may_be_written(const struct run *run, struct str replaced, struct str text)
{
    const struct sip_msg *msg = run->msg;
    bool is_in_head = msg && replaced.ptr >= msg->head.ptr && replaced.ptr < msg->head.ptr + msg->head.len;

    return !is_in_head || !str_has_line_break(text);
}

static enum err write_replacement(struct writer *w, struct run *run, const struct subst *subst,
                                  const struct str groups[REGEX_GROUPS])
{
    for (unsigned i = 0; i < subst->piece_count; i++) {
        const struct piece *piece = &subst->pieces[i];
        struct str text = piece->group >= 0 ? groups[piece->group] : piece->text;
        enum err err = piece->format ? format_text(run, piece->format, &text) : ERR_NONE;

        if (err)
            return err;
        if (piece->format && !may_be_written(run, groups[0], text))
            return ERR_SYNTAX;
        write_str(w, text);
    }
    return ERR_NONE;
}

/* A match to the end of a line leaves the CR before the newline where it is. */
static void leave_line_end(struct str *match, struct str text)
{
    const char *end = match->ptr + match->len;

    if (match->len && end < text.ptr + text.len && end[-1] == '\r' && *end == '\n')
        match->len--;
}

enum err subst_each(struct run *run, const struct subst *subst, struct str text,
                           subst_replaced_fn *replaced, void *context)
{
    struct str groups[REGEX_GROUPS];
    enum err err = ERR_NOT_FOUND;

    while (regex_match(subst->regex, text, groups)) {
        char buffer[SUBST_TEXT_MAX];
        struct writer w = writer_over(buffer, sizeof buffer);
        const char *end = groups[0].ptr + groups[0].len;
        struct str replacement;

        if (!groups[0].len)
            return ERR_UNSUPPORTED;
        for (unsigned i = 0; i < REGEX_GROUPS; i++)
            leave_line_end(&groups[i], text);
        err = write_replacement(&w, run, subst, groups);
        if (!err)
            err = writer_finish(&w, &replacement);
        if (!err)
            err = replaced(context, groups[0], replacement);
        if (err || !subst->is_global)
            return err;
        if (end >= text.ptr + text.len)
            return ERR_NONE;
        text = str_between(end, text.ptr + text.len);
    }
    return err == ERR_NOT_FOUND ? err : ERR_NONE;
}

/* ---- a text with replacements ---- */

/* A text being copied with replacements. */
struct rewriting {
    struct writer w;
    const char *at; /* what lies before it is written */
};

static enum err replace_in_copy(void *context, struct str old, struct str replacement)
{
    struct rewriting *rewriting = context;

    write_str(&rewriting->w, str_between(rewriting->at, old.ptr));
    write_str(&rewriting->w, replacement);
    rewriting->at = old.ptr + old.len;
    return ERR_NONE;
}

enum err subst_text(struct run *run, const struct subst *subst, struct str text, struct str *out)
{
    char buffer[SUBST_TEXT_MAX];
    struct rewriting rewriting = { writer_over(buffer, sizeof buffer), text.ptr };
    enum err err = subst_each(run, subst, text, replace_in_copy, &rewriting);

    if (err)
        return err;
    write_str(&rewriting.w, str_between(rewriting.at, text.ptr + text.len));
    err = writer_finish(&rewriting.w, out);
    return err ? err : str_copy(run->arena, *out, out);
}
