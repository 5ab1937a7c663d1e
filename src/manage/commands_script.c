/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about the script that runs. */
#include <culvert/transaction.h>

#include <stdio.h>
#include <stdlib.h>

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

/* ---- script.disasm ---- */

static void put_line(void *command, struct str line)
{
    command_text(command, "", line);
}

enum err run_disasm(struct module *module, struct command *command)
{
    struct edition *edition = server_edition(command->context->server);
    struct str which = command_arg(command, 0);
    bool has_found;

    (void)module;
    command_open_list(command, "script");
    has_found = program_disassemble(edition->program, which, put_line, command);
    command_close(command);
    edition_unref(edition);
    return has_found ? ERR_NONE
                     : command_fail(command, ERR_NOT_FOUND, "there is no route " STR_FMT,
                                    STR_ARG(which));
}

/* ---- script.profile ---- */

enum {
    LINES_SHOWN = 30,
    LINES_SHOWN_MAX = 10000,
};

static int by_place(const void *a, const void *b)
{
    const struct script_line *one = a, *two = b;
    int files = one->file.ptr == two->file.ptr ? 0 : one->file.ptr < two->file.ptr ? -1 : 1;

    return files ? files : (one->line > two->line) - (one->line < two->line);
}

static int by_time(const void *a, const void *b)
{
    const struct script_line *one = a, *two = b;

    if (one->time != two->time)
        return one->time < two->time ? 1 : -1;
    return (one->hits < two->hits) - (one->hits > two->hits);
}

/* The same line may stand at several places of the program; how many are left. */
static unsigned merge_lines(struct script_line *lines, unsigned count)
{
    unsigned kept = 0;

    qsort(lines, count, sizeof *lines, by_place);
    for (unsigned i = 0; i < count; i++) {
        if (kept && by_place(&lines[kept - 1], &lines[i]) == 0) {
            lines[kept - 1].hits += lines[i].hits;
            lines[kept - 1].time += lines[i].time;
        } else {
            lines[kept++] = lines[i];
        }
    }
    return kept;
}

static void put_lines(struct command *command, const struct script_line *lines, unsigned count)
{
    command_open_list(command, "lines");
    for (unsigned i = 0; i < count && lines[i].hits; i++) {
        char place[512];

        snprintf(place, sizeof place, STR_FMT ":%u", STR_ARG(lines[i].file), lines[i].line);
        command_open_object(command, "");
        command_number(command, "microseconds", (int64_t)(lines[i].time / 1000));
        command_number(command, "hits", (int64_t)lines[i].hits);
        command_text(command, "place", str_of(place));
        command_text(command, "text", lines[i].text);
        command_close(command);
    }
    command_close(command);
}

static void put_profile(struct command *command, struct script_line *lines, unsigned count,
                        uint64_t most)
{
    uint64_t time = 0;

    count = merge_lines(lines, count);
    qsort(lines, count, sizeof *lines, by_time);
    for (unsigned i = 0; i < count; i++)
        time += lines[i].time;
    command_number(command, "microseconds", (int64_t)(time / 1000));
    put_lines(command, lines, count < most ? count : (unsigned)most);
}

static enum err show_profile(struct command *command)
{
    struct server *server = command->context->server;
    struct edition *edition = server_edition(server);
    unsigned count = program_line_count(edition->program);
    struct script_line *lines = calloc(count + 1, sizeof *lines);
    uint64_t most = LINES_SHOWN;
    enum err err = lines ? ERR_NONE : ERR_NOMEM;

    if (!err && command_arg_count(command) > 1)
        err = str_to_uint(command_arg(command, 1), 1, LINES_SHOWN_MAX, &most);
    if (err)
        err = command_fail(command, err, "how many lines? 1 to %d", LINES_SHOWN_MAX);
    else if (!server_read_profile(server, edition, lines))
        err = command_fail(command, ERR_NOT_NOW, "nothing is measured: script.profile on");
    else
        put_profile(command, lines, count, most);
    free(lines);
    edition_unref(edition);
    return err;
}

enum err run_profile(struct module *module, struct command *command)
{
    struct server *server = command->context->server;
    struct str what = command_arg(command, 0);
    bool is_on = str_eq(what, STR("on"));
    enum err err;

    (void)module;
    if (str_eq(what, STR("show")))
        return show_profile(command);
    if (!is_on && !str_eq(what, STR("off")))
        return command_fail(command, ERR_SYNTAX, "write on, off or show [count]");
    err = server_profile(server, is_on);
    if (err)
        return command_fail(command, err, "not all workers could be reached: %s", err_name(err));
    command_text(command, "profile", what);
    return ERR_NONE;
}
