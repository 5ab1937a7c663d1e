/* SPDX-License-Identifier: Apache-2.0 */
#include "store/location_journal.h"

#include <stdlib.h>

#include <culvert/log.h>

#include "base/list.h"

enum {
    FETCH_ROWS = 2000,
    CLEAN_MSEC = 60000, /* between deletions of what is over */
    RETRIES_MAX = 4096, /* at a tick: a database that is away may stay away */
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

static void drop(struct journal *journal, struct pending *pending)
{
    table_remove(&journal->aors, &pending->of_aor);
    table_remove(&journal->pending, &pending->node);
    free(pending);
}

/* Rows that are still to be loaded may be older than what is settled. */
static void drop_if_done(struct journal *journal, struct pending *pending)
{
    if (pending->latest || pending->is_under_way || pending->is_given_up)
        return;
    if (journal_is_loading(journal)) {
        pending->is_settled = true;
        journal->settled_count++;
        return;
    }
    drop(journal, pending);
}

static void give_up(struct journal *journal, struct pending *pending)
{
    pending->is_given_up = true;
    journal->given_up_count++;
    journal->counters.failed++;
}

/* There is something to do again: another form may be written all the same. */
static void begin_again(struct journal *journal, struct pending *pending)
{
    if (pending->is_given_up)
        journal->given_up_count--;
    if (pending->is_settled)
        journal->settled_count--;
    pending->is_given_up = false;
    pending->is_settled = false;
}

/* The latest form takes the place of an older one; false when there is no memory. */
static bool put_change(struct journal *journal, struct statement *change, uint64_t aor_hash,
                       bool is_removed, struct statement **now)
{
    struct pending *pending = make_pending(journal, ruid_of(change), aor_hash);

    if (!pending) {
        journal->counters.failed++;
        return false;
    }
    statement_destroy(pending->latest);
    pending->latest = change;
    pending->is_gone = is_removed;
    begin_again(journal, pending);
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
                            bool is_removed, const struct binding *binding, struct statement **out)
{
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

/*
 * One that is to be in memory alone has no row, unless it had one before. Where others write too, a
 * binding that is over here may have been refreshed there: rows that are over go by themselves.
 */
static bool is_unwritten(const struct journal *journal, enum location_event event,
                         const struct binding *binding)
{
    if (journal->mode == JOURNAL_DATABASE_ONLY && event == BINDING_EXPIRED)
        return true;
    return binding->is_volatile && event != BINDING_UPDATED;
}

static void note_change(void *context, enum location_event event, const struct binding *binding)
{
    struct journal *journal = context;
    const struct journal_table *table = find_table(journal, binding->table);
    struct statement *change;
    struct statement *now = NULL;
    bool is_removed = binding->is_volatile || event == BINDING_REMOVED || event == BINDING_EXPIRED;
    bool is_kept = false;

    if (!table || is_unwritten(journal, event, binding))
        return;
    if (!make_change(journal, table, is_removed, binding, &change)) {
        uint64_t aor_hash = hash_aor(journal, binding->table, binding->aor);

        lock_take(&journal->lock);
        is_kept = put_change(journal, change, aor_hash, is_removed, &now);
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

static void note_binding(void *context, const struct binding *binding)
{
    note_change(context, BINDING_INSERTED, binding);
}

void journal_note_all(struct journal *journal, msec now)
{
    location_each(journal->location, 0, 1, now, note_binding, journal);
}

/* --- news --- */

enum row_news journal_news(void *context, struct str ruid)
{
    struct journal *journal = context;
    const struct pending *pending;
    enum row_news news = NEWS_NONE;

    lock_take(&journal->lock);
    pending = find_pending(journal, ruid);
    if (pending)
        news = pending->is_gone ? NEWS_GONE : NEWS_CHANGED;
    lock_give(&journal->lock);
    return news;
}

void journal_forget_news(struct journal *journal)
{
    struct table_walk walk = { 0 };
    struct table_node *node;

    lock_take(&journal->lock);
    while ((node = table_each(&journal->pending, &walk))) {
        struct pending *pending = CONTAINER_OF(node, struct pending, node);

        if (pending->is_settled)
            drop(journal, pending);
    }
    journal->settled_count = 0;
    lock_give(&journal->lock);
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

static enum err keep_settings(struct journal *journal, const struct journal_settings *settings)
{
    journal->location = settings->location;
    journal->store = settings->store;
    journal->mode = settings->mode;
    journal->rules =
        (struct row_rules){ .uses_domain = settings->uses_domain, .sockets = settings->sockets };
    if (settings->random)
        hash_key_random(settings->random, &journal->key);
    journal->needed_count = settings->needed_count;
    journal->fetch_rows = settings->fetch_rows ? settings->fetch_rows : FETCH_ROWS;
    journal->loads_behind = settings->loads_behind;
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
    if (!err && journal->mode != JOURNAL_READ_ONLY)
        location_watch(journal->location, note_change, journal);
    if (!err && (err = journal_load(journal)))
        location_watch(journal->location, NULL, journal);
    if (err) {
        journal_destroy(journal);
        return err;
    }
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

/* Where others write too. */
static void delete_expired(struct journal *journal, struct journal_time time)
{
    if (journal->mode != JOURNAL_DATABASE_ONLY || time.now < journal->clean_at)
        return;
    journal->clean_at = time.now + CLEAN_MSEC;
    for (unsigned i = 0; i < journal->table_count; i++) {
        struct arena arena;
        struct query query;

        arena_init(&arena, NULL, SIZE_MAX);
        if (!location_table_clean(&journal->tables[i], time.wall, &arena, &query))
            (void)!store_query(journal->store, NULL, query.sql, query.params, query.param_count,
                               NULL, NULL);
        arena_fini(&arena);
    }
}

void journal_tick(struct journal *journal, struct journal_time time)
{
    set_time(journal, time);
    delete_expired(journal, time);
    hand_in_waiting(journal, journal->mode == JOURNAL_WRITE_BACK ? SIZE_MAX : RETRIES_MAX);
}

bool journal_has_written(struct journal *journal, struct str table, struct str aor)
{
    struct table_node *node;

    lock_take(&journal->lock);
    node = table_find_first(&journal->aors, hash_aor(journal, table, aor));
    while (node && CONTAINER_OF(node, struct pending, of_aor)->is_settled)
        node = table_find_next(node);
    lock_give(&journal->lock);
    return !node;
}

struct store *journal_store(const struct journal *journal)
{
    return journal->store;
}

bool journal_is_prompt(const struct journal *journal)
{
    return journal->mode == JOURNAL_WRITE_THROUGH || journal->mode == JOURNAL_DATABASE_ONLY;
}

void journal_look(struct journal *journal, struct journal_time time)
{
    bool is_away = store_is_away(journal->store);

    journal_look_at_loading(journal, time);
    if (journal->loader.was_away && !is_away)
        journal_tick(journal, time);
    journal->loader.was_away = is_away;
}

void journal_read_counters(struct journal *journal, struct journal_counters *out)
{
    lock_take(&journal->lock);
    *out = journal->counters;
    out->loading = journal_is_loading(journal);
    out->waiting = table_count(&journal->pending) - journal->given_up_count - journal->settled_count;
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
    journal_end_loading(journal);
    flush(journal);
    journal_destroy(journal);
}
