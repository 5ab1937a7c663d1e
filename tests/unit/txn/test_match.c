/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests belong to a transaction that is there (RFC 3261 §17.2.3, §8.2.2.2, §9.2). */
#include "fake.h"
#include "txn/layer.h"

static const struct txn_timers timers = { 500, 4000, 5000, 32000, 5000 };

struct world {
    struct fake *fake;
    struct txn_layer *layer;
    struct arena_pool pool;
    struct arena arena;
    unsigned opened;
};

static void on_end(void *context, struct server_txn *txn)
{
    struct world *world = context;

    (void)txn;
    world->opened--;
}

static const struct server_txn_user user = { .on_end = on_end };

static void world_open(struct world *world)
{
    *world = (struct world){ .fake = fake_create(1) };
    arena_pool_init(&world->pool, 8);
    arena_init(&world->arena, &world->pool, 64 << 20);
    assert_int_equal(txn_layer_create(&world->fake->wheel, &world->fake->outside,
                                      &world->fake->prng.source, &timers, &world->layer),
                     ERR_NONE);
}

static void world_close(struct world *world)
{
    txn_layer_destroy(world->layer);
    arena_fini(&world->arena);
    assert_int_equal(world->pool.live_bytes, 0);
    arena_pool_fini(&world->pool);
    fake_destroy(world->fake);
}

struct parts {
    const char *method;
    const char *ruri;
    const char *via; /* sent-by and parameters */
    const char *more_vias;
    const char *call_id;
    const char *from_tag;
    const char *to_tag; /* with ";tag=" */
    unsigned cseq;
};

static const struct parts invite = {
    "INVITE", "sip:bob@example.com", "10.0.0.7:5070;branch=z9hG4bKone", "", "call-1", "a1", "", 7
};

static struct sip_msg *request(struct world *world, const struct parts *parts)
{
    struct str text;

    assert_int_equal(str_print(&world->arena, &text,
                               "%s %s SIP/2.0\r\n"
                               "Via: SIP/2.0/UDP %s\r\n"
                               "%s"
                               "From: <sip:alice@example.com>;tag=%s\r\n"
                               "To: <sip:bob@example.com>%s\r\n"
                               "Call-ID: %s\r\n"
                               "CSeq: %u %s\r\n"
                               "Content-Length: 0\r\n\r\n",
                               parts->method, parts->ruri, parts->via, parts->more_vias,
                               parts->from_tag, parts->to_tag, parts->call_id, parts->cseq,
                               parts->method),
                     ERR_NONE);
    return fake_parse(&world->arena, text);
}

static struct server_txn *open_txn(struct world *world, const struct parts *parts)
{
    struct flow flow = fake_flow(TRANSPORT_UDP, "10.0.0.7:5070", 0);
    struct server_txn *txn;

    assert_int_equal(
        server_txn_open(world->layer, request(world, parts), &flow, &user, world, &txn), ERR_NONE);
    world->opened++;
    return txn;
}

static enum txn_match receive(struct world *world, const struct parts *parts,
                              struct server_txn **out)
{
    struct flow flow = fake_flow(TRANSPORT_UDP, "10.0.0.7:5070", 0);

    *out = NULL;
    return txn_receive_request(world->layer, request(world, parts), &flow, out);
}

static void reply(struct server_txn *txn, unsigned status, const char *to_tag)
{
    char text[512];
    int length = snprintf(text, sizeof text,
                          "SIP/2.0 %u x\r\nVia: SIP/2.0/UDP 10.0.0.7:5070;branch=x\r\n"
                          "From: <sip:alice@example.com>;tag=a1\r\n"
                          "To: <sip:bob@example.com>;tag=%s\r\nCall-ID: call-1\r\n"
                          "CSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n",
                          status, to_tag);

    assert_int_equal(server_txn_reply(txn, status, (struct str){ text, (size_t)length }), ERR_NONE);
}

/* ---- one request against one transaction ---- */

struct row {
    const char *what;
    unsigned answered; /* the INVITE was; 0: not */
    enum txn_match want;
    struct parts parts;
};

#define ONE "10.0.0.7:5070;branch=z9hG4bKone"
#define TWO "10.0.0.7:5070;branch=z9hG4bKtwo"
#define NAT "100.64.0.9:61000;branch=z9hG4bKone"
#define BOB "sip:bob@example.com"

static const struct row rows[] = {
    { "the same", 0, TXN_ABSORBED, { "INVITE", BOB, ONE, "", "call-1", "a1", "", 7 } },
    { "another call", 0, TXN_NEW, { "INVITE", BOB, ONE, "", "call-2", "a1", "", 7 } },
    { "another CSeq", 0, TXN_NEW, { "INVITE", BOB, ONE, "", "call-1", "a1", "", 8 } },
    { "another method", 0, TXN_NEW, { "INFO", BOB, ONE, "", "call-1", "a1", "", 7 } },
    { "another From tag", 0, TXN_NEW, { "INVITE", BOB, ONE, "", "call-1", "a2", "", 7 } },

    { "by another path", 0, TXN_MERGED, { "INVITE", BOB, TWO, "", "call-1", "a1", "", 7 } },
    { "sent-by alone differs", 0, TXN_MERGED, { "INVITE", BOB, NAT, "", "call-1", "a1", "", 7 } },
    { "another target of a fork",
      0,
      TXN_NEW,
      { "INVITE", "sip:bob@phone-2", TWO, "", "call-1", "a1", "", 7 } },
    { "inside a dialog", 0, TXN_NEW, { "INVITE", BOB, TWO, "", "call-1", "a1", ";tag=b", 7 } },
    { "again after a failure", 503, TXN_NEW, { "INVITE", BOB, TWO, "", "call-1", "a1", "", 7 } },
    { "merged after a 2xx", 200, TXN_MERGED, { "INVITE", BOB, TWO, "", "call-1", "a1", "", 7 } },

    { "cancel", 0, TXN_CANCELS, { "CANCEL", BOB, ONE, "", "call-1", "a1", "", 7 } },
    { "cancel behind a NAT", 0, TXN_CANCELS, { "CANCEL", BOB, NAT, "", "call-1", "a1", "", 7 } },
    { "cancel of another branch", 0, TXN_NEW, { "CANCEL", BOB, TWO, "", "call-1", "a1", "", 7 } },
    { "cancel of another call", 0, TXN_NEW, { "CANCEL", BOB, ONE, "", "call-2", "a1", "", 7 } },
    { "cancel with another CSeq", 0, TXN_NEW, { "CANCEL", BOB, ONE, "", "call-1", "a1", "", 8 } },
    { "late cancel", 200, TXN_CANCELS, { "CANCEL", BOB, ONE, "", "call-1", "a1", "", 7 } },

    { "ack of a failure", 486, TXN_ABSORBED, { "ACK", BOB, ONE, "", "call-1", "a1", ";tag=t", 7 } },
    { "ack behind a NAT", 486, TXN_ABSORBED, { "ACK", BOB, NAT, "", "call-1", "a1", ";tag=t", 7 } },
    { "ack of a 2xx", 200, TXN_ACKS_2XX, { "ACK", BOB, TWO, "", "call-1", "a1", ";tag=t", 7 } },
    { "ack of a 2xx, old branch",
      200,
      TXN_ACKS_2XX,
      { "ACK", BOB, ONE, "", "call-1", "a1", ";tag=t", 7 } },
    { "ack of another call", 200, TXN_NEW, { "ACK", BOB, TWO, "", "call-2", "a1", ";tag=t", 7 } },
    { "ack of another CSeq", 200, TXN_NEW, { "ACK", BOB, TWO, "", "call-1", "a1", ";tag=t", 8 } },
    { "ack of a failure, other branch",
      486,
      TXN_NEW,
      { "ACK", BOB, TWO, "", "call-1", "a1", ";tag=t", 7 } },
};

static void check_row(const struct row *row)
{
    struct world world;
    struct server_txn *txn, *found;
    enum txn_match got;

    world_open(&world);
    txn = open_txn(&world, &invite);
    if (row->answered)
        reply(txn, row->answered, "t");
    got = receive(&world, &row->parts, &found);
    if (got != row->want)
        fail_msg("%s: %d, not %d", row->what, (int)got, (int)row->want);
    if (got == TXN_CANCELS || got == TXN_ACKS_2XX)
        assert_ptr_equal(found, txn);
    world_close(&world);
}

static void test_requests_meet_their_transactions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i]);
}

/* ---- clients without the magic cookie ---- */

#define OLD "10.0.0.7:5070;branch=1"

static const struct row old_rows[] = {
    { "old: the same", 0, TXN_ABSORBED, { "INVITE", BOB, OLD, "", "call-1", "a1", "", 7 } },
    { "old: another URI", 0, TXN_NEW, { "INVITE", "sip:x@y", OLD, "", "call-1", "a1", "", 7 } },
    { "old: another To tag", 0, TXN_NEW, { "INVITE", BOB, OLD, "", "call-1", "a1", ";tag=z", 7 } },
    { "old: another Via",
      0,
      TXN_MERGED,
      { "INVITE", BOB, "10.0.0.8:5070;branch=1", "", "call-1", "a1", "", 7 } },
    { "old: cancel", 0, TXN_CANCELS, { "CANCEL", BOB, OLD, "", "call-1", "a1", "", 7 } },
    { "old: ack with our tag",
      486,
      TXN_ABSORBED,
      { "ACK", BOB, OLD, "", "call-1", "a1", ";tag=t", 7 } },
    { "old: ack with another tag",
      486,
      TXN_NEW,
      { "ACK", BOB, OLD, "", "call-1", "a1", ";tag=u", 7 } },
    { "old: ack of a 2xx",
      200,
      TXN_ACKS_2XX,
      { "ACK", BOB, OLD, "", "call-1", "a1", ";tag=t", 7 } },
};

static void check_old_row(const struct row *row)
{
    struct parts old = invite;
    struct world world;
    struct server_txn *txn, *found;
    enum txn_match got;

    old.via = OLD;
    world_open(&world);
    txn = open_txn(&world, &old);
    if (row->answered)
        reply(txn, row->answered, "t");
    got = receive(&world, &row->parts, &found);
    if (got != row->want)
        fail_msg("%s: %d, not %d", row->what, (int)got, (int)row->want);
    world_close(&world);
}

static void test_old_clients_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof old_rows / sizeof *old_rows; i++)
        check_old_row(&old_rows[i]);
}

/* ---- more ---- */

static void test_a_spiral_is_not_merged(void **state)
{
    struct world world;
    struct server_txn *txn, *found;
    struct client_txn *client;
    struct client_request out = { .method = SIP_INVITE,
                                  .branch = STR("z9hG4bKours"),
                                  .bytes = STR("INVITE"),
                                  .flow = fake_flow(TRANSPORT_UDP, "10.0.0.9:5060", 0) };
    struct parts spiral = invite;

    (void)state;
    world_open(&world);
    txn = open_txn(&world, &invite);
    assert_int_equal(client_txn_open(world.layer, &out, NULL, NULL, &client), ERR_NONE);
    spiral.via = "10.0.0.9;branch=z9hG4bKtheirs";
    spiral.more_vias = "Via: SIP/2.0/UDP 9.9.9.9;branch=z9hG4bKours\r\n"
                       "Via: SIP/2.0/UDP " ONE "\r\n";
    assert_int_equal(receive(&world, &spiral, &found), TXN_NEW);
    spiral.more_vias = "Via: SIP/2.0/UDP 9.9.9.9;branch=z9hG4bKnot-ours\r\n";
    assert_int_equal(receive(&world, &spiral, &found), TXN_MERGED);
    assert_ptr_equal(found, txn);
    assert_int_equal(txn_read_counters(world.layer)->merged, 1);
    world_close(&world);
}

static void test_a_cancel_is_a_transaction_too(void **state)
{
    struct parts cancel = invite;
    struct world world;
    struct server_txn *found;

    (void)state;
    world_open(&world);
    cancel.method = "CANCEL";
    assert_int_equal(receive(&world, &cancel, &found), TXN_NEW);
    open_txn(&world, &invite);
    assert_int_equal(receive(&world, &cancel, &found), TXN_CANCELS);
    open_txn(&world, &cancel);
    assert_int_equal(receive(&world, &cancel, &found), TXN_ABSORBED);
    world_close(&world);
}

static void test_unknown_methods_are_told_apart(void **state)
{
    struct parts one = invite, two = invite;
    struct world world;
    struct server_txn *found;

    (void)state;
    one.method = "ONE";
    two.method = "TWO";
    world_open(&world);
    open_txn(&world, &one);
    assert_int_equal(receive(&world, &one, &found), TXN_ABSORBED);
    assert_int_equal(receive(&world, &two, &found), TXN_NEW);
    world_close(&world);
}

/* Others choose Call-IDs, tags and CSeqs: many transactions with the same ones must not cost more.
 */
static void test_many_transactions_of_one_call_stay_cheap(void **state)
{
    enum { MANY = 5000 };
    struct parts parts = invite;
    struct world world;
    char via[64], ruri[64];
    unsigned in_calls;

    (void)state;
    world_open(&world);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(via, sizeof via, "10.0.0.7:5070;branch=z9hG4bK%u", i);
        snprintf(ruri, sizeof ruri, "sip:%u@example.com", i);
        parts.via = via;
        parts.ruri = ruri;
        open_txn(&world, &parts);
    }
    in_calls = (unsigned)table_count(&world.layer->calls);
    assert_true(in_calls <= 16);
    assert_int_equal(table_count(&world.layer->servers), MANY);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_meet_their_transactions),
        cmocka_unit_test(test_old_clients_are_understood),
        cmocka_unit_test(test_a_spiral_is_not_merged),
        cmocka_unit_test(test_a_cancel_is_a_transaction_too),
        cmocka_unit_test(test_unknown_methods_are_told_apart),
        cmocka_unit_test(test_many_transactions_of_one_call_stay_cheap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
