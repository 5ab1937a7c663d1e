/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/store.h>

#include <limits.h>
#include <stdlib.h>

#include <culvert/log.h>
#include <culvert/writer.h>

#include "base/list.h"
#include "store/queue.h"
#include "store/schema.h"

struct store {
    struct list_node node; /* of the registry */
    unsigned refs;
    bool is_synchronous;
    struct connection *connection;
    struct lock in_use; /* of the connection */
    struct queue queue;
    size_t path_length;
    char path[];
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
    char embedded_path[PATH_MAX];
} registry = {
    .lock = { PTHREAD_MUTEX_INITIALIZER },
    .stores = { &registry.stores, &registry.stores },
    .embedded_path = "culvert.db",
};

static const struct driver *const drivers[] = { &sqlite_driver };

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

void store_close_to_workers(void)
{
    lock_take(&registry.lock);
    LIST_EACH(node, &registry.stores)
    {
        queue_close_to_workers(&CONTAINER_OF(node, struct store, node)->queue);
    }
    LIST_EACH(node, &registry.stores)
    {
        queue_drain(&CONTAINER_OF(node, struct store, node)->queue);
    }
    lock_give(&registry.lock);
}

/* --- opening --- */

struct url {
    const struct driver *driver;
    struct str path;
    bool is_embedded;
};

static enum err refuse_scheme(struct str scheme)
{
    log_error("store: no driver for \"" STR_FMT "://\": this build has the embedded SQLite only. "
              "Set db_url to \"sqlite:///path/to/file.db\", or to \"\" for the embedded database",
              STR_ARG(scheme));
    return ERR_UNSUPPORTED;
}

/* Never logs what follows the scheme: there are passwords in it. */
static enum err parse_url(struct str text, struct url *out)
{
    struct str separator = STR("://");
    const char *colon = str_find(text, separator);
    struct str scheme;

    if (str_is_empty(text)) {
        *out = (struct url){ &sqlite_driver, str_of(registry.embedded_path), true };
        return ERR_NONE;
    }
    if (!colon)
        return refuse_scheme(STR("?"));
    scheme = str_between(text.ptr, colon);
    for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++) {
        if (!str_ieq(scheme, drivers[i]->scheme))
            continue;
        *out = (struct url){ drivers[i], str_skip(text, scheme.len + separator.len), false };
        return str_is_empty(out->path) ? ERR_SYNTAX : ERR_NONE;
    }
    return refuse_scheme(scheme);
}

static struct store *find_store(const struct url *url)
{
    LIST_EACH(node, &registry.stores)
    {
        struct store *store = CONTAINER_OF(node, struct store, node);

        if (store->connection->driver == url->driver &&
            str_eq((struct str){ store->path, store->path_length }, url->path))
            return store;
    }
    return NULL;
}

static void store_destroy(struct store *store)
{
    queue_fini(&store->queue);
    store->connection->driver->close(store->connection);
    lock_fini(&store->in_use);
    free(store);
}

enum err store_create_schema(struct store *store)
{
    enum err err;

    lock_take(&store->in_use);
    err = schema_create(store->connection);
    lock_give(&store->in_use);
    return err;
}

bool store_has_column(struct store *store, struct str table, struct str column)
{
    bool has;

    lock_take(&store->in_use);
    has = store->connection->driver->has_column(store->connection, table, column);
    lock_give(&store->in_use);
    return has;
}

/* The embedded database, and a new file, get the tables that the modules expect. */
static enum err prepare_schema(struct store *store, const struct url *url)
{
    if (!url->is_embedded && !url->driver->is_empty(store->connection))
        return ERR_NONE;
    return store_create_schema(store);
}

static enum err store_create(const struct url *url, struct store **out)
{
    struct store *store = calloc(1, sizeof *store + url->path.len);
    enum err err;

    if (!store)
        return ERR_NOMEM;
    memcpy(store->path, url->path.ptr, url->path.len);
    store->path_length = url->path.len;
    store->refs = 1;
    store->is_synchronous = registry.is_synchronous;
    if ((err = url->driver->open(url->path, &store->connection))) {
        free(store);
        return err;
    }
    lock_init(&store->in_use);
    queue_init(&store->queue, store->connection, &store->in_use, registry.post);
    if ((err = prepare_schema(store, url))) {
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
    if ((err = store_create(&url, &store)))
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

static void run_at_once(struct store *store, const struct query *query, struct answer *answer)
{
    lock_take(&store->in_use);
    store->connection->driver->run(store->connection, query, answer);
    lock_give(&store->in_use);
}

enum err store_run(struct store *store, struct str sql, const struct value params[],
                   unsigned param_count, store_done_fn *done, void *context)
{
    struct query query = { sql, params, param_count };
    struct answer answer;
    enum err err;

    answer_init(&answer);
    run_at_once(store, &query, &answer);
    err = answer.result.err;
    if (done)
        done(context, &answer.result);
    answer_fini(&answer);
    return err;
}

enum err store_query(struct store *store, struct worker *worker, struct str sql,
                     const struct value params[], unsigned param_count, store_done_fn *done,
                     void *context)
{
    struct query query = { sql, params, param_count };
    struct statement *statement;
    enum err err;

    if ((err = statement_create(worker, &query, done, context, &statement)))
        return err;
    if (store->is_synchronous) {
        run_at_once(store, &statement->query, &statement->answer);
        statement_deliver(statement, NULL);
        return ERR_NONE;
    }
    if ((err = queue_add(&store->queue, statement)))
        statement_destroy(statement);
    return err;
}

void store_drain(struct store *store)
{
    queue_drain(&store->queue);
}
