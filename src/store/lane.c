/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lane.h"

#include "sys/loop.h"

enum err lane_init(struct lane *lane, struct database *database, struct outage *outage)
{
    *lane = (struct lane){ .outage = outage, .pause = RETRY_MSEC_MIN };
    lock_init(&lane->in_use);
    return database->driver->create(database, &lane->connection);
}

void lane_fini(struct lane *lane)
{
    if (lane->connection)
        lane->connection->database->driver->destroy(lane->connection);
    lock_fini(&lane->in_use);
}

/* --- being connected --- */

msec lane_ready_at(const struct lane *lane)
{
    return atomic_load(&lane->retry_at);
}

/* Tries at once, and then in growing intervals. */
static void start_over(struct lane *lane)
{
    atomic_store(&lane->retry_at, 0);
    lane->pause = RETRY_MSEC_MIN;
}

static void note_loss(struct lane *lane)
{
    if (!lane->is_counted)
        return;
    lane->is_counted = false;
    start_over(lane);
    outage_note_lost(lane->outage);
}

static enum err connect_now(struct lane *lane)
{
    if (!lane->connection->database->driver->connect(lane->connection)) {
        lane->is_counted = true;
        start_over(lane);
        outage_note_up(lane->outage, lane->connection);
        return ERR_NONE;
    }
    atomic_store(&lane->retry_at, clock_monotonic() + lane->pause);
    lane->pause = lane->pause * 2 < RETRY_MSEC_MAX ? lane->pause * 2 : RETRY_MSEC_MAX;
    if (!lane->connection->database->driver->is_embedded)
        outage_note_failure(lane->outage, lane->connection);
    return ERR_IO;
}

enum err lane_reach(struct lane *lane)
{
    if (lane->connection->is_up)
        return ERR_NONE;
    note_loss(lane);
    if (outage_is_on(lane->outage) && clock_monotonic() < lane_ready_at(lane))
        return ERR_IO;
    return connect_now(lane);
}

/* --- one statement --- */

static void run(struct lane *lane, const struct query *query, struct answer *answer)
{
    answer_fini(answer);
    answer_init(answer);
    lane->connection->database->driver->run(lane->connection, query, answer);
}

/* The connection broke on the way; one that timed out is not run once more. */
static bool was_lost(const struct lane *lane, enum err err)
{
    return err == ERR_IO && !lane->connection->is_up;
}

void lane_run(struct lane *lane, const struct query *query, struct answer *answer, bool asks)
{
    if ((answer->result.err = lane_reach(lane)))
        return;
    run(lane, query, answer);
    if (asks && answer->result.err == ERR_IO && !lane_reach(lane))
        run(lane, query, answer);
    if (!lane->connection->is_up)
        note_loss(lane);
}

/* --- a transaction --- */

enum state {
    OPEN,
    ENDED, /* and committed: by a statement that does so by itself */
    LOST,  /* and every write in it */
};

static enum err execute(struct lane *lane, const char *sql)
{
    return lane->connection->database->driver->execute(lane->connection, sql);
}

static enum err begin(struct lane *lane)
{
    enum err err = lane_reach(lane);

    if (!err)
        err = execute(lane, lane->connection->database->driver->dialect->begin);
    if (was_lost(lane, err) && !(err = lane_reach(lane)))
        err = execute(lane, lane->connection->database->driver->dialect->begin);
    if (err && lane->is_counted)
        connection_log(lane->connection, "cannot begin to write");
    return err;
}

static bool is_open(const struct lane *lane)
{
    return lane->connection->is_up &&
           lane->connection->database->driver->in_transaction(lane->connection);
}

/* With marks, where the database has them, a failure takes back nothing but its own statement. */
static enum state run_inside(struct lane *lane, struct statement *statement, bool with_marks)
{
    const struct dialect *dialect = lane->connection->database->driver->dialect;

    if (str_is_empty(statement->query.sql))
        return OPEN;
    with_marks = with_marks && dialect->mark;
    if (with_marks && execute(lane, dialect->mark))
        return LOST;
    run(lane, &statement->query, &statement->answer);
    if (is_open(lane))
        return OPEN;
    if (!statement->answer.result.err)
        return ENDED;
    if (with_marks && lane->connection->is_up && !execute(lane, dialect->back_to_mark))
        return OPEN;
    return LOST;
}

static enum state commit(struct lane *lane)
{
    const struct dialect *dialect = lane->connection->database->driver->dialect;

    if (!execute(lane, dialect->commit))
        return ENDED;
    connection_log(lane->connection, "cannot commit");
    return LOST;
}

/* What is left of a transaction that came to nothing. */
static void clear(struct lane *lane)
{
    const struct driver *driver = lane->connection->database->driver;

    if (!lane->connection->is_up ||
        (driver->is_embedded && !driver->in_transaction(lane->connection)))
        return;
    if (execute(lane, driver->dialect->rollback))
        connection_log(lane->connection, "cannot roll back");
}

/* It failed for reasons of its own, as it would again. */
static bool is_at_fault(const struct statement *statement)
{
    enum err err = statement->answer.result.err;

    return err && err != ERR_IO;
}

/* Statements move as they are run. */
static enum state run_some(struct lane *lane, struct statements *from, struct statements *to,
                           bool with_marks)
{
    msec until = clock_monotonic() + BATCH_MSEC_MAX;
    unsigned count = 0;
    enum state state = OPEN;
    struct statement *statement;

    do {
        statement = statements_take(from);
        statements_append(to, statement);
        if (!is_at_fault(statement))
            state = run_inside(lane, statement, with_marks);
    } while (state == OPEN && from->first &&
             (statement->is_joined ||
              (++count < BATCH_STATEMENTS_MAX && clock_monotonic() < until)));
    return state;
}

static void fail_all(struct statements *list, enum err err)
{
    for (struct statement *s = list->first; s; s = s->next)
        if (!is_at_fault(s))
            s->answer.result = (struct store_result){ .err = err };
}

/* Ends what is open. Only what was lost before the commit may be done again: who knows how far that
 * got. */
static enum state settle(struct lane *lane, enum state state, bool *may_retry)
{
    *may_retry = state == LOST;
    if (state == OPEN)
        state = commit(lane);
    if (state == LOST)
        clear(lane);
    return state;
}

/* What there is no more time for waits in front of all others. */
static enum state retry(struct lane *lane, struct statements *waiting, struct statements *tried)
{
    struct statements again;
    enum state state;
    bool may_retry;

    statements_init(&again);
    statements_move(&again, tried);
    state = settle(lane, run_some(lane, &again, tried, true), &may_retry);
    statements_move(&again, waiting);
    statements_move(waiting, &again);
    return state;
}

void lane_write(struct lane *lane, struct statements *waiting, struct statements *settled)
{
    struct statements tried;
    enum state state = LOST;
    bool may_retry = true;
    enum err err = begin(lane);

    statements_init(&tried);
    if (err) {
        statements_move(&tried, waiting);
    } else {
        state = settle(lane, run_some(lane, waiting, &tried, false), &may_retry);
        if (state == LOST && may_retry && !(err = begin(lane)))
            state = retry(lane, waiting, &tried);
    }
    if (state == LOST)
        fail_all(&tried, err ? err : ERR_IO);
    if (!lane->connection->is_up)
        note_loss(lane);
    statements_move(settled, &tried);
}
