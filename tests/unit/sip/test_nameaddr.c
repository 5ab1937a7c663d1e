/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "sip/grammar.h"

static const struct {
    const char *text;
    const char *display;
    const char *uri;
    const char *params;
} good[] = {
    { "<sip:a@b>", "", "sip:a@b", "" },
    { "Alice <sip:a@b>;tag=1", "Alice", "sip:a@b", "tag=1" },
    { "Alice B. Carol <sip:a@b>", "Alice B. Carol", "sip:a@b", "" },
    { "\"A \\\"x\\\" <y>, z\"<sip:a@b;lr>;q=0.5", "\"A \\\"x\\\" <y>, z\"", "sip:a@b;lr", "q=0.5" },
    { "sip:a@b;tag=x", "", "sip:a@b", "tag=x" },
    { "sip:a@b", "", "sip:a@b", "" },
    { "sip:a@b?x=y", "", "sip:a@b?x=y", "" },
    { "  <sip:a@b>  ; tag = x ; y  ", "", "sip:a@b", "tag = x ; y" },
    { "\"\" <sip:a@b>", "\"\"", "sip:a@b", "" },
    { "<tel:+1;ext=2>;x", "", "tel:+1;ext=2", "x" },
    { "tel:+1;tag=2", "", "tel:+1", "tag=2" },
    { "Bob\r\n <sip:b@c>;\r\n tag=1", "Bob", "sip:b@c", "tag=1" },
    { "<sip:a@b>;+sip.instance=\"<urn:uuid:1>\";reg-id=1", "", "sip:a@b",
      "+sip.instance=\"<urn:uuid:1>\";reg-id=1" },
    { "sip:a@b;x=\"<y>\"", "", "sip:a@b", "x=\"<y>\"" },
};

static const char *const bad[] = {
    "",
    "<>",
    "<sip:a@b",
    "sip:a@b>",
    "\"A <sip:a@b>",
    "\"A\" sip:a@b",
    "A <sip:a@b> B",
    "A, B <sip:a@b>",
    "<sip:a@b>;",
    "<sip:a@b>;;x",
    "<sip:a@b>;=1",
    "< sip:a@b>",
    "<sip:a@b >",
    "<sip:a@b>,<sip:c@d>",
    "<sip:a@b>;tag=\"x",
    "*;x",
    "Alice",
};

static void test_good_addresses(void **state)
{
    struct sip_nameaddr addr;

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        if (sip_nameaddr_parse(str_of(good[i].text), &addr))
            fail_msg("'%s' was refused", good[i].text);
        assert_text(addr.display, good[i].display);
        assert_text(addr.uri.text, good[i].uri);
        assert_text(addr.params, good[i].params);
        assert_false(addr.is_star);
    }
}

static void test_bad_addresses(void **state)
{
    struct sip_nameaddr addr;

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++)
        if (!sip_nameaddr_parse(str_of(bad[i]), &addr))
            fail_msg("'%s' was accepted", bad[i]);
    assert_int_equal(sip_nameaddr_parse((struct str){ 0 }, &addr), ERR_SYNTAX);
}

static void test_nothing_is_read_behind_the_end(void **state)
{
    struct sip_nameaddr addr;

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        for (size_t len = 0; len <= strlen(good[i].text); len++) {
            char *bytes = exact_copy((struct str){ good[i].text, len });

            (void)!sip_nameaddr_parse((struct str){ bytes, len }, &addr);
            free(bytes);
        }
    }
}

static void test_star(void **state)
{
    struct sip_nameaddr addr;

    (void)state;
    assert_int_equal(sip_nameaddr_parse(STR(" * "), &addr), ERR_NONE);
    assert_true(addr.is_star);
}

static void test_tag_comes_once(void **state)
{
    struct sip_nameaddr addr = { 0 };
    struct str tag = { 0 };

    (void)state;
    assert_int_equal(sip_nameaddr_read(STR("<sip:a@b>;x;TAG=1"), &addr, &tag), ERR_NONE);
    assert_text(tag, "1");
    tag = (struct str){ 0 };
    assert_int_equal(sip_nameaddr_read(STR("<sip:a@b>;tag=1;tag=1"), &addr, &tag), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_addresses),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_nothing_is_read_behind_the_end),
        cmocka_unit_test(test_star),
        cmocka_unit_test(test_tag_comes_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
