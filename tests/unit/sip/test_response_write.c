/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define REST "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: 1\r\nCSeq: 5 INVITE\r\n"

static const struct {
    const char *what;
    const char *response;
    unsigned status;
    const char *reason;
    const char *want;
} forwards[] = {
    { "a whole Via line goes",
      "SIP/2.0 180 Ring\r\nVia: SIP/2.0/UDP us\r\nVia: SIP/2.0/UDP a\r\n" REST
      "Content-Length: 0\r\n\r\n",
      180, "", "SIP/2.0 180 Ring\r\nVia: SIP/2.0/UDP a\r\n" REST "Content-Length: 0\r\n\r\n" },
    { "a part of one goes",
      "SIP/2.0 200 OK\r\nX-Y: z\r\nv: SIP/2.0/UDP us;branch=1 , SIP/2.0/UDP a\r\n" REST
      "l: 2\r\n\r\nhi",
      200, "", "SIP/2.0 200 OK\r\nX-Y: z\r\nv: SIP/2.0/UDP a\r\n" REST "l: 2\r\n\r\nhi" },
    { "empty values after it go with it",
      "SIP/2.0 200 OK\r\nv: SIP/2.0/UDP us, ,\r\nv: SIP/2.0/UDP a\r\n" REST "l: 0\r\n\r\n", 200, "",
      "SIP/2.0 200 OK\r\nv: SIP/2.0/UDP a\r\n" REST "l: 0\r\n\r\n" },
    { "another status",
      "SIP/2.0 503 Overload\r\nVia: SIP/2.0/UDP us\r\nVia: SIP/2.0/UDP a\r\n" REST "\r\n", 500, "",
      "SIP/2.0 500 Server Internal Error\r\nVia: SIP/2.0/UDP a\r\n" REST
      "Content-Length: 0\r\n\r\n" },
    { "another reason",
      "SIP/2.0 404 Not Found\r\nVia: SIP/2.0/UDP us\r\nVia: SIP/2.0/UDP a\r\n" REST "\r\n", 404,
      "No such user",
      "SIP/2.0 404 No such user\r\nVia: SIP/2.0/UDP a\r\n" REST "Content-Length: 0\r\n\r\n" },
};

static void test_responses_go_onwards(void **state)
{
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < ROWS(forwards); i++) {
        fixture_open(&f, forwards[i].response);
        assert_int_equal(
            sip_response_forward(&f.w, f.msg, forwards[i].status, str_of(forwards[i].reason), NULL),
            ERR_NONE);
        if (!str_eq(writer_text(&f.w), str_of(forwards[i].want)))
            fail_msg("%s:\n" STR_FMT, forwards[i].what, STR_ARG(writer_text(&f.w)));
        fixture_close(&f);
    }
}

static void test_edits_are_applied(void **state)
{
    struct fixture f;
    struct sip_edits edits = { 0 };

    (void)state;
    fixture_open(&f, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP us\r\nVia: SIP/2.0/UDP a\r\n" REST
                     "l: 2\r\n\r\nhi");
    assert_int_equal(sip_edit_append_hdr(&edits, f.msg, STR("X-Y: z\r\n")), ERR_NONE);
    assert_int_equal(sip_edit_set_body(&edits, f.msg, STR("hello")), ERR_NONE);
    assert_int_equal(sip_response_forward(&f.w, f.msg, 200, STR(""), &edits), ERR_NONE);
    assert_text(writer_text(&f.w),
                "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\n" REST "l: 5\r\nX-Y: z\r\n\r\nhello");
    fixture_close(&f);
}

#define REQUEST                                                                                    \
    "INVITE sip:b@h SIP/2.0\r\nRecord-Route: <sip:r1>\r\nv: SIP/2.0/UDP a , SIP/2.0/UDP b\r\n"     \
    "Via: SIP/2.0/UDP\r\n c\r\nf: <sip:a@h>;tag=1\r\nRecord-Route: <sip:r2>\r\n"                   \
    "t: <sip:b@h>\r\n ;x\r\nTimestamp: 54\r\nCall-ID: 1\r\nCSeq: 5 INVITE\r\nX-Y: z\r\nl: "        \
    "0\r\n\r\n"

#define VIAS "Via: SIP/2.0/UDP a;received=1.2.3.4, SIP/2.0/UDP b\r\nVia: SIP/2.0/UDP c\r\n"
#define IDS "Call-ID: 1\r\nCSeq: 5 INVITE\r\n"

static const struct {
    const char *what;
    struct sip_reply reply;
    const char *want;
} replies[] = {
    { "100 has no tag, but the Timestamp",
      { .status = 100,
        .to_tag = STR_INIT("9"),
        .received_via = STR_INIT("SIP/2.0/UDP a;received=1.2.3.4") },
      "SIP/2.0 100 Trying\r\n" VIAS "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h> ;x\r\n" IDS
      "Timestamp: 54\r\nContent-Length: 0\r\n\r\n" },
    { "a failure has no Record-Route",
      { .status = 404,
        .reason = STR_INIT("Nobody"),
        .to_tag = STR_INIT("9"),
        .received_via = STR_INIT("SIP/2.0/UDP a;received=1.2.3.4"),
        .headers = STR_INIT("X-Why: not\r\n") },
      "SIP/2.0 404 Nobody\r\n" VIAS "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h> ;x;tag=9\r\n" IDS
      "X-Why: not\r\nContent-Length: 0\r\n\r\n" },
    { "200 with a body",
      { .status = 200,
        .to_tag = STR_INIT("9"),
        .received_via = STR_INIT("SIP/2.0/UDP a;received=1.2.3.4"),
        .headers = STR_INIT("Content-Type: a/b\r\n"),
        .body = STR_INIT("hi") },
      "SIP/2.0 200 OK\r\n" VIAS "Record-Route: <sip:r1>\r\nRecord-Route: <sip:r2>\r\n"
      "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h> ;x;tag=9\r\n" IDS
      "Content-Type: a/b\r\nContent-Length: 2\r\n\r\nhi" },
};

static void test_replies(void **state)
{
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < ROWS(replies); i++) {
        size_t size;

        fixture_open(&f, REQUEST);
        assert_int_equal(sip_reply_write(&f.w, f.msg, &replies[i].reply), ERR_NONE);
        if (!str_eq(writer_text(&f.w), str_of(replies[i].want)))
            fail_msg("%s:\n" STR_FMT, replies[i].what, STR_ARG(writer_text(&f.w)));
        size = writer_text(&f.w).len;
        for (size_t room = 0; room < size; room++) {
            f.w = writer_over(f.buffer, room);
            assert_int_equal(sip_reply_write(&f.w, f.msg, &replies[i].reply), ERR_LIMIT);
        }
        fixture_close(&f);
    }
}

static void test_a_tag_that_is_there_stays(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f, "BYE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a@h>;tag=1\r\n"
                     "To: <sip:b@h>;tag=2\r\nCall-ID: 1\r\nCSeq: 5 BYE\r\n\r\n");
    assert_int_equal(
        sip_reply_write(&f.w, f.msg, &(struct sip_reply){ .status = 200, .to_tag = STR("9") }),
        ERR_NONE);
    assert_text(writer_text(&f.w),
                "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a@h>;tag=1\r\n"
                "To: <sip:b@h>;tag=2\r\nCall-ID: 1\r\nCSeq: 5 BYE\r\nContent-Length: 0\r\n\r\n");
    fixture_close(&f);
}

static void test_an_empty_tag_is_replaced(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f, "OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a@h>;tag=1\r\n"
                     "To: <sip:b@h>;x=y;tag= ;z\r\nCall-ID: 1\r\nCSeq: 5 OPTIONS\r\n\r\n");
    assert_int_equal(
        sip_reply_write(&f.w, f.msg, &(struct sip_reply){ .status = 200, .to_tag = STR("9") }),
        ERR_NONE);
    assert_non_null(str_find(writer_text(&f.w), STR("\r\nTo: <sip:b@h>;x=y;z;tag=9\r\n")));
    fixture_close(&f);
}

static void test_what_would_break_the_message_is_refused(void **state)
{
    static const struct sip_reply unsound[] = {
        { .status = 200, .reason = STR_INIT("OK\r\nX: y") },
        { .status = 200, .to_tag = STR_INIT("1\nX: y") },
        { .status = 200, .headers = STR_INIT("X: y") },
        { .status = 200, .headers = STR_INIT("X: y\r\n\r\n") },
    };
    struct fixture f;

    (void)state;
    fixture_open(&f, REQUEST);
    for (size_t i = 0; i < ROWS(unsound); i++)
        assert_int_equal(sip_reply_write(&f.w, f.msg, &unsound[i]), ERR_SYNTAX);
    assert_int_equal(sip_response_forward(&f.w, f.msg, 200, STR("a\rb"), NULL), ERR_SYNTAX);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_responses_go_onwards),
        cmocka_unit_test(test_edits_are_applied),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_a_tag_that_is_there_stays),
        cmocka_unit_test(test_an_empty_tag_is_replaced),
        cmocka_unit_test(test_what_would_break_the_message_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
