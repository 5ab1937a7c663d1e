/* SPDX-License-Identifier: Apache-2.0 */
#include "media/relay.h"

#include <stdlib.h>

#include <culvert/log.h>

#include "media/session.h"

static void set_default(msec *value, msec otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static struct relay_settings with_defaults(const struct relay_settings *given)
{
    struct relay_settings settings = *given;

    settings.interfaces = NULL;
    settings.reserved = NULL;
    settings.denied = NULL;
    if (settings.port_min == 0)
        settings.port_min = 30000;
    if (settings.port_max == 0)
        settings.port_max = 39999;
    set_default(&settings.port_rest, 5000);
    set_default(&settings.silence_timeout, 60000);
    set_default(&settings.setup_timeout, 180000);
    set_default(&settings.hold_timeout, 3600000);
    return settings;
}

/* A description that names "any address" would put the call on hold. */
static bool can_stand_in_sdp(const struct addr *addr)
{
    char text[ADDR_TEXT_MAX];

    if (!addr_is_unspecified(addr))
        return true;
    log_warning("media: %s is no address that phones can send to; name one in media_address",
                addr_text(addr, text));
    return false;
}

static enum err add_interface(struct relay *relay, const struct relay_interface *given)
{
    struct media_interface *interface = &relay->interfaces[relay->interface_count];
    bool is_seen_otherwise = given->advertised.family != ADDR_NONE;
    enum err err;

    interface->local = given->local;
    interface->local.port = 0;
    interface->advertised = is_seen_otherwise ? given->advertised : given->local;
    if (!can_stand_in_sdp(&interface->advertised))
        return ERR_NONE;
    err = port_pool_init(&interface->pool, relay->settings.port_min, relay->settings.port_max,
                         relay->settings.port_rest);
    if (err)
        log_error("media: no pair of ports in %u-%u: %s", relay->settings.port_min,
                  relay->settings.port_max, err_name(err));
    else
        relay->interface_count++;
    return err;
}

/* The caller's lists may go after relay_create. */
static enum err copy_list(const void *from, size_t count, size_t size, const void **out)
{
    void *copy = count > 0 ? malloc(count * size) : NULL;

    if (copy)
        memcpy(copy, from, count * size);
    *out = copy;
    return count > 0 && !copy ? ERR_NOMEM : ERR_NONE;
}

static enum err copy_lists(struct relay *relay, const struct relay_settings *given)
{
    const void *reserved, *denied;
    enum err err =
        copy_list(given->reserved, given->reserved_count, sizeof *given->reserved, &reserved);

    relay->settings.reserved = reserved;
    if (err)
        return err;
    err = copy_list(given->denied, given->denied_count, sizeof *given->denied, &denied);
    relay->settings.denied = denied;
    return err;
}

static enum err fill_relay(struct relay *relay, const struct relay_settings *settings)
{
    enum err err = copy_lists(relay, settings);

    if (err)
        return err;
    relay->interfaces = calloc(settings->interface_count + 1UL, sizeof *relay->interfaces);
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
    enum err err;

    for (unsigned i = 0; i < settings->interface_count; i++)
        if ((err = sockets_try(&settings->interfaces[i].local)))
            return err;
    if ((err = sockets_engine_create(settings->threads, &engine)))
        return err;
    return relay_create_on(engine, settings, random, user, out);
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
    free((void *)(uintptr_t)relay->settings.reserved);
    free((void *)(uintptr_t)relay->settings.denied);
    free(relay->interfaces);
    free(relay->totals);
    free(relay);
}

static bool is_at(const struct media_interface *interface, const struct addr *addr)
{
    return addr_same_ip(&interface->local, addr) || addr_same_ip(&interface->advertised, addr);
}

static bool has_address(const struct relay *relay, const struct addr *addr)
{
    for (unsigned i = 0; i < relay->interface_count; i++)
        if (is_at(&relay->interfaces[i], addr))
            return true;
    return false;
}

/* Our address on the party's side decides; when media has none there, the family. */
static bool suits(const struct relay *relay, unsigned interface, const struct relay_party *party)
{
    const struct addr *wanted = party->local.family != ADDR_NONE ? &party->local : &party->source;

    if (has_address(relay, &party->local))
        return is_at(&relay->interfaces[interface], &party->local);
    return relay->interfaces[interface].local.family == wanted->family;
}

bool relay_ports_suit(const struct relay *relay, const struct media_ports *ports,
                      const struct relay_party *party)
{
    return ports && suits(relay, ports->interface, party);
}

static enum err choose_interface(const struct relay *relay, const struct relay_party *party,
                                 unsigned *out)
{
    for (unsigned i = 0; i < relay->interface_count; i++) {
        if (suits(relay, i, party)) {
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

/* A pair that another program has is left to rest, and the next one is tried. */
static enum err open_any(struct relay *relay, unsigned interface, struct leg *leg, msec now,
                         struct media_ports **out)
{
    unsigned lane = leg->stream->session->lane;
    unsigned tries = relay->interfaces[interface].pool.pair_count;
    struct addr local;
    enum err err;

    do {
        if ((err = take_port(relay, interface, now, &local)))
            return err;
        err = relay->engine->open(relay->engine, lane, leg, &local, out);
        if (err)
            give_port(relay, interface, local.port, now);
    } while (err == ERR_EXISTS && --tries > 0);
    return err == ERR_EXISTS ? ERR_EXHAUSTED : err;
}

enum err relay_open_ports(struct relay *relay, const struct relay_party *party, struct leg *leg,
                          msec now, struct media_ports **out)
{
    unsigned interface;
    enum err err = choose_interface(relay, party, &interface);

    if (!err)
        err = open_any(relay, interface, leg, now, out);
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

static bool is_reserved(const struct relay *relay, const struct addr *addr)
{
    for (unsigned i = 0; i < relay->settings.reserved_count; i++) {
        const struct addr *own = &relay->settings.reserved[i];

        if (own->port == addr->port && (addr_same_ip(own, addr) || has_address(relay, addr)))
            return true;
    }
    return false;
}

static bool is_denied(const struct relay *relay, const struct addr *addr)
{
    for (unsigned i = 0; i < relay->settings.denied_count; i++) {
        const struct addr_net *net = &relay->settings.denied[i];

        if (addr_in_net(addr, &net->addr, net->bits))
            return true;
    }
    return false;
}

bool relay_refuses(const struct relay *relay, const struct addr *addr)
{
    return relay_owns_port(relay, addr) || is_reserved(relay, addr) || is_denied(relay, addr);
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
        out->excess += load(&totals->excess);
        out->dropped += load(&totals->dropped);
    }
    lock_take(&relay->pools);
    for (unsigned i = 0; i < relay->interface_count; i++) {
        out->ports_used += 2ULL * port_pool_used(&relay->interfaces[i].pool);
        out->ports_total += 2ULL * relay->interfaces[i].pool.pair_count;
    }
    lock_give(&relay->pools);
}
