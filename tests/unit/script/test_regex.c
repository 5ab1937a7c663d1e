/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/regex.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    static const char *const patterns[] = { "(", "[a", "a{2,1}", "*", "a{255}{255}{255}",
                                            "(a)\\1", "((a?){100}){100}", "((a|b)*){200}c" };
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

/* Whatever the pattern and however long the text: far below a second. */
static void test_no_match_takes_long(void **state)
{
    static const char *const patterns[] = { "(a+)+$",         "(a|aa)+$",      "(.*)(.*)(.*)(.*)c",
                                            "(a{1,200}){1,4}c", "((a?){20}){20}c", "((a|b|c)*){40}z" };
    size_t length = 65536;
    char *text = malloc(length);

    (void)state;
    assert_non_null(text);
    memset(text, 'a', length);
    text[length - 1] = 'b';
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct regex *regex;
        clock_t start = clock();

        assert_false(regex_compile(str_of(patterns[i]), REGEX_DEFAULT, &regex, NULL, 0));
        assert_false(regex_match(regex, (struct str){ text, length }, NULL));
        assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
        regex_destroy(regex);
    }
    free(text);
    regex_destroy(NULL);
}

static void test_costly_patterns_match_what_is_short(void **state)
{
    struct regex *regex;

    (void)state;
    assert_false(regex_compile(STR("^((a|b|c)*){40}z$"), REGEX_DEFAULT, &regex, NULL, 0));
    assert_true(regex_match(regex, STR("abcabcz"), NULL));
    assert_true(regex_steps(regex, STR("abcabcabcabcabc")) > regex_steps(regex, STR("a")));
    regex_destroy(regex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_match_as_posix_says),
        cmocka_unit_test(test_groups_are_pieces_of_the_text),
        cmocka_unit_test(test_bad_patterns_say_why),
        cmocka_unit_test(test_no_match_takes_long),
        cmocka_unit_test(test_costly_patterns_match_what_is_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
