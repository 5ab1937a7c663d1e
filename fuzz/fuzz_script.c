/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A script is either refused with a message, or compiles into a program that passes the verifier
 * and whose runs end, each exactly once. The first byte chooses the dialect and what commands
 * answer.
 */
#include "fuzz.h"

#include <culvert/log.h>

#include "script/script.h"

enum {
    VARS_MAX = 256,
    MEMORY_MAX = 1 << 20, /* of one run */
};

/* What a host says and hears. */
struct stage_hand {
    unsigned reports;
    unsigned done;
    enum verdict answer;
};

static struct stage_hand *hand_of(const struct run *run)
{
    return (struct stage_hand *)run->worker; /* nothing else looks at it */
}

/* ---- commands: any name, any arguments ---- */

static enum verdict run_any(struct call *call)
{
    return hand_of(call->run)->answer;
}

static const struct mod_function functions[] = {
    { .name = "any", .run = run_any, .takes = { ARG_FMT, ARG_FMT, ARG_FMT }, .stages = STAGE_ANY },
    { .name = "number", .run = run_any, .takes = { ARG_INT, ARG_FLAGS }, .stages = STAGE_ANY },
    { .name = "pattern", .run = run_any, .takes = { ARG_RE, ARG_STR }, .stages = STAGE_ANY },
    { .name = "variable", .run = run_any, .takes = { ARG_VAR }, .stages = STAGE_ANY },
    { .name = "arm",
      .run = run_any,
      .takes = { ARG_ROUTE },
      .stages = STAGE_ANY,
      .route_stage = STAGE_FAILURE },
    { .name = "early", .run = run_any, .takes = { ARG_STR }, .stages = STAGE_REQUEST },
};

static const struct mod_function *find_function(void *context, struct str name, unsigned arg_count,
                                                struct module **module)
{
    size_t count = sizeof functions / sizeof *functions;

    (void)context;
    *module = NULL;
    for (size_t i = 1; i < count; i++)
        if (str_eq(str_of(functions[i].name), name))
            return arg_count <= 1 ? &functions[i] : NULL;
    return arg_count <= 3 ? &functions[0] : NULL;
}

/* ---- variables ---- */

static enum err get_text(const struct variable_use *use, struct value *out)
{
    (void)use;
    *out = value_of_str(STR("sip:bob@example.com:5060;transport=tcp"));
    return ERR_NONE;
}

static enum err get_number(const struct variable_use *use, struct value *out)
{
    (void)use;
    *out = value_of_both(STR("5060"), 5060);
    return ERR_NONE;
}

static enum err get_inner(const struct variable_use *use, struct value *out)
{
    if (use->inner.len)
        *out = value_of_str(use->inner);
    return ERR_NONE;
}

static enum err set_any(const struct variable_use *use, const struct value *value)
{
    (void)use;
    (void)value;
    return ERR_NONE;
}

static const struct mod_variable variables[] = {
    { .name = "text", .get = get_text, .set = set_any },
    { .name = "number", .get = get_number },
    { .name = "inner", .inner = INNER_OPTIONAL, .get = get_inner },
};

static const struct mod_variable *find_variable(void *context, struct str name,
                                                struct module **module)
{
    (void)context;
    *module = NULL;
    if (name.len > 8)
        return NULL;
    return &variables[name.len % 3];
}

/* ---- the rest ---- */

static enum err load_module(void *context, struct str path, const struct script_place *place)
{
    (void)context;
    (void)path;
    (void)place;
    return ERR_NONE;
}

static enum err set_param(void *context, struct str modules, struct str name,
                          const struct value *value, const struct script_place *place)
{
    (void)context;
    (void)modules;
    return name.len == 3 ? script_add_avp_alias(place, value->text) : ERR_NONE;
}

static enum err set_setting(void *context, const struct script_setting *setting,
                            const struct script_place *place)
{
    (void)context;
    (void)place;
    return setting->name.len == 3 ? ERR_NOT_FOUND : ERR_NONE;
}

static void report(void *context, bool is_error, struct str text)
{
    struct stage_hand *hand = context;

    must(text.len > 0);
    hand->reports += is_error;
}

static bool is_myself(const struct run *run, struct str host, uint16_t port)
{
    (void)run;
    return host.len == port;
}

static bool is_uri_myself(const struct run *run, const struct sip_uri *uri)
{
    return is_myself(run, uri->host, uri->port);
}

static void refuse(struct run *run, unsigned status, const char *reason)
{
    (void)run;
    (void)reason;
    must(status == 500);
}

static void note_done(struct run *run)
{
    hand_of(run)->done++;
}

static void ignore_log(enum log_level level, int facility, const char *line)
{
    (void)facility;
    (void)level;
    (void)line;
}

static const struct script_budget budget = { .steps = 2000, .depth = 20, .loop_turns = 20 };

static void run_route(struct stage_hand *hand, struct program *program, enum stage stage)
{
    uint16_t route = program_route(program, stage, STR(""));
    struct value vars[VARS_MAX] = { 0 };
    struct script_locals locals = { .vars = vars };
    struct request request = { 0 };
    struct run run = { .worker = (struct worker *)hand, .request = &request, .stage = stage };
    struct arena arena;

    if (route == ROUTE_NONE || program_var_count(program) > VARS_MAX)
        return;
    arena_init(&arena, NULL, MEMORY_MAX);
    arena_init(&request.arena, NULL, MEMORY_MAX);
    run.arena = &arena;
    run.done = note_done;
    hand->done = 0;
    script_run(program, route, &run, &locals, &budget);
    while (run.vm)
        run_resume(&run, VERDICT_TRUE);
    must(hand->done == 1);
    script_vars_fini(vars, VARS_MAX);
    arena_fini(&arena);
    arena_fini(&request.arena);
}

static void check_script(struct str text, enum script_dialect dialect, enum verdict answer)
{
    struct stage_hand hand = { .answer = answer };
    const struct script_host host = {
        .context = &hand,
        .load_module = load_module,
        .set_param = set_param,
        .set_setting = set_setting,
        .find_function = find_function,
        .find_variable = find_variable,
        .report = report,
        .is_myself = is_myself,
        .is_uri_myself = is_uri_myself,
        .refuse = refuse,
    };
    struct program *program;

    if (script_compile("fuzz.cfg", &text, dialect, &host, &program)) {
        must(hand.reports > 0);
        return;
    }
    must(hand.reports == 0);
    run_route(&hand, program, STAGE_REQUEST);
    run_route(&hand, program, STAGE_CORE_REPLY);
    program_unref(program);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const enum verdict answers[] = { VERDICT_TRUE, VERDICT_FALSE, VERDICT_WAIT, 5 };
    struct str text = { (const char *)bytes + 1, size - 1 };

    if (size == 0)
        return 0;
    log_set_sink(ignore_log);
    check_script(text, bytes[0] % 3, answers[bytes[0] / 3 % 4]);
    return 0;
}
