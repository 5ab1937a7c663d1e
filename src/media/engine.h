/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Between the relay's logic and whatever moves its packets: real sockets with a thread a lane
 * (sockets.c), or the simulated world. The logic asks the engine to open and close port pairs and
 * to send; the engine hands in what arrives. Everything that arrives at one pair arrives on one
 * lane.
 */
#include "media/relay.h"

struct leg;

enum media_half {
    HALF_RTP,
    HALF_RTCP, /* one port above */
    HALVES,
};

/* An open pair. Made and freed by the engine, which may keep more behind it. */
struct media_ports {
    struct leg *leg;    /* whose packets these are */
    struct addr local;  /* the RTP port */
    unsigned interface; /* for the relay: which of its interfaces */
};

struct media_packet {
    struct addr from;
    const uint8_t *bytes;
    size_t count;
};

struct media_engine {
    unsigned lane_count;
    /* The lane with the least to do. */
    unsigned (*choose_lane)(struct media_engine *engine);
    /*
     * Opens the pair that begins at the RTP port `local`; packets may arrive before this returns.
     * ERR_EXISTS: another program has one of the ports.
     */
    enum err (*open)(struct media_engine *engine, unsigned lane, struct leg *leg,
                     const struct addr *local, struct media_ports **out);
    /* Begins to close; media_closed follows, once, and then the pair is freed. */
    void (*close)(struct media_engine *engine, struct media_ports *ports);
    /* False when the packet was lost. Called on the pair's lane. */
    bool (*send)(struct media_engine *engine, struct media_ports *ports, enum media_half half,
                 const struct addr *to, const struct media_packet *packet);
    /* The relay exists: sweeps and packets may begin. ERR_*: the engine cannot work. */
    enum err (*start)(struct media_engine *engine, struct relay *relay);
    /* Returns once every pair is closed and nothing runs any more; frees the engine. */
    void (*destroy)(struct media_engine *engine);
};

/* The relay on an engine of the caller's choice, which it then owns, also after a failure. */
MUST_USE enum err relay_create_on(struct media_engine *engine,
                                  const struct relay_settings *settings,
                                  struct random_source *random, const struct relay_user *user,
                                  struct relay **out);
/* The engine on UDP sockets, a thread a lane (0: one per core). */
MUST_USE enum err sockets_engine_create(unsigned lane_count, struct media_engine **out);

/* Can sockets be bound to this address? The reason why not is logged. */
MUST_USE enum err sockets_try(const struct addr *local);

/* What the engine calls. Packets that came to one half of a pair, on the pair's lane. */
void media_receive(struct media_ports *ports, enum media_half half,
                   const struct media_packet packets[], unsigned count, msec now);
/* The pair is closed: its numbers may be given to others. */
void media_closed(struct media_ports *ports, msec now);
/* Once a second on each lane: ends those of its sessions that fell silent. */
void media_sweep(struct relay *relay, unsigned lane, msec now);
