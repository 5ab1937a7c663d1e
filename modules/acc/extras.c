/* SPDX-License-Identifier: Apache-2.0 */
/* The fields that a script adds to records: "name=$variable;…". */
#include <culvert/cursor.h>

#include "acc.h"

enum {
    WIDTH_UNKNOWN = 255,
};

/* ---- reading the lists ---- */

static enum err complain(const char *param, struct str one, const char *what)
{
    log_error("acc.%s: \"" STR_FMT "\" %s", param, STR_ARG(one), what);
    return ERR_SYNTAX;
}

static enum err add(const char *param, struct str one, struct extras *out, struct str *text)
{
    struct extra *extra = &out->of[out->count];

    if (out->count == EXTRAS_MAX)
        return complain(param, one, "is one too many");
    if (!str_split(one, '=', &extra->name, text))
        return complain(param, one, "is not name=$variable");
    extra->name = str_trim(extra->name);
    *text = str_trim(*text);
    extra->width = WIDTH_UNKNOWN;
    if (str_is_empty(extra->name))
        return complain(param, one, "has no name");
    out->count++;
    return ERR_NONE;
}

static bool next_of(struct str *rest, struct str *one)
{
    while (!str_is_empty(*rest)) {
        if (!str_split(*rest, ';', one, rest)) {
            *one = *rest;
            *rest = (struct str){ 0 };
        }
        *one = str_trim(*one);
        if (!str_is_empty(*one))
            return true;
    }
    return false;
}

/* "$name", "$name(inner)", "$(name(inner){transformation})": a text with more in it is a format. */
static bool is_variable(struct str text)
{
    size_t at = 1;
    unsigned depth = 0;

    if (text.len < 2 || text.ptr[0] != '$')
        return false;
    while (at < text.len && (class_alnum[(unsigned char)text.ptr[at]] || text.ptr[at] == '_'))
        at++;
    for (; at < text.len; at++) {
        depth += text.ptr[at] == '(';
        depth -= depth && text.ptr[at] == ')';
        if (!depth)
            return at + 1 == text.len;
    }
    return depth == 0;
}

static enum err parse_text(struct module *module, struct str text, struct extra *out)
{
    return is_variable(text) ? module_variable(module, text, &out->variable)
                             : module_format(module, text, &out->format);
}

enum err extras_parse(struct module *module, const char *param, struct str list, struct extras *out)
{
    struct str one, text;
    enum err err = ERR_NONE;

    while (!err && next_of(&list, &one)) {
        err = add(param, one, out, &text);
        if (!err && (err = parse_text(module, text, &out->of[out->count - 1])))
            err = complain(param, one, "is not understood");
    }
    return err;
}

enum err extras_parse_legs(struct module *module, struct str list, struct extras *out)
{
    struct str one, text;
    enum err err = ERR_NONE;

    while (!err && next_of(&list, &one)) {
        err = add("multi_leg_info", one, out, &text);
        if (!err)
            err = module_variable(module, text, &out->of[out->count - 1].variable);
        if (!err && !variable_is_avp(out->of[out->count - 1].variable))
            err = complain("multi_leg_info", one, "is not an AVP");
    }
    return err;
}

enum err extras_check_columns(const char *param, const struct extras *extras)
{
    for (unsigned i = 0; i < extras->count; i++)
        if (!text_is_table(extras->of[i].name))
            return complain(param, extras->of[i].name,
                            "is no name of a column: letters, digits and '_'");
    return ERR_NONE;
}

/* ---- their values ---- */

struct str extra_text(struct run *run, const struct extra *extra)
{
    struct value value;
    struct str text;

    if (extra->format)
        return format_text(run, extra->format, &text) ? STR("") : text;
    if (variable_get(run, extra->variable, &value) || value_to_str(run->arena, &value, &text))
        return STR("");
    return text;
}

static const struct avp *find_nth(const struct avps *avps, const struct avp_name *name,
                                  unsigned index)
{
    const struct avp *avp = avp_find(avps, name, NULL);

    while (avp && index-- > 0)
        avp = avp_find(avps, name, avp);
    return avp;
}

bool extras_leg(struct run *run, const struct extras *legs, unsigned index, struct value out[])
{
    bool has_any = false;

    for (unsigned i = 0; i < legs->count; i++) {
        const struct avp *avp = NULL;
        struct avp_name name;

        if (variable_avp(run, legs->of[i].variable, &name))
            avp = find_nth(&run->request->avps, &name, index);
        out[i] = avp ? avp->value : value_null();
        has_any |= avp != NULL;
    }
    return has_any;
}

/* ---- the widths of their columns ---- */

static void take_widths(void *context, const struct store_result *result)
{
    struct extras *extras = context;

    for (unsigned row = 0; !result->err && row < result->row_count; row++) {
        const struct value *columns = result->rows[row].columns;
        uint64_t width;

        for (unsigned i = 0; i < extras->count; i++)
            if (str_ieq(columns[0].text, extras->of[i].name) &&
                !str_to_uint(columns[1].text, 1, 65535, &width))
                extras->of[i].width = (unsigned)width;
    }
}

void extras_find_widths(struct store *store, struct str table, struct extras *extras)
{
    const struct value name = value_of_str(table);

    if (extras->count &&
        store_run(store,
                  STR("SELECT column_name, CAST(character_maximum_length AS CHAR(10)) FROM "
                      "information_schema.columns WHERE character_maximum_length IS NOT NULL AND "
                      "table_name = ?"),
                  &name, 1, take_widths, extras))
        log_warning("acc: the columns of \"" STR_FMT
                    "\" cannot be looked at now: texts longer than "
                    "%d characters are cut",
                    STR_ARG(table), WIDTH_UNKNOWN);
}
