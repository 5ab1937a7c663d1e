/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every order of a few events in a call to two phones (STATE-2): what callers and callees may see
 * of a proxy (RFC 3261 §16, §17) holds in all of them.
 */
#include "stage.h"

#include <stdio.h>

enum {
    CALLEES = 2,
    DEPTH_MAX = 4,
};

struct order {
    struct world *world;
    struct phone alice, bobs[CALLEES];
    unsigned depth;
    bool is_cancelled, is_old;
    unsigned finals[CALLEES];                 /* status that each callee answered with first */
    bool has_rung[CALLEES], is_late[CALLEES]; /* late: its branch was given up before it spoke */
};

/* After so long it would be another request. */
static void repeat_invite(struct order *order)
{
    if (!order->is_old)
        phone_send(&order->alice, order->alice.last_sent);
}

static void cancel(struct order *order)
{
    stage_ask(&order->alice, "CANCEL", "");
    order->is_cancelled |= !order->is_old;
}

static void ring(struct order *order, unsigned i)
{
    stage_answer(&order->bobs[i], "INVITE", 180);
    order->has_rung[i] |= !order->is_late[i];
}

static void answer(struct order *order, unsigned i, unsigned status)
{
    stage_answer(&order->bobs[i], "INVITE", status);
    if (!order->finals[i] && !order->is_late[i])
        order->finals[i] = status;
}

static void first_rings(struct order *order)
{
    ring(order, 0);
}

static void first_accepts(struct order *order)
{
    answer(order, 0, 200);
}

static void first_is_busy(struct order *order)
{
    answer(order, 0, 486);
}

static void second_accepts(struct order *order)
{
    answer(order, 1, 200);
}

static void second_declines(struct order *order)
{
    answer(order, 1, 603);
}

static void time_passes(struct order *order)
{
    world_run_for(order->world, 700);
}

/* All branches have an answer, or are told to end. */
static bool is_decided(const struct order *order)
{
    bool is_decided = order->is_cancelled;

    for (unsigned i = 0; i < CALLEES; i++)
        is_decided |= order->finals[i] == 200 || order->finals[i] == 603;
    return is_decided;
}

static void much_time_passes(struct order *order)
{
    for (unsigned i = 0; i < CALLEES; i++)
        order->is_late[i] |= !order->finals[i] && (!order->has_rung[i] || is_decided(order));
    order->is_old = true;
    world_run_for(order->world, 33000);
}

static void (*const events[])(struct order *order) = {
    repeat_invite,  cancel,          first_rings, first_accepts,    first_is_busy,
    second_accepts, second_declines, time_passes, much_time_passes,
};

enum {
    EVENTS = sizeof events / sizeof events[0],
};

/* ---- what must hold ---- */

static void expect_one_truth(const struct order *order)
{
    unsigned accepted = 0, refused = 0;

    for (const struct heard *heard = order->alice.heard; heard; heard = heard->next) {
        if (heard->text.is_request || heard->is_repeat || heard->text.status < 200 ||
            !str_eq(heard->text.method, STR("INVITE")))
            continue;
        if (heard->text.status < 300) {
            accepted++;
        } else {
            refused++;
            assert_int_equal(accepted, 0);
        }
    }
    assert_true(accepted + refused > 0);
    assert_true(refused <= 1);
}

static void expect_cancel_is_answered(const struct order *order)
{
    if (order->is_cancelled)
        assert_non_null(stage_heard(&order->alice, "CANCEL", 200));
}

/* Who answers when the call is another's already is told that it is over, by the caller or by us. */
static void expect_acceptance_is_treated_well(const struct phone *bob)
{
    if (stage_heard(bob, "ACK", 0))
        assert_non_null(stage_heard(bob, "BYE", 0));
}

/* A failure is acknowledged by us; who rings in vain is told so, and only such. */
static void expect_callee_is_treated_well(const struct order *order, unsigned i)
{
    const struct phone *bob = &order->bobs[i];

    if (order->finals[i] >= 300)
        assert_non_null(stage_heard(bob, "ACK", 0));
    else
        expect_acceptance_is_treated_well(bob);
    if (order->has_rung[i] && !order->finals[i])
        assert_non_null(stage_heard(bob, "CANCEL", 0));
    if (!order->has_rung[i])
        assert_null(stage_heard(bob, "CANCEL", 0));
}

static void print_order(const struct order *order, const unsigned *steps)
{
    static const char *const names[] = { "repeat",          "cancel",        "first rings",
                                         "first accepts",   "first is busy", "second accepts",
                                         "second declines", "time",          "much time" };

    for (unsigned i = 0; i < order->depth; i++)
        print_message("%s%s", i ? ", " : "order: ", names[steps[i]]);
    print_message("\n");
}

static void forget(struct order *order)
{
    assert_null(order->alice.fault);
    phone_forget(&order->alice);
    for (unsigned i = 0; i < CALLEES; i++) {
        assert_null(order->bobs[i].fault);
        phone_forget(&order->bobs[i]);
        order->finals[i] = 0;
        order->has_rung[i] = order->is_late[i] = false;
    }
    order->is_cancelled = order->is_old = false;
}

/* The CANCEL changes what was sent last. */
static void perform(struct order *order, const unsigned *steps)
{
    struct str invite;

    stage_ask(&order->alice, "INVITE", "bob");
    invite = order->alice.last_sent;
    world_run_for(order->world, 30);
    for (unsigned i = 0; i < order->depth; i++) {
        order->alice.last_sent = invite;
        events[steps[i]](order);
        world_run_for(order->world, 30);
    }
    if (getenv("TALK")) {
        print_order(order, steps);
        for (const struct heard *heard = order->alice.heard; heard; heard = heard->next)
            print_message("  %.3f %u %.*s%s\n", (double)(heard->at) / 1000, heard->text.status,
                          (int)heard->text.method.len, heard->text.method.ptr,
                          heard->is_repeat ? " again" : "");
    }
    stage_expect_clean(order->world);
    expect_one_truth(order);
    expect_cancel_is_answered(order);
    for (unsigned i = 0; i < CALLEES; i++)
        expect_callee_is_treated_well(order, i);
    forget(order);
}

static void register_all(struct order *order)
{
    for (unsigned i = 0; i < CALLEES; i++)
        stage_register(&order->bobs[i]);
    forget(order);
}

static void open_order(struct order *order, const char *config)
{
    struct world_options options = {
        .seed = 3,
        .sql = { "INSERT INTO domain (domain) VALUES ('example.com')",
                 "INSERT INTO subscriber (username, domain, password) VALUES "
                 "('bob', 'example.com', 'secret')" },
    };

    order->world = stage_open(config, "", &options);
    stage_phone(&order->alice, order->world, "alice", "alice", "203.0.113.9", NULL, TRANSPORT_UDP);
    stage_phone(&order->bobs[0], order->world, "bob-1", "bob", "203.0.113.1", NULL, TRANSPORT_UDP);
    stage_phone(&order->bobs[1], order->world, "bob-2", "bob", "203.0.113.2", NULL, TRANSPORT_UDP);
}

static void close_order(struct order *order)
{
    phone_fini(&order->alice);
    for (unsigned i = 0; i < CALLEES; i++)
        phone_fini(&order->bobs[i]);
    world_destroy(order->world);
}

static void perform_all(const char *config, unsigned depth)
{
    struct order order = { .depth = depth };
    unsigned count = 1;

    open_order(&order, config);
    world_run_for(order.world, 180000); /* a young server lets answers of its predecessor pass */
    for (unsigned i = 0; i < depth; i++)
        count *= EVENTS;
    for (unsigned number = 0; number < count; number++) {
        unsigned steps[DEPTH_MAX], rest = number;

        for (unsigned i = 0; i < depth; i++, rest /= EVENTS)
            steps[i] = rest % EVENTS;
        if (number % 10 == 0)
            register_all(&order);
        perform(&order, steps);
    }
    close_order(&order);
}

static void test_every_order_of_four_events(void **state)
{
    (void)state;
    perform_all("automatic", 4);
}

static void test_every_order_in_the_script_of_openser(void **state)
{
    (void)state;
    perform_all("openser-mediaproxy", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_order_of_four_events),
        cmocka_unit_test(test_every_order_in_the_script_of_openser),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
