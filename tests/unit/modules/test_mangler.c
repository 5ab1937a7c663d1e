/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and ports that the module mangler replaces. */
#include "../../../modules/mangler/mangle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define HEAD "v=0\r\no=a 1 1 IN IP4 10.0.0.9\r\ns=-\r\n"

static void check(const char *what, const struct writer *w, const char *wanted)
{
    if (w->has_overflowed || !str_eq(writer_text(w), str_of(wanted)))
        fail_msg("%s: \"%.*s\"", what, STR_ARG(writer_text(w)));
}

static void test_addresses_in_the_net_are_replaced(void **state)
{
    static const struct {
        const char *what, *net, *text, *before, *after;
        unsigned count;
    } rows[] = {
        { "the session's", "10.0.0.0/8", "192.0.2.1", HEAD "c=IN IP4 10.0.0.1\r\nt=0 0\r\n", HEAD "c=IN IP4 192.0.2.1\r\nt=0 0\r\n", 1 },
        { "one outside", "10.0.0.0/8", "192.0.2.1", HEAD "c=IN IP4 11.0.0.1\r\nt=0 0\r\n", HEAD "c=IN IP4 11.0.0.1\r\nt=0 0\r\n", 0 },
        { "of streams, some", "10.0.0.0/255.0.0.0", "192.0.2.1",
          HEAD "c=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\nc=IN IP4 10.0.0.2\r\nm=video 2 RTP/AVP 0\r\nc=IN IP4 1.2.3.4\r\n",
          HEAD "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nm=video 2 RTP/AVP 0\r\nc=IN IP4 1.2.3.4\r\n", 2 },
        { "a name", "0.0.0.0/0", "192.0.2.1", HEAD "c=IN IP4 host.example\r\nt=0 0\r\n", HEAD "c=IN IP4 host.example\r\nt=0 0\r\n", 0 },
        { "another family", "0.0.0.0/0", "192.0.2.1", HEAD "c=IN IP6 2001:db8::1\r\nt=0 0\r\n", HEAD "c=IN IP6 2001:db8::1\r\nt=0 0\r\n", 0 },
        { "IPv6", "2001:db8::/32", "2001:db8:1::7", HEAD "c=IN IP6 2001:db8::1\r\nt=0 0\r\n", HEAD "c=IN IP6 2001:db8:1::7\r\nt=0 0\r\n", 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char room[512];
        struct writer w = writer_over(room, sizeof room);
        struct addr_net net;
        struct sdp sdp;
        assert_int_equal(addr_net_parse(str_of(rows[i].net), &net), ERR_NONE);
        assert_int_equal(sdp_parse(str_of(rows[i].before), &sdp), ERR_NONE);
        assert_int_equal(mangle_addresses(&w, &sdp, &net, str_of(rows[i].text)), rows[i].count);
        check(rows[i].what, &w, rows[i].after);
    }
}

static void test_ports_are_replaced(void **state)
{
    static const struct {
        const char *what, *after;
        int64_t change;
        unsigned count;
    } rows[] = {
        { "by a port", "m=audio 5000 RTP/AVP 0\r\nm=video 5000/2 RTP/AVP 0\r\nm=image 0 udptl t38\r\n", 5000, 2 },
        { "by less", "m=audio 90 RTP/AVP 0\r\nm=video 65525/2 RTP/AVP 0\r\nm=image 0 udptl t38\r\n", -10, 2 },
        { "by nothing", "m=audio 100 RTP/AVP 0\r\nm=video 65535/2 RTP/AVP 0\r\nm=image 0 udptl t38\r\n", 0, 2 },
        { "by more than there is", "m=audio 100 RTP/AVP 0\r\nm=video 65435/2 RTP/AVP 0\r\nm=image 0 udptl t38\r\n", -100, 1 },
    };
    static const char *const before = HEAD "c=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 100 RTP/AVP 0\r\nm=video 65535/2 RTP/AVP 0\r\nm=image 0 udptl t38\r\n";

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char room[512], wanted[512];
        struct writer w = writer_over(room, sizeof room);
        struct sdp sdp;
        snprintf(wanted, sizeof wanted, HEAD "c=IN IP4 10.0.0.1\r\nt=0 0\r\n%s", rows[i].after);
        assert_int_equal(sdp_parse(str_of(before), &sdp), ERR_NONE);
        assert_int_equal(mangle_ports(&w, &sdp, rows[i].change), rows[i].count);
        check(rows[i].what, &w, wanted);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_in_the_net_are_replaced),
        cmocka_unit_test(test_ports_are_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
