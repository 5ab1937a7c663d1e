/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <culvert/nat.h>

static const struct {
    const char *what, *contact, *fixed, *source;
} rows[] = {
    { "host and port", "<sip:alice@10.0.0.1:5062>", "sip:alice@192.0.2.1:4444",
      "udp:192.0.2.1:4444" },
    { "parameters stay", "<sip:alice@10.0.0.1;ob>;expires=60", "sip:alice@192.0.2.1:4444;ob",
      "udp:192.0.2.1:4444" },
    { "maddr goes", "<sip:alice@10.0.0.1;maddr=10.0.0.2;ob>", "sip:alice@192.0.2.1:4444;ob",
      "udp:192.0.2.1:4444" },
    { "a bare URI", "sip:alice@10.0.0.1;expires=60", "sip:alice@192.0.2.1:4444",
      "udp:192.0.2.1:4444" },
    { "IPv6", "<sip:alice@[2001:db8::5]:5062>", "sip:alice@[2001:db8::1]:4444",
      "udp:[2001:db8::1]:4444" },
    { "no user", "<sip:10.0.0.1>", "sip:192.0.2.1:4444", "udp:192.0.2.1:4444" },
    { "only the first", "<sip:alice@10.0.0.1>, <sip:alice@10.0.0.2>", "sip:alice@192.0.2.1:4444",
      "udp:192.0.2.1:4444" },
};

static void open_with_contact(struct rig *rig, const char *contact, const char *source)
{
    char text[2048];

    snprintf(text, sizeof text, INVITE("10.0.0.1", "%s", "", ""), contact);
    rig_open(rig, text, source);
}

static void test_a_contact_gets_the_source(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sip_nameaddr contact;
        char buffer[4096];
        struct rig rig;
        open_with_contact(&rig, rows[i].contact, rows[i].source);
        assert_true(nat_find_contact(rig.run.msg, &contact));
        assert_ptr_equal(run_contact_uri(&rig.run, &contact).ptr, contact.uri.text.ptr);
        assert_int_equal(nat_fix_contact(&rig.run), ERR_NONE);
        assert_text(run_contact_uri(&rig.run, &contact), rows[i].fixed);
        if (!str_find(rig_written(&rig, buffer, sizeof buffer), str_of(rows[i].fixed)))
            fail_msg("%s: not in the message", rows[i].what);
        rig_close(&rig);
    }
}

static void test_a_contact_is_fixed_once(void **state)
{
    struct rig rig;

    (void)state;
    open_with_contact(&rig, "<sip:alice@10.0.0.1>", "udp:192.0.2.1:4444");
    assert_int_equal(nat_fix_contact(&rig.run), ERR_NONE);
    assert_int_equal(nat_fix_contact(&rig.run), ERR_EXISTS);
    rig_close(&rig);
}

static void test_without_a_contact_nothing_is_fixed(void **state)
{
    struct rig rig;

    (void)state;
    open_with_contact(&rig, "*", "udp:192.0.2.1:4444");
    assert_int_equal(nat_fix_contact(&rig.run), ERR_NOT_FOUND);
    assert_null(rig.run.edits->first);
    rig_close(&rig);
}

/* What stands behind a bare URI belongs to the header. */
static void test_a_header_parameter_is_not_of_the_uri(void **state)
{
    struct sip_nameaddr contact;
    struct rig rig;

    (void)state;
    open_with_contact(&rig, "sip:alice@10.0.0.1", "udp:192.0.2.1:4444");
    assert_true(nat_find_contact(rig.run.msg, &contact));
    assert_int_equal(sip_edit_insert(rig.run.edits, rig.run.msg,
                                     contact.text.ptr + contact.text.len, STR(";expires=1")),
                     ERR_NONE);
    assert_text(run_contact_uri(&rig.run, &contact), "sip:alice@10.0.0.1");
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_contact_gets_the_source),
        cmocka_unit_test(test_a_contact_is_fixed_once),
        cmocka_unit_test(test_without_a_contact_nothing_is_fixed),
        cmocka_unit_test(test_a_header_parameter_is_not_of_the_uri),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
