/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a relayed packet costs, next to a bare forwarder (epoll, recvmmsg, sendto) that knows its
 * targets beforehand and checks nothing. Both move the same calls over the loopback interface, one
 * thread each, in turns; CPU time is that thread's own, from the kernel's scheduler. On loopback it
 * includes the delivery into the receiver's socket. Linux only.
 *
 * usage: bench_relay [calls [seconds [rounds]]]
 */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/prng.h"
#include "media/relay.h"

enum {
    PACKET = 172, /* 20 ms of G.711 */
    TICKS = 20,   /* each call sends one packet a side every so many ticks of a millisecond */
    BATCH = 32,
    PACKET_MAX = 2048,
    BUFFER = 128 * 1024,
};

/* One end of a call: its socket, and where it sends. */
struct phone {
    int fd;
    struct addr own;
    struct sockaddr_storage target;
    socklen_t target_size;
};

struct bench {
    unsigned calls, seconds, rounds;
    struct phone *phones;          /* two a call, neighbours */
    uint64_t sent, received, took; /* of one run; nanoseconds */
};

static void must(bool is_so, const char *what)
{
    if (is_so)
        return;
    perror(what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int open_socket(struct addr *own)
{
    static const int buffer = BUFFER;
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    *own = (struct addr){ .ip = { 127, 0, 0, 1 }, .family = ADDR_IPV4 };
    must(fd >= 0, "socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    must(bind(fd, (struct sockaddr *)&address, addr_to_sockaddr(own, &address)) == 0, "bind");
    must(getsockname(fd, (struct sockaddr *)&address, &size) == 0, "getsockname");
    addr_from_sockaddr(&address, own);
    return fd;
}

static void aim(struct phone *phone, const struct addr *target)
{
    phone->target_size = addr_to_sockaddr(target, &phone->target);
}

/* -- the load -- */

static void send_packets(struct bench *bench, unsigned tick)
{
    static uint8_t packet[PACKET] = { 0x80 };

    for (unsigned call = tick % TICKS; call < bench->calls; call += TICKS) {
        for (unsigned side = 0; side < 2; side++) {
            const struct phone *phone = &bench->phones[2 * call + side];

            bench->sent +=
                sendto(phone->fd, packet, sizeof packet, 0, (const struct sockaddr *)&phone->target,
                       phone->target_size) == PACKET;
        }
    }
}

static void drain(struct bench *bench, unsigned tick)
{
    uint8_t packet[PACKET];

    /* those that were sent to half a period ago */
    for (unsigned call = (tick + TICKS / 2) % TICKS; call < bench->calls; call += TICKS)
        for (unsigned side = 0; side < 2; side++)
            while (recv(bench->phones[2 * call + side].fd, packet, sizeof packet, 0) > 0)
                bench->received++;
}

static void run_load(struct bench *bench)
{
    uint64_t start = now_ns();

    bench->sent = 0;
    bench->received = 0;
    for (unsigned tick = 0; tick < bench->seconds * 1000; tick++) {
        uint64_t due = start + tick * 1000000ULL;
        struct timespec until = { (time_t)(due / 1000000000), (long)(due % 1000000000) };

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        send_packets(bench, tick);
        drain(bench, tick);
    }
    bench->took = now_ns() - start;
    usleep(200000); /* what is still on its way */
    for (unsigned tick = 0; tick < TICKS; tick++)
        drain(bench, tick);
}

/* CPU time of a thread of ours, in nanoseconds. */
static uint64_t thread_cpu(int tid)
{
    char path[64];
    unsigned long long ran = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", tid);
    file = fopen(path, "r");
    must(file && fscanf(file, "%llu", &ran) == 1, path);
    fclose(file);
    return ran;
}

static double measure(struct bench *bench, int tid, const char *name)
{
    uint64_t before = thread_cpu(tid), used;
    double cost;

    run_load(bench);
    used = thread_cpu(tid) - before;
    cost = (double)used / (double)bench->received;
    printf("%-14s %6.0f ns/packet  %7.0f packets/s  %5.1f %% of a core  %lld lost\n", name, cost,
           (double)bench->received * 1e9 / (double)bench->took,
           100 * (double)used / (double)bench->took, (long long)(bench->sent - bench->received));
    return cost;
}

/* -- the bare forwarder -- */

struct bare_socket {
    int fd;
    struct bare_socket *other;
    struct sockaddr_storage target;
    socklen_t target_size;
};

struct bare {
    int poller;
    pthread_t thread;
    atomic_int tid;
    atomic_bool is_stopping;
    struct bare_socket *sockets;
    struct addr *addresses;
};

static void forward(struct bare_socket *in)
{
    static uint8_t bytes[BATCH][PACKET_MAX];
    static struct sockaddr_storage sources[BATCH];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    int count;

    for (unsigned i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){ bytes[i], PACKET_MAX };
        messages[i].msg_hdr = (struct msghdr){ .msg_name = &sources[i],
                                               .msg_namelen = sizeof sources[i],
                                               .msg_iov = &parts[i],
                                               .msg_iovlen = 1 };
    }
    count = recvmmsg(in->fd, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++)
        sendto(in->other->fd, bytes[i], messages[i].msg_len, MSG_DONTWAIT,
               (struct sockaddr *)&in->other->target, in->other->target_size);
}

static void *run_bare(void *context)
{
    struct bare *bare = context;
    struct epoll_event events[1024];

    atomic_store(&bare->tid, (int)syscall(SYS_gettid));
    while (!atomic_load(&bare->is_stopping)) {
        int count = epoll_wait(bare->poller, events, 1024, 100);

        for (int i = 0; i < count; i++)
            forward(events[i].data.ptr);
    }
    return NULL;
}

static void open_bare(struct bare *bare, const struct bench *bench)
{
    *bare = (struct bare){ .poller = epoll_create1(0) };
    bare->sockets = calloc(2 * bench->calls, sizeof *bare->sockets);
    bare->addresses = calloc(2 * bench->calls, sizeof *bare->addresses);
    must(bare->sockets && bare->addresses, "calloc");
    for (unsigned i = 0; i < 2 * bench->calls; i++) {
        struct bare_socket *socket = &bare->sockets[i];
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = socket };

        socket->fd = open_socket(&bare->addresses[i]);
        socket->other = &bare->sockets[i ^ 1];
        socket->target_size = addr_to_sockaddr(&bench->phones[i].own, &socket->target);
        epoll_ctl(bare->poller, EPOLL_CTL_ADD, socket->fd, &event);
    }
    must(pthread_create(&bare->thread, NULL, run_bare, bare) == 0, "pthread_create");
    while (atomic_load(&bare->tid) == 0)
        usleep(1000);
}

static void close_bare(struct bare *bare, const struct bench *bench)
{
    atomic_store(&bare->is_stopping, true);
    pthread_join(bare->thread, NULL);
    for (unsigned i = 0; i < 2 * bench->calls; i++)
        close(bare->sockets[i].fd);
    close(bare->poller);
    free(bare->sockets);
    free(bare->addresses);
}

/* -- the relay -- */

static struct addr describe(struct relay *relay, const char *call, const struct phone *from,
                            const struct phone *to, bool is_answer)
{
    const struct sdp sdp = {
        .stream_count = 1,
        .streams = { { .media = STR_INIT("audio"),
                       .proto = STR_INIT("RTP/AVP"),
                       .port = from->own.port,
                       .address = from->own,
                       .is_relayable = true } },
    };
    const struct relay_describe what = {
        .call_id = str_of(call),
        .sender_tag = is_answer ? STR("b") : STR("a"),
        .receiver_tag = is_answer ? STR("a") : STR(""),
        .branch = STR("z9hG4bK"),
        .is_from_caller = !is_answer,
        .carrier = is_answer ? SDP_CARRIES_ANSWER : SDP_CARRIES_OFFER,
        .sdp = &sdp,
        .sender = { .source = from->own },
        .receiver = { .source = to->own },
        .now = now_ns() / 1000000,
    };
    struct sdp_anchor anchors[SDP_STREAMS_MAX];

    must(relay_describe(relay, &what, anchors) == ERR_NONE, "relay_describe");
    return anchors[0].address;
}

static double set_up_calls(struct relay *relay, struct bench *bench, struct addr *addresses)
{
    uint64_t start = now_ns();

    for (unsigned i = 0; i < bench->calls; i++) {
        struct phone *a = &bench->phones[2 * i], *b = a + 1;
        char call[32];

        snprintf(call, sizeof call, "call-%u", i);
        addresses[2 * i + 1] = describe(relay, call, a, b, false);
        addresses[2 * i] = describe(relay, call, b, a, true);
    }
    return (double)(now_ns() - start) / 1000 / bench->calls;
}

/* The thread of ours that has this name. */
static int find_thread(const char *wanted)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    int found = 0;

    must(tasks, "/proc/self/task");
    while ((entry = readdir(tasks))) {
        char path[300], name[32] = "";
        FILE *file;

        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        file = fopen(path, "r");
        if (file && fscanf(file, "%31s", name) == 1 && strcmp(name, wanted) == 0)
            found = atoi(entry->d_name);
        if (file)
            fclose(file);
    }
    closedir(tasks);
    return found;
}

static void aim_all(struct bench *bench, const struct addr addresses[])
{
    for (unsigned i = 0; i < 2 * bench->calls; i++)
        aim(&bench->phones[i], &addresses[i]);
}

static void compare(struct bench *bench, int relay_tid, const struct addr relay_addresses[],
                    const struct bare *bare)
{
    double best_relay = 1e12, best_bare = 1e12;

    for (unsigned round = 0; round < bench->rounds; round++) {
        double cost;

        aim_all(bench, bare->addresses);
        cost = measure(bench, atomic_load(&bare->tid), "bare forwarder");
        best_bare = cost < best_bare ? cost : best_bare;
        aim_all(bench, relay_addresses);
        cost = measure(bench, relay_tid, "relay");
        best_relay = cost < best_relay ? cost : best_relay;
    }
    printf("relay / bare forwarder: %.2f\n", best_relay / best_bare);
}

static void run(struct bench *bench)
{
    const struct relay_interface loopback = {
        .local = { .ip = { 127, 0, 0, 1 }, .family = ADDR_IPV4 },
        .advertised = { .ip = { 127, 0, 0, 1 }, .family = ADDR_IPV4 },
    };
    const struct relay_settings settings = { .port_min = 10000,
                                             .port_max = 29999,
                                             .threads = 1,
                                             .port_rest = 5000,
                                             .interfaces = &loopback,
                                             .interface_count = 1 };
    const struct relay_user user = { 0 };
    struct addr *addresses = calloc(2 * bench->calls, sizeof *addresses);
    struct relay_counters counters;
    struct prng prng;
    struct relay *relay;
    struct bare bare;

    prng_init(&prng, now_ns());
    must(addresses != NULL, "calloc");
    must(relay_create(&settings, &prng.source, &user, &relay) == ERR_NONE, "relay_create");
    printf("set up a call: %.1f us\n", set_up_calls(relay, bench, addresses));
    open_bare(&bare, bench);
    compare(bench, find_thread("media-0"), addresses, &bare);
    relay_read_counters(relay, &counters);
    printf("strangers %llu, invalid %llu, unsendable %llu, dropped %llu\n",
           (unsigned long long)counters.strangers, (unsigned long long)counters.invalid,
           (unsigned long long)counters.unsendable, (unsigned long long)counters.dropped);
    close_bare(&bare, bench);
    relay_destroy(relay);
    free(addresses);
}

static unsigned argument(int argc, char **argv, int index, unsigned otherwise)
{
    return argc > index ? (unsigned)atoi(argv[index]) : otherwise;
}

int main(int argc, char **argv)
{
    struct bench bench = {
        .calls = argument(argc, argv, 1, 500),
        .seconds = argument(argc, argv, 2, 3),
        .rounds = argument(argc, argv, 3, 3),
    };
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    bench.phones = calloc(2 * bench.calls, sizeof *bench.phones);
    must(bench.phones != NULL, "calloc");
    for (unsigned i = 0; i < 2 * bench.calls; i++)
        bench.phones[i].fd = open_socket(&bench.phones[i].own);
    run(&bench);
    free(bench.phones);
    return 0;
}
