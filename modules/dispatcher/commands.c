/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatcher.h"

#include <stdlib.h>

enum {
    SECOND = 1000,
    MICROSECONDS = 1000,
};

/* ---- looking ---- */

static struct str flags_text(const struct dispatcher *dispatcher, const struct live *live, char room[static 2])
{
    struct str name = state_name(live->state, room);

    if (!dispatcher->is_openser)
        return name;
    if (room[1] == 'P')
        room[0] = 'P';
    return (struct str){ room, 1 };
}

static void show_attrs(struct command *command, const struct dest *dest)
{
    if (str_is_empty(dest->attrs))
        return;
    command_open_object(command, "ATTRS");
    command_text(command, "BODY", dest->attrs);
    command_text(command, "DUID", dest->duid);
    command_number(command, "MAXLOAD", dest->maxload);
    command_number(command, "WEIGHT", dest->weight);
    command_number(command, "RWEIGHT", dest->rweight);
    command_text(command, "SOCKET", dest->socket);
    command_text(command, "SOCKNAME", dest->sockname);
    command_text(command, "OBPROXY", dest->obproxy);
    command_close(command);
}

/* Microseconds. */
static void show_latency(struct command *command, const struct live *live)
{
    command_open_object(command, "LATENCY");
    command_number(command, "AVG", live->average);
    command_number(command, "STD", live->deviation);
    command_number(command, "EST", live->estimate);
    command_number(command, "MAX", live->longest);
    command_number(command, "TIMEOUT", live->unanswered);
    command_close(command);
}

static void show_dest(const struct dispatcher *dispatcher, struct command *command, const struct dest *dest)
{
    char room[2];

    command_open_object(command, "");
    command_open_object(command, "DEST");
    command_text(command, "URI", dest->uri);
    command_text(command, "FLAGS", flags_text(dispatcher, dest->live, room));
    command_number(command, "PRIORITY", dest->priority);
    show_attrs(command, dest);
    if (dispatcher->has_latency_stats)
        show_latency(command, dest->live);
    command_open_object(command, "RUNTIME");
    command_number(command, "DLGLOAD", dest->live->calls);
    command_close(command);
    command_close(command);
    command_close(command);
}

static void show_set(const struct dispatcher *dispatcher, struct command *command, const struct set *set)
{
    command_open_object(command, "");
    command_open_object(command, "SET");
    command_number(command, "ID", set->id);
    command_open_list(command, "TARGETS");
    for (unsigned i = 0; i < set->count; i++)
        show_dest(dispatcher, command, &set->dests[i]);
    command_close(command);
    command_close(command);
    command_close(command);
}

static enum err list(struct module *module, struct command *command)
{
    struct dispatcher *dispatcher = module_state(module);
    const struct sets *sets;

    pthread_mutex_lock(&dispatcher->lock);
    sets = dispatcher->sets;
    command_number(command, "NRSETS", sets->count);
    command_open_list(command, "RECORDS");
    for (unsigned i = 0; i < sets->count; i++)
        show_set(dispatcher, command, &sets->items[i]);
    command_close(command);
    pthread_mutex_unlock(&dispatcher->lock);
    return ERR_NONE;
}

/* ---- reading again ---- */

static enum err reload(struct module *module, struct command *command)
{
    const struct dispatcher *dispatcher = module_state(module);
    enum err err;

    if (server_now(module_server(module)) < dispatcher->read_at + (msec)dispatcher->reload_delta * SECOND)
        return command_fail(command, ERR_NOT_NOW, "the list was read less than %d seconds ago (reload_delta)",
                            (int)dispatcher->reload_delta);
    err = dispatcher_reload(module);
    return err ? command_fail(command, err, "the list stays as it was: %s; the log says why", err_name(err))
               : ERR_NONE;
}

/* ---- states ---- */

enum by {
    BY_URI, /* or "all" */
    BY_DUID,
};

static bool is_meant(const struct dest *dest, struct str text, enum by by)
{
    return by == BY_DUID ? dest->duid.len && str_eq(dest->duid, text)
                         : str_eq(dest->uri, text) || str_eq(text, STR("all"));
}

static unsigned order(struct dispatcher *dispatcher, int64_t id, struct str text, unsigned flags, enum by by)
{
    const struct set *set;
    unsigned count = 0;
    bool is_up;

    pthread_mutex_lock(&dispatcher->lock);
    set = sets_find(dispatcher->sets, id);
    for (unsigned i = 0; set && i < set->count; i++)
        if (is_meant(&set->dests[i], text, by)) {
            (void)live_is_ordered(set->dests[i].live, flags, &is_up);
            count++;
        }
    pthread_mutex_unlock(&dispatcher->lock);
    return count;
}

static enum err set_state(struct module *module, struct command *command, enum by by)
{
    unsigned flags;
    int64_t set;

    if (command_arg_count(command) != 3)
        return command_fail(command, ERR_SYNTAX, "wanted: state set destination");
    if (state_letters(command_arg(command, 0), &flags))
        return command_fail(command, ERR_SYNTAX,
                            "a state is a active, i inactive, t trying, d disabled, and p probing behind it");
    if (str_to_int(command_arg(command, 1), 0, INT32_MAX, &set))
        return command_fail(command, ERR_SYNTAX, "a set is a number");
    if (!order(module_state(module), set, command_arg(command, 2), flags, by))
        return command_fail(command, ERR_NOT_FOUND, "there is no such destination in set %d; dispatcher.list shows them",
                            (int)set);
    return ERR_NONE;
}

static enum err set_state_of_uri(struct module *module, struct command *command)
{
    return set_state(module, command, BY_URI);
}

static enum err set_state_of_duid(struct module *module, struct command *command)
{
    return set_state(module, command, BY_DUID);
}

static enum err ping_active(struct module *module, struct command *command)
{
    struct dispatcher *dispatcher = module_state(module);
    struct str wanted = command_arg(command, 0);
    uint64_t number;

    command_number(command, "OldPingState", dispatcher->asks);
    if (str_is_empty(wanted))
        return ERR_NONE;
    if (str_to_uint(wanted, 0, 1, &number))
        return command_fail(command, ERR_SYNTAX, "say 1 for asking destinations, 0 for not");
    dispatcher->asks = number != 0;
    command_number(command, "NewPingState", (int64_t)number);
    return ERR_NONE;
}

/* ---- one more, or less ---- */

static enum err add(struct module *module, struct command *command)
{
    struct row row = { .uri = command_arg(command, 1), .attrs = command_arg(command, 4) };
    struct str flags = command_arg(command, 2), priority = command_arg(command, 3);
    uint64_t number = 0;
    enum err err;

    if (command_arg_count(command) < 2 || str_to_int(command_arg(command, 0), 0, INT32_MAX, &row.set) ||
        (flags.len && str_to_uint(flags, 0, DEST_FLAGS, &number)) ||
        (priority.len && str_to_int(priority, INT32_MIN, INT32_MAX, &row.priority)))
        return command_fail(command, ERR_SYNTAX, "wanted: set uri [flags [priority [attributes]]]");
    row.flags = (unsigned)number;
    err = dispatcher_add(module, &row);
    return err ? command_fail(command, err, err == ERR_EXISTS ? "it is in the set already" : "it was not added: %s",
                              err_name(err))
               : ERR_NONE;
}

static enum err remove_one(struct module *module, struct command *command)
{
    int64_t set;
    enum err err;

    if (command_arg_count(command) != 2 || str_to_int(command_arg(command, 0), 0, INT32_MAX, &set))
        return command_fail(command, ERR_SYNTAX, "wanted: set uri");
    err = dispatcher_remove(module, set, command_arg(command, 1));
    return err ? command_fail(command, err, "it was not removed: %s", err_name(err)) : ERR_NONE;
}

/* ---- hashes ---- */

static enum err hash(struct module *module, struct command *command)
{
    uint64_t slots, value;

    (void)module;
    if (command_arg_count(command) < 2 || str_to_uint(command_arg(command, 0), 1, UINT32_MAX, &slots))
        return command_fail(command, ERR_SYNTAX, "wanted: slots text [text]");
    value = hash_on(hash_on(HASH_START, command_arg(command, 1)), command_arg(command, 2));
    command_number(command, "hashid", (int64_t)(value & INT32_MAX));
    command_number(command, "slot", hash_slot(value, (unsigned)slots));
    return ERR_NONE;
}

#define LIST "", "Lists the sets, their destinations and how they are.", list
#define RELOAD "", "Reads the list again.", reload
#define SET_STATE "state set uri|all", "Says how a destination is: a, i, t, d, p.", set_state_of_uri

const struct mod_command dispatcher_commands[] = {
    { "dispatcher.list", LIST },
    { "dispatcher.reload", RELOAD },
    { "dispatcher.set_state", SET_STATE },
    { "dispatcher.set_duid_state", "state set duid", "The same by the attribute duid.", set_state_of_duid },
    { "dispatcher.ping_active", "[0|1]", "Shows whether destinations are asked, or stops and starts it.", ping_active },
    { "dispatcher.add", "set uri [flags [priority [attributes]]]", "Adds a destination until the list is read again.", add },
    { "dispatcher.remove", "set uri", "Removes a destination until the list is read again.", remove_one },
    { "dispatcher.hash", "slots text [text]", "Shows which slot a text falls into.", hash },
    { "ds_list", LIST },
    { "ds_reload", RELOAD },
    { "ds_set_state", SET_STATE },
    { 0 },
};
