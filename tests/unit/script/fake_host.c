/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct fake_host *fake_of(const struct run *run)
{
    return ((const struct fake_run *)run)->host;
}

void fake_trace(struct fake_host *fake, const char *format, ...)
{
    size_t room = sizeof fake->trace - fake->trace_len;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(fake->trace + fake->trace_len, room, format, args);
    va_end(args);
    if (len > 0)
        fake->trace_len += (size_t)len < room ? (size_t)len : room - 1;
}

/* ---- commands ---- */

static void trace_arg(struct fake_host *fake, const struct arg *arg)
{
    if (arg->value.is_int)
        fake_trace(fake, "%lld", (long long)arg->value.number);
    else if (arg->value.has_text)
        fake_trace(fake, STR_FMT, STR_ARG(arg->value.text));
    else
        fake_trace(fake, "null");
}

static void trace_call(struct call *call, const char *name)
{
    struct fake_host *fake = fake_of(call->run);

    fake_trace(fake, "%s(", name);
    for (unsigned i = 0; i < call->arg_count; i++) {
        fake_trace(fake, "%s", i ? "," : "");
        trace_arg(fake, &call->args[i]);
    }
    fake_trace(fake, ") ");
}

static enum verdict run_say(struct call *call)
{
    fake_trace(fake_of(call->run), STR_FMT " ", STR_ARG(call->args[0].value.text));
    return VERDICT_TRUE;
}

static enum verdict run_ok(struct call *call)
{
    fake_trace(fake_of(call->run), "ok ");
    return VERDICT_TRUE;
}

static enum verdict run_no(struct call *call)
{
    fake_trace(fake_of(call->run), "no ");
    return VERDICT_FALSE;
}

static enum verdict run_give(struct call *call)
{
    return (enum verdict)call->args[0].value.number;
}

static enum verdict run_show(struct call *call)
{
    trace_call(call, "show");
    return VERDICT_TRUE;
}

static enum verdict run_setflag(struct call *call)
{
    trace_call(call, "setflag");
    return VERDICT_TRUE;
}

static enum verdict run_strip(struct call *call)
{
    trace_call(call, "strip");
    return VERDICT_TRUE;
}

static enum verdict run_branch(struct call *call)
{
    trace_call(call, "branch");
    return VERDICT_TRUE;
}

static enum verdict run_socket(struct call *call)
{
    trace_call(call, "socket");
    return VERDICT_TRUE;
}

static enum verdict run_log_row(struct call *call)
{
    trace_call(call, "log");
    return VERDICT_TRUE;
}

static enum verdict run_arm(struct call *call)
{
    trace_call(call, "arm");
    fake_trace(fake_of(call->run), "#%lld ", (long long)call->args[0].value.number);
    return VERDICT_TRUE;
}

static enum verdict run_matches(struct call *call)
{
    bool is_match = regex_match(call->args[0].object, call->args[1].value.text, NULL);

    return is_match ? VERDICT_TRUE : VERDICT_FALSE;
}

static enum verdict run_put(struct call *call)
{
    struct value value = value_of_str(call->args[1].value.text);

    return variable_set(call->run, call->args[0].object, &value) ? VERDICT_FALSE : VERDICT_TRUE;
}

static enum verdict run_custom(struct call *call)
{
    fake_trace(fake_of(call->run), "custom:%s ", (const char *)call->args[0].object);
    return VERDICT_TRUE;
}

static enum err prepare_custom(struct module *module, unsigned index, struct str text,
                               const struct script_place *place, const void **out)
{
    (void)module;
    (void)index;
    if (str_eq(text, STR("bad"))) {
        script_complain(place, "\"" STR_FMT "\" is bad", STR_ARG(text));
        return ERR_SYNTAX;
    }
    *out = text.len == 1 ? "short" : "long";
    return ERR_NONE;
}

static enum verdict run_later(struct call *call)
{
    fake_trace(fake_of(call->run), "wait ");
    return VERDICT_WAIT;
}

static enum verdict run_soon(struct call *call)
{
    run_resume(call->run, (enum verdict)call->args[0].value.number);
    return VERDICT_WAIT;
}

static const struct mod_function functions[] = {
    { .name = "say", .run = run_say, .takes = { ARG_FMT }, .min_args = 1, .stages = STAGE_EVERY },
    { .name = "xlog", .run = run_say, .takes = { ARG_FMT }, .min_args = 1, .stages = STAGE_EVERY },
    { .name = "ok", .run = run_ok, .stages = STAGE_EVERY },
    { .name = "nope", .run = run_no, .stages = STAGE_ANY },
    { .name = "give", .run = run_give, .takes = { ARG_INT }, .min_args = 1, .stages = STAGE_ANY },
    { .name = "show",
      .run = run_show,
      .takes = { ARG_STR, ARG_INT, ARG_FMT, ARG_FLAGS },
      .min_args = 1,
      .stages = STAGE_ANY },
    { .name = "setflag",
      .run = run_setflag,
      .takes = { ARG_INT },
      .min_args = 1,
      .stages = STAGE_ANY },
    { .name = "strip",
      .run = run_strip,
      .takes = { ARG_INT },
      .min_args = 1,
      .stages = STAGE_REQUEST },
    { .name = "append_branch",
      .run = run_branch,
      .takes = { ARG_STR, ARG_STR },
      .stages = STAGE_REQUEST | STAGE_FAILURE },
    { .name = "force_rport", .run = run_ok, .stages = STAGE_REQUEST },
    { .name = "force_send_socket",
      .run = run_socket,
      .takes = { ARG_STR },
      .min_args = 1,
      .stages = STAGE_ANY },
    { .name = "log",
      .run = run_log_row,
      .takes = { ARG_INT, ARG_STR },
      .min_args = 2,
      .stages = STAGE_ANY },
    { .name = "arm_failure",
      .run = run_arm,
      .takes = { ARG_ROUTE },
      .min_args = 1,
      .stages = STAGE_ANY,
      .route_stage = STAGE_FAILURE },
    { .name = "matches",
      .run = run_matches,
      .takes = { ARG_RE, ARG_FMT },
      .min_args = 2,
      .stages = STAGE_ANY },
    { .name = "put",
      .run = run_put,
      .takes = { ARG_VAR, ARG_FMT },
      .min_args = 2,
      .stages = STAGE_ANY },
    { .name = "custom",
      .run = run_custom,
      .prepare = prepare_custom,
      .takes = { ARG_CUSTOM },
      .min_args = 1,
      .stages = STAGE_ANY },
    { .name = "later", .run = run_later, .stages = STAGE_ANY },
    { .name = "soon", .run = run_soon, .takes = { ARG_INT }, .min_args = 1, .stages = STAGE_ANY },
    { .name = "in_request", .run = run_ok, .stages = STAGE_REQUEST },
    { .name = "in_failure", .run = run_ok, .stages = STAGE_FAILURE },
};

enum {
    FUNCTIONS = sizeof functions / sizeof *functions,
};

static unsigned count_args(const struct mod_function *function)
{
    unsigned count = 0;

    while (count < ARGS_MAX && function->takes[count] != ARG_END)
        count++;
    return count;
}

/* For whole configurations: any command there may be, its arguments as texts with variables. */
static enum verdict run_any(struct call *call)
{
    struct fake_host *fake = fake_of(call->run);

    trace_call(call, "call");
    return (enum verdict)fake->answer;
}

static const struct mod_function any_function = {
    .name = "any",
    .run = run_any,
    .takes = { ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT },
    .stages = STAGE_ANY,
};

static const struct mod_function *find_function(void *context, struct str name, unsigned arg_count,
                                                struct module **module)
{
    const struct fake_host *fake = context;

    *module = NULL;
    for (int i = 0; i < FUNCTIONS; i++)
        if (str_eq(str_of(functions[i].name), name) && arg_count >= functions[i].min_args &&
            arg_count <= count_args(&functions[i]))
            return &functions[i];
    return fake->is_permissive ? &any_function : NULL;
}

/* ---- variables ---- */

static enum err give_text(struct value *out, const char *text)
{
    *out = value_of_str(str_of(text));
    return ERR_NONE;
}

static enum err get_ru(const struct variable_use *use, struct value *out)
{
    (void)use;
    return give_text(out, "sip:Bob@Example.com:5070;transport=tcp");
}

static enum err get_fu(const struct variable_use *use, struct value *out)
{
    (void)use;
    return give_text(out, "sip:alice@home.net");
}

static enum err get_tu(const struct variable_use *use, struct value *out)
{
    (void)use;
    return give_text(out, "not a uri");
}

static enum err get_rs(const struct variable_use *use, struct value *out)
{
    (void)use;
    *out = value_of_both(STR("183"), 183);
    out->is_int = true;
    return ERR_NONE;
}

static enum err get_rm(const struct variable_use *use, struct value *out)
{
    (void)use;
    return give_text(out, "INVITE");
}

static enum err get_si(const struct variable_use *use, struct value *out)
{
    (void)use;
    return give_text(out, "10.1.2.3");
}

static enum err get_dst(const struct variable_use *use, struct value *out)
{
    (void)use;
    return give_text(out, "2001:db8::1");
}

static enum err get_sp(const struct variable_use *use, struct value *out)
{
    (void)use;
    *out = value_of_both(STR("5062"), 5062);
    return ERR_NONE;
}

static enum err get_pr(const struct variable_use *use, struct value *out)
{
    (void)use;
    return give_text(out, "udp");
}

static enum err get_af(const struct variable_use *use, struct value *out)
{
    (void)use;
    return give_text(out, "INET");
}

static enum err get_ml(const struct variable_use *use, struct value *out)
{
    (void)use;
    *out = value_of_both(STR("400"), 400);
    return ERR_NONE;
}

/* Knows one header, X-Here, with two values. */
static enum err get_hdr(const struct variable_use *use, struct value *out)
{
    if (!str_ieq(use->inner, STR("X-Here")))
        return ERR_NONE;
    return give_text(out, use->index == 0 ? "First Value" : use->index == -1 ? "last" : "other");
}

static enum err set_du(const struct variable_use *use, const struct value *value)
{
    struct str text;

    if (value_to_str(use->run->arena, value, &text))
        return ERR_NOMEM;
    fake_trace(fake_of(use->run), "du=%s" STR_FMT " ", value_is_null(value) ? "null" : "",
               STR_ARG(text));
    return ERR_NONE;
}

static enum err get_nothing(const struct variable_use *use, struct value *out)
{
    (void)use;
    (void)out;
    return ERR_NONE;
}

static enum err set_badly(const struct variable_use *use, const struct value *value)
{
    (void)use;
    (void)value;
    return ERR_SYNTAX;
}

static const struct mod_variable variables[] = {
    { .name = "ru", .get = get_ru },
    { .name = "fu", .get = get_fu },
    { .name = "from.user", .get = get_fu },
    { .name = "tu", .get = get_tu },
    { .name = "rs", .get = get_rs },
    { .name = "rm", .get = get_rm },
    { .name = "si", .get = get_si },
    { .name = "Ri", .get = get_dst },
    { .name = "sp", .get = get_sp },
    { .name = "Rp", .get = get_sp },
    { .name = "pr", .get = get_pr },
    { .name = "af", .get = get_af },
    { .name = "ml", .get = get_ml },
    { .name = "ci", .get = get_rm },
    { .name = "hdr", .inner = INNER_NEEDED, .get = get_hdr },
    { .name = "du", .get = get_nothing, .set = set_du },
    { .name = "stiff", .get = get_nothing, .set = set_badly },
};

enum {
    VARIABLES = sizeof variables / sizeof *variables,
};

static const struct mod_variable *find_variable(void *context, struct str name,
                                                struct module **module)
{
    (void)context;
    *module = NULL;
    for (int i = 0; i < VARIABLES; i++)
        if (str_eq(str_of(variables[i].name), name))
            return &variables[i];
    return NULL;
}

/* ---- the rest of the host ---- */

static void trace_value(struct fake_host *fake, const struct value *value)
{
    if (value->is_int)
        fake_trace(fake, "%lld", (long long)value->number);
    else
        fake_trace(fake, "'" STR_FMT "'", STR_ARG(value->text));
}

static enum err load_module(void *context, struct str path, const struct script_place *place)
{
    struct fake_host *fake = context;

    fake_trace(fake, "load:" STR_FMT " ", STR_ARG(path));
    if (!fake->is_strict || !str_eq(path, STR("absent.so")))
        return ERR_NONE;
    script_complain(place, "there is no module \"" STR_FMT "\"", STR_ARG(path));
    return ERR_NOT_FOUND;
}

static enum err set_param(void *context, struct str modules, struct str name,
                          const struct value *value, const struct script_place *place)
{
    struct fake_host *fake = context;

    (void)place;
    fake_trace(fake, STR_FMT "." STR_FMT "=", STR_ARG(modules), STR_ARG(name));
    trace_value(fake, value);
    fake_trace(fake, " ");
    return fake->is_strict && str_eq(name, STR("wrong")) ? ERR_RANGE : ERR_NONE;
}

static const char *const settings[] = { "debug", "listen", "children", "alias", "port" };

static bool is_setting(struct str name)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (str_eq(str_of(settings[i]), name))
            return true;
    return false;
}

static enum err set_setting(void *context, const struct script_setting *setting,
                            const struct script_place *place)
{
    struct fake_host *fake = context;

    (void)place;
    if (fake->is_strict && !is_setting(setting->name))
        return ERR_NOT_FOUND;
    fake_trace(fake, STR_FMT "=", STR_ARG(setting->name));
    for (unsigned i = 0; i < setting->value_count; i++) {
        fake_trace(fake, "%s", i ? "," : "");
        trace_value(fake, &setting->values[i]);
    }
    fake_trace(fake, " ");
    return ERR_NONE;
}

static void each_name(void *context, enum script_name_kind kind,
                      void (*visit)(void *visitor, struct str name), void *visitor)
{
    (void)context;
    if (kind == NAME_FUNCTION)
        for (int i = 0; i < FUNCTIONS; i++)
            visit(visitor, str_of(functions[i].name));
    if (kind == NAME_VARIABLE)
        for (int i = 0; i < VARIABLES; i++)
            visit(visitor, str_of(variables[i].name));
    if (kind == NAME_SETTING)
        for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
            visit(visitor, str_of(settings[i]));
}

static void report(void *context, bool is_error, struct str text)
{
    struct fake_host *fake = context;
    size_t room = sizeof fake->reports - fake->reports_len - 1;
    size_t len = text.len < room ? text.len : room;

    (void)is_error;
    memcpy(fake->reports + fake->reports_len, text.ptr, len);
    fake->reports_len += len;
    fake->reports[fake->reports_len] = '\0';
}

static bool is_myself(const struct run *run, struct str host, uint16_t port)
{
    (void)run;
    return (str_eq(host, STR("10.1.2.3")) && (port == 0 || port == 5062)) || str_ieq(host, STR("example.com"));
}

static bool is_uri_myself(const struct run *run, const struct sip_uri *uri)
{
    return is_myself(run, uri->host, uri->port);
}

static void refuse(struct run *run, unsigned status, const char *reason)
{
    fake_trace(fake_of(run), "refuse:%u(%s) ", status, reason);
}

void fake_init(struct fake_host *fake)
{
    *fake = (struct fake_host){ .answer = 1 };
    fake->host = (struct script_host){
        .context = fake,
        .load_module = load_module,
        .set_param = set_param,
        .set_setting = set_setting,
        .find_function = find_function,
        .find_variable = find_variable,
        .each_name = each_name,
        .report = report,
        .is_myself = is_myself,
        .is_uri_myself = is_uri_myself,
        .refuse = refuse,
    };
    arena_init(&fake->arena, NULL, 1 << 20);
}

void fake_fini(struct fake_host *fake)
{
    arena_fini(&fake->arena);
}

struct program *fake_compile(struct fake_host *fake, const char *text, enum script_dialect dialect)
{
    struct str source = str_of(text);
    struct program *program = NULL;

    return script_compile("test.cfg", &source, dialect, &fake->host, &program) ? NULL : program;
}

/* ---- runs ---- */

static void note_done(struct run *run)
{
    ((struct fake_run *)run)->done_count++;
}

void fake_run_init(struct fake_run *fake, struct fake_host *host, enum stage stage)
{
    *fake = (struct fake_run){ .host = host };
    arena_init(&fake->arena, NULL, 1 << 20);
    arena_init(&fake->request.arena, NULL, 1 << 20);
    fake->run.request = &fake->request;
    fake->run.arena = &fake->arena;
    fake->run.stage = stage;
    fake->run.done = note_done;
}

void fake_run_fini(struct fake_run *fake)
{
    script_vars_fini(fake->vars, FAKE_VARS_MAX);
    arena_fini(&fake->arena);
    arena_fini(&fake->request.arena);
}

void fake_run_start(struct fake_run *fake, struct program *program, uint16_t route,
                    const struct script_budget *budget)
{
    static const struct script_budget usual = { .steps = 100000, .depth = 100, .loop_turns = 100 };

    fake->locals.vars = fake->vars;
    script_run(program, route, &fake->run, &fake->locals, budget ? budget : &usual);
}
