/* SPDX-License-Identifier: Apache-2.0 */
#include "host/reload.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/reading.h"

enum {
    REPORT_MAX = 1 << 20, /* bytes of all that is said */
    NOTED_MAX = 4 << 20,  /* of what the file says of parameters */
};

/* A parameter that functions read as it is now. */
struct new_value {
    struct new_value *next;
    struct module *module;
    const struct mod_param *param;
    struct str text;
};

struct reload {
    struct server *server;
    const struct str *text; /* in place of the file; NULL: none */
    struct reload_report *report;
    struct arena arena;
    struct reading reading;
    struct edition *edition; /* the new one */
    struct edition_copy *copies[SERVER_WORKERS_MAX];
    struct new_value *values;
    struct foreign_load *foreign;
};

/* ---- what is said of it ---- */

static void notes_init(struct reload_notes *notes)
{
    notes->first = NULL;
    notes->end = &notes->first;
}

void reload_report_init(struct reload_report *report)
{
    arena_init(&report->arena, NULL, REPORT_MAX);
    notes_init(&report->messages);
    notes_init(&report->changed);
    notes_init(&report->deferred);
}

void reload_report_fini(struct reload_report *report)
{
    arena_fini(&report->arena);
}

/* Beyond the room for them, notes are left out. */
static void add_note(struct reload_report *report, struct reload_notes *notes, struct str text)
{
    struct reload_note *note = arena_zalloc(&report->arena, sizeof *note);

    if (!note || str_copy(&report->arena, text, &note->text))
        return;
    *notes->end = note;
    notes->end = &note->next;
}

static void on_message(void *context, bool is_error, struct str text)
{
    struct reload_report *report = context;

    (void)is_error;
    add_note(report, &report->messages, text);
}

PRINTF_LIKE(3, 4)
static void note(struct reload *reload, struct reload_notes *notes, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_note(reload->report, notes, str_of(text));
}

static void note_change(struct reload *reload, bool is_live, struct str name, struct str old,
                        struct str new)
{
    struct reload_report *report = reload->report;

    note(reload, is_live ? &report->changed : &report->deferred,
         STR_FMT ": \"" STR_FMT "\" -> \"" STR_FMT "\"", STR_ARG(name), STR_ARG(old), STR_ARG(new));
}

/* The log shows tabs as bytes, which would move the caret. */
static void log_line(enum log_level level, struct str line)
{
    char text[512];
    size_t length = line.len < sizeof text ? line.len : sizeof text;

    for (size_t i = 0; i < length; i++)
        text[i] = line.ptr[i] == '\t' ? ' ' : line.ptr[i];
    log_write(level, "%.*s", (int)length, text);
}

static void log_lines(enum log_level level, struct str text)
{
    struct str line;

    while (str_split(text, '\n', &line, &text))
        log_line(level, line);
    if (!str_is_empty(text))
        log_line(level, text);
}

static void log_report(const struct reload_report *report, enum err err)
{
    const struct reload_note *one;

    if (err)
        log_error("the script is not reloaded (%s); all stays as it was", err_name(err));
    for (one = report->messages.first; one; one = one->next)
        log_lines(err ? LEVEL_ERROR : LEVEL_WARNING, one->text);
    if (err)
        return;
    log_notice("the script is reloaded: edition %u", report->edition);
    for (one = report->changed.first; one; one = one->next)
        log_notice("changed: " STR_FMT, STR_ARG(one->text));
    for (one = report->deferred.first; one; one = one->next)
        log_warning("at the next start: " STR_FMT, STR_ARG(one->text));
}

/* ---- reading ---- */

static enum err check_path(struct reload *reload)
{
    const char *path = reload->server->script_path;

    if (reload->text || (path && access(path, R_OK) == 0))
        return ERR_NONE;
    if (path)
        note(reload, &reload->report->messages, "error: %s cannot be read by this process: %s\n",
             path, strerror(errno));
    else
        note(reload, &reload->report->messages, "error: the script did not come from a file\n");
    return path ? ERR_IO : ERR_UNSUPPORTED;
}

static enum err compile(struct reload *reload, const struct script_host *host,
                        struct program **program)
{
    struct server *server = reload->server;
    const char *name = server->script_path ? server->script_path : "script";
    enum err err = script_compile(name, reload->text, server->dialect_asked, host, program);

    if (err || program_dialect(*program) == server->dialect)
        return err;
    note(reload, &reload->report->messages,
         "error: the script is in another dialect than the one that runs; that needs a start\n");
    program_unref(*program);
    return ERR_UNSUPPORTED;
}

static enum err read_script(struct reload *reload)
{
    struct server *server = reload->server;
    struct settings *settings = reload->reading.settings;
    const struct script_host host = reading_host(&reload->reading);
    struct program *program;
    enum err err = check_path(reload);

    if (err || (err = compile(reload, &host, &program)))
        return err;
    if (server->world.complete_settings)
        server->world.complete_settings(server->world.context, settings);
    if ((err = edition_create(&host, program, settings, true, &reload->edition))) {
        program_unref(program);
        return err;
    }
    reload->reading.settings = NULL; /* the edition's now */
    edition_enter(reload->edition, server->edition->number + 1, server->count.script_editions);
    return ERR_NONE;
}

/* ---- comparing ---- */

static void on_setting(void *context, const struct setting_change *change)
{
    note_change(context, change->is_live, str_of(change->name), change->old, change->new);
}

static enum err add_value(struct reload *reload, struct module *module,
                          const struct mod_param *param, struct str text)
{
    struct new_value *value = arena_alloc(&reload->arena, sizeof *value);

    if (!value)
        return ERR_NOMEM;
    *value = (struct new_value){ reload->values, module, param, text };
    reload->values = value;
    return ERR_NONE;
}

static enum err compare_param(struct reload *reload, struct module *module, unsigned index,
                              struct str wanted)
{
    const struct mod_param *param = &module->desc->params[index];
    struct str old, new, name;

    if (param->type == PARAM_IGNORED)
        return ERR_NONE;
    if (param_text(&reload->arena, param, module->in_force[index], &old) ||
        param_text(&reload->arena, param, wanted, &new) ||
        str_print(&reload->arena, &name, "%s.%s", module->desc->name, param->name))
        return ERR_NOMEM;
    if (str_eq(old, new))
        return ERR_NONE;
    note_change(reload, param->is_live, name, old, new);
    return param->is_live ? add_value(reload, module, param, new) : ERR_NONE;
}

static enum err compare_module(struct reload *reload, unsigned index)
{
    struct module *module = reload->server->modules[index];
    const struct wanted *wanted = &reload->reading.wanted[index];
    enum err err = ERR_NONE;

    if (!wanted->is_loaded) {
        note(reload, &reload->report->deferred, "module %s is not loaded any more",
             module->desc->name);
        return ERR_NONE;
    }
    for (unsigned i = 0; module->desc->params && module->desc->params[i].name && !err; i++)
        err = compare_param(reload, module, i, wanted->params[i]);
    return err;
}

static enum err compare(struct reload *reload)
{
    const struct settings_trio trio = { &reload->server->settings,
                                        reload->server->edition->settings,
                                        reload->edition->settings };
    enum err err = ERR_NONE;

    settings_compare(&trio, on_setting, reload);
    for (unsigned i = 0; i < reload->server->module_count && !err; i++)
        err = compare_module(reload, i);
    for (const struct newcomer *new = reload->reading.newcomers; new; new = new->next)
        note(reload, &reload->report->deferred, "module " STR_FMT " is loaded", STR_ARG(new->name));
    return err;
}

/* ---- changing ---- */

static enum err make_copy(struct reload *reload, struct edition_copy **out)
{
    const struct server_world *world = &reload->server->world;
    enum err err = edition_copy_create(reload->edition, out);

    if (!err && reload->server->is_profiled)
        err = edition_copy_profile(*out, world->fine_clock, world->context);
    return err;
}

static enum err make_copies(struct reload *reload)
{
    enum err err = ERR_NONE;

    for (unsigned i = 0; i < reload->server->worker_count && !err; i++)
        err = make_copy(reload, &reload->copies[i]);
    return err;
}

/* While nothing else runs. */
static void set_values(void *context)
{
    const struct reload *reload = context;

    for (const struct new_value *value = reload->values; value; value = value->next)
        module_set_live(value->module, value->param, value->text);
}

static enum err keep_texts(struct reload *reload)
{
    enum err err = ERR_NONE;

    for (struct new_value *value = reload->values; value && !err; value = value->next)
        err = module_keep_text(value->module, value->text, &value->text);
    return err;
}

static enum err apply_values(struct reload *reload)
{
    enum err err = reload->values ? keep_texts(reload) : ERR_NONE;

    if (err || !reload->values)
        return err;
    err = server_stand_still(reload->server, set_values, reload);
    if (err)
        note(reload, &reload->report->messages,
             "error: a worker is too busy to change parameters of modules; try again\n");
    return err;
}

static void take_now(void *worker)
{
    worker_take_script(worker);
}

static void hand_over(struct reload *reload, struct worker *worker, unsigned index)
{
    const struct server_world *world = &reload->server->world;
    struct edition_copy *unused = atomic_exchange(&worker->next_script, reload->copies[index]);

    reload->copies[index] = NULL;
    edition_copy_unref(unused);
    if (world->post)
        world->post(worker, take_now, worker);
    else
        worker_take_script(worker);
}

static void publish(struct reload *reload)
{
    struct server *server = reload->server;
    const struct settings *old = server->edition->settings, *new = reload->edition->settings;

    if (old->debug != new->debug)
        log_set_threshold(settings_log_level(new, server->dialect));
    edition_unref(server->edition);
    server->edition = reload->edition;
    reload->edition = NULL;
    for (unsigned i = 0; i < server->worker_count; i++)
        if (server->workers[i])
            hand_over(reload, server->workers[i], i);
    reload->report->edition = server->edition->number;
    counter_add(server->count.script_reloads, 1);
}

static enum err run(struct reload *reload)
{
    enum err err;

    if ((err = read_script(reload)) || (err = compare(reload)) || (err = make_copies(reload)) ||
        (err = apply_values(reload)))
        return err;
    publish(reload);
    return ERR_NONE;
}

static void reload_fini(struct reload *reload)
{
    for (unsigned i = 0; i < SERVER_WORKERS_MAX; i++)
        edition_copy_unref(reload->copies[i]);
    edition_unref(reload->edition);
    if (reload->reading.settings)
        settings_fini(reload->reading.settings);
    free(reload->reading.settings);
    arena_fini(&reload->arena);
    free(reload);
}

static struct reload *reload_create(struct server *server, const struct str *text,
                                    struct reload_report *report)
{
    struct reload *reload = calloc(1, sizeof *reload);
    struct settings *settings = malloc(sizeof *settings);

    if (!reload || !settings) {
        free(reload);
        free(settings);
        return NULL;
    }
    settings_init(settings);
    arena_init(&reload->arena, NULL, NOTED_MAX);
    reload->server = server;
    reload->text = text;
    reload->report = report;
    reload->reading = (struct reading){
        .server = server,
        .settings = settings,
        .arena = &reload->arena,
        .foreign = &reload->foreign,
        .report = on_message,
        .context = report,
    };
    return reload;
}

enum err server_reload(struct server *server, const struct str *text, struct reload_report *report)
{
    struct reload *reload = reload_create(server, text, report);
    enum err err;

    if (!reload)
        return ERR_NOMEM;
    pthread_mutex_lock(&server->reload_lock);
    err = run(reload);
    log_report(report, err);
    reload_fini(reload);
    pthread_mutex_unlock(&server->reload_lock);
    return err;
}

struct edition *server_edition(struct server *server)
{
    struct edition *edition;

    pthread_mutex_lock(&server->reload_lock);
    edition = edition_ref(server->edition);
    pthread_mutex_unlock(&server->reload_lock);
    return edition;
}

/* ---- where the time goes ---- */

static void start_profile(struct worker *worker, void *context)
{
    const struct server_world *world = &worker->server->world;

    *(enum err *)context = edition_copy_profile(worker->script, world->fine_clock, world->context);
}

static void stop_profile(struct worker *worker, void *context)
{
    (void)context;
    edition_copy_stop_profile(worker->script);
}

enum err server_profile(struct server *server, bool is_on)
{
    enum err err = ERR_NONE;

    if (!server->world.fine_clock)
        return ERR_UNSUPPORTED;
    pthread_mutex_lock(&server->reload_lock);
    server->is_profiled = is_on;
    for (unsigned i = 0; i < server->worker_count && !err; i++) {
        enum err failed = ERR_NONE;

        err = server_visit_worker(server, i, is_on ? start_profile : stop_profile, &failed);
        if (!err)
            err = failed;
    }
    pthread_mutex_unlock(&server->reload_lock);
    return err;
}

struct profile_visit {
    const struct edition *edition;
    struct script_line *lines;
};

static void read_profile(struct worker *worker, void *context)
{
    const struct profile_visit *visit = context;
    const struct edition_copy *script = worker->script;

    if (script->edition == visit->edition && script->locals.profile)
        script_profile_add(script->locals.profile, visit->lines);
}

bool server_read_profile(struct server *server, struct edition *edition, struct script_line *lines)
{
    struct profile_visit visit = { edition, lines };
    bool is_on;

    program_lines(edition->program, lines);
    pthread_mutex_lock(&server->reload_lock);
    is_on = server->is_profiled;
    pthread_mutex_unlock(&server->reload_lock);
    for (unsigned i = 0; i < server->worker_count && is_on; i++)
        (void)!server_visit_worker(server, i, read_profile, &visit);
    return is_on;
}
