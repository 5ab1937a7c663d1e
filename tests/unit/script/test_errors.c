/* SPDX-License-Identifier: Apache-2.0 */
/* What people are told about scripts that are wrong. */
#include "fake_host.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

static const struct {
    const char *what;
    enum script_dialect dialect;
    const char *script;
    const char *report;
} rows[] = {
    { "unknown command", DIALECT_OPENSER, "route {\n\tforce_rpart();\n}\n",
      "test.cfg:2:2: error: unknown command \"force_rpart\"; did you mean \"force_rport\"?\n"
      "    \tforce_rpart();\n"
      "    \t^~~~~~~~~~~\n" },
    { "nothing like it", DIALECT_KAMAILIO, "route { sl_send_reply(\"404\", \"x\"); }",
      "test.cfg:1:9: error: unknown command \"sl_send_reply\"; is a loadmodule missing?\n"
      "    route { sl_send_reply(\"404\", \"x\"); }\n"
      "            ^~~~~~~~~~~~~\n" },
    { "number of arguments", DIALECT_OPENSER, "route { setflag(1, 2); }",
      "test.cfg:1:9: error: setflag takes 1 argument, not 2\n"
      "    route { setflag(1, 2); }\n"
      "            ^~~~~~~\n" },
    { "number of arguments, some optional", DIALECT_OPENSER, "route { show(); }",
      "test.cfg:1:9: error: show takes 1 to 4 arguments, not 0\n"
      "    route { show(); }\n"
      "            ^~~~\n" },
    { "kind of argument", DIALECT_OPENSER, "route { setflag(\"five\"); }",
      "test.cfg:1:17: error: argument 1 of setflag must be a number\n"
      "    route { setflag(\"five\"); }\n"
      "                    ^~~~~~\n" },
    { "bad regular expression", DIALECT_OPENSER, "route { if (matches(\"a(\", \"x\")) ok(); }",
      "test.cfg:1:21: error: this is no regular expression: Missing ')'\n"
      "    route { if (matches(\"a(\", \"x\")) ok(); }\n"
      "                        ^~~~\n" },
    { "bad regular expression in a comparison", DIALECT_KAMAILIO,
      "route { if ($ru =~ \"[a\") ok(); }",
      "test.cfg:1:20: error: this is no regular expression: Missing ']'\n"
      "    route { if ($ru =~ \"[a\") ok(); }\n"
      "                       ^~~~\n" },
    { "what a module finds wrong", DIALECT_OPENSER, "route { custom(\"bad\"); }",
      "test.cfg:1:16: error: \"bad\" is bad\n"
      "    route { custom(\"bad\"); }\n"
      "                   ^~~~~\n" },
    { "route kind", DIALECT_OPENSER, "route { ok(); }\nfailure_route[1] {\n    strip(1);\n}",
      "test.cfg:3:5: error: command strip cannot be used in a failure_route\n"
      "        strip(1);\n"
      "        ^~~~~\n" },
    { "route kind, through a route", DIALECT_KAMAILIO,
      "failure_route[F] { route(X); }\nroute[X] { in_request(); }",
      "test.cfg:2:12: error: command in_request cannot be used in a route that is called from a "
      "failure_route\n"
      "    route[X] { in_request(); }\n"
      "               ^~~~~~~~~~\n" },
    { "unknown variable", DIALECT_OPENSER, "route { if ($rx == \"a\") ok(); }",
      "test.cfg:1:13: error: unknown variable $rx; did you mean \"rc\"?\n"
      "    route { if ($rx == \"a\") ok(); }\n"
      "                ^~~\n" },
    { "unknown variable in a text", DIALECT_KAMAILIO,
      "#!KAMAILIO\nroute { say(\"a $hdx(From)\"); }",
      "test.cfg:2:13: error: unknown variable $hdx; did you mean \"hdr\"?\n"
      "    route { say(\"a $hdx(From)\"); }\n"
      "                ^~~~~~~~~~~~~~\n" },
    { "unknown transformation", DIALECT_OPENSER, "route { say(\"$(ru{uri.usr})\"); }",
      "test.cfg:1:13: error: unknown transformation {uri.usr}; did you mean \"uri.user\"?\n"
      "    route { say(\"$(ru{uri.usr})\"); }\n"
      "                ^~~~~~~~~~~~~~~~\n" },
    { "read-only variable", DIALECT_KAMAILIO, "route { $si = \"1.2.3.4\"; }",
      "test.cfg:1:9: error: $si cannot be assigned to\n"
      "    route { $si = \"1.2.3.4\"; }\n"
      "            ^~~\n" },
    { "transformation on the left", DIALECT_KAMAILIO, "route { $(du{s.len}) = 1; }",
      "test.cfg:1:9: error: a transformation cannot be assigned to\n"
      "    route { $(du{s.len}) = 1; }\n"
      "            ^~~~~~~~~~~~\n" },
    { "plain AVP name", DIALECT_OPENSER, "route { $avp(x) = 1; }",
      "test.cfg:1:9: error: \"x\" is no alias of an AVP; write s:name or i:number\n"
      "    route { $avp(x) = 1; }\n"
      "            ^~~~~~~\n" },
    { "missing semicolon", DIALECT_OPENSER, "route {\n  ok()\n  nope();\n}",
      "test.cfg:2:7: error: a ';' is missing here\n"
      "      ok()\n"
      "          ^\n" },
    { "missing parenthesis", DIALECT_KAMAILIO, "route {\n  if (ok() {\n  }\n}",
      "test.cfg:2:12: error: expected ')' to close the parenthesis, not \"{\"\n"
      "      if (ok() {\n"
      "               ^\n" },
    { "block not closed", DIALECT_OPENSER, "route {\n  ok();\n",
      "test.cfg:1:7: error: this block is not closed\n"
      "    route {\n"
      "          ^\n" },
    { "string not closed", DIALECT_OPENSER, "route { say(\"abc); }",
      "test.cfg:1:13: error: this string does not end\n"
      "    route { say(\"abc); }\n"
      "                ^\n" },
    { "comment not closed", DIALECT_OPENSER, "route { }\n/* abc",
      "test.cfg:2:1: error: this comment does not end\n"
      "    /* abc\n"
      "    ^~\n" },
    { "number and text", DIALECT_KAMAILIO, "route { if (5 == \"5\") ok(); }",
      "test.cfg:1:13: error: a number is compared with a string: == on them is never meant\n"
      "    route { if (5 == \"5\") ok(); }\n"
      "                ^~~~~~~~\n" },
    { "not binds tight", DIALECT_KAMAILIO, "route { if (!$ru == \"x\") ok(); }",
      "test.cfg:1:13: error: ! binds tighter than ==: write !(… == …)\n"
      "    route { if (!$ru == \"x\") ok(); }\n"
      "                ^~~~~~~~~~~\n" },
    { "keyword with the wrong value", DIALECT_OPENSER, "route { if (src_port == \"5060\") ok(); }",
      "test.cfg:1:25: error: src_port cannot be compared with this\n"
      "    route { if (src_port == \"5060\") ok(); }\n"
      "                            ^~~~~~\n" },
    { "keyword with the wrong operator", DIALECT_OPENSER,
      "route { if (src_ip =~ \"10\\.\") ok(); }",
      "test.cfg:1:13: error: src_ip cannot be compared by =~\n"
      "    route { if (src_ip =~ \"10\\.\") ok(); }\n"
      "                ^~~~~~~~~~~~~~~~\n" },
    { "bad net", DIALECT_OPENSER, "route { if (src_ip == 10.0.0.0/99) ok(); }",
      "test.cfg:1:23: error: this is no network; write address/bits\n"
      "    route { if (src_ip == 10.0.0.0/99) ok(); }\n"
      "                          ^~~~~~~~~~~\n" },
    { "bad protocol", DIALECT_OPENSER, "route { if (proto == upd) ok(); }",
      "test.cfg:1:22: error: a protocol is udp, tcp, tls, ws or wss\n"
      "    route { if (proto == upd) ok(); }\n"
      "                         ^~~\n" },
    { "missing route", DIALECT_KAMAILIO, "route { route(RELEY); }\nroute[RELAY] { }",
      "test.cfg:1:9: error: there is no route[RELEY]; did you mean \"RELAY\"?\n"
      "    route { route(RELEY); }\n"
      "            ^~~~~~~~~~~~\n" },
    { "missing route to arm", DIALECT_KAMAILIO,
      "route { arm_failure(\"MANGE\"); }\nfailure_route[MANAGE] { }",
      "test.cfg:1:21: error: there is no failure_route of this name; did you mean \"MANAGE\"?\n"
      "    route { arm_failure(\"MANGE\"); }\n"
      "                        ^~~~~~~\n" },
    { "route twice", DIALECT_OPENSER, "route { }\nroute { }",
      "test.cfg:2:1: error: a route of this name exists already\n"
      "    route { }\n"
      "    ^~~~~\n" },
    { "unknown setting", DIALECT_OPENSER, "childen = 4\nroute { }",
      "test.cfg:1:1: error: there is no setting \"childen\"; did you mean \"children\"?\n"
      "    childen = 4\n"
      "    ^~~~~~~~~~~\n" },
    { "what is no item", DIALECT_OPENSER, "debug = 3\nnonsense\nroute { }",
      "test.cfg:2:1: error: no setting, no loadmodule and no route begins with this\n"
      "    nonsense\n"
      "    ^~~~~~~~\n" },
    { "misspelt keyword", DIALECT_KAMAILIO, "reqest_route { }",
      "test.cfg:1:1: error: no setting, no loadmodule and no route begins with this; did you mean "
      "\"request_route\"?\n"
      "    reqest_route { }\n"
      "    ^~~~~~~~~~~~\n" },
    { "missing module", DIALECT_OPENSER, "loadmodule \"absent.so\"\nroute { }",
      "test.cfg:1:1: error: there is no module \"absent.so\"\n"
      "    loadmodule \"absent.so\"\n"
      "    ^~~~~~~~~~~~~~~~~~~~~~\n" },
    { "bad parameter", DIALECT_OPENSER, "modparam(\"a\", \"wrong\", 5)\nroute { }",
      "test.cfg:1:1: error: cannot set the parameter \"wrong\": out of range\n"
      "    modparam(\"a\", \"wrong\", 5)\n"
      "    ^~~~~~~~~~~~~~~~~~~~~~~~~\n" },
    { "several at once", DIALECT_OPENSER,
      "route {\n  oh();\n  if (ok() ok();\n  ah();\n}\nroute[1] { uh(); }",
      "test.cfg:2:3: error: unknown command \"oh\"; did you mean \"ok\"?\n"
      "      oh();\n"
      "      ^~\n"
      "test.cfg:3:12: error: expected ')' to close the parenthesis, not \"ok\"\n"
      "      if (ok() ok();\n"
      "               ^~\n"
      "test.cfg:4:3: error: unknown command \"ah\"; is a loadmodule missing?\n"
      "      ah();\n"
      "      ^~\n"
      "test.cfg:6:12: error: unknown command \"uh\"; is a loadmodule missing?\n"
      "    route[1] { uh(); }\n"
      "               ^~\n" },
    { "ifdef without endif", DIALECT_KAMAILIO, "#!ifdef A\nroute { }\n",
      "test.cfg:3:1: error: 1 #!ifdef without #!endif\n"
      "    \n"
      "    ^\n" },
    { "missing include", DIALECT_KAMAILIO, "include_file \"no/such/file.cfg\"\nroute { }",
      "test.cfg:1:14: error: cannot read no/such/file.cfg: not found\n"
      "    include_file \"no/such/file.cfg\"\n"
      "                 ^~~~~~~~~~~~~~~~~~\n" },
    { "defined twice", DIALECT_KAMAILIO, "#!define A 1\n#!define A 2\nroute { }",
      "test.cfg:2:1: error: \"A\" is defined already; #!redefine changes it\n"
      "    #!define A 2\n"
      "    ^~~~~~~~\n" },
    { "the place of a name that stands for text", DIALECT_KAMAILIO,
      "#!define DO_IT oops();\nroute { DO_IT }",
      "test.cfg:2:9: error: \"oops\" is no command; did you mean \"nope\"?\n"
      "    route { DO_IT }\n"
      "            ^~~~~\n" },
    { "default twice", DIALECT_KAMAILIO, "route { switch (1) { default: default: } }",
      "test.cfg:1:31: error: there is a default already\n"
      "    route { switch (1) { default: default: } }\n"
      "                                  ^~~~~~~~\n" },
    { "event without a name", DIALECT_KAMAILIO, "event_route { }",
      "test.cfg:1:1: error: event_route needs the name of its event in [ ]\n"
      "    event_route { }\n"
      "    ^~~~~~~~~~~\n" },
    { "variable without its parentheses", DIALECT_OPENSER, "route { if ($hdr == \"a\") ok(); }",
      "test.cfg:1:13: error: something in parentheses is needed behind the name in \"$hdr\"\n"
      "    route { if ($hdr == \"a\") ok(); }\n"
      "                ^~~~\n" },
    { "repetitions without end", DIALECT_OPENSER,
      "route { if ($ru =~ \"((a{255}){255}){255}\") ok(); }",
      "test.cfg:1:20: error: this is no regular expression: Repetitions make it too large\n"
      "    route { if ($ru =~ \"((a{255}){255}){255}\") ok(); }\n"
      "                       ^~~~~~~~~~~~~~~~~~~~~~\n" },
};

static bool check_row(size_t row)
{
    struct fake_host fake;
    struct program *program;
    bool is_right;

    fake_init(&fake);
    fake.is_strict = true;
    program = fake_compile(&fake, rows[row].script, rows[row].dialect);
    is_right = !program && strcmp(fake.reports, rows[row].report) == 0;
    if (!is_right)
        print_error("%s: expected\n%snot\n%s", rows[row].what, rows[row].report, fake.reports);
    program_unref(program);
    fake_fini(&fake);
    return is_right;
}

static void test_errors_show_the_place_and_help(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
        wrong += !check_row(row);
    assert_int_equal(wrong, 0);
}

static void test_warnings_do_not_refuse_a_script(void **state)
{
    struct fake_host fake;
    struct program *program;

    (void)state;
    fake_init(&fake);
    program = fake_compile(&fake, "route { if (src_ip == host.name) route(9); }", DIALECT_OPENSER);
    assert_non_null(program);
    assert_string_equal(
        fake.reports,
        "test.cfg:1:23: warning: names are not looked up here: this never equals an address\n"
        "    route { if (src_ip == host.name) route(9); }\n"
        "                          ^~~~~~~~~\n"
        "test.cfg:1:34: warning: there is no route[9]: this does nothing\n"
        "    route { if (src_ip == host.name) route(9); }\n"
        "                                     ^~~~~~~~\n");
    program_unref(program);
    fake_fini(&fake);
}

static const struct {
    const char *what;
    const char *script;
    enum script_dialect dialect;
} detections[] = {
    { "directive", "#!KAMAILIO\nroute { }", DIALECT_KAMAILIO },
    { "own directive", "#!culvert\nroute { }", DIALECT_KAMAILIO },
    { "own directive with a dialect", "#!culvert dialect=openser\nrequest_route { }",
      DIALECT_OPENSER },
    { "OPENSER", "#!OPENSER\nroute { }", DIALECT_OPENSER },
    { "path in the first line", "#!/usr/sbin/openser -f\nroute { }", DIALECT_OPENSER },
    { "nothing special", "debug=3\nroute { ok(); }\nroute[1] { }", DIALECT_OPENSER },
    { "request_route", "request_route { ok(); }", DIALECT_KAMAILIO },
    { "named route", "route { route(RELAY); } route[RELAY] { }", DIALECT_KAMAILIO },
    { "words in texts and comments", "# request_route\nroute { say(\"request_route defined\"); }",
      DIALECT_OPENSER },
    { "preprocessor", "#!define X\nroute { }", DIALECT_KAMAILIO },
    { "plain AVP", "route { $avp(x) = 1; }", DIALECT_KAMAILIO },
    { "plain AVP with aliases", "avp_aliases=\"x=i:1\"\nroute { $avp(x) = 1; }", DIALECT_OPENSER },
    { "AVP with a prefix", "route { $avp(s:x) := 1; }", DIALECT_OPENSER },
    { "error_route", "error_route { ok(); } route { }", DIALECT_OPENSER },
};

static void test_dialect_is_told_by_directive_or_by_use(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof detections / sizeof *detections; i++) {
        struct fake_host fake;
        struct program *program;

        fake_init(&fake);
        program = fake_compile(&fake, detections[i].script, DIALECT_AUTO);
        if (!program || program_dialect(program) != detections[i].dialect)
            fail_msg("%s: %s", detections[i].what, fake.reports);
        program_unref(program);
        fake_fini(&fake);
    }
}

static void test_unknown_names_are_avps_without_a_directive(void **state)
{
    struct fake_host fake;
    struct program *program;

    (void)state;
    fake_init(&fake);
    program = fake_compile(&fake, "request_route { $count = 5; }", DIALECT_AUTO);
    assert_non_null(program);
    program_unref(program);
    program = fake_compile(&fake, "#!KAMAILIO\nrequest_route { $count = 5; }", DIALECT_AUTO);
    assert_null(program);
    fake_fini(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_show_the_place_and_help),
        cmocka_unit_test(test_warnings_do_not_refuse_a_script),
        cmocka_unit_test(test_dialect_is_told_by_directive_or_by_use),
        cmocka_unit_test(test_unknown_names_are_avps_without_a_directive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
