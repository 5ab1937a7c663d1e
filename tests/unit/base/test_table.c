/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/prng.h"
#include "base/table.h"

enum {
    ENTRIES = 2000,
    HASHES = 500, /* fewer than entries: hashes are shared */
    STEPS = 50000,
};

struct entry {
    struct table_node node;
    uint64_t hash;
    bool is_in;
    bool is_seen;
};

static void test_an_empty_table_has_nothing(void **state)
{
    struct table table;
    struct table_walk walk = { 0 };

    (void)state;
    table_init(&table);
    assert_null(table_find_first(&table, 0));
    assert_null(table_each(&table, &walk));
    assert_int_equal(table_count(&table), 0);
    table_fini(&table);
}

static void test_only_equal_hashes_are_found(void **state)
{
    struct table table;
    struct table_node a = { 0 }, b = { 0 }, c = { 0 };
    struct table_node *first, *second;

    (void)state;
    table_init(&table);
    assert_int_equal(table_insert(&table, &a, 5), ERR_NONE);
    assert_int_equal(table_insert(&table, &b, 5 + (1u << 20)), ERR_NONE); /* the same bucket */
    assert_int_equal(table_insert(&table, &c, 5), ERR_NONE);
    first = table_find_first(&table, 5);
    second = table_find_next(first);
    assert_true((first == &a && second == &c) || (first == &c && second == &a));
    assert_null(table_find_next(second));
    assert_ptr_equal(table_find_first(&table, b.hash), &b);
    assert_null(table_find_next(&b));
    table_fini(&table);
}

static bool is_found(const struct table *table, const struct entry *entry)
{
    const struct table_node *node = table_find_first(table, entry->hash);

    while (node && node != &entry->node)
        node = table_find_next(node);
    return node != NULL;
}

static void toggle(struct table *table, struct entry *entry)
{
    if (entry->is_in)
        table_remove(table, &entry->node);
    else
        assert_int_equal(table_insert(table, &entry->node, entry->hash), ERR_NONE);
    entry->is_in = !entry->is_in;
}

static void test_random_changes_match_a_model(void **state)
{
    struct entry *entries = calloc(ENTRIES, sizeof *entries);
    struct table table;
    struct prng prng;
    size_t count = 0;

    (void)state;
    prng_init(&prng, 11);
    table_init(&table);
    for (int i = 0; i < ENTRIES; i++)
        entries[i].hash = random_below(&prng.source, HASHES) * UINT64_C(0x9e3779b97f4a7c15);
    for (int step = 0; step < STEPS; step++) {
        struct entry *entry = &entries[random_below(&prng.source, ENTRIES)];
        const struct entry *other = &entries[random_below(&prng.source, ENTRIES)];

        toggle(&table, entry);
        count += entry->is_in ? 1 : (size_t)-1;
        assert_int_equal(table_count(&table), count);
        assert_int_equal(is_found(&table, entry), entry->is_in);
        assert_int_equal(is_found(&table, other), other->is_in);
    }
    table_fini(&table);
    free(entries);
}

static void test_a_walk_sees_each_once_and_may_remove_it(void **state)
{
    static struct entry entries[ENTRIES];
    struct table table;
    struct table_walk walk = { 0 };
    struct table_node *node;

    (void)state;
    table_init(&table);
    for (uint64_t i = 0; i < ENTRIES; i++)
        assert_int_equal(table_insert(&table, &entries[i].node, i / 3), ERR_NONE);
    while ((node = table_each(&table, &walk))) {
        struct entry *entry = CONTAINER_OF(node, struct entry, node);

        assert_false(entry->is_seen);
        entry->is_seen = true;
        if ((entry - entries) % 2)
            table_remove(&table, node);
    }
    assert_int_equal(table_count(&table), ENTRIES / 2);
    for (int i = 0; i < ENTRIES; i++)
        assert_true(entries[i].is_seen);
    table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_table_has_nothing),
        cmocka_unit_test(test_only_equal_hashes_are_found),
        cmocka_unit_test(test_random_changes_match_a_model),
        cmocka_unit_test(test_a_walk_sees_each_once_and_may_remove_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
