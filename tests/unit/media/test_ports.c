/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"
#include "media/ports.h"

static struct prng prng;

static void open_pool(struct port_pool *pool, uint16_t min, uint16_t max, msec rest)
{
    prng_init(&prng, 1);
    assert_int_equal(port_pool_init(pool, min, max, rest), ERR_NONE);
}

static uint16_t take(struct port_pool *pool, msec now)
{
    uint16_t port;

    assert_int_equal(port_pool_take(pool, &prng.source, now, &port), ERR_NONE);
    return port;
}

static void expect_exhausted(struct port_pool *pool, msec now)
{
    uint16_t port;

    assert_int_equal(port_pool_take(pool, &prng.source, now, &port), ERR_EXHAUSTED);
}

static const struct {
    const char *what;
    uint16_t min, max;
    enum err want;
    unsigned first, pairs;
} ranges[] = {
    { "even to odd", 30000, 39999, ERR_NONE, 30000, 5000 },
    { "starts odd", 30001, 30010, ERR_NONE, 30002, 4 },
    { "ends even", 30000, 30002, ERR_NONE, 30000, 1 },
    { "to the last port", 65000, 65535, ERR_NONE, 65000, 268 },
    { "one pair", 30000, 30001, ERR_NONE, 30000, 1 },
    { "no whole pair", 30001, 30002, ERR_RANGE, 0, 0 },
    { "one port", 30000, 30000, ERR_RANGE, 0, 0 },
    { "upside down", 40000, 30000, ERR_RANGE, 0, 0 },
    { "the last port alone", 65535, 65535, ERR_RANGE, 0, 0 },
    { "nothing", 0, 0, ERR_RANGE, 0, 0 },
};

static void test_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct port_pool pool;
        enum err err = port_pool_init(&pool, ranges[i].min, ranges[i].max, 0);

        if (err != ranges[i].want)
            fail_msg("%s: %s", ranges[i].what, err_name(err));
        if (err)
            continue;
        if (pool.first != ranges[i].first || pool.pair_count != ranges[i].pairs)
            fail_msg("%s: %u, %u pairs", ranges[i].what, pool.first, pool.pair_count);
        port_pool_fini(&pool);
    }
}

static void test_each_pair_is_given_once(void **state)
{
    bool seen[100] = { false };
    struct port_pool pool;

    (void)state;
    open_pool(&pool, 30000, 30199, 5000);
    for (unsigned i = 0; i < 100; i++) {
        uint16_t port = take(&pool, 0);

        assert_int_equal(port % 2, 0);
        assert_in_range(port, 30000, 30198);
        assert_false(seen[(port - 30000) / 2]);
        seen[(port - 30000) / 2] = true;
    }
    expect_exhausted(&pool, 0);
    assert_int_equal(port_pool_used(&pool), 100);
    port_pool_fini(&pool);
}

/* Two draws in a row are neighbours about as often as chance has it. */
static void test_order_is_random(void **state)
{
    struct port_pool pool;
    unsigned neighbours = 0;
    int before, port;

    (void)state;
    open_pool(&pool, 30000, 39999, 5000);
    before = take(&pool, 0);
    for (unsigned i = 0; i < 4000; i++) {
        port = take(&pool, 0);
        neighbours += port - before == 2 || before - port == 2;
        before = port;
    }
    assert_in_range(neighbours, 0, 20);
    port_pool_fini(&pool);
}

static void test_freed_pair_rests(void **state)
{
    struct port_pool pool;
    uint16_t first, second, third;

    (void)state;
    open_pool(&pool, 30000, 30005, 5000);
    first = take(&pool, 1000);
    second = take(&pool, 1000);
    port_pool_give(&pool, second, 2000);
    port_pool_give(&pool, first, 2100);
    third = take(&pool, 6999); /* while there is another, the freed ones rest */
    assert_true(third != first && third != second);
    port_pool_give(&pool, third, 6999);
    assert_int_equal(take(&pool, 7000), second);
    assert_int_equal(take(&pool, 7100), first);
    port_pool_fini(&pool);
}

/* The range is short: the longest rest counts, and half a second is the least. */
static void test_rest_is_short_when_ports_are(void **state)
{
    struct port_pool pool;
    uint16_t first, second;

    (void)state;
    open_pool(&pool, 30000, 30003, 5000);
    first = take(&pool, 1000);
    second = take(&pool, 1000);
    port_pool_give(&pool, second, 2000);
    port_pool_give(&pool, first, 2100);
    expect_exhausted(&pool, 2499);
    assert_int_equal(take(&pool, 2500), second);
    expect_exhausted(&pool, 2599);
    assert_int_equal(take(&pool, 2600), first);
    expect_exhausted(&pool, 9000);
    port_pool_fini(&pool);
}

static void test_knows_both_ports_of_a_pair(void **state)
{
    struct port_pool pool;
    uint16_t port;

    (void)state;
    open_pool(&pool, 30000, 30009, 5000);
    assert_false(port_pool_has(&pool, 30000));
    port = take(&pool, 0);
    assert_true(port_pool_has(&pool, port));
    assert_true(port_pool_has(&pool, (uint16_t)(port + 1)));
    assert_false(port_pool_has(&pool, 29999));
    assert_false(port_pool_has(&pool, 30010));
    assert_false(port_pool_has(&pool, 0));
    port_pool_give(&pool, port, 0);
    assert_false(port_pool_has(&pool, port));
    port_pool_fini(&pool);
}

static void test_never_leaks(void **state)
{
    enum { PAIRS = 50 };
    uint16_t held[PAIRS];
    unsigned held_count = 0;
    struct port_pool pool;

    (void)state;
    open_pool(&pool, 30000, 30000 + 2 * PAIRS - 1, 100);
    for (msec now = 0; now < 100000; now++) {
        if (random_below(&prng.source, 2)) {
            if (port_pool_take(&pool, &prng.source, now, &held[held_count]) == ERR_NONE)
                held_count++;
        } else if (held_count > 0) {
            unsigned chosen = random_below(&prng.source, held_count);

            port_pool_give(&pool, held[chosen], now);
            held[chosen] = held[--held_count];
        }
        assert_int_equal(port_pool_used(&pool), held_count);
    }
    while (held_count > 0)
        port_pool_give(&pool, held[--held_count], 100000);
    for (unsigned i = 0; i < PAIRS; i++)
        take(&pool, 200000);
    expect_exhausted(&pool, 200000);
    port_pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_each_pair_is_given_once),
        cmocka_unit_test(test_order_is_random),
        cmocka_unit_test(test_freed_pair_rests),
        cmocka_unit_test(test_rest_is_short_when_ports_are),
        cmocka_unit_test(test_knows_both_ports_of_a_pair),
        cmocka_unit_test(test_never_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
