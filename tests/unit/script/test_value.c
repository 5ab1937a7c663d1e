/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/value.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

static void test_every_value_has_a_text(void **state)
{
    const struct {
        struct value value;
        const char *text;
    } rows[] = {
        { value_null(), "" },
        { value_of_str(STR("abc")), "abc" },
        { value_of_int(-42), "-42" },
        { value_of_int(INT64_MIN), "-9223372036854775808" },
        { value_of_both(STR("0x10"), 16), "0x10" },
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 4096);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str text;

        assert_false(value_to_str(&arena, &rows[i].value, &text));
        assert_true(str_eq(text, str_of(rows[i].text)));
    }
    arena_fini(&arena);
}

static void test_avps_are_a_stack_a_name(void **state)
{
    const struct avp_name text = { .text = STR("a") }, number = { .number = 1, .is_number = true };
    struct avps avps = { 0 };
    struct arena arena;
    struct value value;
    struct avp *avp;

    (void)state;
    arena_init(&arena, NULL, 1 << 16);
    for (int i = 1; i <= 3; i++) {
        value = value_of_int(i);
        assert_false(avp_add(&avps, &arena, &text, &value));
        value = value_of_int(10 * i);
        assert_false(avp_add(&avps, &arena, &number, &value));
    }
    avp = avp_find(&avps, &text, NULL);
    assert_int_equal(avp->value.number, 3);
    avp = avp_find(&avps, &text, avp);
    assert_int_equal(avp->value.number, 2);
    avp_remove(&avps, &text, false);
    assert_int_equal(avp_find(&avps, &text, NULL)->value.number, 2);
    avp_remove(&avps, &text, true);
    assert_null(avp_find(&avps, &text, NULL));
    assert_int_equal(avp_find(&avps, &number, NULL)->value.number, 30);
    arena_fini(&arena);
}

static void test_avps_keep_copies(void **state)
{
    char name_bytes[] = "name", text_bytes[] = "text";
    const struct avp_name name = { .text = str_of(name_bytes) };
    struct value value = value_of_str(str_of(text_bytes));
    struct avps avps = { 0 };
    struct arena arena;
    struct avp *avp;

    (void)state;
    arena_init(&arena, NULL, 4096);
    assert_false(avp_add(&avps, &arena, &name, &value));
    memset(name_bytes, 'x', 4);
    memset(text_bytes, 'x', 4);
    avp = avps.first;
    assert_true(str_eq(avp->name.text, STR("name")));
    assert_true(str_eq(avp->value.text, STR("text")));
    arena_fini(&arena);
}

static void test_avps_stop_at_the_limit_of_their_arena(void **state)
{
    const struct avp_name name = { .text = STR("a") };
    struct value value = value_of_int(1);
    struct avps avps = { 0 };
    struct arena arena;
    enum err err = ERR_NONE;

    (void)state;
    arena_init(&arena, NULL, 4096);
    for (int i = 0; i < 1000 && !err; i++)
        err = avp_add(&avps, &arena, &name, &value);
    assert_int_equal(err, ERR_NOMEM);
    assert_int_equal(avp_find(&avps, &name, NULL)->value.number, 1);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_value_has_a_text),
        cmocka_unit_test(test_avps_are_a_stack_a_name),
        cmocka_unit_test(test_avps_keep_copies),
        cmocka_unit_test(test_avps_stop_at_the_limit_of_their_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
