/* SPDX-License-Identifier: Apache-2.0 */
#include "exec.h"

enum {
    SECONDS_USUAL = 60, /* of a program, when time_to_kill is 0 */
    LOG_INTERVAL = 1000,
};

struct exec {
    int64_t time_to_kill, setvars, bash_safety;
    struct counter *started, *failed, *killed, *refused;
    struct log_gate failures, refusals;
};

/* What is done with the output. */
typedef enum err take_output_fn(struct run *run, const struct variable_list *list, struct str output);

/* A program under way. */
struct running {
    struct exec *exec;
    const char *function;
    struct str command;
    take_output_fn *take; /* NULL: nothing */
    const struct variable_list *list;
};

/* ---- the end of a program ---- */

static enum verdict fail(struct run *run, const struct running *running, const char *why)
{
    counter_add(running->exec->failed, 1);
    if (log_gate_pass(&running->exec->failures, run_now(run), LOG_INTERVAL))
        log_error("%s: \"" STR_FMT "\": %s", running->function, STR_ARG(running->command), why);
    return VERDICT_FALSE;
}

static enum verdict on_end(struct run *run, void *context, const struct shell_result *result)
{
    const struct running *running = context;
    enum err err = result->err;

    if (err == ERR_NOT_NOW)
        return VERDICT_STOP;
    if (err == ERR_TIMEOUT || err == ERR_LIMIT) {
        counter_add(running->exec->killed, 1);
        return fail(run, running, err == ERR_LIMIT ? "killed, since it wrote more than 64 KB"
                                                   : "killed, since its time was over (time_to_kill)");
    }
    if (!err && running->take)
        err = running->take(run, running->list, result->output);
    if (err)
        return fail(run, running, running->take ? "its output is not what is needed" : err_name(err));
    return result->status == 0 ? VERDICT_TRUE : fail(run, running, "it ended with a failure");
}

/* ---- starting one ---- */

static enum verdict refuse(struct run *run, const struct running *running, enum err err)
{
    counter_add(running->exec->refused, 1);
    if (!log_gate_pass(&running->exec->refusals, run_now(run), LOG_INTERVAL))
        return VERDICT_ERROR;
    if (err == ERR_DENIED)
        log_error("%s: no program runs before the script says allow_exec=yes, at its top", running->function);
    else if (err == ERR_EXHAUSTED)
        log_error("%s: as many programs run as may at once (exec_processes)", running->function);
    else
        log_error("%s: a program cannot be started: %s", running->function, err_name(err));
    return VERDICT_ERROR;
}

static enum err start_program(struct run *run, struct running *running, bool is_told, struct str input)
{
    const struct exec *exec = running->exec;
    struct environment *environment = arena_zalloc(run->arena, sizeof *environment);
    struct shell_command command = {
        .line = running->command,
        .input = input,
        .time_max = (msec)(exec->time_to_kill ? exec->time_to_kill : SECONDS_USUAL) * 1000,
    };
    enum err err;

    if (!environment)
        return ERR_NOMEM;
    if (is_told && exec->setvars && (err = environment_fill(environment, run, exec->bash_safety)))
        return err;
    command.environment = environment->items;
    command.environment_count = environment->count;
    return run_shell_command(run, &command, on_end, running);
}

static enum verdict execute(struct call *call, const char *function, struct str command, take_output_fn *take,
                            bool is_told, struct str input)
{
    struct exec *exec = module_state(call->module);
    struct run *run = call->run;
    struct running *running = arena_zalloc(run->arena, sizeof *running);
    enum err err;

    if (!running || str_copy(run->arena, command, &running->command))
        return VERDICT_ERROR;
    running->exec = exec;
    running->function = function;
    running->take = take;
    running->list = call->arg_count > 1 ? call->args[1].object : NULL;
    if (str_is_empty(str_trim(command)) || str_find_char(command, '\0'))
        return refuse(run, running, ERR_SYNTAX);
    err = start_program(run, running, is_told, input);
    if (err)
        return refuse(run, running, err);
    counter_add(exec->started, 1);
    return VERDICT_WAIT;
}

/* ---- the functions ---- */

/* The message on standard input. */
static enum verdict exec_msg(struct call *call)
{
    return execute(call, "exec_msg", call_text(call, 0), NULL, true, call->run->msg->bytes);
}

static enum verdict exec_cmd(struct call *call)
{
    return execute(call, "exec_cmd", call_text(call, 0), NULL, false, STR(""));
}

/* The next line that is not empty. */
static bool take_line(struct str *rest, struct str *out)
{
    while (rest->len) {
        struct str line = *rest;
        if (!str_split(line, '\n', &line, rest))
            *rest = STR("");
        while (line.len && strchr(" \t\r", line.ptr[line.len - 1]))
            line.len--;
        *out = line;
        if (line.len)
            return true;
    }
    return false;
}

static enum err add_target(struct run *run, struct str uri)
{
    struct target target = { .uri = uri, .q = -1, .socket = SOCKET_ANY };
    struct sip_uri parsed;
    enum err err = sip_uri_parse(uri, &parsed);

    return err ? err : request_add_target(run->request, &target);
}

/* The first line becomes the Request-URI, others become further targets. */
static enum err take_targets(struct run *run, const struct variable_list *list, struct str output)
{
    struct str line;
    enum err err;

    (void)list;
    if (!take_line(&output, &line))
        return ERR_NOT_FOUND;
    err = run_set_uri(run, str_trim(line));
    while (!err && take_line(&output, &line))
        err = add_target(run, str_trim(line));
    return err;
}

/* For the shell: nothing in it is more than a text. */
static enum err quote(struct arena *arena, struct str command, struct str text, struct str *out)
{
    size_t room = command.len + 3 + text.len * 4;
    char *bytes = arena_alloc(arena, room);
    struct writer w = writer_over(bytes, bytes ? room : 0);

    write_str(&w, command);
    write_str(&w, STR(" '"));
    for (size_t i = 0; i < text.len; i++)
        write_str(&w, text.ptr[i] == '\'' ? STR("'\\''") : (struct str){ text.ptr + i, 1 });
    write_char(&w, '\'');
    return writer_finish(&w, out);
}

/* The Request-URI is the command's last argument. */
static enum verdict exec_dset(struct call *call)
{
    struct str command = call_text(call, 0);

    if (quote(call->run->arena, command, run_target(call->run)->uri, &command))
        return VERDICT_ERROR;
    return execute(call, "exec_dset", command, take_targets, true, STR(""));
}

static enum err set_line(struct run *run, const struct variable_list *list, unsigned index, struct str line)
{
    const struct avp_name number = { .number = index + 1, .is_number = true };
    struct value value = value_of_str(line);

    if (list)
        return variable_set(run, list->refs[index], &value);
    return avp_add(&run->request->avps, &run->request->arena, &number, &value);
}

/* A line for each AVP of the list, or for i:1, i:2… */
static enum err take_avps(struct run *run, const struct variable_list *list, struct str output)
{
    struct str line;
    enum err err = ERR_NONE;

    for (unsigned i = 0; !err && (!list || i < list->count) && take_line(&output, &line); i++)
        err = set_line(run, list, i, line);
    return err;
}

static enum verdict exec_avp(struct call *call)
{
    return execute(call, "exec_avp", call_text(call, 0), take_avps, true, STR(""));
}

static enum err prepare_avps(struct module *module, unsigned index, struct str text, const struct script_place *place,
                             const void **out)
{
    const struct variable_list *list;
    enum err err = script_place_variable_list(place, text, &list);

    (void)module;
    (void)index;
    if (err)
        return err;
    *out = list;
    for (unsigned i = 0; i < list->count; i++) {
        if (variable_is_avp(list->refs[i]))
            continue;
        script_complain(place, "exec_avp() writes to AVPs only");
        return ERR_UNSUPPORTED;
    }
    return ERR_NONE;
}

/* ---- tables ---- */

static const struct mod_function functions[] = {
    { .name = "exec_msg", .run = exec_msg, .takes = { ARG_FMT }, .min_args = 1,
      .stages = STAGE_REQUEST | STAGE_FAILURE | STAGE_LOCAL,
      .doc = "Runs a command with the message on its standard input and SIP_ variables in its environment." },
    { .name = "exec_dset", .run = exec_dset, .takes = { ARG_FMT }, .min_args = 1,
      .stages = STAGE_REQUEST | STAGE_FAILURE,
      .doc = "Runs a command with the Request-URI as last argument; the lines it prints are the new targets." },
    { .name = "exec_avp", .run = exec_avp, .prepare = prepare_avps, .takes = { ARG_FMT, ARG_CUSTOM }, .min_args = 1,
      .stages = STAGE_REQUEST | STAGE_FAILURE | STAGE_LOCAL,
      .doc = "Runs a command; the lines it prints go into the AVPs, or into i:1, i:2 and so on." },
    { .name = "exec_cmd", .run = exec_cmd, .takes = { ARG_FMT }, .min_args = 1, .stages = STAGE_ANY,
      .doc = "Runs a command that is told nothing of the message." },
    { 0 },
};

static const struct mod_param params[] = {
    { .name = "time_to_kill", .type = PARAM_INT, .offset = offsetof(struct exec, time_to_kill), .max = 86400,
      .doc = "Seconds that a program may take before it is killed; 0: a minute." },
    { .name = "setvars", .type = PARAM_INT, .offset = offsetof(struct exec, setvars), .max = 1, .initial = 1,
      .doc = "0: no SIP_ variables in the environment." },
    { .name = "bash_safety", .type = PARAM_INT, .offset = offsetof(struct exec, bash_safety), .max = 1, .initial = 1,
      .doc = "1: no value in the environment begins as a function of the shell does." },
    { 0 },
};

static enum err start(struct module *module)
{
    struct exec *exec = module_state(module);
    struct server *server = module_server(module);
    const struct {
        const char *name;
        struct counter **counter;
    } rows[] = {
        { "started", &exec->started },
        { "failed", &exec->failed },
        { "killed", &exec->killed },
        { "refused", &exec->refused },
    };
    enum err err = ERR_NONE;

    for (size_t i = 0; i < sizeof rows / sizeof *rows && !err; i++)
        err = server_counter(server, "exec", rows[i].name, rows[i].counter);
    return err;
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "exec",
    .summary = "Programs that the script runs.",
    .state_size = sizeof(struct exec),
    .functions = functions,
    .params = params,
    .start = start,
};
