/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time is read as 6-bit groups. A timer is on the level of the highest group in which its deadline
 * and wheel->now differ, in the slot that the deadline's group names; it moves down when time
 * reaches that slot, and fires from level 0. So whatever is on a lower level is due before all that
 * is on a higher one. The topmost level wraps around, and holds deadlines beyond it in its furthest
 * slot.
 *
 * Lists are newest first; draining one into another reverses it, which keeps the order of arming.
 */
#include <culvert/timer.h>

#include <stddef.h>
#include <string.h>

enum {
    GROUP_BITS = 6,
    GROUP_MASK = WHEEL_SLOTS - 1,
    TOP_LEVEL = WHEEL_LEVELS - 1,
    TOP_SHIFT = TOP_LEVEL * GROUP_BITS,
};

static void list_push(struct timer **head, struct timer *timer)
{
    timer->next = *head;
    if (timer->next)
        timer->next->link = &timer->next;
    timer->link = head;
    *head = timer;
}

static void list_unlink(struct timer *timer)
{
    *timer->link = timer->next;
    if (timer->next)
        timer->next->link = timer->link;
    timer->next = NULL;
    timer->link = NULL;
}

/* Moves all timers, reversing their order. */
static void list_drain(struct timer **from, struct timer **to)
{
    struct timer *timer;

    while ((timer = *from)) {
        list_unlink(timer);
        list_push(to, timer);
    }
}

static unsigned slot_of(msec time, unsigned level)
{
    return (unsigned)(time >> (level * GROUP_BITS)) & GROUP_MASK;
}

static unsigned level_of(msec time, msec now)
{
    msec difference = time ^ now;
    unsigned level = difference ? (unsigned)(63 - __builtin_clzll(difference)) / GROUP_BITS : 0;

    return level < TOP_LEVEL ? level : TOP_LEVEL;
}

static void slot_push(struct wheel *wheel, unsigned level, unsigned slot, struct timer *timer)
{
    timer->level = (uint8_t)level;
    timer->slot = (uint8_t)slot;
    list_push(&wheel->slots[level][slot], timer);
    wheel->occupied[level] |= (uint64_t)1 << slot;
}

/* Empties the slot into *to, oldest first. */
static void slot_drain(struct wheel *wheel, unsigned level, unsigned slot, struct timer **to)
{
    list_drain(&wheel->slots[level][slot], to);
    wheel->occupied[level] &= ~((uint64_t)1 << slot);
}

/* What is overdue goes where the wheel looks first, what is too far away as far as there is. */
static msec clamp(const struct wheel *wheel, msec deadline)
{
    msec furthest = ((wheel->now >> TOP_SHIFT) + GROUP_MASK) << TOP_SHIFT;

    if (deadline < wheel->now)
        return wheel->now;
    return deadline < furthest ? deadline : furthest;
}

static void place(struct wheel *wheel, struct timer *timer)
{
    msec time = clamp(wheel, timer->deadline);
    unsigned level = level_of(time, wheel->now);

    slot_push(wheel, level, slot_of(time, level), timer);
}

void wheel_init(struct wheel *wheel, msec now)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->now = now;
}

void timer_start(struct wheel *wheel, struct timer *timer, msec deadline, timer_fn *fire)
{
    timer_stop(wheel, timer);
    timer->deadline = deadline;
    timer->fire = fire;
    place(wheel, timer);
    wheel->count++;
}

void timer_stop(struct wheel *wheel, struct timer *timer)
{
    if (!timer_is_armed(timer))
        return;
    list_unlink(timer);
    wheel->count--;
    if (!wheel->slots[timer->level][timer->slot])
        wheel->occupied[timer->level] &= ~((uint64_t)1 << timer->slot);
}

/* Fires the slot of now; what is started meanwhile and overdue at once is added to *late. */
static void fire_due(struct wheel *wheel, struct timer **late)
{
    unsigned slot = slot_of(wheel->now, 0);
    struct timer *due = NULL;
    struct timer *again = NULL;
    struct timer *timer;

    slot_drain(wheel, 0, slot, &due);
    while ((timer = due)) {
        list_unlink(timer);
        wheel->count--;
        timer->fire(timer);
    }
    slot_drain(wheel, 0, slot, &again);
    list_drain(&again, late);
}

/* Moves the timers of a slot that time has reached to lower levels. */
static void cascade(struct wheel *wheel, unsigned level)
{
    struct timer *reached = NULL;
    struct timer *timer;

    slot_drain(wheel, level, slot_of(wheel->now, level), &reached);
    while ((timer = reached)) {
        list_unlink(timer);
        place(wheel, timer);
    }
}

static void step(struct wheel *wheel, msec now)
{
    wheel->now = now;
    for (unsigned level = TOP_LEVEL; level > 0; level--)
        if (wheel->occupied[level] >> slot_of(now, level) & 1)
            cascade(wheel, level);
}

void wheel_advance(struct wheel *wheel, msec now)
{
    struct timer *late = NULL; /* newest first: for the next advance */
    struct timer *again = NULL;
    struct timer *timer;

    fire_due(wheel, &late);
    while (wheel->now < now) {
        msec next = wheel_next(wheel);
        step(wheel, next < now ? next : now);
        fire_due(wheel, &late);
    }
    list_drain(&late, &again);
    while ((timer = again)) {
        list_unlink(timer);
        place(wheel, timer);
    }
}

static uint64_t rotate_right(uint64_t bits, unsigned count)
{
    return count ? bits >> count | bits << (64 - count) : bits;
}

msec wheel_next(const struct wheel *wheel)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        unsigned shift = level * GROUP_BITS;
        uint64_t ahead = rotate_right(wheel->occupied[level], slot_of(wheel->now, level));

        if (ahead)
            return ((wheel->now >> shift) + (msec)__builtin_ctzll(ahead)) << shift;
    }
    return MSEC_NEVER;
}
