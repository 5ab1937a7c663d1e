/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <culvert/log.h>

#include "sys/notify.h"
#include "sys/process.h"

enum {
    REPORT_MAX = 1024,
    REPORT_READY = 1, /* a byte that no reason starts with */
};

struct daemonizing {
    int end; /* the parent reads the other one */
};

/* The parent: shows what came of the child, and ends. */
static _Noreturn void await_child(const int ends[static 2])
{
    char report[REPORT_MAX];
    size_t size = 0;
    ssize_t got;

    close(ends[1]); /* so that the child's end is the last */
    while (size < sizeof report) {
        got = read(ends[0], report + size, sizeof report - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    if (size > 0 && report[0] == REPORT_READY)
        _exit(0);
    if (size > 0)
        fprintf(stderr, "%.*s\n", (int)size, report);
    else
        fprintf(stderr, "culvert: the server ended before it was ready; its log says why\n");
    _exit(1);
}

static void point_at_null(int from, int to)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return;
    for (int i = from; i <= to; i++)
        dup2(fd, i);
    if (fd > to)
        close(fd);
}

/* Forks; the parent goes to `parent`, which does not return. */
static enum err fork_away(const int ends[static 2], void (*parent)(const int ends[static 2]))
{
    pid_t pid = fork();

    if (pid < 0) {
        log_error("cannot fork: %s", strerror(errno));
        return ERR_IO;
    }
    if (pid > 0)
        parent(ends);
    return ERR_NONE;
}

static _Noreturn void leave(const int ends[static 2])
{
    (void)ends;
    _exit(0);
}

/* A session of our own, and not its leader: no terminal can become ours. */
static enum err detach(const int ends[static 2])
{
    enum err err;

    fflush(NULL);
    err = fork_away(ends, await_child);
    if (err)
        return err;
    close(ends[0]);
    setsid();
    return fork_away(ends, leave);
}

enum err process_detach(struct daemonizing **out)
{
    struct daemonizing *waiting = malloc(sizeof *waiting);
    int ends[2];
    enum err err;

    if (!waiting)
        return ERR_NOMEM;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        log_error("cannot make a pair of sockets: %s", strerror(errno));
        free(waiting);
        return ERR_IO;
    }
    waiting->end = ends[1];
    if ((err = detach(ends))) {
        free(waiting);
        return err;
    }
    point_at_null(STDIN_FILENO, STDIN_FILENO);
    *out = waiting;
    return ERR_NONE;
}

static void report(struct daemonizing *waiting, const char *text, size_t size)
{
    if (send(waiting->end, text, size, MSG_NOSIGNAL) < 0)
        log_debug("the process that started us is gone");
    close(waiting->end);
    free(waiting);
}

void process_ready(struct daemonizing *waiting, bool keeps_stderr)
{
    char state[64];

    snprintf(state, sizeof state, "READY=1\nMAINPID=%ld", (long)getpid());
    notify_send(state);
    if (!waiting)
        return;
    report(waiting, (char[]){ REPORT_READY }, 1);
    point_at_null(STDOUT_FILENO, keeps_stderr ? STDOUT_FILENO : STDERR_FILENO);
}

void process_failed(struct daemonizing *waiting, const char *reason)
{
    char state[REPORT_MAX];

    snprintf(state, sizeof state, "STATUS=%s", reason);
    notify_send(state);
    if (waiting)
        report(waiting, reason, strlen(reason));
}

void process_stopping(void)
{
    notify_send("STOPPING=1");
}
