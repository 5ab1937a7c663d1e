/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <culvert/cursor.h>

static void test_the_first_failure_is_remembered(void **state)
{
    struct str text = STR("abc");
    struct cursor c = cursor_over(text);

    (void)state;
    assert_true(cursor_skip(&c, 'a'));
    cursor_expect(&c, 'x');
    assert_ptr_equal(c.fault, text.ptr + 1);
    assert_true(cursor_at_end(&c));
    assert_false(cursor_skip(&c, 'b'));
    assert_int_equal(cursor_take(&c, class_alnum).len, 0);
    assert_int_equal(cursor_take_until(&c, 'c').len, 0);
    assert_int_equal(cursor_take_uint(&c, 10), 0);
    assert_int_equal(cursor_take_quoted(&c).len, 0);
    assert_int_equal(cursor_peek(&c), 0);
    assert_ptr_equal(c.fault, text.ptr + 1);
    assert_int_equal(cursor_finish(&c), ERR_SYNTAX);
}

static void test_finishing_wants_the_end(void **state)
{
    struct cursor c = cursor_over(STR("ab"));

    (void)state;
    cursor_expect(&c, 'a');
    assert_int_equal(cursor_finish(&c), ERR_SYNTAX);
    assert_true(str_eq(cursor_rest(&c), STR("b")));
    cursor_expect(&c, 'b');
    assert_int_equal(cursor_finish(&c), ERR_NONE);
}

static const struct {
    const char *what;
    const char *text;
    size_t skipped;
} lws_rows[] = {
    { "nothing", "", 0 },
    { "text", "a ", 0 },
    { "blanks", " \t a", 3 },
    { "a folded line", "\r\n a", 3 },
    { "a line folded by LF", " \n\ta", 3 },
    { "two folds", "\r\n \r\n a", 6 },
    { "a line end", " \r\na", 1 },
    { "a line end at the end", " \r\n", 1 },
    { "CR alone", " \r a", 1 },
    { "an empty line before a blank", "\r\n\r\n a", 0 },
};

static void test_white_space_includes_folds_but_no_line_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lws_rows / sizeof *lws_rows; i++) {
        struct str text = str_of(lws_rows[i].text);
        struct cursor c = cursor_over(text);

        cursor_skip_lws(&c);
        if (c.at != text.ptr + lws_rows[i].skipped || c.fault)
            fail_msg("%s: skipped %d", lws_rows[i].what, (int)(c.at - text.ptr));
    }
}

static void test_a_separator_that_is_not_there_takes_nothing(void **state)
{
    struct str text = STR("  ;\r\n x");
    struct cursor c = cursor_over(text);

    (void)state;
    assert_false(cursor_skip_sep(&c, ','));
    assert_ptr_equal(c.at, text.ptr);
    assert_true(cursor_skip_sep(&c, ';'));
    assert_int_equal(cursor_peek(&c), 'x');
    assert_null(c.fault);
}

static void test_taking_stops_outside_the_class(void **state)
{
    struct cursor c = cursor_over(STR("z9hG4bK~!.x;y\x80"));

    (void)state;
    assert_true(str_eq(cursor_take(&c, class_token), STR("z9hG4bK~!.x")));
    assert_int_equal(cursor_take_any(&c, class_token).len, 0);
    assert_null(c.fault);
    assert_true(str_eq(cursor_take_until(&c, 'y'), STR(";")));
    assert_true(str_eq(cursor_take_until(&c, '?'), STR("y\x80")));
    assert_int_equal(cursor_finish(&c), ERR_NONE);
    cursor_take(&c, class_token);
    assert_non_null(c.fault);
}

static void test_classes_are_those_of_the_grammar(void **state)
{
    static const char marks[] = "-.!%*_+`'~";

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool is_digit = byte >= '0' && byte <= '9';
        bool is_alpha = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');

        assert_int_equal(class_digit[byte], is_digit);
        assert_int_equal(class_alnum[byte], is_digit || is_alpha);
        assert_int_equal(class_host[byte],
                         is_digit || is_alpha || byte == '-' || byte == '.' || byte == '_');
        assert_int_equal(class_token[byte],
                         is_digit || is_alpha || (byte && strchr(marks, byte) != NULL));
    }
}

static const struct {
    const char *what;
    const char *text;
    uint64_t max;
    bool is_good;
    uint64_t value;
    size_t left;
} uint_rows[] = {
    { "a number and more", "5060;x", 65535, true, 5060, 2 },
    { "the maximum", "65535", 65535, true, 65535, 0 },
    { "one too many", "65536", 65535, false, 0, 0 },
    { "2^64", "18446744073709551616", UINT64_MAX, false, 0, 0 },
    { "no digit", "x", 10, false, 0, 0 },
    { "a sign", "-1", 10, false, 0, 0 },
    { "nothing", "", 10, false, 0, 0 },
};

static void test_numbers_are_bounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof uint_rows / sizeof *uint_rows; i++) {
        struct str text = str_of(uint_rows[i].text);
        struct cursor c = cursor_over(text);
        uint64_t value = cursor_take_uint(&c, uint_rows[i].max);

        if (value != uint_rows[i].value || !c.fault != uint_rows[i].is_good ||
            cursor_rest(&c).len != uint_rows[i].left)
            fail_msg("%s", uint_rows[i].what);
        if (c.fault)
            assert_ptr_equal(c.fault, text.ptr);
    }
}

static const struct {
    const char *what;
    struct str text;
    size_t taken; /* 0: it fails */
} quoted_rows[] = {
    { "empty", STR_INIT("\"\""), 2 },
    { "plain, with a rest", STR_INIT("\"a b\" <"), 5 },
    { "an escaped quote", STR_INIT("\"a\\\"b\""), 6 },
    { "an escaped backslash", STR_INIT("\"\\\\\""), 4 },
    { "an escaped NUL", STR_INIT("\"\\\0\""), 4 },
    { "UTF-8", STR_INIT("\"\xc3\xa4\""), 4 },
    { "a tab and a fold", STR_INIT("\"\t\r\n x\""), 7 },
    { "no opening quote", STR_INIT("a\""), 0 },
    { "never closed", STR_INIT("\"abc"), 0 },
    { "closed by an escape", STR_INIT("\"abc\\\""), 0 },
    { "a backslash at the end", STR_INIT("\"abc\\"), 0 },
    { "an escaped line end", STR_INIT("\"\\\r\n x\""), 0 },
    { "a line end", STR_INIT("\"a\r\nb\""), 0 },
    { "a NUL", STR_INIT("\"a\0b\""), 0 },
    { "DEL", STR_INIT("\"a\x7f\""), 0 },
    { "an escaped byte beyond ASCII", STR_INIT("\"\\\xc3\xa4\""), 0 },
    { "nothing", STR_INIT(""), 0 },
};

static void test_quoted_strings_close_on_their_quote(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof quoted_rows / sizeof *quoted_rows; i++) {
        struct cursor c = cursor_over(quoted_rows[i].text);
        struct str taken = cursor_take_quoted(&c);

        if (!c.fault != (quoted_rows[i].taken > 0))
            fail_msg("%s: %s", quoted_rows[i].what, c.fault ? "failed" : "accepted");
        if (!c.fault && taken.len != quoted_rows[i].taken)
            fail_msg("%s: took %zu", quoted_rows[i].what, taken.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_failure_is_remembered),
        cmocka_unit_test(test_finishing_wants_the_end),
        cmocka_unit_test(test_white_space_includes_folds_but_no_line_ends),
        cmocka_unit_test(test_a_separator_that_is_not_there_takes_nothing),
        cmocka_unit_test(test_taking_stops_outside_the_class),
        cmocka_unit_test(test_classes_are_those_of_the_grammar),
        cmocka_unit_test(test_numbers_are_bounded),
        cmocka_unit_test(test_quoted_strings_close_on_their_quote),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
