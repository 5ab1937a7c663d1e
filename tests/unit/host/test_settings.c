/* SPDX-License-Identifier: Apache-2.0 */
#include "testbed.h"

#define OPTIONS                                                                                    \
    "OPTIONS sip:203.0.113.1 SIP/2.0\r\n"                                                          \
    "Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1\r\n"                                           \
    "From: <sip:alice@example.org>;tag=a1\r\nTo: <sip:203.0.113.1>\r\nCall-ID: call-1\r\n"         \
    "CSeq: 7 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"

#define ANSWER(reason) "request_route { sl_send_reply(\"200\", \"" reason "\"); }"

static char last_line[256];

static void keep_line(enum log_level level, int facility, const char *line)
{
    (void)facility;
    (void)level;
    snprintf(last_line, sizeof last_line, "%s", line);
}

static struct testbed *hear_options(const char *script)
{
    struct testbed *bed = testbed_open(script);

    testbed_receive(bed, "192.0.2.9:6000", OPTIONS);
    assert_int_equal(bed->sent_count, 1);
    return bed;
}

static void test_own_settings(void **state)
{
    struct testbed *bed =
        hear_options("#!KAMAILIO\nloadmodule \"sl\"\npstn.gw_ip = \"192.0.2.5\" desc \"gateway\"\n"
                     "pstn.limit = 3\nserver_id = 42\n" //
                     ANSWER("$sel(cfg_get.pstn.gw_ip) $sel(cfg_get.pstn.limit) $sid"));

    (void)state;
    assert_non_null(testbed_find(bed, "SIP/2.0 200 192.0.2.5 3 42\r\n"));
    testbed_close(bed);
}

static void test_force_rport(void **state)
{
    struct testbed *bed =
        hear_options("#!KAMAILIO\nloadmodule \"sl\"\nforce_rport = yes\n" ANSWER("OK"));

    (void)state;
    assert_int_equal(bed->sent[0].flow.peer.port, 6000);
    testbed_close(bed);
    bed = hear_options("#!KAMAILIO\nloadmodule \"sl\"\n" ANSWER("OK"));
    assert_int_equal(bed->sent[0].flow.peer.port, 5070);
    testbed_close(bed);
}

/* log() and xlog() both put it in front; control bytes of a peer stay escaped. */
static void test_log_prefix(void **state)
{
    struct testbed *bed;

    (void)state;
    log_set_sink(keep_line);
    bed = hear_options("#!KAMAILIO\nloadmodule \"sl\"\nloadmodule \"xlog\"\n"
                       "log_prefix = \"{$mt $ci} \"\n"
                       "request_route { xlog(\"L_ERR\", \"hello\"); sl_send_reply(\"200\", \"OK\"); }");
    assert_string_equal(last_line, "{1 call-1} <script>: hello");
    testbed_close(bed);
    bed = hear_options("#!KAMAILIO\nloadmodule \"sl\"\nlog_prefix = \"{$rm} \"\n"
                       "request_route { log(\"L_ERR\", \"hello\"); sl_send_reply(\"200\", \"OK\"); }");
    assert_string_equal(last_line, "{OPTIONS} <script>: hello");
    testbed_close(bed);
    log_set_sink(NULL);
}

static void test_without_effect(void **state)
{
    struct testbed *bed;

    (void)state;
    log_set_sink(keep_line);
    bed = hear_options("#!KAMAILIO\nloadmodule \"sl\"\nenable_sctp = 0\n" ANSWER("OK"));
    testbed_close(bed);
    log_set_sink(NULL);
    assert_string_equal(last_line,
                        "setting enable_sctp has no effect: SCTP is not among the transports");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_settings),
        cmocka_unit_test(test_force_rport),
        cmocka_unit_test(test_log_prefix),
        cmocka_unit_test(test_without_effect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
