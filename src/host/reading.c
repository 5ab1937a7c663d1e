/* SPDX-License-Identifier: Apache-2.0 */
#include "host/reading.h"

#include <stdio.h>

#include "host/core.h"
#include "host/foreign.h"

/* ---- what the compiler asks ---- */

static enum err load_module(void *context, struct str path, const struct script_place *place)
{
    return reading_load_module(context, path, place);
}

static enum err set_param(void *context, struct str modules, struct str name,
                          const struct value *value, const struct script_place *place)
{
    return reading_set_param(context, modules, name, value, place);
}

static enum err set_setting(void *context, const struct script_setting *setting,
                            const struct script_place *place)
{
    struct reading *reading = context;

    return settings_set(reading->settings, setting, place);
}

static unsigned args_taken(const struct mod_function *function)
{
    unsigned count = 0;

    while (count < ARGS_MAX && function->takes[count] != ARG_END)
        count++;
    return count;
}

static const struct mod_function *find_in_rows(const struct mod_function *rows, struct str name,
                                               unsigned arg_count)
{
    for (; rows && rows->name; rows++) {
        if (str_eq(name, str_of(rows->name)) && arg_count >= rows->min_args &&
            arg_count <= args_taken(rows))
            return rows;
    }
    return NULL;
}

/* A function of a module that the file does not load would be missing after the next start. */
static bool has_module(const struct reading *reading, unsigned index)
{
    return reading->is_first || reading->wanted[index].is_loaded;
}

static const struct mod_function *find_function(void *context, struct str name, unsigned arg_count,
                                                struct module **module)
{
    const struct reading *reading = context;
    struct server *server = reading->server;
    const struct mod_function *row = find_in_rows(core_commands, name, arg_count);

    *module = NULL;
    /* Of two modules with the same function the one that was loaded last counts, as in the originals. */
    for (unsigned i = server->module_count; !row && i-- > 0;) {
        if (!has_module(reading, i))
            continue;
        row = find_in_rows(server->modules[i]->desc->functions, name, arg_count);
        if (row)
            *module = server->modules[i];
    }
    return row;
}

static const struct mod_variable *find_variable_row(const struct mod_variable *rows, struct str name)
{
    for (; rows && rows->name; rows++) {
        if (str_eq(name, str_of(rows->name)))
            return rows;
    }
    return NULL;
}

static const struct mod_variable *find_variable(void *context, struct str name, struct module **module)
{
    const struct reading *reading = context;
    struct server *server = reading->server;
    const struct mod_variable *row = NULL;

    *module = NULL;
    for (const struct mod_variable *const *table = core_variable_tables; !row && *table; table++)
        row = find_variable_row(*table, name);
    for (unsigned i = 0; !row && i < server->module_count; i++) {
        if (!has_module(reading, i))
            continue;
        row = find_variable_row(server->modules[i]->desc->variables, name);
        if (row)
            *module = server->modules[i];
    }
    return row;
}

static void each_function(const struct mod_function *rows, void (*visit)(void *visitor, struct str name),
                          void *visitor)
{
    for (; rows && rows->name; rows++)
        visit(visitor, str_of(rows->name));
}

static void each_variable(const struct mod_variable *rows,
                          void (*visit)(void *visitor, struct str name), void *visitor)
{
    for (; rows && rows->name; rows++)
        visit(visitor, str_of(rows->name));
}

static void each_name(void *context, enum script_name_kind kind,
                      void (*visit)(void *visitor, struct str name), void *visitor)
{
    const struct reading *reading = context;
    struct server *server = reading->server;

    if (kind == NAME_SETTING) {
        settings_each_name(visit, visitor);
    } else if (kind == NAME_FUNCTION) {
        each_function(core_commands, visit, visitor);
        for (unsigned i = 0; i < server->module_count; i++)
            each_function(server->modules[i]->desc->functions, visit, visitor);
    } else {
        for (const struct mod_variable *const *table = core_variable_tables; *table; table++)
            each_variable(*table, visit, visitor);
        for (unsigned i = 0; i < server->module_count; i++)
            each_variable(server->modules[i]->desc->variables, visit, visitor);
    }
}

static void report(void *context, bool is_error, struct str text)
{
    const struct reading *reading = context;

    if (reading->report)
        reading->report(reading->context, is_error, text);
    else
        fwrite(text.ptr, 1, text.len, stderr);
}

/* What -c says at the end. */
static void summarize(void *context, unsigned errors, unsigned warnings)
{
    char text[2048];
    struct writer w = writer_over(text, sizeof text);

    if (errors + warnings == 0)
        return;
    write_fmt(&w, "%u error%s, %u warning%s", errors, errors == 1 ? "" : "s", warnings,
              warnings == 1 ? "" : "s");
    foreign_write_summary(context, &w);
    write_char(&w, '\n');
    report(context, errors > 0, writer_text(&w));
}

/* As foreign_excuse; modules that the next start will load are no help now. */
static enum script_excuse excuse(void *context, enum script_name_kind kind, struct str name,
                                 const struct script_place *place, char *hint, size_t size)
{
    const struct reading *reading = context;
    enum script_excuse excuse = foreign_excuse(context, kind, name, place, hint, size);

    if (excuse == EXCUSE_TOLD || !reading->newcomers)
        return excuse;
    snprintf(hint, size, "; is it of \"" STR_FMT "\", which only a start of the server loads?",
             STR_ARG(reading->newcomers->name));
    return EXCUSE_SURE;
}

static void refuse(struct run *run, unsigned status, const char *reason)
{
    if (run_reply(run, status, str_of(reason)))
        counter_add(run->worker->server->count.dropped, 1);
}

struct script_host reading_host(struct reading *reading)
{
    struct server *server = reading->server;

    return (struct script_host){
        .context = reading,
        .before = server->script_before,
        .after = server->script_after,
        .load_module = load_module,
        .set_param = set_param,
        .set_setting = set_setting,
        .find_function = find_function,
        .find_variable = find_variable,
        .each_name = each_name,
        .excuse = excuse,
        .report = report,
        .summarize = summarize,
        .is_myself = run_is_myself,
        .is_uri_myself = run_is_uri_myself,
        .refuse = refuse,
    };
}
