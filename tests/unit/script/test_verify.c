/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that nobody should run, and the promise that what is verified is safe to run. */
#include "fake_host.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <culvert/log.h>

#include "base/prng.h"
#include "script/program.h"

static const char script[] =
    "#!KAMAILIO\n"
    "request_route { $var(x) = 1 + 2; if ($ru =~ \"bob\" && src_ip == 10.0.0.0/8) say(\"$ru\");\n"
    " switch ($rm) { case \"A\": ok(); break; case /\"^I\": nope(); default: show(\"a\", 1, $rm); "
    "}\n"
    " while ($var(x) < 9) { $var(x) = $var(x) + 1; } route(SUB); route($rm); return $var(x); }\n"
    "route[SUB] { if (uri == myself || $hdr(X) == $null) exit; drop; }";

static struct program *compile(struct fake_host *fake)
{
    struct program *program;

    fake_init(fake);
    program = fake_compile(fake, script, DIALECT_AUTO);
    if (!program)
        fail_msg("%s", fake->reports);
    return program;
}

/* The first instruction of a kind. */
static struct instruction *find(struct program *program, enum opcode op)
{
    for (unsigned i = 0; i < program->code_count; i++)
        if (program->code[i].op == op)
            return &program->code[i];
    fail_msg("no such instruction in the script");
    return NULL;
}

typedef void spoil_fn(struct program *program);

static void spoil_opcode(struct program *program)
{
    program->code[0].op = OPCODES;
}

static void spoil_flag(struct program *program)
{
    find(program, OP_EXIT)->flag = 2;
}

static void spoil_constant(struct program *program)
{
    find(program, OP_CONSTANT)->operand = program->constant_count;
}

static void spoil_variable(struct program *program)
{
    find(program, OP_LOAD)->operand = program->variable_count;
}

static void spoil_second_variable(struct program *program)
{
    find(program, OP_LOAD_BY_KIND)->count = (uint16_t)program->variable_count;
}

static void spoil_route(struct program *program)
{
    find(program, OP_ROUTE)->operand = ROUTE_NONE;
}

static void spoil_regex(struct program *program)
{
    find(program, OP_MATCH)->operand = program->regex_count;
}

static void spoil_jump(struct program *program)
{
    find(program, OP_JUMP)->operand = program->code_count;
}

static void jump_into_another_route(struct program *program)
{
    find(program, OP_JUMP)->operand = program->routes[2].start;
}

static void spoil_case(struct program *program)
{
    program->switches[0]->rows[0].target = program->code_count;
}

static void spoil_default(struct program *program)
{
    program->switches[0]->otherwise = program->routes[2].start;
}

static void spoil_case_regex(struct program *program)
{
    program->switches[0]->rows[1].regex = program->regex_count;
}

static void pop_an_empty_stack(struct program *program)
{
    program->code[program->routes[1].start] = (struct instruction){ .op = OP_NOT };
}

static void leave_values_behind(struct program *program)
{
    find(program, OP_JUMP_UNLESS)->op = OP_JUMP;
}

static void loop_without_a_counter(struct program *program)
{
    find(program, OP_LOOP_START)->count = 7;
}

static void run_over_the_end(struct program *program)
{
    program->code[program->routes[2].end - 1] = (struct instruction){ .op = OP_LOOP_START };
    program->routes[2].loop_count = 1;
    program->code[program->routes[2].end - 2] = (struct instruction){ .op = OP_LOOP_START };
}

static void take_too_many_arguments(struct program *program)
{
    find(program, OP_CALL)->count++;
}

static void empty_route(struct program *program)
{
    program->routes[1].end = program->routes[1].start;
}

static const struct {
    const char *what;
    spoil_fn *spoil;
} rows[] = {
    { "unknown instruction", spoil_opcode },
    { "flag out of range", spoil_flag },
    { "constant out of range", spoil_constant },
    { "variable out of range", spoil_variable },
    { "second variable out of range", spoil_second_variable },
    { "no route", spoil_route },
    { "regex out of range", spoil_regex },
    { "jump out of the program", spoil_jump },
    { "jump into another route", jump_into_another_route },
    { "case out of the route", spoil_case },
    { "default out of the route", spoil_default },
    { "regex of a case out of range", spoil_case_regex },
    { "stack runs dry", pop_an_empty_stack },
    { "stack of two depths", leave_values_behind },
    { "no such loop", loop_without_a_counter },
    { "end of the route run over", run_over_the_end },
    { "arguments that are not there", take_too_many_arguments },
    { "route without code", empty_route },
};

static void test_bad_programs_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fake_host fake;
        struct program *program = compile(&fake);
        char why[200] = "";

        rows[i].spoil(program);
        if (!program_verify(program, why, sizeof why))
            fail_msg("%s: not refused", rows[i].what);
        assert_true(strncmp(why, "instruction ", 12) == 0);
        program_unref(program);
        fake_fini(&fake);
    }
}

static void ignore_log(enum log_level level, int facility, const char *line)
{
    (void)facility;
    (void)level;
    (void)line;
}

static void change_something(struct program *program, struct prng *prng)
{
    struct instruction *code = &program->code[prng_next(prng) % program->code_count];

    switch (prng_next(prng) % 4) {
    case 0:
        code->op = (uint8_t)(prng_next(prng) % (OPCODES + 1));
        break;
    case 1:
        code->flag = (uint8_t)(prng_next(prng) % 4);
        break;
    case 2:
        code->count = (uint16_t)(prng_next(prng) % 3);
        break;
    default:
        code->operand = (uint32_t)(prng_next(prng) % program->code_count);
    }
}

static void run_it(struct fake_host *fake, struct program *program)
{
    const struct script_budget budget = { .steps = 500, .depth = 20, .loop_turns = 10 };
    struct fake_run run;

    fake->trace_len = 0;
    fake_run_init(&run, fake, STAGE_REQUEST);
    fake_run_start(&run, program, 1, &budget);
    assert_int_equal(run.done_count, 1);
    fake_run_fini(&run);
}

/* Instructions changed at random: whatever the verifier lets pass must run without harm. */
static void test_what_is_verified_is_safe_to_run(void **state)
{
    struct fake_host fake;
    struct program *program = compile(&fake);
    size_t size = program->code_count * sizeof *program->code;
    struct instruction *original = arena_alloc(&fake.arena, size);
    unsigned passed = 0;
    struct prng prng;
    char why[200];

    (void)state;
    prng_init(&prng, 4711);
    log_set_sink(ignore_log);
    memcpy(original, program->code, size);
    for (int round = 0; round < 20000; round++) {
        memcpy(program->code, original, size);
        for (uint64_t changes = prng_next(&prng) % 3 + 1; changes; changes--)
            change_something(program, &prng);
        if (program_verify(program, why, sizeof why))
            continue;
        run_it(&fake, program);
        passed++;
    }
    log_set_sink(NULL);
    assert_true(passed > 100);
    program_unref(program);
    fake_fini(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_programs_are_refused),
        cmocka_unit_test(test_what_is_verified_is_safe_to_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
