/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static const struct {
    const char *text;
    enum uri_scheme scheme;
    const char *user;
    const char *password;
    const char *host;
    int port; /* -1: none */
    const char *params;
    const char *headers;
} good[] = {
    { "sip:bob@example.com", URI_SIP, "bob", "", "example.com", -1, "", "" },
    { "SIP:bob@example.com:5062", URI_SIP, "bob", "", "example.com", 5062, "", "" },
    { "sips:example.com", URI_SIPS, "", "", "example.com", -1, "", "" },
    { "sip:bob:secret@192.0.2.1;lr", URI_SIP, "bob", "secret", "192.0.2.1", -1, "lr", "" },
    { "sip:bob:@h", URI_SIP, "bob", "", "h", -1, "", "" },
    { "sip::pw@h", URI_SIP, "", "pw", "h", -1, "", "" },
    { "sip:@h", URI_SIP, "", "", "h", -1, "", "" },
    { "sip:;p@h", URI_SIP, ";p", "", "h", -1, "", "" },
    { "sip:u;x=1:pw@h:1;y=2?z=3", URI_SIP, "u;x=1", "pw", "h", 1, "y=2", "z=3" },
    { "sip:%00@h", URI_SIP, "%00", "", "h", -1, "", "" },
    { "sip:*21#@h", URI_SIP, "*21#", "", "h", -1, "", "" },
    { "sip:[2001:db8::1]", URI_SIP, "", "", "[2001:db8::1]", -1, "", "" },
    { "sip:u@[::1]:5070;transport=tcp", URI_SIP, "u", "", "[::1]", 5070, "transport=tcp", "" },
    { "sip:u@[2001:db8:::192.0.2.1]", URI_SIP, "u", "", "[2001:db8:::192.0.2.1]", -1, "", "" },
    { "sip:h;lr;p=%3b?a=b&c=d", URI_SIP, "", "", "h", -1, "lr;p=%3b", "a=b&c=d" },
    { "sip:h?a=b;c", URI_SIP, "", "", "h", -1, "", "a=b;c" },
    { "sip:h:0", URI_SIP, "", "", "h", 0, "", "" },
    { "sip:h:005060", URI_SIP, "", "", "h", 5060, "", "" },
    { "sip:h;;lr", URI_SIP, "", "", "h", -1, ";lr", "" },
    { "tel:+1-201-555-0123;ext=22", URI_TEL, "+1-201-555-0123", "", "", -1, "ext=22", "" },
    { "urn:service:sos", URI_OTHER, "", "", "", -1, "", "" },
    { "http://example.com/?a", URI_OTHER, "", "", "", -1, "", "" },
    { "nobodyKnowsThisScheme:opaque", URI_OTHER, "", "", "", -1, "", "" },
    { "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com", URI_SIP,
      "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*", "", "example.com", -1, "", "" },
};

static const char *const bad[] = {
    "",
    "sip",
    "sip:",
    ":host",
    "tel:",
    "tel:;ext=1",
    "1sip:h",
    "s p:h",
    "sip:h:",
    "sip:h:65536",
    "sip:h:-1",
    "sip:h:99999999999999999999",
    "sip:h:5060x",
    "sip:h:+1",
    "sip:u@",
    "sip:u@h@i",
    "sip:u@h;x=a@b",
    "sip:u @h",
    "sip: h",
    "sip:h ",
    " sip:h",
    "<sip:h>",
    "sip:h;x=\"y\"",
    "sip:2001:db8::10",
    "sip:[2001:db8::10",
    "sip:[]",
    "sip:[g::1]",
    "sip:[::1]x",
    "sip:h\r\n",
    "sip:h/path",
    "urn:",
};

static struct sip_uri parsed(const char *text)
{
    struct sip_uri uri;

    if (sip_uri_parse(str_of(text), &uri))
        fail_msg("'%s' was refused", text);
    return uri;
}

static void test_good_uris(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        struct sip_uri uri = parsed(good[i].text);

        assert_int_equal(uri.scheme, good[i].scheme);
        assert_text(uri.text, good[i].text);
        assert_text(uri.user, good[i].user);
        assert_text(uri.password, good[i].password);
        assert_text(uri.host, good[i].host);
        assert_int_equal(uri.has_port ? uri.port : -1, good[i].port);
        assert_text(uri.params, good[i].params);
        assert_text(uri.headers, good[i].headers);
    }
}

static void test_bad_uris(void **state)
{
    struct sip_uri uri;

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++)
        if (sip_uri_parse(str_of(bad[i]), &uri) != ERR_SYNTAX)
            fail_msg("'%s' was accepted", bad[i]);
    assert_int_equal(sip_uri_parse((struct str){ "sip:u\0@h", 8 }, &uri), ERR_SYNTAX);
    assert_int_equal(sip_uri_parse((struct str){ 0 }, &uri), ERR_SYNTAX);
}

static void test_nothing_is_read_behind_the_end(void **state)
{
    struct sip_uri uri;

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        for (size_t len = 0; len <= strlen(good[i].text); len++) {
            char *bytes = exact_copy((struct str){ good[i].text, len });

            (void)!sip_uri_parse((struct str){ bytes, len }, &uri);
            free(bytes);
        }
    }
}

static void assert_same_pieces(const struct sip_uri *a, const struct sip_uri *b)
{
    assert_int_equal(a->scheme, b->scheme);
    assert_true(str_eq(a->user, b->user));
    assert_true(str_eq(a->password, b->password));
    assert_true(str_eq(a->host, b->host));
    assert_int_equal(a->has_port, b->has_port);
    assert_int_equal(a->port, b->port);
    assert_true(str_eq(a->params, b->params));
    assert_true(str_eq(a->headers, b->headers));
}

static void test_what_is_written_parses_to_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        struct sip_uri uri = parsed(good[i].text);
        struct sip_uri again;
        char buffer[256];
        struct writer w = writer_over(buffer, sizeof buffer);
        struct str text;

        sip_uri_write(&w, &uri);
        assert_int_equal(writer_finish(&w, &text), ERR_NONE);
        assert_int_equal(sip_uri_parse(text, &again), ERR_NONE);
        assert_same_pieces(&uri, &again);
        assert_true(sip_uri_equal(&uri, &again));
    }
}

static const struct {
    const char *text;
    enum err err;
    enum transport transport;
    uint16_t port;
} transports[] = {
    { "sip:h", ERR_NONE, TRANSPORT_UDP, 5060 },
    { "sip:h;transport=TCP", ERR_NONE, TRANSPORT_TCP, 5060 },
    { "sip:h;transport=tls", ERR_NONE, TRANSPORT_TLS, 5061 },
    { "sip:h:7000;transport=ws", ERR_NONE, TRANSPORT_WS, 7000 },
    { "sips:h", ERR_NONE, TRANSPORT_TLS, 5061 },
    { "sips:h;transport=tcp", ERR_NONE, TRANSPORT_TLS, 5061 },
    { "sips:h;transport=ws", ERR_NONE, TRANSPORT_WSS, 443 },
    { "sips:h;transport=udp", ERR_UNSUPPORTED, 0, 5061 },
    { "sip:h;transport=sctp", ERR_UNSUPPORTED, 0, 5060 },
    { "sip:h;transport", ERR_UNSUPPORTED, 0, 5060 },
    { "tel:+1", ERR_UNSUPPORTED, 0, 5060 },
};

static void test_transport_and_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(transports); i++) {
        struct sip_uri uri = parsed(transports[i].text);
        enum transport transport = TRANSPORTS;
        enum err err = sip_uri_transport(&uri, &transport);

        if (err != transports[i].err || sip_uri_port(&uri) != transports[i].port)
            fail_msg("%s", transports[i].text);
        if (!err)
            assert_int_equal(transport, transports[i].transport);
    }
}

static const struct {
    const char *a;
    const char *b;
    bool is_equal;
} pairs[] = {
    { "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true },
    { "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true },
    { "sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true },
    { "sip:ALICE@atlanta.com", "sip:alice@atlanta.com", false },
    { "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false },
    { "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false },
    { "sip:bob@biloxi.com", "sips:bob@biloxi.com", false },
    { "sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false },
    { "sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next", false },
    { "sip:a@h;method=INVITE", "sip:a@h", false },
    { "sip:a:x@h", "sip:a:y@h", false },
    { "tel:+1-201-555", "tel:+1201(555)", true },
    { "tel:+1201556", "tel:+1201555", false },
    { "tel:+12015", "tel:+1201", false },
    { "urn:a", "urn:a", true },
    { "urn:a", "urn:b", false },
};

static void test_equality(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(pairs); i++) {
        struct sip_uri a = parsed(pairs[i].a);
        struct sip_uri b = parsed(pairs[i].b);

        if (sip_uri_equal(&a, &b) != pairs[i].is_equal ||
            sip_uri_equal(&b, &a) != pairs[i].is_equal)
            fail_msg("%s, %s", pairs[i].a, pairs[i].b);
    }
}

static const struct {
    const char *text;
    enum err err;
    const char *want;
} escapes[] = {
    { "alice", ERR_NONE, "alice" },
    { "%61lice%40h", ERR_NONE, "alice@h" },
    { "%C3%a9", ERR_NONE, "\xc3\xa9" },
    { "", ERR_NONE, "" },
    { "%", ERR_SYNTAX, "" },
    { "a%4", ERR_SYNTAX, "" },
    { "%zz", ERR_SYNTAX, "" },
    { "a%0d", ERR_SYNTAX, "" },
    { "a%0Ab", ERR_SYNTAX, "" },
    { "%00", ERR_SYNTAX, "" },
    { "a\nb", ERR_SYNTAX, "" },
    { "%25%30%30", ERR_NONE, "%00" },
};

static void test_escapes(void **state)
{
    struct arena arena;
    struct str out;

    (void)state;
    arena_init(&arena, NULL, 4096);
    for (size_t i = 0; i < ROWS(escapes); i++) {
        if (sip_unescape(&arena, str_of(escapes[i].text), &out) != escapes[i].err)
            fail_msg("'%s'", escapes[i].text);
        if (!escapes[i].err)
            assert_text(out, escapes[i].want);
    }
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_uris),
        cmocka_unit_test(test_bad_uris),
        cmocka_unit_test(test_nothing_is_read_behind_the_end),
        cmocka_unit_test(test_what_is_written_parses_to_the_same),
        cmocka_unit_test(test_transport_and_port),
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
