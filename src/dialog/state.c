/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a dialog (RFC 3261 §12, with Kamailio's division of the confirmed one). */
#include <stdlib.h>

#include "dialog/entry.h"

enum event {
    GOT_PROGRESS,
    GOT_ANSWER,
    GOT_FAILURE,
    GOT_ACK,
    BYE_DONE,
    TIME_OUT,
    KILLED,
    EVENTS,
};

/* What comes with an event. */
struct input {
    const struct dialog_told *callee; /* GOT_PROGRESS, GOT_ANSWER */
    uint64_t wall;                    /* GOT_ANSWER */
    enum dialog_end why;              /* KILLED */
};

typedef void step_fn(struct entry *entry, const struct input *input);

static const struct dialog_rules *rules_of(const struct entry *entry)
{
    return entry->all->settings.rules;
}

static void tell(struct entry *entry, enum dialog_moment moment)
{
    const struct dialogs_user *user = &entry->all->user;

    if (user->on_moment)
        user->on_moment(user->context, &entry->dialog, moment);
}

static void on_timer(struct timer *timer);

static void arm(struct entry *entry, msec deadline)
{
    struct wheel *wheel = entry->all->wheel;

    timer_start(wheel, &entry->timer, deadline > wheel->now ? deadline : wheel->now + 1, on_timer);
}

/* ---- steps ---- */

static void over(struct entry *entry, enum dialog_end why, enum dialog_moment moment)
{
    timer_stop(entry->all->wheel, &entry->timer);
    entry->dialog.state = DIALOG_ENDED;
    entry->dialog.end = why;
    tell(entry, moment);
    entry_destroy(entry);
}

static void fail(struct entry *entry, const struct input *input)
{
    (void)input;
    over(entry, DIALOG_END_FAILED, DIALOG_FAILED);
}

static void end_by_bye(struct entry *entry, const struct input *input)
{
    (void)input;
    over(entry, DIALOG_END_BYE, DIALOG_FINISHED);
}

static void kill_it(struct entry *entry, const struct input *input)
{
    over(entry, input->why, DIALOG_FINISHED);
}

/* Nobody can kill it while the user is asked: dialog->end is set. */
static void time_out(struct entry *entry, enum dialog_end why)
{
    const struct dialogs_user *user = &entry->all->user;

    entry->dialog.end = why;
    if (user->on_timeout)
        user->on_timeout(user->context, &entry->dialog);
    over(entry, why, DIALOG_FINISHED);
}

static void outlive(struct entry *entry, const struct input *input)
{
    (void)input;
    time_out(entry, DIALOG_END_TIMEOUT);
}

static void miss_ack(struct entry *entry, const struct input *input)
{
    (void)input;
    time_out(entry, DIALOG_END_NO_ACK);
}

static struct early_leg *add_leg(struct entry *entry, const struct dialog_told *callee)
{
    struct early_leg *leg;

    if (entry->leg_count == EARLY_LEGS_MAX)
        return NULL;
    leg = calloc(1, sizeof *leg);
    if (!leg)
        return NULL;
    if (party_set(&leg->callee, callee)) {
        free(leg);
        return NULL;
    }
    leg->caller_cseq = entry->dialog.parties[DIALOG_CALLER].cseq;
    leg->next = entry->legs;
    entry->legs = leg;
    entry->leg_count++;
    return leg;
}

/* A later provisional of the same leg may bring the Contact that the first had not. */
static void ring(struct entry *entry, const struct input *input)
{
    struct early_leg *leg = entry_find_leg(entry, input->callee->tag);
    bool is_first = entry->dialog.state == DIALOG_UNCONFIRMED;

    if (!leg)
        add_leg(entry, input->callee);
    else if (input->callee->contact.len)
        (void)!party_set_contact(&leg->callee, input->callee->contact);
    entry->dialog.state = DIALOG_EARLY;
    if (is_first)
        tell(entry, DIALOG_RINGS);
}

/* What the 2xx says holds; the leg knows what was sent before it. */
static bool adopt(struct entry *entry, const struct dialog_told *told, const struct early_leg *leg)
{
    struct dialog *dialog = &entry->dialog;
    struct dialog_party *callee = &dialog->parties[DIALOG_CALLEE], old = *callee;
    struct dialog_told merged = *told;

    if (leg) {
        merged.cseq = leg->callee.cseq;
        if (!merged.contact.len)
            merged.contact = leg->callee.contact;
    }
    if (party_set(callee, &merged))
        return false;
    if (leg)
        dialog->parties[DIALOG_CALLER].cseq = leg->caller_cseq;
    party_fini(&old);
    return true;
}

static void answer(struct entry *entry, const struct input *input)
{
    struct dialog *dialog = &entry->dialog;
    const struct dialog_rules *rules = rules_of(entry);
    msec now = entry->all->wheel->now, patience = rules->unacknowledged_timeout;

    if (!adopt(entry, input->callee, entry_find_leg(entry, input->callee->tag)))
        return;
    entry_forget_legs(entry);
    dialog->state = DIALOG_UNACKNOWLEDGED;
    dialog->started_at = now;
    dialog->started_wall = input->wall;
    dialog->expires_at = now + dialog->lifetime;
    arm(entry, now + (patience && patience < dialog->lifetime ? patience : dialog->lifetime));
    tell(entry, DIALOG_STARTED);
}

static void acknowledge(struct entry *entry, const struct input *input)
{
    (void)input;
    entry->dialog.state = DIALOG_CONFIRMED;
    arm(entry, entry->dialog.expires_at);
}

/* An empty cell means: nothing happens. */
static step_fn *const steps[DIALOG_STATES][EVENTS] = {
    [DIALOG_UNCONFIRMED] = {
        [GOT_PROGRESS] = ring,
        [GOT_ANSWER] = answer,
        [GOT_FAILURE] = fail,
        [TIME_OUT] = fail,
    },
    [DIALOG_EARLY] = {
        [GOT_PROGRESS] = ring,
        [GOT_ANSWER] = answer,
        [GOT_FAILURE] = fail,
        [TIME_OUT] = fail,
    },
    [DIALOG_UNACKNOWLEDGED] = {
        [GOT_ACK] = acknowledge,
        [BYE_DONE] = end_by_bye,
        [TIME_OUT] = miss_ack,
        [KILLED] = kill_it,
    },
    [DIALOG_CONFIRMED] = {
        [BYE_DONE] = end_by_bye,
        [TIME_OUT] = outlive,
        [KILLED] = kill_it,
    },
};

static bool handle(struct entry *entry, enum event event, const struct input *input)
{
    step_fn *step = steps[entry->dialog.state][event];

    if (step)
        step(entry, input);
    return step != NULL;
}

static void on_timer(struct timer *timer)
{
    handle(CONTAINER_OF(timer, struct entry, timer), TIME_OUT, &(struct input){ 0 });
}

/* ---- events ---- */

void entry_start(struct entry *entry)
{
    arm(entry, entry->all->wheel->now + rules_of(entry)->early_timeout);
    tell(entry, DIALOG_MADE);
}

void dialog_progress(struct dialog *dialog, const struct dialog_told *callee)
{
    if (callee->tag.len)
        handle(entry_of(dialog), GOT_PROGRESS, &(struct input){ .callee = callee });
}

static bool is_answered(const struct dialog *dialog)
{
    return dialog->state >= DIALOG_UNACKNOWLEDGED;
}

bool dialog_answer(struct dialog *dialog, const struct dialog_told *callee, uint64_t wall)
{
    struct entry *entry = entry_of(dialog), *sibling = entry_sibling(entry, callee->tag);
    const struct input input = { .callee = callee, .wall = wall };

    if (is_answered(dialog) && sibling)
        return true; /* a repetition */
    if (is_answered(dialog)) {
        entry = entry_clone(entry);
        if (!entry)
            return false;
        arm(entry, entry->all->wheel->now + rules_of(entry)->early_timeout);
        tell(entry, DIALOG_FORKED);
    }
    return handle(entry, GOT_ANSWER, &input);
}

void dialog_fail(struct dialog *dialog)
{
    handle(entry_of(dialog), GOT_FAILURE, &(struct input){ 0 });
}

void dialog_acknowledge(struct dialog *dialog)
{
    handle(entry_of(dialog), GOT_ACK, &(struct input){ 0 });
}

void dialog_bye(struct dialog *dialog)
{
    handle(entry_of(dialog), BYE_DONE, &(struct input){ 0 });
}

bool dialog_kill(struct dialog *dialog, enum dialog_end why)
{
    return !dialog->end && handle(entry_of(dialog), KILLED, &(struct input){ .why = why });
}

/* ---- time ---- */

void dialog_live(struct dialog *dialog, msec lifetime)
{
    struct entry *entry = entry_of(dialog);
    msec now = entry->all->wheel->now;

    dialog->lifetime = lifetime;
    if (!is_answered(dialog))
        return;
    dialog->expires_at = now + lifetime;
    if (dialog->state == DIALOG_CONFIRMED)
        arm(entry, dialog->expires_at);
}

msec dialog_left(const struct dialog *dialog)
{
    msec now = entry_of(dialog)->all->wheel->now;

    return is_answered(dialog) && dialog->expires_at > now ? dialog->expires_at - now : 0;
}

/* ---- requests inside ---- */

/* Each early leg counts for itself. */
static uint32_t *cseq_of(const struct dialog *dialog, enum dialog_side side, struct str callee_tag)
{
    struct entry *entry = entry_of(dialog);
    struct early_leg *leg = entry_find_leg(entry, callee_tag);

    if (leg)
        return side == DIALOG_CALLER ? &leg->caller_cseq : &leg->callee.cseq;
    return &entry->dialog.parties[side].cseq;
}

bool dialog_is_in_order(const struct dialog *dialog, enum dialog_side side, struct str callee_tag,
                        uint32_t cseq)
{
    return cseq >= *cseq_of(dialog, side, callee_tag);
}

void dialog_note_cseq(struct dialog *dialog, enum dialog_side side, struct str callee_tag,
                      uint32_t cseq)
{
    uint32_t *known = cseq_of(dialog, side, callee_tag);

    if (cseq > *known)
        *known = cseq;
}

void dialog_refresh(struct dialog *dialog, enum dialog_side side, struct str contact)
{
    if (contact.len && is_answered(dialog))
        (void)!party_set_contact(&dialog->parties[side], contact);
}

void dialog_move(struct dialog *dialog, enum dialog_side side, const struct flow *flow)
{
    dialog->parties[side].flow = *flow;
}

struct str dialog_end_name(enum dialog_end end)
{
    static const struct str names[DIALOG_ENDS] = {
        [DIALOG_END_NONE] = STR_INIT("going on"),       [DIALOG_END_FAILED] = STR_INIT("failed"),
        [DIALOG_END_BYE] = STR_INIT("bye"),             [DIALOG_END_TIMEOUT] = STR_INIT("timeout"),
        [DIALOG_END_NO_ACK] = STR_INIT("no ack"),       [DIALOG_END_MEDIA] = STR_INIT("media timeout"),
        [DIALOG_END_REQUEST] = STR_INIT("terminated"),
    };

    return end < DIALOG_ENDS ? names[end] : STR("");
}
