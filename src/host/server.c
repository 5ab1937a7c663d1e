/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host.h"

#include <stdio.h>
#include <stdlib.h>

#include "host/auth.h"
#include "host/core.h"
#include "host/interfaces.h"
#include "host/reading.h"

static enum err make_core_counters(struct server *server)
{
    struct core_counters *count = &server->count;
    const struct {
        const char *name;
        struct counter **counter;
    } rows[] = {
        { "requests", &count->requests },
        { "responses", &count->responses },
        { "malformed", &count->malformed },
        { "dropped", &count->dropped },
        { "replies", &count->replies },
        { "forwarded", &count->forwarded },
        { "steered", &count->steered },
        { "requests_made", &count->asked },
        { "unmatched_responses", &count->unmatched },
        { "out_of_order", &count->out_of_order },
        { "media_timeouts", &count->media_timeouts },
        { "media_exhausted", &count->media_exhausted },
        { "media_limits", &count->media_limits },
        { "script_reloads", &count->script_reloads },
        { "script_editions", &count->script_editions },
    };
    enum err err = ERR_NONE;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !err; i++)
        err = server_counter(server, "core", rows[i].name, rows[i].counter);
    if (!err)
        err = dialogs_make_counters(server);
    return err ? err : txn_counters_make(server);
}

enum err server_create(const struct server_world *world, struct server **out)
{
    struct server *server = calloc(1, sizeof *server);
    enum err err;

    if (!server)
        return ERR_NOMEM;
    server->world = *world;
    settings_init(&server->settings);
    arena_init(&server->arena, NULL, 1 << 20);
    pthread_mutex_init(&server->reload_lock, NULL);
    world->random->fill(world->random, server->secret, sizeof server->secret);
    hash_key_random(world->random, &server->steering_key);
    server->timers = (struct txn_timers){ 500, 4000, 5000, 32000, 5000 };
    server->location_rules = (struct location_rules){
        .nat_bflag = -1, .cseq_delay = 20, .outbound_flag = -1, .no_outbound_flag = -1
    };
    server->dialog_rules = dialog_rules_usual;
    server->fr_timer = 30000;
    server->fr_inv_timer = 120000;
    if ((err = make_core_counters(server)) || (err = location_create(world->location_random, &server->location)))
        goto fail;
    *out = server;
    return ERR_NONE;

fail:
    server_destroy(server);
    return err;
}

void server_destroy(struct server *server)
{
    if (!server)
        return;
    server_stop(server);
    server_unload_modules(server);
    server_tls_close(server);
    server_close_auth(server);
    location_destroy(server->location);
    edition_unref(server->edition);
    pthread_mutex_destroy(&server->reload_lock);
    free(server->interfaces);
    arena_fini(&server->arena);
    settings_fini(&server->settings);
    free(server);
}

/* ---- the script ---- */

static struct reading first_reading(struct server *server)
{
    return (struct reading){
        .server = server,
        .settings = &server->settings,
        .is_first = true,
        .arena = &server->arena,
        .foreign = &server->foreign,
    };
}

enum err module_format(struct module *module, struct str text, const struct format **out)
{
    struct reading reading = first_reading(module->server);
    const struct script_host host = reading_host(&reading);

    return script_format(&host, module->server->dialect, &module->arena, text, out);
}

enum err module_variable(struct module *module, struct str text, const struct variable_ref **out)
{
    struct reading reading = first_reading(module->server);
    const struct script_host host = reading_host(&reading);

    return script_variable(&host, module->server->dialect, &module->arena, text, out);
}

static enum err keep_script_folder(struct server *server, struct str path)
{
    while (path.len > 0 && path.ptr[path.len - 1] != '/')
        path.len--;
    return str_copy(&server->settings.arena, path, &server->script_folder);
}

struct str server_script_folder(const struct server *server)
{
    return server->script_folder;
}

enum err server_load(struct server *server, const char *path, const struct str *text,
                     enum script_dialect dialect)
{
    struct reading reading = first_reading(server);
    const struct script_host host = reading_host(&reading);
    struct program *program;
    enum err err;

    server->dialect_asked = dialect;
    if ((err = keep_script_folder(server, str_of(path))) ||
        (err = script_compile(path, text, dialect, &host, &program)))
        return err;
    server->dialect = program_dialect(program);
    if (server->world.complete_settings)
        server->world.complete_settings(server->world.context, &server->settings);
    err = edition_create(&host, program, &server->settings, false, &server->edition);
    if (err)
        program_unref(program);
    else
        edition_enter(server->edition, 1, server->count.script_editions);
    return err;
}

bool server_is_openser(const struct server *server)
{
    return server->dialect == DIALECT_OPENSER;
}

/* ---- start and stop ---- */

static void on_media_timeout(void *context, const struct relay_report *report)
{
    struct server *server = context;

    counter_add(server->count.media_timeouts, 1);
    log_notice("media of call " STR_FMT " ended: %s for too long (session of %llu s, %u streams)",
               STR_ARG(report->call_id), report->is_answered ? "silence" : "no answer",
               (unsigned long long)(report->age / 1000), report->stream_count);
    dialogs_media_died(server, report);
}

static enum err parse_ports(const struct server *server, struct relay_settings *relay)
{
    struct str low, high;
    uint64_t min, max;

    if (!str_split(server->settings.media_ports, '-', &low, &high) ||
        str_to_uint(str_trim(low), 1024, UINT16_MAX - 1, &min) ||
        str_to_uint(str_trim(high), min + 1, UINT16_MAX, &max)) {
        log_error("media_ports = \"" STR_FMT "\" is no range; write it as \"30000-39999\"",
                  STR_ARG(server->settings.media_ports));
        return ERR_RANGE;
    }
    relay->port_min = (uint16_t)min;
    relay->port_max = (uint16_t)max;
    return ERR_NONE;
}

enum err server_deny_media(struct server *server, struct str nets,
                           const struct script_place *place)
{
    struct str one;

    while (!str_is_empty(nets)) {
        if (!str_split(nets, ';', &one, &nets)) {
            one = nets;
            nets = (struct str){ 0 };
        }
        if (server->media_denied_count == DENIED_MAX ||
            addr_net_parse(str_trim(one), &server->media_denied[server->media_denied_count])) {
            script_complain(place, "\"" STR_FMT "\" is no network, or one too many; write address/bits",
                            STR_ARG(one));
            return ERR_SYNTAX;
        }
        server->media_denied_count++;
    }
    return ERR_NONE;
}

static struct rate_limit rate_of(int64_t packets, int64_t kbits)
{
    return (struct rate_limit){ .packets = packets > 0 ? (uint32_t)packets : 0,
                                .bytes = kbits > 0 ? (uint32_t)(kbits * 125) : 0 };
}

/* The addresses that we listen on. */
static enum err reserve_sockets(struct server *server, struct relay_settings *relay)
{
    struct addr *own = arena_alloc(&server->arena, (server->listener_count + 1) * sizeof *own);

    if (!own)
        return ERR_NOMEM;
    for (unsigned i = 0; i < server->listener_count; i++)
        own[i] = server->listeners[i].bound;
    relay->reserved = own;
    relay->reserved_count = server->listener_count;
    return ERR_NONE;
}

static enum err create_relay(struct server *server, const struct relay_settings *settings)
{
    const struct server_world *world = &server->world;
    const struct relay_user user = { server, on_media_timeout };
    struct media_engine *engine;
    enum err err;

    if (!world->make_media_engine)
        return relay_create(settings, world->media_random, &user, &server->relay);
    err = world->make_media_engine(world->context, settings->threads, &engine);
    return err ? err : relay_create_on(engine, settings, world->media_random, &user, &server->relay);
}

static enum err start_relay(struct server *server)
{
    const struct settings *settings = &server->settings;
    struct relay_settings relay = {
        .threads = (unsigned)settings->media_threads,
        .port_rest = 5000,
        .silence_timeout = (msec)settings->media_silence_timeout * 1000,
        .setup_timeout = (msec)settings->media_setup_timeout * 1000,
        .hold_timeout = (msec)settings->media_hold_timeout * 1000,
        .audio_rate = rate_of(settings->media_audio_packets, settings->media_audio_kbits),
        .other_rate = rate_of(settings->media_other_packets, settings->media_other_kbits),
        .denied = server->media_denied,
        .denied_count = server->media_denied_count,
    };
    enum err err = parse_ports(server, &relay);

    if (!err)
        err = reserve_sockets(server, &relay);
    if (!err)
        err = relay_interfaces_make(server, &server->interfaces, &relay.interface_count);
    if (err)
        return err;
    relay.interfaces = server->interfaces;
    return create_relay(server, &relay);
}

enum err server_start(struct server *server, unsigned workers)
{
    enum err err = ERR_NONE;

    server->worker_count = workers;
    server->started_at = server_now(server);
    server->sdp_limits = (struct sdp_limits){
        .bytes = (size_t)server->settings.sdp_bytes_max,
        .streams = (unsigned)server->settings.sdp_streams_max,
        .attributes = (unsigned)server->settings.sdp_attributes_max,
        .candidates = (unsigned)server->settings.sdp_candidates_max,
    };
    if (server->world.has_media)
        err = start_relay(server);
    if (!err)
        err = server_start_shells(server);
    if (!err)
        err = server_start_modules(server);
    server->is_started = !err;
    return err;
}

void server_stop(struct server *server)
{
    if (server->relay)
        relay_destroy(server->relay);
    server->relay = NULL;
    server_stop_shells(server);
}

/* ---- what others may ask ---- */

void server_set_listeners(struct server *server, struct listener *listeners, unsigned count)
{
    server->listeners = listeners;
    server->listener_count = count;
}

unsigned server_owner_of_call(const struct server *server, struct str call_id)
{
    return server->worker_count < 2
               ? 0
               : (unsigned)(hash_str(&server->steering_key, call_id) % server->worker_count);
}

unsigned server_owner_of(const struct server *server, struct str bytes)
{
    return server->worker_count < 2 ? 0 : server_owner_of_call(server, sip_peek_call_id(bytes));
}

struct location *server_location(struct server *server)
{
    return server->location;
}

struct location_rules *server_location_rules(struct server *server)
{
    return &server->location_rules;
}

bool server_is_started(const struct server *server)
{
    return server->is_started;
}

struct fork_rules *server_fork_rules(struct server *server)
{
    return &server->fork_rules;
}

const struct listener *server_listeners(const struct server *server, unsigned *count)
{
    *count = server->listener_count;
    return server->listeners;
}

enum err server_find_listener(const struct server *server, struct str name, uint16_t *out)
{
    struct listen_spec spec;
    struct addr addr;

    if (listen_spec_parse(name, &spec) || addr_parse_ip(spec.host, &addr))
        return ERR_NOT_FOUND;
    for (unsigned i = 0; i < server->listener_count; i++) {
        const struct listener *listener = &server->listeners[i];
        if ((!spec.has_transport || listener->transport == spec.transport) &&
            addr_same_ip(&listener->bound, &addr) &&
            (spec.port == 0 || listener->bound.port == spec.port)) {
            *out = (uint16_t)i;
            return ERR_NONE;
        }
    }
    return ERR_NOT_FOUND;
}

unsigned server_worker_count(const struct server *server)
{
    return server->worker_count;
}

const uint8_t *server_secret(const struct server *server)
{
    return server->secret;
}

struct random_source *server_random(struct server *server)
{
    return server->world.random;
}

msec server_now(struct server *server)
{
    return server->world.now(server->world.context);
}

uint64_t server_wall_clock(struct server *server)
{
    return server_wall_msec(server) / 1000;
}

uint64_t server_wall_msec(struct server *server)
{
    return server->world.wall_msec(server->world.context);
}

struct str server_signature(const struct server *server)
{
    (void)server;
    return STR("culvert/" CULVERT_VERSION);
}

void server_set_timer(struct server *server, const char *name, int64_t value)
{
    msec scale = server_is_openser(server) ? 1000 : 1;
    const struct {
        const char *name;
        msec *timer;
        msec scale;
    } rows[] = {
        { "fr_timer", &server->fr_timer, scale },
        { "fr_inv_timer", &server->fr_inv_timer, scale },
        { "wt_timer", &server->timers.linger, scale },
        { "T1_timer", &server->timers.t1, 1 },
        { "retr_timer1", &server->timers.t1, 1 },
        { "T2_timer", &server->timers.t2, 1 },
        { "retr_timer2", &server->timers.t2, 1 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (value > 0 && strcmp(rows[i].name, name) == 0)
            *rows[i].timer = (msec)value * rows[i].scale;
    }
}

enum err server_add_owner(struct server *server, struct module *module, server_owns_fn *owns)
{
    if (server->owner_count == OWNERS_MAX)
        return ERR_EXHAUSTED;
    server->owners[server->owner_count++] = (struct owner){ module, owns };
    return ERR_NONE;
}

enum err server_add_stray_response(struct server *server, struct module *module,
                                   server_stray_response_fn *take)
{
    if (server->stray_taker_count == OWNERS_MAX)
        return ERR_EXHAUSTED;
    server->stray_takers[server->stray_taker_count++] = (struct stray_taker){ module, take };
    return ERR_NONE;
}

static bool is_listener(const struct listener *listener, struct str host, const struct addr *ip,
                        uint16_t port)
{
    uint16_t advertised = listener->advertised_port ? listener->advertised_port : listener->bound.port;

    if (ip->family != ADDR_NONE && addr_same_ip(&listener->bound, ip))
        return port == 0 || port == listener->bound.port || port == advertised;
    return !str_is_empty(listener->advertised_host) && str_ieq(listener->advertised_host, host) &&
           (port == 0 || port == advertised || port == listener->bound.port);
}

static bool is_alias(const struct settings *settings, struct str host, uint16_t port)
{
    for (unsigned i = 0; i < settings->alias_count; i++) {
        const struct alias *alias = &settings->aliases[i];
        if (str_ieq(alias->host, host) && (alias->port == 0 || port == 0 || alias->port == port))
            return true;
    }
    return false;
}

bool worker_is_myself(const struct worker *worker, struct str host, uint16_t port)
{
    const struct server *server = worker->server;
    struct addr ip = { 0 };

    if (addr_parse_ip(host, &ip))
        ip.family = ADDR_NONE;
    for (unsigned i = 0; i < server->listener_count; i++) {
        if (is_listener(&server->listeners[i], host, &ip, port))
            return true;
    }
    if (is_alias(worker->script->edition->settings, host, port))
        return true;
    for (unsigned i = 0; i < server->owner_count; i++) {
        if (server->owners[i].owns(server->owners[i].module, host))
            return true;
    }
    return false;
}
