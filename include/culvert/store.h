/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Databases. Nothing here blocks the caller: statements run on threads of the store and results come
 * back on the worker that asked. Parameters are always bound, never pasted into the text.
 *
 * Writes are done in the order of handing in, many in a transaction; `done` is called after its
 * commit: what was acknowledged is durable. Questions may overtake each other, and writes that have
 * not yet been acknowledged, unless the database is embedded. Each statement is for itself: those
 * that change the connection (BEGIN, SET, LOCK…) are refused. Texts are UTF-8 without NUL.
 */
#include <culvert/value.h>

struct store;
struct worker;

/* Rows of a result; column texts live until the callback returns. */
struct store_row {
    const struct value *columns;
    unsigned column_count;
};

struct store_result {
    /*
     * ERR_IO: the database is away, or failed; ERR_TIMEOUT: too slow. Of a write both leave open
     * whether it was done, only when the answer to its commit was lost. ERR_EXISTS: a constraint, as
     * a key that is there; ERR_LIMIT: too long for its column, or too large a result; ERR_RANGE,
     * ERR_SYNTAX: a value or a statement that it does not take; ERR_DENIED: not with this account;
     * ERR_NOT_NOW: the server stops.
     */
    enum err err;
    const struct store_row *rows;
    unsigned row_count;
    int64_t affected;
};

typedef void store_done_fn(void *context, const struct store_result *result);

/*
 * Opens a database by URL: "mysql://user:password@host:port/database", "postgres://…",
 * "sqlite:///path", "" for the embedded one; behind '?' connections=, timeout= (seconds for a
 * statement) and socket=. The same URL gives the same store; a reference is counted. A server that
 * cannot be reached is no error: it is logged, and tried again until it is there. ERR_SYNTAX,
 * ERR_UNSUPPORTED: not a URL of ours; ERR_IO: the file of an embedded one cannot be opened.
 */
MUST_USE enum err store_open(struct str url, struct store **out);
void store_close(struct store *store);

/*
 * Runs a statement with '?' parameters; done is called on `worker` (NULL: on the thread of the store).
 * `done` may be NULL. Texts are copied. ERR_LIMIT when too much is waiting already, ERR_IO when the
 * database is away, and other errors of struct store_result: then `done` is not called.
 */
MUST_USE enum err store_query(struct store *store, struct worker *worker, struct str sql,
                              const struct value params[], unsigned param_count, store_done_fn *done,
                              void *context);
/*
 * Calls `done` when every write that was handed in before is committed, or has come to nothing. err:
 * the database cannot commit now. What asks, waits for writes in a single connection only.
 */
MUST_USE enum err store_settle(struct store *store, struct worker *worker, store_done_fn *done,
                               void *context);
/* Runs a statement at once, on the caller's thread: for start-up and tools, never on a worker. */
MUST_USE enum err store_run(struct store *store, struct str sql, const struct value params[],
                            unsigned param_count, store_done_fn *done, void *context);
/* Nothing can be asked at present: it could not be reached. From any thread. */
bool store_is_away(struct store *store);
/* In this process, and so never away: SQLite. */
bool store_is_embedded(const struct store *store);
/* Waits until everything handed in has been done: at a clean stop. */
void store_drain(struct store *store);
