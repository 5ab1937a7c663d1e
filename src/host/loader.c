/* SPDX-License-Identifier: Apache-2.0 */
/* Loading modules, filling their parameters, starting and stopping them. */
#include "host/host.h"

#include <stdio.h>
#include <stdlib.h>

#include "host/core.h"
#include "host/foreign.h"
#include "host/installed.h"
#include "host/reading.h"
#include "script/report.h"

void *module_state(const struct module *module)
{
    return module->state;
}

const char *module_name(const struct module *module)
{
    return module->desc->name;
}

struct arena *module_arena(struct module *module)
{
    return &module->arena;
}

struct server *module_server(const struct module *module)
{
    return module->server;
}

bool module_is_loaded(const struct module *module, const char *name)
{
    return server_find_module(module->server, str_of(name)) != NULL;
}

enum err module_slot(struct module *module, unsigned *out)
{
    if (module->server->slots_used == REQUEST_SLOTS)
        return ERR_EXHAUSTED;
    *out = module->server->slots_used++;
    return ERR_NONE;
}

struct module *server_find_module(const struct server *server, struct str name)
{
    for (unsigned i = 0; i < server->module_count; i++) {
        if (str_eq(name, str_of(server->modules[i]->desc->name)))
            return server->modules[i];
    }
    return NULL;
}

/* "/usr/lib/openser/modules/nathelper.so" is our nathelper. */
static struct str base_name(struct str path)
{
    static const struct str suffix = STR_INIT(".so");
    struct str name = path;

    for (size_t i = path.len; i > 0; i--) {
        if (path.ptr[i - 1] == '/') {
            name = str_skip(path, i);
            break;
        }
    }
    if (name.len > suffix.len && str_eq(str_skip(name, name.len - suffix.len), suffix))
        name.len -= suffix.len;
    return name;
}

static const struct module_desc *open_object(const char *path, void **object,
                                             const struct script_place *place)
{
    char why[PATH_MAX + 256];
    const struct module_desc *desc = open_module_object(path, object, why, sizeof why);

    if (!desc)
        script_complain(place, "%s", why);
    return desc;
}

static unsigned param_count(const struct module_desc *desc)
{
    unsigned count = 0;

    while (desc->params && desc->params[count].name)
        count++;
    return count;
}

static void set_initial_params(struct module *module)
{
    for (const struct mod_param *p = module->desc->params; p && p->name; p++) {
        char *field = (char *)module->state + p->offset;
        if (p->type == PARAM_INT)
            *(int64_t *)(void *)field = p->initial;
        else if (p->type == PARAM_STR)
            *(struct str *)(void *)field = str_of(p->initial_text);
    }
}

static void destroy_module(struct module *module)
{
    if (!module)
        return;
    arena_fini(&module->arena);
    free(module->state);
    free(module->in_force);
    /* Objects stay mapped: leak checkers and late callbacks still need their text. */
    free(module);
}

static enum err create_module(struct server *server, const struct module_desc *desc, void *object,
                              struct module **out)
{
    struct module *module = calloc(1, sizeof *module);

    if (!module)
        return ERR_NOMEM;
    module->desc = desc;
    module->object = object;
    module->server = server;
    arena_init(&module->arena, NULL, 64 << 20);
    module->state = calloc(1, desc->state_size ? desc->state_size : 1);
    module->in_force = calloc(param_count(desc) + 1, sizeof *module->in_force);
    if (!module->state || !module->in_force) {
        destroy_module(module);
        return ERR_NOMEM;
    }
    set_initial_params(module);
    *out = module;
    return ERR_NONE;
}

/* Has the file loaded it? */
static bool is_read(const struct reading *reading, struct str name)
{
    const struct server *server = reading->server;

    if (reading->is_first)
        return server_find_module(server, name) != NULL;
    for (unsigned i = 0; i < server->module_count; i++)
        if (reading->wanted[i].is_loaded && str_eq(name, str_of(server->modules[i]->desc->name)))
            return true;
    return false;
}

static bool has_what_it_needs(const struct reading *reading, const struct module_desc *desc,
                              const struct script_place *place)
{
    for (const char *const *need = desc->needs; need && *need; need++) {
        if (is_read(reading, str_of(*need)))
            continue;
        if (!foreign_is_loaded(reading, str_of(*need)))
            script_complain(place, "module %s needs %s; load it first", desc->name, *need);
        return false;
    }
    return true;
}

/* A module whose needs are not met is there for the check of its names; it never starts. */
static enum err load_object(struct reading *reading, const char *path,
                            const struct script_place *place)
{
    struct server *server = reading->server;
    const struct module_desc *desc;
    void *object;
    bool is_complete;
    enum err err;

    if (server->module_count == MODULES_MAX)
        return ERR_LIMIT;
    if (!(desc = open_object(path, &object, place)))
        return ERR_SYNTAX;
    is_complete = has_what_it_needs(reading, desc, place);
    if ((err = create_module(server, desc, object, &server->modules[server->module_count])))
        return err;
    server->module_count++;
    return is_complete ? ERR_NONE : ERR_SYNTAX;
}

static enum err complain_twice(struct str name, const struct script_place *place)
{
    script_complain(place, "module " STR_FMT " is loaded twice", STR_ARG(name));
    return ERR_EXISTS;
}

static enum err load_first(struct reading *reading, struct str name,
                           const struct script_place *place)
{
    char object[PATH_MAX];

    if (server_find_module(reading->server, name))
        return complain_twice(name, place);
    if (foreign_is_loaded(reading, name))
        return ERR_NONE;
    if (find_module_object(reading->server->settings.module_path, name, object))
        return load_object(reading, object, place);
    return foreign_load(reading, name, place);
}

/* ---- a later reading ---- */

static const struct newcomer *find_newcomer(const struct reading *reading, struct str name)
{
    const struct newcomer *new = reading->newcomers;

    while (new && !str_eq(new->name, name))
        new = new->next;
    return new;
}

static enum err note_newcomer(struct reading *reading, struct str name,
                              const struct script_place *place)
{
    struct newcomer *new;
    char object[PATH_MAX];

    if (find_newcomer(reading, name))
        return complain_twice(name, place);
    if (foreign_is_loaded(reading, name))
        return ERR_NONE;
    if (!find_module_object(reading->server->settings.module_path, name, object))
        return foreign_load(reading, name, place);
    new = arena_zalloc(reading->arena, sizeof *new);
    if (!new || str_copy(reading->arena, name, &new->name))
        return ERR_NOMEM;
    new->next = reading->newcomers;
    reading->newcomers = new;
    return ERR_NONE;
}

static enum err note_module(struct reading *reading, struct str name,
                            const struct script_place *place)
{
    const struct server *server = reading->server;
    struct wanted *wanted = reading->wanted;

    for (unsigned i = 0; i < server->module_count; i++, wanted++) {
        const struct module_desc *desc = server->modules[i]->desc;

        if (!str_eq(name, str_of(desc->name)))
            continue;
        if (wanted->is_loaded)
            return complain_twice(name, place);
        wanted->is_loaded = true;
        wanted->params = arena_zalloc(reading->arena,
                                      (param_count(desc) + 1) * sizeof *wanted->params);
        if (!wanted->params)
            return ERR_NOMEM;
        return has_what_it_needs(reading, desc, place) ? ERR_NONE : ERR_SYNTAX;
    }
    return note_newcomer(reading, name, place);
}

enum err reading_load_module(struct reading *reading, struct str path,
                             const struct script_place *place)
{
    struct str name = base_name(path);

    return reading->is_first ? load_first(reading, name, place) : note_module(reading, name, place);
}

/* ---- parameters ---- */

static enum err read_int(const struct module *module, const struct mod_param *p,
                         const struct value *value, const struct script_place *place, int64_t *out)
{
    bool is_bounded = p->min != 0 || p->max != 0;
    int64_t number = value->number;

    if (!value->has_number && str_to_int(value->text, INT64_MIN, INT64_MAX, &number)) {
        script_complain(place, "%s.%s needs a number", module->desc->name, p->name);
        return ERR_SYNTAX;
    }
    if (is_bounded && (number < p->min || number > p->max)) {
        script_complain(place, "%s.%s is from %lld to %lld", module->desc->name, p->name,
                        (long long)p->min, (long long)p->max);
        return ERR_RANGE;
    }
    *out = number;
    return ERR_NONE;
}

static enum err set_int(struct module *module, const struct mod_param *p, const struct value *value,
                        const struct script_place *place)
{
    return read_int(module, p, value, place,
                    (int64_t *)(void *)((char *)module->state + p->offset));
}

static enum err set_str(struct module *module, const struct mod_param *p, const struct value *value)
{
    struct str text;
    enum err err = value_to_str(&module->arena, value, &text);

    return err ? err
               : str_copy(&module->arena, text,
                          (struct str *)(void *)((char *)module->state + p->offset));
}

/* Several values of a parameter stand together; the last of a number or text counts. */
static enum err note_value(struct arena *arena, const struct mod_param *p,
                           const struct value *value, struct str *noted)
{
    struct str text;
    enum err err = value_to_str(arena, value, &text);

    if (err)
        return err;
    if (p->type != PARAM_CALL || str_is_empty(*noted))
        return str_print(arena, noted, STR_FMT, STR_ARG(text));
    return str_print(arena, noted, STR_FMT ", " STR_FMT, STR_ARG(*noted), STR_ARG(text));
}

static enum err set_one(struct module *module, const struct mod_param *p, const struct value *value,
                        const struct script_place *place)
{
    enum err err = note_value(&module->arena, p, value,
                              &module->in_force[p - module->desc->params]);

    if (err)
        return err;
    switch (p->type) {
    case PARAM_INT:
        return set_int(module, p, value, place);
    case PARAM_STR:
        return set_str(module, p, value);
    case PARAM_CALL:
        return p->set(module, value, place);
    default:
        log_notice("parameter %s.%s has no effect: %s", module->desc->name, p->name, p->doc);
        return ERR_NONE;
    }
}

static const struct mod_param *find_param(const struct module *module, struct str name)
{
    for (const struct mod_param *p = module->desc->params; p && p->name; p++) {
        if (str_eq(name, str_of(p->name)))
            return p;
    }
    return NULL;
}

static void fail_param(const struct module *module, struct str name,
                       const struct script_place *place)
{
    struct suggestion suggestion;
    char buffer[SUGGESTION_TEXT_MAX];

    suggestion_init(&suggestion, name);
    for (const struct mod_param *p = module->desc->params; p && p->name; p++)
        suggestion_offer(&suggestion, str_of(p->name));
    script_complain(place, "module %s has no parameter \"" STR_FMT "\"%s", module->desc->name,
                    STR_ARG(name), suggestion_text(&suggestion, buffer, sizeof buffer));
}

static struct wanted *find_wanted(struct reading *reading, const struct module *module)
{
    struct wanted *wanted = reading->wanted;

    for (unsigned i = 0; reading->server->modules[i] != module; i++)
        wanted++;
    return wanted;
}

/* Not the first time: the value is only looked at. */
static enum err note_one(struct reading *reading, const struct module *module,
                         const struct mod_param *p, const struct value *value,
                         const struct script_place *place)
{
    struct str *params = find_wanted(reading, module)->params;
    int64_t number;
    enum err err = p->type == PARAM_INT ? read_int(module, p, value, place, &number) : ERR_NONE;

    return err ? err : note_value(reading->arena, p, value, &params[p - module->desc->params]);
}

static enum err set_in_module(struct reading *reading, struct module *module, struct str name,
                              const struct value *value, const struct script_place *place)
{
    const struct mod_param *p = find_param(module, name);

    if (p)
        return reading->is_first ? set_one(module, p, value, place)
                                 : note_one(reading, module, p, value, place);
    fail_param(module, name, place);
    return ERR_NOT_FOUND;
}

static enum err set_matching(struct reading *reading, const struct regex *regex, struct str name,
                             const struct value *value, const struct script_place *place,
                             unsigned *matches)
{
    struct server *server = reading->server;

    for (unsigned i = 0; i < server->module_count; i++) {
        enum err err;

        if (!regex_match(regex, str_of(server->modules[i]->desc->name), NULL) ||
            (!reading->is_first && !reading->wanted[i].is_loaded))
            continue;
        ++*matches;
        if ((err = set_in_module(reading, server->modules[i], name, value, place)))
            return err;
    }
    for (const struct newcomer *new = reading->newcomers; new; new = new->next)
        *matches += regex_match(regex, new->name, NULL);
    return ERR_NONE;
}

enum err reading_set_param(struct reading *reading, struct str modules, struct str name,
                           const struct value *value, const struct script_place *place)
{
    char pattern[256], why[128];
    struct regex *regex;
    unsigned matches = 0;
    enum err err;

    if (snprintf(pattern, sizeof pattern, "^(" STR_FMT ")$", STR_ARG(modules)) >= (int)sizeof pattern ||
        regex_compile(str_of(pattern), REGEX_DEFAULT, &regex, why, sizeof why)) {
        script_complain(place, "\"" STR_FMT "\" is no regular expression for module names",
                        STR_ARG(modules));
        return ERR_SYNTAX;
    }
    err = set_matching(reading, regex, name, value, place, &matches);
    matches += foreign_matches(reading, regex);
    regex_destroy(regex);
    if (err || matches > 0)
        return err;
    script_complain(place, "no module \"" STR_FMT "\" is loaded; write its loadmodule line first",
                    STR_ARG(modules));
    return ERR_NOT_FOUND;
}

/* ---- parameters that a reload changes ---- */

enum err param_text(struct arena *arena, const struct mod_param *param, struct str said,
                    struct str *out)
{
    *out = said.ptr ? said : str_of(param->initial_text);
    if (said.ptr || param->type != PARAM_INT)
        return ERR_NONE;
    return str_print(arena, out, "%lld", (long long)param->initial);
}

enum err module_keep_text(struct module *module, struct str text, struct str *out)
{
    struct kept_text *kept = module->kept;

    while (kept && !str_eq(kept->text, text))
        kept = kept->next;
    if (!kept) {
        kept = arena_zalloc(&module->arena, sizeof *kept);
        if (!kept || str_print(&module->arena, &kept->text, STR_FMT, STR_ARG(text)))
            return ERR_NOMEM;
        kept->next = module->kept;
        module->kept = kept;
    }
    *out = kept->text;
    return ERR_NONE;
}

void module_set_live(struct module *module, const struct mod_param *param, struct str text)
{
    char *field = (char *)module->state + param->offset;

    module->in_force[param - module->desc->params] = text;
    if (param->type == PARAM_INT)
        (void)!str_to_int(text, INT64_MIN, INT64_MAX, (int64_t *)(void *)field);
    else
        *(struct str *)(void *)field = text;
    if (module->desc->changed)
        module->desc->changed(module);
}

/* ---- start and stop ---- */

enum err server_start_modules(struct server *server)
{
    for (unsigned i = 0; i < server->module_count; i++) {
        struct module *module = server->modules[i];
        enum err err = module->desc->start ? module->desc->start(module) : ERR_NONE;

        if (err) {
            log_error("module %s could not start: %s", module->desc->name, err_name(err));
            return err;
        }
        module->is_started = true;
    }
    return ERR_NONE;
}

void server_unload_modules(struct server *server)
{
    for (unsigned i = server->module_count; i > 0; i--) {
        struct module *module = server->modules[i - 1];
        if (module->is_started && module->desc->stop)
            module->desc->stop(module);
    }
    for (unsigned i = server->module_count; i > 0; i--)
        destroy_module(server->modules[i - 1]);
    server->module_count = 0;
}
