/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the daemon, the tools and the tests set once, before the first store_open(): the embedded
 * database, and how results travel to the worker that asked.
 */
#include <culvert/store.h>
#include <culvert/timer.h>

/* Runs `run(argument)` on the worker, soon; called from the thread of a store. */
typedef void store_post_fn(struct worker *worker, void (*run)(void *argument), void *argument);

/* Without one, results are delivered on the thread of the store. */
void store_set_poster(store_post_fn *post);
/*
 * Before the end: whatever a worker has asked of an open store gets its answer posted, mostly
 * ERR_NOT_NOW, and nothing new is taken from workers. Writes go on until store_close().
 */
void store_close_to_workers(void);
/*
 * The simulated world has one thread and no time to wait: store_query() runs the statement at once
 * and calls `done` before it returns.
 */
void store_set_synchronous(bool is_synchronous);
/* A damaged file is renamed, and a new one made in its place; unless set it cannot be opened. */
void store_set_replaces_damaged(bool replaces_damaged);
/* Connections of a pool, and the time for a statement, unless a URL says otherwise; 4, and 5 s. */
void store_set_limits(unsigned connections, msec statement);
/* The file behind store_open(""); "culvert.db" unless set. ":memory:" keeps nothing. */
void store_set_embedded_path(const char *path);
/*
 * Creates the tables of store/schema.h that are missing; never changes one. store_open() does it
 * for the embedded database and for a new file, culvertctl for others.
 */
MUST_USE enum err store_create_schema(struct store *store);
/* What there is to say about a database, in lines. */
typedef void store_tell_fn(void *context, const char *line);

/* As schema_check() and schema_migrate(), for tools. ERR_IO: it cannot be reached. */
MUST_USE enum err store_check_schema(struct store *store, store_tell_fn *tell, void *context);
MUST_USE enum err store_migrate_schema(struct store *store, store_tell_fn *tell, void *context);
/* Does the database have this table, with this column? For tables that others may have made. */
bool store_has_column(struct store *store, struct str table, struct str column);
/* How the SQL of this store is written (store/driver.h). */
const struct dialect *store_dialect(const struct store *store);
struct query;
/*
 * Writes them now, on the caller's thread, which no worker's is: in one transaction, if the database
 * does not end it by itself. What fails for reasons of its own takes the others along no more than in
 * the queue.
 */
void store_write_together(struct store *store, const struct query *queries, unsigned count,
                          enum err results[]);
bool store_is_synchronous(const struct store *store);
/* There is something of it after the end of the process. */
bool store_is_lasting(const struct store *store);
