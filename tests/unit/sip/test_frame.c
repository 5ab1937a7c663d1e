/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define MESSAGE REQUEST_HEAD "Content-Length: 4\r\n\r\nbody"
#define NO_BODY "SIP/2.0 200 OK\r\nl : 0\r\n\r\n"

static const struct {
    const char *what;
    const char *text;
    enum sip_frame want;
    size_t length;
} rows[] = {
    { "a message", MESSAGE "more", SIP_FRAME_MESSAGE, sizeof MESSAGE - 1 },
    { "a response", NO_BODY, SIP_FRAME_MESSAGE, sizeof NO_BODY - 1 },
    { "a folded length", "A b SIP/2.0\r\nl:\r\n 1\r\n\r\nx", SIP_FRAME_MESSAGE, 24 },
    { "the same length twice", "A b SIP/2.0\r\nl:0\r\nl:0\r\n\r\n", SIP_FRAME_MESSAGE, 25 },
    { "other versions are for the parser", "A b SIP/7.0\r\nl:0\r\n\r\n", SIP_FRAME_MESSAGE, 20 },
    { "a ping", "\r\n\r\nINVITE", SIP_FRAME_KEEPALIVE, 4 },
    { "a pong", "\r\nSIP/2.0", SIP_FRAME_SKIP, 2 },
    { "nothing", "", SIP_FRAME_MORE, 0 },
    { "half a ping", "\r\n", SIP_FRAME_MORE, 0 },
    { "three quarters of a ping", "\r\n\r", SIP_FRAME_MORE, 0 },
    { "the body is not there yet", REQUEST_HEAD "l: 5\r\n\r\nbody", SIP_FRAME_MORE, 0 },
    { "a method", "INVI", SIP_FRAME_MORE, 0 },

    { "HTTP", "POST / HTTP/1.1\r\n", SIP_FRAME_BROKEN, 0 },
    { "TLS", "\x16\x03\x01", SIP_FRAME_BROKEN, 0 },
    { "a blank in front", " INVITE", SIP_FRAME_BROKEN, 0 },
    { "LF in front", "\nINVITE", SIP_FRAME_BROKEN, 0 },
    { "CR in front", "\rINVITE", SIP_FRAME_BROKEN, 0 },
    { "LF line end", "A b SIP/2.0\nl:0\r\n\r\n", SIP_FRAME_BROKEN, 0 },
    { "LF line end later", "A b SIP/2.0\r\nl:0\n\r\n", SIP_FRAME_BROKEN, 0 },
    { "no length", "A b SIP/2.0\r\nX: y\r\n\r\n", SIP_FRAME_BROKEN, 0 },
    { "negative length", "A b SIP/2.0\r\nl: -1\r\n\r\n", SIP_FRAME_BROKEN, 0 },
    { "overlong length", "A b SIP/2.0\r\nl: 18446744073709551617\r\n\r\n", SIP_FRAME_BROKEN, 0 },
    { "a length of 2^31-1", "A b SIP/2.0\r\nl: 2147483647\r\n\r\n", SIP_FRAME_BROKEN, 0 },
    { "lengths that differ", "A b SIP/2.0\r\nl:0\r\nl:1\r\n\r\nx", SIP_FRAME_BROKEN, 0 },
    { "a length with text", "A b SIP/2.0\r\nl: 0 bytes\r\n\r\n", SIP_FRAME_BROKEN, 0 },
};

static enum sip_frame frame_once(const char *text, size_t len, size_t *scanned, size_t *length)
{
    char *bytes = exact_copy((struct str){ text, len });
    enum sip_frame frame =
        sip_stream_frame((struct str){ bytes, len }, sip_limits_default(), scanned, length);

    free(bytes);
    return frame;
}

static void test_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t scanned = 0;
        size_t length = 0;
        enum sip_frame frame = frame_once(rows[i].text, strlen(rows[i].text), &scanned, &length);

        if (frame != rows[i].want || length != rows[i].length)
            fail_msg("%s: %d, %zu bytes", rows[i].what, (int)frame, length);
    }
}

/* However the bytes are cut, the verdict is the same; it may only come earlier. */
static void test_delivery_in_two_parts_and_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t total = strlen(rows[i].text);

        for (size_t step = 1; step <= total; step++) {
            enum sip_frame frame = SIP_FRAME_MORE;
            size_t scanned = 0;
            size_t length = 0;

            for (size_t len = step; frame == SIP_FRAME_MORE; len += step) {
                len = len < total ? len : total;
                frame = frame_once(rows[i].text, len, &scanned, &length);
                if (len == total)
                    break;
            }
            if (frame != rows[i].want || length != rows[i].length)
                fail_msg("%s by %zu bytes: %d", rows[i].what, step, (int)frame);
        }
    }
}

static void test_two_messages_back_to_back(void **state)
{
    struct str rest = STR(MESSAGE "\r\n\r\n" NO_BODY "\r\n" MESSAGE);
    static const enum sip_frame want[] = { SIP_FRAME_MESSAGE, SIP_FRAME_KEEPALIVE,
                                           SIP_FRAME_MESSAGE, SIP_FRAME_SKIP, SIP_FRAME_MESSAGE };
    size_t scanned = 0;
    size_t length;

    (void)state;
    for (size_t i = 0; i < ROWS(want); i++) {
        assert_int_equal(sip_stream_frame(rest, sip_limits_default(), &scanned, &length), want[i]);
        assert_int_equal(scanned, 0);
        rest = str_skip(rest, length);
    }
    assert_int_equal(rest.len, 0);
}

static void test_sizes_are_limited(void **state)
{
    struct sip_limits limits = *sip_limits_default();
    size_t scanned = 0;
    size_t length;

    (void)state;
    limits.message_bytes = sizeof MESSAGE - 1;
    assert_int_equal(sip_stream_frame(STR(MESSAGE), &limits, &scanned, &length), SIP_FRAME_MESSAGE);
    limits.message_bytes--;
    assert_int_equal(sip_stream_frame(STR(MESSAGE), &limits, &scanned, &length), SIP_FRAME_BROKEN);
    limits.message_bytes = 20;
    scanned = 0;
    assert_int_equal(sip_stream_frame(STR(REQUEST_HEAD), &limits, &scanned, &length),
                     SIP_FRAME_BROKEN);
    limits.uri_bytes = limits.name_bytes = 10;
    scanned = 0;
    assert_int_equal(sip_stream_frame(STR("INVITEINVITEINVITEINVITE"), &limits, &scanned, &length),
                     SIP_FRAME_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_delivery_in_two_parts_and_by_byte),
        cmocka_unit_test(test_two_messages_back_to_back),
        cmocka_unit_test(test_sizes_are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
