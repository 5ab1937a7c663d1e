/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation fails once: a request that gets no memory changes nothing. The allocator of the
 * program is replaced, which the sanitizers do too: with them, and elsewhere, there is nothing
 * here.
 */
#include "rig.h"

#include <errno.h>

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

static volatile int allocations_left = -1; /* before one fails; negative: none does */

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

static struct location_update two_more(struct location_contact contacts[static 3])
{
    struct location_update update = update_of(contacts, 3);

    contacts[0] = contact_of("sip:a@h", 60);
    contacts[1] = contact_of("sip:b@h", 60);
    contacts[2] = contact_of("sip:c@h", 60);
    update.cseq = 2;
    return update;
}

/* True when the request went through. */
static bool register_with(int allocations)
{
    struct location_contact contacts[3];
    struct location_contact first = contact_of("sip:a@h", 60);
    struct location_update update = update_of(&first, 1);
    struct location_counters before;
    struct location_counters after;
    struct rig rig;
    enum err err;

    rig_init(&rig);
    assert_int_equal(rig_register(&rig, &update), ERR_NONE);
    location_read_counters(rig.location, &before);
    update = two_more(contacts);
    arena_fini(&rig.arena);
    allocations_left = allocations;
    err = rig_register(&rig, &update);
    allocations_left = -1;
    assert_true(!err || err == ERR_NOMEM);
    location_read_counters(rig.location, &after);
    assert_int_equal(after.bindings, err ? 1 : 3);
    assert_int_equal(after.aors, 1);
    assert_true(!err || after.bytes >= before.bytes);
    assert_int_equal(rig_find(&rig, update.now), ERR_NONE);
    assert_int_equal(rig.count, err ? 1 : 3);
    assert_int_equal(rig.bindings[0].cseq, err ? 1 : 2);
    rig_fini(&rig);
    return !err;
}

/* The first binding of all: its AoR goes again. */
static bool register_first_with(int allocations)
{
    struct location_contact contact = contact_of("sip:a@h", 60);
    struct location_update update = update_of(&contact, 1);
    struct location_counters counters;
    struct rig rig;
    enum err err;

    rig_init(&rig);
    allocations_left = allocations;
    err = rig_register(&rig, &update);
    allocations_left = -1;
    assert_true(!err || err == ERR_NOMEM);
    location_read_counters(rig.location, &counters);
    assert_int_equal(counters.aors, err ? 0 : 1);
    assert_int_equal(rig_find(&rig, update.now), err ? ERR_NOT_FOUND : ERR_NONE);
    rig_fini(&rig);
    return !err;
}

static bool restore_with(int allocations)
{
    struct binding binding = { .table = STR("location"),
                               .aor = STR("alice@example.com"),
                               .contact = STR("sip:a@h"),
                               .expires_at = BINDING_FOREVER };
    struct location_counters counters;
    struct rig rig;
    enum err err;

    rig_init(&rig);
    allocations_left = allocations;
    err = location_restore(rig.location, &binding);
    allocations_left = -1;
    assert_true(!err || err == ERR_NOMEM);
    location_read_counters(rig.location, &counters);
    assert_int_equal(counters.bindings, err ? 0 : 1);
    assert_int_equal(counters.aors, err ? 0 : 1);
    rig_fini(&rig);
    return !err;
}

static bool create_with(int allocations)
{
    struct prng prng;
    struct location *location;
    enum err err;

    prng_init(&prng, 1);
    allocations_left = allocations;
    err = location_create(&prng.source, &location);
    allocations_left = -1;
    assert_true(!err || err == ERR_NOMEM);
    if (!err)
        location_destroy(location);
    return !err;
}

static bool walk_with(int allocations)
{
    struct location_contact contact = contact_of("sip:a@h", 60);
    struct location_update update = update_of(&contact, 1);
    struct rig rig;

    rig_init(&rig);
    assert_int_equal(rig_register(&rig, &update), ERR_NONE);
    allocations_left = allocations;
    location_watch(rig.location, NULL, NULL);
    location_each(rig.location, 0, 1, update.now, NULL, NULL);
    allocations_left = -1;
    assert_int_equal(rig_find(&rig, update.now), ERR_NONE);
    rig_fini(&rig);
    return allocations > 3;
}

static void test_every_allocation_fails_once(void **state)
{
    static bool (*const attempts[])(int) = { register_with, register_first_with, restore_with,
                                             create_with, walk_with };

    (void)state;
    if (!is_replaced())
        skip();
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        int allocations = 0;

        while (!attempts[i](allocations))
            allocations++;
        print_message("%d allocations\n", allocations);
        assert_true(allocations > 0);
    }
}

#else

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    skip();
}

#endif

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
