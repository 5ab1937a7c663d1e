/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static void test_a_request_is_indexed(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f, "INVITE sip:bob@example.com SIP/2.0\r\n"
                     "v: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/TCP b\r\n"
                     "f: Alice <sip:alice@h>;tag=88\r\n"
                     "t: <sip:bob@h>\r\n"
                     "i: call@h\r\n"
                     "CSeq : 0009\r\n  INVITE\r\n"
                     "MAX-FORWARDS: 68\r\n"
                     "X-Foo: bar\r\n"
                     "Via: SIP/2.0/UDP c\r\n"
                     "l: 4\r\n"
                     "\r\n"
                     "bodyrest");
    assert_true(f.msg->is_request);
    assert_int_equal(f.msg->method, SIP_INVITE);
    assert_text(f.msg->method_name, "INVITE");
    assert_text(f.msg->ruri, "sip:bob@example.com");
    assert_text(f.msg->via.host, "a");
    assert_text(str_trim(f.msg->via_rest), "SIP/2.0/TCP b");
    assert_text(f.msg->from.display, "Alice");
    assert_text(f.msg->from_tag, "88");
    assert_text(f.msg->to_tag, "");
    assert_text(f.msg->call_id, "call@h");
    assert_int_equal(f.msg->cseq, 9);
    assert_true(f.msg->has_max_forwards);
    assert_int_equal(f.msg->max_forwards, 68);
    assert_int_equal(f.msg->hdr_count, 9);
    assert_text(f.msg->hdrs[6].name, "X-Foo");
    assert_text(f.msg->hdrs[6].line, "X-Foo: bar\r\n");
    assert_text(f.msg->body, "body");
    assert_int_equal(f.msg->head.len + f.msg->body.len, f.msg->bytes.len);
    assert_false(f.msg->is_canonical);
    fixture_close(&f);
}

static void test_a_response_is_indexed(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f, "SIP/2.0 180 Ringing, or so\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a@h>;tag=1\r\n"
                     "To: <sip:b@h>;tag=2\r\nCall-ID: 1\r\nCSeq: 7 SUBSCRIBE\r\n\r\n");
    assert_false(f.msg->is_request);
    assert_int_equal(f.msg->status, 180);
    assert_text(f.msg->reason, "Ringing, or so");
    assert_int_equal(f.msg->method, SIP_SUBSCRIBE);
    assert_text(f.msg->to_tag, "2");
    assert_true(f.msg->is_canonical);
    assert_text(f.msg->body, "");
    fixture_close(&f);
}

static void test_headers_are_found(void **state)
{
    struct fixture f;
    const struct sip_hdr *hdr;

    (void)state;
    fixture_open(&f, REQUEST_HEAD "Route: <sip:r1>\r\nX-A: 1\r\nx-a: 2\r\nRoute: <sip:r2>\r\n\r\n");
    hdr = sip_msg_find(f.msg, SIP_HDR_ROUTE, NULL);
    assert_text(hdr->value, "<sip:r1>");
    hdr = sip_msg_find(f.msg, SIP_HDR_ROUTE, hdr);
    assert_text(hdr->value, "<sip:r2>");
    assert_null(sip_msg_find(f.msg, SIP_HDR_ROUTE, hdr));
    assert_null(sip_msg_find(f.msg, SIP_HDR_CONTACT, NULL));
    hdr = sip_msg_find_name(f.msg, STR("X-a"), NULL);
    assert_text(hdr->value, "1");
    hdr = sip_msg_find_name(f.msg, STR("X-A"), hdr);
    assert_text(hdr->value, "2");
    assert_null(sip_msg_find_name(f.msg, STR("X-A"), hdr));
    assert_null(sip_msg_find_name(f.msg, STR("X-B"), NULL));
    assert_text(sip_msg_find_name(f.msg, STR("i"), NULL)->value, "one@192.0.2.1");
    assert_text(sip_msg_value(f.msg, SIP_HDR_CSEQ), "1 OPTIONS");
    assert_text(sip_msg_value(f.msg, SIP_HDR_EXPIRES), "");
    fixture_close(&f);
}

#define VIA "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
#define FROM "From: <sip:a@h>;tag=1\r\n"
#define TO "To: <sip:b@h>\r\n"
#define CALL "Call-ID: 1\r\n"
#define CSEQ "CSeq: 1 OPTIONS\r\n"
#define LINE "OPTIONS sip:b@h SIP/2.0\r\n"
#define HEAD LINE VIA FROM TO CALL CSEQ

/* What a datagram (D) or a stream (S) message is refused with, and whether it can be answered. */
static const struct {
    const char *what;
    const char *text;
    char kind;
    unsigned status; /* 0: accepted */
    bool is_answerable;
} verdicts[] = {
    { "small", HEAD "\r\n", 'D', 0, true },
    { "line ends in front", "\r\n\r\n\n" HEAD "\r\n", 'D', 0, true },
    { "LF line ends", "OPTIONS sip:b@h SIP/2.0\n" VIA FROM TO CALL "CSeq: 1 OPTIONS\n\n", 'D', 0,
      true },
    { "no From tag", LINE VIA "From: sip:a@h\r\n" TO CALL CSEQ "\r\n", 'D', 0, true },
    { "unknown scheme", "OPTIONS news:x SIP/2.0\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 0, true },
    { "unknown method",
      "NEW!method sip:b@h SIP/2.0\r\n" VIA FROM TO CALL "CSeq: 1 NEW!method\r\n"
      "\r\n",
      'D', 0, true },
    { "version in lower case", "OPTIONS sip:b@h sip/2.0\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 0,
      true },
    { "largest CSeq", LINE VIA FROM TO CALL "CSeq: 2147483647 OPTIONS\r\n\r\n", 'D', 0, true },
    { "blank header", HEAD "X-Empty:\r\n\r\n", 'D', 0, true },
    { "blank before the colon", HEAD "X-Foo \t: x\r\n\r\n", 'D', 0, true },
    { "Content-Length 0 in a stream", HEAD "Content-Length: 0\r\n\r\n", 'S', 0, true },
    { "Via of other versions", LINE "Via: SIP/7.0/UDP h\r\n" FROM TO CALL CSEQ "\r\n", 'D', 0,
      true },

    { "empty", "", 'D', 400, false },
    { "line ends alone", "\r\n\r\n", 'D', 400, false },
    { "no line end", "OPTIONS sip:b@h SIP/2.0", 'D', 400, false },
    { "HTTP", "GET / HTTP/1.1\r\n\r\n", 'D', 400, false },
    { "noise", "jak01 \001 fF\r\n\r\n", 'D', 400, false },
    { "other version", "OPTIONS sip:b@h SIP/7.0\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 505, true },
    { "longer version", "OPTIONS sip:b@h SIP/2.01\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 505,
      true },
    { "no version", "OPTIONS sip:b@h\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 400, false },
    { "two blanks", "OPTIONS  sip:b@h SIP/2.0\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 400, true },
    { "blank behind the version", "OPTIONS sip:b@h SIP/2.0 \r\n" VIA FROM TO CALL CSEQ "\r\n", 'D',
      400, false },
    { "brackets", "OPTIONS <sip:b@h> SIP/2.0\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 400, true },
    { "blanks in the URI", "OPTIONS sip:b@h; lr SIP/2.0\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 400,
      true },
    { "no empty line", HEAD, 'D', 400, true },
    { "no Via", LINE FROM TO CALL CSEQ "\r\n", 'D', 400, false },
    { "no From", LINE VIA TO CALL CSEQ "\r\n", 'D', 400, false },
    { "no To", LINE VIA FROM CALL CSEQ "\r\n", 'D', 400, false },
    { "no Call-ID", LINE VIA FROM TO CSEQ "\r\n", 'D', 400, false },
    { "no CSeq", LINE VIA FROM TO CALL "\r\n", 'D', 400, false },
    { "broken Via", LINE "Via: SIP/2.0/UDP\r\n" FROM TO CALL CSEQ "\r\n", 'D', 400, false },
    { "broken To", LINE VIA FROM "To: \"x <sip:b@h>\r\n" CALL CSEQ "\r\n", 'D', 400, true },
    { "star as From", LINE VIA "From: *\r\n" TO CALL CSEQ "\r\n", 'D', 400, true },
    { "two From tags", LINE VIA "From: <sip:a@h>;tag=1;tag=2\r\n" TO CALL CSEQ "\r\n", 'D', 400,
      true },
    { "empty Call-ID", LINE VIA FROM TO "Call-ID: \r\n" CSEQ "\r\n", 'D', 400, true },
    { "folded Call-ID", LINE VIA FROM TO "Call-ID: a\r\n b\r\n" CSEQ "\r\n", 'D', 400, true },
    { "CSeq of another method", LINE VIA FROM TO CALL "CSeq: 1 INVITE\r\n\r\n", 'D', 400, true },
    { "CSeq in another case", LINE VIA FROM TO CALL "CSeq: 1 options\r\n\r\n", 'D', 400, true },
    { "large CSeq", LINE VIA FROM TO CALL "CSeq: 2147483648 OPTIONS\r\n\r\n", 'D', 400, true },
    { "huge CSeq", LINE VIA FROM TO CALL "CSeq: 36893488147419103232 OPTIONS\r\n\r\n", 'D', 400,
      true },
    { "CSeq without method", LINE VIA FROM TO CALL "CSeq: 1\r\n\r\n", 'D', 400, true },
    { "CSeq without blank", LINE VIA FROM TO CALL "CSeq: 1OPTIONS\r\n\r\n", 'D', 400, true },
    { "negative CSeq", LINE VIA FROM TO CALL "CSeq: -1 OPTIONS\r\n\r\n", 'D', 400, true },
    { "Max-Forwards 256", HEAD "Max-Forwards: 256\r\n\r\n", 'D', 400, true },
    { "Max-Forwards negative", HEAD "Max-Forwards: -1\r\n\r\n", 'D', 400, true },
    { "Max-Forwards hexadecimal", HEAD "Max-Forwards: 0x10\r\n\r\n", 'D', 400, true },
    { "Max-Forwards empty", HEAD "Max-Forwards:\r\n\r\n", 'D', 400, true },
    { "Content-Length too large", HEAD "Content-Length: 5\r\n\r\nbody", 'D', 400, true },
    { "Content-Length negative", HEAD "Content-Length: -999\r\n\r\n", 'D', 400, true },
    { "Content-Length of 2^32", HEAD "Content-Length: 4294967296\r\n\r\n", 'D', 400, true },
    { "two Content-Lengths", HEAD "Content-Length: 0\r\nl: 1\r\n\r\nx", 'D', 400, true },
    { "the same Content-Length twice", HEAD "l: 0\r\nContent-Length: 0\r\n\r\n", 'D', 400, true },
    { "no Content-Length in a stream", HEAD "\r\n", 'S', 400, true },
    { "LF in a stream", HEAD "X: y\nContent-Length: 0\r\n\r\n", 'S', 400, true },
    { "two Froms", HEAD "f: <sip:a@h>;tag=1\r\n\r\n", 'D', 400, true },
    { "two Tos", HEAD TO "\r\n", 'D', 400, true },
    { "two Call-IDs", HEAD "i: 2\r\n\r\n", 'D', 400, true },
    { "two CSeqs", HEAD CSEQ "\r\n", 'D', 400, true },
    { "two Max-Forwards", HEAD "Max-Forwards: 1\r\nMax-Forwards: 1\r\n\r\n", 'D', 400, true },
    { "two Content-Types", HEAD "c: a/b\r\nContent-Type: a/b\r\n\r\n", 'D', 400, true },
    { "no colon", HEAD "nonsense\r\n\r\n", 'D', 400, true },
    { "no name", HEAD ": x\r\n\r\n", 'D', 400, true },
    { "blank in the name", HEAD "X Y: x\r\n\r\n", 'D', 400, true },
    { "first header folded", LINE " x\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 400, true },
    { "CR alone", HEAD "X: a\rb\r\n\r\n", 'D', 400, true },
    { "CR alone in To", LINE VIA FROM "To: <sip:b@h>\r;x\r\n" CALL CSEQ "\r\n", 'D', 400, false },

    { "no CSeq in a response", "SIP/2.0 200 OK\r\n" VIA FROM TO CALL "\r\n", 'D', 400, false },
    { "version of a response", "SIP/7.0 200 OK\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 505, false },
    { "long status", "SIP/2.0 4294967301 x\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 400, false },
    { "status 99", "SIP/2.0 099 x\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 400, false },
    { "status 700", "SIP/2.0 700 x\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 400, false },
    { "no phrase", "SIP/2.0 200\r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 0, true },
    { "no phrase behind a blank", "SIP/2.0 100 \r\n" VIA FROM TO CALL CSEQ "\r\n", 'D', 0, true },
};

static void test_verdicts(void **state)
{
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < ROWS(verdicts); i++) {
        struct arena arena;
        struct sip_fault fault = { 0 };
        struct sip_msg *msg;
        struct str text = str_of(verdicts[i].text);
        enum err err;

        arena_init(&arena, NULL, 1 << 16);
        err = sip_msg_parse(&arena, text, verdicts[i].kind == 'S', sip_limits_default(), &msg,
                            &fault);
        if (fault.status != verdicts[i].status || !err != !verdicts[i].status)
            fail_msg("%s: %u %s", verdicts[i].what, fault.status, err ? fault.what : "accepted");
        if (!msg == verdicts[i].is_answerable)
            fail_msg("%s: answerable?", verdicts[i].what);
        arena_fini(&arena);
        if (text.len > 0) {
            (void)!fixture_try(&f, text, verdicts[i].kind == 'S');
            fixture_close(&f);
        }
    }
}

static void test_a_nul_in_the_head_is_refused(void **state)
{
    static const char text[] = HEAD "X: a\0b\r\n\r\n";
    struct fixture f;

    (void)state;
    assert_int_equal(fixture_try(&f, (struct str){ text, sizeof text - 1 }, false), ERR_SYNTAX);
    assert_int_equal(f.fault.status, 400);
    fixture_close(&f);
}

/* SMUG-1: of all bytes, only blanks may stand before the colon; token bytes make another name. */
static void test_bytes_before_the_colon(void **state)
{
    static const char *const names[] = { "To", "From", "Via", "X-Foo" };
    struct fixture f;
    char text[512];

    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        for (int byte = 0; byte < 256; byte++) {
            int head = snprintf(text, sizeof text, HEAD "%s", names[i]);
            enum err err;
            int len;

            text[head] = (char)byte;
            len = head + 1 +
                  snprintf(text + head + 1, sizeof text - (size_t)head - 1, ": <sip:x@y>\r\n\r\n");
            err = fixture_try(&f, (struct str){ text, (size_t)len }, false);
            if (byte == ' ' || byte == '\t' || byte == ':')
                assert_true(i < 3 || !err);
            else if (class_token[byte])
                assert_int_equal(err, ERR_NONE);
            else
                assert_int_equal(err, ERR_SYNTAX);
            fixture_close(&f);
        }
    }
}

/* `count` copies of a line behind the head. */
static enum err try_lines(const char *line, unsigned count, const struct sip_limits *limits,
                          struct sip_fault *fault)
{
    static char text[1 << 17];
    struct writer w = writer_over(text, sizeof text);
    struct sip_msg *msg;
    struct arena arena;
    enum err err;

    write_str(&w, STR(HEAD));
    while (count-- > 0)
        write_str(&w, str_of(line));
    write_str(&w, STR("\r\n"));
    arena_init(&arena, NULL, 1 << 20);
    err = sip_msg_parse(&arena, writer_text(&w), false, limits, &msg, fault);
    arena_fini(&arena);
    return err;
}

static void test_limits_on_numbers(void **state)
{
    static const struct {
        const char *line;
        unsigned most; /* lines that are still accepted */
    } rows[] = {
        { "X-Y: z\r\n", 251 },
        { "Via: SIP/2.0/UDP h\r\n", 63 },
        { "Via: SIP/2.0/UDP h, SIP/2.0/UDP i\r\n", 31 },
        { "Route: <sip:a>\r\n", 32 },
        { "Record-Route: <sip:a>,<sip:b;x=\",\">\r\n", 16 },
        { "Contact: \"a,b\" <sip:a>\r\n", 16 },
    };
    struct sip_fault fault;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (try_lines(rows[i].line, rows[i].most, sip_limits_default(), &fault))
            fail_msg("%u of %s: %s", rows[i].most, rows[i].line, fault.what);
        if (try_lines(rows[i].line, rows[i].most + 1, sip_limits_default(), &fault) != ERR_LIMIT)
            fail_msg("%u of %s", rows[i].most + 1, rows[i].line);
    }
}

static void test_limits_on_sizes(void **state)
{
    static const struct {
        const char *before;
        size_t most; /* bytes of 'a', or of ";a", between before and behind */
        const char *fill;
        const char *behind;
        unsigned status;
    } rows[] = {
        { "", 128, "a", ": y\r\n", 400 },
        { "X: ", 8192, "a", "\r\n", 400 },
        { "Contact: <sip:h>", 64, ";a", "\r\n", 400 },
        { "Contact: <sip:h>;b=c, <sip:h>", 64, ";a", ",<sip:h>;d\r\n", 400 },
    };
    static char line[1 << 15];
    struct sip_fault fault;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (size_t more = 0; more < 2; more++) {
            struct writer w = writer_over(line, sizeof line - 1);

            write_str(&w, str_of(rows[i].before));
            for (size_t k = 0; k < rows[i].most + more; k++)
                write_str(&w, str_of(rows[i].fill));
            write_str(&w, str_of(rows[i].behind));
            *w.at = '\0';
            assert_int_equal(try_lines(line, 1, sip_limits_default(), &fault),
                             more ? ERR_LIMIT : ERR_NONE);
            assert_int_equal(fault.status, more ? rows[i].status : 0);
        }
    }
}

static void test_a_long_request_uri_is_answered_with_414(void **state)
{
    struct sip_limits limits = *sip_limits_default();
    struct sip_fault fault;

    (void)state;
    limits.uri_bytes = 7;
    assert_int_equal(try_lines("", 0, &limits, &fault), ERR_NONE);
    limits.uri_bytes = 6;
    assert_int_equal(try_lines("", 0, &limits, &fault), ERR_LIMIT);
    assert_int_equal(fault.status, 414);
}

static void test_a_large_message_takes_no_memory(void **state)
{
    struct sip_limits limits = *sip_limits_default();
    struct sip_fault fault;
    struct arena arena;
    struct sip_msg *msg;

    (void)state;
    limits.message_bytes = sizeof HEAD - 2;
    arena_init(&arena, NULL, 1 << 16);
    assert_int_equal(sip_msg_parse(&arena, STR(HEAD), false, &limits, &msg, &fault), ERR_LIMIT);
    assert_int_equal(fault.status, 513);
    assert_null(msg);
    assert_int_equal(arena.total, 0);
    arena_fini(&arena);
}

static void test_out_of_memory(void **state)
{
    struct sip_fault fault;
    struct arena arena;
    struct sip_msg *msg;
    bool has_failed = false;
    enum err err = ERR_NOMEM;

    (void)state;
    for (size_t limit = 0; err; limit += 64) {
        arena_init(&arena, NULL, limit);
        err = sip_msg_parse(&arena, STR(HEAD "\r\n"), false, sip_limits_default(), &msg, &fault);
        assert_true(err == ERR_NONE || err == ERR_NOMEM);
        assert_true(!err == !!msg);
        has_failed |= err == ERR_NOMEM;
        arena_fini(&arena);
    }
    assert_true(has_failed);
}

static void test_many_headers_move_into_the_arena(void **state)
{
    static char text[8192];
    struct writer w = writer_over(text, sizeof text - 1);
    struct fixture f;

    (void)state;
    write_str(&w, STR(HEAD));
    for (unsigned i = 0; i < 200; i++)
        write_fmt(&w, "X-%u: %u\r\n", i, i);
    write_str(&w, STR("\r\n"));
    *w.at = '\0';
    fixture_open(&f, text);
    assert_int_equal(f.msg->hdr_count, 205);
    assert_text(sip_msg_find_name(f.msg, STR("x-199"), NULL)->value, "199");
    assert_text(sip_msg_find_name(f.msg, STR("x-0"), NULL)->value, "0");
    fixture_close(&f);
}

static void test_peek(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        { HEAD "\r\n", "1" },
        { "\r\n" LINE "i:abc\r\n", "abc" },
        { LINE "CALL-ID :\r\n a b\r\nX: y\r\n", "a b" },
        { LINE "Contact: x\r\ncall-idx: 3\r\n\r\nCall-ID: body\r\n", "" },
        { LINE "Call-ID: cut", "" },
        { "", "" },
        { "\r\n", "" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *bytes = exact_copy(str_of(rows[i].text));

        assert_text(sip_peek_call_id((struct str){ bytes, strlen(rows[i].text) }), rows[i].want);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_is_indexed),
        cmocka_unit_test(test_a_response_is_indexed),
        cmocka_unit_test(test_headers_are_found),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_a_nul_in_the_head_is_refused),
        cmocka_unit_test(test_bytes_before_the_colon),
        cmocka_unit_test(test_limits_on_numbers),
        cmocka_unit_test(test_limits_on_sizes),
        cmocka_unit_test(test_a_long_request_uri_is_answered_with_414),
        cmocka_unit_test(test_a_large_message_takes_no_memory),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_many_headers_move_into_the_arena),
        cmocka_unit_test(test_peek),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
