/* SPDX-License-Identifier: Apache-2.0 */
/* Asks parties of long calls whether they are still there: dlg_set_property("ka-src"). */
#include "dialog.h"

enum {
    TICK = 100, /* ms between ticks */
};

const char dialog_pings;

static const struct str side_notes[DIALOG_SIDES] = {
    [DIALOG_CALLER] = STR_INIT("ka-src"),
    [DIALOG_CALLEE] = STR_INIT("ka-dst"),
};

/* The note's value is the number of misses. */
static void on_pong(void *context, struct worker *worker, uint64_t number, enum dialog_side side,
                    unsigned status)
{
    const struct dialog_module *state = module_state(context);
    struct dialog *dialog = worker_dialog(worker, number);
    const struct dialog_note *note =
        dialog ? dialog_find_note(dialog, &dialog_pings, side_notes[side]) : NULL;
    bool is_missed = status == 408 || status == 481 || status == 430;
    char digits[16];
    struct writer w = writer_over(digits, sizeof digits);
    uint64_t misses = 0;

    if (!note)
        return;
    if (is_missed && (str_to_uint(note->value, 0, 1000, &misses) ||
                      (int64_t)++misses >= state->ka_failed_limit)) {
        (void)!dialog_hang_up(worker, dialog, DIALOG_END_TIMEOUT, DIALOG_TO_ALL, STR(""));
        return;
    }
    write_uint(&w, misses);
    (void)!dialog_set_note(dialog, &dialog_pings, side_notes[side], writer_text(&w));
}

static void ping_sides(struct module *module, struct worker *worker, uint64_t number)
{
    for (unsigned side = 0; side < DIALOG_SIDES; side++) {
        struct dialog *dialog = worker_dialog(worker, number);

        if (dialog && dialog->state == DIALOG_CONFIRMED &&
            dialog_find_note(dialog, &dialog_pings, side_notes[side]))
            (void)!dialog_ping(worker, dialog, (enum dialog_side)side, on_pong, module);
    }
}

/* Each dialog has its own moment in the interval, so that no two of them go at once. */
static bool is_due(const struct dialog *dialog, msec from, msec to, msec interval)
{
    msec phase = interval - dialog->number * 7919 * TICK % interval;

    return (to + phase) / interval != (from + phase) / interval &&
           to - dialog->made_at >= interval;
}

void dialog_pings_tick(struct module *module, struct worker *worker, unsigned index, msec now)
{
    struct dialog_module *state = module_state(module);
    msec interval = (msec)state->ka_interval * 1000, before;
    struct dialog *dialog;

    if (!interval || index >= WORKERS_MAX)
        return;
    before = state->pinged[index];
    state->pinged[index] = now;
    if (!before)
        return;
    for (dialog = worker_next_dialog(worker, 0); dialog;) {
        uint64_t number = dialog->number;

        if (is_due(dialog, before, now, interval))
            ping_sides(module, worker, number);
        dialog = worker_next_dialog(worker, number);
    }
}
