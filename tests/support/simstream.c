/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of the simulated network: whole, in order, and only ever dialled from behind NATs. */
#include <stdlib.h>

#include "support/simnat.h"

struct sim_stream {
    struct list_node node;
    struct sim_end ends[2]; /* who dialled, who was dialled */
    unsigned pending;       /* events on their way */
    bool is_cut;
    const struct sim_nat *nat; /* the innermost that it crosses; a reboot cuts it */
    unsigned generation;
};

enum move_kind {
    MOVE_OPEN,
    MOVE_BYTES,
    MOVE_CLOSE,
    MOVE_REFUSE,
};

/* Something on its way to one end. */
struct move {
    struct sim_event event;
    struct sim_stream *stream;
    unsigned to;
    enum move_kind kind;
    size_t length;
    char bytes[];
};

static void free_if_over(struct sim_stream *stream)
{
    if (stream->pending > 0 || stream->ends[0].is_open || stream->ends[1].is_open)
        return;
    list_remove(&stream->node);
    free(stream);
}

void sim_streams_drop(struct simnet *net)
{
    struct list_node *node;

    while ((node = list_pop_front(&net->streams)))
        free(CONTAINER_OF(node, struct sim_stream, node));
}

static bool is_cut(const struct sim_stream *stream)
{
    return stream->is_cut || (stream->nat && stream->nat->generation != stream->generation);
}

static void drop_move(struct sim_event *event)
{
    free(CONTAINER_OF(event, struct move, event));
}

static struct sim_listener *find_listener(struct simnet *net, const struct addr *addr)
{
    LIST_EACH(node, &net->listeners)
    {
        struct sim_listener *listener = CONTAINER_OF(node, struct sim_listener, node);

        if (!listener->host->realm && addr_eq(&listener->local, addr))
            return listener;
    }
    return NULL;
}

static void send_move(struct simnet *net, struct sim_stream *stream, unsigned to,
                      enum move_kind kind, struct str bytes);

static void accept_stream(struct simnet *net, struct sim_stream *stream)
{
    struct sim_end *end = &stream->ends[1];
    struct sim_listener *listener = find_listener(net, &end->local);

    if (!listener) {
        end->is_open = false;
        send_move(net, stream, 0, MOVE_REFUSE, STR(""));
        return;
    }
    end->host = listener->host;
    listener->accepted(listener, end);
}

static void arrive(struct simnet *net, struct sim_event *event)
{
    struct move *move = CONTAINER_OF(event, struct move, event);
    struct sim_stream *stream = move->stream;
    struct sim_end *end = &stream->ends[move->to];

    if (is_cut(stream) || !end->is_open) {
        /* nobody hears it */
    } else if (move->kind == MOVE_OPEN) {
        accept_stream(net, stream);
    } else if (move->kind == MOVE_BYTES) {
        if (end->user)
            end->user->received(end, (struct str){ move->bytes, move->length });
    } else {
        end->is_open = false;
        if (end->user)
            end->user->closed(end, move->kind == MOVE_REFUSE);
    }
    stream->pending--;
    free(move);
    free_if_over(stream);
}

static void send_move(struct simnet *net, struct sim_stream *stream, unsigned to,
                      enum move_kind kind, struct str bytes)
{
    struct move *move = sim_alloc(sizeof *move + bytes.len);

    move->event = (struct sim_event){ .fire = arrive, .drop = drop_move };
    move->stream = stream;
    move->to = to;
    move->kind = kind;
    move->length = bytes.len;
    memcpy(move->bytes, bytes.ptr, bytes.len);
    stream->pending++;
    simnet_schedule(net, &move->event, net->link.latency);
}

void sim_listen(struct simnet *net, struct sim_listener *listener)
{
    list_push_back(&net->listeners, &listener->node);
}

void sim_unlisten(struct sim_listener *listener)
{
    list_remove(&listener->node);
}

struct sim_end *sim_connect(struct simnet *net, struct sim_host *host, uint16_t port,
                            const struct addr *to, const struct sim_stream_user *user, void *owner)
{
    struct sim_stream *stream = sim_alloc(sizeof *stream);
    struct sim_end *dialler = &stream->ends[0], *dialled = &stream->ends[1];
    struct addr local = host->ip, seen;
    const struct sim_nat *realm;

    local.port = port;
    seen = local;
    sim_nat_outbound(net, host->realm, &seen, to, &realm);
    *dialler = (struct sim_end){ stream, host, local, *to, user, owner, true };
    *dialled = (struct sim_end){ stream, NULL, *to, seen, NULL, NULL, true };
    stream->nat = host->realm;
    stream->generation = host->realm ? host->realm->generation : 0;
    list_push_back(&net->streams, &stream->node);
    send_move(net, stream, 1, MOVE_OPEN, STR(""));
    return dialler;
}

static unsigned side_of(const struct sim_end *end)
{
    return end == &end->stream->ends[1];
}

void sim_write(struct simnet *net, struct sim_end *end, struct str bytes)
{
    const struct sim_end *other = &end->stream->ends[!side_of(end)];

    if (str_is_empty(bytes))
        return;
    if (net->watch)
        net->watch(net->context, end->host, other->host, &end->local, &end->peer, bytes,
                   is_cut(end->stream) ? FATE_LOST : FATE_SENT);
    send_move(net, end->stream, !side_of(end), MOVE_BYTES, bytes);
}

void sim_close(struct simnet *net, struct sim_end *end)
{
    if (!end->is_open)
        return;
    end->is_open = false;
    send_move(net, end->stream, !side_of(end), MOVE_CLOSE, STR(""));
}

void sim_cut(struct sim_end *end)
{
    end->stream->is_cut = true;
}
