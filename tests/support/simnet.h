/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A simulated network with a simulated clock. Hosts have one address each and live in a realm: the
 * public network, or the inside of a NAT (which may itself stand behind another one). Datagrams may
 * be lost, doubled and overtaken; streams arrive whole and in order. Nothing here happens by
 * itself: whoever owns the network takes one event after the other. Equal seeds give equal
 * histories.
 */
#include <stdio.h>

#include <culvert/addr.h>
#include <culvert/timer.h>

#include "base/list.h"
#include "base/prng.h"
#include "base/table.h"

struct simnet;

/* ---- events ---- */

struct sim_event {
    msec at;
    uint64_t order; /* of events at the same time */
    void (*fire)(struct simnet *net, struct sim_event *event);
    void (*drop)(struct sim_event *event); /* instead of fire, when the network ends */
};

/* ---- realms, hosts and sockets ---- */

enum nat_kind {
    NAT_OPEN,       /* endpoint-independent mapping and filtering: "full cone" */
    NAT_RESTRICTED, /* inbound only from addresses that were sent to */
    NAT_CAREFUL,    /* the same with ports: "port restricted" */
    NAT_SYMMETRIC,  /* a mapping for each remote address and port, and only it may answer */
};

struct sim_nat {
    struct list_node node;
    const char *name;
    struct sim_nat *outer; /* the realm that it faces; NULL: the public network */
    struct addr outside;   /* its address there */
    enum nat_kind kind;
    bool keeps_ports; /* prefers the port that the inside uses */
    bool is_stern;    /* only outbound traffic keeps a mapping alive */
    bool has_hairpin;
    msec timeout;        /* a mapping without outbound traffic ends after this */
    unsigned generation; /* counts reboots */
    uint16_t next_port;
    struct list_node mappings;
};

struct sim_host {
    struct list_node node;
    const char *name;
    struct sim_nat *realm; /* NULL: the public network */
    struct addr ip;
    uint64_t received; /* datagrams to open sockets */
    uint64_t refused;  /* datagrams to ports where nobody listens */
};

struct sim_socket {
    struct table_node node;
    struct sim_host *host;
    struct addr local;
    void (*receive)(struct sim_socket *socket, const struct addr *from, struct str bytes);
    void *owner;
};

/* ---- streams ---- */

struct sim_end;

struct sim_stream_user {
    void (*received)(struct sim_end *end, struct str bytes);
    /* The other side has closed, or the connection was refused. The end is freed afterwards. */
    void (*closed)(struct sim_end *end, bool was_refused);
};

struct sim_stream;

/* One side of a connection; freed by the network after `closed` or sim_close. */
struct sim_end {
    struct sim_stream *stream;
    struct sim_host *host;
    struct addr local;
    struct addr peer; /* as seen from here, behind NATs */
    const struct sim_stream_user *user;
    void *owner;
    bool is_open; /* nothing has closed it yet */
};

struct sim_listener {
    struct list_node node;
    struct sim_host *host;
    struct addr local;
    void (*accepted)(struct sim_listener *listener, struct sim_end *end); /* sets user and owner */
    void *owner;
};

/* ---- the network ---- */

enum sim_fate {
    FATE_SENT,
    FATE_LOST,
    FATE_FILTERED, /* by a NAT */
    FATE_NO_ROUTE,
    FATE_REFUSED, /* nobody listens */
};

struct sim_link {
    msec latency;
    unsigned loss, duplicates, reorder; /* percent of datagrams */
};

struct simnet {
    msec now;
    struct prng random;
    struct sim_link link;
    struct list_node hosts, nats, listeners, streams;
    struct table sockets;
    struct hash_key *key;
    struct sim_event **heap;
    size_t event_count, event_room;
    uint64_t events_made;
    /* Decides about one datagram that is about to arrive: true loses it. May be NULL. */
    bool (*loses)(void *context, const struct sim_host *from, const struct sim_host *to,
                  struct str bytes);
    /* Told of everything that is sent, and of what became of it when that is not FATE_SENT. */
    void (*watch)(void *context, const struct sim_host *from, const struct sim_host *to,
                  const struct addr *source, const struct addr *target, struct str bytes,
                  enum sim_fate fate);
    void *context;
};

void simnet_init(struct simnet *net, uint64_t seed, msec now);
void simnet_fini(struct simnet *net);

void simnet_schedule(struct simnet *net, struct sim_event *event, msec delay);
/* Takes out the first event that would be fired by this function; NULL: none. */
struct sim_event *simnet_take(struct simnet *net,
                              void (*fire)(struct simnet *net, struct sim_event *event));
/* The time of the next event; MSEC_NEVER. */
msec simnet_next(const struct simnet *net);
/* Moves the clock; the owner takes care that no event is passed over. */
void simnet_set_now(struct simnet *net, msec now);
/* Fires the first event that is due at `now`; false when there is none. */
bool simnet_fire(struct simnet *net);
/* A number from 0 to 99. */
unsigned simnet_percent(struct simnet *net);

void simnet_add_host(struct simnet *net, struct sim_host *host);
void simnet_add_nat(struct simnet *net, struct sim_nat *nat);
/* Forgets all mappings, as a NAT that lost power does. */
void sim_nat_reboot(struct simnet *net, struct sim_nat *nat);
/* How the outside sees a socket now; family NONE: there is no mapping. */
struct addr sim_nat_find_outside(const struct simnet *net, const struct sim_nat *nat,
                                 const struct addr *inside);

void sim_socket_open(struct simnet *net, struct sim_socket *socket);
void sim_socket_close(struct simnet *net, struct sim_socket *socket);
void sim_send(struct simnet *net, struct sim_socket *socket, const struct addr *to,
              struct str bytes);

void sim_listen(struct simnet *net, struct sim_listener *listener);
void sim_unlisten(struct sim_listener *listener);
/* Dials; a refusal is told by `closed`. NULL: no memory. */
struct sim_end *sim_connect(struct simnet *net, struct sim_host *host, uint16_t port,
                            const struct addr *to, const struct sim_stream_user *user, void *owner);
void sim_write(struct simnet *net, struct sim_end *end, struct str bytes);
/* Closes this side; it is freed, and its user hears nothing more. */
void sim_close(struct simnet *net, struct sim_end *end);
/* From now on nothing passes, and nobody is told. */
void sim_cut(struct sim_end *end);
