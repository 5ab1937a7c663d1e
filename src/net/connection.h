/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A stream connection of one worker: accepted or dialled, read and framed, written through a queue
 * with limits. It ends by connection_break, which makes it unreachable at once and reports the loss
 * in a later turn of the loop, so no callback ever pulls it from under its caller.
 */
#include "net/inside.h"

enum connection_state {
    CONNECTION_DIALLING,
    CONNECTION_SHAKING, /* a handshake comes before the first message */
    CONNECTION_OPEN,
    CONNECTION_BROKEN, /* in no index; waits to be reported and freed */
};

/* Bytes of a message that is not complete yet. */
struct inbox {
    char *bytes; /* NULL while nothing waits */
    size_t len;
    size_t size;
    size_t scanned; /* for sip_stream_frame */
    msec since;     /* when the first of them came */
};

struct piece;
struct tls_session;

/* Bytes that the peer has not taken yet. */
struct outbox {
    struct piece *first;
    struct piece **end;
    size_t bytes;
};

struct connection {
    struct shared_entry entry;
    struct table_node node; /* in net->connections */
    struct list_node place; /* in net->broken, or nowhere */
    struct net *net;
    const struct stream_functions *functions;
    uv_poll_t poll;
    int watched; /* for which events */
    int fd;
    enum connection_state state;
    msec state_since;
    enum err why;       /* it broke */
    bool has_spoken;    /* a whole message has come */
    struct timer timer; /* the next of its deadlines, or earlier */
    msec active_at;     /* when bytes went through last */
    msec spoken_at;     /* when the last whole message came */
    struct tls_session *tls; /* NULL: not begun, or not TLS */
    struct inbox inbox;
    struct outbox outbox;
};

/* An accepted socket, which becomes the connection's or is closed. */
void connection_accept(struct port *port, int fd, const struct addr *peer);
/* Starts to connect from the address of listener flow->socket. ERR_UNREACHABLE when that
 * fails at once. */
MUST_USE enum err connection_dial(struct net *net, const struct flow *flow,
                                  struct connection **out);
/* NULL when it is not ours, or gone, or not a connection to flow->peer. */
struct connection *connection_find(const struct net *net, const struct flow *flow);
/* Sends now what the peer takes and keeps the rest. ERR_LIMIT: too much waits already. */
MUST_USE enum err connection_send(struct connection *connection, struct str bytes);
/* What another worker handed over; a connection that broke meanwhile is reported by itself. */
void connection_send_for_another(struct net *net, const struct flow *flow, struct str bytes);
void connection_break(struct connection *connection, enum err why);
/* At the end of all: nothing is reported. */
void connection_destroy(struct connection *connection);

/* Which events the loop shall report; READABLE never while the net is quiet. */
void connection_watch(struct connection *connection);
/* A deadline may have come nearer. */
void connection_set_timer(struct connection *connection);

/* inbox.c: takes what has come and delivers what is complete. */
void inbox_read(struct connection *connection);
/* Is there the beginning of a message? */
bool inbox_has_message(const struct inbox *inbox);
void inbox_free(struct inbox *inbox);

/* outbox.c */
void outbox_init(struct outbox *outbox);
/* Writes what waits; the connection may break. */
void outbox_flush(struct connection *connection);
/* When the oldest bytes that wait were queued; MSEC_NEVER when none wait. */
msec outbox_since(const struct outbox *outbox);
void outbox_free(struct outbox *outbox);
