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
};

/* A binding whose row is not up to date. */
struct pending {
    struct table_node node;   /* by ruid */
    struct statement *latest; /* what brings it up to date; NULL while that is under way */
    bool is_under_way;
    uint8_t ruid_length;
    char ruid[RUID_MAX];
};

struct journal {
    struct location *location;
    struct store *store;
    enum journal_mode mode;
    struct row_rules rules; /* all but the offset, which moves */
    _Atomic int64_t wall_offset;
    struct arena arena; /* names and statements */
    struct journal_table tables[JOURNAL_TABLES_MAX];
    unsigned table_count;
    struct lock lock; /* of what follows; after the locks of the location, before none */
    struct table pending;
    struct hash_key key;
    struct journal_counters counters;
};

/* The statement of a change: a parcel that is handed to the store and comes back. Its context is
 * the journal, its first parameter the ruid. */
static struct str ruid_of(const struct statement *change)
{
    return change->query.params[0].text;
}

static const struct journal_table *find_table(const struct journal *journal, struct str name)
{
    for (unsigned i = 0; i < journal->table_count; i++)
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

static struct pending *make_pending(struct journal *journal, struct str ruid)
{
    struct pending *pending = find_pending(journal, ruid);

    if (pending || ruid.len > RUID_MAX)
        return pending;
    pending = calloc(1, sizeof *pending);
    if (!pending)
        return NULL;
    pending->ruid_length = (uint8_t)ruid.len;
    memcpy(pending->ruid, ruid.ptr, ruid.len);
    if (table_insert(&journal->pending, &pending->node, hash_str(&journal->key, ruid))) {
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
    if (pending->latest || pending->is_under_way)
        return;
    table_remove(&journal->pending, &pending->node);
    free(pending);
}

/* The latest form takes the place of an older one; false when there is no memory. */
static bool put_change(struct journal *journal, struct statement *change, struct statement **now)
{
    struct pending *pending = make_pending(journal, ruid_of(change));

    if (!pending) {
        journal->counters.failed++;
        return false;
    }
    statement_destroy(pending->latest);
    pending->latest = change;
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
    else if (err && !is_passing(err))
        journal->counters.failed++;
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
    struct journal *journal = change->context;
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

static void hand_in(struct statement *change)
{
    struct journal *journal = change->context;
    enum err err = store_query(journal->store, NULL, change->query.sql, change->query.params,
                               change->query.param_count, on_done, change);

    if (err)
        come_back(change, err);
}

/* --- from the location --- */

static enum err make_change(struct journal *journal, const struct journal_table *table,
                            enum location_event event, const struct binding *binding,
                            struct statement **out)
{
    struct row_rules rules = journal->rules;
    struct row_scratch scratch;
    struct value values[ROW_COLUMNS];
    struct query query = { table->upsert, values, table->column_count };

    if (event == BINDING_REMOVED || event == BINDING_EXPIRED) {
        values[0] = value_of_str(binding->ruid);
        query.sql = table->remove;
        query.param_count = 1;
    } else {
        rules.wall_offset = atomic_load_explicit(&journal->wall_offset, memory_order_relaxed);
        row_write(&rules, binding, &scratch, values);
    }
    return statement_create(NULL, &query, NULL, journal, out);
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
        is_kept = put_change(journal, change, &now);
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
}

static void journal_destroy(struct journal *journal)
{
    free_pending(journal);
    arena_fini(&journal->arena);
    lock_fini(&journal->lock);
    free(journal);
}

static enum err load_table(struct journal *journal, const struct journal_settings *settings,
                           const struct journal_table *table)
{
    struct table_load load = {
        .table = table,
        .location = journal->location,
        .store = journal->store,
        .rules = journal->rules,
        .time = settings->time,
        .fetch_rows = settings->fetch_rows ? settings->fetch_rows : FETCH_ROWS,
    };
    enum err err;

    load.rules.wall_offset = settings->time.wall - (int64_t)settings->time.now;
    err = location_table_load(&load);
    journal->counters.loaded += load.loaded;
    return err;
}

static enum err open_tables(struct journal *journal, const struct journal_settings *settings)
{
    enum err err;

    if (settings->table_count > JOURNAL_TABLES_MAX)
        return ERR_LIMIT;
    for (unsigned i = 0; i < settings->table_count; i++) {
        struct journal_table *table = &journal->tables[journal->table_count];

        err = location_table_open(journal->store, settings->tables[i], &journal->arena, table);
        if (err == ERR_UNSUPPORTED && settings->needed_count && i >= settings->needed_count) {
            log_notice("usrloc: bindings of \"" STR_FMT "\" are kept in memory alone",
                       STR_ARG(settings->tables[i]));
            continue;
        }
        if (err)
            return err;
        journal->table_count++;
        if ((err = load_table(journal, settings, table)))
            return err;
    }
    return ERR_NONE;
}

static enum journal_mode mode_of(enum journal_mode mode)
{
    if (mode != JOURNAL_DATABASE_ONLY)
        return mode;
    log_notice("usrloc: db_mode 3 is taken as 1: bindings are in memory and in the database");
    return JOURNAL_WRITE_THROUGH;
}

enum err journal_start(const struct journal_settings *settings, struct journal **out)
{
    struct journal *journal = calloc(1, sizeof *journal);
    enum err err;

    if (!journal)
        return ERR_NOMEM;
    journal->location = settings->location;
    journal->store = settings->store;
    journal->mode = mode_of(settings->mode);
    journal->rules =
        (struct row_rules){ .uses_domain = settings->uses_domain, .sockets = settings->sockets };
    arena_init(&journal->arena, NULL, SIZE_MAX);
    lock_init(&journal->lock);
    set_time(journal, settings->time);
    if ((err = open_tables(journal, settings))) {
        journal_destroy(journal);
        return err;
    }
    location_watch(journal->location, note_change, journal);
    *out = journal;
    return ERR_NONE;
}

/* All that waits, as a list. */
static void take_all(struct journal *journal, struct statements *out)
{
    struct table_walk walk = { 0 };
    struct table_node *node;
    struct statement *change;

    lock_take(&journal->lock);
    while ((node = table_each(&journal->pending, &walk)))
        if ((change = take_change(CONTAINER_OF(node, struct pending, node))))
            statements_append(out, change);
    lock_give(&journal->lock);
}

void journal_tick(struct journal *journal, struct journal_time time)
{
    struct statements changes;
    struct statement *change;

    set_time(journal, time);
    statements_init(&changes);
    take_all(journal, &changes);
    while ((change = statements_take(&changes)))
        hand_in(change);
}

void journal_read_counters(struct journal *journal, struct journal_counters *out)
{
    lock_take(&journal->lock);
    *out = journal->counters;
    out->waiting = table_count(&journal->pending);
    lock_give(&journal->lock);
}

/* Each round hands in what the queue has room for; one without progress is the last. */
static void flush(struct journal *journal)
{
    struct journal_counters before;
    struct journal_counters after;
    struct statements changes;
    struct statement *change;

    do {
        journal_read_counters(journal, &before);
        statements_init(&changes);
        take_all(journal, &changes);
        while ((change = statements_take(&changes)))
            hand_in(change);
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
    flush(journal);
    journal_destroy(journal);
}
