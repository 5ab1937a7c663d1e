/* SPDX-License-Identifier: Apache-2.0 */
#include "script/select.h"

#include "script/report.h"

struct select_row {
    struct str name, variable;
};

#define ROW(name, variable) { STR_INIT(name), STR_INIT(variable) }

static const struct select_row rows[] = {
    ROW("ruri", "$ru"),
    ROW("ruri.user", "$rU"),
    ROW("ruri.pwd", "$(ru{uri.passwd})"),
    ROW("ruri.host", "$rd"),
    ROW("ruri.port", "$(ru{uri.port})"),
    ROW("ruri.params", "$(ru{uri.params})"),
    ROW("from", "$hdr(From)"),
    ROW("from.uri", "$fu"),
    ROW("from.uri.user", "$fU"),
    ROW("from.uri.host", "$fd"),
    ROW("from.uri.port", "$(fu{uri.port})"),
    ROW("from.tag", "$ft"),
    ROW("from.name", "$fn"),
    ROW("to", "$hdr(To)"),
    ROW("to.uri", "$tu"),
    ROW("to.uri.user", "$tU"),
    ROW("to.uri.host", "$td"),
    ROW("to.uri.port", "$(tu{uri.port})"),
    ROW("to.tag", "$tt"),
    ROW("to.name", "$tn"),
    ROW("contact", "$ct"),
    ROW("contact.uri", "$(ct{nameaddr.uri})"),
    ROW("contact.uri.user", "$(ct{nameaddr.uri}{uri.user})"),
    ROW("contact.uri.host", "$(ct{nameaddr.uri}{uri.host})"),
    ROW("contact.uri.port", "$(ct{nameaddr.uri}{uri.port})"),
    ROW("contact.uri.params", "$(ct{nameaddr.uri}{uri.params})"),
    ROW("call_id", "$ci"),
    ROW("cseq", "$csb"),
    ROW("cseq.num", "$cs"),
    ROW("cseq.method", "$rm"),
    ROW("method", "$rm"),
    ROW("src.ip", "$si"),
    ROW("src.port", "$sp"),
    ROW("dst.ip", "$Ri"),
    ROW("dst.port", "$Rp"),
    ROW("via.host", "$via0(host)"),
    ROW("via[1].host", "$via0(host)"),
    ROW("via[2].host", "$via1(host)"),
    ROW("via.port", "$via0(port)"),
    ROW("via[1].port", "$via0(port)"),
    ROW("via[2].port", "$via1(port)"),
    ROW("via.branch", "$via0(branch)"),
    ROW("via[1].branch", "$via0(branch)"),
    ROW("via[2].branch", "$via1(branch)"),
    ROW("via.transport", "$via0(proto)"),
    ROW("via[1].transport", "$via0(proto)"),
    ROW("via[2].transport", "$via1(proto)"),
    ROW("via[2].received", "$via1(received)"),
};

#define VIA_PARAM "$(hdr(Via){s.select,0,,}{param.value,"

/* What follows these is a name: of a header, or of a parameter. */
static const struct select_row families[] = {
    ROW("msg.header.", "$(hdr("),
    ROW("hf_value.", "$(hdr("),
    ROW("ruri.params.", "$(ru{uri.param,"),
    ROW("contact.uri.params.", "$(ct{nameaddr.uri}{uri.param,"),
    ROW("via.params.", VIA_PARAM),
    ROW("via[1].params.", VIA_PARAM),
};

static bool is_of_headers(const struct select_row *family)
{
    return str_eq(family->variable, STR("$(hdr("));
}

static bool is_select_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '[' || c == ']' || c == '"' || c == '-';
}

static size_t measure(struct str text)
{
    size_t len = 1;

    while (len < text.len && is_select_char(text.ptr[len]))
        len++;
    return len;
}

static const struct select_row *find_row(struct str name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_eq(rows[i].name, name))
            return &rows[i];
    return NULL;
}

/* Names of headers have '_' where there is '-'. */
static struct str header_name(struct unit *unit, struct str name)
{
    struct str copy = unit_copy(unit, &unit->scratch, name);
    char *bytes = (char *)(uintptr_t)copy.ptr;

    for (size_t i = 0; i < copy.len; i++)
        if (bytes[i] == '_')
            bytes[i] = '-';
    return copy;
}

/* hf_value["X-Name"] and hf_value.x_name are the same; so are all families. */
static bool split_family(struct str text, const struct select_row **row, struct str *name)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        struct str front = families[i].name, quoted = str_skip(text, front.len + 1);

        *row = &families[i];
        if (str_starts(text, front)) {
            *name = str_skip(text, front.len);
            return name->len;
        }
        front.len--;
        if (!str_starts(text, front) || !str_starts(str_skip(text, front.len), STR("[\"")) ||
            quoted.len < 3 || !str_eq(str_skip(quoted, quoted.len - 2), STR("\"]")))
            continue;
        *name = (struct str){ quoted.ptr, quoted.len - 2 };
        return true;
    }
    return false;
}

/* name [ "[" number "]" ]: the first is 1. */
static bool take_index(struct str *name, int64_t *index)
{
    struct str front, number;

    *index = 1;
    if (!str_split(*name, '[', &front, &number))
        return true;
    *name = front;
    return number.len > 1 && number.ptr[number.len - 1] == ']' &&
           !str_to_int((struct str){ number.ptr, number.len - 1 }, 1, 1000, index);
}

static bool translate_family(struct unit *unit, struct str text, struct str *out)
{
    const struct select_row *row;
    struct str name;
    int64_t index;

    if (!split_family(text, &row, &name) || !take_index(&name, &index) || str_find_char(name, '.'))
        return false;
    if (!is_of_headers(row))
        return !str_print(&unit->scratch, out, STR_FMT STR_FMT "})", STR_ARG(row->variable),
                          STR_ARG(name));
    return !str_print(&unit->scratch, out, STR_FMT STR_FMT ")[%d])", STR_ARG(row->variable),
                      STR_ARG(header_name(unit, name)), (int)(index - 1));
}

size_t select_translate(struct unit *unit, struct str text, struct str *out)
{
    size_t len = measure(text);
    struct str name = { text.ptr + 1, len - 1 };
    const struct select_row *row = find_row(name);

    if (row)
        *out = row->variable;
    else if (!translate_family(unit, name, out))
        return 0;
    return len;
}
