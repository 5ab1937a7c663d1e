/* SPDX-License-Identifier: Apache-2.0 */
#include "net/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <culvert/log.h>

#include "net/tls.h"

enum {
    SILENCE_MAX =
        30000, /* ms that a peer may leave our bytes unacknowledged before the kernel gives up */
    SHAKING_NS_MAX = 4000000, /* for handshakes in one turn of the loop */
};

/* ---- deadlines ---- */

/* The limits of time that a connection is under, the nearest of them. */
struct limit {
    msec deadline;
    const char *what;
    bool is_slowness;
};

static void consider(struct limit *nearest, msec deadline, const char *what, bool is_slowness)
{
    if (deadline < nearest->deadline)
        *nearest = (struct limit){ deadline, what, is_slowness };
}

static bool is_stranger(const struct connection *connection)
{
    return !atomic_load_explicit(&connection->entry.is_trusted, memory_order_relaxed);
}

static struct limit nearest_limit(const struct connection *connection)
{
    const struct net_limits *limits = connection->net->limits;
    const struct shared_entry *entry = &connection->entry;
    struct limit nearest = { MSEC_NEVER, NULL, false };

    if (connection->state == CONNECTION_DIALLING) {
        consider(&nearest, entry->opened_at + limits->connect_timeout, "connecting", false);
        return nearest;
    }
    if (connection->state == CONNECTION_SHAKING) {
        consider(&nearest, connection->state_since + limits->handshake_timeout, "the handshake",
                 true);
        return nearest;
    }
    consider(&nearest, connection->active_at + limits->idle_timeout, "silence", false);
    if (is_stranger(connection) && connection->has_spoken)
        consider(&nearest, connection->spoken_at + limits->stranger_timeout, "a stranger's silence",
                 false);
    if (!connection->has_spoken && !entry->is_dialled)
        consider(&nearest, connection->state_since + limits->first_message_timeout,
                 "the first message", true);
    if (inbox_has_message(&connection->inbox))
        consider(&nearest, connection->inbox.since + limits->message_timeout, "a message", true);
    if (connection->outbox.first)
        consider(&nearest, outbox_since(&connection->outbox) + limits->write_queue_age,
                 "reading what we send", true);
    return nearest;
}

static void on_timer(struct timer *timer)
{
    struct connection *connection = CONTAINER_OF(timer, struct connection, timer);
    struct limit limit = nearest_limit(connection);
    char text[FLOW_TEXT_MAX];

    if (limit.deadline > net_now(connection->net)) {
        connection_set_timer(connection);
        return;
    }
    log_debug("%s: closed, %s took too long", flow_text(&connection->entry.flow, text), limit.what);
    if (limit.is_slowness)
        tally_add(&connection->net->tally->closed_slow, 1);
    connection_break(connection, ERR_TIMEOUT);
}

void connection_set_timer(struct connection *connection)
{
    msec deadline = nearest_limit(connection).deadline;

    if (!timer_is_armed(&connection->timer) || deadline < connection->timer.deadline)
        net_timer_start(connection->net, &connection->timer, deadline, on_timer);
}

/* ---- events ---- */

static void set_state(struct connection *connection, enum connection_state state)
{
    connection->state = state;
    connection->state_since = net_now(connection->net);
    connection->active_at = connection->state_since;
}

/* What the stream has to do before messages can pass. */
static void begin(struct connection *connection)
{
    set_state(connection,
              connection->functions->shake ? CONNECTION_SHAKING : CONNECTION_OPEN);
}

static void on_connected(struct connection *connection)
{
    int error = 0;
    socklen_t size = sizeof error;

    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        connection_break(connection, ERR_UNREACHABLE);
        return;
    }
    begin(connection);
    if (connection->state == CONNECTION_OPEN)
        outbox_flush(connection);
}

/* In one turn of the loop only so much is spent on handshakes: others wait for the next. */
static bool may_shake(struct net *net)
{
    msec now = net_now(net);

    if (net->shaken_at != now) {
        net->shaken_at = now;
        net->shaking_ns = 0;
    }
    return net->shaking_ns < SHAKING_NS_MAX;
}

static void shake(struct connection *connection)
{
    struct net *net = connection->net;
    uint64_t begun = uv_hrtime();
    enum err err = connection->functions->shake(connection);

    net->shaking_ns += uv_hrtime() - begun;
    if (err == ERR_NOT_NOW)
        return;
    if (err) {
        tally_add(&net->tally->handshakes_failed, 1);
        connection_break(connection, connection->entry.is_dialled ? ERR_UNREACHABLE : ERR_IO);
        return;
    }
    tally_add(&net->tally->handshakes, 1);
    set_state(connection, CONNECTION_OPEN);
    outbox_flush(connection);
}

static void on_failure(struct connection *connection)
{
    bool is_dialling = connection->state == CONNECTION_DIALLING;

    connection_break(connection, is_dialling ? ERR_UNREACHABLE : ERR_IO);
}

static bool wants_writable(const struct connection *connection)
{
    return connection->functions->wants_writable &&
           connection->functions->wants_writable(connection);
}

static void handle_events(struct connection *connection, int events)
{
    bool may_read = events & UV_READABLE || wants_writable(connection);

    if (connection->state == CONNECTION_DIALLING)
        on_connected(connection);
    else if (connection->state == CONNECTION_OPEN && events & UV_WRITABLE)
        outbox_flush(connection);
    if (connection->state == CONNECTION_SHAKING && may_shake(connection->net))
        shake(connection);
    if (may_read && connection->state == CONNECTION_OPEN)
        inbox_read(connection);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = poll->data;

    if (status < 0)
        on_failure(connection);
    else
        handle_events(connection, events);
    if (connection->state == CONNECTION_BROKEN)
        return;
    connection_watch(connection);
    connection_set_timer(connection);
}

static int wanted_events(const struct connection *connection)
{
    if (connection->state == CONNECTION_DIALLING)
        return UV_WRITABLE;
    if (connection->state == CONNECTION_SHAKING)
        return UV_READABLE | (wants_writable(connection) ? UV_WRITABLE : 0);
    return (connection->net->is_quiet ? 0 : UV_READABLE) |
           (connection->outbox.first || wants_writable(connection) ? UV_WRITABLE : 0);
}

void connection_watch(struct connection *connection)
{
    int wanted = wanted_events(connection);

    if (wanted == connection->watched)
        return;
    connection->watched = wanted;
    if (wanted)
        uv_poll_start(&connection->poll, wanted, on_event);
    else
        uv_poll_stop(&connection->poll);
}

/* ---- the end ---- */

static void on_poll_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    struct net *net = connection->net;

    free(connection);
    net_release(net);
}

/* Out of every index: nobody finds it any more. */
static void unlink_connection(struct connection *connection)
{
    shared_remove(connection->net->shared, &connection->entry);
    table_remove(&connection->net->connections, &connection->node);
    list_remove(&connection->place);
}

static void free_broken(struct connection *connection)
{
    timer_stop(&connection->net->wheel, &connection->timer);
    list_remove(&connection->place);
    if (connection->functions->end)
        connection->functions->end(connection);
    tls_peer_unref(connection->entry.peer);
    inbox_free(&connection->inbox);
    outbox_free(&connection->outbox);
    uv_close((uv_handle_t *)&connection->poll, on_poll_closed);
    close(connection->fd);
}

static void report_broken(struct timer *timer)
{
    struct connection *connection = CONTAINER_OF(timer, struct connection, timer);
    struct net *net = connection->net;

    shared_tell(net->shared, &connection->entry, connection->why);
    net->user.on_closed(net->user.context, &connection->entry.flow, connection->why);
    free_broken(connection);
}

void connection_break(struct connection *connection, enum err why)
{
    struct net *net = connection->net;

    if (connection->state == CONNECTION_BROKEN)
        return;
    unlink_connection(connection);
    connection->state = CONNECTION_BROKEN;
    connection->why = why;
    if (why == ERR_SYNTAX || why == ERR_IO)
        tally_add(&net->tally->closed_broken, 1);
    uv_poll_stop(&connection->poll);
    list_push_back(&net->broken, &connection->place);
    net_timer_start(net, &connection->timer, net_now(net), report_broken);
}

void connection_destroy(struct connection *connection)
{
    if (connection->state != CONNECTION_BROKEN)
        unlink_connection(connection);
    free_broken(connection);
}

/* ---- the beginning ---- */

static void set_options(int fd)
{
    int on = 1;
    int silence = SILENCE_MAX;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
#ifdef TCP_USER_TIMEOUT
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof silence);
#endif
    (void)silence;
}

static uint64_t next_id(struct net *net)
{
    net->serial = (net->serial + 1) & ((UINT64_C(1) << 48) - 1);
    return (uint64_t)(net->index + 1) << 48 | net->serial;
}

/* Into the indexes and the loop. The caller still owns the memory and the socket when this fails.
 */
static enum err enter(struct connection *connection)
{
    struct net *net = connection->net;
    uint64_t id = connection->entry.flow.connection;
    enum err err = shared_enter(net->shared, &connection->entry);

    if (err)
        return err;
    if ((err = table_insert(&net->connections, &connection->node, id)))
        goto fail;
    if (uv_poll_init(loop_uv(net->loop), &connection->poll, connection->fd)) {
        table_remove(&net->connections, &connection->node);
        err = ERR_IO;
        goto fail;
    }
    connection->poll.data = connection;
    net_hold(net);
    return ERR_NONE;

fail:
    shared_remove(net->shared, &connection->entry);
    return err;
}

/* The socket becomes the connection's, or stays the caller's when this fails. */
static enum err make(struct net *net, int fd, const struct flow *flow, bool is_dialled,
                     struct connection **out)
{
    struct connection *connection = calloc(1, sizeof *connection);
    enum err err;

    if (!connection)
        return ERR_NOMEM;
    connection->net = net;
    connection->fd = fd;
    connection->functions = transport_functions((enum transport)flow->transport)->stream;
    connection->entry =
        (struct shared_entry){ .flow = *flow, .opened_at = net_now(net), .is_dialled = is_dialled };
    if (is_dialled)
        set_state(connection, CONNECTION_DIALLING);
    else
        begin(connection);
    connection->entry.flow.connection = next_id(net);
    outbox_init(&connection->outbox);
    if ((err = enter(connection))) {
        free(connection);
        return err;
    }
    set_options(fd);
    *out = connection;
    return ERR_NONE;
}

static const char *explain_refusal(enum err why)
{
    if (why == ERR_LIMIT)
        return "too many from its address";
    return why == ERR_EXHAUSTED ? "the server has as many as it may" : err_name(why);
}

static void refuse(struct net *net, int fd, const struct addr *peer, enum err why)
{
    char text[ADDR_TEXT_MAX];

    close(fd);
    tally_add(&net->tally->refused, 1);
    if (net_may_complain(net))
        log_warning("connection from %s refused: %s (more in the next minute are not logged)",
                    addr_text(peer, text), explain_refusal(why));
}

void connection_accept(struct port *port, int fd, const struct addr *peer)
{
    struct net *net = port->net;
    struct flow flow = { .peer = *peer,
                         .socket = port->index,
                         .transport = (uint8_t)port->listener->transport };
    struct connection *connection;
    enum err err = make(net, fd, &flow, false, &connection);

    if (err) {
        refuse(net, fd, peer, err);
        return;
    }
    tally_add(&net->tally->accepted, 1);
    connection_watch(connection);
    connection_set_timer(connection);
}

/* A socket that is connecting to the peer from the listener's address; -1 and errno. */
static int start_connecting(const struct addr *local, const struct addr *peer)
{
    struct sockaddr_storage from, to;
    struct addr source = *local;
    socklen_t from_size, to_size = addr_to_sockaddr(peer, &to);
    int on = 1;
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    source.port = 0;
    from_size = addr_to_sockaddr(&source, &from);
#ifdef IP_BIND_ADDRESS_NO_PORT
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
    (void)on;
    if (bind(fd, (struct sockaddr *)&from, from_size) == 0 &&
        (connect(fd, (struct sockaddr *)&to, to_size) == 0 || errno == EINPROGRESS))
        return fd;
    close(fd);
    return -1;
}

enum err connection_dial(struct net *net, const struct flow *flow, struct connection **out)
{
    int fd = start_connecting(&net->listeners[flow->socket].bound, &flow->peer);
    enum err err;

    if (fd < 0)
        return errno == EMFILE || errno == ENFILE ? ERR_EXHAUSTED : ERR_UNREACHABLE;
    err = make(net, fd, flow, true, out);
    if (err) {
        close(fd);
        return err;
    }
    tally_add(&net->tally->dialled, 1);
    connection_watch(*out);
    connection_set_timer(*out);
    return ERR_NONE;
}

struct connection *connection_find(const struct net *net, const struct flow *flow)
{
    struct table_node *node = table_find_first(&net->connections, flow->connection);
    struct connection *connection;

    if (!node)
        return NULL;
    connection = CONTAINER_OF(node, struct connection, node);
    if (connection->entry.flow.transport != flow->transport ||
        !addr_eq(&connection->entry.flow.peer, &flow->peer))
        return NULL;
    return connection;
}

void connection_send_for_another(struct net *net, const struct flow *flow, struct str bytes)
{
    struct connection *connection = connection_find(net, flow);
    char text[FLOW_TEXT_MAX];

    if (!connection || connection_send(connection, bytes))
        log_debug("%s: a message of another worker was lost", flow_text(flow, text));
}
