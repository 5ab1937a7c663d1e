/* SPDX-License-Identifier: Apache-2.0 */
/* event_route[usrloc:contact-expired]: bindings that have ended by time, as $ulc(exp=>…). */
#include "registrar.h"

#include <pthread.h>
#include <stdlib.h>

#include <culvert/log.h>

enum {
    WAITING_MAX = 4096, /* more are not told of: nobody keeps up with them */
    A_TICK = 64,        /* of one worker */
};

struct ended {
    struct ended *next;
    struct binding binding; /* its texts stand behind */
};

struct expired_queue {
    pthread_mutex_t lock;
    struct ended *first, **end;
    unsigned count;
};

/* ---- copies ---- */

static struct str *texts_of(struct binding *binding, unsigned index)
{
    struct str *const texts[] = { &binding->table,      &binding->aor,      &binding->contact,
                                  &binding->received,   &binding->path,     &binding->call_id,
                                  &binding->user_agent, &binding->instance, &binding->ruid };

    return index < sizeof texts / sizeof texts[0] ? texts[index] : NULL;
}

static size_t text_size(const struct binding *binding)
{
    struct binding copy = *binding;
    struct str *text;
    size_t size = 0;

    for (unsigned i = 0; (text = texts_of(&copy, i)); i++)
        size += text->len;
    return size;
}

/* `room` is as large as text_size() says. */
static void copy_binding(struct binding *to, const struct binding *from, char *room)
{
    struct str *text;

    *to = *from;
    for (unsigned i = 0; (text = texts_of(to, i)); i++) {
        if (text->len)
            memcpy(room, text->ptr, text->len);
        text->ptr = room;
        room += text->len;
    }
}

/* ---- the queue ---- */

/* Under a lock of the location: nothing here waits. */
static void on_change(void *context, enum location_event event, const struct binding *binding)
{
    struct expired_queue *queue = context;
    struct ended *ended;

    if (event != BINDING_EXPIRED)
        return;
    ended = malloc(sizeof *ended + text_size(binding));
    if (!ended)
        return;
    ended->next = NULL;
    copy_binding(&ended->binding, binding, (char *)(ended + 1));
    pthread_mutex_lock(&queue->lock);
    if (queue->count < WAITING_MAX) {
        *queue->end = ended;
        queue->end = &ended->next;
        queue->count++;
        ended = NULL;
    }
    pthread_mutex_unlock(&queue->lock);
    free(ended);
}

static struct ended *take(struct expired_queue *queue)
{
    struct ended *ended;

    pthread_mutex_lock(&queue->lock);
    ended = queue->first;
    if (ended) {
        queue->first = ended->next;
        queue->count--;
        if (!queue->first)
            queue->end = &queue->first;
    }
    pthread_mutex_unlock(&queue->lock);
    return ended;
}

/* ---- telling ---- */

struct telling {
    const struct registrar *registrar;
    const struct binding *binding;
};

/* The route may wait: the binding is the request's from now on. */
static enum err prepare(struct request *request, void *context)
{
    const struct telling *telling = context;
    struct binding *copy = arena_alloc(&request->arena, sizeof *copy + text_size(telling->binding));

    if (!copy)
        return ERR_NOMEM;
    copy_binding(copy, telling->binding, (char *)(copy + 1));
    return registrar_show(telling->registrar, request, STR("exp"), copy);
}

void registrar_tell_expired(const struct registrar *registrar, struct worker *worker)
{
    struct ended *ended;

    for (unsigned i = 0; i < A_TICK && (ended = take(registrar->expired)); i++) {
        struct telling telling = { registrar, &ended->binding };
        worker_run_event(worker, STR("usrloc:contact-expired"), prepare, &telling);
        free(ended);
    }
}

/* ---- life ---- */

enum err registrar_watch_expired(struct registrar *registrar, struct server *server)
{
    struct expired_queue *queue = calloc(1, sizeof *queue);

    if (!queue)
        return ERR_NOMEM;
    pthread_mutex_init(&queue->lock, NULL);
    queue->end = &queue->first;
    registrar->expired = queue;
    location_watch(server_location(server), on_change, queue);
    return ERR_NONE;
}

void registrar_unwatch_expired(struct registrar *registrar, struct server *server)
{
    struct ended *ended;

    if (!registrar->expired)
        return;
    location_watch(server_location(server), NULL, registrar->expired);
    while ((ended = take(registrar->expired)))
        free(ended);
    pthread_mutex_destroy(&registrar->expired->lock);
    free(registrar->expired);
}
