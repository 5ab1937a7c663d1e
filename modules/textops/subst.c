/* SPDX-License-Identifier: Apache-2.0 */
/*
 * '/expression/replacement/flags': the separator may be any character; \0 to \9 in the replacement
 * are groups, variables are expanded. Flags: i ignores case, g replaces all, s lets '.' match a
 * newline.
 */
#include "textops.h"

enum {
    PIECES_MAX = 20,
    REASON_MAX = 128,
    TEXT_MAX = 4096,
    ALWAYS_LITERAL = -1,
};

/* A part of the replacement. */
struct piece {
    int group;                   /* ALWAYS_LITERAL: not a group */
    struct str text;             /* literal */
    const struct format *format; /* literal with variables in it; NULL: none */
};

struct subst {
    struct subst *next;
    struct regex *regex;
    struct piece pieces[PIECES_MAX];
    unsigned piece_count;
    bool is_global;
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

static enum err add_literal(struct module *module, struct subst *subst, struct str text)
{
    struct piece *piece = &subst->pieces[subst->piece_count];
    enum err err;

    if (str_is_empty(text))
        return ERR_NONE;
    if (subst->piece_count == PIECES_MAX)
        return ERR_LIMIT;
    *piece = (struct piece){ .group = ALWAYS_LITERAL };
    err = str_copy(module_arena(module), text, &piece->text);
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
static enum err parse_replacement(struct module *module, struct subst *subst, struct str text)
{
    enum err err = ERR_NONE;

    while (!err && !str_is_empty(text)) {
        const char *slash = str_find_char(text, '\\');
        const char *end = text.ptr + text.len;
        if (!slash || slash + 1 == end)
            return add_literal(module, subst, text);
        err = add_literal(module, subst, str_between(text.ptr, slash));
        if (err)
            return err;
        err = slash[1] >= '0' && slash[1] <= '9' ? add_group(subst, slash[1] - '0')
                                                 : add_literal(module, subst, escaped(slash + 1));
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

static enum err complain(const struct script_place *place, struct str text, const char *why)
{
    script_complain(place, "\"" STR_FMT "\": %s; write /expression/replacement/flags",
                    STR_ARG(text), why);
    return ERR_SYNTAX;
}

static enum err compile(struct module *module, struct subst *subst, struct str text,
                        const struct script_place *place)
{
    struct str rest = text.len ? str_skip(text, 1) : text, expression, replacement;
    char separator = text.len ? text.ptr[0] : '/', why[REASON_MAX];
    unsigned flags;
    enum err err;

    if (!take_part(&rest, separator, &expression) || !take_part(&rest, separator, &replacement))
        return complain(place, text, "it has no three parts");
    if (!parse_flags(rest, subst, &flags))
        return complain(place, text, "flags are i, g and s");
    err = unprotect(module_arena(module), expression, separator, &expression);
    if (!err)
        err = parse_replacement(module, subst, replacement);
    if (err)
        return complain(place, text, err_name(err));
    if (regex_compile(expression, flags, &subst->regex, why, sizeof why))
        return complain(place, text, why);
    return ERR_NONE;
}

enum err subst_prepare(struct module *module, unsigned index, struct str text,
                       const struct script_place *place, const void **out)
{
    struct textops *textops = module_state(module);
    struct subst *subst = arena_zalloc(module_arena(module), sizeof *subst);
    enum err err;

    (void)index;
    if (!subst)
        return ERR_NOMEM;
    err = compile(module, subst, text, place);
    if (err)
        return err;
    subst->next = textops->substs;
    textops->substs = subst;
    *out = subst;
    return ERR_NONE;
}

/* Variables can only be looked up once the script is complete. */
static enum err find_variables(struct module *module, struct piece *piece)
{
    if (piece->group >= 0 || !str_find_char(piece->text, '$'))
        return ERR_NONE;
    return module_format(module, piece->text, &piece->format);
}

enum err subst_find_variables(struct module *module)
{
    struct textops *textops = module_state(module);
    enum err err = ERR_NONE;

    for (struct subst *subst = textops->substs; subst; subst = subst->next) {
        for (unsigned i = 0; !err && i < subst->piece_count; i++)
            err = find_variables(module, &subst->pieces[i]);
    }
    return err;
}

void subst_destroy_all(struct textops *textops)
{
    for (struct subst *subst = textops->substs; subst; subst = subst->next)
        regex_destroy(subst->regex);
    textops->substs = NULL;
}

/* ---- replacing ---- */

static enum err write_replacement(struct writer *w, struct run *run, const struct subst *subst,
                                  const struct str groups[REGEX_GROUPS])
{
    for (unsigned i = 0; i < subst->piece_count; i++) {
        const struct piece *piece = &subst->pieces[i];
        struct str text = piece->group >= 0 ? groups[piece->group] : piece->text;
        enum err err = piece->format ? format_text(run, piece->format, &text) : ERR_NONE;

        if (err)
            return err;
        write_str(w, text);
    }
    return ERR_NONE;
}

/* One part of a text that is replaced. */
typedef enum err replaced_fn(void *context, struct str old, struct str replacement);

/* A match to the end of a line leaves the CR before the newline where it is. */
static void leave_line_end(struct str *match, struct str text)
{
    const char *end = match->ptr + match->len;

    if (match->len && end < text.ptr + text.len && end[-1] == '\r' && *end == '\n')
        match->len--;
}

/* Calls `replaced` for each match. ERR_NOT_FOUND: there was none. */
static enum err each_match(struct run *run, const struct subst *subst, struct str text,
                           replaced_fn *replaced, void *context)
{
    struct str groups[REGEX_GROUPS];
    enum err err = ERR_NOT_FOUND;

    while (regex_match(subst->regex, text, groups)) {
        char buffer[TEXT_MAX];
        struct writer w = writer_over(buffer, sizeof buffer);
        const char *end = groups[0].ptr + groups[0].len;
        struct str replacement;

        for (unsigned i = 0; i < REGEX_GROUPS; i++)
            leave_line_end(&groups[i], text);
        err = write_replacement(&w, run, subst, groups);
        if (!err)
            err = writer_finish(&w, &replacement);
        if (!err)
            err = replaced(context, groups[0], replacement);
        if (err || !subst->is_global)
            return err;
        end += groups[0].len == 0;
        if (end >= text.ptr + text.len)
            return ERR_NONE;
        text = str_between(end, text.ptr + text.len);
    }
    return err == ERR_NOT_FOUND ? err : ERR_NONE;
}

static enum err replace_in_message(void *context, struct str old, struct str replacement)
{
    return edit_replace(context, old, replacement);
}

static enum verdict subst_in(struct call *call, struct str text)
{
    return verdict_of(
        each_match(call->run, call->args[0].object, text, replace_in_message, call->run));
}

enum verdict textops_subst(struct call *call)
{
    return subst_in(call, text_behind_start_line(call->run->msg));
}

enum verdict textops_subst_body(struct call *call)
{
    return subst_in(call, call->run->msg->body);
}

/* subst_hf(name, subst, which): a all, f the first, l the last header of that name. */
enum verdict textops_subst_hf(struct call *call)
{
    struct run *run = call->run;
    struct str which = call_text(call, 2);
    const struct sip_hdr *hdr = NULL, *next;
    enum verdict verdict = VERDICT_FALSE;

    for (hdr = sip_msg_find_name(run->msg, call_text(call, 0), NULL); hdr; hdr = next) {
        next = sip_msg_find_name(run->msg, call_text(call, 0), hdr);
        if (str_ieq(which, STR("l")) && next)
            continue;
        if (!each_match(run, call->args[1].object, hdr->value, replace_in_message, run))
            verdict = VERDICT_TRUE;
        if (str_ieq(which, STR("f")))
            break;
    }
    return verdict;
}

/* ---- in the Request-URI ---- */

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

static enum err rewrite(struct call *call, struct str text, struct str *out)
{
    char buffer[TEXT_MAX];
    struct rewriting rewriting = { writer_over(buffer, sizeof buffer), text.ptr };
    enum err err = each_match(call->run, call->args[0].object, text, replace_in_copy, &rewriting);

    if (err)
        return err;
    write_str(&rewriting.w, str_between(rewriting.at, text.ptr + text.len));
    err = writer_finish(&rewriting.w, out);
    return err ? err : str_copy(call->run->arena, *out, out);
}

enum verdict textops_subst_uri(struct call *call)
{
    struct str uri;
    enum err err = rewrite(call, run_target(call->run)->uri, &uri);

    return verdict_of(err ? err : run_set_uri(call->run, uri));
}

enum verdict textops_subst_user(struct call *call)
{
    char buffer[TEXT_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_uri uri;
    struct str text;

    if (sip_uri_parse(run_target(call->run)->uri, &uri) || rewrite(call, uri.user, &uri.user))
        return VERDICT_FALSE;
    sip_uri_write(&w, &uri);
    return writer_finish(&w, &text) ? VERDICT_ERROR : verdict_of(run_set_uri(call->run, text));
}
