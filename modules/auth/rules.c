/* SPDX-License-Identifier: Apache-2.0 */
#include "auth.h"

static enum err add_algorithm(struct auth_rules *rules, struct str name, const struct script_place *place)
{
    const struct digest_algorithm *algorithm = digest_algorithm_find(name);

    if (!algorithm || str_is_empty(name)) {
        script_complain(place, "\"" STR_FMT "\" is no algorithm; there are MD5, SHA-256 and SHA-512-256",
                        STR_ARG(name));
        return ERR_SYNTAX;
    }
    for (unsigned i = 0; i < rules->algorithm_count; i++) {
        if (rules->algorithms[i] == algorithm)
            return ERR_NONE;
    }
    rules->algorithms[rules->algorithm_count++] = algorithm;
    return ERR_NONE;
}

enum err auth_set_algorithm(struct module *module, const struct value *value,
                            const struct script_place *place)
{
    struct auth_rules *rules = &((struct auth *)module_state(module))->rules;
    struct str rest = value->text, name;
    enum err err = ERR_NONE;

    rules->algorithm_count = 0;
    rules->names_algorithm = !str_is_empty(rest);
    while (!err && sip_list_next(&rest, &name))
        err = add_algorithm(rules, name, place);
    return err;
}
