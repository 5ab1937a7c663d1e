/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/journal.h>

#include <stdatomic.h>
#include <stdlib.h>

#include <culvert/log.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/table.h"
#include "store/location_table.h"
#include "store/statement.h"

enum {
    FETCH_ROWS = 2000,
    RETRIES_MAX = 4096, /* at a tick: a database that is away may stay away */
};

/* A binding whose row is not up to date. */
struct pending {
    struct table_node node;   /* by ruid */
    struct table_node of_aor; /* by table and AoR */
    struct statement *latest; /* what brings it up to date; NULL while that is under way */
    bool is_under_way;
    bool is_given_up; /* the database refuses the latest, for good: until there is a later one */
    uint8_t ruid_length;
    char ruid[RUID_MAX];
};

enum load_state {
    LOAD_DONE,
    LOAD_WAITS, /* for a database that is away */
    LOAD_RUNS,
    LOAD_ENDED, /* to be joined */
};

/* The thread that loads the tables when the database was away at the start. */
struct loader {
    _Atomic enum load_state state;
    enum err err;
    struct journal_time time;
    bool was_away; /* when we looked last */
    pthread_t thread;
};

struct journal {
    struct location *location;
    struct store *store;
    enum journal_mode mode;
    struct row_rules rules; /* all but the offset, which moves */
    _Atomic int64_t wall_offset;
    struct arena arena; /* names and statements */
    struct str names[JOURNAL_TABLES_MAX];
    unsigned name_count, needed_count, fetch_rows;
    struct journal_table tables[JOURNAL_TABLES_MAX];
    atomic_uint table_count; /* that have been opened; changes of others are not written */
    struct loader loader;
    struct lock lock; /* of what follows; after the locks of the location, before none */
    struct table pending;
    struct table aors; /* the same, by their AoRs */
    struct hash_key key;
    unsigned given_up_count; /* of what is in these tables */
    struct journal_counters counters;
};

/* The statement of a change: a parcel that is handed to the store and comes back. Its context is
 * the table, its first parameter the ruid. */
static struct str ruid_of(const struct statement *change)
{
    return change->query.params[0].text;
}

static const struct journal_table *table_of(const struct statement *change)
{
    return change->context;
}

static const struct journal_table *find_table(const struct journal *journal, struct str name)
{
    unsigned count = atomic_load_explicit(&journal->table_count, memory_order_acquire);

    for (unsigned i = 0; i < count; i++)
        if (str_eq(journal->tables[i].name, name))
            return &journal->tables[i];
    return NULL;
}

/* --- what waits --- */

/* With the lock, as all below until the next heading. */
static struct pending *find_pending(const struct journal *journal, struct str ruid)
{
    struct table_node *node = table_find_first(&journal->pending, hash_str(&journal->key, ruid));

    for (; node; node = table_find_next(node)) {
        struct pending *pending = CONTAINER_OF(node, struct pending, node);

        if (str_eq((struct str){ pending->ruid, pending->ruid_length }, ruid))
            return pending;
    }
    return NULL;
}

/* Two AoRs of one hash wait for each other: rare, and no harm. */
static uint64_t hash_aor(const struct journal *journal, struct str table, struct str aor)
{
    return hash_str(&journal->key, table) ^ hash_str(&journal->key, aor);
}

static enum err enter_tables(struct journal *journal, struct pending *pending, uint64_t aor_hash)
{
    struct str ruid = { pending->ruid, pending->ruid_length };
    enum err err = table_insert(&journal->pending, &pending->node, hash_str(&journal->key, ruid));

    if (err)
        return err;
    if ((err = table_insert(&journal->aors, &pending->of_aor, aor_hash)))
        table_remove(&journal->pending, &pending->node);
    return err;
}

static struct pending *make_pending(struct journal *journal, struct str ruid, uint64_t aor_hash)
{
    struct pending *pending = find_pending(journal, ruid);

    if (pending || ruid.len > RUID_MAX)
        return pending;
    pending = calloc(1, sizeof *pending);
    if (!pending)
        return NULL;
    pending->ruid_length = (uint8_t)ruid.len;
    memcpy(pending->ruid, ruid.ptr, ruid.len);
    if (enter_tables(journal, pending, aor_hash)) {
        free(pending);
        return NULL;
    }
    return pending;
}

/* The change to hand in now, if there is one and nothing for this binding is under way. */
static struct statement *take_change(struct pending *pending)
{
    struct statement *change = pending->latest;

    if (pending->is_under_way || !change)
        return NULL;
    pending->latest = NULL;
    pending->is_under_way = true;
    return change;
}

static void drop_if_done(struct journal *journal, struct pending *pending)
{
    if (pending->latest || pending->is_under_way || pending->is_given_up)
        return;
    table_remove(&journal->aors, &pending->of_aor);
    table_remove(&journal->pending, &pending->node);
    free(pending);
}

static void give_up(struct journal *journal, struct pending *pending)
{
    pending->is_given_up = true;
    journal->given_up_count++;
    journal->counters.failed++;
}

/* Another form may be written all the same. */
static void forgive(struct journal *journal, struct pending *pending)
{
    if (pending->is_given_up)
        journal->given_up_count--;
    pending->is_given_up = false;
}

/* The latest form takes the place of an older one; false when there is no memory. */
static bool put_change(struct journal *journal, struct statement *change, uint64_t aor_hash,
                       struct statement **now)
{
    struct pending *pending = make_pending(journal, ruid_of(change), aor_hash);

    if (!pending) {
        journal->counters.failed++;
        return false;
    }
    statement_destroy(pending->latest);
    pending->latest = change;
    forgive(journal, pending);
    if (journal->mode != JOURNAL_WRITE_BACK)
        *now = take_change(pending);
    return true;
}

/* --- handing in and coming back --- */

/* Trying again may help against these. */
static bool is_passing(enum err err)
{
    return err == ERR_NOMEM || err == ERR_LIMIT || err == ERR_TIMEOUT || err == ERR_IO;
}

/*
 * A change came back. True when it waits again; *next is what to hand in now. With the lock.
 */
static bool settle(struct journal *journal, struct statement *change, enum err err,
                   struct statement **next)
{
    struct pending *pending = find_pending(journal, ruid_of(change));
    bool waits = err && is_passing(err) && !pending->latest;

    pending->is_under_way = false;
    if (waits)
        pending->latest = change;
    else if (err && !pending->latest)
        give_up(journal, pending);
    if (!err)
        journal->counters.written++;
    if (!err && journal->mode != JOURNAL_WRITE_BACK)
        *next = take_change(pending);
    drop_if_done(journal, pending);
    return waits;
}

static void hand_in(struct statement *change);

static void come_back(struct statement *change, enum err err)
{
    struct journal *journal = table_of(change)->journal;
    struct statement *next = NULL;
    bool waits;

    lock_take(&journal->lock);
    waits = settle(journal, change, err, &next);
    lock_give(&journal->lock);
    if (!waits)
        statement_destroy(change);
    if (next)
        hand_in(next);
}

static void on_done(void *context, const struct store_result *result)
{
    come_back(context, result->err);
}

/* Where there is no key: a binding without a row is new. */
static void on_update_done(void *context, const struct store_result *result)
{
    struct statement *change = context;
    const struct journal_table *table = table_of(change);
    enum err err = result->err;

    if (!err && result->affected == 0) {
        err = store_query(table->journal->store, NULL, table->insert, change->query.params + 1,
                          table->column_count, on_done, change);
        if (!err)
            return;
    }
    come_back(change, err);
}

static void hand_in(struct statement *change)
{
    const struct journal_table *table = table_of(change);
    bool may_insert = table->skips_ruid && str_eq(change->query.sql, table->upsert);
    unsigned first = table->skips_ruid ? 1 : 0;
    enum err err = store_query(table->journal->store, NULL, change->query.sql,
                               change->query.params + first, change->query.param_count - first,
                               may_insert ? on_update_done : on_done, change);

    if (err)
        come_back(change, err);
}

/* --- from the location --- */

static enum err make_change(struct journal *journal, const struct journal_table *table,
                            enum location_event event, const struct binding *binding,
                            struct statement **out)
{
    bool is_removed = event == BINDING_REMOVED || event == BINDING_EXPIRED;
    struct row_rules rules = journal->rules;
    struct row_scratch scratch;
    struct value row[ROW_COLUMNS];
    struct value params[ROW_COLUMNS + 4];
    struct query query = { .sql = is_removed ? table->remove : table->upsert, .params = params };

    rules.wall_offset = atomic_load_explicit(&journal->wall_offset, memory_order_relaxed);
    row_write(&rules, binding, &scratch, row);
    query.param_count = is_removed ? location_table_remove_params(table, row, params)
                                   : location_table_upsert_params(table, row, params);
    return statement_create(NULL, &query, NULL, (void *)(uintptr_t)table, out);
}

/* One that is to be in memory alone has no row, unless it had one before. */
static bool is_unwritten(enum location_event event, const struct binding *binding)
{
    return binding->is_volatile && event != BINDING_UPDATED;
}

static void note_change(void *context, enum location_event event, const struct binding *binding)
{
    struct journal *journal = context;
    const struct journal_table *table = find_table(journal, binding->table);
    struct statement *change;
    struct statement *now = NULL;
    bool is_kept = false;

    if (!table || is_unwritten(event, binding))
        return;
    if (binding->is_volatile)
        event = BINDING_REMOVED;
    if (!make_change(journal, table, event, binding, &change)) {
        lock_take(&journal->lock);
        is_kept =
            put_change(journal, change, hash_aor(journal, binding->table, binding->aor), &now);
        lock_give(&journal->lock);
        if (!is_kept)
            statement_destroy(change);
    }
    if (!is_kept)
        log_error("usrloc: no memory to write a binding of \"" STR_FMT "\" to the database",
                  STR_ARG(binding->aor));
    if (now)
        hand_in(now);
}

/* --- life --- */

static void set_time(struct journal *journal, struct journal_time time)
{
    atomic_store_explicit(&journal->wall_offset, time.wall - (int64_t)time.now,
                          memory_order_relaxed);
}

static void free_pending(struct journal *journal)
{
    struct table_walk walk = { 0 };
    struct table_node *node;

    while ((node = table_each(&journal->pending, &walk))) {
        struct pending *pending = CONTAINER_OF(node, struct pending, node);

        statement_destroy(pending->latest);
        free(pending);
    }
    table_fini(&journal->pending);
    table_fini(&journal->aors);
}

static void journal_destroy(struct journal *journal)
{
    free_pending(journal);
    arena_fini(&journal->arena);
    lock_fini(&journal->lock);
    free(journal);
}

static enum err load_table(struct journal *journal, const struct journal_table *table, bool is_late)
{
    struct table_load load = {
        .table = table,
        .location = journal->location,
        .store = journal->store,
        .rules = journal->rules,
        .time = journal->loader.time,
        .fetch_rows = journal->fetch_rows,
        .is_late = is_late,
    };
    enum err err;

    load.rules.wall_offset = load.time.wall - (int64_t)load.time.now;
    err = location_table_load(&load);
    lock_take(&journal->lock);
    journal->counters.loaded += load.loaded;
    lock_give(&journal->lock);
    return err;
}

static enum err open_tables(struct journal *journal)
{
    unsigned count = 0;

    for (unsigned i = 0; i < journal->name_count; i++) {
        struct journal_table *table = &journal->tables[count];
        enum err err = location_table_open(journal->store, journal->names[i],
                                           journal->rules.uses_domain, &journal->arena, table);

        if (err == ERR_UNSUPPORTED && journal->needed_count && i >= journal->needed_count) {
            log_notice("usrloc: bindings of \"" STR_FMT "\" are kept in memory alone",
                       STR_ARG(journal->names[i]));
            continue;
        }
        if (err)
            return err;
        table->journal = journal;
        count++;
    }
    atomic_store_explicit(&journal->table_count, count, memory_order_release);
    return ERR_NONE;
}

/* From the moment when they are open changes are written. */
static enum err load_tables(struct journal *journal, bool is_late)
{
    enum err err = ERR_NONE;

    if (!journal->table_count && (err = open_tables(journal)))
        return err;
    for (unsigned i = 0; !err && i < journal->table_count; i++)
        err = load_table(journal, &journal->tables[i], is_late);
    return err;
}

/* --- loading late --- */

static void write_binding(void *context, const struct binding *binding)
{
    note_change(context, BINDING_INSERTED, binding);
}

/* What was registered before the tables were there has no rows. */
static void *load_late(void *argument)
{
    struct journal *journal = argument;
    struct loader *loader = &journal->loader;

    loader->err = load_tables(journal, true);
    if (!loader->err)
        location_each(journal->location, 0, 1, loader->time.now, write_binding, journal);
    atomic_store(&loader->state, LOAD_ENDED);
    return NULL;
}

static void end_loading(struct journal *journal)
{
    struct loader *loader = &journal->loader;

    pthread_join(loader->thread, NULL);
    atomic_store(&loader->state, store_is_away(journal->store) ? LOAD_WAITS : LOAD_DONE);
    if (!loader->err)
        log_notice("usrloc: %llu bindings have been loaded, now that the database is back",
                   (unsigned long long)journal->counters.loaded);
    else if (loader->state == LOAD_DONE)
        log_error("usrloc: the bindings of the database could not be loaded: %s. They are kept in "
                  "memory alone until culvert is started again",
                  err_name(loader->err));
}

static void look_at_loading(struct journal *journal, struct journal_time time)
{
    struct loader *loader = &journal->loader;

    if (atomic_load(&loader->state) == LOAD_ENDED)
        end_loading(journal);
    if (atomic_load(&loader->state) != LOAD_WAITS || store_is_away(journal->store))
        return;
    loader->time = time;
    atomic_store(&loader->state, LOAD_RUNS);
    if (pthread_create(&loader->thread, NULL, load_late, journal))
        atomic_store(&loader->state, LOAD_WAITS);
}

/* ERR_IO from a database that is away is a matter of time. */
static enum err load_now_or_later(struct journal *journal)
{
    enum err err = store_is_away(journal->store) ? ERR_IO : load_tables(journal, false);

    if (!err || !store_is_away(journal->store))
        return err;
    log_warning("usrloc: the database is away: bindings of before come when it is back");
    atomic_store(&journal->loader.state, LOAD_WAITS);
    return ERR_NONE;
}

static enum journal_mode mode_of(enum journal_mode mode)
{
    if (mode != JOURNAL_DATABASE_ONLY)
        return mode;
    log_notice("usrloc: db_mode 3 is taken as 1: bindings are in memory and in the database");
    return JOURNAL_WRITE_THROUGH;
}

static enum err keep_settings(struct journal *journal, const struct journal_settings *settings)
{
    journal->location = settings->location;
    journal->store = settings->store;
    journal->mode = mode_of(settings->mode);
    journal->rules =
        (struct row_rules){ .uses_domain = settings->uses_domain, .sockets = settings->sockets };
    if (settings->random)
        hash_key_random(settings->random, &journal->key);
    journal->needed_count = settings->needed_count;
    journal->fetch_rows = settings->fetch_rows ? settings->fetch_rows : FETCH_ROWS;
    journal->loader.time = settings->time;
    set_time(journal, settings->time);
    if (settings->table_count > JOURNAL_TABLES_MAX)
        return ERR_LIMIT;
    for (unsigned i = 0; i < settings->table_count; i++)
        if (str_copy(&journal->arena, settings->tables[i], &journal->names[journal->name_count++]))
            return ERR_NOMEM;
    return ERR_NONE;
}

enum err journal_start(const struct journal_settings *settings, struct journal **out)
{
    struct journal *journal = calloc(1, sizeof *journal);
    enum err err;

    if (!journal)
        return ERR_NOMEM;
    arena_init(&journal->arena, NULL, SIZE_MAX);
    lock_init(&journal->lock);
    err = keep_settings(journal, settings);
    if (!err)
        err = load_now_or_later(journal);
    if (err) {
        journal_destroy(journal);
        return err;
    }
    location_watch(journal->location, note_change, journal);
    *out = journal;
    return ERR_NONE;
}

/* Hands in what waits, or some of it. */
static void hand_in_waiting(struct journal *journal, size_t most)
{
    struct table_walk walk = { 0 };
    struct table_node *node;
    struct statements changes;
    struct statement *change;
    size_t count = 0;

    statements_init(&changes);
    lock_take(&journal->lock);
    while (count < most && (node = table_each(&journal->pending, &walk)))
        if ((change = take_change(CONTAINER_OF(node, struct pending, node)))) {
            statements_append(&changes, change);
            count++;
        }
    lock_give(&journal->lock);
    while ((change = statements_take(&changes)))
        hand_in(change);
}

void journal_tick(struct journal *journal, struct journal_time time)
{
    set_time(journal, time);
    hand_in_waiting(journal, journal->mode == JOURNAL_WRITE_BACK ? SIZE_MAX : RETRIES_MAX);
}

bool journal_has_written(struct journal *journal, struct str table, struct str aor)
{
    uint64_t hash = hash_aor(journal, table, aor);
    bool has_written;

    lock_take(&journal->lock);
    has_written = !table_find_first(&journal->aors, hash);
    lock_give(&journal->lock);
    return has_written;
}

struct store *journal_store(const struct journal *journal)
{
    return journal->store;
}

bool journal_is_prompt(const struct journal *journal)
{
    return journal->mode != JOURNAL_WRITE_BACK;
}

void journal_look(struct journal *journal, struct journal_time time)
{
    bool is_away = store_is_away(journal->store);

    look_at_loading(journal, time);
    if (journal->loader.was_away && !is_away)
        journal_tick(journal, time);
    journal->loader.was_away = is_away;
}

void journal_read_counters(struct journal *journal, struct journal_counters *out)
{
    lock_take(&journal->lock);
    *out = journal->counters;
    out->waiting = table_count(&journal->pending) - journal->given_up_count;
    lock_give(&journal->lock);
}

/* Each round hands in what the queue has room for; one without progress is the last. */
static void flush(struct journal *journal)
{
    struct journal_counters before;
    struct journal_counters after;

    do {
        journal_read_counters(journal, &before);
        hand_in_waiting(journal, SIZE_MAX);
        store_drain(journal->store);
        journal_read_counters(journal, &after);
    } while (after.waiting && after.waiting < before.waiting);
    if (after.waiting)
        log_error("usrloc: %llu bindings could not be written to the database",
                  (unsigned long long)after.waiting);
}

void journal_stop(struct journal *journal)
{
    if (!journal)
        return;
    location_watch(journal->location, NULL, journal);
    if (atomic_load(&journal->loader.state) >= LOAD_RUNS)
        end_loading(journal);
    flush(journal);
    journal_destroy(journal);
}
