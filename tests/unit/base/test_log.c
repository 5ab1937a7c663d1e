/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <culvert/log.h>

static char last_line[2 * LOG_TEXT_MAX];
static enum log_level last_level;
static int last_facility;
static int lines;

static void remember(enum log_level level, int facility, const char *line)
{
    last_facility = facility;
    last_level = level;
    snprintf(last_line, sizeof last_line, "%s", line);
    lines++;
}

static int use_our_sink(void **state)
{
    (void)state;
    log_set_sink(remember);
    log_set_threshold(LEVEL_DEBUG);
    lines = 0;
    return 0;
}

static int use_standard_error(void **state)
{
    (void)state;
    log_set_sink(NULL);
    return 0;
}

static void test_a_line_reaches_the_sink(void **state)
{
    (void)state;
    log_warning("%s is %d", "answer", 42);
    assert_int_equal(lines, 1);
    assert_int_equal(last_level, LEVEL_WARNING);
    assert_string_equal(last_line, "answer is 42");
}

static void test_control_bytes_are_escaped(void **state)
{
    (void)state;
    log_info("%s", "a\x1b[31m\r\nforged: line\t\x7f \xc3\xa4");
    assert_string_equal(last_line, "a\\x1b[31m\\x0d\\x0aforged: line\\x09\\x7f \xc3\xa4");
}

static void test_colours_pass_where_they_are_wanted(void **state)
{
    struct str text = STR("\x1b[0;31;49mred\x1b[0;39;49m \x1b[2J \x1b[31");

    (void)state;
    log_text(LEVEL_INFO, LOG_OWN_FACILITY, true, text);
    assert_string_equal(last_line, "\x1b[0;31;49mred\x1b[0;39;49m \\x1b[2J \\x1b[31");
    log_text(LEVEL_INFO, LOG_OWN_FACILITY, false, text);
    assert_string_equal(last_line, "\\x1b[0;31;49mred\\x1b[0;39;49m \\x1b[2J \\x1b[31");
}

static void test_facilities_have_names(void **state)
{
    int facility = LOG_OWN_FACILITY;

    (void)state;
    assert_true(log_find_facility(STR("log_local3"), &facility));
    log_text(LEVEL_INFO, facility, false, STR("x"));
    assert_int_equal(last_facility, facility);
    assert_false(log_find_facility(STR("LOG_LOCAL8"), &facility));
    log_info("x");
    assert_int_equal(last_facility, LOG_OWN_FACILITY);
}

static void test_a_long_text_is_whole(void **state)
{
    static char bytes[LOG_TEXT_MAX + 100];

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    log_text(LEVEL_INFO, LOG_OWN_FACILITY, false, (struct str){ bytes, LOG_TEXT_MAX });
    assert_int_equal(strlen(last_line), LOG_TEXT_MAX);
    log_text(LEVEL_INFO, LOG_OWN_FACILITY, false, (struct str){ bytes, sizeof bytes });
    assert_int_equal(strlen(last_line), LOG_TEXT_MAX);
}

static void test_less_important_lines_are_dropped(void **state)
{
    (void)state;
    log_set_threshold(LEVEL_NOTICE);
    log_info("no");
    log_debug("no");
    assert_int_equal(lines, 0);
    log_notice("yes");
    log_error("yes");
    assert_int_equal(lines, 2);
    assert_true(log_is_on(LEVEL_ALERT));
    assert_false(log_is_on(LEVEL_DEBUG));
}

static void test_an_endless_line_is_cut(void **state)
{
    (void)state;
    log_info("%*d", 100000, 7);
    assert_in_range(strlen(last_line), 1000, 9000);
}

static void test_a_line_of_control_bytes_alone_fits(void **state)
{
    static char noise[5000];

    (void)state;
    memset(noise, 1, sizeof noise - 1);
    log_info("%s", noise);
    assert_int_equal(strlen(last_line) % 4, 0);
    assert_string_equal(last_line + strlen(last_line) - 4, "\\x01");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_line_reaches_the_sink, use_our_sink,
                                        use_standard_error),
        cmocka_unit_test_setup_teardown(test_control_bytes_are_escaped, use_our_sink,
                                        use_standard_error),
        cmocka_unit_test_setup_teardown(test_colours_pass_where_they_are_wanted, use_our_sink,
                                        use_standard_error),
        cmocka_unit_test_setup_teardown(test_facilities_have_names, use_our_sink,
                                        use_standard_error),
        cmocka_unit_test_setup_teardown(test_a_long_text_is_whole, use_our_sink,
                                        use_standard_error),
        cmocka_unit_test_setup_teardown(test_less_important_lines_are_dropped, use_our_sink,
                                        use_standard_error),
        cmocka_unit_test_setup_teardown(test_an_endless_line_is_cut, use_our_sink,
                                        use_standard_error),
        cmocka_unit_test_setup_teardown(test_a_line_of_control_bytes_alone_fits, use_our_sink,
                                        use_standard_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
