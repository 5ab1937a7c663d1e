/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/shell.h>

#include <stdlib.h>

#include "host/host.h"
#include "sys/shells.h"

enum {
    THREADS_MAX = 64,
};

/* A run that waits for a program. */
struct asked {
    struct run *run;
    shell_answer_fn *answer;
    void *context;
};

/* A result on its way from the program's thread to the worker. */
struct parcel {
    struct asked *asked;
    struct shell_result result;
    char output[];
};

static void open_parcel(void *argument)
{
    struct parcel *parcel = argument;
    struct asked *asked = parcel->asked;
    enum verdict verdict = asked->answer(asked->run, asked->context, &parcel->result);

    free(parcel);
    run_resume(asked->run, verdict);
}

static void on_end(void *context, const struct shell_result *result)
{
    struct asked *asked = context;
    struct worker *worker = asked->run->worker;
    struct parcel *parcel = malloc(sizeof *parcel + result->output.len);

    if (!parcel)
        abort(); /* the call would hang for ever */
    parcel->asked = asked;
    parcel->result = *result;
    if (result->output.len)
        memcpy(parcel->output, result->output.ptr, result->output.len);
    parcel->result.output.ptr = parcel->output;
    worker->server->world.post(worker, open_parcel, parcel);
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
    *asked = (struct asked){ run, answer, context };
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
