/* SPDX-License-Identifier: Apache-2.0 */
/* Several branches: which response goes upstream, and what happens to the others. */
#include "world.h"

/* sip:bob@192.0.2.1, .2 and .3 */
static void fork_to_three(struct world *world, struct request *request)
{
    world_add_target(request, "sip:bob@192.0.2.2");
    world_add_target(request, "sip:bob@192.0.2.3");
    world_relay(world, request, true);
}

static struct world *forked(const char *method)
{
    struct world *world = world_create(false);

    world->route = fork_to_three;
    world_receive(world, &(struct request_parts){ .method = method });
    assert_int_equal(world_count(world, method), 3);
    assert_int_equal(world->last->extra_count, 0);
    return world;
}

/* A response of the n-th branch. */
static bool answer(struct world *world, unsigned n, unsigned status, const char *tag)
{
    return world_answer(world, world_find(world, "INVITE", n), status, tag);
}

/* ---- the choice ---- */

struct choice_row {
    const char *what;
    unsigned statuses[3];
    unsigned want;
    struct fork_rules rules;
};

static const struct choice_row choice_rows[] = {
    { "lowest number", { 486, 404, 480 }, 404, { 0 } },
    { "lowest class", { 500, 404, 502 }, 404, { 0 } },
    { "redirection", { 404, 302, 500 }, 302, { 0 } },
    { "6xx wins", { 404, 603, 302 }, 603, { 0 } },
    { "401 before 400", { 400, 401, 404 }, 401, { 0 } },
    { "407", { 404, 407, 403 }, 407, { 0 } },
    { "415", { 404, 415, 403 }, 415, { 0 } },
    { "420", { 404, 420, 403 }, 420, { 0 } },
    { "484", { 404, 484, 403 }, 484, { 0 } },
    { "401 before 407", { 407, 401, 484 }, 401, { 0 } },
    { "503 at the end", { 503, 500, 504 }, 500, { 0 } },
    { "503 after 6xx of course", { 503, 603, 503 }, 603, { 0 } },
    { "all 503", { 503, 503, 503 }, 500, { 0 } },
    { "all 503, as they are", { 503, 503, 503 }, 503, { .keeps_503 = true } },
    { "lowest 6xx", { 606, 600, 603 }, 600, { 0 } },
    { "6xx comes last", { 603, 500, 502 }, 500, { .lets_6xx_compete = true } },
    { "but before 503", { 603, 503, 503 }, 603, { .lets_6xx_compete = true } },
    { "own rank of local failures", { 486, 404, 480 }, 404, { .local_rank = 2000 } },
};

static void check_choice(const struct choice_row *row)
{
    struct world *world = world_create_with(false, &row->rules);

    world->route = fork_to_three;
    world_invite(world);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(world->finals, 0);
        answer(world, i, row->statuses[i], "b");
    }
    assert_int_equal(world->finals, 1);
    if (world->final_status != row->want)
        fail_msg("%s: %u, not %u", row->what, world->final_status, row->want);
    assert_int_equal(world->branch_ends, 3);
    assert_int_equal(world_count(world, "ACK"), 3);
    assert_non_null(world->last->winner);
    world_destroy(world);
}

static void test_the_best_failure_is_the_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof choice_rows / sizeof *choice_rows; i++)
        check_choice(&choice_rows[i]);
}

static void test_the_answer_has_one_via_less(void **state)
{
    struct world *world = forked("INVITE");
    struct str final;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        answer(world, i, 486, "b");
    final = world_nth(world, "SIP/2.0 486", 0);
    assert_has_not(final, "9.9.9.9");
    assert_has(final,
               "Via: SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bKone;received=1.2.3.4;rport=40000");
    assert_has(final, ";tag=b");
    world_destroy(world);
}

static void test_challenges_are_merged(void **state)
{
    struct world *world = forked("INVITE");
    struct str final;

    (void)state;
    world_answer_with(world, world_nth(world, "INVITE", 0), 407, "x",
                      "Proxy-Authenticate: Digest realm=\"one\",nonce=\"1\"\r\n");
    world_answer_with(world, world_nth(world, "INVITE", 1), 486, "y", "X-Other: 1\r\n");
    world_answer_with(world, world_nth(world, "INVITE", 2), 401, "z",
                      "WWW-Authenticate: Digest realm=\"two\",nonce=\"2\"\r\n");
    final = world_nth(world, "SIP/2.0 401", 0);
    assert_has(final, "WWW-Authenticate: Digest realm=\"two\"");
    assert_has(final, "Proxy-Authenticate: Digest realm=\"one\"");
    assert_has_not(final, "X-Other");
    world_destroy(world);
}

/* ---- provisional responses ---- */

static void test_challenges_may_be_kept_apart(void **state)
{
    const struct fork_rules rules = { .keeps_challenges_apart = true };
    struct world *world = world_create_with(false, &rules);
    struct str upstream;

    (void)state;
    world->route = fork_to_three;
    world_invite(world);
    world_answer_with(world, world_nth(world, "INVITE", 0), 407, "x",
                      "Proxy-Authenticate: Digest realm=\"one\"\r\n");
    world_answer_with(world, world_nth(world, "INVITE", 1), 401, "y",
                      "WWW-Authenticate: Digest realm=\"two\"\r\n");
    answer(world, 2, 404, "z");
    upstream = world_nth(world, "SIP/2.0 401", 0);
    assert_has(upstream, "realm=\"two\"");
    assert_null(str_find(upstream, STR("realm=\"one\"")));
    world_destroy(world);
}

/* One branch is silent, the other says 486: without the rule the silence is told. */
static unsigned answer_beside_silence(int64_t local_rank)
{
    struct world *world =
        world_create_with(false, &(struct fork_rules){ .local_rank = local_rank });
    unsigned status;

    world->route = fork_to_three;
    world_invite(world);
    answer(world, 0, 486, "x");
    answer(world, 1, 480, "y");
    fake_wait(world->fake, 31000);
    status = world->final_status;
    world_destroy(world);
    return status;
}

static void test_local_failures_may_be_worth_less(void **state)
{
    (void)state;
    assert_int_equal(answer_beside_silence(0), 408);
    assert_int_equal(answer_beside_silence(2000), 480);
}

static void test_provisional_responses_go_up_at_once(void **state)
{
    struct world *world = forked("INVITE");

    (void)state;
    answer(world, 0, 100, "");
    assert_int_equal(world_count(world, "SIP/2.0 100"), 1); /* ours */
    answer(world, 0, 180, "x");
    answer(world, 1, 183, "y");
    assert_int_equal(world_count(world, "SIP/2.0 180"), 1);
    assert_int_equal(world_count(world, "SIP/2.0 183"), 1);
    assert_int_equal(world->last->last_status, 183);
    assert_false(world->last->last_status_is_local);
    assert_true(str_eq(world->last->branches[0]->to_tag, STR("x")));
    for (unsigned i = 0; i < 3; i++)
        answer(world, i, 486, "b");
    world_destroy(world);
}

static void test_a_dropped_provisional_is_swallowed(void **state)
{
    struct world *world = forked("INVITE");

    (void)state;
    world->reply_status = PROXY_DROP;
    answer(world, 0, 180, "x");
    assert_int_equal(world_count(world, "SIP/2.0 180"), 0);
    answer(world, 0, 200, "x"); /* a final one cannot be dropped */
    assert_int_equal(world_count(world, "SIP/2.0 200"), 1);
    answer(world, 1, 487, "y");
    answer(world, 2, 487, "z");
    world_destroy(world);
}

static void test_the_reply_route_may_change_a_response(void **state)
{
    struct world *world = forked("INVITE");

    (void)state;
    world->reply_header = "X-Reply: yes\r\n";
    answer(world, 0, 180, "x");
    assert_has(world_nth(world, "SIP/2.0 180", 0), "X-Reply: yes\r\n");
    answer(world, 0, 404, "x");
    answer(world, 1, 486, "y");
    answer(world, 2, 486, "z");
    assert_has(world_nth(world, "SIP/2.0 404", 0), "X-Reply: yes\r\n");
    world_destroy(world);
}

/* ---- success ---- */

static void test_the_first_2xx_wins_and_the_others_are_cancelled(void **state)
{
    struct world *world = forked("INVITE");

    (void)state;
    answer(world, 0, 180, "x");
    answer(world, 1, 180, "y");
    answer(world, 1, 200, "y");
    assert_int_equal(world_count(world, "SIP/2.0 200"), 1);
    assert_int_equal(world->final_status, 200);
    assert_ptr_equal(world->last->winner, world->last->branches[1]);
    assert_int_equal(world_count(world, "CANCEL"), 1); /* the third has not said anything */
    assert_has(world_nth(world, "CANCEL", 0), "Reason: SIP;cause=200");
    answer(world, 2, 180, "z");
    assert_int_equal(world_count(world, "CANCEL"), 2);
    assert_int_equal(world_count(world, "SIP/2.0 180"), 2);
    answer(world, 0, 487, "x");
    answer(world, 2, 487, "z");
    assert_int_equal(world->branch_ends, 2);
    assert_int_equal(world->finals, 1);
    assert_int_equal(world->failures_asked, 0);
    world_destroy(world);
}

static void test_every_2xx_of_an_invite_goes_up(void **state)
{
    struct world *world = forked("INVITE");

    (void)state;
    answer(world, 1, 200, "y");
    answer(world, 1, 200, "y"); /* retransmitted: no ACK has arrived */
    answer(world, 0, 200, "x"); /* crossed the CANCEL */
    answer(world, 2, 486, "z");
    assert_int_equal(world_count(world, "SIP/2.0 200"), 3);
    assert_int_equal(world->finals, 1);
    assert_ptr_equal(world->last->winner, world->last->branches[1]);
    fake_wait(world->fake, 31900);
    answer(world, 1, 200, "y");
    assert_int_equal(world_count(world, "SIP/2.0 200"), 4);
    world_destroy(world);
}

static void test_only_one_final_of_other_methods_goes_up(void **state)
{
    struct world *world = forked("MESSAGE");

    (void)state;
    world_answer(world, world_find(world, "MESSAGE", 0), 404, "x");
    world_answer(world, world_find(world, "MESSAGE", 1), 200, "y");
    world_answer(world, world_find(world, "MESSAGE", 2), 202, "z");
    assert_int_equal(world_count(world, "SIP/2.0"), 1);
    assert_int_equal(world->final_status, 200);
    assert_int_equal(world_count(world, "CANCEL"), 0);
    world_destroy(world);
}

static void test_a_6xx_ends_the_others(void **state)
{
    struct world *world = forked("INVITE");

    (void)state;
    answer(world, 0, 180, "x");
    answer(world, 1, 603, "y");
    assert_int_equal(world->finals, 0); /* until the others have ended */
    assert_int_equal(world_count(world, "CANCEL"), 1);
    answer(world, 0, 487, "x");
    answer(world, 2, 486, "z");
    assert_int_equal(world->final_status, 603);
    world_destroy(world);
}

static void test_a_6xx_may_be_like_any_other(void **state)
{
    struct world *world =
        world_create_with(false, &(struct fork_rules){ .lets_6xx_compete = true });

    (void)state;
    world->route = fork_to_three;
    world_invite(world);
    answer(world, 1, 180, "y");
    answer(world, 0, 603, "x");
    assert_int_equal(world_count(world, "CANCEL"), 0);
    answer(world, 1, 486, "y");
    answer(world, 2, 500, "z");
    assert_int_equal(world->final_status, 486);
    world_destroy(world);
}

static void test_a_2xx_after_a_6xx_still_wins(void **state)
{
    struct world *world = forked("INVITE");

    (void)state;
    answer(world, 0, 180, "x");
    answer(world, 1, 603, "y");
    answer(world, 0, 200, "x");
    assert_int_equal(world->final_status, 200);
    answer(world, 2, 487, "z");
    assert_int_equal(world->finals, 1);
    world_destroy(world);
}

static void test_a_2xx_after_our_408_still_goes_up(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world_invite(world);
    world_answer(world, 1, 180, "b");
    fake_wait(world->fake, 120000);
    assert_int_equal(world->final_status, 408);
    world_answer(world, 1, 200, "b");
    assert_int_equal(world_count(world, "SIP/2.0 200"), 1);
    assert_int_equal(world->finals, 1);
    assert_peer(&world->fake->sent[world_find(world, "SIP/2.0 200", 0)].flow, "1.2.3.4:40000");
    world_destroy(world);
}

/* ---- what the reply route makes of it ---- */

static void test_the_reply_route_may_make_a_failure(void **state)
{
    struct world *world = forked("INVITE");

    (void)state;
    answer(world, 0, 486, "x");
    answer(world, 1, 486, "y");
    world->reply_status = 503; /* no port for media, say */
    answer(world, 2, 200, "z");
    assert_int_equal(world_count(world, "SIP/2.0 200"), 0);
    assert_int_equal(world->final_status, 486);
    world->reply_status = 0;
    answer(world, 2, 200, "z"); /* again */
    assert_int_equal(world_count(world, "SIP/2.0 200"), 0);
    world_destroy(world);
}

/* The callee would believe in a call of which the caller never hears: ACK, BYE, each by the proxies
 * that have recorded their route behind us. */
static void test_an_accepted_call_that_is_refused_is_ended(void **state)
{
    struct world *world = world_create(false);
    struct str sent;

    (void)state;
    world_invite(world);
    world->reply_status = 488;
    world_answer_with(world, world_nth(world, "INVITE", 0), 200, "z",
                      "Record-Route: <sip:far.example.org;lr>, <sip:near.example.org;lr>\r\n"
                      "Contact: <sip:callee@10.1.1.1>\r\n");
    sent = world_nth(world, "ACK", 0);
    assert_has(sent, "ACK sip:callee@10.1.1.1 SIP/2.0\r\n");
    assert_has(sent, "Route: <sip:near.example.org;lr>, <sip:far.example.org;lr>\r\n");
    assert_has(sent, ";tag=a1\r\n");
    assert_has(sent, ";tag=z\r\n");
    sent = world_nth(world, "BYE", 0);
    assert_has(sent, "BYE sip:callee@10.1.1.1 SIP/2.0\r\n");
    assert_has(sent, "Route: <sip:near.example.org;lr>, <sip:far.example.org;lr>\r\n");
    assert_int_equal(world->final_status, 488);
    world_answer(world, world_find(world, "INVITE", 0), 200, "z"); /* the ACK was lost */
    assert_int_equal(world_count(world, "ACK"), 2);
    assert_int_equal(world_count(world, "BYE"), 1);
    assert_int_equal(world_count(world, "SIP/2.0 200"), 0);
    world_answer(world, world_find(world, "BYE", 0), 200, "z");
    world_destroy(world);
}

static void test_a_refused_change_of_a_call_does_not_end_it(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world_receive(world, &(struct request_parts){ .method = "INVITE", .to_tag = ";tag=z" });
    world->reply_status = 488;
    world_answer(world, world_find(world, "INVITE", 0), 200, "z");
    assert_int_equal(world_count(world, "ACK"), 1);
    assert_int_equal(world_count(world, "BYE"), 0);
    assert_int_equal(world->final_status, 488);
    world_destroy(world);
}

static void test_a_refused_provisional_cancels_its_branch(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world_invite(world);
    world->reply_status = 488;
    world_answer(world, 1, 183, "b");
    assert_int_equal(world_count(world, "CANCEL"), 1);
    assert_int_equal(world->final_status, 488);
    assert_true(world->final_is_own);
    world->reply_status = 0;
    world_answer(world, 1, 487, "b");
    assert_int_equal(world->finals, 1);
    world_destroy(world);
}

/* ---- replies that take their time ---- */

static void test_responses_of_a_branch_keep_their_order(void **state)
{
    struct world *world = forked("INVITE");

    (void)state;
    world->delays_replies = true;
    answer(world, 0, 180, "x");
    answer(world, 0, 183, "x");
    answer(world, 0, 200, "x");
    answer(world, 1, 180, "y");
    assert_int_equal(world->replies_asked, 2); /* one a branch */
    assert_int_equal(world->replies[0].response->status, 180);
    world_continue_reply(world, 1, 0); /* of the second branch */
    assert_int_equal(world_count(world, "SIP/2.0 180"), 1);
    world_continue_reply(world, 0, 0);
    assert_int_equal(world->replies[0].response->status, 183);
    world_continue_reply(world, 0, PROXY_DROP);
    assert_int_equal(world_count(world, "SIP/2.0 183"), 0);
    assert_int_equal(world->replies[0].response->status, 200);
    assert_int_equal(world->finals, 0);
    world_continue_reply(world, 0, 0);
    assert_int_equal(world->final_status, 200);
    assert_int_equal(world->reply_count, 0);
    world->delays_replies = false;
    answer(world, 1, 487, "y");
    answer(world, 2, 487, "z");
    world_destroy(world);
}

/* However long it waits behind another, what the unnamed reply route has changed in it stays. */
static void test_changes_before_matching_reach_responses_that_wait(void **state)
{
    struct world *world = forked("INVITE");

    (void)state;
    world->delays_replies = true;
    answer(world, 0, 180, "x");
    world->core_header = "X-Core: yes\r\n";
    answer(world, 0, 200, "x");
    world->core_header = NULL;
    world_continue_reply(world, 0, 0);
    world_continue_reply(world, 0, 0);
    assert_null(str_find(world_nth(world, "SIP/2.0 180", 0), STR("X-Core")));
    assert_has(world_nth(world, "SIP/2.0 200", 0), "X-Core: yes\r\n");
    world->delays_replies = false;
    answer(world, 1, 487, "y");
    answer(world, 2, 487, "z");
    world_destroy(world);
}

static void test_a_reply_may_be_continued_after_all_is_over(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world_invite(world);
    world->delays_replies = true;
    world_answer(world, 1, 486, "b");
    fake_wait(world->fake, 200000); /* the transactions of the branch are gone */
    assert_int_equal(world->finals, 0);
    world_continue_reply(world, 0, 0);
    assert_int_equal(world->final_status, 486);
    world_destroy(world);
}

static void test_a_flood_of_provisionals_is_bounded(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world_invite(world);
    world->delays_replies = true;
    for (unsigned i = 0; i < 1000; i++)
        world_answer(world, 1, 180, "b");
    world_answer(world, 1, 486, "b");
    world->delays_replies = false;
    world_continue_reply(world, 0, 0);
    assert_true(world_count(world, "SIP/2.0 180") < 20);
    assert_int_equal(world->final_status, 486);
    world_destroy(world);
}

static void test_a_branch_route_may_take_its_time(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = fork_to_three;
    world->delays_branches = true;
    world_invite(world);
    assert_int_equal(world->branch_count, 3);
    assert_int_equal(world->done_count, 0);
    world_continue_branch(world, 1, 0);
    assert_int_equal(world_count(world, "INVITE"), 1);
    world_answer(world, world_find(world, "INVITE", 0), 486, "b");
    assert_int_equal(world->finals, 0);
    world_continue_branch(world, 0, PROXY_DROP);
    assert_int_equal(world->done_count, 0);
    world_continue_branch(world, 0, 480);
    assert_int_equal(world->done_count, 1);
    assert_int_equal(world->done_err, ERR_NONE);
    assert_int_equal(world->final_status, 486);
    world_destroy(world);
}

static void test_names_may_take_their_time(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = fork_to_three;
    world->fake->delays = true;
    world_invite(world);
    assert_int_equal(world->fake->query_count, 3);
    world_forget_last(world);
    fake_resolve_one(world->fake, ERR_UNRESOLVED);
    fake_resolve_one(world->fake, ERR_UNRESOLVED);
    assert_int_equal(world->done_count, 0);
    fake_resolve_one(world->fake, ERR_NONE);
    assert_int_equal(world->done_err, ERR_NONE);
    answer(world, 0, 200, "b");
    assert_int_equal(world->final_status, 200);
    world_destroy(world);
}

static void test_no_name_at_all_is_an_error(void **state)
{
    struct world *world = world_create(true);

    (void)state;
    world->route = fork_to_three;
    world->fake->delays = true;
    world_invite(world);
    while (fake_resolve_one(world->fake, ERR_UNRESOLVED))
        ;
    assert_int_equal(world->done_err, ERR_UNRESOLVED);
    assert_int_equal(world->final_status, 478);
    world_destroy(world);
}

/* ---- failure routes ---- */

static void try_voicemail(struct world *world, struct request *request)
{
    assert_non_null(request->winner);
    if (world->failures_asked > 1)
        return;
    world_add_target(request, "sip:voicemail@192.0.2.9");
    world_relay(world, request, false);
}

static void test_a_failure_route_may_try_another_target(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->failure_route = try_voicemail;
    world_invite(world);
    world_answer(world, 1, 486, "b");
    assert_int_equal(world->failures_asked, 1);
    assert_int_equal(world->finals, 0);
    assert_has(world_nth(world, "INVITE", 1), "INVITE sip:voicemail@192.0.2.9 SIP/2.0\r\n");
    assert_int_equal(world->last->branches[1]->step, world->last->step);
    answer(world, 1, 200, "v");
    assert_int_equal(world->final_status, 200);
    world_destroy(world);
}

static void test_only_the_latest_step_competes(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->failure_route = try_voicemail;
    world_invite(world);
    world_answer(world, 1, 404, "b");
    answer(world, 1, 500, "v");
    assert_int_equal(world->failures_asked, 2);
    assert_int_equal(world->final_status, 500);
    world_destroy(world);
}

/* RFC 3261 §16.7 step 5 forbids it to the proxy; a failure route that relays knows better. */
static void test_after_a_6xx_a_failure_route_may_go_on(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->failure_route = try_voicemail;
    world_invite(world);
    world_answer(world, 1, 603, "b");
    assert_int_equal(world->failures_asked, 1);
    assert_int_equal(world_count(world, "INVITE"), 2);
    answer(world, 1, 200, "v");
    assert_int_equal(world->final_status, 200);
    world_destroy(world);
}

/* What is left of a 404 of the first step when the second ends with `second`; 0: by silence. */
static unsigned answer_of_two_steps(enum older_failures older, unsigned second)
{
    const struct fork_rules rules = { .older_failures = older };
    struct world *world = world_create_with(false, &rules);
    unsigned status;

    world->failure_route = try_voicemail;
    world_invite(world);
    world_answer(world, 1, 404, "b");
    if (second)
        answer(world, 1, second, "v");
    else
        fake_wait(world->fake, 31000);
    status = world->final_status;
    world_destroy(world);
    return status;
}

static void test_older_failures_compete_as_the_rules_say(void **state)
{
    (void)state;
    assert_int_equal(answer_of_two_steps(OLDER_YIELD, 500), 500);
    assert_int_equal(answer_of_two_steps(OLDER_YIELD, 0), 404);
    assert_int_equal(answer_of_two_steps(OLDER_DROPPED, 500), 500);
    assert_int_equal(answer_of_two_steps(OLDER_DROPPED, 0), 408);
    assert_int_equal(answer_of_two_steps(OLDER_LAST_DROPPED, 0), 408);
    assert_int_equal(answer_of_two_steps(OLDER_KEPT, 500), 404);
    assert_int_equal(answer_of_two_steps(OLDER_KEPT, 302), 302);
}

static void keep_older(struct world *world, struct request *request)
{
    request->has_older_failures = true;
    request->older_failures = OLDER_KEPT;
    try_voicemail(world, request);
}

static void test_a_failure_route_may_keep_older_failures(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->failure_route = keep_older;
    world_invite(world);
    world_answer(world, 1, 404, "b");
    answer(world, 1, 500, "v");
    assert_int_equal(world->final_status, 404);
    world_destroy(world);
}

static void try_nothing(struct world *world, struct request *request)
{
    world->branch_status = PROXY_DROP;
    world_add_target(request, "sip:voicemail@192.0.2.9");
    world_relay(world, request, false);
    assert_int_equal(world->done_err, ERR_NOT_FOUND);
    world_relay(world, request, false);
    assert_int_equal(world->done_err, ERR_NOT_FOUND); /* no target */
}

static void test_a_step_that_was_never_sent_does_not_count(void **state)
{
    struct world *world = world_create(true);

    (void)state;
    world->failure_route = try_nothing;
    world_invite(world);
    world_answer(world, 1, 404, "b");
    assert_int_equal(world->failures_asked, 1);
    assert_int_equal(world->final_status, 404);
    assert_false(world->final_is_own);
    world_destroy(world);
}

static void answer_in_failure(struct world *world, struct request *request)
{
    assert_int_equal(proxy_reply(world->proxy, request, 480, STR("Not now"), STR(""), STR("")),
                     ERR_NONE);
}

static void test_a_failure_route_may_answer(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->failure_route = answer_in_failure;
    world_invite(world);
    world_answer(world, 1, 404, "b");
    assert_int_equal(world->finals, 1);
    assert_has(world_nth(world, "SIP/2.0 480", 0), "SIP/2.0 480 Not now\r\n");
    world_destroy(world);
}

static void test_a_failure_route_may_take_its_time(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->delays_failures = true;
    world->failure_route = try_voicemail;
    world_invite(world);
    world_answer(world, 1, 404, "b");
    assert_int_equal(world->failure_count, 1);
    fake_wait(world->fake, 100000);
    assert_int_equal(world->finals, 0);
    world->delays_failures = false;
    world_continue_failure(world, 0);
    answer(world, 1, 200, "v");
    assert_int_equal(world->final_status, 200);
    world_destroy(world);
}

static void relay_slowly(struct world *world, struct request *request)
{
    world->fake->delays = true;
    try_voicemail(world, request);
}

static void test_a_failure_route_may_wait_for_a_name(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->delays_failures = true;
    world->failure_route = relay_slowly;
    world_invite(world);
    world_answer(world, 1, 404, "b");
    world->failures_asked = 1;
    world_continue_failure(world, 0); /* a host that does not wait for `done` */
    assert_int_equal(world->finals, 0);
    fake_resolve_one(world->fake, ERR_UNRESOLVED);
    assert_int_equal(world->final_status, 404);
    world_destroy(world);
}

/* ---- replication ---- */

static void replicate(struct world *world, struct request *request)
{
    struct relay_options options = { .is_replica = true, .destination = STR("udp:192.0.2.20") };

    assert_int_equal(proxy_reply(world->proxy, request, 200, STR("OK"), STR(""), STR("")),
                     ERR_NONE);
    proxy_relay(world->proxy, request, true, &options, world_done, world);
    proxy_release(world->proxy, request);
}

static void test_responses_to_a_replica_are_dropped(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = replicate;
    world_receive(world, &(struct request_parts){ .method = "REGISTER" });
    assert_int_equal(world->done_err, ERR_NONE);
    assert_int_equal(world_count(world, "REGISTER"), 1);
    assert_true(world_answer(world, world_find(world, "REGISTER", 0), 200, "r"));
    assert_int_equal(world_count(world, "SIP/2.0"), 1); /* our own */
    assert_int_equal(world->replies_asked, 0);
    world_destroy(world);
}

static void replicate_first(struct world *world, struct request *request)
{
    struct relay_options options = { .is_replica = true, .destination = STR("udp:192.0.2.20") };

    proxy_relay(world->proxy, request, true, &options, world_done, world);
    assert_int_equal(proxy_reply(world->proxy, request, 200, STR("OK"), STR(""), STR("")),
                     ERR_NONE);
}

static void test_a_replicated_request_may_be_answered_later(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = replicate_first;
    world_receive(world, &(struct request_parts){ .method = "REGISTER" });
    world_answer(world, world_find(world, "REGISTER", 0), 500, "r");
    assert_int_equal(world->finals, 1);
    assert_int_equal(world->final_status, 200);
    assert_int_equal(world->failures_asked, 0);
    world_destroy(world);
}

/* ---- limits ---- */

static void add_too_many(struct world *world, struct request *request)
{
    struct target target = { .uri = STR("sip:bob@192.0.2.2"), .socket = SOCKET_ANY };
    unsigned count = 0;

    while (request_add_target(request, &target) == ERR_NONE)
        count++;
    assert_int_equal(count, TARGETS_MAX - 1);
    world_relay(world, request, true);
}

static void test_a_fork_has_a_limit(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = add_too_many;
    world_invite(world);
    assert_int_equal(world_count(world, "INVITE"), TARGETS_MAX);
    answer(world, 0, 600, "b");
    for (unsigned i = 1; i < TARGETS_MAX; i++)
        answer(world, i, 487, "b");
    assert_int_equal(world->final_status, 600);
    world_destroy(world);
}

static void try_for_ever(struct world *world, struct request *request)
{
    world_add_target(request, "sip:again@192.0.2.9");
    world_relay(world, request, false);
}

static void test_serial_forking_has_a_limit(void **state)
{
    struct world *world = world_create(false);
    unsigned count = 0;

    (void)state;
    world->failure_route = try_for_ever;
    world_invite(world);
    while (!world->finals && count < 1000)
        answer(world, count++, 486, "b");
    assert_int_equal(world->done_status, 500);
    assert_int_equal(world->final_status, 486);
    assert_true(count <= 64);
    world_destroy(world);
}

/* ---- a final reply by the script while branches ring ---- */

static void test_a_reply_of_the_script_ends_the_branches(void **state)
{
    struct world *world = forked("INVITE");

    (void)state;
    answer(world, 0, 180, "x");
    assert_int_equal(proxy_reply(world->proxy, world->last, 480, STR(""), STR(""), STR("")),
                     ERR_NONE);
    assert_int_equal(world_count(world, "CANCEL"), 1);
    assert_int_equal(proxy_reply(world->proxy, world->last, 404, STR(""), STR(""), STR("")),
                     ERR_NOT_NOW);
    answer(world, 0, 487, "x");
    answer(world, 1, 404, "x");
    answer(world, 2, 404, "x");
    assert_int_equal(world->finals, 1);
    assert_int_equal(world->failures_asked, 0);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_best_failure_is_the_answer),
        cmocka_unit_test(test_the_answer_has_one_via_less),
        cmocka_unit_test(test_challenges_are_merged),
        cmocka_unit_test(test_provisional_responses_go_up_at_once),
        cmocka_unit_test(test_a_dropped_provisional_is_swallowed),
        cmocka_unit_test(test_the_reply_route_may_change_a_response),
        cmocka_unit_test(test_the_first_2xx_wins_and_the_others_are_cancelled),
        cmocka_unit_test(test_every_2xx_of_an_invite_goes_up),
        cmocka_unit_test(test_only_one_final_of_other_methods_goes_up),
        cmocka_unit_test(test_a_6xx_ends_the_others),
        cmocka_unit_test(test_a_2xx_after_a_6xx_still_wins),
        cmocka_unit_test(test_a_2xx_after_our_408_still_goes_up),
        cmocka_unit_test(test_the_reply_route_may_make_a_failure),
        cmocka_unit_test(test_an_accepted_call_that_is_refused_is_ended),
        cmocka_unit_test(test_a_refused_change_of_a_call_does_not_end_it),
        cmocka_unit_test(test_a_refused_provisional_cancels_its_branch),
        cmocka_unit_test(test_responses_of_a_branch_keep_their_order),
        cmocka_unit_test(test_changes_before_matching_reach_responses_that_wait),
        cmocka_unit_test(test_a_reply_may_be_continued_after_all_is_over),
        cmocka_unit_test(test_a_flood_of_provisionals_is_bounded),
        cmocka_unit_test(test_a_branch_route_may_take_its_time),
        cmocka_unit_test(test_names_may_take_their_time),
        cmocka_unit_test(test_no_name_at_all_is_an_error),
        cmocka_unit_test(test_a_failure_route_may_try_another_target),
        cmocka_unit_test(test_only_the_latest_step_competes),
        cmocka_unit_test(test_older_failures_compete_as_the_rules_say),
        cmocka_unit_test(test_a_failure_route_may_keep_older_failures),
        cmocka_unit_test(test_local_failures_may_be_worth_less),
        cmocka_unit_test(test_a_6xx_may_be_like_any_other),
        cmocka_unit_test(test_challenges_may_be_kept_apart),
        cmocka_unit_test(test_after_a_6xx_a_failure_route_may_go_on),
        cmocka_unit_test(test_a_step_that_was_never_sent_does_not_count),
        cmocka_unit_test(test_a_failure_route_may_answer),
        cmocka_unit_test(test_a_failure_route_may_take_its_time),
        cmocka_unit_test(test_a_failure_route_may_wait_for_a_name),
        cmocka_unit_test(test_responses_to_a_replica_are_dropped),
        cmocka_unit_test(test_a_replicated_request_may_be_answered_later),
        cmocka_unit_test(test_a_fork_has_a_limit),
        cmocka_unit_test(test_serial_forking_has_a_limit),
        cmocka_unit_test(test_a_reply_of_the_script_ends_the_branches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
