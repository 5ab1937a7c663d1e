/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls over a network that loses every tenth datagram in each direction: phones repeat what they
 * must (RFC 3261 §17), and every call comes to stand, has media both ways and ends.
 */
#include "stage.h"

enum {
    CALLS = 60,
    TRIES = 11, /* of 64*T1 */
    PACKETS = 100,
};

struct lossy {
    struct world *world;
    struct sim_nat home, office;
    struct phone alice, bob;
};

/* What a phone waits for. */
struct wait {
    const struct phone *phone;
    const char *method;
    unsigned status; /* 0: the request; 1: any final response */
};

static bool has_come(void *context)
{
    const struct wait *wait = context;

    if (wait->status != 1)
        return stage_heard(wait->phone, wait->method, wait->status) != NULL;
    for (unsigned status = 200; status < 700; status++)
        if (stage_heard(wait->phone, wait->method, status))
            return true;
    return false;
}

/* Sends again and again, at T1, 2*T1, up to T2, until something has come. */
static void insist(struct phone *sender, struct str bytes, struct wait wait)
{
    msec pause = 500;

    for (unsigned i = 0; i < TRIES; i++) {
        phone_send(sender, bytes);
        if (world_run_until(sender->world, has_come, &wait, world_now(sender->world) + pause))
            return;
        pause = pause < 4000 ? 2 * pause : 4000;
    }
    fail_msg("%s never got %s %u", wait.phone->name, wait.method, wait.status);
}

static struct str write_request(struct phone *phone, const char *method, const char *target)
{
    struct draft draft;

    phone_request(phone, &draft, str_of(method), str_of(target), NULL, SAY_USUAL);
    return draft_write(&draft);
}

static struct str write_answer(struct phone *phone, const char *method, unsigned status)
{
    const struct heard *request = stage_heard(phone, method, 0);
    struct draft draft;

    assert_non_null(request);
    phone_response(phone, &draft, request, status, STR(""), SAY_USUAL);
    return draft_write(&draft);
}

/* The ACK is sent for every 2xx that is heard, the 2xx until the ACK is. */
static void acknowledge(struct lossy *lossy)
{
    struct str ok = write_answer(&lossy->bob, "INVITE", 200), ack = STR("");
    struct wait answered = { &lossy->alice, "INVITE", 200 };
    struct wait acknowledged = { &lossy->bob, "ACK", 0 };
    unsigned seen = 0;
    msec pause = 500;

    for (unsigned i = 0; i < TRIES && !has_come(&acknowledged); i++) {
        phone_send(&lossy->bob, ok);
        world_run_for(lossy->world, pause / 2);
        if (has_come(&answered) && lossy->alice.heard_count != seen) {
            seen = lossy->alice.heard_count;
            if (!ack.len)
                ack = write_request(&lossy->alice, "ACK", "");
            phone_send(&lossy->alice, ack);
        }
        world_run_for(lossy->world, pause / 2);
        pause = pause < 4000 ? 2 * pause : 4000;
    }
    assert_true(has_come(&acknowledged));
}

static void talk(struct lossy *lossy)
{
    struct phone_dialog *a, *b;
    struct phone_call *from = phone_find_dialog(&lossy->alice, NULL, &a);
    struct phone_call *to = phone_find_dialog(&lossy->bob, NULL, &b);

    for (unsigned i = 0; i < PACKETS; i++) {
        phone_speak(&lossy->alice, from, a);
        phone_speak(&lossy->bob, to, b);
        world_run_for(lossy->world, 20);
    }
    /* each packet crosses two links */
    assert_true(call_packets_from(from, "bob") > PACKETS / 3);
    assert_true(call_packets_from(to, "alice") > PACKETS / 3);
}

/* The answer to BYE is repeated whenever BYE is. */
static void hang_up(struct lossy *lossy)
{
    struct str bye = write_request(&lossy->alice, "BYE", ""), ok;
    struct wait ended = { &lossy->bob, "BYE", 0 }, confirmed = { &lossy->alice, "BYE", 1 };
    msec pause = 500;

    insist(&lossy->alice, bye, ended);
    ok = write_answer(&lossy->bob, "BYE", 200);
    for (unsigned i = 0; i < TRIES && !has_come(&confirmed); i++) {
        phone_send(&lossy->bob, ok);
        phone_send(&lossy->alice, bye);
        world_run_for(lossy->world, pause);
        pause = pause < 4000 ? 2 * pause : 4000;
    }
    assert_non_null(stage_heard(&lossy->alice, "BYE", 200));
}

static void perform_call(struct lossy *lossy)
{
    insist(&lossy->alice, write_request(&lossy->alice, "INVITE", "bob"),
           (struct wait){ &lossy->bob, "INVITE", 0 });
    acknowledge(lossy);
    talk(lossy);
    hang_up(lossy);
    assert_null(lossy->alice.fault);
    assert_null(lossy->bob.fault);
    phone_forget(&lossy->alice);
    phone_forget(&lossy->bob);
}

static void run_calls(uint64_t seed, const struct sim_link *link)
{
    struct world_options options = { .seed = seed, .workers = 2 };
    struct lossy lossy = { .world = stage_open("automatic", "", &options) };

    stage_nat(&lossy.home, lossy.world, "home", "198.51.100.1", NAT_SYMMETRIC);
    stage_nat(&lossy.office, lossy.world, "office", "203.0.113.1", NAT_CAREFUL);
    stage_phone(&lossy.alice, lossy.world, "alice", "alice", "10.0.0.2", &lossy.home,
                TRANSPORT_UDP);
    stage_phone(&lossy.bob, lossy.world, "bob", "bob", "10.0.0.2", &lossy.office, TRANSPORT_UDP);
    for (unsigned i = 0; i < CALLS; i++) {
        if (i % 20 == 0) {
            lossy.world->net.link = (struct sim_link){ .latency = 10 };
            stage_register(&lossy.alice);
            stage_register(&lossy.bob);
            lossy.world->net.link = *link;
        }
        perform_call(&lossy);
    }
    stage_expect_clean(lossy.world);
    phone_fini(&lossy.alice);
    phone_fini(&lossy.bob);
    world_destroy(lossy.world);
}

static void test_calls_stand_although_a_tenth_is_lost(void **state)
{
    const struct sim_link link = { .latency = 10, .loss = 10 };

    (void)state;
    run_calls(1, &link);
}

static void test_calls_stand_although_everything_is_doubled_and_overtaken(void **state)
{
    const struct sim_link link = { .latency = 10, .duplicates = 100, .reorder = 50 };

    (void)state;
    run_calls(2, &link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_stand_although_a_tenth_is_lost),
        cmocka_unit_test(test_calls_stand_although_everything_is_doubled_and_overtaken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
