/* SPDX-License-Identifier: Apache-2.0 */
/* db_scheme: "name:uuid_col=…;username_col=…;domain_col=…;value_col=…;value_type=integer;table=…" */
#include "avpops.h"

static const struct {
    struct str key;
    size_t offset;
} columns[] = {
    { STR_INIT("uuid_col"), offsetof(struct scheme, uuid_column) },
    { STR_INIT("username_col"), offsetof(struct scheme, username_column) },
    { STR_INIT("domain_col"), offsetof(struct scheme, domain_column) },
    { STR_INIT("value_col"), offsetof(struct scheme, value_column) },
    { STR_INIT("table"), offsetof(struct scheme, table) },
};

static bool set_field(struct scheme *scheme, struct str key, struct str value)
{
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        if (!str_ieq(key, columns[i].key))
            continue;
        *(struct str *)(void *)((char *)scheme + columns[i].offset) = value;
        return value.len > 0;
    }
    scheme->is_number = str_ieq(value, STR("integer"));
    return str_ieq(key, STR("value_type")) && (scheme->is_number || str_ieq(value, STR("string")));
}

static bool read_fields(struct scheme *scheme, struct str rest)
{
    while (rest.len) {
        struct str field = rest, key, value;
        if (!str_split(rest, ';', &field, &rest))
            rest = STR("");
        if (str_is_empty(str_trim(field)))
            continue;
        if (!str_split(field, '=', &key, &value) || !set_field(scheme, str_trim(key), str_trim(value)))
            return false;
    }
    return scheme->table.len > 0;
}

enum err scheme_add(struct module *module, const struct value *value, const struct script_place *place)
{
    struct avpops *avpops = module_state(module);
    struct scheme *scheme = arena_zalloc(module_arena(module), sizeof *scheme);
    struct str text, rest;

    if (!scheme || str_copy(module_arena(module), value->text, &text))
        return ERR_NOMEM;
    *scheme = (struct scheme){
        .next = avpops->schemes,
        .uuid_column = STR("uuid"),
        .username_column = STR("username"),
        .domain_column = STR("domain"),
        .value_column = STR("value"),
    };
    if (!str_split(text, ':', &scheme->name, &rest) || !read_fields(scheme, rest)) {
        script_complain(place, "db_scheme must be name:table=…;value_col=…, with uuid_col, username_col, domain_col and "
                               "value_type=string or integer where they differ");
        return ERR_SYNTAX;
    }
    scheme->name = str_trim(scheme->name);
    avpops->schemes = scheme;
    return ERR_NONE;
}

const struct scheme *scheme_find(const struct avpops *avpops, struct str name)
{
    for (const struct scheme *scheme = avpops->schemes; scheme; scheme = scheme->next)
        if (str_ieq(scheme->name, name))
            return scheme;
    return NULL;
}
