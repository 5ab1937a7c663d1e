/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/store.h>

#include <limits.h>
#include <stdlib.h>

#include <culvert/log.h>
#include <culvert/writer.h>

#include "base/list.h"
#include "store/queue.h"
#include "store/schema.h"
#include "store/wire.h"
#include "sys/loop.h"

enum {
    STOP_MSEC = 10000, /* for what still waits, when the server stops */
};

struct store {
    struct list_node node; /* of the registry */
    unsigned refs;
    bool is_synchronous;
    atomic_bool is_ending;
    struct database database;
    struct queue queue;
    char path[]; /* that the URL borrows from */
};

/*
 * The databases of this process. Modules open them by URL, each for itself and knowing nothing of
 * the others; that is why this list, and what the daemon sets for it, belong to the process.
 */
static struct {
    struct lock lock;
    struct list_node stores;
    store_post_fn *post;
    bool is_synchronous;
    bool replaces_damaged;
    struct limits limits;
    char embedded_path[PATH_MAX];
} registry = {
    .lock = { PTHREAD_MUTEX_INITIALIZER },
    .stores = { &registry.stores, &registry.stores },
    .limits = { .connections = 4, .statement = 5000, .connect = 3000 },
    .embedded_path = "culvert.db",
};

void store_set_poster(store_post_fn *post)
{
    lock_take(&registry.lock);
    registry.post = post;
    lock_give(&registry.lock);
}

void store_set_synchronous(bool is_synchronous)
{
    lock_take(&registry.lock);
    registry.is_synchronous = is_synchronous;
    lock_give(&registry.lock);
}

void store_set_replaces_damaged(bool replaces_damaged)
{
    lock_take(&registry.lock);
    registry.replaces_damaged = replaces_damaged;
    lock_give(&registry.lock);
}

void store_set_limits(unsigned connections, msec statement)
{
    lock_take(&registry.lock);
    registry.limits.connections = connections;
    registry.limits.statement = statement;
    lock_give(&registry.lock);
}

void store_set_embedded_path(const char *path)
{
    struct writer w = writer_over(registry.embedded_path, sizeof registry.embedded_path - 1);

    lock_take(&registry.lock);
    write_str(&w, str_of(path));
    *w.at = '\0';
    if (w.has_overflowed)
        log_error("store: the path of the embedded database is too long");
    lock_give(&registry.lock);
}

/* What takes longer than that is given up. */
static void end_soon(struct store *store)
{
    char name[URL_NAME_MAX];

    if (queue_drain_for(&store->queue, STOP_MSEC))
        return;
    log_error("store: %s is too slow to wait for at the end: what is not yet done is given up",
              url_name(&store->database.url, name));
    interrupt_raise(&store->database.interrupt);
    queue_drain(&store->queue);
}

void store_close_to_workers(void)
{
    lock_take(&registry.lock);
    LIST_EACH(node, &registry.stores)
    {
        struct store *store = CONTAINER_OF(node, struct store, node);

        atomic_store(&store->is_ending, true);
        queue_close_to_workers(&store->queue);
    }
    LIST_EACH(node, &registry.stores)
    {
        end_soon(CONTAINER_OF(node, struct store, node));
    }
    lock_give(&registry.lock);
}

/* --- opening --- */

/* The empty URL is that of the embedded database. */
static enum err parse_url(struct str text, struct url *out)
{
    if (!str_is_empty(text))
        return url_parse(text, out);
    *out = (struct url){ .driver = &sqlite_driver, .path = str_of(registry.embedded_path) };
    return ERR_NONE;
}

static struct store *find_store(const struct url *url)
{
    LIST_EACH(node, &registry.stores)
    {
        struct store *store = CONTAINER_OF(node, struct store, node);

        if (store->database.url.driver == url->driver &&
            str_eq(store->database.url.path, url->path))
            return store;
    }
    return NULL;
}

static void store_destroy(struct store *store)
{
    queue_fini(&store->queue, STOP_MSEC);
    interrupt_fini(&store->database.interrupt);
    free(store);
}

static struct connection *take_connection(struct store *store, enum err *err)
{
    struct lane *lane = queue_lane(&store->queue);

    lock_take(&lane->in_use);
    *err = lane_reach(lane);
    return lane->connection;
}

static void give_connection(struct store *store)
{
    lock_give(&queue_lane(&store->queue)->in_use);
    if (outage_is_on(&store->queue.outage) && queue_watch(&store->queue))
        log_error("store: no thread to wait for the database: out of memory");
}

/* In a transaction of its own: beginning it finds out whether the connection still is one. */
static void write_at_once(struct lane *lane, const struct query *query, struct answer *answer)
{
    struct statement statement = { .query = *query };
    struct statements waiting, settled;

    answer_init(&statement.answer);
    statements_init(&waiting);
    statements_init(&settled);
    statements_append(&waiting, &statement);
    lane_write(lane, &waiting, &settled);
    answer_fini(answer);
    *answer = statement.answer;
}

static void run_at_once(struct store *store, const struct query *query, struct answer *answer)
{
    struct lane *lane = queue_lane(&store->queue);
    bool asks = statement_asks(query->sql);

    lock_take(&lane->in_use);
    if (asks || store->database.driver->is_embedded)
        lane_run(lane, query, answer, asks);
    else
        write_at_once(lane, query, answer);
    give_connection(store);
}

enum err store_create_schema(struct store *store)
{
    enum err err;
    struct connection *connection = take_connection(store, &err);

    if (!err)
        err = schema_create(connection);
    give_connection(store);
    return err;
}

enum err store_check_schema(struct store *store, store_tell_fn *tell, void *context)
{
    enum err err;
    struct connection *connection = take_connection(store, &err);

    if (!err)
        schema_check(connection, tell, context);
    give_connection(store);
    return err;
}

enum err store_migrate_schema(struct store *store, store_tell_fn *tell, void *context)
{
    enum err err;
    struct connection *connection = take_connection(store, &err);

    if (!err)
        err = schema_migrate(connection, tell, context);
    give_connection(store);
    return err;
}

bool store_has_column(struct store *store, struct str table, struct str column)
{
    struct value names[] = { value_of_str(table), value_of_str(column) };
    struct query query = { store->database.driver->dialect->has_column, names, 2 };
    struct answer answer;
    bool has;

    answer_init(&answer);
    run_at_once(store, &query, &answer);
    has = answer.result.row_count > 0;
    answer_fini(&answer);
    return has;
}

const struct dialect *store_dialect(const struct store *store)
{
    return store->database.driver->dialect;
}

static bool is_empty(struct store *store)
{
    struct query query = { .sql = store->database.driver->dialect->any_table };
    enum err err;
    struct connection *connection = take_connection(store, &err);
    bool has_tables = true;

    if (!err)
        err = connection_ask(connection, &query, &has_tables);
    give_connection(store);
    return !err && !has_tables;
}

/* The embedded database, and a new file, get the tables that the modules expect. */
static enum err prepare_schema(struct store *store, bool is_embedded)
{
    if (!store->database.driver->is_embedded || (!is_embedded && !is_empty(store)))
        return ERR_NONE;
    return store_create_schema(store);
}

/* A server may come later; a file is there, or is made, or there is no hope. */
static enum err reach(struct store *store)
{
    enum err err;

    take_connection(store, &err);
    give_connection(store);
    return store->database.driver->is_embedded ? err : ERR_NONE;
}

/* With the text that the URL borrows from behind it. */
static struct store *allocate(const struct url *url)
{
    struct store *store = calloc(1, sizeof *store + url->path.len);

    if (!store)
        return NULL;
    memcpy(store->path, url->path.ptr, url->path.len);
    return store;
}

static void set_up(struct store *store, const struct url *url)
{
    store->refs = 1;
    store->is_synchronous = registry.is_synchronous;
    store->database.driver = url->driver;
    store->database.limits = registry.limits;
    store->database.replaces_damaged = registry.replaces_damaged;
    store->database.url = *url;
    url_move(&store->database.url, store->path);
    if (url->connections)
        store->database.limits.connections = (unsigned)url->connections;
    if (url->timeout)
        store->database.limits.statement = url->timeout * 1000;
}

static enum err store_create(const struct url *url, bool is_embedded, struct store **out)
{
    struct store *store = allocate(url);
    enum err err;

    if (!store)
        return ERR_NOMEM;
    set_up(store, url);
    if ((err = interrupt_init(&store->database.interrupt))) {
        free(store);
        return err;
    }
    err = queue_init(&store->queue, &store->database, registry.post);
    if (!err)
        err = reach(store);
    if (!err)
        err = prepare_schema(store, is_embedded);
    if (err) {
        store_destroy(store);
        return err;
    }
    *out = store;
    return ERR_NONE;
}

/* With the registry. */
static enum err open_locked(struct str text, struct store **out)
{
    struct url url;
    struct store *store;
    enum err err;

    if ((err = parse_url(text, &url)))
        return err;
    store = find_store(&url);
    if (store) {
        store->refs++;
        *out = store;
        return ERR_NONE;
    }
    if ((err = store_create(&url, str_is_empty(text), &store)))
        return err;
    list_push_back(&registry.stores, &store->node);
    *out = store;
    return ERR_NONE;
}

enum err store_open(struct str url, struct store **out)
{
    enum err err;

    lock_take(&registry.lock);
    err = open_locked(url, out);
    lock_give(&registry.lock);
    return err;
}

void store_close(struct store *store)
{
    bool is_last;

    if (!store)
        return;
    lock_take(&registry.lock);
    is_last = --store->refs == 0;
    if (is_last)
        list_remove(&store->node);
    lock_give(&registry.lock);
    if (is_last)
        store_destroy(store);
}

/* --- statements --- */

enum err store_run(struct store *store, struct str sql, const struct value params[],
                   unsigned param_count, store_done_fn *done, void *context)
{
    struct query query = { sql, params, param_count };
    struct answer answer;
    enum err err;

    answer_init(&answer);
    answer.result.err = query_check(&query);
    if (!answer.result.err)
        run_at_once(store, &query, &answer);
    err = answer.result.err;
    if (done)
        done(context, &answer.result);
    answer_fini(&answer);
    return err;
}

static enum err hand_in(struct store *store, struct statement *statement)
{
    enum err err = queue_add(&store->queue, statement);

    if (err)
        statement_destroy(statement);
    return err;
}

enum err store_query(struct store *store, struct worker *worker, struct str sql,
                     const struct value params[], unsigned param_count, store_done_fn *done,
                     void *context)
{
    struct query query = { sql, params, param_count };
    struct statement *statement;
    enum err err;

    if ((err = query_check(&query)))
        return err;
    if ((err = statement_create(worker, &query, done, context, &statement)))
        return err;
    if (!store->is_synchronous)
        return hand_in(store, statement);
    run_at_once(store, &statement->query, &statement->answer);
    statement_deliver(statement, NULL);
    return ERR_NONE;
}

/* A write of nothing: it has its place in the order of writes, and in a transaction. */
enum err store_settle(struct store *store, struct worker *worker, store_done_fn *done,
                      void *context)
{
    struct query nothing = { .sql = STR("") };
    struct statement *statement;
    enum err err = statement_create(worker, &nothing, done, context, &statement);

    if (err)
        return err;
    if (!store->is_synchronous)
        return hand_in(store, statement);
    statement_deliver(statement, NULL);
    return ERR_NONE;
}

bool store_is_synchronous(const struct store *store)
{
    return store->is_synchronous;
}

bool store_is_embedded(const struct store *store)
{
    return store->database.driver->is_embedded;
}

bool store_is_away(struct store *store)
{
    return outage_is_on(&store->queue.outage);
}

static void keep_err(void *context, const struct store_result *result)
{
    *(enum err *)context = result->err;
}

static enum err make_statements(const struct query queries[], unsigned count, enum err results[],
                                struct statements *out)
{
    struct statement *statement = NULL;
    enum err err = ERR_NONE;

    statements_init(out);
    for (unsigned i = 0; i < count && !err; i++) {
        err = statement_create(NULL, &queries[i], keep_err, &results[i], &statement);
        if (err)
            break;
        statement->is_joined = true;
        statements_append(out, statement);
    }
    return err;
}

static void write_statements(struct store *store, struct statements *waiting)
{
    struct lane *lane = queue_lane(&store->queue);
    struct statements settled;

    statements_init(&settled);
    lock_take(&lane->in_use);
    while (waiting->first)
        lane_write(lane, waiting, &settled);
    give_connection(store);
    statements_move(waiting, &settled);
}

void store_write_together(struct store *store, const struct query queries[], unsigned count,
                          enum err results[])
{
    struct statements statements;
    struct statement *statement;
    enum err err = make_statements(queries, count, results, &statements);

    for (unsigned i = 0; i < count; i++)
        results[i] = err;
    if (!err)
        write_statements(store, &statements);
    while ((statement = statements_take(&statements)))
        err ? statement_destroy(statement) : statement_deliver(statement, NULL);
}

bool store_is_lasting(const struct store *store)
{
    return !store->database.driver->is_embedded ||
           !str_eq(store->database.url.path, STR(":memory:"));
}

void store_drain(struct store *store)
{
    if (atomic_load(&store->is_ending))
        end_soon(store);
    else
        queue_drain(&store->queue);
}
