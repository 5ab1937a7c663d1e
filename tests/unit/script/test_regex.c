/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/regex.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "script/pattern.h"

static const struct {
    const char *pattern;
    unsigned flags;
    const char *text;
    bool matches;
} rows[] = {
    { "^sip:", REGEX_DEFAULT, "SIP:bob", true },
    { "^sip:", REGEX_CASE, "SIP:bob", false },
    { "^b", REGEX_DEFAULT, "a\nb", false },
    { "^b", REGEX_NEWLINE, "a\nb", true },
    { "a.b", REGEX_DEFAULT, "a\nb", true },
    { "a.b", REGEX_NEWLINE, "a\nb", false },
    { "(18[0-9])|(2[0-9][0-9])", REGEX_DEFAULT, "183", true },
    { "(18[0-9])|(2[0-9][0-9])", REGEX_DEFAULT, "404", false },
    { "^[]a]+$", REGEX_DEFAULT, "a]a", true },
    { "x{2,3}", REGEX_DEFAULT, "axxb", true },
    { "\\.", REGEX_DEFAULT, "a", false },
    { "", REGEX_DEFAULT, "", true },
    { "^$", REGEX_DEFAULT, "", true },
    { "[[:digit:]]+", REGEX_DEFAULT, "ab1", true },
};

static void test_patterns_match_as_posix_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct regex *regex;

        assert_false(regex_compile(str_of(rows[i].pattern), rows[i].flags, &regex, NULL, 0));
        if (regex_match(regex, str_of(rows[i].text), NULL) != rows[i].matches)
            fail_msg("\"%s\" on \"%s\"", rows[i].pattern, rows[i].text);
        regex_destroy(regex);
    }
}

static void test_groups_are_pieces_of_the_text(void **state)
{
    struct str groups[REGEX_GROUPS];
    struct regex *regex;

    (void)state;
    assert_false(regex_compile(STR("sip:([^@]+)@(x)?(.*)"), REGEX_DEFAULT, &regex, NULL, 0));
    assert_true(regex_match(regex, STR("<sip:bob@home>"), groups));
    assert_true(str_eq(groups[0], STR("sip:bob@home>")));
    assert_true(str_eq(groups[1], STR("bob")));
    assert_null(groups[2].ptr);
    assert_true(str_eq(groups[3], STR("home>")));
    regex_destroy(regex);
}

static void test_bad_patterns_say_why(void **state)
{
    static const char *const patterns[] = { "(", "[a", "a{2,1}", "*", "a{255}{255}{255}" };
    struct regex *regex;

    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        char why[100] = "";

        if (!regex_compile(str_of(patterns[i]), REGEX_DEFAULT, &regex, why, sizeof why)) {
            regex_destroy(regex); /* some are allowed as plain characters */
            assert_string_equal(patterns[i], "*");
            continue;
        }
        assert_int_not_equal(why[0], '\0');
    }
}

static void test_back_references_are_not_linear(void **state)
{
    struct regex *regex;

    (void)state;
    assert_false(regex_compile(STR("(a)\\1"), REGEX_DEFAULT, &regex, NULL, 0));
    assert_false(pattern_is_linear(regex));
    regex_destroy(regex);
    assert_false(regex_compile(STR("(a+)+b"), REGEX_DEFAULT, &regex, NULL, 0));
    assert_true(pattern_is_linear(regex));
    regex_destroy(regex);
    regex_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_match_as_posix_says),
        cmocka_unit_test(test_groups_are_pieces_of_the_text),
        cmocka_unit_test(test_bad_patterns_say_why),
        cmocka_unit_test(test_back_references_are_not_linear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
