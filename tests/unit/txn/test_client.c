/* SPDX-License-Identifier: Apache-2.0 */
/* Client transactions: every cell of both tables, the timers, ACK and CANCEL. */
#include "fake.h"
#include "txn/layer.h"

static const struct txn_timers timers = { 500, 4000, 5000, 32000, 5000 };

struct world {
    struct fake *fake;
    struct txn_layer *layer;
    struct arena_pool pool;
    struct arena arena;
    struct client_txn *txn;
    unsigned responses, failures, ends;
    unsigned last_status;
    enum err why;
    bool is_taken; /* the last response */
};

static void on_response(void *context, struct client_txn *txn, struct sip_msg *response,
                        const struct flow *source)
{
    struct world *world = context;

    assert_ptr_equal(txn, world->txn);
    assert_non_null(source);
    world->responses++;
    world->last_status = response->status;
}

static void on_failure(void *context, struct client_txn *txn, enum err why)
{
    struct world *world = context;

    assert_ptr_equal(txn, world->txn);
    world->failures++;
    world->why = why;
    client_txn_cancel(txn, STR("")); /* as late as can be: no effect */
}

static void on_end(void *context, struct client_txn *txn)
{
    struct world *world = context;

    assert_ptr_equal(txn, world->txn);
    world->ends++;
    world->txn = NULL;
}

static const struct client_txn_user user = { on_response, on_failure, on_end };

static void world_open(struct world *world)
{
    *world = (struct world){ .fake = fake_create(1) };
    arena_pool_init(&world->pool, 8);
    arena_init(&world->arena, &world->pool, 1 << 20);
    assert_int_equal(txn_layer_create(&world->fake->wheel, &world->fake->outside,
                                      &world->fake->prng.source, &timers, &world->layer),
                     ERR_NONE);
}

static void world_close(struct world *world)
{
    const struct txn_counters *counters = txn_read_counters(world->layer);

    if (counters->clients == 0) {
        assert_int_equal(counters->bytes, 0);
        assert_int_equal(world->fake->wheel.count, 0);
    }
    txn_layer_destroy(world->layer);
    assert_int_equal(world->fake->wheel.count, 0);
    arena_fini(&world->arena);
    assert_int_equal(world->pool.live_bytes, 0);
    arena_pool_fini(&world->pool);
    fake_destroy(world->fake);
}

static struct flow target(bool is_reliable)
{
    return is_reliable ? fake_flow(TRANSPORT_TCP, "5.6.7.8:5060", 4)
                       : fake_flow(TRANSPORT_UDP, "5.6.7.8:5060", 0);
}

static struct str request_text(struct world *world, const char *method)
{
    struct str text;

    assert_int_equal(str_print(&world->arena, &text,
                               "%s sip:bob@5.6.7.8 SIP/2.0\r\n"
                               "Via: SIP/2.0/UDP 9.9.9.9;rport;branch=z9hG4bKb1\r\n"
                               "Via: SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bKone\r\n"
                               "Route: <sip:next.example.com;lr>\r\n"
                               "From: <sip:alice@example.com>;tag=a1\r\n"
                               "To: <sip:bob@example.com>\r\n"
                               "Call-ID: call-1\r\n"
                               "CSeq: 7 %s\r\n"
                               "Contact: <sip:alice@10.0.0.7:5070>\r\n"
                               "Max-Forwards: 69\r\n"
                               "Content-Length: 0\r\n\r\n",
                               method, method),
                     ERR_NONE);
    return text;
}

static enum err open_txn(struct world *world, const char *method, bool is_reliable)
{
    struct client_request request = { .method = sip_method_find(str_of(method)),
                                      .branch = STR("z9hG4bKb1"),
                                      .bytes = request_text(world, method),
                                      .flow = target(is_reliable) };

    return client_txn_open(world->layer, &request, &user, world, &world->txn);
}

static void respond(struct world *world, const char *method, unsigned status)
{
    struct flow flow = target(false);
    struct arena arena;
    struct str text;

    arena_init(&arena, &world->pool, 1 << 16);
    assert_int_equal(str_print(&arena, &text,
                               "SIP/2.0 %u Reason\r\n"
                               "Via: SIP/2.0/UDP 9.9.9.9;rport=5060;branch=z9hG4bKb1\r\n"
                               "Via: SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bKone\r\n"
                               "From: <sip:alice@example.com>;tag=a1\r\n"
                               "To: <sip:bob@example.com>;tag=b-%u\r\n"
                               "Call-ID: call-1\r\n"
                               "CSeq: 7 %s\r\n"
                               "Content-Length: 0\r\n\r\n",
                               status, status, method),
                     ERR_NONE);
    world->is_taken = txn_receive_response(world->layer, fake_parse(&arena, text), &flow);
    arena_fini(&arena);
}

/* ---- every cell ---- */

enum act {
    ACT_END, /* of a list */
    ACT_180,
    ACT_200,
    ACT_486,
    ACT_CANCEL,
    ACT_DETACH,
    ACT_BREAK, /* the connection */
    ACT_HALF,  /* half a second passes: timers A, E */
    ACT_T2,
    ACT_T4,
    ACT_64T1,
};

static void act(struct world *world, const char *method, enum act what)
{
    struct flow flow = target(true);

    switch (what) {
    case ACT_END:
        break;
    case ACT_180:
        respond(world, method, 180);
        break;
    case ACT_200:
        respond(world, method, 200);
        break;
    case ACT_486:
        respond(world, method, 486);
        break;
    case ACT_CANCEL:
        client_txn_cancel(world->txn, STR("Reason: SIP;cause=200\r\n"));
        break;
    case ACT_DETACH:
        client_txn_detach(world->txn);
        break;
    case ACT_BREAK:
        txn_unreachable(world->layer, &flow);
        fake_settle(world->fake);
        break;
    case ACT_HALF:
        fake_wait(world->fake, 500);
        break;
    case ACT_T2:
        fake_wait(world->fake, 4000);
        break;
    case ACT_T4:
        fake_wait(world->fake, 5000);
        break;
    case ACT_64T1:
        fake_wait(world->fake, 32000);
        break;
    }
}

#define GONE TXN_STATES

struct row {
    const char *what;
    const char *method;
    bool is_reliable;
    enum act before[4];
    enum act then;
    unsigned want_state; /* GONE: freed */
    /* by `then` alone */
    unsigned want_sent, want_responses, want_failures;
};

static const struct row rows[] = {
    { "180", "INVITE", false, { 0 }, ACT_180, PROCEEDING, 0, 1, 0 },
    { "200", "INVITE", false, { 0 }, ACT_200, ACCEPTED, 0, 1, 0 },
    { "486", "INVITE", false, { 0 }, ACT_486, COMPLETED, 1, 1, 0 },
    { "486, tcp", "INVITE", true, { 0 }, ACT_486, ENDED, 1, 1, 0 },
    { "early cancel", "INVITE", false, { 0 }, ACT_CANCEL, CALLING, 0, 0, 0 },
    { "early detach", "INVITE", false, { 0 }, ACT_DETACH, CALLING, 0, 0, 0 },
    { "broken", "INVITE", true, { 0 }, ACT_BREAK, GONE, 0, 0, 1 },
    { "timer A", "INVITE", false, { 0 }, ACT_HALF, CALLING, 1, 0, 0 },
    { "no timer A on tcp", "INVITE", true, { 0 }, ACT_HALF, CALLING, 0, 0, 0 },
    { "timer B", "INVITE", false, { 0 }, ACT_64T1, GONE, 6, 0, 1 },
    { "timer B, tcp", "INVITE", true, { 0 }, ACT_64T1, GONE, 0, 0, 1 },
    { "timer B after an early cancel", "INVITE", false, { ACT_CANCEL }, ACT_64T1, GONE, 6, 0, 1 },

    { "180 again", "INVITE", false, { ACT_180 }, ACT_180, PROCEEDING, 0, 1, 0 },
    { "180, 200", "INVITE", false, { ACT_180 }, ACT_200, ACCEPTED, 0, 1, 0 },
    { "180, 486", "INVITE", false, { ACT_180 }, ACT_486, COMPLETED, 1, 1, 0 },
    { "180, cancel", "INVITE", false, { ACT_180 }, ACT_CANCEL, PROCEEDING, 1, 0, 0 },
    { "cancel, 180", "INVITE", false, { ACT_CANCEL }, ACT_180, PROCEEDING, 1, 1, 0 },
    { "cancel twice", "INVITE", false, { ACT_180, ACT_CANCEL }, ACT_CANCEL, PROCEEDING, 0, 0, 0 },
    { "180, detach", "INVITE", false, { ACT_180 }, ACT_DETACH, PROCEEDING, 0, 0, 0 },
    { "180, broken", "INVITE", true, { ACT_180 }, ACT_BREAK, GONE, 0, 0, 1 },
    { "ringing is not timed", "INVITE", false, { ACT_180 }, ACT_64T1, PROCEEDING, 0, 0, 0 },
    { "cancelled and silent", "INVITE", true, { ACT_180, ACT_CANCEL }, ACT_64T1, GONE, 0, 0, 1 },
    { "cancelled, 486", "INVITE", false, { ACT_180, ACT_CANCEL }, ACT_486, COMPLETED, 1, 1, 0 },
    { "cancelled, 200", "INVITE", false, { ACT_180, ACT_CANCEL }, ACT_200, ACCEPTED, 0, 1, 0 },

    { "180 after 200", "INVITE", false, { ACT_200 }, ACT_180, ACCEPTED, 0, 0, 0 },
    { "200 again", "INVITE", false, { ACT_200 }, ACT_200, ACCEPTED, 0, 1, 0 },
    { "486 after 200", "INVITE", false, { ACT_200 }, ACT_486, ACCEPTED, 0, 0, 0 },
    { "cancel after 200", "INVITE", false, { ACT_200 }, ACT_CANCEL, ACCEPTED, 0, 0, 0 },
    { "detach after 200", "INVITE", false, { ACT_200 }, ACT_DETACH, ACCEPTED, 0, 0, 0 },
    { "broken after 200", "INVITE", true, { ACT_200 }, ACT_BREAK, ACCEPTED, 0, 0, 0 },
    { "timer M", "INVITE", false, { ACT_200 }, ACT_64T1, GONE, 0, 0, 0 },

    { "180 after 486", "INVITE", false, { ACT_486 }, ACT_180, COMPLETED, 0, 0, 0 },
    { "200 after 486", "INVITE", false, { ACT_486 }, ACT_200, COMPLETED, 0, 0, 0 },
    { "486 again", "INVITE", false, { ACT_486 }, ACT_486, COMPLETED, 1, 0, 0 },
    { "cancel after 486", "INVITE", false, { ACT_486 }, ACT_CANCEL, COMPLETED, 0, 0, 0 },
    { "timer D", "INVITE", false, { ACT_486 }, ACT_64T1, GONE, 0, 0, 0 },
    { "timer D, tcp", "INVITE", true, { ACT_486 }, ACT_HALF, GONE, 0, 0, 0 },

    { "options: 180", "OPTIONS", false, { 0 }, ACT_180, PROCEEDING, 0, 1, 0 },
    { "options: 200", "OPTIONS", false, { 0 }, ACT_200, COMPLETED, 0, 1, 0 },
    { "options: 486", "OPTIONS", false, { 0 }, ACT_486, COMPLETED, 0, 1, 0 },
    { "options, tcp: 200", "OPTIONS", true, { 0 }, ACT_200, ENDED, 0, 1, 0 },
    { "options: cancel", "OPTIONS", false, { 0 }, ACT_CANCEL, TRYING, 0, 0, 0 },
    { "options: detach", "OPTIONS", false, { 0 }, ACT_DETACH, TRYING, 0, 0, 0 },
    { "options: broken", "OPTIONS", true, { 0 }, ACT_BREAK, GONE, 0, 0, 1 },
    { "timer E", "OPTIONS", false, { 0 }, ACT_HALF, TRYING, 1, 0, 0 },
    { "no timer E when detached", "OPTIONS", false, { ACT_DETACH }, ACT_HALF, TRYING, 0, 0, 0 },
    { "timer F", "OPTIONS", false, { 0 }, ACT_64T1, GONE, 10, 0, 1 },
    { "timer F, tcp", "OPTIONS", true, { 0 }, ACT_64T1, GONE, 0, 0, 1 },

    { "options: 180 again", "OPTIONS", false, { ACT_180 }, ACT_180, PROCEEDING, 0, 1, 0 },
    { "options: 180, 200", "OPTIONS", false, { ACT_180 }, ACT_200, COMPLETED, 0, 1, 0 },
    { "options: 180, 486", "OPTIONS", false, { ACT_180 }, ACT_486, COMPLETED, 0, 1, 0 },
    { "options: 180, detach", "OPTIONS", false, { ACT_180 }, ACT_DETACH, PROCEEDING, 0, 0, 0 },
    { "options: 180, broken", "OPTIONS", true, { ACT_180 }, ACT_BREAK, GONE, 0, 0, 1 },
    { "slow timer E", "OPTIONS", false, { ACT_180, ACT_HALF }, ACT_T2, PROCEEDING, 1, 0, 0 },
    { "timer F after 180", "OPTIONS", false, { ACT_180 }, ACT_64T1, GONE, 8, 0, 1 },

    { "options: 180 after 200", "OPTIONS", false, { ACT_200 }, ACT_180, COMPLETED, 0, 0, 0 },
    { "options: 200 again", "OPTIONS", false, { ACT_200 }, ACT_200, COMPLETED, 0, 0, 0 },
    { "options: 486 after 200", "OPTIONS", false, { ACT_200 }, ACT_486, COMPLETED, 0, 0, 0 },
    { "options: detach after 200", "OPTIONS", false, { ACT_200 }, ACT_DETACH, COMPLETED, 0, 0, 0 },
    { "timer K", "OPTIONS", false, { ACT_200 }, ACT_T4, GONE, 0, 0, 0 },
    { "timer K, tcp", "OPTIONS", true, { ACT_200 }, ACT_HALF, GONE, 0, 0, 0 },
};

static void check_row(const struct row *row)
{
    struct world world;
    unsigned state;

    world_open(&world);
    assert_int_equal(open_txn(&world, row->method, row->is_reliable), ERR_NONE);
    for (const enum act *before = row->before; *before; before++)
        act(&world, row->method, *before);
    fake_forget_sent(world.fake);
    world.responses = 0;
    act(&world, row->method, row->then);
    state = world.txn ? world.txn->txn.state : GONE;
    if (state != row->want_state || world.fake->count != row->want_sent ||
        world.responses != row->want_responses || world.failures != row->want_failures)
        fail_msg("%s: state %u, sent %u, %u responses, %u failures", row->what, state,
                 world.fake->count, world.responses, world.failures);
    if (!world.txn)
        assert_int_equal(world.ends, 1);
    world_close(&world);
}

static void test_every_cell(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i]);
}

/* ---- ACK and CANCEL ---- */

static void test_the_ack_of_a_failure_follows_the_invite(void **state)
{
    struct world world;
    struct str ack;

    (void)state;
    world_open(&world);
    assert_int_equal(open_txn(&world, "INVITE", false), ERR_NONE);
    respond(&world, "INVITE", 486);
    assert_int_equal(world.fake->count, 2);
    ack = fake_last(world.fake);
    assert_true(str_starts(ack, STR("ACK sip:bob@5.6.7.8 SIP/2.0\r\n")));
    assert_has(ack, "branch=z9hG4bKb1\r\n");
    assert_has_not(ack, "z9hG4bKone");
    assert_has(ack, "To: <sip:bob@example.com>;tag=b-486\r\n");
    assert_has(ack, "Route: <sip:next.example.com;lr>\r\n");
    assert_has(ack, "CSeq: 7 ACK\r\n");
    assert_true(flow_eq(&world.fake->sent[1].flow, &world.fake->sent[0].flow));
    respond(&world, "INVITE", 486);
    assert_int_equal(world.fake->count, 3);
    assert_true(str_eq(fake_last(world.fake), ack));
    fake_wait(world.fake, 32000);
    world_close(&world);
}

static void test_a_cancel_waits_for_a_provisional_response(void **state)
{
    struct world world;
    struct str cancel;

    (void)state;
    world_open(&world);
    assert_int_equal(open_txn(&world, "INVITE", false), ERR_NONE);
    act(&world, "INVITE", ACT_CANCEL);
    assert_int_equal(world.fake->count, 1);
    respond(&world, "INVITE", 100);
    assert_int_equal(world.fake->count, 2);
    cancel = fake_last(world.fake);
    assert_true(str_starts(cancel, STR("CANCEL sip:bob@5.6.7.8 SIP/2.0\r\n")));
    assert_has(cancel, "branch=z9hG4bKb1\r\n");
    assert_has(cancel, "Reason: SIP;cause=200\r\n");
    assert_has(cancel, "CSeq: 7 CANCEL\r\n");
    assert_int_equal(txn_read_counters(world.layer)->clients, 2);
    respond(&world, "CANCEL", 200);
    assert_true(world.is_taken);
    assert_int_equal(world.responses, 1); /* of the INVITE alone */
    respond(&world, "INVITE", 487);
    assert_int_equal(world.last_status, 487);
    fake_wait(world.fake, 40000);
    assert_int_equal(txn_read_counters(world.layer)->clients, 0);
    world_close(&world);
}

static void test_a_lost_cancel_is_repeated(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    assert_int_equal(open_txn(&world, "INVITE", false), ERR_NONE);
    respond(&world, "INVITE", 180);
    fake_forget_sent(world.fake);
    act(&world, "INVITE", ACT_CANCEL);
    fake_wait(world.fake, 500);
    fake_wait(world.fake, 1000);
    assert_int_equal(world.fake->count, 3);
    fake_wait(world.fake, 40000);
    assert_int_equal(world.why, ERR_TIMEOUT);
    world_close(&world);
}

/* ---- intervals ---- */

static void check_intervals(const char *method, const msec *gaps, unsigned count)
{
    struct world world;

    world_open(&world);
    assert_int_equal(open_txn(&world, method, false), ERR_NONE);
    for (unsigned i = 0; i < count; i++) {
        fake_wait(world.fake, gaps[i] - 1);
        assert_int_equal(world.fake->count, i + 1);
        fake_wait(world.fake, 1);
        assert_int_equal(world.fake->count, i + 2);
        assert_true(str_eq(world.fake->sent[0].bytes, fake_last(world.fake)));
    }
    fake_wait(world.fake, 500);
    assert_int_equal(world.why, ERR_TIMEOUT);
    assert_int_equal(world.ends, 1);
    assert_int_equal(txn_read_counters(world.layer)->retransmissions_out, count);
    world_close(&world);
}

static void test_requests_are_repeated_at_growing_intervals(void **state)
{
    static const msec invite[] = { 500, 1000, 2000, 4000, 8000, 16000 };
    static const msec other[] = { 500, 1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000, 4000 };

    (void)state;
    check_intervals("INVITE", invite, 6);
    check_intervals("MESSAGE", other, 10);
}

/* ---- users that go ---- */

static void test_a_detached_transaction_finishes_by_itself(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    assert_int_equal(open_txn(&world, "INVITE", false), ERR_NONE);
    client_txn_cancel(world.txn, STR(""));
    client_txn_detach(world.txn);
    respond(&world, "INVITE", 180);
    assert_int_equal(world.fake->count, 2); /* the CANCEL */
    respond(&world, "INVITE", 487);
    assert_int_equal(world.fake->count, 3); /* the ACK */
    assert_int_equal(world.responses, 0);
    fake_wait(world.fake, 64000);
    assert_int_equal(txn_read_counters(world.layer)->clients, 0);
    assert_int_equal(world.ends, 0);
    world_close(&world);
}

static void test_a_detached_ringing_transaction_ends(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    assert_int_equal(open_txn(&world, "INVITE", true), ERR_NONE);
    respond(&world, "INVITE", 180);
    client_txn_detach(world.txn);
    fake_wait(world.fake, 32000);
    assert_int_equal(txn_read_counters(world.layer)->clients, 0);
    world_close(&world);
}

static void test_nobody_takes_a_2xx_of_a_detached_invite(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    assert_int_equal(open_txn(&world, "INVITE", false), ERR_NONE);
    client_txn_detach(world.txn);
    respond(&world, "INVITE", 200);
    assert_false(world.is_taken);
    respond(&world, "INVITE", 200);
    assert_false(world.is_taken);
    respond(&world, "OPTIONS", 200); /* of no transaction at all */
    assert_false(world.is_taken);
    fake_wait(world.fake, 32000);
    world_close(&world);
}

/* ---- what cannot be opened ---- */

static void test_an_error_leaves_nothing_behind(void **state)
{
    struct world world;
    struct client_request request = { .method = SIP_ACK, .branch = STR("z9hG4bKb2") };
    struct client_txn *txn;

    (void)state;
    world_open(&world);
    world.fake->dead_connection = 4;
    assert_int_equal(open_txn(&world, "INVITE", true), ERR_UNREACHABLE);
    assert_int_equal(client_txn_open(world.layer, &request, &user, &world, &txn), ERR_UNSUPPORTED);
    assert_int_equal(txn_read_counters(world.layer)->clients, 0);
    assert_int_equal(world.fake->wheel.count, 0);
    assert_int_equal(open_txn(&world, "INVITE", false), ERR_NONE);
    assert_int_equal(open_txn(&world, "INVITE", false), ERR_EXISTS);
    fake_wait(world.fake, 32000);
    world_close(&world);
}

static void test_only_the_broken_connection_counts(void **state)
{
    struct world world;
    struct flow other = target(true), dialled = target(true);

    (void)state;
    world_open(&world);
    assert_int_equal(open_txn(&world, "INVITE", true), ERR_NONE);
    other.connection = 5;
    txn_unreachable(world.layer, &other);
    fake_settle(world.fake);
    assert_int_equal(world.failures, 0);
    dialled.connection = 0; /* a dial that failed knows no connection */
    txn_unreachable(world.layer, &dialled);
    fake_settle(world.fake);
    assert_int_equal(world.failures, 1);
    assert_int_equal(world.why, ERR_UNREACHABLE);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell),
        cmocka_unit_test(test_the_ack_of_a_failure_follows_the_invite),
        cmocka_unit_test(test_a_cancel_waits_for_a_provisional_response),
        cmocka_unit_test(test_a_lost_cancel_is_repeated),
        cmocka_unit_test(test_requests_are_repeated_at_growing_intervals),
        cmocka_unit_test(test_a_detached_transaction_finishes_by_itself),
        cmocka_unit_test(test_a_detached_ringing_transaction_ends),
        cmocka_unit_test(test_nobody_takes_a_2xx_of_a_detached_invite),
        cmocka_unit_test(test_an_error_leaves_nothing_behind),
        cmocka_unit_test(test_only_the_broken_connection_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
