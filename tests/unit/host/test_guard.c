/* SPDX-License-Identifier: Apache-2.0 */
/* Guessing: who has to wait, who does not, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/prng.h"
#include "host/guard.h"

static const struct guard_rules three = {
    .failures_allowed = 3, .delay_first = 1000, .delay_max = 8000, .memory = 60000, .home_memory = 3600000
};
static const struct str alice = STR_INIT("alice@example.com"), bob = STR_INIT("bob@example.com");

static struct guard *make(const struct guard_rules *rules)
{
    struct guard *guard = NULL;
    struct prng random;

    prng_init(&random, 7);
    assert_int_equal(guard_create(rules, &random.source, &guard), ERR_NONE);
    return guard;
}

static struct addr source(const char *text)
{
    struct addr addr = { 0 };

    assert_int_equal(addr_parse(str_of(text), &addr), ERR_NONE);
    return addr;
}

static void fail_times(struct guard *guard, const struct addr *from, struct str account, unsigned times, msec now)
{
    for (unsigned i = 0; i < times; i++)
        guard_failed(guard, from, account, now);
}

static void test_a_few_failures_are_free(void **state)
{
    struct guard *guard = make(&three);
    struct addr from = source("192.0.2.1");

    (void)state;
    fail_times(guard, &from, alice, 2, 1000);
    assert_true(guard_allows(guard, &from, alice, 1000));
    fail_times(guard, &from, alice, 1, 1000);
    assert_false(guard_allows(guard, &from, alice, 1000));
    assert_false(guard_allows(guard, &from, bob, 1000)); /* the source waits, whatever it tries */
    guard_destroy(guard);
}

static void test_the_delay_doubles_up_to_a_bound(void **state)
{
    static const msec delays[] = { 1000, 2000, 4000, 8000, 8000 };
    struct guard *guard = make(&three);
    struct addr from = source("192.0.2.1");
    msec now = 1000;

    (void)state;
    fail_times(guard, &from, alice, 2, now);
    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        fail_times(guard, &from, alice, 1, now);
        assert_false(guard_allows(guard, &from, alice, now + delays[i] - 1));
        assert_true(guard_allows(guard, &from, alice, now += delays[i]));
    }
    guard_destroy(guard);
}

static void test_who_is_at_home_does_not_wait_for_others(void **state)
{
    struct guard *guard = make(&three);
    struct addr home = source("192.0.2.1"), many;
    char text[32];

    (void)state;
    guard_succeeded(guard, &home, alice, 1000);
    for (unsigned i = 1; i <= 50; i++) { /* a guess each from many places */
        snprintf(text, sizeof text, "198.51.100.%u", i);
        many = source(text);
        guard_failed(guard, &many, alice, 2000);
    }
    many = source("203.0.113.9");
    assert_false(guard_allows(guard, &many, alice, 2000));
    assert_true(guard_allows(guard, &many, bob, 2000));
    assert_true(guard_allows(guard, &home, alice, 2000));
    guard_destroy(guard);
}

static void test_a_neighbour_behind_the_same_nat_does_not_wait(void **state)
{
    struct guard *guard = make(&three);
    struct addr from = source("192.0.2.1");

    (void)state;
    guard_succeeded(guard, &from, alice, 1000);
    fail_times(guard, &from, bob, 5, 2000);
    assert_false(guard_allows(guard, &from, bob, 2000));
    assert_true(guard_allows(guard, &from, alice, 2000));
    fail_times(guard, &from, alice, 3, 2000); /* her own phone, with an old password */
    assert_false(guard_allows(guard, &from, alice, 2000));
    guard_destroy(guard);
}

static void test_failures_are_forgotten(void **state)
{
    struct guard *guard = make(&three);
    struct addr from = source("192.0.2.1");

    (void)state;
    fail_times(guard, &from, alice, 2, 1000);
    fail_times(guard, &from, alice, 1, 1000 + 60001);
    assert_true(guard_allows(guard, &from, alice, 1000 + 60001));
    guard_destroy(guard);
}

static void test_addresses_of_one_network_are_one_source(void **state)
{
    struct guard *guard = make(&three);
    struct addr one = source("2001:db8:1:2::1"), two = source("2001:db8:1:2:ffff::9"), other = source("2001:db8:1:3::1");

    (void)state;
    fail_times(guard, &one, alice, 4, 1000);
    assert_false(guard_allows(guard, &two, bob, 1000));
    assert_true(guard_allows(guard, &other, bob, 1000));
    guard_destroy(guard);
}

static void test_no_limit(void **state)
{
    const struct guard_rules none = { 0 };
    struct guard *guard = make(&none);
    struct addr from = source("192.0.2.1");

    (void)state;
    fail_times(guard, &from, alice, 1000, 1000);
    assert_true(guard_allows(guard, &from, alice, 1000));
    guard_destroy(guard);
}

/* A million sources: memory is what it was, and the last of them is still known. */
static void test_a_flood_of_sources(void **state)
{
    struct guard *guard = make(&three);
    struct addr from = source("10.0.0.0");

    (void)state;
    for (uint32_t i = 0; i < 1000000; i++) {
        from.ip[1] = (uint8_t)(i >> 16);
        from.ip[2] = (uint8_t)(i >> 8);
        from.ip[3] = (uint8_t)i;
        guard_failed(guard, &from, bob, 1000 + i);
    }
    fail_times(guard, &from, bob, 2, 1001000);
    assert_false(guard_allows(guard, &from, alice, 1001000));
    guard_destroy(guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_few_failures_are_free),
        cmocka_unit_test(test_the_delay_doubles_up_to_a_bound),
        cmocka_unit_test(test_who_is_at_home_does_not_wait_for_others),
        cmocka_unit_test(test_a_neighbour_behind_the_same_nat_does_not_wait),
        cmocka_unit_test(test_failures_are_forgotten),
        cmocka_unit_test(test_addresses_of_one_network_are_one_source),
        cmocka_unit_test(test_no_limit),
        cmocka_unit_test(test_a_flood_of_sources),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
