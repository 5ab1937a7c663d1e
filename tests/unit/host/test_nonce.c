/* SPDX-License-Identifier: Apache-2.0 */
/* Nonces: known again, bound, and each count good once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "host/nonce.h"

enum { NOW = 1000000 };

struct bench {
    struct prng prng;
    struct nonces *nonces;
};

static struct nonces *make(struct bench *bench, const char *secret, size_t remembered)
{
    prng_init(&bench->prng, 7);
    assert_int_equal(nonces_create(&bench->prng.source, str_of(secret), remembered, &bench->nonces), ERR_NONE);
    return bench->nonces;
}

/* In static memory: good until the next but seven. */
static struct nonce issue(struct nonces *nonces, uint32_t expiry, uint8_t marks, struct str bound)
{
    static char texts[8][NONCE_LENGTH];
    static unsigned next;
    char *text = texts[next++ % 8];
    struct nonce nonce;

    assert_int_equal(nonces_make(nonces, expiry, marks, bound, text), ERR_NONE);
    assert_int_equal(nonce_read((struct str){ text, NONCE_LENGTH }, &nonce), ERR_NONE);
    return nonce;
}

static void test_ours_are_known_again(void **state)
{
    struct bench bench;
    struct nonces *nonces = make(&bench, "", 64);
    struct nonce nonce = issue(nonces, NOW + 300, NONCE_OFFERS_QOP, STR(""));

    (void)state;
    assert_int_equal(nonce.expiry, NOW + 300);
    assert_int_equal(nonce.marks, NONCE_OFFERS_QOP);
    assert_true(nonces_know(nonces, &nonce, STR("")));
    nonces_destroy(nonces);
}

static void test_a_changed_byte_makes_it_strange(void **state)
{
    struct bench bench;
    struct nonces *nonces = make(&bench, "", 64);
    struct nonce nonce = issue(nonces, NOW + 300, 0, STR(""));
    char *text = (char *)nonce.text.ptr;

    (void)state;
    for (size_t i = 0; i < NONCE_LENGTH; i++) {
        char was = text[i];
        text[i] = was == '0' ? '1' : '0';
        assert_false(nonces_know(nonces, &nonce, STR("")));
        text[i] = was;
    }
    assert_true(nonces_know(nonces, &nonce, STR("")));
    nonces_destroy(nonces);
}

static void test_what_it_is_bound_to_counts(void **state)
{
    struct bench bench;
    struct nonces *nonces = make(&bench, "", 64);
    struct nonce nonce = issue(nonces, NOW + 300, NONCE_BINDS_SOURCE, STR("192.0.2.1"));

    (void)state;
    assert_true(nonces_know(nonces, &nonce, STR("192.0.2.1")));
    assert_false(nonces_know(nonces, &nonce, STR("192.0.2.2")));
    assert_false(nonces_know(nonces, &nonce, STR("")));
    nonces_destroy(nonces);
}

static void test_a_shared_secret_makes_shared_nonces(void **state)
{
    struct bench one, two, other;
    struct nonces *a = make(&one, "common", 64), *b = make(&two, "common", 64), *c = make(&other, "", 64);
    struct nonce nonce = issue(a, NOW + 300, 0, STR(""));

    (void)state;
    assert_true(nonces_know(b, &nonce, STR("")));
    assert_false(nonces_know(c, &nonce, STR("")));
    nonces_destroy(a);
    nonces_destroy(b);
    nonces_destroy(c);
}

static void test_shapes_that_cannot_be_ours(void **state)
{
    static const char *const texts[] = {
        "", "0", "00000000000000000000000000000000000000000000000000" "0",
        "g0000000000000000000000000000000000000000000000000", "0000000000000000xx00000000000000000000000000000000",
    };
    struct nonce nonce;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(nonce_read(str_of(texts[i]), &nonce), ERR_SYNTAX);
}

static void test_each_count_is_good_once_in_a_window(void **state)
{
    static const struct {
        uint32_t count;
        bool is_new;
    } steps[] = {
        { 1, true },  { 1, false }, { 3, true },  { 2, true },    { 2, false },   { 66, true },
        { 3, false }, { 4, true },  { 2, false }, { 1000, true }, { 936, false }, { 937, true },
        { 0, false }, { 1000, false }, { 1001, true },
    };
    struct bench bench;
    struct nonces *nonces = make(&bench, "", 64);
    struct nonce nonce = issue(nonces, NOW + 300, NONCE_OFFERS_QOP, STR(""));

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        assert_int_equal(nonces_use(nonces, &nonce, steps[i].count, NOW), steps[i].is_new);
    nonces_destroy(nonces);
}

static void test_once_means_once(void **state)
{
    struct bench bench;
    struct nonces *nonces = make(&bench, "", 64);
    struct nonce once = issue(nonces, NOW + 300, 0, STR("")), mixed = issue(nonces, NOW + 300, 0, STR(""));

    (void)state;
    assert_true(nonces_use(nonces, &once, NONCE_COUNT_ONCE, NOW));
    assert_false(nonces_use(nonces, &once, NONCE_COUNT_ONCE, NOW));
    assert_false(nonces_use(nonces, &once, 1, NOW));
    assert_true(nonces_use(nonces, &mixed, 5, NOW));
    assert_false(nonces_use(nonces, &mixed, NONCE_COUNT_ONCE, NOW));
    nonces_destroy(nonces);
}

/* With room for 8: what was pushed out, and what may have been, is refused; newer ones are not. */
static void test_a_full_table_forgets_nothing_dangerous(void **state)
{
    struct bench bench;
    struct nonces *nonces = make(&bench, "", 8);
    struct nonce first = issue(nonces, NOW + 100, 0, STR(""));
    struct nonce unused = issue(nonces, NOW + 100, 0, STR(""));

    (void)state;
    assert_true(nonces_use(nonces, &first, 1, NOW));
    for (uint32_t i = 1; i <= 8; i++) {
        struct nonce nonce = issue(nonces, NOW + 100 + i, 0, STR(""));
        assert_true(nonces_use(nonces, &nonce, 1, NOW));
    }
    assert_false(nonces_use(nonces, &first, 1, NOW));
    assert_false(nonces_use(nonces, &unused, 1, NOW));
    nonces_destroy(nonces);
}

static void test_expired_ones_make_room(void **state)
{
    struct bench bench;
    struct nonces *nonces = make(&bench, "", 8);

    (void)state;
    for (uint32_t now = NOW; now < NOW + 1000; now += 50) {
        for (unsigned i = 0; i < 4; i++) {
            struct nonce nonce = issue(nonces, now + 60, 0, STR(""));
            assert_true(nonces_use(nonces, &nonce, 1, now));
        }
    }
    nonces_destroy(nonces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ours_are_known_again),
        cmocka_unit_test(test_a_changed_byte_makes_it_strange),
        cmocka_unit_test(test_what_it_is_bound_to_counts),
        cmocka_unit_test(test_a_shared_secret_makes_shared_nonces),
        cmocka_unit_test(test_shapes_that_cannot_be_ours),
        cmocka_unit_test(test_each_count_is_good_once_in_a_window),
        cmocka_unit_test(test_once_means_once),
        cmocka_unit_test(test_a_full_table_forgets_nothing_dangerous),
        cmocka_unit_test(test_expired_ones_make_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
