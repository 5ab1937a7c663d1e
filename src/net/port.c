/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/socket.h>
#include <unistd.h>

#include "net/inside.h"

/* An error of the socket stops its events in libuv: read the error away and watch again. */
static void clear_error(struct port *port)
{
    int error;
    socklen_t size = sizeof error;

    getsockopt(port->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    port_watch(port);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct port *port = poll->data;

    (void)events;
    if (status < 0)
        clear_error(port);
    else
        port->functions->on_readable(port);
}

enum err port_open(struct port *port)
{
    if (uv_poll_init(loop_uv(port->net->loop), &port->poll, port->fd))
        return ERR_IO;
    port->poll.data = port;
    port->has_handle = true;
    net_hold(port->net);
    port_watch(port);
    return ERR_NONE;
}

void port_watch(struct port *port)
{
    if (port->has_handle)
        uv_poll_start(&port->poll, UV_READABLE, on_event);
}

void port_unwatch(struct port *port)
{
    if (port->has_handle)
        uv_poll_stop(&port->poll);
}

static void on_closed(uv_handle_t *handle)
{
    struct port *port = handle->data;

    net_release(port->net);
}

void port_close(struct port *port)
{
    timer_stop(&port->net->wheel, &port->resume);
    if (port->has_handle)
        uv_close((uv_handle_t *)&port->poll, on_closed);
    port->has_handle = false;
    if (port->fd >= 0)
        close(port->fd);
    port->fd = -1;
}
