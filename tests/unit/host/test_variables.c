/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#define NOTHING NULL /* null */

#define REQUEST                                                                                    \
    "INVITE sip:bob@example.com:5070;transport=tcp SIP/2.0\r\n"                                    \
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport=99\r\n"                                      \
    "Via: SIP/2.0/TCP 192.0.2.2:5062;branch=z9hG4bK0\r\n"                                          \
    "From: \"Alice\" <sip:alice@example.org>;tag=a1\r\n"                                           \
    "To: <sip:bob@example.com>\r\n"                                                                \
    "Call-ID: call-1\r\n"                                                                          \
    "CSeq: 7 INVITE\r\n"                                                                           \
    "Contact: <sip:alice@192.0.2.1>;expires=60, <sip:alice@192.0.2.3>;expires=20\r\n"              \
    "User-Agent: Phone/1\r\n"                                                                      \
    "X-A: one\r\nX-A: two\r\n"                                                                     \
    "P-Asserted-Identity: <sip:boss@example.org>\r\n"                                              \
    "Diversion: <sip:d@example.org>;reason=\"busy\";privacy=off\r\n"                               \
    "Proxy-Authorization: Digest username=\"alice@home\", realm=\"example.org\", nonce=\"n\","     \
    " uri=\"sip:x\", response=\"0\"\r\n"                                                           \
    "Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody"

#define RESPONSE                                                                                   \
    "SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK2\r\n"                    \
    "From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>;tag=2\r\nCall-ID: 1\r\nCSeq: 9 INVITE\r\n\r\n"

static const struct mod_variable *find(const char *name)
{
    for (const struct mod_variable *const *table = core_variable_tables; *table; table++) {
        for (const struct mod_variable *row = *table; row->name; row++) {
            if (strcmp(row->name, name) == 0)
                return row;
        }
    }
    fail_msg("no variable $%s", name);
    return NULL;
}

static struct value read_variable(struct rig *rig, const char *name, const char *inner,
                                  const int *index)
{
    struct variable_use use = { .run = &rig->run,
                                .inner = str_of(inner),
                                .index = index ? *index : 0,
                                .has_index = index != NULL };
    struct value value;

    assert_int_equal(find(name)->get(&use, &value), ERR_NONE);
    return value;
}

static void write_variable(struct rig *rig, const char *name, const char *inner, struct value value,
                           enum err want)
{
    struct variable_use use = { .run = &rig->run, .inner = str_of(inner) };

    assert_non_null(find(name)->set);
    assert_int_equal(find(name)->set(&use, &value), want);
}

static void assert_value(struct rig *rig, const char *name, const char *inner, const int *index,
                         const char *want)
{
    struct value value = read_variable(rig, name, inner, index);
    struct str text;

    if (!want) {
        if (!value_is_null(&value))
            fail_msg("$%s(%s) is not null", name, inner);
        return;
    }
    assert_int_equal(value_to_str(rig->run.arena, &value, &text), ERR_NONE);
    if (value_is_null(&value) || !str_eq(text, str_of(want)))
        fail_msg("$%s(%s) is '" STR_FMT "', not '%s'", name, inner, STR_ARG(text), want);
}

struct expectation {
    const char *name, *inner, *value;
};

static void check(const char *message, const char *source, const struct expectation *rows,
                  size_t count)
{
    struct rig rig;

    rig_open(&rig, message, source);
    for (size_t i = 0; i < count; i++)
        assert_value(&rig, rows[i].name, rows[i].inner ? rows[i].inner : "", NULL, rows[i].value);
    rig_close(&rig);
}

static void test_variables_of_a_request(void **state)
{
    static const struct expectation rows[] = {
        { "ru", 0, "sip:bob@example.com:5070;transport=tcp" },
        { "rU", 0, "bob" },
        { "rd", 0, "example.com" },
        { "rp", 0, "5070" },
        { "rP", 0, "tcp" },
        { "rz", 0, "sip" },
        { "rUl", 0, "3" },
        { "ou", 0, "sip:bob@example.com:5070;transport=tcp" },
        { "oU", 0, "bob" },
        { "du", 0, NOTHING },
        { "dd", 0, NOTHING },
        { "fs", 0, NOTHING },
        { "br", 0, NOTHING },
        { "bR", 0, NOTHING },
        { "ds", 0, NOTHING },
        { "fu", 0, "sip:alice@example.org" },
        { "from.user", 0, "alice" },
        { "fd", 0, "example.org" },
        { "fn", 0, "\"Alice\"" },
        { "ft", 0, "a1" },
        { "tu", 0, "sip:bob@example.com" },
        { "tn", 0, NOTHING },
        { "tt", 0, NOTHING },
        { "rm", 0, "INVITE" },
        { "rs", 0, NOTHING },
        { "rr", 0, NOTHING },
        { "mt", 0, "1" },
        { "ci", 0, "call-1" },
        { "cs", 0, "7" },
        { "cl", 0, "4" },
        { "cT", 0, "text/plain" },
        { "ua", 0, "Phone/1" },
        { "rb", 0, "body" },
        { "bs", 0, "4" },
        { "hdr", "x-a", "one" },
        { "hdr", "X-B", NOTHING },
        { "hdrc", "X-A", "2" },
        { "hfl", "Contact", "<sip:alice@192.0.2.1>;expires=60" },
        { "hflc", "Contact", "2" },
        { "hflc", "Via", "2" },
        { "expires", "min", "20" },
        { "expires", "max", "60" },
        { "via0", "rport", "99" },
        { "via1", "host", "192.0.2.2" },
        { "via1", "port", "5062" },
        { "viaZ", "proto", "TCP" },
        { "ai", 0, "sip:boss@example.org" },
        { "di", 0, "sip:d@example.org" },
        { "dir", 0, "busy" },
        { "dip", 0, "off" },
        { "aU", 0, "alice@home" },
        { "au", 0, "alice" },
        { "ad", 0, "home" },
        { "ar", 0, "example.org" },
        { "Au", 0, "alice@example.org" },
        { "si", 0, "192.0.2.1" },
        { "sp", 0, "1024" },
        { "su", 0, "sip:192.0.2.1:1024" },
        { "Ri", 0, "203.0.113.1" },
        { "Rp", 0, "5060" },
        { "Rut", 0, "sip:203.0.113.1:5060;transport=udp" },
        { "RAi", 0, "203.0.113.1" },
        { "af", 0, "INET" },
        { "pr", 0, "udp" },
        { "rcv", "srcport", "1024" },
        { "mf", 0, "0" },
        { "mF", 0, "00000000" },
        { "Ts", 0, "1000000000" },
        { "utime", "year", "2001" },
        { "utime", "mon", "9" },
        { "utimef", "%H:%M", "01:46" },
        { "msg", "hdrc", "15" },
        { "msg", "fline", "INVITE sip:bob@example.com:5070;transport=tcp SIP/2.0" },
    };

    (void)state;
    check(REQUEST, "udp:192.0.2.1:1024", rows, ROWS(rows));
}

static void test_variables_of_a_response(void **state)
{
    static const struct expectation rows[] = {
        { "ru", 0, NOTHING },
        { "rU", 0, NOTHING },
        { "rd", 0, NOTHING },
        { "rs", 0, "486" },
        { "rr", 0, "Busy Here" },
        { "rm", 0, "INVITE" },
        { "mt", 0, "2" },
        { "tt", 0, "2" },
        { "pr", 0, "tcp" },
        { "RAi", 0, "sip.example.com" },
        { "sut", 0, "sip:192.0.2.9:5062;transport=tcp" },
        { "au", 0, NOTHING },
    };

    (void)state;
    check(RESPONSE, "tcp:192.0.2.9:5062", rows, ROWS(rows));
}

static void test_an_index_counts_from_either_end(void **state)
{
    static const int first = 0, second = 1, last = -1, beyond = 2, before = -3;
    struct rig rig;

    (void)state;
    rig_open(&rig, REQUEST, "udp:192.0.2.1:1024");
    assert_value(&rig, "hdr", "X-A", &first, "one");
    assert_value(&rig, "hdr", "X-A", &second, "two");
    assert_value(&rig, "hdr", "X-A", &last, "two");
    assert_value(&rig, "hdr", "X-A", &beyond, NOTHING);
    assert_value(&rig, "hdr", "X-A", &before, NOTHING);
    assert_value(&rig, "hfl", "Contact", &second, "<sip:alice@192.0.2.3>;expires=20");
    assert_value(&rig, "hfl", "Contact", &last, NOTHING);
    rig_close(&rig);
}

static void test_assignments_change_the_target(void **state)
{
    struct rig rig;

    (void)state;
    rig_open(&rig, REQUEST, "udp:192.0.2.1:1024");
    write_variable(&rig, "rU", "", value_of_str(STR("carol")), ERR_NONE);
    write_variable(&rig, "rd", "", value_of_str(STR("h.example")), ERR_NONE);
    write_variable(&rig, "rp", "", value_of_int(99), ERR_NONE);
    assert_value(&rig, "ru", "", NULL, "sip:carol@h.example:99;transport=tcp");
    write_variable(&rig, "rU", "", value_null(), ERR_NONE);
    write_variable(&rig, "rp", "", value_null(), ERR_NONE);
    assert_value(&rig, "ru", "", NULL, "sip:h.example;transport=tcp");
    write_variable(&rig, "ru", "", value_null(), ERR_SYNTAX);
    write_variable(&rig, "du", "", value_of_str(STR("sip:hop:77;transport=tls")), ERR_NONE);
    assert_value(&rig, "dd", "", NULL, "hop");
    assert_value(&rig, "dp", "", NULL, "77");
    assert_value(&rig, "dP", "", NULL, "tls");
    write_variable(&rig, "du", "", value_null(), ERR_NONE);
    assert_value(&rig, "du", "", NULL, NOTHING);
    write_variable(&rig, "fs", "", value_of_str(STR("udp:203.0.113.1:5060")), ERR_NONE);
    assert_value(&rig, "fs", "", NULL, "udp:203.0.113.1:5060");
    assert_value(&rig, "ou", "", NULL, "sip:bob@example.com:5070;transport=tcp");
    rig_close(&rig);
}

static void test_targets_are_listed(void **state)
{
    struct rig rig;

    (void)state;
    rig_open(&rig, REQUEST, "udp:192.0.2.1:1024");
    write_variable(&rig, "br", "", value_of_str(STR("sip:c@d")), ERR_NONE);
    rig.request->extra[0].q = 500;
    write_variable(&rig, "br", "", value_of_str(STR("sip:e@f")), ERR_NONE);
    assert_value(&rig, "br", "", NULL, "sip:c@d");
    assert_value(&rig, "bR", "", NULL, "<sip:c@d>;q=0.500, sip:e@f");
    assert_value(&rig, "ds", "", NULL, "Contact: <sip:c@d>;q=0.500, <sip:e@f>");
    assert_value(&rig, "branch", "count", NULL, "2");
    write_variable(&rig, "branch", "uri", value_null(), ERR_NONE);
    assert_value(&rig, "branch", "uri", NULL, "sip:e@f");
    rig_close(&rig);
}

static void test_flags_are_numbers(void **state)
{
    struct rig rig;

    (void)state;
    rig_open(&rig, REQUEST, "udp:192.0.2.1:1024");
    write_variable(&rig, "mf", "", value_of_int(10), ERR_NONE);
    write_variable(&rig, "Mf", "1", value_of_int(0), ERR_NONE);
    write_variable(&rig, "Mf", "31", value_of_int(1), ERR_NONE);
    write_variable(&rig, "Mf", "32", value_of_int(1), ERR_RANGE);
    assert_value(&rig, "mF", "", NULL, "80000008");
    assert_value(&rig, "Mf", "3", NULL, "1");
    write_variable(&rig, "Bf", "6", value_of_int(1), ERR_NONE);
    assert_int_equal(rig.request->target.bflags, 64);
    write_variable(&rig, "sf", "", value_of_int(7), ERR_NONE);
    assert_int_equal(rig.run.script_flags, 7);
    rig_close(&rig);
}

/* Several assignments add up; what is read is what was received. */
static void test_from_is_written_as_a_whole(void **state)
{
    char buffer[4096];
    struct rig rig;

    (void)state;
    rig_open(&rig, REQUEST, "udp:192.0.2.1:1024");
    write_variable(&rig, "fU", "", value_of_str(STR("eve")), ERR_NONE);
    write_variable(&rig, "fd", "", value_of_str(STR("h.example")), ERR_NONE);
    write_variable(&rig, "fn", "", value_of_str(STR("\"Eve\"")), ERR_NONE);
    assert_value(&rig, "fu", "", NULL, "sip:alice@example.org");
    assert_non_null(str_find(rig_written(&rig, buffer, sizeof buffer),
                             STR("\r\nFrom: \"Eve\" <sip:eve@h.example>;tag=a1\r\n")));
    write_variable(&rig, "tu", "", value_of_str(STR("sip:x@y")), ERR_NONE);
    assert_non_null(
        str_find(rig_written(&rig, buffer, sizeof buffer), STR("\r\nTo: <sip:x@y>\r\n")));
    write_variable(&rig, "fu", "", value_of_str(STR("sip:x@y>\r\nX: ")), ERR_SYNTAX);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variables_of_a_request),
        cmocka_unit_test(test_variables_of_a_response),
        cmocka_unit_test(test_an_index_counts_from_either_end),
        cmocka_unit_test(test_assignments_change_the_target),
        cmocka_unit_test(test_targets_are_listed),
        cmocka_unit_test(test_flags_are_numbers),
        cmocka_unit_test(test_from_is_written_as_a_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
