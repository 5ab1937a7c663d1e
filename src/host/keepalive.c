/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/keepalive.h>

#include <stdatomic.h>
#include <stdlib.h>

#include <culvert/log.h>

#include "host/host.h"
#include "host/ping.h"

enum {
    REQUEST_MAX = 2048,
};

struct keepalive {
    struct keepalive_settings settings;
    struct server *server;
    atomic_bool is_enabled;
    struct counter *sent, *removed;
    unsigned worker_count;
    struct ping_pace *paces; /* one a worker, touched by it alone; interval 0: not begun */
};

/* What one visit needs to know. */
struct round {
    const struct keepalive *keepalive;
    struct worker *worker;
    msec now;
};

/* ---- one binding ---- */

static bool has_flag(const struct binding *binding, int64_t flag)
{
    return flag >= 0 && flag < FLAGS_MAX && (binding->cflags >> flag & 1);
}

static bool is_wanted(const struct keepalive *keepalive, const struct binding *binding)
{
    const struct keepalive_settings *settings = &keepalive->settings;
    int64_t nat_bflag = settings->nat_bflag;

    if ((binding->cflags & settings->off_bflags) || binding->flow.peer.family == ADDR_NONE)
        return false;
    if (!settings->nated_only)
        return true;
    if (nat_bflag < 0)
        nat_bflag = server_location_rules(keepalive->server)->nat_bflag;
    return has_flag(binding, nat_bflag);
}

static bool wants_request(const struct keepalive_settings *settings, const struct binding *binding)
{
    return settings->method == KEEPALIVE_REQUEST || (binding->cflags & settings->request_bflags);
}

static void remove_binding(const struct round *round, const struct binding *binding,
                           const char *why)
{
    char flow[FLOW_TEXT_MAX];

    if (location_remove_ruid(server_location(round->keepalive->server), binding->ruid))
        return;
    counter_add(round->keepalive->removed, 1);
    log_notice("contact " STR_FMT " of " STR_FMT " at %s removed: %s", STR_ARG(binding->contact),
               STR_ARG(binding->aor), flow_text(&binding->flow, flow), why);
}

/* The first miss is only known when a second ping has gone out. */
static bool is_dead(const struct keepalive_settings *settings, const struct binding *binding)
{
    return settings->misses_max > 0 && binding->missed_pings > 0 &&
           binding->missed_pings + 1 >= settings->misses_max;
}

static bool is_lost_connection(const struct flow *flow)
{
    return transport_traits(flow->transport)->is_reliable && flow->connection != 0;
}

static void send_bytes(const struct round *round, const struct binding *binding, struct str bytes)
{
    if (worker_send(round->worker, &binding->flow, bytes))
        counter_add(round->keepalive->sent, 1);
    else if (is_lost_connection(&binding->flow))
        remove_binding(round, binding, "its connection is gone");
}

static const struct listener *listener_of(const struct server *server, const struct flow *flow)
{
    unsigned count;
    const struct listener *listeners = server_listeners(server, &count);

    return flow->socket < count ? &listeners[flow->socket] : NULL;
}

static void send_request(const struct round *round, const struct binding *binding)
{
    const struct keepalive *keepalive = round->keepalive;
    const struct keepalive_settings *settings = &keepalive->settings;
    struct server *server = keepalive->server;
    char buffer[REQUEST_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    const struct ping ping = {
        .method = settings->request_method,
        .from = settings->from,
        .listener = listener_of(server, &binding->flow),
        .binding = binding,
        .secret = server_secret(server),
        .number = round->now,
    };

    if (!ping.listener || ping_write(&w, &ping)) {
        log_debug("no keepalive request for contact " STR_FMT, STR_ARG(binding->contact));
        return;
    }
    location_ping_sent(server_location(server), binding->ruid, round->now);
    send_bytes(round, binding, writer_text(&w));
}

static void send_plain(const struct round *round, const struct binding *binding)
{
    static const char zeros[4] = { 0 };
    bool is_stream = transport_traits(binding->flow.transport)->is_reliable;

    if (round->keepalive->settings.method == KEEPALIVE_ZEROS && !is_stream)
        send_bytes(round, binding, (struct str){ zeros, sizeof zeros });
    else
        send_bytes(round, binding, STR("\r\n\r\n"));
}

/* A stream client that listens is not tied to a connection: there is none to keep open. */
static bool is_dialled(const struct flow *flow)
{
    return transport_traits(flow->transport)->is_reliable && flow->connection == 0;
}

static void visit(void *context, const struct binding *binding)
{
    const struct round *round = context;
    const struct keepalive_settings *settings = &round->keepalive->settings;

    if (!is_wanted(round->keepalive, binding) || is_dialled(&binding->flow))
        return;
    if (!wants_request(settings, binding))
        send_plain(round, binding);
    else if (is_dead(settings, binding))
        remove_binding(round, binding, "it does not answer");
    else
        send_request(round, binding);
}

/* ---- all bindings ---- */

/* The interval is a promise: a NAT that forgets after exactly this long must hear from us before. */
static msec round_length(const struct keepalive *keepalive)
{
    return keepalive->settings.interval - keepalive->settings.interval / 4;
}

void keepalive_tick(struct keepalive *keepalive, struct worker *worker, unsigned index,
                    unsigned count, msec now)
{
    struct round round = { keepalive, worker, now };
    struct ping_pace *pace;
    unsigned slice;

    if (!keepalive || keepalive->settings.interval == 0 || index >= keepalive->worker_count ||
        !atomic_load_explicit(&keepalive->is_enabled, memory_order_relaxed))
        return;
    pace = &keepalive->paces[index];
    if (pace->interval == 0)
        ping_pace_init(pace, now, round_length(keepalive), TICK_INTERVAL, index, count);
    while (ping_pace_next(pace, now, &slice))
        location_each(server_location(keepalive->server), slice, ping_pace_slices(pace), now, visit,
                      &round);
}

static bool take_answer(struct module *module, struct worker *worker,
                        const struct sip_msg *response, const struct flow *source)
{
    struct server *server = module_server(module);
    struct str ruid;

    (void)source;
    if (!ping_read_answer(response, server_secret(server), &ruid))
        return false;
    location_ping_answered(server_location(server), ruid, worker_now(worker));
    return true;
}

void keepalive_set_enabled(struct keepalive *keepalive, bool is_enabled)
{
    atomic_store(&keepalive->is_enabled, is_enabled);
}

/* ---- life ---- */

static enum err find_counters(struct keepalive *keepalive)
{
    enum err err = server_counter(keepalive->server, "keepalive", "sent", &keepalive->sent);

    return err ? err
               : server_counter(keepalive->server, "keepalive", "removed", &keepalive->removed);
}

enum err keepalive_create(struct module *module, const struct keepalive_settings *settings,
                          struct keepalive **out)
{
    struct keepalive *keepalive = calloc(1, sizeof *keepalive);
    enum err err = ERR_NOMEM;

    if (!keepalive)
        return err;
    keepalive->settings = *settings;
    if (str_is_empty(keepalive->settings.request_method))
        keepalive->settings.request_method = STR("OPTIONS");
    keepalive->server = module_server(module);
    atomic_init(&keepalive->is_enabled, true);
    keepalive->worker_count = server_worker_count(keepalive->server);
    keepalive->paces = calloc(keepalive->worker_count + 1, sizeof *keepalive->paces);
    if (!keepalive->paces)
        goto fail;
    if ((err = find_counters(keepalive)))
        goto fail;
    if (settings->interval > 0 &&
        (err = server_add_stray_response(keepalive->server, module, take_answer)))
        goto fail;
    *out = keepalive;
    return ERR_NONE;

fail:
    keepalive_destroy(keepalive);
    return err;
}

void keepalive_destroy(struct keepalive *keepalive)
{
    if (!keepalive)
        return;
    free(keepalive->paces);
    free(keepalive);
}
