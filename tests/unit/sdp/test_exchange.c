/* SPDX-License-Identifier: Apache-2.0 */
/* The ways of offer and answer through SIP, message by message (RFC 6337 §2.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/prng.h"
#include "sdp/exchange.h"

enum {
    A,
    B,
    STEPS_MAX = 8,
};

struct step {
    unsigned sender;
    enum sdp_carrier carrier;
    unsigned asker;
    uint32_t cseq;
    enum sdp_role role;
    enum sdp_exchange_state after;
};

#define INVITE(cseq)                                                                               \
    {                                                                                              \
        A, SDP_CARRIES_OFFER, A, cseq, SDP_OFFER, SDP_OFFERED_BY_FIRST                             \
    }
#define OK(cseq)                                                                                   \
    {                                                                                              \
        B, SDP_CARRIES_ANSWER, A, cseq, SDP_ANSWER, SDP_IDLE                                       \
    }

static const struct {
    const char *what;
    struct step steps[STEPS_MAX];
} rows[] = {
    { "INVITE, 200", { INVITE(1), OK(1) } },
    { "INVITE, 183, 200",
      { INVITE(1),
        { B, SDP_CARRIES_PREVIEW, A, 1, SDP_PREVIEW, SDP_OFFERED_BY_FIRST },
        { B, SDP_CARRIES_PREVIEW, A, 1, SDP_PREVIEW, SDP_OFFERED_BY_FIRST },
        OK(1) } },
    { "INVITE, 183, 200 without",
      { INVITE(1),
        { B, SDP_CARRIES_PREVIEW, A, 1, SDP_PREVIEW, SDP_OFFERED_BY_FIRST },
        { B, SDP_ACCEPTS, A, 1, SDP_SETTLED, SDP_IDLE } } },
    { "INVITE, reliable 183, 200 with the same",
      { INVITE(1), OK(1), { B, SDP_CARRIES_ANSWER, A, 1, SDP_REPEAT, SDP_IDLE } } },
    { "INVITE, 200 with an offer, ACK",
      { { B, SDP_CARRIES_EITHER, A, 1, SDP_OFFER, SDP_OFFERED_BY_SECOND },
        { A, SDP_CARRIES_ANSWER, A, 1, SDP_ANSWER, SDP_IDLE } } },
    { "INVITE, unreliable 183 and 200 with an offer, ACK",
      { { B, SDP_CARRIES_EITHER, A, 1, SDP_OFFER, SDP_OFFERED_BY_SECOND },
        { B, SDP_CARRIES_EITHER, A, 1, SDP_OFFER, SDP_OFFERED_BY_SECOND },
        { A, SDP_CARRIES_ANSWER, A, 1, SDP_ANSWER, SDP_IDLE } } },
    { "INVITE, reliable 183 with an offer, PRACK",
      { { B, SDP_CARRIES_EITHER, A, 1, SDP_OFFER, SDP_OFFERED_BY_SECOND },
        { A, SDP_CARRIES_EITHER, A, 2, SDP_ANSWER, SDP_IDLE },
        { B, SDP_ACCEPTS, A, 2, SDP_NOTHING, SDP_IDLE } } },
    { "PRACK with a second offer, 200 to PRACK",
      { INVITE(1),
        OK(1),
        { A, SDP_CARRIES_EITHER, A, 2, SDP_OFFER, SDP_OFFERED_BY_FIRST },
        OK(2) } },
    { "UPDATE of the other side",
      { { B, SDP_CARRIES_OFFER, B, 7, SDP_OFFER, SDP_OFFERED_BY_SECOND },
        { A, SDP_CARRIES_ANSWER, B, 7, SDP_ANSWER, SDP_IDLE } } },
    { "refused", { INVITE(1), { B, SDP_REFUSES, A, 1, SDP_REFUSED, SDP_IDLE }, INVITE(2), OK(2) } },
    { "a late offer, and the INVITE fails",
      { { B, SDP_CARRIES_EITHER, A, 1, SDP_OFFER, SDP_OFFERED_BY_SECOND },
        { B, SDP_REFUSES, A, 1, SDP_REFUSED, SDP_IDLE } } },
    { "another request fails",
      { INVITE(1), { B, SDP_REFUSES, A, 2, SDP_NOTHING, SDP_OFFERED_BY_FIRST }, OK(1) } },
    { "a request of the other side with the same number fails",
      { INVITE(1), { A, SDP_REFUSES, B, 1, SDP_NOTHING, SDP_OFFERED_BY_FIRST }, OK(1) } },
    { "another request is accepted",
      { INVITE(1), { B, SDP_ACCEPTS, A, 2, SDP_NOTHING, SDP_OFFERED_BY_FIRST }, OK(1) } },
    { "glare, both refuse",
      { INVITE(1),
        { B, SDP_CARRIES_OFFER, B, 1, SDP_OFFER, SDP_GLARE },
        { A, SDP_REFUSES, B, 1, SDP_REFUSED, SDP_OFFERED_BY_FIRST },
        { B, SDP_REFUSES, A, 1, SDP_REFUSED, SDP_IDLE } } },
    { "glare, one refuses",
      { INVITE(1),
        { B, SDP_CARRIES_OFFER, B, 1, SDP_OFFER, SDP_GLARE },
        { B, SDP_CARRIES_ANSWER, A, 1, SDP_ANSWER, SDP_OFFERED_BY_SECOND },
        { A, SDP_REFUSES, B, 1, SDP_REFUSED, SDP_IDLE } } },
    { "an offer whose refusal was lost is no hindrance",
      { INVITE(1),
        INVITE(2),
        { B, SDP_REFUSES, A, 1, SDP_NOTHING, SDP_OFFERED_BY_FIRST },
        OK(2) } },
    { "a 180 on the way",
      { INVITE(1), { B, SDP_CARRIES_NOTHING, A, 1, SDP_NOTHING, SDP_OFFERED_BY_FIRST }, OK(1) } },
};

/* Everything must read the same with the parties exchanged. */
static void play(const char *what, const struct step steps[], unsigned first)
{
    static const uint8_t turned[] = { SDP_IDLE, SDP_OFFERED_BY_SECOND, SDP_OFFERED_BY_FIRST,
                                      SDP_GLARE };
    struct sdp_exchange exchange = { 0 };

    for (unsigned i = 0; i < STEPS_MAX && steps[i].carrier; i++) {
        struct sdp_turn turn = { steps[i].asker ^ first, steps[i].cseq };
        unsigned sender = steps[i].sender ^ first;
        enum sdp_role role = sdp_exchange_step(&exchange, sender, steps[i].carrier, turn);

        if (role != steps[i].role ||
            exchange.state != (first ? turned[steps[i].after] : steps[i].after))
            fail_msg("%s, step %u: role %d, state %d", what, i + 1, role, exchange.state);
    }
}

static void test_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        play(rows[i].what, rows[i].steps, A);
        play(rows[i].what, rows[i].steps, B);
    }
}

/* Whatever comes, in any order: an offer and its answer work afterwards. */
static void test_never_stuck(void **state)
{
    struct prng prng;

    (void)state;
    prng_init(&prng, 3264);
    for (unsigned round = 0; round < 10000; round++) {
        struct sdp_exchange exchange = { 0 };
        unsigned party = random_below(&prng.source, 2);
        struct sdp_turn turn = { party, 100 };

        for (unsigned i = random_below(&prng.source, 12); i > 0; i--)
            (void)sdp_exchange_step(
                &exchange, random_below(&prng.source, 2),
                (enum sdp_carrier)random_below(&prng.source, SDP_CARRIERS),
                (struct sdp_turn){ random_below(&prng.source, 2), random_below(&prng.source, 4) });
        assert_in_range(exchange.state, 0, SDP_EXCHANGE_STATES - 1);
        assert_int_equal(sdp_exchange_step(&exchange, party, SDP_CARRIES_OFFER, turn), SDP_OFFER);
        assert_int_equal(sdp_exchange_step(&exchange, !party, SDP_CARRIES_ANSWER, turn),
                         SDP_ANSWER);
        assert_int_equal(exchange.offerer, party);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ways),
        cmocka_unit_test(test_never_stuck),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
