/* SPDX-License-Identifier: Apache-2.0 */
/* Without a transaction: ACK, forward(), stateless replies, stray responses; and requests as such.
 */
#include "world.h"

static void forward(struct world *world, struct request *request)
{
    proxy_forward(world->proxy, request, world->destination, world_done, world);
}

static const struct request_parts ack = { .method = "ACK", .to_tag = ";tag=b1" };

/* ---- requests ---- */

static void test_an_ack_goes_on_without_a_transaction(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world_receive(world, &ack); /* relayed */
    assert_int_equal(world->done_err, ERR_NONE);
    assert_int_equal(world->forwards, 1);
    assert_true(str_starts(world_sent(world, 0), STR("ACK sip:bob@192.0.2.1 SIP/2.0\r\n"
                                                     "Via: SIP/2.0/UDP 9.9.9.9;rport;branch=")));
    assert_has(world_sent(world, 0), "received=1.2.3.4;rport=40000");
    assert_int_equal(txn_read_counters(world->layer)->servers_total, 0);
    assert_int_equal(txn_read_counters(world->layer)->clients_total, 0);
    assert_true(world->last->has_relayed);
    world_destroy(world);
}

static void test_a_retransmission_gets_the_same_branch(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = forward;
    world_invite(world);
    world_invite(world);
    assert_true(str_eq(world_sent(world, 0), world_sent(world, 1)));
    world_receive(world, &(struct request_parts){ .method = "INVITE", .cseq = 8 });
    assert_false(str_eq(str_skip(world_sent(world, 0), 60), str_skip(world_sent(world, 2), 60)));
    world_destroy(world);
}

static struct str branch_of(struct str message)
{
    const char *start = str_find(message, STR(";branch=")) + 8;

    return str_between(start, str_find_char(str_between(start, message.ptr + message.len), '\r'));
}

static void test_a_cancel_gets_the_branch_of_its_invite(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = forward;
    world_invite(world);
    world_receive(world, &(struct request_parts){ .method = "CANCEL" });
    assert_int_equal(world->match, TXN_NEW);
    assert_true(str_eq(branch_of(world_sent(world, 0)), branch_of(world_sent(world, 1))));
    world_destroy(world);
}

static void test_forwarding_may_fail(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = forward;
    world_receive(world, &(struct request_parts){ .method = "OPTIONS", .ruri = "sips:b@c" });
    assert_int_equal(world->done_status, 416);
    world_receive(world, &(struct request_parts){ .method = "OPTIONS", .ruri = "sip:b@nowhere" });
    assert_int_equal(world->done_status, 478);
    world_receive(world,
                  &(struct request_parts){ .method = "OPTIONS", .headers = "Max-Forwards: 0\r\n" });
    assert_int_equal(world->done_status, 483);
    world->forward_status = 403;
    world_receive(world, &(struct request_parts){ .method = "OPTIONS" });
    assert_int_equal(world->done_status, 403);
    world->forward_status = 0;
    world->fake->is_deaf = true;
    world_receive(world, &(struct request_parts){ .method = "OPTIONS" });
    assert_int_equal(world->done_status, 477);
    assert_int_equal(world->fake->count, 0);
    assert_int_equal(world->done_count, 5);
    world_destroy(world);
}

static void test_forwarding_takes_a_destination(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = forward;
    world->destination = STR("tcp:192.0.2.30:5099");
    world_receive(world, &(struct request_parts){ .method = "OPTIONS" });
    assert_peer(&world->fake->sent[0].flow, "192.0.2.30:5099");
    assert_int_equal(world->fake->sent[0].flow.transport, TRANSPORT_TCP);
    world_destroy(world);
}

static void test_a_name_may_take_its_time(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = forward;
    world->fake->delays = true;
    world_receive(world, &ack);
    world_forget_last(world);
    assert_int_equal(world->done_count, 0);
    fake_resolve_one(world->fake, ERR_NONE);
    assert_int_equal(world->done_count, 1);
    assert_int_equal(world->fake->count, 1);
    world_destroy(world);
}

static void test_the_next_address_is_tried(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = forward;
    world->fake->hops[0] = fake_flow(TRANSPORT_UDP, "192.0.2.11:5060", 0);
    world->fake->hops[1] = fake_flow(TRANSPORT_UDP, "192.0.2.12:5060", 0);
    world->fake->hop_count = 2;
    world->fake->dead_peer = world->fake->hops[0].peer;
    world_receive(world, &(struct request_parts){ .method = "OPTIONS", .ruri = "sip:b@name" });
    assert_int_equal(world->done_err, ERR_NONE);
    assert_peer(&world->fake->sent[0].flow, "192.0.2.12:5060");
    world_destroy(world);
}

static void answer_without_transaction(struct world *world, struct request *request)
{
    assert_int_equal(proxy_reply(world->proxy, request, 404, STR(""), STR(""), STR("")), ERR_NONE);
}

static void test_the_ack_of_our_own_failure_goes_no_further(void **state)
{
    struct world *world = world_create(false);
    struct arena arena;
    struct str tag;

    (void)state;
    world->route = answer_without_transaction;
    world_invite(world);
    arena_init(&arena, NULL, 1 << 16);
    assert_int_equal(str_print(&world->arena, &tag, ";tag=" STR_FMT "%c",
                               STR_ARG(fake_parse(&arena, world_sent(world, 0))->to_tag), 0),
                     ERR_NONE);
    world->route = forward;
    world_receive(world, &(struct request_parts){ .method = "ACK", .to_tag = tag.ptr });
    assert_true(proxy_absorbs_ack(world->proxy, world->last));
    assert_int_equal(world->done_count, 1);
    assert_int_equal(world->fake->count, 1);
    world_receive(world, &ack); /* with another tag */
    assert_false(proxy_absorbs_ack(world->proxy, world->last));
    assert_int_equal(world->fake->count, 2);
    arena_fini(&arena);
    world_destroy(world);
}

/* ---- replies ---- */

static void refuse(struct world *world, struct request *request)
{
    request->reply_headers = STR("X-Script: 1\r\n");
    assert_int_equal(
        proxy_reply(world->proxy, request, 404, STR("Nobody"), STR("X-More: 2\r\n"), STR("")),
        ERR_NONE);
    assert_int_equal(request->reply_headers.len, 0);
    assert_int_equal(proxy_reply(world->proxy, request, 500, STR(""), STR(""), STR("")),
                     ERR_NOT_NOW);
}

static void test_stateless_replies_are_always_the_same(void **state)
{
    struct world *world = world_create(false);
    struct str reply;

    (void)state;
    world->route = refuse;
    world_invite(world);
    world_invite(world);
    reply = world_sent(world, 0);
    assert_true(str_eq(reply, world_sent(world, 1)));
    assert_true(str_starts(reply, STR("SIP/2.0 404 Nobody\r\n")));
    assert_has_not(reply, "Server:"); /* it is longer than its request, which anybody may have sent */
    assert_has(reply, "X-Script: 1\r\n");
    assert_has(reply, "X-More: 2\r\n");
    assert_has(reply, "To: <sip:bob@example.com>;tag=");
    assert_peer(&world->fake->sent[0].flow, "1.2.3.4:40000");
    assert_int_equal(world->finals, 0); /* no transaction, no call to account for */
    world_destroy(world);
}

static void force_rport(struct world *world, struct request *request)
{
    request->force_rport = true;
    assert_int_equal(proxy_reply(world->proxy, request, 404, STR(""), STR(""), STR("")), ERR_NONE);
}

static void test_rport_can_be_forced(void **state)
{
    static const char via[] = "Via: SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bKone\r\n";
    struct world *world = world_create(false);

    (void)state;
    world->route = refuse;
    world_receive(world, &(struct request_parts){ .method = "OPTIONS", .via = via });
    assert_peer(&world->fake->sent[0].flow, "1.2.3.4:5070");
    assert_has_not(world_sent(world, 0), "rport");
    world->route = force_rport;
    world_receive(world, &(struct request_parts){ .method = "OPTIONS", .via = via, .cseq = 8 });
    assert_peer(&world->fake->sent[1].flow, "1.2.3.4:40000");
    assert_has(world_sent(world, 1), "rport=40000");
    world_destroy(world);
}

static void open_and_force(struct world *world, struct request *request)
{
    assert_int_equal(proxy_open(world->proxy, request), ERR_NONE);
    assert_int_equal(proxy_open(world->proxy, request), ERR_EXISTS);
    force_rport(world, request);
}

static void test_rport_can_be_forced_in_a_transaction(void **state)
{
    static const char via[] = "Via: SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bKone\r\n";
    struct world *world = world_create(false);

    (void)state;
    world->route = open_and_force;
    world_receive(world, &(struct request_parts){ .method = "OPTIONS", .via = via });
    assert_peer(&world->fake->sent[0].flow, "1.2.3.4:40000");
    assert_int_equal(world->finals, 1);
    world_destroy(world);
}

static void test_an_ack_is_never_answered(void **state)
{
    struct world *world = world_create(false);
    struct request *request;

    (void)state;
    request = world_receive(world, &ack);
    assert_int_equal(proxy_reply(world->proxy, request, 404, STR(""), STR(""), STR("")),
                     ERR_NOT_NOW);
    world_destroy(world);
}

/* ---- responses ---- */

static enum err respond(struct world *world, const char *vias)
{
    struct arena arena;
    struct str text;
    enum err err;

    arena_init(&arena, NULL, 1 << 16);
    assert_int_equal(str_print(&arena, &text,
                               "SIP/2.0 200 OK\r\n%s"
                               "From: <sip:a@b>;tag=a1\r\nTo: <sip:c@d>;tag=b1\r\n"
                               "Call-ID: call-1\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n",
                               vias),
                     ERR_NONE);
    err = proxy_forward_response(world->proxy, fake_parse(&arena, text), &(struct flow){ 0 }, NULL);
    arena_fini(&arena);
    return err;
}

static const char *print_vias(struct world *world, struct str branch, const char *second)
{
    struct str text;

    assert_int_equal(str_print(&world->arena, &text,
                               "Via: SIP/2.0/UDP 9.9.9.9;rport=5060;branch=" STR_FMT "\r\n%s%c",
                               STR_ARG(branch), second, 0),
                     ERR_NONE);
    return text.ptr;
}

static void test_stray_responses_go_to_the_second_via(void **state)
{
    static const struct {
        const char *second;
        enum err want;
        const char *peer;
        enum transport transport;
    } ways[] = {
        { "Via: SIP/2.0/UDP 10.0.0.7:5070;received=1.2.3.4;rport=40000;branch=z9hG4bKx\r\n",
          ERR_NONE, "1.2.3.4:40000", TRANSPORT_UDP },
        { "Via: SIP/2.0/UDP 10.0.0.7:5070;received=1.2.3.4;branch=z9hG4bKx\r\n", ERR_NONE,
          "1.2.3.4:5070", TRANSPORT_UDP },
        { "Via: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bKx\r\n", ERR_NONE, "10.0.0.7:5060",
          TRANSPORT_UDP },
        { "Via: SIP/2.0/TCP 10.0.0.7;received=1.2.3.4;rport=7777;branch=z9hG4bKx\r\n", ERR_NONE,
          "1.2.3.4:7777", TRANSPORT_TCP },
        { "Via: SIP/2.0/UDP name.example.com;branch=z9hG4bKx\r\n", ERR_UNRESOLVED, NULL, 0 },
        { "Via: SIP/2.0/PIGEON 10.0.0.7;branch=z9hG4bKx\r\n", ERR_UNSUPPORTED, NULL, 0 },
        { "", ERR_NOT_FOUND, NULL, 0 },
    };
    struct world *world = world_create(false);
    struct flow source = world_caller();
    struct str branch;

    (void)state;
    world->route = forward;
    source.socket = SIDE_SOCKET;
    world_receive_on(world, world_print(world, &(struct request_parts){ .method = "INVITE" }),
                     &source);
    branch = branch_of(world_sent(world, 0));
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        unsigned sent = world->fake->count;

        assert_int_equal(respond(world, print_vias(world, branch, ways[i].second)), ways[i].want);
        assert_int_equal(world->fake->count, sent + (ways[i].want == ERR_NONE));
        if (ways[i].want)
            continue;
        assert_peer(&world->fake->sent[sent].flow, ways[i].peer);
        assert_int_equal(world->fake->sent[sent].flow.transport, ways[i].transport);
        assert_int_equal(world->fake->sent[sent].flow.socket, SIDE_SOCKET);
        assert_has_not(world_sent(world, sent), "9.9.9.9");
    }
    world_destroy(world);
}

/* Nobody can have us send to an address of his choice. */
static void test_a_response_to_what_we_never_sent_goes_nowhere(void **state)
{
    static const char victim[] = "Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKx\r\n";
    struct world *world = world_create(false);
    struct str branch, forged;

    (void)state;
    world->route = forward;
    world_invite(world);
    branch = branch_of(world_sent(world, 0));
    for (size_t i = 7; i < branch.len; i++) {
        assert_int_equal(str_copy(&world->arena, branch, &forged), ERR_NONE);
        ((char *)(uintptr_t)forged.ptr)[i] = forged.ptr[i] == '1' ? '2' : '1';
        assert_int_equal(respond(world, print_vias(world, forged, victim)), ERR_DENIED);
    }
    assert_int_equal(respond(world, print_vias(world, STR("z9hG4bKwhatever"), victim)), ERR_DENIED);
    assert_int_equal(world->fake->count, 1);
    world_destroy(world);
}

/* ---- requests as such ---- */

static void test_targets_keep_their_texts(void **state)
{
    struct world *world = world_create(false);
    struct request *request = request_create(&world->pool, 1 << 16);
    char text[] = "sip:bob@192.0.2.1";
    struct target target = { .uri = str_of(text), .path = STR("<sip:p;lr>"), .ruid = STR("r1") };

    (void)state;
    assert_int_equal(request->refs, 1);
    assert_int_equal(request->max_forwards, -1);
    assert_int_equal(request->target.q, -1);
    assert_int_equal(request->target.socket, SOCKET_ANY);
    request->target.has_flow = true;
    assert_int_equal(request_set_uri(request, str_of(text)), ERR_NONE);
    assert_false(request->target.has_flow);
    request->target.has_flow = true;
    assert_int_equal(request_set_dst_uri(request, str_of(text)), ERR_NONE);
    assert_false(request->target.has_flow);
    assert_int_equal(request_add_target(request, &target), ERR_NONE);
    memset(text, 'x', sizeof text - 1);
    assert_true(str_eq(request->target.uri, STR("sip:bob@192.0.2.1")));
    assert_true(str_eq(request->target.dst_uri, STR("sip:bob@192.0.2.1")));
    assert_true(str_eq(request->extra[0].uri, STR("sip:bob@192.0.2.1")));
    assert_true(str_eq(request->extra[0].ruid, STR("r1")));
    assert_int_equal(request_set_dst_uri(request, STR("")), ERR_NONE);
    assert_int_equal(request->target.dst_uri.len, 0);
    request_unref(request_ref(request));
    request_unref(request);
    request_unref(NULL);
    world_destroy(world);
}

static void test_no_text_breaks_the_message(void **state)
{
    static const char *const bad[] = { "sip:b@c\r\nX: y", "sip:b@c\nX", "sip:b@c SIP/2.0",
                                       "sip:\tb" };
    struct world *world = world_create(false);
    struct request *request = request_create(&world->pool, 1 << 16);

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct target target = { .uri = str_of(bad[i]) };
        struct target hop = { .uri = STR("sip:b@c"), .dst_uri = str_of(bad[i]) };

        assert_int_equal(request_set_uri(request, str_of(bad[i])), ERR_SYNTAX);
        assert_int_equal(request_set_dst_uri(request, str_of(bad[i])), ERR_SYNTAX);
        assert_int_equal(request_add_target(request, &target), ERR_SYNTAX);
        assert_int_equal(request_add_target(request, &hop), ERR_SYNTAX);
    }
    assert_int_equal(request_set_uri(request, STR("")), ERR_SYNTAX);
    assert_int_equal(request->extra_count, 0);
    request_unref(request);
    world_destroy(world);
}

static void test_a_proxy_may_go_with_calls_under_way(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->fake->delays = false;
    world_invite(world);
    world_answer(world, 1, 180, "b");
    world_forget_last(world);
    proxy_destroy(world->proxy);
    txn_layer_destroy(world->layer);
    assert_int_equal(world->pool.live_bytes, 0);
    assert_int_equal(world->fake->wheel.count, 0);
    arena_fini(&world->arena);
    arena_pool_fini(&world->pool);
    fake_destroy(world->fake);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_ack_goes_on_without_a_transaction),
        cmocka_unit_test(test_a_retransmission_gets_the_same_branch),
        cmocka_unit_test(test_a_cancel_gets_the_branch_of_its_invite),
        cmocka_unit_test(test_forwarding_may_fail),
        cmocka_unit_test(test_forwarding_takes_a_destination),
        cmocka_unit_test(test_a_name_may_take_its_time),
        cmocka_unit_test(test_the_next_address_is_tried),
        cmocka_unit_test(test_the_ack_of_our_own_failure_goes_no_further),
        cmocka_unit_test(test_stateless_replies_are_always_the_same),
        cmocka_unit_test(test_rport_can_be_forced),
        cmocka_unit_test(test_rport_can_be_forced_in_a_transaction),
        cmocka_unit_test(test_an_ack_is_never_answered),
        cmocka_unit_test(test_stray_responses_go_to_the_second_via),
        cmocka_unit_test(test_a_response_to_what_we_never_sent_goes_nowhere),
        cmocka_unit_test(test_targets_keep_their_texts),
        cmocka_unit_test(test_no_text_breaks_the_message),
        cmocka_unit_test(test_a_proxy_may_go_with_calls_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
