/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/request.h"

#include "proxy/flight.h"

struct request *request_create(struct arena_pool *pool, size_t limit)
{
    struct arena arena;
    struct flight *flight;

    arena_init(&arena, pool, limit);
    flight = arena_zalloc(&arena, sizeof *flight);
    if (!flight)
        return NULL;
    flight->request = (struct request){
        .refs = 1,
        .arena = arena,
        .target = { .socket = SOCKET_ANY, .q = -1 },
        .max_forwards = -1,
        .xavis = { .ignores_case = true },
    };
    return &flight->request;
}

struct request *request_ref(struct request *request)
{
    request->refs++;
    return request;
}

/* The request lies in the arena that goes. */
void request_unref(struct request *request)
{
    struct request *invite;
    struct arena arena;

    if (!request || --request->refs)
        return;
    invite = request->invite;
    arena = request->arena;
    arena_fini(&arena);
    request_unref(invite);
}

/* ---- holds ---- */

void proxy_flight_enter(struct flight *flight, struct proxy *proxy)
{
    flight->proxy = proxy;
}

void proxy_flight_hold(struct flight *flight)
{
    if (flight->holds++ == 0)
        list_push_back(&flight->proxy->flights, &flight->node);
    request_ref(&flight->request);
}

void proxy_flight_release(struct flight *flight)
{
    struct proxy *proxy = flight->proxy;

    if (--flight->holds == 0) {
        list_remove(&flight->node);
        proxy_response_forget(flight, true);
        if (flight->was_opened && !flight->request.txn && !flight->has_ended) {
            flight->has_ended = true;
            if (proxy->user.on_end)
                proxy->user.on_end(proxy->user.context, &flight->request);
        }
    }
    request_unref(&flight->request);
}

/* ---- responses ---- */

struct held *proxy_held_take(struct sip_msg *msg, const struct flow *source)
{
    struct arena *from = msg->arena;
    struct held *held = arena_zalloc(from, sizeof *held);

    if (!held)
        return NULL;
    held->arena = *from;
    arena_init(from, held->arena.pool, held->arena.limit);
    held->msg = msg;
    held->msg->arena = &held->arena;
    held->source = *source;
    return held;
}

void proxy_held_free(struct held *held)
{
    struct arena arena;

    if (!held)
        return;
    arena = held->arena;
    arena_fini(&arena);
}

/* ---- targets ---- */

struct str proxy_flight_uri(const struct flight *flight)
{
    struct str uri = flight->request.target.uri;

    return uri.len ? uri : flight->request.msg->ruri;
}

/* What would end the line, or the Request-URI in it, never gets into a target. */
static bool is_clean(struct str text)
{
    return !str_has_line_break(text) && !str_find_char(text, ' ') && !str_find_char(text, '\t');
}

static enum err copy_clean(struct request *request, struct str text, struct str *out)
{
    return is_clean(text) ? str_copy(&request->arena, text, out) : ERR_SYNTAX;
}

static void forget_flow(struct target *target)
{
    target->has_flow = false;
    target->other_flow = NULL;
    memset(&target->flow, 0, sizeof target->flow);
}

enum err request_set_uri(struct request *request, struct str uri)
{
    struct str copy;
    enum err err = uri.len ? copy_clean(request, uri, &copy) : ERR_SYNTAX;

    if (err)
        return err;
    request->target.uri = copy;
    forget_flow(&request->target);
    return ERR_NONE;
}

enum err request_set_dst_uri(struct request *request, struct str uri)
{
    struct str copy;
    enum err err = copy_clean(request, uri, &copy);

    if (err)
        return err;
    request->target.dst_uri = copy;
    forget_flow(&request->target);
    return ERR_NONE;
}

enum err request_add_target(struct request *request, const struct target *target)
{
    struct target copy = *target;
    enum err err;

    if (request->extra_count == TARGETS_MAX - 1)
        return ERR_LIMIT;
    if (!request->extra)
        request->extra = arena_alloc(&request->arena, (TARGETS_MAX - 1) * sizeof *request->extra);
    if (!request->extra)
        return ERR_NOMEM;
    if (str_has_line_break(target->path))
        return ERR_SYNTAX;
    if ((err = copy_clean(request, target->uri, &copy.uri)) ||
        (err = copy_clean(request, target->dst_uri, &copy.dst_uri)) ||
        (err = str_copy(&request->arena, target->path, &copy.path)) ||
        (err = str_copy(&request->arena, target->instance, &copy.instance)) ||
        (err = str_copy(&request->arena, target->ruid, &copy.ruid)) ||
        (err = str_copy(&request->arena, target->user_agent, &copy.user_agent)))
        return err;
    request->extra[request->extra_count++] = copy;
    return ERR_NONE;
}
