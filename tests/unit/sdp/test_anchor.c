/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define V "v=0\r\n"
#define O "o=- 1 1 IN IP4 192.0.2.9\r\n"
#define S "s=-\r\n"
#define C "c=IN IP4 192.0.2.1\r\n"
#define T "t=0 0\r\n"

/* An anchor as text; NULL: the stream is left alone. rtcp 0: the port behind RTP's. */
struct row_anchor {
    const char *address;
    uint16_t rtcp;
};

static const struct {
    const char *what;
    const char *text;
    struct row_anchor anchors[3];
    bool replaces_origin;
    const char *want;
} rows[] = {
    { "one stream, the session's address",
      V O S C T "m=audio 5000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n",
      { { "203.0.113.1:30000", 0 } },
      true,
      V "o=- 1 1 IN IP4 203.0.113.1\r\n" S "c=IN IP4 203.0.113.1\r\n" T
        "m=audio 30000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n" },
    { "nothing relayed, nothing changed",
      V O S C T "a=ice-lite\r\nm=audio 5000 RTP/AVP 0\r\na=candidate:1 1 UDP 1 192.0.2.1 5000 typ "
                "host\r\n",
      { { NULL, 0 } },
      true,
      V O S C T "a=ice-lite\r\nm=audio 5000 RTP/AVP 0\r\na=candidate:1 1 UDP 1 192.0.2.1 5000 typ "
                "host\r\n" },
    { "the other family",
      V O S C T "m=audio 5000 RTP/AVP 0\r\n",
      { { "[2001:db8::1]:30000", 0 } },
      true,
      V "o=- 1 1 IN IP6 2001:db8::1\r\n" S "c=IN IP6 2001:db8::1\r\n" T
        "m=audio 30000 RTP/AVP 0\r\n" },
    { "a stream's own address",
      V O S T "m=audio 5000 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\na=x\r\n",
      { { "203.0.113.1:30000", 0 } },
      false,
      V O S T "m=audio 30000 RTP/AVP 0\r\nc=IN IP4 203.0.113.1\r\na=x\r\n" },
    { "the origin stays when told so",
      V O S C T "m=audio 5000 RTP/AVP 0\r\n",
      { { "203.0.113.1:30000", 0 } },
      false,
      V O S "c=IN IP4 203.0.113.1\r\n" T "m=audio 30000 RTP/AVP 0\r\n" },
    { "an unrelayed stream keeps the old address",
      V O S C T "m=audio 5000 RTP/AVP 0\r\na=x\r\nm=application 9 TCP/BFCP *\r\ni=slides\r\n"
                "b=AS:1\r\nm=text 0 TCP/X 1\r\n",
      { { "203.0.113.1:30000", 0 }, { NULL, 0 }, { NULL, 0 } },
      false,
      V O S "c=IN IP4 203.0.113.1\r\n" T "m=audio 30000 RTP/AVP 0\r\na=x\r\n"
            "m=application 9 TCP/BFCP *\r\ni=slides\r\nc=IN IP4 192.0.2.1\r\nb=AS:1\r\n"
            "m=text 0 TCP/X 1\r\n" },
    { "a session's address that nobody can read",
      V O S "c=IN 192.0.2.1\r\n" T "m=audio 5000 RTP/AVP 0\r\n",
      { { "203.0.113.1:30000", 0 } },
      false,
      V O S T "m=audio 30000 RTP/AVP 0\r\nc=IN IP4 203.0.113.1\r\n" },
    { "a stream's address that nobody can read",
      V O S C T "m=audio 5000 RTP/AVP 0\r\nc=\r\nc=IN IP4 192.0.2.2\r\n",
      { { "203.0.113.1:30000", 0 } },
      false,
      V O S "c=IN IP4 203.0.113.1\r\n" T "m=audio 30000 RTP/AVP 0\r\nc=IN IP4 203.0.113.1\r\n" },
    { "unreadable, but not ours",
      V O S "c=IN 192.0.2.1\r\n" T "m=audio 5000 RTP/AVP 0\r\n",
      { { NULL, 0 } },
      false,
      V O S "c=IN 192.0.2.1\r\n" T "m=audio 5000 RTP/AVP 0\r\n" },
    { "relays at different addresses",
      V O S C T "m=audio 5000 RTP/AVP 0\r\nm=video 6000 RTP/AVP 31\r\nb=AS:1\r\n",
      { { "203.0.113.1:30000", 0 }, { "203.0.113.2:30000", 0 } },
      true,
      V "o=- 1 1 IN IP4 203.0.113.1\r\n" S C T "m=audio 30000 RTP/AVP 0\r\nc=IN IP4 203.0.113.1\r\n"
        "m=video 30000 RTP/AVP 31\r\nc=IN IP4 203.0.113.2\r\nb=AS:1\r\n" },
    { "no address at all",
      V O S T "m=audio 5000 RTP/AVP 0",
      { { "203.0.113.1:30000", 0 } },
      false,
      V O S T "m=audio 30000 RTP/AVP 0\r\nc=IN IP4 203.0.113.1\r\n" },
    { "port 0 stays",
      V O S C T "m=audio 0 RTP/AVP 0\r\na=rtcp:0\r\nm=video 5000 RTP/AVP 31\r\n",
      { { "203.0.113.1:30000", 30000 }, { "203.0.113.1:30002", 0 } },
      false,
      V O S "c=IN IP4 203.0.113.1\r\n" T "m=audio 0 RTP/AVP 0\r\nm=video 30002 RTP/AVP 31\r\n" },
    { "a held session stays held",
      V O S "c=IN IP4 0.0.0.0\r\n" T "m=audio 5000 RTP/AVP 0\r\n",
      { { "203.0.113.1:30000", 0 } },
      false,
      V O S "c=IN IP4 0.0.0.0\r\n" T "m=audio 30000 RTP/AVP 0\r\n" },
    { "a held stream stays held",
      V O S C T "m=audio 5000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\nm=video 6000 RTP/AVP 31\r\n",
      { { "203.0.113.1:30000", 0 }, { "203.0.113.1:30002", 0 } },
      false,
      V O S "c=IN IP4 203.0.113.1\r\n" T "m=audio 30000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n"
            "m=video 30002 RTP/AVP 31\r\n" },
    { "a held session with a stream of its own address",
      V O S "c=IN IP4 0.0.0.0\r\n" T "m=audio 5000 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n",
      { { "203.0.113.1:30000", 0 } },
      false,
      V O S "c=IN IP4 0.0.0.0\r\n" T "m=audio 30000 RTP/AVP 0\r\nc=IN IP4 203.0.113.1\r\n" },
    { "RTCP at the next port needs no line",
      V O S C T "m=audio 5000 RTP/AVP 0\r\na=rtcp:5005 IN IP4 192.0.2.1\r\na=x\r\n",
      { { "203.0.113.1:30000", 0 } },
      false,
      V O S "c=IN IP4 203.0.113.1\r\n" T "m=audio 30000 RTP/AVP 0\r\na=x\r\n" },
    { "RTCP at another port",
      V O S C T "m=audio 5000 RTP/AVP 0\r\na=rtcp:5005 IN IP4 192.0.2.1\r\na=x\r\n",
      { { "203.0.113.1:30000", 30100 } },
      false,
      V O S "c=IN IP4 203.0.113.1\r\n" T "m=audio 30000 RTP/AVP 0\r\na=rtcp:30100\r\na=x\r\n" },
    { "RTCP muxed",
      V O S C T "m=audio 5000 RTP/AVP 0\r\na=rtcp-mux\r\nm=image 5002 udptl t38\r\n",
      { { "203.0.113.1:30000", 30000 }, { "203.0.113.1:30002", 30002 } },
      false,
      V O S "c=IN IP4 203.0.113.1\r\n" T "m=audio 30000 RTP/AVP 0\r\na=rtcp-mux\r\n"
            "a=rtcp:30000\r\nm=image 30002 udptl t38\r\n" },
    { "two a=rtcp lines become one",
      V O S C T "m=audio 5000 RTP/AVP 0\r\na=rtcp:1\r\na=rtcp:2\r\n",
      { { "203.0.113.1:30000", 30000 } },
      false,
      V O S "c=IN IP4 203.0.113.1\r\n" T "m=audio 30000 RTP/AVP 0\r\na=rtcp:30000\r\n" },
    { "ICE goes",
      V O S C T "a=ice-lite\r\na=ice-ufrag:x\r\na=group:BUNDLE 0\r\n"
                "m=audio 5000 RTP/AVP 0\r\na=ice-pwd:y\r\na=candidate:1 1 UDP 1 192.0.2.1 5000 typ "
                "host\r\na=remote-candidates:1 192.0.2.1 5000\r\na=ice-options:trickle\r\n"
                "a=end-of-candidates\r\na=sendrecv\r\n"
                "m=video 9 TCP/RTP/AVP 1\r\na=candidate:2\r\n",
      { { "203.0.113.1:30000", 0 }, { NULL, 0 } },
      false,
      V O S "c=IN IP4 203.0.113.1\r\n" T "a=group:BUNDLE 0\r\nm=audio 30000 RTP/AVP 0\r\n"
            "a=sendrecv\r\nm=video 9 TCP/RTP/AVP 1\r\nc=IN IP4 192.0.2.1\r\na=candidate:2\r\n" },
    { "LF line ends stay, in added lines too",
      "v=0\no=- 1 1 IN IP4 192.0.2.9\nm=audio 5000 RTP/AVP 0",
      { { "203.0.113.1:30000", 30000 } },
      true,
      "v=0\no=- 1 1 IN IP4 203.0.113.1\nm=audio 30000 RTP/AVP 0\nc=IN IP4 203.0.113.1\n"
      "a=rtcp:30000\n" },
    { "names and a ttl",
      V "o=x y z 1 1 IN IP4 host.example.com\r\n" S "c=IN IP4 media.example.com\r\n" T
        "m=audio 5000/2 RTP/AVP 0\r\nm=video 1 RTP/AVP 1\r\nc=IN IP4 224.2.36.42/127\r\n",
      { { "203.0.113.1:30000", 0 }, { "203.0.113.1:30002", 0 } },
      true,
      V "o=x y z 1 1 IN IP4 203.0.113.1\r\n" S "c=IN IP4 203.0.113.1\r\n" T
        "m=audio 30000/2 RTP/AVP 0\r\nm=video 30002 RTP/AVP 1\r\nc=IN IP4 203.0.113.1\r\n" },
    { "an unrelayed stream keeps the old name",
      V O S "c=IN IP4 media.example.com\r\n" T "m=audio 1 RTP/AVP 0\r\nm=x 1 TCP x\r\n",
      { { "203.0.113.1:30000", 0 }, { NULL, 0 } },
      false,
      V O S "c=IN IP4 203.0.113.1\r\n" T "m=audio 30000 RTP/AVP 0\r\nm=x 1 TCP x\r\n"
            "c=IN IP4 media.example.com\r\n" },
};

static void fill_anchors(const struct row_anchor from[3], struct sdp_anchor to[SDP_STREAMS_MAX])
{
    memset(to, 0, sizeof *to * SDP_STREAMS_MAX);
    for (unsigned i = 0; i < 3; i++) {
        if (!from[i].address)
            continue;
        to[i].is_relayed = true;
        to[i].address = address(from[i].address);
        to[i].rtcp_port = from[i].rtcp ? from[i].rtcp : (uint16_t)(to[i].address.port + 1);
    }
}

static void assert_cannot_be_cut_short(const struct fixture *f, const struct sdp_anchor *anchors,
                                       size_t size)
{
    for (size_t room = 0; room < size; room++) {
        char *buffer = malloc(room ? room : 1);
        struct writer w = writer_over(buffer, room);

        assert_int_equal(sdp_write_anchored(&w, &f->sdp, anchors,
                                            &(struct sdp_writing){ .replaces_origin = true }),
                         ERR_LIMIT);
        free(buffer);
    }
}

static void test_anchors(void **state)
{
    struct sdp_anchor anchors[SDP_STREAMS_MAX];
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        fixture_open(&f, rows[i].text);
        fill_anchors(rows[i].anchors, anchors);
        assert_int_equal(
            sdp_write_anchored(&f.w, &f.sdp, anchors,
                               &(struct sdp_writing){ .replaces_origin = rows[i].replaces_origin }),
            ERR_NONE);
        if (!str_eq(writer_text(&f.w), str_of(rows[i].want)))
            fail_msg("%s:\n" STR_FMT, rows[i].what, STR_ARG(writer_text(&f.w)));
        if (rows[i].replaces_origin)
            assert_cannot_be_cut_short(&f, anchors, writer_text(&f.w).len);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_anchors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
