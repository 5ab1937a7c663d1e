/* SPDX-License-Identifier: Apache-2.0 */
/* Server transactions: every cell of both tables, the timers, and where responses go. */
#include "fake.h"
#include "txn/layer.h"

static const struct txn_timers timers = { 500, 4000, 5000, 32000, 5000 };

struct world {
    struct fake *fake;
    struct txn_layer *layer;
    struct arena_pool pool;
    struct arena arena;
    struct server_txn *txn;
    unsigned failures, ends;
    enum err why;
    enum err last_err; /* of a reply */
};

static void on_failure(void *context, struct server_txn *txn, enum err why)
{
    struct world *world = context;

    assert_ptr_equal(txn, world->txn);
    world->failures++;
    world->why = why;
}

static void on_end(void *context, struct server_txn *txn)
{
    struct world *world = context;

    assert_ptr_equal(txn, world->txn);
    world->ends++;
    world->txn = NULL;
}

static const struct server_txn_user user = { on_failure, on_end, NULL };

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

    if (!world->txn) {
        assert_int_equal(counters->servers, 0);
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

static struct sip_msg *request(struct world *world, const char *method, const char *via_params)
{
    struct str text;

    assert_int_equal(str_print(&world->arena, &text,
                               "%s sip:bob@example.com SIP/2.0\r\n"
                               "Via: SIP/2.0/UDP 10.0.0.7:5070%s\r\n"
                               "From: <sip:alice@example.com>;tag=a1\r\n"
                               "To: <sip:bob@example.com>%s\r\n"
                               "Call-ID: call-1\r\n"
                               "CSeq: 7 %s\r\n"
                               "Content-Length: 0\r\n\r\n",
                               method, via_params, strcmp(method, "ACK") ? "" : ";tag=ours",
                               method),
                     ERR_NONE);
    return fake_parse(&world->arena, text);
}

static struct str reply(struct world *world, const char *method, unsigned status)
{
    struct str text;

    assert_int_equal(
        str_print(&world->arena, &text,
                  "SIP/2.0 %u Reason\r\n"
                  "Via: SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bKone;received=1.2.3.4\r\n"
                  "From: <sip:alice@example.com>;tag=a1\r\n"
                  "To: <sip:bob@example.com>;tag=ours\r\n"
                  "Call-ID: call-1\r\n"
                  "CSeq: 7 %s\r\n"
                  "Content-Length: 0\r\n\r\n",
                  status, method),
        ERR_NONE);
    return text;
}

static struct flow source(bool is_reliable)
{
    return is_reliable ? fake_flow(TRANSPORT_TCP, "1.2.3.4:40000", 9)
                       : fake_flow(TRANSPORT_UDP, "1.2.3.4:40000", 0);
}

static void open_txn(struct world *world, const char *method, bool is_reliable)
{
    struct flow flow = source(is_reliable);

    assert_int_equal(server_txn_open(world->layer,
                                     request(world, method, ";rport;branch=z9hG4bKone"), &flow,
                                     &user, world, &world->txn),
                     ERR_NONE);
}

static enum txn_match receive(struct world *world, const char *method)
{
    struct flow flow = source(false);
    struct server_txn *out = NULL;

    return txn_receive_request(world->layer, request(world, method, ";rport;branch=z9hG4bKone"),
                               &flow, &out);
}

/* ---- every cell ---- */

enum act {
    ACT_END, /* of a list */
    ACT_REQUEST,
    ACT_ACK,
    ACT_180,
    ACT_200,
    ACT_404,
    ACT_RELEASE,
    ACT_BREAK, /* the connection */
    ACT_HALF,  /* half a second passes: timer G */
    ACT_T4,
    ACT_64T1,
};

static void act(struct world *world, const char *method, enum act what)
{
    struct flow flow = source(true);

    switch (what) {
    case ACT_END:
        break;
    case ACT_REQUEST:
        receive(world, method);
        break;
    case ACT_ACK:
        receive(world, "ACK");
        break;
    case ACT_180:
        world->last_err = server_txn_reply(world->txn, 180, reply(world, method, 180));
        break;
    case ACT_200:
        world->last_err = server_txn_reply(world->txn, 200, reply(world, method, 200));
        break;
    case ACT_404:
        world->last_err = server_txn_reply(world->txn, 404, reply(world, method, 404));
        break;
    case ACT_RELEASE:
        server_txn_release(world->txn);
        break;
    case ACT_BREAK:
        txn_unreachable(world->layer, &flow);
        fake_settle(world->fake);
        break;
    case ACT_HALF:
        fake_wait(world->fake, 500);
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
    unsigned want_sent;  /* by `then` alone */
    enum err want_err;   /* of replies */
    unsigned want_failures;
};

static const struct row rows[] = {
    { "invite again before any answer", "INVITE", false, { 0 }, ACT_REQUEST, PROCEEDING, 0, 0, 0 },
    { "invite again", "INVITE", false, { ACT_180 }, ACT_REQUEST, PROCEEDING, 1, 0, 0 },
    { "ack out of place", "INVITE", false, { ACT_180 }, ACT_ACK, PROCEEDING, 0, 0, 0 },
    { "180", "INVITE", false, { 0 }, ACT_180, PROCEEDING, 1, 0, 0 },
    { "200", "INVITE", false, { ACT_180 }, ACT_200, ACCEPTED, 1, 0, 0 },
    { "404", "INVITE", false, { ACT_180 }, ACT_404, COMPLETED, 1, 0, 0 },
    { "invite released", "INVITE", false, { ACT_180 }, ACT_RELEASE, ABANDONED, 0, 0, 0 },
    { "caller lost", "INVITE", true, { ACT_180 }, ACT_BREAK, PROCEEDING, 0, 0, 1 },

    { "invite again after 200", "INVITE", false, { ACT_200 }, ACT_REQUEST, ACCEPTED, 0, 0, 0 },
    { "180 after 200", "INVITE", false, { ACT_200 }, ACT_180, ACCEPTED, 0, ERR_NOT_NOW, 0 },
    { "200 again", "INVITE", false, { ACT_200 }, ACT_200, ACCEPTED, 1, 0, 0 },
    { "404 after 200", "INVITE", false, { ACT_200 }, ACT_404, ACCEPTED, 0, ERR_NOT_NOW, 0 },
    { "release after 200", "INVITE", false, { ACT_200 }, ACT_RELEASE, ACCEPTED, 0, 0, 0 },
    { "broken after 200", "INVITE", true, { ACT_200 }, ACT_BREAK, ACCEPTED, 0, 0, 0 },
    { "timer L", "INVITE", false, { ACT_200 }, ACT_64T1, GONE, 0, 0, 0 },
    { "timer L, tcp", "INVITE", true, { ACT_200 }, ACT_64T1, GONE, 0, 0, 0 },

    { "invite again after 404", "INVITE", false, { ACT_404 }, ACT_REQUEST, COMPLETED, 1, 0, 0 },
    { "ack", "INVITE", false, { ACT_404 }, ACT_ACK, CONFIRMED, 0, 0, 0 },
    { "ack, tcp", "INVITE", true, { ACT_404 }, ACT_ACK, ENDED, 0, 0, 0 },
    { "180 after 404", "INVITE", false, { ACT_404 }, ACT_180, COMPLETED, 0, ERR_NOT_NOW, 0 },
    { "200 after 404", "INVITE", false, { ACT_404 }, ACT_200, COMPLETED, 0, ERR_NOT_NOW, 0 },
    { "404 after 404", "INVITE", false, { ACT_404 }, ACT_404, COMPLETED, 0, ERR_NOT_NOW, 0 },
    { "release after 404", "INVITE", false, { ACT_404 }, ACT_RELEASE, COMPLETED, 0, 0, 0 },
    { "timer G", "INVITE", false, { ACT_404 }, ACT_HALF, COMPLETED, 1, 0, 0 },
    { "no timer G on tcp", "INVITE", true, { ACT_404 }, ACT_HALF, COMPLETED, 0, 0, 0 },
    { "timer H", "INVITE", false, { ACT_404 }, ACT_64T1, GONE, 10, 0, 1 },
    { "timer H, tcp", "INVITE", true, { ACT_404 }, ACT_64T1, GONE, 0, 0, 1 },
    { "broken before the ack", "INVITE", true, { ACT_404 }, ACT_BREAK, GONE, 0, 0, 1 },

    { "invite after ack", "INVITE", false, { ACT_404, ACT_ACK }, ACT_REQUEST, CONFIRMED, 0, 0, 0 },
    { "ack again", "INVITE", false, { ACT_404, ACT_ACK }, ACT_ACK, CONFIRMED, 0, 0, 0 },
    { "200 after ack",
      "INVITE",
      false,
      { ACT_404, ACT_ACK },
      ACT_200,
      CONFIRMED,
      0,
      ERR_NOT_NOW,
      0 },
    { "timer I", "INVITE", false, { ACT_404, ACT_ACK }, ACT_T4, GONE, 0, 0, 0 },

    { "invite after release", "INVITE", false, { ACT_RELEASE }, ACT_REQUEST, ABANDONED, 0, 0, 0 },
    { "ack after release", "INVITE", false, { ACT_RELEASE }, ACT_ACK, ABANDONED, 0, 0, 0 },
    { "180 after release",
      "INVITE",
      false,
      { ACT_RELEASE },
      ACT_180,
      ABANDONED,
      0,
      ERR_NOT_NOW,
      0 },
    { "404 after release",
      "INVITE",
      false,
      { ACT_RELEASE },
      ACT_404,
      ABANDONED,
      0,
      ERR_NOT_NOW,
      0 },
    { "release twice", "INVITE", false, { ACT_RELEASE }, ACT_RELEASE, ABANDONED, 0, 0, 0 },
    { "end of a released one", "INVITE", false, { ACT_RELEASE }, ACT_64T1, GONE, 0, 0, 0 },

    { "options again before any answer", "OPTIONS", false, { 0 }, ACT_REQUEST, TRYING, 0, 0, 0 },
    { "options: 180", "OPTIONS", false, { 0 }, ACT_180, PROCEEDING, 1, 0, 0 },
    { "options: 200", "OPTIONS", false, { 0 }, ACT_200, COMPLETED, 1, 0, 0 },
    { "options: 404", "OPTIONS", false, { 0 }, ACT_404, COMPLETED, 1, 0, 0 },
    { "options: released", "OPTIONS", false, { 0 }, ACT_RELEASE, ABANDONED, 0, 0, 0 },
    { "options: broken", "OPTIONS", true, { 0 }, ACT_BREAK, TRYING, 0, 0, 0 },
    { "options: time passes", "OPTIONS", false, { 0 }, ACT_64T1, TRYING, 0, 0, 0 },

    { "options again after 180", "OPTIONS", false, { ACT_180 }, ACT_REQUEST, PROCEEDING, 1, 0, 0 },
    { "options: 180 again", "OPTIONS", false, { ACT_180 }, ACT_180, PROCEEDING, 1, 0, 0 },
    { "options: 180, 200", "OPTIONS", false, { ACT_180 }, ACT_200, COMPLETED, 1, 0, 0 },
    { "options: 180, 404", "OPTIONS", false, { ACT_180 }, ACT_404, COMPLETED, 1, 0, 0 },
    { "options: 180, released", "OPTIONS", false, { ACT_180 }, ACT_RELEASE, ABANDONED, 0, 0, 0 },

    { "options again after 200", "OPTIONS", false, { ACT_200 }, ACT_REQUEST, COMPLETED, 1, 0, 0 },
    { "options: 180 after 200",
      "OPTIONS",
      false,
      { ACT_200 },
      ACT_180,
      COMPLETED,
      0,
      ERR_NOT_NOW,
      0 },
    { "options: 200 after 200",
      "OPTIONS",
      false,
      { ACT_200 },
      ACT_200,
      COMPLETED,
      0,
      ERR_NOT_NOW,
      0 },
    { "options: 404 after 200",
      "OPTIONS",
      false,
      { ACT_200 },
      ACT_404,
      COMPLETED,
      0,
      ERR_NOT_NOW,
      0 },
    { "options: release after 200",
      "OPTIONS",
      false,
      { ACT_200 },
      ACT_RELEASE,
      COMPLETED,
      0,
      0,
      0 },
    { "options: broken after 200", "OPTIONS", true, { ACT_200 }, ACT_BREAK, GONE, 0, 0, 0 },
    { "timer J", "OPTIONS", false, { ACT_200 }, ACT_64T1, GONE, 0, 0, 0 },
    { "timer J not yet", "OPTIONS", false, { ACT_200 }, ACT_T4, COMPLETED, 0, 0, 0 },
    { "timer J, tcp", "OPTIONS", true, { ACT_200 }, ACT_T4, GONE, 0, 0, 0 },
    { "options after release", "OPTIONS", false, { ACT_RELEASE }, ACT_REQUEST, ABANDONED, 0, 0, 0 },
    { "end of released options", "OPTIONS", false, { ACT_RELEASE }, ACT_64T1, GONE, 0, 0, 0 },
};

static void check_row(const struct row *row)
{
    struct world world;
    unsigned state;

    world_open(&world);
    open_txn(&world, row->method, row->is_reliable);
    for (const enum act *before = row->before; *before; before++)
        act(&world, row->method, *before);
    fake_forget_sent(world.fake);
    world.last_err = ERR_NONE;
    act(&world, row->method, row->then);
    state = world.txn ? world.txn->txn.state : GONE;
    if (state != row->want_state || world.fake->count != row->want_sent ||
        world.last_err != row->want_err || world.failures != row->want_failures)
        fail_msg("%s: state %u, sent %u, %s, %u failures", row->what, state, world.fake->count,
                 err_name(world.last_err), world.failures);
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

/* ---- times ---- */

static void test_failures_are_repeated_at_growing_intervals(void **state)
{
    static const msec gaps[] = { 500, 1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000, 4000 };
    struct world world;

    (void)state;
    world_open(&world);
    open_txn(&world, "INVITE", false);
    act(&world, "INVITE", ACT_404);
    for (unsigned i = 0; i < sizeof gaps / sizeof *gaps; i++) {
        fake_wait(world.fake, gaps[i] - 1);
        assert_int_equal(world.fake->count, i + 1);
        fake_wait(world.fake, 1);
        assert_int_equal(world.fake->count, i + 2);
    }
    fake_wait(world.fake, 500);
    assert_int_equal(world.ends, 1);
    assert_int_equal(world.why, ERR_TIMEOUT);
    assert_int_equal(txn_read_counters(world.layer)->timeouts, 1);
    world_close(&world);
}

static void test_an_ack_stops_the_repetition(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    open_txn(&world, "INVITE", false);
    act(&world, "INVITE", ACT_404);
    fake_wait(world.fake, 600);
    assert_int_equal(world.fake->count, 2);
    assert_int_equal(receive(&world, "ACK"), TXN_ABSORBED);
    fake_wait(world.fake, 4999);
    assert_int_equal(world.fake->count, 2);
    assert_int_equal(world.ends, 0);
    fake_wait(world.fake, 1);
    assert_int_equal(world.ends, 1);
    world_close(&world);
}

/* ---- where responses go ---- */

static void check_reply_flow(const char *via, bool is_forced, const char *want)
{
    struct world world;
    struct flow flow = fake_flow(TRANSPORT_UDP, "1.2.3.4:40000", 0);
    struct addr address;

    world_open(&world);
    flow.socket = 3;
    assert_int_equal(server_txn_open(world.layer, request(&world, "OPTIONS", via), &flow, &user,
                                     &world, &world.txn),
                     ERR_NONE);
    if (is_forced)
        server_txn_force_rport(world.txn);
    act(&world, "OPTIONS", ACT_200);
    assert_int_equal(addr_parse(str_of(want), &address), ERR_NONE);
    assert_int_equal(world.fake->count, 1);
    assert_true(addr_eq(&world.fake->sent[0].flow.peer, &address));
    assert_int_equal(world.fake->sent[0].flow.socket, 3);
    world_close(&world);
}

static void test_responses_go_to_the_source(void **state)
{
    (void)state;
    check_reply_flow(";branch=z9hG4bKx", false, "1.2.3.4:5070");
    check_reply_flow(";rport;branch=z9hG4bKx", false, "1.2.3.4:40000");
    check_reply_flow(";branch=z9hG4bKx", true, "1.2.3.4:40000");
    check_reply_flow(";maddr=9.9.9.9;branch=z9hG4bKx", false, "1.2.3.4:5070");
}

static void test_a_gone_connection_is_told(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    open_txn(&world, "INVITE", true);
    world.fake->dead_connection = 9;
    assert_int_equal(server_txn_reply(world.txn, 180, reply(&world, "INVITE", 180)),
                     ERR_UNREACHABLE);
    assert_int_equal(server_txn_reply(world.txn, 404, reply(&world, "INVITE", 404)),
                     ERR_UNREACHABLE);
    assert_true(server_txn_is_final(world.txn));
    fake_settle(world.fake);
    assert_int_equal(world.ends, 1); /* nobody can send the ACK */
    world_close(&world);
}

static void test_the_context_is_the_users(void **state)
{
    struct world world;
    struct flow flow = source(false);
    struct server_txn *second;

    (void)state;
    world_open(&world);
    open_txn(&world, "INVITE", false);
    assert_ptr_equal(server_txn_context(world.txn), &world);
    assert_false(server_txn_is_final(world.txn));
    assert_int_equal(server_txn_open(world.layer,
                                     request(&world, "INVITE", ";rport;branch=z9hG4bKone"), &flow,
                                     &user, &world, &second),
                     ERR_EXISTS);
    assert_int_equal(server_txn_open(world.layer,
                                     request(&world, "ACK", ";rport;branch=z9hG4bKtwo"), &flow,
                                     &user, &world, &second),
                     ERR_UNSUPPORTED);
    assert_true(sizeof(struct server_txn) <= 320);
    assert_true(sizeof(struct client_txn) <= 320);
    world_close(&world); /* with the transaction still open */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell),
        cmocka_unit_test(test_failures_are_repeated_at_growing_intervals),
        cmocka_unit_test(test_an_ack_stops_the_repetition),
        cmocka_unit_test(test_responses_go_to_the_source),
        cmocka_unit_test(test_a_gone_connection_is_told),
        cmocka_unit_test(test_the_context_is_the_users),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
