/* SPDX-License-Identifier: Apache-2.0 */
/* The socket and its thread: clients are served one at a time, each with a time limit. */
#include "manage/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    REQUEST_BYTES_MAX = 64 * 1024,
    CLIENT_TIMEOUT = 5000, /* ms without a byte */
};

struct control {
    struct control_context context;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    int listener;
    int wake; /* eventfd: stop */
    pthread_t thread;
};

/* True when `fd` is ready before the time is up and nobody wants us to stop. */
static bool wait_for(struct control *control, int fd, short events, int timeout)
{
    struct pollfd fds[] = { { fd, events, 0 }, { control->wake, POLLIN, 0 } };

    return poll(fds, 2, timeout) > 0 && !(fds[1].revents & POLLIN) && fds[0].revents;
}

static bool write_all(struct control *control, int client, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = send(client, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (written < 0 && errno == EAGAIN) {
            if (!wait_for(control, client, POLLOUT, CLIENT_TIMEOUT))
                return false;
            continue;
        }
        if (written <= 0 && errno != EINTR)
            return false;
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return true;
}

static bool answer_line(struct control *control, int client, struct str line)
{
    char *text = control_answer(&control->context, line);
    bool ok = text && write_all(control, client, text, strlen(text)) &&
              write_all(control, client, "\n", 1);

    free(text);
    return ok;
}

/* Each whole line gets its answer, and what follows the last one stays in the buffer. */
static bool answer_lines(struct control *control, int client, char *buffer, size_t *length)
{
    char *end;

    while ((end = memchr(buffer, '\n', *length))) {
        if (!answer_line(control, client, str_between(buffer, end)))
            return false;
        *length -= (size_t)(end + 1 - buffer);
        memmove(buffer, end + 1, *length);
    }
    return true;
}

static void serve(struct control *control, int client)
{
    char *buffer = malloc(REQUEST_BYTES_MAX);
    size_t length = 0;

    while (buffer && length < REQUEST_BYTES_MAX &&
           wait_for(control, client, POLLIN, CLIENT_TIMEOUT)) {
        ssize_t got = read(client, buffer + length, REQUEST_BYTES_MAX - length);

        if (got <= 0)
            break;
        length += (size_t)got;
        if (!answer_lines(control, client, buffer, &length))
            break;
    }
    free(buffer);
    close(client);
}

static void *run_control(void *argument)
{
    struct control *control = argument;

    for (;;) {
        int client;

        if (!wait_for(control, control->listener, POLLIN, -1)) {
            struct pollfd wake = { control->wake, POLLIN, 0 };
            if (poll(&wake, 1, 0) > 0)
                return NULL;
            continue;
        }
        client = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            continue;
        serve(control, client);
    }
}

/* A socket file that nobody answers on is left over from a crash. */
static bool is_answered(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answered = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;

    if (fd >= 0)
        close(fd);
    return answered;
}

static enum err listen_on(struct control *control)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    mode_t mask;
    int failed;

    memcpy(address.sun_path, control->path, sizeof control->path);
    if (is_answered(&address)) {
        log_error("control socket %s: another server answers there; give each its own -Y folder",
                  control->path);
        return ERR_EXISTS;
    }
    unlink(control->path);
    mask = umask(0177);
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    failed = bind(control->listener, (const struct sockaddr *)&address, sizeof address) ||
             listen(control->listener, 16);
    umask(mask);
    if (failed) {
        log_error("control socket %s: %s", control->path, strerror(errno));
        return ERR_IO;
    }
    return ERR_NONE;
}

static void close_control(struct control *control)
{
    if (control->listener >= 0)
        close(control->listener);
    if (control->wake >= 0)
        close(control->wake);
    free(control);
}

enum err control_start(const char *path, const struct control_context *context, struct control **out)
{
    struct control *control = calloc(1, sizeof *control);
    enum err err;

    if (!control)
        return ERR_NOMEM;
    control->context = *context;
    control->listener = -1;
    control->wake = eventfd(0, EFD_CLOEXEC);
    if (strlen(path) >= sizeof control->path) {
        log_error("control socket %s: the name is too long", path);
        err = ERR_LIMIT;
        goto fail;
    }
    memcpy(control->path, path, strlen(path) + 1);
    if ((err = listen_on(control)))
        goto fail;
    if (pthread_create(&control->thread, NULL, run_control, control)) {
        err = ERR_EXHAUSTED;
        goto fail;
    }
    *out = control;
    return ERR_NONE;

fail:
    close_control(control);
    return err;
}

void control_stop(struct control *control)
{
    if (!control)
        return;
    eventfd_write(control->wake, 1);
    pthread_join(control->thread, NULL);
    unlink(control->path);
    close_control(control);
}
