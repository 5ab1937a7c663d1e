/* SPDX-License-Identifier: Apache-2.0 */
/* CANCEL and its races (RFC 3261 §9, §16.10). */
#include "world.h"

static void fork_to_two(struct world *world, struct request *request)
{
    world_add_target(request, "sip:bob@192.0.2.2");
    world_relay(world, request, true);
}

static struct world *calling(void)
{
    struct world *world = world_create(false);

    world->route = fork_to_two;
    world_invite(world);
    return world;
}

static void cancel_with(struct world *world, const char *headers)
{
    world_receive(world, &(struct request_parts){ .method = "CANCEL", .headers = headers });
}

static void cancel(struct world *world)
{
    cancel_with(world, "Max-Forwards: 70\r\n");
}

static bool answer(struct world *world, unsigned n, unsigned status)
{
    return world_answer(world, world_find(world, "INVITE", n), status, n ? "y" : "x");
}

static void test_a_cancel_is_answered_and_passed_on(void **state)
{
    struct world *world = calling();

    (void)state;
    answer(world, 0, 180);
    answer(world, 1, 180);
    cancel_with(world, "Reason: SIP;cause=26\r\n");
    assert_int_equal(world->match, TXN_CANCELS);
    assert_int_equal(world->cancel_err, ERR_NONE);
    assert_int_equal(world_count(world, "SIP/2.0 200"), 1);
    assert_has(world_nth(world, "SIP/2.0 200", 0), "CSeq: 7 CANCEL\r\n");
    assert_int_equal(world_count(world, "CANCEL"), 2);
    assert_has(world_nth(world, "CANCEL", 0), "Reason: SIP;cause=26\r\n");
    assert_has(world_nth(world, "CANCEL", 1), "Reason: SIP;cause=26\r\n");
    assert_int_equal(world_count(world, "SIP/2.0 487"), 0);
    answer(world, 0, 487);
    answer(world, 1, 487);
    assert_int_equal(world_count(world, "SIP/2.0 487"), 1);
    assert_int_equal(world->failures_asked, 1);
    world_destroy(world);
}

static struct str to_line(struct str message)
{
    const char *start = str_find(message, STR("\r\nTo:")) + 2;

    return str_between(start, str_find_char(str_between(start, message.ptr + message.len), '\r'));
}

static void test_invite_and_cancel_are_answered_with_one_tag(void **state)
{
    struct world *world = calling();

    (void)state;
    cancel(world);
    answer(world, 0, 180);
    answer(world, 1, 180);
    fake_wait(world->fake, 40000);
    assert_true(str_eq(to_line(world_nth(world, "SIP/2.0 200", 0)),
                       to_line(world_nth(world, "SIP/2.0 487", 0))));
    world_destroy(world);
}

static void test_silent_branches_wait_for_a_provisional(void **state)
{
    struct world *world = calling();

    (void)state;
    answer(world, 0, 180);
    cancel(world);
    assert_int_equal(world_count(world, "CANCEL"), 1);
    answer(world, 0, 487);
    assert_int_equal(world->finals, 1); /* of the CANCEL */
    answer(world, 1, 100);
    assert_int_equal(world_count(world, "CANCEL"), 2);
    answer(world, 1, 487);
    assert_int_equal(world->final_status, 487);
    assert_false(world->final_is_own);
    world_destroy(world);
}

static void test_silent_branches_end_by_their_timer(void **state)
{
    struct world *world = calling();

    (void)state;
    cancel(world);
    assert_int_equal(world_count(world, "CANCEL"), 0);
    fake_wait(world->fake, 31000);
    assert_int_equal(world->final_status, 487);
    assert_true(world->final_is_own);
    world_destroy(world);
}

static void test_deaf_branches_end_by_their_timer(void **state)
{
    struct world *world = calling();

    (void)state;
    answer(world, 0, 180);
    answer(world, 1, 180);
    cancel(world);
    fake_wait(world->fake, 32000);
    assert_int_equal(world->final_status, 487);
    world_destroy(world);
}

static void test_a_2xx_that_crosses_the_cancel_wins(void **state)
{
    struct world *world = calling();

    (void)state;
    answer(world, 0, 180);
    answer(world, 1, 180);
    cancel(world);
    answer(world, 0, 200);
    assert_int_equal(world->final_status, 200);
    assert_int_equal(world_count(world, "SIP/2.0 200"), 2);
    answer(world, 1, 487);
    assert_int_equal(world_count(world, "SIP/2.0 487"), 0);
    world_destroy(world);
}

static void test_487_goes_up_whatever_the_branches_say(void **state)
{
    struct world *world = calling();

    (void)state;
    answer(world, 0, 404);
    answer(world, 1, 180);
    cancel(world);
    answer(world, 1, 486);
    assert_int_equal(world->final_status, 487);
    world_destroy(world);
}

static void test_a_late_cancel_changes_nothing(void **state)
{
    struct world *world = calling();

    (void)state;
    answer(world, 0, 200);
    answer(world, 1, 487);
    cancel(world);
    assert_int_equal(world->match, TXN_CANCELS);
    assert_int_equal(world_count(world, "SIP/2.0 200"), 2);
    assert_int_equal(world_count(world, "CANCEL"), 0);
    assert_int_equal(world->final_status, 200);
    world_destroy(world);
}

static void test_a_cancel_comes_twice(void **state)
{
    struct world *world = calling();

    (void)state;
    answer(world, 0, 180);
    cancel(world);
    cancel(world);
    assert_int_equal(world->match, TXN_ABSORBED);
    assert_int_equal(world_count(world, "SIP/2.0 200"), 2);
    assert_int_equal(world_count(world, "CANCEL"), 1);
    answer(world, 0, 487);
    answer(world, 1, 486);
    world_destroy(world);
}

static void wait_for_something(struct world *world, struct request *request)
{
    assert_int_equal(proxy_open(world->proxy, request), ERR_NONE);
}

static void test_487_at_once_when_nothing_was_sent(void **state)
{
    struct world *world = world_create(false);
    struct request *invite;

    (void)state;
    world->route = wait_for_something;
    invite = request_ref(world_invite(world));
    cancel(world);
    assert_int_equal(world_count(world, "SIP/2.0 487"), 1);
    assert_true(invite->is_cancelled);
    world_relay(world, invite, true); /* the script goes on, too late */
    assert_int_equal(world->done_err, ERR_DENIED);
    assert_int_equal(world->done_status, 487);
    assert_int_equal(world_count(world, "INVITE"), 0);
    request_unref(invite);
    world_destroy(world);
}

static void test_branches_in_preparation_are_dropped(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = fork_to_two;
    world->delays_branches = true;
    world_invite(world);
    world_continue_branch(world, 0, 0);
    assert_int_equal(world_count(world, "INVITE"), 1);
    answer(world, 0, 180);
    cancel(world);
    assert_int_equal(world->done_count, 1);
    assert_int_equal(world->done_err, ERR_NONE);
    world_continue_branch(world, 0, 0);
    assert_int_equal(world_count(world, "INVITE"), 1);
    answer(world, 0, 487);
    assert_int_equal(world->final_status, 487);
    world_destroy(world);
}

static void test_names_in_resolution_are_dropped(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = fork_to_two;
    world->fake->delays = true;
    world_invite(world);
    cancel(world);
    assert_int_equal(world->done_status, 487);
    assert_int_equal(world_count(world, "SIP/2.0 487"), 1);
    fake_resolve_one(world->fake, ERR_NONE);
    fake_resolve_one(world->fake, ERR_UNRESOLVED);
    assert_int_equal(world_count(world, "INVITE"), 0);
    world_destroy(world);
}

static void test_a_cancel_during_the_failure_route(void **state)
{
    struct world *world = calling();

    (void)state;
    world->delays_failures = true;
    answer(world, 0, 486);
    answer(world, 1, 486);
    cancel(world);
    assert_int_equal(world_count(world, "SIP/2.0 487"), 0);
    world_continue_failure(world, 0);
    assert_int_equal(world->final_status, 487);
    world_destroy(world);
}

static void try_voicemail(struct world *world, struct request *request)
{
    world_add_target(request, "sip:voicemail@192.0.2.9");
    world_relay(world, request, false);
}

static void test_no_new_branch_after_a_cancel(void **state)
{
    struct world *world = calling();

    (void)state;
    world->failure_route = try_voicemail;
    answer(world, 0, 180);
    answer(world, 1, 180);
    cancel(world);
    answer(world, 0, 487);
    answer(world, 1, 487);
    assert_int_equal(world->done_status, 487);
    assert_int_equal(world_count(world, "INVITE"), 2);
    assert_int_equal(world->final_status, 487);
    world_destroy(world);
}

static void test_a_cancel_during_a_reply_route(void **state)
{
    struct world *world = calling();

    (void)state;
    world->delays_replies = true;
    answer(world, 0, 200);
    cancel(world);
    world->delays_replies = false;
    answer(world, 1, 180);
    assert_int_equal(world_count(world, "CANCEL"), 1);
    world_continue_reply(world, 0, 0);
    assert_int_equal(world->final_status, 200);
    answer(world, 1, 487);
    world_destroy(world);
}

static void test_a_lost_caller_counts_as_a_cancel(void **state)
{
    struct world *world = world_create(false);
    struct flow flow = fake_flow(TRANSPORT_TCP, "1.2.3.4:40000", 5);
    struct str text = world_print(world, &(struct request_parts){ .method = "INVITE" });

    (void)state;
    world_receive_on(world, text, &flow);
    answer(world, 0, 180);
    world->fake->dead_connection = 5;
    txn_unreachable(world->layer, &flow);
    fake_settle(world->fake);
    assert_int_equal(world_count(world, "CANCEL"), 1);
    answer(world, 0, 487);
    assert_int_equal(world->finals, 1);
    world_destroy(world);
}

static void test_branches_may_be_cancelled_alone(void **state)
{
    struct world *world = calling();

    (void)state;
    answer(world, 0, 180);
    answer(world, 1, 180);
    proxy_cancel_branches(world->proxy, world->last, STR("Reason: SIP;cause=1\r\n"));
    assert_int_equal(world_count(world, "CANCEL"), 2);
    assert_true(world->last->branches[0]->is_cancelled);
    answer(world, 0, 487);
    answer(world, 1, 486);
    assert_int_equal(world->final_status, 486); /* the caller has not cancelled */
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cancel_is_answered_and_passed_on),
        cmocka_unit_test(test_invite_and_cancel_are_answered_with_one_tag),
        cmocka_unit_test(test_silent_branches_wait_for_a_provisional),
        cmocka_unit_test(test_silent_branches_end_by_their_timer),
        cmocka_unit_test(test_deaf_branches_end_by_their_timer),
        cmocka_unit_test(test_a_2xx_that_crosses_the_cancel_wins),
        cmocka_unit_test(test_487_goes_up_whatever_the_branches_say),
        cmocka_unit_test(test_a_late_cancel_changes_nothing),
        cmocka_unit_test(test_a_cancel_comes_twice),
        cmocka_unit_test(test_487_at_once_when_nothing_was_sent),
        cmocka_unit_test(test_branches_in_preparation_are_dropped),
        cmocka_unit_test(test_names_in_resolution_are_dropped),
        cmocka_unit_test(test_a_cancel_during_the_failure_route),
        cmocka_unit_test(test_no_new_branch_after_a_cancel),
        cmocka_unit_test(test_a_cancel_during_a_reply_route),
        cmocka_unit_test(test_a_lost_caller_counts_as_a_cancel),
        cmocka_unit_test(test_branches_may_be_cancelled_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
