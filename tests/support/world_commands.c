/* SPDX-License-Identifier: Apache-2.0 */
/* Commands for the shell in the simulated world: no process runs, the scene says what they print. */
#include <stdlib.h>

#include "support/world_net.h"
#include "support/simnat.h"

struct ending {
    struct sim_event event;
    shell_done_fn *done;
    void *context;
    struct shell_result result;
    char output[WORLD_COMMAND_TEXT];
};

void world_add_command(struct world *world, const struct world_command *command)
{
    if (world->command_count == WORLD_COMMANDS_MAX)
        abort();
    world->commands[world->command_count++] = *command;
}

static const struct world_command *find_command(const struct world *world, struct str line)
{
    for (unsigned i = 0; i < world->command_count; i++)
        if (str_find(line, str_of(world->commands[i].word)))
            return &world->commands[i];
    return NULL;
}

static struct str variable_of(const struct shell_command *command, struct str name)
{
    for (unsigned i = 0; i < command->environment_count; i++) {
        struct str key, value;
        if (str_split(command->environment[i], '=', &key, &value) && str_eq(key, name))
            return value;
    }
    if (str_eq(name, STR("LINE")))
        return command->line;
    return str_eq(name, STR("INPUT")) ? command->input : STR("");
}

/* In what it prints, | ends a line and $NAME is a variable, $LINE the command, $INPUT what it reads. */
static void print(struct writer *w, struct str text, const struct shell_command *command)
{
    while (text.len) {
        size_t len = 1;
        while (text.ptr[0] == '$' && len < text.len &&
               (text.ptr[len] == '_' || (text.ptr[len] >= 'A' && text.ptr[len] <= 'Z')))
            len++;
        if (text.ptr[0] == '$')
            write_str(w, variable_of(command, (struct str){ text.ptr + 1, len - 1 }));
        else
            write_char(w, text.ptr[0] == '|' ? '\n' : text.ptr[0]);
        text = str_skip(text, len);
    }
}

static void end(struct simnet *net, struct sim_event *event)
{
    struct ending *ending = CONTAINER_OF(event, struct ending, event);

    (void)net;
    ending->done(ending->context, &ending->result);
    free(ending);
}

static void drop(struct sim_event *event)
{
    free(CONTAINER_OF(event, struct ending, event));
}

enum err world_run_command(void *context, const struct shell_command *command, shell_done_fn *done, void *argument)
{
    struct world *world = context;
    const struct world_command *known = find_command(world, command->line);
    struct ending *ending;
    struct writer w;

    if (!known)
        return ERR_EXHAUSTED;
    ending = sim_alloc(sizeof *ending);
    w = writer_over(ending->output, sizeof ending->output);
    print(&w, str_of(known->output), command);
    ending->event = (struct sim_event){ .fire = end, .drop = drop };
    ending->done = done;
    ending->context = argument;
    ending->result.status = known->status;
    ending->result.output = writer_text(&w);
    if (known->delay > command->time_max)
        ending->result = (struct shell_result){ .err = ERR_TIMEOUT };
    simnet_schedule(&world->net, &ending->event,
                    known->delay < command->time_max ? known->delay : command->time_max);
    return ERR_NONE;
}

void world_end_commands(struct world *world)
{
    struct sim_event *event;

    while ((event = simnet_take(&world->net, end))) {
        struct ending *ending = CONTAINER_OF(event, struct ending, event);
        ending->result = (struct shell_result){ .err = ERR_NOT_NOW };
        end(&world->net, event);
    }
}
