/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation fails once, those of SQLite included: the statement at hand fails, nothing else.
 * The allocator of the program is replaced, which the sanitizers do too: with them, and elsewhere,
 * there is nothing here.
 */
#include "rig.h"

#include <errno.h>

#include <culvert/journal.h>

#include "base/prng.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER
#endif

#if defined(__GLIBC__) && !defined(HAS_SANITIZER)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static _Thread_local volatile int allocations_left = -1; /* before one fails; negative: none does */

static bool is_out_of_memory(void)
{
    if (allocations_left < 0 || allocations_left-- > 0)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return is_out_of_memory() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_out_of_memory() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return is_out_of_memory() ? NULL : __libc_realloc(old, size);
}

/* False under valgrind, which has an allocator of its own. */
static bool is_replaced(void)
{
    void *volatile block;

    allocations_left = 0;
    block = malloc(1);
    allocations_left = -1;
    free(block);
    return !block;
}

static void test_statements_without_memory(void **state)
{
    struct rig rig;
    enum err err = ERR_NOMEM;
    int rows = 0;
    char sql[100];

    (void)state;
    if (!is_replaced())
        skip();
    rig_init(&rig);
    store_set_synchronous(true);
    rig_open(&rig);
    assert_int_equal(rig_run(&rig, "CREATE TABLE t (a TEXT)"), ERR_NONE);
    for (int allocations = 0; err; allocations++) {
        struct value value = value_of_str(STR("some text that is to be kept"));

        /* A text of its own each time: nothing is prepared yet. */
        snprintf(sql, sizeof sql, "INSERT INTO t SELECT ? || %d UNION SELECT max(a) FROM t",
                 allocations);
        allocations_left = allocations;
        err = store_query(rig.store, NULL, str_of(sql), &value, 1, NULL, NULL);
        if (!err)
            err = store_run(rig.store, str_of(sql), &value, 1, NULL, NULL);
        if (!err)
            err = allocations_left < 0 ? ERR_NOMEM : ERR_NONE;
        allocations_left = -1;
        assert_int_equal(rig_run(&rig, "SELECT count(*) FROM t"), ERR_NONE);
        rows++;
    }
    assert_true(rows > 20);
    store_set_synchronous(false);
    rig_fini(&rig);
}

static void test_opening_without_memory(void **state)
{
    struct rig rig;
    bool has_failed = true;

    (void)state;
    if (!is_replaced())
        skip();
    rig_init(&rig);
    for (int allocations = 0; has_failed; allocations += 7) {
        enum err err;

        allocations_left = allocations;
        err = store_open(STR(""), &rig.store);
        has_failed = allocations_left < 0;
        allocations_left = -1;
        if (err)
            rig.store = NULL;
        rig_close(&rig);
    }
    rig_open(&rig);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM version"), 19);
    rig_fini(&rig);
}

/* Registrations go on; rows that cannot be written are told. */
static void test_journal_without_memory(void **state)
{
    static const struct str table = STR_INIT("location");
    struct rig rig;
    struct prng prng;
    struct arena arena;
    struct location *location;
    struct journal *journal;
    struct journal_settings settings = { .mode = JOURNAL_WRITE_BACK,
                                         .tables = &table,
                                         .table_count = 1,
                                         .time = { .now = 1000, .wall = 1700000000000 } };
    bool has_failed = true;

    (void)state;
    if (!is_replaced())
        skip();
    rig_init(&rig);
    rig_open(&rig);
    prng_init(&prng, 1);
    arena_init(&arena, NULL, SIZE_MAX);
    assert_int_equal(location_create(&prng.source, &location), ERR_NONE);
    settings.location = location;
    settings.store = rig.store;
    for (int allocations = 0; has_failed; allocations++) {
        enum err err;

        allocations_left = allocations;
        err = journal_start(&settings, &journal);
        has_failed = allocations_left < 0;
        allocations_left = -1;
        if (!err)
            journal_stop(journal);
    }
    assert_int_equal(journal_start(&settings, &journal), ERR_NONE);
    has_failed = true;
    for (int allocations = 0; has_failed; allocations++) {
        struct location_contact contact = { .uri = STR("sip:a@h"), .q = -1, .expires = 60 };
        struct location_update update = { .table = table,
                                          .aor = STR("alice"),
                                          .contacts = &contact,
                                          .contact_count = 1,
                                          .call_id = STR("c"),
                                          .cseq = (uint32_t)allocations,
                                          .now = 1000 };
        enum location_result result;
        struct binding *bindings;
        unsigned count;

        allocations_left = allocations;
        (void)!location_register(location, &update, &arena, &result, &bindings, &count);
        journal_tick(journal, settings.time);
        has_failed = allocations_left < 0;
        allocations_left = -1;
    }
    journal_stop(journal);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM location"), 1);
    location_destroy(location);
    arena_fini(&arena);
    rig_fini(&rig);
}

#else

static void test_statements_without_memory(void **state)
{
    (void)state;
    skip();
}

static void test_opening_without_memory(void **state)
{
    (void)state;
    skip();
}

static void test_journal_without_memory(void **state)
{
    (void)state;
    skip();
}

#endif

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements_without_memory),
        cmocka_unit_test(test_opening_without_memory),
        cmocka_unit_test(test_journal_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
