/* SPDX-License-Identifier: Apache-2.0 */
/* What the module dispatcher knows of destinations, and whom it chooses. */
#include "../../../modules/dispatcher/calls.h"
#include "../../../modules/dispatcher/choose.h"

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* ---- states ---- */

/* f: a failure, a: an answer; capital letters and D are the state that is to be shown then. */
static void test_states_follow_failures_and_answers(void **state)
{
    static const struct {
        const char *what, *events, *shown;
        unsigned flags;
        struct state_rules rules;
    } rows[] = {
        { "one failure is enough", "f", "IX", 0, { 1, 1, false, false } },
        { "two of three are not", "ff", "TX", 0, { 3, 1, false, false } },
        { "three of three", "fff", "IX", 0, { 3, 1, false, false } },
        { "an answer between forgets them", "ffaff", "TX", 0, { 3, 1, false, false } },
        { "who fails is asked", "f", "IP", 0, { 1, 1, true, false } },
        { "and not any more when it is back", "fa", "AX", 0, { 1, 1, true, false } },
        { "or always", "fa", "AP", 0, { 1, 1, true, true } },
        { "one answer of two", "fa", "IP", 0, { 1, 2, true, true } },
        { "two answers of two", "faa", "AP", 0, { 1, 2, true, true } },
        { "a failure between forgets answers", "fafa", "IP", 0, { 1, 2, true, true } },
        { "disabled is disabled", "aaa", "DX", DEST_DISABLED, { 1, 1, true, true } },
        { "whatever fails", "fff", "DX", DEST_DISABLED, { 1, 1, true, true } },
        { "trying becomes active", "a", "AX", DEST_TRYING, { 1, 1, false, false } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t now = state_of(rows[i].flags);
        char room[2];
        for (const char *event = rows[i].events; *event; event++)
            now = *event == 'f' ? state_after_failure(now, &rows[i].rules)
                                : state_after_answer(now, &rows[i].rules);
        if (!str_eq(state_name(now, room), str_of(rows[i].shown)))
            fail_msg("%s: shown as %.2s, not %s", rows[i].what, room, rows[i].shown);
    }
}

static void test_counts_do_not_run_into_flags(void **state)
{
    const struct state_rules rules = { 4095, 4095, false, true };
    uint32_t now = state_of(DEST_PROBING);

    (void)state;
    for (unsigned i = 0; i < 10000; i++)
        now = state_after_failure(now, &rules);
    assert_int_equal(state_flags(now), DEST_INACTIVE | DEST_PROBING);
    for (unsigned i = 0; i < 10000; i++)
        now = state_after_answer(now, &rules);
    assert_int_equal(state_flags(now), DEST_PROBING);
}

static void test_letters_of_states(void **state)
{
    static const struct {
        const char *text;
        enum err err;
        unsigned flags;
    } rows[] = {
        { "a", ERR_NONE, 0 },          { "IP", ERR_NONE, DEST_INACTIVE | DEST_PROBING },
        { "0", ERR_NONE, DEST_INACTIVE }, { "1", ERR_NONE, 0 },
        { "2", ERR_NONE, DEST_PROBING }, { "dp", ERR_NONE, DEST_DISABLED | DEST_PROBING },
        { "", ERR_SYNTAX, 0 },         { "x", ERR_SYNTAX, 0 },
        { "ax", ERR_SYNTAX, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned flags = 99;
        assert_int_equal(state_letters(str_of(rows[i].text), &flags), rows[i].err);
        assert_int_equal(flags, rows[i].err ? 99 : rows[i].flags);
    }
    assert_int_equal(state_letters((struct str){ "a\0", 2 }, &(unsigned){ 0 }), ERR_SYNTAX);
}

/* ---- lists ---- */

static void test_lines_of_lists(void **state)
{
    static const struct {
        const char *line;
        enum err err;
    } rows[] = {
        { "1 sip:a", ERR_NONE },
        { "  2   sip:b:5060;transport=tcp\t0 10 duid=x;weight=5  # and so on", ERR_NONE },
        { "3 sips:[2001:db8::1]:5061 8", ERR_NONE },
        { "", ERR_NOT_FOUND },
        { "# nothing", ERR_NOT_FOUND },
        { "sip:a 1", ERR_SYNTAX },
        { "-1 sip:a", ERR_SYNTAX },
        { "1", ERR_SYNTAX },
        { "1 nonsense", ERR_SYNTAX },
        { "1 tel:123", ERR_SYNTAX },
        { "1 sip:a x", ERR_SYNTAX },
        { "1 sip:a 99999999999999999999", ERR_SYNTAX },
        { "1 sip:a 64", ERR_SYNTAX },
        { "1 sip:a 0 x", ERR_SYNTAX },
        { "99999999999 sip:a", ERR_SYNTAX },
    };
    struct listing *list = listing_create();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (listing_add_line(list, str_of(rows[i].line)) != rows[i].err)
            fail_msg("\"%s\" is not taken as it should be", rows[i].line);
    assert_int_equal(list->count, 3);
    assert_true(str_eq(list->items[1].attrs, STR("duid=x;weight=5")));
    listing_destroy(list);
}

struct world {
    struct book book;
    struct sets *sets;
    struct prng prng;
};

static struct sets *make_sets(struct book *book, const char *const lines[], bool is_file_order)
{
    const struct sets_rules rules = { .is_file_order = is_file_order };
    struct listing *rows = listing_create();
    struct sets *sets;

    for (unsigned i = 0; lines[i]; i++)
        assert_int_equal(listing_add_line(rows, str_of(lines[i])), ERR_NONE);
    assert_int_equal(sets_create(rows, book, &rules, &sets), ERR_NONE);
    return sets;
}

static void test_order_of_sets(void **state)
{
    static const char *const lines[] = { "7 sip:a", "1 sip:x 0 1", "7 sip:b 0 5", "7 sip:c", "7 sip:a 1", NULL };
    static const char *const orders[] = { "bac", "abc" };
    struct book book = { 0 };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct sets *sets = make_sets(&book, lines, i == 1);
        const struct set *set = sets_find(sets, 7);
        assert_int_equal(sets->count, 2);
        assert_int_equal(set->count, 3);
        for (unsigned j = 0; j < 3; j++)
            assert_int_equal(set->dests[j].uri.ptr[4], orders[i][j]);
        assert_null(sets_find(sets, 2));
        sets_destroy(sets);
    }
    book_fini(&book);
}

static void test_states_outlive_lists(void **state)
{
    static const char *const first[] = { "1 sip:a", "1 sip:b 1", NULL };
    static const char *const second[] = { "1 sip:b", "1 sip:a", NULL };
    const struct state_rules rules = { 1, 1, false, false };
    struct book book = { 0 };
    struct sets *old = make_sets(&book, first, true), *new;
    struct live *live = old->items[0].dests[0].live;
    bool is_up;

    (void)state;
    assert_true(live_fails(live, &rules, &is_up));
    assert_false(is_up);
    new = make_sets(&book, second, true);
    sets_destroy(old);
    assert_ptr_equal(new->items[0].dests[1].live, live);
    assert_false(live_is_usable(live));                           /* as it was learned */
    assert_true(live_is_usable(new->items[0].dests[0].live)); /* the list has another mind now */
    sets_destroy(new);
    book_fini(&book);
}

/* ---- choosing ---- */

static void take(struct world *world, const char *const lines[])
{
    memset(world, 0, sizeof *world);
    prng_init(&world->prng, 7);
    world->sets = make_sets(&world->book, lines, true);
}

static void leave(struct world *world)
{
    sets_destroy(world->sets);
    book_fini(&world->book);
}

/* The order as letters: destinations are sip:a, sip:b… */
static const char *order_of(struct world *world, struct choice choice)
{
    static char text[16];
    struct dest *found[8];
    unsigned count;

    choice.random = &world->prng.source;
    count = choose(&world->sets->items[0], &choice, found);
    for (unsigned i = 0; i < count; i++)
        text[i] = found[i]->uri.ptr[4];
    text[count] = '\0';
    return text;
}

static void test_orders_of_algorithms(void **state)
{
    static const char *const lines[] = { "1 sip:a 0 0 weight=0", "1 sip:b 0 0 weight=5;rweight=9", "1 sip:c 1 0 rweight=9", "1 sip:d", NULL };
    struct world world;

    (void)state;
    take(&world, lines);
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_FIRST }), "abd");
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_FIRST, .limit = 2 }), "ab");
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_TURN }), "abd");
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_TURN }), "bda");
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_TURN }), "dab");
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_WEIGHT }), "bda");
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_RELATIVE }), "bda");
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_FIRST, .has_default = true }), "abd");
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_HASH, .key = 4 * 29 + 1 }),
                        order_of(&world, (struct choice){ .pick = PICK_HASH, .key = 4 * 29 + 1 }));
    leave(&world);
}

static void test_default_is_used_when_there_is_no_other(void **state)
{
    static const char *const lines[] = { "1 sip:a 1", "1 sip:b 1", "1 sip:c", NULL };
    static const char *const alone[] = { "1 sip:a", NULL };
    static const char *const none[] = { "1 sip:a 1", "1 sip:b 4", NULL };
    struct world world;

    (void)state;
    take(&world, lines);
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_TURN, .has_default = true }), "c");
    leave(&world);
    take(&world, alone);
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_TURN, .has_default = true }), "a");
    leave(&world);
    take(&world, none);
    for (enum pick pick = PICK_HASH; pick <= PICK_DELAY; pick++)
        assert_string_equal(order_of(&world, (struct choice){ .pick = pick, .has_default = true }), "");
    leave(&world);
}

static void test_weights_are_shares(void **state)
{
    static const char *const lines[] = { "1 sip:a 0 0 weight=25;rweight=10", "1 sip:b 0 0 weight=75;rweight=10", "1 sip:c 1 0 rweight=80", NULL };
    struct world world;
    unsigned weight = 0, relative = 0;

    (void)state;
    take(&world, lines);
    for (unsigned i = 0; i < 10000; i++) {
        weight += order_of(&world, (struct choice){ .pick = PICK_WEIGHT })[0] == 'a';
        relative += order_of(&world, (struct choice){ .pick = PICK_RELATIVE })[0] == 'a';
    }
    assert_in_range(weight, 2300, 2700);
    assert_in_range(relative, 4800, 5200);
    leave(&world);
}

static void test_fewest_calls_first_and_no_more_than_allowed(void **state)
{
    static const char *const lines[] = { "1 sip:a 0 0 maxload=1", "1 sip:b 0 0 maxload=2", NULL };
    static const char *const wanted[] = { "ab", "b", "b", "" };
    const struct calls_rules rules = { 4, 1000, 5000, 1 };
    struct calls *calls = calls_create(&rules);
    struct world world;
    char call_id[] = "call-0";

    (void)state;
    take(&world, lines);
    for (unsigned i = 0; i < 4; i++) {
        struct dest *found[2];
        assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_LOAD }), wanted[i]);
        if (choose(&world.sets->items[0], &(struct choice){ .pick = PICK_LOAD }, found)) {
            call_id[5]++;
            assert_int_equal(calls_add(calls, str_of(call_id), found[0]->live, 0), ERR_NONE);
        }
    }
    assert_true(calls_remove(calls, STR("call-1")));
    assert_false(calls_remove(calls, STR("call-1")));
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_LOAD }), "a");
    /* a call that goes on to another counts there alone */
    assert_int_equal(calls_add(calls, STR("call-2"), world.sets->items[0].dests[0].live, 0), ERR_NONE);
    assert_int_equal(world.sets->items[0].dests[0].live->calls, 1);
    assert_int_equal(world.sets->items[0].dests[1].live->calls, 1);
    calls_destroy(calls);
    assert_int_equal(world.sets->items[0].dests[0].live->calls, 0);
    leave(&world);
}

static void test_calls_end_by_time(void **state)
{
    static const char *const lines[] = { "1 sip:a", NULL };
    const struct calls_rules rules = { 4, 1000, 5000, 1 };
    struct calls *calls = calls_create(&rules);
    struct world world;
    struct live *live;

    (void)state;
    take(&world, lines);
    live = world.sets->items[0].dests[0].live;
    assert_int_equal(calls_add(calls, STR("rings"), live, 0), ERR_NONE);
    assert_int_equal(calls_add(calls, STR("talks"), live, 0), ERR_NONE);
    assert_true(calls_confirm(calls, STR("talks"), 500));
    assert_false(calls_confirm(calls, STR("nobody"), 500));
    calls_sweep(calls, 999);
    assert_int_equal(live->calls, 2);
    calls_sweep(calls, 1000);
    assert_int_equal(live->calls, 1);
    calls_sweep(calls, 5500);
    assert_int_equal(live->calls, 0);
    calls_destroy(calls);
    leave(&world);
}

static void test_delays_count_against_priorities(void **state)
{
    static const char *const lines[] = { "1 sip:a 0 30 rweight=50;cc=1", "1 sip:b 0 30 rweight=50;cc=1", NULL };
    struct world world;
    struct live *slow;
    unsigned first = 0;

    (void)state;
    take(&world, lines);
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_DELAY }), "ab");
    assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_DELAY }), "ba");
    slow = world.sets->items[0].dests[0].live;
    for (unsigned i = 0; i < 50; i++)
        live_notes_delay(slow, 10000, 500);
    for (unsigned i = 0; i < 20; i++)
        live_notes_delay(slow, 400000, 500);
    for (unsigned i = 0; i < 4; i++)
        assert_string_equal(order_of(&world, (struct choice){ .pick = PICK_DELAY }), "ba");
    for (unsigned i = 0; i < 1000; i++) /* no more than 1 of 51 is left to it */
        first += order_of(&world, (struct choice){ .pick = PICK_RELATIVE })[0] == 'a';
    assert_in_range(first, 1, 60);
    leave(&world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_follow_failures_and_answers),
        cmocka_unit_test(test_counts_do_not_run_into_flags),
        cmocka_unit_test(test_letters_of_states),
        cmocka_unit_test(test_lines_of_lists),
        cmocka_unit_test(test_order_of_sets),
        cmocka_unit_test(test_states_outlive_lists),
        cmocka_unit_test(test_orders_of_algorithms),
        cmocka_unit_test(test_default_is_used_when_there_is_no_other),
        cmocka_unit_test(test_weights_are_shares),
        cmocka_unit_test(test_fewest_calls_first_and_no_more_than_allowed),
        cmocka_unit_test(test_calls_end_by_time),
        cmocka_unit_test(test_delays_count_against_priorities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
