/* SPDX-License-Identifier: Apache-2.0 */
#include "htable.h"

static struct sht *table_of(const struct variable_use *use, struct str *key)
{
    return htable_split(use->module, use->inner, key);
}

static enum err get_item(const struct variable_use *use, struct value *out)
{
    struct str key;
    struct sht *table = table_of(use, &key);

    *out = value_null();
    return table ? sht_get(table, key, run_now(use->run), use->run->arena, out) : ERR_NONE;
}

static enum err set_item(const struct variable_use *use, const struct value *value)
{
    struct str key;
    struct sht *table = table_of(use, &key);

    return table ? sht_set(table, key, value, LIFETIME_OF_TABLE, run_now(use->run))
                 : ERR_NOT_FOUND;
}

static enum err get_expiry(const struct variable_use *use, struct value *out)
{
    struct str key;
    struct sht *table = table_of(use, &key);

    *out = table ? value_of_int(sht_seconds_left(table, key, run_now(use->run))) : value_null();
    return ERR_NONE;
}

/* Of an item that is not there: nothing happens. No number is 0, for ever. */
static enum err set_expiry(const struct variable_use *use, const struct value *value)
{
    struct str key;
    struct sht *table = table_of(use, &key);

    if (!table)
        return ERR_NOT_FOUND;
    (void)!sht_set_expiry(table, key, value->is_int ? value->number : 0, run_now(use->run));
    return ERR_NONE;
}

static enum err count_items(const struct variable_use *use, bool in_values, struct value *out)
{
    struct str text;
    struct sht *table = table_of(use, &text);
    struct match match;

    *out = value_null();
    if (!table || match_read(text, in_values, &match))
        return ERR_NONE;
    *out = value_of_int(match_count(table, &match, in_values, run_now(use->run)));
    match_free(&match);
    return ERR_NONE;
}

static enum err get_name_count(const struct variable_use *use, struct value *out)
{
    return count_items(use, false, out);
}

static enum err get_value_count(const struct variable_use *use, struct value *out)
{
    return count_items(use, true, out);
}

static enum err add(const struct variable_use *use, int32_t amount, struct value *out)
{
    struct str key;
    struct sht *table = table_of(use, &key);

    *out = value_null();
    return table ? sht_add(table, key, amount, run_now(use->run), out) : ERR_NONE;
}

static enum err get_increased(const struct variable_use *use, struct value *out)
{
    return add(use, 1, out);
}

static enum err get_decreased(const struct variable_use *use, struct value *out)
{
    return add(use, -1, out);
}

/* ---- in event_route[htable:expired:…] ---- */

static bool is_key(struct str inner)
{
    return str_eq(inner, STR("key"));
}

static enum err prepare_record(struct module *module, struct str inner,
                               const struct script_place *place, const void **out)
{
    (void)module;
    *out = NULL;
    if (is_key(inner) || str_eq(inner, STR("value")))
        return ERR_NONE;
    script_complain(place, "$shtrecord() has a key and a value, no \"" STR_FMT "\"", STR_ARG(inner));
    return ERR_SYNTAX;
}

static enum err get_record(const struct variable_use *use, struct value *out)
{
    const struct htable_notes *notes = htable_notes(use->module, use->run->request);

    *out = value_of_str(STR(""));
    if (notes && notes->record)
        *out = is_key(use->inner) ? value_of_str(entry_key(notes->record)) : entry_value(notes->record);
    return ERR_NONE;
}

/* ---- the inner text ---- */

static enum err prepare_item(struct module *module, struct str inner,
                             const struct script_place *place, const void **out)
{
    (void)module;
    *out = NULL;
    if (str_find(inner, STR("=>")))
        return ERR_NONE;
    script_complain(place, "\"" STR_FMT "\" names no item; write table=>key", STR_ARG(inner));
    return ERR_SYNTAX;
}

const struct mod_variable htable_variables[] = {
    { "sht", INNER_NEEDED, get_item, set_item, prepare_item, "An item of a table: table=>key." },
    { "shtex", INNER_NEEDED, get_expiry, set_expiry, prepare_item, "Its seconds to live." },
    { "shtcn", INNER_NEEDED, get_name_count, NULL, prepare_item,
      "How many items have such a name: table=>expression, ~~expression, ~%start, ==name, **." },
    { "shtcv", INNER_NEEDED, get_value_count, NULL, prepare_item,
      "How many items have such a value: the same, and eqN for numbers." },
    { "shtinc", INNER_NEEDED, get_increased, NULL, prepare_item, "Adds 1 to a number; the sum." },
    { "shtdec", INNER_NEEDED, get_decreased, NULL, prepare_item, "Takes 1 from it." },
    { "shtrecord", INNER_NEEDED, get_record, NULL, prepare_record,
      "The key or value of the item that has expired." },
    { "shtitkey", INNER_NEEDED, htable_get_iterator_key, NULL, NULL, "The name of an iterator's item." },
    { "shtitval", INNER_NEEDED, htable_get_iterator_value, NULL, NULL, "Its value." },
    { 0 },
};
