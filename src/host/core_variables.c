/* SPDX-License-Identifier: Apache-2.0 */
#include "host/variables.h"

const struct mod_variable *const core_variable_tables[] = {
    uri_variables, party_variables, message_variables, digest_variables,
    net_variables, flag_variables,  time_variables,    NULL,
};

enum err give_both(struct run *run, struct value *out, int64_t number)
{
    struct str text;
    enum err err = str_print(run->arena, &text, "%lld", (long long)number);

    if (!err)
        *out = value_of_both(text, number);
    return err;
}

enum err give_number(struct run *run, struct value *out, int64_t number)
{
    return server_is_openser(run_server(run)) ? give_both(run, out, number) : give_int(out, number);
}

enum err assigned_text(const struct variable_use *use, const struct value *value, struct str *out)
{
    if (value->is_int && !server_is_openser(run_server(use->run)))
        return ERR_SYNTAX;
    return value_to_str(use->run->arena, value, out);
}

enum err assigned_number(const struct value *value, int64_t *out)
{
    if (value->has_number) {
        *out = value->number;
        return ERR_NONE;
    }
    return str_to_int(value->text, INT64_MIN, INT64_MAX, out);
}
