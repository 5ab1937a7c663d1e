/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

#define PING "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n"
#define TALK "MESSAGE sip:a@b SIP/2.0\r\nl: 13\r\nCall-ID: 2\r\n\r\nHello,\r\n\r\nyou"
#define PONG "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"

static const char *const tcp_only[] = { "tcp:127.0.0.1", NULL };

static struct rig *open_tcp(void)
{
    struct net_limits limits = rig_limits();

    return rig_open(tcp_only, &limits);
}

/* A connection that has said something; the result is its worker. */
static unsigned connect_and_speak(struct rig *rig, int *phone, struct flow *flow)
{
    *phone = peer_connect(rig_bound(rig, 0));
    peer_send(*phone, PING);
    return rig_expect(rig, PING, flow);
}

/* ---- framing ---- */

static void test_messages_travel_both_ways(void **state)
{
    struct rig *rig = open_tcp();
    struct rig_event *event;
    struct net_counters counters;
    int phone = peer_connect(rig_bound(rig, 0));

    (void)state;
    peer_send(phone, PING);
    event = rig_wait(rig, RIG_MESSAGE);
    assert_string_equal(event->bytes.ptr, PING);
    assert_true(event->is_stream);
    assert_int_equal(event->flow.transport, TRANSPORT_TCP);
    assert_int_equal(event->flow.socket, 0);
    assert_int_not_equal(event->flow.connection, 0);
    assert_int_equal(rig_send(rig, event->worker, &event->flow, STR(PONG)), ERR_NONE);
    peer_expect(phone, PONG);
    counters = rig_counters(rig);
    assert_int_equal(counters.accepted, 1);
    assert_int_equal(counters.connections, 1);
    assert_int_equal(counters.bytes_in, strlen(PING));
    assert_int_equal(counters.bytes_out, strlen(PONG));
    free(event);
    close(phone);
    rig_close(rig);
}

static void test_a_message_may_be_split_anywhere(void **state)
{
    struct rig *rig = open_tcp();
    int phone = peer_connect(rig_bound(rig, 0));
    uint64_t sent = 0;

    (void)state;
    for (size_t at = 1; at < strlen(TALK); at++) {
        char head[sizeof TALK];

        memcpy(head, TALK, at);
        head[at] = '\0';
        peer_send(phone, head);
        rig_await(rig, bytes_in, sent + at);
        rig_expect_no(rig, RIG_MESSAGE);
        peer_send(phone, &TALK[at]);
        rig_expect(rig, TALK, NULL);
        sent += strlen(TALK);
    }
    close(phone);
    rig_close(rig);
}

static void test_a_message_may_come_byte_by_byte(void **state)
{
    struct rig *rig = open_tcp();
    int phone = peer_connect(rig_bound(rig, 0));

    (void)state;
    for (size_t i = 0; i < strlen(TALK PING); i++) {
        peer_send(phone, (char[]){ (TALK PING)[i], '\0' });
        rig_await(rig, bytes_in, i + 1);
    }
    rig_expect(rig, TALK, NULL);
    rig_expect(rig, PING, NULL);
    close(phone);
    rig_close(rig);
}

static void test_messages_may_come_at_once(void **state)
{
    struct rig *rig = open_tcp();
    int phone = peer_connect(rig_bound(rig, 0));

    (void)state;
    peer_send(phone, PING TALK "\r\n\r\n" PONG "\r\n" PING);
    rig_expect(rig, PING, NULL);
    rig_expect(rig, TALK, NULL);
    rig_expect(rig, PONG, NULL);
    rig_expect(rig, PING, NULL);
    peer_expect(phone, "\r\n");
    close(phone);
    rig_close(rig);
}

static void test_a_ping_gets_a_pong(void **state)
{
    struct rig *rig = open_tcp();
    int phone = peer_connect(rig_bound(rig, 0));

    (void)state;
    peer_send(phone, "\r\n\r\n");
    peer_expect(phone, "\r\n");
    peer_send(phone, "\r\n");
    rig_await(rig, bytes_in, 6);
    peer_send(phone, "\r\n");
    peer_expect(phone, "\r\n");
    rig_expect_no(rig, RIG_MESSAGE);
    close(phone);
    rig_close(rig);
}

static void test_the_largest_message_fits(void **state)
{
    struct net_limits limits = rig_limits();
    struct rig *rig = rig_open(tcp_only, &limits);
    char *text = calloc(1, limits.message_bytes + 1);
    int head = snprintf(text, limits.message_bytes, "MESSAGE sip:a SIP/2.0\r\nl: 65000\r\n\r\n");
    int phone = peer_connect(rig_bound(rig, 0));
    struct flow flow;
    unsigned worker;

    (void)state;
    memset(text + head, 'x', 65000);
    peer_send(phone, text);
    worker = rig_expect(rig, text, &flow);
    assert_int_equal(rig_send(rig, worker, &flow, str_of(text)), ERR_NONE);
    peer_expect(phone, text);
    free(text);
    close(phone);
    rig_close(rig);
}

static const struct {
    const char *what;
    const char *text;
} broken_rows[] = {
    { "a browser", "POST / HTTP/1.1\r\nContent-Length: 60\r\n\r\n" PING },
    { "noise", "\x16\x03\x01\x02" },
    { "no length", "OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\n\r\n" PING },
    { "two lengths", "OPTIONS sip:a SIP/2.0\r\nl: 0\r\nl: 1\r\n\r\n" PING },
    { "too long", "OPTIONS sip:a SIP/2.0\r\nContent-Length: 2147483647\r\n\r\n" },
};

static void test_what_is_not_sip_is_closed(void **state)
{
    struct rig *rig = open_tcp();

    (void)state;
    for (size_t i = 0; i < sizeof broken_rows / sizeof *broken_rows; i++) {
        int phone = peer_connect(rig_bound(rig, 0));
        enum err why;

        peer_send(phone, broken_rows[i].text);
        why = rig_expect_closed(rig, NULL);
        if (why != ERR_SYNTAX)
            fail_msg("%s: %s", broken_rows[i].what, err_name(why));
        peer_expect_end(phone);
    }
    rig_expect_no(rig, RIG_MESSAGE);
    assert_int_equal(rig_counters(rig).closed_broken, sizeof broken_rows / sizeof *broken_rows);
    assert_int_equal(rig_counters(rig).connections, 0);
    rig_close(rig);
}

static void test_good_messages_before_noise_count(void **state)
{
    struct rig *rig = open_tcp();
    int phone = peer_connect(rig_bound(rig, 0));

    (void)state;
    peer_send(phone, PING "GET / HTTP/1.1\r\n\r\n" TALK);
    rig_expect(rig, PING, NULL);
    assert_int_equal(rig_expect_closed(rig, NULL), ERR_SYNTAX);
    rig_expect_no(rig, RIG_MESSAGE);
    close(phone);
    rig_close(rig);
}

/* ---- flows ---- */

static void test_every_worker_reaches_every_connection(void **state)
{
    struct rig *rig = open_tcp();
    struct flow flow;
    int phone;
    unsigned owner = connect_and_speak(rig, &phone, &flow);

    (void)state;
    assert_int_equal(rig_send(rig, owner, &flow, STR(PING)), ERR_NONE);
    peer_expect(phone, PING);
    assert_int_equal(rig_send(rig, 1 - owner, &flow, STR(TALK)), ERR_NONE);
    peer_expect(phone, TALK);
    close(phone);
    rig_close(rig);
}

static void test_a_lost_connection_is_unreachable_at_once(void **state)
{
    struct rig *rig = open_tcp();
    struct flow flow, lost;
    int phone;
    unsigned owner = connect_and_speak(rig, &phone, &flow);

    (void)state;
    close(phone);
    assert_int_equal(rig_expect_closed(rig, &lost), ERR_NONE);
    assert_true(flow_eq(&lost, &flow));
    assert_int_equal(rig_send(rig, owner, &flow, STR(PING)), ERR_UNREACHABLE);
    assert_int_equal(rig_send(rig, 1 - owner, &flow, STR(PING)), ERR_UNREACHABLE);
    rig_expect_no(rig, RIG_CLOSED); /* the other worker never used it */
    rig_close(rig);
}

static void test_a_flow_must_name_the_right_peer(void **state)
{
    struct rig *rig = open_tcp();
    struct flow flow;
    int phone;
    unsigned owner = connect_and_speak(rig, &phone, &flow);

    (void)state;
    flow.peer.port ^= 1;
    assert_int_equal(rig_send(rig, owner, &flow, STR(PING)), ERR_UNREACHABLE);
    assert_int_equal(rig_send(rig, 1 - owner, &flow, STR(PING)), ERR_UNREACHABLE);
    close(phone);
    rig_close(rig);
}

static void test_whoever_sent_on_a_connection_hears_of_its_loss(void **state)
{
    struct rig *rig = open_tcp();
    struct rig_event *events[2];
    struct flow flow;
    int phone;
    unsigned owner = connect_and_speak(rig, &phone, &flow);

    (void)state;
    assert_int_equal(rig_send(rig, 1 - owner, &flow, STR(PING)), ERR_NONE);
    peer_expect(phone, PING);
    peer_reset(phone);
    for (int i = 0; i < 2; i++) {
        events[i] = rig_wait(rig, RIG_CLOSED);
        assert_int_equal(events[i]->why, ERR_IO);
        assert_true(flow_eq(&events[i]->flow, &flow));
    }
    assert_int_not_equal(events[0]->worker, events[1]->worker);
    free(events[0]);
    free(events[1]);
    rig_close(rig);
}

static void test_a_peer_that_ends_its_side_is_closed(void **state)
{
    struct rig *rig = open_tcp();
    struct flow flow;
    int phone;

    (void)state;
    connect_and_speak(rig, &phone, &flow);
    shutdown(phone, SHUT_WR);
    assert_int_equal(rig_expect_closed(rig, NULL), ERR_NONE);
    peer_expect_end(phone);
    rig_close(rig);
}

/* ---- dialling ---- */

static void test_a_peer_is_dialled_once_and_then_reused(void **state)
{
    struct rig *rig = open_tcp();
    struct flow flow = { .transport = TRANSPORT_TCP, .socket = SOCKET_ANY };
    struct flow back;
    int listener = peer_listen("127.0.0.1", 8, &flow.peer);
    int gateway;
    unsigned worker;

    (void)state;
    assert_int_equal(rig_send(rig, 0, &flow, STR(PING)), ERR_NONE);
    assert_int_equal(rig_send(rig, 0, &flow, STR(TALK)), ERR_NONE);
    assert_int_equal(rig_send(rig, 1, &flow, STR(PING)), ERR_NONE);
    gateway = peer_accept(listener);
    peer_expect(gateway, PING TALK PING);
    peer_send(gateway, PONG);
    worker = rig_expect(rig, PONG, &back);
    assert_int_equal(worker, 0);
    assert_true(addr_eq(&back.peer, &flow.peer));
    assert_int_equal(back.socket, 0);
    assert_int_equal(rig_send(rig, 1, &back, STR(PING)), ERR_NONE);
    peer_expect(gateway, PING);
    assert_int_equal(rig_counters(rig).dialled, 1);
    close(gateway);
    close(listener);
    rig_close(rig);
}

static void test_an_accepted_connection_is_reused(void **state)
{
    struct rig *rig = open_tcp();
    struct flow flow;
    int phone;

    (void)state;
    connect_and_speak(rig, &phone, &flow);
    flow.connection = 0;
    for (unsigned worker = 0; worker < RIG_WORKERS; worker++) {
        assert_int_equal(rig_send(rig, worker, &flow, STR(TALK)), ERR_NONE);
        peer_expect(phone, TALK);
    }
    assert_int_equal(rig_counters(rig).dialled, 0);
    close(phone);
    rig_close(rig);
}

static void test_a_failed_dial_is_reported(void **state)
{
    struct rig *rig = open_tcp();
    struct flow flow = { .transport = TRANSPORT_TCP, .socket = 0 };
    struct flow lost;

    (void)state;
    close(peer_listen("127.0.0.1", 8, &flow.peer));
    assert_int_equal(rig_send(rig, 0, &flow, STR(PING)), ERR_NONE);
    assert_int_equal(rig_expect_closed(rig, &lost), ERR_UNREACHABLE);
    assert_true(addr_eq(&lost.peer, &flow.peer));
    assert_int_not_equal(lost.connection, 0);
    assert_int_equal(rig_send(rig, 0, &lost, STR(PING)), ERR_UNREACHABLE);
    rig_close(rig);
}

/* A listener whose queue is full: further connections hang. */
static int make_black_hole(struct addr *bound, int fillers[static 2])
{
    int listener = peer_listen("127.0.0.1", 0, bound);
    struct sockaddr_storage address;
    socklen_t size = addr_to_sockaddr(bound, &address);

    for (int i = 0; i < 2; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(fillers[i], (struct sockaddr *)&address, size);
    }
    return listener;
}

static void test_a_dial_that_hangs_times_out(void **state)
{
    struct net_limits limits = rig_limits();
    struct flow flow = { .transport = TRANSPORT_TCP, .socket = 0 };
    int fillers[2];
    int listener = make_black_hole(&flow.peer, fillers);
    struct rig *rig;

    (void)state;
    limits.connect_timeout = 50;
    rig = rig_open(tcp_only, &limits);
    assert_int_equal(rig_send(rig, 0, &flow, STR(PING)), ERR_NONE);
    assert_int_equal(rig_expect_closed(rig, NULL), ERR_TIMEOUT);
    close(fillers[0]);
    close(fillers[1]);
    close(listener);
    rig_close(rig);
}

static const struct {
    const char *what;
    const char *peer;
    uint16_t socket;
} undialled_rows[] = {
    { "the other family", "[::1]:9", SOCKET_ANY },
    { "a socket of the other family", "[::1]:9", 0 },
    { "a socket of another transport", "127.0.0.1:9", 1 },
    { "no port", "127.0.0.1", SOCKET_ANY },
    { "no way there", "255.255.255.255:9", 0 },
};

static void test_what_cannot_be_dialled_is_unreachable(void **state)
{
    static const char *const listeners[] = { "tcp:127.0.0.1", "udp:127.0.0.1", NULL };
    struct net_limits limits = rig_limits();
    struct rig *rig = rig_open(listeners, &limits);

    (void)state;
    for (size_t i = 0; i < sizeof undialled_rows / sizeof *undialled_rows; i++) {
        struct flow flow = { .peer = peer_addr(undialled_rows[i].peer),
                             .socket = undialled_rows[i].socket,
                             .transport = TRANSPORT_TCP };
        enum err err = rig_send(rig, 0, &flow, STR(PING));

        if (err != ERR_UNREACHABLE)
            fail_msg("%s: %s", undialled_rows[i].what, err_name(err));
    }
    rig_expect_no(rig, RIG_CLOSED);
    rig_close(rig);
}

/* ---- limits of time and size ---- */

static void test_a_silent_stranger_is_closed(void **state)
{
    struct net_limits limits = rig_limits();
    struct rig *rig;
    int phone, pinger;

    (void)state;
    limits.first_message_timeout = 50;
    rig = rig_open(tcp_only, &limits);
    phone = peer_connect(rig_bound(rig, 0));
    pinger = peer_connect(rig_bound(rig, 0));
    peer_send(pinger, "\r\n\r\n"); /* pings are not messages */
    peer_expect_end(phone);
    peer_expect_end(pinger);
    assert_int_equal(rig_expect_closed(rig, NULL), ERR_TIMEOUT);
    assert_int_equal(rig_expect_closed(rig, NULL), ERR_TIMEOUT);
    assert_int_equal(rig_counters(rig).closed_slow, 2);
    rig_close(rig);
}

static void test_half_a_message_is_not_waited_for_forever(void **state)
{
    struct net_limits limits = rig_limits();
    struct rig *rig;
    struct flow flow;
    int phone, pinger;

    (void)state;
    limits.message_timeout = 50;
    rig = rig_open(tcp_only, &limits);
    connect_and_speak(rig, &pinger, &flow);
    peer_send(pinger, "\r\n"); /* a pong is complete, though it looks like half a ping */
    connect_and_speak(rig, &phone, &flow);
    peer_send(phone, PING "OPTIONS si");
    rig_expect(rig, PING, NULL);
    peer_expect_end(phone);
    assert_int_equal(rig_expect_closed(rig, NULL), ERR_TIMEOUT);
    peer_send(pinger, PING);
    rig_expect(rig, PING, NULL);
    close(pinger);
    rig_close(rig);
}

static void test_an_idle_connection_is_closed(void **state)
{
    struct net_limits limits = rig_limits();
    struct rig *rig;
    struct flow flow;
    int phone;

    (void)state;
    limits.idle_timeout = 250;
    rig = rig_open(tcp_only, &limits);
    connect_and_speak(rig, &phone, &flow);
    peer_expect_end(phone);
    assert_int_equal(rig_expect_closed(rig, NULL), ERR_TIMEOUT);
    assert_int_equal(rig_counters(rig).closed_slow, 0);
    rig_close(rig);
}

/* Sends until the queue of a peer that reads nothing is full. */
static void fill_queue(struct rig *rig, unsigned worker, const struct flow *flow)
{
    static char bytes[16384];
    enum err err = ERR_NONE;

    for (int i = 0; i < 10000 && !err; i++)
        err = rig_send(rig, worker, flow, (struct str){ bytes, sizeof bytes });
    assert_int_equal(err, ERR_LIMIT);
    assert_int_equal(rig_counters(rig).queue_full, 1);
}

static void test_a_peer_that_reads_nothing_costs_only_itself(void **state)
{
    struct net_limits limits = rig_limits();
    struct rig *rig;
    struct flow flow, other;
    int phone, listener;
    unsigned owner;

    (void)state;
    limits.write_queue_bytes = 65536;
    limits.write_queue_age = 300;
    rig = rig_open(tcp_only, &limits);
    owner = connect_and_speak(rig, &phone, &flow);
    fill_queue(rig, owner, &flow);
    connect_and_speak(rig, &listener, &other);
    assert_int_equal(rig_send(rig, owner, &other, STR(TALK)), ERR_NONE);
    peer_expect(listener, TALK);
    assert_int_equal(rig_expect_closed(rig, NULL), ERR_TIMEOUT);
    assert_int_equal(rig_counters(rig).closed_slow, 1);
    assert_int_equal(rig_send(rig, owner, &flow, STR(TALK)), ERR_UNREACHABLE);
    close(phone);
    close(listener);
    rig_close(rig);
}

static void test_what_waited_is_sent_whole_once_the_peer_reads(void **state)
{
    struct net_limits limits = rig_limits();
    struct rig *rig = rig_open(tcp_only, &limits);
    static char bytes[8192];
    struct flow flow;
    int phone;
    unsigned owner = connect_and_speak(rig, &phone, &flow);
    size_t sent = 0;

    (void)state;
    memset(bytes, 'x', sizeof bytes - 1);
    while (!rig_send(rig, owner, &flow, (struct str){ bytes, sizeof bytes - 1 }))
        sent += sizeof bytes - 1;
    while (sent > 0) {
        peer_expect(phone, bytes);
        sent -= sizeof bytes - 1;
    }
    assert_int_equal(rig_send(rig, owner, &flow, STR(TALK)), ERR_NONE);
    peer_expect(phone, TALK);
    close(phone);
    rig_close(rig);
}

/* ---- limits of number ---- */

static void test_an_address_has_only_so_many_connections(void **state)
{
    struct net_limits limits = rig_limits();
    struct rig *rig;
    struct flow flow;
    int phones[3];

    (void)state;
    limits.connections_per_ip = 2;
    rig_catch_log();
    rig = rig_open(tcp_only, &limits);
    connect_and_speak(rig, &phones[0], &flow);
    connect_and_speak(rig, &phones[1], &flow);
    phones[2] = peer_connect(rig_bound(rig, 0));
    peer_expect_end(phones[2]);
    rig_await(rig, refused, 1);
    close(phones[0]);
    rig_expect_closed(rig, NULL);
    connect_and_speak(rig, &phones[0], &flow);
    close(phones[0]);
    close(phones[1]);
    rig_close(rig);
    assert_non_null(strstr(rig_caught_log(), "too many from its address"));
}

static void trust(struct net *net, void *context)
{
    struct outside *outside = net_outside(net);

    outside->trust(outside, context);
}

/* A connection that is trusted, from whichever worker. */
static void connect_and_be_known(struct rig *rig, unsigned worker, int *phone, struct flow *flow)
{
    connect_and_speak(rig, phone, flow);
    rig_run(rig, worker, trust, flow);
}

static void test_a_full_server_keeps_those_it_knows(void **state)
{
    struct net_limits limits = rig_limits();
    struct rig *rig;
    struct flow flow;
    int phones[3];

    (void)state;
    limits.connections_max = 2;
    rig_catch_log();
    rig = rig_open(tcp_only, &limits);
    connect_and_be_known(rig, 0, &phones[0], &flow);
    connect_and_be_known(rig, 1, &phones[1], &flow);
    phones[2] = peer_connect(rig_bound(rig, 0));
    peer_expect_end(phones[2]);
    rig_await(rig, refused, 1);
    rig_expect_no(rig, RIG_CLOSED);
    close(phones[0]);
    close(phones[1]);
    rig_close(rig);
    assert_non_null(strstr(rig_caught_log(), "as many as it may"));
}

static void test_a_full_server_gives_up_its_oldest_stranger(void **state)
{
    enum { PHONES = 32 };
    struct net_limits limits = rig_limits();
    struct rig *rig;
    int phones[PHONES];
    struct flow flow;
    int last;

    (void)state;
    limits.connections_max = PHONES;
    rig = rig_open(tcp_only, &limits);
    for (int i = 0; i < PHONES; i++)
        phones[i] = peer_connect(rig_bound(rig, 0));
    rig_await(rig, accepted, PHONES); /* both workers have some, but for once in 2^31 */
    connect_and_speak(rig, &last, &flow);
    assert_int_equal(rig_expect_closed(rig, NULL), ERR_EXHAUSTED);
    assert_int_equal(rig_counters(rig).connections, PHONES);
    for (int i = 0; i < PHONES; i++)
        close(phones[i]);
    close(last);
    rig_close(rig);
}

/* Whoever was silent for longest goes, on whatever worker, and only once there is no room. */
static void test_strangers_have_room_of_their_own(void **state)
{
    enum { STRANGERS = 8 };
    struct net_limits limits = rig_limits();
    int known[4], phones[STRANGERS], next;
    struct flow flow, flows[STRANGERS];
    struct rig *rig;

    (void)state;
    limits.strangers_max = STRANGERS;
    rig = rig_open(tcp_only, &limits);
    for (unsigned i = 0; i < 4; i++)
        connect_and_be_known(rig, i % 2, &known[i], &flow);
    for (unsigned i = 0; i < STRANGERS; i++)
        connect_and_speak(rig, &phones[i], &flows[i]);
    assert_int_equal(rig_counters(rig).strangers, STRANGERS);
    assert_int_equal(rig_counters(rig).connections, STRANGERS + 4);
    peer_send(phones[0], TALK);
    rig_expect(rig, TALK, NULL);
    connect_and_speak(rig, &next, &flow);
    assert_int_equal(rig_expect_closed(rig, &flow), ERR_EXHAUSTED);
    assert_true(flow_eq(&flow, &flows[1]));
    peer_expect_end(phones[1]);
    peer_send(phones[0], PING);
    rig_expect(rig, PING, NULL);
    assert_int_equal(rig_counters(rig).evicted, 1);
    assert_int_equal(rig_counters(rig).strangers, STRANGERS);
    for (unsigned i = 0; i < 4; i++)
        close(known[i]);
    for (unsigned i = 0; i < STRANGERS; i++)
        if (i != 1)
            close(phones[i]);
    close(next);
    rig_close(rig);
}

static void test_strangers_are_kept_only_so_long(void **state)
{
    struct net_limits limits = rig_limits();
    struct rig *rig;
    struct flow flow, lost;
    int known, stranger;

    (void)state;
    limits.stranger_timeout = 100;
    rig = rig_open(tcp_only, &limits);
    connect_and_be_known(rig, 0, &known, &flow);
    connect_and_speak(rig, &stranger, &flow);
    peer_send(stranger, "\r\n\r\n"); /* pings do not help */
    peer_expect_end(stranger);
    assert_int_equal(rig_expect_closed(rig, &lost), ERR_TIMEOUT);
    assert_true(flow_eq(&lost, &flow));
    peer_send(known, TALK);
    rig_expect(rig, TALK, NULL);
    close(known);
    rig_close(rig);
}

static void test_running_out_of_descriptors_is_survived(void **state)
{
    struct sockaddr_storage address;
    struct rlimit before, none;
    struct flow flow;
    struct rig *rig;
    socklen_t size;
    int phone, next;

    (void)state;
    rig_catch_log();
    rig = open_tcp();
    phone = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    next = dup(phone);
    close(next);
    size = addr_to_sockaddr(rig_bound(rig, 0), &address);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(connect(phone, (struct sockaddr *)&address, size), 0);
    peer_expect_end(phone);
    rig_await(rig, refused, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    connect_and_speak(rig, &phone, &flow);
    close(phone);
    rig_close(rig);
    assert_non_null(strstr(rig_caught_log(), "no descriptors left"));
}

/* ---- the rest ---- */

struct listing {
    unsigned accepted, dialled;
    struct flow flow;
};

static void list_connection(void *context, const struct flow *flow, msec age, bool is_dialled)
{
    struct listing *listing = context;

    assert_true(age < RIG_PATIENCE);
    listing->accepted += !is_dialled;
    listing->dialled += is_dialled;
    if (!is_dialled)
        listing->flow = *flow;
}

static void test_connections_can_be_listed(void **state)
{
    struct rig *rig = open_tcp();
    struct flow dialled = { .transport = TRANSPORT_TCP };
    struct listing listing = { 0 };
    struct flow flow;
    int listener = peer_listen("127.0.0.1", 8, &dialled.peer);
    int phone;

    (void)state;
    connect_and_speak(rig, &phone, &flow);
    assert_int_equal(rig_send(rig, 0, &dialled, STR(PING)), ERR_NONE);
    net_each_connection(rig_shared(rig), list_connection, &listing);
    assert_int_equal(listing.accepted, 1);
    assert_int_equal(listing.dialled, 1);
    assert_true(flow_eq(&listing.flow, &flow));
    close(phone);
    close(listener);
    rig_close(rig);
}

static void quiesce(struct net *net, void *context)
{
    (void)context;
    net_quiesce(net);
}

static void test_a_quiet_net_accepts_nothing_and_still_sends(void **state)
{
    struct rig *rig = open_tcp();
    struct sockaddr_storage address;
    socklen_t size = addr_to_sockaddr(rig_bound(rig, 0), &address);
    struct flow flow;
    int phone, late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned owner = connect_and_speak(rig, &phone, &flow);

    (void)state;
    for (unsigned worker = 0; worker < RIG_WORKERS; worker++)
        rig_run(rig, worker, quiesce, NULL);
    assert_int_equal(connect(late, (struct sockaddr *)&address, size), -1);
    peer_send(phone, PING);
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        assert_int_equal(rig_send(rig, (owner + i) % 2, &flow, STR(PONG)), ERR_NONE);
        peer_expect(phone, PONG);
    }
    rig_expect_no(rig, RIG_MESSAGE);
    close(phone);
    close(late);
    rig_close(rig);
}

static void test_everything_may_be_under_way_at_the_end(void **state)
{
    struct rig *rig = open_tcp();
    struct flow hanging = { .transport = TRANSPORT_TCP };
    struct flow flow;
    int fillers[2];
    int listener = make_black_hole(&hanging.peer, fillers);
    int phone;
    unsigned owner = connect_and_speak(rig, &phone, &flow);

    (void)state;
    peer_send(phone, "OPTIONS ");
    fill_queue(rig, owner, &flow);
    assert_int_equal(rig_send(rig, 0, &hanging, STR(PING)), ERR_NONE);
    for (int i = 0; i < 100; i++)
        assert_int_not_equal(rig_send(rig, 1 - owner, &flow, STR(PING)), ERR_UNREACHABLE);
    rig_close(rig);
    close(phone);
    close(fillers[0]);
    close(fillers[1]);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_travel_both_ways),
        cmocka_unit_test(test_a_message_may_be_split_anywhere),
        cmocka_unit_test(test_a_message_may_come_byte_by_byte),
        cmocka_unit_test(test_messages_may_come_at_once),
        cmocka_unit_test(test_a_ping_gets_a_pong),
        cmocka_unit_test(test_the_largest_message_fits),
        cmocka_unit_test(test_what_is_not_sip_is_closed),
        cmocka_unit_test(test_good_messages_before_noise_count),
        cmocka_unit_test(test_every_worker_reaches_every_connection),
        cmocka_unit_test(test_a_lost_connection_is_unreachable_at_once),
        cmocka_unit_test(test_a_flow_must_name_the_right_peer),
        cmocka_unit_test(test_whoever_sent_on_a_connection_hears_of_its_loss),
        cmocka_unit_test(test_a_peer_that_ends_its_side_is_closed),
        cmocka_unit_test(test_a_peer_is_dialled_once_and_then_reused),
        cmocka_unit_test(test_an_accepted_connection_is_reused),
        cmocka_unit_test(test_a_failed_dial_is_reported),
        cmocka_unit_test(test_a_dial_that_hangs_times_out),
        cmocka_unit_test(test_what_cannot_be_dialled_is_unreachable),
        cmocka_unit_test(test_a_silent_stranger_is_closed),
        cmocka_unit_test(test_half_a_message_is_not_waited_for_forever),
        cmocka_unit_test(test_an_idle_connection_is_closed),
        cmocka_unit_test(test_a_peer_that_reads_nothing_costs_only_itself),
        cmocka_unit_test(test_what_waited_is_sent_whole_once_the_peer_reads),
        cmocka_unit_test(test_an_address_has_only_so_many_connections),
        cmocka_unit_test(test_a_full_server_keeps_those_it_knows),
        cmocka_unit_test(test_a_full_server_gives_up_its_oldest_stranger),
        cmocka_unit_test(test_strangers_have_room_of_their_own),
        cmocka_unit_test(test_strangers_are_kept_only_so_long),
        cmocka_unit_test(test_running_out_of_descriptors_is_survived),
        cmocka_unit_test(test_connections_can_be_listed),
        cmocka_unit_test(test_a_quiet_net_accepts_nothing_and_still_sends),
        cmocka_unit_test(test_everything_may_be_under_way_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
