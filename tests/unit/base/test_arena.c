/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <culvert/arena.h>

static void test_allocations_are_aligned_and_distinct(void **state)
{
    struct arena arena;
    char *bytes[200];

    (void)state;
    arena_init(&arena, NULL, 100000);
    for (size_t i = 0; i < 200; i++) {
        bytes[i] = arena_alloc(&arena, i);
        assert_non_null(bytes[i]);
        assert_int_equal((uintptr_t)bytes[i] % 16, 0);
        memset(bytes[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t at = 0; at < i; at++)
            assert_int_equal((unsigned char)bytes[i][at], i);
    arena_fini(&arena);
}

static void test_the_limit_is_exact(void **state)
{
    static const size_t limits[] = { 1, 15, 16, 100, 2047, 2048, 2049, 5000, 100000 };

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct arena arena;

        arena_init(&arena, NULL, limits[i]);
        assert_null(arena_alloc(&arena, limits[i] + 1));
        assert_int_equal(arena.total, 0);
        assert_non_null(arena_alloc(&arena, limits[i]));
        assert_null(arena_alloc(&arena, 1));
        assert_int_equal(arena.total, limits[i]);
        arena_fini(&arena);
    }
}

static void test_small_requests_never_pass_the_limit(void **state)
{
    struct arena arena;
    size_t taken = 0;

    (void)state;
    arena_init(&arena, NULL, 10000);
    while (arena_alloc(&arena, 48)) {
        taken += 48;
        assert_true(arena.total <= arena.limit);
    }
    assert_in_range(taken, 9500, 10000);
    arena_fini(&arena);
}

static void test_absurd_sizes_fail(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, SIZE_MAX);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 4));
    assert_non_null(arena_alloc(&arena, 5));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 4));
    arena_fini(&arena);
    arena_init(&arena, NULL, 0);
    assert_null(arena_alloc(&arena, 0));
    arena_fini(&arena);
}

static void test_a_large_request_does_not_end_the_current_block(void **state)
{
    struct arena arena;
    char *first, *second;

    (void)state;
    arena_init(&arena, NULL, 100000);
    first = arena_alloc(&arena, 16);
    assert_non_null(arena_alloc(&arena, 10000));
    second = arena_alloc(&arena, 16);
    assert_ptr_equal(second, first + 16);
    arena_fini(&arena);
}

static void test_blocks_are_used_again(void **state)
{
    struct arena_pool pool;
    struct arena arena;
    void *first;

    (void)state;
    arena_pool_init(&pool, 1);
    arena_init(&arena, &pool, 100000);
    first = arena_alloc(&arena, 10);
    arena_fini(&arena);
    assert_int_equal(pool.free_count, 1);
    assert_ptr_equal(arena_alloc(&arena, 10), first);
    assert_int_equal(pool.free_count, 0);
    arena_fini(&arena);
    arena_pool_fini(&pool);
}

static void test_the_pool_counts_what_lives_and_keeps_few(void **state)
{
    struct arena_pool pool;
    struct arena a, b;

    (void)state;
    arena_pool_init(&pool, 2);
    arena_init(&a, &pool, 100000);
    arena_init(&b, &pool, 100000);
    for (int i = 0; i < 5; i++)
        assert_non_null(arena_alloc(&a, 2000));
    assert_non_null(arena_alloc(&b, 20000));
    assert_int_equal(pool.live_bytes, a.total + b.total);
    arena_fini(&a);
    assert_int_equal(pool.live_bytes, b.total);
    assert_int_equal(pool.free_count, 2);
    arena_fini(&b);
    assert_int_equal(pool.live_bytes, 0);
    assert_int_equal(pool.free_count, 2);
    arena_pool_fini(&pool);
    assert_null(pool.free);
}

static void test_cleared_memory_is_clear_even_when_recycled(void **state)
{
    struct arena_pool pool;
    struct arena arena;
    char *bytes;

    (void)state;
    arena_pool_init(&pool, 1);
    arena_init(&arena, &pool, 100000);
    memset(arena_alloc(&arena, 64), 0xee, 64);
    arena_fini(&arena);
    bytes = arena_zalloc(&arena, 64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(bytes[i], 0);
    arena_fini(&arena);
    arena_pool_fini(&pool);
}

static void test_copies_own_their_bytes(void **state)
{
    struct arena arena;
    char from[] = "alice";
    struct str copy = STR("kept");

    (void)state;
    arena_init(&arena, NULL, 8);
    assert_int_equal(str_copy(&arena, str_of(from), &copy), ERR_NONE);
    from[0] = 'A';
    assert_true(str_eq(copy, STR("alice")));
    assert_int_equal(str_copy(&arena, STR("too much for it"), &copy), ERR_NOMEM);
    assert_true(str_eq(copy, STR("alice")));
    assert_int_equal(str_copy(&arena, STR(""), &copy), ERR_NONE);
    assert_true(copy.ptr && copy.len == 0);
    assert_int_equal(str_copy(&arena, str_of(NULL), &copy), ERR_NONE);
    assert_true(!copy.ptr && copy.len == 0);
    arena_fini(&arena);
}

static void test_text_is_formatted_into_the_arena(void **state)
{
    struct arena arena;
    struct str text = STR("kept");

    (void)state;
    arena_init(&arena, NULL, 16);
    assert_int_equal(str_print(&arena, &text, "%s:%d", "far too long a name", 5060), ERR_NOMEM);
    assert_true(str_eq(text, STR("kept")));
    assert_int_equal(str_print(&arena, &text, "%s:%d", "host", 5060), ERR_NONE);
    assert_true(str_eq(text, STR("host:5060")));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_are_aligned_and_distinct),
        cmocka_unit_test(test_the_limit_is_exact),
        cmocka_unit_test(test_small_requests_never_pass_the_limit),
        cmocka_unit_test(test_absurd_sizes_fail),
        cmocka_unit_test(test_a_large_request_does_not_end_the_current_block),
        cmocka_unit_test(test_blocks_are_used_again),
        cmocka_unit_test(test_the_pool_counts_what_lives_and_keeps_few),
        cmocka_unit_test(test_cleared_memory_is_clear_even_when_recycled),
        cmocka_unit_test(test_copies_own_their_bytes),
        cmocka_unit_test(test_text_is_formatted_into_the_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
