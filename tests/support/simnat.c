/* SPDX-License-Identifier: Apache-2.0 */
/* Network address translation, in the terms of RFC 4787. */
#include "support/simnat.h"

#include <stdlib.h>

enum {
    REMOTES_MAX = 32, /* that one mapping remembers; the oldest is forgotten */
};

struct mapping {
    struct list_node node;
    struct addr inside;
    struct addr remote; /* symmetric: the only one */
    uint16_t port;      /* at the outside address */
    msec refreshed_at;
    struct addr remotes[REMOTES_MAX]; /* that were sent to */
    unsigned remote_count;
};

static bool is_alive(const struct simnet *net, const struct sim_nat *nat,
                     const struct mapping *mapping)
{
    return net->now - mapping->refreshed_at <= nat->timeout;
}

static void expire(const struct simnet *net, struct sim_nat *nat)
{
    LIST_EACH_SAFE(node, &nat->mappings)
    {
        struct mapping *mapping = CONTAINER_OF(node, struct mapping, node);

        if (!is_alive(net, nat, mapping)) {
            list_remove(node);
            free(mapping);
        }
    }
}

void sim_nat_forget(struct sim_nat *nat)
{
    struct list_node *node;

    while ((node = list_pop_front(&nat->mappings)))
        free(CONTAINER_OF(node, struct mapping, node));
}

void sim_nat_reboot(struct simnet *net, struct sim_nat *nat)
{
    (void)net;
    sim_nat_forget(nat);
    nat->generation++;
    nat->next_port = (uint16_t)(nat->next_port + 1000);
}

static struct mapping *find_port(const struct sim_nat *nat, uint16_t port)
{
    LIST_EACH(node, &nat->mappings)
    {
        struct mapping *mapping = CONTAINER_OF(node, struct mapping, node);

        if (mapping->port == port)
            return mapping;
    }
    return NULL;
}

static struct mapping *find_inside(const struct sim_nat *nat, const struct addr *inside,
                                   const struct addr *remote)
{
    LIST_EACH(node, &nat->mappings)
    {
        struct mapping *mapping = CONTAINER_OF(node, struct mapping, node);

        if (addr_eq(&mapping->inside, inside) &&
            (nat->kind != NAT_SYMMETRIC || !remote || addr_eq(&mapping->remote, remote)))
            return mapping;
    }
    return NULL;
}

static uint16_t choose_port(struct simnet *net, struct sim_nat *nat, uint16_t wish)
{
    if (nat->keeps_ports && !find_port(nat, wish))
        return wish;
    do {
        nat->next_port = (uint16_t)(nat->next_port + 1 + random_below(&net->random.source, 7));
        if (nat->next_port < 1024)
            nat->next_port = 20000;
    } while (find_port(nat, nat->next_port));
    return nat->next_port;
}

static struct mapping *make_mapping(struct simnet *net, struct sim_nat *nat,
                                    const struct addr *inside, const struct addr *remote)
{
    struct mapping *mapping = sim_alloc(sizeof *mapping);

    mapping->inside = *inside;
    mapping->remote = *remote;
    mapping->port = choose_port(net, nat, inside->port);
    list_push_back(&nat->mappings, &mapping->node);
    return mapping;
}

static void remember_remote(struct mapping *mapping, const struct addr *remote)
{
    unsigned known = mapping->remote_count < REMOTES_MAX ? mapping->remote_count : REMOTES_MAX;

    for (unsigned i = 0; i < known; i++)
        if (addr_eq(&mapping->remotes[i], remote))
            return;
    mapping->remotes[mapping->remote_count++ % REMOTES_MAX] = *remote;
}

static struct addr translate(struct simnet *net, struct sim_nat *nat, const struct addr *inside,
                             const struct addr *remote)
{
    struct addr outside = nat->outside;
    struct mapping *mapping;

    expire(net, nat);
    mapping = find_inside(nat, inside, remote);
    if (!mapping)
        mapping = make_mapping(net, nat, inside, remote);
    mapping->refreshed_at = net->now;
    remember_remote(mapping, remote);
    outside.port = mapping->port;
    return outside;
}

bool sim_nat_outbound(struct simnet *net, struct sim_nat *realm, struct addr *source,
                      const struct addr *target, const struct sim_nat **out)
{
    while (realm && !sim_find_host(net, realm, target)) {
        bool is_hairpin = addr_same_ip(&realm->outside, target);

        *out = realm->outer;
        if (is_hairpin && !realm->has_hairpin)
            return false;
        *source = translate(net, realm, source, target);
        realm = realm->outer;
    }
    *out = realm;
    return true;
}

static bool lets_in(const struct sim_nat *nat, const struct mapping *mapping,
                    const struct addr *source)
{
    unsigned known = mapping->remote_count < REMOTES_MAX ? mapping->remote_count : REMOTES_MAX;

    if (nat->kind == NAT_OPEN)
        return true;
    if (nat->kind == NAT_SYMMETRIC)
        return addr_eq(&mapping->remote, source);
    for (unsigned i = 0; i < known; i++)
        if (nat->kind == NAT_RESTRICTED ? addr_same_ip(&mapping->remotes[i], source)
                                        : addr_eq(&mapping->remotes[i], source))
            return true;
    return false;
}

bool sim_nat_inbound(struct simnet *net, struct sim_nat *nat, const struct addr *source,
                     struct addr *target)
{
    struct mapping *mapping;

    expire(net, nat);
    mapping = find_port(nat, target->port);
    if (!mapping || !lets_in(nat, mapping, source))
        return false;
    *target = mapping->inside;
    if (!nat->is_stern)
        mapping->refreshed_at = net->now;
    return true;
}

bool sim_nat_foresee(const struct sim_nat *nat, struct addr *target)
{
    const struct mapping *mapping = find_port(nat, target->port);

    if (mapping)
        *target = mapping->inside;
    return mapping != NULL;
}

struct sim_nat *sim_nat_at(const struct simnet *net, const struct sim_nat *realm,
                           const struct addr *addr)
{
    LIST_EACH(node, &net->nats)
    {
        struct sim_nat *nat = CONTAINER_OF(node, struct sim_nat, node);

        if (nat->outer == realm && addr_same_ip(&nat->outside, addr))
            return nat;
    }
    return NULL;
}

struct addr sim_nat_find_outside(const struct simnet *net, const struct sim_nat *nat,
                                 const struct addr *inside)
{
    struct addr outside = nat->outside;
    const struct mapping *mapping = find_inside(nat, inside, NULL);

    if (!mapping || !is_alive(net, nat, mapping))
        return (struct addr){ .family = ADDR_NONE };
    outside.port = mapping->port;
    return outside;
}
