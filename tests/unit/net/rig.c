/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <culvert/log.h>

#include "base/list.h"

struct rig_worker {
    struct rig *rig;
    struct loop *loop;
    struct net *net;
    pthread_t thread;
    unsigned index;
};

struct rig {
    struct listener listeners[RIG_LISTENERS_MAX];
    unsigned listener_count;
    struct net_sockets *sockets;
    struct net_shared *shared;
    struct rig_worker workers[RIG_WORKERS];
    pthread_mutex_t lock; /* of the events */
    pthread_cond_t grown;
    struct rig_event *first;
};

/* ---- events ---- */

static void push_event(struct rig_worker *worker, struct rig_event event, struct str bytes)
{
    struct rig *rig = worker->rig;
    struct rig_event *copy = malloc(sizeof *copy + bytes.len + 1);
    struct rig_event **end = &rig->first;
    char *text = (char *)(copy + 1);

    *copy = event;
    copy->worker = worker->index;
    if (bytes.len > 0)
        memcpy(text, bytes.ptr, bytes.len);
    text[bytes.len] = '\0';
    copy->bytes = (struct str){ text, bytes.len };
    pthread_mutex_lock(&rig->lock);
    while (*end)
        end = &(*end)->next;
    *end = copy;
    pthread_cond_broadcast(&rig->grown);
    pthread_mutex_unlock(&rig->lock);
}

static void on_message(void *context, const struct flow *flow, struct str bytes, bool is_stream)
{
    push_event(context,
               (struct rig_event){ .kind = RIG_MESSAGE, .flow = *flow, .is_stream = is_stream },
               bytes);
}

static void on_closed(void *context, const struct flow *flow, enum err why)
{
    push_event(context, (struct rig_event){ .kind = RIG_CLOSED, .flow = *flow, .why = why },
               (struct str){ 0 });
}

static struct rig_event *take_event(struct rig *rig, enum rig_kind kind)
{
    struct rig_event **link = &rig->first;
    struct rig_event *event;

    while (*link && (*link)->kind != kind)
        link = &(*link)->next;
    event = *link;
    if (event)
        *link = event->next;
    return event;
}

struct rig_event *rig_wait(struct rig *rig, enum rig_kind kind)
{
    struct rig_event *event;
    struct timespec deadline;
    int late = 0;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += RIG_PATIENCE / 1000;
    pthread_mutex_lock(&rig->lock);
    while (!(event = take_event(rig, kind)) && !late)
        late = pthread_cond_timedwait(&rig->grown, &rig->lock, &deadline);
    pthread_mutex_unlock(&rig->lock);
    if (!event)
        fail_msg("no %s came", kind == RIG_MESSAGE ? "message" : "report of a loss");
    return event;
}

unsigned rig_expect(struct rig *rig, const char *text, struct flow *flow)
{
    struct rig_event *event = rig_wait(rig, RIG_MESSAGE);
    unsigned worker = event->worker;

    assert_string_equal(event->bytes.ptr, text);
    assert_int_equal(event->bytes.len, strlen(text));
    if (flow)
        *flow = event->flow;
    free(event);
    return worker;
}

enum err rig_expect_closed(struct rig *rig, struct flow *flow)
{
    struct rig_event *event = rig_wait(rig, RIG_CLOSED);
    enum err why = event->why;

    if (flow)
        *flow = event->flow;
    free(event);
    return why;
}

void rig_expect_no(struct rig *rig, enum rig_kind kind)
{
    struct rig_event *event;

    pthread_mutex_lock(&rig->lock);
    event = take_event(rig, kind);
    pthread_mutex_unlock(&rig->lock);
    if (event)
        fail_msg("unexpected: %s %s", err_name(event->why), event->bytes.ptr);
}

void rig_await_counter(struct rig *rig, size_t offset, uint64_t least)
{
    msec deadline = clock_monotonic() + RIG_PATIENCE;

    for (;;) {
        struct net_counters counters = rig_counters(rig);
        uint64_t value;

        memcpy(&value, (char *)&counters + offset, sizeof value);
        if (value >= least)
            return;
        if (clock_monotonic() > deadline)
            fail_msg("a counter stays at %llu, below %llu", (unsigned long long)value,
                     (unsigned long long)least);
        sched_yield();
    }
}

/* ---- beginning and end ---- */

struct net_limits rig_limits(void)
{
    return (struct net_limits){
        .connections_max = 2048,
        .connections_per_ip = 1000,
        .write_queue_bytes = 262144,
        .write_queue_age = 60000,
        .connect_timeout = 60000,
        .handshake_timeout = 60000,
        .first_message_timeout = 60000,
        .message_timeout = 60000,
        .idle_timeout = 120000,
        .stranger_timeout = 120000,
        .message_bytes = 65535,
    };
}

static void add_listener(struct rig *rig, const char *text)
{
    struct listener *listener = &rig->listeners[rig->listener_count++];
    struct str transport, address;

    assert_true(str_split(str_of(text), ':', &transport, &address));
    assert_int_equal(transport_find(transport, &listener->transport), ERR_NONE);
    assert_int_equal(addr_parse_ip(address, &listener->bound), ERR_NONE);
}

static void *run_worker(void *context)
{
    struct rig_worker *worker = context;

    loop_run(worker->loop);
    return NULL;
}

static void open_worker(struct rig *rig, unsigned index)
{
    struct rig_worker *worker = &rig->workers[index];
    struct net_user user = { worker, on_message, on_closed };

    worker->rig = rig;
    worker->index = index;
    assert_int_equal(loop_create(&worker->loop), ERR_NONE);
    assert_int_equal(net_create(worker->loop, rig->sockets, rig->shared, index, rig->listeners,
                                rig->listener_count, &user, &worker->net),
                     ERR_NONE);
}

struct rig *rig_open(const char *const *listeners, const struct net_limits *limits)
{
    struct rig *rig = calloc(1, sizeof *rig);

    pthread_mutex_init(&rig->lock, NULL);
    pthread_cond_init(&rig->grown, NULL);
    while (*listeners)
        add_listener(rig, *listeners++);
    assert_int_equal(
        net_sockets_open(rig->listeners, rig->listener_count, RIG_WORKERS, &rig->sockets),
        ERR_NONE);
    assert_int_equal(net_shared_create(limits, RIG_WORKERS, &rig->shared), ERR_NONE);
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        open_worker(rig, i);
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        pthread_create(&rig->workers[i].thread, NULL, run_worker, &rig->workers[i]);
    return rig;
}

void rig_close(struct rig *rig)
{
    struct rig_event *event;

    for (unsigned i = 0; i < RIG_WORKERS; i++)
        loop_stop(rig->workers[i].loop);
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        pthread_join(rig->workers[i].thread, NULL);
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        net_destroy(rig->workers[i].net);
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        loop_destroy(rig->workers[i].loop);
    net_shared_destroy(rig->shared);
    net_sockets_close(rig->sockets);
    while ((event = rig->first)) {
        rig->first = event->next;
        free(event);
    }
    pthread_cond_destroy(&rig->grown);
    pthread_mutex_destroy(&rig->lock);
    free(rig);
}

const struct addr *rig_bound(const struct rig *rig, unsigned listener)
{
    return &rig->listeners[listener].bound;
}

struct net_shared *rig_shared(const struct rig *rig)
{
    return rig->shared;
}

struct net_counters rig_counters(const struct rig *rig)
{
    struct net_counters counters;

    net_read_counters(rig->shared, &counters);
    return counters;
}

/* ---- on a worker's thread ---- */

struct errand {
    struct mail mail;
    struct rig *rig;
    struct net *net;
    void (*run)(struct net *net, void *context);
    void *context;
    bool is_done;
};

static void run_errand(struct mail *mail)
{
    struct errand *errand = CONTAINER_OF(mail, struct errand, mail);
    struct rig *rig = errand->rig;

    errand->run(errand->net, errand->context);
    pthread_mutex_lock(&rig->lock);
    errand->is_done = true;
    pthread_cond_broadcast(&rig->grown);
    pthread_mutex_unlock(&rig->lock);
}

void rig_run(struct rig *rig, unsigned worker, void (*run)(struct net *net, void *context),
             void *context)
{
    struct errand errand = {
        .mail.run = run_errand,
        .rig = rig,
        .net = rig->workers[worker].net,
        .run = run,
        .context = context,
    };

    assert_int_equal(loop_post(rig->workers[worker].loop, &errand.mail), ERR_NONE);
    pthread_mutex_lock(&rig->lock);
    while (!errand.is_done)
        pthread_cond_wait(&rig->grown, &rig->lock);
    pthread_mutex_unlock(&rig->lock);
}

struct sending {
    const struct flow *flow;
    struct str bytes;
    enum err err;
};

static void send_it(struct net *net, void *context)
{
    struct sending *sending = context;
    struct outside *outside = net_outside(net);

    sending->err = outside->send(outside, sending->flow, sending->bytes);
}

enum err rig_send(struct rig *rig, unsigned worker, const struct flow *flow, struct str bytes)
{
    struct sending sending = { flow, bytes, ERR_NONE };

    rig_run(rig, worker, send_it, &sending);
    return sending.err;
}

/* ---- the other side ---- */

struct addr peer_addr(const char *text)
{
    struct addr addr;

    assert_int_equal(addr_parse(str_of(text), &addr), ERR_NONE);
    return addr;
}

static void find_bound(int fd, struct addr *bound)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    addr_from_sockaddr(&address, bound);
}

static int open_bound(const char *ip, int type, struct addr *bound)
{
    struct addr addr = peer_addr(ip);
    struct sockaddr_storage address;
    socklen_t size = addr_to_sockaddr(&addr, &address);
    int fd = socket(address.ss_family, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    find_bound(fd, bound);
    return fd;
}

int peer_udp(const char *ip, struct addr *bound)
{
    return open_bound(ip, SOCK_DGRAM, bound);
}

int peer_listen(const char *ip, int backlog, struct addr *bound)
{
    int fd = open_bound(ip, SOCK_STREAM, bound);

    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static void await_readable(int fd)
{
    struct pollfd wanted = { .fd = fd, .events = POLLIN };

    if (poll(&wanted, 1, RIG_PATIENCE) != 1)
        fail_msg("nothing came from the server");
}

int peer_accept(int listener)
{
    int fd;

    await_readable(listener);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

int peer_connect(const struct addr *to)
{
    struct sockaddr_storage address;
    socklen_t size = addr_to_sockaddr(to, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, size), 0);
    return fd;
}

void peer_send(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void peer_send_to(int fd, const char *text, const struct addr *to)
{
    struct sockaddr_storage address;
    socklen_t size = addr_to_sockaddr(to, &address);

    assert_int_equal(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&address, size),
                     strlen(text));
}

void peer_expect_datagram(int fd, const char *text, struct addr *from)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char bytes[65536];
    ssize_t got;

    await_readable(fd);
    got = recvfrom(fd, bytes, sizeof bytes - 1, 0, (struct sockaddr *)&address, &size);
    assert_true(got >= 0);
    bytes[got] = '\0';
    assert_string_equal(bytes, text);
    if (from)
        addr_from_sockaddr(&address, from);
}

void peer_expect(int fd, const char *text)
{
    char bytes[65536];
    size_t len = strlen(text), got = 0;

    assert_true(len < sizeof bytes);
    while (got < len) {
        ssize_t now;

        await_readable(fd);
        now = recv(fd, bytes + got, len - got, 0);
        if (now <= 0)
            fail_msg("the server closed the connection instead of sending");
        got += (size_t)now;
    }
    bytes[got] = '\0';
    assert_string_equal(bytes, text);
}

void peer_expect_end(int fd)
{
    char bytes[65536];
    ssize_t got;

    do {
        await_readable(fd);
        got = recv(fd, bytes, sizeof bytes, 0);
    } while (got > 0);
    if (got < 0)
        assert_int_equal(errno, ECONNRESET);
    close(fd);
}

void peer_reset(int fd)
{
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

bool peer_has_ipv6(void)
{
    struct addr addr = peer_addr("::1");
    struct sockaddr_storage address;
    socklen_t size = addr_to_sockaddr(&addr, &address);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool has_it = fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0;

    if (fd >= 0)
        close(fd);
    return has_it;
}

/* ---- the log ---- */

static char caught[8192];
static size_t caught_len;

static void catch_line(enum log_level level, int facility, const char *line)
{
    (void)facility;
    (void)level;
    caught_len += (size_t)snprintf(caught + caught_len, sizeof caught - caught_len, "%s\n", line);
    if (caught_len >= sizeof caught)
        caught_len = sizeof caught - 1;
}

void rig_catch_log(void)
{
    caught_len = 0;
    caught[0] = '\0';
    log_set_sink(catch_line);
}

const char *rig_caught_log(void)
{
    log_set_sink(NULL);
    return caught;
}
