/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define FIRST "INVITE sip:bob@example.com SIP/2.0\r\n"
#define FROM_TO "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 5 INVITE\r\n"
#define OUR_VIA "Via: SIP/2.0/UDP us;branch=z9hG4bKnew\r\n"
#define OUR_RR "Record-Route: <sip:us;lr>\r\n"

static const struct {
    const char *what;
    const char *request;
    struct sip_outgoing out;
    const char *want;
} rows[] = {
    { "as it is but for what must be there",
      FIRST "Via: SIP/2.0/UDP a\r\n" FROM_TO "\r\n",
      { .max_forwards = -1 },
      FIRST "Via: SIP/2.0/UDP a\r\nMax-Forwards: 70\r\n" FROM_TO "Content-Length: 0\r\n\r\n" },
    { "everything at once",
      FIRST "Max-Forwards: 10\r\nVia: SIP/2.0/UDP a;rport\r\nVia: SIP/2.0/UDP b\r\n"
            "Record-Route: <sip:r>\r\nRoute: <sip:us>\r\n" FROM_TO "Content-Length: 2\r\n\r\nhi",
      { .ruri = STR_INIT("sip:bob@192.0.2.7"),
        .via = STR_INIT(OUR_VIA),
        .record_routes = STR_INIT(OUR_RR),
        .routes = STR_INIT("Route: <sip:next;lr>\r\n"),
        .replaces_routes = true,
        .max_forwards = 9,
        .received_via = STR_INIT("SIP/2.0/UDP a;received=1.2.3.4;rport=5") },
      "INVITE sip:bob@192.0.2.7 SIP/2.0\r\n" OUR_VIA
      "Max-Forwards: 9\r\nVia: SIP/2.0/UDP a;received=1.2.3.4;rport=5\r\nVia: SIP/2.0/UDP "
      "b\r\n" OUR_RR "Record-Route: <sip:r>\r\nRoute: <sip:next;lr>\r\n" FROM_TO
      "Content-Length: 2\r\n\r\nhi" },
    { "several via-parms in a line",
      FIRST "v: SIP/2.0/UDP a ,SIP/2.0/UDP b\r\n" FROM_TO "Max-Forwards: 3\r\nl: 0\r\n\r\n",
      { .via = STR_INIT(OUR_VIA),
        .max_forwards = 2,
        .received_via = STR_INIT("SIP/2.0/UDP a;received=1.2.3.4") },
      FIRST OUR_VIA "v: SIP/2.0/UDP a;received=1.2.3.4 ,SIP/2.0/UDP b\r\n" FROM_TO
                    "Max-Forwards: 2\r\nl: 0\r\n\r\n" },
    { "all Routes removed",
      FIRST "Via: SIP/2.0/UDP a\r\nRoute: <sip:1>\r\nRoute: <sip:2>,<sip:3>\r\nX-Y: z\r\n"
            "Route: <sip:4>\r\n" FROM_TO "Max-Forwards: 3\r\nl: 0\r\n\r\n",
      { .replaces_routes = true, .max_forwards = -1 },
      FIRST "Via: SIP/2.0/UDP a\r\nX-Y: z\r\n" FROM_TO "Max-Forwards: 3\r\nl: 0\r\n\r\n" },
    { "Routes added where there were none",
      FIRST "Via: SIP/2.0/UDP a\r\n" FROM_TO "Max-Forwards: 3\r\nl: 0\r\n\r\n",
      { .routes = STR_INIT("Route: <sip:1>\r\nRoute: <sip:2>\r\n"),
        .replaces_routes = true,
        .max_forwards = -1 },
      FIRST "Via: SIP/2.0/UDP a\r\nRoute: <sip:1>\r\nRoute: <sip:2>\r\n" FROM_TO
            "Max-Forwards: 3\r\nl: 0\r\n\r\n" },
    { "a Record-Route above the Vias stays below ours",
      FIRST "Record-Route: <sip:r>\r\n" FROM_TO
            "Via: SIP/2.0/UDP a\r\nMax-Forwards: 3\r\nl: 0\r\n\r\n",
      { .via = STR_INIT(OUR_VIA), .record_routes = STR_INIT(OUR_RR), .max_forwards = -1 },
      FIRST OUR_VIA OUR_RR "Record-Route: <sip:r>\r\n" FROM_TO
                           "Via: SIP/2.0/UDP a\r\nMax-Forwards: 3\r\nl: 0\r\n\r\n" },
    { "line ends and folds are normalised, the body is not",
      "INVITE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP\n a\n"
      "From: <sip:a@h>;tag=1\nTo : <sip:b@h>\r\n\t;x \r\n \r\n  ;y\nCall-ID: 1\nCSeq: 5\r\n "
      "INVITE\n"
      "Max-Forwards: 3\nl: \n 4\n\n\na\n\r",
      { .via = STR_INIT(OUR_VIA), .max_forwards = 2 },
      FIRST OUR_VIA "Via: SIP/2.0/UDP a\r\nFrom: <sip:a@h>;tag=1\r\nTo : <sip:b@h> ;x  ;y\r\n"
                    "Call-ID: 1\r\nCSeq: 5 INVITE\r\nMax-Forwards: 2\r\nl: 4\r\n\r\n\na\n\r" },
    { "a folded Via as it was marked",
      FIRST "Via: SIP/2.0/UDP\r\n a\r\n" FROM_TO "Max-Forwards: 3\r\nl: 0\r\n\r\n",
      { .received_via = STR_INIT("SIP/2.0/UDP\r\n a"), .max_forwards = -1 },
      FIRST "Via: SIP/2.0/UDP a\r\n" FROM_TO "Max-Forwards: 3\r\nl: 0\r\n\r\n" },
    { "what follows the body is left out",
      FIRST "Via: SIP/2.0/UDP a\r\n" FROM_TO "Max-Forwards: 3\r\nl: 2\r\n\r\nhi there",
      { .max_forwards = -1 },
      FIRST "Via: SIP/2.0/UDP a\r\n" FROM_TO "Max-Forwards: 3\r\nl: 2\r\n\r\nhi" },
};

static void assert_cannot_be_cut_short(const struct fixture *f, const struct sip_outgoing *out,
                                       size_t size)
{
    for (size_t room = 0; room < size; room++) {
        char *buffer = malloc(room ? room : 1);
        struct writer w = writer_over(buffer, room);

        assert_int_equal(sip_request_write(&w, f->msg, out), ERR_LIMIT);
        free(buffer);
    }
}

static void test_requests(void **state)
{
    struct fixture f;
    struct fixture again;
    struct str text;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        fixture_open(&f, rows[i].request);
        assert_int_equal(sip_request_write(&f.w, f.msg, &rows[i].out), ERR_NONE);
        text = writer_text(&f.w);
        if (!str_eq(text, str_of(rows[i].want)))
            fail_msg("%s:\n" STR_FMT, rows[i].what, STR_ARG(text));
        assert_int_equal(fixture_try(&again, text, true), ERR_NONE);
        assert_true(again.msg->is_canonical);
        fixture_close(&again);
        assert_cannot_be_cut_short(&f, &rows[i].out, text.len);
        fixture_close(&f);
    }
}

static const struct {
    const char *what;
    struct sip_outgoing out;
} unsound[] = {
    { "line break in the URI", { .ruri = STR_INIT("sip:b@h SIP/2.0\r\nX-Evil: 1") } },
    { "blank in the URI", { .ruri = STR_INIT("sip:b@h x") } },
    { "Via without line end", { .via = STR_INIT("Via: SIP/2.0/UDP a") } },
    { "Record-Route with an empty line",
      { .record_routes = STR_INIT("Record-Route: <a>\r\n\r\n") } },
    { "LF in a Route", { .routes = STR_INIT("Route: <a>\nX: y\r\n"), .replaces_routes = true } },
};

static void test_what_would_break_the_message_is_refused(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f, FIRST "Via: SIP/2.0/UDP a\r\n" FROM_TO "\r\n");
    for (size_t i = 0; i < ROWS(unsound); i++)
        if (sip_request_write(&f.w, f.msg, &unsound[i].out) != ERR_SYNTAX)
            fail_msg("%s was written", unsound[i].what);
    assert_int_equal(sip_cancel_write(&f.w, f.msg, STR("Reason: x\r\n\r\n")), ERR_SYNTAX);
    fixture_close(&f);
}

#define SENT                                                                                       \
    "INVITE sip:bob@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP us;branch=z9hG4bKnew, SIP/2.0/UDP a\r\n" \
    "v: SIP/2.0/UDP b\r\nRoute: <sip:1>,<sip:2>\r\nMax-Forwards: 5\r\nROUTE: <sip:3>\r\n"          \
    "f: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 5 INVITE\r\nl: 2\r\n\r\nhi"

static void test_cancel(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f, SENT);
    assert_int_equal(sip_cancel_write(&f.w, f.msg, STR("Reason: SIP;cause=200\r\n")), ERR_NONE);
    assert_text(writer_text(&f.w),
                "CANCEL sip:bob@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP us;branch=z9hG4bKnew\r\n"
                "Route: <sip:1>,<sip:2>\r\nRoute: <sip:3>\r\nMax-Forwards: 70\r\n"
                "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 5 CANCEL\r\n"
                "Reason: SIP;cause=200\r\nContent-Length: 0\r\n\r\n");
    f.w = writer_over(f.buffer, 200);
    assert_int_equal(sip_cancel_write(&f.w, f.msg, (struct str){ 0 }), ERR_LIMIT);
    fixture_close(&f);
}

static void test_ack(void **state)
{
    struct fixture f;
    struct fixture response;

    (void)state;
    fixture_open(&f, SENT);
    fixture_open(&response, "SIP/2.0 486 Busy\r\nVia: SIP/2.0/UDP us;branch=z9hG4bKnew\r\n"
                            "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: 1\r\n"
                            "CSeq: 5 INVITE\r\n\r\n");
    assert_int_equal(sip_ack_write(&f.w, f.msg, response.msg), ERR_NONE);
    assert_text(writer_text(&f.w),
                "ACK sip:bob@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP us;branch=z9hG4bKnew\r\n"
                "Route: <sip:1>,<sip:2>\r\nRoute: <sip:3>\r\nMax-Forwards: 70\r\n"
                "From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: 1\r\nCSeq: 5 ACK\r\n"
                "Content-Length: 0\r\n\r\n");
    fixture_close(&response);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_what_would_break_the_message_is_refused),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_ack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
