/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/prng.h"

static void test_the_generator_is_xoshiro256_star_star(void **state)
{
    static const uint64_t want[] = { 11520, 0, 1509978240, 1215971899390074240 };
    struct prng prng = { .state = { 1, 2, 3, 4 } };

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_true(prng_next(&prng) == want[i]);
}

static void test_the_seed_goes_through_splitmix64(void **state)
{
    struct prng prng;

    (void)state;
    prng_init(&prng, 0);
    assert_true(prng.state[0] == 0xe220a8397b1dcdaf);
    assert_true(prng.state[1] == 0x6e789e6aa1b965f4);
}

static void test_equal_seeds_repeat_and_others_do_not(void **state)
{
    struct prng a, b, c;
    char from_a[21] = { 0 }, from_b[21] = { 0 }, from_c[21] = { 0 };

    (void)state;
    prng_init(&a, 7);
    prng_init(&b, 7);
    prng_init(&c, 8);
    a.source.fill(&a.source, from_a, 20);
    b.source.fill(&b.source, from_b, 20);
    c.source.fill(&c.source, from_c, 20);
    assert_memory_equal(from_a, from_b, sizeof from_a);
    assert_memory_not_equal(from_a, from_c, sizeof from_a);
    assert_int_equal(from_a[20], 0);
    assert_true(random_u64(&a.source) == random_u64(&b.source));
}

static void test_numbers_below_a_bound_reach_all_values_evenly(void **state)
{
    struct prng prng;
    unsigned seen[6] = { 0 };

    (void)state;
    prng_init(&prng, 1);
    for (int i = 0; i < 60000; i++) {
        uint32_t number = random_below(&prng.source, 6);
        assert_true(number < 6);
        seen[number]++;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(seen[i], 9500, 10500);
    assert_int_equal(random_below(&prng.source, 1), 0);
    assert_true(random_below(&prng.source, UINT32_MAX) < UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_generator_is_xoshiro256_star_star),
        cmocka_unit_test(test_the_seed_goes_through_splitmix64),
        cmocka_unit_test(test_equal_seeds_repeat_and_others_do_not),
        cmocka_unit_test(test_numbers_below_a_bound_reach_all_values_evenly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
