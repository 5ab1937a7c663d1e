/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings come from their tables: all of them at the start, or those that somebody looks for. */
#include "store/location_journal.h"

#include <stdlib.h>

#include <culvert/log.h>

#include "store/store_internal.h"
#include "sys/loop.h"

enum {
    RETRY_MSEC = 30000, /* until a load that failed is tried again */
};

static struct table_load load_of(struct journal *journal, const struct journal_table *table,
                                 struct journal_time time)
{
    struct table_load load = {
        .table = table,
        .location = journal->location,
        .store = journal->store,
        .rules = journal->rules,
        .time = time,
        .fetch_rows = journal->fetch_rows,
        .is_shared = journal->mode == JOURNAL_DATABASE_ONLY,
        .news = journal_news,
        .context = journal,
    };

    load.rules.wall_offset = time.wall - (int64_t)time.now;
    return load;
}

static enum err load_table(struct journal *journal, const struct journal_table *table, bool is_late)
{
    struct table_load load = load_of(journal, table, journal->loader.time);
    enum err err;

    load.is_late = is_late;
    load.is_stopping = &journal->loader.is_stopping;
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

static enum err load_tables(struct journal *journal, bool is_late)
{
    enum err err = ERR_NONE;

    for (unsigned i = 0; !err && i < journal->table_count; i++)
        err = load_table(journal, &journal->tables[i], is_late);
    return err;
}

/* --- while the server works --- */

/* What was registered before the tables were there has no rows. */
static enum err load_late(struct journal *journal)
{
    enum err err = open_tables(journal);

    if (!err)
        err = load_tables(journal, true);
    if (!err)
        journal_note_all(journal, journal->loader.time.now);
    return err;
}

static void *run_loader(void *argument)
{
    struct journal *journal = argument;
    struct loader *loader = &journal->loader;

    loader->err = loader->is_behind ? load_tables(journal, true) : load_late(journal);
    atomic_store(&loader->state, LOAD_ENDED);
    return NULL;
}

static void start_loader(struct journal *journal)
{
    struct loader *loader = &journal->loader;

    loader->began = clock_monotonic();
    atomic_store(&loader->state, LOAD_RUNS);
    if (pthread_create(&loader->thread, NULL, run_loader, journal))
        atomic_store(&loader->state, LOAD_WAITS);
}

static void tell_success(struct journal *journal)
{
    unsigned long long loaded = (unsigned long long)journal->counters.loaded;

    if (!journal->loader.is_behind)
        log_notice("usrloc: %llu bindings have been loaded, now that the database is back", loaded);
    else if (loaded)
        log_notice("usrloc: %llu bindings were loaded in %llu ms", loaded,
                   (unsigned long long)(clock_monotonic() - journal->loader.began));
}

static void tell_failure(const struct journal *journal)
{
    log_error("usrloc: the bindings of the database could not be loaded: %s. It is tried again; until "
              "then %s",
              err_name(journal->loader.err),
              journal->loader.is_behind ? "the database is asked for each"
                                        : "they are kept in memory alone");
}

void journal_end_loading(struct journal *journal)
{
    struct loader *loader = &journal->loader;

    if (atomic_load(&loader->state) < LOAD_RUNS)
        return;
    atomic_store(&loader->is_stopping, true);
    pthread_join(loader->thread, NULL);
    atomic_store(&loader->is_stopping, false);
    atomic_store(&loader->state, loader->err ? LOAD_WAITS : LOAD_DONE);
    loader->retry_at = clock_monotonic() + RETRY_MSEC;
    if (!loader->err)
        journal_forget_news(journal);
}

void journal_look_at_loading(struct journal *journal, struct journal_time time)
{
    struct loader *loader = &journal->loader;

    if (atomic_load(&loader->state) == LOAD_ENDED) {
        journal_end_loading(journal);
        if (loader->err)
            tell_failure(journal);
        else
            tell_success(journal);
    }
    if (atomic_load(&loader->state) != LOAD_WAITS || store_is_away(journal->store) ||
        clock_monotonic() < loader->retry_at)
        return;
    loader->time = time;
    start_loader(journal);
}

bool journal_is_loading(const struct journal *journal)
{
    return journal->loader.is_behind && atomic_load(&journal->loader.state) != LOAD_DONE;
}

/* Of what nobody watches, later changes would be lost to older rows. */
static bool may_load_behind(const struct journal *journal)
{
    return journal->loads_behind && journal->mode != JOURNAL_READ_ONLY &&
           !store_is_synchronous(journal->store);
}

/* ERR_IO from a database that is away is a matter of time. */
enum err journal_load(struct journal *journal)
{
    enum err err = store_is_away(journal->store) ? ERR_IO : open_tables(journal);

    if (!err && may_load_behind(journal)) {
        journal->loader.is_behind = true;
        start_loader(journal);
        return ERR_NONE;
    }
    if (!err)
        err = load_tables(journal, false);
    if (!err || !store_is_away(journal->store))
        return err;
    log_warning("usrloc: the database is away: bindings of before come when it is back");
    atomic_store(&journal->loader.state, LOAD_WAITS);
    return ERR_NONE;
}

/* --- those that somebody looks for --- */

static const struct journal_table *find_table(const struct journal *journal, struct str name)
{
    unsigned count = atomic_load_explicit(&journal->table_count, memory_order_acquire);

    for (unsigned i = 0; i < count; i++)
        if (str_eq(journal->tables[i].name, name))
            return &journal->tables[i];
    return NULL;
}

bool journal_must_ask(const struct journal *journal, struct str table)
{
    return (journal->mode == JOURNAL_DATABASE_ONLY || journal_is_loading(journal)) &&
           find_table(journal, table);
}

void journal_ask(const struct journal *journal, struct str table, struct str aor,
                 struct journal_question *out)
{
    struct value domain;
    struct value username;

    row_write_aor(&journal->rules, aor, &username, &domain);
    *out = (struct journal_question){ .sql = find_table(journal, table)->find_aor,
                                      .params = { username, domain },
                                      .param_count = journal->rules.uses_domain ? 2 : 1 };
}

bool journal_ask_ruid(const struct journal *journal, struct str table, struct str ruid,
                      struct journal_question *out)
{
    *out = (struct journal_question){ .sql = find_table(journal, table)->find_ruid,
                                      .params = { value_of_str(ruid) },
                                      .param_count = 1 };
    return !str_is_empty(out->sql);
}

static bool is_among(const struct table_load *load, const struct store_result *result,
                     const struct binding *binding)
{
    for (unsigned i = 0; i < result->row_count; i++)
        if (load->table->skips_ruid ||
            str_eq(result->rows[i].columns[0].text, binding->ruid))
            return true;
    return false;
}

/* What came here after the question was asked cannot be in its answer. */
static void drop_missing(struct journal *journal, const struct table_load *load,
                         const struct store_result *result)
{
    struct binding *bindings;
    struct arena arena;
    unsigned count = 0;

    arena_init(&arena, NULL, SIZE_MAX);
    if (location_find(journal->location, load->table->name, load->aor, load->time.now, &arena,
                      &bindings, &count))
        count = 0;
    for (unsigned i = 0; i < count; i++)
        if (!bindings[i].is_volatile && bindings[i].updated_at < load->time.now &&
            !is_among(load, result, &bindings[i]) &&
            journal_news(journal, bindings[i].ruid) == NEWS_NONE)
            (void)!location_remove_ruid(journal->location, bindings[i].ruid);
    arena_fini(&arena);
}

void journal_learn(struct journal *journal, const struct journal_lesson *lesson,
                   const struct store_result *result)
{
    int64_t offset = atomic_load_explicit(&journal->wall_offset, memory_order_relaxed);
    struct journal_time time = { lesson->asked_at, (int64_t)lesson->asked_at + offset };
    struct table_load load = load_of(journal, find_table(journal, lesson->table), time);

    load.aor = lesson->aor;
    load.is_shared = false;
    location_table_take(&load, result);
    if (journal->mode == JOURNAL_DATABASE_ONLY && lesson->aor.len)
        drop_missing(journal, &load, result);
}
