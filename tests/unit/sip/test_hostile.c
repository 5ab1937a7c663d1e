/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the record of this field demands of a parser and a writer: bytes in names (SMUG-1), numbers
 * (PARSE-2, PARSE-3), limits (PARSE-5), headers that stand twice (PARSE-7), buffers that are too
 * small (REW-1), and time that grows with the length alone (RES-6).
 */
#include "fixture.h"

#include <time.h>

enum {
    TEXT_ROOM = 1 << 17,
};

static char text[TEXT_ROOM];

/* A request with these lines after the usual ones, and perhaps another value of a usual one. */
static struct str write_message(const char *name, const char *value, struct str lines)
{
    static const char *const usual[][2] = {
        { "Via", "SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bKone" },
        { "Max-Forwards", "70" },
        { "From", "<sip:alice@example.com>;tag=a1" },
        { "To", "<sip:bob@example.com>" },
        { "Call-ID", "call-1" },
        { "CSeq", "7 OPTIONS" },
    };
    struct writer w = writer_over(text, sizeof text);
    struct str out;

    write_fmt(&w, "OPTIONS sip:bob@example.com SIP/2.0\r\n");
    for (size_t i = 0; i < ROWS(usual); i++)
        write_fmt(&w, "%s: %s\r\n", usual[i][0],
                  name && strcmp(name, usual[i][0]) == 0 ? value : usual[i][1]);
    write_str(&w, lines);
    if (!name || strcmp(name, "Content-Length") != 0)
        write_fmt(&w, "Content-Length: 0\r\n");
    write_fmt(&w, "\r\n");
    assert_int_equal(writer_finish(&w, &out), ERR_NONE);
    return out;
}

static bool is_taken(struct str bytes)
{
    static struct fixture f;
    bool is_good = fixture_try(&f, bytes, false) == ERR_NONE;

    fixture_close(&f);
    return is_good;
}

/* ---- names ---- */

static void test_a_name_is_a_token(void **state)
{
    static const char *const names[] = { "To", "From", "Via", "X-Foo" };
    unsigned taken = 0;

    (void)state;
    assert_true(is_taken(write_message(NULL, NULL, STR(""))));
    for (size_t i = 0; i < ROWS(names); i++)
        for (unsigned byte = 0; byte < 256; byte++) {
            static const char token[] = "-.!%*_+`'~";
            bool is_token = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                            (byte >= 'A' && byte <= 'Z') || (byte && strchr(token, (int)byte));
            char line[64];
            int length =
                snprintf(line, sizeof line, "%s%c: <sip:x@example.com>\r\n", names[i], (int)byte);
            bool is_good =
                is_taken(write_message(NULL, NULL, (struct str){ line, (size_t)length }));

            taken += is_good;
            if (byte == ' ' || byte == '\t' || byte == ':')
                continue; /* X-Foo : is legal, X-Foo:: a value; To would stand twice */
            if (is_good != is_token)
                fail_msg("%s with byte %02x is %staken", names[i], byte, is_good ? "" : "not ");
        }
    assert_true(taken > 4 * 60);
}

/* ---- numbers ---- */

static const struct {
    const char *name, *format;
    unsigned long long max;
} numbers[] = {
    { "Max-Forwards", "%s", 255 },
    { "CSeq", "%s OPTIONS", 2147483647 },
    { "Content-Length", "%s", 0 }, /* no body follows */
};

static bool takes_number(unsigned row, const char *number)
{
    char value[12000], line[12100];

    snprintf(value, sizeof value, numbers[row].format, number);
    snprintf(line, sizeof line, "%s: %s\r\n", numbers[row].name, value);
    if (strcmp(numbers[row].name, "Content-Length") == 0)
        return is_taken(write_message(numbers[row].name, value, str_of(line)));
    return is_taken(write_message(numbers[row].name, value, STR("")));
}

static void test_numbers_do_not_wrap(void **state)
{
    static const char *const bad[] = { "2147483648", "2147483649", "4294967295",
                                       "4294967296", "4294967328", "18446744073709551616",
                                       "-999",       "",           "+1",
                                       "0x10",       "1e3",        "1.0",
                                       "1 2",        "1;2" };
    static char many[10001];

    (void)state;
    memset(many, '9', sizeof many - 1);
    for (unsigned row = 0; row < ROWS(numbers); row++) {
        char number[32];

        snprintf(number, sizeof number, "%llu", numbers[row].max);
        assert_true(takes_number(row, number));
        assert_true(takes_number(row, "0"));
        snprintf(number, sizeof number, "%llu", numbers[row].max + 1);
        if (takes_number(row, number))
            fail_msg("%s: %s is taken", numbers[row].name, number);
        for (size_t i = 0; i < ROWS(bad); i++)
            if (takes_number(row, bad[i]))
                fail_msg("%s: \"%s\" is taken", numbers[row].name, bad[i]);
        if (takes_number(row, many))
            fail_msg("%s: ten thousand digits are taken", numbers[row].name);
    }
}

/* ---- limits ---- */

struct repeated {
    const char *line;
    unsigned limit;
};

static bool takes_lines(const char *line, unsigned count)
{
    static char lines[TEXT_ROOM];
    struct writer w = writer_over(lines, sizeof lines);

    for (unsigned i = 0; i < count; i++)
        write_fmt(&w, "%s\r\n", line);
    return is_taken(write_message(NULL, NULL, writer_text(&w)));
}

static void test_limits_are_exact(void **state)
{
    const struct sip_limits *limits = sip_limits_default();
    const struct repeated rows[] = {
        { "X-Foo: bar", limits->headers - 7 },
        { "Via: SIP/2.0/UDP h;branch=z9hG4bKx", limits->vias - 1 },
        { "Route: <sip:h;lr>", limits->routes },
        { "Record-Route: <sip:h;lr>", limits->routes },
        { "Contact: <sip:h>", limits->contacts },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (!takes_lines(rows[i].line, rows[i].limit))
            fail_msg("%u of \"%s\" are refused", rows[i].limit, rows[i].line);
        if (takes_lines(rows[i].line, rows[i].limit + 1))
            fail_msg("%u of \"%s\" are taken", rows[i].limit + 1, rows[i].line);
    }
}

static bool takes_long(const char *format, size_t length)
{
    static char filling[20000], line[21000];

    memset(filling, 'a', length);
    filling[length] = '\0';
    snprintf(line, sizeof line, format, filling);
    return is_taken(write_message(NULL, NULL, str_of(line)));
}

static void test_lengths_are_limited(void **state)
{
    const struct sip_limits *limits = sip_limits_default();

    (void)state;
    assert_true(takes_long("%s: x\r\n", limits->name_bytes));
    assert_false(takes_long("%s: x\r\n", limits->name_bytes + 1));
    assert_true(takes_long("X: %s\r\n", limits->value_bytes));
    assert_false(takes_long("X: %s\r\n", limits->value_bytes + 1));
}

/* ---- twice ---- */

static void test_single_headers_stand_once(void **state)
{
    static const char *const pairs[][2] = {
        { "To: <sip:bob@example.com>\r\n", "To: <sip:eve@example.com>\r\n" },
        { "From: <sip:a@example.com>;tag=1\r\n", "f: <sip:b@example.com>;tag=2\r\n" },
        { "Call-ID: one\r\n", "i: two\r\n" },
        { "CSeq: 7 OPTIONS\r\n", "CSeq: 8 OPTIONS\r\n" },
        { "Max-Forwards: 70\r\n", "Max-Forwards: 1\r\n" },
        { "Content-Type: application/sdp\r\n", "c: text/plain\r\n" },
        { "Content-Length: 0\r\n", "l: 5\r\n" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(pairs); i++)
        for (unsigned order = 0; order < 2; order++) {
            char lines[256];

            snprintf(lines, sizeof lines, "%s%s", pairs[i][order], pairs[i][!order]);
            if (is_taken(write_message(NULL, NULL, str_of(lines))))
                fail_msg("taken twice: %s", lines);
        }
}

/* ---- which fault is told ---- */

static unsigned status_of(const char *first, const char *cseq)
{
    static struct fixture f;
    struct str message = write_message("CSeq", cseq, STR(""));
    char *line = (char *)(uintptr_t)str_find(message, STR("SIP/2.0\r\n"));
    unsigned status;

    memcpy(line, first, strlen(first));
    (void)!fixture_try(&f, message, false);
    status = f.fault.status;
    fixture_close(&f);
    return status;
}

static void test_a_malformed_message_has_no_version(void **state)
{
    (void)state;
    assert_int_equal(status_of("SIP/7.0", "7 OPTIONS"), 505);
    assert_int_equal(status_of("SIP/7.0", "7\"OPTIONS"), 400);
    assert_int_equal(status_of("SIP/7.0", "\n7 OPTIONS"), 400);
}

/* ---- the writer ---- */

static void test_a_buffer_too_small_gives_nothing(void **state)
{
    static struct fixture f;
    struct sip_outgoing outgoing = { .max_forwards = -1 };
    char room[1024];
    struct writer w = writer_over(room, sizeof room);
    size_t whole;
    struct str out;

    (void)state;
    assert_int_equal(fixture_try(&f, write_message(NULL, NULL, STR("X-Foo: bar\r\n")), false),
                     ERR_NONE);
    assert_int_equal(sip_request_write(&w, f.msg, &outgoing), ERR_NONE);
    whole = writer_text(&w).len;
    for (size_t size = 0; size < whole; size++) {
        w = writer_over(room, size);
        if (sip_request_write(&w, f.msg, &outgoing) == ERR_NONE &&
            writer_finish(&w, &out) == ERR_NONE)
            fail_msg("%zu bytes hold a message of %zu", size, whole);
    }
    w = writer_over(room, whole);
    assert_int_equal(sip_request_write(&w, f.msg, &outgoing), ERR_NONE);
    fixture_close(&f);
}

/* ---- time ---- */

static double time_of(const char *piece, size_t size)
{
    static char line[TEXT_ROOM];
    struct timespec start, end;
    size_t length = strlen(piece), used = 0;
    struct str message;

    used = (size_t)snprintf(line, sizeof line, "X-Foo: ");
    while (used + length + 2 < size) {
        memcpy(line + used, piece, length);
        used += length;
    }
    memcpy(line + used, "\r\n", 2);
    message = write_message(NULL, NULL, (struct str){ line, used + 2 });
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    for (unsigned i = 0; i < 20; i++)
        (void)is_taken(message);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    return (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
}

static void test_time_grows_with_the_length(void **state)
{
    static const char *const pieces[] = {
        "a",     ",", ";",          "\"",           "<",    "\r\nX: y",
        "\r\n ", "%", "\r\nVia: ;", "\r\nRoute: <", "a=b;", "\r\nContact: *,"
    };

    (void)state;
    for (size_t i = 0; i < ROWS(pieces); i++) {
        double small = time_of(pieces[i], 1024), large = time_of(pieces[i], 60000);

        if (large > 200 * small && large > 20e6)
            fail_msg("\"%s\": %.0f ns for 1 KiB, %.0f for 60", pieces[i], small / 20, large / 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_is_a_token),
        cmocka_unit_test(test_numbers_do_not_wrap),
        cmocka_unit_test(test_limits_are_exact),
        cmocka_unit_test(test_lengths_are_limited),
        cmocka_unit_test(test_single_headers_stand_once),
        cmocka_unit_test(test_a_malformed_message_has_no_version),
        cmocka_unit_test(test_a_buffer_too_small_gives_nothing),
        cmocka_unit_test(test_time_grows_with_the_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
