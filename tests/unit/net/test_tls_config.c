/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include <culvert/tls.h>

struct parsed {
    struct arena arena;
    const struct tls_profile *list;
    unsigned count;
    enum err err;
    char why[512];
};

static struct parsed parse(const char *text)
{
    const struct tls_profile server = { .where = STR("server"), .verify_depth = 9 };
    const struct tls_profile client = {
        .where = STR("client"), .is_client = true, .verifies_peer = true, .verify_depth = 9
    };
    struct parsed parsed = { .count = 0 };
    struct writer why = writer_over(parsed.why, sizeof parsed.why - 1);

    arena_init(&parsed.arena, NULL, 1 << 20);
    parsed.err = tls_config_parse("tls.cfg", str_of(text), &server, &client, &parsed.arena,
                                  &parsed.list, &parsed.count, &why);
    *why.at = '\0';
    return parsed;
}

static void assert_text(struct str text, const char *wanted)
{
    assert_true(str_eq(text, str_of(wanted)));
}

static void test_an_empty_file_leaves_the_defaults(void **state)
{
    struct parsed parsed = parse("# nothing\n\n  ; at all\n");

    (void)state;
    assert_int_equal(parsed.err, ERR_NONE);
    assert_int_equal(parsed.count, 1); /* no certificate: no server */
    assert_true(parsed.list[0].is_client);
    assert_true(parsed.list[0].verifies_peer);
    arena_fini(&parsed.arena);
}

static void test_sections_begin_as_the_default_of_their_side(void **state)
{
    struct parsed parsed = parse("[server:192.0.2.1:5061]\r\n"
                                 "server_name = sip.example.org\r\n"
                                 "private_key=/k.pem\r\n"
                                 "[client:[2001:db8::1]:5071]\n"
                                 "verify_certificate = no\n"
                                 "[server:default]\n"
                                 "method = TLSv1.3\n"
                                 "  certificate = \"/etc/a b.pem\"\n"
                                 "verify_client = optional\n"
                                 "[client:default]\n"
                                 "ca_list = /ca.pem\n"
                                 "server_name = ignored.example.org\n"
                                 "[server:any]\n"
                                 "server_name = other.example.org\n"
                                 "server_name_mode = 1\n"
                                 "[client:any]\n"
                                 "server_name=peer.example.org\n"
                                 "crl=/crl.pem\n");
    const struct tls_profile *list = parsed.list;

    (void)state;
    assert_string_equal(parsed.why, "");
    assert_int_equal(parsed.count, 6);
    assert_true(list[0].is_client);
    assert_text(list[0].ca_list, "/ca.pem");
    assert_text(list[0].name, "");
    assert_false(list[1].is_client);
    assert_text(list[1].certificate, "/etc/a b.pem");
    assert_int_equal(list[1].min_version, TLS_VERSION_1_3);

    assert_text(list[2].where, "tls.cfg:1");
    assert_int_equal(list[2].addr.port, 5061);
    assert_text(list[2].name, "sip.example.org");
    assert_text(list[2].certificate, "/etc/a b.pem");
    assert_text(list[2].private_key, "/k.pem");
    assert_true(list[2].verifies_peer);
    assert_false(list[2].requires_peer);

    assert_true(list[3].is_client);
    assert_int_equal(list[3].addr.family, ADDR_IPV6);
    assert_int_equal(list[3].addr.port, 5071);
    assert_false(list[3].verifies_peer);
    assert_text(list[3].ca_list, "/ca.pem");

    assert_int_equal(list[4].addr.family, ADDR_NONE);
    assert_int_equal(list[4].name_match, TLS_NAME_AND_BELOW);
    assert_text(list[5].name, "peer.example.org");
    assert_text(list[5].crl, "/crl.pem");
    arena_fini(&parsed.arena);
}

static const struct {
    const char *text, *why;
} bad_rows[] = {
    { "[server:default\n", "tls.cfg:1: this section has no ]: \"[server:default\"" },
    { "\n[relay:default]\n",
      "tls.cfg:2: a section is [server:place] or [client:place], not \"[relay:default]\"" },
    { "[server]\n", "tls.cfg:1: a section is [server:place] or [client:place], not \"[server]\"" },
    { "[server:somewhere]\n",
      "tls.cfg:1: neither default, any nor an address with its port: \"somewhere\"" },
    { "[server:default]\ncertificate /a.pem\n",
      "tls.cfg:2: a line is key = value, not \"certificate /a.pem\"" },
    { "[server:default]\ncertifcate = /a.pem\n", "tls.cfg:2: there is no setting \"certifcate\"" },
    { "[server:default]\nverify_certificate = maybe\n",
      "tls.cfg:2: verify_certificate is yes or no, not \"maybe\"" },
    { "[client:default]\nmethod = TLSv7\n",
      "tls.cfg:2: method is TLSv1.2, TLSv1.2+, TLSv1.3 or TLSv1.3+, not \"TLSv7\"" },
    { "[server:any]\nverify_depth = -1\n",
      "tls.cfg:2: verify_depth is a number up to 100, not \"-1\"" },
    { "[server:any]\nserver_name_mode = 3\n",
      "tls.cfg:2: server_name_mode is 0, 1 or 2, not \"3\"" },
    { "[server:any]\nverify_client = sometimes\n",
      "tls.cfg:2: verify_client is off, on, optional or optional_no_ca, not \"sometimes\"" },
};

static void test_mistakes_are_told_with_their_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_rows / sizeof *bad_rows; i++) {
        struct parsed parsed = parse(bad_rows[i].text);

        assert_int_not_equal(parsed.err, ERR_NONE);
        assert_string_equal(parsed.why, bad_rows[i].why);
        arena_fini(&parsed.arena);
    }
}

/* A line of any length leaves room for the reason. */
static void test_long_lines_are_told_in_short(void **state)
{
    char text[2000] = "[server:default]\n";
    struct parsed parsed;

    (void)state;
    memset(text + strlen(text), 'x', sizeof text - strlen(text) - 1);
    parsed = parse(text);
    assert_int_equal(parsed.err, ERR_SYNTAX);
    assert_non_null(strstr(parsed.why, "tls.cfg:2: a line is key = value, not \"xxx"));
    arena_fini(&parsed.arena);
    memcpy(strchr(text, 'x') + 500, " = 1", 4);
    parsed = parse(text);
    assert_int_equal(parsed.err, ERR_NOT_FOUND);
    assert_non_null(strstr(parsed.why, "tls.cfg:2: there is no setting \"xxx"));
    arena_fini(&parsed.arena);
}

static const struct {
    const char *word;
    bool verifies, requires, only_asks;
} verify_rows[] = {
    { "off", false, false, false },
    { "on", true, true, false },
    { "optional", true, false, false },
    { "optional_no_ca", false, false, true },
};

static void test_one_word_says_how_clients_are_verified(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof verify_rows / sizeof *verify_rows; i++) {
        struct tls_profile profile = { .verifies_peer = true, .requires_peer = true };
        char why[64];
        struct writer w = writer_over(why, sizeof why);

        assert_int_equal(
            tls_profile_set(&profile, STR("verify_client"), str_of(verify_rows[i].word), &w),
            ERR_NONE);
        assert_int_equal(profile.verifies_peer, verify_rows[i].verifies);
        assert_int_equal(profile.requires_peer, verify_rows[i].requires);
        assert_int_equal(profile.only_asks, verify_rows[i].only_asks);
    }
}

static void test_too_many_sections_are_refused(void **state)
{
    enum { SECTIONS = 1025 };
    char *text = malloc(SECTIONS * 16 + 1), *at = text;
    struct parsed parsed;

    (void)state;
    for (int i = 0; i < SECTIONS; i++)
        at += sprintf(at, "[server:any]\n");
    parsed = parse(text);
    assert_int_not_equal(parsed.err, ERR_NONE);
    arena_fini(&parsed.arena);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_file_leaves_the_defaults),
        cmocka_unit_test(test_sections_begin_as_the_default_of_their_side),
        cmocka_unit_test(test_mistakes_are_told_with_their_line),
        cmocka_unit_test(test_one_word_says_how_clients_are_verified),
        cmocka_unit_test(test_long_lines_are_told_in_short),
        cmocka_unit_test(test_too_many_sections_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
