/* SPDX-License-Identifier: Apache-2.0 */
/* The relay on real sockets: phones on the loopback interface, IPv4 and IPv6. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/prng.h"
#include "phones.h"

enum {
    DEADLINE = 5000, /* for what must happen */
    QUIET = 60,      /* for what must not */
};

static msec clock_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (msec)time.tv_sec * 1000 + (msec)time.tv_nsec / 1000000;
}

/* A phone: two sockets, and the ports that the relay gave it. */
struct phone {
    const char *tag;
    int fds[2];
    struct addr own[2];
    struct addr relay[2];
};

static int open_socket(const char *ip, struct addr *own)
{
    struct sockaddr_storage address;
    struct addr any = at(ip);
    socklen_t size = addr_to_sockaddr(&any, &address);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    size = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    addr_from_sockaddr(&address, own);
    return fd;
}

static struct phone open_phone(const char *tag, const char *ip)
{
    struct phone phone = { .tag = tag };

    for (int i = 0; i < 2; i++)
        phone.fds[i] = open_socket(ip, &phone.own[i]);
    return phone;
}

static void close_phone(struct phone *phone)
{
    close(phone->fds[0]);
    close(phone->fds[1]);
}

static void send_to(int fd, const void *bytes, size_t count, const struct addr *to)
{
    struct sockaddr_storage address;
    socklen_t size = addr_to_sockaddr(to, &address);

    assert_int_equal(sendto(fd, bytes, count, 0, (struct sockaddr *)&address, size), count);
}

static void send_rtp(const struct phone *phone, unsigned number)
{
    uint8_t bytes[RTP_SIZE];

    send_to(phone->fds[0], bytes, fill_rtp(bytes, number), &phone->relay[0]);
}

static void send_rtcp(const struct phone *phone, unsigned number)
{
    uint8_t bytes[RTP_SIZE];

    send_to(phone->fds[1], bytes, fill_rtcp(bytes, number), &phone->relay[1]);
}

static bool is_readable(int fd, int timeout)
{
    struct pollfd poller = { .fd = fd, .events = POLLIN };

    return poll(&poller, 1, timeout) == 1;
}

/* The next packet; its size. */
static size_t hear(int fd, uint8_t bytes[static RTP_SIZE], struct addr *from)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    ssize_t count;

    assert_true(is_readable(fd, DEADLINE));
    count = recvfrom(fd, bytes, RTP_SIZE, 0, (struct sockaddr *)&address, &size);
    assert_true(count >= 0);
    addr_from_sockaddr(&address, from);
    return (size_t)count;
}

static void expect_packet(const struct phone *phone, unsigned half, unsigned number)
{
    uint8_t bytes[RTP_SIZE];
    struct addr from;

    assert_int_equal(hear(phone->fds[half], bytes, &from), half ? RTCP_SIZE : RTP_SIZE);
    assert_int_equal(half ? bytes[7] : bytes[3], number);
    assert_true(addr_eq(&from, &phone->relay[half]));
}

static void expect_silence(const struct phone *phone)
{
    assert_false(is_readable(phone->fds[0], QUIET));
    assert_false(is_readable(phone->fds[1], 0));
}

/* The relay under test, and what it told. */
struct world {
    struct prng prng;
    struct relay *relay;
    atomic_uint timeouts;
    char ended[64]; /* Call-ID of the last timeout */
    struct addr latched;
};

static void note_timeout(void *context, const struct relay_report *report)
{
    struct world *world = context;

    memcpy(world->ended, report->call_id.ptr, report->call_id.len);
    world->latched = report->streams[0].legs[RELAY_CALLER].latched;
    atomic_fetch_add(&world->timeouts, 1);
}

static void open_world(struct world *world, const struct relay_settings *extra)
{
    const struct relay_interface interfaces[] = {
        { .local = at("127.0.0.1"), .advertised = at("127.0.0.1") },
        { .local = at("::1"), .advertised = at("::1") },
    };
    const struct relay_user user = { world, note_timeout };
    struct relay_settings settings = *extra;

    *world = (struct world){ 0 };
    prng_init(&world->prng, 7);
    settings.interfaces = interfaces;
    settings.interface_count = 2;
    settings.threads = 2;
    assert_int_equal(relay_create(&settings, &world->prng.source, &user, &world->relay), ERR_NONE);
}

/* The sender's description travels through the relay to the receiver. */
static void describe(struct world *world, const char *call, struct phone *sender,
                     struct phone *receiver, bool is_answer, struct sdp_stream stream)
{
    const struct sdp sdp = { .streams = { stream }, .stream_count = 1 };
    const struct relay_describe what = {
        .call_id = str_of(call),
        .sender_tag = str_of(sender->tag),
        .receiver_tag = str_of(is_answer ? receiver->tag : ""),
        .branch = STR("z9hG4bK1"),
        .is_from_caller = !is_answer,
        .carrier = is_answer ? SDP_CARRIES_ANSWER : SDP_CARRIES_OFFER,
        .sdp = &sdp,
        .sender = { .source = sender->own[0] },
        .receiver = { .source = receiver->own[0] },
        .now = clock_now(),
    };
    struct sdp_anchor anchors[SDP_STREAMS_MAX];

    assert_int_equal(relay_describe(world->relay, &what, anchors), ERR_NONE);
    assert_true(anchors[0].is_relayed);
    receiver->relay[0] = anchors[0].address;
    receiver->relay[1] = anchors[0].address;
    receiver->relay[1].port = (uint16_t)(anchors[0].address.port + 1);
}

static struct sdp_stream audio_of(const struct phone *phone)
{
    struct sdp_stream stream = audio_at(&phone->own[0]);

    stream.rtcp_port = phone->own[1].port;
    return stream;
}

static void set_up_call(struct world *world, const char *call, struct phone *a, struct phone *b)
{
    describe(world, call, a, b, false, audio_of(a));
    describe(world, call, b, a, true, audio_of(b));
}

static struct relay_counters counters_of(struct world *world)
{
    struct relay_counters counters;

    relay_read_counters(world->relay, &counters);
    return counters;
}

static void wait_for(struct world *world, bool (*is_so)(struct world *world))
{
    msec deadline = clock_now() + DEADLINE;

    while (!is_so(world)) {
        assert_true(clock_now() < deadline);
        poll(NULL, 0, 2);
    }
}

static bool all_ports_free(struct world *world)
{
    return counters_of(world).ports_used == 0;
}

static void talk(struct phone *a, struct phone *b)
{
    for (unsigned i = 1; i <= 50; i++) {
        send_rtp(a, i);
        expect_packet(b, 0, i);
        send_rtp(b, i + 100);
        expect_packet(a, 0, i + 100);
    }
    send_rtcp(a, 1);
    expect_packet(b, 1, 1);
    send_rtcp(b, 2);
    expect_packet(a, 1, 2);
}

static void check_call(const char *ip_a, const char *ip_b)
{
    struct world world;
    struct phone a = open_phone("alice", ip_a);
    struct phone b = open_phone("bob", ip_b);

    open_world(&world, &(struct relay_settings){ 0 });
    set_up_call(&world, "call", &a, &b);
    assert_int_equal(a.relay[0].family, a.own[0].family);
    assert_int_equal(b.relay[0].family, b.own[0].family);
    assert_int_equal(counters_of(&world).ports_used, 4);
    talk(&a, &b);
    relay_end(world.relay, STR("call"), STR("bob"), STR("alice"));
    assert_false(relay_has_call(world.relay, STR("call")));
    wait_for(&world, all_ports_free);
    relay_destroy(world.relay);
    close_phone(&a);
    close_phone(&b);
}

static void test_both_directions(void **state)
{
    (void)state;
    check_call("127.0.0.1", "127.0.0.1");
}

static void test_ipv4_to_ipv6(void **state)
{
    (void)state;
    check_call("127.0.0.1", "::1");
    check_call("::1", "127.0.0.1");
    check_call("::1", "::1");
}

/* needs 3: a sprayer on the same machine, but not at the party's address. */
static void test_strangers_hear_and_say_nothing(void **state)
{
    struct world world;
    struct phone a = open_phone("alice", "127.0.0.1");
    struct phone b = open_phone("bob", "127.0.0.1");
    struct phone stranger = open_phone("mallory", "127.0.0.66");

    (void)state;
    open_world(&world, &(struct relay_settings){ 0 });
    set_up_call(&world, "call", &a, &b);
    for (unsigned i = 1; i <= 200; i++) { /* before, during and after the latch closes */
        memcpy(stranger.relay, i % 2 ? a.relay : b.relay, sizeof stranger.relay);
        send_rtp(&stranger, i);
        send_rtcp(&stranger, i);
        if (i > 100) {
            send_rtp(&a, i);
            expect_packet(&b, 0, i);
            send_rtp(&b, i);
            expect_packet(&a, 0, i);
        }
    }
    expect_silence(&a);
    expect_silence(&b);
    expect_silence(&stranger);
    assert_true(counters_of(&world).strangers > 0);
    assert_int_equal(counters_of(&world).packets, 200);
    assert_int_equal(counters_of(&world).dropped, 0);
    relay_destroy(world.relay);
    close_phone(&a);
    close_phone(&b);
    close_phone(&stranger);
}

static void test_truncated_and_malformed_packets_stop_here(void **state)
{
    static uint8_t huge[9000] = { 0x80 };
    struct world world;
    struct phone a = open_phone("alice", "127.0.0.1");
    struct phone b = open_phone("bob", "127.0.0.1");

    (void)state;
    open_world(&world, &(struct relay_settings){ 0 });
    set_up_call(&world, "call", &a, &b);
    send_to(a.fds[0], huge, sizeof huge, &a.relay[0]);
    send_to(a.fds[0], "INVITE", 6, &a.relay[0]);
    send_to(a.fds[0], "", 0, &a.relay[0]);
    send_to(a.fds[1], "\x80\xc9\x00\x09", 4, &a.relay[1]);
    send_rtp(&a, 1);
    expect_packet(&b, 0, 1);
    expect_silence(&b);
    assert_int_equal(counters_of(&world).invalid, 4);
    relay_destroy(world.relay);
    close_phone(&a);
    close_phone(&b);
}

static bool has_timed_out(struct world *world)
{
    return atomic_load(&world->timeouts) > 0;
}

static void test_silence_ends_the_session(void **state)
{
    const struct relay_settings settings = { .silence_timeout = 50, .setup_timeout = 60000 };
    struct world world;
    struct phone a = open_phone("alice", "127.0.0.1");
    struct phone b = open_phone("bob", "127.0.0.1");

    (void)state;
    open_world(&world, &settings);
    set_up_call(&world, "dead", &a, &b);
    send_rtp(&a, 1);
    expect_packet(&b, 0, 1);
    wait_for(&world, has_timed_out);
    assert_string_equal(world.ended, "dead");
    assert_true(addr_eq(&world.latched, &a.own[0]));
    wait_for(&world, all_ports_free);
    assert_false(relay_has_call(world.relay, STR("dead")));
    relay_destroy(world.relay);
    assert_int_equal(atomic_load(&world.timeouts), 1);
    close_phone(&a);
    close_phone(&b);
}

/* Of two pairs one port is another program's, whichever is drawn first. */
static void test_port_in_use_by_others_is_skipped(void **state)
{
    struct phone other = open_phone("other", "127.0.0.1");
    struct phone a = open_phone("alice", "127.0.0.1");
    struct phone b = open_phone("bob", "127.0.0.1");
    uint16_t taken = (uint16_t)(other.own[0].port & ~1);
    const struct relay_settings settings = { .port_min = (uint16_t)(taken - 2),
                                             .port_max = (uint16_t)(taken + 3),
                                             .port_rest = 60000 };
    struct world world;

    (void)state;
    open_world(&world, &settings);
    describe(&world, "call", &a, &b, false, audio_of(&a));
    assert_int_not_equal(b.relay[0].port, taken);
    relay_destroy(world.relay);
    close_phone(&a);
    close_phone(&b);
    close_phone(&other);
}

static void test_address_that_is_not_ours_is_an_error(void **state)
{
    const struct relay_interface foreign = { .local = at("192.0.2.200") };
    const struct relay_settings settings = { .interfaces = &foreign, .interface_count = 1 };
    const struct relay_user user = { 0 };
    struct prng prng;
    struct relay *relay;

    (void)state;
    prng_init(&prng, 1);
    assert_int_equal(relay_create(&settings, &prng.source, &user, &relay), ERR_IO);
}

static void test_no_ports_are_an_error(void **state)
{
    const struct relay_interface loopback = { .local = at("127.0.0.1") };
    const struct relay_settings settings = {
        .port_min = 30001, .port_max = 30002, .interfaces = &loopback, .interface_count = 1
    };
    const struct relay_user user = { 0 };
    struct prng prng;
    struct relay *relay;

    (void)state;
    prng_init(&prng, 1);
    assert_int_equal(relay_create(&settings, &prng.source, &user, &relay), ERR_RANGE);
}

/* Workers that set up, find and end calls at the same time, while packets flow. */
enum {
    WORKERS = 3,
    WORKER_STEPS = 400,
};

struct worker {
    pthread_t thread;
    struct world *world;
    struct prng prng;
    struct phone a, b;
    unsigned failures;
};

static enum err describe_shared(struct worker *worker, const char *call, bool is_answer)
{
    struct phone *from = is_answer ? &worker->b : &worker->a;
    struct phone *to = is_answer ? &worker->a : &worker->b;
    const struct sdp sdp = audio_sdp(&from->own[0]);
    const struct relay_describe what = {
        .call_id = str_of(call),
        .sender_tag = str_of(from->tag),
        .receiver_tag = str_of(to->tag),
        .carrier = is_answer ? SDP_CARRIES_ANSWER : SDP_CARRIES_OFFER,
        .sdp = &sdp,
        .sender = { .source = from->own[0] },
        .receiver = { .source = to->own[0] },
        .now = clock_now(),
    };
    struct sdp_anchor anchors[SDP_STREAMS_MAX];
    enum err err = relay_describe(worker->world->relay, &what, anchors);

    if (!err)
        to->relay[0] = anchors[0].address;
    return err;
}

static void ignore_report(void *context, const struct relay_report *report)
{
    (void)report;
    ++*(unsigned *)context;
}

static void work_once(struct worker *worker)
{
    static const char *const calls[] = { "1", "2", "3", "4" };
    const char *call = calls[random_below(&worker->prng.source, 4)];
    uint8_t bytes[RTP_SIZE];
    unsigned count = 0;

    switch (random_below(&worker->prng.source, 6)) {
    case 0:
        relay_end(worker->world->relay, str_of(call), STR("bob"), STR("alice"));
        break;
    case 1:
        relay_each(worker->world->relay, clock_now(), ignore_report, &count);
        break;
    case 2:
        worker->failures += describe_shared(worker, call, true) == ERR_IO;
        break;
    default:
        worker->failures += describe_shared(worker, call, false) != ERR_NONE;
    }
    for (int i = 0; i < 4; i++) {
        struct phone *phone = i % 2 ? &worker->a : &worker->b;

        if (phone->relay[0].port)
            send_to(phone->fds[0], bytes, fill_rtp(bytes, 1), &phone->relay[0]);
    }
}

static void *work(void *context)
{
    struct worker *worker = context;

    for (int i = 0; i < WORKER_STEPS; i++)
        work_once(worker);
    return NULL;
}

static void test_workers_and_packets_at_once(void **state)
{
    struct worker workers[WORKERS] = { 0 };
    struct world world;

    (void)state;
    open_world(&world, &(struct relay_settings){ .silence_timeout = 1, .setup_timeout = 1 });
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i].world = &world;
        workers[i].a = open_phone("alice", "127.0.0.1");
        workers[i].b = open_phone("bob", "::1");
        prng_init(&workers[i].prng, i);
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].failures, 0);
        close_phone(&workers[i].a);
        close_phone(&workers[i].b);
    }
    relay_destroy(world.relay);
}

/* Sessions and packets are there to the last moment. */
static void test_destroy_in_the_middle(void **state)
{
    struct world world;
    struct phone a = open_phone("alice", "127.0.0.1");
    struct phone b = open_phone("bob", "127.0.0.1");
    static const char *const calls[] = { "1", "2", "3", "4", "5", "6", "7", "8" };

    (void)state;
    open_world(&world, &(struct relay_settings){ 0 });
    for (unsigned i = 0; i < 8; i++) {
        set_up_call(&world, calls[i], &a, &b);
        send_rtp(&a, i);
        send_rtp(&b, i);
    }
    relay_destroy(world.relay);
    close_phone(&a);
    close_phone(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_directions),
        cmocka_unit_test(test_ipv4_to_ipv6),
        cmocka_unit_test(test_strangers_hear_and_say_nothing),
        cmocka_unit_test(test_truncated_and_malformed_packets_stop_here),
        cmocka_unit_test(test_silence_ends_the_session),
        cmocka_unit_test(test_port_in_use_by_others_is_skipped),
        cmocka_unit_test(test_address_that_is_not_ours_is_an_error),
        cmocka_unit_test(test_no_ports_are_an_error),
        cmocka_unit_test(test_workers_and_packets_at_once),
        cmocka_unit_test(test_destroy_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
