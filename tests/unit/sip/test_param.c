/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static const struct {
    const char *what;
    const char *text;
    const char *want; /* name=value| for each */
    bool is_read_whole;
} lists[] = {
    { "none", "", "", true },
    { "one", "lr", "lr|", true },
    { "with values", "a=b;c;d=", "a=b|c|d=|", true },
    { "white space", " a = b ;\r\n c ", "a=b|c|", true },
    { "quoted", "a=\"x;y\\\"z\";b", "a=\"x;y\\\"z\"|b|", true },
    { "empty ones", ";;a;;b;", "a|b|", false },
    { "a leading semicolon", ";a=1", "a=1|", true },
    { "an address", "received=[2001:db8::1];alias=1.2.3.4~5060~1",
      "received=[2001:db8::1]|"
      "alias=1.2.3.4~5060~1|",
      true },
    { "base64", "t=YQ==", "t=YQ==|", true },
    { "a quote that does not close", "a;b=\"x;c", "a|", false },
    { "no name", "a;=b", "a|", false },
    { "something behind a value", "a=\"b\"c;d", "", false },
    { "two words", "a b", "", false },
    { "a comma", "a,b", "", false },
};

static void test_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lists); i++) {
        char *bytes = exact_copy(str_of(lists[i].text));
        struct str rest = { bytes, strlen(lists[i].text) };
        char buffer[128];
        struct writer w = writer_over(buffer, sizeof buffer);
        struct sip_param param;

        while (sip_param_next(&rest, &param)) {
            write_str(&w, param.name);
            if (param.has_value)
                write_char(&w, '=');
            write_str(&w, param.value);
            write_char(&w, '|');
        }
        if (!str_eq(writer_text(&w), str_of(lists[i].want)) ||
            (rest.len == 0) != lists[i].is_read_whole)
            fail_msg("%s: " STR_FMT, lists[i].what, STR_ARG(writer_text(&w)));
        free(bytes);
    }
}

static void test_find(void **state)
{
    struct str params = STR("lr;Transport=TCP;ob;x=\"a b\"");
    struct sip_param param;

    (void)state;
    assert_true(sip_param_find(params, STR("LR"), &param));
    assert_false(param.has_value);
    assert_text(sip_param_value(params, STR("transport")), "TCP");
    assert_text(sip_param_value(params, STR("ob")), "");
    assert_text(sip_param_value(params, STR("missing")), "");
    assert_false(sip_param_find(params, STR("trans"), &param));
    assert_text(sip_unquote(sip_param_value(params, STR("x"))), "a b");
    assert_false(sip_param_find((struct str){ 0 }, STR("x"), &param));
}

static void test_unquote(void **state)
{
    (void)state;
    assert_text(sip_unquote(STR("\"a\"")), "a");
    assert_text(sip_unquote(STR("\"\"")), "");
    assert_text(sip_unquote(STR("\"")), "\"");
    assert_text(sip_unquote(STR("a")), "a");
    assert_text(sip_unquote(STR("")), "");
}

static const struct {
    const char *text;
    int q;
} qvalues[] = {
    { "1", 1000 },    { "0", 0 },      { "0.5", 500 },   { ".25", 250 },  { "0.", 0 },     { "1.000", 1000 },
    { "0.1239", 123 }, { "", -1 },     { ".", -1 },      { "2", -1 },     { "1.001", -1 }, { "-1", -1 },
    { "0.5x", -1 },   { "0,5", -1 },   { "00.5", -1 },   { "0.0.5", -1 }, { " 1", -1 },    { "0.99999999999999999999", 999 },
};

static void test_qvalues(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof qvalues / sizeof *qvalues; i++)
        if (sip_q_parse(str_of(qvalues[i].text)) != qvalues[i].q)
            fail_msg("\"%s\" is read as %d", qvalues[i].text, sip_q_parse(str_of(qvalues[i].text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_unquote),
        cmocka_unit_test(test_qvalues),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
