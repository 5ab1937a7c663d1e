/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A whole server in one thread, under a simulated network and clock: the real struct server with
 * its modules, bindings, script and relay, and its workers. Time stands still until somebody lets
 * it run, and then jumps from one event to the next.
 */
#include <pthread.h>

#include "host/host.h"
#include "media/relay.h"
#include "net/resolver.h"
#include "support/simnet.h"

enum {
    WORLD_WORKERS_MAX = 8,
    WORLD_LISTENERS_MAX = 8,
    WORLD_NAMES_MAX = 64,
    WORLD_LOG_LINES = 400,
    WORLD_SQL_MAX = 32,
    WORLD_COMMANDS_MAX = 16,
    WORLD_COMMAND_TEXT = 4096,
};

struct world_options {
    const char *script_path; /* for messages; read from there when there is no text */
    struct str script;
    const char *listen[WORLD_LISTENERS_MAX]; /* "udp:192.0.2.1:5060"; none: that, and TCP */
    const char *sql[WORLD_SQL_MAX]; /* to be run on the embedded database before the start */
    unsigned workers;               /* 0: 1 */
    uint64_t seed;
    struct sim_link link; /* latency 0: 10 */
    bool has_slow_store;  /* statements take store_delay, as on a real store */
    msec store_delay;
    bool is_talkative; /* logs to standard error */
};

/* A record of the DNS of this world. */
struct world_name {
    const char *name;
    enum dns_kind kind;
    union {
        struct addr addr;
        struct dns_service service;
        struct dns_pointer pointer;
    };
};

/* What becomes of a command for the shell that has the word in it. */
struct world_command {
    char word[64];
    msec delay;
    int status;
    char output[256];
};

struct world_seat {
    struct world *world;
    unsigned index;
    struct outside outside;
    struct prng random;
    struct worker *worker;
    struct resolver *resolver;
};

struct world {
    struct world_options options;
    struct simnet net;
    struct server *server;
    struct world_seat seats[WORLD_WORKERS_MAX];
    unsigned worker_count;
    struct listener listeners[WORLD_LISTENERS_MAX];
    char listener_names[WORLD_LISTENERS_MAX][80];
    struct sim_host hosts[WORLD_LISTENERS_MAX];
    unsigned host_count;
    struct sim_socket datagrams[WORLD_LISTENERS_MAX];
    struct sim_listener streams[WORLD_LISTENERS_MAX];
    struct list_node connections;
    uint64_t connections_made;
    struct prng random, location_random, media_random;
    struct world_name names[WORLD_NAMES_MAX];
    unsigned name_count;
    struct world_command commands[WORLD_COMMANDS_MAX];
    unsigned command_count;
    struct name_rules name_rules; /* as the script has them */
    struct outages *outages;      /* of the server that is running */
    bool has_slow_names;
    msec names_delay;
    uint8_t secret[SECRET_BYTES];
    struct store *store;
    pthread_mutex_t errands_lock;
    struct list_node errands;
    size_t baseline; /* bytes of the workers' pools in an idle server */
    char *log[WORLD_LOG_LINES];
    unsigned log_count;
    /* The server has sent or got a whole message; may be NULL. */
    void (*on_sent)(void *context, const struct flow *flow, struct str bytes);
    void *context;
};

/* NULL when the server does not start; the log says why. One world at a time. */
struct world *world_create(const struct world_options *options);
void world_destroy(struct world *world);
/* The server dies and another one, with the same secret and store, takes its place. */
MUST_USE bool world_restart(struct world *world);

static inline msec world_now(const struct world *world)
{
    return world->net.now;
}

typedef bool world_until_fn(void *context);

/* Runs until the predicate holds; false when `limit` came first. NULL: until the limit. */
bool world_run_until(struct world *world, world_until_fn *until, void *context, msec limit);
void world_run_for(struct world *world, msec duration);

/* A datagram as if it had just come, to the worker that owns it. For fuzzing. */
void world_deliver(struct world *world, const struct flow *flow, struct str bytes, bool is_stream);
/* Runs a statement on the embedded database; false when it fails. */
bool world_run_sql(struct world *world, const char *sql);
void world_add_name(struct world *world, const struct world_name *name);
void world_add_command(struct world *world, const struct world_command *command);

/* The host that the server's first address is at. */
const struct sim_host *world_server_host(const struct world *world);

/* What is held now. */
uint64_t world_transactions(const struct world *world);
size_t world_bytes(const struct world *world); /* above an idle server's */
uint64_t world_media_ports(const struct world *world);
uint64_t world_bindings(const struct world *world);
/*
 * Runs until nothing is held any more, and at least for a while: eleven minutes are enough for all
 * that was ever begun, unless media is on hold. False when something stays.
 */
bool world_settle(struct world *world);
/* A counter by group and name; -1: none of that name. */
int64_t world_counter(const struct world *world, const char *group, const char *name);
void world_print_log(const struct world *world);
