/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events in any order: requests, retransmissions, CANCEL, ACK, responses, timers, broken
 * connections, slow names and slow routes. Whatever comes, a caller gets one final response (2xx to
 * INVITE may be several), every relay reports once, every branch ends once, and in the end nothing
 * is left.
 *
 * With an argument it does that many steps, with a second one from that seed.
 */
#include "world.h"

enum {
    STEPS = 100000,
    CALLS = 12,   /* at a time */
    OUT_MAX = 96, /* requests of ours that may be answered */
    STEPS_OF_A_WORLD = 2000,
};

static const char *const methods[] = { "INVITE", "INVITE", "INVITE", "MESSAGE", "REGISTER", "BYE" };
static const unsigned statuses[] = { 100, 180, 180, 183, 200, 200, 202, 302, 401,
                                     404, 407, 486, 487, 500, 503, 503, 600, 603 };

/* What one caller has sent and got. */
struct call {
    unsigned serial; /* 0: unused */
    const char *method;
    struct flow flow;
    struct request *request; /* a reference */
    bool has_2xx;
    struct str failure; /* the final response of 300 and more; for other methods any final one */
};

struct storm {
    struct world *world;
    struct prng prng;
    struct call calls[CALLS];
    struct str out[OUT_MAX];
    unsigned out_count;
    unsigned serial;
    unsigned relays, relays_done;
};

static struct storm *storm; /* of the test that runs */

static unsigned pick(unsigned bound)
{
    return random_below(&storm->prng.source, bound);
}

static bool chance(unsigned percent)
{
    return pick(100) < percent;
}

/* ---- what the proxy's user does ---- */

static void relay_done(void *context, enum err err, unsigned status)
{
    bool *is_done = context;

    assert_false(*is_done);
    assert_int_equal(err == ERR_NONE, status == 0);
    *is_done = true;
    storm->relays_done++;
}

static void add_targets(struct request *request, unsigned count)
{
    static const char *const uris[] = { "sip:b@192.0.2.1", "sip:b@192.0.2.2;transport=tcp",
                                        "sip:b@many", "sips:b@c", "sip:b@192.0.2.3" };

    while (count--) {
        struct target target = { .uri = str_of(uris[pick(5)]), .socket = SOCKET_ANY };

        if (chance(20)) {
            target.has_flow = true;
            target.flow = fake_flow(TRANSPORT_TCP, "203.0.113.9:33333", 70 + pick(4));
            target.flow.socket = TCP_SOCKET;
        }
        (void)!request_add_target(request, &target);
    }
}

static void relay(struct world *world, struct request *request, bool with_ruri)
{
    struct relay_options options = { .no_100 = chance(10),
                                     .no_dns_failover = chance(10),
                                     .is_replica = chance(4) };
    bool *is_done = arena_zalloc(&request->arena, sizeof *is_done);

    if (!is_done)
        return;
    storm->relays++;
    proxy_relay(world->proxy, request, with_ruri, &options, relay_done, is_done);
}

static void reply(struct world *world, struct request *request)
{
    (void)!proxy_reply(world->proxy, request, statuses[pick(18)], STR(""), STR(""), STR(""));
}

static void route(struct world *world, struct request *request)
{
    request->record_route.is_wanted = chance(50);
    request->record_route.has_flow_token = chance(50);
    request->force_rport = chance(30);
    add_targets(request, pick(3));
    switch (pick(12)) {
    case 0:
        reply(world, request);
        break;
    case 1:
        (void)!proxy_open(world->proxy, request);
        break;
    case 2:
        (void)!proxy_open(world->proxy, request);
        reply(world, request);
        break;
    default:
        relay(world, request, chance(80));
        break;
    }
    if (request->msg->method == SIP_CANCEL || !chance(10)) /* else the script waits */
        proxy_release(world->proxy, request);
}

static void failure_route(struct world *world, struct request *request)
{
    switch (pick(5)) {
    case 0:
        add_targets(request, pick(3));
        relay(world, request, chance(50));
        break;
    case 1:
        reply(world, request);
        break;
    default:
        break;
    }
}

static void shuffle_behaviour(struct world *world)
{
    world->delays_branches = chance(20);
    world->delays_replies = chance(20);
    world->delays_failures = chance(20);
    world->fake->delays = chance(30);
    world->branch_status = chance(90) ? 0 : chance(50) ? PROXY_DROP : 480;
    world->ready_status = chance(95) ? 0 : 488;
    world->reply_status = chance(92) ? 0 : chance(50) ? PROXY_DROP : 503;
    world->reply_header = chance(20) ? "X-Reply: 1\r\n" : NULL;
    world->branch_header = chance(20) ? "X-Branch: 1\r\n" : NULL;
    world->fake->dead_connection = chance(20) ? 70 + pick(4) : 0;
    world->fake->dead_peer = chance(15) ? world->fake->hops[pick(2)].peer : (struct addr){ 0 };
    world->fake->is_deaf = chance(3);
    world->request_room = chance(70) ? 0 : 5000 + pick(10000);
    world->response_room = chance(70) ? 0 : 2048 + pick(600);
}

/* ---- callers ---- */

static struct str print_request(const struct call *call, const char *method, const char *to_tag)
{
    struct str text;

    assert_int_equal(str_print(&storm->world->arena, &text,
                               "%s sip:bob@192.0.2.1 SIP/2.0\r\n"
                               "Via: SIP/2.0/UDP 10.0.0.7:5070;rport;branch=z9hG4bK-%u\r\n"
                               "From: <sip:alice@example.com>;tag=a%u\r\n"
                               "To: <sip:bob@example.com>%s\r\n"
                               "Call-ID: %u\r\n"
                               "CSeq: 7 %s\r\n"
                               "Max-Forwards: 70\r\n"
                               "Content-Length: 0\r\n\r\n",
                               method, call->serial, call->serial, to_tag, call->serial, method),
                     ERR_NONE);
    return text;
}

static void receive(struct call *call, const char *method, const char *to_tag)
{
    struct world *world = storm->world;
    struct request *request =
        world_receive_on(world, print_request(call, method, to_tag), &call->flow);

    if (!call->request && world->match == TXN_NEW && str_eq(str_of(method), str_of(call->method)))
        call->request = request_ref(request);
}

/* Its script has ended at last. */
static void drop_call(struct call *call)
{
    if (call->request)
        proxy_release(storm->world->proxy, call->request);
    request_unref(call->request);
    *call = (struct call){ 0 };
}

static void start_call(void)
{
    struct call *call = &storm->calls[pick(CALLS)];

    drop_call(call);
    call->serial = ++storm->serial;
    call->method = methods[pick(6)];
    call->flow =
        chance(70) ? world_caller() : fake_flow(TRANSPORT_TCP, "1.2.3.4:40000", 70 + pick(4));
    receive(call, call->method, "");
}

static struct call *any_call(void)
{
    struct call *call = &storm->calls[pick(CALLS)];

    return call->serial ? call : NULL;
}

/* Without its transaction it would be a new request. */
static void repeat_request(void)
{
    struct call *call = any_call();

    if (call && call->request && call->request->txn)
        receive(call, call->method, "");
}

static void cancel_call(void)
{
    struct call *call = any_call();

    if (call && call->request)
        receive(call, "CANCEL", "");
}

static void ack_call(void)
{
    struct call *call = any_call();

    if (call && call->request)
        receive(call, "ACK", ";tag=x");
}

static void meddle(void)
{
    struct call *call = any_call();
    struct world *world = storm->world;

    if (!call || !call->request)
        return;
    switch (pick(4)) {
    case 0:
        proxy_cancel_branches(world->proxy, call->request, STR("Reason: SIP;cause=1\r\n"));
        break;
    case 1:
        proxy_release(world->proxy, call->request);
        break;
    case 2:
        reply(world, call->request);
        break;
    default:
        proxy_failure_continue(call->request); /* out of place, mostly */
        break;
    }
}

/* ---- the other side ---- */

static void respond(void)
{
    static const char *const tags[] = { "x", "y", "a-much-longer-tag-than-the-others-are" };
    struct str sent;

    if (!storm->out_count)
        return;
    sent = storm->out[pick(storm->out_count)];
    world_answer_with(storm->world, sent, statuses[pick(18)], tags[pick(3)],
                      chance(20) ? "WWW-Authenticate: Digest realm=\"r\",nonce=\"n\"\r\n" : "");
}

static void break_connection(void)
{
    struct flow flow = chance(50) ? fake_flow(TRANSPORT_TCP, "203.0.113.9:33333", 70 + pick(4))
                                  : fake_flow(TRANSPORT_TCP, "1.2.3.4:40000", 70 + pick(4));

    txn_unreachable(storm->world->layer, &flow);
}

static void pass_time(void)
{
    static const msec delays[] = { 0, 1, 100, 500, 500, 4000, 5000, 32000, 130000 };

    fake_wait(storm->world->fake, delays[pick(chance(95) ? 7 : 9)]);
}

static unsigned any_verdict(void)
{
    return chance(80) ? 0 : chance(50) ? PROXY_DROP : 503;
}

static void resume_something(void)
{
    struct world *world = storm->world;

    switch (pick(4)) {
    case 0:
        fake_resolve_one(world->fake, chance(80) ? ERR_NONE : ERR_UNRESOLVED);
        break;
    case 1:
        if (world->branch_count)
            world_continue_branch(world, pick(world->branch_count), any_verdict());
        break;
    case 2:
        if (world->reply_count)
            world_continue_reply(world, pick(world->reply_count), any_verdict());
        break;
    default:
        if (world->failure_count)
            world_continue_failure(world, pick(world->failure_count));
        break;
    }
}

/* ---- what must hold ---- */

static struct call *call_of(struct str id)
{
    uint64_t serial;

    assert_int_equal(str_to_uint(id, 1, UINT32_MAX, &serial), ERR_NONE);
    for (unsigned i = 0; i < CALLS; i++)
        if (storm->calls[i].serial == serial)
            return &storm->calls[i];
    return NULL;
}

static void check_failure(struct call *call, struct str bytes)
{
    if (call->failure.len == 0)
        assert_int_equal(str_copy(&storm->world->arena, bytes, &call->failure), ERR_NONE);
    if (!str_eq(call->failure, bytes))
        fail_msg("two final responses:\n" STR_FMT "\n" STR_FMT, STR_ARG(call->failure),
                 STR_ARG(bytes));
}

static void check_response(const struct sip_msg *msg, struct str bytes)
{
    struct call *call = call_of(msg->call_id);
    bool is_success = msg->status < 300;

    if (!call || msg->status < 200 || msg->method != sip_method_find(str_of(call->method)))
        return;
    if (msg->method != SIP_INVITE) {
        check_failure(call, bytes);
    } else if (is_success) {
        call->has_2xx = true;
    } else {
        assert_true(!call->has_2xx || call->failure.len); /* it may be repeated */
        check_failure(call, bytes);
    }
}

static void keep_request(const struct sip_msg *msg, struct str bytes)
{
    unsigned slot;

    if (msg->method == SIP_ACK)
        return;
    slot = storm->out_count < OUT_MAX ? storm->out_count++ : pick(OUT_MAX);
    assert_int_equal(str_copy(&storm->world->arena, bytes, &storm->out[slot]), ERR_NONE);
}

static void look_at_what_was_sent(void)
{
    struct fake *fake = storm->world->fake;
    struct arena arena;

    for (unsigned i = 0; i < fake->count; i++) {
        struct str bytes = fake->sent[i].bytes;
        struct sip_msg *msg;

        arena_init(&arena, NULL, 1 << 17);
        msg = fake_parse(&arena, bytes);
        if (msg->is_request)
            keep_request(msg, bytes);
        else
            check_response(msg, bytes);
        arena_fini(&arena);
    }
    fake_forget_sent(fake);
}

static void step(void)
{
    unsigned what = pick(100);

    if (what < 8)
        start_call();
    else if (what < 14)
        repeat_request();
    else if (what < 19)
        cancel_call();
    else if (what < 24)
        ack_call();
    else if (what < 54)
        respond();
    else if (what < 74)
        pass_time();
    else if (what < 90)
        resume_something();
    else if (what < 93)
        break_connection();
    else if (what < 96)
        meddle();
    else
        shuffle_behaviour(storm->world);
    look_at_what_was_sent();
}

/* ---- the end of a world ---- */

static void calm_down(struct world *world)
{
    world->delays_branches = world->delays_replies = world->delays_failures = false;
    world->fake->delays = false;
    world->failure_route = NULL;
    world->branch_status = world->ready_status = world->reply_status = 0;
}

static void finish_world(void)
{
    struct world *world = storm->world;

    calm_down(world);
    while (world->branch_count || world->reply_count || world->failure_count ||
           world->fake->query_count) {
        fake_resolve_one(world->fake, ERR_UNRESOLVED);
        if (world->branch_count)
            world_continue_branch(world, 0, 0);
        if (world->reply_count)
            world_continue_reply(world, 0, 0);
        if (world->failure_count)
            world_continue_failure(world, 0);
        look_at_what_was_sent();
    }
    for (unsigned i = 0; i < CALLS; i++)
        drop_call(&storm->calls[i]);
    world_forget_last(world);
    for (unsigned i = 0; i < 100; i++) {
        fake_wait(world->fake, 4000);
        look_at_what_was_sent();
    }
    assert_int_equal(storm->relays, storm->relays_done);
    world_destroy(world);
}

static void run_world(unsigned steps, uint64_t seed)
{
    struct storm fresh = { .world = world_create(seed & 1) };
    struct world *world = fresh.world;

    storm = &fresh;
    prng_init(&fresh.prng, seed);
    arena_fini(&world->arena);
    arena_init(&world->arena, NULL, (size_t)1 << 30);
    world->route = route;
    world->failure_route = failure_route;
    world->fake->hops[0] = fake_flow(TRANSPORT_UDP, "192.0.2.11:5060", 0);
    world->fake->hops[1] = fake_flow(TRANSPORT_UDP, "192.0.2.12:5060", 0);
    world->fake->hop_count = 2;
    while (steps--)
        step();
    finish_world();
    storm = NULL;
}

static unsigned steps_wanted = STEPS;
static uint64_t first_seed = 1;

static void test_any_order_of_events_is_survived(void **state)
{
    (void)state;
    for (unsigned done = 0; done < steps_wanted; done += STEPS_OF_A_WORLD) {
        uint64_t seed = first_seed + done / STEPS_OF_A_WORLD;

        print_message("seed %llu\n", (unsigned long long)seed);
        run_world(STEPS_OF_A_WORLD, seed);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order_of_events_is_survived),
    };

    if (argc > 1)
        steps_wanted = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
