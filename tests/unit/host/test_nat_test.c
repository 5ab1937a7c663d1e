/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <culvert/nat.h>

#define PLAIN(sent_by, contact) INVITE(sent_by, contact, "", "")
#define WITH_SDP(session, media)                                                                   \
    INVITE("192.0.2.1", "<sip:alice@192.0.2.1>", "Content-Type: application/sdp\r\n",              \
           SDP_BODY(session, media))

static const struct {
    const char *what, *message, *source;
    unsigned wanted, holds;
} rows[] = {
    { "a public client", PLAIN("192.0.2.1", "<sip:alice@192.0.2.1>"), "udp:192.0.2.1:5060", 0xfff,
      0 },
    { "a private Contact", PLAIN("192.0.2.1", "<sip:alice@192.168.1.5>"), "udp:192.0.2.1:5060", 1,
      NAT_TEST_CONTACT_PRIVATE },
    { "a Contact behind carrier-grade NAT", PLAIN("192.0.2.1", "<sip:alice@100.64.3.4>"),
      "udp:192.0.2.1:5060", 1, NAT_TEST_CONTACT_PRIVATE },
    { "a Contact with a name", PLAIN("192.0.2.1", "<sip:alice@phone.example>"),
      "udp:192.0.2.1:5060", 1, 0 },
    { "a private Contact, not asked for", PLAIN("192.0.2.1", "<sip:alice@10.0.0.1>"),
      "udp:192.0.2.1:5060", 2, 0 },
    { "another source address", PLAIN("192.168.1.5", "<sip:alice@192.0.2.1>"), "udp:192.0.2.1:5060",
      2, NAT_TEST_SOURCE_ADDRESS },
    { "received was noted before", PLAIN("192.0.2.1;received=192.0.2.7", "<sip:a@192.0.2.1>"),
      "udp:192.0.2.1:5060", 2, NAT_TEST_SOURCE_ADDRESS },
    { "maddr counts in place of the host", PLAIN("10.0.0.1;maddr=192.0.2.1", "<sip:a@192.0.2.1>"),
      "udp:192.0.2.1:5060", 2, 0 },
    { "a private Via", PLAIN("10.0.0.1", "<sip:alice@192.0.2.1>"), "udp:192.0.2.1:5060", 4,
      NAT_TEST_VIA_PRIVATE },
    { "another source port", PLAIN("192.0.2.1:5062", "<sip:alice@192.0.2.1>"), "udp:192.0.2.1:5060",
      16, NAT_TEST_SOURCE_PORT },
    { "no port means 5060", PLAIN("192.0.2.1", "<sip:alice@192.0.2.1>"), "udp:192.0.2.1:5060", 16,
      0 },
    { "the port comes first", PLAIN("10.0.0.1:5062", "<sip:alice@10.0.0.1>"), "udp:192.0.2.1:5060",
      19, NAT_TEST_SOURCE_PORT },
    { "a private source", PLAIN("192.0.2.1", "<sip:alice@192.0.2.1>"), "udp:172.16.9.9:5060", 32,
      NAT_TEST_SOURCE_PRIVATE },
    { "a WebSocket", PLAIN("192.0.2.1", "<sip:alice@192.0.2.1>"), "ws:192.0.2.1:5060", 64,
      NAT_TEST_WEBSOCKET },
    { "another Contact port", PLAIN("192.0.2.1", "<sip:alice@192.0.2.1:5062>"),
      "udp:192.0.2.1:5060", 128, NAT_TEST_CONTACT_PORT },
    { "private media", WITH_SDP("192.0.2.1", "192.168.0.9"), "udp:192.0.2.1:5060", 8,
      NAT_TEST_SDP_PRIVATE },
    { "a hold is not private", WITH_SDP("192.0.2.1", "0.0.0.0"), "udp:192.0.2.1:5060", 8, 0 },
    { "the session's address does not count when the media say otherwise",
      WITH_SDP("192.168.0.9", "192.0.2.1"), "udp:192.0.2.1:5060", 8, 0 },
    { "a session elsewhere", WITH_SDP("192.0.2.9", "192.0.2.1"), "udp:192.0.2.1:5060", 256,
      NAT_TEST_SDP_ELSEWHERE },
    { "the session at the source", WITH_SDP("192.0.2.1", "192.0.2.1"), "udp:192.0.2.1:5060", 256,
      0 },
    { "no description", PLAIN("192.0.2.1", "<sip:alice@192.0.2.1>"), "udp:192.0.2.1:5060", 8 | 256,
      0 },
    { "all contacts removed", PLAIN("192.0.2.1", "*"), "udp:192.0.2.1:5060", 1 | 128, 0 },
};

static void test_each_bit_means_what_is_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig rig;
        unsigned holds;
        rig_open(&rig, rows[i].message, rows[i].source);
        holds = nat_test(&rig.run, rows[i].wanted);
        if (holds != rows[i].holds)
            fail_msg("%s: %u, not %u", rows[i].what, holds, rows[i].holds);
        rig_close(&rig);
    }
}

static void test_a_next_hop_elsewhere_is_seen(void **state)
{
    struct rig rig;

    (void)state;
    rig_open(&rig, PLAIN("192.0.2.1", "<sip:alice@192.0.2.1>"), "udp:192.0.2.1:5060");
    assert_int_equal(nat_test(&rig.run, NAT_TEST_NEXT_HOP), 0);
    assert_int_equal(run_set_dst_uri(&rig.run, STR("sip:example.com")), ERR_NONE);
    assert_int_equal(nat_test(&rig.run, NAT_TEST_NEXT_HOP), 0);
    assert_int_equal(run_set_dst_uri(&rig.run, STR("sip:192.0.2.77")), ERR_NONE);
    assert_int_equal(nat_test(&rig.run, NAT_TEST_NEXT_HOP), NAT_TEST_NEXT_HOP);
    rig_close(&rig);
}

static void test_a_marked_way_back_is_seen(void **state)
{
#define RESPONSE(second_via)                                                                       \
    "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK2\r\n"                           \
    "Via: SIP/2.0/UDP " second_via ";branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"                 \
    "To: <sip:b@b>;tag=2\r\nCall-ID: 1\r\nCSeq: 7 INVITE\r\n\r\n"
    static const struct {
        const char *message;
        unsigned holds;
    } responses[] = {
        { RESPONSE("10.0.0.1"), 0 },
        { RESPONSE("10.0.0.1;rport=5060;received=10.0.0.1"), 0 },
        { RESPONSE("10.0.0.1;rport=1024"), NAT_TEST_NEXT_HOP },
        { RESPONSE("10.0.0.1;received=192.0.2.1"), NAT_TEST_NEXT_HOP },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(responses); i++) {
        struct rig rig;
        rig_open(&rig, responses[i].message, "udp:192.0.2.1:5060");
        assert_int_equal(nat_test(&rig.run, NAT_TEST_NEXT_HOP), responses[i].holds);
        rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_bit_means_what_is_documented),
        cmocka_unit_test(test_a_next_hop_elsewhere_is_seen),
        cmocka_unit_test(test_a_marked_way_back_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
