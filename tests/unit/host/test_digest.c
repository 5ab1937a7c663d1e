/* SPDX-License-Identifier: Apache-2.0 */
/* The examples of RFC 7616 §3.9.1, and what surrounds them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <culvert/digest.h>

static const struct sip_digest example = {
    .username = STR_INIT("Mufasa"),
    .realm = STR_INIT("http-auth@example.org"),
    .nonce = STR_INIT("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
    .uri = STR_INIT("/dir/index.html"),
    .qop = STR_INIT("auth"),
    .nc = STR_INIT("00000001"),
    .cnonce = STR_INIT("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
};

static void check_response(const char *algorithm, const char *wanted)
{
    const struct digest_algorithm *found = digest_algorithm_find(str_of(algorithm));
    const struct digest_question question = { .digest = &example, .method = STR("GET") };
    struct digest_hex ha1, response;

    assert_non_null(found);
    assert_true(digest_ha1(found, example.username, example.realm, STR("Circle of Life"), &ha1));
    assert_true(digest_response(found, digest_str(&ha1), &question, &response));
    assert_true(str_eq(digest_str(&response), str_of(wanted)));
}

static void test_the_examples_of_the_rfc(void **state)
{
    (void)state;
    check_response("MD5", "8ca523f5e9506fed4657c9700eebdbec");
    check_response("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

static void test_the_third_hash(void **state)
{
    const struct digest_algorithm *algorithm = digest_algorithm_find(STR("SHA-512-256"));
    struct digest_hex ha1;

    (void)state;
    assert_true(digest_ha1(algorithm, STR("alice"), STR("example.com"), STR("secret"), &ha1));
    assert_true(str_eq(digest_str(&ha1), STR("9e413627514b03d0753229d450617d94a9b2a2a635222e49bad90404c29e97ad")));
}

static void test_names(void **state)
{
    (void)state;
    assert_ptr_equal(digest_algorithm_find(STR("")), digest_algorithm_find(STR("md5")));
    assert_int_equal(digest_algorithm_length(digest_algorithm_find(STR("sha-256"))), 64);
    assert_string_equal(digest_algorithm_name(digest_algorithm_find(STR("Sha-512-256"))), "SHA-512-256");
    assert_null(digest_algorithm_find(STR("SHA-1")));
    assert_null(digest_algorithm_find(STR("MD5-sess")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_examples_of_the_rfc),
        cmocka_unit_test(test_the_third_hash),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
