/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <culvert/timer.h>

#include "base/list.h"
#include "base/prng.h"

enum {
    TIMERS = 200,
    STEPS = 100000,
};

/* Timers whose callbacks do nothing but say that they ran. */
struct bell {
    struct timer timer;
    struct wheel *wheel;
    struct bell *other; /* started or stopped by the callback */
    int rings;
    msec rang_at;
};

static void ring(struct timer *timer)
{
    struct bell *bell = CONTAINER_OF(timer, struct bell, timer);

    bell->rings++;
    bell->rang_at = bell->wheel->now;
}

static void ring_and_start_at_once(struct timer *timer)
{
    struct bell *bell = CONTAINER_OF(timer, struct bell, timer);

    ring(timer);
    timer_start(bell->wheel, timer, bell->wheel->now, ring_and_start_at_once);
}

static void ring_every_10(struct timer *timer)
{
    struct bell *bell = CONTAINER_OF(timer, struct bell, timer);

    ring(timer);
    timer_start(bell->wheel, timer, timer->deadline + 10, ring_every_10);
}

static void ring_and_stop_other(struct timer *timer)
{
    struct bell *bell = CONTAINER_OF(timer, struct bell, timer);

    ring(timer);
    timer_stop(bell->wheel, &bell->other->timer);
}

static void test_a_timer_fires_at_its_deadline_and_not_before(void **state)
{
    static const msec distances[] = { 1,
                                      63,
                                      64,
                                      65,
                                      500,
                                      4095,
                                      4096,
                                      32000,
                                      3600000,
                                      (msec)1 << 30,
                                      ((msec)1 << 36) - 1,
                                      (msec)1 << 36,
                                      (msec)5 << 38 };
    static const msec starts[] = {
        0, 1, 63, 64, 4095, 123456789, ((msec)1 << 36) - 1, (msec)1 << 36
    };

    (void)state;
    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
        for (size_t d = 0; d < sizeof distances / sizeof *distances; d++) {
            struct wheel wheel;
            struct bell bell = { .wheel = &wheel };

            wheel_init(&wheel, starts[s]);
            timer_start(&wheel, &bell.timer, starts[s] + distances[d], ring);
            wheel_advance(&wheel, starts[s] + distances[d] - 1);
            assert_int_equal(bell.rings, 0);
            assert_true(timer_is_armed(&bell.timer));
            wheel_advance(&wheel, starts[s] + distances[d]);
            assert_int_equal(bell.rings, 1);
            assert_false(timer_is_armed(&bell.timer));
            assert_int_equal(wheel.count, 0);
            assert_true(wheel_next(&wheel) == MSEC_NEVER);
        }
    }
}

static void test_overdue_timers_fire_at_the_next_advance(void **state)
{
    struct wheel wheel;
    struct bell now = { .wheel = &wheel }, past = { .wheel = &wheel };

    (void)state;
    wheel_init(&wheel, 1000);
    timer_start(&wheel, &now.timer, 1000, ring);
    timer_start(&wheel, &past.timer, 3, ring);
    assert_true(wheel_next(&wheel) == 1000);
    wheel_advance(&wheel, 1000);
    assert_int_equal(now.rings, 1);
    assert_int_equal(past.rings, 1);
}

static void test_a_timer_that_starts_itself_at_once_waits_for_the_next_advance(void **state)
{
    struct wheel wheel;
    struct bell bell = { .wheel = &wheel };

    (void)state;
    wheel_init(&wheel, 0);
    timer_start(&wheel, &bell.timer, 10, ring_and_start_at_once);
    wheel_advance(&wheel, 5000);
    assert_int_equal(bell.rings, 1);
    wheel_advance(&wheel, 5000);
    assert_int_equal(bell.rings, 2);
    timer_stop(&wheel, &bell.timer);
    wheel_advance(&wheel, 6000);
    assert_int_equal(bell.rings, 2);
}

static void test_a_long_advance_runs_each_period(void **state)
{
    struct wheel wheel;
    struct bell bell = { .wheel = &wheel };

    (void)state;
    wheel_init(&wheel, 5);
    timer_start(&wheel, &bell.timer, 10, ring_every_10);
    wheel_advance(&wheel, 10000);
    assert_int_equal(bell.rings, 1000);
    assert_true(bell.rang_at == 10000);
    assert_true(wheel.now == 10000);
}

static void test_a_callback_can_stop_one_due_at_the_same_time(void **state)
{
    struct wheel wheel;
    struct bell first = { .wheel = &wheel }, second = { .wheel = &wheel };

    (void)state;
    first.other = &second;
    wheel_init(&wheel, 0);
    timer_start(&wheel, &first.timer, 7, ring_and_stop_other);
    timer_start(&wheel, &second.timer, 7, ring);
    wheel_advance(&wheel, 7);
    assert_int_equal(first.rings, 1);
    assert_int_equal(second.rings, 0);
    assert_int_equal(wheel.count, 0);
}

static void test_starting_again_moves_and_stopping_twice_is_fine(void **state)
{
    struct wheel wheel;
    struct bell bell = { .wheel = &wheel };

    (void)state;
    wheel_init(&wheel, 0);
    timer_start(&wheel, &bell.timer, 100, ring);
    timer_start(&wheel, &bell.timer, 200, ring);
    assert_int_equal(wheel.count, 1);
    wheel_advance(&wheel, 199);
    assert_int_equal(bell.rings, 0);
    timer_stop(&wheel, &bell.timer);
    timer_stop(&wheel, &bell.timer);
    assert_int_equal(wheel.count, 0);
    wheel_advance(&wheel, 300);
    assert_int_equal(bell.rings, 0);
}

static void test_time_does_not_run_backwards(void **state)
{
    struct wheel wheel;

    (void)state;
    wheel_init(&wheel, 500);
    wheel_advance(&wheel, 400);
    assert_true(wheel.now == 500);
}

static void test_never_is_far_away(void **state)
{
    struct wheel wheel;
    struct bell bell = { .wheel = &wheel };

    (void)state;
    wheel_init(&wheel, 500);
    timer_start(&wheel, &bell.timer, MSEC_NEVER, ring);
    wheel_advance(&wheel, (msec)1 << 42);
    assert_int_equal(bell.rings, 0);
    assert_int_equal(wheel.count, 1);
}

/*
 * The model: every timer with its deadline, searched one by one. What a callback starts for a
 * moment that is not ahead waits for the next advance.
 */
struct world {
    struct wheel wheel;
    struct prng prng;
    struct model {
        struct timer timer;
        struct world *world;
        msec deadline;
        uint64_t order; /* of arming */
        bool is_armed;
        bool is_late;
        bool is_far; /* beyond the range when armed: may lose its place among equals */
    } timers[TIMERS];
    uint64_t armed; /* how many times anything was */
    bool is_advancing;
    msec target;       /* of the advance that runs */
    msec begun;        /* where it began */
    struct model last; /* what fired last in it */
    unsigned fired;
};

static void start_one(struct world *world, struct model *model);

static struct model *pick(struct world *world)
{
    return &world->timers[random_below(&world->prng.source, TIMERS)];
}

static void stop_one(struct world *world, struct model *model)
{
    timer_stop(&world->wheel, &model->timer);
    model->is_armed = false;
}

static msec due_time(const struct world *world, const struct model *model)
{
    return model->deadline > world->begun ? model->deadline : world->begun;
}

static void check_order(const struct world *world, const struct model *model)
{
    const struct model *last = &world->last;

    if (!last->world)
        return;
    assert_true(due_time(world, last) <= due_time(world, model));
    if (due_time(world, last) == due_time(world, model) && !last->is_far && !model->is_far)
        assert_true(last->order < model->order);
}

static void fire_model(struct timer *timer)
{
    struct model *model = CONTAINER_OF(timer, struct model, timer);
    struct world *world = model->world;

    assert_true(model->is_armed && !model->is_late);
    assert_false(timer_is_armed(timer));
    assert_true(world->wheel.now == due_time(world, model));
    assert_true(world->wheel.now <= world->target);
    check_order(world, model);
    world->last = *model;
    model->is_armed = false;
    world->fired++;
    for (uint32_t i = random_below(&world->prng.source, 3); i > 0; i--)
        start_one(world, random_below(&world->prng.source, 4) ? pick(world) : model);
    if (random_below(&world->prng.source, 2))
        stop_one(world, pick(world));
}

/* Of any magnitude up to 2^bits. */
static msec random_distance(struct world *world, uint32_t bits)
{
    return random_u64(&world->prng.source) >> (64 - 1 - random_below(&world->prng.source, bits));
}

static void start_one(struct world *world, struct model *model)
{
    msec now = world->wheel.now;
    msec distance = random_distance(world, 38);

    if (random_below(&world->prng.source, 8) == 0)
        model->deadline = distance < now ? now - distance : 0;
    else if (random_below(&world->prng.source, 4) == 0)
        model->deadline = pick(world)->deadline;
    else
        model->deadline = now + distance;
    model->is_armed = true;
    model->is_late = world->is_advancing && model->deadline <= now;
    model->is_far = model->deadline > now && model->deadline - now > (msec)60 << 30;
    model->order = ++world->armed;
    timer_start(&world->wheel, &model->timer, model->deadline, fire_model);
}

static void check_world(const struct world *world)
{
    msec next = wheel_next(&world->wheel);
    unsigned count = 0;

    for (int i = 0; i < TIMERS; i++) {
        const struct model *model = &world->timers[i];

        assert_int_equal(timer_is_armed(&model->timer), model->is_armed);
        if (!model->is_armed)
            continue;
        count++;
        assert_true(next <= model->deadline || next <= world->wheel.now);
    }
    assert_int_equal(world->wheel.count, count);
    assert_int_equal(next == MSEC_NEVER, count == 0);
    assert_true(next >= world->wheel.now);
}

static void advance(struct world *world, msec target)
{
    world->begun = world->wheel.now;
    world->target = target;
    world->last.world = NULL;
    world->is_advancing = true;
    for (int i = 0; i < TIMERS; i++)
        world->timers[i].is_late = false;
    wheel_advance(&world->wheel, target);
    world->is_advancing = false;
    assert_true(world->wheel.now == target);
    for (int i = 0; i < TIMERS; i++)
        if (world->timers[i].is_armed && !world->timers[i].is_late)
            assert_true(world->timers[i].deadline > target);
}

static void advance_somewhere(struct world *world)
{
    msec next = wheel_next(&world->wheel);

    if (next != MSEC_NEVER && random_below(&world->prng.source, 3))
        advance(world, next);
    else
        advance(world, world->wheel.now + random_distance(world, 37));
}

static void run_world(struct world *world, uint64_t seed, msec now)
{
    memset(world, 0, sizeof *world);
    prng_init(&world->prng, seed);
    wheel_init(&world->wheel, now);
    for (int i = 0; i < TIMERS; i++)
        world->timers[i].world = world;
    for (int step = 0; step < STEPS / 4; step++) {
        uint32_t choice = random_below(&world->prng.source, 4);

        if (choice < 2)
            start_one(world, pick(world));
        else if (choice == 2)
            stop_one(world, pick(world));
        else
            advance_somewhere(world);
        check_world(world);
    }
    assert_true(world->fired > STEPS / 100);
}

static void test_random_operations_match_the_model(void **state)
{
    static struct world world;

    (void)state;
    run_world(&world, 1, 0);
    run_world(&world, 2, ((msec)1 << 36) - 5);
    run_world(&world, 3, ((msec)1 << 40) + 12345);
    run_world(&world, 4, 1700000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_timer_fires_at_its_deadline_and_not_before),
        cmocka_unit_test(test_overdue_timers_fire_at_the_next_advance),
        cmocka_unit_test(test_a_timer_that_starts_itself_at_once_waits_for_the_next_advance),
        cmocka_unit_test(test_a_long_advance_runs_each_period),
        cmocka_unit_test(test_a_callback_can_stop_one_due_at_the_same_time),
        cmocka_unit_test(test_starting_again_moves_and_stopping_twice_is_fine),
        cmocka_unit_test(test_time_does_not_run_backwards),
        cmocka_unit_test(test_never_is_far_away),
        cmocka_unit_test(test_random_operations_match_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
