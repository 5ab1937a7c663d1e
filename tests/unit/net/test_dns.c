/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "net/dns.h"

/* ---- answers are written as text: "3a" is a byte, 'www' a label, @12 a pointer ---- */

enum {
    MESSAGE_MAX = 8192,
};

struct bytes {
    char at[MESSAGE_MAX];
    size_t len;
};

static void put(struct bytes *bytes, unsigned byte)
{
    if (bytes->len == MESSAGE_MAX)
        fail_msg("too long");
    bytes->at[bytes->len++] = (char)byte;
}

static unsigned hex(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static const char *put_label(struct bytes *bytes, const char *text)
{
    const char *end = strchr(text, '\'');

    put(bytes, (unsigned)(end - text));
    while (text < end)
        put(bytes, (unsigned char)*text++);
    return end + 1;
}

static void write_bytes(struct bytes *bytes, const char *text)
{
    while (*text) {
        if (*text == ' ') {
            text++;
        } else if (*text == '\'') {
            text = put_label(bytes, text + 1);
        } else if (*text == '@') {
            unsigned at = (unsigned)strtoul(text + 1, (char **)&text, 10);

            put(bytes, 0xc0 | at >> 8);
            put(bytes, at & 0xff);
        } else {
            put(bytes, hex(text[0]) << 4 | hex(text[1]));
            text += 2;
        }
    }
}

/* The question of all rows: host.test, whose name stands at 12. */
#define HEAD(count, rcode) "0000 81" rcode " 0001 00" count " 0000 0000 'host' 'test' 00 "
#define A_QUESTION "0001 0001 "
#define SRV_QUESTION "0021 0001 "
#define NAPTR_QUESTION "0023 0001 "
#define A(owner, last) owner " 0001 0001 0000003c 0004 c00002" last " "
#define CNAME(owner, length, target) owner " 0005 0001 0000001e 00" length " " target " "

static const struct row {
    const char *what;
    enum dns_kind kind;
    const char *bytes;
    enum err want;
    unsigned count;
    unsigned ttl;
} rows[] = {
    { "an address", DNS_IPV4, HEAD("01", "80") A_QUESTION A("@12", "01"), ERR_NONE, 1, 60 },
    { "two", DNS_IPV4, HEAD("02", "80") A_QUESTION A("@12", "01") A("@12", "02"), ERR_NONE, 2, 60 },
    { "of another name", DNS_IPV4, HEAD("02", "80") A_QUESTION A("@12", "01") A("@17", "02"),
      ERR_NONE, 1, 60 },
    { "in another case", DNS_IPV4, HEAD("01", "80") A_QUESTION A("'HOST' @17", "01"), ERR_NONE, 1,
      60 },
    { "of another type", DNS_IPV4, HEAD("01", "80") A_QUESTION "@12 0010 0001 0000003c 0002 0161",
      ERR_NONE, 0, INT32_MAX },
    { "of another class", DNS_IPV4,
      HEAD("01", "80") A_QUESTION "@12 0001 0003 0000003c 0004 c0000201", ERR_NONE, 0, INT32_MAX },
    { "too short an address", DNS_IPV4,
      HEAD("02", "80") A_QUESTION "@12 0001 0001 0000003c 0003 c00002" A("@12", "02"), ERR_NONE, 1,
      60 },
    { "too long an address", DNS_IPV4,
      HEAD("01", "80") A_QUESTION "@12 0001 0001 0000003c 0005 c000020101", ERR_NONE, 0,
      INT32_MAX },
    { "cut off", DNS_IPV4, HEAD("01", "80") A_QUESTION "@12 0001 0001 0000003c 0004 c000", ERR_NONE,
      0, INT32_MAX },
    { "fewer records than announced", DNS_IPV4, HEAD("ff", "80") A_QUESTION A("@12", "01"),
      ERR_NONE, 1, 60 },
    { "an alias", DNS_IPV4,
      HEAD("02", "80") A_QUESTION CNAME("@12", "03", "'b' 00") A("'b' 00", "01"), ERR_NONE, 1, 30 },
    { "the alias behind its address", DNS_IPV4,
      HEAD("02", "80") A_QUESTION A("'b' 00", "01") CNAME("@12", "03", "'b' 00"), ERR_NONE, 1, 30 },
    { "an alias of itself", DNS_IPV4, HEAD("01", "80") A_QUESTION CNAME("@12", "02", "@12"),
      ERR_LIMIT, 0, 0 },
    { "aliases in a circle", DNS_IPV4,
      HEAD("02", "80") A_QUESTION CNAME("@12", "03", "'b' 00") CNAME("'b' 00", "02", "@12"),
      ERR_LIMIT, 0, 0 },
    { "an alias without an address", DNS_IPV4,
      HEAD("01", "80") A_QUESTION CNAME("@12", "03", "'b' 00"), ERR_NONE, 0, 30 },
    { "no such name", DNS_IPV4, HEAD("00", "83") A_QUESTION, ERR_NOT_FOUND, 0, 0 },
    { "the server failed", DNS_IPV4, HEAD("00", "82") A_QUESTION, ERR_UNSUPPORTED, 0, 0 },
    { "another type was asked", DNS_IPV4, HEAD("01", "80") SRV_QUESTION A("@12", "01"), ERR_DENIED,
      0, 0 },
    { "another name was asked", DNS_IPV4,
      "0000 8180 0001 0001 0000 0000 'evil' 'test' 00 " A_QUESTION A("@12", "01"), ERR_DENIED, 0,
      0 },
    { "the name in another case", DNS_IPV4,
      "0000 8180 0001 0001 0000 0000 'hOst' 'test' 00 " A_QUESTION A("@12", "01"), ERR_DENIED, 0,
      0 },
    { "two questions", DNS_IPV4, "0000 8180 0002 0000 0000 0000 'host' 'test' 00 " A_QUESTION,
      ERR_SYNTAX, 0, 0 },
    { "a question", DNS_IPV4, "0000 0100 0001 0000 0000 0000 'host' 'test' 00 " A_QUESTION,
      ERR_SYNTAX, 0, 0 },
    { "nothing", DNS_IPV4, "", ERR_SYNTAX, 0, 0 },
    { "a pointer to itself", DNS_IPV4, "0000 8180 0001 0000 0000 0000 @12 " A_QUESTION, ERR_SYNTAX,
      0, 0 },
    { "a pointer forward", DNS_IPV4, "0000 8180 0001 0000 0000 0000 @14 " A_QUESTION, ERR_SYNTAX, 0,
      0 },
    { "a label of another kind", DNS_IPV4, "0000 8180 0001 0000 0000 0000 41 00 " A_QUESTION,
      ERR_SYNTAX, 0, 0 },
    { "a dot in a label", DNS_IPV4, "0000 8180 0001 0000 0000 0000 'host.test' 00 " A_QUESTION,
      ERR_SYNTAX, 0, 0 },
    { "an IPv6 address", DNS_IPV6,
      HEAD("01", "80") "001c 0001 @12 001c 0001 00000001 0010 20010db8000000000000000000000001",
      ERR_NONE, 1, 1 },
    { "a service", DNS_SERVICE,
      HEAD("01", "80") SRV_QUESTION "@12 0021 0001 00000001 0008 0001 0002 13c4 @12", ERR_NONE, 1,
      1 },
    { "a service without a target", DNS_SERVICE,
      HEAD("01", "80") SRV_QUESTION "@12 0021 0001 00000001 0006 0001 0002 13c4", ERR_NONE, 0,
      INT32_MAX },
    { "a pointer to a service", DNS_POINTER,
      HEAD("01", "80") NAPTR_QUESTION "@12 0023 0001 00000001 0011 0001 0002 's' 'SIP+D2U' 00 @12",
      ERR_NONE, 1, 1 },
    { "one with an expression", DNS_POINTER,
      HEAD("01", "80") NAPTR_QUESTION
      "@12 0023 0001 00000001 0015 0001 0002 'u' 'SIP+D2U' '!x!y' @12",
      ERR_NONE, 0, INT32_MAX },
    { "one with a service as long as can be", DNS_POINTER,
      HEAD("01", "80") NAPTR_QUESTION "@12 0023 0001 00000001 00ff 0001 0002 's' ff 41414141",
      ERR_NONE, 0, INT32_MAX },
};

static enum err read_row(const struct row *row, bool has_suffix, const char *asked,
                         struct dns_answer *out)
{
    struct bytes bytes = { .len = 0 };
    char *copy;
    enum err err;

    write_bytes(&bytes, row->bytes);
    copy = malloc(bytes.len ? bytes.len : 1); /* of exactly that size: reading beyond is seen */
    assert_non_null(copy);
    memcpy(copy, bytes.at, bytes.len);
    err = dns_read((struct str){ copy, bytes.len }, row->kind, str_of(asked), has_suffix, out);
    free(copy);
    return err;
}

static void test_answers_say_what_is_in_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dns_answer answer;
        enum err err = read_row(&rows[i], false, "host.test", &answer);

        if (err != rows[i].want)
            fail_msg("%s: %s", rows[i].what, err_name(err));
        if (!err && (answer.count != rows[i].count || answer.ttl != rows[i].ttl))
            fail_msg("%s: %u records for %u s", rows[i].what, answer.count, answer.ttl);
    }
}

static void test_services_and_pointers_are_taken_apart(void **state)
{
    static const struct row service = { "",
                                        DNS_SERVICE,
                                        HEAD("01", "80") SRV_QUESTION
                                        "@12 0021 0001 00000001 000b 0001 0002 13c4 'gw' @17",
                                        ERR_NONE,
                                        1,
                                        1 };
    static const struct row pointer = {
        "",
        DNS_POINTER,
        HEAD("01", "80") NAPTR_QUESTION
        "@12 0023 0001 00000001 0016 0001 0002 'S' 'SIP+D2U' 00 '_sip' @17",
        ERR_NONE,
        1,
        1
    };
    struct dns_answer answer;

    (void)state;
    assert_int_equal(read_row(&service, false, "host.test", &answer), ERR_NONE);
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.services[0].target, "gw.test");
    assert_int_equal(answer.services[0].priority, 1);
    assert_int_equal(answer.services[0].weight, 2);
    assert_int_equal(answer.services[0].port, 5060);
    assert_int_equal(read_row(&pointer, false, "host.test", &answer), ERR_NONE);
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.pointers[0].service, "SIP+D2U");
    assert_string_equal(answer.pointers[0].replacement, "_sip.test");
    assert_int_equal(answer.pointers[0].flag, 's');
    assert_int_equal(answer.pointers[0].order, 1);
    assert_int_equal(answer.pointers[0].preference, 2);
}

static void test_a_search_list_may_have_added_a_domain(void **state)
{
    struct dns_answer answer;

    (void)state;
    assert_int_equal(read_row(&rows[0], true, "host", &answer), ERR_NONE);
    assert_int_equal(read_row(&rows[0], true, "host.test", &answer), ERR_NONE);
    assert_int_equal(read_row(&rows[0], true, "hos", &answer), ERR_DENIED);
    assert_int_equal(read_row(&rows[0], false, "host", &answer), ERR_DENIED);
}

/* n aliases, one after the other, and the address of the last */
static enum err read_chain(unsigned aliases, struct dns_answer *out)
{
    struct bytes bytes = { .len = 0 };
    char text[128];

    snprintf(text, sizeof text, "0000 8180 0001 %04x 0000 0000 'a0' 00 " A_QUESTION, aliases + 1);
    write_bytes(&bytes, text);
    for (unsigned i = 0; i < aliases; i++) {
        snprintf(text, sizeof text, "'a%x' 00 0005 0001 0000003c 0004 'a%x' 00", i, i + 1);
        write_bytes(&bytes, text);
    }
    snprintf(text, sizeof text, "'a%x' 00 0001 0001 0000003c 0004 c0000201", aliases);
    write_bytes(&bytes, text);
    return dns_read((struct str){ bytes.at, bytes.len }, DNS_IPV4, STR("a0"), false, out);
}

static void test_eight_aliases_are_enough(void **state)
{
    struct dns_answer answer;

    (void)state;
    assert_int_equal(read_chain(8, &answer), ERR_NONE);
    assert_int_equal(answer.count, 1);
    assert_int_equal(read_chain(9, &answer), ERR_LIMIT);
}

static void test_sixteen_records_are_enough(void **state)
{
    struct bytes bytes = { .len = 0 };
    struct dns_answer answer;

    (void)state;
    write_bytes(&bytes, HEAD("64", "80") A_QUESTION);
    for (int i = 0; i < 100; i++)
        write_bytes(&bytes, A("@12", "01"));
    assert_int_equal(
        dns_read((struct str){ bytes.at, bytes.len }, DNS_IPV4, STR("host.test"), false, &answer),
        ERR_NONE);
    assert_int_equal(answer.count, DNS_RECORDS_MAX);
}

/* In a block of its own, so that reading beyond the end is seen. */
static void read_copy(enum dns_kind kind, const char *bytes, size_t len)
{
    struct dns_answer answer;
    char *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    if (!dns_read((struct str){ copy, len }, kind, STR("host.test"), false, &answer))
        assert_in_range(answer.count, 0, DNS_RECORDS_MAX);
    free(copy);
}

static void break_at(enum dns_kind kind, struct bytes *bytes, size_t at)
{
    static const unsigned char values[] = { 0x00, 0x01, 0x3f, 0x40, 0xc0, 0xff };
    char whole = bytes->at[at];

    read_copy(kind, bytes->at, at);
    for (size_t i = 0; i < sizeof values; i++) {
        bytes->at[at] = (char)values[i];
        read_copy(kind, bytes->at, bytes->len);
    }
    bytes->at[at] = whole;
}

/* Every row cut short everywhere, and with every byte changed: nothing but an answer or an error.
 */
static void test_broken_answers_do_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes bytes = { .len = 0 };

        write_bytes(&bytes, rows[i].bytes);
        for (size_t at = 0; at < bytes.len; at++)
            break_at(rows[i].kind, &bytes, at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_say_what_is_in_them),
        cmocka_unit_test(test_services_and_pointers_are_taken_apart),
        cmocka_unit_test(test_a_search_list_may_have_added_a_domain),
        cmocka_unit_test(test_eight_aliases_are_enough),
        cmocka_unit_test(test_sixteen_records_are_enough),
        cmocka_unit_test(test_broken_answers_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
