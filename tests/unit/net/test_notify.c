/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/notify.h"
#include "sys/process.h"

static char folder[] = "/tmp/culvert-notify-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* The manager's socket, named in the environment: a path, or abstract when is_abstract. */
static int open_manager(bool is_abstract)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    size_t size;

    snprintf(address.sun_path, sizeof address.sun_path, "%s%s/notify", is_abstract ? "@" : "",
             folder);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    size = offsetof(struct sockaddr_un, sun_path) + strlen(address.sun_path);
    if (is_abstract)
        address.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (struct sockaddr *)&address, (socklen_t)size), 0);
    return fd;
}

static void close_manager(int fd)
{
    const char *name = getenv("NOTIFY_SOCKET");

    close(fd);
    if (name[0] == '/')
        unlink(name);
    unsetenv("NOTIFY_SOCKET");
}

static void expect_state(int fd, const char *want)
{
    struct pollfd wanted = { .fd = fd, .events = POLLIN };
    char text[256];
    ssize_t got;

    assert_int_equal(poll(&wanted, 1, 10000), 1);
    got = recv(fd, text, sizeof text - 1, 0);
    assert_true(got > 0);
    text[got] = '\0';
    assert_string_equal(text, want);
}

static void test_the_manager_is_told(void **state)
{
    char ready[64];

    (void)state;
    snprintf(ready, sizeof ready, "READY=1\nMAINPID=%ld", (long)getpid());
    for (int is_abstract = 0; is_abstract < 2; is_abstract++) {
        int fd = open_manager(is_abstract);

        process_ready(NULL, false);
        expect_state(fd, ready);
        process_stopping();
        expect_state(fd, "STOPPING=1");
        process_failed(NULL, "no address to listen on");
        expect_state(fd, "STATUS=no address to listen on");
        close_manager(fd);
    }
}

static const char *const bad_names[] = {
    "",
    "@",
    "/",
    "notify",
    "/nonexistent/notify",
    ("/a/path/that/is/much/longer/than/what/fits/into/the/address/of/a/unix/socket/which/takes/"
     "only/about/one/hundred/bytes"),
};

static void test_without_a_manager_nothing_happens(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_false(notify_send("READY=1"));
    for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++) {
        setenv("NOTIFY_SOCKET", bad_names[i], 1);
        if (notify_send("READY=1"))
            fail_msg("\"%s\" took it", bad_names[i]);
    }
    unsetenv("NOTIFY_SOCKET");
    process_ready(NULL, false);
    process_stopping();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_manager_is_told),
        cmocka_unit_test(test_without_a_manager_nothing_happens),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
