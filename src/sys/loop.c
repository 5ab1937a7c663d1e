/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/loop.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <uv.h>

#include <culvert/log.h>

enum {
    MAILBOX_MAX = 65536,
    CLOSING_TURNS = 8,
};

struct mailbox {
    uv_mutex_t lock;
    struct mail *first;
    struct mail **end; /* where the next one is hooked in */
    unsigned count;
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;   /* mail has come, or stop */
    uv_prepare_t turn; /* runs when a turn is over, before the loop sleeps */
    uv_timer_t alarm;  /* wakes the loop for the next tick */
    struct mailbox mailbox;
    atomic_bool is_stopping;
    bool has_uv;
    bool has_lock;
    bool has_handles;
    msec (*tick)(void *context, msec now);
    void *tick_context;
};

static void mailbox_empty(struct mailbox *mailbox)
{
    mailbox->first = NULL;
    mailbox->end = &mailbox->first;
    mailbox->count = 0;
}

/* All mail at once, in order of posting. */
static struct mail *take_mail(struct mailbox *mailbox)
{
    struct mail *first;

    uv_mutex_lock(&mailbox->lock);
    first = mailbox->first;
    mailbox_empty(mailbox);
    uv_mutex_unlock(&mailbox->lock);
    return first;
}

static void run_mail(struct mailbox *mailbox)
{
    struct mail *mail = take_mail(mailbox);

    while (mail) {
        struct mail *next = mail->next;

        mail->run(mail);
        mail = next;
    }
}

static void drop_mail(struct mailbox *mailbox)
{
    struct mail *mail = take_mail(mailbox);

    while (mail) {
        struct mail *next = mail->next;

        if (mail->drop)
            mail->drop(mail);
        mail = next;
    }
}

static void on_wake(uv_async_t *wake)
{
    struct loop *loop = wake->data;

    if (atomic_load(&loop->is_stopping))
        uv_stop(&loop->uv);
    run_mail(&loop->mailbox);
}

static void on_alarm(uv_timer_t *alarm)
{
    (void)alarm; /* waking was all: the tick follows at the end of the turn */
}

static void set_alarm(struct loop *loop, msec deadline)
{
    msec now = uv_now(&loop->uv);

    if (deadline == MSEC_NEVER)
        uv_timer_stop(&loop->alarm);
    else
        uv_timer_start(&loop->alarm, on_alarm, deadline > now ? deadline - now : 0, 0);
}

static void on_turn(uv_prepare_t *turn)
{
    struct loop *loop = turn->data;

    if (loop->tick)
        set_alarm(loop, loop->tick(loop->tick_context, uv_now(&loop->uv)));
}

static enum err open_handles(struct loop *loop)
{
    if (uv_async_init(&loop->uv, &loop->wake, on_wake))
        return ERR_IO;
    loop->has_handles = true;
    loop->wake.data = loop;
    uv_prepare_init(&loop->uv, &loop->turn);
    loop->turn.data = loop;
    uv_timer_init(&loop->uv, &loop->alarm);
    loop->alarm.data = loop;
    uv_prepare_start(&loop->turn, on_turn);
    return ERR_NONE;
}

static enum err open_loop(struct loop *loop)
{
    mailbox_empty(&loop->mailbox);
    if (uv_loop_init(&loop->uv))
        return ERR_IO;
    loop->has_uv = true;
    if (uv_mutex_init(&loop->mailbox.lock))
        return ERR_IO;
    loop->has_lock = true;
    return open_handles(loop);
}

enum err loop_create(struct loop **out)
{
    struct loop *loop = calloc(1, sizeof *loop);
    enum err err;

    if (!loop)
        return ERR_NOMEM;
    if ((err = open_loop(loop))) {
        loop_destroy(loop);
        return err;
    }
    *out = loop;
    return ERR_NONE;
}

static void close_uv(struct loop *loop)
{
    if (loop->has_handles) {
        uv_close((uv_handle_t *)&loop->wake, NULL);
        uv_close((uv_handle_t *)&loop->turn, NULL);
        uv_close((uv_handle_t *)&loop->alarm, NULL);
    }
    /* Also finishes what others have closed. More turns than one: closing may close more. */
    for (int turn = 0; turn < CLOSING_TURNS && uv_run(&loop->uv, UV_RUN_NOWAIT); turn++)
        ;
    if (uv_loop_close(&loop->uv))
        log_error("an event loop was destroyed while something still used it");
}

void loop_destroy(struct loop *loop)
{
    if (!loop)
        return;
    loop->tick = NULL;
    if (loop->has_uv)
        close_uv(loop);
    if (loop->has_lock) {
        drop_mail(&loop->mailbox);
        uv_mutex_destroy(&loop->mailbox.lock);
    }
    free(loop);
}

void loop_run(struct loop *loop)
{
    uv_update_time(&loop->uv);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    atomic_store(&loop->is_stopping, false);
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->is_stopping, true);
    uv_async_send(&loop->wake);
}

enum err loop_post(struct loop *loop, struct mail *mail)
{
    struct mailbox *mailbox = &loop->mailbox;
    bool is_first, has_room;

    mail->next = NULL;
    uv_mutex_lock(&mailbox->lock);
    has_room = mailbox->count < MAILBOX_MAX;
    is_first = mailbox->count == 0;
    if (has_room) {
        *mailbox->end = mail;
        mailbox->end = &mail->next;
        mailbox->count++;
    }
    uv_mutex_unlock(&mailbox->lock);
    if (!has_room)
        return ERR_LIMIT;
    if (is_first)
        uv_async_send(&loop->wake);
    return ERR_NONE;
}

msec loop_now(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

void loop_on_turn(struct loop *loop, msec (*tick)(void *context, msec now), void *context)
{
    loop->tick = tick;
    loop->tick_context = context;
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
    return &loop->uv;
}
