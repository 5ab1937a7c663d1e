/* SPDX-License-Identifier: Apache-2.0 */
/* Pings of nathelper and mediaproxy, on a server whose bindings are put there by hand. */
#include "testbed.h"

#define MODULES                                                                                    \
    "#!KAMAILIO\nloadmodule \"sl.so\"\nloadmodule \"tm.so\"\nloadmodule \"usrloc.so\"\n"           \
    "loadmodule \"nathelper.so\"\nmodparam(\"usrloc\", \"nat_bflag\", 6)\n"
#define ROUTE "request_route { exit; }\n"

enum {
    NATED = 1 << 6,
    BY_REQUEST = 1 << 7,
    NEVER = 1 << 8,
    INTERVAL = 10000,
};

static void add_binding(struct testbed *bed, const char *ruid, const char *peer,
                        enum transport transport, uint32_t cflags)
{
    struct binding binding = { .table = STR("location"),
                               .aor = str_of(ruid),
                               .contact = STR("sip:alice@10.0.0.1:5062"),
                               .call_id = STR("c"),
                               .ruid = str_of(ruid),
                               .cflags = cflags,
                               .methods = ~0u,
                               .q = -1,
                               .expires_at = BED_START + 3600 * 1000 };

    binding.flow.transport = (uint8_t)transport;
    binding.flow.socket = transport == TRANSPORT_UDP ? 0 : 1;
    binding.flow.connection = transport == TRANSPORT_UDP ? 0 : 77;
    assert_int_equal(addr_parse(str_of(peer), &binding.flow.peer), ERR_NONE);
    assert_int_equal(location_restore(bed->server->location, &binding), ERR_NONE);
}

static unsigned sent_to(const struct testbed *bed, const char *peer)
{
    struct addr addr;
    unsigned count = 0;

    assert_int_equal(addr_parse(str_of(peer), &addr), ERR_NONE);
    for (unsigned i = 0; i < bed->sent_count; i++)
        count += addr_eq(&bed->sent[i].flow.peer, &addr);
    return count;
}

static const struct sent *last_sent(const struct testbed *bed)
{
    assert_true(bed->sent_count > 0);
    return &bed->sent[bed->sent_count - 1];
}

static uint64_t bindings_left(const struct testbed *bed)
{
    struct location_counters counters;

    location_read_counters(bed->server->location, &counters);
    return counters.bindings;
}

static void test_every_binding_is_pinged_within_the_interval(void **state)
{
    struct testbed *bed =
        testbed_open(MODULES "modparam(\"nathelper\", \"natping_interval\", 10)\n"
                             "modparam(\"nathelper\", \"natping_disable_bflag\", 8)\n" ROUTE);

    (void)state;
    add_binding(bed, "one", "192.0.2.1:1024", TRANSPORT_UDP, 0);
    add_binding(bed, "two", "192.0.2.2:1024", TRANSPORT_TCP, 0);
    add_binding(bed, "three", "192.0.2.3:1024", TRANSPORT_UDP, NEVER);
    testbed_run_for(bed, INTERVAL + 200);
    assert_in_range(sent_to(bed, "192.0.2.1:1024"), 1, 2);
    assert_in_range(sent_to(bed, "192.0.2.2:1024"), 1, 2);
    assert_int_equal(sent_to(bed, "192.0.2.3:1024"), 0);
    for (unsigned i = 0; i < bed->sent_count; i++) {
        bool is_stream = bed->sent[i].flow.transport == TRANSPORT_TCP;
        assert_int_equal(bed->sent[i].length, 4);
        assert_memory_equal(bed->sent[i].bytes, is_stream ? "\r\n\r\n" : "\0\0\0\0", 4);
        assert_int_equal(bed->sent[i].flow.socket, is_stream ? 1 : 0);
    }
    testbed_close(bed);
}

static void test_only_bindings_behind_a_nat_are_pinged(void **state)
{
    struct testbed *bed =
        testbed_open(MODULES "modparam(\"nathelper\", \"natping_interval\", 10)\n"
                             "modparam(\"nathelper\", \"ping_nated_only\", 1)\n" ROUTE);

    (void)state;
    add_binding(bed, "one", "192.0.2.1:1024", TRANSPORT_UDP, NATED);
    add_binding(bed, "two", "192.0.2.2:1024", TRANSPORT_UDP, 0);
    testbed_run_for(bed, INTERVAL + 200);
    assert_true(sent_to(bed, "192.0.2.1:1024") > 0);
    assert_int_equal(sent_to(bed, "192.0.2.2:1024"), 0);
    testbed_close(bed);
}

#define BY_REQUESTS                                                                                \
    MODULES "modparam(\"nathelper\", \"natping_interval\", 10)\n"                                  \
            "modparam(\"nathelper\", \"ping_nated_only\", 1)\n"                                    \
            "modparam(\"nathelper\", \"sipping_bflag\", 7)\n"                                      \
            "modparam(\"nathelper\", \"sipping_from\", \"sip:ping@example.com\")\n"                \
            "modparam(\"nathelper\", \"keepalive_timeout\", 30)\n" ROUTE

static void test_a_client_that_answers_stays(void **state)
{
    struct testbed *bed = testbed_open(BY_REQUESTS);

    (void)state;
    add_binding(bed, "one", "192.0.2.1:1024", TRANSPORT_UDP, NATED | BY_REQUEST);
    for (unsigned i = 0; i < 12; i++) {
        unsigned before = bed->sent_count;
        testbed_run_for(bed, INTERVAL);
        assert_true(bed->sent_count > before);
        assert_memory_equal(last_sent(bed)->bytes, "OPTIONS sip:alice@10.0.0.1:5062 ", 32);
        testbed_answer(bed, last_sent(bed)->bytes, "200 OK", "192.0.2.1:1024");
    }
    assert_int_equal(bindings_left(bed), 1);
    testbed_close(bed);
}

static void test_a_client_that_does_not_answer_goes(void **state)
{
    struct testbed *bed = testbed_open(BY_REQUESTS);

    (void)state;
    add_binding(bed, "one", "192.0.2.1:1024", TRANSPORT_UDP, NATED | BY_REQUEST);
    testbed_run_for(bed, INTERVAL);
    assert_int_equal(bindings_left(bed), 1);
    testbed_run_for(bed, 4 * INTERVAL);
    assert_int_equal(bindings_left(bed), 0);
    assert_in_range(bed->sent_count, 3, 4);
    testbed_close(bed);
}

static void test_a_binding_whose_connection_is_gone_goes(void **state)
{
    struct testbed *bed =
        testbed_open(MODULES "modparam(\"nathelper\", \"natping_interval\", 10)\n" ROUTE);

    (void)state;
    add_binding(bed, "one", "192.0.2.1:1024", TRANSPORT_TCP, 0);
    bed->is_unreachable = true;
    testbed_run_for(bed, INTERVAL + 200);
    assert_int_equal(bindings_left(bed), 0);
    testbed_close(bed);
}

static void be_silent(enum log_level level, int facility, const char *line)
{
    (void)facility;
    (void)level;
    (void)line;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_binding_is_pinged_within_the_interval),
        cmocka_unit_test(test_only_bindings_behind_a_nat_are_pinged),
        cmocka_unit_test(test_a_client_that_answers_stays),
        cmocka_unit_test(test_a_client_that_does_not_answer_goes),
        cmocka_unit_test(test_a_binding_whose_connection_is_gone_goes),
    };

    log_set_sink(be_silent);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
