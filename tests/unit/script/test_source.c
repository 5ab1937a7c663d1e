/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts in several files. */
#include "fake_host.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/culvert-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = { "main.cfg", "part.cfg", "self.cfg" };
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) < 0, 0);
    fclose(file);
}

static struct program *compile_main(struct fake_host *fake, const char *text)
{
    struct program *program = NULL;
    char path[128];

    write_file("main.cfg", text);
    snprintf(path, sizeof path, "%s/main.cfg", folder);
    fake_init(fake);
    return script_compile(path, NULL, DIALECT_AUTO, &fake->host, &program) ? NULL : program;
}

static void check_trace(struct fake_host *fake, struct program *program, const char *expected)
{
    struct fake_run run;

    if (!program)
        fail_msg("%s", fake->reports);
    fake_run_init(&run, fake, STAGE_REQUEST);
    fake_run_start(&run, program, program_route(program, STAGE_REQUEST, STR("")), NULL);
    assert_string_equal(fake->trace, expected);
    fake_run_fini(&run);
    program_unref(program);
    fake_fini(fake);
}

static void test_files_are_found_beside_the_one_that_names_them(void **state)
{
    struct fake_host fake;

    (void)state;
    write_file("part.cfg", "route[PART] { say(\"part\"); }\n");
    check_trace(&fake,
                compile_main(&fake, "include_file \"part.cfg\"\nrequest_route { route(PART); }\n"),
                "part ");
}

static void test_a_file_may_stand_inside_a_route(void **state)
{
    struct fake_host fake;

    (void)state;
    write_file("part.cfg", "say(\"a\");\n#!define NEXT say(\"b\");\n");
    check_trace(
        &fake,
        compile_main(&fake, "request_route {\n#!include_file \"part.cfg\"\nNEXT say(\"c\");\n}"),
        "a b c ");
}

static void test_a_missing_import_is_nothing(void **state)
{
    struct fake_host fake;

    (void)state;
    check_trace(&fake,
                compile_main(&fake, "import_file \"none.cfg\"\nrequest_route { say(\"a\"); }"),
                "a ");
}

static void test_errors_name_the_included_file(void **state)
{
    struct fake_host fake;
    struct program *program;
    char expected[512];

    (void)state;
    write_file("part.cfg", "\nroute[PART] { oops(); }\n");
    program = compile_main(&fake, "include_file \"part.cfg\"\nrequest_route { route(PART); }\n");
    assert_null(program);
    snprintf(expected, sizeof expected,
             "%s/part.cfg:2:15: error: unknown command \"oops\"; did you mean \"nope\"?\n"
             "    route[PART] { oops(); }\n"
             "                  ^~~~\n",
             folder);
    assert_string_equal(fake.reports, expected);
    fake_fini(&fake);
}

static void test_a_file_that_includes_itself_is_refused(void **state)
{
    struct fake_host fake;

    (void)state;
    write_file("self.cfg", "include_file \"self.cfg\"\n");
    assert_null(compile_main(&fake, "include_file \"self.cfg\"\nrequest_route { }\n"));
    assert_non_null(strstr(fake.reports, "files are included more than 10 deep"));
    fake_fini(&fake);
}

static void test_a_script_that_is_not_there(void **state)
{
    struct fake_host fake;
    struct program *program;

    (void)state;
    fake_init(&fake);
    assert_int_equal(
        script_compile("/no/such/script.cfg", NULL, DIALECT_AUTO, &fake.host, &program),
        ERR_NOT_FOUND);
    assert_string_equal(fake.reports, "error: cannot read /no/such/script.cfg: not found\n");
    fake_fini(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_are_found_beside_the_one_that_names_them),
        cmocka_unit_test(test_a_file_may_stand_inside_a_route),
        cmocka_unit_test(test_a_missing_import_is_nothing),
        cmocka_unit_test(test_errors_name_the_included_file),
        cmocka_unit_test(test_a_file_that_includes_itself_is_refused),
        cmocka_unit_test(test_a_script_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
