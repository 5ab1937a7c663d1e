/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "media/rate.h"

/* How many of `count` packets pass, one every `gap` ms, from `*now` on. */
static unsigned send(struct rate_meter *meter, const struct rate_limit *limit, unsigned count,
                     size_t bytes, msec gap, msec *now)
{
    unsigned passed = 0;

    for (unsigned i = 0; i < count; i++, *now += gap)
        passed += rate_allows(meter, limit, bytes, *now);
    return passed;
}

static void test_below_the_cap_all_passes(void **state)
{
    const struct rate_limit limit = { 100, 100000 };
    struct rate_meter meter = { 0 };
    msec now = 5000;

    (void)state;
    assert_int_equal(send(&meter, &limit, 10000, 200, 20, &now), 10000);
}

static void test_a_flood_passes_at_the_cap(void **state)
{
    const struct rate_limit limit = { 100, 0 };
    struct rate_meter meter = { 0 };
    msec now = 5000;

    (void)state;
    /* ten seconds: a burst of one, then a hundred a second */
    assert_in_range(send(&meter, &limit, 10000, 200, 1, &now), 1090, 1101);
}

static void test_bytes_have_a_cap_too(void **state)
{
    const struct rate_limit limit = { 0, 10000 };
    struct rate_meter meter = { 0 };
    msec now = 5000;

    (void)state;
    assert_in_range(send(&meter, &limit, 1000, 1000, 10, &now), 105, 111);
}

static void test_a_burst_fits_after_silence(void **state)
{
    const struct rate_limit limit = { 100, 0 };
    struct rate_meter meter = { 0 };
    msec now = 5000;

    (void)state;
    assert_int_equal(send(&meter, &limit, 200, 100, 0, &now), 100);
    now += 1000;
    assert_int_equal(send(&meter, &limit, 200, 100, 0, &now), 100);
    now += 3600 * 1000;
    assert_int_equal(send(&meter, &limit, 200, 100, 0, &now), 100);
}

static void test_a_clock_behind_gives_nothing_away(void **state)
{
    const struct rate_limit limit = { 100, 0 };
    struct rate_meter meter = { 0 };
    msec now = 5000;

    (void)state;
    assert_int_equal(send(&meter, &limit, 200, 100, 0, &now), 100);
    now = 4000;
    assert_int_equal(send(&meter, &limit, 200, 100, 5, &now), 0);
}

static void test_no_cap(void **state)
{
    const struct rate_limit limit = { 0, 0 };
    struct rate_meter meter = { 0 };
    msec now = 5000;

    (void)state;
    assert_int_equal(send(&meter, &limit, 100000, 1500, 0, &now), 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_below_the_cap_all_passes),
        cmocka_unit_test(test_a_flood_passes_at_the_cap),
        cmocka_unit_test(test_bytes_have_a_cap_too),
        cmocka_unit_test(test_a_burst_fits_after_silence),
        cmocka_unit_test(test_a_clock_behind_gives_nothing_away),
        cmocka_unit_test(test_no_cap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
