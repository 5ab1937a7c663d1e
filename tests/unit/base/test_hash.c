/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/prng.h"

/* From the reference implementation: key 00 01 … 0f, input of i bytes 00 01 … */
static const uint64_t vectors[] = {
    0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
    0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
    0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
    0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
};

static const struct hash_key key = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };

static void test_hashes_are_those_of_the_reference(void **state)
{
    unsigned char input[16];

    (void)state;
    for (unsigned char i = 0; i < 16; i++) {
        input[i] = i;
        if (hash_bytes(&key, input, i) != vectors[i])
            fail_msg("%d bytes", (int)i);
        assert_true(hash_str(&key, (struct str){ (const char *)input, i }) == vectors[i]);
    }
}

static void test_keys_come_from_the_source_and_matter(void **state)
{
    struct hash_key a, b;
    struct prng prng;

    (void)state;
    prng_init(&prng, 3);
    hash_key_random(&prng.source, &a);
    hash_key_random(&prng.source, &b);
    assert_true(a.k[0] != b.k[0] && a.k[1] != b.k[1]);
    assert_true(hash_str(&a, STR("alice")) != hash_str(&b, STR("alice")));
}

static void test_nothing_has_a_hash_too(void **state)
{
    (void)state;
    assert_true(hash_str(&key, str_of(NULL)) == vectors[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes_are_those_of_the_reference),
        cmocka_unit_test(test_keys_come_from_the_source_and_matter),
        cmocka_unit_test(test_nothing_has_a_hash_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
