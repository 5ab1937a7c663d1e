/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rig.h"

static struct rig *open_udp(const char *const *listeners)
{
    struct net_limits limits = rig_limits();

    return rig_open(listeners, &limits);
}

static void test_datagrams_travel_both_ways(void **state)
{
    static const char *const listeners[] = { "udp:127.0.0.1", NULL };
    struct rig *rig = open_udp(listeners);
    struct addr own, from;
    struct flow flow;
    int phone = peer_udp("127.0.0.1", &own);
    unsigned worker;

    (void)state;
    peer_send_to(phone, "REGISTER", rig_bound(rig, 0));
    worker = rig_expect(rig, "REGISTER", &flow);
    assert_true(addr_eq(&flow.peer, &own));
    assert_int_equal(flow.transport, TRANSPORT_UDP);
    assert_int_equal(flow.socket, 0);
    assert_int_equal(flow.connection, 0);
    assert_int_equal(rig_send(rig, worker, &flow, STR("200 OK")), ERR_NONE);
    peer_expect_datagram(phone, "200 OK", &from);
    assert_true(addr_eq(&from, rig_bound(rig, 0)));
    close(phone);
    rig_close(rig);
}

static void test_every_worker_sends_from_the_socket_of_the_flow(void **state)
{
    static const char *const listeners[] = { "udp:127.0.0.1", "udp:127.0.0.1", NULL };
    struct rig *rig = open_udp(listeners);
    struct flow flow = { .transport = TRANSPORT_UDP };
    struct addr from;
    int phone = peer_udp("127.0.0.1", &flow.peer);

    (void)state;
    for (unsigned worker = 0; worker < RIG_WORKERS; worker++) {
        for (flow.socket = 0; flow.socket < 2; flow.socket++) {
            assert_int_equal(rig_send(rig, worker, &flow, STR("x")), ERR_NONE);
            peer_expect_datagram(phone, "x", &from);
            assert_true(addr_eq(&from, rig_bound(rig, flow.socket)));
        }
    }
    close(phone);
    rig_close(rig);
}

static void test_a_burst_keeps_its_order(void **state)
{
    static const char *const listeners[] = { "udp:127.0.0.1", NULL };
    enum { BURST = 200 };
    struct rig *rig = open_udp(listeners);
    struct net_counters counters;
    struct addr own;
    int phone = peer_udp("127.0.0.1", &own);
    char text[16];

    (void)state;
    for (int i = 0; i < BURST; i++) {
        snprintf(text, sizeof text, "%d", i);
        peer_send_to(phone, text, rig_bound(rig, 0));
    }
    for (int i = 0; i < BURST; i++) {
        snprintf(text, sizeof text, "%d", i);
        rig_expect(rig, text, NULL);
    }
    counters = rig_counters(rig);
    assert_int_equal(counters.datagrams_in, BURST);
    assert_int_equal(counters.bytes_in, 10 + 90 * 2 + 100 * 3);
    close(phone);
    rig_close(rig);
}

static void test_many_peers_are_spread_over_the_workers(void **state)
{
    static const char *const listeners[] = { "udp:127.0.0.1", NULL };
    enum { PEERS = 64 };
    struct rig *rig = open_udp(listeners);
    unsigned heard[RIG_WORKERS] = { 0 };
    struct addr own;

    (void)state;
    for (int i = 0; i < PEERS; i++) {
        int phone = peer_udp("127.0.0.1", &own);

        peer_send_to(phone, "x", rig_bound(rig, 0));
        heard[rig_expect(rig, "x", NULL)]++;
        close(phone);
    }
    assert_true(heard[0] > 0 && heard[1] > 0); /* wrong once in 2^63 */
    rig_close(rig);
}

static void test_the_largest_datagram_fits_and_a_larger_one_is_refused(void **state)
{
    static const char *const listeners[] = { "udp:127.0.0.1", NULL };
    enum { LARGEST = 65507 };
    struct rig *rig = open_udp(listeners);
    struct flow flow = { .transport = TRANSPORT_UDP };
    char *bytes = calloc(1, LARGEST + 2);
    int phone = peer_udp("127.0.0.1", &flow.peer);

    (void)state;
    memset(bytes, 'x', LARGEST + 1);
    assert_int_equal(rig_send(rig, 0, &flow, (struct str){ bytes, LARGEST + 1 }), ERR_LIMIT);
    assert_int_equal(rig_counters(rig).datagrams_lost, 1);
    bytes[LARGEST] = '\0';
    assert_int_equal(rig_send(rig, 0, &flow, (struct str){ bytes, LARGEST }), ERR_NONE);
    peer_expect_datagram(phone, bytes, NULL);
    peer_send_to(phone, bytes, rig_bound(rig, 0));
    rig_expect(rig, bytes, NULL);
    free(bytes);
    close(phone);
    rig_close(rig);
}

static void test_empty_datagrams_are_nothing(void **state)
{
    static const char *const listeners[] = { "udp:127.0.0.1", NULL };
    struct rig *rig = open_udp(listeners);
    struct addr own;
    int phone = peer_udp("127.0.0.1", &own);

    (void)state;
    peer_send_to(phone, "", rig_bound(rig, 0));
    peer_send_to(phone, "x", rig_bound(rig, 0));
    rig_expect(rig, "x", NULL);
    close(phone);
    rig_close(rig);
}

static const struct {
    const char *what;
    const char *peer;
    uint16_t socket;
    enum transport transport;
    enum err want;
} flow_rows[] = {
    { "any socket", "127.0.0.1:9", SOCKET_ANY, TRANSPORT_UDP, ERR_NONE },
    { "the other family", "[::1]:9", SOCKET_ANY, TRANSPORT_UDP, ERR_UNREACHABLE },
    { "a socket of the other family", "[::1]:9", 0, TRANSPORT_UDP, ERR_UNREACHABLE },
    { "a socket of another transport", "127.0.0.1:9", 1, TRANSPORT_UDP, ERR_UNREACHABLE },
    { "a socket that is not there", "127.0.0.1:9", 7, TRANSPORT_UDP, ERR_UNREACHABLE },
    { "a transport that is not there", "127.0.0.1:9", SOCKET_ANY, TRANSPORT_WSS, ERR_UNREACHABLE },
    { "no port", "127.0.0.1", SOCKET_ANY, TRANSPORT_UDP, ERR_UNREACHABLE },
};

static void test_a_flow_without_a_socket_is_unreachable(void **state)
{
    static const char *const listeners[] = { "udp:127.0.0.1", "tcp:127.0.0.1", NULL };
    struct rig *rig = open_udp(listeners);

    (void)state;
    for (size_t i = 0; i < sizeof flow_rows / sizeof *flow_rows; i++) {
        struct flow flow = { .peer = peer_addr(flow_rows[i].peer),
                             .socket = flow_rows[i].socket,
                             .transport = (uint8_t)flow_rows[i].transport };
        enum err err = rig_send(rig, 0, &flow, STR("x"));

        if (err != flow_rows[i].want)
            fail_msg("%s: %s", flow_rows[i].what, err_name(err));
    }
    rig_close(rig);
}

static void test_the_family_chooses_the_socket(void **state)
{
    static const char *const listeners[] = { "udp:127.0.0.1", "udp:::1", NULL };
    struct flow flow = { .transport = TRANSPORT_UDP, .socket = SOCKET_ANY };
    struct rig *rig;
    struct addr from;
    int phone;

    (void)state;
    if (!peer_has_ipv6())
        skip();
    rig = open_udp(listeners);
    phone = peer_udp("::1", &flow.peer);
    assert_int_equal(rig_send(rig, 0, &flow, STR("x")), ERR_NONE);
    peer_expect_datagram(phone, "x", &from);
    assert_true(addr_eq(&from, rig_bound(rig, 1)));
    peer_send_to(phone, "y", rig_bound(rig, 1));
    rig_expect(rig, "y", &flow);
    assert_int_equal(flow.socket, 1);
    close(phone);
    rig_close(rig);
}

static void test_of_several_addresses_the_kernel_chooses(void **state)
{
    static const char *const listeners[] = { "udp:127.0.0.2", "udp:127.0.0.1", NULL };
    struct rig *rig = open_udp(listeners);
    struct flow flow = { .transport = TRANSPORT_UDP, .socket = SOCKET_ANY };
    struct addr from;
    int phone = peer_udp("127.0.0.1", &flow.peer);

    (void)state;
    assert_int_equal(rig_send(rig, 0, &flow, STR("x")), ERR_NONE);
    peer_expect_datagram(phone, "x", &from);
    assert_true(addr_eq(&from, rig_bound(rig, 1)));
    close(phone);
    rig_close(rig);
}

static void quiesce(struct net *net, void *context)
{
    (void)context;
    net_quiesce(net);
}

static void test_a_quiet_net_still_sends(void **state)
{
    static const char *const listeners[] = { "udp:127.0.0.1", NULL };
    struct rig *rig = open_udp(listeners);
    struct flow flow = { .transport = TRANSPORT_UDP };
    int phone = peer_udp("127.0.0.1", &flow.peer);

    (void)state;
    for (unsigned worker = 0; worker < RIG_WORKERS; worker++)
        rig_run(rig, worker, quiesce, NULL);
    peer_send_to(phone, "x", rig_bound(rig, 0));
    for (unsigned worker = 0; worker < RIG_WORKERS; worker++) {
        assert_int_equal(rig_send(rig, worker, &flow, STR("bye")), ERR_NONE);
        peer_expect_datagram(phone, "bye", NULL);
    }
    rig_expect_no(rig, RIG_MESSAGE);
    close(phone);
    rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datagrams_travel_both_ways),
        cmocka_unit_test(test_every_worker_sends_from_the_socket_of_the_flow),
        cmocka_unit_test(test_a_burst_keeps_its_order),
        cmocka_unit_test(test_many_peers_are_spread_over_the_workers),
        cmocka_unit_test(test_the_largest_datagram_fits_and_a_larger_one_is_refused),
        cmocka_unit_test(test_empty_datagrams_are_nothing),
        cmocka_unit_test(test_a_flow_without_a_socket_is_unreachable),
        cmocka_unit_test(test_the_family_chooses_the_socket),
        cmocka_unit_test(test_of_several_addresses_the_kernel_chooses),
        cmocka_unit_test(test_a_quiet_net_still_sends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
