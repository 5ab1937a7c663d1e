/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/workers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/list.h"

struct seat {
    struct workers *all;
    unsigned index;
    struct loop *loop;
    struct random_source *random;
    struct net *net;
    struct worker *worker;
    pthread_t thread;
    atomic_bool is_running;
    atomic_uint_fast64_t turns;
    struct mail wake;
    atomic_bool is_waking; /* `wake` is on its way */
};

struct workers {
    struct server *server;
    unsigned count;
    struct seat seats[];
};

/* A message on its way to the worker that owns its call. */
struct parcel {
    struct mail mail;
    struct seat *to;
    struct flow flow;
    bool is_stream;
    size_t length;
    char bytes[];
};

static void receive(struct seat *seat, const struct flow *flow, struct str bytes, bool is_stream)
{
    worker_advance(seat->worker, loop_now(seat->loop));
    worker_receive(seat->worker, flow, bytes, is_stream);
}

static void open_parcel(struct mail *mail)
{
    struct parcel *parcel = CONTAINER_OF(mail, struct parcel, mail);

    receive(parcel->to, &parcel->flow, (struct str){ parcel->bytes, parcel->length },
            parcel->is_stream);
    free(parcel);
}

static void drop_parcel(struct mail *mail)
{
    free(CONTAINER_OF(mail, struct parcel, mail));
}

static void pass_on(struct seat *to, const struct flow *flow, struct str bytes, bool is_stream)
{
    struct core_counters *count = &to->all->server->count;
    struct parcel *parcel = malloc(sizeof *parcel + bytes.len);

    counter_add(count->steered, 1);
    if (!parcel) {
        counter_add(count->dropped, 1);
        return;
    }
    parcel->mail = (struct mail){ .run = open_parcel, .drop = drop_parcel };
    parcel->to = to;
    parcel->flow = *flow;
    parcel->is_stream = is_stream;
    parcel->length = bytes.len;
    memcpy(parcel->bytes, bytes.ptr, bytes.len);
    if (loop_post(to->loop, &parcel->mail)) {
        counter_add(count->dropped, 1);
        free(parcel);
    }
}

static void on_message(void *context, const struct flow *flow, struct str bytes, bool is_stream)
{
    struct seat *seat = context;
    unsigned owner = server_owner_of(seat->all->server, bytes);

    if (owner == seat->index)
        receive(seat, flow, bytes, is_stream);
    else
        pass_on(&seat->all->seats[owner], flow, bytes, is_stream);
}

static void on_closed(void *context, const struct flow *flow, enum err why)
{
    struct seat *seat = context;

    (void)why;
    worker_closed(seat->worker, flow);
}

static msec on_turn(void *context, msec now)
{
    struct seat *seat = context;

    atomic_fetch_add_explicit(&seat->turns, 1, memory_order_relaxed);
    return worker_advance(seat->worker, now);
}

static void *run_seat(void *argument)
{
    struct seat *seat = argument;

    loop_run(seat->loop);
    return NULL;
}

static enum err fill_seat(struct seat *seat, struct net_sockets *sockets, struct net_shared *shared)
{
    const struct net_user user = { seat, on_message, on_closed };
    struct server *server = seat->all->server;
    enum err err = loop_create(&seat->loop);

    if (err)
        return err;
    seat->random = random_system_create();
    if (!seat->random)
        return ERR_NOMEM;
    err = net_create(seat->loop, sockets, shared, seat->index, server->listeners,
                     server->listener_count, &user, &seat->net);
    if (err)
        return err;
    err = worker_create(server, seat->index, net_outside(seat->net), seat->random,
                        clock_monotonic(), &seat->worker);
    if (err)
        return err;
    seat->worker->owner = seat;
    loop_on_turn(seat->loop, on_turn, seat);
    return ERR_NONE;
}

static enum err start_seat(struct seat *seat)
{
    if (pthread_create(&seat->thread, NULL, run_seat, seat))
        return ERR_EXHAUSTED;
#ifdef __linux__
    char name[16];
    snprintf(name, sizeof name, "worker-%u", seat->index % 1000);
    pthread_setname_np(seat->thread, name);
#endif
    seat->is_running = true;
    return ERR_NONE;
}

enum err workers_start(struct server *server, struct net_sockets *sockets, struct net_shared *shared,
                       struct workers **out)
{
    unsigned count = server->worker_count;
    struct workers *workers = calloc(1, sizeof *workers + count * sizeof workers->seats[0]);
    enum err err = ERR_NONE;

    if (!workers)
        return ERR_NOMEM;
    workers->server = server;
    workers->count = count;
    for (unsigned i = 0; i < count && !err; i++) {
        workers->seats[i].all = workers;
        workers->seats[i].index = i;
        err = fill_seat(&workers->seats[i], sockets, shared);
    }
    for (unsigned i = 0; i < count && !err; i++)
        err = start_seat(&workers->seats[i]);
    if (err) {
        workers_destroy(workers);
        return err;
    }
    *out = workers;
    return ERR_NONE;
}

void workers_stop(struct workers *workers)
{
    if (!workers)
        return;
    for (unsigned i = 0; i < workers->count; i++) {
        if (workers->seats[i].is_running)
            loop_stop(workers->seats[i].loop);
    }
    for (unsigned i = 0; i < workers->count; i++) {
        if (workers->seats[i].is_running)
            pthread_join(workers->seats[i].thread, NULL);
        workers->seats[i].is_running = false;
    }
}

void workers_finish(struct workers *workers)
{
    if (!workers)
        return;
    for (unsigned i = 0; i < workers->count; i++) {
        loop_stop(workers->seats[i].loop);
        loop_run(workers->seats[i].loop);
    }
}

void workers_destroy(struct workers *workers)
{
    if (!workers)
        return;
    workers_stop(workers);
    for (unsigned i = 0; i < workers->count; i++) {
        worker_destroy(workers->seats[i].worker);
        net_destroy(workers->seats[i].net);
    }
    for (unsigned i = 0; i < workers->count; i++) {
        random_system_destroy(workers->seats[i].random);
        loop_destroy(workers->seats[i].loop);
    }
    free(workers);
}

/* ---- is it alive? ---- */

unsigned workers_count(const struct workers *workers)
{
    return workers->count;
}

uint64_t workers_turns(const struct workers *workers, unsigned index)
{
    return atomic_load_explicit(&workers->seats[index].turns, memory_order_relaxed);
}

/* Dropped, too: the next one finds the way free. */
static void was_woken(struct mail *mail)
{
    atomic_store(&CONTAINER_OF(mail, struct seat, wake)->is_waking, false);
}

void workers_wake(struct workers *workers, unsigned index)
{
    struct seat *seat = &workers->seats[index];

    if (atomic_exchange(&seat->is_waking, true))
        return;
    seat->wake = (struct mail){ .run = was_woken, .drop = was_woken };
    if (loop_post(seat->loop, &seat->wake))
        was_woken(&seat->wake);
}

/* ---- results for a worker ---- */

struct errand {
    struct mail mail;
    void (*run)(void *argument);
    void *argument;
};

static void run_errand(struct mail *mail)
{
    struct errand *errand = CONTAINER_OF(mail, struct errand, mail);

    errand->run(errand->argument);
    free(errand);
}

static void drop_errand(struct mail *mail)
{
    free(CONTAINER_OF(mail, struct errand, mail));
}

/* The store's thread may wait for a full mailbox; a result that got lost would hang its call. */
void workers_post(struct worker *worker, void (*run)(void *argument), void *argument)
{
    const struct timespec pause = { 0, 1000000 };
    struct seat *seat = worker->owner;
    struct errand *errand = malloc(sizeof *errand);

    if (!errand)
        return;
    errand->mail = (struct mail){ .run = run_errand, .drop = drop_errand };
    errand->run = run;
    errand->argument = argument;
    while (loop_post(seat->loop, &errand->mail)) {
        if (!seat->is_running) {
            free(errand);
            return;
        }
        nanosleep(&pause, NULL);
    }
}
