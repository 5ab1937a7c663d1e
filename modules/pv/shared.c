/* SPDX-License-Identifier: Apache-2.0 */
/* $shv(name): one value for all workers. The names are those that the script has. */
#include "pv.h"

#include <pthread.h>
#include <stdlib.h>

struct shared_var {
    struct shared_var *next;
    char *name;
    size_t name_length;
    int64_t number;
    char *text; /* NULL: the number counts */
    size_t length;
};

struct shared_vars {
    pthread_mutex_t lock;
    struct shared_var *first;
    unsigned count;
};

enum {
    SHARED_MAX = 4096, /* names; a script may make them up as it runs */
};

enum err shared_vars_create(struct shared_vars **out)
{
    struct shared_vars *vars = calloc(1, sizeof *vars);

    if (!vars)
        return ERR_NOMEM;
    pthread_mutex_init(&vars->lock, NULL);
    *out = vars;
    return ERR_NONE;
}

static void free_var(struct shared_var *var)
{
    free(var->name);
    free(var->text);
    free(var);
}

void shared_vars_destroy(struct shared_vars *vars)
{
    struct shared_var *next;

    if (!vars)
        return;
    for (struct shared_var *var = vars->first; var; var = next) {
        next = var->next;
        free_var(var);
    }
    pthread_mutex_destroy(&vars->lock);
    free(vars);
}

static struct shared_var *find(const struct shared_vars *vars, struct str name)
{
    for (struct shared_var *var = vars->first; var; var = var->next) {
        if (str_eq((struct str){ var->name, var->name_length }, name))
            return var;
    }
    return NULL;
}

static bool copy_text(char **out, struct str text)
{
    *out = malloc(text.len + 1);
    if (*out && text.len)
        memcpy(*out, text.ptr, text.len);
    return *out;
}

static struct shared_var *make(struct shared_vars *vars, struct str name)
{
    struct shared_var *var = vars->count < SHARED_MAX ? calloc(1, sizeof *var) : NULL;

    if (!var || !copy_text(&var->name, name)) {
        free(var);
        return NULL;
    }
    var->name_length = name.len;
    var->next = vars->first;
    vars->first = var;
    vars->count++;
    return var;
}

/* Null is an empty text. */
static enum err assign(struct shared_var *var, const struct value *value)
{
    char *text = NULL;

    if (!value->is_int && !copy_text(&text, value->text))
        return ERR_NOMEM;
    free(var->text);
    var->text = text;
    var->length = value->is_int ? 0 : value->text.len;
    var->number = value->number;
    return ERR_NONE;
}

static enum err store(struct shared_vars *vars, struct str name, const struct value *value)
{
    struct shared_var *var;
    enum err err;

    pthread_mutex_lock(&vars->lock);
    var = find(vars, name);
    if (!var)
        var = make(vars, name);
    err = var ? assign(var, value) : ERR_EXHAUSTED;
    pthread_mutex_unlock(&vars->lock);
    return err;
}

/* The text is copied: another worker may change it. */
static enum err load(struct shared_vars *vars, struct str name, struct arena *arena,
                     struct value *out)
{
    const struct shared_var *var;
    struct str text;
    enum err err = ERR_NONE;

    *out = value_of_int(0);
    pthread_mutex_lock(&vars->lock);
    var = find(vars, name);
    if (var && var->text) {
        err = str_copy(arena, (struct str){ var->text, var->length }, &text);
        *out = value_of_str(text);
    } else if (var) {
        *out = value_of_int(var->number);
    }
    pthread_mutex_unlock(&vars->lock);
    return err;
}

enum err pv_get_shv(const struct variable_use *use, struct value *out)
{
    const struct pv *pv = module_state(use->module);

    return load(pv->shared, use->inner, use->run->arena, out);
}

enum err pv_set_shv(const struct variable_use *use, const struct value *value)
{
    const struct pv *pv = module_state(use->module);

    return store(pv->shared, use->inner, value);
}

enum err pv_set_shared(struct module *module, const struct value *value,
                       const struct script_place *place)
{
    struct pv *pv = module_state(module);
    struct value initial;
    struct str name;
    enum err err = pv->shared ? ERR_NONE : shared_vars_create(&pv->shared);

    if (err)
        return err;
    if (value_parse_named(value->text, &name, &initial)) {
        script_complain(place, "\"" STR_FMT "\" sets no variable; write name=i:1 or name=s:text",
                        STR_ARG(value->text));
        return ERR_SYNTAX;
    }
    return store(pv->shared, name, &initial);
}
