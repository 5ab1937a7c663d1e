/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and calls of routes -> instructions: each argument by the type that the command asks
 * for. */
#include "script/build.h"
#include "script/report.h"

/* One argument being compiled. */
struct argument {
    struct builder *b;
    const struct expr *call;
    struct expr *expr;
    unsigned index;
    struct call_arg *out;
};

typedef void argument_fn(struct argument *a);

/* ---- which commands leave $rc alone ---- */

/* Commands of Kamailio's core: only functions of modules set $rc there. */
static const char *const core_commands[] = {
    "rewritehost",
    "sethost",
    "seth",
    "rewritehostport",
    "sethostport",
    "sethp",
    "rewritehostporttrans",
    "sethostporttrans",
    "sethpt",
    "rewriteuser",
    "setuser",
    "setu",
    "rewriteuserpass",
    "setuserpass",
    "setup",
    "rewriteport",
    "setport",
    "setp",
    "rewriteuri",
    "seturi",
    "revert_uri",
    "prefix",
    "strip",
    "strip_tail",
    "userphone",
    "remove_branch",
    "clear_branches",
    "force_send_socket",
    "set_advertised_address",
    "set_advertised_port",
    "force_rport",
    "add_rport",
    "add_local_rport",
    "force_tcp_alias",
    "add_tcp_alias",
    "set_forward_no_connect",
    "set_reply_no_connect",
    "set_forward_close",
    "set_reply_close",
    "setflag",
    "resetflag",
    "isflagset",
    "setavpflag",
    "resetavpflag",
    "isavpflagset",
    "forward",
    "forward_udp",
    "forward_tcp",
    "forward_tls",
    "forward_sctp",
    "udp_mtu_try_proto",
    "log",
    "error",
    "exec",
    "cfg_select",
    "cfg_reset",
};

/*
 * OpenSER sets $rc in every action, so a log line between a lookup and its switch($retcode) hides
 * the answer. Scripts mean the answer: here log lines leave $rc alone.
 */
static const char *const log_commands[] = {
    "log", "xlog", "xdbg", "xinfo", "xnotice", "xwarn", "xerr", "xcrit", "xalert", "xlogl",
};

static bool is_listed(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool keeps_rc(const struct builder *b, const char *name)
{
    if (b->unit->dialect->rc_follows_all)
        return is_listed(name, log_commands, sizeof log_commands / sizeof *log_commands);
    return is_listed(name, core_commands, sizeof core_commands / sizeof *core_commands);
}

/* ---- arguments ---- */

static void refuse(struct argument *a, const char *what)
{
    report_error(a->b->unit, a->expr->span, "argument %u of %s must be %s", a->index + 1,
                 a->call->function->name, what);
}

static bool is_constant(const struct expr *expr)
{
    return build_is_constant(expr) || expr->kind == EXPR_NUMBER;
}

/* Comes from the stack, converted. */
static void take_from_stack(struct argument *a, enum opcode convert)
{
    build_value(a->b, a->expr);
    build_emit(a->b, convert, 0, 0, 0);
    a->out->is_on_stack = true;
}

static void use_text(struct argument *a, struct str text)
{
    struct program *program = a->b->program;

    a->out->arg.value = value_of_str(unit_copy(a->b->unit, &program->arena, text));
}

/* A text with variables: made at each call. */
static void use_format(struct argument *a, enum opcode op, struct str text)
{
    const struct format *format = format_compile(a->b->unit, a->expr->span, text);

    if (!format)
        return;
    if (format_is_constant(format)) {
        use_text(a, text);
        return;
    }
    build_emit(a->b, op, 0, 0, build_format(a->b, format));
    a->out->is_on_stack = true;
}

static bool parse_number(struct str text, int64_t *out)
{
    text = str_trim(text);
    if (!str_starts(text, STR("0x")))
        return !str_to_int(text, INT64_MIN, INT64_MAX, out);
    text = str_skip(text, 2);
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char digits[] = "0123456789abcdef", *digit = strchr(digits, char_lower(text.ptr[i]));

        if (!digit || !*digit || *out > INT64_MAX >> 4)
            return false;
        *out = *out << 4 | (digit - digits);
    }
    return text.len > 0;
}

/* number = number | "number" | name of a flag | "$variable" | expression */
static void take_number(struct argument *a)
{
    const struct expr *expr = a->expr;
    const struct named_flag *flag;
    int64_t number = expr->number;

    if (!is_constant(expr)) {
        take_from_stack(a, OP_TO_INT);
        return;
    }
    if (expr->kind != EXPR_NUMBER && !parse_number(expr->text, &number)) {
        flag = unit_find_flag(a->b->unit, expr->text);
        if (!flag && str_find_char(expr->text, '$')) {
            use_format(a, OP_FORMAT, expr->text);
            if (a->out->is_on_stack)
                build_emit(a->b, OP_TO_INT, 0, 0, 0);
            return;
        }
        if (!flag) {
            refuse(a, expr->kind == EXPR_WORD ? "a number: no #!define and no flag has this name"
                                              : "a number");
            return;
        }
        number = flag->number;
    }
    a->out->arg.value = value_of_int(number);
}

static void take_text(struct argument *a)
{
    if (is_constant(a->expr))
        use_text(a, a->expr->text);
    else
        take_from_stack(a, OP_TO_STR);
}

static void take_format(struct argument *a)
{
    if (a->expr->kind == EXPR_TEXT)
        use_format(a, OP_FORMAT, a->expr->text);
    else
        take_text(a);
}

/* Joined by +: what is no text of the script itself stays within its line; whole lines may come at the start of one. */
static bool guard_parts(struct expr *expr, bool is_at_start)
{
    if (expr->kind == EXPR_ARITHMETIC)
        return guard_parts(expr->left, is_at_start);
    if (expr->kind == EXPR_BINARY && expr->operator== OPERATOR_PLUS)
        return guard_parts(expr->right, guard_parts(expr->left, is_at_start));
    if (build_is_constant(expr))
        return text_ends_line(expr->text);
    expr->guard = is_at_start ? GUARD_WHOLE : GUARD_WITHIN;
    return false;
}

static void take_lines(struct argument *a)
{
    if (!is_constant(a->expr) && a->expr->kind != EXPR_VARIABLE)
        guard_parts(a->expr, true);
    if (a->expr->kind == EXPR_TEXT || a->expr->kind == EXPR_VARIABLE)
        use_format(a, OP_FORMAT_LINES, a->expr->text);
    else
        take_text(a);
}

static void take_regex(struct argument *a)
{
    struct builder *b = a->b;
    uint32_t index;

    if (!is_constant(a->expr)) {
        refuse(a, "a regular expression that is known now");
        return;
    }
    use_text(a, a->expr->text);
    if (build_regex(b, a->expr->span, a->expr->text, REGEX_NEWLINE, &index))
        a->out->arg.object = b->program->regexes[index];
}

static void take_variable(struct argument *a)
{
    struct expr *expr = a->expr;

    if (expr->kind == EXPR_VARIABLE)
        a->out->arg.object = expr->variable;
    else if (expr->kind == EXPR_TEXT)
        a->out->arg.object = variable_compile(a->b->unit, expr->span, expr->text);
    else
        refuse(a, "a variable");
    use_text(a, expr->text);
}

static enum route_kind kind_of_stage(uint16_t stage)
{
    for (unsigned kind = 0; kind < ROUTE_KINDS; kind++)
        if (route_stage(kind, STR("x")) & stage)
            return kind;
    return ROUTE_PLAIN;
}

static void fail_route(struct argument *a, enum route_kind kind)
{
    struct builder *b = a->b;
    struct suggestion suggestion;
    char buffer[SUGGESTION_TEXT_MAX];

    suggestion_init(&suggestion, a->expr->text);
    for (const struct block *block = b->blocks; block; block = block->next)
        if (block->kind == kind && block->name.len)
            suggestion_offer(&suggestion, block->name);
    if (b->unit->dialect->has_missing_routes)
        report_warning(b->unit, a->expr->span, "there is no such route: this arms nothing");
    else
        report_error(b->unit, a->expr->span, "there is no %s of this name%s", route_keyword(kind),
                     suggestion_text(&suggestion, buffer, sizeof buffer));
}

/* The name of a route: "0" and "" mean none. */
static void take_route(struct argument *a)
{
    uint16_t stage = a->call->function->route_stage;
    enum route_kind kind = kind_of_stage(stage);
    const struct block *block;

    if (!is_constant(a->expr)) {
        take_from_stack(a, OP_TO_STR);
        build_emit(a->b, OP_ROUTE_INDEX, 0, 0, stage);
        return;
    }
    use_text(a, a->expr->text);
    a->out->arg.value.has_number = true;
    a->out->arg.value.number = ROUTE_NONE;
    if (str_is_empty(a->expr->text) || str_eq(a->expr->text, STR("0")))
        return;
    block = check_find_block(a->b->blocks, kind, a->expr->text);
    if (block)
        a->out->arg.value.number = block->index;
    else
        fail_route(a, kind);
}

/* What the module makes of a text. */
static void take_custom(struct argument *a)
{
    struct unit *unit = a->b->unit;
    const struct mod_function *function = a->call->function;
    struct script_place place = { unit, a->expr->span };
    unsigned errors = unit->error_count;
    struct str text;

    if (!is_constant(a->expr) && a->expr->kind != EXPR_VARIABLE) {
        refuse(a, "a text that is known now");
        return;
    }
    text = unit_copy(unit, &a->b->program->arena, a->expr->text);
    a->out->arg.value = value_of_str(text);
    if (function->prepare &&
        function->prepare(a->call->module, a->index, text, &place, &a->out->arg.object) &&
        unit->error_count == errors)
        refuse(a, "something else");
}

static argument_fn *const argument_kinds[] = {
    [ARG_INT] = take_number,  [ARG_FLAGS] = take_number,  [ARG_STR] = take_text,
    [ARG_FMT] = take_format,  [ARG_RE] = take_regex,      [ARG_VAR] = take_variable,
    [ARG_ROUTE] = take_route, [ARG_CUSTOM] = take_custom, [ARG_LINES] = take_lines,
};

static void build_argument(struct argument *a)
{
    a->out->type = a->call->function->takes[a->index];
    if (a->out->type < sizeof argument_kinds / sizeof *argument_kinds &&
        argument_kinds[a->out->type])
        argument_kinds[a->out->type](a);
}

/* The name comes onto the stack; a route that is not there is nothing to complain about. */
static void build_entry(struct builder *b, struct expr *call)
{
    struct call_arg name = { 0 };
    struct argument a = { .b = b, .call = call, .expr = call->args, .out = &name };

    build_argument(&a);
    if (!name.is_on_stack)
        build_emit(b, OP_CONSTANT, 0, 0, build_constant(b, name.arg.value));
    build_mark(b, call->span);
    build_emit(b, OP_ROUTE_NAMED, 1, 0, 0);
}

void build_call(struct builder *b, struct expr *call)
{
    struct call_site *site = unit_alloc(b->unit, &b->program->arena, sizeof *site);
    struct argument a = { .b = b, .call = call, .expr = call->args };

    if (!site || !call->function || call->arg_count > ARGS_MAX)
        return;
    if (call->function->traits & TRAIT_ENTERS) {
        build_entry(b, call);
        return;
    }
    site->function = call->function;
    site->module = call->module;
    site->arg_count = (uint8_t)call->arg_count;
    site->keeps_rc = keeps_rc(b, call->function->name);
    for (; a.expr; a.expr = a.expr->next, a.index++) {
        a.out = &site->args[a.index];
        build_argument(&a);
        site->stack_count += a.out->is_on_stack;
    }
    build_mark(b, call->span);
    build_emit(b, OP_CALL, 0, site->stack_count, build_call_site(b, site));
}

void build_route_call(struct builder *b, struct expr *call)
{
    if (call->route) {
        build_mark(b, call->span);
        build_emit(b, OP_ROUTE, 0, 0, call->route->index);
    } else if (call->has_route) {
        build_emit(b, OP_SET_RESULT, 0, 0, 1); /* OpenSER: a route that is not there is true */
    } else {
        build_value(b, call->left);
        build_emit(b, OP_TO_STR, 0, 0, 0);
        build_mark(b, call->span);
        build_emit(b, OP_ROUTE_NAMED, 0, 0, 0);
    }
}
