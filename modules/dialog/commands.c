/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands. Dialogs belong to workers: each is visited for a while and says what it has, a slice of
 * its dialogs at a time, so that calls do not wait for somebody's list.
 */
#include "dialog.h"

enum {
    SLICE = 64,
};

/* ---- writing one ---- */

static void put_party(struct command *command, const char *name, const struct dialog_party *party,
                      struct server *server)
{
    unsigned count;
    const struct listener *listeners = server_listeners(server, &count);

    command_open_object(command, name);
    command_text(command, "tag", party->tag);
    command_text(command, "contact", party->contact);
    command_number(command, "cseq", party->cseq);
    command_text(command, "route_set", party->routes);
    command_text(command, "socket",
                 party->flow.socket < count ? listeners[party->flow.socket].name : STR(""));
    command_close(command);
}

static void put_notes(struct command *command, const struct dialog *dialog)
{
    command_open_object(command, "variables");
    for (const struct dialog_note *note = dialog->notes; note; note = note->next) {
        char name[64];
        size_t length = note->key.len < sizeof name - 1 ? note->key.len : sizeof name - 1;

        if (note->owner)
            continue;
        memcpy(name, note->key.ptr, length);
        name[length] = '\0';
        command_text(command, name, note->value);
    }
    command_close(command);
}

static void put_dialog(struct command *command, struct worker *worker, const struct dialog *dialog)
{
    struct server *server = worker_server(worker);

    command_open_object(command, "");
    command_number(command, "h_entry", dialog->entry);
    command_number(command, "h_id", dialog->id);
    command_number(command, "ref", 1);
    command_text(command, "call-id", dialog->call_id);
    command_text(command, "from_uri", dialog->parties[DIALOG_CALLER].uri);
    command_text(command, "to_uri", dialog->parties[DIALOG_CALLEE].uri);
    command_number(command, "state", dialog->state);
    command_number(command, "start_ts", (int64_t)dialog->started_wall);
    command_number(command, "init_ts", (int64_t)dialog->made_wall);
    command_number(command, "duration",
                   dialog->started_at ? (int64_t)((worker_now(worker) - dialog->started_at) / 1000)
                                      : 0);
    command_number(command, "timeout", (int64_t)(dialog_time_left(worker, dialog) / 1000));
    command_number(command, "lifetime", (int64_t)(dialog->lifetime / 1000));
    command_number(command, "dflags", dialog->flags);
    put_party(command, "caller", &dialog->parties[DIALOG_CALLER], server);
    put_party(command, "callee", &dialog->parties[DIALOG_CALLEE], server);
    put_notes(command, dialog);
    command_close(command);
}

static void put_brief(struct command *command, struct worker *worker, const struct dialog *dialog)
{
    command_open_object(command, "");
    command_number(command, "h_entry", dialog->entry);
    command_number(command, "h_id", dialog->id);
    command_text(command, "from_uri", dialog->parties[DIALOG_CALLER].uri);
    command_text(command, "to_uri", dialog->parties[DIALOG_CALLEE].uri);
    command_text(command, "call-id", dialog->call_id);
    command_text(command, "from_tag", dialog->parties[DIALOG_CALLER].tag);
    command_text(command, "to_tag", dialog->parties[DIALOG_CALLEE].tag);
    command_number(command, "state", dialog->state);
    command_number(command, "start_ts", (int64_t)dialog->started_wall);
    command_number(command, "timeout", (int64_t)(dialog_time_left(worker, dialog) / 1000));
    command_close(command);
}

/* ---- walking ---- */

struct walk {
    struct command *command;
    uint64_t number; /* of the last one seen; UINT64_MAX: all were */
    unsigned found;
    bool (*wants)(const struct walk *walk, const struct dialog *dialog);
    void (*put)(struct command *command, struct worker *worker, const struct dialog *dialog);
    struct str first, second, third; /* what `wants` goes by */
    const struct profile *profile;
    bool (*holds)(struct str text, struct str wanted);
};

static void walk_slice(struct worker *worker, void *context)
{
    struct walk *walk = context;

    for (unsigned i = 0; i < SLICE; i++) {
        const struct dialog *dialog = worker_next_dialog(worker, walk->number);

        if (!dialog) {
            walk->number = UINT64_MAX;
            return;
        }
        walk->number = dialog->number;
        if (walk->wants && !walk->wants(walk, dialog))
            continue;
        walk->found++;
        if (walk->put)
            walk->put(walk->command, worker, dialog);
    }
}

static enum err walk_all(struct module *module, struct walk *walk)
{
    struct server *server = module_server(module);
    enum err err = ERR_NONE;

    for (unsigned i = 0; i < server_worker_count(server) && !err; i++) {
        walk->number = 0;
        while (!err && walk->number != UINT64_MAX)
            err = server_visit_worker(server, i, walk_slice, walk);
    }
    if (err)
        return command_fail(walk->command, err, "a worker does not answer; try again");
    return ERR_NONE;
}

static enum err list(struct module *module, struct walk *walk)
{
    enum err err;

    command_open_list(walk->command, "dialogs");
    err = walk_all(module, walk);
    command_close(walk->command);
    return err;
}

static enum err dlg_list(struct module *module, struct command *command)
{
    struct walk walk = { .command = command, .put = put_dialog };

    return list(module, &walk);
}

static enum err dlg_briefing(struct module *module, struct command *command)
{
    struct walk walk = { .command = command, .put = put_brief };

    return list(module, &walk);
}

static bool has_call(const struct walk *walk, const struct dialog *dialog)
{
    return str_eq(dialog->call_id, walk->first) &&
           (!walk->second.len || str_eq(dialog->parties[DIALOG_CALLER].tag, walk->second));
}

static enum err dlg_dlg_list(struct module *module, struct command *command)
{
    struct walk walk = {
        .command = command,
        .put = put_dialog,
        .wants = has_call,
        .first = command_arg(command, 0),
        .second = command_arg(command, 1),
    };

    return list(module, &walk);
}

/* ---- by key, operator and value ---- */

static bool starts(struct str text, struct str wanted)
{
    return str_starts(text, wanted);
}

static bool contains(struct str text, struct str wanted)
{
    return !wanted.len || str_find(text, wanted);
}

static bool has_key(const struct walk *walk, const struct dialog *dialog)
{
    const struct {
        struct str key, text;
    } rows[] = {
        { STR("ruri"), dialog->uri },
        { STR("furi"), dialog->parties[DIALOG_CALLER].uri },
        { STR("turi"), dialog->parties[DIALOG_CALLEE].uri },
        { STR("callid"), dialog->call_id },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (str_eq(rows[i].key, walk->first))
            return walk->holds(rows[i].text, walk->second);
    return false;
}

static enum err dlg_list_match(struct module *module, struct command *command)
{
    static const struct {
        struct str name;
        bool (*holds)(struct str text, struct str wanted);
    } rows[] = {
        { STR_INIT("eq"), str_eq },
        { STR_INIT("sw"), starts },
        { STR_INIT("in"), contains },
    };
    struct walk walk = {
        .command = command,
        .put = put_dialog,
        .wants = has_key,
        .first = command_arg(command, 0),
        .second = command_arg(command, 2),
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (str_eq(rows[i].name, command_arg(command, 1)))
            walk.holds = rows[i].holds;
    if (!walk.holds)
        return command_fail(command, ERR_SYNTAX,
                            "write: ruri, furi, turi or callid; eq, sw (starts with) or in; text");
    return list(module, &walk);
}

/* ---- counting ---- */

static void count_states(struct worker *worker, void *context)
{
    unsigned *counts = context;

    for (const struct dialog *dialog = worker_next_dialog(worker, 0); dialog;
         dialog = worker_next_dialog(worker, dialog->number))
        counts[dialog->state]++;
}

static enum err dlg_stats_active(struct module *module, struct command *command)
{
    struct server *server = module_server(module);
    unsigned counts[DIALOG_STATES] = { 0 }, all = 0;
    enum err err = ERR_NONE;

    for (unsigned i = 0; i < server_worker_count(server) && !err; i++)
        err = server_visit_worker(server, i, count_states, counts);
    if (err)
        return command_fail(command, err, "a worker does not answer; try again");
    for (unsigned i = 0; i < DIALOG_STATES; i++)
        all += counts[i];
    command_number(command, "starting", counts[DIALOG_UNCONFIRMED]);
    command_number(command, "connecting", counts[DIALOG_EARLY]);
    command_number(command, "answering", counts[DIALOG_UNACKNOWLEDGED]);
    command_number(command, "ongoing", counts[DIALOG_CONFIRMED]);
    command_number(command, "all", all);
    return ERR_NONE;
}

/* ---- profiles ---- */

static enum err find_profile(struct module *module, struct command *command, struct profile **out)
{
    *out = profile_find(module_state(module), command_arg(command, 0));
    return *out ? ERR_NONE : command_fail(command, ERR_NOT_FOUND, "there is no such profile");
}

static enum err dlg_profile_get_size(struct module *module, struct command *command)
{
    struct profile *profile;
    enum err err = find_profile(module, command, &profile);

    if (!err)
        command_number(command, "size", profile_size(profile, command_arg(command, 1)));
    return err;
}

static bool is_member(const struct walk *walk, const struct dialog *dialog)
{
    return profile_has_member(walk->profile, dialog, walk->first);
}

static enum err dlg_profile_list(struct module *module, struct command *command)
{
    struct profile *profile;
    enum err err = find_profile(module, command, &profile);
    struct walk walk = {
        .command = command,
        .put = put_dialog,
        .wants = is_member,
        .first = command_arg(command, 1),
        .profile = profile,
    };

    return err ? err : list(module, &walk);
}

/* ---- ending ---- */

struct ending {
    uint32_t entry, id;
    struct str call_id, from_tag, to_tag; /* by these when there is a Call-ID */
    struct str headers;
    bool is_found;
    enum err err;
};

static void end_one(struct worker *worker, void *context)
{
    struct ending *ending = context;
    struct dialog *dialog =
        ending->call_id.len
            ? worker_find_dialog(worker, ending->call_id, ending->from_tag, ending->to_tag)
            : worker_find_dialog_id(worker, ending->entry, ending->id);

    if (!dialog)
        return;
    ending->is_found = true;
    ending->err =
        dialog_hang_up(worker, dialog, DIALOG_END_REQUEST, DIALOG_TO_ALL, ending->headers);
}

static enum err end(struct module *module, struct command *command, struct ending *ending)
{
    struct server *server = module_server(module);
    enum err err = ERR_NONE;

    for (unsigned i = 0; i < server_worker_count(server) && !err && !ending->is_found; i++)
        err = server_visit_worker(server, i, end_one, ending);
    if (err)
        return command_fail(command, err, "a worker does not answer; try again");
    if (!ending->is_found)
        return command_fail(command, ERR_NOT_FOUND, "there is no such dialog");
    if (ending->err)
        return command_fail(command, ending->err, "it is not answered yet, or the headers are no "
                                                  "whole lines");
    return ERR_NONE;
}

/* Headers come with or without their last line end. */
static enum err read_headers(struct command *command, unsigned index, char *room, size_t size,
                             struct str *out)
{
    struct str text = command_arg(command, index);
    struct writer w = writer_over(room, size);

    if (!text.len)
        return ERR_NONE;
    write_str(&w, str_trim(text));
    write_str(&w, STR("\r\n"));
    return writer_finish(&w, out);
}

static enum err dlg_end_dlg(struct module *module, struct command *command)
{
    char room[1024];
    struct ending ending = { 0 };
    uint64_t entry, id;

    if (str_to_uint(command_arg(command, 0), 0, UINT32_MAX, &entry) ||
        str_to_uint(command_arg(command, 1), 0, UINT32_MAX, &id) ||
        read_headers(command, 2, room, sizeof room, &ending.headers))
        return command_fail(command, ERR_SYNTAX, "write: h_entry h_id [headers]");
    ending.entry = (uint32_t)entry;
    ending.id = (uint32_t)id;
    return end(module, command, &ending);
}

static enum err dlg_terminate_dlg(struct module *module, struct command *command)
{
    struct ending ending = {
        .call_id = command_arg(command, 0),
        .from_tag = command_arg(command, 1),
        .to_tag = command_arg(command, 2),
    };

    if (!ending.call_id.len)
        return command_fail(command, ERR_SYNTAX, "write: call-id from-tag to-tag");
    return end(module, command, &ending);
}

/* clang-format off */
#define DOC_LIST "All dialogs."
#define DOC_END "Ends one with a BYE to both sides."

const struct mod_command dialog_commands[] = {
    { "dlg.list", "", DOC_LIST, dlg_list },
    { "dlg.list_ctx", "", DOC_LIST, dlg_list },
    { "dlg_list", "", DOC_LIST, dlg_list },
    { "dlg.dlg_list", "call-id [from-tag]", "The dialogs of a call.", dlg_dlg_list },
    { "dlg.dlg_list_ctx", "call-id [from-tag]", "The dialogs of a call.", dlg_dlg_list },
    { "dlg.list_match", "key operator value", "Those whose ruri, furi, turi or callid is eq, sw, in.", dlg_list_match },
    { "dlg.list_match_ctx", "key operator value", "The same.", dlg_list_match },
    { "dlg.briefing", "", "All dialogs in a few words.", dlg_briefing },
    { "dlg.end_dlg", "h_entry h_id [headers]", DOC_END, dlg_end_dlg },
    { "dlg_end_dlg", "h_entry h_id [headers]", DOC_END, dlg_end_dlg },
    { "dlg.terminate_dlg", "call-id from-tag to-tag", DOC_END, dlg_terminate_dlg },
    { "dlg.stats_active", "", "How many dialogs are in which state.", dlg_stats_active },
    { "dlg.profile_get_size", "profile [value]", "How many dialogs a profile counts.", dlg_profile_get_size },
    { "profile_get_size", "profile [value]", "The same.", dlg_profile_get_size },
    { "dlg.profile_list", "profile [value]", "Those dialogs.", dlg_profile_list },
    { "profile_list_dlgs", "profile [value]", "Those dialogs.", dlg_profile_list },
    { 0 },
};
/* clang-format on */
