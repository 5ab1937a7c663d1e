/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static const struct {
    const char *what;
    const char *text;
    const char *transport;
    const char *host;
    uint16_t port;
    const char *branch;
    const char *received;
    bool has_rport;
    uint16_t rport;
    bool is_rfc3261;
} good[] = {
    { "usual", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport", "UDP", "192.0.2.1", 5060,
      "z9hG4bK1", "", true, 0, true },
    { "marked", "SIP/2.0/TCP h;received=192.0.2.9;rport=1024;branch=x", "TCP", "h", 0, "x",
      "192.0.2.9", true, 1024, false },
    { "white space",
      "SIP / 2.0 / UDP first.example.com: 4000;ttl=16\r\n ;maddr=224.2.0.1 ;"
      "branch=z9hG4bKa7c6a8dlze.1",
      "UDP", "first.example.com", 4000, "z9hG4bKa7c6a8dlze.1", "", false, 0, true },
    { "IPv6", "SIP/2.0/TLS [2001:db8::9:1]:6050;received=[2001:db8::9:255]", "TLS",
      "[2001:db8::9:1]", 6050, "", "[2001:db8::9:255]", false, 0, false },
    { "IPv6 received without brackets", "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255",
      "UDP", "[2001:db8::9:1]", 0, "", "2001:db8::9:255", false, 0, false },
    { "RFC 2543", "SIP/2.0/UDP iftgw.example.com", "UDP", "iftgw.example.com", 0, "", "", false, 0,
      false },
    { "another version", "SIP/7.0/UDP h;branch=z9hG4bK1", "UDP", "h", 0, "z9hG4bK1", "", false, 0,
      true },
    { "unknown transport", "SIP/2.0/SCTP h;x=\"a;b\"", "SCTP", "h", 0, "", "", false, 0, false },
    { "around the text", "  SIP/2.0/UDP h  ", "UDP", "h", 0, "", "", false, 0, false },
};

static const struct {
    const char *what;
    const char *text;
} bad[] = {
    { "empty", "" },
    { "no host", "SIP/2.0/UDP" },
    { "no host either", "SIP/2.0/UDP ;branch=x" },
    { "no transport", "SIP/2.0 h" },
    { "big port", "SIP/2.0/UDP host:70000" },
    { "no port", "SIP/2.0/UDP host:" },
    { "negative port", "SIP/2.0/UDP host:-1" },
    { "no white space", "SIP/2.0/UDP[::1]" },
    { "empty parameters", "SIP/2.0/UDP h;;branch=x" },
    { "parameter at the end is empty", "SIP/2.0/UDP h;branch=x;" },
    { "two branches", "SIP/2.0/UDP h;branch=x;branch=y" },
    { "two rports", "SIP/2.0/UDP h;rport;rport" },
    { "rport is no number", "SIP/2.0/UDP h;rport=x" },
    { "rport out of range", "SIP/2.0/UDP h;rport=65536" },
    { "two values", "SIP/2.0/UDP h, SIP/2.0/UDP i" },
    { "open bracket", "SIP/2.0/UDP [::1" },
    { "bare IPv6", "SIP/2.0/UDP 2001:db8::1" },
    { "a word behind", "SIP/2.0/UDP h i" },
    { "open quote", "SIP/2.0/UDP h;x=\"y" },
};

static void test_good_vias(void **state)
{
    struct sip_via via;

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        char *bytes = exact_copy(str_of(good[i].text));

        if (sip_via_parse((struct str){ bytes, strlen(good[i].text) }, &via))
            fail_msg("%s was refused", good[i].what);
        assert_text(via.transport, good[i].transport);
        assert_text(via.host, good[i].host);
        assert_int_equal(via.port, good[i].port);
        assert_text(via.branch, good[i].branch);
        assert_text(via.received, good[i].received);
        assert_int_equal(via.has_rport, good[i].has_rport);
        assert_int_equal(via.rport, good[i].rport);
        assert_int_equal(via.is_rfc3261, good[i].is_rfc3261);
        free(bytes);
    }
}

static void test_bad_vias(void **state)
{
    struct sip_via via;

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++)
        if (!sip_via_parse(str_of(bad[i].text), &via))
            fail_msg("%s was accepted", bad[i].what);
    assert_int_equal(sip_via_parse((struct str){ 0 }, &via), ERR_SYNTAX);
}

static void test_nothing_is_read_behind_the_end(void **state)
{
    struct sip_via via;

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        for (size_t len = 0; len <= strlen(good[i].text); len++) {
            char *bytes = exact_copy((struct str){ good[i].text, len });

            (void)!sip_via_parse((struct str){ bytes, len }, &via);
            free(bytes);
        }
    }
}

#define MARK_REQUEST(via)                                                                          \
    "OPTIONS sip:b@h SIP/2.0\r\nVia: " via "\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"        \
    "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"

static const struct {
    const char *what;
    const char *request;
    const char *source;
    bool force_rport;
    const char *want;
} marks[] = {
    { "nothing to say", MARK_REQUEST("SIP/2.0/UDP 192.0.2.1;branch=x"), "192.0.2.1:5060", false,
      "SIP/2.0/UDP 192.0.2.1;branch=x" },
    { "another source", MARK_REQUEST("SIP/2.0/UDP 10.0.0.1;branch=x"), "192.0.2.1:5060", false,
      "SIP/2.0/UDP 10.0.0.1;branch=x;received=192.0.2.1" },
    { "a name", MARK_REQUEST("SIP/2.0/UDP pc.example.com:9 ;branch=x"), "192.0.2.1:5060", false,
      "SIP/2.0/UDP pc.example.com:9;branch=x;received=192.0.2.1" },
    { "rport asked for", MARK_REQUEST("SIP/2.0/UDP 192.0.2.1;rport;branch=x"), "192.0.2.1:1024",
      false, "SIP/2.0/UDP 192.0.2.1;branch=x;received=192.0.2.1;rport=1024" },
    { "rport forced", MARK_REQUEST("SIP/2.0/UDP 192.0.2.1"), "192.0.2.1:1024", true,
      "SIP/2.0/UDP 192.0.2.1;received=192.0.2.1;rport=1024" },
    { "marks of the client's own", MARK_REQUEST("SIP/2.0/UDP 192.0.2.1;received=203.0.113.9;x=1"),
      "192.0.2.1:5060", false, "SIP/2.0/UDP 192.0.2.1;x=1" },
    { "a filled rport", MARK_REQUEST("SIP/2.0/UDP 10.1.1.1;RPORT=7;received=1.1.1.1"),
      "192.0.2.1:9", false, "SIP/2.0/UDP 10.1.1.1;received=192.0.2.1;rport=9" },
    { "IPv6", MARK_REQUEST("SIP/2.0/TCP [2001:db8::1]:5060;branch=x"), "[2001:db8::2]:5060", false,
      "SIP/2.0/TCP [2001:db8::1]:5060;branch=x;received=2001:db8::2" },
    { "the same IPv6, written otherwise", MARK_REQUEST("SIP/2.0/TCP [2001:DB8:0::1]"),
      "[2001:db8::1]:5060", false, "SIP/2.0/TCP [2001:DB8:0::1]" },
    { "folds", MARK_REQUEST("SIP / 2.0 /UDP\r\n 192.0.2.1 ;\r\n branch =\r\n x ; rport"),
      "192.0.2.1:1", false, "SIP / 2.0 /UDP 192.0.2.1;branch=x;received=192.0.2.1;rport=1" },
};

static void test_marks(void **state)
{
    struct fixture f;
    struct addr source;
    struct str text;

    (void)state;
    for (size_t i = 0; i < ROWS(marks); i++) {
        fixture_open(&f, marks[i].request);
        assert_int_equal(addr_parse(str_of(marks[i].source), &source), ERR_NONE);
        assert_int_equal(sip_via_mark(f.msg, &source, marks[i].force_rport, &text), ERR_NONE);
        if (!str_eq(text, str_of(marks[i].want)))
            fail_msg("%s: " STR_FMT, marks[i].what, STR_ARG(text));
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_vias),
        cmocka_unit_test(test_bad_vias),
        cmocka_unit_test(test_nothing_is_read_behind_the_end),
        cmocka_unit_test(test_marks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
