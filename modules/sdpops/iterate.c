/* SPDX-License-Identifier: Apache-2.0 */
/* Walking over the lines of the description, by iterators that scripts give names to. */
#include "codecs.h"
#include "sdpops.h"

enum {
    ITERATORS_MAX = 32, /* of one request */
};

struct iterator {
    struct iterator *next;
    struct str name;
    bool is_on;    /* there is a current line */
    size_t offset; /* of the next line, in the description as it stands */
    size_t length; /* of the current one */
};

static struct iterator **list_of(const struct run *run, const struct module *module)
{
    const struct sdpops *state = module_state(module);

    return (struct iterator **)&run->request->slots[state->slot];
}

static struct iterator *find(const struct run *run, const struct module *module, struct str name)
{
    struct iterator *iterator = *list_of(run, module);

    while (iterator && !str_eq(iterator->name, name))
        iterator = iterator->next;
    return iterator;
}

static struct iterator *of_call(const struct call *call)
{
    return find(call->run, call->module, call_text(call, 0));
}

static struct iterator *add(struct call *call)
{
    struct iterator **list = list_of(call->run, call->module), *iterator;
    struct arena *arena = &call->run->request->arena;
    unsigned count = 0;

    for (iterator = *list; iterator; iterator = iterator->next)
        count++;
    iterator = count < ITERATORS_MAX ? arena_zalloc(arena, sizeof *iterator) : NULL;
    if (!iterator || str_copy(arena, call_text(call, 0), &iterator->name))
        return NULL;
    iterator->next = *list;
    return *list = iterator;
}

enum verdict sdp_iterator_start(struct call *call)
{
    struct iterator *iterator = of_call(call);
    struct description description;

    if (sdpops_find(call->run, &description) || (!iterator && !(iterator = add(call))))
        return VERDICT_FALSE;
    iterator->is_on = false;
    iterator->offset = iterator->length = 0;
    return VERDICT_TRUE;
}

enum verdict sdp_iterator_end(struct call *call)
{
    struct iterator *iterator = of_call(call);

    if (!iterator)
        return VERDICT_FALSE;
    iterator->is_on = false;
    iterator->offset = SIZE_MAX;
    return VERDICT_TRUE;
}

/* The current line; ptr NULL: there is none. */
static struct str current(const struct iterator *iterator, const struct description *description)
{
    struct str text = description->sdp.text;

    if (!iterator->is_on || iterator->offset > text.len)
        return (struct str){ 0 };
    return (struct str){ text.ptr + iterator->offset - iterator->length, iterator->length };
}

enum verdict sdp_iterator_next(struct call *call)
{
    struct iterator *iterator = of_call(call);
    struct description description;
    struct str rest, line;

    if (!iterator || iterator->offset == SIZE_MAX || sdpops_find(call->run, &description))
        return VERDICT_FALSE;
    rest = str_skip(description.sdp.text, iterator->offset);
    iterator->is_on = line_next(&rest, &line);
    if (!iterator->is_on)
        return VERDICT_FALSE;
    iterator->length = line.len;
    iterator->offset += line.len;
    return VERDICT_TRUE;
}

/* `text` in front of the current line, or behind it; or in its place. */
enum placing {
    BEFORE,
    BEHIND,
    INSTEAD,
};

static enum err place(struct call *call, enum placing placing, struct str text)
{
    struct iterator *iterator = of_call(call);
    struct description description;
    struct writer w;
    struct str line;
    enum err err;

    if (!iterator || sdpops_find(call->run, &description) || !(line = current(iterator, &description)).ptr)
        return ERR_NOT_FOUND;
    if ((err = sdpops_open(call->run, &description, text.len, &w)))
        return err;
    write_str(&w, str_between(description.sdp.text.ptr, line.ptr + (placing == BEHIND ? line.len : 0)));
    write_str(&w, text);
    write_str(&w, str_skip(description.sdp.text, iterator->offset - (placing == BEFORE ? line.len : 0)));
    if ((err = sdpops_close(call->run, &description, &w)))
        return err;
    iterator->offset += text.len;
    if (placing != BEFORE) { /* what was put behind is passed over; what is gone is no line any more */
        iterator->is_on = placing == BEHIND && text.len == 0;
        iterator->offset -= placing == INSTEAD ? line.len : 0;
    }
    return ERR_NONE;
}

enum verdict sdp_iterator_rm(struct call *call)
{
    return verdict_of(place(call, INSTEAD, STR("")));
}

enum verdict sdp_iterator_append(struct call *call)
{
    return verdict_of(place(call, BEHIND, call_text(call, 1)));
}

enum verdict sdp_iterator_insert(struct call *call)
{
    return verdict_of(place(call, BEFORE, call_text(call, 1)));
}

enum err sdpops_get_line(const struct variable_use *use, struct value *out)
{
    const struct iterator *iterator = find(use->run, use->module, use->inner);
    struct description description;
    struct str line = { 0 };

    if (iterator && !sdpops_find(use->run, &description))
        line = current(iterator, &description);
    *out = line.ptr ? value_of_str(str_trim(line)) : value_null();
    return ERR_NONE;
}
