/* SPDX-License-Identifier: Apache-2.0 */
#include "net/udp.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <culvert/log.h>

enum {
    BATCH = 32,
    BATCHES_MAX = 8, /* before others get their turn */
    DATAGRAM_MAX = 65536,
    LARGE = 1300, /* bytes */
};

struct datagrams {
    struct mmsghdr headers[BATCH];
    struct iovec pieces[BATCH];
    struct sockaddr_storage sources[BATCH];
    char bytes[BATCH][DATAGRAM_MAX];
};

struct datagrams *datagrams_create(void)
{
    struct datagrams *datagrams = malloc(sizeof *datagrams);

    if (!datagrams)
        return NULL;
    for (int i = 0; i < BATCH; i++) {
        datagrams->pieces[i] = (struct iovec){ datagrams->bytes[i], DATAGRAM_MAX };
        datagrams->headers[i] = (struct mmsghdr){ 0 };
        datagrams->headers[i].msg_hdr.msg_iov = &datagrams->pieces[i];
        datagrams->headers[i].msg_hdr.msg_iovlen = 1;
        datagrams->headers[i].msg_hdr.msg_name = &datagrams->sources[i];
    }
    return datagrams;
}

void datagrams_destroy(struct datagrams *datagrams)
{
    free(datagrams);
}

static void deliver(struct port *port, int i)
{
    struct net *net = port->net;
    const struct datagrams *datagrams = net->datagrams;
    struct str bytes = { datagrams->bytes[i], datagrams->headers[i].msg_len };
    struct flow flow = { .socket = port->index, .transport = TRANSPORT_UDP };

    addr_from_sockaddr(&datagrams->sources[i], &flow.peer);
    tally_add(&net->tally->bytes_in, bytes.len);
    if (bytes.len == 0 || flow.peer.port == 0) /* nothing to read, or nobody to answer */
        return;
    if (!gate_admits(shared_gate(net->shared), &flow.peer, bytes, net_now(net))) {
        tally_add(&net->tally->floods_dropped, 1);
        return;
    }
    net->user.on_message(net->user.context, &flow, bytes, false);
}

/* How many came. */
static int receive_batch(struct port *port)
{
    struct datagrams *datagrams = port->net->datagrams;
    int count;

    for (int i = 0; i < BATCH; i++)
        datagrams->headers[i].msg_hdr.msg_namelen = sizeof datagrams->sources[i];
    count = recvmmsg(port->fd, datagrams->headers, BATCH, MSG_DONTWAIT, NULL);
    if (count <= 0)
        return 0;
    tally_add(&port->net->tally->datagrams_in, (uint64_t)count);
    for (int i = 0; i < count; i++)
        deliver(port, i);
    return count;
}

static void udp_receive(struct port *port)
{
    for (int i = 0; i < BATCHES_MAX && !port->net->is_quiet; i++)
        if (receive_batch(port) < BATCH)
            return;
}

/* What the sender shall think of a datagram that the kernel refused. */
static enum err judge_refusal(int error)
{
    switch (error) {
    case EMSGSIZE:
        return ERR_LIMIT;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EINVAL:
    case EACCES:
        return ERR_UNREACHABLE;
    default: /* no room, or a firewall of ours: lost, as datagrams are */
        return ERR_NONE;
    }
}

/* Most paths carry no more in one packet (RFC 3261 §18.1.1); some firewalls drop the rest. */
static void note_size(struct net *net, const struct flow *flow, size_t size)
{
    static atomic_bool has_warned;
    char text[FLOW_TEXT_MAX];

    if (size <= LARGE)
        return;
    tally_add(&net->tally->datagrams_large, 1);
    if (!atomic_exchange_explicit(&has_warned, true, memory_order_relaxed))
        log_notice("%zu bytes to %s are sent in fragments, which some firewalls drop; "
                   "net.datagrams_large counts such messages, udp_mtu_try_proto=TCP avoids some",
                   size, flow_text(flow, text));
}

static enum err udp_send(struct net *net, const struct flow *flow, struct str bytes)
{
    uint16_t socket = net_sending_socket(net, flow);
    struct sockaddr_storage to;
    socklen_t size = addr_to_sockaddr(&flow->peer, &to);

    if (socket == SOCKET_ANY || flow->peer.port == 0)
        return ERR_UNREACHABLE;
    if (!gate_lets_out(shared_gate(net->shared), &flow->peer, bytes, net_now(net))) {
        tally_add(&net->tally->answers_withheld, 1);
        return ERR_NONE;
    }
    note_size(net, flow, bytes.len);
    if (sendto(net->ports[socket].fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL,
               (struct sockaddr *)&to, size) < 0) {
        tally_add(&net->tally->datagrams_lost, 1);
        return judge_refusal(errno);
    }
    tally_add(&net->tally->datagrams_out, 1);
    tally_add(&net->tally->bytes_out, bytes.len);
    return ERR_NONE;
}

const struct transport_functions udp_functions = {
    .socket_type = SOCK_DGRAM,
    .on_readable = udp_receive,
    .send = udp_send,
};
