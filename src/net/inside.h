/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of net/ share: the transports of one worker. A transport is one row of functions;
 * nothing else asks which transport it is dealing with. All calls happen on the worker's thread.
 */
#include <sys/uio.h>
#include <uv.h>

#include "base/list.h"
#include "base/table.h"
#include "net/net.h"
#include "net/shared.h"

struct connection;
struct datagrams;
struct names;
struct resolver;

/* One of the worker's listen sockets. */
struct port {
    struct net *net;
    const struct listener *listener;
    const struct transport_functions *functions;
    uv_poll_t poll;
    struct timer resume; /* when accepting was stopped because the kernel had nothing to give */
    int fd;              /* -1: closed, or not yet there */
    uint16_t index;      /* flow.socket */
    bool has_handle;
};

/* How a stream is carried; results are those of recv and sendmsg. */
struct stream_functions {
    ssize_t (*read)(struct connection *connection, char *bytes, size_t size);
    ssize_t (*write)(struct connection *connection, const struct iovec *pieces, int count);
    enum sip_frame (*frame)(struct str bytes, const struct sip_limits *limits, size_t *scanned,
                            size_t *length);
    /*
     * Goes on with what comes before the first message; ERR_NONE when it is done, ERR_NOT_NOW when it
     * waits for the peer. NULL, like all below, for a stream that is nothing but bytes.
     */
    enum err (*shake)(struct connection *connection);
    /* There are bytes to read that have left the kernel already. */
    bool (*has_more)(const struct connection *connection);
    /* Goes on when the socket is writable, although nothing waits in the outbox. */
    bool (*wants_writable)(const struct connection *connection);
    /* Before the socket is closed: says farewell if it can, and frees. Twice is fine. */
    void (*end)(struct connection *connection);
};

struct transport_functions {
    int socket_type; /* SOCK_DGRAM or SOCK_STREAM */
    void (*on_readable)(struct port *port);
    enum err (*send)(struct net *net, const struct flow *flow, struct str bytes);
    const struct stream_functions *stream; /* NULL: datagrams */
};

/* NULL: not a transport that we have. */
const struct transport_functions *transport_functions(enum transport transport);

struct net {
    struct outside outside; /* what the pure core holds; the net is found from it */
    struct net_user user;
    struct loop *loop;
    struct net_shared *shared;
    const struct net_limits *limits;
    struct sip_limits frame_limits;
    unsigned index; /* of the worker */
    const struct listener *listeners;
    unsigned listener_count;
    struct port *ports;

    struct wheel wheel; /* timers of connections, listeners and resolutions */
    uv_timer_t alarm;   /* wakes us for the wheel */
    bool has_alarm;

    struct table connections;    /* ours, by id */
    struct list_node broken;     /* to be reported and freed */
    uint64_t serial;             /* of the connection made last */
    int reserve_fd;              /* given up for a moment to refuse when descriptors run out */
    msec complained_at;          /* when the log was told of refused connections */
    char *stream_buffer;         /* STREAM_BUFFER bytes that all connections read into */
    char *record;                /* RECORD_BUFFER bytes that pieces are joined in */
    msec shaken_at;              /* the turn of the loop that the next is about */
    uint64_t shaking_ns;         /* spent on handshakes */
    struct datagrams *datagrams; /* what one call of the kernel fills */
    struct names *names;
    struct random_source *random; /* of the resolver */
    struct resolver *resolver;
    struct tally *tally;

    unsigned handles; /* of libuv, not yet closed; the last one's end frees the net */
    bool is_quiet;
};

enum {
    STREAM_BUFFER = 65536,
    RECORD_BUFFER = 16384,
};

static inline msec net_now(const struct net *net)
{
    return loop_now(net->loop);
}

/* Counts one handle of libuv more, or one less: its close callback has run. */
void net_hold(struct net *net);
void net_release(struct net *net);

/* For the log: true at most once a minute. */
bool net_may_complain(struct net *net);
void net_timer_start(struct net *net, struct timer *timer, msec deadline, timer_fn *fire);

/* Takes the socket in port->fd into the loop. */
MUST_USE enum err port_open(struct port *port);
void port_watch(struct port *port);
void port_unwatch(struct port *port);
/* Twice is fine. */
void port_close(struct port *port);

/* Can listener `socket` send by that transport to that family? False for SOCKET_ANY. */
bool net_socket_fits(const struct net *net, uint16_t socket, enum transport transport,
                     uint8_t family);
/*
 * The listener to reach a peer from: the one whose address the kernel would choose, else the first
 * of the transport and family; SOCKET_ANY when there is none.
 */
uint16_t net_choose_socket(const struct net *net, enum transport transport,
                           const struct addr *peer);
/* flow->socket if it fits, chosen if it is SOCKET_ANY; else SOCKET_ANY. */
uint16_t net_sending_socket(const struct net *net, const struct flow *flow);
