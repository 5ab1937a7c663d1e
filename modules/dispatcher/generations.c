/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets that are replaced as a whole. Workers read without a lock; an old generation is freed once
 * each worker has ticked since it was replaced, as nobody keeps a pointer beyond an event.
 */
#include "dispatcher.h"

#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    DNS_AT_START = 1,
    DNS_BY_TIME = 2,
    SECOND = 1000,
};

/* ---- names ---- */

static unsigned resolve(struct str host, struct addr addrs[])
{
    const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *list = NULL;
    char name[256];
    unsigned count = 0;

    if (host.len >= sizeof name)
        return 0;
    memcpy(name, host.ptr, host.len);
    name[host.len] = '\0';
    if (getaddrinfo(name, NULL, &hints, &list)) {
        log_notice("dispatcher: no address for %s now: ds_is_from_list() will not know it by one", name);
        return 0;
    }
    for (const struct addrinfo *at = list; at && count < DEST_ADDRESSES_MAX; at = at->ai_next)
        if (at->ai_family == AF_INET || at->ai_family == AF_INET6)
            addr_from_sockaddr((const struct sockaddr_storage *)(const void *)at->ai_addr, &addrs[count++]);
    freeaddrinfo(list);
    return count;
}

/* ---- replacing ---- */

static struct sets_rules rules_of(const struct dispatcher *dispatcher)
{
    return (struct sets_rules){ .is_file_order = dispatcher->is_openser,
                                .resolve = dispatcher->dns_mode ? resolve : NULL };
}

/* With the lock held. */
static void replace(struct dispatcher *dispatcher, struct sets *sets)
{
    struct sets *old = atomic_exchange(&dispatcher->sets, sets);

    if (!old)
        return;
    old->retired_at = atomic_fetch_add(&dispatcher->generation, 1) + 1;
    old->next_retired = dispatcher->retired;
    dispatcher->retired = old;
}

/* With the lock held; the rows are taken over. */
static enum err make_generation(struct dispatcher *dispatcher, struct listing *rows)
{
    struct sets_rules rules = rules_of(dispatcher);
    struct sets *sets;
    enum err err = sets_create(rows, &dispatcher->book, &rules, &sets);

    if (!err)
        replace(dispatcher, sets);
    return err;
}

static void free_retired(struct dispatcher *dispatcher)
{
    uint64_t oldest = UINT64_MAX;
    struct sets **link = &dispatcher->retired;

    for (unsigned i = 0; i < dispatcher->worker_count; i++)
        if (dispatcher->seen[i] < oldest)
            oldest = dispatcher->seen[i];
    while (*link) {
        struct sets *sets = *link;
        if (sets->retired_at > oldest) {
            link = &sets->next_retired;
            continue;
        }
        *link = sets->next_retired;
        sets_destroy(sets);
    }
}

/* ---- reading ---- */

enum err dispatcher_reload(struct module *module)
{
    struct dispatcher *dispatcher = module_state(module);
    struct listing *rows;
    enum err err;

    dispatcher->read_at = server_now(module_server(module));
    if ((err = dispatcher_read(module, &rows)))
        return err;
    pthread_mutex_lock(&dispatcher->lock);
    err = make_generation(dispatcher, rows);
    pthread_mutex_unlock(&dispatcher->lock);
    return err;
}

/* ---- one row more, or less ---- */

static bool is_meant(const struct row *row, int64_t set, struct str uri)
{
    return row->set == set && str_eq(row->uri, uri);
}

static enum err copy_rows(const struct sets *sets, int64_t but_set, struct str but_uri, struct listing *out)
{
    enum err err = ERR_NONE;

    for (size_t i = 0; !err && sets && i < sets->rows->count; i++)
        if (!is_meant(&sets->rows->items[i], but_set, but_uri))
            err = listing_add(out, &sets->rows->items[i]);
    return err;
}

/* Without the row of this set and URI; with another one (NULL: none). The lock is held. */
static enum err change(struct dispatcher *dispatcher, int64_t set, struct str uri, const struct row *more)
{
    struct listing *rows = listing_create();
    enum err err = rows ? copy_rows(dispatcher->sets, set, uri, rows) : ERR_NOMEM;

    if (!err && more)
        err = listing_add(rows, more);
    if (err) {
        listing_destroy(rows);
        return err;
    }
    return make_generation(dispatcher, rows);
}

static bool has_row(const struct dispatcher *dispatcher, int64_t id, struct str uri)
{
    const struct set *set = sets_find(dispatcher->sets, id);

    return set && set_find(set, uri);
}

enum err dispatcher_add(struct module *module, const struct row *row)
{
    struct dispatcher *dispatcher = module_state(module);
    enum err err = ERR_EXISTS;

    pthread_mutex_lock(&dispatcher->lock);
    if (!has_row(dispatcher, row->set, row->uri))
        err = change(dispatcher, row->set, row->uri, row);
    pthread_mutex_unlock(&dispatcher->lock);
    return err;
}

enum err dispatcher_remove(struct module *module, int64_t set, struct str uri)
{
    struct dispatcher *dispatcher = module_state(module);
    enum err err = ERR_NOT_FOUND;

    pthread_mutex_lock(&dispatcher->lock);
    if (has_row(dispatcher, set, uri))
        err = change(dispatcher, set, uri, NULL);
    pthread_mutex_unlock(&dispatcher->lock);
    return err;
}

/* ---- a thread that reads ---- */

static void *read_list(void *context)
{
    struct module *module = context;
    struct dispatcher *dispatcher = module_state(module);
    enum err err = dispatcher_reload(module);

    if (err)
        log_error("dispatcher: the list stays as it was: %s", err_name(err));
    atomic_store(&dispatcher->is_reading, false);
    return NULL;
}

/* Names may stand for other addresses by now. */
static void *look_names_up(void *context)
{
    struct dispatcher *dispatcher = module_state(context);

    pthread_mutex_lock(&dispatcher->lock);
    if (change(dispatcher, -1, STR(""), NULL))
        log_error("dispatcher: no memory for looking names up again");
    pthread_mutex_unlock(&dispatcher->lock);
    atomic_store(&dispatcher->is_reading, false);
    return NULL;
}

/* Signals are the business of the main thread. */
static bool create_thread(pthread_t *thread, void *(*work)(void *context), void *context)
{
    sigset_t all, before;
    bool is_made;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    is_made = !pthread_create(thread, NULL, work, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return is_made;
}

static enum err start_reader(struct module *module, void *(*work)(void *context))
{
    struct dispatcher *dispatcher = module_state(module);

    if (atomic_exchange(&dispatcher->is_reading, true))
        return ERR_NOT_NOW;
    if (dispatcher->has_reader)
        pthread_join(dispatcher->reader, NULL);
    dispatcher->has_reader = create_thread(&dispatcher->reader, work, module);
    if (dispatcher->has_reader)
        return ERR_NONE;
    atomic_store(&dispatcher->is_reading, false);
    return ERR_EXHAUSTED;
}

enum err dispatcher_reload_later(struct module *module)
{
    return start_reader(module, read_list);
}

/* ---- time ---- */

void dispatcher_tick_generations(struct module *module, unsigned index, msec now)
{
    struct dispatcher *dispatcher = module_state(module);

    dispatcher->seen[index] = atomic_load(&dispatcher->generation);
    if (index != 0)
        return;
    if (!pthread_mutex_trylock(&dispatcher->lock)) {
        free_retired(dispatcher);
        pthread_mutex_unlock(&dispatcher->lock);
    }
    if (!(dispatcher->dns_mode & DNS_BY_TIME) || now < dispatcher->resolve_at)
        return;
    if (dispatcher->resolve_at && start_reader(module, look_names_up))
        return;
    dispatcher->resolve_at = now + (msec)dispatcher->dns_interval * SECOND;
}

/* ---- life ---- */

enum err dispatcher_open(struct module *module)
{
    struct dispatcher *dispatcher = module_state(module);
    enum err err = ERR_NONE;

    pthread_mutex_init(&dispatcher->lock, NULL);
    dispatcher->seen = calloc(dispatcher->worker_count, sizeof dispatcher->seen[0]);
    if (!dispatcher->seen)
        return ERR_NOMEM;
    if (dispatcher->has_database)
        err = store_open(dispatcher->db_url, &dispatcher->store);
    return err ? err : dispatcher_reload(module);
}

void dispatcher_close(struct module *module)
{
    struct dispatcher *dispatcher = module_state(module);
    struct sets *next;

    if (dispatcher->has_reader)
        pthread_join(dispatcher->reader, NULL);
    store_close(dispatcher->store);
    for (struct sets *sets = dispatcher->retired; sets; sets = next) {
        next = sets->next_retired;
        sets_destroy(sets);
    }
    sets_destroy(dispatcher->sets);
    book_fini(&dispatcher->book);
    free((void *)dispatcher->seen);
    pthread_mutex_destroy(&dispatcher->lock);
}
