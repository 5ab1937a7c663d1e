/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions from outside of their own routes: see culvert/transaction.h. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "host/host.h"

enum {
    PATIENCE_SECONDS = 2, /* for a worker that is busy */
};

unsigned worker_index(const struct worker *worker)
{
    return worker->index;
}

/* ---- getting to a worker ---- */

enum visit_state {
    VISIT_WAITS,
    VISIT_RUNS,
    VISIT_IS_OVER,
    VISIT_IS_GIVEN_UP, /* whoever comes to it frees it */
};

struct visit {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum visit_state state;
    struct worker *worker;
    worker_visit_fn *run;
    void *context;
};

static struct visit *visit_create(struct worker *worker, worker_visit_fn *run, void *context)
{
    struct visit *visit = calloc(1, sizeof *visit);

    if (!visit)
        return NULL;
    pthread_mutex_init(&visit->mutex, NULL);
    pthread_cond_init(&visit->changed, NULL);
    visit->worker = worker;
    visit->run = run;
    visit->context = context;
    return visit;
}

static void visit_free(struct visit *visit)
{
    pthread_cond_destroy(&visit->changed);
    pthread_mutex_destroy(&visit->mutex);
    free(visit);
}

/* Moves on from one state; false when it was in another. */
static bool change(struct visit *visit, enum visit_state from, enum visit_state to)
{
    bool is_right;

    pthread_mutex_lock(&visit->mutex);
    is_right = visit->state == from;
    if (is_right)
        visit->state = to;
    pthread_cond_signal(&visit->changed);
    pthread_mutex_unlock(&visit->mutex);
    return is_right;
}

/* On the worker's thread. */
static void run_visit(void *argument)
{
    struct visit *visit = argument;

    if (!change(visit, VISIT_WAITS, VISIT_RUNS)) {
        visit_free(visit);
        return;
    }
    visit->run(visit->worker, visit->context);
    change(visit, VISIT_RUNS, VISIT_IS_OVER);
}

/* Once it runs, it is soon over. */
static bool wait_for(struct visit *visit)
{
    struct timespec until;
    int failed = 0;
    bool is_over;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SECONDS;
    pthread_mutex_lock(&visit->mutex);
    while (visit->state == VISIT_WAITS && !failed)
        failed = pthread_cond_timedwait(&visit->changed, &visit->mutex, &until);
    while (visit->state == VISIT_RUNS)
        pthread_cond_wait(&visit->changed, &visit->mutex);
    is_over = visit->state == VISIT_IS_OVER;
    if (!is_over)
        visit->state = VISIT_IS_GIVEN_UP;
    pthread_mutex_unlock(&visit->mutex);
    return is_over;
}

static struct worker *find_worker(const struct server *server, unsigned index)
{
    return index < SERVER_WORKERS_MAX ? server->workers[index] : NULL;
}

enum err server_visit_worker(struct server *server, unsigned index, worker_visit_fn *visit,
                             void *context)
{
    struct worker *worker = find_worker(server, index);
    struct visit *errand;

    if (!worker)
        return ERR_NOT_FOUND;
    if (!server->world.has_threads) {
        visit(worker, context);
        return ERR_NONE;
    }
    errand = visit_create(worker, visit, context);
    if (!errand)
        return ERR_NOMEM;
    server->world.post(worker, run_visit, errand);
    if (!wait_for(errand))
        return ERR_TIMEOUT;
    visit_free(errand);
    return ERR_NONE;
}

struct parcel {
    struct worker *worker;
    worker_visit_fn *run;
    max_align_t context[];
};

static void run_parcel(void *argument)
{
    struct parcel *parcel = argument;

    parcel->run(parcel->worker, parcel->context);
    free(parcel);
}

enum err server_send_worker(struct server *server, unsigned index, worker_visit_fn *visit,
                            const void *context, size_t size)
{
    struct worker *worker = find_worker(server, index);
    struct parcel *parcel = worker ? malloc(sizeof *parcel + size) : NULL;

    if (!parcel)
        return worker ? ERR_NOMEM : ERR_NOT_FOUND;
    parcel->worker = worker;
    parcel->run = visit;
    memcpy(parcel->context, context, size);
    if (server->world.post)
        server->world.post(worker, run_parcel, parcel);
    else
        run_parcel(parcel);
    return ERR_NONE;
}

/* ---- on its own worker ---- */

void worker_each_request(struct worker *worker,
                         bool (*visit)(void *context, struct request *request), void *context)
{
    proxy_each(worker->proxy, visit, context);
}

struct search {
    struct str call_id;
    uint32_t cseq, label;
    struct request *found;
};

static bool is_other_call(void *context, struct request *request)
{
    struct search *search = context;

    if (request->txn && !request->is_answered && request->msg->cseq == search->cseq &&
        request->msg->method != SIP_CANCEL && str_eq(request->msg->call_id, search->call_id))
        search->found = request;
    return !search->found;
}

struct request *worker_find_request(struct worker *worker, struct str call_id, uint32_t cseq)
{
    struct search search = { .call_id = call_id, .cseq = cseq };

    proxy_each(worker->proxy, is_other_call, &search);
    return search.found;
}

static bool is_other_label(void *context, struct request *request)
{
    struct search *search = context;

    if (request->txn && request->label == search->label)
        search->found = request;
    return !search->found;
}

struct request *worker_find_label(struct worker *worker, uint32_t label)
{
    struct search search = { .label = label };

    if (label)
        proxy_each(worker->proxy, is_other_label, &search);
    return search.found;
}

enum err worker_cancel(struct worker *worker, struct request *request)
{
    return proxy_cancel_request(worker->proxy, request);
}

enum err worker_reply(struct worker *worker, struct request *request, unsigned status,
                      struct str reason, struct str headers, struct str body)
{
    counter_add(worker->server->count.replies, 1);
    return proxy_reply(worker->proxy, request, status, reason, headers, body);
}

void run_cancel_branch(struct run *run, struct branch *branch)
{
    proxy_cancel_branch(run->worker->proxy, branch);
}

void run_drop_transaction(struct run *run)
{
    proxy_drop(run->worker->proxy, run->request);
}

/* ---- waiting ---- */

enum err run_suspend(struct run *run)
{
    return proxy_suspend(run->worker->proxy, run->request);
}

/* The name means what it meant when the request came: a reload may have been between. */
static uint16_t route_of(const struct request *request, struct str name)
{
    return request ? program_route(request->script->edition->program, STAGE_REQUEST, name)
                   : (uint16_t)ROUTE_NONE;
}

enum err worker_continue(struct worker *worker, uint32_t label, struct str name)
{
    struct request *request = worker_find_label(worker, label);
    uint16_t route = route_of(request, name);
    enum resumed resumed = route != ROUTE_NONE ? proxy_resume(worker->proxy, request) : RESUMED_NOT;
    bool is_failure = resumed == RESUMED_FAILURE;
    struct run *run;

    if (resumed == RESUMED_NOT)
        return ERR_NOT_FOUND;
    run = run_create(worker, request, is_failure ? STAGE_FAILURE : STAGE_REQUEST, request->msg,
                     &request->source);
    if (!run && is_failure)
        proxy_failure_continue(request);
    else if (!run)
        proxy_release(worker->proxy, request);
    if (!run)
        return ERR_NOMEM;
    if (is_failure)
        run->branch = request->winner;
    run_start(run, route, is_failure ? worker_failure_done : worker_request_done);
    return ERR_NONE;
}
