/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: one handler an instruction, and the life of a run around them. */
#include "script/vm.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include <culvert/log.h>

#include "script/operate.h"
#include "script/tree.h"

enum {
    STEPS_DEFAULT = 100000,
    DEPTH_DEFAULT = 100,
    MEMORY_DEFAULT = 256 * 1024,
    FLAG_NOT = 1,
    FLAG_MAY_FAIL = 2,
    FLAG_MAY_BE_HOST = 4,
    FLAG_RESULT_IS_ONE = 1,
    FLAG_RC_IS_VALUE = 2,
};

typedef void op_fn(struct script_vm *vm, const struct instruction *code);

/* ---- the stack; the verifier has seen that it suffices ---- */

static void push(struct script_vm *vm, struct value value)
{
    vm->frame->stack[vm->frame->depth++] = value;
}

static void push_int(struct script_vm *vm, int64_t number)
{
    push(vm, value_of_int(number));
}

static struct value pop(struct script_vm *vm)
{
    return vm->frame->stack[--vm->frame->depth];
}

static bool is_rich(const struct script_vm *vm)
{
    return vm->program->dialect->has_rich_expressions;
}

/* ---- ends ---- */

static const struct line_mark *place_of(const struct script_vm *vm)
{
    return program_mark(vm->program, vm->frame && vm->frame->at ? vm->frame->at - 1 : 0);
}

PRINTF_LIKE(2, 3) static void warn(const struct script_vm *vm, const char *format, ...)
{
    const struct line_mark *place = place_of(vm);
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_warning(STR_FMT ":%u: %s", STR_ARG(place->file), place->line, text);
}

static void end(struct script_vm *vm, int result)
{
    vm->result = result;
    vm->state = VM_ENDED;
}

static void end_script(struct script_vm *vm, int result)
{
    vm->run->is_exited = true;
    end(vm, result);
}

/* Too much of something: the run ends, and a request is answered. */
static void stop(struct script_vm *vm, const char *why)
{
    log_error(STR_FMT ":%u: script stopped: %s", STR_ARG(place_of(vm)->file), place_of(vm)->line,
              why);
    end_script(vm, -1);
    if (vm->run->stage == STAGE_REQUEST)
        vm->program->host.refuse(vm->run, 500, "Server Internal Error");
}

/* Beyond the budget, or at the end of what there is for the message. */
static bool is_out_of_memory(const struct script_vm *vm)
{
    const struct arena *arena = vm->run->arena;

    return arena->total > vm->memory_end || arena->was_refused;
}

static void stop_for_memory(struct script_vm *vm)
{
    char why[128] = "out of memory for this message";

    if (is_out_of_memory(vm))
        snprintf(why, sizeof why, "it takes too much memory: script_max_memory is %zu",
                 vm->budget.memory);
    vm->run->arena->was_refused = false;
    stop(vm, why);
}

/* The result of an action; OpenSER lets every one set $rc. */
static void set_result(struct script_vm *vm, int result)
{
    vm->result = result;
    if (vm->program->dialect->rc_follows_all)
        vm->run->retcode = result;
}

/* ---- values ---- */

static void load(struct script_vm *vm, uint32_t index)
{
    struct value value = value_null();
    enum err err = variable_get(vm->run, vm->program->variables[index], &value);

    if (err == ERR_NOMEM) {
        stop_for_memory(vm);
        return;
    }
    if (err)
        value = is_rich(vm) ? value_null() : value_failed();
    push(vm, value);
}

static void do_constant(struct script_vm *vm, const struct instruction *code)
{
    push(vm, vm->program->constants[code->operand]);
}

static void do_load(struct script_vm *vm, const struct instruction *code)
{
    load(vm, code->operand);
}

static bool looks_at_reply(const struct run *run)
{
    if (run->stage & (STAGE_REPLY | STAGE_CORE_REPLY))
        return true;
    return run->stage == STAGE_ONSEND && run->msg && !run->msg->is_request;
}

static void do_load_by_kind(struct script_vm *vm, const struct instruction *code)
{
    load(vm, looks_at_reply(vm->run) ? code->count : code->operand);
}

static void do_format(struct script_vm *vm, const struct instruction *code)
{
    struct str text;

    if (format_text(vm->run, vm->program->formats[code->operand], &text))
        stop_for_memory(vm);
    else
        push(vm, value_of_str(text));
}

static void do_format_lines(struct script_vm *vm, const struct instruction *code)
{
    const struct format *format = vm->program->formats[code->operand];
    struct str text;
    enum err err = format_lines(vm->run, format, &text);

    if (err == ERR_NOMEM) {
        stop(vm, "out of memory for this message");
        return;
    }
    if (err)
        warn(vm, "a variable in \"" STR_FMT "\" would break the line that it stands in",
             STR_ARG(format->text));
    push(vm, err ? value_failed() : value_of_str(text));
}

static void do_guard_lines(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);
    bool is_whole = code->flag && text_ends_line(value.text);

    if (!value.has_text || is_whole || !str_has_line_break(value.text)) {
        push(vm, value);
        return;
    }
    warn(vm, "a part of this argument would break the line that it stands in");
    push(vm, value_failed());
}

static void do_store(struct script_vm *vm, const struct instruction *code)
{
    const struct variable_ref *ref = vm->program->variables[code->operand];
    struct value value = pop(vm);
    enum err err;

    if (value.has_text && !value.is_int)
        value.has_number &= !is_rich(vm);
    if (value_has_failed(&value))
        err = ERR_SYNTAX;
    else
        err = variable_assign(vm->run, ref, &value, code->flag);
    if (err == ERR_NOMEM) {
        stop_for_memory(vm);
        return;
    }
    if (err)
        warn(vm, STR_FMT " is not assigned: %s", STR_ARG(ref->text), err_name(err));
    set_result(vm, err ? -1 : 1);
}

/* ---- commands ---- */

static void take_answer(struct script_vm *vm, enum verdict verdict)
{
    vm->result = verdict;
    if (!vm->site->keeps_rc)
        vm->run->retcode = verdict;
    if (verdict == VERDICT_STOP)
        end_script(vm, 0);
}

/* False when an argument could not be made. */
static bool fill_args(struct script_vm *vm, const struct call_site *site)
{
    bool is_whole = true;

    for (unsigned i = site->arg_count; i-- > 0;) {
        vm->args[i] = site->args[i].arg;
        if (!site->args[i].is_on_stack)
            continue;
        vm->args[i].value = pop(vm);
        is_whole &= !value_has_failed(&vm->args[i].value);
    }
    return is_whole;
}

/* Events happen to requests, real or made up: what a request route may do, they may. */
static unsigned stages_of(const struct run *run)
{
    return run->stage & (STAGE_EVENT | STAGE_LOCAL) ? run->stage | STAGE_REQUEST : run->stage;
}

static bool may_call(struct script_vm *vm, const struct call_site *site)
{
    const char *name = site->function->name;

    if (!fill_args(vm, site)) {
        warn(vm, "%s is not called: an argument has no value", name);
        return false;
    }
    if (site->function->stages & stages_of(vm->run))
        return true;
    warn(vm, "%s cannot be used in this kind of route", name);
    return false;
}

/* What is taken once the request is on its way is for its branches, not for the script. */
static enum verdict call_function(struct script_vm *vm, const struct call_site *site)
{
    struct arena *arena = vm->run->arena;
    size_t before = arena->total;
    enum verdict verdict = site->function->run(&vm->call);

    if (verdict == VERDICT_WAIT || !vm->run->request->has_relayed ||
        !(vm->run->stage & (STAGE_REQUEST | STAGE_FAILURE)))
        return verdict;
    vm->memory_end += arena->total - before;
    arena->was_refused = false;
    return verdict;
}

static void do_call(struct script_vm *vm, const struct instruction *code)
{
    const struct call_site *site = vm->program->calls[code->operand];
    enum verdict verdict = VERDICT_ERROR;

    vm->site = site;
    if (may_call(vm, site)) {
        vm->call = (struct call){ vm->run, site->module, vm->args, site->arg_count };
        vm->state = VM_CALLING;
        verdict = call_function(vm, site);
        if (verdict == VERDICT_WAIT && vm->state == VM_CALLING) {
            vm->state = VM_WAITING;
            return;
        }
        if (verdict == VERDICT_WAIT)
            verdict = vm->answer;
        vm->state = VM_RUNNING;
    }
    take_answer(vm, verdict);
}

/* ---- routes ---- */

static struct frame *take_spare(struct script_vm *vm, const struct route *route)
{
    for (struct frame **link = &vm->spare; *link; link = &(*link)->caller) {
        struct frame *frame = *link;

        if (frame->room < route->stack_size || frame->loop_room < route->loop_count)
            continue;
        *link = frame->caller;
        return frame;
    }
    return NULL;
}

static struct frame *make_frame(struct arena *arena, const struct route *route)
{
    struct frame *frame = arena_alloc(arena, sizeof *frame);

    if (!frame)
        return NULL;
    frame->room = route->stack_size;
    frame->loop_room = route->loop_count;
    frame->stack = arena_alloc(arena, frame->room * sizeof *frame->stack);
    frame->loops = arena_zalloc(arena, frame->loop_room * sizeof *frame->loops);
    return frame->stack && frame->loops ? frame : NULL;
}

static void enter_route(struct script_vm *vm, uint32_t index)
{
    const struct route *route = &vm->program->routes[index];
    struct frame *frame;

    if (vm->nested >= vm->budget.depth) {
        stop(vm, "routes call each other too deep: see max_recursive_level");
        return;
    }
    frame = take_spare(vm, route);
    if (!frame)
        frame = make_frame(vm->run->arena, route);
    if (!frame) {
        stop_for_memory(vm);
        return;
    }
    frame->caller = vm->frame;
    frame->route = route;
    frame->at = route->start;
    frame->depth = 0;
    vm->frame = frame;
    vm->nested++;
}

static void leave_route(struct script_vm *vm, int result)
{
    struct frame *frame = vm->frame;

    if (!frame->caller) {
        end(vm, result);
        return;
    }
    vm->frame = frame->caller;
    frame->caller = vm->spare;
    vm->spare = frame;
    vm->nested--;
    vm->result = result;
    if (!vm->program->dialect->rc_follows_all)
        vm->run->retcode = result;
}

static void do_route(struct script_vm *vm, const struct instruction *code)
{
    enter_route(vm, code->operand);
}

static void do_route_named(struct script_vm *vm, const struct instruction *code)
{
    struct value name = pop(vm);
    uint16_t index = program_find_route(vm->program, ROUTE_PLAIN, name.text);

    if (index != ROUTE_NONE) {
        enter_route(vm, index);
        return;
    }
    set_result(vm, -1);
    if (code->flag)
        vm->run->retcode = -1; /* as of a command */
    else
        warn(vm, "there is no route[" STR_FMT "]", STR_ARG(name.text));
}

static void do_route_index(struct script_vm *vm, const struct instruction *code)
{
    struct value name = pop(vm);
    bool is_none = str_is_empty(name.text) || str_eq(name.text, STR("0"));
    uint16_t index =
        is_none ? (uint16_t)ROUTE_NONE : program_route(vm->program, code->operand, name.text);

    if (!is_none && index == ROUTE_NONE)
        warn(vm, "there is no route \"" STR_FMT "\" to arm", STR_ARG(name.text));
    push(vm, value_of_both(name.text, index));
}

static void do_return(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);
    int64_t number = operate_number(&value);
    int result = number > INT32_MAX ? INT32_MAX : number < -INT32_MAX ? -INT32_MAX : (int)number;

    (void)code;
    set_result(vm, result);
    if (result == 0)
        end_script(vm, 0);
    else
        leave_route(vm, result);
}

static void do_return_result(struct script_vm *vm, const struct instruction *code)
{
    (void)code;
    leave_route(vm, vm->result);
}

static void do_exit(struct script_vm *vm, const struct instruction *code)
{
    vm->run->is_dropped |= code->flag;
    end_script(vm, code->flag ? 0 : 1);
}

/* ---- flow ---- */

static void do_result(struct script_vm *vm, const struct instruction *code)
{
    (void)code;
    push_int(vm, vm->result > 0);
}

static void do_result_number(struct script_vm *vm, const struct instruction *code)
{
    (void)code;
    push_int(vm, vm->result);
}

static void do_set_result(struct script_vm *vm, const struct instruction *code)
{
    vm->result = (int)(int32_t)code->operand;
}

static void do_jump(struct script_vm *vm, const struct instruction *code)
{
    vm->frame->at = code->operand;
}

static void do_jump_unless(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);
    int64_t number = operate_number(&value);

    if (number > 0)
        return;
    if (code->flag & FLAG_RESULT_IS_ONE)
        vm->result = 1;
    if (code->flag & FLAG_RC_IS_VALUE)
        vm->run->retcode = (int)number;
    vm->frame->at = code->operand;
}

static void do_jump_if_zero(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);

    if (operate_number(&value) == 0)
        vm->frame->at = code->operand;
}

/* A left side that decides stays on the stack. */
static void do_and_else(struct script_vm *vm, const struct instruction *code)
{
    if (vm->frame->stack[vm->frame->depth - 1].number == 1)
        pop(vm);
    else
        vm->frame->at = code->operand;
}

static void do_or_else(struct script_vm *vm, const struct instruction *code)
{
    const struct value *left = &vm->frame->stack[vm->frame->depth - 1];

    if (left->number == 0 && !value_has_failed(left))
        pop(vm);
    else
        vm->frame->at = code->operand;
}

static bool is_case(struct script_vm *vm, const struct case_row *row, const struct value *value)
{
    struct value text;

    if (row->kind == CASE_NUMBER)
        return is_rich(vm) ? operate_number(value) == row->number
                           : value->has_number && value->number == row->number;
    if (!is_rich(vm) && !value->has_text)
        return false;
    text = operate_text(vm->run, value);
    if (row->kind == CASE_REGEX)
        return operate_match(vm->run, vm->program->regexes[row->regex], 0, &text);
    return is_rich(vm) ? str_eq(text.text, row->text) : str_ieq(text.text, row->text);
}

static void do_cases(struct script_vm *vm, const struct instruction *code)
{
    const struct switch_table *table = vm->program->switches[code->operand];
    struct value value = pop(vm);

    vm->result = 1;
    vm->frame->at = table->otherwise;
    if (value_is_null(&value) && !is_rich(vm)) {
        warn(vm, "switch has no value to look at");
        vm->frame->at = table->end;
        return;
    }
    for (unsigned i = 0; i < table->row_count; i++) {
        if (!is_case(vm, &table->rows[i], &value))
            continue;
        vm->frame->at = table->rows[i].target;
        return;
    }
}

static void do_loop_start(struct script_vm *vm, const struct instruction *code)
{
    vm->frame->loops[code->count] = 0;
}

/* Too many turns end the loop, not the script. */
static void do_loop_turn(struct script_vm *vm, const struct instruction *code)
{
    unsigned most = vm->budget.loop_turns;

    if (most == 0 || ++vm->frame->loops[code->count] <= most)
        return;
    warn(vm, "while is left after %u turns", most);
    set_result(vm, -1);
    vm->frame->at = code->operand;
}

/* ---- truth ---- */

/* Kamailio: what is made of a value that could not be computed cannot be either; it is not true. */
static bool spreads(struct script_vm *vm, const struct value *value)
{
    if (!is_rich(vm) || !value_has_failed(value))
        return false;
    push(vm, value_failed());
    return true;
}

static void do_truth(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);

    (void)code;
    push_int(vm, operate_truth(&value));
}

static void do_nonzero(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);

    (void)code;
    push_int(vm, value.has_number ? value.number != 0 : -1);
}

static void do_truth_number(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);

    (void)code;
    if (!spreads(vm, &value))
        push_int(vm, operate_number(&value) != 0);
}

static void do_not(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);

    (void)code;
    push_int(vm, value.number < 0 ? value.number : value.number == 0);
}

static void do_not_number(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);

    (void)code;
    if (!spreads(vm, &value))
        push_int(vm, operate_number(&value) == 0);
}

static void do_is_null(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);

    if ((code->flag & FLAG_MAY_FAIL) && value_has_failed(&value))
        push_int(vm, -1);
    else
        push_int(vm, value_is_null(&value) != (code->flag & FLAG_NOT));
}

/* ---- comparisons ---- */

static void do_compare(struct script_vm *vm, const struct instruction *code)
{
    struct value right = pop(vm), left = pop(vm);

    push_int(vm, operate_compare(vm->run, code->flag, &left, &right));
}

static void do_compare_rich(struct script_vm *vm, const struct instruction *code)
{
    struct value right = pop(vm), left = pop(vm);

    if (!spreads(vm, &left) && !spreads(vm, &right))
        push_int(vm, operate_compare_rich(vm->run, code->flag, &left, &right));
}

static void do_compare_text(struct script_vm *vm, const struct instruction *code)
{
    struct value right = pop(vm), left = pop(vm);

    if (!spreads(vm, &left) && !spreads(vm, &right))
        push_int(vm, operate_compare_text(vm->run, code->flag, true, &left, &right));
}

static void do_compare_exact(struct script_vm *vm, const struct instruction *code)
{
    struct value right = pop(vm), left = pop(vm);

    if (!spreads(vm, &left) && !spreads(vm, &right))
        push_int(vm, operate_compare_text(vm->run, code->flag, false, &left, &right));
}

static void do_compare_number(struct script_vm *vm, const struct instruction *code)
{
    struct value right = pop(vm), left = pop(vm);

    if (!spreads(vm, &left) && !spreads(vm, &right))
        push_int(vm, operate_compare_number(code->flag, &left, &right));
}

static void do_match(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);

    push_int(vm, operate_match(vm->run, vm->program->regexes[code->operand], code->flag, &value));
}

static void do_match_text(struct script_vm *vm, const struct instruction *code)
{
    struct value pattern = pop(vm), value = pop(vm);

    push_int(vm, operate_match_text(vm->run, code->flag, &value, &pattern));
}

static void do_in_net(struct script_vm *vm, const struct instruction *code)
{
    const struct net *net = &vm->program->nets[code->operand];
    struct value value = pop(vm);
    struct addr addr;
    bool is_in = !addr_parse_ip(value.text, &addr) && addr_in_net(&addr, &net->addr, net->bits);

    push_int(vm, is_in != code->flag);
}

static void do_is_myself(struct script_vm *vm, const struct instruction *code)
{
    struct value port = pop(vm), ip = pop(vm);
    bool is_ours = ip.has_text &&
                   vm->program->host.is_myself(vm->run, ip.text, (uint16_t)operate_number(&port));

    push_int(vm, is_ours != code->flag);
}

/* 1 or 0; -1 when it is no URI. */
static int is_uri_ours(struct script_vm *vm, struct str text, bool may_be_host)
{
    const struct script_host *host = &vm->program->host;
    struct sip_uri uri;

    if (!sip_uri_parse(text, &uri))
        return host->is_uri_myself(vm->run, &uri);
    return may_be_host ? host->is_myself(vm->run, text, 0) : -1;
}

static void do_is_uri_myself(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);
    int is_ours = value.has_text ? is_uri_ours(vm, value.text, code->flag & FLAG_MAY_BE_HOST) : -1;

    if (is_ours < 0 && (code->flag & FLAG_MAY_FAIL))
        push_int(vm, -1);
    else
        push_int(vm, (is_ours > 0) != (code->flag & FLAG_NOT));
}

static void do_uri_host(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);
    struct sip_uri uri;

    (void)code;
    if (!value.has_text || sip_uri_parse(value.text, &uri))
        push(vm, value_null());
    else
        push(vm, value_of_str(uri.host));
}

/* ---- arithmetic ---- */

static void do_arithmetic(struct script_vm *vm, const struct instruction *code)
{
    struct value right = pop(vm), left = pop(vm);

    push(vm, operate_arithmetic(vm->run, code->flag, &left, &right));
}

static void do_arithmetic_rich(struct script_vm *vm, const struct instruction *code)
{
    struct value right = pop(vm), left = pop(vm);

    push(vm, operate_arithmetic_rich(vm->run, code->flag, &left, &right));
}

static bool can_be_number(const struct script_vm *vm, const struct value *value)
{
    return is_rich(vm) || value->is_int;
}

static void do_complement(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);

    (void)code;
    if (!spreads(vm, &value))
        push(vm, can_be_number(vm, &value) ? value_of_int(~operate_number(&value)) : value_failed());
}

static void do_negate(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);
    uint64_t number = (uint64_t)operate_number(&value);

    (void)code;
    if (!spreads(vm, &value))
        push(vm, can_be_number(vm, &value) ? value_of_int((int64_t)(0 - number)) : value_failed());
}

static void do_to_int(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);

    (void)code;
    push_int(vm, operate_number(&value));
}

static void do_to_str(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm);

    (void)code;
    push(vm, operate_text(vm->run, &value));
}

static void do_length(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm), text = operate_text(vm->run, &value);

    (void)code;
    push_int(vm, (int64_t)text.text.len);
}

static void do_is_empty(struct script_vm *vm, const struct instruction *code)
{
    struct value value = pop(vm), text = operate_text(vm->run, &value);

    (void)code;
    push_int(vm, text.text.len == 0);
}

static void do_choose(struct script_vm *vm, const struct instruction *code)
{
    struct value otherwise = pop(vm), chosen = pop(vm), condition = pop(vm);

    (void)code;
    push(vm, operate_number(&condition) > 0 ? chosen : otherwise);
}

static op_fn *const handlers[OPCODES] = {
    [OP_CONSTANT] = do_constant,
    [OP_LOAD] = do_load,
    [OP_LOAD_BY_KIND] = do_load_by_kind,
    [OP_FORMAT] = do_format,
    [OP_FORMAT_LINES] = do_format_lines,
    [OP_GUARD_LINES] = do_guard_lines,
    [OP_STORE] = do_store,
    [OP_CALL] = do_call,
    [OP_ROUTE] = do_route,
    [OP_ROUTE_NAMED] = do_route_named,
    [OP_ROUTE_INDEX] = do_route_index,
    [OP_RESULT] = do_result,
    [OP_RESULT_NUMBER] = do_result_number,
    [OP_SET_RESULT] = do_set_result,
    [OP_JUMP] = do_jump,
    [OP_JUMP_UNLESS] = do_jump_unless,
    [OP_JUMP_IF_ZERO] = do_jump_if_zero,
    [OP_AND_ELSE] = do_and_else,
    [OP_OR_ELSE] = do_or_else,
    [OP_CASES] = do_cases,
    [OP_LOOP_START] = do_loop_start,
    [OP_LOOP_TURN] = do_loop_turn,
    [OP_RETURN] = do_return,
    [OP_RETURN_RESULT] = do_return_result,
    [OP_EXIT] = do_exit,
    [OP_TRUTH] = do_truth,
    [OP_NONZERO] = do_nonzero,
    [OP_TRUTH_NUMBER] = do_truth_number,
    [OP_NOT] = do_not,
    [OP_NOT_NUMBER] = do_not_number,
    [OP_IS_NULL] = do_is_null,
    [OP_COMPARE] = do_compare,
    [OP_COMPARE_RICH] = do_compare_rich,
    [OP_COMPARE_TEXT] = do_compare_text,
    [OP_COMPARE_EXACT] = do_compare_exact,
    [OP_COMPARE_NUMBER] = do_compare_number,
    [OP_MATCH] = do_match,
    [OP_MATCH_TEXT] = do_match_text,
    [OP_IN_NET] = do_in_net,
    [OP_IS_MYSELF] = do_is_myself,
    [OP_IS_URI_MYSELF] = do_is_uri_myself,
    [OP_URI_HOST] = do_uri_host,
    [OP_ARITHMETIC] = do_arithmetic,
    [OP_ARITHMETIC_RICH] = do_arithmetic_rich,
    [OP_COMPLEMENT] = do_complement,
    [OP_NEGATE] = do_negate,
    [OP_TO_INT] = do_to_int,
    [OP_TO_STR] = do_to_str,
    [OP_LENGTH] = do_length,
    [OP_IS_EMPTY] = do_is_empty,
    [OP_CHOOSE] = do_choose,
};

/* ---- the life of a run ---- */

/* The caller's memory may be gone once done() has been called. */
static void finish(struct script_vm *vm)
{
    struct run *run = vm->run;

    run->retcode = vm->result;
    run->vm = NULL;
    if (run->done)
        run->done(run);
}

static void stop_for_steps(struct script_vm *vm)
{
    char why[128];

    snprintf(why, sizeof why, "it takes too many steps: script_max_steps is %u", vm->budget.steps);
    stop(vm, why);
}

static void go_on(struct script_vm *vm)
{
    while (vm->state == VM_RUNNING) {
        const struct instruction *code = &vm->program->code[vm->frame->at];

        if (vm->locals->profile)
            profile_step(vm->locals->profile, &vm->line, vm->frame->at);
        vm->frame->at++;
        if (vm->steps++ >= vm->budget.steps)
            stop_for_steps(vm);
        else if (is_out_of_memory(vm))
            stop_for_memory(vm);
        else
            handlers[code->op](vm, code);
    }
    profile_leave(vm->locals->profile, &vm->line);
    if (vm->state == VM_ENDED)
        finish(vm);
}

static void start(struct script_vm *vm, const struct program *program, struct run *run,
                  struct script_locals *locals, const struct script_budget *budget)
{
    *vm = (struct script_vm){ .program = program, .run = run, .locals = locals };
    vm->budget = *budget;
    if (vm->budget.steps == 0)
        vm->budget.steps = STEPS_DEFAULT;
    if (vm->budget.depth == 0)
        vm->budget.depth = DEPTH_DEFAULT;
    if (vm->budget.memory == 0)
        vm->budget.memory = MEMORY_DEFAULT;
    run->arena->was_refused = false;
    vm->memory_end = run->arena->total + vm->budget.memory;
    vm->result = 1;
    run->vm = vm;
}

void script_run(const struct program *program, uint16_t route, struct run *run,
                struct script_locals *locals, const struct script_budget *budget)
{
    struct script_vm *vm = arena_alloc(run->arena, sizeof *vm);

    assert(route != ROUTE_NONE && route < program->route_count);
    run->is_dropped = false;
    run->is_exited = false;
    run->retcode = 0;
    if (!vm) {
        log_error("script stopped: out of memory for this message");
        if (run->stage == STAGE_REQUEST)
            program->host.refuse(run, 500, "Server Internal Error");
        run->retcode = -1;
        run->is_exited = true;
        if (run->done)
            run->done(run);
        return;
    }
    start(vm, program, run, locals, budget);
    enter_route(vm, route);
    go_on(vm);
}

void run_resume(struct run *run, enum verdict verdict)
{
    struct script_vm *vm = run->vm;

    assert(vm && (vm->state == VM_WAITING || vm->state == VM_CALLING));
    if (vm->state == VM_CALLING) {
        vm->answer = verdict;
        vm->state = VM_ANSWERED;
        return;
    }
    vm->state = VM_RUNNING;
    take_answer(vm, verdict);
    go_on(vm);
}
