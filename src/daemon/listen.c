/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/listen.h"

#include <culvert/log.h>

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

struct making {
    const struct settings *settings;
    struct arena *arena;
    struct listener *listeners;
    unsigned count;
};

static bool is_made(const struct making *making, enum transport transport, const struct addr *addr)
{
    for (unsigned i = 0; i < making->count; i++) {
        if (making->listeners[i].transport == transport && addr_eq(&making->listeners[i].bound, addr))
            return true;
    }
    return false;
}

/* An address without a protocol has TLS on the port behind the one it names. */
static uint16_t port_of(const struct settings *settings, const struct listen_spec *spec,
                        enum transport transport)
{
    bool is_tls = transport == TRANSPORT_TLS;

    if (spec->port)
        return (uint16_t)(spec->port + (is_tls && !spec->has_transport));
    return (uint16_t)(is_tls ? settings->tls_port : settings->port);
}

/* What is said of a port of UDP and TCP is not said of that of TLS. */
static uint16_t advertised_port_of(const struct settings *settings, const struct listen_spec *spec,
                                   enum transport transport)
{
    if (transport != TRANSPORT_TLS || spec->has_transport)
        return spec->advertised_port ? spec->advertised_port : (uint16_t)settings->advertised_port;
    return (uint16_t)(spec->advertised_port ? spec->advertised_port + 1 : 0);
}

static enum err add_transport(struct making *making, const struct listen_spec *spec,
                              enum transport transport, const struct addr *ip)
{
    const struct settings *settings = making->settings;
    struct listener *listener = &making->listeners[making->count];
    struct addr bound = *ip;
    bool is_refused;

    settings_want_tls(settings, &is_refused);
    if ((transport == TRANSPORT_TCP && settings->disable_tcp) ||
        (transport == TRANSPORT_TLS && is_refused))
        return ERR_NONE;
    if (transport != TRANSPORT_UDP && transport != TRANSPORT_TCP && transport != TRANSPORT_TLS) {
        log_error("listen: this version has UDP, TCP and TLS, not " STR_FMT,
                  STR_ARG(transport_traits(transport)->via_name));
        return ERR_UNSUPPORTED;
    }
    bound.port = port_of(settings, spec, transport);
    if (is_made(making, transport, &bound))
        return ERR_NONE;
    if (making->count == LISTENERS_MAX) {
        log_error("more than %d listen addresses; name the wanted ones with listen=", LISTENERS_MAX);
        return ERR_LIMIT;
    }
    *listener = (struct listener){ .transport = transport, .bound = bound };
    listener->advertised_host = str_is_empty(spec->advertised_host) ? settings->advertised_host
                                                                    : spec->advertised_host;
    listener->advertised_port = advertised_port_of(settings, spec, transport);
    making->count++;
    return ERR_NONE;
}

static enum err add_address(struct making *making, const struct listen_spec *spec,
                            const struct addr *ip)
{
    bool is_refused;
    enum err err;

    if (spec->has_transport)
        return add_transport(making, spec, spec->transport, ip);
    err = add_transport(making, spec, TRANSPORT_UDP, ip);
    if (!err)
        err = add_transport(making, spec, TRANSPORT_TCP, ip);
    if (!err && settings_want_tls(making->settings, &is_refused))
        err = add_transport(making, spec, TRANSPORT_TLS, ip);
    return err;
}

/* Link-local addresses need a scope that SIP cannot name, so wildcards leave them out. */
static bool is_wanted(const struct ifaddrs *entry, struct str interface, unsigned family,
                      struct addr *out)
{
    if (!entry->ifa_addr || !(entry->ifa_flags & IFF_UP) ||
        (entry->ifa_addr->sa_family != AF_INET && entry->ifa_addr->sa_family != AF_INET6))
        return false;
    addr_from_sockaddr((const struct sockaddr_storage *)(const void *)entry->ifa_addr, out);
    if (family != ADDR_NONE && out->family != family)
        return false;
    if (!str_is_empty(interface))
        return str_eq(interface, str_of(entry->ifa_name));
    return addr_classify(out) != ADDR_LINK_LOCAL;
}

/* `interface` empty: all of them. The result says how many addresses were found. */
static enum err add_interfaces(struct making *making, const struct listen_spec *spec,
                               struct str interface, unsigned family, unsigned *found)
{
    struct ifaddrs *all;
    enum err err = ERR_NONE;

    *found = 0;
    if (getifaddrs(&all)) {
        log_error("the addresses of this machine cannot be listed; name them with listen=");
        return ERR_IO;
    }
    for (struct ifaddrs *entry = all; entry && !err; entry = entry->ifa_next) {
        struct addr ip = { 0 };
        if (!is_wanted(entry, interface, family, &ip))
            continue;
        ++*found;
        err = add_address(making, spec, &ip);
    }
    freeifaddrs(all);
    return err;
}

static enum err add_host_name(struct making *making, const struct listen_spec *spec)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
    struct addrinfo *found;
    char name[256];
    enum err err = ERR_NONE;

    snprintf(name, sizeof name, STR_FMT, STR_ARG(spec->host));
    if (getaddrinfo(name, NULL, &hints, &found)) {
        log_error("listen: \"%s\" is neither an address, an interface nor a known name", name);
        return ERR_UNRESOLVED;
    }
    for (struct addrinfo *entry = found; entry && !err; entry = entry->ai_next) {
        struct addr ip;
        addr_from_sockaddr((const struct sockaddr_storage *)(const void *)entry->ai_addr, &ip);
        err = add_address(making, spec, &ip);
    }
    freeaddrinfo(found);
    return err;
}

static enum err add_spec(struct making *making, const struct listen_spec *spec)
{
    bool is_wildcard = str_is_empty(spec->host) || str_eq(spec->host, STR("*")) ||
                       str_eq(spec->host, STR("any"));
    unsigned found;
    struct addr ip;
    enum err err;

    if (!addr_parse_ip(spec->host, &ip)) {
        if (!addr_is_unspecified(&ip))
            return add_address(making, spec, &ip);
        return add_interfaces(making, spec, STR(""), ip.family, &found);
    }
    err = add_interfaces(making, spec, is_wildcard ? STR("") : spec->host, ADDR_NONE, &found);
    if (err || found > 0)
        return err;
    return is_wildcard ? ERR_NOT_FOUND : add_host_name(making, spec);
}

enum err listeners_make(const struct settings *settings, struct arena *arena, struct listener **out,
                        unsigned *count)
{
    struct making making = { settings, arena, NULL, 0 };
    const struct listen_spec everywhere = { 0 };
    enum err err = ERR_NONE;

    making.listeners = arena_zalloc(arena, LISTENERS_MAX * sizeof *making.listeners);
    if (!making.listeners)
        return ERR_NOMEM;
    if (settings->listen_count == 0)
        err = add_spec(&making, &everywhere);
    for (unsigned i = 0; i < settings->listen_count && !err; i++)
        err = add_spec(&making, &settings->listen[i]);
    if (!err && making.count == 0)
        err = ERR_NOT_FOUND;
    if (err)
        return err;
    *out = making.listeners;
    *count = making.count;
    return ERR_NONE;
}

enum err listeners_name(struct listener *listeners, unsigned count, struct arena *arena)
{
    for (unsigned i = 0; i < count; i++) {
        char address[ADDR_TEXT_MAX];
        enum err err = str_print(arena, &listeners[i].name, STR_FMT ":%s",
                                 STR_ARG(transport_traits(listeners[i].transport)->param_name),
                                 addr_text(&listeners[i].bound, address));
        if (err)
            return err;
    }
    return ERR_NONE;
}
