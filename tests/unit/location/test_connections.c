/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings go with the connection that they were registered over. */
#include "rig.h"

#include <stdio.h>

enum {
    AORS = 200,
};

static void register_over(struct rig *rig, unsigned user, const char *uri, uint64_t connection,
                          uint32_t cseq)
{
    struct location_contact contact = contact_of(uri, 3600);
    struct location_update update = update_of(&contact, 1);
    char aor[20];

    snprintf(aor, sizeof aor, "user-%u", user);
    update.aor = str_of(aor);
    update.cseq = cseq;
    update.flow.connection = connection;
    update.flow.transport = TRANSPORT_TCP;
    assert_int_equal(rig_register(rig, &update), ERR_NONE);
}

static uint64_t count_bindings(struct rig *rig)
{
    struct location_counters counters;

    location_read_counters(rig->location, &counters);
    return counters.bindings;
}

static void test_all_bindings_of_a_connection_go(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    for (unsigned i = 0; i < AORS; i++) {
        register_over(&rig, i, "sip:a@h", 7, 1);
        register_over(&rig, i, "sip:b@h", 7, 1);
        register_over(&rig, i, "sip:c@h", 8, 1);
    }
    assert_int_equal(location_remove_connection(rig.location, 7), 2 * AORS);
    assert_int_equal(location_remove_connection(rig.location, 7), 0);
    assert_int_equal(count_bindings(&rig), AORS);
    assert_int_equal(location_remove_connection(rig.location, 8), AORS);
    assert_int_equal(count_bindings(&rig), 0);
    rig_fini(&rig);
}

static void test_a_binding_that_moved_on_stays(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    register_over(&rig, 1, "sip:a@h", 7, 1);
    register_over(&rig, 1, "sip:a@h", 8, 2);
    assert_int_equal(location_remove_connection(rig.location, 7), 0);
    assert_int_equal(count_bindings(&rig), 1);
    assert_int_equal(location_remove_connection(rig.location, 8), 1);
    rig_fini(&rig);
}

static void test_datagrams_and_lost_connections_are_no_connection(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    register_over(&rig, 1, "sip:a@h", 0, 1);
    register_over(&rig, 2, "sip:a@h", UINT64_MAX, 1);
    assert_int_equal(location_remove_connection(rig.location, 0), 0);
    assert_int_equal(location_remove_connection(rig.location, UINT64_MAX), 0);
    assert_int_equal(count_bindings(&rig), 2);
    rig_fini(&rig);
}

static void test_bindings_are_found_by_ruid(void **state)
{
    struct binding *found;
    struct rig rig;

    (void)state;
    rig_init(&rig);
    register_over(&rig, 1, "sip:a@h", 7, 1);
    assert_int_equal(location_find_ruid(rig.location, rig.bindings[0].ruid, 1000001, &rig.arena,
                                        &found),
                     ERR_NONE);
    assert_true(str_eq(found->aor, STR("user-1")));
    assert_int_equal(location_find_ruid(rig.location, rig.bindings[0].ruid, 1000000 + 3600000,
                                        &rig.arena, &found),
                     ERR_NOT_FOUND);
    assert_int_equal(location_find_ruid(rig.location, STR("0123"), 0, &rig.arena, &found),
                     ERR_NOT_FOUND);
    rig_fini(&rig);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_bindings_of_a_connection_go),
        cmocka_unit_test(test_a_binding_that_moved_on_stays),
        cmocka_unit_test(test_datagrams_and_lost_connections_are_no_connection),
        cmocka_unit_test(test_bindings_are_found_by_ruid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
