/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of strangers as acc gives them to databases, names of tables, and moments. */
#include "../../../modules/acc/acc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void test_texts_are_cleaned_and_cut(void **state)
{
    static const struct {
        const char *what;
        struct str text;
        unsigned width;
        struct str wanted;
    } rows[] = {
        { "empty", STR_INIT(""), 4, STR_INIT("") },
        { "fits", STR_INIT("abcd"), 4, STR_INIT("abcd") },
        { "too long", STR_INIT("abcde"), 4, STR_INIT("abcd") },
        { "characters count, not bytes", STR_INIT("\xc3\xa4\xc3\xb6\xc3\xbc"), 2,
          STR_INIT("\xc3\xa4\xc3\xb6") },
        { "four bytes", STR_INIT("\xf0\x9f\x93\x9e!"), 1, STR_INIT("\xf0\x9f\x93\x9e") },
        { "a line end", STR_INIT("a\r\nb"), 20, STR_INIT("a\\x0d\\x0ab") },
        { "NUL", STR_INIT("a\0b"), 20, STR_INIT("a\\x00b") },
        { "delete", STR_INIT("\x7f"), 20, STR_INIT("\\x7f") },
        { "no UTF-8", STR_INIT("a\xff\x62"), 20, STR_INIT("a\\xffb") },
        { "overlong", STR_INIT("\xc0\xaf"), 20, STR_INIT("\\xc0\\xaf") },
        { "a surrogate", STR_INIT("\xed\xa0\x80"), 20, STR_INIT("\\xed\\xa0\\x80") },
        { "broken off", STR_INIT("a\xe2\x82"), 20, STR_INIT("a\\xe2\\x82") },
        { "no half of an escape", STR_INIT("ab\x01"), 5, STR_INIT("ab") },
        { "markup is text", STR_INIT("<script>'\""), 20, STR_INIT("<script>'\"") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        struct str got;

        arena_init(&arena, NULL, 4096);
        got = text_clean(&arena, rows[i].text, rows[i].width);
        if (!str_eq(got, rows[i].wanted))
            fail_msg("%s: \"" STR_FMT "\"", rows[i].what, STR_ARG(got));
        arena_fini(&arena);
    }
}

static void test_names_of_tables(void **state)
{
    (void)state;
    assert_true(text_is_table(STR("acc")));
    assert_true(text_is_table(STR("billing.missed_calls2")));
    assert_false(text_is_table(STR("")));
    assert_false(text_is_table(STR("acc; DROP TABLE acc")));
    assert_false(text_is_table(STR("a.b.c")));
    assert_false(text_is_table(STR("acc\"")));
    assert_false(
        text_is_table(STR("a2345678901234567890123456789012345678901234567890123456789012345")));
}

static void test_moments(void **state)
{
    const struct acc utc = { .db_localtime = 0 }, local = { .db_localtime = 1 };
    const wall_msec when = UINT64_C(1000000000042);
    struct arena arena;

    (void)state;
    setenv("TZ", "XXX+3", 1);
    tzset();
    arena_init(&arena, NULL, 4096);
    assert_true(str_eq(moment_fraction(&arena, when), STR("1000000000.042")));
    assert_true(str_eq(moment_column(&utc, &arena, when), STR("2001-09-09 01:46:40")));
    assert_true(str_eq(moment_column(&local, &arena, when), STR("2001-09-08 22:46:40")));
    assert_true(str_eq(moment_formatted(&arena, when, STR("%d.%m. %H"), false), STR("09.09. 01")));
    assert_true(str_is_empty(moment_formatted(&arena, when, STR(""), false)));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_cleaned_and_cut),
        cmocka_unit_test(test_names_of_tables),
        cmocka_unit_test(test_moments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
