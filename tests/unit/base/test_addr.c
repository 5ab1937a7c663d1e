/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include <culvert/addr.h>

static struct addr addr_of(const char *text)
{
    struct addr addr = { 0 };

    if (addr_parse(str_of(text), &addr))
        fail_msg("%s: no address", text);
    return addr;
}

static const struct {
    const char *text;
    enum addr_class class;
} class_rows[] = {
    { "0.0.0.0", ADDR_UNSPECIFIED },
    { "0.1.2.3", ADDR_UNSPECIFIED },
    { "1.0.0.0", ADDR_PUBLIC },
    { "8.8.8.8", ADDR_PUBLIC },
    { "9.255.255.255", ADDR_PUBLIC },
    { "10.0.0.0", ADDR_PRIVATE },
    { "10.255.255.255", ADDR_PRIVATE },
    { "11.0.0.0", ADDR_PUBLIC },
    { "100.63.255.255", ADDR_PUBLIC },
    { "100.64.0.0", ADDR_SHARED },
    { "100.127.255.255", ADDR_SHARED },
    { "100.128.0.0", ADDR_PUBLIC },
    { "126.255.255.255", ADDR_PUBLIC },
    { "127.0.0.1", ADDR_LOOPBACK },
    { "127.255.255.255", ADDR_LOOPBACK },
    { "128.0.0.0", ADDR_PUBLIC },
    { "169.253.255.255", ADDR_PUBLIC },
    { "169.254.0.0", ADDR_LINK_LOCAL },
    { "169.254.169.254", ADDR_LINK_LOCAL },
    { "169.255.0.0", ADDR_PUBLIC },
    { "172.15.255.255", ADDR_PUBLIC },
    { "172.16.0.0", ADDR_PRIVATE },
    { "172.31.255.255", ADDR_PRIVATE },
    { "172.32.0.0", ADDR_PUBLIC },
    { "192.0.0.1", ADDR_RESERVED },
    { "192.0.1.0", ADDR_PUBLIC },
    { "192.0.2.1", ADDR_PUBLIC },
    { "192.167.255.255", ADDR_PUBLIC },
    { "192.168.0.0", ADDR_PRIVATE },
    { "192.168.255.255", ADDR_PRIVATE },
    { "192.169.0.0", ADDR_PUBLIC },
    { "198.17.255.255", ADDR_PUBLIC },
    { "198.18.0.0", ADDR_RESERVED },
    { "198.19.255.255", ADDR_RESERVED },
    { "198.20.0.0", ADDR_PUBLIC },
    { "198.51.100.1", ADDR_PUBLIC },
    { "203.0.113.1", ADDR_PUBLIC },
    { "223.255.255.255", ADDR_PUBLIC },
    { "224.0.0.0", ADDR_MULTICAST },
    { "224.0.1.75", ADDR_MULTICAST },
    { "239.255.255.255", ADDR_MULTICAST },
    { "240.0.0.0", ADDR_RESERVED },
    { "255.255.255.254", ADDR_RESERVED },
    { "255.255.255.255", ADDR_BROADCAST },
    { "::", ADDR_UNSPECIFIED },
    { "::1", ADDR_LOOPBACK },
    { "::127.0.0.1", ADDR_LOOPBACK },
    { "::8.8.8.8", ADDR_PUBLIC },
    { "::ffff:8.8.8.8", ADDR_PUBLIC },
    { "::ffff:10.1.2.3", ADDR_PRIVATE },
    { "::ffff:127.0.0.1", ADDR_LOOPBACK },
    { "::ffff:169.254.169.254", ADDR_LINK_LOCAL },
    { "::ffff:0:127.0.0.1", ADDR_LOOPBACK },
    { "::ffff:0.0.0.0", ADDR_UNSPECIFIED },
    { "64:ff9b::8.8.8.8", ADDR_PUBLIC },
    { "64:ff9b::192.168.1.1", ADDR_PRIVATE },
    { "64:ff9b::7f00:1", ADDR_LOOPBACK },
    { "64:ff9b:1::1", ADDR_PRIVATE },
    { "100::1", ADDR_RESERVED },
    { "2001:0:4136:e378:8000:63bf:3fff:fdd2", ADDR_PUBLIC }, /* Teredo: 192.0.2.45 */
    { "2001:0:4136:e378:8000:63bf:80ff:fffe", ADDR_LOOPBACK },
    { "2001:0:4136:e378:8000:63bf:f5ff:fffe", ADDR_PRIVATE },
    { "2001:db8::1", ADDR_PUBLIC },
    { "2001:1::1", ADDR_PUBLIC },
    { "2002:808:808::1", ADDR_PUBLIC },
    { "2002:7f00:1::", ADDR_LOOPBACK },
    { "2002:c0a8:101::1", ADDR_PRIVATE },
    { "2002:a9fe:a9fe::", ADDR_LINK_LOCAL },
    { "2a00:1450::1", ADDR_PUBLIC },
    { "fbff::1", ADDR_PUBLIC },
    { "fc00::", ADDR_PRIVATE },
    { "fdff:ffff::1", ADDR_PRIVATE },
    { "fe00::1", ADDR_PUBLIC },
    { "fe80::1", ADDR_LINK_LOCAL },
    { "febf::1", ADDR_LINK_LOCAL },
    { "fec0::1", ADDR_PRIVATE },
    { "ff00::", ADDR_MULTICAST },
    { "ff02::1", ADDR_MULTICAST },
};

static void test_addresses_are_judged_by_their_net(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof class_rows / sizeof *class_rows; i++) {
        struct addr addr = addr_of(class_rows[i].text);

        if (addr_classify(&addr) != class_rows[i].class)
            fail_msg("%s: class %d", class_rows[i].text, (int)addr_classify(&addr));
    }
}

static const char *const bad_ips[] = {
    "",
    "1",
    "127.1",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.",
    ".1.2.3",
    "1..2.3",
    "1.2.3.4.",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.00",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.-4",
    "0x7f.0.0.1",
    "2130706433",
    "1.2.3.4/8",
    "[1.2.3.4]",
    "localhost",
    "a.b.c.d",
    ":",
    ":::",
    "1::2::3",
    "12345::",
    "1:2:3:4:5:6",
    "1:2:3:4:5:6:7:",
    "::1%lo",
    "::g",
    "[::1",
    "::1]",
    "[::1]:",
    "[]",
    "[[::1]]",
    "1.2.3.4:5",
    "::1.2.3",
    "::1.2.3.4.5",
    "1:2:3:4:5:6:7:8:9",
    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
    "1.2.3.99999999999999999999",
    "::ffff:1.2.3.256",
    ":1:2:3:4:5:6:7",
};

static void test_what_is_not_exactly_an_address_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_ips / sizeof *bad_ips; i++) {
        struct addr addr = { .port = 4711 };

        if (addr_parse_ip(str_of(bad_ips[i]), &addr) != ERR_SYNTAX)
            fail_msg("%s was accepted", bad_ips[i]);
        assert_int_equal(addr.port, 4711);
    }
}

static void test_a_nul_does_not_end_an_address(void **state)
{
    struct addr addr;

    (void)state;
    assert_int_equal(addr_parse_ip(STR("::1\0x"), &addr), ERR_SYNTAX);
    assert_int_equal(addr_parse_ip(STR("1.2.3.4\0"), &addr), ERR_SYNTAX);
}

static const struct {
    const char *what;
    const char *text;
    enum err want;
    const char *written;
} parse_rows[] = {
    { "IPv4 and port", "192.0.2.1:5060", ERR_NONE, "192.0.2.1:5060" },
    { "IPv4", "192.0.2.1", ERR_NONE, "192.0.2.1" },
    { "IPv6 and port", "[2001:DB8::1]:5061", ERR_NONE, "[2001:db8::1]:5061" },
    { "IPv6 in brackets", "[::1]", ERR_NONE, "[::1]" },
    { "bare IPv6", "2001:db8:0:0:1:0:0:1", ERR_NONE, "[2001:db8::1:0:0:1]" },
    { "mapped", "[::ffff:1.2.3.4]:1", ERR_NONE, "[::ffff:1.2.3.4]:1" },
    { "the last port", "1.2.3.4:65535", ERR_NONE, "1.2.3.4:65535" },
    { "port 0 is none", "1.2.3.4:0", ERR_NONE, "1.2.3.4" },
    { "beyond the last port", "1.2.3.4:65536", ERR_RANGE, NULL },
    { "an empty port", "1.2.3.4:", ERR_SYNTAX, NULL },
    { "a named port", "1.2.3.4:sip", ERR_SYNTAX, NULL },
    { "a signed port", "1.2.3.4:+5060", ERR_SYNTAX, NULL },
    { "a port alone", ":5060", ERR_SYNTAX, NULL },
    { "text after the bracket", "[::1]5060", ERR_SYNTAX, NULL },
    { "IPv4 in brackets", "[1.2.3.4]:5060", ERR_SYNTAX, NULL },
    { "no opening bracket", "::1]:5060", ERR_SYNTAX, NULL },
    { "two ports", "1.2.3.4:1:2", ERR_SYNTAX, NULL },
    { "nothing", "", ERR_SYNTAX, NULL },
};

static void test_addresses_survive_parsing_and_writing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof parse_rows / sizeof *parse_rows; i++) {
        char text[ADDR_TEXT_MAX];
        struct addr addr;
        enum err err = addr_parse(str_of(parse_rows[i].text), &addr);

        if (err != parse_rows[i].want)
            fail_msg("%s: %s", parse_rows[i].what, err_name(err));
        if (!err)
            assert_string_equal(addr_text(&addr, text), parse_rows[i].written);
    }
}

static void test_the_address_alone_is_written_with_or_without_brackets(void **state)
{
    char buffer[64];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct addr ipv6 = addr_of("[::1]:5060");
    struct addr ipv4 = addr_of("1.2.3.4:5060");

    (void)state;
    addr_write_ip(&w, &ipv6, true);
    addr_write_ip(&w, &ipv6, false);
    addr_write_ip(&w, &ipv4, true);
    addr_write_ip(&w, &(struct addr){ 0 }, true);
    assert_true(str_eq(writer_text(&w), STR("[::1]::11.2.3.4-")));
}

static void test_equality_is_about_address_and_port(void **state)
{
    struct addr a = addr_of("1.2.3.4:5060");
    struct addr b = addr_of("1.2.3.4:5061");
    struct addr mapped = addr_of("[::ffff:1.2.3.4]:5060");
    struct addr scoped = addr_of("[fe80::1]:5060");
    struct addr other = scoped;

    (void)state;
    other.scope = 2;
    assert_true(addr_eq(&a, &a));
    assert_false(addr_eq(&a, &b));
    assert_true(addr_same_ip(&a, &b));
    assert_false(addr_same_ip(&a, &mapped));
    assert_false(addr_same_ip(&scoped, &other));
}

static const struct {
    const char *addr;
    const char *net;
    unsigned bits;
    bool is_in;
} net_rows[] = {
    { "10.1.2.3", "10.0.0.0", 8, true },
    { "11.1.2.3", "10.0.0.0", 8, false },
    { "10.1.2.3", "10.1.2.2", 31, true },
    { "10.1.2.4", "10.1.2.2", 31, false },
    { "10.1.2.3", "10.1.2.3", 32, true },
    { "10.1.2.3", "10.1.2.2", 32, false },
    { "10.1.2.3", "10.1.2.2", 128, false },
    { "10.1.2.3", "99.0.0.0", 0, true },
    { "::1", "0.0.0.0", 0, false },
    { "2001:db8::ffff", "2001:db8::", 32, true },
    { "2001:db8:8000::", "2001:db8::", 33, false },
    { "2001:db8::1", "2001:db8::1", 128, true },
    { "2001:db8::1", "2001:db8::", 128, false },
};

static void test_nets_contain_by_their_leading_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof net_rows / sizeof *net_rows; i++) {
        struct addr addr = addr_of(net_rows[i].addr);
        struct addr net = addr_of(net_rows[i].net);

        if (addr_in_net(&addr, &net, net_rows[i].bits) != net_rows[i].is_in)
            fail_msg("%s in %s/%u", net_rows[i].addr, net_rows[i].net, net_rows[i].bits);
    }
}

static void test_a_site_is_24_or_64_bits(void **state)
{
    struct addr a = addr_of("1.2.3.4"), b = addr_of("1.2.3.250"), c = addr_of("1.2.4.4");
    struct addr d = addr_of("2001:db8::1"), e = addr_of("2001:db8::2:3:4:5");
    struct addr f = addr_of("2001:db8:0:1::1");

    (void)state;
    assert_true(addr_same_site(&a, &b));
    assert_false(addr_same_site(&a, &c));
    assert_true(addr_same_site(&d, &e));
    assert_false(addr_same_site(&d, &f));
    assert_false(addr_same_site(&a, &d));
}

static void test_private_in_the_classic_sense_is_ipv4_only(void **state)
{
    struct addr private = addr_of("172.16.0.1"), shared = addr_of("100.64.0.1");
    struct addr unique_local = addr_of("fc00::1"), none = addr_of("0.0.0.0"), any = addr_of("::");
    struct addr almost = addr_of("0.0.0.1");

    (void)state;
    assert_true(addr_is_rfc1918(&private));
    assert_false(addr_is_rfc1918(&shared));
    assert_false(addr_is_rfc1918(&unique_local));
    assert_true(addr_is_unspecified(&none) && addr_is_unspecified(&any));
    assert_false(addr_is_unspecified(&almost));
}

static void test_socket_addresses_go_there_and_back(void **state)
{
    static const char *const texts[] = { "1.2.3.4:5060", "[2001:db8::1]:5061", "[fe80::1]:1" };
    struct sockaddr_storage storage;
    struct addr back;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct addr addr = addr_of(texts[i]);

        addr.scope = i == 2 ? 7 : 0;
        assert_int_equal(addr_to_sockaddr(&addr, &storage),
                         i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        addr_from_sockaddr(&storage, &back);
        assert_memory_equal(&addr, &back, sizeof addr);
    }
    assert_int_equal(addr_to_sockaddr(&(struct addr){ 0 }, &storage), 0);
    addr_from_sockaddr(&storage, &back);
    assert_int_equal(back.family, ADDR_NONE);
}

static void test_transports_are_found_by_name_in_any_case(void **state)
{
    enum transport found = TRANSPORT_WSS;

    (void)state;
    for (unsigned i = 0; i < TRANSPORTS; i++) {
        const struct transport_traits *traits = transport_traits((enum transport)i);

        assert_int_equal(transport_find(traits->via_name, &found), ERR_NONE);
        assert_int_equal(found, i);
        assert_int_equal(transport_find(traits->param_name, &found), ERR_NONE);
        assert_int_equal(found, i);
    }
    assert_int_equal(transport_find(STR("sctp"), &found), ERR_NOT_FOUND);
    assert_int_equal(transport_find(STR(""), &found), ERR_NOT_FOUND);
    assert_false(transport_traits(TRANSPORT_UDP)->is_reliable);
    assert_int_equal(transport_traits(TRANSPORT_TLS)->default_port, 5061);
}

static void test_flows_differ_in_any_part(void **state)
{
    struct flow flow = { addr_of("[2001:db8::1]:5061"), 3, 1, TRANSPORT_TLS, 0, 0 };
    struct flow other = flow;
    char text[FLOW_TEXT_MAX];

    (void)state;
    assert_string_equal(flow_text(&flow, text), "tls:[2001:db8::1]:5061");
    assert_true(flow_eq(&flow, &other));
    other.connection = 4;
    assert_false(flow_eq(&flow, &other));
    other = flow;
    other.socket = 2;
    assert_false(flow_eq(&flow, &other));
    other = flow;
    other.transport = TRANSPORT_TCP;
    assert_false(flow_eq(&flow, &other));
    other = flow;
    other.peer.port = 5060;
    assert_false(flow_eq(&flow, &other));
}

static void test_the_longest_texts_fit(void **state)
{
    struct flow flow = { .transport = TRANSPORT_WSS };
    char text[FLOW_TEXT_MAX];

    (void)state;
    flow.peer = addr_of("[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
    assert_string_equal(flow_text(&flow, text),
                        "wss:[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
    assert_string_equal(addr_text(&flow.peer, text),
                        "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_judged_by_their_net),
        cmocka_unit_test(test_what_is_not_exactly_an_address_is_refused),
        cmocka_unit_test(test_a_nul_does_not_end_an_address),
        cmocka_unit_test(test_addresses_survive_parsing_and_writing),
        cmocka_unit_test(test_the_address_alone_is_written_with_or_without_brackets),
        cmocka_unit_test(test_equality_is_about_address_and_port),
        cmocka_unit_test(test_nets_contain_by_their_leading_bits),
        cmocka_unit_test(test_a_site_is_24_or_64_bits),
        cmocka_unit_test(test_private_in_the_classic_sense_is_ipv4_only),
        cmocka_unit_test(test_socket_addresses_go_there_and_back),
        cmocka_unit_test(test_transports_are_found_by_name_in_any_case),
        cmocka_unit_test(test_flows_differ_in_any_part),
        cmocka_unit_test(test_the_longest_texts_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
