/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <string.h>

#include <culvert/gruu.h>

static const uint8_t secret[GRUU_SECRET] = "a secret of thirty-two bytes....";
static const uint8_t other_secret[GRUU_SECRET] = "another one of as many bytes....";

static struct binding binding_of(const char *ruid, const char *call_id)
{
    return (struct binding){ .ruid = str_of(ruid), .call_id = str_of(call_id) };
}

static struct str write(char *buffer, struct prng *prng, const struct binding *binding)
{
    struct writer w = writer_over(buffer, GRUU_USER_MAX);

    assert_int_equal(gruu_write_user(&w, secret, &prng->source, binding), ERR_NONE);
    return writer_text(&w);
}

static void test_a_gruu_names_its_binding(void **state)
{
    struct binding binding = binding_of("0123456789abcdef", "call-1");
    char buffer[GRUU_USER_MAX], ruid_buffer[RUID_MAX];
    struct prng prng;
    struct str user, ruid;

    (void)state;
    prng_init(&prng, 1);
    user = write(buffer, &prng, &binding);
    assert_true(gruu_is_like(user));
    assert_int_equal(gruu_read_ruid(user, secret, ruid_buffer, &ruid), ERR_NONE);
    assert_true(str_eq(ruid, binding.ruid));
    assert_true(gruu_is_for(user, secret, &binding));
    assert_null(str_find(user, binding.ruid));
}

static void test_it_ends_with_its_call_id(void **state)
{
    struct binding binding = binding_of("0123456789abcdef", "call-1");
    struct binding later = binding_of("0123456789abcdef", "call-2");
    struct binding another = binding_of("0123456789abcdee", "call-1");
    char buffer[GRUU_USER_MAX];
    struct prng prng;
    struct str user;

    (void)state;
    prng_init(&prng, 1);
    user = write(buffer, &prng, &binding);
    assert_false(gruu_is_for(user, secret, &later));
    assert_false(gruu_is_for(user, secret, &another));
    assert_false(gruu_is_for(user, other_secret, &binding));
}

static void test_no_two_are_alike(void **state)
{
    struct binding binding = binding_of("0123456789abcdef", "call-1");
    char buffers[2][GRUU_USER_MAX];
    struct prng prng;

    (void)state;
    prng_init(&prng, 1);
    assert_false(str_eq(write(buffers[0], &prng, &binding), write(buffers[1], &prng, &binding)));
}

static void test_altered_ones_are_for_nobody(void **state)
{
    struct binding binding = binding_of("0123456789abcdef", "call-1");
    char buffer[GRUU_USER_MAX];
    struct prng prng;
    struct str user;

    (void)state;
    prng_init(&prng, 1);
    user = write(buffer, &prng, &binding);
    for (size_t i = 0; i < user.len; i++) {
        char was = buffer[i];

        buffer[i] = was == '0' ? '1' : '0';
        assert_false(gruu_is_for(user, secret, &binding));
        buffer[i] = was;
    }
    assert_true(gruu_is_for(user, secret, &binding));
    user.len--;
    assert_false(gruu_is_for(user, secret, &binding));
}

static void test_ruids_of_others_get_none(void **state)
{
    struct binding binding = binding_of("uloc-5f1a-1", "call-1");
    char buffer[GRUU_USER_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct prng prng;

    (void)state;
    prng_init(&prng, 1);
    assert_int_equal(gruu_write_user(&w, secret, &prng.source, &binding), ERR_UNSUPPORTED);
    assert_int_equal(writer_text(&w).len, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_gruu_names_its_binding),
        cmocka_unit_test(test_it_ends_with_its_call_id),
        cmocka_unit_test(test_no_two_are_alike),
        cmocka_unit_test(test_altered_ones_are_for_nobody),
        cmocka_unit_test(test_ruids_of_others_get_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
