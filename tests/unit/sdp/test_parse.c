/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>

static void assert_address(const struct addr *got, const char *want)
{
    char text[ADDR_TEXT_MAX];
    struct writer w = writer_over(text, sizeof text);

    if (got->family != ADDR_NONE)
        addr_write_ip(&w, got, false);
    assert_text(writer_text(&w), want);
}

static void test_a_description(void **state)
{
    struct fixture f;
    const struct sdp_stream *audio = &f.sdp.streams[0];
    const struct sdp_stream *video = &f.sdp.streams[1];

    (void)state;
    fixture_open(&f, "v=0\r\no=John Doe 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n"
                     "t=0 0\r\na=sendonly\r\n"
                     "m=audio 5000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n"
                     "m=video 6000/2 RTP/SAVPF 96\r\ni=x\r\nc=IN IP6 2001:db8::1\r\n"
                     "a=rtcp:7000 IN IP4 192.0.2.7\r\na=rtcp-mux\r\na=recvonly\r\n"
                     "a=remote-candidates:1 192.0.2.3 4\r\n");
    assert_text(f.sdp.origin_address, "192.0.2.9");
    assert_text(f.sdp.session_connection, "192.0.2.1");
    assert_text(f.sdp.session_network, "IP4");
    assert_address(&f.sdp.session_address, "192.0.2.1");
    assert_int_equal(f.sdp.stream_count, 2);

    assert_text(audio->media, "audio");
    assert_text(audio->proto, "RTP/AVP");
    assert_text(audio->port_text, "5000");
    assert_int_equal(audio->port, 5000);
    assert_address(&audio->address, "192.0.2.1");
    assert_text(audio->connection, "");
    assert_int_equal(audio->rtcp_port, 5001);
    assert_address(&audio->rtcp_address, "192.0.2.1");
    assert_int_equal(audio->direction, SDP_SENDONLY);
    assert_true(audio->is_relayable);
    assert_false(audio->has_rtcp_mux);
    assert_text(audio->section, "m=audio 5000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n");

    assert_text(video->port_text, "6000");
    assert_address(&video->address, "2001:db8::1");
    assert_text(video->connection, "2001:db8::1");
    assert_int_equal(video->rtcp_port, 7000);
    assert_address(&video->rtcp_address, "192.0.2.7");
    assert_text(video->rtcp_line, "a=rtcp:7000 IN IP4 192.0.2.7\r\n");
    assert_true(video->has_rtcp_mux);
    assert_true(video->has_remote_candidates);
    assert_int_equal(video->direction, SDP_RECVONLY);
    fixture_close(&f);
}

#define SESSION "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\n"

static const struct {
    const char *what;
    const char *text;
    enum err err;
    unsigned streams;
} verdicts[] = {
    { "nothing but the version", "v=0", ERR_NONE, 0 },
    { "LF line ends", "v=0\no=- 1 1 IN IP4 1.2.3.4\nm=audio 1 RTP/AVP 0\n", ERR_NONE, 1 },
    { "no line end at the end", SESSION "m=audio 1 RTP/AVP 0", ERR_NONE, 1 },
    { "unknown lines", SESSION "k=x\r\nnonsense\r\n\r\nz=\r\nm=audio 1 RTP/AVP 0\r\n", ERR_NONE,
      1 },
    { "no formats", SESSION "m=audio 1 RTP/AVP\r\n", ERR_NONE, 1 },
    { "blanks at the end", SESSION "m=audio 1 RTP/AVP 0  \r\n", ERR_NONE, 1 },
    { "broken c=", SESSION "m=audio 1 RTP/AVP 0\r\nc=\r\nc=IN\r\nc=IN IP4\r\n", ERR_NONE, 1 },
    { "largest port", SESSION "m=audio 65535 RTP/AVP 0\r\n", ERR_NONE, 1 },

    { "empty", "", ERR_SYNTAX, 0 },
    { "other text", "hello", ERR_SYNTAX, 0 },
    { "no version", "o=- 1 1 IN IP4 1.2.3.4\r\n", ERR_SYNTAX, 0 },
    { "empty m=", SESSION "m=\r\n", ERR_SYNTAX, 1 },
    { "m= without port", SESSION "m=audio\r\n", ERR_SYNTAX, 1 },
    { "m= without protocol", SESSION "m=audio 1\r\n", ERR_SYNTAX, 1 },
    { "large port", SESSION "m=audio 65536 RTP/AVP 0\r\n", ERR_SYNTAX, 1 },
    { "negative port", SESSION "m=audio -1 RTP/AVP 0\r\n", ERR_SYNTAX, 1 },
    { "port is a word", SESSION "m=audio $ RTP/AVP 0\r\n", ERR_SYNTAX, 1 },
    { "port count is a word", SESSION "m=audio 1/x RTP/AVP 0\r\n", ERR_SYNTAX, 1 },
};

static void test_verdicts(void **state)
{
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < ROWS(verdicts); i++) {
        enum err err = fixture_try(&f, str_of(verdicts[i].text));

        if (err != verdicts[i].err)
            fail_msg("%s: %s", verdicts[i].what, err_name(err));
        if (!err)
            assert_int_equal(f.sdp.stream_count, verdicts[i].streams);
        fixture_close(&f);
    }
}

static const struct {
    const char *proto;
    bool is_relayable;
} protos[] = {
    { "RTP/AVP", true },
    { "RTP/SAVP", true },
    { "RTP/AVPF", true },
    { "RTP/SAVPF", true },
    { "rtp/avp", true },
    { "UDP/TLS/RTP/SAVPF", true },
    { "UDP/TLS/RTP/SAVP", true },
    { "udp", true },
    { "UDP", true },
    { "udptl", true },
    { "UDPTL", true },
    { "UDP/BFCP", true },
    { "UDP/DTLS/SCTP", true },
    { "TCP", false },
    { "TCP/RTP/AVP", false },
    { "TCP/TLS/RTP/SAVP", false },
    { "TCP/BFCP", false },
    { "DTLS/SCTP", false },
    { "udpx", false },
};

static void test_what_is_relayable(void **state)
{
    struct fixture f;
    char text[128];

    (void)state;
    for (size_t i = 0; i < ROWS(protos); i++) {
        snprintf(text, sizeof text, SESSION "m=x 1 %s 0\r\n", protos[i].proto);
        fixture_open(&f, text);
        if (f.sdp.streams[0].is_relayable != protos[i].is_relayable)
            fail_msg("%s", protos[i].proto);
        fixture_close(&f);
    }
}

static const struct {
    const char *what;
    const char *lines;
    bool is_held;
} holds[] = {
    { "said nothing", "", false },
    { "sendrecv", "a=sendrecv\r\n", false },
    { "recvonly", "a=recvonly\r\n", false },
    { "sendonly", "a=sendonly\r\n", true },
    { "inactive", "a=inactive\r\n", true },
    { "null address", "c=IN IP4 0.0.0.0\r\n", true },
    { "null IPv6 address", "c=IN IP6 ::\r\n", true },
    { "a name", "c=IN IP4 media.example.com\r\n", false },
    { "the last says", "a=sendonly\r\na=sendrecv\r\n", false },
};

static void test_holds(void **state)
{
    struct fixture f;
    char text[256];

    (void)state;
    for (size_t i = 0; i < ROWS(holds); i++) {
        snprintf(text, sizeof text, SESSION "m=audio 1 RTP/AVP 0\r\n%s", holds[i].lines);
        fixture_open(&f, text);
        if (sdp_stream_is_held(&f.sdp.streams[0]) != holds[i].is_held)
            fail_msg("%s", holds[i].what);
        fixture_close(&f);
    }
}

static void test_a_name_as_address(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f, "v=0\r\nm=audio 1 RTP/AVP 0\r\nc=IN IP4 media.example.com/127\r\n");
    assert_int_equal(f.sdp.streams[0].address.family, ADDR_NONE);
    assert_text(f.sdp.streams[0].connection, "media.example.com");
    assert_text(f.sdp.session_connection, "");
    fixture_close(&f);
}

static void test_the_number_of_streams_is_limited(void **state)
{
    struct fixture f;
    char text[4096];
    struct writer w = writer_over(text, sizeof text);

    (void)state;
    write_str(&w, STR(SESSION));
    for (unsigned i = 0; i < SDP_STREAMS_MAX; i++)
        write_str(&w, STR("m=audio 1 RTP/AVP 0\r\n"));
    assert_int_equal(fixture_try(&f, writer_text(&w)), ERR_NONE);
    assert_int_equal(f.sdp.stream_count, SDP_STREAMS_MAX);
    fixture_close(&f);
    write_str(&w, STR("m=audio 1 RTP/AVP 0\r\n"));
    assert_int_equal(fixture_try(&f, writer_text(&w)), ERR_LIMIT);
    fixture_close(&f);
}

/* The last line that is allowed, and one more. */
static void expect_limit(const char *line, unsigned limit)
{
    static char text[32768];
    struct writer w = writer_over(text, sizeof text);
    struct sdp sdp;

    write_str(&w, STR(SESSION "m=audio 1 RTP/AVP 0\r\n"));
    for (unsigned i = 0; i < limit; i++)
        write_str(&w, str_of(line));
    assert_int_equal(sdp_parse(writer_text(&w), &sdp), ERR_NONE);
    write_str(&w, str_of(line));
    assert_int_equal(sdp_parse(writer_text(&w), &sdp), ERR_LIMIT);
}

static void test_limits_of_a_stream(void **state)
{
    (void)state;
    expect_limit("a=x\r\n", sdp_limits_default()->attributes);
    expect_limit("a=candidate:1 1 UDP 1 192.0.2.1 5000 typ host\r\n",
                 sdp_limits_default()->candidates);
}

static void test_limits_are_each_streams_own(void **state)
{
    const struct sdp_limits limits = { .bytes = 100, .streams = 2, .attributes = 1 };
    struct str text = STR(SESSION "a=x\r\nm=audio 1 RTP/AVP 0\r\na=x\r\n");
    struct sdp sdp;

    (void)state;
    assert_int_equal(sdp_parse_within(text, &limits, &sdp), ERR_NONE);
}

static void test_limit_of_bytes(void **state)
{
    struct str text = STR(SESSION "m=audio 1 RTP/AVP 0\r\n");
    struct sdp_limits limits = *sdp_limits_default();
    struct sdp sdp;

    (void)state;
    limits.bytes = text.len;
    assert_int_equal(sdp_parse_within(text, &limits, &sdp), ERR_NONE);
    limits.bytes--;
    assert_int_equal(sdp_parse_within(text, &limits, &sdp), ERR_LIMIT);
}

static void test_odd_rtcp_lines(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f, SESSION "m=audio 10 RTP/AVP 0\r\na=rtcp:\r\nm=audio 20 RTP/AVP 0\r\n"
                             "a=rtcp:70000\r\nm=audio 0 RTP/AVP 0\r\nm=audio 65535 RTP/AVP 0\r\n"
                             "m=audio 30 RTP/AVP 0\r\na=rtcp:31 IN IP4 name\r\n");
    assert_int_equal(f.sdp.streams[0].rtcp_port, 11);
    assert_int_equal(f.sdp.streams[1].rtcp_port, 21);
    assert_int_equal(f.sdp.streams[2].rtcp_port, 0);
    assert_int_equal(f.sdp.streams[3].rtcp_port, 0);
    assert_int_equal(f.sdp.streams[4].rtcp_port, 31);
    assert_address(&f.sdp.streams[4].rtcp_address, "192.0.2.1");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_description),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_what_is_relayable),
        cmocka_unit_test(test_holds),
        cmocka_unit_test(test_a_name_as_address),
        cmocka_unit_test(test_the_number_of_streams_is_limited),
        cmocka_unit_test(test_limits_of_a_stream),
        cmocka_unit_test(test_limits_are_each_streams_own),
        cmocka_unit_test(test_limit_of_bytes),
        cmocka_unit_test(test_odd_rtcp_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
