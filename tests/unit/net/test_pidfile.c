/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <culvert/log.h>

#include "sys/process.h"

static char folder[] = "/tmp/culvert-pid-XXXXXX";
static char path[64];

static void say_nothing(enum log_level level, int facility, const char *line)
{
    (void)facility;
    (void)level;
    (void)line;
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/pid", folder);
    log_set_sink(say_nothing);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void put(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void expect_own_pid(void)
{
    char text[64] = "", want[64];
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    snprintf(want, sizeof want, "%ld\n", (long)getpid());
    assert_string_equal(text, want);
}

static pid_t dead_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    return pid;
}

/* Ended, but not asked for yet. */
static pid_t zombie_process(void)
{
    siginfo_t info;
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    return pid;
}

static void test_the_file_names_us_until_it_is_removed(void **state)
{
    (void)state;
    assert_int_equal(pidfile_write(path), ERR_NONE);
    expect_own_pid();
    assert_int_equal(pidfile_write(path), ERR_NONE); /* our own number is no other process */
    pidfile_remove(path);
    assert_int_not_equal(access(path, F_OK), 0);
    pidfile_remove(path);
}

static void test_a_living_process_keeps_its_file(void **state)
{
    char text[64];

    (void)state;
    snprintf(text, sizeof text, "%ld\n", (long)getppid());
    put(text);
    assert_int_equal(pidfile_write(path), ERR_EXISTS);
    pidfile_remove(path);
    assert_int_equal(access(path, F_OK), 0);
}

static const char *const leftovers[] = { "", "\n", "noise\n", "0\n", "-1\n", "99999999999999\n" };

static void test_leftovers_are_overwritten(void **state)
{
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++) {
        put(leftovers[i]);
        assert_int_equal(pidfile_write(path), ERR_NONE);
        expect_own_pid();
    }
    snprintf(text, sizeof text, "%ld\n", (long)dead_process());
    put(text);
    assert_int_equal(pidfile_write(path), ERR_NONE);
    expect_own_pid();
}

static void test_a_zombie_is_no_living_process(void **state)
{
    char text[64];
    pid_t zombie = zombie_process();

    (void)state;
    snprintf(text, sizeof text, "%ld\n", (long)zombie);
    put(text);
    assert_int_equal(pidfile_write(path), ERR_NONE);
    expect_own_pid();
    waitpid(zombie, NULL, 0);
}

static void test_a_link_is_not_followed(void **state)
{
    char target[80];

    (void)state;
    snprintf(target, sizeof target, "%s/target", folder);
    unlink(path);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(pidfile_write(path), ERR_IO);
    assert_int_not_equal(access(target, F_OK), 0);
    unlink(path);
}

static void test_a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(pidfile_write("/nonexistent/culvert.pid"), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_file_names_us_until_it_is_removed),
        cmocka_unit_test(test_a_living_process_keeps_its_file),
        cmocka_unit_test(test_leftovers_are_overwritten),
        cmocka_unit_test(test_a_zombie_is_no_living_process),
        cmocka_unit_test(test_a_link_is_not_followed),
        cmocka_unit_test(test_a_folder_that_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
