/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <culvert/base64.h>

static const struct {
    const char *text, *coded;
    unsigned variant;
} rows[] = {
    { "", "", BASE64_PLAIN },
    { "f", "Zg==", BASE64_PLAIN },
    { "fo", "Zm8=", BASE64_PLAIN },
    { "foo", "Zm9v", BASE64_PLAIN },
    { "foob", "Zm9vYg", BASE64_BARE },
    { "fooba", "Zm9vYmE", BASE64_BARE },
    { "\xfb\xff", "+/8=", BASE64_PLAIN },
    { "\xfb\xff", "-_8", BASE64_URL | BASE64_BARE },
};

static void test_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char coded[32], plain[32];
        struct writer w = writer_over(coded, sizeof coded), back = writer_over(plain, sizeof plain);

        write_base64(&w, str_of(rows[i].text), rows[i].variant);
        assert_true(str_eq(writer_text(&w), str_of(rows[i].coded)));
        assert_int_equal(write_from_base64(&back, writer_text(&w), rows[i].variant), ERR_NONE);
        assert_true(str_eq(writer_text(&back), str_of(rows[i].text)));
    }
}

static void test_other_letters_are_refused(void **state)
{
    static const char *const wrong[] = { "Zm9!", "Z=g=", "-_8=", "Zm 9v" };
    char plain[32];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct writer w = writer_over(plain, sizeof plain);
        assert_int_equal(write_from_base64(&w, str_of(wrong[i]), BASE64_PLAIN), ERR_SYNTAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_other_letters_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
