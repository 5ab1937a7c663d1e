/* SPDX-License-Identifier: Apache-2.0 */
/* The life of runs: waiting, budgets, kinds of routes, what stays from message to message. */
#include "fake_host.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <culvert/log.h>

static char last_log[512];

static void keep_log(enum log_level level, int facility, const char *line)
{
    (void)facility;
    (void)level;
    strncpy(last_log, line, sizeof last_log - 1);
}

/* A host, a script and one run of its main route. */
struct scene {
    struct fake_host fake;
    struct program *program;
    struct fake_run run;
};

static void open_scene(struct scene *scene, const char *script, enum stage stage)
{
    fake_init(&scene->fake);
    scene->program = fake_compile(&scene->fake, script, DIALECT_AUTO);
    if (!scene->program)
        fail_msg("%s", scene->fake.reports);
    fake_run_init(&scene->run, &scene->fake, stage);
    last_log[0] = '\0';
    log_set_sink(keep_log);
}

static void start_scene(struct scene *scene, const char *route, const struct script_budget *budget)
{
    uint16_t index = program_route(scene->program, scene->run.run.stage, str_of(route));

    assert_int_not_equal(index, ROUTE_NONE);
    fake_run_start(&scene->run, scene->program, index, budget);
}

static void close_scene(struct scene *scene)
{
    fake_run_fini(&scene->run);
    program_unref(scene->program);
    fake_fini(&scene->fake);
    log_set_sink(NULL);
}

/* ---- waiting ---- */

static void test_script_waits_and_goes_on_with_the_answer(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "route { if (later()) say(\"yes $rc\"); else say(\"nay\"); say(\"end\"); }",
               STAGE_REQUEST);
    start_scene(&s, "", NULL);
    assert_string_equal(s.fake.trace, "wait ");
    assert_int_equal(s.run.done_count, 0);
    run_resume(&s.run.run, 3);
    assert_string_equal(s.fake.trace, "wait yes 3 end ");
    assert_int_equal(s.run.done_count, 1);
    assert_null(s.run.run.vm);
    close_scene(&s);
}

static void test_false_and_zero_answers_count_like_any(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "route { if (!later()) say(\"false $rc\"); later(); say(\"never\"); }",
               STAGE_REQUEST);
    start_scene(&s, "", NULL);
    run_resume(&s.run.run, -4);
    assert_string_equal(s.fake.trace, "wait false -4 wait ");
    run_resume(&s.run.run, VERDICT_STOP);
    assert_string_equal(s.fake.trace, "wait false -4 wait ");
    assert_int_equal(s.run.done_count, 1);
    assert_true(s.run.run.is_exited);
    close_scene(&s);
}

static void test_waiting_deep_inside_routes_and_expressions(void **state)
{
    struct scene s;

    (void)state;
    open_scene(
        &s,
        "request_route { $var(x) = 10 + later() * 2; say(\"$var(x)\"); if (ok() && route(IN)) "
        "say(\"in\"); }\n"
        "route[IN] { while ($var(i) < 2) { $var(i) = $var(i) + 1; later(); say(\"$var(i)\"); } "
        "return later(); }",
        STAGE_REQUEST);
    start_scene(&s, "", NULL);
    run_resume(&s.run.run, 1);
    assert_string_equal(s.fake.trace, "wait 12 ok wait ");
    run_resume(&s.run.run, 1);
    run_resume(&s.run.run, 1);
    assert_string_equal(s.fake.trace, "wait 12 ok wait 1 wait 2 wait ");
    run_resume(&s.run.run, 1);
    assert_string_equal(s.fake.trace, "wait 12 ok wait 1 wait 2 wait in ");
    assert_int_equal(s.run.done_count, 1);
    close_scene(&s);
}

static void test_answer_may_come_before_the_function_returns(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "route { if (soon(5)) say(\"$rc\"); soon(0); say(\"never\"); }", STAGE_REQUEST);
    start_scene(&s, "", NULL);
    assert_string_equal(s.fake.trace, "5 ");
    assert_int_equal(s.run.done_count, 1);
    close_scene(&s);
}

static void test_runs_wait_side_by_side(void **state)
{
    struct scene s;
    struct fake_run other;

    (void)state;
    open_scene(&s, "route { $var(x) = $rm; later(); say(\"$var(x)\"); }", STAGE_REQUEST);
    fake_run_init(&other, &s.fake, STAGE_REQUEST);
    start_scene(&s, "", NULL);
    fake_run_start(&other, s.program, program_route(s.program, STAGE_REQUEST, STR("")), NULL);
    run_resume(&other.run, 1);
    run_resume(&s.run.run, 1);
    assert_string_equal(s.fake.trace, "wait wait INVITE INVITE ");
    assert_int_equal(s.run.done_count + other.done_count, 2);
    fake_run_fini(&other);
    close_scene(&s);
}

static void test_value_read_survives_a_change_of_its_variable(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s,
               "#!KAMAILIO\nroute { $var(x) = \"old\" + $rm; $var(y) = $var(x) + later(); "
               "say(\"$var(y)\"); }",
               STAGE_REQUEST);
    start_scene(&s, "", NULL);
    script_vars_fini(s.run.vars, FAKE_VARS_MAX);
    run_resume(&s.run.run, 1);
    assert_string_equal(s.fake.trace, "wait oldINVITE1 ");
    close_scene(&s);
}

/* ---- budgets ---- */

static void test_steps_are_limited(void **state)
{
    const struct script_budget budget = { .steps = 1000, .depth = 100, .loop_turns = 0 };
    struct scene s;

    (void)state;
    open_scene(&s, "route {\n  while (1) {\n    $var(i) = 1;\n  }\n  say(\"never\"); }",
               STAGE_REQUEST);
    start_scene(&s, "", &budget);
    assert_string_equal(s.fake.trace, "refuse:500(Server Internal Error) ");
    assert_int_equal(s.run.done_count, 1);
    assert_true(s.run.run.is_exited);
    assert_string_equal(last_log, "test.cfg:3: script stopped: it takes too many steps: "
                                  "script_max_steps is 1000");
    close_scene(&s);
}

static void test_steps_are_limited_without_a_reply_to_a_reply(void **state)
{
    const struct script_budget budget = { .steps = 100, .depth = 100, .loop_turns = 0 };
    struct scene s;

    (void)state;
    open_scene(&s, "onreply_route[1] { while (1) { ok(); } }", STAGE_REPLY);
    start_scene(&s, "1", &budget);
    assert_null(strstr(s.fake.trace, "refuse"));
    assert_int_equal(s.run.done_count, 1);
    close_scene(&s);
}

static void test_memory_is_limited(void **state)
{
    static const char *const doublings[] = {
        "$var(x) = $var(x) + $var(x)",
        "$avp(x) = $var(x); $var(x) = $avp(x) + $avp(x)",
    };
    const struct script_budget budget = { .steps = 100000, .depth = 100, .memory = 20000 };

    (void)state;
    for (size_t i = 0; i < sizeof doublings / sizeof *doublings; i++) {
        char text[300];
        struct scene s;

        snprintf(text, sizeof text,
                 "#!KAMAILIO\nroute { $var(x) = \"abcdefghij\"; while (1)\n  { %s; } say(\"never\"); }",
                 doublings[i]);
        open_scene(&s, text, STAGE_REQUEST);
        start_scene(&s, "", &budget);
        assert_string_equal(s.fake.trace, "refuse:500(Server Internal Error) ");
        assert_string_equal(last_log, "test.cfg:3: script stopped: it takes too much memory: "
                                      "script_max_memory is 20000");
        assert_true(s.run.arena.total < 200000);
        close_scene(&s);
    }
}

static void test_what_the_message_held_before_does_not_count(void **state)
{
    const struct script_budget budget = { .steps = 100000, .depth = 100, .memory = 20000 };
    struct scene s;

    (void)state;
    open_scene(&s, "route { say(\"here\"); }", STAGE_REQUEST);
    assert_non_null(arena_alloc(&s.run.arena, 100000));
    start_scene(&s, "", &budget);
    assert_string_equal(s.fake.trace, "here ");
    close_scene(&s);
}

/* A match costs by its pattern and its text. */
static void test_matches_count_as_steps(void **state)
{
    const struct script_budget budget = { .steps = 20000, .depth = 100, .loop_turns = 0 };
    struct scene s;

    (void)state;
    open_scene(&s,
               "route { $var(x) = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\";\n"
               "  while (!($var(x) =~ \"((a|b|c)*){40}z\")) { say(\"a\"); } say(\"never\"); }",
               STAGE_REQUEST);
    start_scene(&s, "", &budget);
    assert_non_null(strstr(s.fake.trace, " refuse:500(Server Internal Error) "));
    assert_true(strlen(s.fake.trace) < 60);
    close_scene(&s);
}

static void test_nesting_of_routes_is_limited(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "route { route(1); }\nroute[1] {\n  route(1); }", STAGE_REQUEST);
    start_scene(&s, "", NULL);
    assert_string_equal(s.fake.trace, "refuse:500(Server Internal Error) ");
    assert_string_equal(last_log, "test.cfg:3: script stopped: routes call each other too deep: "
                                  "see max_recursive_level");
    close_scene(&s);
}

static void test_a_loop_ends_after_its_turns_and_the_script_goes_on(void **state)
{
    const struct script_budget budget = { .steps = 100000, .depth = 100, .loop_turns = 3 };
    struct scene s;

    (void)state;
    open_scene(&s, "route {\n  while (1) say(\"x\");\n  say(\"on\"); }", STAGE_REQUEST);
    start_scene(&s, "", &budget);
    assert_string_equal(s.fake.trace, "x x x on ");
    assert_string_equal(last_log, "test.cfg:2: while is left after 3 turns");
    close_scene(&s);
}

static void test_memory_of_a_message_is_limited(void **state)
{
    const struct script_budget budget = { .steps = 100000, .depth = 100, .loop_turns = 0 };
    struct scene s;

    (void)state;
    open_scene(&s,
               "route { $var(x) = \"0123456789abcdef\"; while (1) $var(x) = $var(x) + $var(x); }",
               STAGE_REQUEST);
    start_scene(&s, "", &budget);
    assert_string_equal(s.fake.trace, "refuse:500(Server Internal Error) ");
    assert_int_equal(s.run.done_count, 1);
    close_scene(&s);
}

static void test_no_memory_for_the_machine_itself(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "route { ok(); }", STAGE_REQUEST);
    s.run.arena.limit = 16;
    start_scene(&s, "", NULL);
    assert_string_equal(s.fake.trace, "refuse:500(Server Internal Error) ");
    assert_int_equal(s.run.done_count, 1);
    close_scene(&s);
}

/* ---- kinds of routes ---- */

static void test_each_kind_of_route_is_found(void **state)
{
    static const struct {
        enum stage stage;
        const char *name;
        const char *trace;
    } rows[] = {
        { STAGE_REQUEST, "", "main " },   { STAGE_REQUEST, "0", "main " },
        { STAGE_REQUEST, "SUB", "sub " }, { STAGE_FAILURE, "F", "failure " },
        { STAGE_REPLY, "R", "reply " },   { STAGE_CORE_REPLY, "", "core " },
        { STAGE_BRANCH, "B", "branch " }, { STAGE_EVENT, "xhttp:request", "http " },
        { STAGE_LOCAL, "", "local " },    { STAGE_ONSEND, "", "onsend " },
    };
    struct scene s;

    (void)state;
    open_scene(&s,
               "request_route { say(\"main\"); } route[SUB] { say(\"sub\"); }\n"
               "failure_route[F] { say(\"failure\"); } onreply_route[R] { say(\"reply\"); }\n"
               "reply_route { say(\"core\"); } branch_route[B] { say(\"branch\"); }\n"
               "event_route[xhttp:request] { say(\"http\"); } onsend_route { say(\"onsend\"); }\n"
               "event_route[tm:local-request] { say(\"local\"); }",
               STAGE_REQUEST);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fake_run run;
        uint16_t route = program_route(s.program, rows[i].stage, str_of(rows[i].name));

        s.fake.trace_len = 0;
        fake_run_init(&run, &s.fake, rows[i].stage);
        assert_int_not_equal(route, ROUTE_NONE);
        fake_run_start(&run, s.program, route, NULL);
        assert_string_equal(s.fake.trace, rows[i].trace);
        fake_run_fini(&run);
    }
    assert_int_equal(program_route(s.program, STAGE_FAILURE, STR("NONE")), ROUTE_NONE);
    close_scene(&s);
}

static void test_status_is_the_code_in_replies(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s,
               "onreply_route[1] { if (status =~ \"(18[0-9])|(2[0-9][0-9])\") say(\"a\"); "
               "if (status == \"183\") say(\"b\"); if (status == 183) say(\"c\"); "
               "if (uri =~ \"sip\") say(\"d\"); }",
               STAGE_REPLY);
    start_scene(&s, "1", NULL);
    assert_string_equal(s.fake.trace, "a b c ");
    close_scene(&s);
}

static void test_shared_route_refuses_a_command_when_it_runs(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s,
               "request_route { route(X); } failure_route[F] { route(X); }\n"
               "route[X] { if (in_request()) say(\"a\"); else say(\"b $rc\"); }",
               STAGE_FAILURE);
    start_scene(&s, "F", NULL);
    assert_string_equal(s.fake.trace, "b -1 ");
    assert_string_equal(last_log, "test.cfg:2: in_request cannot be used in this kind of route");
    close_scene(&s);
}

/* ---- what stays ---- */

static void test_var_keeps_its_value_from_message_to_message(void **state)
{
    struct scene s;
    struct fake_run next;

    (void)state;
    open_scene(
        &s, "route { say(\"$var(n)\"); $var(n) = $rm; $var(k) = $var(k) + 1; say(\"$var(k)\"); }",
        STAGE_REQUEST);
    assert_int_equal(program_var_count(s.program), 2);
    start_scene(&s, "", NULL);
    fake_run_init(&next, &s.fake, STAGE_REQUEST);
    memcpy(next.vars, s.run.vars, sizeof next.vars);
    memset(s.run.vars, 0, sizeof s.run.vars);
    fake_run_start(&next, s.program, program_route(s.program, STAGE_REQUEST, STR("")), NULL);
    assert_string_equal(s.fake.trace, "0 1 INVITE 2 ");
    fake_run_fini(&next);
    close_scene(&s);
}

/* ---- texts of modules ---- */

static void test_modules_compile_texts_of_their_own(void **state)
{
    struct scene s;
    const struct format *format;
    const struct variable_ref *variable;
    struct avp_name name = { .text = STR("mail") };
    struct value value = value_of_str(STR("a@b"));
    struct str text;

    (void)state;
    open_scene(&s, "route { ok(); }", STAGE_REQUEST);
    assert_false(script_format(&s.fake.host, DIALECT_KAMAILIO, &s.fake.arena,
                               STR("$rm by $avp(mail), $var(x)"), &format));
    assert_false(script_variable(&s.fake.host, DIALECT_KAMAILIO, &s.fake.arena,
                                 STR("$(ru{uri.user})"), &variable));
    assert_int_equal(
        script_variable(&s.fake.host, DIALECT_KAMAILIO, &s.fake.arena, STR("$rx"), &variable),
        ERR_SYNTAX);
    assert_string_equal(s.fake.reports, "error: unknown variable $rx; did you mean \"rc\"?\n");
    assert_false(avp_add(&s.run.request.avps, &s.run.request.arena, &name, &value));
    assert_false(format_text(&s.run.run, format, &text));
    assert_true(str_eq(text, STR("INVITE by a@b, 0")));
    assert_false(script_variable(&s.fake.host, DIALECT_KAMAILIO, &s.fake.arena,
                                 STR("$(ru{uri.user})"), &variable));
    assert_false(variable_get(&s.run.run, variable, &value));
    assert_true(str_eq(value.text, STR("Bob")));
    close_scene(&s);
}

static void print_line(void *context, struct str line)
{
    fake_trace(context, STR_FMT "\n", STR_ARG(line));
}

/* ---- profiles ---- */

static uint64_t ticking(void *context)
{
    return *(uint64_t *)context += 10;
}

static const struct script_line *line_at(const struct script_line *lines, unsigned count,
                                         uint32_t line)
{
    for (unsigned i = 0; i < count; i++)
        if (lines[i].line == line)
            return &lines[i];
    fail_msg("no line %u", line);
    return NULL;
}

static void test_a_profile_counts_lines(void **state)
{
    struct script_line lines[32];
    uint64_t now = 0;
    unsigned count;
    struct scene s;

    (void)state;
    open_scene(&s,
               "#!KAMAILIO\nroute {\n  $var(i) = 0;\n  while ($var(i) < 3)\n    $var(i) = $var(i) + 1;\n"
               "  route(INNER);\n  later();\n  ok(); ok();\n}\nroute[INNER] {\n  say(\"in\");\n}\n",
               STAGE_REQUEST);
    assert_int_equal(script_profile_create(s.program, ticking, &now, &s.run.locals.profile), ERR_NONE);
    start_scene(&s, "", NULL);
    now += 100000; /* nobody is charged for waiting */
    run_resume(&s.run.run, 1);
    count = program_line_count(s.program);
    assert_true(count <= 32);
    program_lines(s.program, lines);
    script_profile_add(s.run.locals.profile, lines);
    script_profile_add(s.run.locals.profile, lines);
    assert_int_equal(line_at(lines, count, 3)->hits, 2);
    assert_int_equal(line_at(lines, count, 5)->hits, 6);
    assert_int_equal(line_at(lines, count, 5)->time, 60);
    assert_int_equal(line_at(lines, count, 7)->hits, 2);
    assert_int_equal(line_at(lines, count, 8)->hits, 2);
    assert_int_equal(line_at(lines, count, 11)->hits, 2);
    assert_true(str_eq(line_at(lines, count, 11)->text, STR("say(\"in\");")));
    assert_true(line_at(lines, count, 7)->time < 100);
    script_profile_destroy(s.run.locals.profile);
    close_scene(&s);
}

static void test_bytecode_is_printed_for_people(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "route {\n  if (uri == myself) say(\"$ru\");\n  exit;\n}", STAGE_REQUEST);
    program_disassemble(s.program, STR(""), print_line, &s.fake);
    assert_string_equal(s.fake.trace, "route[]  ; stack 1, loops 0\n"
                                      "     0  SET_RESULT       1   ; test.cfg:1\n"
                                      "     1  LOAD_BY_KIND     $ru   ; test.cfg:2\n"
                                      "     2  IS_URI_MYSELF     flag 2\n"
                                      "     3  JUMP_UNLESS      -> 6 flag 3\n"
                                      "     4  FORMAT           \"$ru\"\n"
                                      "     5  CALL             say(…)\n"
                                      "     6  EXIT              flag 0   ; test.cfg:3\n"
                                      "     7  RETURN_RESULT    \n");
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_script_waits_and_goes_on_with_the_answer),
        cmocka_unit_test(test_false_and_zero_answers_count_like_any),
        cmocka_unit_test(test_waiting_deep_inside_routes_and_expressions),
        cmocka_unit_test(test_answer_may_come_before_the_function_returns),
        cmocka_unit_test(test_runs_wait_side_by_side),
        cmocka_unit_test(test_value_read_survives_a_change_of_its_variable),
        cmocka_unit_test(test_steps_are_limited),
        cmocka_unit_test(test_steps_are_limited_without_a_reply_to_a_reply),
        cmocka_unit_test(test_memory_is_limited),
        cmocka_unit_test(test_what_the_message_held_before_does_not_count),
        cmocka_unit_test(test_matches_count_as_steps),
        cmocka_unit_test(test_nesting_of_routes_is_limited),
        cmocka_unit_test(test_a_loop_ends_after_its_turns_and_the_script_goes_on),
        cmocka_unit_test(test_memory_of_a_message_is_limited),
        cmocka_unit_test(test_no_memory_for_the_machine_itself),
        cmocka_unit_test(test_each_kind_of_route_is_found),
        cmocka_unit_test(test_status_is_the_code_in_replies),
        cmocka_unit_test(test_shared_route_refuses_a_command_when_it_runs),
        cmocka_unit_test(test_var_keeps_its_value_from_message_to_message),
        cmocka_unit_test(test_modules_compile_texts_of_their_own),
        cmocka_unit_test(test_a_profile_counts_lines),
        cmocka_unit_test(test_bytecode_is_printed_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
