/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <culvert/err.h>

static void test_every_error_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = ERR_NONE; a <= ERR_IO; a++) {
        assert_non_null(err_name((enum err)a));
        for (int b = ERR_NONE; b < a; b++)
            assert_string_not_equal(err_name((enum err)a), err_name((enum err)b));
    }
}

static void test_a_stranger_has_a_name_too(void **state)
{
    (void)state;
    assert_string_equal(err_name((enum err)(ERR_IO + 1)), "unknown error");
    assert_string_equal(err_name((enum err) - 1), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_error_has_a_name_of_its_own),
        cmocka_unit_test(test_a_stranger_has_a_name_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
