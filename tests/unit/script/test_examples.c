/* SPDX-License-Identifier: Apache-2.0 */
/* Whole configurations, as operators write them, against a host that knows every command. */
#include "fake_host.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

/* conf/examples, seen from the folder of this file. */
static const char *example_path(const char *name, char *buffer, size_t size)
{
    const char *slash = strrchr(__FILE__, '/');

    snprintf(buffer, size, "%.*s/../../../conf/examples/%s", slash ? (int)(slash - __FILE__) : 1,
             slash ? __FILE__ : ".", name);
    return buffer;
}

static struct program *compile_file(struct fake_host *fake, const char *name)
{
    struct program *program = NULL;
    char path[512];

    fake_init(fake);
    fake->is_permissive = true;
    if (script_compile(example_path(name, path, sizeof path), NULL, DIALECT_AUTO, &fake->host,
                       &program))
        fail_msg("%s does not compile:\n%s", name, fake->reports);
    return program;
}

/* Runs a route while every command answers the same. */
static void run_route(struct program *program, struct fake_host *fake, enum stage stage,
                      const char *name, int answer)
{
    uint16_t route = program_route(program, stage, str_of(name));
    struct fake_run run;

    fake->trace_len = 0;
    fake->answer = answer;
    assert_int_not_equal(route, ROUTE_NONE);
    fake_run_init(&run, fake, stage);
    fake_run_start(&run, program, route, NULL);
    assert_int_equal(run.done_count, 1);
    fake_run_fini(&run);
}

static void test_mediaproxy_example_loads_and_runs(void **state)
{
    struct fake_host fake;
    struct program *program = compile_file(&fake, "openser-mediaproxy.cfg");

    (void)state;
    assert_int_equal(program_dialect(program), DIALECT_OPENSER);
    assert_string_equal(fake.reports, "");
    assert_non_null(strstr(fake.trace, "debug=2 fork=1 log_stderror=0 children=4 port=5060 "
                                       "mpath='/usr/lib/openser/modules/' load:mysql.so "));
    assert_non_null(strstr(fake.trace, "usrloc.db_mode=2 "));
    run_route(program, &fake, STAGE_REQUEST, "", -1);
    assert_string_equal(fake.trace, "call(10) call(483,Too Many Hops) ");
    run_route(program, &fake, STAGE_REQUEST, "1", -1);
    assert_string_equal(fake.trace, "call(INVITE) call() call(INVITE) call() ");
    run_route(program, &fake, STAGE_REQUEST, "", 1);
    assert_non_null(strstr(fake.trace, "call(10) call(3) call(^Record-Route:) call(BYE) call() "));
    run_route(program, &fake, STAGE_REPLY, "1", 1);
    assert_string_equal(fake.trace, "call(1) call() call() ");
    run_route(program, &fake, STAGE_FAILURE, "1", -1);
    assert_string_equal(fake.trace, "call() call() ");
    program_unref(program);
    fake_fini(&fake);
}

static void test_automatic_example_loads_and_runs(void **state)
{
    struct fake_host fake;
    struct program *program = compile_file(&fake, "automatic.cfg");

    (void)state;
    assert_int_equal(program_dialect(program), DIALECT_KAMAILIO);
    assert_string_equal(fake.reports, "");
    run_route(program, &fake, STAGE_REQUEST, "", -1);
    assert_string_equal(fake.trace, "call(10) call(483,Too Many Hops) ");
    run_route(program, &fake, STAGE_REQUEST, "", 1);
    assert_string_equal(fake.trace, "call(10) call(CANCEL) call() call() ");
    program_unref(program);
    fake_fini(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mediaproxy_example_loads_and_runs),
        cmocka_unit_test(test_automatic_example_loads_and_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
