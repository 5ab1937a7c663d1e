/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <culvert/log.h>

#include "sys/process.h"

static void say_nothing(enum log_level level, int facility, const char *line)
{
    (void)facility;
    (void)level;
    (void)line;
}

static int silence_log(void **state)
{
    (void)state;
    log_set_sink(say_nothing);
    return 0;
}

/* Runs it in a process of its own; what that wrote to stderr goes to `said`. */
static int run_apart(void (*run)(void), char *said, size_t size)
{
    int ends[2], status;
    size_t len = 0;
    ssize_t got;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        run();
        _exit(100);
    }
    close(ends[1]);
    while (len < size - 1 && (got = read(ends[0], said + len, size - 1 - len)) > 0)
        len += (size_t)got;
    said[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- detaching ---- */

static void start_well(void)
{
    struct daemonizing *waiting = NULL;
    pid_t before = getpid();

    if (process_detach(&waiting))
        _exit(101);
    if (getpid() == before || getsid(0) == getpid() || getsid(0) == getsid(before))
        process_failed(waiting, "not detached");
    else
        process_ready(waiting, false);
    fprintf(stderr, "nobody reads this\n");
    _exit(0);
}

static void start_badly(void)
{
    struct daemonizing *waiting = NULL;

    if (process_detach(&waiting))
        _exit(101);
    process_failed(waiting, "the port is taken");
    _exit(7);
}

static void start_and_die(void)
{
    struct daemonizing *waiting = NULL;

    if (process_detach(&waiting))
        _exit(101);
    _exit(0);
}

static const struct {
    const char *what;
    void (*run)(void);
    int status;
    const char *said;
} detach_rows[] = {
    { "ready", start_well, 0, "" },
    { "failed", start_badly, 1, "the port is taken\n" },
    { "dead", start_and_die, 1,
      "culvert: the server ended before it was ready; its log says why\n" },
};

static void test_the_parent_tells_how_the_start_went(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof detach_rows / sizeof *detach_rows; i++) {
        char said[256];
        int status = run_apart(detach_rows[i].run, said, sizeof said);

        if (status != detach_rows[i].status || strcmp(said, detach_rows[i].said) != 0)
            fail_msg("%s: %d, \"%s\"", detach_rows[i].what, status, said);
    }
}

/* ---- privileges ---- */

static void become_nobody(void)
{
    if (process_drop_privileges("nobody", NULL))
        _exit(1);
    if (getuid() == 0 || geteuid() == 0 || getgid() == 0 || setuid(0) == 0 || setgid(0) == 0)
        _exit(2);
    _exit(access("/etc/shadow", R_OK) == 0 ? 3 : 0);
}

static void become_numbers(void)
{
    gid_t groups[8];

    if (process_drop_privileges("61234", "61235"))
        _exit(1);
    if (getuid() != 61234 || getgid() != 61235)
        _exit(2);
    _exit(getgroups(8, groups) == 1 && groups[0] == 61235 ? 0 : 3);
}

static void become_nobody_known(void)
{
    bool is_refused = process_drop_privileges("no-such-user", NULL) == ERR_NOT_FOUND &&
                      process_drop_privileges(NULL, "no-such-group") == ERR_NOT_FOUND &&
                      process_drop_privileges("", NULL) == ERR_NOT_FOUND;

    _exit(is_refused && !process_drop_privileges(NULL, NULL) ? 0 : 1);
}

static void test_privileges_do_not_come_back(void **state)
{
    char said[1024];

    (void)state;
    assert_int_equal(run_apart(become_nobody_known, said, sizeof said), 0);
    if (geteuid() != 0)
        skip();
    assert_int_equal(run_apart(become_nobody, said, sizeof said), 0);
    assert_int_equal(run_apart(become_numbers, said, sizeof said), 0);
}

static void move_around(void)
{
    char where[256];

    if (process_chdir("/nonexistent") != ERR_IO || process_chdir("/usr"))
        _exit(1);
    if (!getcwd(where, sizeof where) || strcmp(where, "/usr") != 0)
        _exit(2);
    if (geteuid() != 0)
        _exit(process_chroot("/usr") == ERR_DENIED ? 0 : 3);
    if (process_chroot("/nonexistent") != ERR_IO || process_chroot("/usr"))
        _exit(4);
    _exit(access("/bin", F_OK) == 0 && access("/etc/passwd", F_OK) != 0 ? 0 : 5);
}

static void test_the_root_and_the_folder_change(void **state)
{
    char said[1024];

    (void)state;
    assert_int_equal(run_apart(move_around, said, sizeof said), 0);
}

static void raise_files(void)
{
    struct rlimit limit = { 64, 256 };

    if (geteuid() == 0 && setuid(65534) != 0)
        _exit(1);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        _exit(2);
    if (process_raise_files(32) != 64 || process_raise_files(128) != 128)
        _exit(3);
    if (process_raise_files(100000) != 256)
        _exit(4);
    getrlimit(RLIMIT_NOFILE, &limit);
    _exit(limit.rlim_cur == 256 ? 0 : 5);
}

static void test_descriptors_are_raised_as_far_as_allowed(void **state)
{
    char said[1024];

    (void)state;
    assert_int_equal(run_apart(raise_files, said, sizeof said), 0);
}

/* ---- who holds a port ---- */

static struct addr bind_somewhere(int type, int *fd)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&address, size), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(*fd, 1), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&address, &size), 0);
    return (struct addr){
        .ip = { 127, 0, 0, 1 },
        .port = ntohs(address.sin_port),
        .family = ADDR_IPV4,
    };
}

static void test_the_holder_of_a_port_is_named(void **state)
{
    static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
    char text[128], want[32];

    (void)state;
    snprintf(want, sizeof want, ", pid %ld", (long)getpid());
    for (int is_udp = 0; is_udp < 2; is_udp++) {
        int fd;
        struct addr taken = bind_somewhere(types[is_udp], &fd), other = taken, all = taken;

        other.ip[3] = 2;
        memset(all.ip, 0, sizeof all.ip);
        assert_false(process_holding(is_udp, &other, text, sizeof text));
        assert_true(process_holding(is_udp, &all, text, sizeof text));
        assert_true(process_holding(is_udp, &taken, text, sizeof text));
        assert_non_null(strstr(text, want));
        assert_true(strstr(text, want) > text);
        close(fd);
        assert_false(process_holding(is_udp, &taken, text, sizeof text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_parent_tells_how_the_start_went),
        cmocka_unit_test(test_privileges_do_not_come_back),
        cmocka_unit_test(test_the_root_and_the_folder_change),
        cmocka_unit_test(test_descriptors_are_raised_as_far_as_allowed),
        cmocka_unit_test(test_the_holder_of_a_port_is_named),
    };

    return cmocka_run_group_tests(tests, silence_log, NULL);
}
