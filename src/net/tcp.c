/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <culvert/log.h>

#include "net/connection.h"

enum {
    ACCEPT_BATCH = 64,  /* before others get their turn */
    ACCEPT_PAUSE = 100, /* ms */
};

/* ---- accepting ---- */

static void resume_accepting(struct timer *timer)
{
    struct port *port = CONTAINER_OF(timer, struct port, resume);

    port_watch(port);
}

/* The kernel has nothing to give: trying again at once would only burn the processor. */
static void pause_accepting(struct port *port)
{
    port_unwatch(port);
    net_timer_start(port->net, &port->resume, net_now(port->net) + ACCEPT_PAUSE, resume_accepting);
}

/* Out of descriptors: the reserve lets us take one connection, only to close it. */
static bool refuse_one(struct port *port)
{
    struct net *net = port->net;
    int fd;

    if (net_may_complain(net))
        log_error("no descriptors left, connections are refused: raise the limit (ulimit -n, "
                  "LimitNOFILE=) (more in the next minute are not logged)");
    if (net->reserve_fd >= 0)
        close(net->reserve_fd);
    fd = accept4(port->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        tally_add(&net->tally->refused, 1);
    }
    net->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

/* After a failed accept: true when trying again makes sense. */
static bool handle_failure(struct port *port)
{
    switch (errno) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
        if (refuse_one(port))
            return true;
        break;
    case ENOBUFS:
    case ENOMEM:
        break;
    default: /* errors of the one connection that waited */
        return true;
    }
    pause_accepting(port);
    return false;
}

static bool accept_one(struct port *port)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    struct addr peer;
    int fd = accept4(port->fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return handle_failure(port);
    addr_from_sockaddr(&from, &peer);
    connection_accept(port, fd, &peer);
    return true;
}

void stream_accept(struct port *port)
{
    for (int i = 0; i < ACCEPT_BATCH && accept_one(port); i++)
        ;
}

/* ---- sending ---- */

static enum err send_on_connection(struct net *net, const struct flow *flow, struct str bytes)
{
    struct connection *connection;

    if (connection_owner(flow->connection) != net->index)
        return shared_forward(net->shared, net->index, flow, bytes);
    connection = connection_find(net, flow);
    return connection ? connection_send(connection, bytes) : ERR_UNREACHABLE;
}

static enum err dial_and_send(struct net *net, const struct flow *flow, struct str bytes)
{
    struct flow dialled = *flow;
    struct connection *connection;
    enum err err;

    dialled.socket = net_sending_socket(net, flow);
    if (dialled.socket == SOCKET_ANY || flow->peer.port == 0)
        return ERR_UNREACHABLE;
    err = connection_dial(net, &dialled, &connection);
    return err ? err : connection_send(connection, bytes);
}

enum err stream_send(struct net *net, const struct flow *flow, struct str bytes)
{
    enum err err = ERR_UNREACHABLE;
    struct flow known;

    if (flow->connection)
        return send_on_connection(net, flow, bytes);
    if (shared_find_peer(net->shared, flow, &known))
        err = send_on_connection(net, &known, bytes);
    return err == ERR_UNREACHABLE ? dial_and_send(net, flow, bytes) : err;
}

/* ---- TCP ---- */

static ssize_t tcp_read(struct connection *connection, char *bytes, size_t size)
{
    return recv(connection->fd, bytes, size, 0);
}

static ssize_t tcp_write(struct connection *connection, const struct iovec *pieces, int count)
{
    struct msghdr message = { .msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)count };

    return sendmsg(connection->fd, &message, MSG_NOSIGNAL);
}

static const struct stream_functions tcp_stream = {
    .read = tcp_read,
    .write = tcp_write,
    .frame = sip_stream_frame,
};

const struct transport_functions tcp_functions = {
    .socket_type = SOCK_STREAM,
    .on_readable = stream_accept,
    .send = stream_send,
    .stream = &tcp_stream,
};
