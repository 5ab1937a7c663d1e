/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static const struct {
    const char *what;
    const char *text;
    const char *want;
} lists[] = {
    { "none", "", "" },
    { "one", "a", "a|" },
    { "several", " a , b\r\n ,c ", "a|b|c|" },
    { "empty ones", ",,a,,b,", "a|b|" },
    { "quoted", "\"a,b\" <sip:x>,c", "\"a,b\" <sip:x>|c|" },
    { "escaped quote", "\"a\\\",b\",c", "\"a\\\",b\"|c|" },
    { "brackets", "<sip:a,b>,c", "<sip:a,b>|c|" },
    { "open quote", "a,\"b,c", "a|\"b,c|" },
    { "open bracket", "a,<b,c", "a|<b,c|" },
    { "backslash at the end", "a,\"b\\", "a|\"b\\|" },
    { "quote in brackets", "<a\"b>,c", "<a\"b>|c|" },
};

static void test_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lists); i++) {
        char *bytes = exact_copy(str_of(lists[i].text));
        struct str rest = { bytes, strlen(lists[i].text) };
        char buffer[128];
        struct writer w = writer_over(buffer, sizeof buffer);
        struct str value;

        while (sip_list_next(&rest, &value)) {
            write_str(&w, value);
            write_char(&w, '|');
        }
        if (!str_eq(writer_text(&w), str_of(lists[i].want)))
            fail_msg("%s: " STR_FMT, lists[i].what, STR_ARG(writer_text(&w)));
        free(bytes);
    }
}

static void test_values_of_several_headers(void **state)
{
    struct fixture f;
    struct sip_values values;

    (void)state;
    fixture_open(&f, REQUEST_HEAD "Contact: <sip:1>,\"x,y\" <sip:2>\r\nX: a\r\nm:\r\n"
                                  "Contact: <sip:3>\r\n\r\n");
    values = sip_values_of(f.msg, SIP_HDR_CONTACT);
    assert_true(sip_values_next(&values));
    assert_text(values.value, "<sip:1>");
    assert_true(sip_values_next(&values));
    assert_text(values.value, "\"x,y\" <sip:2>");
    assert_true(sip_values_next(&values));
    assert_text(values.value, "<sip:3>");
    assert_text(values.hdr->line, "Contact: <sip:3>\r\n");
    assert_false(sip_values_next(&values));
    values = sip_values_of(f.msg, SIP_HDR_PATH);
    assert_false(sip_values_next(&values));
    fixture_close(&f);
}

static void test_content_type(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f, REQUEST_HEAD "c: Application/SDP ; charset=x\r\n\r\n");
    assert_true(sip_msg_has_content_type(f.msg, STR("application/sdp")));
    assert_false(sip_msg_has_content_type(f.msg, STR("application/sd")));
    fixture_close(&f);
    fixture_open(&f, REQUEST_HEAD "\r\n");
    assert_false(sip_msg_has_content_type(f.msg, STR("application/sdp")));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_values_of_several_headers),
        cmocka_unit_test(test_content_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
