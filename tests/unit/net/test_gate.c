/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "net/gate.h"

static const struct gate_rules usual = { .rate = 100 };

static struct gate *make_gate(const struct gate_rules *rules)
{
    struct gate *gate = NULL;
    struct prng random;

    prng_init(&random, 7);
    assert_int_equal(gate_create(rules, &random.source, &gate), ERR_NONE);
    return gate;
}

static struct addr source(const char *text)
{
    struct addr addr = { 0 };

    assert_int_equal(addr_parse(str_of(text), &addr), ERR_NONE);
    return addr;
}

static unsigned count_admitted(struct gate *gate, const struct addr *from, unsigned count, msec now)
{
    unsigned admitted = 0;

    for (unsigned i = 0; i < count; i++)
        admitted += gate_admits(gate, from, STR("OPTIONS sip:a SIP/2.0\r\n"), now);
    return admitted;
}

static void test_a_flood_is_cut_to_the_rate(void **state)
{
    struct gate *gate = make_gate(&usual);
    struct addr flood = source("198.51.100.1:5060"), port = source("198.51.100.1:6060");
    unsigned first = count_admitted(gate, &flood, 10000, 1000);

    (void)state;
    assert_in_range(first, 200, 210); /* two seconds' worth at once */
    assert_int_equal(count_admitted(gate, &port, 100, 1000),
                     0); /* another port is no other source */
    assert_in_range(count_admitted(gate, &flood, 10000, 2000), 98, 104);
    assert_in_range(count_admitted(gate, &flood, 10000, 100000), 200, 210);
    gate_destroy(gate);
}

static void test_others_do_not_feel_a_flood_ten_times_the_rate(void **state)
{
    struct gate *gate = make_gate(&usual);
    struct addr flood = source("198.51.100.1:5060");
    unsigned sent = 0, lost = 0;

    (void)state;
    for (msec now = 1000; now < 31000; now++) {
        struct addr honest = { .ip = { 10, (uint8_t)(now >> 8), (uint8_t)now, 7 },
                               .port = 5060,
                               .family = ADDR_IPV4 };

        count_admitted(gate, &flood, 1, now);
        sent++;
        lost += count_admitted(gate, &honest, 1, now) == 0;
    }
    assert_true(lost * 100 < sent);
    gate_destroy(gate);
}

static void test_an_ipv6_network_is_one_source(void **state)
{
    struct gate *gate = make_gate(&usual);
    struct addr one = source("[2001:db8::1]:5060"), neighbour = source("[2001:db8::ffff:2]:5060");
    struct addr other = source("[2001:db8:0:1::1]:5060");

    (void)state;
    count_admitted(gate, &one, 1000, 1000);
    assert_int_equal(count_admitted(gate, &neighbour, 100, 1000), 0);
    assert_int_equal(count_admitted(gate, &other, 100, 1000), 100);
    gate_destroy(gate);
}

static void test_those_we_know_are_not_limited(void **state)
{
    struct gate *gate = make_gate(&usual);
    struct addr phone = source("198.51.100.1:5060");
    struct str refusal = STR("SIP/2.0 404 Not Found\r\n\r\n");

    (void)state;
    gate_vouch(gate, &phone, 1000);
    assert_int_equal(count_admitted(gate, &phone, 10000, 2000), 10000);
    for (int i = 0; i < 1000; i++)
        assert_true(gate_lets_out(gate, &phone, refusal, 2000));
    assert_in_range(count_admitted(gate, &phone, 10000, 3 * 3600 * 1000), 200, 210);
    gate_vouch(gate, &phone, 3 * 3600 * 1000);
    assert_int_equal(count_admitted(gate, &phone, 1000, 3 * 3600 * 1000), 1000);
    gate_destroy(gate);
}

static void test_more_are_known_than_there_is_room_for(void **state)
{
    struct gate *gate = make_gate(&usual);
    struct addr last = { .family = ADDR_IPV4, .port = 5060 };

    (void)state;
    for (uint32_t i = 0; i < 400000; i++) {
        last.ip[1] = (uint8_t)(i >> 16);
        last.ip[2] = (uint8_t)(i >> 8);
        last.ip[3] = (uint8_t)i;
        gate_vouch(gate, &last, 1000 + i / 10);
    }
    assert_int_equal(count_admitted(gate, &last, 1000, 41000), 1000);
    gate_destroy(gate);
}

/* What goes back for so many requests, each answered by a message of that length. */
static size_t reflect(struct gate *gate, struct str request, struct str answer, unsigned count)
{
    struct addr victim = source("203.0.113.5:5060");
    size_t bytes = 0;

    for (unsigned i = 0; i < count; i++) {
        if (gate_admits(gate, &victim, request, 1000 + i * 10) &&
            gate_lets_out(gate, &victim, answer, 1000 + i * 10))
            bytes += answer.len;
    }
    return bytes;
}

static const struct {
    const char *what;
    struct str request, answer;
    unsigned most, least; /* bytes back for a hundred bytes */
} reflections[] = {
    { "a short failure", STR_INIT("MESSAGE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n"),
      STR_INIT("SIP/2.0 404 No\r\n\r\n"), 50, 40 },
    { "a long failure", STR_INIT("MESSAGE sip:a SIP/2.0\r\n\r\n"),
      STR_INIT("SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\n"),
      100, 80 },
    { "an INVITE's", STR_INIT("INVITE sip:a SIP/2.0\r\n\r\n"),
      STR_INIT("SIP/2.0 407 Proxy Authentication Required\r\nProxy-Authenticate: Digest "
               "realm=\"a\", nonce=\"b\"\r\n"),
      300, 250 },
    { "a 200 to OPTIONS", STR_INIT("OPTIONS sip:a SIP/2.0\r\n\r\n"),
      STR_INIT("SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nServer: one with a long name\r\n\r\n"), 100,
      80 },
    { "a 200 to others", STR_INIT("BYE sip:a SIP/2.0\r\n\r\n"),
      STR_INIT("SIP/2.0 200 OK\r\nCSeq: 1 BYE\r\nServer: one with a long name\r\n\r\n"), 1000,
      200 },
    { "a request", STR_INIT("BYE sip:a SIP/2.0\r\n\r\n"),
      STR_INIT("INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nCSeq: 1 INVITE\r\n\r\n"), 1000, 200 },
};

static void test_failures_are_in_proportion_to_what_came(void **state)
{
    static const struct gate_rules unhurried = { .rate = 0 };

    (void)state;
    for (size_t i = 0; i < sizeof reflections / sizeof *reflections; i++) {
        struct gate *gate = make_gate(&unhurried);
        size_t came = 3000 * reflections[i].request.len;
        size_t went = reflect(gate, reflections[i].request, reflections[i].answer, 3000);

        if (went * 100 > came * reflections[i].most || went * 100 < came * reflections[i].least)
            fail_msg("%s: %zu bytes for %zu", reflections[i].what, went, came);
        gate_destroy(gate);
    }
}

static void test_who_says_little_is_answered_at_first(void **state)
{
    struct gate *gate = make_gate(&usual);
    char challenge[600] = "SIP/2.0 401 Unauthorized\r\n";
    struct str answer = { challenge, sizeof challenge };
    struct str request = STR("REGISTER sip:a SIP/2.0\r\n\r\n");

    (void)state;
    assert_int_equal(reflect(gate, request, answer, 3), 3 * sizeof challenge);
    gate_destroy(gate);
}

static void test_limits_can_be_taken_away(void **state)
{
    static const struct gate_rules none = { .rate = 0, .is_open = true };
    struct gate *gate = make_gate(&none);
    struct addr flood = source("198.51.100.1:5060");

    (void)state;
    assert_int_equal(count_admitted(gate, &flood, 100000, 1000), 100000);
    assert_int_equal(reflect(gate, STR("A"), STR("SIP/2.0 404 No\r\n"), 1000), 16 * 1000);
    gate_destroy(gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flood_is_cut_to_the_rate),
        cmocka_unit_test(test_others_do_not_feel_a_flood_ten_times_the_rate),
        cmocka_unit_test(test_an_ipv6_network_is_one_source),
        cmocka_unit_test(test_those_we_know_are_not_limited),
        cmocka_unit_test(test_more_are_known_than_there_is_room_for),
        cmocka_unit_test(test_failures_are_in_proportion_to_what_came),
        cmocka_unit_test(test_who_says_little_is_answered_at_first),
        cmocka_unit_test(test_limits_can_be_taken_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
