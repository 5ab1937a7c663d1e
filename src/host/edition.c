/* SPDX-License-Identifier: Apache-2.0 */
#include "host/edition.h"

#include <stdlib.h>

#include "host/host.h"

static uint16_t event_route(const struct edition *edition, const char *name)
{
    return program_route(edition->program, STAGE_EVENT, str_of(name));
}

static void find_routes(struct edition *edition)
{
    const struct program *program = edition->program;

    edition->main_route = program_route(program, STAGE_REQUEST, STR(""));
    edition->reply_route = program_route(program, STAGE_CORE_REPLY, STR(""));
    edition->onsend_route = program_route(program, STAGE_ONSEND, STR(""));
    edition->local_route = program_route(program, STAGE_LOCAL, STR(""));
    edition->dialog_routes[DIALOG_STARTED] = event_route(edition, "dialog:start");
    edition->dialog_routes[DIALOG_FINISHED] = event_route(edition, "dialog:end");
    edition->dialog_routes[DIALOG_FAILED] = event_route(edition, "dialog:failed");
}

static enum err compile_log_prefix(struct edition *edition, const struct script_host *host)
{
    struct str text = edition->settings->log_prefix;

    return str_is_empty(text) ? ERR_NONE
                              : script_format(host, program_dialect(edition->program),
                                              &edition->arena, text, &edition->log_prefix);
}

/* Nobody wants to forbid everything: 0 and less are as usual. */
static unsigned budget_of(int64_t number, unsigned usual)
{
    return number <= 0 ? usual : number > INT32_MAX ? INT32_MAX : (unsigned)number;
}

static void set_budget(struct edition *edition)
{
    const struct settings *settings = edition->settings;

    edition->budget = (struct script_budget){
        .steps = budget_of(settings->script_max_steps, 100000),
        .depth = (unsigned)settings->max_recursion,
        .loop_turns = (unsigned)settings->max_while_loops,
        .memory = budget_of(settings->script_max_memory, 262144),
    };
}

static void destroy(struct edition *edition)
{
    if (edition->count)
        counter_add(edition->count, -1);
    program_unref(edition->program);
    arena_fini(&edition->arena);
    if (edition->owns_settings) {
        settings_fini(edition->settings);
        free(edition->settings);
    }
    free(edition);
}

enum err edition_create(const struct script_host *host, struct program *program,
                        struct settings *settings, bool owns_settings, struct edition **out)
{
    struct edition *edition = calloc(1, sizeof *edition);
    enum err err;

    if (!edition)
        return ERR_NOMEM;
    atomic_init(&edition->refs, 1);
    arena_init(&edition->arena, NULL, 1 << 20);
    edition->settings = settings;
    edition->program = program;
    if ((err = compile_log_prefix(edition, host))) {
        edition->program = NULL;
        destroy(edition);
        return err;
    }
    edition->owns_settings = owns_settings;
    find_routes(edition);
    set_budget(edition);
    *out = edition;
    return ERR_NONE;
}

void edition_enter(struct edition *edition, unsigned number, struct counter *count)
{
    edition->number = number;
    edition->count = count;
    counter_add(count, 1);
}

struct edition *edition_ref(struct edition *edition)
{
    atomic_fetch_add_explicit(&edition->refs, 1, memory_order_relaxed);
    return edition;
}

void edition_unref(struct edition *edition)
{
    if (edition && atomic_fetch_sub_explicit(&edition->refs, 1, memory_order_acq_rel) == 1)
        destroy(edition);
}

/* ---- copies ---- */

enum err edition_copy_create(struct edition *edition, struct edition_copy **out)
{
    struct edition_copy *copy = calloc(1, sizeof *copy);

    if (!copy)
        return ERR_NOMEM;
    copy->locals.vars = calloc(program_var_count(edition->program) + 1, sizeof *copy->locals.vars);
    if (!copy->locals.vars || script_vars_init(edition->program, copy->locals.vars)) {
        if (copy->locals.vars)
            script_vars_fini(copy->locals.vars, program_var_count(edition->program));
        free(copy->locals.vars);
        free(copy);
        return ERR_NOMEM;
    }
    copy->refs = 1;
    copy->edition = edition_ref(edition);
    *out = copy;
    return ERR_NONE;
}

enum err edition_copy_profile(struct edition_copy *copy, script_clock_fn *clock, void *context)
{
    struct script_profile *profile;
    enum err err = script_profile_create(copy->edition->program, clock, context, &profile);

    if (err)
        return err;
    edition_copy_stop_profile(copy);
    copy->locals.profile = profile;
    return ERR_NONE;
}

void edition_copy_stop_profile(struct edition_copy *copy)
{
    script_profile_destroy(copy->locals.profile);
    copy->locals.profile = NULL;
}

struct edition_copy *edition_copy_ref(struct edition_copy *copy)
{
    copy->refs++;
    return copy;
}

void edition_copy_unref(struct edition_copy *copy)
{
    if (!copy || --copy->refs)
        return;
    script_vars_fini(copy->locals.vars, program_var_count(copy->edition->program));
    free(copy->locals.vars);
    edition_copy_stop_profile(copy);
    edition_unref(copy->edition);
    free(copy);
}
