/* SPDX-License-Identifier: Apache-2.0 */
/* The clock, the hosts and the datagrams of the simulated network. */
#include "support/simnet.h"

#include <assert.h>
#include <stdlib.h>

#include "support/simnat.h"

enum {
    REORDER_MAX = 50, /* ms by which a datagram may be late */
};

/* ---- memory that must be there: a test has nothing better to do than to stop ---- */

void *sim_alloc(size_t size)
{
    void *memory = calloc(1, size);

    if (!memory)
        abort();
    return memory;
}

/* ---- events ---- */

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void sift_up(struct simnet *net, size_t i)
{
    while (i > 0 && is_before(net->heap[i], net->heap[(i - 1) / 2])) {
        struct sim_event *event = net->heap[i];

        net->heap[i] = net->heap[(i - 1) / 2];
        net->heap[(i - 1) / 2] = event;
        i = (i - 1) / 2;
    }
}

static void sift_down(struct simnet *net, size_t i)
{
    for (;;) {
        size_t child = 2 * i + 1;
        struct sim_event *event = net->heap[i];

        if (child >= net->event_count)
            return;
        if (child + 1 < net->event_count && is_before(net->heap[child + 1], net->heap[child]))
            child++;
        if (!is_before(net->heap[child], event))
            return;
        net->heap[i] = net->heap[child];
        net->heap[child] = event;
        i = child;
    }
}

void simnet_schedule(struct simnet *net, struct sim_event *event, msec delay)
{
    if (net->event_count == net->event_room) {
        net->event_room = net->event_room ? 2 * net->event_room : 64;
        net->heap = realloc(net->heap, net->event_room * sizeof(struct sim_event *));
        if (!net->heap)
            abort();
    }
    event->at = net->now + delay;
    event->order = net->events_made++;
    net->heap[net->event_count++] = event;
    sift_up(net, net->event_count - 1);
}

msec simnet_next(const struct simnet *net)
{
    return net->event_count ? net->heap[0]->at : MSEC_NEVER;
}

void simnet_set_now(struct simnet *net, msec now)
{
    assert(now >= net->now && simnet_next(net) >= now);
    net->now = now;
}

bool simnet_fire(struct simnet *net)
{
    struct sim_event *event;

    if (simnet_next(net) > net->now)
        return false;
    event = net->heap[0];
    net->heap[0] = net->heap[--net->event_count];
    sift_down(net, 0);
    event->fire(net, event);
    return true;
}

struct sim_event *simnet_take(struct simnet *net,
                              void (*fire)(struct simnet *net, struct sim_event *event))
{
    size_t first = net->event_count;
    struct sim_event *event;

    for (size_t i = 0; i < net->event_count; i++)
        if (net->heap[i]->fire == fire &&
            (first == net->event_count || is_before(net->heap[i], net->heap[first])))
            first = i;
    if (first == net->event_count)
        return NULL;
    event = net->heap[first];
    net->heap[first] = net->heap[--net->event_count];
    if (first < net->event_count) {
        sift_up(net, first);
        sift_down(net, first);
    }
    return event;
}

unsigned simnet_percent(struct simnet *net)
{
    return random_below(&net->random.source, 100);
}

/* ---- the network ---- */

void simnet_init(struct simnet *net, uint64_t seed, msec now)
{
    *net = (struct simnet){ .now = now, .link = { .latency = 10 } };
    prng_init(&net->random, seed ^ 0x6e6574776f726bULL);
    list_init(&net->hosts);
    list_init(&net->nats);
    list_init(&net->listeners);
    list_init(&net->streams);
    table_init(&net->sockets);
}

void simnet_fini(struct simnet *net)
{
    while (net->event_count > 0) {
        struct sim_event *event = net->heap[--net->event_count];

        event->drop(event);
    }
    sim_streams_drop(net);
    LIST_EACH(node, &net->nats)
    sim_nat_forget(CONTAINER_OF(node, struct sim_nat, node));
    table_fini(&net->sockets);
    free(net->heap);
}

void simnet_add_host(struct simnet *net, struct sim_host *host)
{
    list_push_back(&net->hosts, &host->node);
}

void simnet_add_nat(struct simnet *net, struct sim_nat *nat)
{
    list_init(&nat->mappings);
    nat->next_port = 20000;
    list_push_back(&net->nats, &nat->node);
}

struct sim_host *sim_find_host(const struct simnet *net, const struct sim_nat *realm,
                               const struct addr *ip)
{
    LIST_EACH(node, &net->hosts)
    {
        struct sim_host *host = CONTAINER_OF(node, struct sim_host, node);

        if (host->realm == realm && addr_same_ip(&host->ip, ip))
            return host;
    }
    return NULL;
}

/* ---- sockets ---- */

static uint64_t hash_place(const struct sim_nat *realm, const struct addr *addr)
{
    static const struct hash_key key = { { 1, 2 } };
    uint8_t bytes[sizeof realm + sizeof addr->ip + sizeof addr->port];

    memcpy(bytes, &realm, sizeof realm);
    memcpy(bytes + sizeof realm, addr->ip, sizeof addr->ip);
    memcpy(bytes + sizeof realm + sizeof addr->ip, &addr->port, sizeof addr->port);
    return hash_bytes(&key, bytes, sizeof bytes);
}

static struct sim_socket *find_socket(const struct simnet *net, const struct sim_nat *realm,
                                      const struct addr *addr)
{
    struct table_node *node = table_find_first(&net->sockets, hash_place(realm, addr));

    for (; node; node = table_find_next(node)) {
        struct sim_socket *socket = CONTAINER_OF(node, struct sim_socket, node);

        if (socket->host->realm == realm && addr_eq(&socket->local, addr))
            return socket;
    }
    return NULL;
}

void sim_socket_open(struct simnet *net, struct sim_socket *socket)
{
    if (table_insert(&net->sockets, &socket->node, hash_place(socket->host->realm, &socket->local)))
        abort();
}

void sim_socket_close(struct simnet *net, struct sim_socket *socket)
{
    table_remove(&net->sockets, &socket->node);
}

/* ---- datagrams ---- */

struct datagram {
    struct sim_event event;
    const struct sim_host *from;
    const struct sim_nat *realm; /* where it is after the NATs of its sender */
    struct addr source, target;
    size_t length;
    char bytes[];
};

static void watch(struct simnet *net, const struct sim_host *from, const struct sim_host *to,
                  const struct addr *source, const struct addr *target, struct str bytes,
                  enum sim_fate fate)
{
    if (net->watch)
        net->watch(net->context, from, to, source, target, bytes, fate);
}

static void end_here(struct simnet *net, const struct datagram *datagram, enum sim_fate fate)
{
    watch(net, datagram->from, NULL, &datagram->source, &datagram->target,
          (struct str){ datagram->bytes, datagram->length }, fate);
}

static void hand_over(struct simnet *net, struct datagram *datagram, struct sim_socket *socket)
{
    struct str bytes = { datagram->bytes, datagram->length };

    if (net->loses && net->loses(net->context, datagram->from, socket->host, bytes)) {
        end_here(net, datagram, FATE_LOST);
        return;
    }
    socket->host->received++;
    socket->receive(socket, &datagram->source, bytes);
}

/* From the realm it is in down to a socket. */
static void arrive(struct simnet *net, struct sim_event *event)
{
    struct datagram *datagram = CONTAINER_OF(event, struct datagram, event);
    const struct sim_nat *realm = datagram->realm;
    struct sim_socket *socket;
    struct sim_host *host;

    while (!(socket = find_socket(net, realm, &datagram->target))) {
        struct sim_nat *nat = sim_nat_at(net, realm, &datagram->target);

        host = nat ? NULL : sim_find_host(net, realm, &datagram->target);
        if (host)
            host->refused++;
        if (!nat || !sim_nat_inbound(net, nat, &datagram->source, &datagram->target)) {
            end_here(net, datagram, nat ? FATE_FILTERED : host ? FATE_REFUSED : FATE_NO_ROUTE);
            free(datagram);
            return;
        }
        realm = nat;
    }
    hand_over(net, datagram, socket);
    free(datagram);
}

static void drop_datagram(struct sim_event *event)
{
    free(CONTAINER_OF(event, struct datagram, event));
}

static msec delay_of(struct simnet *net)
{
    msec delay = net->link.latency;

    if (net->link.reorder && simnet_percent(net) < net->link.reorder)
        delay += 1 + random_below(&net->random.source, REORDER_MAX);
    return delay;
}

static void put_on_way(struct simnet *net, const struct datagram *model, struct str bytes)
{
    struct datagram *datagram = sim_alloc(sizeof *datagram + bytes.len);

    *datagram = *model;
    datagram->event = (struct sim_event){ .fire = arrive, .drop = drop_datagram };
    datagram->length = bytes.len;
    memcpy(datagram->bytes, bytes.ptr, bytes.len);
    simnet_schedule(net, &datagram->event, delay_of(net));
}

/* Who would get it, for those who watch. */
static const struct sim_host *foresee(const struct simnet *net, const struct sim_nat *realm,
                                      const struct addr *target)
{
    struct addr at = *target;
    const struct sim_nat *nat;

    while ((nat = sim_nat_at(net, realm, &at)) && sim_nat_foresee(nat, &at))
        realm = nat;
    return sim_find_host(net, realm, &at);
}

void sim_send(struct simnet *net, struct sim_socket *socket, const struct addr *to,
              struct str bytes)
{
    struct datagram model = { .from = socket->host, .source = socket->local, .target = *to };
    unsigned copies = 1;
    enum sim_fate fate = FATE_SENT;
    const struct sim_host *target;

    if (!sim_nat_outbound(net, socket->host->realm, &model.source, to, &model.realm))
        fate = FATE_FILTERED;
    else if (net->link.loss && simnet_percent(net) < net->link.loss)
        fate = FATE_LOST;
    target = foresee(net, model.realm, to);
    watch(net, socket->host, target, &model.source, to, bytes, fate);
    if (fate != FATE_SENT)
        return;
    if (net->link.duplicates && simnet_percent(net) < net->link.duplicates)
        copies = 2;
    while (copies-- > 0)
        put_on_way(net, &model, bytes);
}
