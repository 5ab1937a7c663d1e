/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads: one takes what is handed in to the spool, so that it is safe whatever the database
 * does; one takes it from there to the database. In the simulated world neither exists, and all is
 * done within ledger_write().
 */
#include "store/ledger_inside.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <culvert/writer.h>

#include "base/hash.h"
#include "store/row_codec.h"
#include "store/statement.h"

enum {
    INBOX_BYTES_MAX = 16 * 1024 * 1024,
    SYNC_MSEC = 1000,
    STOP_MSEC = 5000, /* for what waits, at the end */
    SAY_MSEC = 60000, /* between two lines about what is dropped */
};

/* What was handed in, on its way to the spool. */
struct note {
    struct note *next;
    struct str payload; /* behind it */
};

/* --- what is dropped --- */

static void drop(struct ledger *ledger, const char *why)
{
    atomic_fetch_add(&ledger->dropped, 1);
    atomic_fetch_add(&ledger->unsaid, 1);
    if (log_gate_pass(&ledger->drops, clock_monotonic() + SAY_MSEC, SAY_MSEC))
        log_error("ledger: %llu records are lost: %s. Is the database there? Is there room for %s?",
                  (unsigned long long)atomic_exchange(&ledger->unsaid, 0), why,
                  ledger->path[0] ? ledger->path : "them");
}

/* --- to the spool --- */

void ledger_append(struct ledger *ledger, struct str payload)
{
    enum err err;

    lock_take(&ledger->spool_lock);
    err = spool_append(&ledger->spool, payload);
    lock_give(&ledger->spool_lock);
    if (err)
        drop(ledger, err == ERR_LIMIT ? "the spool is full" : "the spool cannot be written");
}

static struct note *take_notes(struct ledger *ledger)
{
    struct note *notes;

    lock_take(&ledger->lock);
    notes = ledger->first_note;
    ledger->first_note = NULL;
    ledger->last_note = &ledger->first_note;
    ledger->inbox_bytes = 0;
    lock_give(&ledger->lock);
    return notes;
}

static void keep_notes(struct ledger *ledger)
{
    struct note *note, *next;

    for (note = take_notes(ledger); note; note = next) {
        next = note->next;
        ledger_append(ledger, note->payload);
        free(note);
    }
}

static void sync_if_due(struct ledger *ledger)
{
    msec now = clock_monotonic();

    if (now < ledger->synced_at + SYNC_MSEC)
        return;
    ledger->synced_at = now;
    spool_sync(&ledger->spool);
}

/* With the lock. */
void ledger_wait(struct ledger *ledger, pthread_cond_t *condition, msec until)
{
    struct timespec time = { (time_t)(until / 1000), (long)(until % 1000) * 1000000 };

    pthread_cond_timedwait(condition, &ledger->lock.mutex, &time);
}

static void *keep(void *argument)
{
    struct ledger *ledger = argument;
    bool is_over = false;

    while (!is_over) {
        keep_notes(ledger);
        sync_if_due(ledger);
        lock_take(&ledger->lock);
        pthread_cond_signal(&ledger->has_records);
        is_over = ledger->is_closing && !ledger->first_note;
        if (!is_over && !ledger->first_note)
            ledger_wait(ledger, &ledger->has_notes, clock_monotonic() + SYNC_MSEC);
        lock_give(&ledger->lock);
    }
    return NULL;
}

/* --- opening --- */

static void set_aside(const char *path)
{
    char name[PATH_MAX + 8];

    snprintf(name, sizeof name, "%s.bad", path);
    log_error("ledger: %s is no spool, or its front is spoilt: it is \"%s\" from now on", path,
              name);
    if (rename(path, name))
        log_error("ledger: cannot rename it: %s", strerror(errno));
}

/* Better in memory alone than not at all. */
static enum err open_spool(struct ledger *ledger)
{
    struct random_source *random = &ledger->random.source;
    enum err err = spool_open(&ledger->spool, str_of(ledger->path), ledger->bytes_max, random);

    if (err == ERR_SYNTAX) {
        set_aside(ledger->path);
        err = spool_open(&ledger->spool, str_of(ledger->path), ledger->bytes_max, random);
    }
    if (!err || !ledger->path[0])
        return err;
    log_error("ledger: %s cannot be used%s: what waits for the database is kept in memory alone",
              ledger->path, err == ERR_EXISTS ? ", another server has it" : "");
    ledger->path[0] = '\0';
    return spool_open(&ledger->spool, STR(""), ledger->bytes_max, random);
}

static void name_ledger(struct ledger *ledger)
{
    const struct hash_key key = { { ledger->spool.head.key[0], ledger->spool.head.key[1] } };
    uint64_t number = hash_str(&key, STR("ledger"));
    struct writer w = writer_over(ledger->name, sizeof ledger->name);

    write_hex(&w, &number, sizeof number);
}

/* Signals are for the main thread. */
static enum err start_threads(struct ledger *ledger)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&ledger->keeper, NULL, keep, ledger);
    if (!failed && pthread_create(&ledger->writer, NULL, ledger_write_all, ledger)) {
        failed = 1;
        lock_take(&ledger->lock);
        ledger->is_closing = true;
        lock_give(&ledger->lock);
        pthread_join(ledger->keeper, NULL);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? ERR_NOMEM : ERR_NONE;
}

static enum err start(struct ledger *ledger)
{
    enum err err = open_spool(ledger);

    if (err)
        return err;
    name_ledger(ledger);
    if (!spool_is_empty(&ledger->spool))
        log_notice("ledger: %llu records wait in %s since the last time",
                   (unsigned long long)(ledger->spool.waiting), ledger->path);
    return ledger->is_synchronous ? ERR_NONE : start_threads(ledger);
}

void ledger_start(struct ledger *ledger)
{
    bool is_first;
    enum err err;

    lock_take(&ledger->lock);
    is_first = !ledger->is_started;
    ledger->is_started = true;
    lock_give(&ledger->lock);
    if (is_first && (err = start(ledger))) {
        log_error("ledger: cannot start: %s; no record gets into the database", err_name(err));
        lock_take(&ledger->lock);
        ledger->is_closing = true;
        lock_give(&ledger->lock);
    }
}

static void fill_random(struct random_source *source, void *bytes, size_t count)
{
    const struct random_bytes *random = (const struct random_bytes *)(const void *)source;

    memcpy(bytes, random->seed, count < sizeof random->seed ? count : sizeof random->seed);
}

static void condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* Nothing outlives a database in memory: nor need what waits for it. */
static enum err choose_path(struct ledger *ledger, const struct ledger_settings *settings)
{
    struct writer w = writer_over(ledger->path, sizeof ledger->path - 1);

    if (!store_is_lasting(settings->store))
        return ERR_NONE;
    write_str(&w, settings->path);
    return w.has_overflowed ? ERR_LIMIT : ERR_NONE;
}

enum err ledger_create(const struct ledger_settings *settings, struct ledger **out)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);

    if (!ledger)
        return ERR_NOMEM;
    if (choose_path(ledger, settings)) {
        free(ledger);
        return ERR_LIMIT;
    }
    ledger->store = settings->store;
    ledger->bytes_max = settings->bytes_max;
    ledger->is_synchronous = store_is_synchronous(settings->store);
    ledger->is_uncertain = true;
    ledger->pause = LEDGER_PAUSE_MSEC_MIN;
    ledger->last_note = &ledger->first_note;
    ledger->spool.fd = -1;
    ledger->random.source.fill = fill_random;
    settings->random->fill(settings->random, ledger->random.seed, sizeof ledger->random.seed);
    lock_init(&ledger->lock);
    lock_init(&ledger->spool_lock);
    condition_init(&ledger->has_notes);
    condition_init(&ledger->has_records);
    *out = ledger;
    return ERR_NONE;
}

/* --- the end --- */

static void stop_keeper(struct ledger *ledger)
{
    lock_take(&ledger->lock);
    ledger->is_closing = true;
    pthread_cond_signal(&ledger->has_notes);
    lock_give(&ledger->lock);
    pthread_join(ledger->keeper, NULL);
}

static void stop_writer(struct ledger *ledger)
{
    lock_take(&ledger->lock);
    ledger->patient_until = clock_monotonic() + STOP_MSEC;
    ledger->is_closed = true;
    pthread_cond_signal(&ledger->has_records);
    lock_give(&ledger->lock);
    pthread_join(ledger->writer, NULL);
}

static void say_what_is_left(struct ledger *ledger)
{
    uint64_t left = ledger->spool.waiting;

    if (left)
        log_warning("ledger: %llu records stay in %s for the next start", (unsigned long long)left,
                    ledger->path[0] ? ledger->path : "nothing, and are lost");
}

void ledger_destroy(struct ledger *ledger)
{
    if (!ledger)
        return;
    if (ledger->is_started && !ledger->is_closing && !ledger->is_synchronous) {
        stop_keeper(ledger);
        stop_writer(ledger);
    }
    if (ledger->spool.fd >= 0) {
        spool_sync(&ledger->spool);
        say_what_is_left(ledger);
        spool_close(&ledger->spool);
    }
    pthread_cond_destroy(&ledger->has_notes);
    pthread_cond_destroy(&ledger->has_records);
    lock_fini(&ledger->lock);
    lock_fini(&ledger->spool_lock);
    free(ledger);
}

/* --- handing in --- */

static enum err add_note(struct ledger *ledger, struct note *note)
{
    enum err err = ERR_NONE;

    lock_take(&ledger->lock);
    if (ledger->is_closing || ledger->inbox_bytes + note->payload.len > INBOX_BYTES_MAX) {
        err = ERR_LIMIT;
    } else {
        ledger->inbox_bytes += note->payload.len;
        *ledger->last_note = note;
        ledger->last_note = &note->next;
        pthread_cond_signal(&ledger->has_notes);
    }
    lock_give(&ledger->lock);
    return err;
}

static enum err make_note(const struct query *query, struct note **out)
{
    size_t size = row_size(query);
    struct note *note;

    if (size > LEDGER_ROW_MAX || query->param_count > LEDGER_PARAMS_MAX)
        return ERR_LIMIT;
    note = malloc(sizeof *note + size);
    if (!note)
        return ERR_NOMEM;
    *note = (struct note){ .payload = { (char *)(note + 1), size } };
    row_encode(query, (char *)(note + 1));
    *out = note;
    return ERR_NONE;
}

enum err ledger_write(struct ledger *ledger, struct str sql, const struct value params[],
                      unsigned param_count)
{
    const struct query query = { sql, params, param_count };
    struct note *note = NULL;
    enum err err = query_check(&query);

    ledger_start(ledger);
    if (!err)
        err = make_note(&query, &note);
    if (!err)
        err = add_note(ledger, note);
    if (err) {
        free(note);
        drop(ledger, err == ERR_SYNTAX ? "they are no text" : "too much is waiting, or too large");
        return err;
    }
    atomic_fetch_add(&ledger->taken, 1);
    if (ledger->is_synchronous) {
        keep_notes(ledger);
        ledger_write_some(ledger);
    }
    return ERR_NONE;
}

void ledger_read_counters(struct ledger *ledger, struct ledger_counters *out)
{
    *out = (struct ledger_counters){
        .written = atomic_load(&ledger->written),
        .refused = atomic_load(&ledger->refused),
        .dropped = atomic_load(&ledger->dropped),
    };
    lock_take(&ledger->lock);
    for (const struct note *note = ledger->first_note; note; note = note->next)
        out->waiting++;
    lock_give(&ledger->lock);
    lock_take(&ledger->spool_lock);
    if (ledger->spool.fd >= 0) {
        out->waiting += ledger->spool.waiting;
        out->bytes = ledger->spool.end;
    }
    lock_give(&ledger->spool_lock);
}
