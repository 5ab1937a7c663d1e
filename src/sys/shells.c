/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/shells.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <culvert/log.h>

#include "sys/loop.h"

extern char **environ;

enum {
    TURN = 20,          /* ms between looks at a program that has closed its output, or never does */
    STATUS_SIGNAL = 128,
};

/* What to run, with copies of all texts behind it. */
struct order {
    struct order *next;
    shell_done_fn *done;
    void *context;
    msec time_max;
    struct str input;
    char **environment;
    char command[];
};

struct shells {
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    struct order *first;
    unsigned busy, waiting; /* threads at work; orders that nobody has taken yet */
    bool is_stopping;
    int stop[2]; /* a pipe: the end that is read closes its other one to say stop */
    unsigned thread_count;
    pthread_t threads[];
};

/* A program under way. */
struct child {
    const struct order *order;
    struct shells *shells;
    pid_t pid;
    int input, output; /* our ends of its pipes; -1: closed */
    size_t written;
    msec deadline;
    char *text; /* what it has written */
    size_t size;
    bool has_ended;
    struct shell_result result;
};

/* ---- orders ---- */

/* Not for programs: what systemd means for us. */
static bool is_passed_on(const char *variable)
{
    return !str_starts(str_of(variable), STR("NOTIFY_SOCKET=")) && !str_starts(str_of(variable), STR("LISTEN_"));
}

static char *put(char **at, struct str text)
{
    char *start = *at;

    if (text.len)
        memcpy(start, text.ptr, text.len);
    start[text.len] = '\0';
    *at += text.len + 1;
    return start;
}

static unsigned own_count(void)
{
    unsigned count = 0;

    while (environ && environ[count])
        count++;
    return count;
}

static void fill_environment(struct order *order, const struct shell_command *command, char **at)
{
    char **next = order->environment;

    for (unsigned i = 0; environ && environ[i]; i++)
        if (is_passed_on(environ[i]))
            *next++ = environ[i];
    for (unsigned i = 0; i < command->environment_count; i++)
        *next++ = put(at, command->environment[i]);
    *next = NULL;
}

static struct order *order_create(const struct shell_command *command, shell_done_fn *done, void *context)
{
    size_t size = command->line.len + 1 + command->input.len + 1;
    struct order *order;
    char *at;

    for (unsigned i = 0; i < command->environment_count; i++)
        size += command->environment[i].len + 1;
    order = malloc(sizeof *order + size);
    if (!order)
        return NULL;
    *order = (struct order){ .done = done, .context = context, .time_max = command->time_max };
    order->environment = malloc((own_count() + command->environment_count + 1) * sizeof *order->environment);
    if (!order->environment) {
        free(order);
        return NULL;
    }
    at = order->command;
    put(&at, command->line);
    order->input = (struct str){ put(&at, command->input), command->input.len };
    fill_environment(order, command, &at);
    return order;
}

static void order_destroy(struct order *order)
{
    free(order->environment);
    free(order);
}

/* ---- starting one ---- */

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool open_pipe(int ends[2])
{
    return pipe2(ends, O_CLOEXEC) == 0;
}

/* Only our own ends never block: the program's are as every program expects. */
static void do_not_block(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int input, int output)
{
    sigset_t none, defaults;
    int code = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    if (!code)
        code = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
#ifdef HAVE_SPAWN_CLOSEFROM
    if (!code)
        code = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
#endif
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &defaults);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    return code;
}

static int spawn(struct child *child, int input, int output)
{
    char *const words[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                            (char *)(uintptr_t)child->order->command, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int code;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    code = prepare(&actions, &attributes, input, output);
    if (!code)
        code = posix_spawn(&child->pid, "/bin/sh", &actions, &attributes, words, child->order->environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

static bool start(struct child *child)
{
    int input[2] = { -1, -1 }, output[2] = { -1, -1 }, code;

    if (!open_pipe(input) || !open_pipe(output))
        code = errno;
    else
        code = spawn(child, input[0], output[1]);
    close_end(&input[0]);
    close_end(&output[1]);
    child->input = input[1];
    child->output = output[0];
    if (code) {
        log_error("a program cannot be started: %s", strerror(code));
        return false;
    }
    do_not_block(child->input);
    do_not_block(child->output);
    return true;
}

/* ---- while it runs ---- */

static void write_input(struct child *child)
{
    struct str rest = str_skip(child->order->input, child->written);
    ssize_t done = rest.len ? write(child->input, rest.ptr, rest.len) : 0;

    if (done > 0)
        child->written += (size_t)done;
    if (child->written == child->order->input.len || (done < 0 && errno != EAGAIN && errno != EINTR))
        close_end(&child->input);
}

/* False: nothing is there now. */
static bool read_output(struct child *child)
{
    ssize_t got = read(child->output, child->text + child->size, SHELL_OUTPUT_MAX + 1 - child->size);

    if (got > 0) {
        child->size += (size_t)got;
        if (child->size > SHELL_OUTPUT_MAX)
            child->result.err = ERR_LIMIT;
        return !child->result.err;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR))
        close_end(&child->output);
    return false;
}

static void look_for_end(struct child *child, int flags)
{
    int status = 0;
    pid_t pid;

    do
        pid = waitpid(child->pid, &status, flags);
    while (pid < 0 && errno == EINTR);
    if (pid == 0)
        return;
    child->has_ended = true;
    child->result.status = WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_SIGNAL + WTERMSIG(status);
}

/* Waits until something can be done, or looked at. */
static void wait_a_turn(struct child *child)
{
    struct pollfd fds[] = {
        { child->input, POLLOUT, 0 },
        { child->output, POLLIN, 0 },
        { child->shells->stop[0], POLLIN, 0 },
    };

    poll(fds, 3, TURN);
    if (child->input >= 0 && fds[0].revents)
        write_input(child);
    while (child->output >= 0 && fds[1].revents && read_output(child))
        continue;
    if (fds[2].revents && !child->result.err)
        child->result.err = ERR_NOT_NOW;
}

/* What it has left in the background goes on, but writes to nobody. */
static void finish(struct child *child)
{
    if (!child->has_ended) {
        kill(-child->pid, SIGKILL);
        look_for_end(child, 0);
    }
    while (child->output >= 0 && !child->result.err && read_output(child))
        continue;
}

static void accompany(struct child *child)
{
    while (!child->has_ended && !child->result.err) {
        wait_a_turn(child);
        look_for_end(child, WNOHANG);
        if (!child->has_ended && !child->result.err && clock_monotonic() >= child->deadline)
            child->result.err = ERR_TIMEOUT;
    }
    finish(child);
}

static void run_order(struct shells *shells, const struct order *order)
{
    struct child child = {
        .order = order,
        .shells = shells,
        .input = -1,
        .output = -1,
        .deadline = clock_monotonic() + order->time_max,
        .text = malloc(SHELL_OUTPUT_MAX + 1),
    };

    if (child.text && start(&child))
        accompany(&child);
    else
        child.result.err = ERR_IO;
    close_end(&child.input);
    close_end(&child.output);
    if (!child.result.err)
        child.result.output = (struct str){ child.text, child.size };
    order->done(order->context, &child.result);
    free(child.text);
}

/* ---- threads ---- */

/* With the lock; NULL at the end. */
static struct order *take_order(struct shells *shells)
{
    struct order *order;

    while (!shells->first && !shells->is_stopping)
        pthread_cond_wait(&shells->has_work, &shells->lock);
    order = shells->first;
    if (!order)
        return NULL;
    shells->first = order->next;
    shells->waiting--;
    shells->busy++;
    return order;
}

static void *work(void *argument)
{
    struct shells *shells = argument;
    struct order *order;

    pthread_mutex_lock(&shells->lock);
    while ((order = take_order(shells))) {
        pthread_mutex_unlock(&shells->lock);
        run_order(shells, order);
        order_destroy(order);
        pthread_mutex_lock(&shells->lock);
        shells->busy--;
    }
    pthread_mutex_unlock(&shells->lock);
    return NULL;
}

enum err shells_create(unsigned threads, struct shells **out)
{
    struct shells *shells = calloc(1, sizeof *shells + threads * sizeof(pthread_t));

    if (!shells)
        return ERR_NOMEM;
    if (!open_pipe(shells->stop)) {
        free(shells);
        return ERR_IO;
    }
    pthread_mutex_init(&shells->lock, NULL);
    pthread_cond_init(&shells->has_work, NULL);
    while (shells->thread_count < threads) {
        if (pthread_create(&shells->threads[shells->thread_count], NULL, work, shells)) {
            shells_destroy(shells);
            return ERR_IO;
        }
        shells->thread_count++;
    }
    *out = shells;
    return ERR_NONE;
}

void shells_destroy(struct shells *shells)
{
    if (!shells)
        return;
    pthread_mutex_lock(&shells->lock);
    shells->is_stopping = true;
    pthread_cond_broadcast(&shells->has_work);
    pthread_mutex_unlock(&shells->lock);
    close(shells->stop[1]);
    for (unsigned i = 0; i < shells->thread_count; i++)
        pthread_join(shells->threads[i], NULL);
    close(shells->stop[0]);
    pthread_cond_destroy(&shells->has_work);
    pthread_mutex_destroy(&shells->lock);
    free(shells);
}

enum err shells_run(struct shells *shells, const struct shell_command *command, shell_done_fn *done,
                      void *context)
{
    struct order *order = order_create(command, done, context), **end = &shells->first;
    enum err err = order ? ERR_NONE : ERR_NOMEM;

    pthread_mutex_lock(&shells->lock);
    if (shells->is_stopping)
        err = ERR_NOT_NOW;
    else if (shells->busy + shells->waiting >= shells->thread_count)
        err = ERR_EXHAUSTED;
    while (*end)
        end = &(*end)->next;
    if (!err) {
        *end = order;
        shells->waiting++;
        pthread_cond_signal(&shells->has_work);
    }
    pthread_mutex_unlock(&shells->lock);
    if (err && order)
        order_destroy(order);
    return err;
}
