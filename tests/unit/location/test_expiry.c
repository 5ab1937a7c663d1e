/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <stdio.h>

enum {
    START = 1000000, /* the time of update_of() */
};

struct log {
    unsigned counts[4]; /* by enum location_event */
    unsigned visits;
    struct location *location;
};

static void note_event(void *context, enum location_event event, const struct binding *binding)
{
    struct log *log = context;

    assert_int_equal(binding->ruid.len, 16);
    assert_true(str_eq(binding->table, STR("location")));
    log->counts[event]++;
}

static void note_visit(void *context, const struct binding *binding)
{
    struct log *log = context;

    log->visits++;
    /* A visitor may call whatever it likes. */
    if (log->location)
        location_ping_sent(log->location, binding->ruid, START);
}

static enum err register_one(struct rig *rig, const char *uri, uint32_t expires)
{
    struct location_contact contact = contact_of(uri, expires);
    struct location_update update = update_of(&contact, 1);

    return rig_register(rig, &update);
}

static void test_binding_expires_on_the_second(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    assert_int_equal(register_one(&rig, "sip:a@h", 3600), ERR_NONE);
    assert_int_equal(rig_find(&rig, START + 3599999), ERR_NONE);
    assert_int_equal(rig_find(&rig, START + 3600000), ERR_NOT_FOUND);
    rig_fini(&rig);
}

static void test_finding_removes_nothing_the_walk_does(void **state)
{
    struct location_counters counters;
    struct log log = { .visits = 0 };
    struct rig rig;

    (void)state;
    rig_init(&rig);
    location_watch(rig.location, note_event, &log);
    assert_int_equal(register_one(&rig, "sip:a@h", 10), ERR_NONE);
    assert_int_equal(register_one(&rig, "sip:b@h", 20), ERR_NONE);
    assert_int_equal(rig_find(&rig, START + 30000), ERR_NOT_FOUND);
    location_read_counters(rig.location, &counters);
    assert_int_equal(counters.bindings, 2);
    location_each(rig.location, 0, 1, START + 10000, note_visit, &log);
    location_read_counters(rig.location, &counters);
    assert_int_equal(counters.bindings, 1);
    assert_int_equal(counters.expired, 1);
    assert_int_equal(counters.aors, 1);
    assert_int_equal(log.visits, 1);
    location_each(rig.location, 0, 1, START + 20000, NULL, NULL);
    location_read_counters(rig.location, &counters);
    assert_int_equal(counters.bindings, 0);
    assert_int_equal(counters.expired, 2);
    assert_int_equal(counters.aors, 0);
    assert_int_equal(log.counts[BINDING_EXPIRED], 2);
    rig_fini(&rig);
}

static void test_watchers_hear_of_every_change(void **state)
{
    struct log log = { .visits = 0 };
    struct log other = { .visits = 0 };
    struct rig rig;

    (void)state;
    rig_init(&rig);
    location_watch(rig.location, note_event, &log);
    location_watch(rig.location, note_event, &other);
    assert_int_equal(register_one(&rig, "sip:a@h", 10), ERR_NONE);
    assert_int_equal(register_one(&rig, "sip:b@h", 10), ERR_NONE);
    assert_int_equal(location_remove_ruid(rig.location, rig.bindings[0].ruid), ERR_NONE);
    location_watch(rig.location, NULL, &other);
    assert_int_equal(location_remove(rig.location, STR("location"), STR("alice@example.com")),
                     ERR_NONE);
    assert_int_equal(log.counts[BINDING_INSERTED], 2);
    assert_int_equal(log.counts[BINDING_REMOVED], 2);
    assert_int_equal(other.counts[BINDING_REMOVED], 1);
    rig_fini(&rig);
}

static void test_refused_update_is_not_reported(void **state)
{
    struct location_contact contacts[] = { contact_of("sip:b@h", 10), contact_of("sip:a@h", 10) };
    struct location_update update = update_of(contacts, 2);
    struct log log = { .visits = 0 };
    struct rig rig;

    (void)state;
    rig_init(&rig);
    assert_int_equal(register_one(&rig, "sip:a@h", 10), ERR_NONE);
    location_watch(rig.location, note_event, &log);
    update.cseq = 0;
    assert_int_equal(rig_register(&rig, &update), ERR_NOT_NOW);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(log.counts[i], 0);
    rig_fini(&rig);
}

static void fill(struct rig *rig, unsigned count)
{
    char aor[32];

    for (unsigned i = 0; i < count; i++) {
        struct location_contact contact = contact_of("sip:a@h", 3600);
        struct location_update update = update_of(&contact, 1);

        snprintf(aor, sizeof aor, "user-%u@example.com", i);
        update.aor = str_of(aor);
        assert_int_equal(rig_register(rig, &update), ERR_NONE);
        arena_fini(&rig->arena);
    }
}

static void test_slices_share_the_work_and_visit_each_once(void **state)
{
    static const unsigned slice_counts[] = { 1, 3, 60, 1024, 5000 };
    struct rig rig;

    (void)state;
    rig_init(&rig);
    fill(&rig, 2000);
    for (unsigned i = 0; i < sizeof slice_counts / sizeof slice_counts[0]; i++) {
        unsigned slices = slice_counts[i];
        unsigned total = 0;

        for (unsigned slice = 0; slice < slices; slice++) {
            struct log log = { .location = rig.location };

            location_each(rig.location, slice, slices, START, note_visit, &log);
            assert_true(slices > 60 || log.visits < 4000 / slices);
            total += log.visits;
        }
        assert_int_equal(total, 2000);
    }
    rig_fini(&rig);
}

static void test_missed_pings_are_counted(void **state)
{
    struct rig rig;
    struct str ruid;

    (void)state;
    rig_init(&rig);
    assert_int_equal(register_one(&rig, "sip:a@h", 3600), ERR_NONE);
    ruid = rig.bindings[0].ruid;
    location_ping_sent(rig.location, ruid, START + 1000);
    assert_int_equal(rig_find(&rig, START), ERR_NONE);
    assert_int_equal(rig.bindings[0].missed_pings, 0);
    assert_int_equal(rig.bindings[0].ping_sent_at, START + 1000);
    location_ping_sent(rig.location, ruid, START + 2000);
    location_ping_sent(rig.location, ruid, START + 3000);
    assert_int_equal(rig_find(&rig, START), ERR_NONE);
    assert_int_equal(rig.bindings[0].missed_pings, 2);
    location_ping_answered(rig.location, ruid, START + 3042);
    location_ping_answered(rig.location, ruid, START + 3999);
    assert_int_equal(rig_find(&rig, START), ERR_NONE);
    assert_int_equal(rig.bindings[0].missed_pings, 0);
    assert_int_equal(rig.bindings[0].round_trip, 42);
    location_ping_sent(rig.location, STR("nobody"), START);
    location_ping_answered(rig.location, STR("nobody"), START);
    rig_fini(&rig);
}

static struct binding stored(const char *ruid, const char *uri)
{
    return (struct binding){ .table = STR("location"),
                             .aor = STR("alice@example.com"),
                             .contact = str_of(uri),
                             .ruid = str_of(ruid),
                             .q = -1,
                             .cseq = 9,
                             .call_id = STR("call-1"),
                             .expires_at = START + 60000,
                             .updated_at = START - 1000 };
}

static void test_restored_bindings(void **state)
{
    struct binding first = stored("uloc-5f2b1c3d-1a2b-1", "sip:a@h");
    struct binding moved = stored("uloc-5f2b1c3d-1a2b-1", "sip:b@h");
    struct binding older = stored("uloc-5f2b1c3d-1a2b-1", "sip:older@h");
    struct binding nameless = stored("", "sip:c@h");
    struct binding foreign = stored("uloc-5f2b1c3d-1a2b-1", "sip:a@h");
    struct binding forever = stored("uloc-2", "sip:d@h");
    struct rig rig;

    (void)state;
    rig_init(&rig);
    foreign.aor = STR("bob@example.com");
    moved.updated_at += 1000;
    older.updated_at += 999;
    forever.expires_at = BINDING_FOREVER;
    assert_int_equal(location_restore(rig.location, &first), ERR_NONE);
    assert_int_equal(location_restore(rig.location, &older), ERR_NOT_NOW);
    assert_int_equal(location_restore(rig.location, &moved), ERR_NONE);
    assert_int_equal(location_restore(rig.location, &nameless), ERR_NONE);
    assert_int_equal(location_restore(rig.location, &foreign), ERR_EXISTS);
    assert_int_equal(location_restore(rig.location, &forever), ERR_NONE);
    assert_int_equal(rig_find(&rig, START), ERR_NONE);
    assert_int_equal(rig.count, 3);
    assert_int_equal(rig_find(&rig, START + 60000), ERR_NONE);
    assert_int_equal(rig.count, 1);
    assert_true(str_eq(rig.bindings[0].contact, STR("sip:d@h")));
    assert_int_equal(location_remove_ruid(rig.location, first.ruid), ERR_NONE);
    rig_fini(&rig);
}

static void test_restored_binding_keeps_the_order_of_requests(void **state)
{
    struct binding binding = stored("uloc-1", "sip:a@h");
    struct rig rig;

    (void)state;
    rig_init(&rig);
    binding.updated_at = START - 30000;
    assert_int_equal(location_restore(rig.location, &binding), ERR_NONE);
    assert_int_equal(register_one(&rig, "sip:a@h", 60), ERR_NOT_NOW);
    rig_fini(&rig);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binding_expires_on_the_second),
        cmocka_unit_test(test_finding_removes_nothing_the_walk_does),
        cmocka_unit_test(test_watchers_hear_of_every_change),
        cmocka_unit_test(test_refused_update_is_not_reported),
        cmocka_unit_test(test_slices_share_the_work_and_visit_each_once),
        cmocka_unit_test(test_missed_pings_are_counted),
        cmocka_unit_test(test_restored_bindings),
        cmocka_unit_test(test_restored_binding_keeps_the_order_of_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
