/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <culvert/log.h>

#include "net/inside.h"
#include "sys/process.h"

enum {
    BACKLOG = 1024,
    RECEIVE_BYTES = 4 << 20, /* holds a second or so of a flood */
    SEND_BYTES = 1 << 20,
};

struct net_sockets {
    unsigned workers;
    unsigned listener_count;
    int *fds; /* worker by worker; -1: taken, or not open */
};

/* ---- saying what went wrong ---- */

static enum err err_of(int error)
{
    switch (error) {
    case EADDRINUSE:
        return ERR_EXISTS;
    case EADDRNOTAVAIL:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case EAFNOSUPPORT:
        return ERR_UNSUPPORTED;
    default:
        return ERR_IO;
    }
}

static const char *listener_text(const struct listener *listener, char buffer[static FLOW_TEXT_MAX])
{
    struct flow flow = { .peer = listener->bound, .transport = (uint8_t)listener->transport };

    return flow_text(&flow, buffer);
}

static void explain_in_use(const struct listener *listener, const char *name)
{
    bool is_udp = listener->transport == TRANSPORT_UDP;
    char holder[128];

    if (process_holding(is_udp, &listener->bound, holder, sizeof holder))
        log_error("cannot listen on %s: the port is held by %s; stop that, or listen elsewhere",
                  name, holder);
    else
        log_error("cannot listen on %s: another process holds the port; \"ss -ln%cp sport = :%u\" "
                  "as root shows which",
                  name, is_udp ? 'u' : 't', listener->bound.port);
}

static void explain(const struct listener *listener, int error)
{
    char name[FLOW_TEXT_MAX];

    listener_text(listener, name);
    if (error == EADDRINUSE)
        explain_in_use(listener, name);
    else if (error == EADDRNOTAVAIL)
        log_error("cannot listen on %s: no interface of this machine has that address; behind a "
                  "1:1 NAT listen on the machine's own address and advertise the public one",
                  name);
    else if (error == EACCES)
        log_error("cannot listen on %s: not permitted; ports below 1024 need root or "
                  "CAP_NET_BIND_SERVICE",
                  name);
    else if (error == EAFNOSUPPORT)
        log_error("cannot listen on %s: this machine has no IPv%d", name, listener->bound.family);
    else
        log_error("cannot listen on %s: %s", name, strerror(error));
}

/* ---- one socket ---- */

static void set_flag(int fd, int level, int option)
{
    int on = 1;

    setsockopt(fd, level, option, &on, sizeof on);
}

static void set_buffer(int fd, int forced, int option, int bytes)
{
    if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0)
        setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof bytes);
}

static void set_discovery(int fd, uint8_t family, int ipv4, int ipv6)
{
    if (family == ADDR_IPV4)
        setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &ipv4, sizeof ipv4);
    else
        setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &ipv6, sizeof ipv6);
}

/* Large datagrams are fragmented on the way, rather than lost where no ICMP comes back. */
static void allow_fragments(int fd, uint8_t family)
{
    set_discovery(fd, family, IP_PMTUDISC_DONT, IPV6_PMTUDISC_DONT);
}

/* What is too large for the path is fragmented here, so that nothing fails. */
void net_sockets_discover_mtu(int fd, uint8_t family)
{
    set_discovery(fd, family, IP_PMTUDISC_WANT, IPV6_PMTUDISC_WANT);
}

static void set_options(int fd, const struct listener *listener, int type, bool is_shared)
{
    if (listener->bound.family == ADDR_IPV6)
        set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (type == SOCK_STREAM) /* connections of an earlier run may still linger */
        set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
    if (is_shared)
        set_flag(fd, SOL_SOCKET, SO_REUSEPORT);
    if (type != SOCK_DGRAM)
        return;
    set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BYTES);
    set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BYTES);
    allow_fragments(fd, listener->bound.family);
}

/* A bound socket, or -1 and errno. */
static int open_bound(const struct listener *listener, bool is_shared)
{
    int type = transport_functions(listener->transport)->socket_type;
    struct sockaddr_storage address;
    socklen_t size = addr_to_sockaddr(&listener->bound, &address);
    int fd = socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return -1;
    set_options(fd, listener, type, is_shared);
    if (bind(fd, (struct sockaddr *)&address, size) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int open_listening(const struct listener *listener, bool is_shared)
{
    int fd = open_bound(listener, is_shared);
    int error;

    if (fd < 0 || transport_functions(listener->transport)->socket_type != SOCK_STREAM)
        return fd;
    if (listen(fd, BACKLOG) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* A port 0 becomes the one that the kernel chose. */
static void read_port(int fd, struct listener *listener)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    struct addr bound;

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return;
    addr_from_sockaddr(&address, &bound);
    listener->bound.port = bound.port;
}

/*
 * Sockets that share a port share it with every process of the same user: a second server would
 * silently take half of the traffic. So the first does not share, which fails when anybody has the
 * port, and lets the others in once it has it for itself.
 */
static int open_first(struct listener *listener)
{
    int fd = open_listening(listener, false);

    if (fd < 0)
        return -1;
    set_flag(fd, SOL_SOCKET, SO_REUSEPORT);
    read_port(fd, listener);
    return fd;
}

/* ---- all of them ---- */

static int *fd_of(const struct net_sockets *sockets, unsigned worker, unsigned listener)
{
    return &sockets->fds[worker * sockets->listener_count + listener];
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* For every worker, or for none; false and errno. */
static bool open_for_all(struct net_sockets *sockets, struct listener *listener, unsigned index)
{
    int error;

    for (unsigned worker = 0; worker < sockets->workers; worker++) {
        *fd_of(sockets, worker, index) =
            worker == 0 ? open_first(listener) : open_listening(listener, true);
        if (*fd_of(sockets, worker, index) >= 0)
            continue;
        error = errno;
        while (worker > 0)
            close_fd(fd_of(sockets, --worker, index));
        errno = error;
        return false;
    }
    return true;
}

static enum err check(const struct listener *listener)
{
    char name[FLOW_TEXT_MAX];

    listener_text(listener, name);
    if (!transport_functions(listener->transport)) {
        log_error("cannot listen on %s: this transport is not built in", name);
        return ERR_UNSUPPORTED;
    }
    if (addr_is_unspecified(&listener->bound)) {
        log_error("cannot listen on %s: name an address of this machine", name);
        return ERR_UNSUPPORTED;
    }
    return ERR_NONE;
}

static enum err open_listener(struct net_sockets *sockets, struct listener *listener,
                              unsigned index)
{
    enum err err = check(listener);
    int error;

    if (err)
        return err;
    if (open_for_all(sockets, listener, index))
        return ERR_NONE;
    error = errno;
    explain(listener, error);
    return err_of(error);
}

static enum err open_all(struct net_sockets *sockets, struct listener *listeners)
{
    enum err err = ERR_NONE;

    for (unsigned i = 0; i < sockets->listener_count && !err; i++)
        err = open_listener(sockets, &listeners[i], i);
    return err;
}

enum err net_sockets_open(struct listener *listeners, unsigned listener_count, unsigned workers,
                          struct net_sockets **out)
{
    struct net_sockets *sockets = calloc(1, sizeof *sockets);
    size_t count = (size_t)workers * listener_count;
    enum err err;

    if (!sockets)
        return ERR_NOMEM;
    sockets->fds = malloc((count ? count : 1) * sizeof *sockets->fds);
    if (!sockets->fds) {
        free(sockets);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++)
        sockets->fds[i] = -1;
    sockets->workers = workers;
    sockets->listener_count = listener_count;
    if ((err = open_all(sockets, listeners))) {
        net_sockets_close(sockets);
        return err;
    }
    *out = sockets;
    return ERR_NONE;
}

void net_sockets_close(struct net_sockets *sockets)
{
    if (!sockets)
        return;
    for (size_t i = 0; i < (size_t)sockets->workers * sockets->listener_count; i++)
        close_fd(&sockets->fds[i]);
    free(sockets->fds);
    free(sockets);
}

int net_sockets_take(struct net_sockets *sockets, unsigned worker, unsigned listener)
{
    int fd = *fd_of(sockets, worker, listener);

    *fd_of(sockets, worker, listener) = -1;
    return fd;
}
