/* SPDX-License-Identifier: Apache-2.0 */
#include "support/simmedia.h"

#include <stdlib.h>

#include "support/simnat.h"

enum {
    SWEEP_INTERVAL = 1000,
};

struct sim_media {
    struct media_engine base;
    struct simnet *net;
    struct sim_host *host;
    struct relay *relay; /* NULL: ended */
    struct sim_event sweep;
    struct list_node pairs;
};

struct pair {
    struct media_ports ports;
    struct list_node node;
    struct sim_media *media;
    struct sim_socket halves[HALVES];
    struct sim_event closing;
    bool is_closing;
};

static struct sim_media *media_of(struct media_engine *engine)
{
    return CONTAINER_OF(engine, struct sim_media, base);
}

static unsigned choose_lane(struct media_engine *engine)
{
    (void)engine;
    return 0;
}

static void receive(struct sim_socket *socket, const struct addr *from, struct str bytes)
{
    struct pair *pair = socket->owner;
    struct media_packet packet = { *from, (const uint8_t *)bytes.ptr, bytes.len };
    enum media_half half = socket == &pair->halves[HALF_RTCP] ? HALF_RTCP : HALF_RTP;

    media_receive(&pair->ports, half, &packet, 1, pair->media->net->now);
}

static enum err open_pair(struct media_engine *engine, unsigned lane, struct leg *leg,
                          const struct addr *local, struct media_ports **out)
{
    struct sim_media *media = media_of(engine);
    struct pair *pair = sim_alloc(sizeof *pair);

    (void)lane;
    pair->ports = (struct media_ports){ .leg = leg, .local = *local };
    pair->media = media;
    for (unsigned i = 0; i < HALVES; i++) {
        pair->halves[i] = (struct sim_socket){
            .host = media->host, .local = *local, .receive = receive, .owner = pair
        };
        pair->halves[i].local.port = (uint16_t)(local->port + i);
        sim_socket_open(media->net, &pair->halves[i]);
    }
    list_push_back(&media->pairs, &pair->node);
    *out = &pair->ports;
    return ERR_NONE;
}

static void finish_closing(struct pair *pair)
{
    struct media_ports ports = pair->ports;
    msec now = pair->media->net->now;

    list_remove(&pair->node);
    free(pair);
    media_closed(&ports, now);
}

static void on_closing(struct simnet *net, struct sim_event *event)
{
    struct pair *pair = CONTAINER_OF(event, struct pair, closing);

    (void)net;
    if (pair->media)
        finish_closing(pair);
    else
        free(pair);
}

static void drop_closing(struct sim_event *event)
{
    free(CONTAINER_OF(event, struct pair, closing));
}

static void close_pair(struct media_engine *engine, struct media_ports *ports)
{
    struct sim_media *media = media_of(engine);
    struct pair *pair = CONTAINER_OF(ports, struct pair, ports);

    for (unsigned i = 0; i < HALVES; i++)
        sim_socket_close(media->net, &pair->halves[i]);
    pair->is_closing = true;
    pair->closing = (struct sim_event){ .fire = on_closing, .drop = drop_closing };
    simnet_schedule(media->net, &pair->closing, 1);
}

static bool send_packet(struct media_engine *engine, struct media_ports *ports,
                        enum media_half half, const struct addr *to,
                        const struct media_packet *packet)
{
    struct pair *pair = CONTAINER_OF(ports, struct pair, ports);

    sim_send(media_of(engine)->net, &pair->halves[half], to,
             (struct str){ (const char *)packet->bytes, packet->count });
    return true;
}

static void on_sweep(struct simnet *net, struct sim_event *event)
{
    struct sim_media *media = CONTAINER_OF(event, struct sim_media, sweep);

    if (!media->relay) {
        free(media);
        return;
    }
    simnet_schedule(net, event, SWEEP_INTERVAL);
    media_sweep(media->relay, 0, net->now);
}

static void drop_sweep(struct sim_event *event)
{
    free(CONTAINER_OF(event, struct sim_media, sweep));
}

static enum err start(struct media_engine *engine, struct relay *relay)
{
    media_of(engine)->relay = relay;
    return ERR_NONE;
}

/* Pairs that are still closing are closed now; their events find them without an engine. */
static void destroy(struct media_engine *engine)
{
    struct sim_media *media = media_of(engine);
    struct list_node *node;

    while ((node = list_pop_front(&media->pairs))) {
        struct pair *pair = CONTAINER_OF(node, struct pair, node);

        pair->media = NULL;
        media_closed(&pair->ports, media->net->now);
    }
    media->relay = NULL;
}

enum err sim_media_create(struct simnet *net, struct sim_host *host, struct media_engine **out)
{
    struct sim_media *media = sim_alloc(sizeof *media);

    media->base = (struct media_engine){ .lane_count = 1,
                                         .choose_lane = choose_lane,
                                         .open = open_pair,
                                         .close = close_pair,
                                         .send = send_packet,
                                         .start = start,
                                         .destroy = destroy };
    media->net = net;
    media->host = host;
    list_init(&media->pairs);
    media->sweep = (struct sim_event){ .fire = on_sweep, .drop = drop_sweep };
    simnet_schedule(net, &media->sweep, SWEEP_INTERVAL);
    *out = &media->base;
    return ERR_NONE;
}
