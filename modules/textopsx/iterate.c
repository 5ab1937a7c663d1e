/* SPDX-License-Identifier: Apache-2.0 */
/* Walking over headers and over lines of the body, by iterators that scripts give names to. */
#include "textopsx.h"

enum kind {
    OVER_HEADERS,
    OVER_LINES,
};

enum {
    ITERATORS_MAX = 32, /* of one request */
};

/* Kept by number and offset: the message may be another one the next time. */
struct iterator {
    struct iterator *next;
    struct str name;
    enum kind kind;
    bool is_on;     /* there is a current one */
    unsigned index; /* of the next header */
    size_t offset;  /* of the next line */
    size_t length;  /* of the current line */
};

static struct iterator **list_of(const struct run *run, const struct module *module)
{
    const struct textopsx *state = module_state(module);

    return (struct iterator **)&run->request->slots[state->slot];
}

static struct iterator *find(const struct run *run, const struct module *module, struct str name,
                             enum kind kind)
{
    struct iterator *iterator = *list_of(run, module);

    while (iterator && (iterator->kind != kind || !str_eq(iterator->name, name)))
        iterator = iterator->next;
    return iterator;
}

static struct iterator *find_arg(const struct call *call, enum kind kind)
{
    return find(call->run, call->module, call->args[0].value.text, kind);
}

static struct iterator *add(struct call *call, enum kind kind)
{
    struct iterator **list = list_of(call->run, call->module);
    struct arena *arena = &call->run->request->arena;
    struct iterator *iterator;
    unsigned count = 0;

    for (iterator = *list; iterator; iterator = iterator->next)
        count++;
    iterator = count < ITERATORS_MAX ? arena_zalloc(arena, sizeof *iterator) : NULL;
    if (!iterator || str_copy(arena, call->args[0].value.text, &iterator->name))
        return NULL;
    iterator->kind = kind;
    iterator->next = *list;
    return *list = iterator;
}

static enum verdict start(struct call *call, enum kind kind)
{
    struct iterator *iterator = find_arg(call, kind);

    if (!iterator && !(iterator = add(call, kind)))
        return VERDICT_ERROR;
    iterator->is_on = false;
    iterator->index = 0;
    iterator->offset = iterator->length = 0;
    return VERDICT_TRUE;
}

/* Its memory is the request's: ended, it stays for the next one of the name. */
static enum verdict end(struct call *call, enum kind kind)
{
    struct iterator *iterator = find_arg(call, kind);

    if (!iterator)
        return VERDICT_FALSE;
    iterator->is_on = false;
    iterator->index = UINT32_MAX;
    iterator->offset = SIZE_MAX;
    return VERDICT_TRUE;
}

static enum verdict change(struct call *call, const char *at, size_t cut)
{
    struct run *run = call->run;
    struct str text = STR("");

    if (!at || (call->arg_count > 1 && str_copy(run->arena, call->args[1].value.text, &text)))
        return VERDICT_ERROR;
    if (call->arg_count > 1)
        return verdict_of(sip_edit_insert(run->edits, run->msg, at, text));
    return verdict_of(sip_edit_replace(run->edits, run->msg, (struct str){ at, cut }, text));
}

/* ---- headers ---- */

static const struct sip_hdr *current_header(const struct run *run, const struct iterator *iterator)
{
    if (!iterator || !iterator->is_on || iterator->index > run->msg->hdr_count)
        return NULL;
    return &run->msg->hdrs[iterator->index - 1];
}

static const struct sip_hdr *header_of(const struct call *call)
{
    return current_header(call->run, find_arg(call, OVER_HEADERS));
}

enum verdict textopsx_hf_start(struct call *call)
{
    return start(call, OVER_HEADERS);
}

enum verdict textopsx_hf_next(struct call *call)
{
    struct iterator *iterator = find_arg(call, OVER_HEADERS);

    if (!iterator)
        return VERDICT_FALSE;
    iterator->is_on = iterator->index < call->run->msg->hdr_count;
    iterator->index += iterator->is_on;
    return verdict_if(iterator->is_on);
}

enum verdict textopsx_hf_end(struct call *call)
{
    return end(call, OVER_HEADERS);
}

enum verdict textopsx_hf_rm(struct call *call)
{
    const struct sip_hdr *hdr = header_of(call);

    return change(call, hdr ? hdr->line.ptr : NULL, hdr ? hdr->line.len : 0);
}

enum verdict textopsx_hf_append(struct call *call)
{
    const struct sip_hdr *hdr = header_of(call);

    return change(call, hdr ? hdr->line.ptr + hdr->line.len : NULL, 0);
}

enum verdict textopsx_hf_insert(struct call *call)
{
    const struct sip_hdr *hdr = header_of(call);

    return change(call, hdr ? hdr->line.ptr : NULL, 0);
}

static enum err give(const struct str *text, struct value *out)
{
    *out = text ? value_of_str(*text) : value_null();
    return ERR_NONE;
}

enum err textopsx_get_hfitname(const struct variable_use *use, struct value *out)
{
    const struct sip_hdr *hdr =
        current_header(use->run, find(use->run, use->module, use->inner, OVER_HEADERS));

    return give(hdr ? &hdr->name : NULL, out);
}

enum err textopsx_get_hfitbody(const struct variable_use *use, struct value *out)
{
    const struct sip_hdr *hdr =
        current_header(use->run, find(use->run, use->module, use->inner, OVER_HEADERS));

    return give(hdr ? &hdr->value : NULL, out);
}

/* ---- lines of the body ---- */

/* With its line end; ptr NULL: there is none. */
static struct str current_line(const struct run *run, const struct iterator *iterator)
{
    struct str body = run->msg->body;

    if (!iterator || !iterator->is_on || iterator->offset > body.len)
        return (struct str){ 0 };
    return (struct str){ body.ptr + iterator->offset - iterator->length, iterator->length };
}

static struct str line_of(const struct call *call)
{
    return current_line(call->run, find_arg(call, OVER_LINES));
}

enum verdict textopsx_bl_start(struct call *call)
{
    return start(call, OVER_LINES);
}

enum verdict textopsx_bl_next(struct call *call)
{
    struct iterator *iterator = find_arg(call, OVER_LINES);
    struct str rest = call->run->msg->body;
    const char *line_end;

    if (!iterator)
        return VERDICT_FALSE;
    iterator->is_on = iterator->offset < rest.len;
    if (!iterator->is_on)
        return VERDICT_FALSE;
    rest = str_skip(rest, iterator->offset);
    line_end = str_find_char(rest, '\n');
    iterator->length = line_end ? (size_t)(line_end + 1 - rest.ptr) : rest.len;
    iterator->offset += iterator->length;
    return VERDICT_TRUE;
}

enum verdict textopsx_bl_end(struct call *call)
{
    return end(call, OVER_LINES);
}

enum verdict textopsx_bl_rm(struct call *call)
{
    struct str line = line_of(call);

    return change(call, line.ptr, line.len);
}

enum verdict textopsx_bl_append(struct call *call)
{
    struct str line = line_of(call);

    return change(call, line.ptr ? line.ptr + line.len : NULL, 0);
}

enum verdict textopsx_bl_insert(struct call *call)
{
    return change(call, line_of(call).ptr, 0);
}

enum err textopsx_get_blitval(const struct variable_use *use, struct value *out)
{
    struct str line = current_line(use->run, find(use->run, use->module, use->inner, OVER_LINES));

    return give(line.ptr ? &line : NULL, out);
}
