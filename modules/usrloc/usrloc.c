/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the location service, its cleaning, and its copy in the database. */
#include "usrloc.h"

enum {
    AUTOMATIC = -1, /* of db_needed: as the database is */
    TICKS_PER_SECOND = 10,
    TICKS_BETWEEN_COUNTS = 50,
};

struct journal_time usrloc_time(struct server *server)
{
    return (struct journal_time){ server_now(server), (int64_t)server_wall_clock(server) * 1000 };
}

static enum err make_counters(struct server *server, struct usrloc *usrloc)
{
    enum err err = ERR_NONE;

#define X(name)                                                                                    \
    if (!err)                                                                                      \
        err = server_counter(server, "usrloc", #name, &usrloc->count_##name);
    JOURNAL_COUNTERS(X)
#undef X
    return err ? err : server_counter(server, "usrloc", "unwritten", &server_location_rules(server)->unwritten);
}

static enum err make_location_counters(struct server *server, struct usrloc *usrloc)
{
    enum err err = server_counter(server, "usrloc", "registered_users", &usrloc->users);

    if (!err)
        err = server_counter(server, "usrloc", "location-contacts", &usrloc->contacts);
    return err ? err : server_counter(server, "usrloc", "location-expires", &usrloc->expires);
}

static void tell_counters(struct usrloc *usrloc)
{
    struct journal_counters now;

    journal_read_counters(usrloc->journal, &now);
#define X(name) counter_add(usrloc->count_##name, (int64_t)(now.name - usrloc->told.name));
    JOURNAL_COUNTERS(X)
#undef X
    usrloc->told = now;
}

/* Of all tables together, as counting them apart would cost every REGISTER something. */
static void tell_location(struct server *server, struct usrloc *usrloc)
{
    struct location_counters *told = &usrloc->told_location, now;

    location_read_counters(server_location(server), &now);
    counter_add(usrloc->users, (int64_t)(now.aors - told->aors));
    counter_add(usrloc->contacts, (int64_t)(now.bindings - told->bindings));
    counter_add(usrloc->expires, (int64_t)(now.expired - told->expired));
    *told = now;
}

/* Walks all shards once in timer_interval; what has expired goes on the way. */
static void on_tick(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now)
{
    struct usrloc *usrloc = module_state(module);
    unsigned turns_per_walk = (unsigned)usrloc->timer_interval * TICKS_PER_SECOND;
    unsigned turns = usrloc->turns[index]++, turn = turns % turns_per_walk;

    location_each(server_location(worker_server(worker)), turn * count + index,
                  turns_per_walk * count, now, NULL, NULL);
    if (index == 0 && turns % TICKS_BETWEEN_COUNTS == 0)
        tell_location(worker_server(worker), usrloc);
    if (!usrloc->journal || index != 0)
        return;
    journal_look(usrloc->journal, usrloc_time(worker_server(worker)));
    if (usrloc->db_mode == 2 ? turn == 0 : turns % TICKS_PER_SECOND == 0)
        journal_tick(usrloc->journal, usrloc_time(worker_server(worker)));
    tell_counters(usrloc);
}

/* ---- parameters ---- */

static bool has_table(const struct usrloc *usrloc, struct str table)
{
    for (unsigned i = 0; i < usrloc->table_count; i++)
        if (str_eq(usrloc->tables[i], table))
            return true;
    return false;
}

/* What the script names, and "location" for what is asked from outside. */
static void gather_tables(struct usrloc *usrloc, const struct location_rules *rules)
{
    if (!has_table(usrloc, STR("location")))
        usrloc->tables[usrloc->table_count++] = STR("location");
    usrloc->needed_count = usrloc->table_count;
    for (unsigned i = 0; i < rules->table_count; i++)
        if (!has_table(usrloc, rules->tables[i]) && usrloc->table_count < JOURNAL_TABLES_MAX)
            usrloc->tables[usrloc->table_count++] = rules->tables[i];
}

static enum err add_table(struct module *module, const struct value *value,
                          const struct script_place *place)
{
    struct usrloc *usrloc = module_state(module);

    if (has_table(usrloc, value->text))
        return ERR_NONE;
    if (usrloc->table_count == JOURNAL_TABLES_MAX - 1) {
        script_complain(place, "no more than %d tables", JOURNAL_TABLES_MAX - 1);
        return ERR_LIMIT;
    }
    if (str_copy(module_arena(module), value->text, &usrloc->tables[usrloc->table_count]))
        return ERR_NOMEM;
    usrloc->table_count++;
    return ERR_NONE;
}

#define INT(name_, initial_, min_, max_, doc_)                                                     \
    {                                                                                              \
        .name = #name_, .type = PARAM_INT, .offset = offsetof(struct usrloc, name_),               \
        .initial = initial_, .min = min_, .max = max_, .doc = doc_                                 \
    }
#define FIXED(name_)                                                                               \
    {                                                                                              \
        .name = name_, .type = PARAM_IGNORED, .doc = "columns have their usual names"              \
    }
#define WRITTEN_BEHIND "contacts are loaded at the start and written as db_mode says"
#define OTHER(name_, doc_)                                                                         \
    {                                                                                              \
        .name = name_, .type = PARAM_IGNORED, .doc = doc_                                          \
    }

static const struct mod_param params[] = {
    INT(nat_bflag, -1, -1, FLAGS_MAX - 1, "Branch flag of contacts behind a NAT."),
    INT(use_domain, 0, 0, 1, "1: the domain is part of the address-of-record."),
    INT(matching_mode, 0, 0, 3,
        "A contact is known by: 0 URI, 1 and Call-ID, 2 and Path, 3 Call-ID."),
    INT(cseq_delay, 20, 0, 3600, "Seconds in which an equal CSeq is a retransmission."),
    INT(db_mode, 0, 0, 4, "0 memory alone, 1 written before the answer, 2 written each timer_interval and at the end,"
        " 3 asked for each lookup too, 4 read at the start alone."),
    INT(db_needed, AUTOMATIC, AUTOMATIC, 1,
        "With db_mode 1 and 3: 1 a REGISTER that cannot be written is answered 500, 0 with 200 all"
        " the same; -1: 1 for the embedded database, 0 for others, which may be away."),
    INT(timer_interval, 60, 1, 3600,
        "Seconds in which expired contacts are removed and changes saved."),
    INT(desc_time_order, 0, 0, 1, "1: lookup() gives the newest contact first, whatever its q."),
    INT(handle_lost_tcp, 0, 0, 1, "1: a contact goes when its connection does."),
    INT(max_bindings, 0, 0, INT64_MAX, "Contacts that may be registered in all; 0: any number."),
    { .name = "preload",
      .type = PARAM_CALL,
      .set = add_table,
      .doc = "A table to load from the database and to write; \"location\" always is." },
    { .name = "db_url",
      .type = PARAM_STR,
      .offset = offsetof(struct usrloc, db_url),
      .initial_text = "",
      .doc = "Database; empty: the embedded one." },
    OTHER("hash_size", "the table grows as needed"),
    OTHER("fetch_rows", "rows are read as they come"),
    OTHER("timer_procs", "workers share the cleaning"),
    OTHER("close_expired_tcp", "idle connections close by themselves"),
    OTHER("db_ops_ruid", "bindings are known by their ruid"),
    OTHER("version_table", "the version of a table is not checked"),
    OTHER("ka_mode", "see nathelper and nat"),
    OTHER("ka_method", "see nathelper and nat"),
    OTHER("ka_from", "see nathelper and nat"),
    OTHER("ka_domain", "see nathelper and nat"),
    OTHER("ka_filter", "see nathelper and nat"),
    OTHER("ka_timeout", "see nathelper and nat"),
    OTHER("ka_loglevel", "see nathelper and nat"),
    OTHER("ka_logmsg", "see nathelper and nat"),
    OTHER("db_load", WRITTEN_BEHIND),
    OTHER("db_insert_update", WRITTEN_BEHIND),
    OTHER("db_insert_null", WRITTEN_BEHIND),
    OTHER("db_update_as_insert", WRITTEN_BEHIND),
    OTHER("db_check_update", WRITTEN_BEHIND),
    OTHER("db_raw_fetch_type", WRITTEN_BEHIND),
    OTHER("db_timer_clean", WRITTEN_BEHIND),
    OTHER("db_clean_tcp", WRITTEN_BEHIND),
    OTHER("expires_type", "times have the form that the table has"),
    OTHER("xavp_contact", "see registrar's xavp_rcd"),
    OTHER("skip_remote_socket", "a socket that is not ours is never used"),
    OTHER("rm_expired_delay", "a contact ends when it expires"),
    OTHER("server_id_filter", "all contacts of the table are loaded"),
    OTHER("load_rank", "contacts are loaded before the first message"),
    FIXED("user_column"),
    FIXED("domain_column"),
    FIXED("contact_column"),
    FIXED("expires_column"),
    FIXED("q_column"),
    FIXED("callid_column"),
    FIXED("cseq_column"),
    FIXED("flags_column"),
    FIXED("cflags_column"),
    FIXED("user_agent_column"),
    FIXED("received_column"),
    FIXED("path_column"),
    FIXED("socket_column"),
    FIXED("methods_column"),
    FIXED("method_column"),
    FIXED("ruid_column"),
    FIXED("instance_column"),
    FIXED("reg_id_column"),
    FIXED("server_id_column"),
    FIXED("connection_id_column"),
    FIXED("keepalive_column"),
    FIXED("partition_column"),
    FIXED("last_modified_column"),
    FIXED("ulattrs_user_column"),
    FIXED("ulattrs_domain_column"),
    FIXED("ulattrs_ruid_column"),
    FIXED("ulattrs_aname_column"),
    FIXED("ulattrs_atype_column"),
    FIXED("ulattrs_avalue_column"),
    FIXED("ulattrs_last_modified_column"),
    { 0 },
};

/* ---- the copy in the database ---- */

static enum err find_socket(void *context, struct str name, uint16_t *out)
{
    return server_find_listener(context, name, out);
}

static void write_socket(void *context, uint16_t socket, struct writer *w)
{
    unsigned count;
    const struct listener *listeners = server_listeners(context, &count);

    if (socket < count)
        write_str(w, listeners[socket].name);
}

static enum journal_mode mode_of(int64_t db_mode)
{
    switch (db_mode) {
    case 2:
        return JOURNAL_WRITE_BACK;
    case 3:
        return JOURNAL_DATABASE_ONLY;
    case 4:
        return JOURNAL_READ_ONLY;
    default:
        return JOURNAL_WRITE_THROUGH;
    }
}

static enum err start_journal(struct module *module, struct usrloc *usrloc)
{
    struct server *server = module_server(module);
    const struct journal_settings settings = {
        .location = server_location(server),
        .store = usrloc->store,
        .mode = mode_of(usrloc->db_mode),
        .tables = usrloc->tables,
        .table_count = usrloc->table_count,
        .needed_count = usrloc->needed_count,
        .uses_domain = usrloc->use_domain != 0,
        .random = server_random(server),
        .loads_behind = true,
        .sockets = { find_socket, write_socket, server },
        .time = usrloc_time(server),
    };

    return journal_start(&settings, &usrloc->journal);
}

static enum err start(struct module *module)
{
    struct usrloc *usrloc = module_state(module);
    struct location_rules *rules = server_location_rules(module_server(module));
    enum err err;

    rules->nat_bflag = usrloc->nat_bflag;
    rules->use_domain = usrloc->use_domain;
    rules->matching_mode = usrloc->matching_mode;
    rules->cseq_delay = usrloc->cseq_delay;
    rules->is_by_time = usrloc->desc_time_order != 0;
    rules->drops_lost = usrloc->handle_lost_tcp != 0;
    rules->bindings_max = (uint64_t)usrloc->max_bindings;
    if ((err = make_location_counters(module_server(module), usrloc)))
        return err;
    if (usrloc->db_mode == 0)
        return ERR_NONE;
    gather_tables(usrloc, rules);
    if ((err = make_counters(module_server(module), usrloc)))
        return err;
    if ((err = store_open(usrloc->db_url, &usrloc->store)) || (err = start_journal(module, usrloc)))
        return err;
    rules->needs_rows = usrloc->db_needed == AUTOMATIC
                            ? usrloc->db_mode == 3 || store_is_embedded(usrloc->store)
                            : usrloc->db_needed != 0;
    rules->journal = usrloc->journal;
    tell_counters(usrloc);
    return ERR_NONE;
}

static void stop(struct module *module)
{
    struct usrloc *usrloc = module_state(module);

    server_location_rules(module_server(module))->journal = NULL;
    journal_stop(usrloc->journal);
    store_close(usrloc->store);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "usrloc",
    .summary = "Says how bindings are kept, and keeps their copy in the database.",
    .state_size = sizeof(struct usrloc),
    .params = params,
    .commands = usrloc_commands,
    .hooks = { .on_tick = on_tick },
    .start = start,
    .stop = stop,
};
