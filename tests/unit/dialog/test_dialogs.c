/* SPDX-License-Identifier: Apache-2.0 */
/* Dialogs as states x events (RFC 3261 §12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/prng.h"
#include "dialog/dialogs.h"

struct world {
    struct wheel wheel;
    struct prng prng;
    struct dialog_rules rules;
    struct dialogs *dialogs;
    unsigned moments[DIALOG_FAILED + 1];
    unsigned timeouts;
    enum dialog_end last_end;
    bool hangs_up_at_start;
};

static void on_moment(void *context, struct dialog *dialog, enum dialog_moment moment)
{
    struct world *world = context;

    world->moments[moment]++;
    world->last_end = dialog->end;
    if (moment == DIALOG_STARTED && world->hangs_up_at_start)
        assert_true(dialog_kill(dialog, DIALOG_END_REQUEST));
    if (moment == DIALOG_FINISHED)
        assert_false(dialog_kill(dialog, DIALOG_END_REQUEST));
}

/* Whoever tries to kill it while its time runs out comes too late. */
static void on_timeout(void *context, struct dialog *dialog)
{
    struct world *world = context;

    world->timeouts++;
    assert_false(dialog_kill(dialog, DIALOG_END_REQUEST));
}

static void open_world(struct world *world, unsigned most)
{
    const struct dialogs_user user = { world, on_moment, on_timeout };
    struct dialogs_settings settings = { .rules = &world->rules, .index = 1, .count = 3 };

    *world = (struct world){ .rules = { .lifetime = 600000,
                                        .early_timeout = 300000,
                                        .unacknowledged_timeout = 60000,
                                        .entries = 16,
                                        .dialogs_max = most } };
    wheel_init(&world->wheel, 1000);
    prng_init(&world->prng, 5);
    assert_int_equal(dialogs_create(&settings, &world->wheel, &world->prng.source, &user,
                                    &world->dialogs),
                     ERR_NONE);
}

static void close_world(struct world *world)
{
    dialogs_destroy(world->dialogs);
    assert_int_equal(world->wheel.count, 0);
}

static void wait(struct world *world, msec delay)
{
    wheel_advance(&world->wheel, world->wheel.now + delay);
}

static enum err make(struct world *world, const char *call_id, const char *tag, struct dialog **out)
{
    const struct dialog_new made = {
        .call_id = str_of(call_id),
        .uri = STR("sip:bob@example.com"),
        .caller = { .tag = str_of(tag),
                    .uri = STR("sip:alice@example.com"),
                    .contact = STR("sip:alice@10.0.0.2"),
                    .routes = STR("<sip:192.0.2.9;lr>"),
                    .cseq = 7 },
        .callee_uri = STR("sip:bob@example.com"),
        .wall = 1000,
    };

    return dialogs_make(world->dialogs, &made, out);
}

static struct dialog_told callee(const char *tag)
{
    return (struct dialog_told){ .tag = str_of(tag),
                                 .uri = STR("sip:bob@example.com"),
                                 .contact = STR("sip:bob@10.0.0.3") };
}

static void answer(struct dialog *dialog, const char *tag)
{
    const struct dialog_told told = callee(tag);

    assert_true(dialog_answer(dialog, &told, 2000));
}

static struct dialog *find(const struct world *world, const char *from, const char *to,
                           enum dialog_side *side)
{
    return dialogs_match(world->dialogs, STR("c1"), str_of(from), str_of(to), side);
}

static struct dialog *answered(struct world *world)
{
    struct dialog *dialog;

    assert_int_equal(make(world, "c1", "a", &dialog), ERR_NONE);
    answer(dialog, "b");
    return dialog;
}

/* ---- the usual life ---- */

static void test_a_call_goes_through_its_states(void **state)
{
    const struct dialog_told told = callee("b");
    struct world world;
    struct dialog *dialog;
    enum dialog_side side;

    (void)state;
    open_world(&world, 0);
    assert_int_equal(make(&world, "c1", "a", &dialog), ERR_NONE);
    assert_int_equal(dialog->state, DIALOG_UNCONFIRMED);
    dialog_progress(dialog, &told);
    dialog_progress(dialog, &told);
    assert_int_equal(dialog->state, DIALOG_EARLY);
    assert_int_equal(world.moments[DIALOG_RINGS], 1);
    assert_ptr_equal(find(&world, "a", "b", &side), dialog);
    answer(dialog, "b");
    answer(dialog, "b");
    assert_int_equal(dialog->state, DIALOG_UNACKNOWLEDGED);
    assert_int_equal(world.moments[DIALOG_STARTED], 1);
    assert_int_equal(dialog->started_wall, 2000);
    dialog_acknowledge(dialog);
    assert_int_equal(dialog->state, DIALOG_CONFIRMED);
    assert_ptr_equal(find(&world, "a", "b", &side), dialog);
    assert_int_equal(side, DIALOG_CALLER);
    assert_ptr_equal(find(&world, "b", "a", &side), dialog);
    assert_int_equal(side, DIALOG_CALLEE);
    assert_null(find(&world, "a", "x", &side));
    dialog_bye(dialog);
    assert_int_equal(world.moments[DIALOG_FINISHED], 1);
    assert_int_equal(world.last_end, DIALOG_END_BYE);
    assert_int_equal(dialogs_count(world.dialogs), 0);
    close_world(&world);
}

static void test_texts_are_kept_and_refreshed(void **state)
{
    struct world world;
    struct dialog *dialog;

    (void)state;
    open_world(&world, 0);
    dialog = answered(&world);
    assert_true(str_eq(dialog->parties[DIALOG_CALLER].routes, STR("<sip:192.0.2.9;lr>")));
    assert_true(str_eq(dialog->parties[DIALOG_CALLEE].contact, STR("sip:bob@10.0.0.3")));
    dialog_refresh(dialog, DIALOG_CALLEE, STR("sip:bob@192.0.2.77:5099"));
    dialog_refresh(dialog, DIALOG_CALLEE, STR(""));
    assert_true(str_eq(dialog->parties[DIALOG_CALLEE].contact, STR("sip:bob@192.0.2.77:5099")));
    assert_true(str_eq(dialog->parties[DIALOG_CALLEE].tag, STR("b")));
    assert_true(dialogs_bytes(world.dialogs) < 2048);
    print_message("%zu bytes a dialog\n", dialogs_bytes(world.dialogs));
    close_world(&world);
}

static void test_requests_are_in_order_or_not(void **state)
{
    struct world world;
    struct dialog *dialog;

    (void)state;
    open_world(&world, 0);
    dialog = answered(&world);
    assert_false(dialog_is_in_order(dialog, DIALOG_CALLER, STR("b"), 6));
    assert_true(dialog_is_in_order(dialog, DIALOG_CALLER, STR("b"), 7));
    dialog_note_cseq(dialog, DIALOG_CALLER, STR("b"), 9);
    dialog_note_cseq(dialog, DIALOG_CALLER, STR("b"), 8);
    assert_false(dialog_is_in_order(dialog, DIALOG_CALLER, STR("b"), 8));
    assert_true(dialog_is_in_order(dialog, DIALOG_CALLEE, STR("b"), 1));
    close_world(&world);
}

/* ---- forks ---- */

static void test_every_2xx_is_a_dialog(void **state)
{
    const struct dialog_told left = callee("l"), right = callee("r");
    struct world world;
    struct dialog *dialog, *other;
    enum dialog_side side;

    (void)state;
    open_world(&world, 0);
    assert_int_equal(make(&world, "c1", "a", &dialog), ERR_NONE);
    dialog_progress(dialog, &left);
    dialog_progress(dialog, &right);
    dialog_note_cseq(dialog, DIALOG_CALLER, STR("r"), 8); /* a PRACK to the right one */
    assert_false(dialog_is_in_order(dialog, DIALOG_CALLER, STR("r"), 7));
    assert_true(dialog_is_in_order(dialog, DIALOG_CALLER, STR("l"), 7));
    assert_int_equal(dialog_set_note(dialog, NULL, STR("k"), STR("v")), ERR_NONE);
    answer(dialog, "r");
    assert_int_equal(dialog->parties[DIALOG_CALLER].cseq, 8);
    answer(dialog, "l");
    assert_int_equal(world.moments[DIALOG_FORKED], 1);
    assert_int_equal(dialogs_count(world.dialogs), 2);
    other = find(&world, "l", "a", &side);
    assert_non_null(other);
    assert_ptr_not_equal(other, dialog);
    assert_int_equal(other->cookie, dialog->cookie);
    assert_int_not_equal(other->id, dialog->id);
    assert_non_null(dialog_find_note(other, NULL, STR("k")));
    dialog_bye(dialog);
    assert_ptr_equal(find(&world, "l", "a", &side), other);
    close_world(&world);
}

static void test_nobody_makes_dialogs_without_end(void **state)
{
    struct world world;
    struct dialog *dialog;
    char tag[16];
    unsigned refused = 0;

    (void)state;
    open_world(&world, 40);
    dialog = answered(&world);
    for (unsigned i = 0; i < 100; i++) {
        struct dialog_told told;

        snprintf(tag, sizeof tag, "t%u", i);
        told = callee(tag);
        refused += !dialog_answer(dialog, &told, 1);
    }
    assert_int_equal(dialogs_count(world.dialogs), 16);
    assert_int_equal(refused, 85);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(tag, sizeof tag, "u%u", i);
        refused += make(&world, "c2", tag, &dialog) == ERR_LIMIT;
    }
    assert_int_equal(dialogs_count(world.dialogs), 40);
    close_world(&world);
}

/* ---- ends ---- */

static void test_a_failed_invite_ends_it(void **state)
{
    struct world world;
    struct dialog *dialog;

    (void)state;
    open_world(&world, 0);
    assert_int_equal(make(&world, "c1", "a", &dialog), ERR_NONE);
    assert_false(dialog_kill(dialog, DIALOG_END_REQUEST));
    dialog_fail(dialog);
    assert_int_equal(world.moments[DIALOG_FAILED], 1);
    assert_int_equal(dialogs_count(world.dialogs), 0);
    dialog = answered(&world);
    dialog_fail(dialog); /* another branch, too late */
    assert_int_equal(dialogs_count(world.dialogs), 1);
    close_world(&world);
}

static void test_time_runs_out_in_every_state(void **state)
{
    struct world world;
    struct dialog *dialog;

    (void)state;
    open_world(&world, 0);
    assert_int_equal(make(&world, "c1", "a", &dialog), ERR_NONE);
    wait(&world, 299999);
    assert_int_equal(world.moments[DIALOG_FAILED], 0);
    wait(&world, 1);
    assert_int_equal(world.moments[DIALOG_FAILED], 1);
    answered(&world);
    wait(&world, 60000);
    assert_int_equal(world.last_end, DIALOG_END_NO_ACK);
    dialog = answered(&world);
    dialog_acknowledge(dialog);
    wait(&world, 599999);
    assert_int_equal(dialogs_count(world.dialogs), 1);
    wait(&world, 1);
    assert_int_equal(world.last_end, DIALOG_END_TIMEOUT);
    assert_int_equal(world.timeouts, 2);
    assert_int_equal(world.moments[DIALOG_FINISHED], 2);
    close_world(&world);
}

static void test_a_new_lifetime_counts_from_now(void **state)
{
    struct world world;
    struct dialog *dialog;

    (void)state;
    open_world(&world, 0);
    dialog = answered(&world);
    dialog_acknowledge(dialog);
    wait(&world, 500000);
    dialog_live(dialog, 200000);
    wait(&world, 199999);
    assert_int_equal(dialog_left(dialog), 1);
    wait(&world, 1);
    assert_int_equal(dialogs_count(world.dialogs), 0);
    close_world(&world);
}

static void test_it_may_be_killed_as_it_starts(void **state)
{
    struct world world;
    struct dialog *dialog;

    (void)state;
    open_world(&world, 0);
    world.hangs_up_at_start = true;
    assert_int_equal(make(&world, "c1", "a", &dialog), ERR_NONE);
    answer(dialog, "b");
    assert_int_equal(dialogs_count(world.dialogs), 0);
    close_world(&world);
}

/* ---- notes, and all of it at random ---- */

static void test_notes_have_owners_and_bounds(void **state)
{
    static const char owner;
    struct world world;
    struct dialog *dialog;
    char key[16], large[DIALOG_NOTE_SIZE_MAX] = { 0 };

    (void)state;
    open_world(&world, 0);
    dialog = answered(&world);
    assert_int_equal(dialog_set_note(dialog, &owner, STR("k"), STR("1")), ERR_NONE);
    assert_null(dialog_find_note(dialog, NULL, STR("k")));
    assert_int_equal(dialog_set_note(dialog, &owner, STR("k"), STR("22")), ERR_NONE);
    assert_true(str_eq(dialog_find_note(dialog, &owner, STR("k"))->value, STR("22")));
    assert_true(dialog_remove_note(dialog, &owner, STR("k")));
    assert_false(dialog_remove_note(dialog, &owner, STR("k")));
    assert_int_equal(
        dialog_set_note(dialog, NULL, STR("k"), (struct str){ large, sizeof large }), ERR_LIMIT);
    for (unsigned i = 0; i < DIALOG_NOTES_MAX; i++) {
        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(dialog_set_note(dialog, NULL, str_of(key), STR("v")), ERR_NONE);
    }
    assert_int_equal(dialog_set_note(dialog, NULL, STR("more"), STR("v")), ERR_LIMIT);
    close_world(&world);
}

/* Whatever happens in whatever order, every dialog that was made has one end. */
static void test_random_events_leave_nothing(void **state)
{
    static const char *const tags[] = { "b", "c", "d" };
    struct world world;
    struct dialog *dialog;

    (void)state;
    open_world(&world, 0);
    for (unsigned i = 0; i < 200000; i++) {
        struct dialog_told told = callee(tags[random_below(&world.prng.source, 3)]);
        char call_id[8];
        enum dialog_side side;

        snprintf(call_id, sizeof call_id, "c%u", random_below(&world.prng.source, 20));
        dialog = dialogs_find_call(world.dialogs, str_of(call_id), STR("a"));
        if (!dialog)
            assert_int_equal(make(&world, call_id, "a", &dialog), ERR_NONE);
        switch (random_below(&world.prng.source, 9)) {
        case 0: dialog_progress(dialog, &told); break;
        case 1: dialog_answer(dialog, &told, 1); break;
        case 2: dialog_fail(dialog); break;
        case 3: dialog_acknowledge(dialog); break;
        case 4: dialog_bye(dialog); break;
        case 5: dialog_kill(dialog, DIALOG_END_MEDIA); break;
        case 6: dialog_live(dialog, 1 + random_below(&world.prng.source, 5000)); break;
        case 7: dialogs_match(world.dialogs, str_of(call_id), told.tag, STR("a"), &side); break;
        default: wait(&world, random_below(&world.prng.source, 3000)); break;
        }
    }
    wait(&world, 1000000);
    assert_int_equal(dialogs_count(world.dialogs), 0);
    assert_int_equal(world.moments[DIALOG_MADE] + world.moments[DIALOG_FORKED],
                     world.moments[DIALOG_FAILED] + world.moments[DIALOG_FINISHED]);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_goes_through_its_states),
        cmocka_unit_test(test_texts_are_kept_and_refreshed),
        cmocka_unit_test(test_requests_are_in_order_or_not),
        cmocka_unit_test(test_every_2xx_is_a_dialog),
        cmocka_unit_test(test_nobody_makes_dialogs_without_end),
        cmocka_unit_test(test_a_failed_invite_ends_it),
        cmocka_unit_test(test_time_runs_out_in_every_state),
        cmocka_unit_test(test_a_new_lifetime_counts_from_now),
        cmocka_unit_test(test_it_may_be_killed_as_it_starts),
        cmocka_unit_test(test_notes_have_owners_and_bounds),
        cmocka_unit_test(test_random_events_leave_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
