/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
    int number;
    struct list_node node;
};

static struct list_node *node_of(struct item *items, int number)
{
    items[number].number = number;
    return &items[number].node;
}

/* Reads the list as a decimal number: 1, 2, 3 is 123. */
static int digits(const struct list_node *head)
{
    int number = 0;

    LIST_EACH(node, head)
    number = number * 10 + CONTAINER_OF(node, struct item, node)->number;
    return number;
}

static void test_nodes_keep_their_order(void **state)
{
    struct item items[5] = { 0 };
    struct list_node head;

    (void)state;
    list_init(&head);
    assert_true(list_is_empty(&head));
    assert_null(list_first(&head));
    list_push_back(&head, node_of(items, 2));
    list_push_back(&head, node_of(items, 3));
    list_push_front(&head, node_of(items, 1));
    assert_false(list_is_empty(&head));
    assert_int_equal(digits(&head), 123);
    assert_ptr_equal(list_first(&head), &items[1].node);
}

static void test_removing_twice_is_fine(void **state)
{
    struct item items[5] = { 0 };
    struct list_node head;

    (void)state;
    list_init(&head);
    for (int i = 1; i < 4; i++)
        list_push_back(&head, node_of(items, i));
    assert_true(list_is_linked(&items[2].node));
    list_remove(&items[2].node);
    list_remove(&items[2].node);
    assert_false(list_is_linked(&items[2].node));
    assert_int_equal(digits(&head), 13);
    list_remove(&items[4].node); /* never was in a list */
    list_push_front(&head, &items[2].node);
    assert_int_equal(digits(&head), 213);
}

static void test_the_visited_node_may_be_removed(void **state)
{
    struct item items[10] = { 0 };
    struct list_node head;

    (void)state;
    list_init(&head);
    for (int i = 1; i < 10; i++)
        list_push_back(&head, node_of(items, i));
    LIST_EACH_SAFE(node, &head)
    {
        if (CONTAINER_OF(node, struct item, node)->number % 3 != 0)
            list_remove(node);
    }
    assert_int_equal(digits(&head), 369);
    LIST_EACH_SAFE(node, &head)
    {
        list_remove(node);
    }
    assert_true(list_is_empty(&head));
}

static void test_popping_empties_from_the_front(void **state)
{
    struct item items[3] = { 0 };
    struct list_node head;

    (void)state;
    list_init(&head);
    list_push_back(&head, node_of(items, 1));
    list_push_back(&head, node_of(items, 2));
    assert_ptr_equal(list_pop_front(&head), &items[1].node);
    assert_ptr_equal(list_pop_front(&head), &items[2].node);
    assert_null(list_pop_front(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes_keep_their_order),
        cmocka_unit_test(test_removing_twice_is_fine),
        cmocka_unit_test(test_the_visited_node_may_be_removed),
        cmocka_unit_test(test_popping_empties_from_the_front),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
