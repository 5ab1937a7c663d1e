/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Databases. Nothing here blocks the caller: statements run on threads of the store and results come
 * back on the worker that asked. Parameters are always bound, never pasted into the text.
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
    enum err err;               /* ERR_NONE, ERR_TIMEOUT, ERR_IO, ERR_LIMIT (queue full)… */
    const struct store_row *rows;
    unsigned row_count;
    int64_t affected;
};

typedef void store_done_fn(void *context, const struct store_result *result);

/*
 * Opens a database by URL: "sqlite:///path", "" for the embedded one. The same URL gives the same
 * store; a reference is counted. Schemes that are not built in yield ERR_UNSUPPORTED.
 */
MUST_USE enum err store_open(struct str url, struct store **out);
void store_close(struct store *store);

/*
 * Runs a statement with '?' parameters; done is called on `worker` (NULL: on the thread of the store).
 * `done` may be NULL. Texts are copied. ERR_LIMIT when too much is waiting already.
 */
MUST_USE enum err store_query(struct store *store, struct worker *worker, struct str sql,
                              const struct value params[], unsigned param_count, store_done_fn *done,
                              void *context);
/* Runs a statement at once, on the caller's thread: for start-up and tools, never on a worker. */
MUST_USE enum err store_run(struct store *store, struct str sql, const struct value params[],
                            unsigned param_count, store_done_fn *done, void *context);
/* Waits until everything handed in has been done: at a clean stop. */
void store_drain(struct store *store);
