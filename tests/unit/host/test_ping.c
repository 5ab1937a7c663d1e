/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include "host/ping.h"

static const uint8_t secret[SECRET_BYTES] = "thirty-two bytes for the tests!";

/* ---- the request and its answer ---- */

static struct binding a_binding(void)
{
    return (struct binding){ .contact = STR("sip:alice@10.0.0.1:5062"),
                             .path = STR("<sip:edge.example.com;lr>"),
                             .ruid = STR("ruid-1") };
}

static struct str write_ping(struct rig *rig, const struct binding *binding, char *buffer,
                             size_t size)
{
    const struct ping ping = { .method = STR("OPTIONS"),
                               .listener = &rig->listeners[0],
                               .binding = binding,
                               .secret = secret,
                               .number = 77 };
    struct writer w = writer_over(buffer, size);

    assert_int_equal(ping_write(&w, &ping), ERR_NONE);
    return writer_text(&w);
}

static struct sip_msg *parse(struct arena *arena, struct str text)
{
    struct sip_fault fault = { 0 };
    struct sip_msg *msg;

    if (sip_msg_parse(arena, text, false, sip_limits_default(), &msg, &fault))
        fail_msg("%s: " STR_FMT, fault.what, STR_ARG(text));
    return msg;
}

/* What a client says to the request; `tag` NULL: From as it came. */
static struct sip_msg *answer(struct arena *arena, const struct sip_msg *request, const char *tag)
{
    char buffer[2048];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str from_tag = tag ? str_of(tag) : request->from_tag;

    write_fmt(&w,
              "SIP/2.0 200 OK\r\nVia: " STR_FMT "\r\nFrom: <sip:x@y>;tag=" STR_FMT
              "\r\nTo: <sip:alice@10.0.0.1>;tag=z\r\nCall-ID: " STR_FMT
              "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
              STR_ARG(request->via.text), STR_ARG(from_tag), STR_ARG(request->call_id));
    return parse(arena, writer_text(&w));
}

static void test_a_ping_is_a_whole_request(void **state)
{
    struct binding binding = a_binding();
    char buffer[2048];
    struct rig rig = { 0 };
    struct arena arena;
    struct sip_msg *msg;

    (void)state;
    rig_listen(&rig);
    arena_init(&arena, NULL, 1 << 20);
    msg = parse(&arena, write_ping(&rig, &binding, buffer, sizeof buffer));
    assert_true(msg->is_request);
    assert_int_equal(msg->method, SIP_OPTIONS);
    assert_text(msg->ruri, "sip:alice@10.0.0.1:5062");
    assert_text(msg->via.host, "203.0.113.1");
    assert_true(msg->via.is_rfc3261);
    assert_text(sip_msg_value(msg, SIP_HDR_ROUTE), "<sip:edge.example.com;lr>");
    assert_text(msg->from.uri.text, "sip:keepalive@203.0.113.1");
    arena_fini(&arena);
}

static void test_the_answer_names_its_binding(void **state)
{
    struct binding binding = a_binding();
    char buffer[2048];
    struct rig rig = { 0 };
    struct arena arena;
    struct sip_msg *request;
    struct str ruid;

    (void)state;
    rig_listen(&rig);
    arena_init(&arena, NULL, 1 << 20);
    request = parse(&arena, write_ping(&rig, &binding, buffer, sizeof buffer));
    assert_true(ping_read_answer(answer(&arena, request, NULL), secret, &ruid));
    assert_text(ruid, "ruid-1");
    assert_false(
        ping_read_answer(answer(&arena, request, "0123456789abcdef-ruid-1"), secret, &ruid));
    assert_false(ping_read_answer(answer(&arena, request, "ruid-1"), secret, &ruid));
    assert_false(ping_read_answer(answer(&arena, request, "1"), secret, &ruid));
    assert_false(ping_read_answer(request, secret, &ruid));
    arena_fini(&arena);
}

static void test_a_ruid_that_breaks_headers_is_refused(void **state)
{
    struct binding binding = a_binding();
    char buffer[2048];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct rig rig = { 0 };
    const struct ping ping = { .method = STR("OPTIONS"),
                               .listener = &rig.listeners[0],
                               .binding = &binding,
                               .secret = secret };

    (void)state;
    rig_listen(&rig);
    binding.ruid = STR("a\r\nX: b");
    assert_int_equal(ping_write(&w, &ping), ERR_SYNTAX);
}

/* ---- the pace ---- */

enum {
    TICK = 100,
    ROUNDS = 3,
    WORKERS_MAX = 16,
};

static void visit_all(msec interval, unsigned workers, unsigned visits[PING_SLICES_MAX],
                      unsigned *slices, unsigned *busiest)
{
    struct ping_pace paces[WORKERS_MAX];
    msec start = 1000000;

    for (unsigned i = 0; i < workers; i++)
        ping_pace_init(&paces[i], start, interval, TICK, i, workers);
    *slices = ping_pace_slices(&paces[0]);
    *busiest = 0;
    for (msec now = start; now < start + ROUNDS * interval; now += TICK) {
        unsigned in_tick = 0, slice;
        for (unsigned i = 0; i < workers; i++) {
            while (ping_pace_next(&paces[i], now, &slice)) {
                assert_true(slice < *slices);
                visits[slice]++;
                in_tick++;
            }
        }
        if (in_tick > *busiest)
            *busiest = in_tick;
    }
}

static void test_every_slice_has_one_turn_an_interval(void **state)
{
    static const struct {
        msec interval;
        unsigned workers;
    } rows[] = { { 20000, 1 }, { 30000, 8 }, { 60000, 4 }, { 1000, 3 }, { 100, 2 }, { 15000, 16 } };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        unsigned visits[PING_SLICES_MAX] = { 0 }, slices, busiest, mean;
        visit_all(rows[i].interval, rows[i].workers, visits, &slices, &busiest);
        for (unsigned slice = 0; slice < slices; slice++)
            assert_in_range(visits[slice], ROUNDS - 1, ROUNDS);
        mean = (unsigned)(slices * TICK / rows[i].interval);
        if (busiest > 2 * mean + 1)
            fail_msg("%u workers: %u slices in a tick, %u on average", rows[i].workers, busiest,
                     mean);
    }
}

static void test_a_long_pause_is_not_made_up_for(void **state)
{
    struct ping_pace pace;
    unsigned turns = 0, slice;

    (void)state;
    ping_pace_init(&pace, 1000, 20000, TICK, 0, 1);
    while (ping_pace_next(&pace, 1000 + 3600 * 1000, &slice))
        turns++;
    assert_in_range(turns, 1, 2 * ping_pace_slices(&pace));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_ping_is_a_whole_request),
        cmocka_unit_test(test_the_answer_names_its_binding),
        cmocka_unit_test(test_a_ruid_that_breaks_headers_is_refused),
        cmocka_unit_test(test_every_slice_has_one_turn_an_interval),
        cmocka_unit_test(test_a_long_pause_is_not_made_up_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
