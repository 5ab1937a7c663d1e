/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about the script that runs. */
#include <culvert/transaction.h>

#include "host/reload.h"
#include "manage/command.h"

/* ---- reload ---- */

static void put_notes(struct command *command, const char *name, const struct reload_notes *notes)
{
    command_open_list(command, name);
    for (const struct reload_note *note = notes->first; note; note = note->next)
        command_text(command, "", note->text);
    command_close(command);
}

static size_t messages_size(const struct reload_notes *notes)
{
    size_t size = 1;

    for (const struct reload_note *note = notes->first; note; note = note->next)
        size += note->text.len;
    return size;
}

/* Everything that the compiler has said. */
static enum err tell_failure(struct command *command, enum err err, struct reload_report *report)
{
    size_t size = messages_size(&report->messages);
    char *room = arena_alloc(&report->arena, size);
    struct writer w = writer_over(room, room ? size : 0);
    struct str text;

    for (const struct reload_note *note = report->messages.first; note; note = note->next)
        write_str(&w, note->text);
    if (writer_finish(&w, &text))
        text = STR("");
    return command_fail(command, err, "the script is not reloaded: %s\n" STR_FMT, err_name(err),
                        STR_ARG(text));
}

static void tell_success(struct command *command, const struct reload_report *report)
{
    command_number(command, "edition", report->edition);
    put_notes(command, "changed", &report->changed);
    put_notes(command, "at the next start", &report->deferred);
    put_notes(command, "warnings", &report->messages);
}

static void be_there(struct worker *worker, void *context)
{
    (void)worker;
    (void)context;
}

/* Whoever hears that it is done may count on it: each worker has come past its change. */
static void wait_for_workers(struct server *server)
{
    for (unsigned i = 0; i < server_worker_count(server); i++)
        (void)!server_visit_worker(server, i, be_there, NULL);
}

enum err run_reload(struct module *module, struct command *command)
{
    struct server *server = command->context->server;
    struct reload_report report;
    enum err err;

    (void)module;
    reload_report_init(&report);
    err = server_reload(server, NULL, &report);
    if (err) {
        err = tell_failure(command, err, &report);
    } else {
        wait_for_workers(server);
        tell_success(command, &report);
    }
    reload_report_fini(&report);
    return err;
}
