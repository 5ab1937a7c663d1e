/* SPDX-License-Identifier: Apache-2.0 */
/* Call detail records: one for each dialog that is followed, at its end. */
#include "acc.h"

enum {
    SQL_MAX = 4096,
    FIXED_COLUMNS = 3,
};

struct cdr {
    wall_msec start, end;
    bool has_failed;
};

/* ---- the statement ---- */

enum err cdr_prepare(struct module *module, struct acc *acc)
{
    char *room = arena_alloc(module_arena(module), SQL_MAX);
    struct writer w = writer_over(room, room ? SQL_MAX : 0);

    write_fmt(&w, "INSERT INTO " STR_FMT " (" STR_FMT ", " STR_FMT ", " STR_FMT,
              STR_ARG(acc->cdrs_table), STR_ARG(acc->cdr_start_id), STR_ARG(acc->cdr_end_id),
              STR_ARG(acc->cdr_duration_id));
    for (unsigned i = 0; i < acc->cdr_extra.count; i++)
        write_fmt(&w, ", " STR_FMT, STR_ARG(acc->cdr_extra.of[i].name));
    write_str(&w, STR(") VALUES (?, ?, ?"));
    for (unsigned i = 0; i < acc->cdr_extra.count; i++)
        write_str(&w, STR(", ?"));
    write_char(&w, ')');
    return writer_finish(&w, &acc->cdr_sql);
}

/* ---- what it says ---- */

static struct str duration_of(const struct cdr *cdr, struct arena *arena)
{
    return cdr->has_failed ? STR("0") : moment_fraction(arena, cdr->end - cdr->start);
}

static void write_pair(struct writer *w, struct str name, struct str text)
{
    write_str(w, name);
    write_char(w, '=');
    write_str(w, text);
}

static void write_line(const struct acc *acc, struct run *run, const struct cdr *cdr)
{
    char line[LINE_MAX];
    struct writer w = writer_over(line, sizeof line);

    write_pair(&w, acc->cdr_start_id, moment_fraction(run->arena, cdr->start));
    write_str(&w, STR("; "));
    write_pair(&w, acc->cdr_end_id, moment_fraction(run->arena, cdr->end));
    write_str(&w, STR("; "));
    write_pair(&w, acc->cdr_duration_id, duration_of(cdr, run->arena));
    for (unsigned i = 0; i < acc->cdr_extra.count; i++) {
        write_str(&w, STR("; "));
        write_pair(&w, acc->cdr_extra.of[i].name, extra_text(run, &acc->cdr_extra.of[i]));
    }
    if (w.has_overflowed)
        log_warning("acc: the next line is cut");
    log_text(acc->level, acc->cdr_log_facility, false, writer_text(&w));
}

static struct value moment_value(const struct acc *acc, struct arena *arena, wall_msec when)
{
    if (acc->time_mode < TIME_LOCAL)
        return value_of_str(moment_column(acc, arena, when));
    return value_of_str(
        moment_formatted(arena, when, acc->time_format, acc->time_mode == TIME_LOCAL));
}

static void write_row(const struct acc *acc, struct run *run, const struct cdr *cdr)
{
    struct value values[FIXED_COLUMNS + EXTRAS_MAX] = {
        moment_value(acc, run->arena, cdr->start),
        moment_value(acc, run->arena, cdr->end),
        value_of_str(duration_of(cdr, run->arena)),
    };
    unsigned count = FIXED_COLUMNS;

    for (unsigned i = 0; i < acc->cdr_extra.count; i++) {
        const struct extra *extra = &acc->cdr_extra.of[i];
        struct str text = text_clean(run->arena, extra_text(run, extra), extra->width);

        values[count++] =
            acc->cdr_extra_nullable && str_is_empty(text) ? value_null() : value_of_str(text);
    }
    (void)!ledger_write(acc->ledger, acc->cdr_sql, values, count);
}

/* ---- the moment ---- */

struct telling {
    const struct acc *acc;
    struct cdr cdr;
};

static void tell(struct run *run, void *context)
{
    const struct telling *telling = context;
    const struct acc *acc = telling->acc;

    if (acc->cdr_log_enable)
        write_line(acc, run, &telling->cdr);
    if (acc->cdr_sql.len)
        write_row(acc, run, &telling->cdr);
}

/* The script has set $dlg_var(…) of the name in cdr_skip. */
static bool is_skipped(const struct acc *acc, const struct dialog *dialog)
{
    return acc->cdr_skip.len && dialog_find_note(dialog, NULL, acc->cdr_skip);
}

static bool is_wanted(const struct acc *acc, const struct dialog *dialog, enum dialog_moment moment)
{
    if (!acc->cdr_enable || is_skipped(acc, dialog))
        return false;
    if (moment == DIALOG_FAILED)
        return acc->cdr_on_failed != 0;
    return moment == DIALOG_FINISHED &&
           (dialog->end != DIALOG_END_TIMEOUT || acc->cdr_expired_dlg_enable || dialog->sends_bye);
}

/* From the INVITE on, or from the answer; a call that failed has no length. */
static struct cdr cdr_of(const struct acc *acc, const struct worker *worker,
                         const struct dialog *dialog, wall_msec wall)
{
    msec begun =
        acc->cdr_start_on_confirmed && dialog->started_at ? dialog->started_at : dialog->made_at;
    struct cdr cdr = { .start = wall - (worker_now(worker) - begun), .end = wall };

    cdr.has_failed = !dialog->started_at;
    if (cdr.has_failed)
        cdr.end = cdr.start;
    return cdr;
}

void cdr_on_dialog(struct module *module, struct worker *worker, struct dialog *dialog,
                   enum dialog_moment moment)
{
    const struct acc *acc = module_state(module);

    if (is_wanted(acc, dialog, moment)) {
        struct telling telling = { acc, cdr_of(acc, worker, dialog,
                                               server_wall_msec(worker_server(worker))) };
        dialog_visit_run(worker, dialog, tell, &telling);
    }
}
