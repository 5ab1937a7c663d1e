/* SPDX-License-Identifier: Apache-2.0 */
#include "avpops.h"

#define ROW(name_, function_, prepare_, min_, doc_, ...)                                            \
    { .name = name_, .run = avpops_##function_, .prepare = avpops_prepare_##prepare_,               \
      .takes = { __VA_ARGS__ }, .min_args = min_, .stages = STAGE_ANY, .doc = doc_ }

static const struct mod_function functions[] = {
    ROW("avp_db_load", db_load, load, 2, "Loads AVPs of a user: (source[/username|domain|uri|uuid], name[/table]).",
        ARG_CUSTOM, ARG_CUSTOM),
    ROW("avp_db_store", db_store, database, 2, "Writes AVPs of a user into the table, a row each: (source, name).",
        ARG_CUSTOM, ARG_CUSTOM),
    ROW("avp_db_delete", db_delete, database, 2, "Removes AVPs of a user from the table: (source, name).", ARG_CUSTOM,
        ARG_CUSTOM),
    ROW("avp_db_query", db_query, query, 1, "Runs a statement and puts its columns into AVPs: (statement [, \"$avp(a);$avp(b)\"]).",
        ARG_CUSTOM, ARG_CUSTOM),
    ROW("avp_delete", delete, delete, 1, "Removes the newest value, or with /g all: name, s, i or a, for kinds of names.",
        ARG_CUSTOM),
    ROW("avp_copy", copy, copy, 2, "Copies values: (from, to[/flags]), flags g all, d deletes the old, n as number, s as text.",
        ARG_CUSTOM, ARG_CUSTOM),
    ROW("avp_pushto", pushto, pushto, 2, "Writes a value to $ru, $ru/username, $ru/domain, $du or $br: (where, name[/g]).",
        ARG_CUSTOM, ARG_CUSTOM),
    ROW("avp_check", check, check, 2, "Compares: (name, op/value[/flags]), op eq ne lt le gt ge re fm and or xor; g any value, i ignores case.",
        ARG_CUSTOM, ARG_CUSTOM),
    ROW("avp_op", op, op, 2, "Computes: (source[/target], op/value[/flags]), op add sub mul div mod and or xor not; g all, d deletes the old.",
        ARG_CUSTOM, ARG_CUSTOM),
    ROW("avp_subst", subst, subst, 2, "Replaces in texts: (source[/target[/flags]], /expression/replacement/flags).", ARG_CUSTOM,
        ARG_CUSTOM),
    ROW("avp_subst_pv", subst_pv, subst, 2, "The same with variables in the expression.", ARG_CUSTOM, ARG_FMT),
    ROW("is_avp_set", is_set, is_set, 1, "True when there is a value: name[/flags], e an empty one, s a text, n a number.",
        ARG_CUSTOM),
    ROW("avp_write", write, write, 2, "Adds a value: (s:text, i:number or a variable; name).", ARG_CUSTOM, ARG_CUSTOM),
    { .name = "avp_print", .run = avpops_print, .stages = STAGE_ANY, .doc = "Logs all AVPs." },
    { 0 },
};

#define TEXT(name_, initial_, doc_)                                                             \
    { .name = #name_, .type = PARAM_STR, .offset = offsetof(struct avpops, name_),              \
      .initial_text = initial_, .doc = doc_ }

static const struct mod_param params[] = {
    TEXT(db_url, "", "Database; empty: the embedded one."),
    TEXT(avp_url, "", "Older name of db_url."),
    TEXT(avp_table, "usr_preferences", "Table of the AVPs."),
    { .name = "use_domain", .type = PARAM_INT, .offset = offsetof(struct avpops, use_domain), .max = 1,
      .doc = "1: the domain of a URI selects rows too." },
    TEXT(uuid_column, "uuid", "Column of the UUID."),
    TEXT(username_column, "username", "Column of the user part."),
    TEXT(domain_column, "domain", "Column of the domain."),
    TEXT(attribute_column, "attribute", "Column of the name."),
    TEXT(type_column, "type", "Column of the type: 1 for a number, 2 more for a number as name."),
    TEXT(value_column, "value", "Column of the value."),
    { .name = "db_scheme", .type = PARAM_CALL, .set = scheme_add,
      .doc = "Another table that avp_db_load() may read: name:table=…;value_col=…;value_type=string." },
    { 0 },
};

/* Scripts that only compare need no database. */
static enum err start(struct module *module)
{
    struct avpops *avpops = module_state(module);

    if (!avpops->needs_store)
        return ERR_NONE;
    return store_open(avpops->db_url.len ? avpops->db_url : avpops->avp_url, &avpops->store);
}

static void stop(struct module *module)
{
    struct avpops *avpops = module_state(module);

    store_close(avpops->store);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "avpops",
    .summary = "Attribute-value pairs: compared, computed, copied, and kept in tables.",
    .state_size = sizeof(struct avpops),
    .functions = functions,
    .params = params,
    .start = start,
    .stop = stop,
};
