/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine on plain UDP sockets. A lane is a thread with a loop of its own: only that thread
 * touches the handles of its pairs. Others open the sockets, so that a failure is known at once,
 * and then leave a note for the lane: start with this pair, or close it.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include <culvert/log.h>

#include "base/list.h"
#include "base/lock.h"
#include "media/engine.h"
#include "sys/loop.h"

enum {
    BATCH = 32,
    PACKET_MAX = 2048,
    RECEIVE_BUFFER = 128 * 1024,
    SWEEP_MSEC = 1000,
    TOS_EXPEDITED = 0xb8, /* DSCP EF */
};

struct lane;

/* One half of a pair. */
struct half_socket {
    uv_poll_t poll;
    struct socket_pair *pair;
    enum media_half which;
    unsigned appetite; /* packets asked for at once; to ask for one too many is not for free */
    msec read_at;      /* when last */
    int fd;
};

struct socket_pair {
    struct media_ports ports;
    struct lane *lane;
    struct list_node note; /* in the lane's list of notes */
    bool is_closing;       /* under the lane's lock */
    unsigned polled;       /* halves that the loop watches; the lane's own */
    struct half_socket halves[HALVES];
};

struct lane {
    struct sockets_engine *engine;
    unsigned index;
    struct loop *loop;
    uv_timer_t sweep;
    pthread_t thread;
    bool is_running;
    atomic_uint pairs;
    struct lock lock; /* of the notes, and of has_mail */
    struct list_node notes;
    struct mail mail; /* "read your notes" */
    bool has_mail;    /* it is on its way */
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_storage sources[BATCH];
    uint8_t bytes[BATCH][PACKET_MAX];
};

struct sockets_engine {
    struct media_engine base;
    struct relay *relay;
    struct lane *lanes;
};

static struct socket_pair *pair_of(struct media_ports *ports)
{
    return CONTAINER_OF(ports, struct socket_pair, ports);
}

/* -- packets -- */

static unsigned receive_batch(struct lane *lane, struct half_socket *half,
                              struct media_packet packets[])
{
    int count;

    for (unsigned i = 0; i < half->appetite; i++)
        lane->messages[i].msg_hdr.msg_namelen = sizeof lane->sources[i];
    count = recvmmsg(half->fd, lane->messages, half->appetite, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        const struct mmsghdr *message = &lane->messages[i];

        /* one that does not fit is no media packet; it is judged, and refused, as an empty one */
        packets[i].bytes = lane->bytes[i];
        packets[i].count = message->msg_hdr.msg_flags & MSG_TRUNC ? 0 : message->msg_len;
        addr_from_sockaddr(&lane->sources[i], &packets[i].from);
    }
    return count > 0 ? (unsigned)count : 0;
}

/* A phone sends one packet at a time; more wait only when we are late. */
static void adapt_appetite(struct half_socket *half, unsigned count, msec now)
{
    if (count < half->appetite)
        half->appetite = count > 0 ? count : 1;
    else if (half->read_at == now && half->appetite < BATCH)
        half->appetite *= 2;
    half->read_at = now;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct half_socket *half = CONTAINER_OF(poll, struct half_socket, poll);
    struct lane *lane = half->pair->lane;
    msec now = loop_now(lane->loop);
    struct media_packet packets[BATCH];
    unsigned count = receive_batch(lane, half, packets);

    (void)events;
    if (status < 0) /* libuv looks away from then on; but to read the error was to clear it */
        uv_poll_start(poll, UV_READABLE, on_readable);
    adapt_appetite(half, count, now);
    if (count > 0)
        media_receive(&half->pair->ports, half->which, packets, count, now);
}

static bool send_packet(struct media_engine *engine, struct media_ports *ports,
                        enum media_half half, const struct addr *to,
                        const struct media_packet *packet)
{
    struct sockaddr_storage target;
    socklen_t size = addr_to_sockaddr(to, &target);

    (void)engine;
    return sendto(pair_of(ports)->halves[half].fd, packet->bytes, packet->count, MSG_DONTWAIT,
                  (struct sockaddr *)&target, size) >= 0;
}

/* -- notes to a lane -- */

static void free_pair(struct socket_pair *pair)
{
    for (unsigned i = 0; i < HALVES; i++)
        if (pair->halves[i].fd >= 0)
            close(pair->halves[i].fd);
    free(pair);
}

static void finish_closing(struct socket_pair *pair)
{
    struct lane *lane = pair->lane;
    struct media_ports ports = pair->ports;

    free_pair(pair);
    atomic_fetch_sub_explicit(&lane->pairs, 1, memory_order_relaxed);
    media_closed(&ports, loop_now(lane->loop));
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct half_socket *half = CONTAINER_OF(handle, struct half_socket, poll);

    if (--half->pair->polled == 0)
        finish_closing(half->pair);
}

static void stop_polling(struct socket_pair *pair)
{
    unsigned polled = pair->polled;

    if (polled == 0)
        finish_closing(pair);
    for (unsigned i = 0; i < polled; i++)
        uv_close((uv_handle_t *)&pair->halves[i].poll, on_poll_closed);
}

/* A pair that the loop cannot watch stays deaf; the session's silence will end it. */
static void start_polling(struct socket_pair *pair)
{
    for (unsigned i = 0; i < HALVES; i++) {
        struct half_socket *half = &pair->halves[i];
        int failure = uv_poll_init(loop_uv(pair->lane->loop), &half->poll, half->fd);

        if (!failure)
            pair->polled++;
        if (!failure)
            failure = uv_poll_start(&half->poll, UV_READABLE, on_readable);
        if (failure) {
            log_error("media: cannot watch port %u: %s", pair->ports.local.port + i,
                      uv_strerror(failure));
            return;
        }
    }
}

static void post_mail(struct lane *lane)
{
    if (lane->has_mail)
        return;
    lane->has_mail = !loop_post(lane->loop, &lane->mail);
    if (!lane->has_mail)
        log_error("media: relay thread %u cannot be reached", lane->index);
}

/* A pair has one note, whatever becomes of it, and a lane one letter: nothing is allocated. */
static void leave_note(struct socket_pair *pair, bool is_closing)
{
    struct lane *lane = pair->lane;

    lock_take(&lane->lock);
    pair->is_closing = is_closing;
    if (!list_is_linked(&pair->note))
        list_push_back(&lane->notes, &pair->note);
    post_mail(lane);
    lock_give(&lane->lock);
}

static struct socket_pair *next_note(struct lane *lane, bool *is_closing)
{
    struct socket_pair *pair = NULL;
    struct list_node *node;

    lock_take(&lane->lock);
    node = list_pop_front(&lane->notes);
    if (node) {
        pair = CONTAINER_OF(node, struct socket_pair, note);
        *is_closing = pair->is_closing;
    }
    lock_give(&lane->lock);
    return pair;
}

static void read_notes(struct mail *mail)
{
    struct lane *lane = CONTAINER_OF(mail, struct lane, mail);
    struct socket_pair *pair;
    bool is_closing;

    lock_take(&lane->lock);
    lane->has_mail = false;
    lock_give(&lane->lock);
    while ((pair = next_note(lane, &is_closing))) {
        if (is_closing)
            stop_polling(pair);
        else
            start_polling(pair);
    }
}

/* -- opening and closing, on any thread -- */

static int open_socket(const struct addr *local)
{
    static const int on = 1, buffer = RECEIVE_BUFFER, tos = TOS_EXPEDITED;
    bool is_ipv6 = local->family == ADDR_IPV6;
    struct sockaddr_storage address;
    socklen_t size = addr_to_sockaddr(local, &address);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (is_ipv6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
    } else {
        setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
    }
    if (bind(fd, (struct sockaddr *)&address, size) < 0) {
        int failure = errno;

        close(fd);
        errno = failure;
        return -1;
    }
    return fd;
}

static enum err log_failure(const struct addr *local, int failure)
{
    char text[ADDR_TEXT_MAX];

    log_error("media: cannot open %s: %s", addr_text(local, text), uv_strerror(-failure));
    return failure == EMFILE || failure == ENFILE ? ERR_EXHAUSTED : ERR_IO;
}

enum err sockets_try(const struct addr *local)
{
    struct addr any_port = *local;
    int fd;

    any_port.port = 0;
    fd = open_socket(&any_port);
    if (fd < 0)
        return log_failure(&any_port, errno);
    close(fd);
    return ERR_NONE;
}

static enum err open_halves(struct socket_pair *pair)
{
    for (unsigned i = 0; i < HALVES; i++) {
        struct addr local = pair->ports.local;

        local.port = (uint16_t)(local.port + i);
        pair->halves[i].fd = open_socket(&local);
        if (pair->halves[i].fd >= 0)
            continue;
        if (errno == EADDRINUSE)
            return ERR_EXISTS;
        return log_failure(&local, errno);
    }
    return ERR_NONE;
}

static enum err open_pair(struct media_engine *base, unsigned lane, struct leg *leg,
                          const struct addr *local, struct media_ports **out)
{
    struct sockets_engine *engine = CONTAINER_OF(base, struct sockets_engine, base);
    struct socket_pair *pair = calloc(1, sizeof *pair);
    enum err err;

    if (!pair)
        return ERR_NOMEM;
    pair->ports = (struct media_ports){ .leg = leg, .local = *local };
    pair->lane = &engine->lanes[lane];
    for (unsigned i = 0; i < HALVES; i++) {
        pair->halves[i].pair = pair;
        pair->halves[i].which = (enum media_half)i;
        pair->halves[i].appetite = 1;
        pair->halves[i].fd = -1;
    }
    if ((err = open_halves(pair))) {
        free_pair(pair);
        return err;
    }
    atomic_fetch_add_explicit(&pair->lane->pairs, 1, memory_order_relaxed);
    *out = &pair->ports;
    leave_note(pair, false);
    return ERR_NONE;
}

static void close_pair(struct media_engine *engine, struct media_ports *ports)
{
    (void)engine;
    leave_note(pair_of(ports), true);
}

static unsigned choose_lane(struct media_engine *base)
{
    struct sockets_engine *engine = CONTAINER_OF(base, struct sockets_engine, base);
    unsigned best = 0, fewest = UINT_MAX;

    for (unsigned i = 0; i < base->lane_count; i++) {
        unsigned pairs = atomic_load_explicit(&engine->lanes[i].pairs, memory_order_relaxed);

        if (pairs < fewest) {
            fewest = pairs;
            best = i;
        }
    }
    return best;
}

/* -- lanes -- */

static void on_sweep(uv_timer_t *timer)
{
    struct lane *lane = CONTAINER_OF(timer, struct lane, sweep);

    media_sweep(lane->engine->relay, lane->index, loop_now(lane->loop));
}

static void *run_lane(void *context)
{
    struct lane *lane = context;

    loop_run(lane->loop);
    return NULL;
}

static enum err open_lane(struct lane *lane)
{
    enum err err;

    for (unsigned i = 0; i < BATCH; i++) {
        lane->parts[i] = (struct iovec){ lane->bytes[i], PACKET_MAX };
        lane->messages[i].msg_hdr.msg_name = &lane->sources[i];
        lane->messages[i].msg_hdr.msg_iov = &lane->parts[i];
        lane->messages[i].msg_hdr.msg_iovlen = 1;
    }
    if ((err = loop_create(&lane->loop)))
        return err;
    lock_init(&lane->lock);
    list_init(&lane->notes);
    lane->mail.run = read_notes;
    uv_timer_init(loop_uv(lane->loop), &lane->sweep);
    return ERR_NONE;
}

/* Signals are for the threads that ask for them. */
static enum err start_lane(struct lane *lane)
{
    sigset_t all, before;
    int failure;

    uv_timer_start(&lane->sweep, on_sweep, SWEEP_MSEC, SWEEP_MSEC);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failure = pthread_create(&lane->thread, NULL, run_lane, lane);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure)
        return ERR_IO;
    lane->is_running = true;
#ifdef __linux__
    char name[16];
    snprintf(name, sizeof name, "media-%u", lane->index % 1000);
    pthread_setname_np(lane->thread, name);
#endif
    return ERR_NONE;
}

static enum err start_engine(struct media_engine *base, struct relay *relay)
{
    struct sockets_engine *engine = CONTAINER_OF(base, struct sockets_engine, base);
    enum err err = ERR_NONE;

    engine->relay = relay;
    for (unsigned i = 0; i < base->lane_count && !err; i++)
        err = start_lane(&engine->lanes[i]);
    return err;
}

/* The relay has ended its sessions; their notes are read before the loop stops. */
static void close_lane(struct lane *lane)
{
    if (!lane->loop)
        return;
    if (lane->is_running) {
        loop_stop(lane->loop);
        pthread_join(lane->thread, NULL);
    }
    uv_close((uv_handle_t *)&lane->sweep, NULL);
    loop_destroy(lane->loop); /* finishes what is closing */
    lock_fini(&lane->lock);
}

static void destroy_engine(struct media_engine *base)
{
    struct sockets_engine *engine = CONTAINER_OF(base, struct sockets_engine, base);

    for (unsigned i = 0; i < base->lane_count; i++)
        close_lane(&engine->lanes[i]);
    free(engine->lanes);
    free(engine);
}

enum err sockets_engine_create(unsigned lane_count, struct media_engine **out)
{
    struct sockets_engine *engine = calloc(1, sizeof *engine);
    enum err err = ERR_NONE;

    if (!engine)
        return ERR_NOMEM;
    engine->base = (struct media_engine){
        .lane_count = lane_count ? lane_count : uv_available_parallelism(),
        .choose_lane = choose_lane,
        .open = open_pair,
        .close = close_pair,
        .send = send_packet,
        .start = start_engine,
        .destroy = destroy_engine,
    };
    engine->lanes = calloc(engine->base.lane_count, sizeof *engine->lanes);
    if (!engine->lanes) {
        free(engine);
        return ERR_NOMEM;
    }
    for (unsigned i = 0; i < engine->base.lane_count && !err; i++) {
        engine->lanes[i].engine = engine;
        engine->lanes[i].index = i;
        err = open_lane(&engine->lanes[i]);
    }
    if (err) {
        destroy_engine(&engine->base);
        return err;
    }
    *out = &engine->base;
    return ERR_NONE;
}
