/* SPDX-License-Identifier: Apache-2.0 */
/* tm over the life of a request: routes that are armed, statuses, timers, serial forking. */
#include "testbed.h"

#define MODULES                                                                                    \
    "loadmodule \"sl.so\"\nloadmodule \"tm.so\"\nloadmodule \"textops.so\"\n"                      \
    "loadmodule \"xlog.so\"\n"
#define INVITE                                                                                     \
    "INVITE sip:bob@192.0.2.99 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"          \
    "From: <sip:alice@example.org>;tag=a1\r\nTo: <sip:bob@example.com>\r\n"                        \
    "Call-ID: call-1\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"
#define CALLER "192.0.2.1:5060"
#define CALLEE "192.0.2.99:5060"

static struct testbed *invite(const char *script)
{
    struct testbed *bed = testbed_open(script);

    testbed_receive(bed, CALLER, INVITE);
    return bed;
}

static void assert_sent(const struct testbed *bed, const char *start, const char *text)
{
    const char *sent = testbed_find(bed, start);

    if (!sent)
        fail_msg("no %s was sent", start);
    if (text && !strstr(sent, text))
        fail_msg("%s: not in\n%s", text, sent);
}

static void test_a_failure_route_may_answer(void **state)
{
    struct testbed *bed = invite("#!OPENSER\n" MODULES "route { t_on_failure(\"1\"); t_relay(); }\n"
                                 "failure_route[1] { if (t_check_status(\"48[67]\") && "
                                 "!t_local_replied(\"all\") && !t_was_cancelled()) "
                                 "t_reply(\"480\", \"$T_reply_code\"); }\n");

    (void)state;
    testbed_answer(bed, testbed_find(bed, "INVITE "), "486 Busy Here", CALLEE);
    assert_sent(bed, "ACK sip:bob@192.0.2.99 ", NULL);
    assert_sent(bed, "SIP/2.0 480 ", NULL);
    assert_null(testbed_find(bed, "SIP/2.0 486 "));
    testbed_close(bed);
}

static void test_a_timeout_is_a_local_reply(void **state)
{
    struct testbed *bed = invite("#!OPENSER\n" MODULES "modparam(\"tm\", \"fr_timer\", 3)\n"
                                 "route { t_on_failure(\"1\"); t_relay(); }\n"
                                 "failure_route[1] { if (t_check_status(\"408\") && "
                                 "t_local_replied(\"all\") && t_local_replied(\"last\")) "
                                 "t_reply(\"404\", \"Gone\"); }\n");

    (void)state;
    testbed_run_for(bed, 2900);
    assert_null(testbed_find(bed, "SIP/2.0 404 "));
    testbed_run_for(bed, 200);
    assert_sent(bed, "SIP/2.0 404 Gone", NULL);
    testbed_close(bed);
}

static void test_kamailio_tells_timeout_from_reply(void **state)
{
    struct testbed *bed =
        invite("#!KAMAILIO\n" MODULES "modparam(\"tm\", \"fr_timer\", 2000)\n"
               "request_route { t_on_failure(\"F\"); t_relay(); }\n"
               "failure_route[F] { if (t_branch_timeout() && !t_branch_replied() && "
               "t_any_timeout() && !t_any_replied() && t_grep_status(\"408\") && "
               "t_is_failure_route()) t_reply(\"404\", \"Gone\"); }\n");

    (void)state;
    testbed_run_for(bed, 2100);
    assert_sent(bed, "SIP/2.0 404 Gone", NULL);
    testbed_close(bed);
}

static void test_a_request_has_timers_of_its_own(void **state)
{
    struct testbed *bed = invite("#!KAMAILIO\n" MODULES
                                 "request_route { t_set_fr(\"5000\", \"1000\"); t_relay(); }\n");

    (void)state;
    testbed_run_for(bed, 1100);
    assert_sent(bed, "SIP/2.0 408 ", NULL);
    testbed_close(bed);
}

static void test_an_avp_sets_the_ringing_timer(void **state)
{
    struct testbed *bed =
        invite("#!OPENSER\n" MODULES "modparam(\"tm\", \"fr_inv_timer_avp\", \"$avp(i:704)\")\n"
               "route { $avp(i:704) = 4; t_relay(); }\n");

    (void)state;
    testbed_answer(bed, testbed_find(bed, "INVITE "), "180 Ringing", CALLEE);
    testbed_run_for(bed, 3900);
    assert_null(testbed_find(bed, "CANCEL "));
    testbed_run_for(bed, 200);
    assert_sent(bed, "CANCEL sip:bob@192.0.2.99 ", NULL);
    testbed_close(bed);
}

static void test_branch_and_reply_routes_run(void **state)
{
    struct testbed *bed = invite(
        "#!KAMAILIO\n" MODULES
        "request_route { t_on_branch(\"B\"); t_on_reply(\"R\"); $br = \"sip:c@192.0.2.98\"; "
        "if (t_is_set(\"branch_route\") && t_is_set(\"onreply_route\")) t_relay(); }\n"
        "branch_route[B] { append_hf(\"B: $T_branch_idx $rU\\r\\n\"); if ($rU == \"x\") drop; }\n"
        "onreply_route[R] { if (t_check_status(\"180\") && t_is_reply_route()) "
        "append_hf(\"R: $rs $T_branch_idx $T_reply_code\\r\\n\"); }\n");

    (void)state;
    assert_sent(bed, "INVITE sip:bob@192.0.2.99 ", "\r\nB: 0 bob\r\n");
    assert_sent(bed, "INVITE sip:c@192.0.2.98 ", "\r\nB: 1 c\r\n");
    testbed_answer(bed, testbed_find(bed, "INVITE sip:c@"), "180 Ringing", "192.0.2.98:5060");
    assert_sent(bed, "SIP/2.0 180 ", "\r\nR: 180 1 180\r\n");
    testbed_close(bed);
}

static void test_contacts_are_tried_by_q(void **state)
{
    struct testbed *bed = invite(
        "#!KAMAILIO\n" MODULES
        "request_route { t_on_failure(\"F\"); append_branch(\"sip:low@192.0.2.98\", \"0.1\"); "
        "append_branch(\"sip:high@192.0.2.97\", \"0.9\"); t_load_contacts(); "
        "t_next_contacts(); t_relay(); }\n"
        "failure_route[F] { t_on_failure(\"F\"); if (t_next_contacts()) t_relay(); }\n");

    (void)state;
    assert_sent(bed, "INVITE sip:bob@", NULL); /* who says no q comes first */
    assert_null(testbed_find(bed, "INVITE sip:high@"));
    testbed_answer(bed, testbed_find(bed, "INVITE sip:bob@"), "486 Busy", CALLEE);
    assert_sent(bed, "INVITE sip:high@", NULL);
    assert_null(testbed_find(bed, "INVITE sip:low@"));
    testbed_answer(bed, testbed_find(bed, "INVITE sip:high@"), "486 Busy", "192.0.2.97:5060");
    assert_sent(bed, "INVITE sip:low@", NULL);
    testbed_answer(bed, testbed_find(bed, "INVITE sip:low@"), "486 Busy", "192.0.2.98:5060");
    assert_sent(bed, "SIP/2.0 486 ", NULL);
    testbed_close(bed);
}

static void test_a_cancel_is_relayed(void **state)
{
    struct testbed *bed =
        invite("#!KAMAILIO\n" MODULES "request_route { if (is_method(\"CANCEL\")) { "
               "if (t_check_trans()) { t_relay(); } exit; } t_on_failure(\"F\"); t_relay(); }\n"
               "failure_route[F] { if (t_is_canceled()) exit; t_reply(\"500\", \"no\"); }\n");

    (void)state;
    testbed_answer(bed, testbed_find(bed, "INVITE "), "180 Ringing", CALLEE);
    testbed_receive(bed, CALLER,
                    "CANCEL sip:bob@192.0.2.99 SIP/2.0\r\n"
                    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
                    "From: <sip:alice@example.org>;tag=a1\r\nTo: <sip:bob@example.com>\r\n"
                    "Call-ID: call-1\r\nCSeq: 7 CANCEL\r\nContent-Length: 0\r\n\r\n");
    assert_sent(bed, "CANCEL sip:bob@192.0.2.99 ", NULL);
    testbed_answer(bed, testbed_find(bed, "INVITE "), "487 Request Terminated", CALLEE);
    assert_sent(bed, "SIP/2.0 487 ", NULL);
    assert_null(testbed_find(bed, "SIP/2.0 500 "));
    testbed_close(bed);
}

static void test_a_replica_is_sent_and_its_answer_dropped(void **state)
{
    struct testbed *bed =
        invite("#!OPENSER\n" MODULES "route { t_replicate(\"sip:192.0.2.77\"); }\n");

    (void)state;
    assert_sent(bed, "INVITE ", NULL);
    assert_null(testbed_find(bed, "SIP/2.0 100"));
    testbed_answer(bed, testbed_find(bed, "INVITE "), "200 OK", "192.0.2.77:5060");
    assert_null(testbed_find(bed, "SIP/2.0 200"));
    testbed_close(bed);
}

static void test_forcing_a_transport_keeps_the_address(void **state)
{
    struct testbed *bed = invite("#!KAMAILIO\n" MODULES "request_route { t_relay_to_tcp(); }\n");

    (void)state;
    assert_sent(bed, "INVITE sip:bob@192.0.2.99 ", "Via: SIP/2.0/TCP ");
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
        cmocka_unit_test(test_a_failure_route_may_answer),
        cmocka_unit_test(test_a_timeout_is_a_local_reply),
        cmocka_unit_test(test_kamailio_tells_timeout_from_reply),
        cmocka_unit_test(test_a_request_has_timers_of_its_own),
        cmocka_unit_test(test_an_avp_sets_the_ringing_timer),
        cmocka_unit_test(test_branch_and_reply_routes_run),
        cmocka_unit_test(test_contacts_are_tried_by_q),
        cmocka_unit_test(test_a_cancel_is_relayed),
        cmocka_unit_test(test_a_replica_is_sent_and_its_answer_dropped),
        cmocka_unit_test(test_forcing_a_transport_keeps_the_address),
    };

    log_set_sink(be_silent);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
