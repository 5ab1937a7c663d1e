/* SPDX-License-Identifier: Apache-2.0 */
#include "auth_db.h"

static bool is_column_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = char_lower(name.ptr[i]);
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_')
            return false;
    }
    return name.len > 0;
}

/* "$avp(i:5)=email_address", "rpid" (for $avp(rpid)) */
static enum err read_column(struct module *module, struct str text, struct loaded_column *out)
{
    struct str variable = { 0 };

    if (!str_split(text, '=', &variable, &out->name))
        out->name = text;
    variable = str_trim(variable);
    out->name = str_trim(out->name);
    if (!is_column_name(out->name)) {
        log_error("auth_db: load_credentials: \"" STR_FMT "\" is no column; write column or $avp(name)=column",
                  STR_ARG(out->name));
        return ERR_SYNTAX;
    }
    if (str_is_empty(variable) &&
        str_print(module_arena(module), &variable, "$avp(s:" STR_FMT ")", STR_ARG(out->name)))
        return ERR_NOMEM;
    return module_variable(module, variable, &out->variable);
}

enum err columns_read(struct module *module, struct auth_db *auth_db)
{
    struct str rest = auth_db->load_credentials, one;
    enum err err = ERR_NONE;

    while (!err && !str_is_empty(rest)) {
        if (!str_split(rest, ';', &one, &rest)) {
            one = rest;
            rest = (struct str){ 0 };
        }
        if (str_is_empty(str_trim(one)))
            continue;
        if (auth_db->column_count == COLUMNS_MAX) {
            log_error("auth_db: load_credentials names more than %d columns", COLUMNS_MAX);
            return ERR_LIMIT;
        }
        err = read_column(module, str_trim(one), &auth_db->columns[auth_db->column_count++]);
    }
    return err;
}

enum err columns_names(const struct auth_db *auth_db, struct arena *arena, struct str *out)
{
    enum err err = ERR_NONE;

    *out = (struct str){ 0 };
    for (unsigned i = 0; i < auth_db->column_count && !err; i++)
        err = str_print(arena, out, STR_FMT "," STR_FMT, STR_ARG(*out),
                        STR_ARG(auth_db->columns[i].name));
    return err;
}

enum err columns_load(const struct auth_db *auth_db, struct run *run, const struct value values[])
{
    enum err err = ERR_NONE;

    for (unsigned i = 0; i < auth_db->column_count && !err; i++) {
        if (!value_is_null(&values[i]))
            err = variable_set(run, auth_db->columns[i].variable, &values[i]);
    }
    return err;
}
