/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two addresses that are registered at each other, twice each: every INVITE forks into two that
 * come back to us. Loop detection has to end it after a few rounds (RFC 5393 counts 2^70 messages).
 */
#include "world.h"

static void refuse(struct world *world, struct request *request, unsigned status)
{
    if (!request->is_answered)
        assert_int_equal(proxy_reply(world->proxy, request, status, STR(""), STR(""), STR("")),
                         ERR_NONE);
}

/* alice is at bob's, bob at alice's. */
static void route(struct world *world, struct request *request)
{
    bool is_alice = str_starts(request->msg->ruri, STR("sip:alice@"));

    world_add_target(request, is_alice ? "sip:bob@9.9.9.9;x=1" : "sip:alice@9.9.9.9;x=1");
    world_add_target(request, is_alice ? "sip:bob@9.9.9.9;x=2" : "sip:alice@9.9.9.9;x=2");
    world_relay(world, request, false);
    if (world->done_err)
        refuse(world, request, world->done_status);
}

static void deliver(struct world *world, struct str bytes)
{
    struct flow flow = fake_flow(TRANSPORT_UDP, "9.9.9.9:5060", 0);
    struct arena arena;

    if (!str_starts(bytes, STR("SIP/2.0"))) {
        world_receive_on(world, bytes, &flow);
        if (world->match == TXN_MERGED)
            refuse(world, world->last, 482);
        return;
    }
    arena_init(&arena, &world->pool, 1 << 17);
    txn_receive_response(world->layer, fake_parse(&arena, bytes), &flow);
    arena_fini(&arena);
}

/* Takes what was sent to ourselves to ourselves, until nothing moves any more. */
static unsigned run_to_rest(struct world *world)
{
    struct addr own = fake_flow(TRANSPORT_UDP, "9.9.9.9:5060", 0).peer;
    unsigned seen = 0;

    while (seen < world->fake->count) {
        const struct sent *sent = &world->fake->sent[seen++];

        if (addr_eq(&sent->flow.peer, &own))
            deliver(world, sent->bytes);
    }
    return seen;
}

static void test_mutual_registrations_do_not_explode(void **state)
{
    struct world *world = world_create(false);

    (void)state;
    world->route = route;
    world_receive(world,
                  &(struct request_parts){ .method = "INVITE", .ruri = "sip:alice@9.9.9.9" });
    assert_true(run_to_rest(world) < 500);
    assert_true(world_count(world, "INVITE") <= 40);
    assert_peer(&world->fake->sent[world->fake->count - 1].flow, "1.2.3.4:40000");
    assert_true(str_starts(fake_last(world->fake), STR("SIP/2.0 482")));
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutual_registrations_do_not_explode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
