/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static void test_credentials(void **state)
{
    struct sip_digest digest;

    (void)state;
    assert_int_equal(
        sip_digest_parse(STR("Digest username=\"bob\",\r\n realm=\"a, \\\"b\\\"\" , nonce=\"n==\","
                             "uri=\"sip:h;x=y\", response=\"0123\", algorithm=MD5, cnonce=\"c\","
                             "opaque=\"\", qop=auth, nc=00000001, foo=bar, baz=\"q\""),
                         &digest),
        ERR_NONE);
    assert_text(digest.username, "bob");
    assert_text(digest.realm, "a, \\\"b\\\"");
    assert_text(digest.nonce, "n==");
    assert_text(digest.uri, "sip:h;x=y");
    assert_text(digest.response, "0123");
    assert_text(digest.algorithm, "MD5");
    assert_text(digest.cnonce, "c");
    assert_text(digest.opaque, "");
    assert_text(digest.qop, "auth");
    assert_text(digest.nc, "00000001");
    assert_false(digest.is_stale);
}

static void test_challenge(void **state)
{
    struct sip_digest digest;

    (void)state;
    assert_int_equal(sip_digest_parse(STR("digest realm=\"h\", nonce=\"1\", stale=TRUE, "
                                          "algorithm=SHA-256, qop=\"auth,auth-int\""),
                                      &digest),
                     ERR_NONE);
    assert_true(digest.is_stale);
    assert_text(digest.qop, "auth,auth-int");
    assert_text(digest.algorithm, "SHA-256");
}

static const struct {
    const char *text;
    enum err err;
} rows[] = {
    { "Digest", ERR_NONE },
    { "Digest realm=\"a\",", ERR_NONE },
    { "Digest ,, realm=\"a\"", ERR_NONE },
    { "Basic QWxhZGRpbg==", ERR_UNSUPPORTED },
    { "DigestX realm=\"a\"", ERR_UNSUPPORTED },
    { "", ERR_SYNTAX },
    { "Digest realm", ERR_SYNTAX },
    { "Digest realm=", ERR_SYNTAX },
    { "Digest realm=\"a", ERR_SYNTAX },
    { "Digest realm=\"a\" nonce=\"b\"", ERR_SYNTAX },
    { "Digest realm=\"a\", Realm=\"a\"", ERR_SYNTAX },
    { "Digest opaque=\"\", opaque=\"\"", ERR_SYNTAX },
    { "Digest stale=true, stale=false", ERR_SYNTAX },
    { "Digest =x", ERR_SYNTAX },
    { "Digest a=b c", ERR_SYNTAX },
};

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t len = strlen(rows[i].text);
        char *bytes = exact_copy(str_of(rows[i].text));
        struct sip_digest digest;

        if (sip_digest_parse((struct str){ bytes, len }, &digest) != rows[i].err)
            fail_msg("'%s'", rows[i].text);
        for (size_t part = 0; part < len; part++)
            (void)!sip_digest_parse((struct str){ bytes, part }, &digest);
        free(bytes);
    }
}

static void test_find_by_realm(void **state)
{
    struct fixture f;
    struct sip_digest digest;
    const struct sip_hdr *hdr;

    (void)state;
    fixture_open(&f, REQUEST_HEAD "Authorization: Digest realm=\"a\", nonce=\"1\"\r\n"
                                  "Authorization: Basic x\r\n"
                                  "Proxy-Authorization: Digest realm=\"b\", nonce=\"2\"\r\n"
                                  "Authorization: Digest realm=\"b\", nonce=\"3\"\r\n\r\n");
    hdr = sip_digest_find(f.msg, SIP_HDR_AUTHORIZATION, STR("b"), &digest);
    assert_ptr_equal(hdr, &f.msg->hdrs[f.msg->hdr_count - 1]);
    assert_text(digest.nonce, "3");
    assert_null(sip_digest_find(f.msg, SIP_HDR_AUTHORIZATION, STR("B"), &digest));
    assert_null(sip_digest_find(f.msg, SIP_HDR_PROXY_AUTHORIZATION, STR("a"), &digest));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_challenge),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_find_by_realm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
