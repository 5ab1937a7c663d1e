/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "txn/identity.h"

static const struct hash_key key = { { 1, 2 } };

static uint64_t hash_two(struct str a, struct str b, uint64_t number)
{
    struct str pieces[] = { a, b };

    return txn_identity_hash(&key, pieces, 2, number);
}

static void test_everything_counts(void **state)
{
    uint64_t base = hash_two(STR("ab"), STR("c"), 7);

    (void)state;
    assert_true(base == hash_two(STR("ab"), STR("c"), 7));
    assert_false(base == hash_two(STR("a"), STR("bc"), 7));
    assert_false(base == hash_two(STR("abc"), STR(""), 7));
    assert_false(base == hash_two(STR("ab"), STR("d"), 7));
    assert_false(base == hash_two(STR("ab"), STR("c"), 8));
}

/* Any lengths, around the room and far beyond it: in bounds, and each byte counts. */
static void test_long_pieces_count_too(void **state)
{
    static char text[IDENTITY_PIECES_MAX][600];
    struct str pieces[IDENTITY_PIECES_MAX];

    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t length = 0; length < sizeof text[0]; length++) {
        uint64_t hash;

        for (unsigned i = 0; i < IDENTITY_PIECES_MAX; i++)
            pieces[i] = (struct str){ text[i], i % 2 ? length : length / 3 };
        hash = txn_identity_hash(&key, pieces, IDENTITY_PIECES_MAX, 1);
        if (length == 0)
            continue;
        text[IDENTITY_PIECES_MAX - 1][length - 1] = 'y';
        assert_false(hash == txn_identity_hash(&key, pieces, IDENTITY_PIECES_MAX, 1));
        text[IDENTITY_PIECES_MAX - 1][length - 1] = 'x';
        assert_true(hash == txn_identity_hash(&key, pieces, IDENTITY_PIECES_MAX, 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_counts),
        cmocka_unit_test(test_long_pieces_count_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
