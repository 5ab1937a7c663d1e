/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions and tables of a program being made. */
#include "script/build.h"

#include "script/report.h"

/* Instructions of one script; far above any that a person writes. */
enum {
    CODE_MAX = 8 * 1000 * 1000,
    LINE_TEXT_MAX = 120,
};

static bool reserve(struct builder *b, void *array, unsigned count, size_t size)
{
    return unit_reserve(b->unit, &b->program->arena, array, count, size);
}

uint32_t build_here(const struct builder *b)
{
    return b->program->code_count;
}

uint32_t build_emit(struct builder *b, enum opcode op, unsigned flag, unsigned count,
                    uint32_t operand)
{
    struct program *program = b->program;

    if (program->code_count >= CODE_MAX)
        report_no_memory(b->unit);
    if (program->code_count >= CODE_MAX ||
        !reserve(b, &program->code, program->code_count, sizeof *program->code))
        return 0;
    program->code[program->code_count] =
        (struct instruction){ (uint8_t)op, (uint8_t)flag, (uint16_t)count, operand };
    return program->code_count++;
}

void build_land(struct builder *b, uint32_t at)
{
    if (at < b->program->code_count)
        b->program->code[at].operand = b->program->code_count;
}

/* ---- lines ---- */

/* Counts on from the place before, as places mostly come in order. */
static uint32_t line_of(struct builder *b, struct span span)
{
    if (b->line_source != span.source || span.start < b->line_offset) {
        b->line_source = span.source;
        b->line_offset = 0;
        b->line = 1;
    }
    for (; b->line_offset < span.start; b->line_offset++)
        b->line += span.source->text.ptr[b->line_offset] == '\n';
    return b->line;
}

/* The name of a file is copied once. */
static struct str file_of(struct builder *b, const struct source *source)
{
    const struct program *program = b->program;

    for (unsigned i = program->mark_count; i > 0; i--)
        if (str_eq(program->marks[i - 1].file, source->name))
            return program->marks[i - 1].file;
    return unit_copy(b->unit, &b->program->arena, source->name);
}

static struct str text_of(struct builder *b, struct span span)
{
    const char *first = span.source->text.ptr, *end = first + span.source->text.len;
    const char *from = first + span.start, *to = from;

    while (from > first && from[-1] != '\n')
        from--;
    while (to < end && *to != '\n' && to - from < LINE_TEXT_MAX)
        to++;
    return unit_copy(b->unit, &b->program->arena, str_trim(str_between(from, to)));
}

void build_mark(struct builder *b, struct span span)
{
    struct program *program = b->program;
    struct line_mark *last, mark;

    if (!span.source)
        return;
    mark = (struct line_mark){ build_here(b), line_of(b, span), file_of(b, span.source), { 0 } };
    last = program->mark_count ? &program->marks[program->mark_count - 1] : NULL;
    if (last && last->line == mark.line && last->file.ptr == mark.file.ptr)
        return;
    mark.text = text_of(b, span);
    if (last && last->at == mark.at) {
        *last = mark;
        return;
    }
    if (reserve(b, &program->marks, program->mark_count, sizeof *program->marks))
        program->marks[program->mark_count++] = mark;
}

/* ---- tables ---- */

uint32_t build_constant(struct builder *b, struct value value)
{
    struct program *program = b->program;

    if (!reserve(b, &program->constants, program->constant_count, sizeof *program->constants))
        return 0;
    if (value.has_text)
        value.text = unit_copy(b->unit, &program->arena, value.text);
    program->constants[program->constant_count] = value;
    return program->constant_count++;
}

uint32_t build_variable(struct builder *b, const struct variable_ref *ref)
{
    struct program *program = b->program;

    for (unsigned i = 0; i < program->variable_count; i++)
        if (program->variables[i] == ref)
            return i;
    if (!reserve(b, &program->variables, program->variable_count, sizeof *program->variables))
        return 0;
    program->variables[program->variable_count] = ref;
    return program->variable_count++;
}

uint32_t build_format(struct builder *b, const struct format *format)
{
    struct program *program = b->program;

    if (!reserve(b, &program->formats, program->format_count, sizeof *program->formats))
        return 0;
    program->formats[program->format_count] = format;
    return program->format_count++;
}

uint32_t build_net(struct builder *b, const struct net *net)
{
    struct program *program = b->program;

    if (!reserve(b, &program->nets, program->net_count, sizeof *program->nets))
        return 0;
    program->nets[program->net_count] = *net;
    return program->net_count++;
}

uint32_t build_call_site(struct builder *b, struct call_site *site)
{
    struct program *program = b->program;

    if (!reserve(b, &program->calls, program->call_count, sizeof *program->calls))
        return 0;
    program->calls[program->call_count] = site;
    return program->call_count++;
}

uint32_t build_switch(struct builder *b, struct switch_table *table)
{
    struct program *program = b->program;

    if (!reserve(b, &program->switches, program->switch_count, sizeof *program->switches))
        return 0;
    program->switches[program->switch_count] = table;
    return program->switch_count++;
}

bool build_regex(struct builder *b, struct span span, struct str pattern, unsigned flags,
                 uint32_t *out)
{
    struct program *program = b->program;
    struct regex *regex;
    char why[100] = "out of memory";

    if (!reserve(b, &program->regexes, program->regex_count, sizeof *program->regexes))
        return false;
    if (regex_compile(pattern, flags, &regex, why, sizeof why)) {
        report_error(b->unit, span, "this is no regular expression: %s", why);
        return false;
    }
    program->regexes[program->regex_count] = regex;
    *out = program->regex_count++;
    return true;
}
