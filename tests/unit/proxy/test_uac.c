/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that the server itself makes (RFC 3261 §8.1, §12.2.1.1; RFC 3263 §4.3). */
#include "world.h"

struct answer {
    unsigned count, status;
    bool has_response;
};

static void note(void *context, unsigned status, const struct sip_msg *response)
{
    struct answer *answer = context;

    answer->count++;
    answer->status = status;
    answer->has_response = response != NULL;
}

static const struct uac_request bye = {
    .method = STR_INIT("BYE"),
    .uri = STR_INIT("sip:bob@10.0.0.9:5070"),
    .from = STR_INIT("\"A\" <sip:alice@example.com>"),
    .from_tag = STR_INIT("a1"),
    .to = STR_INIT("sip:bob@example.com"),
    .to_tag = STR_INIT("b1"),
    .call_id = STR_INIT("call-1"),
    .cseq = 8,
    .headers = STR_INIT("Reason: SIP;cause=408\r\n"),
    .socket = SOCKET_ANY,
};

static enum err ask(struct world *world, const struct uac_request *request, struct answer *answer)
{
    char buffer[4096];
    struct writer w = writer_over(buffer, sizeof buffer);
    enum err err = uac_write(&w, request, STR("Via: x\r\n"));

    *answer = (struct answer){ 0 };
    return err ? err : proxy_ask(world->proxy, request, writer_text(&w), note, answer);
}

static struct str asked(struct world *world, const struct uac_request *request,
                        struct answer *answer)
{
    assert_int_equal(ask(world, request, answer), ERR_NONE);
    return fake_last(world->fake);
}

static void name_two_addresses(struct world *world)
{
    world->fake->hops[0] = fake_flow(TRANSPORT_UDP, "192.0.2.1:5060", 0);
    world->fake->hops[1] = fake_flow(TRANSPORT_UDP, "192.0.2.2:5060", 0);
    world->fake->hop_count = 2;
}

static void test_a_request_is_written_whole(void **state)
{
    struct world *world = world_create(false);
    struct answer answer;
    struct str text = asked(world, &bye, &answer);

    (void)state;
    assert_has(text, "BYE sip:bob@10.0.0.9:5070 SIP/2.0\r\nVia: SIP/2.0/UDP 9.9.9.9;rport;branch="
                     "z9hG4bKu");
    assert_has(text, "Max-Forwards: 70\r\nFrom: \"A\" <sip:alice@example.com>;tag=a1\r\n"
                     "To: <sip:bob@example.com>;tag=b1\r\nCall-ID: call-1\r\nCSeq: 8 BYE\r\n"
                     "Reason: SIP;cause=408\r\nContent-Length: 0\r\n\r\n");
    assert_peer(&world->fake->sent[0].flow, "10.0.0.9:5070");
    assert_true(world_answer(world, 0, 180, "b1"));
    assert_int_equal(answer.count, 0);
    assert_true(world_answer(world, 0, 200, "b1"));
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.status, 200);
    assert_true(answer.has_response);
    world_destroy(world);
}

static void test_a_body_has_its_length(void **state)
{
    struct world *world = world_create(false);
    struct uac_request notify = bye;
    struct answer answer;

    (void)state;
    notify.method = STR("NOTIFY");
    notify.body = STR("hello");
    assert_has(asked(world, &notify, &answer), "Content-Length: 5\r\n\r\nhello");
    world_answer(world, 0, 481, "b1");
    assert_int_equal(answer.status, 481);
    world_destroy(world);
}

static void test_it_goes_down_a_flow_whatever_the_texts_say(void **state)
{
    struct world *world = world_create(false);
    struct uac_request request = bye;
    struct answer answer;

    (void)state;
    request.has_flow = true;
    request.flow = fake_flow(TRANSPORT_TCP, "198.51.100.7:40000", 5);
    request.flow.socket = TCP_SOCKET;
    assert_has(asked(world, &request, &answer), "Via: SIP/2.0/TCP 9.9.9.9;branch=");
    assert_peer(&world->fake->sent[0].flow, "198.51.100.7:40000");
    world_answer(world, 0, 200, "b1");
    world->fake->dead_connection = 5;
    assert_int_equal(ask(world, &request, &answer), ERR_NONE);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.status, 430);
    world_destroy(world);
}

static void test_route_sets_are_followed(void **state)
{
    struct world *world = world_create(false);
    struct uac_request request = bye;
    struct answer answer;
    struct str text;

    (void)state;
    request.routes = STR("<sip:192.0.2.5:5066;lr>, <sip:192.0.2.6;lr>");
    text = asked(world, &request, &answer);
    assert_has(text, "BYE sip:bob@10.0.0.9:5070 SIP/2.0\r\n");
    assert_has(text, "Route: <sip:192.0.2.5:5066;lr>, <sip:192.0.2.6;lr>\r\n");
    assert_peer(&world->fake->sent[0].flow, "192.0.2.5:5066");
    world_answer(world, 0, 200, "b1");

    request.routes = STR("<sip:192.0.2.5:5066>, <sip:192.0.2.6;lr>");
    text = asked(world, &request, &answer);
    assert_has(text, "BYE sip:192.0.2.5:5066 SIP/2.0\r\n");
    assert_has(text, "Route: <sip:192.0.2.6;lr>, <sip:bob@10.0.0.9:5070>\r\n");
    world_answer(world, 1, 200, "b1");
    world_destroy(world);
}

static void test_the_next_address_is_tried(void **state)
{
    struct world *world = world_create(false);
    struct uac_request request = bye;
    struct answer answer;

    (void)state;
    name_two_addresses(world);
    request.uri = STR("sip:bob@example.com");
    asked(world, &request, &answer);
    assert_peer(&world->fake->sent[0].flow, "192.0.2.1:5060");
    world_answer(world, 0, 503, "b1");
    assert_int_equal(answer.count, 0);
    assert_peer(&world->fake->sent[1].flow, "192.0.2.2:5060");
    world_answer(world, 1, 503, "b1");
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.status, 503);
    assert_true(answer.has_response);
    world_destroy(world);
}

static void test_silence_counts_as_a_408_after_all_addresses(void **state)
{
    struct world *world = world_create(false);
    struct uac_request request = bye;
    struct answer answer;

    (void)state;
    name_two_addresses(world);
    request.uri = STR("sip:bob@example.com");
    asked(world, &request, &answer);
    fake_wait(world->fake, 32000);
    assert_int_equal(answer.count, 0);
    fake_wait(world->fake, 32000);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.status, 408);
    assert_false(answer.has_response);
    world_destroy(world);
}

static void test_what_cannot_be_sent_is_reported(void **state)
{
    static const struct {
        const char *uri;
        bool is_deaf;
        unsigned status;
    } rows[] = {
        { "sip:bob@nowhere.example.com", false, 478 },
        { "sip:bob@192.0.2.1", true, 503 },
        { "tel:+123", false, 416 },
    };
    struct answer answer;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *world = world_create(false);
        struct uac_request request = bye;

        request.uri = str_of(rows[i].uri);
        world->fake->is_deaf = rows[i].is_deaf;
        assert_int_equal(ask(world, &request, &answer), ERR_NONE);
        assert_int_equal(answer.count, 1);
        assert_int_equal(answer.status, rows[i].status);
        world_destroy(world);
    }
}

static void test_texts_cannot_break_out_of_their_line(void **state)
{
    struct world *world = world_create(false);
    struct uac_request request;
    struct answer answer;

    (void)state;
#define REFUSES(field, text)                                                                       \
    request = bye;                                                                                 \
    request.field = STR(text);                                                                     \
    assert_int_equal(ask(world, &request, &answer), ERR_SYNTAX)
    REFUSES(uri, "sip:a@b\r\nEvil: 1");
    REFUSES(uri, "sip:a@b c");
    REFUSES(from, "sip:a@b\nEvil: 1");
    REFUSES(to, "sip:a@b\r\nEvil: 1");
    REFUSES(from_tag, "x\r\nEvil: 1");
    REFUSES(to_tag, "x y");
    REFUSES(call_id, "x\r\n");
    REFUSES(routes, "<sip:a>\r\nEvil: 1");
    REFUSES(headers, "no header line");
    REFUSES(method, "B YE");
#undef REFUSES
    request = bye;
    request.method = STR("INVITE");
    assert_int_equal(ask(world, &request, &answer), ERR_UNSUPPORTED);
    assert_int_equal(world->fake->count, 0);
    world_destroy(world);
}

static void test_a_stop_in_the_middle_frees_all(void **state)
{
    struct world *world = world_create(false);
    struct answer answer;

    (void)state;
    asked(world, &bye, &answer);
    proxy_destroy(world->proxy);
    fake_wait(world->fake, 70000);
    assert_int_equal(answer.count, 0);
    txn_layer_destroy(world->layer);
    world_create_layers(world, false, false);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_is_written_whole),
        cmocka_unit_test(test_a_body_has_its_length),
        cmocka_unit_test(test_it_goes_down_a_flow_whatever_the_texts_say),
        cmocka_unit_test(test_route_sets_are_followed),
        cmocka_unit_test(test_the_next_address_is_tried),
        cmocka_unit_test(test_silence_counts_as_a_408_after_all_addresses),
        cmocka_unit_test(test_what_cannot_be_sent_is_reported),
        cmocka_unit_test(test_texts_cannot_break_out_of_their_line),
        cmocka_unit_test(test_a_stop_in_the_middle_frees_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
