/* SPDX-License-Identifier: Apache-2.0 */
/* From the spool to the database: in batches, and with a mark how far it got, where there are
 * marks. */
#include <stdlib.h>

#include <culvert/writer.h>

#include "store/ledger_inside.h"
#include "store/row_codec.h"

enum {
    BATCH_MAX = 128, /* records in one transaction */
};

/* --- the mark in the database --- */

static void keep_mark(void *context, const struct store_result *result)
{
    int64_t *mark = context;

    if (!result->err && result->row_count)
        *mark = result->rows[0].columns[0].number;
}

static struct value name_of(const struct ledger *ledger)
{
    return value_of_str((struct str){ ledger->name, LEDGER_NAME_LENGTH });
}

static enum err read_mark(struct ledger *ledger, int64_t *out)
{
    const struct value name = name_of(ledger);

    *out = -1;
    return store_run(ledger->store, STR("SELECT done FROM ledger WHERE name = ?"), &name, 1,
                     keep_mark, out);
}

static enum err make_mark(struct ledger *ledger)
{
    const struct value params[] = { name_of(ledger),
                                    value_of_int((int64_t)ledger->spool.head.done) };

    return store_run(ledger->store, STR("INSERT INTO ledger (name, done) VALUES (?, ?)"), params, 2,
                     NULL, NULL);
}

/* Whether there are marks at all is asked once, of a database that answers. */
static enum err ask_for_marks(struct ledger *ledger)
{
    enum err err = ledger->has_asked
                       ? ERR_NONE
                       : store_run(ledger->store, STR("SELECT 1"), NULL, 0, NULL, NULL);

    if (!err && !ledger->has_asked) {
        ledger->has_marks = store_has_column(ledger->store, STR("ledger"), STR("done"));
        ledger->has_asked = true;
    }
    return err;
}

static enum err go_by_mark(struct ledger *ledger)
{
    int64_t mark;
    enum err err = ask_for_marks(ledger);

    if (err || !ledger->has_marks)
        return err;
    if ((err = read_mark(ledger, &mark)))
        return err;
    if (mark < 0)
        return make_mark(ledger);
    lock_take(&ledger->spool_lock);
    if ((uint64_t)mark < ledger->spool.next)
        spool_note_done(&ledger->spool, (uint64_t)mark);
    lock_give(&ledger->spool_lock);
    return ERR_NONE;
}

/* --- from the spool to the database --- */

struct batch {
    struct arena memory;
    struct query queries[BATCH_MAX + 1];
    struct str payloads[BATCH_MAX];
    enum err results[BATCH_MAX + 1];
    unsigned count; /* of records; the mark stands behind them */
    uint64_t newest;
    struct value mark[2];
};

/* One that cannot be read is of another version of this program: as good as refused. */
static bool take_record(struct batch *batch, const struct spool_record *record)
{
    struct query *query = &batch->queries[batch->count];
    struct str *payload = &batch->payloads[batch->count];

    batch->newest = record->number;
    if (str_copy(&batch->memory, record->payload, payload) ||
        row_decode(&batch->memory, *payload, query))
        return false;
    batch->count++;
    return true;
}

static void read_batch(struct ledger *ledger, struct batch *batch)
{
    struct spool_record records[BATCH_MAX];
    unsigned count;

    lock_take(&ledger->spool_lock);
    count = spool_read(&ledger->spool, records, BATCH_MAX);
    for (unsigned i = 0; i < count; i++)
        if (!take_record(batch, &records[i]))
            atomic_fetch_add(&ledger->refused, 1);
    lock_give(&ledger->spool_lock);
}

static void add_mark(struct ledger *ledger, struct batch *batch)
{
    batch->mark[0] = value_of_int((int64_t)batch->newest);
    batch->mark[1] = name_of(ledger);
    batch->queries[batch->count] =
        (struct query){ STR("UPDATE ledger SET done = ? WHERE name = ?"), batch->mark, 2 };
}

/* The database has understood the statement and does not want it. */
static bool is_refusal(enum err err)
{
    return err == ERR_SYNTAX || err == ERR_EXISTS || err == ERR_RANGE || err == ERR_LIMIT;
}

/* Nothing got through, although something might. */
static bool has_failed(const struct batch *batch)
{
    bool may_succeed = false;

    for (unsigned i = 0; i < batch->count; i++) {
        if (!batch->results[i])
            return false;
        may_succeed |= !is_refusal(batch->results[i]);
    }
    return may_succeed;
}

static void log_refused(const struct query *query, enum err err)
{
    char line[2000];
    struct writer w = writer_over(line, sizeof line);

    for (unsigned i = 0; i < query->param_count; i++) {
        const struct value *value = &query->params[i];
        write_str(&w, i ? STR(", ") : STR(""));
        if (value->has_text)
            write_fmt(&w, "'" STR_FMT "'", STR_ARG(value->text));
        else
            write_fmt(&w, value->has_number ? "%lld" : "NULL", (long long)value->number);
    }
    log_error("ledger: the database refuses a record, which is nowhere but here (%s): " STR_FMT
              ": " STR_FMT,
              err_name(err), STR_ARG(query->sql), STR_ARG(writer_text(&w)));
}

static void settle_one(struct ledger *ledger, const struct batch *batch, unsigned index)
{
    enum err err = batch->results[index];

    if (!err) {
        atomic_fetch_add(&ledger->written, 1);
    } else if (is_refusal(err)) {
        atomic_fetch_add(&ledger->refused, 1);
        log_refused(&batch->queries[index], err);
    } else {
        ledger_append(ledger, batch->payloads[index]);
    }
}

static void settle(struct ledger *ledger, const struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++)
        settle_one(ledger, batch, i);
    lock_take(&ledger->spool_lock);
    spool_note_done(&ledger->spool, batch->newest);
    lock_give(&ledger->spool_lock);
}

static void note_failure(struct ledger *ledger)
{
    if (!ledger->is_away)
        log_warning("ledger: records wait in %s until the database takes them",
                    ledger->path[0] ? ledger->path : "memory");
    ledger->is_away = true;
    ledger->is_uncertain = true;
    ledger->retry_at = clock_monotonic() + ledger->pause;
    ledger->pause =
        ledger->pause * 2 < LEDGER_PAUSE_MSEC_MAX ? ledger->pause * 2 : LEDGER_PAUSE_MSEC_MAX;
}

static void note_success(struct ledger *ledger)
{
    if (ledger->is_away)
        log_notice("ledger: the database takes records again");
    ledger->is_away = false;
    ledger->pause = LEDGER_PAUSE_MSEC_MIN;
}

static void write_batch(struct ledger *ledger, struct batch *batch)
{
    if (ledger->has_marks)
        add_mark(ledger, batch);
    store_write_together(ledger->store, batch->queries, batch->count + ledger->has_marks,
                         batch->results);
    if (has_failed(batch)) {
        note_failure(ledger);
        return;
    }
    settle(ledger, batch);
    note_success(ledger);
}

static bool is_spool_empty(struct ledger *ledger)
{
    bool is_empty;

    lock_take(&ledger->spool_lock);
    is_empty = spool_is_empty(&ledger->spool);
    lock_give(&ledger->spool_lock);
    return is_empty;
}

/* Some of what waits. */
void ledger_write_some(struct ledger *ledger)
{
    struct batch *batch;

    if (ledger->is_uncertain && go_by_mark(ledger)) {
        note_failure(ledger);
        return;
    }
    ledger->is_uncertain = false;
    batch = calloc(1, sizeof *batch);
    if (!batch)
        return;
    arena_init(&batch->memory, NULL, (size_t)BATCH_MAX * SPOOL_RECORD_MAX * 4);
    read_batch(ledger, batch);
    if (batch->newest)
        write_batch(ledger, batch);
    arena_fini(&batch->memory);
    free(batch);
}

static bool is_over(const struct ledger *ledger, bool is_empty)
{
    return ledger->is_closed &&
           (is_empty || ledger->is_away || clock_monotonic() >= ledger->patient_until);
}

/* False: it is over. */
static bool wait_for_records(struct ledger *ledger)
{
    bool goes_on;
    msec now;

    lock_take(&ledger->lock);
    for (;;) {
        bool is_empty = is_spool_empty(ledger);
        now = clock_monotonic();
        goes_on = !is_over(ledger, is_empty);
        if (!goes_on || (!is_empty && now >= ledger->retry_at))
            break;
        ledger_wait(ledger, &ledger->has_records,
                    !is_empty && ledger->retry_at > now ? ledger->retry_at
                                                        : now + LEDGER_LOOK_MSEC);
    }
    lock_give(&ledger->lock);
    return goes_on;
}

void *ledger_write_all(void *argument)
{
    struct ledger *ledger = argument;

    while (wait_for_records(ledger))
        ledger_write_some(ledger);
    return NULL;
}
