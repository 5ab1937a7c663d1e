/* SPDX-License-Identifier: Apache-2.0 */
/* Transformations read and applied; what each does is in its row. */
#include "script/transform.h"

#include "script/report.h"
#include "script/transform_row.h"

struct transform_arg {
    struct str text;
    const struct variable_ref *variable;
};

struct transform {
    struct transform *next;
    const struct transform_row *row;
    struct transform_arg args[TRANSFORM_ARGS_MAX];
    const void *object; /* what row->prepare made of the arguments */
    uint8_t arg_count;
    bool is_openser;
};

static const struct transform_row *const tables[] = {
    transform_text_rows,
    transform_code_rows,
    transform_uri_rows,
    transform_subst_rows,
};

enum {
    TABLES = sizeof tables / sizeof *tables,
};

/* ---- reading ---- */

static const struct transform_row *find_row(struct str class, struct str name)
{
    for (int i = 0; i < TABLES; i++)
        for (const struct transform_row *row = tables[i]; row->apply; row++)
            if (str_ieq(row->class, class) && str_ieq(row->name, name))
                return row;
    return NULL;
}

void transform_each(void (*visit)(void *visitor, struct str class, struct str name), void *visitor)
{
    for (int i = 0; i < TABLES; i++)
        for (const struct transform_row *row = tables[i]; row->apply; row++)
            visit(visitor, row->class, row->name);
}

static void offer_rows(struct suggestion *suggestion, struct unit *unit)
{
    struct str name;

    for (int i = 0; i < TABLES; i++)
        for (const struct transform_row *row = tables[i]; row->apply; row++)
            if (!str_print(&unit->scratch, &name, STR_FMT "." STR_FMT, STR_ARG(row->class),
                           STR_ARG(row->name)))
                suggestion_offer(suggestion, name);
}

static void *fail_unknown(struct unit *unit, struct span span, struct str name)
{
    struct suggestion suggestion;
    char buffer[SUGGESTION_TEXT_MAX];

    suggestion_init(&suggestion, name);
    offer_rows(&suggestion, unit);
    report_error(unit, span, "unknown transformation {" STR_FMT "}%s", STR_ARG(name),
                 suggestion_text(&suggestion, buffer, sizeof buffer));
    return NULL;
}

static bool ends_arg(char c)
{
    return c == ',' || c == '}';
}

static size_t measure_arg(struct str text)
{
    size_t len = 0;

    if (text.len > 1 && text.ptr[0] == ',' && ends_arg(text.ptr[1]))
        return 1;
    while (len < text.len && !ends_arg(text.ptr[len]))
        len++;
    return len;
}

static void skip_blanks(struct str *rest)
{
    while (rest->len && rest->ptr[0] == ' ')
        *rest = str_skip(*rest, 1);
}

static bool has_bit(unsigned bits, unsigned index)
{
    return bits & 1u << index;
}

/* arg = variable | text up to "," or "}"; a lone "," is itself */
static bool read_arg(struct unit *unit, struct span span, struct str *rest, unsigned depth,
                     struct transform *transform)
{
    unsigned index = transform->arg_count;
    struct transform_arg *arg = &transform->args[index];
    struct str text = *rest;

    if (!has_bit(transform->row->char_args, index))
        skip_blanks(rest);
    if (rest->len > 1 && rest->ptr[0] == '$') {
        arg->variable = variable_read(unit, span, rest, depth);
        skip_blanks(rest);
        return arg->variable;
    }
    text = (struct str){ rest->ptr, measure_arg(*rest) };
    *rest = str_skip(*rest, text.len);
    if (has_bit(transform->row->number_args, index))
        text = str_trim(text);
    arg->text = unit_copy(unit, unit->keep, text);
    return true;
}

static bool read_args(struct unit *unit, struct span span, struct str *rest, unsigned depth,
                      struct transform *transform)
{
    while (rest->len && rest->ptr[0] == ',') {
        if (transform->arg_count == TRANSFORM_ARGS_MAX) {
            report_error(unit, span, "this transformation has too many parameters");
            return false;
        }
        *rest = str_skip(*rest, 1);
        if (!read_arg(unit, span, rest, depth, transform))
            return false;
        transform->arg_count++;
    }
    return true;
}

static bool check_numbers(struct unit *unit, struct span span, const struct transform *transform)
{
    int64_t number;

    for (unsigned i = 0; i < transform->arg_count; i++) {
        const struct transform_arg *arg = &transform->args[i];

        if (!has_bit(transform->row->number_args, i) || arg->variable ||
            !str_to_int(arg->text, INT64_MIN, INT64_MAX, &number))
            continue;
        report_error(unit, span, "\"" STR_FMT "\" is not the number that {" STR_FMT "." STR_FMT "} needs",
                     STR_ARG(arg->text), STR_ARG(transform->row->class), STR_ARG(transform->row->name));
        return false;
    }
    return true;
}

/* One character, or one behind a backslash. */
static bool is_char(struct str text)
{
    return text.len == 1 || (text.len == 2 && text.ptr[0] == '\\');
}

static bool check_chars(struct unit *unit, struct span span, const struct transform *transform)
{
    for (unsigned i = 0; i < transform->arg_count; i++) {
        const struct transform_arg *arg = &transform->args[i];

        if (!has_bit(transform->row->char_args, i) || arg->variable || transform->is_openser ||
            is_char(arg->text))
            continue;
        report_error(unit, span, "{" STR_FMT "." STR_FMT "} needs one character, not \"" STR_FMT "\"",
                     STR_ARG(transform->row->class), STR_ARG(transform->row->name),
                     STR_ARG(arg->text));
        return false;
    }
    return true;
}

static bool check_args(struct unit *unit, struct span span, const struct transform *transform)
{
    const struct transform_row *row = transform->row;

    if (transform->arg_count >= row->min_args && transform->arg_count <= row->max_args)
        return check_numbers(unit, span, transform) && check_chars(unit, span, transform);
    report_error(unit, span, "{" STR_FMT "." STR_FMT "} takes %u to %u parameters, not %u",
                 STR_ARG(row->class), STR_ARG(row->name), row->min_args, row->max_args,
                 transform->arg_count);
    return false;
}

static struct transform *close_transform(struct unit *unit, struct span span, struct str *rest,
                                         struct str name, struct transform *transform)
{
    if (rest->len && rest->ptr[0] == '}') {
        *rest = str_skip(*rest, 1);
        return transform;
    }
    report_error(unit, span, "a '}' is missing behind {" STR_FMT, STR_ARG(name));
    return NULL;
}

/* transformation = "{" class "." name *( "," arg ) "}" */
struct transform *transform_read(struct unit *unit, struct span span, struct str *rest,
                                 unsigned depth)
{
    struct transform *transform = unit_alloc(unit, unit->keep, sizeof *transform);
    struct str name, class, member;
    size_t len = 1;

    if (!transform)
        return NULL;
    transform->is_openser = unit->dialect->id == DIALECT_OPENSER;
    while (len < rest->len && !ends_arg(rest->ptr[len]))
        len++;
    name = str_trim((struct str){ rest->ptr + 1, len - 1 });
    *rest = str_skip(*rest, len);
    if (!str_split(name, '.', &class, &member) || !(transform->row = find_row(class, member)))
        return fail_unknown(unit, span, name);
    if (transform->row->prepare)
        return transform->row->prepare(unit, span, rest, &transform->object)
                   ? close_transform(unit, span, rest, name, transform)
                   : NULL;
    if (!read_args(unit, span, rest, depth, transform) ||
        !close_transform(unit, span, rest, name, transform))
        return NULL;
    return check_args(unit, span, transform) ? transform : NULL;
}

void transform_append(struct transform **chain, struct transform *next)
{
    while (*chain)
        chain = &(*chain)->next;
    *chain = next;
}

/* ---- applying ---- */

static enum err fill_args(struct transform_call *call, const struct transform *transform)
{
    enum err err = ERR_NONE;

    call->arg_count = transform->arg_count;
    for (unsigned i = 0; i < transform->arg_count && !err; i++) {
        const struct transform_arg *arg = &transform->args[i];
        struct value value = value_of_str(arg->text);

        if (arg->variable)
            err = variable_get(call->run, arg->variable, &value);
        if (!err)
            err = value_to_str(call->arena, &value, &call->args[i]);
        if (!err && str_to_int(call->args[i], INT64_MIN, INT64_MAX, &call->numbers[i]))
            call->numbers[i] = 0;
    }
    return err;
}

static enum err apply_one(struct run *run, const struct transform *transform, struct value *value)
{
    struct value out = value_null();
    struct transform_call call = {
        .run = run,
        .arena = run->arena,
        .row = transform->row,
        .object = transform->object,
        .value = value,
        .is_openser = transform->is_openser,
        .out = &out,
    };
    enum err err;

    if (value_is_null(value) && !transform->row->takes_null)
        return ERR_NOT_FOUND;
    err = value_to_str(run->arena, value, &call.text);
    if (!err)
        err = fill_args(&call, transform);
    if (!err)
        err = transform->row->apply(&call);
    *value = out;
    return err;
}

enum err transform_apply(struct run *run, const struct transform *chain, struct value *value)
{
    enum err err = ERR_NONE;

    for (; chain && !err; chain = chain->next)
        err = apply_one(run, chain, value);
    return err;
}

/* ---- for the rows ---- */

enum err transform_give(struct transform_call *call, struct str text)
{
    *call->out = value_of_str(text);
    return ERR_NONE;
}

enum err transform_give_number(struct transform_call *call, int64_t number)
{
    *call->out = value_of_int(number);
    return ERR_NONE;
}

enum err transform_open(struct transform_call *call, size_t size, struct writer *out)
{
    char *bytes = arena_alloc(call->arena, size);

    if (!bytes)
        return ERR_NOMEM;
    *out = writer_over(bytes, size);
    return ERR_NONE;
}

enum err transform_close(struct transform_call *call, const struct writer *w)
{
    struct str text;
    enum err err = writer_finish(w, &text);

    return err ? err : transform_give(call, text);
}
