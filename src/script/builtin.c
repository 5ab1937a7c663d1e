/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of the language itself. All others are the host's and the modules'. */
#include <stdlib.h>

#include "script/avp_alias.h"
#include "script/report.h"
#include "script/vm.h"
#include "script/xavp_variable.h"

/* ---- $var(name): kept by the worker from message to message, 0 at first ---- */

static struct var_slot *find_slot(const struct program *program, struct str name)
{
    for (unsigned i = 0; i < program->var_count; i++)
        if (str_eq(program->vars[i]->name, name))
            return program->vars[i];
    return NULL;
}

static struct var_slot *add_slot(struct unit *unit, struct str name)
{
    struct program *program = unit->program;
    struct var_slot *slot = unit_alloc(unit, unit->keep, sizeof *slot);

    if (!slot ||
        !unit_reserve(unit, unit->keep, &program->vars, program->var_count, sizeof *program->vars))
        return NULL;
    *slot = (struct var_slot){ .name = unit_copy(unit, unit->keep, name), .index = program->var_count };
    program->vars[program->var_count++] = slot;
    return slot;
}

/* Texts of modules have no program: they find the slot by its name when they run. */
static enum err prepare_var(struct module *module, struct str inner,
                            const struct script_place *place, const void **out)
{
    struct unit *unit = place->unit;
    struct var_slot *slot;

    (void)module;
    if (!unit->program)
        return ERR_NONE;
    slot = find_slot(unit->program, inner);
    if (!slot)
        slot = add_slot(unit, inner);
    *out = slot;
    return slot ? ERR_NONE : ERR_NOMEM;
}

static struct value *var_of(const struct variable_use *use)
{
    const struct script_vm *vm = use->run->vm;
    const struct var_slot *slot = use->object;

    if (!vm || !vm->locals->vars)
        return NULL;
    if (!slot)
        slot = find_slot(vm->program, use->inner);
    return slot ? &vm->locals->vars[slot->index] : NULL;
}

/* The text is copied: another message may change the variable while this one waits. */
static enum err get_var(const struct variable_use *use, struct value *out)
{
    const struct value *var = var_of(use);

    *out = var ? *var : value_of_int(0);
    if (value_is_null(out))
        *out = value_of_int(0);
    return out->has_text ? str_copy(use->run->arena, out->text, &out->text) : ERR_NONE;
}

static void clear_var(struct value *var)
{
    if (var->has_text)
        free((void *)(uintptr_t)var->text.ptr);
    *var = value_null();
}

static enum err copy_into(struct value *var, const struct value *value)
{
    struct value copy = *value;
    char *bytes;

    if (copy.has_text) {
        bytes = malloc(copy.text.len + 1);
        if (!bytes)
            return ERR_NOMEM;
        if (copy.text.len)
            memcpy(bytes, copy.text.ptr, copy.text.len);
        copy.text.ptr = bytes;
    }
    clear_var(var);
    *var = value_is_null(&copy) ? value_of_int(0) : copy;
    return ERR_NONE;
}

static enum err set_var(const struct variable_use *use, const struct value *value)
{
    struct value *var = var_of(use);

    return var ? copy_into(var, value) : ERR_NOT_FOUND;
}

void builtin_set_first(struct unit *unit, struct span span, struct str text)
{
    struct var_slot *slot;
    struct value first;
    struct str name;

    if (value_parse_named(text, &name, &first)) {
        report_error(unit, span, "\"" STR_FMT "\" sets no variable; write name=i:1 or name=s:text",
                     STR_ARG(text));
        return;
    }
    slot = find_slot(unit->program, name);
    if (!slot && !(slot = add_slot(unit, name)))
        return;
    slot->first = first;
    if (first.has_text)
        slot->first.text = unit_copy(unit, unit->keep, first.text);
}

enum err script_vars_init(const struct program *program, struct value *vars)
{
    enum err err = ERR_NONE;

    for (unsigned i = 0; i < program->var_count && !err; i++)
        if (!value_is_null(&program->vars[i]->first))
            err = copy_into(&vars[program->vars[i]->index], &program->vars[i]->first);
    return err;
}

void script_vars_carry(const struct program *from, const struct value *vars,
                       const struct program *to, struct value *out)
{
    for (unsigned i = 0; i < from->var_count; i++) {
        const struct var_slot *slot = find_slot(to, from->vars[i]->name);

        if (slot)
            (void)!copy_into(&out[slot->index], &vars[from->vars[i]->index]);
    }
}

void script_vars_fini(struct value *vars, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        clear_var(&vars[i]);
}

/* ---- $avp(name): a stack of values with the request ---- */

static const struct avp_alias *find_alias(const struct program *program, struct str text)
{
    for (const struct avp_alias *alias = program ? program->aliases : NULL; alias;
         alias = alias->next)
        if (str_ieq(alias->alias, text))
            return alias;
    return NULL;
}

/* name = alias | "i:" number | "s:" text | text (Kamailio) */
static enum err prepare_avp(struct module *module, struct str inner,
                            const struct script_place *place, const void **out)
{
    struct unit *unit = place->unit;
    const struct avp_alias *alias = find_alias(unit->program, inner);
    struct avp_name *name = unit_alloc(unit, unit->keep, sizeof *name);

    (void)module;
    if (!name)
        return ERR_NOMEM;
    *out = name;
    if (alias) {
        *name = alias->name;
        return ERR_NONE;
    }
    if (avp_name_parse(inner, name) || (unit->dialect->plain_avps && !name->is_number))
        return ERR_NONE;
    if (!unit->program && !name->is_number) {
        *out = NULL; /* perhaps an alias: known when it runs */
        return ERR_NONE;
    }
    script_complain(place,
                    name->is_number ? "\"" STR_FMT "\" is no number of an AVP"
                                    : "\"" STR_FMT
                                      "\" is no alias of an AVP; write s:name or i:number",
                    STR_ARG(inner));
    return ERR_SYNTAX;
}

static enum err avp_name_of(const struct variable_use *use, struct avp_name *out)
{
    const struct script_vm *vm = use->run->vm;
    const struct avp_alias *alias;

    if (use->object) {
        *out = *(const struct avp_name *)use->object;
        return ERR_NONE;
    }
    alias = find_alias(vm ? vm->program : NULL, use->inner);
    if (alias)
        *out = alias->name;
    else if (!avp_name_parse(use->inner, out) && out->is_number)
        return ERR_SYNTAX;
    return ERR_NONE;
}

static unsigned count_avps(const struct avps *avps, const struct avp_name *name)
{
    unsigned count = 0;

    for (const struct avp *avp = avp_find(avps, name, NULL); avp; avp = avp_find(avps, name, avp))
        count++;
    return count;
}

static enum err append_text(struct arena *arena, struct str *text, const char *separator,
                            const struct value *value)
{
    struct str more;
    enum err err = value_to_str(arena, value, &more);

    return err ? err
               : str_print(arena, text, STR_FMT "%s" STR_FMT, STR_ARG(*text), separator,
                           STR_ARG(more));
}

/* [*]: all values, newest first. */
static enum err join_avps(const struct variable_use *use, const struct avp_name *name,
                          struct value *out)
{
    const struct avps *avps = &use->run->request->avps;
    struct str text = STR("");
    enum err err = ERR_NONE;
    const struct avp *avp = avp_find(avps, name, NULL);

    if (!avp)
        return ERR_NONE;
    for (bool is_first = true; avp && !err; avp = avp_find(avps, name, avp), is_first = false)
        err = append_text(use->run->arena, &text, is_first ? "" : ", ", &avp->value);
    if (!err)
        *out = value_of_str(text);
    return err;
}

static enum err get_avp(const struct variable_use *use, struct value *out)
{
    const struct avps *avps = &use->run->request->avps;
    struct avp_name name;
    const struct avp *avp;
    enum err err = avp_name_of(use, &name);
    int64_t index = use->index;

    if (err)
        return err;
    if (use->is_all)
        return join_avps(use, &name, out);
    if (index < 0 && use->run->vm && !use->run->vm->program->dialect->has_rich_expressions)
        index += count_avps(avps, &name);
    avp = index < 0 ? NULL : avp_find(avps, &name, NULL);
    while (avp && index-- > 0)
        avp = avp_find(avps, &name, avp);
    if (avp)
        *out = avp->value;
    return ERR_NONE;
}

bool variable_is_avp(const struct variable_ref *ref)
{
    return ref->row->get == get_avp && !ref->transforms;
}

bool variable_avp(struct run *run, const struct variable_ref *ref, struct avp_name *out)
{
    struct variable_use use = { .run = run, .inner = ref->inner, .object = ref->object };

    if (!variable_is_avp(ref))
        return false;
    if (ref->inner_format && format_text(run, ref->inner_format, &use.inner))
        return false;
    return !avp_name_of(&use, out);
}

/* '=' adds on top; := and [*] replace all; null removes the newest, or all. */
static enum err set_avp(const struct variable_use *use, const struct value *value)
{
    struct request *request = use->run->request;
    bool all = use->replaces || use->is_all;
    struct avp_name name;
    enum err err = avp_name_of(use, &name);

    if (err)
        return err;
    if (value_is_null(value) || all)
        avp_remove(&request->avps, &name, all);
    if (value_is_null(value))
        return ERR_NONE;
    return avp_add(&request->avps, &request->arena, &name, value);
}

/* ---- $vn(name): $var(name) that may be null ---- */

static enum err get_vn(const struct variable_use *use, struct value *out)
{
    const struct value *var = var_of(use);

    *out = var ? *var : value_null();
    return out->has_text ? str_copy(use->run->arena, out->text, &out->text) : ERR_NONE;
}

static enum err set_vn(const struct variable_use *use, const struct value *value)
{
    struct value *var = var_of(use);

    if (!value_is_null(value))
        return set_var(use, value);
    if (!var)
        return ERR_NOT_FOUND;
    clear_var(var);
    return ERR_NONE;
}

/* ---- $cnt($avp(x)): how many values ---- */

static enum err get_cnt(const struct variable_use *use, struct value *out)
{
    const struct variable_ref *ref = use->object;
    struct str kind = str_of(ref->row->name), inner = ref->inner;
    struct avp_name name;
    int64_t count = 0;
    enum err err = ERR_NONE;

    if (ref->inner_format)
        err = format_text(use->run, ref->inner_format, &inner);
    if (!err && variable_avp(use->run, ref, &name))
        count = count_avps(&use->run->request->avps, &name);
    else if (!err && str_eq(kind, STR("hdr")))
        count = sip_msg_count_name(use->run->msg, inner);
    else if (!err && !xavp_count_of(use->run, kind, inner, &count))
        err = ERR_UNSUPPORTED;
    *out = value_of_int(count);
    return err;
}

/* ---- $_s(text): the text with its variables ---- */

static enum err get_text(const struct variable_use *use, struct value *out)
{
    *out = value_of_str(use->inner);
    return ERR_NONE;
}

/* ---- $cfg(what): where in the script ---- */

bool run_place(const struct run *run, struct str *file, unsigned *line)
{
    const struct script_vm *vm = run->vm;
    const struct line_mark *mark;

    if (!vm || !vm->frame)
        return false;
    mark = program_mark(vm->program, vm->frame->at ? vm->frame->at - 1 : 0);
    *file = mark->file;
    *line = mark->line;
    return true;
}

static enum err get_cfg(const struct variable_use *use, struct value *out)
{
    const struct script_vm *vm = use->run->vm;
    const struct frame *frame = vm ? vm->frame : NULL;
    unsigned line = 0;
    struct str file;
    bool is_known = run_place(use->run, &file, &line);

    if (is_known && str_eq(use->inner, STR("line")))
        *out = value_of_int(line);
    else if (is_known && (str_eq(use->inner, STR("file")) || str_eq(use->inner, STR("name"))))
        *out = value_of_str(file);
    else if (is_known && str_eq(use->inner, STR("route")))
        *out = value_of_str(frame->route->name.len ? frame->route->name : STR("DEFAULT_ROUTE"));
    return ERR_NONE;
}

/* ---- $rc, $null, $$ ---- */

static enum err get_rc(const struct variable_use *use, struct value *out)
{
    *out = value_of_int(use->run->retcode);
    return ERR_NONE;
}

static enum err get_null(const struct variable_use *use, struct value *out)
{
    (void)use;
    *out = value_null();
    return ERR_NONE;
}

static enum err get_dollar(const struct variable_use *use, struct value *out)
{
    (void)use;
    *out = value_of_str(STR("$"));
    return ERR_NONE;
}

static enum err get_true(const struct variable_use *use, struct value *out)
{
    (void)use;
    *out = value_of_int(1);
    return ERR_NONE;
}

/* ---- $def(name), $env(name): known when the script is compiled ---- */

static enum err prepare_constant(struct unit *unit, struct str text, const void **out)
{
    struct value *value = unit_alloc(unit, unit->keep, sizeof *value);

    if (!value)
        return ERR_NOMEM;
    *value = value_of_str(unit_copy(unit, unit->keep, text));
    *out = value;
    return ERR_NONE;
}

static enum err prepare_def(struct module *module, struct str inner,
                            const struct script_place *place, const void **out)
{
    const struct define *define = unit_find_define(place->unit, inner);
    struct str value = define ? define->value : (struct str){ 0 };

    (void)module;
    if (!define)
        return ERR_NONE;
    if (value.len > 1 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
        value = (struct str){ value.ptr + 1, value.len - 2 };
    return prepare_constant(place->unit, value, out);
}

static enum err prepare_env(struct module *module, struct str inner,
                            const struct script_place *place, const void **out)
{
    struct str name;
    const char *value;

    (void)module;
    if (str_print(&place->unit->scratch, &name, STR_FMT, STR_ARG(inner)))
        return ERR_NOMEM;
    value = getenv(name.ptr);
    return value ? prepare_constant(place->unit, str_of(value), out) : ERR_NONE;
}

static enum err get_constant(const struct variable_use *use, struct value *out)
{
    if (use->object)
        *out = *(const struct value *)use->object;
    return ERR_NONE;
}

static enum err get_constant_number(const struct variable_use *use, struct value *out)
{
    const struct value *value = use->object;
    int64_t number = 0;

    if (value && str_to_int(value->text, INT64_MIN, INT64_MAX, &number))
        number = 0;
    *out = value_of_int(number);
    return ERR_NONE;
}

static enum err get_env_number(const struct variable_use *use, struct value *out)
{
    return use->object ? get_constant_number(use, out) : ERR_NONE;
}

static const struct mod_variable builtins[] = {
    { "var", INNER_NEEDED, get_var, set_var, prepare_var,
      "A variable of the worker: keeps its value from message to message, 0 at first." },
    { "vz", INNER_NEEDED, get_var, set_var, prepare_var, "The same as $var()." },
    { "vn", INNER_NEEDED, get_vn, set_vn, prepare_var,
      "A variable of the worker that may be null, which it is at first." },
    { "cnt", INNER_VARIABLE, get_cnt, NULL, NULL, "How many values an AVP, xavp or header has." },
    { "_s", INNER_NEEDED, get_text, NULL, NULL, "A text with variables in it." },
    { "avp", INNER_NEEDED, get_avp, set_avp, prepare_avp,
      "A value kept with the request; assigning adds one on top." },
    { "cfg", INNER_NEEDED, get_cfg, NULL, NULL,
      "Where in the script this is: line, file, name, route." },
    { "rc", INNER_NONE, get_rc, NULL, NULL, "What the last command answered." },
    { "retcode", INNER_NONE, get_rc, NULL, NULL, "What the last command answered." },
    { "?", INNER_NONE, get_rc, NULL, NULL, "What the last command answered." },
    { "null", INNER_NONE, get_null, NULL, NULL, "No value at all." },
    { "true", INNER_NONE, get_true, NULL, NULL, "The number 1." },
    { "$", INNER_NONE, get_dollar, NULL, NULL, "The character $." },
    { "def", INNER_NEEDED, get_constant, NULL, prepare_def, "The value of a #!define." },
    { "defn", INNER_NEEDED, get_constant_number, NULL, prepare_def,
      "The value of a #!define as a number." },
    { "env", INNER_NEEDED, get_constant, NULL, prepare_env, "An environment variable." },
    { "envn", INNER_NEEDED, get_env_number, NULL, prepare_env,
      "An environment variable as a number." },
    { 0 },
};

void builtin_tables(const struct mod_variable *tables[static 3])
{
    tables[0] = builtins;
    tables[1] = xavp_variables;
    tables[2] = NULL;
}

const struct mod_variable *builtin_find(struct str name)
{
    for (const struct mod_variable *row = builtins; row->name; row++)
        if (str_eq(str_of(row->name), name))
            return row;
    for (const struct mod_variable *row = xavp_variables; row->name; row++)
        if (str_eq(str_of(row->name), name))
            return row;
    return NULL;
}

void builtin_each(void (*visit)(void *visitor, struct str name), void *visitor)
{
    for (const struct mod_variable *row = builtins; row->name; row++)
        visit(visitor, str_of(row->name));
    for (const struct mod_variable *row = xavp_variables; row->name; row++)
        visit(visitor, str_of(row->name));
}
