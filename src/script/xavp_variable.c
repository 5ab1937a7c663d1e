/* SPDX-License-Identifier: Apache-2.0 */
/* $xavp(), $xavi() and $xavu(): extended AVPs as scripts write them. */
#include "script/xavp_variable.h"

/* name [ "[" index "]" ] */
struct step {
    struct str name;
    int64_t index;
    bool has_index, is_all;
};

/* step [ "=>" step ] */
struct path {
    struct step root, field;
    bool has_field;
};

static bool read_step(struct str text, struct step *out)
{
    struct str name, index;

    *out = (struct step){ .name = str_trim(text) };
    if (!str_split(text, '[', &name, &index))
        return out->name.len > 0;
    if (index.len < 2 || index.ptr[index.len - 1] != ']')
        return false;
    index = str_trim((struct str){ index.ptr, index.len - 1 });
    out->name = str_trim(name);
    out->has_index = true;
    out->is_all = str_eq(index, STR("*"));
    return out->name.len > 0 &&
           (out->is_all || !str_to_int(index, INT32_MIN, INT32_MAX, &out->index));
}

static bool read_path(struct str text, struct path *out)
{
    const char *arrow = str_find(text, STR("=>"));

    out->has_field = arrow != NULL;
    if (!arrow)
        return read_step(text, &out->root);
    return read_step(str_between(text.ptr, arrow), &out->root) &&
           read_step(str_between(arrow + 2, text.ptr + text.len), &out->field);
}

static enum err check_path(struct module *module, struct str inner, const struct script_place *place,
                           const void **out)
{
    struct path path;

    (void)module;
    *out = NULL;
    if (read_path(inner, &path))
        return ERR_NONE;
    script_complain(place, "\"" STR_FMT "\" names no extended AVP; write name, name[0] or name=>field",
                    STR_ARG(inner));
    return ERR_SYNTAX;
}

/* An item with others under it has no value: something is shown for it all the same. */
static enum err give(struct run *run, const struct xavp *xavp, struct value *out)
{
    struct str text;
    enum err err;

    if (!xavp || !xavp->fields.first) {
        *out = xavp ? xavp->value : value_null();
        return ERR_NONE;
    }
    err = str_print(run->arena, &text, "<<xavp:" STR_FMT ">>", STR_ARG(xavp->name));
    if (!err)
        *out = value_of_str(text);
    return err;
}

static const struct xavp *find(const struct xavps *list, const struct path *path)
{
    const struct xavp *root = xavp_find(list, path->root.name, path->root.index);

    return root && path->has_field ? xavp_find(&root->fields, path->field.name, path->field.index)
                                   : root;
}

static enum err get(const struct variable_use *use, const struct xavps *list, struct value *out)
{
    struct path path;

    if (!read_path(use->inner, &path))
        return ERR_SYNTAX;
    return give(use->run, find(list, &path), out);
}

/* Null takes away: the one named, or all of that name. */
static void take_away(struct xavps *list, const struct step *step)
{
    struct xavp *xavp = xavp_find(list, step->name, step->index);

    if (step->is_all)
        xavp_remove_all(list, step->name);
    else if (xavp)
        xavp_remove(list, xavp);
}

/* With an index another value for that item, which must be there; without, one more in front. */
static enum err put(struct xavps *list, struct arena *arena, const struct step *step,
                    const struct value *value)
{
    struct xavp *xavp;

    if (value_is_null(value)) {
        take_away(list, step);
        return ERR_NONE;
    }
    if (step->is_all)
        xavp_remove_all(list, step->name);
    if (!step->has_index || step->is_all)
        return xavp_push(list, arena, step->name, value, NULL);
    xavp = xavp_find(list, step->name, step->index);
    return xavp ? xavp_set(xavp, arena, value) : ERR_NOT_FOUND;
}

/* A field of an item that is named by its index, or of a new item. */
static enum err put_field(struct xavps *list, struct arena *arena, const struct path *path,
                          const struct value *value)
{
    const struct value none = value_null();
    struct xavp *root = NULL;
    enum err err = ERR_NONE;

    if (path->root.has_index || value_is_null(value)) {
        root = xavp_find(list, path->root.name, path->root.index);
        if (!root)
            return value_is_null(value) ? ERR_NONE : ERR_NOT_FOUND;
    } else {
        err = xavp_push(list, arena, path->root.name, &none, &root);
    }
    return err ? err : put(&root->fields, arena, &path->field, value);
}

static enum err set(const struct variable_use *use, struct xavps *list, const struct value *value)
{
    struct arena *arena = &use->run->request->arena;
    struct path path;

    if (!read_path(use->inner, &path))
        return ERR_SYNTAX;
    return path.has_field ? put_field(list, arena, &path, value)
                          : put(list, arena, &path.root, value);
}

static enum err get_xavp(const struct variable_use *use, struct value *out)
{
    return get(use, &use->run->request->xavps, out);
}

static enum err set_xavp(const struct variable_use *use, const struct value *value)
{
    return set(use, &use->run->request->xavps, value);
}

static enum err get_xavi(const struct variable_use *use, struct value *out)
{
    return get(use, &use->run->request->xavis, out);
}

static enum err set_xavi(const struct variable_use *use, const struct value *value)
{
    return set(use, &use->run->request->xavis, value);
}

static enum err get_xavu(const struct variable_use *use, struct value *out)
{
    return get(use, &use->run->request->xavus, out);
}

/* One of a name: what is there gets the value. */
static enum err put_unique(struct xavps *list, struct arena *arena, struct str name,
                           const struct value *value)
{
    const struct step step = { .name = name, .has_index = xavp_find(list, name, 0) != NULL };

    return put(list, arena, &step, value);
}

static enum err set_xavu(const struct variable_use *use, const struct value *value)
{
    struct xavps *list = &use->run->request->xavus;
    struct arena *arena = &use->run->request->arena;
    const struct value none = value_null();
    struct xavp *root;
    struct path path;
    enum err err = ERR_NONE;

    if (!read_path(use->inner, &path))
        return ERR_SYNTAX;
    if (!path.has_field)
        return put_unique(list, arena, path.root.name, value);
    root = xavp_find(list, path.root.name, 0);
    if (!root)
        err = xavp_push(list, arena, path.root.name, &none, &root);
    return err ? err : put_unique(&root->fields, arena, path.field.name, value);
}

const struct mod_variable xavp_variables[] = {
    { "xavp", INNER_NEEDED, get_xavp, set_xavp, check_path,
      "An extended AVP: name, or name=>field; name[i] counts from the newest." },
    { "xavi", INNER_NEEDED, get_xavi, set_xavi, check_path, "The same; the case of names is ignored." },
    { "xavu", INNER_NEEDED, get_xavu, set_xavu, check_path, "The same, with one item a name." },
    { .name = NULL },
};

/* $cnt(): how many values of a name. */
bool xavp_count_of(const struct run *run, struct str kind, struct str inner, int64_t *out)
{
    const struct request *request = run->request;
    struct path path;
    const struct xavps *list = str_eq(kind, STR("xavp"))   ? &request->xavps
                               : str_eq(kind, STR("xavi")) ? &request->xavis
                               : str_eq(kind, STR("xavu")) ? &request->xavus
                                                           : NULL;

    if (!list || !read_path(inner, &path))
        return false;
    *out = xavp_count(list, path.root.name);
    return true;
}
