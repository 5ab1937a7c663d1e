/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <ctype.h>

static const struct {
    enum sip_hdr_id id;
    const char *name;
    const char *compact;
    bool is_single;
} table[] = {
#define H(id, name, compact, single) { SIP_HDR_##id, name, compact, single },
    SIP_HEADER_TABLE(H)
#undef H
};

static void test_every_header_is_found_by_its_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(table); i++) {
        assert_int_equal(sip_hdr_find_id(str_of(table[i].name)), table[i].id);
        assert_text(sip_hdr_name(table[i].id), table[i].name);
        assert_int_equal(sip_hdr_is_single(table[i].id), table[i].is_single);
        if (*table[i].compact)
            assert_int_equal(sip_hdr_find_id(str_of(table[i].compact)), table[i].id);
    }
}

static void test_case_does_not_matter(void **state)
{
    char name[64];

    (void)state;
    for (size_t i = 0; i < ROWS(table); i++) {
        size_t len = strlen(table[i].name);

        for (size_t k = 0; k < len; k++)
            name[k] = (char)toupper((unsigned char)table[i].name[k]);
        assert_int_equal(sip_hdr_find_id((struct str){ name, len }), table[i].id);
        for (size_t k = 0; k < len; k++)
            name[k] = (char)tolower((unsigned char)table[i].name[k]);
        assert_int_equal(sip_hdr_find_id((struct str){ name, len }), table[i].id);
    }
    assert_int_equal(sip_hdr_find_id(STR("V")), SIP_HDR_VIA);
}

static void test_other_names_are_not_found(void **state)
{
    static const char *const names[] = { "",   "X-Foo", "Viaa",  "Vi",       "Content_Length",
                                         "z",  "n",     "From ", "Identity", "Cseq2",
                                         "T-o" };

    (void)state;
    for (size_t i = 0; i < ROWS(names); i++)
        assert_int_equal(sip_hdr_find_id(str_of(names[i])), SIP_HDR_OTHER);
    for (int c = 0; c < 256; c++) {
        char name = (char)c;
        enum sip_hdr_id id = sip_hdr_find_id((struct str){ &name, 1 });

        assert_true(id == SIP_HDR_OTHER || isalpha(c));
    }
}

static void test_a_name_that_differs_in_one_byte_is_another(void **state)
{
    char name[64];

    (void)state;
    for (size_t i = 0; i < ROWS(table); i++) {
        size_t len = strlen(table[i].name);

        for (size_t k = 0; k < len; k++) {
            memcpy(name, table[i].name, len);
            name[k] = name[k] == '-' ? '\r' : '-';
            assert_int_equal(sip_hdr_find_id((struct str){ name, len }), SIP_HDR_OTHER);
        }
    }
}

static void test_methods_are_found_by_name_and_case(void **state)
{
    (void)state;
#define M(id, dialog)                                                                              \
    assert_int_equal(sip_method_find(STR(#id)), SIP_##id);                                         \
    assert_text(sip_method_name(SIP_##id), #id);
    SIP_METHOD_TABLE(M)
#undef M
    assert_int_equal(sip_method_find(STR("invite")), SIP_UNKNOWN_METHOD);
    assert_int_equal(sip_method_find(STR("INVITEX")), SIP_UNKNOWN_METHOD);
    assert_int_equal(sip_method_find(STR("")), SIP_UNKNOWN_METHOD);
}

static void test_phrases(void **state)
{
    (void)state;
    assert_text(sip_reason_phrase(100), "Trying");
    assert_text(sip_reason_phrase(404), "Not Found");
    assert_text(sip_reason_phrase(608), "Rejected");
    assert_text(sip_reason_phrase(499), "Bad Request");
    assert_text(sip_reason_phrase(299), "OK");
    assert_text(sip_reason_phrase(0), "Unknown");
    assert_text(sip_reason_phrase(9999), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_header_is_found_by_its_names),
        cmocka_unit_test(test_case_does_not_matter),
        cmocka_unit_test(test_other_names_are_not_found),
        cmocka_unit_test(test_a_name_that_differs_in_one_byte_is_another),
        cmocka_unit_test(test_methods_are_found_by_name_and_case),
        cmocka_unit_test(test_phrases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
