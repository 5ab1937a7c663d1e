/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/listen.h"
#include "daemon/logging.h"
#include "daemon/secret.h"
#include "daemon/watchdog.h"
#include "host/reload.h"
#include "manage/control.h"
#include "store/store_internal.h"
#include "sys/process.h"

/* What is running; daemon_fini accepts it half built. */
struct daemon {
    const struct options *options;
    struct arena arena; /* listeners and names */
    struct random_source *random, *location_random, *media_random;
    struct server *server;
    struct listener *listeners;
    unsigned listener_count;
    struct net_sockets *sockets;
    struct net_shared *shared;
    struct workers *workers;
    struct watchdog *watchdog;
    struct control *control;
    struct daemonizing *parent;
    const char *pid_file; /* written by us */
    sigset_t signals;
};

static msec world_now(void *context)
{
    (void)context;
    return clock_monotonic();
}

static uint64_t world_wall_msec(void *context)
{
    (void)context;
    return clock_wall_msec();
}

static uint64_t world_fine_clock(void *context)
{
    (void)context;
    return clock_fine();
}

static void stop_process(void *owner)
{
    (void)owner;
    kill(getpid(), SIGTERM);
}

/* Settings are borrowed text; the functions of the system want it terminated. */
static const char *c_text(struct daemon *daemon, struct str text)
{
    struct str kept;

    if (str_is_empty(text) || str_print(&daemon->arena, &kept, STR_FMT "%c", STR_ARG(text), 0))
        return NULL;
    return kept.ptr;
}

static enum err open_random(struct daemon *daemon)
{
    daemon->random = random_system_create();
    daemon->location_random = random_system_create();
    daemon->media_random = random_system_create();
    return daemon->random && daemon->location_random && daemon->media_random ? ERR_NONE : ERR_NOMEM;
}

/* Until it is ready everybody hears of failures on the terminal. */
static void choose_log(const struct daemon *daemon)
{
    const struct settings *settings = &daemon->server->settings;

    log_set_threshold(settings_log_level(settings, daemon->server->dialect));
}

static void complete_settings(void *context, struct settings *settings)
{
    const struct daemon *daemon = context;

    options_apply(daemon->options, settings);
}

/* Found again after a change of folder; inside of another root it begins there. */
static const char *find_script(struct daemon *daemon)
{
    struct str path = str_of(daemon->options->script), root;
    char *absolute = str_eq(path, STR("-")) ? NULL : realpath(daemon->options->script, NULL);
    const char *found = NULL;

    root = daemon->server->settings.chroot;
    path = absolute ? str_of(absolute) : STR("");
    if (!str_is_empty(root) && str_starts(path, root))
        path = str_skip(path, root.len);
    found = c_text(daemon, path);
    free(absolute);
    return found;
}

static enum err load_script(struct daemon *daemon)
{
    const struct server_world world = {
        .random = daemon->random,
        .location_random = daemon->location_random,
        .media_random = daemon->media_random,
        .now = world_now,
        .wall_msec = world_wall_msec,
        .fine_clock = world_fine_clock,
        .post = workers_post,
        .has_threads = true,
        .complete_settings = complete_settings,
        .context = daemon,
        .has_media = !daemon->options->checks_only,
    };
    enum err err = server_create(&world, &daemon->server);

    if (err)
        return err;
    if (daemon->options->module_path)
        daemon->server->settings.module_path = str_of(daemon->options->module_path);
    daemon->server->script_before = str_of(daemon->options->script_before);
    daemon->server->script_after = str_of(daemon->options->script_after);
    err = server_load(daemon->server, daemon->options->script, NULL, DIALECT_AUTO);
    if (err)
        return err;
    daemon->server->script_path = find_script(daemon);
    choose_log(daemon);
    return ERR_NONE;
}

static enum err open_sockets(struct daemon *daemon)
{
    struct settings *settings = &daemon->server->settings;
    struct net_limits limits = {
        .connections_max = (unsigned)settings->tcp_connections_max,
        .connections_per_ip = (unsigned)settings->tcp_connections_per_address,
        .tls_connections_max = (unsigned)settings->tls_connections_max,
        .strangers_max = (unsigned)settings->tcp_strangers_max,
        .write_queue_bytes = 262144,
        .write_queue_age = (msec)settings->tcp_send_timeout * 1000,
        .connect_timeout = (msec)settings->tcp_connect_timeout * 1000,
        .handshake_timeout = (msec)settings->tls_handshake_timeout * 1000,
        .first_message_timeout = 5000,
        .message_timeout = 10000,
        .idle_timeout = (msec)settings->tcp_lifetime * 1000,
        .stranger_timeout = 30000,
        .message_bytes = 65535,
    };
    unsigned workers = daemon->server->worker_count;
    enum err err = listeners_make(settings, &daemon->arena, &daemon->listeners,
                                  &daemon->listener_count);

    settings_name_rules(settings, &limits.names);
    limits.strangers.rate = settings->source_rate > 0 ? (unsigned)settings->source_rate : 0;
    limits.strangers.is_open = !settings->limit_answers;
    limits.discovers_mtu = settings->pmtu_discovery > 0;
    if (err)
        return err;
    err = net_sockets_open(daemon->listeners, daemon->listener_count, workers, &daemon->sockets);
    if (!err)
        err = listeners_name(daemon->listeners, daemon->listener_count, &daemon->arena);
    if (!err)
        err = net_shared_create(&limits, workers, &daemon->shared);
    if (err)
        return err;
    server_set_listeners(daemon->server, daemon->listeners, daemon->listener_count);
    for (unsigned i = 0; i < daemon->listener_count; i++)
        log_notice("listening on " STR_FMT, STR_ARG(daemon->listeners[i].name));
    return ERR_NONE;
}

/* After chroot and chdir, so that the same name removes it at the end. */
static enum err write_pid_file(struct daemon *daemon)
{
    const char *path = c_text(daemon, daemon->server->settings.pid_file);
    enum err err = path ? pidfile_write(path) : ERR_NONE;

    if (!err)
        daemon->pid_file = path;
    return err;
}

/* From the script's settings to the place and rights that the server runs with. */
static enum err settle(struct daemon *daemon)
{
    const struct settings *settings = &daemon->server->settings;
    const char *chroot_dir = c_text(daemon, settings->chroot);
    const char *workdir = c_text(daemon, settings->workdir);
    enum err err = ERR_NONE;

    process_raise_files(settings->files_limit > 0 ? (unsigned long)settings->files_limit : 65536);
    if (chroot_dir)
        err = process_chroot(chroot_dir);
    if (!err && workdir)
        err = process_chdir(workdir);
    if (!err)
        err = write_pid_file(daemon);
    if (!err)
        err = process_drop_privileges(c_text(daemon, settings->user),
                                      c_text(daemon, settings->group));
    return err;
}

static enum err start_control(struct daemon *daemon)
{
    const struct control_context context = {
        .server = daemon->server,
        .net = daemon->shared,
        .stop = stop_process,
        .owner = daemon,
    };
    const char *name = c_text(daemon, daemon->server->settings.control_socket);
    char path[PATH_MAX];

    if (!daemon->options->control)
        return control_start(name, &context, &daemon->control);
    snprintf(path, sizeof path, "%s/culvert.sock", daemon->options->control);
    return control_start(path, &context, &daemon->control);
}

static unsigned limit_to(int64_t number, unsigned most)
{
    return number < 1 ? 1 : number < most ? (unsigned)number : most;
}

static enum err start_server(struct daemon *daemon)
{
    struct server *server = daemon->server;
    enum err err;

    secret_load("culvert.secret", daemon->random, server->secret);
    store_set_embedded_path(c_text(daemon, server->settings.database));
    store_set_replaces_damaged(daemon->options->replaces_damaged);
    store_set_limits(limit_to(server->settings.database_connections, 32),
                     limit_to(server->settings.database_timeout, 3600) * 1000);
    store_set_poster(workers_post);
    err = server_start(server, server->worker_count);
    if (!err)
        err = server_tls_open(server);
    if (err)
        return err;
    net_shared_use_tls(daemon->shared, server->tls);
    err = workers_start(server, daemon->sockets, daemon->shared, &daemon->workers);
    if (!err)
        err = watchdog_start(server, daemon->workers, &daemon->watchdog);
    return err ? err : start_control(daemon);
}

/* Threads made later inherit the mask, so that signals reach wait_for_end alone. */
static void block_signals(struct daemon *daemon)
{
    sigemptyset(&daemon->signals);
    sigaddset(&daemon->signals, SIGTERM);
    sigaddset(&daemon->signals, SIGINT);
    sigaddset(&daemon->signals, SIGHUP);
    sigaddset(&daemon->signals, SIGUSR1);
    sigaddset(&daemon->signals, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &daemon->signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* The log says what has become of it. */
static void reload(struct server *server)
{
    struct reload_report report;

    reload_report_init(&report);
    (void)!server_reload(server, NULL, &report);
    reload_report_fini(&report);
}

static void wait_for_end(struct daemon *daemon)
{
    int signal_number;

    do {
        if (sigwait(&daemon->signals, &signal_number))
            continue;
        log_info("signal %d", signal_number);
        if (signal_number == SIGHUP)
            reload(daemon->server);
    } while (signal_number != SIGTERM && signal_number != SIGINT);
}

static unsigned choose_workers(const struct daemon *daemon)
{
    int64_t wanted = daemon->server->settings.workers;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (wanted <= 0)
        wanted = cores > 0 ? cores : 1;
    return wanted > SERVER_WORKERS_MAX ? SERVER_WORKERS_MAX : (unsigned)wanted;
}

static enum err start_all(struct daemon *daemon)
{
    const struct settings *settings = &daemon->server->settings;
    enum err err = ERR_NONE;

    daemon->server->worker_count = choose_workers(daemon);
    if (settings->fork_into_background)
        err = process_detach(&daemon->parent);
    if (err)
        return err;
    block_signals(daemon);
    if ((err = open_sockets(daemon)) || (err = settle(daemon)) || (err = start_server(daemon)))
        return err;
    return logging_start(daemon->server);
}

static void daemon_fini(struct daemon *daemon)
{
    control_stop(daemon->control);
    watchdog_stop(daemon->watchdog);
    workers_stop(daemon->workers);
    if (daemon->server)
        server_stop(daemon->server); /* its threads post to workers */
    store_close_to_workers(); /* so that runs which wait get to their end */
    workers_finish(daemon->workers);
    if (daemon->server)
        server_unload_modules(daemon->server);
    workers_destroy(daemon->workers);
    logging_stop();
    server_destroy(daemon->server);
    net_shared_destroy(daemon->shared);
    net_sockets_close(daemon->sockets);
    if (daemon->pid_file)
        pidfile_remove(daemon->pid_file);
    random_system_destroy(daemon->random);
    random_system_destroy(daemon->location_random);
    random_system_destroy(daemon->media_random);
    arena_fini(&daemon->arena);
}

enum {
    EXIT_BAD_SCRIPT = 255, /* of -c, as with the originals */
};

static int fail(struct daemon *daemon, enum err err)
{
    bool only_checked = daemon->options->checks_only;
    char reason[128];

    snprintf(reason, sizeof reason, "%s: %s (see the lines above)",
             only_checked ? "config file not ok" : "culvert did not start", err_name(err));
    if (daemon->parent)
        process_failed(daemon->parent, reason);
    else
        fprintf(stderr, "%s\n", reason);
    daemon_fini(daemon);
    return only_checked ? EXIT_BAD_SCRIPT : EXIT_FAILURE;
}

int daemon_run(const struct options *options)
{
    struct daemon daemon = { .options = options };
    enum err err;

    log_set_threshold(LEVEL_NOTICE);
    logging_to_stderr();
    arena_init(&daemon.arena, NULL, 1 << 20);
    err = open_random(&daemon);
    if (!err)
        err = load_script(&daemon);
    if (err)
        return fail(&daemon, err);
    if (options->checks_only) {
        fprintf(stderr, "config file ok, exiting...\n");
        daemon_fini(&daemon);
        return EXIT_SUCCESS;
    }
    if ((err = start_all(&daemon)))
        return fail(&daemon, err);
    log_notice("culvert %s is ready: %u workers", CULVERT_VERSION, daemon.server->worker_count);
    process_ready(daemon.parent, daemon.server->settings.log_stderr);
    wait_for_end(&daemon);
    process_stopping();
    log_notice("culvert stops");
    daemon_fini(&daemon);
    return EXIT_SUCCESS;
}
