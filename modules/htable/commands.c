/* SPDX-License-Identifier: Apache-2.0 */
#include "htable.h"

enum {
    DUMP_MAX = 100000, /* items that one answer tells of */
};

static struct sht *table_arg(struct module *module, struct command *command)
{
    struct str name = command_arg(command, 0);
    struct sht *table = htable_find(module, name);

    if (!table)
        command_fail(command, ERR_NOT_FOUND, "there is no table \"" STR_FMT "\"", STR_ARG(name));
    return table;
}

static msec now_of(const struct module *module)
{
    return server_now(module_server(module));
}

static void tell_value(struct command *command, const struct value *value)
{
    if (value->is_int)
        command_number(command, "value", value->number);
    else
        command_text(command, "value", value->text);
}

static void tell_item(struct command *command, struct str key, const struct value *value)
{
    command_open_object(command, "item");
    command_text(command, "name", key);
    tell_value(command, value);
    command_close(command);
}

static enum err run_get(struct module *module, struct command *command)
{
    struct sht *table = table_arg(module, command);
    struct str key = command_arg(command, 1);
    struct arena arena;
    struct value value = value_null();
    enum err err;

    if (!table)
        return ERR_NOT_FOUND;
    arena_init(&arena, NULL, table->bytes_max + 4096);
    err = sht_get(table, key, now_of(module), &arena, &value);
    if (err || value_is_null(&value))
        err = command_fail(command, err ? err : ERR_NOT_FOUND, "there is no such item");
    else
        tell_item(command, key, &value);
    arena_fini(&arena);
    return err;
}

static enum err run_delete(struct module *module, struct command *command)
{
    struct sht *table = table_arg(module, command);

    if (!table)
        return ERR_NOT_FOUND;
    sht_remove(table, command_arg(command, 1), now_of(module));
    return ERR_NONE;
}

static enum err number_arg(struct command *command, unsigned index, int64_t *out)
{
    struct str text = command_arg(command, index);

    if (!str_to_int(text, INT32_MIN, UINT32_MAX, out))
        return ERR_NONE;
    return command_fail(command, ERR_SYNTAX, "\"" STR_FMT "\" is no number", STR_ARG(text));
}

static enum err set(struct module *module, struct command *command, bool is_text, bool has_expiry)
{
    struct sht *table = table_arg(module, command);
    struct value value = is_text ? value_of_str(command_arg(command, 2)) : value_of_int(0);
    int64_t seconds = LIFETIME_OF_TABLE;
    enum err err;

    if (!table)
        return ERR_NOT_FOUND;
    if (!is_text && (err = number_arg(command, 2, &value.number)))
        return err;
    if (has_expiry && (err = number_arg(command, 3, &seconds)))
        return err;
    err = sht_set(table, command_arg(command, 1), &value, seconds, now_of(module));
    return err ? command_fail(command, err, "the table is full") : ERR_NONE;
}

static enum err run_sets(struct module *module, struct command *command)
{
    return set(module, command, true, false);
}

static enum err run_seti(struct module *module, struct command *command)
{
    return set(module, command, false, false);
}

static enum err run_setxs(struct module *module, struct command *command)
{
    return set(module, command, true, true);
}

static enum err run_setxi(struct module *module, struct command *command)
{
    return set(module, command, false, true);
}

static enum err run_setex(struct module *module, struct command *command)
{
    struct sht *table = table_arg(module, command);
    int64_t seconds;
    enum err err;

    if (!table)
        return ERR_NOT_FOUND;
    if ((err = number_arg(command, 2, &seconds)))
        return err;
    err = sht_set_expiry(table, command_arg(command, 1), seconds, now_of(module));
    return err ? command_fail(command, err, "there is no such item") : ERR_NONE;
}

struct dump {
    struct command *command;
    unsigned count;
};

static enum visit dump_entry(void *context, const struct entry *entry)
{
    struct dump *dump = context;
    struct value value = entry_value(entry);

    if (dump->count++ >= DUMP_MAX)
        return VISIT_STOP;
    command_open_object(dump->command, "");
    command_text(dump->command, "name", entry_key(entry));
    tell_value(dump->command, &value);
    command_close(dump->command);
    return VISIT_ON;
}

static enum err run_dump(struct module *module, struct command *command)
{
    struct sht *table = table_arg(module, command);
    struct dump dump = { command, 0 };

    if (!table)
        return ERR_NOT_FOUND;
    command_open_list(command, "items");
    sht_each(table, now_of(module), dump_entry, &dump);
    command_close(command);
    return ERR_NONE;
}

static enum err run_flush(struct module *module, struct command *command)
{
    struct sht *table = table_arg(module, command);

    if (!table)
        return ERR_NOT_FOUND;
    sht_clear(table);
    return ERR_NONE;
}

static enum err run_list(struct module *module, struct command *command)
{
    const struct htable *htable = module_state(module);

    command_open_list(command, "tables");
    for (const struct sht *table = htable->first; table; table = table->next) {
        command_open_object(command, "");
        command_text(command, "name", table->name);
        command_text(command, "dbtable", table->db_table);
        command_number(command, "dbmode", table->is_saved);
        command_number(command, "expire", table->lifetime);
        command_number(command, "updateexpire", !table->keeps_expiry);
        command_number(command, "size", (int64_t)1 << table->size_bits);
        command_close(command);
    }
    command_close(command);
    return ERR_NONE;
}

static void tell_stats(struct command *command, struct sht *table)
{
    size_t most = 0, least = SIZE_MAX;

    for (unsigned i = 0; i < SHT_SHARDS; i++) {
        size_t count;

        pthread_mutex_lock(&table->shards[i].lock);
        count = table->shards[i].count;
        pthread_mutex_unlock(&table->shards[i].lock);
        most = count > most ? count : most;
        least = count < least ? count : least;
    }
    command_number(command, "slots", SHT_SHARDS);
    command_number(command, "all", (int64_t)sht_count(table));
    command_number(command, "min", (int64_t)least);
    command_number(command, "max", (int64_t)most);
    command_number(command, "bytes", (int64_t)atomic_load_explicit(&table->bytes, memory_order_relaxed));
}

static enum err run_stats(struct module *module, struct command *command)
{
    const struct htable *htable = module_state(module);

    command_open_list(command, "tables");
    for (struct sht *table = htable->first; table; table = table->next) {
        command_open_object(command, "");
        command_text(command, "name", table->name);
        tell_stats(command, table);
        command_close(command);
    }
    command_close(command);
    return ERR_NONE;
}

static enum err with_database(struct module *module, struct command *command,
                              enum err (*deed)(struct htable *htable, struct sht *table, msec now))
{
    struct htable *htable = module_state(module);
    struct sht *table = table_arg(module, command);
    enum err err;

    if (!table)
        return ERR_NOT_FOUND;
    if (!htable->store || str_is_empty(table->db_table))
        return command_fail(command, ERR_NOT_NOW, "the table has no dbtable, or there is no db_url");
    err = deed(htable, table, now_of(module));
    return err ? command_fail(command, err, "the database says: %s", err_name(err)) : ERR_NONE;
}

static enum err run_reload(struct module *module, struct command *command)
{
    return with_database(module, command, htable_load);
}

static enum err run_store(struct module *module, struct command *command)
{
    return with_database(module, command, htable_store);
}

const struct mod_command htable_commands[] = {
    { "htable.get", "table key", "One item.", run_get },
    { "htable.delete", "table key", "Removes an item.", run_delete },
    { "htable.sets", "table key text", "Sets an item to a text.", run_sets },
    { "htable.seti", "table key number", "Sets an item to a number.", run_seti },
    { "htable.setex", "table key seconds", "Sets an item's time to live.", run_setex },
    { "htable.setxs", "table key text seconds", "Sets a text and its time to live.", run_setxs },
    { "htable.setxi", "table key number seconds", "Sets a number and its time to live.", run_setxi },
    { "htable.dump", "table", "All items of a table.", run_dump },
    { "htable.flush", "table", "Empties a table.", run_flush },
    { "htable.reload", "table", "Reads the items from the database again.", run_reload },
    { "htable.store", "table", "Writes the items into the database.", run_store },
    { "htable.listTables", "", "The tables and what they are told to be.", run_list },
    { "htable.stats", "", "How many items the tables have, and how evenly spread.", run_stats },
    { 0 },
};
