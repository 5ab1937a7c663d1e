/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/stun.h"

/* RFC 5769 §2.1 begins with this transaction id; a request without attributes. */
#define TRANSACTION "\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
static const char plain[] = "\x00\x01\x00\x00\x21\x12\xa4\x42" TRANSACTION;

static struct str bytes_of(const char *bytes, size_t length)
{
    return (struct str){ bytes, length };
}

static struct addr address(const char *text)
{
    struct addr addr = { 0 };

    assert_int_equal(addr_parse(str_of(text), &addr), ERR_NONE);
    return addr;
}

/* The mapped addresses are those of RFC 5769 §2.2 and §2.3. */
static void test_binding_requests_are_answered(void **state)
{
    static const struct {
        const char *source;
        const char *answer;
        size_t length;
    } rows[] = {
        { "192.0.2.1:32853",
          "\x01\x01\x00\x0c\x21\x12\xa4\x42" TRANSACTION
          "\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43",
          32 },
        { "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
          "\x01\x01\x00\x18\x21\x12\xa4\x42" TRANSACTION
          "\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79"
          "\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9",
          44 },
    };
    char buffer[STUN_ANSWER_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct addr source = address(rows[i].source);
        struct writer w = writer_over(buffer, sizeof buffer);

        assert_true(stun_write_answer(&w, bytes_of(plain, 20), &source));
        assert_int_equal(writer_text(&w).len, rows[i].length);
        assert_memory_equal(buffer, rows[i].answer, rows[i].length);
    }
}

static void test_everything_else_is_not(void **state)
{
    static const struct {
        const char *what;
        const char *bytes;
        size_t length;
        bool is_answered;
    } rows[] = {
        { "optional attributes",
          "\x00\x01\x00\x08\x21\x12\xa4\x42" TRANSACTION "\x80\x22\x00\x03" "abc\0", 28, true },
        { "an answer", "\x01\x01\x00\x00\x21\x12\xa4\x42" TRANSACTION, 20, false },
        { "an indication", "\x00\x11\x00\x00\x21\x12\xa4\x42" TRANSACTION, 20, false },
        { "another method", "\x00\x03\x00\x00\x21\x12\xa4\x42" TRANSACTION, 20, false },
        { "another cookie", "\x00\x01\x00\x00\x21\x12\xa4\x43" TRANSACTION, 20, false },
        { "too short", "\x00\x01\x00\x00\x21\x12\xa4\x42" TRANSACTION, 19, false },
        { "longer than it says", "\x00\x01\x00\x00\x21\x12\xa4\x42" TRANSACTION "\0\0\0\0", 24,
          false },
        { "shorter than it says", "\x00\x01\x00\x08\x21\x12\xa4\x42" TRANSACTION "\x80\x22\0\0", 24,
          false },
        { "an attribute that we would have to understand",
          "\x00\x01\x00\x08\x21\x12\xa4\x42" TRANSACTION "\x00\x03\x00\x04\0\0\0\x06", 28, false },
        { "an attribute beyond the end",
          "\x00\x01\x00\x04\x21\x12\xa4\x42" TRANSACTION "\x80\x22\xff\xff", 24, false },
    };
    struct addr source = address("192.0.2.1:5060");
    char buffer[STUN_ANSWER_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct writer w = writer_over(buffer, sizeof buffer);

        print_message("%s\n", rows[i].what);
        assert_int_equal(stun_write_answer(&w, bytes_of(rows[i].bytes, rows[i].length), &source),
                         rows[i].is_answered);
    }
}

static void test_a_source_gets_few_in_a_second(void **state)
{
    const struct hash_key key = { { 1, 2 } };
    struct stun_gate gate = { 0 };
    struct addr source = address("192.0.2.1:5060"), other_port = address("192.0.2.1:9");
    unsigned passed = 0;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        passed += stun_gate_pass(&gate, &key, i % 2 ? &source : &other_port, 5000 + i);
    assert_int_equal(passed, STUN_ANSWERS_MAX);
    assert_true(stun_gate_pass(&gate, &key, &source, 6000));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binding_requests_are_answered),
        cmocka_unit_test(test_everything_else_is_not),
        cmocka_unit_test(test_a_source_gets_few_in_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
