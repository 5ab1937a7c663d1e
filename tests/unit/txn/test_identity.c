/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

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

/* RES-5: what an attacker chose to collide under a key that he guessed is spread by ours. */
static void test_chosen_collisions_are_spread(void **state)
{
    enum { BUCKETS = 1024, CHOSEN = 4096 };
    const struct hash_key guessed = { { 1, 2 } }, own = { { 0x0123456789abcdef, 42 } };
    unsigned buckets[BUCKETS] = { 0 }, fullest = 0, chosen = 0;

    (void)state;
    for (unsigned i = 0; chosen < CHOSEN; i++) {
        char text[32];
        struct str piece = { text, (size_t)snprintf(text, sizeof text, "call-%u", i) };
        unsigned bucket;

        if (txn_identity_hash(&guessed, &piece, 1, 7) % BUCKETS != 0)
            continue;
        chosen++;
        bucket = (unsigned)(txn_identity_hash(&own, &piece, 1, 7) % BUCKETS);
        if (++buckets[bucket] > fullest)
            fullest = buckets[bucket];
    }
    assert_true(fullest < 20); /* 4 in the mean; CHOSEN without a key */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_counts),
        cmocka_unit_test(test_long_pieces_count_too),
        cmocka_unit_test(test_chosen_collisions_are_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
