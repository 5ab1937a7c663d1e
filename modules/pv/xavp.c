/* SPDX-License-Identifier: Apache-2.0 */
/* Functions on extended AVPs. */
#include "pv.h"

static struct xavps *lists_of(struct call *call, char kind)
{
    struct request *request = call->run->request;

    if (kind == 'u')
        return &request->xavus;
    return kind == 'p' ? &request->xavps : &request->xavis;
}

/* ---- for debugging ---- */

static void print_list(struct run *run, const struct xavps *list, unsigned depth)
{
    for (const struct xavp *xavp = list->first; xavp; xavp = xavp->next) {
        struct str text = { 0 }, line;

        if (xavp->fields.first ||
            !value_to_str(run->arena, &xavp->value, &text)) {
            if (!str_print(run->arena, &line, "%*s" STR_FMT " = " STR_FMT, (int)(2 * depth), "",
                           STR_ARG(xavp->name), STR_ARG(text)))
                run_log(run, LEVEL_NOTICE, line);
        }
        print_list(run, &xavp->fields, depth + 1);
    }
}

static enum verdict print_all(struct call *call, char kind)
{
    print_list(call->run, lists_of(call, kind), 0);
    return VERDICT_TRUE;
}

FUNCTION(xavp_print)
{
    return print_all(call, 'p');
}

FUNCTION(xavi_print)
{
    return print_all(call, 'i');
}

FUNCTION(xavu_print)
{
    return print_all(call, 'u');
}

/* ---- "n1=v1;n2=v2" to fields and back ---- */

static enum err add_pair(struct xavps *fields, struct arena *arena, struct str pair)
{
    struct str name, text;
    struct value value;

    if (!str_split(pair, '=', &name, &text)) {
        name = pair;
        text = STR("");
    }
    value = value_of_str(sip_unquote(str_trim(text)));
    return xavp_push(fields, arena, str_trim(name), &value, NULL);
}

static enum err add_pairs(struct xavps *fields, struct arena *arena, struct str rest)
{
    enum err err = ERR_NONE;
    struct str pair;

    while (!err && str_trim(rest).len) {
        if (!str_split(rest, ';', &pair, &rest)) {
            pair = rest;
            rest = (struct str){ 0 };
        }
        if (str_trim(pair).len)
            err = add_pair(fields, arena, pair);
    }
    return err;
}

static enum verdict explode(struct call *call, char kind)
{
    struct arena *arena = &call->run->request->arena;
    const struct value none = value_null();
    struct xavp *root;
    enum err err = xavp_push(lists_of(call, kind), arena, call_text(call, 1), &none, &root);

    if (!err)
        err = add_pairs(&root->fields, arena, call_text(call, 0));
    return verdict_of(err);
}

FUNCTION(xavp_explode)
{
    return explode(call, 'p');
}

FUNCTION(xavu_explode)
{
    return explode(call, 'u');
}

/* Oldest first, as they were written. */
static enum err write_pairs(struct arena *arena, const struct xavp *field, struct str *out)
{
    struct str text, rest = STR("");
    enum err err;

    if (!field) {
        *out = STR("");
        return ERR_NONE;
    }
    err = write_pairs(arena, field->next, &rest);
    if (!err)
        err = value_to_str(arena, &field->value, &text);
    return err ? err
               : str_print(arena, out, STR_FMT STR_FMT "=" STR_FMT ";", STR_ARG(rest),
                           STR_ARG(field->name), STR_ARG(text));
}

static enum verdict implode(struct call *call, char kind)
{
    const struct xavp *root = xavp_find(lists_of(call, kind), call_text(call, 0), 0);
    struct str text;
    struct value value;

    if (!root || !root->fields.first ||
        write_pairs(call->run->arena, root->fields.first, &text))
        return VERDICT_FALSE;
    value = value_of_str(text);
    return verdict_of(variable_set(call->run, call->args[1].object, &value));
}

FUNCTION(xavp_implode)
{
    return implode(call, 'p');
}

FUNCTION(xavu_implode)
{
    return implode(call, 'u');
}

/* xavp_slist_explode(list, separator, mode, name): an item a word; mode "t" trims. */
FUNCTION(xavp_slist_explode)
{
    struct arena *arena = &call->run->request->arena;
    struct str rest = call_text(call, 0), separator = call_text(call, 1), word;
    bool trims = str_find_char(call_text(call, 2), 't');
    enum err err = ERR_NONE;
    bool is_last = false;

    if (separator.len == 0)
        return VERDICT_FALSE;
    while (!err && !is_last) {
        struct value value;

        is_last = !str_split(rest, separator.ptr[0], &word, &rest);
        if (is_last)
            word = rest;
        value = value_of_str(trims ? str_trim(word) : word);
        err = xavp_push(lists_of(call, 'p'), arena, call_text(call, 3), &value, NULL);
    }
    return verdict_of(err);
}

/* ---- one item ---- */

static enum verdict rm(struct call *call, char kind)
{
    struct xavps *list = lists_of(call, kind);
    struct xavp *xavp = xavp_find(list, call_text(call, 0), 0);

    if (xavp)
        xavp_remove(list, xavp);
    return VERDICT_TRUE;
}

FUNCTION(xavp_rm)
{
    return rm(call, 'p');
}

FUNCTION(xavi_rm)
{
    return rm(call, 'i');
}

static enum verdict child_rm(struct call *call, char kind)
{
    struct xavp *root = xavp_find(lists_of(call, kind), call_text(call, 0), 0);
    struct xavp *field = root ? xavp_find(&root->fields, call_text(call, 1), 0) : NULL;

    if (field)
        xavp_remove(&root->fields, field);
    return VERDICT_TRUE;
}

FUNCTION(xavp_child_rm)
{
    return child_rm(call, 'p');
}

FUNCTION(xavi_child_rm)
{
    return child_rm(call, 'i');
}

/* The item and the field are made when they are missing. */
static enum verdict child_set(struct call *call, char kind, const struct value *value)
{
    struct arena *arena = &call->run->request->arena;
    struct xavps *list = lists_of(call, kind);
    struct xavp *root = xavp_find(list, call_text(call, 0), 0), *field;
    const struct value none = value_null();

    if (!root && xavp_push(list, arena, call_text(call, 0), &none, &root))
        return VERDICT_ERROR;
    field = xavp_find(&root->fields, call_text(call, 1), 0);
    return verdict_of(field ? xavp_set(field, arena, value)
                            : xavp_push(&root->fields, arena, call_text(call, 1), value, NULL));
}

static enum verdict child_seti(struct call *call, char kind)
{
    struct value value = value_of_int(0);

    if (str_to_int(str_trim(call_text(call, 2)), INT32_MIN, UINT32_MAX, &value.number))
        return VERDICT_FALSE;
    return child_set(call, kind, &value);
}

FUNCTION(xavp_child_seti)
{
    return child_seti(call, 'p');
}

FUNCTION(xavi_child_seti)
{
    return child_seti(call, 'i');
}

FUNCTION(xavp_child_sets)
{
    return child_set(call, 'p', &call->args[2].value);
}

FUNCTION(xavi_child_sets)
{
    return child_set(call, 'i', &call->args[2].value);
}

static enum err copy_fields(const struct xavp *from, struct xavps *fields, struct arena *arena)
{
    enum err err;

    if (!from)
        return ERR_NONE;
    err = copy_fields(from->next, fields, arena);
    return err ? err : xavp_push(fields, arena, from->name, &from->value, NULL);
}

/* xavp_copy(source, index, target [, index]): with the last index the fields join that item. */
FUNCTION(xavp_copy)
{
    struct arena *arena = &call->run->request->arena;
    struct xavps *list = lists_of(call, 'p');
    const struct xavp *from = xavp_find(list, call_text(call, 0), call->args[1].value.number);
    struct xavp *into;
    enum err err = ERR_NONE;

    if (!from)
        return VERDICT_FALSE;
    if (call->arg_count > 3)
        into = xavp_find(list, call_text(call, 2), call->args[3].value.number);
    else
        err = xavp_push(list, arena, call_text(call, 2), &from->value, &into);
    if (err || !into)
        return VERDICT_FALSE;
    return verdict_of(copy_fields(from->fields.first, &into->fields, arena));
}
