/* SPDX-License-Identifier: Apache-2.0 */
/* Which header value a script means. */
#include "textopsx.h"

/* index = "*" / [ "-" ] 1*DIGIT */
static bool read_index(struct str text, struct place *place)
{
    place->has_index = true;
    place->is_all = str_eq(text, STR("*"));
    return place->is_all || !str_to_int(text, INT32_MIN, INT32_MAX, &place->index);
}

/* place = name [ "[" index "]" ] [ "." param ] */
static bool read_place(struct str text, struct place *place)
{
    struct str head, index;

    *place = (struct place){ .name = text };
    if (str_split(text, '[', &head, &index)) {
        place->name = head;
        if (!str_split(index, ']', &index, &text) || !read_index(index, place))
            return false;
        if (text.len && text.ptr[0] != '.')
            return false;
        if (text.len)
            place->param = str_skip(text, 1);
    } else if (str_split(text, '.', &head, &place->param)) {
        place->name = head;
    }
    return !str_is_empty(place->name);
}

static enum err prepare(struct str text, const struct script_place *where, bool is_one,
                        const void **out)
{
    struct arena *arena = script_place_arena(where);
    struct place *place = arena_zalloc(arena, sizeof *place);
    struct str kept;

    if (!place || str_copy(arena, text, &kept))
        return ERR_NOMEM;
    if (!read_place(kept, place)) {
        script_complain(where, "\"" STR_FMT "\" names no header value; write Name, Name[2] or Name.param",
                        STR_ARG(text));
        return ERR_SYNTAX;
    }
    if (is_one && (place->is_all || !str_is_empty(place->param))) {
        script_complain(where, "one whole value is needed here: Name or Name[2]");
        return ERR_SYNTAX;
    }
    *out = place;
    return ERR_NONE;
}

enum err place_prepare_one(struct module *module, unsigned index, struct str text,
                           const struct script_place *where, const void **out)
{
    (void)module;
    (void)index;
    return prepare(text, where, true, out);
}

enum err place_prepare_any(struct module *module, unsigned index, struct str text,
                           const struct script_place *where, const void **out)
{
    (void)module;
    (void)index;
    return prepare(text, where, false, out);
}

enum err place_prepare_assigned(struct module *module, unsigned index, struct str text,
                                const struct script_place *where, const void **out)
{
    const struct place *place;
    enum err err = place_prepare_any(module, index, text, where, out);

    if (err)
        return err;
    place = *out;
    if (place->is_all && str_is_empty(place->param)) {
        script_complain(where, "all values cannot become one: write Name[2], or Name[*].param");
        return ERR_SYNTAX;
    }
    return ERR_NONE;
}

/* ---- values ---- */

struct hf_values hf_values_of(const struct sip_msg *msg, struct str name)
{
    return (struct hf_values){ .msg = msg, .name = name };
}

bool hf_values_next(struct hf_values *values)
{
    while (!sip_list_next(&values->rest, &values->value)) {
        values->hdr = sip_msg_find_name(values->msg, values->name, values->hdr);
        if (!values->hdr)
            return false;
        values->rest = values->hdr->value;
    }
    return true;
}

bool hf_values_find(const struct sip_msg *msg, const struct place *place, struct hf_values *out)
{
    int64_t wanted = place->index, count = 0;

    if (wanted < 0) {
        *out = hf_values_of(msg, place->name);
        while (hf_values_next(out))
            count++;
        wanted += count + 1;
        if (wanted < 1)
            return false;
    }
    *out = hf_values_of(msg, place->name);
    for (count = wanted ? wanted : 1; count > 0; count--) {
        if (!hf_values_next(out))
            return false;
    }
    return true;
}

struct str hf_params_of(struct str value)
{
    bool is_quoted = false;
    unsigned depth = 0;

    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (is_quoted && c == '\\')
            i++;
        else if (c == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && c == '<')
            depth++;
        else if (!is_quoted && c == '>' && depth)
            depth--;
        else if (!is_quoted && !depth && c == ';')
            return str_skip(value, i + 1);
    }
    return str_skip(value, value.len);
}
