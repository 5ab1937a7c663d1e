/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include "host/foreign.h"

#define MESSAGE INVITE("192.0.2.1", "<sip:alice@192.0.2.1>", "", "")

static enum verdict call_command(struct rig *rig, const char *name, const struct arg *args,
                                 unsigned count)
{
    struct call call = { .run = &rig->run, .args = args, .arg_count = count };

    for (const struct mod_function *row = core_commands; row->name; row++) {
        if (strcmp(row->name, name) == 0)
            return row->run(&call);
    }
    fail_msg("no command %s", name);
    return VERDICT_ERROR;
}

static struct arg text_of(const char *text)
{
    return (struct arg){ .value = value_of_str(str_of(text)) };
}

static struct arg number_of(int64_t number)
{
    return (struct arg){ .value = value_of_int(number) };
}

/* ---- the Request-URI ---- */

static const struct {
    const char *command, *text;
    int64_t number;
    const char *before, *after;
    enum verdict verdict;
} uri_rows[] = {
    { "sethost", "h.example", 0, "sip:u@a.b:5070;p=1", "sip:u@h.example:5070;p=1", 1 },
    { "rewritehost", "[::1]", 0, "sip:u@a.b", "sip:u@[::1]", 1 },
    { "sethost", "h.example", 0, "tel:+4912", "sip:+4912@h.example;user=phone", 1 },
    { "sethost", "", 0, "sip:u@a.b", "sip:u@a.b", -1 },
    { "sethostport", "h.example", 0, "sip:u@a.b:5070;p=1", "sip:u@h.example;p=1", 1 },
    { "sethostport", "h.example:99", 0, "sips:u@a.b", "sips:u@h.example:99", 1 },
    { "sethostport", "[::1]:99", 0, "sip:u@a.b", "sip:u@[::1]:99", 1 },
    { "sethostport", "h.example:70000", 0, "sip:u@a.b", "sip:u@a.b", -1 },
    { "sethpt", "h:99;transport=tcp", 0, "sip:u@a.b;transport=udp;q", "sip:u@h:99;q;transport=tcp",
      1 },
    { "sethpt", "h", 0, "sip:u@a.b:1;transport=udp", "sip:u@h", 1 },
    { "setuser", "v", 0, "sip:u:pw@a.b", "sip:v:pw@a.b", 1 },
    { "setuser", "v", 0, "sip:a.b", "sip:v@a.b", 1 },
    { "setuserpass", "v:x", 0, "sip:u:pw@a.b", "sip:v:x@a.b", 1 },
    { "setuserpass", "v", 0, "sip:u:pw@a.b", "sip:v@a.b", 1 },
    { "setport", "77", 0, "sip:u@a.b", "sip:u@a.b:77", 1 },
    { "setport", "", 0, "sip:u@a.b:77", "sip:u@a.b", 1 },
    { "setport", "77", 0, "tel:+1", "tel:+1", -1 },
    { "seturi", "sip:x@y", 0, "sip:u@a.b", "sip:x@y", 1 },
    { "seturi", "no URI", 0, "sip:u@a.b", "sip:u@a.b", -1 },
    { "prefix", "00", 0, "sip:49@a.b", "sip:0049@a.b", 1 },
    { "strip", "", 2, "sip:0049@a.b", "sip:49@a.b", 1 },
    { "strip", "", 9, "sip:0049@a.b", "sip:a.b", 1 },
    { "strip_tail", "", 1, "sip:0049@a.b", "sip:004@a.b", 1 },
    { "userphone", "", 0, "sip:1@a.b", "sip:1@a.b;user=phone", 1 },
    { "userphone", "", 0, "sip:1@a.b;user=phone", "sip:1@a.b;user=phone", 1 },
    { "revert_uri", "", 0, "sip:u@a.b", "sip:bob@example.com;x=1", 1 },
};

static void test_commands_change_the_request_uri(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(uri_rows); i++) {
        struct arg arg =
            uri_rows[i].number ? number_of(uri_rows[i].number) : text_of(uri_rows[i].text);
        struct rig rig;
        rig_open(&rig, MESSAGE, "udp:192.0.2.1:5060");
        assert_int_equal(run_set_uri(&rig.run, str_of(uri_rows[i].before)), ERR_NONE);
        if (call_command(&rig, uri_rows[i].command, &arg, 1) != uri_rows[i].verdict)
            fail_msg("%s(%s) answers otherwise", uri_rows[i].command, uri_rows[i].text);
        assert_text(rig.request->target.uri, uri_rows[i].after);
        rig_close(&rig);
    }
}

static void test_a_branch_route_changes_its_branch(void **state)
{
    struct arg user = text_of("carol"), flag = number_of(3);
    struct branch branch = { 0 };
    struct rig rig;

    (void)state;
    rig_open(&rig, MESSAGE, "udp:192.0.2.1:5060");
    branch.request = rig.request;
    branch.target = rig.request->target;
    rig.run.branch = &branch;
    rig.run.stage = STAGE_BRANCH;
    assert_int_equal(call_command(&rig, "setuser", &user, 1), VERDICT_TRUE);
    assert_int_equal(call_command(&rig, "setbflag", &flag, 1), VERDICT_TRUE);
    assert_text(branch.target.uri, "sip:carol@example.com;x=1");
    assert_int_equal(branch.target.bflags, 8);
    assert_text(rig.request->target.uri, "sip:bob@example.com;x=1");
    assert_int_equal(rig.request->target.bflags, 0);
    rig_close(&rig);
}

/* ---- targets ---- */

static void test_append_branch_copies_and_clears(void **state)
{
    struct request *request;
    struct rig rig;

    (void)state;
    rig_open(&rig, MESSAGE, "udp:192.0.2.1:5060");
    request = rig.request;
    request->target.bflags = 4;
    assert_int_equal(run_set_dst_uri(&rig.run, STR("sip:hop")), ERR_NONE);
    assert_int_equal(call_command(&rig, "append_branch", NULL, 0), VERDICT_TRUE);
    assert_int_equal(request->extra_count, 1);
    assert_text(request->extra[0].uri, "sip:bob@example.com;x=1");
    assert_text(request->extra[0].dst_uri, "sip:hop");
    assert_int_equal(request->extra[0].bflags, 4);
    assert_text(request->target.dst_uri, "");
    assert_int_equal(request->target.bflags, 0);
    rig_close(&rig);
}

static void test_append_branch_takes_uri_and_q(void **state)
{
    struct arg args[] = { text_of("sip:carol@example.com"), text_of("0.25") };
    struct request *request;
    struct rig rig;

    (void)state;
    rig_open(&rig, MESSAGE, "udp:192.0.2.1:5060");
    request = rig.request;
    request->target.has_flow = true;
    assert_int_equal(call_command(&rig, "append_branch", args, 2), VERDICT_TRUE);
    assert_text(request->extra[0].uri, "sip:carol@example.com");
    assert_int_equal(request->extra[0].q, 250);
    assert_false(request->extra[0].has_flow);
    assert_true(request->target.has_flow);
    for (unsigned i = 1; i < TARGETS_MAX - 1; i++)
        assert_int_equal(call_command(&rig, "append_branch", args, 2), VERDICT_TRUE);
    assert_int_equal(call_command(&rig, "append_branch", args, 2), VERDICT_FALSE);
    rig_close(&rig);
}

static void add_target(struct rig *rig, const char *uri, int q)
{
    assert_int_equal(run_append_branch(&rig->run, str_of(uri), q), ERR_NONE);
}

static void test_branches_are_taken_by_q(void **state)
{
    struct request *request;
    struct rig rig;

    (void)state;
    rig_open(&rig, MESSAGE, "udp:192.0.2.1:5060");
    request = rig.request;
    request->target.q = 300;
    add_target(&rig, "sip:a@b", 900);
    add_target(&rig, "sip:c@b", 300);
    add_target(&rig, "sip:d@b", 900);
    assert_int_equal(call_command(&rig, "serialize_branches", NULL, 0), VERDICT_TRUE);
    assert_int_equal(request->extra_count, 0);
    assert_int_equal(call_command(&rig, "next_branches", NULL, 0), VERDICT_TRUE);
    assert_text(request->target.uri, "sip:a@b");
    assert_int_equal(request->extra_count, 1);
    assert_text(request->extra[0].uri, "sip:d@b");
    request->extra_count = 0;
    rig.run.stage = STAGE_FAILURE;
    assert_int_equal(call_command(&rig, "next_branches", NULL, 0), VERDICT_TRUE);
    assert_int_equal(request->extra_count, 2);
    assert_text(request->extra[0].uri, "sip:bob@example.com;x=1");
    assert_text(request->extra[1].uri, "sip:c@b");
    assert_int_equal(call_command(&rig, "next_branches", NULL, 0), VERDICT_FALSE);
    rig_close(&rig);
}

static void test_a_socket_is_forced_by_name(void **state)
{
    struct arg known = text_of("tcp:203.0.113.1:5070"), unknown = text_of("udp:203.0.113.9:5060");
    struct rig rig;

    (void)state;
    rig_open(&rig, MESSAGE, "udp:192.0.2.1:5060");
    assert_int_equal(call_command(&rig, "force_send_socket", &unknown, 1), VERDICT_FALSE);
    assert_int_equal(rig.request->target.socket, SOCKET_ANY);
    assert_int_equal(call_command(&rig, "force_send_socket", &known, 1), VERDICT_TRUE);
    assert_int_equal(rig.request->target.socket, 1);
    rig_close(&rig);
}

/* ---- flags ---- */

static void test_flags_are_set_asked_and_cleared(void **state)
{
    static const char *const kinds[][3] = {
        { "setflag", "isflagset", "resetflag" },
        { "setbflag", "isbflagset", "resetbflag" },
        { "setsflag", "issflagset", "resetsflag" },
        { "setbranchflag", "isbranchflagset", "resetbranchflag" },
        { "setscriptflag", "isscriptflagset", "resetscriptflag" },
    };
    struct arg flag = number_of(31), beyond = number_of(32);

    (void)state;
    for (size_t i = 0; i < ROWS(kinds); i++) {
        struct rig rig;
        rig_open(&rig, MESSAGE, "udp:192.0.2.1:5060");
        assert_int_equal(call_command(&rig, kinds[i][1], &flag, 1), VERDICT_FALSE);
        assert_int_equal(call_command(&rig, kinds[i][0], &flag, 1), VERDICT_TRUE);
        assert_int_equal(call_command(&rig, kinds[i][1], &flag, 1), VERDICT_TRUE);
        assert_int_equal(call_command(&rig, kinds[i][2], &flag, 1), VERDICT_TRUE);
        assert_int_equal(call_command(&rig, kinds[i][1], &flag, 1), VERDICT_FALSE);
        assert_int_equal(call_command(&rig, kinds[i][0], &beyond, 1), VERDICT_FALSE);
        rig_close(&rig);
    }
}

/* ---- levels, notices ---- */

static void test_levels_have_names(void **state)
{
    static const struct {
        const char *text;
        bool is_level;
        enum log_level level;
    } rows[] = {
        { "L_ERR", true, LEVEL_ERROR },
        { "L_DBG", true, LEVEL_DEBUG },
        { "L_CRIT", true, LEVEL_CRITICAL },
        { "L_NOTICE", true, LEVEL_NOTICE },
        { "-1", true, LEVEL_ERROR },
        { "3", true, LEVEL_DEBUG }, /* Kamailio's scale */
        { "9", true, LEVEL_DEBUG },
        { "-9", true, LEVEL_ALERT },
        { "L_X", false, 0 },
        { "loud", false, 0 },
    };
    struct server server = { 0 };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        enum log_level level = LEVEL_ALERT;
        assert_int_equal(server_log_level(&server, str_of(rows[i].text), &level), rows[i].is_level);
        if (rows[i].is_level)
            assert_int_equal(level, rows[i].level);
    }
}

static void test_foreign_modules_are_known_once(void **state)
{
    (void)state;
    assert_int_equal(foreign_find(STR("db_mysql"))->kind, FOREIGN_BUILT_IN);
    assert_int_equal(foreign_find(STR("json"))->kind, FOREIGN_IDLE);
    assert_int_equal(foreign_find(STR("presence"))->kind, FOREIGN_MISSING);
    assert_null(foreign_find(STR("tm")));
    for (const struct foreign_module *row = foreign_modules; row->name; row++) {
        assert_ptr_equal(foreign_find(str_of(row->name)), row);
        assert_true(strlen(row->about) > 10);
        assert_null(strstr(row->functions ? row->functions : "", "  "));
    }
}

/* Two rows of one name must differ in their arguments, or the second is never found. */
static void test_no_command_hides_another(void **state)
{
    (void)state;
    for (const struct mod_function *a = core_commands; a->name; a++) {
        assert_non_null(a->doc);
        assert_non_null(a->run);
        for (const struct mod_function *b = a + 1; b->name; b++)
            assert_string_not_equal(a->name, b->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands_change_the_request_uri),
        cmocka_unit_test(test_a_branch_route_changes_its_branch),
        cmocka_unit_test(test_append_branch_copies_and_clears),
        cmocka_unit_test(test_append_branch_takes_uri_and_q),
        cmocka_unit_test(test_branches_are_taken_by_q),
        cmocka_unit_test(test_a_socket_is_forced_by_name),
        cmocka_unit_test(test_flags_are_set_asked_and_cleared),
        cmocka_unit_test(test_levels_have_names),
        cmocka_unit_test(test_foreign_modules_are_known_once),
        cmocka_unit_test(test_no_command_hides_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
