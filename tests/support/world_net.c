/* SPDX-License-Identifier: Apache-2.0 */
/* What net/ is to the daemon: datagrams, connections and names, on the simulated network. */
#include "support/world_net.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/simnat.h"

struct connection {
    struct list_node node;
    struct world *world;
    struct sim_end *end;
    struct flow flow;
    char *bytes;
    size_t length, scanned;
};

/* ---- what comes in ---- */

void world_deliver(struct world *world, const struct flow *flow, struct str bytes, bool is_stream)
{
    struct worker *worker = world->seats[server_owner_of(world->server, bytes)].worker;

    worker_advance(worker, world_now(world));
    worker_receive(worker, flow, bytes, is_stream);
}

static void on_datagram(struct sim_socket *socket, const struct addr *from, struct str bytes)
{
    struct world *world = socket->owner;
    struct flow flow = { .peer = *from,
                         .socket = (uint16_t)(socket - world->datagrams),
                         .transport = TRANSPORT_UDP };

    if (bytes.len > 0)
        world_deliver(world, &flow, bytes, false);
}

static void free_connection(struct connection *connection)
{
    list_remove(&connection->node);
    free(connection->bytes);
    free(connection);
}

static void lose_connection(struct connection *connection)
{
    struct world *world = connection->world;
    struct flow flow = connection->flow;

    free_connection(connection);
    for (unsigned i = 0; i < world->worker_count; i++) {
        worker_advance(world->seats[i].worker, world_now(world));
        worker_closed(world->seats[i].worker, &flow);
    }
}

static void on_closed(struct sim_end *end, bool was_refused)
{
    (void)was_refused;
    lose_connection(end->owner);
}

/* Takes one frame off the front; false when there is none, or the connection is gone. */
static bool take_frame(struct connection *connection)
{
    struct str rest = { connection->bytes, connection->length };
    size_t length = 0;
    enum sip_frame frame =
        sip_stream_frame(rest, sip_limits_default(), &connection->scanned, &length);

    if (frame == SIP_FRAME_BROKEN) {
        sim_close(&connection->world->net, connection->end);
        lose_connection(connection);
        return false;
    }
    if (frame == SIP_FRAME_MORE)
        return false;
    if (frame == SIP_FRAME_MESSAGE)
        world_deliver(connection->world, &connection->flow, (struct str){ rest.ptr, length }, true);
    else if (frame == SIP_FRAME_KEEPALIVE)
        sim_write(&connection->world->net, connection->end, STR("\r\n"));
    connection->scanned = 0;
    connection->length -= length;
    memmove(connection->bytes, connection->bytes + length, connection->length);
    return connection->length > 0;
}

static void on_bytes(struct sim_end *end, struct str bytes)
{
    struct connection *connection = end->owner;

    connection->bytes = realloc(connection->bytes, connection->length + bytes.len);
    if (!connection->bytes)
        abort();
    memcpy(connection->bytes + connection->length, bytes.ptr, bytes.len);
    connection->length += bytes.len;
    while (take_frame(connection))
        ;
}

static const struct sim_stream_user stream_user = { on_bytes, on_closed };

static struct connection *make_connection(struct world *world, uint16_t socket,
                                          const struct addr *peer)
{
    struct connection *connection = sim_alloc(sizeof *connection);

    connection->world = world;
    connection->flow = (struct flow){ .peer = *peer,
                                      .connection = UINT64_C(1) << 48 | ++world->connections_made,
                                      .socket = socket,
                                      .transport = (uint8_t)world->listeners[socket].transport };
    list_push_back(&world->connections, &connection->node);
    return connection;
}

static void on_accepted(struct sim_listener *listener, struct sim_end *end)
{
    struct world *world = listener->owner;
    struct connection *connection =
        make_connection(world, (uint16_t)(listener - world->streams), &end->peer);

    connection->end = end;
    end->user = &stream_user;
    end->owner = connection;
}

/* ---- what goes out ---- */

static struct world_seat *seat_of(struct outside *outside)
{
    return CONTAINER_OF(outside, struct world_seat, outside);
}

static bool fits(const struct world *world, uint16_t socket, unsigned transport,
                 const struct addr *peer)
{
    return socket < world->server->listener_count &&
           world->listeners[socket].transport == transport &&
           world->listeners[socket].bound.family == peer->family;
}

uint16_t world_choose_socket(const struct world *world, uint16_t wish, unsigned transport,
                              const struct addr *peer)
{
    if (fits(world, wish, transport, peer))
        return wish;
    for (uint16_t i = 0; i < world->server->listener_count; i++)
        if (fits(world, i, transport, peer))
            return i;
    return SOCKET_ANY;
}

static enum err send_datagram(struct world *world, const struct flow *flow, struct str bytes)
{
    uint16_t socket =
        flow->socket == SOCKET_ANY || fits(world, flow->socket, flow->transport, &flow->peer)
            ? world_choose_socket(world, flow->socket, flow->transport, &flow->peer)
            : SOCKET_ANY;

    if (socket == SOCKET_ANY || flow->peer.port == 0)
        return ERR_UNREACHABLE;
    sim_send(&world->net, &world->datagrams[socket], &flow->peer, bytes);
    return ERR_NONE;
}

static struct connection *find_connection(const struct world *world, const struct flow *flow)
{
    LIST_EACH(node, &world->connections)
    {
        struct connection *connection = CONTAINER_OF(node, struct connection, node);

        if (connection->flow.transport == flow->transport &&
            addr_eq(&connection->flow.peer, &flow->peer) &&
            (flow->connection == 0 || connection->flow.connection == flow->connection))
            return connection;
    }
    return NULL;
}

static struct connection *dial(struct world *world, const struct flow *flow)
{
    uint16_t socket = world_choose_socket(world, flow->socket, flow->transport, &flow->peer);
    struct connection *connection;

    if (socket == SOCKET_ANY || flow->peer.port == 0)
        return NULL;
    connection = make_connection(world, socket, &flow->peer);
    connection->end = sim_connect(&world->net, world->streams[socket].host,
                                  (uint16_t)(50000 + world->connections_made % 10000), &flow->peer,
                                  &stream_user, connection);
    return connection;
}

static enum err send_on_stream(struct world *world, const struct flow *flow, struct str bytes)
{
    struct connection *connection = find_connection(world, flow);

    if (!connection && flow->connection == 0)
        connection = dial(world, flow);
    if (!connection)
        return ERR_UNREACHABLE;
    sim_write(&world->net, connection->end, bytes);
    return ERR_NONE;
}

static enum err send_message(struct outside *outside, const struct flow *flow, struct str bytes)
{
    struct world *world = seat_of(outside)->world;

    if (world->on_sent)
        world->on_sent(world->context, flow, bytes);
    if (flow->transport == TRANSPORT_UDP)
        return send_datagram(world, flow, bytes);
    return send_on_stream(world, flow, bytes);
}

void world_seat_init(struct world_seat *seat)
{
    seat->outside = (struct outside){ .send = send_message };
}

/* ---- listening ---- */

static struct sim_host *host_at(struct world *world, const struct addr *addr)
{
    struct sim_host *host;

    for (unsigned i = 0; i < world->host_count; i++)
        if (addr_same_ip(&world->hosts[i].ip, addr))
            return &world->hosts[i];
    host = &world->hosts[world->host_count++];
    host->name = "proxy";
    host->ip = *addr;
    host->ip.port = 0;
    simnet_add_host(&world->net, host);
    return host;
}

static void open_listener(struct world *world, unsigned index, const struct listen_spec *spec)
{
    struct listener *listener = &world->listeners[index];
    char text[ADDR_TEXT_MAX];
    struct addr addr;
    struct sim_host *host;

    if (addr_parse_ip(spec->host, &addr))
        abort();
    addr.port = spec->port ? spec->port : transport_traits(spec->transport)->default_port;
    host = host_at(world, &addr);
    *listener = (struct listener){ .transport = spec->transport,
                                   .bound = addr,
                                   .advertised_host = spec->advertised_host,
                                   .advertised_port = spec->advertised_port };
    snprintf(world->listener_names[index], sizeof world->listener_names[index], STR_FMT ":%s",
             STR_ARG(transport_traits(spec->transport)->param_name), addr_text(&addr, text));
    listener->name = str_of(world->listener_names[index]);
    if (spec->transport == TRANSPORT_UDP) {
        world->datagrams[index] = (struct sim_socket){
            .host = host, .local = addr, .receive = on_datagram, .owner = world
        };
        sim_socket_open(&world->net, &world->datagrams[index]);
    } else {
        world->streams[index] = (struct sim_listener){
            .host = host, .local = addr, .accepted = on_accepted, .owner = world
        };
        sim_listen(&world->net, &world->streams[index]);
    }
}

unsigned world_listen(struct world *world)
{
    static const char *const defaults[] = { "udp:192.0.2.1:5060", "tcp:192.0.2.1:5060", NULL };
    const char *const *rows = world->options.listen[0] ? world->options.listen : defaults;
    unsigned count = 0;

    for (; count < WORLD_LISTENERS_MAX && rows[count]; count++) {
        struct listen_spec spec;

        if (listen_spec_parse(str_of(rows[count]), &spec))
            abort();
        open_listener(world, count, &spec);
    }
    return count;
}

void world_unlisten(struct world *world)
{
    struct list_node *node;
    unsigned count = world->server ? world->server->listener_count : 0;

    while ((node = list_first(&world->connections))) {
        struct connection *connection = CONTAINER_OF(node, struct connection, node);

        sim_close(&world->net, connection->end);
        free_connection(connection);
    }
    for (unsigned i = 0; i < count; i++) {
        if (world->listeners[i].transport == TRANSPORT_UDP)
            sim_socket_close(&world->net, &world->datagrams[i]);
        else
            sim_unlisten(&world->streams[i]);
    }
}

const struct sim_host *world_server_host(const struct world *world)
{
    return &world->hosts[0];
}
