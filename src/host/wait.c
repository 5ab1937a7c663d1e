/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that let time pass: the script stands still, the worker goes on. */
#include "host/host.h"

struct waiting {
    struct timer timer; /* first: callbacks get a pointer to it */
    struct waiting *next;
    struct waiting **link;
    struct run *run;
    run_then_fn *then;
    void *context;
};

static void go_on(struct waiting *waiting, enum verdict verdict)
{
    *waiting->link = waiting->next;
    if (waiting->next)
        waiting->next->link = waiting->link;
    run_resume(waiting->run, verdict);
}

static void on_time(struct timer *timer)
{
    struct waiting *waiting = (struct waiting *)(void *)timer;
    struct worker *worker = waiting->run->worker;
    msec again = 1;
    enum verdict verdict = waiting->then(waiting->run, waiting->context, &again);

    if (verdict == VERDICT_WAIT) {
        timer_start(&worker->wheel, timer, worker->wheel.now + again, on_time);
        return;
    }
    go_on(waiting, verdict);
    arena_fini(&worker->scratch);
}

enum err run_wait(struct run *run, msec time, run_then_fn *then, void *context)
{
    struct worker *worker = run->worker;
    struct waiting *waiting = arena_zalloc(&run->request->arena, sizeof *waiting);

    if (!waiting)
        return ERR_NOMEM;
    waiting->run = run;
    waiting->then = then;
    waiting->context = context;
    waiting->next = worker->waiting;
    waiting->link = &worker->waiting;
    if (waiting->next)
        waiting->next->link = &waiting->next;
    worker->waiting = waiting;
    timer_start(&worker->wheel, &waiting->timer, worker->wheel.now + time, on_time);
    return ERR_NONE;
}

void worker_end_waits(struct worker *worker)
{
    while (worker->waiting) {
        timer_stop(&worker->wheel, &worker->waiting->timer);
        go_on(worker->waiting, VERDICT_STOP);
    }
}
