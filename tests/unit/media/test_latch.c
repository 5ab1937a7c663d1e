/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/prng.h"
#include "media/latch.h"
#include "phones.h"

/* A phone behind a NAT: described where only its own network can reach it. */
static struct latch_trust natted(void)
{
    return (struct latch_trust){ at("192.168.1.5:4000"), at("203.0.113.7"), LATCH_STRICT };
}

static bool offer(struct latch *latch, const struct latch_trust *trust, const char *source,
                  msec now)
{
    struct addr from = at(source);

    return latch_accept(latch, trust, &from, now);
}

static void expect_source(const struct latch *latch, const char *source)
{
    struct addr wanted = at(source);

    assert_true(addr_eq(&latch->source, &wanted));
}

static const struct {
    const char *what, *described, *signalling, *source;
    enum latch_policy policy;
    enum latch_rank want;
} rank_rows[] = {
    { "described", "203.0.113.7:4000", "203.0.113.7", "203.0.113.7:4000", LATCH_STRICT,
      RANK_EXACT },
    { "other port", "203.0.113.7:4000", "198.51.100.1", "203.0.113.7:4002", LATCH_STRICT,
      RANK_DESCRIBED },
    { "private, and really from there", "192.168.1.5:4000", "192.168.1.5", "192.168.1.5:4000",
      LATCH_STRICT, RANK_EXACT },
    { "behind a NAT", "192.168.1.5:4000", "203.0.113.7", "203.0.113.7:61000", LATCH_STRICT,
      RANK_SIGNALLED },
    { "behind a NAT that keeps ports", "192.168.1.5:4000", "203.0.113.7", "203.0.113.7:4000",
      LATCH_STRICT, RANK_PRESERVED },
    { "neighbour, strict", "192.168.1.5:4000", "203.0.113.7", "203.0.113.8:4000", LATCH_STRICT,
      RANK_REFUSED },
    { "neighbour of the signalling", "192.168.1.5:4000", "203.0.113.7", "203.0.113.8:4000",
      LATCH_SITE, RANK_SITE },
    { "neighbour of the described", "198.51.100.9:4000", "203.0.113.7", "198.51.100.200:1",
      LATCH_SITE, RANK_SITE },
    { "not of the site", "192.168.1.5:4000", "203.0.113.7", "203.0.114.7:4000", LATCH_SITE,
      RANK_REFUSED },
    { "anyone", "192.168.1.5:4000", "203.0.113.7", "198.51.100.66:9", LATCH_ANY, RANK_ANYONE },
    { "anyone is better than he seems", "192.168.1.5:4000", "203.0.113.7", "203.0.113.7:9",
      LATCH_ANY, RANK_SIGNALLED },
    { "site of IPv6", "[2001:db8::1]:4000", "2001:db8:0:1::5", "[2001:db8:0:1::6]:4000", LATCH_SITE,
      RANK_SITE },
    { "other site of IPv6", "[2001:db8::1]:4000", "2001:db8:0:1::5", "[2001:db8:0:2::5]:4000",
      LATCH_SITE, RANK_REFUSED },
    { "null described", "0.0.0.0:4000", "203.0.113.7", "203.0.113.7:4001", LATCH_STRICT,
      RANK_SIGNALLED },
    { "other family", "192.168.1.5:4000", "203.0.113.7", "[2001:db8::1]:4000", LATCH_SITE,
      RANK_REFUSED },
};

static void test_ranks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rank_rows / sizeof *rank_rows; i++) {
        struct latch_trust trust = { at(rank_rows[i].described), at(rank_rows[i].signalling),
                                     rank_rows[i].policy };
        struct addr source = at(rank_rows[i].source);

        if (latch_rank(&trust, &source) != rank_rows[i].want)
            fail_msg("%s", rank_rows[i].what);
    }
}

static void test_nothing_described_trusts_the_signalling_alone(void **state)
{
    struct latch_trust trust = { .signalling = at("203.0.113.7") };
    struct latch latch = { 0 };

    (void)state;
    assert_false(offer(&latch, &trust, "198.51.100.66:4000", 1000));
    assert_int_equal(latch.state, LATCH_OPEN);
    assert_true(offer(&latch, &trust, "203.0.113.7:4000", 1000));
    assert_int_equal(latch.state, LATCH_LOCKED);
}

static void test_locked_refuses_the_same_rank(void **state)
{
    struct latch_trust trust = natted();
    struct latch latch = { 0 };

    (void)state;
    assert_true(offer(&latch, &trust, "203.0.113.7:61000", 1000));
    assert_false(offer(&latch, &trust, "203.0.113.7:61002", 1001));
    expect_source(&latch, "203.0.113.7:61000");
}

static void test_better_rank_takes_over_early(void **state)
{
    struct latch_trust trust = { at("198.51.100.9:4000"), at("203.0.113.7"), LATCH_ANY };
    struct latch latch = { 0 };

    (void)state;
    assert_true(offer(&latch, &trust, "192.0.2.66:9", 1000));
    assert_true(offer(&latch, &trust, "203.0.113.7:4000", 1100));
    assert_false(offer(&latch, &trust, "192.0.2.66:9", 1200));
    assert_true(offer(&latch, &trust, "198.51.100.9:4002", 1300));
    assert_false(offer(&latch, &trust, "203.0.113.7:4000", 1400));
    assert_true(offer(&latch, &trust, "198.51.100.9:4000", 1500));
    assert_false(offer(&latch, &trust, "198.51.100.9:4002", 1600));
    expect_source(&latch, "198.51.100.9:4000");
}

static void test_better_rank_comes_too_late(void **state)
{
    struct latch_trust trust = { at("198.51.100.9:4000"), at("203.0.113.7"), LATCH_ANY };
    struct latch latch = { 0 };
    msec now = 1000;

    (void)state;
    for (int i = 0; i < 60; i++)
        assert_true(offer(&latch, &trust, "192.0.2.66:9", now++));
    assert_true(offer(&latch, &trust, "203.0.113.7:4000", now)); /* many packets, but soon */
    for (int i = 0; i < 60; i++)
        assert_true(offer(&latch, &trust, "203.0.113.7:4000", now += 100));
    assert_false(offer(&latch, &trust, "198.51.100.9:4000", now));
}

/* The packets of one party after a port change, in the order in which they happen to arrive. */
struct traffic {
    struct prng prng;
    unsigned old_left, new_left;
    msec now;
};

static bool next_is_old(struct traffic *traffic)
{
    uint32_t left = traffic->old_left + traffic->new_left;
    bool is_old = random_below(&traffic->prng.source, left) < traffic->old_left;

    /* the strays come early, else they are no strays; but not always */
    if (traffic->old_left > 0 && random_below(&traffic->prng.source, 3) == 0)
        is_old = true;
    if (is_old)
        traffic->old_left--;
    else
        traffic->new_left--;
    return is_old;
}

static msec next_gap(struct traffic *traffic)
{
    if (random_below(&traffic->prng.source, 50) == 0)
        return random_below(&traffic->prng.source, 15000);
    return random_below(&traffic->prng.source, 40);
}

static const struct port_change {
    const char *what, *described, *signalling, *old_port, *new_port;
} port_changes[] = {
    { "behind a NAT", "192.168.1.5:4002", "203.0.113.7", "203.0.113.7:61000", "203.0.113.7:61002" },
    { "not behind a NAT", "203.0.113.7:4002", "203.0.113.7", "203.0.113.7:4000",
      "203.0.113.7:4002" },
    { "described, but from another port", "203.0.113.7:4002", "203.0.113.7", "203.0.113.7:4000",
      "203.0.113.7:9999" },
    { "from the described to the signalled", "198.51.100.9:4000", "203.0.113.7",
      "198.51.100.9:4000", "203.0.113.7:61002" },
    { "to another network", "192.168.1.5:4002", "198.51.100.9", "203.0.113.7:61000",
      "198.51.100.9:1024" },
};

static struct latch latch_on_old(struct traffic *traffic, const struct port_change *change)
{
    struct latch_trust before = { at(change->old_port), at(change->signalling), LATCH_STRICT };
    struct latch latch = { 0 };
    unsigned count = 1 + random_below(&traffic->prng.source, 300);

    while (count-- > 0)
        assert_true(offer(&latch, &before, change->old_port, traffic->now += 20));
    latch_reopen(&latch, traffic->now);
    return latch;
}

/* How many packets of the new port it takes until all of them pass; 0: all did. */
static unsigned settle(struct traffic *traffic, struct latch *latch,
                       const struct port_change *change, unsigned reopen_at)
{
    struct latch_trust trust = { at(change->described), at(change->signalling), LATCH_STRICT };
    unsigned seen = 0, last_lost = 0;

    for (unsigned i = 0; traffic->old_left + traffic->new_left > 0; i++) {
        bool is_old = next_is_old(traffic);

        traffic->now += next_gap(traffic);
        if (i == reopen_at)
            latch_reopen(latch, traffic->now);
        if (!offer(latch, &trust, is_old ? change->old_port : change->new_port, traffic->now) &&
            !is_old)
            last_lost = seen + 1;
        seen += !is_old;
    }
    return last_lost;
}

static unsigned settle_once(uint64_t seed, unsigned new_count, unsigned reopen_at)
{
    const struct port_change *change =
        &port_changes[seed % (sizeof port_changes / sizeof *port_changes)];
    struct traffic traffic = { .old_left = 5, .new_left = new_count, .now = 1000 };
    struct latch latch;
    unsigned lost;

    prng_init(&traffic.prng, seed);
    latch = latch_on_old(&traffic, change);
    lost = settle(&traffic, &latch, change, reopen_at);
    if (lost == new_count)
        print_message("stuck: %s, seed %u\n", change->what, (unsigned)seed);
    expect_source(&latch, change->new_port);
    return lost;
}

/* After a port change, 5 stray packets from the old port do not keep the new one out. */
static void test_port_change_settles_within_10_packets(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10000; seed++)
        assert_in_range(settle_once(seed, 40, UINT32_MAX), 0, 10);
}

/* The same when a second description follows while the packets of both ports still mix. */
static void test_port_change_described_twice_is_never_stuck(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10000; seed++)
        assert_in_range(settle_once(seed, 200, (unsigned)(seed % 45)), 0, 100);
}

static void test_reopened_keeps_the_old_source_meanwhile(void **state)
{
    struct latch_trust trust = natted();
    struct latch latch = { 0 };
    msec now = 1000;

    (void)state;
    assert_true(offer(&latch, &trust, "203.0.113.7:61000", now));
    latch_reopen(&latch, now);
    for (int i = 0; i < 100; i++)
        assert_true(offer(&latch, &trust, "203.0.113.7:61000", now += 20));
    assert_true(offer(&latch, &trust, "203.0.113.7:61002", now));
    assert_false(offer(&latch, &trust, "203.0.113.7:61000", now));
    expect_source(&latch, "203.0.113.7:61002");
}

static void test_window_ends_when_the_old_source_goes_on(void **state)
{
    struct latch_trust trust = natted();
    struct latch latch = { 0 };
    msec now = 1000;

    (void)state;
    assert_true(offer(&latch, &trust, "203.0.113.7:61000", now));
    latch_reopen(&latch, now);
    for (int i = 0; i < 505; i++)
        assert_true(offer(&latch, &trust, "203.0.113.7:61000", now += 20));
    assert_int_equal(latch.state, LATCH_LOCKED);
    assert_false(offer(&latch, &trust, "203.0.113.7:61002", now));
}

static void test_window_stays_open_while_nobody_sends(void **state)
{
    struct latch_trust trust = natted();
    struct latch latch = { 0 };

    (void)state;
    assert_true(offer(&latch, &trust, "203.0.113.7:61000", 1000));
    latch_reopen(&latch, 1000);
    assert_true(offer(&latch, &trust, "203.0.113.7:61000", 20000)); /* late, and alone */
    assert_true(offer(&latch, &trust, "203.0.113.7:61002", 900000));
    expect_source(&latch, "203.0.113.7:61002");
}

static void test_port_may_change_back(void **state)
{
    struct latch_trust trust = natted();
    struct latch latch = { 0 };
    msec now = 1000;
    unsigned lost = 0;

    (void)state;
    assert_true(offer(&latch, &trust, "203.0.113.7:61000", now));
    latch_reopen(&latch, now);
    for (int i = 0; i < 20; i++)
        assert_true(offer(&latch, &trust, "203.0.113.7:61002", now += 20));
    latch_reopen(&latch, now);
    while (!offer(&latch, &trust, "203.0.113.7:61000", now += 20))
        lost++;
    assert_in_range(lost, 0, 25); /* half a second */
    for (int i = 0; i < 600; i++)
        assert_true(offer(&latch, &trust, "203.0.113.7:61000", now += 20));
    assert_int_equal(latch.state, LATCH_LOCKED);
}

/* A sprayer hits the port before, during and after everything: nothing of his passes. */
static void test_sprayer_gets_nothing(void **state)
{
    struct latch_trust trust = natted();
    struct latch latch = { 0 };
    struct prng prng;
    unsigned passed = 0;

    (void)state;
    prng_init(&prng, 3);
    for (msec now = 0; now < 60000; now++) {
        char source[32];

        snprintf(source, sizeof source, "198.51.100.66:%u", 1 + random_below(&prng.source, 65535));
        passed += offer(&latch, &trust, source, now);
        if (now % 7000 == 6999)
            latch_reopen(&latch, now);
        if (now > 500 && now % 20 == 0)
            assert_true(offer(&latch, &trust, "203.0.113.7:61000", now));
    }
    assert_int_equal(passed, 0);
    expect_source(&latch, "203.0.113.7:61000");
}

static void test_clocks_may_be_apart(void **state)
{
    struct latch_trust trust = natted();
    struct latch latch = { 0 };

    (void)state;
    assert_true(offer(&latch, &trust, "203.0.113.7:61000", 1000));
    latch_reopen(&latch, 1003);
    for (int i = 0; i < 20; i++)
        assert_true(offer(&latch, &trust, "203.0.113.7:61000", 1001));
    assert_int_equal(latch.state, LATCH_REOPENED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_nothing_described_trusts_the_signalling_alone),
        cmocka_unit_test(test_locked_refuses_the_same_rank),
        cmocka_unit_test(test_better_rank_takes_over_early),
        cmocka_unit_test(test_better_rank_comes_too_late),
        cmocka_unit_test(test_port_change_settles_within_10_packets),
        cmocka_unit_test(test_port_change_described_twice_is_never_stuck),
        cmocka_unit_test(test_reopened_keeps_the_old_source_meanwhile),
        cmocka_unit_test(test_window_ends_when_the_old_source_goes_on),
        cmocka_unit_test(test_window_stays_open_while_nobody_sends),
        cmocka_unit_test(test_port_may_change_back),
        cmocka_unit_test(test_sprayer_gets_nothing),
        cmocka_unit_test(test_clocks_may_be_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
