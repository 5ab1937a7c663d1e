/* SPDX-License-Identifier: Apache-2.0 */
/* Records of transactions: as a line in the log, and as rows of a table. */
#include "acc.h"

enum {
    SQL_MAX = 8192,
};

/* ---- what a record says ---- */

static bool is_from_callee(const struct acc *acc, const struct run *run)
{
    return acc->detect_direction && run->request->is_from_callee;
}

struct record record_of(const struct acc *acc, const struct run *run)
{
    const struct sip_msg *msg = run->request->msg;
    bool is_turned = is_from_callee(acc, run);

    return (struct record){
        .method = msg->method_name,
        .from_tag = is_turned ? msg->to_tag : msg->from_tag,
        .to_tag = is_turned ? msg->from_tag : msg->to_tag,
        .call_id = msg->call_id,
        .when = server_wall_msec(run_server(run)),
        .table = acc->db_table_acc,
    };
}

void record_comment(struct record *record, struct str comment)
{
    uint64_t status;

    record->code = STR("");
    record->reason = comment;
    if (comment.len < 3 || str_to_uint((struct str){ comment.ptr, 3 }, 0, 999, &status))
        return;
    record->code = (struct str){ comment.ptr, 3 };
    record->reason = str_skip(comment, 3);
    while (record->reason.len && record->reason.ptr[0] == ' ')
        record->reason = str_skip(record->reason, 1);
}

void record_status(struct record *record, struct arena *arena, unsigned status, struct str reason)
{
    record->reason = reason;
    if (str_print(arena, &record->code, "%u", status))
        record->code = STR("");
}

/* ---- the line ---- */

static void write_field(struct writer *w, struct str name, struct str text)
{
    write_char(w, ';');
    write_str(w, name);
    write_char(w, '=');
    write_str(w, text);
}

static void write_time(struct writer *w, const struct acc *acc, struct arena *arena, wall_msec when)
{
    write_fmt(w, "timestamp=%llu", (unsigned long long)(when / 1000));
    if (acc->time_mode == TIME_TWO_NUMBERS)
        write_fmt(w, ";" STR_FMT "=%u", STR_ARG(acc->time_exten), (unsigned)(when % 1000 * 1000));
    if (acc->time_mode == TIME_FRACTION)
        write_field(w, acc->time_attr, moment_fraction(arena, when));
    if (acc->time_mode >= TIME_LOCAL)
        write_field(w, acc->time_attr,
                    moment_formatted(arena, when, acc->time_format, acc->time_mode == TIME_LOCAL));
}

static void write_leg(struct writer *w, const struct acc *acc, struct run *run,
                      const struct value values[])
{
    for (unsigned i = 0; i < acc->legs.count; i++) {
        struct str text = STR("");

        (void)!value_to_str(run->arena, &values[i], &text);
        write_field(w, acc->legs.of[i].name, text);
    }
}

/* Without any leg the names stand there all the same. */
static void write_legs(struct writer *w, const struct acc *acc, struct run *run)
{
    struct value values[EXTRAS_MAX];
    unsigned index = 0;

    while ((extras_leg(run, &acc->legs, index, values) || index == 0) && index < LEGS_MAX) {
        write_leg(w, acc, run, values);
        index++;
    }
}

static void write_line(const struct acc *acc, struct run *run, const struct record *record)
{
    char line[LINE_MAX];
    struct writer w = writer_over(line, sizeof line);

    write_fmt(&w, "ACC: %s: ", record->kind);
    write_time(&w, acc, run->arena, record->when);
    write_field(&w, STR("method"), record->method);
    write_field(&w, STR("from_tag"), record->from_tag);
    write_field(&w, STR("to_tag"), record->to_tag);
    write_field(&w, STR("call_id"), record->call_id);
    write_field(&w, STR("code"), record->code);
    write_field(&w, STR("reason"), record->reason);
    for (unsigned i = 0; i < acc->log_extra.count; i++)
        write_field(&w, acc->log_extra.of[i].name, extra_text(run, &acc->log_extra.of[i]));
    if (acc->legs.count)
        write_legs(&w, acc, run);
    if (w.has_overflowed)
        log_warning("acc: the next line is cut");
    log_text(acc->level, acc->facility, false, writer_text(&w));
}

/* ---- the statement ---- */

static void write_column(struct writer *w, struct str name, unsigned *count)
{
    write_str(w, *count ? STR(", ") : STR(""));
    write_str(w, name);
    ++*count;
}

static void write_columns(struct writer *w, const struct acc *acc, unsigned *count)
{
    const struct str fixed[] = { acc->method_column, acc->from_tag_column, acc->to_tag_column,
                                 acc->callid_column, acc->code_column,     acc->reason_column,
                                 acc->time_column };

    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        write_column(w, fixed[i], count);
    if (acc->time_mode != TIME_SECONDS)
        write_column(w, acc->time_attr, count);
    if (acc->time_mode == TIME_TWO_NUMBERS)
        write_column(w, acc->time_exten, count);
    for (unsigned i = 0; i < acc->db_extra.count; i++)
        write_column(w, acc->db_extra.of[i].name, count);
    for (unsigned i = 0; i < acc->legs.count; i++)
        write_column(w, acc->legs.of[i].name, count);
}

enum err record_prepare(struct module *module, struct acc *acc)
{
    char *room = arena_alloc(module_arena(module), SQL_MAX);
    struct writer w = writer_over(room, room ? SQL_MAX : 0);
    unsigned count = 0;

    write_str(&w, STR(" ("));
    write_columns(&w, acc, &count);
    write_str(&w, STR(") VALUES (?"));
    for (unsigned i = 1; i < count; i++)
        write_str(&w, STR(", ?"));
    write_char(&w, ')');
    if (count > LEDGER_PARAMS_MAX) {
        log_error("acc: %u columns in a row are too many: %d at most", count, LEDGER_PARAMS_MAX);
        return ERR_LIMIT;
    }
    return writer_finish(&w, &acc->row_sql);
}

/* ---- the rows ---- */

struct row {
    struct value values[LEDGER_PARAMS_MAX];
    unsigned count;
};

static void add_text(struct row *row, struct arena *arena, struct str text, unsigned width)
{
    row->values[row->count++] = value_of_str(text_clean(arena, text, width));
}

static void add_time(struct row *row, const struct acc *acc, struct arena *arena, wall_msec when)
{
    row->values[row->count++] = value_of_str(moment_column(acc, arena, when));
    if (acc->time_mode == TIME_TWO_NUMBERS) {
        row->values[row->count++] = value_of_int((int64_t)(when / 1000));
        row->values[row->count++] = value_of_int((int64_t)(when % 1000 * 1000));
    }
    if (acc->time_mode == TIME_FRACTION)
        row->values[row->count++] = value_of_str(moment_fraction(arena, when));
    if (acc->time_mode >= TIME_LOCAL)
        row->values[row->count++] = value_of_str(
            moment_formatted(arena, when, acc->time_format, acc->time_mode == TIME_LOCAL));
}

/* The widths are those of the originals' tables: a database may refuse what is wider. */
static void add_fixed(struct row *row, const struct acc *acc, struct arena *arena,
                      const struct record *record)
{
    const unsigned tag = acc->is_openser ? 64 : 128;

    add_text(row, arena, record->method, 16);
    add_text(row, arena, record->from_tag, tag);
    add_text(row, arena, record->to_tag, tag);
    add_text(row, arena, record->call_id, acc->is_openser ? 64 : 255);
    add_text(row, arena, record->code, 3);
    add_text(row, arena, record->reason, acc->is_openser ? 32 : 128);
    add_time(row, acc, arena, record->when);
}

static void add_extra(struct row *row, const struct acc *acc, struct arena *arena, struct str text,
                      unsigned width)
{
    if (acc->acc_extra_nullable && str_is_empty(text))
        row->values[row->count++] = value_null();
    else
        add_text(row, arena, text, width);
}

static void add_leg(struct row *row, const struct acc *acc, struct arena *arena,
                    const struct value values[])
{
    for (unsigned i = 0; i < acc->legs.count; i++) {
        struct str text = STR("");

        (void)!value_to_str(arena, &values[i], &text);
        add_extra(row, acc, arena, text, acc->legs.of[i].width);
    }
}

/* A row for each leg; one in any case. */
static enum err write_rows(const struct acc *acc, struct run *run, const struct record *record)
{
    struct value legs[EXTRAS_MAX];
    struct row row = { .count = 0 };
    struct str sql;
    unsigned fixed, index = 0;
    enum err err = str_print(run->arena, &sql, "INSERT INTO " STR_FMT STR_FMT,
                             STR_ARG(record->table), STR_ARG(acc->row_sql));

    add_fixed(&row, acc, run->arena, record);
    for (unsigned i = 0; i < acc->db_extra.count; i++)
        add_extra(&row, acc, run->arena, extra_text(run, &acc->db_extra.of[i]),
                  acc->db_extra.of[i].width);
    fixed = row.count;
    while (!err && (extras_leg(run, &acc->legs, index, legs) || index == 0) && index < LEGS_MAX) {
        row.count = fixed;
        add_leg(&row, acc, run->arena, legs);
        err = ledger_write(acc->ledger, sql, row.values, row.count);
        index++;
    }
    return err;
}

enum err record_write(const struct acc *acc, struct run *run, const struct record *record,
                      unsigned sinks)
{
    if (sinks & TO_LOG)
        write_line(acc, run, record);
    return sinks & TO_DATABASE ? write_rows(acc, run, record) : ERR_NONE;
}
