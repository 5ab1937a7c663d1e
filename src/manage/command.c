/* SPDX-License-Identifier: Apache-2.0 */
#include "manage/account_command.h"
#include "manage/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

unsigned command_arg_count(const struct command *command)
{
    return (unsigned)json_array_size(command->params);
}

struct str command_arg(const struct command *command, unsigned index)
{
    const json_t *arg = json_array_get(command->params, index);

    return json_is_string(arg) ? (struct str){ json_string_value(arg), json_string_length(arg) }
                               : (struct str){ 0 };
}

/* Takes the reference to value. */
static void add(struct command *command, const char *name, json_t *value)
{
    json_t *parent = command->stack[command->depth];

    if (json_is_array(parent))
        json_array_append_new(parent, value);
    else
        json_object_set_new(parent, name, value);
}

/* Bytes that are no UTF-8 come from the network: they are shown, not trusted. */
static json_t *text_value(struct str text)
{
    json_t *value = json_stringn(text.ptr ? text.ptr : "", text.len);
    char plain[512];
    size_t length = text.len < sizeof plain ? text.len : sizeof plain;

    if (value)
        return value;
    for (size_t i = 0; i < length; i++)
        plain[i] = (char)((unsigned char)text.ptr[i] < 0x80 ? text.ptr[i] : '?');
    value = json_stringn(plain, length);
    return value ? value : json_string("");
}

void command_text(struct command *command, const char *name, struct str text)
{
    add(command, name, text_value(text));
}

void command_number(struct command *command, const char *name, int64_t number)
{
    add(command, name, json_integer(number));
}

static void open_value(struct command *command, const char *name, json_t *value)
{
    if (command->depth + 1 == COMMAND_DEPTH_MAX) {
        json_decref(value);
        return;
    }
    add(command, name, value);
    command->stack[++command->depth] = value;
}

void command_open_object(struct command *command, const char *name)
{
    open_value(command, name, json_object());
}

void command_open_list(struct command *command, const char *name)
{
    open_value(command, name, json_array());
}

void command_close(struct command *command)
{
    if (command->depth > 0)
        command->depth--;
}

enum err command_fail(struct command *command, enum err err, const char *format, ...)
{
    va_list args;

    free(command->failure);
    va_start(args, format);
    if (vasprintf(&command->failure, format, args) < 0)
        command->failure = NULL;
    va_end(args);
    return err;
}

/* ---- one request ---- */

struct found {
    const struct mod_command *row;
    struct module *module;
};

static const struct mod_command *find_in(const struct mod_command *rows, const char *name)
{
    for (; rows && rows->name; rows++) {
        if (strcmp(rows->name, name) == 0)
            return rows;
    }
    return NULL;
}

static struct found find_command(const struct server *server, const char *name)
{
    struct found found = { find_in(core_manage_commands, name), NULL };

    for (unsigned i = 0; !found.row && i < server->module_count; i++) {
        found.row = find_in(server->modules[i]->desc->commands, name);
        found.module = server->modules[i];
    }
    return found;
}

static json_t *response(const json_t *id, const char *kind, json_t *body)
{
    json_t *answer = json_object();

    json_object_set_new(answer, "jsonrpc", json_string("2.0"));
    json_object_set_new(answer, kind, body);
    json_object_set_new(answer, "id", id ? json_deep_copy(id) : json_null());
    return answer;
}

static json_t *failure(const json_t *id, int code, const char *message)
{
    json_t *body = json_object();

    json_object_set_new(body, "code", json_integer(code));
    json_object_set_new(body, "message", json_string(message));
    return response(id, "error", body);
}

/* After the command has run: takes its result. */
static json_t *answer_of(struct command *command, const json_t *id, enum err err)
{
    json_t *answer;

    if (!err) {
        answer = response(id, "result", command->stack[0]);
    } else {
        json_decref(command->stack[0]);
        answer = failure(id, err == ERR_NOT_FOUND ? 404 : 500,
                         command->failure ? command->failure : err_name(err));
    }
    free(command->failure);
    return answer;
}

static json_t *run_command(const struct control_context *context, const json_t *id, const char *name,
                           json_t *params)
{
    struct found found = find_command(context->server, name);
    struct command command = { .context = context, .params = params };
    enum err err;

    if (!found.row)
        return failure(id, -32601, "no such command; \"help\" lists them");
    command.stack[0] = json_object();
    err = found.row->run(found.module, &command);
    return answer_of(&command, id, err);
}

json_t *account_answer(const struct account_table *table,
                       enum err (*run)(const struct account_table *table, struct command *command),
                       const json_t *params)
{
    struct command command = { .params = params, .stack = { json_object() } };
    enum err err = run(table, &command);

    return answer_of(&command, NULL, err);
}

/* Arguments are texts: numbers are taken as such too. */
static json_t *texts_of(const json_t *params)
{
    json_t *texts = json_array();
    size_t index;
    json_t *value;

    json_array_foreach(params, index, value) {
        char number[32];
        if (index == COMMAND_ARGS_MAX)
            break;
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        json_array_append_new(texts, json_is_string(value) ? json_copy(value) : json_string(number));
    }
    return texts;
}

char *control_answer(const struct control_context *context, struct str request)
{
    json_t *call = json_loadb(request.ptr, request.len, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(call, "method"));
    const json_t *id = json_object_get(call, "id");
    json_t *answer;
    char *text;

    if (!name) {
        answer = failure(id, call ? -32600 : -32700, "write one JSON-RPC 2.0 request a line");
    } else {
        json_t *params = texts_of(json_object_get(call, "params"));
        answer = run_command(context, id, name, params);
        json_decref(params);
    }
    json_decref(call);
    text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    return text;
}
