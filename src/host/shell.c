/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/shell.h>

#include <stdlib.h>

#include "host/host.h"
#include "sys/shells.h"

enum {
    THREADS_MAX = 64,
};

/* A run that waits for a program; its result on the way from the program's thread to the worker. */
struct asked {
    struct run *run;
    shell_answer_fn *answer;
    void *context;
    struct shell_result result;
    char *output; /* on the heap; NULL: none */
};

static void take_result(void *argument)
{
    struct asked *asked = argument;
    enum verdict verdict = asked->answer(asked->run, asked->context, &asked->result);

    free(asked->output);
    run_resume(asked->run, verdict);
}

static void on_end(void *context, const struct shell_result *result)
{
    struct asked *asked = context;
    struct worker *worker = asked->run->worker;

    asked->result = *result;
    asked->result.output = STR("");
    asked->output = result->output.len ? malloc(result->output.len) : NULL;
    if (asked->output) {
        memcpy(asked->output, result->output.ptr, result->output.len);
        asked->result.output = (struct str){ asked->output, result->output.len };
    } else if (result->output.len) {
        asked->result.err = ERR_NOMEM;
    }
    worker->server->world.post(worker, take_result, asked);
}

static enum err hand_in(struct server *server, const struct shell_command *command, struct asked *asked)
{
    if (server->world.run_shell_command)
        return server->world.run_shell_command(server->world.context, command, on_end, asked);
    return server->shells ? shells_run(server->shells, command, on_end, asked) : ERR_NOT_NOW;
}

enum err run_shell_command(struct run *run, const struct shell_command *command, shell_answer_fn *answer, void *context)
{
    struct asked *asked = arena_alloc(&run->request->arena, sizeof *asked);

    if (!run->worker->server->settings.allow_exec)
        return ERR_DENIED;
    if (!asked)
        return ERR_NOMEM;
    *asked = (struct asked){ .run = run, .answer = answer, .context = context };
    return hand_in(run->worker->server, command, asked);
}

enum err server_start_shells(struct server *server)
{
    int64_t threads = server->settings.exec_processes;

    if (!server->settings.allow_exec || server->world.run_shell_command)
        return ERR_NONE;
    return shells_create(threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : (unsigned)threads,
                           &server->shells);
}

void server_stop_shells(struct server *server)
{
    shells_destroy(server->shells);
    server->shells = NULL;
}
