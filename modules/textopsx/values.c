/* SPDX-License-Identifier: Apache-2.0 */
/* Changing the values of headers, and their parameters, one by one. */
#include "textopsx.h"

static enum verdict insert(struct call *call, const char *at, struct str before, struct str value,
                           struct str behind)
{
    struct run *run = call->run;
    struct str text;
    enum err err = str_print(run->arena, &text, STR_FMT STR_FMT STR_FMT, STR_ARG(before),
                             STR_ARG(value), STR_ARG(behind));

    return verdict_of(err ? err : sip_edit_insert(run->edits, run->msg, at, text));
}

static enum verdict replace(struct call *call, struct str old, struct str text)
{
    struct str kept;
    enum err err = str_copy(call->run->arena, text, &kept);

    return verdict_of(err ? err : sip_edit_replace(call->run->edits, call->run->msg, old, kept));
}

static enum verdict remove_text(struct call *call, const char *start, const char *end)
{
    return verdict_of(
        sip_edit_replace(call->run->edits, call->run->msg, str_between(start, end), STR("")));
}

static const char *end_of(struct str text)
{
    return text.ptr + text.len;
}

/* ---- adding ---- */

static enum verdict add_header(struct call *call, struct str name, const char *at)
{
    struct run *run = call->run;
    struct str line;
    enum err err = sip_print_header(run->arena, &line, name, call_text(call, 1));

    if (err)
        return VERDICT_ERROR;
    return verdict_of(at ? sip_edit_insert(run->edits, run->msg, at, line)
                         : sip_edit_append_hdr(run->edits, run->msg, line));
}

static const struct sip_hdr *last_header(const struct sip_msg *msg, struct str name)
{
    const struct sip_hdr *last = NULL, *hdr = NULL;

    while ((hdr = sip_msg_find_name(msg, name, hdr)))
        last = hdr;
    return last;
}

/* Behind the comma that ends a value, or the end of its header. */
static const char *list_end(const struct hf_values *at)
{
    const char *end = end_of(at->hdr->value), *comma = end_of(at->value);

    while (comma < end && *comma != ',')
        comma++;
    return comma;
}

/* append_hf_value("Name[i]", text): behind that value; without an index a header of its own. */
enum verdict textopsx_append_hf_value(struct call *call)
{
    struct place place = *(const struct place *)call->args[0].object;
    const struct sip_hdr *last = last_header(call->run->msg, place.name);
    struct hf_values at;

    if (!last || !place.has_index)
        return add_header(call, place.name, last ? end_of(last->line) : NULL);
    if (place.index == 0)
        place.index = -1;
    if (!hf_values_find(call->run->msg, &place, &at))
        return VERDICT_FALSE;
    return insert(call, list_end(&at), STR(","), call->args[1].value.text, STR(""));
}

/* insert_hf_value("Name[i]", text): before that value; without an index a header of its own. */
enum verdict textopsx_insert_hf_value(struct call *call)
{
    const struct place *place = call->args[0].object;
    const struct sip_hdr *first = sip_msg_find_name(call->run->msg, place->name, NULL);
    struct hf_values at;

    if (!first || !place->has_index)
        return add_header(call, place->name, first ? first->line.ptr : NULL);
    if (!hf_values_find(call->run->msg, place, &at))
        return VERDICT_FALSE;
    return insert(call, at.value.ptr, STR(""), call->args[1].value.text, STR(","));
}

/* ---- parameters ---- */

/* A parameter with what comes before it: its semicolon, or in a list of them the comma. */
struct found_param {
    const char *start, *end;
    struct str value; /* as it stands; ptr NULL: it has none */
};

static bool find_param(struct str value, struct str name, struct found_param *out)
{
    struct str rest = hf_params_of(value);
    const char *start = rest.ptr - 1;
    struct sip_param param;

    while (rest.len && sip_param_next(&rest, &param)) {
        const char *end = param.has_value ? end_of(param.value) : end_of(param.name);
        if (str_ieq(param.name, name)) {
            *out = (struct found_param){ start, end, { 0 } };
            if (param.has_value)
                out->value = param.value;
            return true;
        }
        start = end;
    }
    return false;
}

/* Of a header such as Authorization: scheme 1*( name "=" value ) with commas between them. */
static bool find_auth_param(const struct sip_hdr *hdr, struct str name, struct found_param *out)
{
    struct str rest = hdr->value, item, key, value;
    const char *previous = NULL;

    if (!str_split(hdr->value, ' ', &item, &rest))
        return false;
    while (sip_list_next(&rest, &item)) {
        if (str_split(item, '=', &key, &value) && str_ieq(str_trim(key), name)) {
            *out = (struct found_param){ previous ? previous : item.ptr, end_of(item),
                                         str_trim(value) };
            if (!previous && rest.len) /* the first: the comma behind it goes */
                out->end = rest.ptr;
            return true;
        }
        previous = end_of(item);
    }
    return false;
}

static enum verdict assign_param(struct call *call, struct str value, struct str name)
{
    struct str text = call->args[1].value.text, line;
    struct found_param param;
    bool is_there = find_param(value, name, &param);

    if (is_there && param.value.ptr && !str_is_empty(text))
        return replace(call, param.value, text);
    if (str_print(call->run->arena, &line, ";" STR_FMT "%s" STR_FMT, STR_ARG(name),
                  str_is_empty(text) ? "" : "=", STR_ARG(text)))
        return VERDICT_ERROR;
    if (is_there)
        return replace(call, str_between(param.start, param.end), line);
    return insert(call, end_of(value), STR(""), line, STR(""));
}

/* ---- one or all ---- */

typedef enum verdict value_fn(struct call *call, const struct hf_values *at,
                              const struct place *place);

static enum verdict each_value(struct call *call, value_fn *change)
{
    const struct place *place = call->args[0].object;
    struct hf_values at;
    enum verdict verdict = VERDICT_FALSE;

    if (!place->is_all)
        return hf_values_find(call->run->msg, place, &at) ? change(call, &at, place) : VERDICT_FALSE;
    at = hf_values_of(call->run->msg, place->name);
    while (hf_values_next(&at)) {
        if (change(call, &at, place) == VERDICT_TRUE)
            verdict = VERDICT_TRUE;
    }
    return verdict;
}

static enum verdict assign(struct call *call, const struct hf_values *at, const struct place *place)
{
    if (!str_is_empty(place->param))
        return assign_param(call, at->value, place->param);
    return replace(call, at->value, call->args[1].value.text);
}

enum verdict textopsx_assign_hf_value(struct call *call)
{
    return each_value(call, assign);
}

/* The value with the comma that joins it to its neighbours; a header with no other goes. */
static enum verdict remove_value(struct call *call, const struct hf_values *at)
{
    struct str rest = at->rest, next;
    const char *start = at->hdr->value.ptr;

    if (sip_list_next(&rest, &next))
        return remove_text(call, at->value.ptr, next.ptr);
    if (at->value.ptr == start)
        return verdict_of(sip_edit_remove_hdr(call->run->edits, call->run->msg, at->hdr));
    for (start = at->value.ptr; start > at->hdr->value.ptr && *start != ','; start--)
        continue;
    return remove_text(call, start, end_of(at->value));
}

static enum verdict remove_it(struct call *call, const struct hf_values *at,
                              const struct place *place)
{
    struct found_param param;

    if (place->is_all && str_is_empty(place->param))
        return verdict_of(sip_edit_remove_hdr(call->run->edits, call->run->msg, at->hdr));
    if (str_is_empty(place->param))
        return remove_value(call, at);
    if (!find_param(at->value, place->param, &param))
        return VERDICT_FALSE;
    return remove_text(call, param.start, param.end);
}

enum verdict textopsx_remove_hf_value(struct call *call)
{
    return each_value(call, remove_it);
}

/* ---- headers whose commas part parameters, not values ---- */

typedef enum verdict header_fn(struct call *call, const struct sip_hdr *hdr,
                               const struct place *place);

static enum verdict each_header(struct call *call, header_fn *change)
{
    const struct place *place = call->args[0].object;
    int64_t wanted = place->index > 0 ? place->index : 1, count = 0;
    enum verdict verdict = VERDICT_FALSE;
    const struct sip_hdr *hdr = NULL;

    while (place->index < 0 && (hdr = sip_msg_find_name(call->run->msg, place->name, hdr)))
        wanted = ++count + place->index + 1;
    count = 0;
    while ((hdr = sip_msg_find_name(call->run->msg, place->name, hdr))) {
        if ((place->is_all || ++count == wanted) && change(call, hdr, place) == VERDICT_TRUE)
            verdict = VERDICT_TRUE;
    }
    return verdict;
}

static enum verdict assign_in_header(struct call *call, const struct sip_hdr *hdr,
                                     const struct place *place)
{
    struct found_param param;

    if (str_is_empty(place->param))
        return replace(call, hdr->value, call->args[1].value.text);
    if (find_auth_param(hdr, place->param, &param))
        return replace(call, param.value, call->args[1].value.text);
    return insert(call, end_of(hdr->value), STR(","), place->param, STR("=")) == VERDICT_TRUE
               ? insert(call, end_of(hdr->value), STR(""), call->args[1].value.text, STR(""))
               : VERDICT_ERROR;
}

static enum verdict remove_in_header(struct call *call, const struct sip_hdr *hdr,
                                     const struct place *place)
{
    struct found_param param;

    if (str_is_empty(place->param))
        return verdict_of(sip_edit_remove_hdr(call->run->edits, call->run->msg, hdr));
    if (!find_auth_param(hdr, place->param, &param))
        return VERDICT_FALSE;
    return remove_text(call, param.start, param.end);
}

enum verdict textopsx_assign_hf_value2(struct call *call)
{
    return each_header(call, assign_in_header);
}

enum verdict textopsx_remove_hf_value2(struct call *call)
{
    return each_header(call, remove_in_header);
}

/* ---- headers that hold a set ---- */

static bool find_member(struct call *call, struct hf_values *out)
{
    const struct place *place = call->args[0].object;

    *out = hf_values_of(call->run->msg, place->name);
    while (hf_values_next(out)) {
        if (str_ieq(out->value, call->args[1].value.text))
            return true;
    }
    return false;
}

enum verdict textopsx_hf_value_exists(struct call *call)
{
    struct hf_values at;

    return verdict_if(find_member(call, &at));
}

enum verdict textopsx_include_hf_value(struct call *call)
{
    const struct place *place = call->args[0].object;
    const struct sip_hdr *last = last_header(call->run->msg, place->name);
    struct hf_values at;

    if (find_member(call, &at))
        return VERDICT_TRUE;
    if (!last)
        return add_header(call, place->name, NULL);
    return insert(call, end_of(last->value), STR(","), call->args[1].value.text, STR(""));
}

/* All that are equal; a header keeps its name even when nothing is left of the set. */
enum verdict textopsx_exclude_hf_value(struct call *call)
{
    const struct place *place = call->args[0].object;
    struct hf_values at = hf_values_of(call->run->msg, place->name);

    while (hf_values_next(&at)) {
        if (str_ieq(at.value, call->args[1].value.text) && remove_value(call, &at) != VERDICT_TRUE)
            return VERDICT_ERROR;
    }
    return VERDICT_TRUE;
}
