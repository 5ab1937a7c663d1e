/* SPDX-License-Identifier: Apache-2.0 */
/* One target: what is written, where it goes, and what happens when it cannot be reached. */
#include "world.h"

static void finish_call(struct world *world)
{
    world_answer(world, world_find(world, "INVITE", 0), 486, "b");
}

/* ---- what goes out ---- */

static void test_an_invite_goes_out_with_our_via(void **state)
{
    struct world *world = world_create(false);
    struct str out;

    (void)state;
    world_invite(world);
    assert_int_equal(world->fake->count, 2);
    assert_true(str_starts(world_sent(world, 0), STR("SIP/2.0 100 trying")));
    assert_peer(&world->fake->sent[0].flow, "1.2.3.4:40000");
    assert_has_not(world_sent(world, 0), "To: <sip:bob@example.com>;tag");
    out = world_sent(world, 1);
    assert_peer(&world->fake->sent[1].flow, "192.0.2.1:5060");
    assert_true(str_starts(out, STR("INVITE sip:bob@192.0.2.1 SIP/2.0\r\n"
                                    "Via: SIP/2.0/UDP 9.9.9.9;rport;branch=z9hG4bK")));
    assert_has(out, "Via: SIP/2.0/UDP "
                    "10.0.0.7:5070;branch=z9hG4bKone;received=1.2.3.4;rport=40000\r\n");
    assert_has(out, "Max-Forwards: 69\r\n");
    assert_has_not(out, "Record-Route");
    assert_int_equal(world->done_count, 1);
    assert_int_equal(world->done_err, ERR_NONE);
    assert_int_equal(world->branches_asked, 1);
    assert_int_equal(world->branches_ready, 1);
    finish_call(world);
    assert_int_equal(world->finals, 1);
    fake_wait(world->fake, 100000);
    assert_int_equal(world->ends, 1);
    world_destroy(world);
}

static void test_branch_ids_cannot_be_guessed_or_too_long(void **state)
{
    struct world *world = world_create(false);
    struct str first, second;

    (void)state;
    world->route = NULL;
    world_invite(world);
    first = world->last->branches[0]->id;
    assert_true(first.len <= 60);
    assert_true(str_starts(first, STR("z9hG4bK")));
    finish_call(world);
    assert_int_equal(str_copy(&world->arena, first, &first), ERR_NONE);
    world_receive(world, &(struct request_parts){ .method = "INVITE", .cseq = 8 });
    second = world->last->branches[0]->id;
    assert_false(str_eq(str_skip((struct str){ first.ptr, 23 }, 7),
                        str_skip((struct str){ second.ptr, 23 }, 7)));
    world_answer(world, world_find(world, "INVITE", 1), 486, "b");
    world_destroy(world);
}

static void test_the_socket_says_who_we_are(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->destination = STR("tcp:192.0.2.5:5080");
    world_invite(world);
    assert_peer(&world->fake->sent[1].flow, "192.0.2.5:5080");
    assert_has(world_sent(world, 1), "Via: SIP/2.0/TCP 9.9.9.9;branch=z9hG4bK");
    finish_call(world);
    world_destroy(world);
}

static void advertise(struct world *world, struct request *request)
{
    request->target.socket = SIDE_SOCKET;
    request->record_route.is_wanted = true;
    world_relay(world, request, true);
}

static void test_the_advertised_name_is_used(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = advertise;
    world_invite(world);
    assert_has(world_sent(world, 1), "Via: SIP/2.0/UDP edge.example.com:5070;rport;branch=");
    assert_has(world_sent(world, 1), "Record-Route: <sip:edge.example.com:5070;lr>\r\n");
    assert_int_equal(world->fake->sent[1].flow.socket, SIDE_SOCKET);
    finish_call(world);
    world_destroy(world);
}

static void advertise_another(struct world *world, struct request *request)
{
    request->advertised_host = STR("public.example.com");
    request->advertised_port = 5099;
    world_relay(world, request, true);
}

static void test_a_script_may_advertise_another_address(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = advertise_another;
    world_invite(world);
    assert_has(world_sent(world, 1), "Via: SIP/2.0/UDP public.example.com:5099;rport;branch=");
    finish_call(world);
    world_destroy(world);
}

static void add_path(struct world *world, struct request *request)
{
    request->target.path = STR("<sip:edge@192.0.2.9:5090;lr>, <sip:192.0.2.10;lr>");
    world_relay(world, request, true);
}

static void test_a_path_becomes_routes(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = add_path;
    world_invite(world);
    assert_peer(&world->fake->sent[1].flow, "192.0.2.9:5090");
    assert_has(world_sent(world, 1),
               "Route: <sip:edge@192.0.2.9:5090;lr>, <sip:192.0.2.10;lr>\r\n");
    assert_has(world_sent(world, 1), "INVITE sip:bob@192.0.2.1 SIP/2.0\r\n");
    finish_call(world);
    world_destroy(world);
}

/* ---- Record-Route ---- */

struct record_row {
    const char *what;
    struct record_route wish;
    const char *destination;
    const char *want;
};

static const struct record_row record_rows[] = {
    { "plain", { .is_wanted = true }, "", "Record-Route: <sip:9.9.9.9;lr>\r\n" },
    { "full",
      { .is_wanted = true, .has_full_lr = true, .has_from_tag = true, .params = STR_INIT(";x=1") },
      "",
      "Record-Route: <sip:9.9.9.9;lr=on;ftag=a1;x=1>\r\n" },
    { "user",
      { .is_wanted = true, .user = STR_INIT("bob") },
      "",
      "Record-Route: <sip:bob@9.9.9.9;lr>\r\n" },
    { "preset",
      { .is_wanted = true, .is_double = true, .preset = STR_INIT("1.1.1.1:5090;transport=tcp") },
      "tcp:192.0.2.5",
      "Record-Route: <sip:1.1.1.1:5090;transport=tcp;lr>\r\n" },
    { "one side only",
      { .is_wanted = true, .is_double = true },
      "",
      "Record-Route: <sip:9.9.9.9;lr>\r\n" },
    { "double",
      { .is_wanted = true, .is_double = true },
      "tcp:192.0.2.5",
      "Record-Route: <sip:9.9.9.9;transport=tcp;r2=on;lr>\r\n"
      "Record-Route: <sip:9.9.9.9;r2=on;lr>\r\n" },
    { "not double",
      { .is_wanted = true },
      "tcp:192.0.2.5",
      "Record-Route: <sip:9.9.9.9;transport=tcp;lr>\r\n" },
};

static void record(struct world *world, struct request *request)
{
    request->record_route = record_rows[world->final_status].wish;
    world->destination = str_of(record_rows[world->final_status].destination);
    world_relay(world, request, true);
}

static void test_record_routes_are_written(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof record_rows / sizeof *record_rows; i++) {
        struct world *world = world_create(false);

        world->route = record;
        world->final_status = i;
        world_invite(world);
        assert_has(world_sent(world, 1), record_rows[i].want);
        finish_call(world);
        world_destroy(world);
    }
}

/* ---- where it goes ---- */

struct hop_row {
    const char *what;
    const char *ruri;
    const char *dst_uri;
    const char *destination;
    const char *path;
    bool has_flow;
    enum transport transport;
    const char *peer;
};

static const struct hop_row hop_rows[] = {
    { "URI", "sip:b@192.0.2.1", "", "", "", false, TRANSPORT_UDP, "192.0.2.1:5060" },
    { "port", "sip:b@192.0.2.1:5080", "", "", "", false, TRANSPORT_UDP, "192.0.2.1:5080" },
    { "transport", "sip:b@192.0.2.1;transport=tcp", "", "", "", false, TRANSPORT_TCP,
      "192.0.2.1:5060" },
    { "maddr", "sip:b@192.0.2.1;maddr=192.0.2.2", "", "", "", false, TRANSPORT_UDP,
      "192.0.2.2:5060" },
    { "IPv6", "sip:b@[2001:db8::1]:5070", "", "", "", false, TRANSPORT_UDP, "[2001:db8::1]:5070" },
    { "path", "sip:b@192.0.2.1", "", "", "<sip:192.0.2.3;lr>", false, TRANSPORT_UDP,
      "192.0.2.3:5060" },
    { "flow before path", "sip:b@192.0.2.1", "", "", "<sip:192.0.2.3;lr>", true, TRANSPORT_UDP,
      "203.0.113.9:33333" },
    { "flow before dst_uri", "sip:b@192.0.2.1", "sip:192.0.2.4:5064;lr", "", "", true,
      TRANSPORT_UDP, "203.0.113.9:33333" },
    { "dst_uri before path", "sip:b@192.0.2.1", "sip:192.0.2.4:5064;lr", "", "<sip:192.0.2.3;lr>",
      false, TRANSPORT_UDP, "192.0.2.4:5064" },
    { "destination before all", "sip:b@192.0.2.1", "sip:192.0.2.4", "udp:192.0.2.5:5065", "", true,
      TRANSPORT_UDP, "192.0.2.5:5065" },
    { "destination without protocol", "sip:b@192.0.2.1", "", "192.0.2.5:5065", "", false,
      TRANSPORT_UDP, "192.0.2.5:5065" },
    { "destination without port", "sip:b@192.0.2.1", "", "tcp:192.0.2.5", "", false, TRANSPORT_TCP,
      "192.0.2.5:5060" },
    { "destination as URI", "sip:b@192.0.2.1", "", "sip:192.0.2.5:5065;transport=tcp", "", false,
      TRANSPORT_TCP, "192.0.2.5:5065" },
    { "IPv6 destination", "sip:b@192.0.2.1", "", "udp:[2001:db8::2]:5065", "", false, TRANSPORT_UDP,
      "[2001:db8::2]:5065" },
    { "tel with a next hop", "tel:+4711", "sip:192.0.2.4", "", "", false, TRANSPORT_UDP,
      "192.0.2.4:5060" },
};

static void aim(struct world *world, struct request *request)
{
    const struct hop_row *row = &hop_rows[world->final_status];
    struct target *target = &request->target;

    assert_int_equal(request_set_uri(request, str_of(row->ruri)), ERR_NONE);
    assert_int_equal(request_set_dst_uri(request, str_of(row->dst_uri)), ERR_NONE);
    target->path = str_of(row->path);
    target->has_flow = row->has_flow;
    target->flow = fake_flow(TRANSPORT_UDP, "203.0.113.9:33333", 0);
    world->destination = str_of(row->destination);
    world_relay(world, request, true);
}

static void test_next_hops_have_an_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof hop_rows / sizeof *hop_rows; i++) {
        const struct hop_row *row = &hop_rows[i];
        struct world *world = world_create(false);

        world->route = aim;
        world->final_status = i;
        world_invite(world);
        if (world->fake->count != 2)
            fail_msg("%s: not sent, %u", row->what, world->done_status);
        assert_peer(&world->fake->sent[1].flow, row->peer);
        assert_int_equal(world->fake->sent[1].flow.transport, row->transport);
        assert_true(str_starts(str_skip(world_sent(world, 1), 7), str_of(row->ruri)));
        finish_call(world);
        world_destroy(world);
    }
}

static void test_we_send_from_the_socket_that_was_used(void **state)
{
    struct world *world = world_create(false);
    struct flow flow = fake_flow(TRANSPORT_UDP, "1.2.3.4:40000", 0);
    struct str text = world_print(world, &(struct request_parts){ .method = "INVITE" });

    (void)state;
    flow.socket = SIDE_SOCKET;
    world_receive_on(world, text, &flow);
    assert_int_equal(world->fake->sent[1].flow.socket, SIDE_SOCKET);
    finish_call(world);
    world_destroy(world);
}

/* ---- what cannot be relayed ---- */

struct refusal_row {
    const char *what;
    struct request_parts parts;
    enum err err;
    unsigned status;
};

#define US "Via: SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bKone\r\n"

static const struct refusal_row refusal_rows[] = {
    { "sips", { .method = "INVITE", .ruri = "sips:bob@192.0.2.1" }, ERR_UNSUPPORTED, 416 },
    { "tel", { .method = "INVITE", .ruri = "tel:+4711" }, ERR_UNSUPPORTED, 416 },
    { "urn", { .method = "INVITE", .ruri = "urn:service:sos" }, ERR_UNSUPPORTED, 416 },
    { "unknown name", { .method = "INVITE", .ruri = "sip:bob@nowhere" }, ERR_UNRESOLVED, 478 },
    { "unknown transport",
      { .method = "INVITE", .ruri = "sip:bob@192.0.2.1;transport=pigeon" },
      ERR_UNSUPPORTED,
      416 },
    { "no hops left", { .method = "INVITE", .headers = "Max-Forwards: 0\r\n" }, ERR_DENIED, 483 },
};

static void check_refusal(const struct refusal_row *row, bool is_openser)
{
    struct world *world = world_create(is_openser);

    world_receive(world, &row->parts);
    if (world->done_err != row->err || world->done_status != row->status)
        fail_msg("%s: %s, %u", row->what, err_name(world->done_err), world->done_status);
    assert_int_equal(world_count(world, "INVITE"), 0);
    if (!world->last->is_answered) {
        assert_int_equal(
            proxy_reply(world->proxy, world->last, row->status, STR("No"), STR(""), STR("")),
            ERR_NONE);
    } else {
        assert_true(is_openser);
        assert_int_equal(world->final_status, row->status);
        assert_true(world->final_is_own);
    }
    world_destroy(world);
}

static void test_what_cannot_be_relayed_says_why(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof refusal_rows / sizeof *refusal_rows; i++) {
        check_refusal(&refusal_rows[i], false);
        check_refusal(&refusal_rows[i], true);
    }
}

static void test_a_send_that_fails_says_so(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->fake->dead_peer = fake_flow(TRANSPORT_UDP, "192.0.2.1:5060", 0).peer;
    world_invite(world);
    assert_int_equal(world->done_err, ERR_UNREACHABLE);
    assert_int_equal(world->done_status, 477);
    assert_int_equal(world->branch_ends, 1);
    assert_int_equal(world->failures_asked, 0);
    proxy_release(world->proxy, world->last);
    world_destroy(world);
}

static void test_a_released_transaction_ends(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->branch_status = PROXY_DROP;
    world_invite(world);
    assert_int_equal(world->done_err, ERR_NOT_FOUND);
    assert_non_null(world->last->txn);
    proxy_release(world->proxy, world->last);
    assert_int_equal(world_invite(world)->branch_count, 0); /* absorbed */
    assert_int_equal(world->match, TXN_ABSORBED);
    world_forget_last(world);
    fake_wait(world->fake, 32000);
    assert_int_equal(world->ends, 1);
    world_destroy(world);
}

static void test_a_relayed_transaction_is_not_released(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world_invite(world);
    proxy_release(world->proxy, world->last);
    fake_wait(world->fake, 10000);
    world_answer(world, 1, 200, "b");
    assert_int_equal(world_count(world, "SIP/2.0 200"), 1);
    proxy_release(world->proxy, world->last);
    world_destroy(world);
}

static void test_hooks_may_refuse_a_branch(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->ready_status = 488;
    world_invite(world);
    assert_int_equal(world->done_status, 488);
    assert_int_equal(world_count(world, "INVITE"), 0);
    proxy_release(world->proxy, world->last);
    world_destroy(world);
}

static void relay_twice(struct world *world, struct request *request)
{
    world_relay(world, request, true);
    world_relay(world, request, true);
}

/* ---- Max-Breadth (RFC 5393 §5.3) ---- */

static void fork_to_three(struct world *world, struct request *request)
{
    world_add_target(request, "sip:bob@192.0.2.2");
    world_add_target(request, "sip:bob@192.0.2.3");
    world_relay(world, request, true);
}

static const struct {
    const char *what, *received;
    const char *sent[3]; /* "": none; NULL: refused */
} breadth_rows[] = {
    { "nothing said", "", { "Max-Breadth: 18\r\n", "Max-Breadth: 18\r\n", "Max-Breadth: 17\r\n" } },
    { "just enough",
      "Max-Breadth: 3\r\n",
      { "Max-Breadth: 1\r\n", "Max-Breadth: 1\r\n", "Max-Breadth: 1\r\n" } },
    { "the first gets more",
      "Max-Breadth: 5\r\n",
      { "Max-Breadth: 2\r\n", "Max-Breadth: 2\r\n", "Max-Breadth: 1\r\n" } },
    { "too little", "Max-Breadth: 2\r\n", { NULL } },
    { "none at all", "Max-Breadth: 0\r\n", { NULL } },
    { "a great deal",
      "Max-Breadth: 4294967295\r\n",
      { "Max-Breadth: 18\r\n", "Max-Breadth: 18\r\n", "Max-Breadth: 17\r\n" } },
    { "nonsense",
      "Max-Breadth: many\r\n",
      { "Max-Breadth: 18\r\n", "Max-Breadth: 18\r\n", "Max-Breadth: 17\r\n" } },
};

static void check_breadth(const char *received, const char *const sent[3])
{
    struct world *world = world_create(false);

    world->route = fork_to_three;
    world_receive(world, &(struct request_parts){ .method = "OPTIONS", .headers = received });
    assert_int_equal(world_count(world, "OPTIONS"), sent[0] ? 3 : 0);
    if (!sent[0]) {
        assert_int_equal(world->done_status, 440);
        assert_int_equal(proxy_reply(world->proxy, world->last, 440, STR(""), STR(""), STR("")), 0);
    }
    for (unsigned i = 0; sent[0] && i < 3; i++)
        assert_has(world_nth(world, "OPTIONS", i), sent[i]);
    world_destroy(world);
}

static void test_breadth_is_shared_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof breadth_rows / sizeof *breadth_rows; i++) {
        print_message("%s\n", breadth_rows[i].what);
        check_breadth(breadth_rows[i].received, breadth_rows[i].sent);
    }
}

static void test_a_branch_that_is_over_gives_its_breadth_back(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->failure_route = fork_to_three;
    world_receive(world,
                  &(struct request_parts){ .method = "INVITE", .headers = "Max-Breadth: 3\r\n" });
    assert_has(world_nth(world, "INVITE", 0), "Max-Breadth: 3\r\n");
    world_answer(world, 1, 486, "b");
    assert_int_equal(world_count(world, "INVITE"), 4);
    assert_has(world_nth(world, "INVITE", 3), "Max-Breadth: 1\r\n");
    world->failure_route = NULL;
    world_destroy(world);
}

static void test_within_a_dialog_nothing_is_added(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world_receive(world, &(struct request_parts){ .method = "BYE", .to_tag = ";tag=b" });
    assert_null(str_find(world_nth(world, "BYE", 0), STR("Max-Breadth")));
    world_destroy(world);
}

static void test_relaying_twice_makes_two_branches(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = relay_twice;
    world_invite(world);
    assert_int_equal(world_count(world, "INVITE"), 2);
    assert_int_equal(world->done_count, 2);
    world_answer(world, 1, 486, "b");
    assert_int_equal(world->finals, 0);
    world_answer(world, 2, 404, "c");
    assert_int_equal(world->final_status, 404);
    world_destroy(world);
}

/* ---- flows ---- */

static void use_stream_flow(struct world *world, struct request *request)
{
    request->target.has_flow = true;
    request->target.flow = fake_flow(TRANSPORT_TCP, "203.0.113.9:33333", 77);
    world_relay(world, request, true);
}

static void test_a_lost_flow_fails_at_once(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = use_stream_flow;
    world->fake->dead_connection = 77;
    world_invite(world);
    assert_int_equal(world->done_status, 430);
    assert_int_equal(world_count(world, "INVITE"), 0);
    proxy_release(world->proxy, world->last);
    world_destroy(world);
}

static void use_flow_without_connection(struct world *world, struct request *request)
{
    request->target.has_flow = true;
    request->target.flow = fake_flow(TRANSPORT_TCP, "203.0.113.9:33333", 0);
    world_relay(world, request, true);
}

static void test_a_registered_stream_is_never_dialled(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = use_flow_without_connection;
    world_invite(world);
    assert_int_equal(world->done_status, 430);
    assert_int_equal(world_count(world, "INVITE"), 0);
    proxy_release(world->proxy, world->last);
    world_destroy(world);
}

static void test_a_flow_that_breaks_is_a_430(void **state)
{
    struct world *world = world_create(false);
    struct flow flow = fake_flow(TRANSPORT_TCP, "203.0.113.9:33333", 77);

    (void)state;
    world->route = use_stream_flow;
    world_invite(world);
    assert_int_equal(world_count(world, "INVITE"), 1);
    txn_unreachable(world->layer, &flow);
    fake_settle(world->fake);
    assert_int_equal(world->failures_asked, 1);
    assert_int_equal(world->final_status, 430);
    world_destroy(world);
}

static void use_dead_and_live(struct world *world, struct request *request)
{
    struct target target = { .uri = STR("sip:bob@203.0.113.9"),
                             .socket = SOCKET_ANY,
                             .has_flow = true,
                             .flow = fake_flow(TRANSPORT_TCP, "203.0.113.9:33333", 77) };

    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(request_add_target(request, &target), ERR_NONE);
    world_relay(world, request, true);
}

/* needs: one live and five dead bindings; the live one rings. */
static void test_dead_bindings_do_not_delay_the_live_one(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = use_dead_and_live;
    world->fake->dead_connection = 77;
    world_invite(world);
    assert_int_equal(world->done_err, ERR_NONE);
    assert_int_equal(world_count(world, "INVITE"), 1);
    assert_int_equal(world->branch_ends, 5);
    world_answer(world, world_find(world, "INVITE", 0), 486, "b");
    assert_int_equal(world->final_status, 486); /* what was never sent does not compete */
    world_destroy(world);
}

/* ---- the next address ---- */

static struct world *world_with_three_hops(void)
{
    struct world *world = world_create(false);

    world->fake->hops[0] = fake_flow(TRANSPORT_UDP, "192.0.2.11:5060", 0);
    world->fake->hops[1] = fake_flow(TRANSPORT_UDP, "192.0.2.12:5060", 0);
    world->fake->hops[2] = fake_flow(TRANSPORT_UDP, "192.0.2.13:5060", 0);
    world->fake->hop_count = 3;
    world->branch_header = "X-Branch: yes\r\n";
    return world;
}

static const struct request_parts to_name = { .method = "INVITE", .ruri = "sip:bob@example.org" };

static unsigned count_of(struct str text, const char *what)
{
    unsigned count = 0;
    const char *found;

    while ((found = str_find(text, str_of(what)))) {
        count++;
        text = str_between(found + 1, text.ptr + text.len);
    }
    return count;
}

static void check_attempt(struct world *world, unsigned n, const char *peer)
{
    unsigned index = world_find(world, "INVITE", n);

    assert_peer(&world->fake->sent[index].flow, peer);
    assert_int_equal(count_of(world_sent(world, index), "X-Branch: yes"), 1);
}

static void test_an_unreachable_address_gives_way(void **state)
{
    struct world *world = world_with_three_hops();

    (void)state;
    world->fake->dead_peer = world->fake->hops[0].peer;
    world_receive(world, &to_name);
    assert_int_equal(world->done_err, ERR_NONE);
    assert_int_equal(world_count(world, "INVITE"), 1);
    assert_int_equal(world->branches_ready, 2);
    check_attempt(world, 0, "192.0.2.12:5060");
    finish_call(world);
    world_destroy(world);
}

static void test_a_503_gives_way(void **state)
{
    struct world *world = world_with_three_hops();

    (void)state;
    world_receive(world, &to_name);
    world_answer(world, world_find(world, "INVITE", 0), 503, "x");
    world_answer(world, world_find(world, "INVITE", 1), 503, "y");
    check_attempt(world, 0, "192.0.2.11:5060");
    check_attempt(world, 1, "192.0.2.12:5060");
    check_attempt(world, 2, "192.0.2.13:5060");
    assert_int_equal(world->branch_ends, 0);
    world_answer(world, world_find(world, "INVITE", 2), 180, "z");
    world_answer(world, world_find(world, "INVITE", 2), 200, "z");
    assert_int_equal(world->final_status, 200);
    assert_int_equal(world_count(world, "ACK"), 2);
    world_destroy(world);
}

static void test_a_silent_address_gives_way(void **state)
{
    struct world *world = world_with_three_hops();
    unsigned last;

    (void)state;
    world_receive(world, &to_name);
    fake_wait(world->fake, 30000);
    last = world->fake->count - 1;
    assert_peer(&world->fake->sent[last].flow, "192.0.2.12:5060");
    assert_int_equal(world->finals, 0);
    fake_wait(world->fake, 30000);
    fake_wait(world->fake, 30000);
    assert_int_equal(world->final_status, 408);
    world_destroy(world);
}

static void test_all_503_is_a_500(void **state)
{
    struct world *world = world_with_three_hops();

    (void)state;
    world_receive(world, &to_name);
    for (unsigned i = 0; i < 3; i++)
        world_answer(world, world_find(world, "INVITE", i), 503, "x");
    assert_int_equal(world->final_status, 500);
    world_destroy(world);
}

static void no_failover(struct world *world, struct request *request)
{
    struct relay_options options = { .no_dns_failover = true };

    proxy_relay(world->proxy, request, true, &options, world_done, world);
}

static void test_failover_can_be_forbidden(void **state)
{
    struct world *world = world_with_three_hops();

    (void)state;
    world->route = no_failover;
    world_receive(world, &to_name);
    world_answer(world, world_find(world, "INVITE", 0), 503, "x");
    assert_int_equal(world_count(world, "INVITE"), 1);
    assert_int_equal(world->final_status, 500);
    world_destroy(world);
}

/* ---- timers ---- */

static void test_silence_is_a_408(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world_invite(world);
    fake_wait(world->fake, 29999);
    assert_int_equal(world->finals, 0);
    fake_wait(world->fake, 1);
    assert_int_equal(world->final_status, 408);
    assert_int_equal(world_count(world, "SIP/2.0 408"), 1);
    assert_int_equal(world_count(world, "CANCEL"), 0); /* nobody has answered */
    world_destroy(world);
}

static void test_ringing_is_bounded(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world_invite(world);
    world_answer(world, 1, 180, "b");
    fake_wait(world->fake, 60000);
    world_answer(world, 1, 180, "b"); /* again: the timer starts anew */
    fake_wait(world->fake, 119999);
    assert_int_equal(world->finals, 0);
    fake_wait(world->fake, 1);
    assert_int_equal(world->final_status, 408);
    assert_int_equal(world_count(world, "CANCEL"), 1);
    world_destroy(world);
}

static void set_timers(struct world *world, struct request *request)
{
    request->fr_timer = 3000;
    request->fr_inv_timer = 7000;
    world_relay(world, request, true);
}

static void test_a_request_may_have_its_own_timers(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = set_timers;
    world_invite(world);
    fake_wait(world->fake, 2999);
    world_answer(world, 1, 100, "");
    fake_wait(world->fake, 6999);
    assert_int_equal(world->finals, 0);
    fake_wait(world->fake, 1);
    assert_int_equal(world->final_status, 408);
    world_destroy(world);
}

static void test_other_methods_time_out_and_fall_silent(void **state)
{
    struct world *world = world_create(false);
    unsigned count;

    (void)state;
    world->route = set_timers;
    world_receive(world, &(struct request_parts){ .method = "MESSAGE" });
    world_answer(world, 0, 100, "");
    fake_wait(world->fake, 3000);
    assert_int_equal(world->final_status, 408);
    count = world_count(world, "MESSAGE");
    fake_wait(world->fake, 20000);
    assert_int_equal(world_count(world, "MESSAGE"), count);
    assert_true(world_answer(world, 0, 200, "b")); /* too late, and not forwarded */
    assert_int_equal(world_count(world, "SIP/2.0 200"), 0);
    world_destroy(world);
}

/* ---- loops and spirals ---- */

static void return_to_us(struct world *world, struct str sent, const char *ruri)
{
    struct flow flow = fake_flow(TRANSPORT_UDP, "9.9.9.9:5060", 0);
    struct str rest = str_skip(sent, (size_t)(str_find_char(sent, '\r') - sent.ptr));
    struct str text;

    assert_int_equal(
        str_print(&world->arena, &text, "INVITE %s SIP/2.0" STR_FMT, ruri, STR_ARG(rest)),
        ERR_NONE);
    world_receive_on(world, text, &flow);
}

static void give_up_all(struct world *world)
{
    for (unsigned i = 0; i < 40; i++)
        fake_wait(world->fake, 5000);
}

static void test_a_loop_is_refused(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world_invite(world);
    return_to_us(world, world_nth(world, "INVITE", 0), "sip:bob@192.0.2.1");
    assert_int_equal(world->done_err, ERR_NONE); /* it came from elsewhere: once more */
    return_to_us(world, world_nth(world, "INVITE", 1), "sip:bob@192.0.2.1");
    assert_int_equal(world->done_err, ERR_DENIED);
    assert_int_equal(world->done_status, 482);
    assert_int_equal(world_count(world, "INVITE"), 2);
    proxy_release(world->proxy, world->last);
    give_up_all(world);
    world_destroy(world);
}

static void test_a_spiral_may_pass(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world_invite(world);
    return_to_us(world, world_nth(world, "INVITE", 0), "sip:bob@192.0.2.2");
    assert_int_equal(world->done_err, ERR_NONE);
    return_to_us(world, world_nth(world, "INVITE", 1), "sip:bob@192.0.2.3");
    assert_int_equal(world->done_err, ERR_NONE);
    return_to_us(world, world_nth(world, "INVITE", 2), "sip:bob@192.0.2.2");
    assert_int_equal(world->done_status, 482);
    proxy_release(world->proxy, world->last);
    give_up_all(world);
    world_destroy(world);
}

static void test_a_foreign_via_is_no_loop(void **state)
{
    struct world *world = world_create(false);
    struct str via;

    (void)state;
    world_invite(world);
    assert_int_equal(str_print(&world->arena, &via,
                               "Via: SIP/2.0/UDP 10.0.0.7:5070;rport;branch=z9hG4bKtwo\r\n"
                               "Via: SIP/2.0/UDP 9.9.9.9;branch=z9hG4bK"
                               "0000000000000000%.12s00000000.0.0\r\n",
                               world->last->branches[0]->id.ptr + 23),
                     ERR_NONE);
    world_receive(world, &(struct request_parts){ .method = "INVITE", .via = via.ptr, .cseq = 8 });
    assert_int_equal(world->done_err, ERR_NONE);
    give_up_all(world);
    world_destroy(world);
}

/* ---- 100, retransmissions ---- */

static void test_a_100_can_be_declined(void **state)
{
    struct world *world = world_create(true);

    (void)state;
    world->declines_100 = true;
    world_invite(world);
    assert_int_equal(world_count(world, "SIP/2.0 100"), 0);
    finish_call(world);
    world_destroy(world);
}

static void test_openser_gives_a_try(void **state)
{
    struct world *world = world_create(true);

    (void)state;
    world_invite(world);
    assert_has(world_sent(world, 0), "SIP/2.0 100 Giving a try\r\n");
    assert_has(world_sent(world, 0), "Server: test\r\n");
    world_invite(world);
    assert_int_equal(world->match, TXN_ABSORBED);
    assert_int_equal(world_count(world, "SIP/2.0 100"), 2);
    assert_int_equal(world_count(world, "INVITE"), 1);
    finish_call(world);
    world_destroy(world);
}

static void test_a_503_becomes_a_500_in_openser(void **state)
{
    struct world *world = world_create(true);

    (void)state;
    world_invite(world);
    world_answer(world, 1, 503, "b");
    assert_int_equal(world_count(world, "SIP/2.0 500"), 1);
    assert_int_equal(world->final_status, 500);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_invite_goes_out_with_our_via),
        cmocka_unit_test(test_branch_ids_cannot_be_guessed_or_too_long),
        cmocka_unit_test(test_the_socket_says_who_we_are),
        cmocka_unit_test(test_the_advertised_name_is_used),
        cmocka_unit_test(test_a_script_may_advertise_another_address),
        cmocka_unit_test(test_a_path_becomes_routes),
        cmocka_unit_test(test_record_routes_are_written),
        cmocka_unit_test(test_next_hops_have_an_order),
        cmocka_unit_test(test_we_send_from_the_socket_that_was_used),
        cmocka_unit_test(test_what_cannot_be_relayed_says_why),
        cmocka_unit_test(test_a_send_that_fails_says_so),
        cmocka_unit_test(test_a_released_transaction_ends),
        cmocka_unit_test(test_a_relayed_transaction_is_not_released),
        cmocka_unit_test(test_hooks_may_refuse_a_branch),
        cmocka_unit_test(test_breadth_is_shared_out),
        cmocka_unit_test(test_a_branch_that_is_over_gives_its_breadth_back),
        cmocka_unit_test(test_within_a_dialog_nothing_is_added),
        cmocka_unit_test(test_relaying_twice_makes_two_branches),
        cmocka_unit_test(test_a_lost_flow_fails_at_once),
        cmocka_unit_test(test_a_registered_stream_is_never_dialled),
        cmocka_unit_test(test_a_flow_that_breaks_is_a_430),
        cmocka_unit_test(test_dead_bindings_do_not_delay_the_live_one),
        cmocka_unit_test(test_an_unreachable_address_gives_way),
        cmocka_unit_test(test_a_503_gives_way),
        cmocka_unit_test(test_a_silent_address_gives_way),
        cmocka_unit_test(test_all_503_is_a_500),
        cmocka_unit_test(test_failover_can_be_forbidden),
        cmocka_unit_test(test_silence_is_a_408),
        cmocka_unit_test(test_ringing_is_bounded),
        cmocka_unit_test(test_a_request_may_have_its_own_timers),
        cmocka_unit_test(test_other_methods_time_out_and_fall_silent),
        cmocka_unit_test(test_a_loop_is_refused),
        cmocka_unit_test(test_a_spiral_may_pass),
        cmocka_unit_test(test_a_foreign_via_is_no_loop),
        cmocka_unit_test(test_a_100_can_be_declined),
        cmocka_unit_test(test_openser_gives_a_try),
        cmocka_unit_test(test_a_503_becomes_a_500_in_openser),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
