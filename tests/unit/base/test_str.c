/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <culvert/str.h>

#define ZEROS_30 "000000000000000000000000000000"

static const struct {
    const char *what;
    const char *text;
    uint64_t min;
    uint64_t max;
    enum err want;
    uint64_t value;
} uint_rows[] = {
    { "zero", "0", 0, UINT64_MAX, ERR_NONE, 0 },
    { "one digit", "7", 0, 9, ERR_NONE, 7 },
    { "the maximum of a bound", "65535", 0, 65535, ERR_NONE, 65535 },
    { "one above the bound", "65536", 0, 65535, ERR_RANGE, 0 },
    { "the minimum", "10", 10, 20, ERR_NONE, 10 },
    { "one below the minimum", "9", 10, 20, ERR_RANGE, 0 },
    { "2^64 - 1", "18446744073709551615", 0, UINT64_MAX, ERR_NONE, UINT64_MAX },
    { "2^64", "18446744073709551616", 0, UINT64_MAX, ERR_RANGE, 0 },
    { "2^64 + 4", "18446744073709551620", 0, UINT64_MAX, ERR_RANGE, 0 },
    { "2^32 where 16 bits are allowed", "4294967296", 0, 65535, ERR_RANGE, 0 },
    { "10 * 2^64", "184467440737095516160", 0, UINT64_MAX, ERR_RANGE, 0 },
    { "40 digits", "9999999999999999999999999999999999999999", 0, UINT64_MAX, ERR_RANGE, 0 },
    { "40 digits and a letter", "9999999999999999999999999999999999999999x", 0, UINT64_MAX,
      ERR_SYNTAX, 0 },
    { "30 zeros and a one", ZEROS_30 "1", 0, 1, ERR_NONE, 1 },
    { "nothing", "", 0, UINT64_MAX, ERR_SYNTAX, 0 },
    { "a plus sign", "+1", 0, UINT64_MAX, ERR_SYNTAX, 0 },
    { "a minus sign", "-1", 0, UINT64_MAX, ERR_SYNTAX, 0 },
    { "hexadecimal", "0x10", 0, UINT64_MAX, ERR_SYNTAX, 0 },
    { "a leading space", " 1", 0, UINT64_MAX, ERR_SYNTAX, 0 },
    { "a trailing space", "1 ", 0, UINT64_MAX, ERR_SYNTAX, 0 },
    { "a fraction", "1.0", 0, UINT64_MAX, ERR_SYNTAX, 0 },
    { "the byte before '0'", "1/", 0, UINT64_MAX, ERR_SYNTAX, 0 },
    { "the byte after '9'", "1:", 0, UINT64_MAX, ERR_SYNTAX, 0 },
    { "a digit of another script", "\xd9\xa1", 0, UINT64_MAX, ERR_SYNTAX, 0 },
};

static void test_unsigned_numbers_are_digits_within_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof uint_rows / sizeof *uint_rows; i++) {
        uint64_t value = 4711;
        enum err err =
            str_to_uint(str_of(uint_rows[i].text), uint_rows[i].min, uint_rows[i].max, &value);

        if (err != uint_rows[i].want || value != (err ? 4711 : uint_rows[i].value))
            fail_msg("%s: %s, %llu", uint_rows[i].what, err_name(err), (unsigned long long)value);
    }
}

static const struct {
    const char *what;
    const char *text;
    int64_t min;
    int64_t max;
    enum err want;
    int64_t value;
} int_rows[] = {
    { "zero", "0", INT64_MIN, INT64_MAX, ERR_NONE, 0 },
    { "minus zero", "-0", INT64_MIN, INT64_MAX, ERR_NONE, 0 },
    { "a plus sign", "+12", INT64_MIN, INT64_MAX, ERR_NONE, 12 },
    { "a minus sign", "-12", INT64_MIN, INT64_MAX, ERR_NONE, -12 },
    { "2^63 - 1", "9223372036854775807", INT64_MIN, INT64_MAX, ERR_NONE, INT64_MAX },
    { "2^63", "9223372036854775808", INT64_MIN, INT64_MAX, ERR_RANGE, 0 },
    { "-2^63", "-9223372036854775808", INT64_MIN, INT64_MAX, ERR_NONE, INT64_MIN },
    { "-2^63 - 1", "-9223372036854775809", INT64_MIN, INT64_MAX, ERR_RANGE, 0 },
    { "2^64", "18446744073709551616", INT64_MIN, INT64_MAX, ERR_RANGE, 0 },
    { "below the bound", "-1", 0, 10, ERR_RANGE, 0 },
    { "above the bound", "11", 0, 10, ERR_RANGE, 0 },
    { "nothing", "", INT64_MIN, INT64_MAX, ERR_SYNTAX, 0 },
    { "a sign alone", "-", INT64_MIN, INT64_MAX, ERR_SYNTAX, 0 },
    { "two signs", "--1", INT64_MIN, INT64_MAX, ERR_SYNTAX, 0 },
    { "both signs", "+-1", INT64_MIN, INT64_MAX, ERR_SYNTAX, 0 },
    { "a space after the sign", "- 1", INT64_MIN, INT64_MAX, ERR_SYNTAX, 0 },
};

static void test_signed_numbers_may_have_one_sign(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof int_rows / sizeof *int_rows; i++) {
        int64_t value = 4711;
        enum err err =
            str_to_int(str_of(int_rows[i].text), int_rows[i].min, int_rows[i].max, &value);

        if (err != int_rows[i].want || value != (err ? 4711 : int_rows[i].value))
            fail_msg("%s: %s, %lld", int_rows[i].what, err_name(err), (long long)value);
    }
}

static void test_a_nul_inside_a_number_is_not_its_end(void **state)
{
    uint64_t value;

    (void)state;
    assert_int_equal(str_to_uint(STR("1\0"), 0, 10, &value), ERR_SYNTAX);
}

static void test_comparison_ignores_ascii_case_only(void **state)
{
    (void)state;
    assert_true(str_ieq(STR("Call-ID"), STR("cALL-id")));
    assert_false(str_ieq(STR("Call-ID"), STR("Call-I")));
    assert_false(str_ieq(STR("@"), STR("`")));
    assert_false(str_ieq(STR("["), STR("{")));
    assert_false(str_ieq(STR("\xc4"), STR("\xe4")));
    assert_true(str_ieq(str_of(NULL), STR("")));
    assert_false(str_eq(STR("a"), STR("A")));
}

static void test_order_is_total_and_ignores_case(void **state)
{
    static const char *const sorted[] = { "", "A", "aB", "Abc", "b", "z", "\x7f", "\xe4" };

    (void)state;
    for (int a = 0; a < 8; a++) {
        for (int b = 0; b < 8; b++) {
            int order = str_icompare(str_of(sorted[a]), str_of(sorted[b]));
            assert_int_equal((order > 0) - (order < 0), (a > b) - (a < b));
        }
    }
    assert_int_equal(str_icompare(STR("VIA"), STR("via")), 0);
}

static void test_prefixes_may_be_empty_but_not_longer(void **state)
{
    (void)state;
    assert_true(str_starts(STR("sip:x"), STR("sip:")));
    assert_true(str_starts(STR("sip:"), STR("sip:")));
    assert_true(str_starts(STR("sip:"), STR("")));
    assert_false(str_starts(STR("SIP:x"), STR("sip:")));
    assert_false(str_starts(STR("si"), STR("sip:")));
    assert_true(str_istarts(STR("SIP:x"), STR("sip:")));
    assert_false(str_istarts(STR("SI"), STR("sip:")));
}

static void test_the_first_occurrence_is_found(void **state)
{
    struct str text = STR("aXbxAB");

    (void)state;
    assert_ptr_equal(str_find_char(text, 'b'), text.ptr + 2);
    assert_null(str_find_char(text, 'z'));
    assert_null(str_find_char(str_of(NULL), 'z'));
    assert_ptr_equal(str_find(text, STR("AB")), text.ptr + 4);
    assert_ptr_equal(str_find(text, text), text.ptr);
    assert_null(str_find(text, STR("ab")));
    assert_null(str_find(STR("a"), text));
    assert_ptr_equal(str_ifind(text, STR("ab")), text.ptr + 4);
    assert_ptr_equal(str_ifind(text, STR("xB")), text.ptr + 1);
    assert_null(str_ifind(STR("a"), text));
    assert_null(str_ifind(STR(""), STR("a")));
}

static void test_trimming_stops_at_text(void **state)
{
    (void)state;
    assert_true(str_eq(str_trim(STR(" \t\r\n a b \n")), STR("a b")));
    assert_true(str_eq(str_trim(STR("a")), STR("a")));
    assert_int_equal(str_trim(STR(" \r\n ")).len, 0);
    assert_int_equal(str_trim(STR("")).len, 0);
    assert_int_equal(str_trim(str_of(NULL)).len, 0);
}

static void test_skipping_stops_at_the_end(void **state)
{
    (void)state;
    assert_true(str_eq(str_skip(STR("abc"), 1), STR("bc")));
    assert_int_equal(str_skip(STR("abc"), 3).len, 0);
    assert_int_equal(str_skip(STR("abc"), SIZE_MAX).len, 0);
    assert_int_equal(str_skip(str_of(NULL), 1).len, 0);
}

static void test_splitting_needs_the_separator(void **state)
{
    struct str head = STR("kept");
    struct str tail = STR("kept");

    (void)state;
    assert_false(str_split(STR("abc"), '=', &head, &tail));
    assert_true(str_eq(head, STR("kept")) && str_eq(tail, STR("kept")));
    assert_true(str_split(STR("a=b=c"), '=', &head, &tail));
    assert_true(str_eq(head, STR("a")) && str_eq(tail, STR("b=c")));
    assert_true(str_split(STR("="), '=', &head, &tail));
    assert_true(head.len == 0 && tail.len == 0);
}

static void test_line_breaks_and_nul_are_noticed(void **state)
{
    (void)state;
    assert_true(str_has_line_break(STR("a\rb")));
    assert_true(str_has_line_break(STR("a\n")));
    assert_true(str_has_line_break(STR("\0b")));
    assert_false(str_has_line_break(STR("a\tb \x7f\xff")));
    assert_false(str_has_line_break(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsigned_numbers_are_digits_within_bounds),
        cmocka_unit_test(test_signed_numbers_may_have_one_sign),
        cmocka_unit_test(test_a_nul_inside_a_number_is_not_its_end),
        cmocka_unit_test(test_comparison_ignores_ascii_case_only),
        cmocka_unit_test(test_order_is_total_and_ignores_case),
        cmocka_unit_test(test_prefixes_may_be_empty_but_not_longer),
        cmocka_unit_test(test_the_first_occurrence_is_found),
        cmocka_unit_test(test_trimming_stops_at_text),
        cmocka_unit_test(test_skipping_stops_at_the_end),
        cmocka_unit_test(test_splitting_needs_the_separator),
        cmocka_unit_test(test_line_breaks_and_nul_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
