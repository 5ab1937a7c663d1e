/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/connection.h"
#include "net/inside.h"
#include "net/names.h"
#include "net/outages.h"
#include "net/resolver.h"
#include "net/sockets.h"
#include "net/tcp.h"
#include "net/tls.h"
#include "net/tls_stream.h"
#include "net/udp.h"

enum {
    COMPLAINT_PAUSE = 60000, /* ms between two log lines about refused connections */
    OUTAGE_TIME = 60000,     /* ms */
};

const struct transport_functions *transport_functions(enum transport transport)
{
    static const struct transport_functions *const rows[TRANSPORTS] = {
        [TRANSPORT_UDP] = &udp_functions,
        [TRANSPORT_TCP] = &tcp_functions,
        [TRANSPORT_TLS] = &tls_functions,
    };

    return (unsigned)transport < TRANSPORTS ? rows[transport] : NULL;
}

/* ---- timers ---- */

static void on_alarm(uv_timer_t *alarm);

static void set_alarm(struct net *net)
{
    msec next = wheel_next(&net->wheel);
    msec now = net_now(net);

    if (!net->has_alarm)
        return;
    if (next == MSEC_NEVER)
        uv_timer_stop(&net->alarm);
    else
        uv_timer_start(&net->alarm, on_alarm, next > now ? next - now : 0, 0);
}

static void on_alarm(uv_timer_t *alarm)
{
    struct net *net = alarm->data;

    wheel_advance(&net->wheel, net_now(net));
    set_alarm(net);
}

void net_timer_start(struct net *net, struct timer *timer, msec deadline, timer_fn *fire)
{
    msec next = wheel_next(&net->wheel);

    timer_start(&net->wheel, timer, deadline, fire);
    if (wheel_next(&net->wheel) < next)
        set_alarm(net);
}

bool net_may_complain(struct net *net)
{
    msec now = net_now(net);

    if (net->complained_at && now - net->complained_at < COMPLAINT_PAUSE)
        return false;
    net->complained_at = now;
    return true;
}

/* ---- choosing a listener ---- */

bool net_socket_fits(const struct net *net, uint16_t socket, enum transport transport,
                     uint8_t family)
{
    return socket < net->listener_count && net->listeners[socket].transport == transport &&
           net->listeners[socket].bound.family == family;
}

/* The address that the kernel would send from; false when there is no route. */
static bool find_source(const struct addr *peer, struct addr *out)
{
    struct sockaddr_storage address;
    socklen_t size = addr_to_sockaddr(peer, &address);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found;

    if (fd < 0)
        return false;
    found = connect(fd, (struct sockaddr *)&address, size) == 0;
    size = sizeof address;
    found = found && getsockname(fd, (struct sockaddr *)&address, &size) == 0;
    close(fd);
    if (found)
        addr_from_sockaddr(&address, out);
    return found;
}

static uint16_t find_listener(const struct net *net, enum transport transport, uint8_t family,
                              const struct addr *source)
{
    for (uint16_t i = 0; i < net->listener_count; i++)
        if (net_socket_fits(net, i, transport, family) &&
            (!source || addr_same_ip(&net->listeners[i].bound, source)))
            return i;
    return SOCKET_ANY;
}

/* Do listeners of the transport and family differ in their addresses? */
static bool has_choice(const struct net *net, enum transport transport, uint8_t family,
                       uint16_t first)
{
    for (uint16_t i = first; i < net->listener_count; i++)
        if (net_socket_fits(net, i, transport, family) &&
            !addr_same_ip(&net->listeners[i].bound, &net->listeners[first].bound))
            return true;
    return false;
}

uint16_t net_choose_socket(const struct net *net, enum transport transport, const struct addr *peer)
{
    uint16_t first = find_listener(net, transport, peer->family, NULL);
    uint16_t routed = SOCKET_ANY;
    struct addr source;

    if (first == SOCKET_ANY || !has_choice(net, transport, peer->family, first))
        return first;
    if (find_source(peer, &source))
        routed = find_listener(net, transport, peer->family, &source);
    return routed == SOCKET_ANY ? first : routed;
}

uint16_t net_sending_socket(const struct net *net, const struct flow *flow)
{
    enum transport transport = (enum transport)flow->transport;

    if (flow->socket == SOCKET_ANY)
        return net_choose_socket(net, transport, &flow->peer);
    return net_socket_fits(net, flow->socket, transport, flow->peer.family) ? flow->socket
                                                                            : SOCKET_ANY;
}

/* ---- what the pure core calls ---- */

static struct net *net_of(struct outside *outside)
{
    return CONTAINER_OF(outside, struct net, outside);
}

static enum err net_send(struct outside *outside, const struct flow *flow, struct str bytes)
{
    const struct transport_functions *functions =
        transport_functions((enum transport)flow->transport);

    return functions ? functions->send(net_of(outside), flow, bytes) : ERR_UNREACHABLE;
}

static void net_resolve(struct outside *outside, const struct resolve_query *query,
                        resolve_done_fn *done, void *context)
{
    resolver_resolve(net_of(outside)->resolver, query, done, context);
}

static void net_judge(struct outside *outside, const struct flow *hop, enum err why, msec pause)
{
    struct net *net = net_of(outside);
    const struct name_rules *rules = &net->limits->names;
    msec initial = rules->outage ? rules->outage : OUTAGE_TIME;

    if (!why)
        outages_forgive(net_outages(net->shared), hop);
    else if (!rules->no_outages)
        outages_note(net_outages(net->shared), hop, why, net_now(net), pause ? pause : initial);
}

static void net_alias(struct outside *outside, const struct flow *flow, uint16_t port)
{
    if (flow->connection)
        shared_alias(net_of(outside)->shared, flow, port);
}

static void net_trust(struct outside *outside, const struct flow *flow)
{
    struct net *net = net_of(outside);

    if (flow->connection)
        shared_trust(net->shared, flow);
    else if (flow->transport == TRANSPORT_UDP)
        gate_vouch(shared_gate(net->shared), &flow->peer, net_now(net));
}

static enum err net_tls_fact(struct outside *outside, const struct flow *flow,
                             const struct tls_question *question, struct writer *out)
{
    struct tls_peer *peer = shared_take_peer(net_of(outside)->shared, flow);
    enum err err = peer ? tls_peer_write(peer, question, out) : ERR_NOT_FOUND;

    tls_peer_unref(peer);
    return err;
}

struct outside *net_outside(struct net *net)
{
    return &net->outside;
}

/* ---- what the resolver stands on ---- */

static msec tell_now(void *context)
{
    return net_now(context);
}

static void start_timer(void *context, struct timer *timer, msec deadline, timer_fn *fire)
{
    net_timer_start(context, timer, deadline, fire);
}

static void stop_timer(void *context, struct timer *timer)
{
    struct net *net = context;

    timer_stop(&net->wheel, timer);
}

static uint16_t choose_socket(void *context, enum transport transport, const struct addr *peer)
{
    return net_choose_socket(context, transport, peer);
}

static uint32_t identify(void *context, struct str host)
{
    const struct net *net = context;
    struct tls *tls = shared_tls(net->shared);

    return tls ? tls_identity(tls, host) : 0;
}

static void find_name(void *context, enum dns_kind kind, struct str name, name_done_fn *done,
                      void *done_context)
{
    struct net *net = context;

    names_find(net->names, kind, name, done, done_context);
}

static enum err open_resolver(struct net *net)
{
    struct resolver_ground ground = {
        .context = net,
        .rules = &net->limits->names,
        .listeners = net->listeners,
        .listener_count = net->listener_count,
        .outages = net_outages(net->shared),
        .now = tell_now,
        .start_timer = start_timer,
        .stop_timer = stop_timer,
        .choose_socket = choose_socket,
        .identify = identify,
        .find_name = find_name,
    };
    enum err err = names_create(net->loop, ground.rules, net->tally, &net->names);

    if (err)
        return err;
    net->random = random_system_create();
    if (!net->random)
        return ERR_NOMEM;
    ground.random = net->random;
    return resolver_create(&ground, &net->resolver);
}

/* ---- beginning and end ---- */

static void net_free(struct net *net)
{
    if (net->reserve_fd >= 0)
        close(net->reserve_fd);
    table_fini(&net->connections);
    datagrams_destroy(net->datagrams);
    free(net->stream_buffer);
    free(net->record);
    free(net->ports);
    free(net);
}

void net_hold(struct net *net)
{
    net->handles++;
}

void net_release(struct net *net)
{
    if (--net->handles == 0)
        net_free(net);
}

static void on_alarm_closed(uv_handle_t *handle)
{
    struct net *net = handle->data;

    net_release(net);
}

static void open_alarm(struct net *net)
{
    uv_timer_init(loop_uv(net->loop), &net->alarm);
    net->alarm.data = net;
    net->has_alarm = true;
    net_hold(net);
}

static enum err open_ports(struct net *net, struct net_sockets *sockets)
{
    enum err err = ERR_NONE;

    for (unsigned i = 0; i < net->listener_count; i++) {
        struct port *port = &net->ports[i];

        port->net = net;
        port->listener = &net->listeners[i];
        port->functions = transport_functions(net->listeners[i].transport);
        port->index = (uint16_t)i;
        port->fd = net_sockets_take(sockets, net->index, i);
        if (net->limits->discovers_mtu && port->functions->socket_type == SOCK_DGRAM)
            net_sockets_discover_mtu(port->fd, net->listeners[i].bound.family);
    }
    for (unsigned i = 0; i < net->listener_count && !err; i++)
        err = net->ports[i].fd < 0 ? ERR_NOT_NOW : port_open(&net->ports[i]);
    return err;
}

static enum err take_memory(struct net *net)
{
    net->stream_buffer = malloc(STREAM_BUFFER);
    net->record = malloc(RECORD_BUFFER);
    net->datagrams = datagrams_create();
    net->ports = calloc(net->listener_count ? net->listener_count : 1, sizeof *net->ports);
    if (!net->stream_buffer || !net->record || !net->datagrams || !net->ports) {
        net->listener_count = net->ports ? net->listener_count : 0;
        return ERR_NOMEM;
    }
    return ERR_NONE;
}

static enum err fill_net(struct net *net, struct net_sockets *sockets)
{
    enum err err = take_memory(net);

    if (err)
        return err;
    for (unsigned i = 0; i < net->listener_count; i++)
        net->ports[i].fd = -1;
    if ((err = open_resolver(net)))
        return err;
    shared_join(net->shared, net, net->index);
    return open_ports(net, sockets);
}

static void init_net(struct net *net)
{
    net->outside = (struct outside){
        .send = net_send,
        .resolve = net_resolve,
        .alias = net_alias,
        .trust = net_trust,
        .tls_fact = net_tls_fact,
        .judge = net_judge,
    };
    net->limits = shared_limits(net->shared);
    net->tally = shared_tally(net->shared, net->index);
    net->serial = shared_first_serial(net->shared);
    net->frame_limits = *sip_limits_default();
    net->frame_limits.message_bytes = net->limits->message_bytes;
    net->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    wheel_init(&net->wheel, net_now(net));
    table_init(&net->connections);
    list_init(&net->broken);
    open_alarm(net);
}

enum err net_create(struct loop *loop, struct net_sockets *sockets, struct net_shared *shared,
                    unsigned index, const struct listener *listeners, unsigned listener_count,
                    const struct net_user *user, struct net **out)
{
    struct net *net = calloc(1, sizeof *net);
    enum err err;

    if (!net)
        return ERR_NOMEM;
    net->loop = loop;
    net->shared = shared;
    net->index = index;
    net->listeners = listeners;
    net->listener_count = listener_count;
    net->user = *user;
    init_net(net);
    if ((err = fill_net(net, sockets))) {
        net_destroy(net);
        return err;
    }
    *out = net;
    return ERR_NONE;
}

static void destroy_connections(struct net *net)
{
    struct table_walk walk = { 0 };
    struct table_node *node;
    struct list_node *broken;

    while ((node = table_each(&net->connections, &walk)))
        connection_destroy(CONTAINER_OF(node, struct connection, node));
    while ((broken = list_first(&net->broken)))
        connection_destroy(CONTAINER_OF(broken, struct connection, place));
}

void net_destroy(struct net *net)
{
    if (!net)
        return;
    shared_leave(net->shared, net->index);
    destroy_connections(net);
    resolver_destroy(net->resolver);
    names_destroy(net->names);
    random_system_destroy(net->random);
    for (unsigned i = 0; i < net->listener_count; i++)
        if (net->ports && net->ports[i].net)
            port_close(&net->ports[i]);
    net->has_alarm = false;
    uv_close((uv_handle_t *)&net->alarm, on_alarm_closed);
}

static void quiesce_connections(struct net *net)
{
    struct table_walk walk = { 0 };
    struct table_node *node;

    while ((node = table_each(&net->connections, &walk)))
        connection_watch(CONTAINER_OF(node, struct connection, node));
}

void net_quiesce(struct net *net)
{
    net->is_quiet = true;
    for (unsigned i = 0; i < net->listener_count; i++) {
        struct port *port = &net->ports[i];

        if (port->functions->stream)
            port_close(port); /* refuses from now on; what is connected is not touched */
        else
            port_unwatch(port);
    }
    quiesce_connections(net);
}
