/* SPDX-License-Identifier: Apache-2.0 */
#include "htable.h"

#include <stdlib.h>

enum {
    SIZE_MIN_BITS = 3,
    SIZE_MAX_BITS = 14,
    TICKS_A_SECOND = 10,
};

struct sht *htable_find(const struct module *module, struct str name)
{
    const struct htable *htable = module_state(module);

    for (struct sht *table = htable->first; table; table = table->next)
        if (str_eq(table->name, name))
            return table;
    return NULL;
}

struct sht *htable_split(const struct module *module, struct str text, struct str *rest)
{
    const char *arrow = str_find(text, STR("=>"));

    if (!arrow)
        return NULL;
    *rest = str_skip(text, (size_t)(arrow - text.ptr) + 2);
    return htable_find(module, str_trim(str_between(text.ptr, arrow)));
}

struct htable_notes *htable_notes(const struct module *module, struct request *request)
{
    const struct htable *htable = module_state(module);
    void **slot = &request->slots[htable->slot];

    if (!*slot)
        *slot = arena_zalloc(&request->arena, sizeof(struct htable_notes));
    return *slot;
}

/* ---- modparam("htable", "htable", "name=>size=8;autoexpire=300;…") ---- */

static enum err read_number(struct sht *table, struct str text, size_t offset, int64_t min, int64_t max)
{
    return str_to_int(text, min, max, (int64_t *)(void *)((char *)table + offset));
}

static enum err set_attribute(struct sht *table, struct str name, struct str text)
{
    int64_t number = 0;

    if (str_eq(name, STR("size")))
        return read_number(table, text, offsetof(struct sht, size_bits), 0, INT32_MAX);
    if (str_eq(name, STR("autoexpire")))
        return read_number(table, text, offsetof(struct sht, lifetime), 0, INT32_MAX);
    if (str_eq(name, STR("dbtable")))
        table->db_table = text;
    else if (str_eq(name, STR("cols")))
        table->columns = text;
    else if (str_eq(name, STR("coldelim")) && text.len)
        table->column_separator = text.ptr[0];
    else if (str_eq(name, STR("colnull")))
        table->null_column = text;
    else if (str_to_int(text, INT32_MIN, INT32_MAX, &number))
        return ERR_SYNTAX;
    else if (str_eq(name, STR("dbmode")))
        table->is_saved = number != 0;
    else if (str_eq(name, STR("updateexpire")))
        table->keeps_expiry = number == 0;
    else if (str_eq(name, STR("initval"))) {
        table->has_initial = true;
        table->initial = (int32_t)number;
    } else if (str_eq(name, STR("dmqreplicate")))
        return number ? ERR_UNSUPPORTED : ERR_NONE;
    else
        return ERR_NOT_FOUND;
    return ERR_NONE;
}

static enum err set_attributes(struct sht *table, struct str rest, const struct script_place *place)
{
    struct str attribute, name, text;
    enum err err;

    while (str_trim(rest).len) {
        if (!str_split(rest, ';', &attribute, &rest)) {
            attribute = rest;
            rest = STR("");
        }
        if (str_is_empty(str_trim(attribute)))
            continue;
        err = str_split(attribute, '=', &name, &text)
                  ? set_attribute(table, str_trim(name), sip_unquote(str_trim(text)))
                  : ERR_SYNTAX;
        if (err == ERR_UNSUPPORTED) {
            log_notice("htable: tables are not shared with other servers: dmqreplicate is ignored");
        } else if (err) {
            script_complain(place, "\"" STR_FMT "\" is nothing that a table has (size, autoexpire, "
                            "dbtable, cols, dbmode, initval, updateexpire, coldelim, colnull)",
                            STR_ARG(str_trim(attribute)));
            return err;
        }
    }
    return ERR_NONE;
}

static bool is_plain_name(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = char_lower(text.ptr[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == ',' || c == ' '))
            return false;
    }
    return true;
}

static enum err set_table(struct module *module, const struct value *value,
                          const struct script_place *place)
{
    struct htable *htable = module_state(module);
    const char *arrow;
    struct sht *table = arena_zalloc(module_arena(module), sizeof *table);
    struct str text;
    enum err err;

    if (!table || str_copy(module_arena(module), value->text, &text))
        return ERR_NOMEM;
    arrow = str_find(text, STR("=>"));
    table->name = arrow ? str_trim(str_between(text.ptr, arrow)) : STR("");
    if (str_is_empty(table->name)) {
        script_complain(place, "\"" STR_FMT "\" describes no table; write name=>size=8;autoexpire=300",
                        STR_ARG(value->text));
        return ERR_SYNTAX;
    }
    if (htable_find(module, table->name)) {
        script_complain(place, "there is a table \"" STR_FMT "\" already", STR_ARG(table->name));
        return ERR_EXISTS;
    }
    table->column_separator = ',';
    err = set_attributes(table, str_skip(text, (size_t)(arrow - text.ptr) + 2), place);
    if (err)
        return err;
    if (!is_plain_name(table->db_table) || !is_plain_name(table->columns)) {
        script_complain(place, "dbtable and cols are plain names of a database");
        return ERR_SYNTAX;
    }
    if (table->size_bits < 2)
        table->size_bits = SIZE_MIN_BITS;
    if (table->size_bits > SIZE_MAX_BITS)
        table->size_bits = SIZE_MAX_BITS;
    table->next = htable->first;
    htable->first = table;
    return ERR_NONE;
}

/* clang-format off */
#define INT(name_, field_, min_, max_, initial_, doc_) \
    { .name = name_, .type = PARAM_INT, .offset = offsetof(struct htable, field_), .min = min_, .max = max_, .initial = initial_, .doc = doc_ }
#define TEXT(name_, field_, initial_, doc_) \
    { .name = name_, .type = PARAM_STR, .offset = offsetof(struct htable, field_), .initial_text = initial_, .doc = doc_ }
#define OTHER(name_, doc_) { .name = name_, .type = PARAM_IGNORED, .doc = doc_ }

static const struct mod_param params[] = {
    { .name = "htable", .type = PARAM_CALL, .set = set_table,
      .doc = "A table: name=>size=8;autoexpire=300. May be given several times." },
    INT("timer_interval", timer_interval, 1, 86400, 20, "Seconds within which an expired item is found."),
    INT("memory_max", memory_max, 1, 1048576, 64, "Megabytes that one table may hold."),
    INT("db_expires", db_expires, 0, 1, 0, "1: items keep their expiry in the database."),
    TEXT("db_url", db_url, "", "The database of tables with a dbtable."),
    TEXT("key_name_column", key_name, "key_name", "Column of the key."),
    TEXT("key_type_column", key_type, "key_type", "Column that is 1 for elements of arrays."),
    TEXT("value_type_column", value_type, "value_type", "Column that is 1 for numbers."),
    TEXT("key_value_column", key_value, "key_value", "Column of the value."),
    TEXT("expires_column", expires, "expires", "Column of the expiry."),
    TEXT("array_size_suffix", array_suffix, "::size", "Behind the key: the length of an array."),
    OTHER("fetch_rows", "rows come as the database gives them"),
    OTHER("enable_dmq", "tables are not shared with other servers"),
    OTHER("dmq_init_sync", "tables are not shared with other servers"),
    OTHER("timer_procs", "the workers look for expired items by themselves"),
    OTHER("event_callback", "use event_route[htable:mod-init] and [htable:expired:…]"),
    OTHER("event_callback_mode", "use event_route[htable:mod-init] and [htable:expired:…]"),
    { 0 },
};
/* clang-format on */

/* ---- events ---- */

static void run_init(struct module *module, struct worker *worker)
{
    struct htable *htable = module_state(module);

    pthread_mutex_lock(&htable->init_lock);
    if (!atomic_load_explicit(&htable->is_ready, memory_order_relaxed))
        worker_run_event(worker, STR("htable:mod-init"), NULL, NULL);
    atomic_store_explicit(&htable->is_ready, true, memory_order_release);
    pthread_mutex_unlock(&htable->init_lock);
}

/* Once, before the first message: the others wait for it. */
static void see_to_init(struct module *module, struct worker *worker)
{
    struct htable *htable = module_state(module);

    if (!atomic_load_explicit(&htable->is_ready, memory_order_acquire))
        run_init(module, worker);
}

static void on_request(struct module *module, struct run *run)
{
    see_to_init(module, run->worker);
}

struct farewell {
    struct module *module;
    const struct entry *entry;
};

static enum err note_record(struct request *request, void *context)
{
    const struct farewell *farewell = context;
    const struct entry *from = farewell->entry;
    size_t size = sizeof *from + from->key_length + from->text_length;
    struct htable_notes *notes = htable_notes(farewell->module, request);
    void *copy = arena_alloc(&request->arena, size);

    if (!notes || !copy)
        return ERR_NOMEM;
    notes->record = memcpy(copy, from, size);
    return ERR_NONE;
}

static void say_farewell(struct module *module, struct worker *worker, const struct sht *table,
                         struct entry *list)
{
    struct entry *next;

    for (struct entry *entry = list; entry; entry = next) {
        struct farewell farewell = { module, entry };

        next = entry->in_bucket;
        worker_run_event(worker, table->expired_route, note_record, &farewell);
        free(entry);
    }
}

static void on_tick(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now)
{
    struct htable *htable = module_state(module);
    unsigned rounds = (unsigned)htable->timer_interval * TICKS_A_SECOND;

    see_to_init(module, worker);
    for (struct sht *table = htable->first; table; table = table->next) {
        if (table->lifetime == 0)
            continue;
        for (unsigned i = index; i < SHT_SHARDS; i += count ? count : 1)
            say_farewell(module, worker, table, sht_sweep(table, i, rounds, now));
    }
}

/* ---- life ---- */

static enum err open_database(struct htable *htable)
{
    bool is_needed = false;

    for (const struct sht *table = htable->first; table; table = table->next)
        is_needed = is_needed || !str_is_empty(table->db_table);
    if (is_needed && str_is_empty(htable->db_url)) {
        log_error("htable: a table has a dbtable, but there is no "
                  "modparam(\"htable\", \"db_url\", …)");
        return ERR_NOT_FOUND;
    }
    return is_needed ? store_open(htable->db_url, &htable->store) : ERR_NONE;
}

static enum err open_table(struct module *module, struct sht *table)
{
    struct htable *htable = module_state(module);
    enum err err = sht_open(table, random_u64(server_random(htable->server)),
                              (size_t)htable->memory_max * 1024 * 1024);

    if (!err)
        err = str_print(module_arena(module), &table->expired_route, "htable:expired:" STR_FMT,
                        STR_ARG(table->name));
    if (err || !htable->store || str_is_empty(table->db_table))
        return err;
    err = htable_load(htable, table, server_now(htable->server));
    if (err)
        log_error("htable: table \"" STR_FMT "\" cannot be read from the database: %s",
                  STR_ARG(table->name), err_name(err));
    return err;
}

static enum err start(struct module *module)
{
    struct htable *htable = module_state(module);
    enum err err;

    htable->server = module_server(module);
    pthread_mutex_init(&htable->init_lock, NULL);
    err = module_slot(module, &htable->slot);
    if (!err)
        err = open_database(htable);
    for (struct sht *table = htable->first; !err && table; table = table->next)
        err = open_table(module, table);
    return err;
}

static void save(struct htable *htable, struct sht *table)
{
    enum err err;

    if (!htable->store || !table->is_saved || str_is_empty(table->db_table))
        return;
    err = htable_store(htable, table, server_now(htable->server));
    if (err)
        log_error("htable: table \"" STR_FMT "\" is not saved: %s", STR_ARG(table->name),
                  err_name(err));
}

static void stop(struct module *module)
{
    struct htable *htable = module_state(module);

    if (!htable->server)
        return;
    for (struct sht *table = htable->first; table; table = table->next) {
        save(htable, table);
        sht_close(table);
    }
    store_close(htable->store);
    pthread_mutex_destroy(&htable->init_lock);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "htable",
    .summary = "Tables of texts and numbers that all workers share: $sht(table=>key).",
    .state_size = sizeof(struct htable),
    .functions = htable_functions,
    .variables = htable_variables,
    .params = params,
    .commands = htable_commands,
    .hooks = { .on_request = on_request, .on_tick = on_tick },
    .start = start,
    .stop = stop,
};
