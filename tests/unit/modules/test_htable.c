/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of the module htable, by several threads at once, full, and with a lock that somebody forgot. */
#include "../../../modules/htable/sht.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    THREADS = 4,
    ROUNDS = 20000,
    KEYS = 5000,
};

static void open_table(struct sht *table, size_t bytes_max)
{
    *table = (struct sht){ .name = STR("t"), .size_bits = 3, .lifetime = 10 };
    assert_int_equal(sht_open(table, 7, bytes_max), ERR_NONE);
}

static struct str key_of(char *buffer, size_t size, unsigned number)
{
    int length = snprintf(buffer, size, "key%u", number);

    return (struct str){ buffer, (size_t)length };
}

static enum err put(struct sht *table, unsigned number, msec now)
{
    char buffer[32];
    struct value value = value_of_int((int64_t)number);

    return sht_set(table, key_of(buffer, sizeof buffer, number), &value, LIFETIME_OF_TABLE, now);
}

static void *add_up(void *context)
{
    struct sht *table = context;
    struct value sum;

    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_int_equal(sht_add(table, STR("sum"), 1, 1, &sum), ERR_NONE);
        assert_int_equal(put(table, i % KEYS, 1), ERR_NONE);
        if (i % 64 == 0)
            free(sht_sweep(table, i / 64 % SHT_SHARDS, 1, 1));
    }
    return NULL;
}

static void test_no_addition_is_lost(void **state)
{
    struct sht table;
    pthread_t threads[THREADS];
    struct value sum = value_of_int(0);

    (void)state;
    open_table(&table, 1 << 24);
    assert_int_equal(sht_set(&table, STR("sum"), &sum, LIFETIME_OF_TABLE, 1), ERR_NONE);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_up, &table), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(sht_add(&table, STR("sum"), 0, 1, &sum), ERR_NONE);
    assert_int_equal(sum.number, THREADS * ROUNDS);
    assert_int_equal(sht_count(&table), KEYS + 1);
    sht_close(&table);
}

static void *lock_and_forget(void *context)
{
    sht_lock(context, STR("key1"), 1);
    return NULL;
}

static void test_forgotten_lock_is_taken_over(void **state)
{
    struct sht table;
    pthread_t thread;

    (void)state;
    open_table(&table, 1 << 20);
    assert_int_equal(pthread_create(&thread, NULL, lock_and_forget, &table), 0);
    pthread_join(thread, NULL);
    assert_int_equal(put(&table, 1, 1), ERR_NONE);
    sht_close(&table);
}

static void test_full_table_refuses_and_recovers(void **state)
{
    struct sht table;
    unsigned count = 0;

    (void)state;
    open_table(&table, 4096);
    while (!put(&table, count, 1))
        count++;
    assert_in_range(count, 10, 4096 / sizeof(struct entry));
    assert_int_equal(sht_count(&table), count);
    sht_remove(&table, STR("key0"), 1);
    assert_int_equal(put(&table, 0, 1), ERR_NONE);
    sht_clear(&table);
    assert_int_equal(atomic_load(&table.bytes), 0);
    sht_close(&table);
}

static unsigned sweep_all(struct sht *table, msec now)
{
    unsigned count = 0;

    for (unsigned round = 0; round < 1000; round++) {
        struct entry *next;

        for (struct entry *entry = sht_sweep(table, round % SHT_SHARDS, 10, now); entry; entry = next) {
            next = entry->in_bucket;
            free(entry);
            count++;
        }
    }
    return count;
}

static void test_item_ends_on_the_second(void **state)
{
    struct sht table;

    (void)state;
    open_table(&table, 1 << 24);
    for (unsigned i = 0; i < KEYS; i++)
        assert_int_equal(put(&table, i, 1000 + i % 2), ERR_NONE);
    assert_int_equal(sht_seconds_left(&table, STR("key0"), 10999), 1);
    assert_int_equal(sweep_all(&table, 10999), 0);
    assert_int_equal(sweep_all(&table, 11000), KEYS / 2);
    assert_int_equal(sweep_all(&table, 11001), KEYS / 2);
    assert_int_equal(sht_count(&table), 0);
    assert_int_equal(atomic_load(&table.bytes), 0);
    sht_close(&table);
}

struct walk {
    unsigned count;
    char key[32];
    size_t length;
};

static void note(void *context, const struct entry *entry)
{
    struct walk *walk = context;

    walk->count++;
    walk->length = entry->key_length;
    memcpy(walk->key, entry->bytes, entry->key_length);
}

/* Each item is removed as soon as it is seen. */
static void test_walk_goes_on_when_items_go(void **state)
{
    struct sht table;
    struct sht_place place = { 0 };
    struct walk walk = { 0 };

    (void)state;
    open_table(&table, 1 << 24);
    for (unsigned i = 0; i < KEYS; i++)
        assert_int_equal(put(&table, i, 1), ERR_NONE);
    while (sht_next(&table, &place, 1, note, &walk))
        sht_remove(&table, (struct str){ walk.key, walk.length }, 1);
    assert_int_equal(walk.count, KEYS);
    assert_int_equal(sht_count(&table), 0);
    sht_close(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_addition_is_lost),
        cmocka_unit_test(test_forgotten_lock_is_taken_over),
        cmocka_unit_test(test_full_table_refuses_and_recovers),
        cmocka_unit_test(test_item_ends_on_the_second),
        cmocka_unit_test(test_walk_goes_on_when_items_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
