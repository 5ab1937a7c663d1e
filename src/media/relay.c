/* SPDX-License-Identifier: Apache-2.0 */
#include "media/relay.h"

#include <stdlib.h>

#include <culvert/log.h>

#include "media/session.h"

static struct relay_settings with_defaults(const struct relay_settings *given)
{
    struct relay_settings settings = *given;

    settings.interfaces = NULL;
    if (settings.port_min == 0)
        settings.port_min = 30000;
    if (settings.port_max == 0)
        settings.port_max = 39999;
    if (settings.silence_timeout == 0)
        settings.silence_timeout = 60000;
    if (settings.setup_timeout == 0)
        settings.setup_timeout = 180000;
    if (settings.hold_timeout == 0)
        settings.hold_timeout = 3600000;
    return settings;
}

static enum err add_interface(struct relay *relay, const struct relay_interface *given)
{
    struct media_interface *interface = &relay->interfaces[relay->interface_count];
    enum err err = port_pool_init(&interface->pool, relay->settings.port_min,
                                  relay->settings.port_max, relay->settings.port_rest);

    if (err)
        return err;
    interface->local = given->local;
    interface->advertised =
        given->advertised.family == ADDR_NONE ? given->local : given->advertised;
    relay->interface_count++;
    return ERR_NONE;
}

static enum err fill_relay(struct relay *relay, const struct relay_settings *settings)
{
    enum err err = ERR_NONE;

    relay->interfaces = calloc(settings->interface_count, sizeof *relay->interfaces);
    relay->totals = aligned_alloc(_Alignof(struct lane_totals),
                                  relay->engine->lane_count * sizeof *relay->totals);
    if (!relay->interfaces || !relay->totals)
        return ERR_NOMEM;
    memset(relay->totals, 0, relay->engine->lane_count * sizeof *relay->totals);
    for (unsigned i = 0; i < settings->interface_count && !err; i++)
        err = add_interface(relay, &settings->interfaces[i]);
    return err ? err : relay->engine->start(relay->engine, relay);
}

enum err relay_create_on(struct media_engine *engine, const struct relay_settings *settings,
                         struct random_source *random, const struct relay_user *user,
                         struct relay **out)
{
    struct relay *relay = calloc(1, sizeof *relay);
    enum err err;

    if (!relay) {
        engine->destroy(engine);
        return ERR_NOMEM;
    }
    relay->settings = with_defaults(settings);
    relay->user = *user;
    relay->engine = engine;
    relay->random = random;
    hash_key_random(random, &relay->key);
    lock_init(&relay->pools);
    for (unsigned i = 0; i < RELAY_SHARDS; i++)
        lock_init(&relay->shards[i].lock);
    if ((err = fill_relay(relay, settings))) {
        relay_destroy(relay);
        return err;
    }
    *out = relay;
    return ERR_NONE;
}

enum err relay_create(const struct relay_settings *settings, struct random_source *random,
                      const struct relay_user *user, struct relay **out)
{
    struct media_engine *engine;
    enum err err = sockets_engine_create(settings->threads, &engine);

    return err ? err : relay_create_on(engine, settings, random, user, out);
}

void relay_destroy(struct relay *relay)
{
    if (!relay)
        return;
    relay_end_all(relay);
    relay->engine->destroy(relay->engine);
    for (unsigned i = 0; i < relay->interface_count; i++)
        port_pool_fini(&relay->interfaces[i].pool);
    for (unsigned i = 0; i < RELAY_SHARDS; i++)
        lock_fini(&relay->shards[i].lock);
    lock_fini(&relay->pools);
    free(relay->interfaces);
    free(relay->totals);
    free(relay);
}

static bool is_at(const struct media_interface *interface, const struct addr *addr)
{
    return addr_same_ip(&interface->local, addr) || addr_same_ip(&interface->advertised, addr);
}

enum err relay_choose_interface(const struct relay *relay, const struct relay_party *party,
                                unsigned *out)
{
    uint8_t family = party->local.family != ADDR_NONE ? party->local.family : party->source.family;

    for (unsigned i = 0; i < relay->interface_count; i++) {
        if (is_at(&relay->interfaces[i], &party->local)) {
            *out = i;
            return ERR_NONE;
        }
    }
    for (unsigned i = 0; i < relay->interface_count; i++) {
        if (relay->interfaces[i].local.family == family) {
            *out = i;
            return ERR_NONE;
        }
    }
    return ERR_UNSUPPORTED;
}

static enum err take_port(struct relay *relay, unsigned interface, msec now, struct addr *out)
{
    enum err err;

    *out = relay->interfaces[interface].local;
    lock_take(&relay->pools);
    err = port_pool_take(&relay->interfaces[interface].pool, relay->random, now, &out->port);
    lock_give(&relay->pools);
    return err;
}

static void give_port(struct relay *relay, unsigned interface, uint16_t port, msec now)
{
    lock_take(&relay->pools);
    port_pool_give(&relay->interfaces[interface].pool, port, now);
    lock_give(&relay->pools);
}

enum err relay_open_ports(struct relay *relay, unsigned interface, unsigned lane, struct leg *leg,
                          msec now, struct media_ports **out)
{
    unsigned tries = relay->interfaces[interface].pool.pair_count;
    struct addr local;
    enum err err;

    do {
        if ((err = take_port(relay, interface, now, &local)))
            break;
        err = relay->engine->open(relay->engine, lane, leg, &local, out);
        if (err)
            give_port(relay, interface, local.port, now);
    } while (err == ERR_EXISTS && --tries > 0); /* it rests now, and we try another */
    if (err == ERR_EXISTS)
        err = ERR_EXHAUSTED;
    if (err == ERR_EXHAUSTED)
        atomic_fetch_add_explicit(&relay->exhausted, 1, memory_order_relaxed);
    if (!err)
        (*out)->interface = interface;
    return err;
}

void media_closed(struct media_ports *ports, msec now)
{
    struct session *session = ports->leg->stream->session;

    give_port(session->relay, ports->interface, ports->local.port, now);
    session_unref(session);
}

bool relay_owns_port(const struct relay *relay, const struct addr *addr)
{
    for (unsigned i = 0; i < relay->interface_count; i++)
        if (is_at(&relay->interfaces[i], addr) &&
            port_pool_has(&relay->interfaces[i].pool, addr->port))
            return true;
    return false;
}

static uint64_t load(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void relay_read_counters(struct relay *relay, struct relay_counters *out)
{
    *out = (struct relay_counters){
        .sessions = load(&relay->sessions),
        .sessions_total = load(&relay->sessions_total),
        .timeouts = load(&relay->timeouts),
        .exhausted = load(&relay->exhausted),
    };
    for (unsigned i = 0; i < relay->engine->lane_count; i++) {
        const struct lane_totals *totals = &relay->totals[i];

        out->packets += load(&totals->packets);
        out->bytes += load(&totals->bytes);
        out->strangers += load(&totals->strangers);
        out->invalid += load(&totals->invalid);
        out->unsendable += load(&totals->unsendable);
        out->dropped += load(&totals->dropped);
    }
    lock_take(&relay->pools);
    for (unsigned i = 0; i < relay->interface_count; i++) {
        out->ports_used += 2ULL * port_pool_used(&relay->interfaces[i].pool);
        out->ports_total += 2ULL * relay->interfaces[i].pool.pair_count;
    }
    lock_give(&relay->pools);
}
