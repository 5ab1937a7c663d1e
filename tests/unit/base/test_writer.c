/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <culvert/writer.h>

static const char expected[] = "Via: SIP/2.0/UDP host:5060;x=00ff7f;n=18446744073709551615";

static void write_sample(struct writer *w)
{
    write_fmt(w, "Via: SIP/2.0/%s ", "UDP");
    write_str(w, STR("host"));
    write_char(w, ':');
    write_uint(w, 5060);
    write_str(w, STR(";x="));
    write_hex(w, "\x00\xff\x7f", 3);
    write_str(w, STR(";n="));
    write_uint(w, UINT64_MAX);
}

static void test_text_that_fits_exactly_is_whole(void **state)
{
    char buffer[sizeof expected - 1];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str text;

    (void)state;
    write_sample(&w);
    assert_int_equal(writer_finish(&w, &text), ERR_NONE);
    assert_true(str_eq(text, STR(expected)));
}

static void test_every_smaller_buffer_overflows_and_is_respected(void **state)
{
    char buffer[sizeof expected];

    (void)state;
    for (size_t size = sizeof expected - 1; size-- > 0;) {
        struct writer w = writer_over(buffer, size);
        struct str text = STR("kept");

        memset(buffer, '#', sizeof buffer);
        write_sample(&w);
        assert_int_equal(writer_finish(&w, &text), ERR_LIMIT);
        assert_true(str_eq(text, STR("kept")));
        for (size_t i = size; i < sizeof buffer; i++)
            assert_int_equal(buffer[i], '#');
    }
}

static void test_an_overflow_is_remembered(void **state)
{
    char buffer[4];
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    write_str(&w, STR("ab"));
    write_str(&w, STR("cde"));
    assert_true(w.has_overflowed);
    write_char(&w, 'x');
    write_fmt(&w, "%d", 1);
    write_uint(&w, 1);
    write_hex(&w, "x", 1);
    assert_true(str_eq(writer_text(&w), STR("ab")));
}

static void test_long_formatted_text_is_whole(void **state)
{
    static char buffer[5000];

    (void)state;
    for (int width = 505; width < 520; width++) {
        struct writer w = writer_over(buffer, (size_t)width);
        struct str text;

        buffer[width] = '#';
        write_fmt(&w, "%*d", width, 7);
        assert_int_equal(writer_finish(&w, &text), ERR_NONE);
        assert_int_equal(text.len, width);
        assert_int_equal(text.ptr[width - 1], '7');
        assert_int_equal(buffer[width], '#');
    }
}

static void test_long_formatted_text_overflows_too(void **state)
{
    char buffer[600];
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    write_fmt(&w, "%601d", 7);
    assert_true(w.has_overflowed);
    assert_int_equal(writer_text(&w).len, 0);
}

static void test_small_numbers_have_no_padding(void **state)
{
    char buffer[8];
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    write_uint(&w, 0);
    write_uint(&w, 9);
    write_uint(&w, 10);
    write_str(&w, str_of(NULL));
    assert_true(str_eq(writer_text(&w), STR("0910")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_that_fits_exactly_is_whole),
        cmocka_unit_test(test_every_smaller_buffer_overflows_and_is_respected),
        cmocka_unit_test(test_an_overflow_is_remembered),
        cmocka_unit_test(test_long_formatted_text_is_whole),
        cmocka_unit_test(test_long_formatted_text_overflows_too),
        cmocka_unit_test(test_small_numbers_have_no_padding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
