/* SPDX-License-Identifier: Apache-2.0 */
/* Route headers: loose and strict routers, double Record-Route, flow tokens. */
#include "dialog/token.h"
#include "world.h"

/* 9.9.9.9 and edge.example.com are ours, with any port. */
static bool is_myself(void *context, const struct sip_uri *uri)
{
    (void)context;
    return str_ieq(uri->host, STR("9.9.9.9")) || str_ieq(uri->host, STR("edge.example.com"));
}

struct outcome {
    enum loose_result result;
    struct str params;
};

static struct outcome outcome;

static void route_loosely(struct world *world, struct request *request)
{
    outcome.result = proxy_loose_route(world->proxy, request, is_myself, NULL, &outcome.params);
}

static void route_loosely_and_relay(struct world *world, struct request *request)
{
    route_loosely(world, request);
    world_relay(world, request, true);
}

/* ---- rows ---- */

struct row {
    const char *what;
    const char *ruri;
    const char *to_tag;
    const char *routes; /* whole lines */
    enum loose_result want;
    const char *want_params;
    const char *want_uri;
    const char *want_dst;
    const char *want_routes;
    uint16_t want_socket;
};

#define IN ";tag=b1"
#define BOB "sip:bob@192.0.2.1"
#define ANY SOCKET_ANY

static const struct row rows[] = {
    { "no route", BOB, IN, "", LOOSE_NO_ROUTE, "", BOB, "", "", ANY },
    { "only ours, in a dialog", BOB, IN, "Route: <sip:9.9.9.9;lr;ftag=a1>\r\n", LOOSE_ROUTED,
      "lr;ftag=a1", BOB, "", "", ANY },
    { "only ours, outside", BOB, "", "Route: <sip:9.9.9.9;lr>\r\n", LOOSE_NO_ROUTE, "lr", BOB, "",
      "", ANY },
    { "ours and another", BOB, IN, "Route: <sip:9.9.9.9;lr>, <sip:192.0.2.7:5062;lr>\r\n",
      LOOSE_ROUTED, "lr", BOB, "sip:192.0.2.7:5062;lr", "Route: <sip:192.0.2.7:5062;lr>\r\n", ANY },
    { "two headers", BOB, IN,
      "Route: <sip:9.9.9.9;lr>\r\nRoute: <sip:192.0.2.7;lr>\r\nRoute: <sip:192.0.2.8>\r\n",
      LOOSE_ROUTED, "lr", BOB, "sip:192.0.2.7;lr",
      "Route: <sip:192.0.2.7;lr>\r\nRoute: <sip:192.0.2.8>\r\n", ANY },
    { "foreign first", BOB, IN, "Route: <sip:192.0.2.7;lr>\r\n", LOOSE_ROUTED, "", BOB,
      "sip:192.0.2.7;lr", "Route: <sip:192.0.2.7;lr>\r\n", ANY },
    { "ours once more", BOB, IN, "Route: <sip:9.9.9.9;lr>, <sip:9.9.9.9;lr;x>\r\n", LOOSE_ROUTED,
      "lr", BOB, "sip:9.9.9.9;lr;x", "Route: <sip:9.9.9.9;lr;x>\r\n", ANY },
    { "folded", BOB, IN, "Route: <sip:9.9.9.9;lr>,\r\n <sip:192.0.2.7;lr>;a\r\n ;b\r\n",
      LOOSE_ROUTED, "lr", BOB, "sip:192.0.2.7;lr", "Route: <sip:192.0.2.7;lr>;a   ;b\r\n", ANY },

    { "double", BOB, IN, "Route: <sip:9.9.9.9;r2=on;lr>, <sip:9.9.9.9;transport=tcp;r2=on;lr>\r\n",
      LOOSE_ROUTED, "r2=on;lr", BOB, "", "", TCP_SOCKET },
    { "double, other way", BOB, IN,
      "Route: <sip:9.9.9.9;transport=tcp;r2=on;lr>\r\nRoute: <sip:9.9.9.9;r2=on;lr>, "
      "<sip:192.0.2.7;lr>\r\n",
      LOOSE_ROUTED, "transport=tcp;r2=on;lr", BOB, "sip:192.0.2.7;lr",
      "Route: <sip:192.0.2.7;lr>\r\n", UDP_SOCKET },
    { "double by name", BOB, IN,
      "Route: <sip:9.9.9.9;r2=on;lr>, <sip:edge.example.com:5070;r2=on;lr>\r\n", LOOSE_ROUTED,
      "r2=on;lr", BOB, "", "", SIDE_SOCKET },
    { "half a double", BOB, IN, "Route: <sip:9.9.9.9;r2=on;lr>, <sip:192.0.2.7;r2=on;lr>\r\n",
      LOOSE_ROUTED, "r2=on;lr", BOB, "sip:192.0.2.7;r2=on;lr",
      "Route: <sip:192.0.2.7;r2=on;lr>\r\n", ANY },

    { "next is strict", BOB, IN, "Route: <sip:9.9.9.9;lr>, <sip:192.0.2.7>, <sip:192.0.2.8;lr>\r\n",
      LOOSE_ROUTED, "lr", "sip:192.0.2.7", "sip:192.0.2.7",
      "Route: <sip:192.0.2.8;lr>\r\nRoute: <sip:bob@192.0.2.1>\r\n", ANY },
    { "next is strict and last", BOB, IN, "Route: <sip:9.9.9.9;lr>, <sip:192.0.2.7>\r\n",
      LOOSE_ROUTED, "lr", "sip:192.0.2.7", "sip:192.0.2.7", "Route: <sip:bob@192.0.2.1>\r\n", ANY },
    { "previous was strict", "sip:9.9.9.9;lr;ftag=a1", IN, "Route: <sip:bob@192.0.2.1>\r\n",
      LOOSE_ROUTED, "lr;ftag=a1", BOB, "", "", ANY },
    { "previous was strict, more hops", "sip:9.9.9.9;lr", IN,
      "Route: <sip:192.0.2.7;lr>, <sip:bob@192.0.2.1>\r\n", LOOSE_ROUTED, "lr", BOB,
      "sip:192.0.2.7;lr", "Route: <sip:192.0.2.7;lr>\r\n", ANY },
    { "strict on both sides", "sip:9.9.9.9;lr", IN,
      "Route: <sip:192.0.2.7>, <sip:bob@192.0.2.1>\r\n", LOOSE_ROUTED, "lr", "sip:192.0.2.7",
      "sip:192.0.2.7", "Route: <sip:bob@192.0.2.1>\r\n", ANY },
    { "previous was strict, double", "sip:9.9.9.9;r2=on;lr", IN,
      "Route: <sip:9.9.9.9;transport=tcp;r2=on;lr>, <sip:bob@192.0.2.1>\r\n", LOOSE_ROUTED,
      "r2=on;lr", BOB, "", "", TCP_SOCKET },
    { "a user of ours is no strict router", "sip:bob@9.9.9.9", IN, "Route: <sip:9.9.9.9;lr>\r\n",
      LOOSE_ROUTED, "lr", "sip:bob@9.9.9.9", "", "", ANY },

    { "garbage", BOB, IN, "Route: <sip:9.9.9.9;lr>, <sip:\r\n", LOOSE_NO_ROUTE, "lr", BOB, "", NULL,
      ANY },
};

static bool str_is(struct str text, const char *want)
{
    return str_eq(text, str_of(want));
}

static void check_row(const struct row *row)
{
    struct world *world = world_create(false);
    struct str headers;
    struct request *request;

    world->route = route_loosely;
    assert_int_equal(str_print(&world->arena, &headers, "%sMax-Forwards: 70\r\n%c", row->routes, 0),
                     ERR_NONE);
    request = world_receive(world, &(struct request_parts){ .method = "BYE",
                                                            .ruri = row->ruri,
                                                            .to_tag = row->to_tag,
                                                            .headers = headers.ptr });
    if (outcome.result != row->want || !str_is(outcome.params, row->want_params) ||
        !str_is(request->target.uri.len ? request->target.uri : request->msg->ruri,
                row->want_uri) ||
        !str_is(request->target.dst_uri, row->want_dst) ||
        request->target.socket != row->want_socket ||
        (row->want_routes && !str_is(request->routes, row->want_routes)))
        fail_msg("%s: %d, params " STR_FMT ", uri " STR_FMT ", dst " STR_FMT ", routes " STR_FMT
                 ", socket %u",
                 row->what, (int)outcome.result, STR_ARG(outcome.params),
                 STR_ARG(request->target.uri), STR_ARG(request->target.dst_uri),
                 STR_ARG(request->routes), request->target.socket);
    if (row->want == LOOSE_ROUTED)
        assert_true(request->replaces_routes);
    assert_false(request->target.has_flow);
    assert_false(request->is_in_dialog_by_token);
    world_destroy(world);
}

static void test_routes_are_followed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i]);
}

/* ---- tokens ---- */

static struct flow callee_flow(void)
{
    struct flow flow = fake_flow(TRANSPORT_TCP, "203.0.113.9:33333", 77);

    flow.socket = TCP_SOCKET;
    return flow;
}

static void record_by_token(struct world *world, struct request *request)
{
    request->record_route.is_wanted = true;
    request->record_route.has_flow_token = true;
    request->target.has_flow = true;
    request->target.flow = callee_flow();
    world_relay(world, request, true);
}

/* An INVITE over UDP to a callee on TCP; the two URIs of our Record-Route, the callee's first. */
static void set_up_dialog(struct world *world, struct str uris[2])
{
    struct arena arena;
    struct sip_msg *sent;
    struct sip_values values;

    world->route = record_by_token;
    world_invite(world);
    arena_init(&arena, NULL, 1 << 16);
    sent = fake_parse(&arena, world_nth(world, "INVITE", 0));
    values = sip_values_of(sent, SIP_HDR_RECORD_ROUTE);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(sip_values_next(&values));
        assert_int_equal(str_copy(&world->arena, values.value, &uris[i]), ERR_NONE);
    }
    assert_false(sip_values_next(&values));
    arena_fini(&arena);
    world_answer(world, world_find(world, "INVITE", 0), 486, "b1");
    world->route = route_loosely_and_relay;
}

/* A request inside the dialog, with that route set, from the one side or the other. */
static struct request *send_inside(struct world *world, bool is_caller, struct str first,
                                   struct str second, const char *to_tag)
{
    struct str text;
    struct flow flow = is_caller ? world_caller() : callee_flow();

    assert_int_equal(str_print(&world->arena, &text,
                               "BYE sip:peer@10.0.0.99 SIP/2.0\r\n"
                               "Via: SIP/2.0/UDP 10.0.0.7:5070;rport;branch=z9hG4bK%u\r\n"
                               "Route: " STR_FMT "\r\nRoute: " STR_FMT "\r\n"
                               "From: <sip:x@example.com>;tag=%s\r\n"
                               "To: <sip:y@example.com>%s\r\n"
                               "Call-ID: call-1\r\nCSeq: 99 BYE\r\nMax-Forwards: 70\r\n"
                               "Content-Length: 0\r\n\r\n",
                               world->fake->count, STR_ARG(first), STR_ARG(second),
                               is_caller ? "a1" : "b1", to_tag),
                     ERR_NONE);
    return world_receive_on(world, text, &flow);
}

static void finish_bye(struct world *world)
{
    world_answer(world, world_find(world, "BYE", world_count(world, "BYE") - 1), 200, "z");
}

static void test_a_token_leads_to_both_sides(void **state)
{
    struct world *world = world_create(false);
    struct str uris[2];
    struct flow want = callee_flow(), caller = world_caller();
    unsigned sent;

    (void)state;
    set_up_dialog(world, uris);
    assert_has(uris[0], ";transport=tcp;r2=on;lr>");
    assert_has_not(uris[1], "transport");
    assert_has(uris[1], "@9.9.9.9;r2=on;lr>");

    send_inside(world, true, uris[1], uris[0], ";tag=b1");
    assert_int_equal(outcome.result, LOOSE_ROUTED);
    assert_true(world->last->is_in_dialog_by_token);
    sent = world_find(world, "BYE", 0);
    assert_true(flow_eq(&world->fake->sent[sent].flow, &want));
    assert_has(world_sent(world, sent),
               "BYE sip:peer@10.0.0.99 SIP/2.0"); /* the Contact as it was */
    assert_has_not(world_sent(world, sent), "Route:");
    finish_bye(world);

    send_inside(world, false, uris[0], uris[1], ";tag=a1");
    sent = world_find(world, "BYE", 1);
    assert_true(flow_eq(&world->fake->sent[sent].flow, &caller));
    finish_bye(world);
    world_destroy(world);
}

static void test_a_token_works_after_a_restart(void **state)
{
    struct world *world = world_create(false);
    struct world *again = world_create(false);
    struct str uris[2];
    struct flow want = callee_flow();

    (void)state;
    set_up_dialog(world, uris);
    again->route = route_loosely_and_relay;
    send_inside(again, true, uris[1], uris[0], ";tag=b1");
    assert_true(flow_eq(&again->fake->sent[0].flow, &want));
    world_answer(again, 0, 200, "z");
    world_destroy(again);
    world_destroy(world);
}

static void test_a_lost_flow_inside_a_dialog_is_a_430(void **state)
{
    struct world *world = world_create(false);
    struct str uris[2];

    (void)state;
    set_up_dialog(world, uris);
    world->fake->dead_connection = 77;
    send_inside(world, true, uris[1], uris[0], ";tag=b1");
    assert_int_equal(world->done_status, 430);
    assert_int_equal(world_count(world, "BYE"), 0);
    proxy_release(world->proxy, world->last);
    world_destroy(world);
}

static void test_foreign_routes_stay_behind_a_token(void **state)
{
    struct world *world = world_create(false);
    struct str uris[2];
    struct flow want = callee_flow();
    unsigned sent;

    (void)state;
    set_up_dialog(world, uris);
    assert_int_equal(
        str_print(&world->arena, &uris[0], STR_FMT ", <sip:192.0.2.55;lr>", STR_ARG(uris[0])),
        ERR_NONE);
    send_inside(world, true, uris[1], uris[0], ";tag=b1");
    sent = world_find(world, "BYE", 0);
    assert_true(flow_eq(&world->fake->sent[sent].flow, &want));
    assert_has(world_sent(world, sent), "Route: <sip:192.0.2.55;lr>\r\n");
    finish_bye(world);
    world_destroy(world);
}

static void check_forged(struct world *world, struct str own, struct str other)
{
    world->route = route_loosely;
    send_inside(world, true, own, other, ";tag=b1");
    assert_int_equal(outcome.result, LOOSE_BAD_TOKEN);
    assert_false(world->last->target.has_flow);
    assert_false(world->last->is_in_dialog_by_token);
    assert_int_equal(world->last->target.dst_uri.len, 0);
    assert_true(world->last->replaces_routes);
    assert_int_equal(world->last->routes.len, 0);
}

/* Every character of the token but its mark, which makes it a token at all. */
static void test_a_forged_token_leads_nowhere(void **state)
{
    struct world *world = world_create(false);
    struct str uris[2], forged;
    size_t start, end;

    (void)state;
    set_up_dialog(world, uris);
    start = sizeof "<sip:ft." - 1;
    end = (size_t)(str_find_char(uris[1], '@') - uris[1].ptr);
    for (size_t i = start; i < end; i++) {
        assert_int_equal(str_copy(&world->arena, uris[1], &forged), ERR_NONE);
        ((char *)(uintptr_t)forged.ptr)[i] = forged.ptr[i] == 'A' ? 'B' : 'A';
        check_forged(world, forged, STR("<sip:10.1.1.1;lr>"));
    }
    world_destroy(world);
}

static void test_a_token_outside_a_dialog_is_no_way(void **state)
{
    struct world *world = world_create(false);
    struct str uris[2];

    (void)state;
    set_up_dialog(world, uris);
    world->route = route_loosely;
    send_inside(world, true, uris[1], uris[0], "");
    assert_int_equal(outcome.result, LOOSE_NO_ROUTE);
    assert_false(world->last->target.has_flow);
    assert_false(world->last->is_in_dialog_by_token);
    world_destroy(world);
}

static void route_twice(struct world *world, struct request *request)
{
    struct str params;

    route_loosely(world, request);
    assert_int_equal(proxy_loose_route(world->proxy, request, is_myself, NULL, &params),
                     outcome.result);
    assert_true(str_eq(params, outcome.params));
}

static void test_routing_twice_changes_nothing(void **state)
{
    struct world *world = world_create(false);
    struct request *request;

    (void)state;
    world->route = route_twice;
    request = world_receive(world, &(struct request_parts){
                                       .method = "BYE",
                                       .to_tag = IN,
                                       .headers = "Route: <sip:9.9.9.9;lr>, <sip:192.0.2.7>\r\n" });
    assert_true(str_eq(request->routes, STR("Route: <sip:bob@192.0.2.1>\r\n")));
    world_destroy(world);
}

static void test_a_strict_next_hop_is_reached(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = route_loosely_and_relay;
    world_receive(world, &(struct request_parts){
                             .method = "BYE",
                             .to_tag = IN,
                             .headers = "Route: <sip:9.9.9.9;lr>, <sip:192.0.2.7>\r\n" });
    assert_peer(&world->fake->sent[0].flow, "192.0.2.7:5060");
    assert_has(world_sent(world, 0), "BYE sip:192.0.2.7 SIP/2.0\r\n");
    assert_has(world_sent(world, 0), "Route: <sip:bob@192.0.2.1>\r\n");
    assert_has_not(world_sent(world, 0), "9.9.9.9;lr");
    finish_bye(world);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes_are_followed),
        cmocka_unit_test(test_a_token_leads_to_both_sides),
        cmocka_unit_test(test_a_token_works_after_a_restart),
        cmocka_unit_test(test_a_lost_flow_inside_a_dialog_is_a_430),
        cmocka_unit_test(test_foreign_routes_stay_behind_a_token),
        cmocka_unit_test(test_a_forged_token_leads_nowhere),
        cmocka_unit_test(test_a_token_outside_a_dialog_is_no_way),
        cmocka_unit_test(test_routing_twice_changes_nothing),
        cmocka_unit_test(test_a_strict_next_hop_is_reached),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
