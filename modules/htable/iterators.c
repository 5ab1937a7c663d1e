/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sht_iterator_…: a walk through a table. Nothing stays locked in between: an iterator knows its place
 * and a copy of the item, so the table may be changed while it walks. It ends with its request.
 */
#include "htable.h"

static struct iterator *find(const struct module *module, struct request *request, struct str name)
{
    struct htable_notes *notes = htable_notes(module, request);

    for (unsigned i = 0; notes && i < ITERATORS_MAX; i++)
        if (str_eq(notes->iterators[i].name, name))
            return &notes->iterators[i];
    return NULL;
}

static struct iterator *of_call(const struct call *call)
{
    struct str name = call_text(call, 0);
    struct iterator *iterator =
        name.len ? find(call->module, call->run->request, name) : NULL;

    if (!iterator)
        log_error("htable: there is no iterator \"" STR_FMT "\"; sht_iterator_start() makes one",
                  STR_ARG(name));
    return iterator;
}

FUNCTION(iterator_start)
{
    struct sht *table = htable_find(call->module, call_text(call, 1));
    struct request *request = call->run->request;
    struct iterator *iterator;
    struct str name;

    if (!table || str_is_empty(call_text(call, 0)))
        return VERDICT_FALSE;
    iterator = find(call->module, request, call_text(call, 0));
    if (!iterator)
        iterator = find(call->module, request, STR(""));
    if (!iterator || str_copy(&request->arena, call_text(call, 0), &name))
        return VERDICT_ERROR;
    *iterator = (struct iterator){
        .name = name,
        .table = table,
        .room = iterator->room,
        .room_size = iterator->room_size,
    };
    return VERDICT_TRUE;
}

struct keeper {
    struct iterator *iterator;
    struct arena *arena;
};

static bool make_room(struct iterator *iterator, struct arena *arena, size_t size)
{
    size_t larger = size * 2;
    char *room = size > iterator->room_size ? arena_alloc(arena, larger) : iterator->room;

    if (room != iterator->room) {
        iterator->room = room;
        iterator->room_size = room ? larger : 0;
    }
    return room || !size;
}

static void keep(void *context, const struct entry *entry)
{
    const struct keeper *keeper = context;
    struct iterator *iterator = keeper->iterator;
    size_t size = (size_t)entry->key_length + entry->text_length;

    iterator->has_item = make_room(iterator, keeper->arena, size);
    iterator->is_short_of_memory = !iterator->has_item;
    iterator->is_text = entry->is_text;
    iterator->number = entry->number;
    iterator->key_length = entry->key_length;
    iterator->text_length = entry->text_length;
    if (iterator->has_item && size)
        memcpy(iterator->room, entry->bytes, size);
}

static bool step(struct iterator *iterator, struct run *run)
{
    struct keeper keeper = { iterator, &run->request->arena };

    iterator->has_item = false;
    return sht_next(iterator->table, &iterator->place, run_now(run), keep, &keeper) &&
           iterator->has_item;
}

FUNCTION(iterator_next)
{
    struct iterator *iterator = of_call(call);

    return verdict_if(iterator && step(iterator, call->run));
}

FUNCTION(iterator_end)
{
    struct iterator *iterator = of_call(call);

    if (!iterator)
        return VERDICT_FALSE;
    iterator->name = STR("");
    iterator->has_item = false;
    return VERDICT_TRUE;
}

static struct str key_of(const struct iterator *iterator)
{
    return (struct str){ iterator->room, iterator->key_length };
}

static struct iterator *with_item(const struct call *call)
{
    struct iterator *iterator = of_call(call);

    return iterator && iterator->has_item ? iterator : NULL;
}

/* 1: there is a next one; -2: there is none. */
FUNCTION(iterator_rm)
{
    struct iterator *iterator = with_item(call);

    if (!iterator)
        return VERDICT_FALSE;
    sht_remove(iterator->table, key_of(iterator), run_now(call->run));
    return step(iterator, call->run) ? VERDICT_TRUE : -2;
}

static enum verdict set(struct call *call, const struct value *value)
{
    const struct iterator *iterator = with_item(call);

    if (!iterator)
        return VERDICT_FALSE;
    return verdict_of(sht_set(iterator->table, key_of(iterator), value, LIFETIME_OF_TABLE,
                                run_now(call->run)));
}

FUNCTION(iterator_sets)
{
    return set(call, &call->args[1].value);
}

FUNCTION(iterator_seti)
{
    struct value value = value_of_int(call->args[1].value.number);

    return set(call, &value);
}

FUNCTION(iterator_setex)
{
    const struct iterator *iterator = with_item(call);

    if (!iterator)
        return VERDICT_FALSE;
    return verdict_of(sht_set_expiry(iterator->table, key_of(iterator),
                                       call->args[1].value.number, run_now(call->run)));
}

static const struct iterator *shown(const struct variable_use *use)
{
    const struct iterator *iterator =
        use->inner.len ? find(use->module, use->run->request, use->inner) : NULL;

    return iterator && iterator->has_item ? iterator : NULL;
}

static enum err copy_out(const struct variable_use *use, struct str text, struct value *out)
{
    struct str copy;
    enum err err = str_copy(use->run->arena, text, &copy);

    if (!err)
        *out = value_of_str(copy);
    return err;
}

enum err htable_get_iterator_key(const struct variable_use *use, struct value *out)
{
    const struct iterator *iterator = shown(use);

    *out = value_null();
    return iterator ? copy_out(use, key_of(iterator), out) : ERR_NONE;
}

enum err htable_get_iterator_value(const struct variable_use *use, struct value *out)
{
    const struct iterator *iterator = shown(use);

    *out = iterator && !iterator->is_text ? value_of_int(iterator->number) : value_null();
    if (!iterator || !iterator->is_text)
        return ERR_NONE;
    return copy_out(use, str_skip((struct str){ iterator->room, iterator->key_length + iterator->text_length },
                                  iterator->key_length), out);
}
