/* SPDX-License-Identifier: Apache-2.0 */
#include "support/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <culvert/log.h>

#include "net/outages.h"
#include "store/store_internal.h"
#include "support/simmedia.h"
#include "support/simnat.h"
#include "support/world_net.h"

enum {
    START_OF_TIME = 1000000, /* ms: no clock begins at 0 */
    START_OF_DAYS = 1700000000,
    SETTLING = 10000, /* ms */
    AFTERMATH = 660000,
};

/* ---- what the server gets from its world ---- */

static msec tell_now(void *context)
{
    return world_now(context);
}

static uint64_t tell_wall_msec(void *context)
{
    return (uint64_t)START_OF_DAYS * 1000 + world_now(context) - START_OF_TIME;
}

static enum err make_media_engine(void *context, unsigned lanes, struct media_engine **out)
{
    struct world *world = context;

    (void)lanes;
    return sim_media_create(&world->net, &world->hosts[0], out);
}

/* The log's sink has no context; there is one world at a time. */
static struct world *logging;

static void keep_line(enum log_level level, int facility, const char *line)
{
    (void)facility;
    char **slot = &logging->log[logging->log_count++ % WORLD_LOG_LINES];
    struct writer w;

    (void)level;
    if (logging->options.is_talkative)
        fprintf(stderr, "%10.3f log %s\n", (double)(world_now(logging) - START_OF_TIME) / 1000,
                line);
    free(*slot);
    *slot = sim_alloc(strlen(line) + 32);
    w = writer_over(*slot, strlen(line) + 31);
    write_fmt(&w, "%.3f %s", (double)(world_now(logging) - START_OF_TIME) / 1000, line);
}

void world_print_log(const struct world *world)
{
    unsigned first = world->log_count > WORLD_LOG_LINES ? world->log_count - WORLD_LOG_LINES : 0;

    for (unsigned i = first; i < world->log_count; i++)
        fprintf(stderr, "    %s\n", world->log[i % WORLD_LOG_LINES]);
}

/* ---- the store: its thread works at once, its answers come when their time has come ---- */

struct errand {
    struct list_node node;
    struct sim_event event;
    struct world *world;
    void (*run)(void *argument);
    void *argument;
};

static void post(struct worker *worker, void (*run)(void *argument), void *argument)
{
    const struct world_seat *seat = worker->owner;
    struct errand *errand = sim_alloc(sizeof *errand);

    errand->world = seat->world;
    errand->run = run;
    errand->argument = argument;
    pthread_mutex_lock(&seat->world->errands_lock);
    list_push_back(&seat->world->errands, &errand->node);
    pthread_mutex_unlock(&seat->world->errands_lock);
}

static void run_errand(struct simnet *net, struct sim_event *event)
{
    struct errand *errand = CONTAINER_OF(event, struct errand, event);

    (void)net;
    errand->run(errand->argument);
    free(errand);
}

static void drop_errand(struct sim_event *event)
{
    free(CONTAINER_OF(event, struct errand, event));
}

static void collect_errands(struct world *world)
{
    struct list_node *node;

    if (world->options.has_slow_store)
        store_drain(world->store);
    pthread_mutex_lock(&world->errands_lock);
    while ((node = list_pop_front(&world->errands))) {
        struct errand *errand = CONTAINER_OF(node, struct errand, node);

        errand->event = (struct sim_event){ .fire = run_errand, .drop = drop_errand };
        simnet_schedule(&world->net, &errand->event, world->options.store_delay);
    }
    pthread_mutex_unlock(&world->errands_lock);
}

bool world_run_sql(struct world *world, const char *sql)
{
    return store_run(world->store, str_of(sql), NULL, 0, NULL, NULL) == ERR_NONE;
}

/* ---- start and end ---- */

static bool load(struct world *world)
{
    const struct world_options *options = &world->options;
    const struct server_world outside = {
        .random = &world->random.source,
        .location_random = &world->location_random.source,
        .media_random = &world->media_random.source,
        .now = tell_now,
        .wall_msec = tell_wall_msec,
        .context = world,
        .post = post,
        .has_media = true,
        .make_media_engine = make_media_engine,
        .run_shell_command = world_run_command,
    };

    if (server_create(&outside, &world->server))
        return false;
    world->server->settings.module_path = STR(MODULE_FOLDER);
    return !server_load(world->server, options->script_path,
                        options->script.ptr ? &options->script : NULL, DIALECT_AUTO);
}

static bool seat_worker(struct world *world, unsigned index)
{
    struct world_seat *seat = &world->seats[index];

    seat->world = world;
    seat->index = index;
    world_seat_init(seat);
    world_names_open(seat);
    prng_init(&seat->random, world->options.seed * 31 + index + world->connections_made * 17);
    if (worker_create(world->server, index, &seat->outside, &seat->random.source, world_now(world),
                      &seat->worker))
        return false;
    seat->worker->owner = seat;
    return true;
}

static bool open_store(struct world *world)
{
    if (store_open(STR(""), &world->store))
        return false;
    for (unsigned i = 0; i < WORLD_SQL_MAX && world->options.sql[i]; i++)
        if (!world_run_sql(world, world->options.sql[i]))
            return false;
    return true;
}

static bool start(struct world *world)
{
    bool is_first = !world->store;

    if (is_first && !open_store(world))
        return false;
    if (!load(world))
        return false;
    if (is_first)
        memcpy(world->secret, world->server->secret, SECRET_BYTES);
    memcpy(world->server->secret, world->secret, SECRET_BYTES);
    server_set_listeners(world->server, world->listeners, world_listen(world));
    settings_name_rules(&world->server->settings, &world->name_rules);
    if (outages_create(&world->outages) || server_start(world->server, world->worker_count))
        return false;
    for (unsigned i = 0; i < world->worker_count; i++)
        if (!seat_worker(world, i))
            return false;
    world->baseline = 0;
    world->baseline = world_bytes(world);
    collect_errands(world);
    return true;
}

/* As the daemon does: what scripts wait for comes now, so that their runs come to an end. */
static void finish_waiting(struct world *world)
{
    struct sim_event *event;

    if (world->options.has_slow_store)
        store_close_to_workers();
    world_end_commands(world);
    collect_errands(world);
    world_refuse_names(world);
    while ((event = simnet_take(&world->net, run_errand)))
        run_errand(&world->net, event);
}

static void stop(struct world *world)
{
    if (world->server && world->seats[0].worker)
        finish_waiting(world);
    if (world->server)
        server_unload_modules(world->server);
    for (unsigned i = 0; i < world->worker_count; i++) {
        world_names_close(&world->seats[i]);
        worker_destroy(world->seats[i].worker);
        world->seats[i].worker = NULL;
    }
    outages_destroy(world->outages);
    world->outages = NULL;
    world_unlisten(world);
    server_destroy(world->server);
    world->server = NULL;
}

struct world *world_create(const struct world_options *options)
{
    struct world *world = sim_alloc(sizeof *world);

    world->options = *options;
    world->worker_count = options->workers ? options->workers : 1;
    if (world->worker_count > WORLD_WORKERS_MAX)
        abort();
    simnet_init(&world->net, options->seed, START_OF_TIME);
    world->net.link = options->link;
    if (!options->link.latency)
        world->net.link.latency = 10;
    prng_init(&world->random, options->seed);
    prng_init(&world->location_random, options->seed + 1);
    prng_init(&world->media_random, options->seed + 2);
    list_init(&world->connections);
    list_init(&world->errands);
    pthread_mutex_init(&world->errands_lock, NULL);
    logging = world;
    log_set_sink(keep_line);
    store_set_embedded_path(":memory:");
    store_set_synchronous(!options->has_slow_store);
    store_set_poster(post);
    if (!start(world)) {
        if (!options->is_talkative)
            world_print_log(world);
        world_destroy(world);
        return NULL;
    }
    return world;
}

void world_destroy(struct world *world)
{
    if (!world)
        return;
    stop(world);
    store_close(world->store);
    simnet_fini(&world->net);
    log_set_sink(NULL);
    for (unsigned i = 0; i < WORLD_LOG_LINES; i++)
        free(world->log[i]);
    pthread_mutex_destroy(&world->errands_lock);
    free(world);
}

/* Results of statements that are on their way die with the server that asked. */
bool world_restart(struct world *world)
{
    assert(!world->options.has_slow_store);
    stop(world);
    return start(world);
}

/* ---- time ---- */

static msec next_of_all(const struct world *world)
{
    msec next = simnet_next(&world->net);

    for (unsigned i = 0; i < world->worker_count; i++) {
        msec own = wheel_next(&world->seats[i].worker->wheel);

        if (own < next)
            next = own;
    }
    return next > world_now(world) ? next : world_now(world);
}

static void advance_workers(struct world *world)
{
    for (unsigned i = 0; i < world->worker_count; i++)
        if (wheel_next(&world->seats[i].worker->wheel) <= world_now(world)) {
            worker_advance(world->seats[i].worker, world_now(world));
            collect_errands(world);
        }
}

bool world_run_until(struct world *world, world_until_fn *until, void *context, msec limit)
{
    while (!until || !until(context)) {
        msec next = next_of_all(world);

        if (next > limit) {
            simnet_set_now(&world->net, limit > world_now(world) ? limit : world_now(world));
            return false;
        }
        simnet_set_now(&world->net, next);
        advance_workers(world);
        if (simnet_fire(&world->net))
            collect_errands(world);
    }
    return true;
}

void world_run_for(struct world *world, msec duration)
{
    world_run_until(world, NULL, NULL, world_now(world) + duration);
}

/* ---- what is held ---- */

uint64_t world_transactions(const struct world *world)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < world->worker_count; i++) {
        const struct txn_counters *counters = txn_read_counters(world->seats[i].worker->txns);

        sum += counters->servers + counters->clients;
    }
    return sum;
}

size_t world_bytes(const struct world *world)
{
    size_t sum = 0;

    for (unsigned i = 0; i < world->worker_count; i++)
        sum += world->seats[i].worker->pool.live_bytes +
               txn_read_counters(world->seats[i].worker->txns)->bytes;
    return sum - world->baseline;
}

uint64_t world_media_ports(const struct world *world)
{
    struct relay_counters counters;

    relay_read_counters(world->server->relay, &counters);
    return counters.ports_used;
}

uint64_t world_bindings(const struct world *world)
{
    struct location_counters counters;

    location_read_counters(world->server->location, &counters);
    return counters.bindings;
}

static bool is_settled(void *context)
{
    const struct world *world = context;

    return world_transactions(world) == 0 && world_bytes(world) == 0 &&
           world_media_ports(world) == 0;
}

bool world_settle(struct world *world)
{
    world_run_for(world, SETTLING);
    return world_run_until(world, is_settled, world, world_now(world) + AFTERMATH);
}

int64_t world_counter(const struct world *world, const char *group, const char *name)
{
    struct server *server = world->server;

    for (unsigned i = 0; i < atomic_load(&server->counter_count); i++)
        if (strcmp(server->counters[i].group, group) == 0 &&
            strcmp(server->counters[i].name, name) == 0)
            return atomic_load(&server->counters[i].value);
    return -1;
}
