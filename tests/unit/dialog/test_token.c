/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "dialog/token.h"

static const uint8_t key[FLOW_TOKEN_KEY] = "the key of the tests, 32 bytes.";

static struct flow_signer *signer;

static struct flow flow(enum transport transport, const char *address, uint64_t connection,
                        uint16_t socket)
{
    struct flow made = { .transport = (uint8_t)transport,
                         .connection = connection,
                         .socket = socket };

    assert_int_equal(addr_parse(str_of(address), &made.peer), ERR_NONE);
    return made;
}

static struct str write_token(char buffer[static FLOW_TOKEN_MAX], const struct flow_token *token)
{
    struct writer w = writer_over(buffer, FLOW_TOKEN_MAX);
    struct str text;

    flow_token_write(&w, signer, token);
    assert_int_equal(writer_finish(&w, &text), ERR_NONE);
    return text;
}

static bool is_same(const struct flow_token *a, const struct flow_token *b)
{
    return flow_eq(&a->caller, &b->caller) && flow_eq(&a->callee, &b->callee) &&
           a->caller.peer.scope == b->caller.peer.scope &&
           a->callee.peer.scope == b->callee.peer.scope && a->caller_tag == b->caller_tag;
}

static struct flow_token plain_token(void)
{
    return (struct flow_token){ .caller = flow(TRANSPORT_UDP, "10.0.0.7:5060", 0, 0),
                                .callee = flow(TRANSPORT_UDP, "192.0.2.77:40000", 0, 1),
                                .caller_tag = flow_token_tag_hash(STR("a1")) };
}

static struct flow_token large_token(void)
{
    struct flow_token token = {
        .caller = flow(TRANSPORT_WSS, "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535", UINT64_MAX,
                       UINT16_MAX),
        .callee = flow(TRANSPORT_TLS, "[fe80::1]:65535", UINT64_MAX - 1, UINT16_MAX),
        .caller_tag = UINT32_MAX
    };

    token.caller.peer.scope = UINT32_MAX;
    token.callee.peer.scope = 3;
    token.caller.identity = 1;
    token.callee.identity = UINT32_MAX;
    return token;
}

static void check_round_trip(const struct flow_token *token)
{
    char buffer[FLOW_TOKEN_MAX];
    struct str text = write_token(buffer, token);
    struct flow_token read;

    assert_true(text.len <= FLOW_TOKEN_MAX);
    assert_true(flow_token_is_like(text));
    for (size_t i = 0; i < text.len; i++)
        assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.",
                               text.ptr[i]));
    assert_int_equal(flow_token_read(text, signer, &read), ERR_NONE);
    assert_true(is_same(token, &read));
}

static void test_what_is_written_is_read(void **state)
{
    struct flow_token token = plain_token();

    (void)state;
    check_round_trip(&token);
    token.callee = flow(TRANSPORT_TCP, "[2001:db8::1]:5060", 17, 2);
    check_round_trip(&token);
    token.caller = flow(TRANSPORT_WS, "1.2.3.4:1", 1, 0);
    check_round_trip(&token);
    token = large_token();
    check_round_trip(&token);
}

static void test_random_flows_are_read(void **state)
{
    struct prng prng;

    (void)state;
    prng_init(&prng, 5);
    for (unsigned i = 0; i < 2000; i++) {
        struct flow_token token = plain_token();

        token.caller.transport = (uint8_t)random_below(&prng.source, TRANSPORTS);
        token.caller.connection = prng_next(&prng) >> random_below(&prng.source, 64);
        token.callee.socket = (uint16_t)prng_next(&prng);
        token.callee.peer.port = (uint16_t)prng_next(&prng);
        token.caller_tag = (uint32_t)prng_next(&prng);
        check_round_trip(&token);
    }
}

/* Each character of the text, replaced by every other one. */
static void check_alterations(const struct flow_token *token)
{
    char buffer[FLOW_TOKEN_MAX];
    struct str text = write_token(buffer, token);
    struct flow_token read;

    for (size_t i = 0; i < text.len; i++) {
        char original = buffer[i];

        for (unsigned c = 0; c < 256; c++) {
            buffer[i] = (char)c;
            if (buffer[i] != original)
                assert_int_equal(flow_token_read(text, signer, &read), ERR_DENIED);
        }
        buffer[i] = original;
    }
    assert_int_equal(flow_token_read(text, signer, &read), ERR_NONE);
}

static void test_an_altered_token_is_nothing(void **state)
{
    struct flow_token token = plain_token();

    (void)state;
    check_alterations(&token);
    token = large_token();
    check_alterations(&token);
}

static void test_a_shorter_or_longer_token_is_nothing(void **state)
{
    struct flow_token token = plain_token(), read;
    char buffer[FLOW_TOKEN_MAX + 200];
    struct str text = write_token(buffer, &token);

    (void)state;
    for (size_t length = 0; length < text.len; length++)
        assert_int_equal(flow_token_read((struct str){ buffer, length }, signer, &read),
                         ERR_DENIED);
    memset(buffer + text.len, 'A', sizeof buffer - text.len);
    for (size_t length = text.len + 1; length <= sizeof buffer; length++)
        assert_int_equal(flow_token_read((struct str){ buffer, length }, signer, &read),
                         ERR_DENIED);
}

static void test_a_token_of_another_server_is_nothing(void **state)
{
    struct flow_token token = plain_token(), read;
    char buffer[FLOW_TOKEN_MAX];
    struct str text = write_token(buffer, &token);
    uint8_t other[FLOW_TOKEN_KEY];
    struct flow_signer *foreign;

    (void)state;
    for (unsigned i = 0; i < FLOW_TOKEN_KEY; i++) {
        memcpy(other, key, sizeof other);
        other[i] ^= 1;
        assert_int_equal(flow_signer_create(other, &foreign), ERR_NONE);
        assert_int_equal(flow_token_read(text, foreign, &read), ERR_DENIED);
        flow_signer_destroy(foreign);
    }
}

static void test_no_room_is_an_error(void **state)
{
    struct flow_token token = plain_token();
    char buffer[FLOW_TOKEN_MAX];
    size_t length = write_token(buffer, &token).len;

    (void)state;
    for (size_t room = 0; room < length; room++) {
        struct writer w = writer_over(buffer, room);
        struct str text;

        flow_token_write(&w, signer, &token);
        assert_int_equal(writer_finish(&w, &text), ERR_LIMIT);
    }
}

static void test_user_parts_are_not_like_tokens(void **state)
{
    (void)state;
    assert_false(flow_token_is_like(STR("")));
    assert_false(flow_token_is_like(STR("bob")));
    assert_false(flow_token_is_like(STR("ft.smith")));
    assert_true(flow_token_is_like(STR("ft.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")));
}

static struct str write_hop(char buffer[static FLOW_TOKEN_MAX], const struct flow *hop)
{
    struct writer w = writer_over(buffer, FLOW_TOKEN_MAX);
    struct str text;

    hop_token_write(&w, signer, hop);
    assert_int_equal(writer_finish(&w, &text), ERR_NONE);
    return text;
}

static void test_hop_tokens_name_one_flow(void **state)
{
    const struct flow hops[] = {
        flow(TRANSPORT_UDP, "10.0.0.7:5060", 0, 0),
        flow(TRANSPORT_TCP, "192.0.2.77:40000", 17, 1),
        flow(TRANSPORT_WSS, "[2001:db8::1]:443", UINT64_MAX, UINT16_MAX),
    };
    char buffer[FLOW_TOKEN_MAX];
    struct flow read;

    (void)state;
    for (size_t i = 0; i < sizeof hops / sizeof hops[0]; i++) {
        struct str text = write_hop(buffer, &hops[i]);

        assert_true(hop_token_is_like(text));
        assert_false(flow_token_is_like(text));
        assert_int_equal(hop_token_read(text, signer, &read), ERR_NONE);
        assert_true(flow_eq(&hops[i], &read));
        text.len--;
        assert_int_equal(hop_token_read(text, signer, &read), ERR_DENIED);
    }
}

static void test_an_altered_hop_token_is_nothing(void **state)
{
    struct flow hop = flow(TRANSPORT_TCP, "192.0.2.77:40000", 17, 1), read;
    char buffer[FLOW_TOKEN_MAX];
    struct str text = write_hop(buffer, &hop);

    (void)state;
    for (size_t i = 3; i < text.len; i++) {
        char was = buffer[i];

        buffer[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(hop_token_read(text, signer, &read), ERR_DENIED);
        buffer[i] = was;
    }
}

/* Both are signed with one key: what one kind says must mean nothing as the other. */
static void test_one_kind_is_not_the_other(void **state)
{
    struct flow_token token = plain_token(), read_token;
    char buffer[FLOW_TOKEN_MAX];
    struct str text = write_token(buffer, &token);
    struct flow hop = flow(TRANSPORT_WSS, "[2001:db8::1]:443", UINT64_MAX, 1), read_hop;

    (void)state;
    memcpy(buffer, "fp.", 3);
    assert_int_equal(hop_token_read(text, signer, &read_hop), ERR_DENIED);
    text = write_hop(buffer, &hop);
    memcpy(buffer, "ft.", 3);
    assert_int_equal(flow_token_read(text, signer, &read_token), ERR_DENIED);
}

static void test_tags_have_a_hash(void **state)
{
    (void)state;
    assert_int_equal(flow_token_tag_hash(STR("a1")), flow_token_tag_hash(STR("a1")));
    assert_int_not_equal(flow_token_tag_hash(STR("a1")), flow_token_tag_hash(STR("a2")));
    assert_int_not_equal(flow_token_tag_hash(STR("a1")), flow_token_tag_hash(STR("")));
}

static int make_signer(void **state)
{
    (void)state;
    return flow_signer_create(key, &signer);
}

static int destroy_signer(void **state)
{
    (void)state;
    flow_signer_destroy(signer);
    flow_signer_destroy(NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_random_flows_are_read),
        cmocka_unit_test(test_an_altered_token_is_nothing),
        cmocka_unit_test(test_a_shorter_or_longer_token_is_nothing),
        cmocka_unit_test(test_a_token_of_another_server_is_nothing),
        cmocka_unit_test(test_no_room_is_an_error),
        cmocka_unit_test(test_user_parts_are_not_like_tokens),
        cmocka_unit_test(test_hop_tokens_name_one_flow),
        cmocka_unit_test(test_an_altered_hop_token_is_nothing),
        cmocka_unit_test(test_one_kind_is_not_the_other),
        cmocka_unit_test(test_tags_have_a_hash),
    };

    return cmocka_run_group_tests(tests, make_signer, destroy_signer);
}
