/* SPDX-License-Identifier: Apache-2.0 */
/* Loading modules, filling their parameters, starting and stopping them. */
#include "host/host.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/core.h"

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

/* The folder of the running program, where `make` leaves modules/. */
static bool program_folder(char *buffer, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", buffer, size - 1);
    char *slash;

    if (length <= 0)
        return false;
    buffer[length] = '\0';
    slash = strrchr(buffer, '/');
    if (slash)
        *slash = '\0';
    return slash != NULL;
}

/* Looks for folder/name.so and folder/modules/name.so; path is the one that exists. */
static bool find_in_folder(struct str folder, struct str name, char path[static PATH_MAX])
{
    static const char *const between[] = { "", "modules/" };

    for (size_t i = 0; i < sizeof between / sizeof between[0]; i++) {
        int length = snprintf(path, PATH_MAX, STR_FMT "/%s" STR_FMT ".so", STR_ARG(folder), between[i],
                              STR_ARG(name));
        if (length > 0 && length < PATH_MAX && access(path, R_OK) == 0)
            return true;
    }
    return false;
}

static bool find_object(const struct server *server, struct str name, char path[static PATH_MAX])
{
    struct str rest = server->settings.module_path, folder;
    char own[PATH_MAX];

    if (program_folder(own, sizeof own) && find_in_folder(str_of(own), name, path))
        return true;
    while (!str_is_empty(rest)) {
        if (!str_split(rest, ':', &folder, &rest)) {
            folder = rest;
            rest = (struct str){ 0 };
        }
        if (find_in_folder(folder, name, path))
            return true;
    }
    return find_in_folder(STR(CULVERT_MODULE_FOLDER), name, path);
}

static const struct module_desc *open_object(const char *path, void **object,
                                             const struct script_place *place)
{
    const struct module_desc *desc;

    *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!*object) {
        script_complain(place, "cannot load %s: %s", path, dlerror());
        return NULL;
    }
    desc = dlsym(*object, "culvert_module");
    if (desc && desc->abi == MODULE_ABI)
        return desc;
    script_complain(place, "%s %s", path,
                    desc ? "was built for another version of culvert; build it again"
                         : "is no culvert module");
    dlclose(*object);
    return NULL;
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
    free(module->is_set);
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
    module->is_set = calloc(param_count(desc) + 1, sizeof *module->is_set);
    if (!module->state || !module->is_set) {
        destroy_module(module);
        return ERR_NOMEM;
    }
    set_initial_params(module);
    *out = module;
    return ERR_NONE;
}

static bool has_what_it_needs(const struct server *server, const struct module_desc *desc,
                              const struct script_place *place)
{
    for (const char *const *need = desc->needs; need && *need; need++) {
        if (!server_find_module(server, str_of(*need))) {
            script_complain(place, "module %s needs %s; load it first", desc->name, *need);
            return false;
        }
    }
    return true;
}

static enum err load_object(struct server *server, struct str name, const struct script_place *place)
{
    const struct module_desc *desc;
    char path[PATH_MAX];
    void *object;
    enum err err;

    if (!find_object(server, name, path)) {
        script_complain(place, "there is no module \"" STR_FMT "\"", STR_ARG(name));
        return ERR_NOT_FOUND;
    }
    desc = open_object(path, &object, place);
    if (!desc || !has_what_it_needs(server, desc, place))
        return ERR_SYNTAX;
    if ((err = create_module(server, desc, object, &server->modules[server->module_count])))
        return err;
    server->module_count++;
    return ERR_NONE;
}

enum err server_load_module(struct server *server, struct str path, const struct script_place *place)
{
    struct str name = base_name(path);
    const char *notice = module_notice(name);

    if (notice) {
        log_notice("module " STR_FMT ": %s", STR_ARG(name), notice);
        return ERR_NONE;
    }
    if (server_find_module(server, name)) {
        script_complain(place, "module " STR_FMT " is loaded twice", STR_ARG(name));
        return ERR_EXISTS;
    }
    if (server->module_count == MODULES_MAX)
        return ERR_LIMIT;
    return load_object(server, name, place);
}

/* ---- parameters ---- */

static enum err set_int(struct module *module, const struct mod_param *p, const struct value *value,
                        const struct script_place *place)
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
    *(int64_t *)(void *)((char *)module->state + p->offset) = number;
    return ERR_NONE;
}

static enum err set_str(struct module *module, const struct mod_param *p, const struct value *value)
{
    struct str text;
    enum err err = value_to_str(&module->arena, value, &text);

    return err ? err
               : str_copy(&module->arena, text,
                          (struct str *)(void *)((char *)module->state + p->offset));
}

static enum err set_one(struct module *module, const struct mod_param *p, const struct value *value,
                        const struct script_place *place)
{
    module->is_set[p - module->desc->params] = true;
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

static enum err set_in_module(struct module *module, struct str name, const struct value *value,
                              const struct script_place *place)
{
    const struct mod_param *p = find_param(module, name);

    if (p)
        return set_one(module, p, value, place);
    script_complain(place, "module %s has no parameter \"" STR_FMT "\"", module->desc->name,
                    STR_ARG(name));
    return ERR_NOT_FOUND;
}

/* The names in a regex such as "mysql|^usrloc$" that load as a notice only. */
static bool names_only_notices(struct str modules)
{
    struct str rest = modules, one;

    while (!str_is_empty(rest)) {
        if (!str_split(rest, '|', &one, &rest)) {
            one = rest;
            rest = (struct str){ 0 };
        }
        while (one.len && (*one.ptr == '^' || *one.ptr == '('))
            one = str_skip(one, 1);
        while (one.len && (one.ptr[one.len - 1] == '$' || one.ptr[one.len - 1] == ')'))
            one.len--;
        if (!module_notice(one))
            return false;
    }
    return true;
}

static enum err set_matching(struct server *server, const struct regex *regex, struct str name,
                             const struct value *value, const struct script_place *place,
                             unsigned *matches)
{
    for (unsigned i = 0; i < server->module_count; i++) {
        enum err err;

        if (!regex_match(regex, str_of(server->modules[i]->desc->name), NULL))
            continue;
        ++*matches;
        if ((err = set_in_module(server->modules[i], name, value, place)))
            return err;
    }
    return ERR_NONE;
}

enum err server_set_param(struct server *server, struct str modules, struct str name,
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
    err = set_matching(server, regex, name, value, place, &matches);
    regex_destroy(regex);
    if (err || matches > 0 || names_only_notices(modules))
        return err;
    script_complain(place, "no module \"" STR_FMT "\" is loaded; write its loadmodule line first",
                    STR_ARG(modules));
    return ERR_NOT_FOUND;
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
