/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of our own: what is left out is made up, then the local route may change them. */
#include "host/host.h"

#include <culvert/transaction.h>

#include "proxy/request.h"

enum {
    MADE_UP_MAX = 64,
    CALL_ID_TRIES = 4096, /* until one falls to this worker */
};

#define NO_VIA "Via: SIP/2.0/UDP 0.0.0.0;branch=z9hG4bK0\r\n"

/* ---- what is left out ---- */

struct made_up {
    char call_id[MADE_UP_MAX], tag[MADE_UP_MAX];
};

static struct str print_random(struct worker *worker, char room[static MADE_UP_MAX],
                               const char *tail)
{
    struct writer w = writer_over(room, MADE_UP_MAX);

    write_fmt(&w, "%016llx%s", (unsigned long long)random_u64(worker->random), tail);
    return writer_text(&w);
}

/* The answer must come back to this worker. */
static enum err own_call_id(struct worker *worker, char room[static MADE_UP_MAX], struct str *out)
{
    for (unsigned i = 0; i < CALL_ID_TRIES; i++) {
        *out = print_random(worker, room, "@culvert");
        if (server_owner_of_call(worker->server, *out) == worker->index)
            return ERR_NONE;
    }
    return ERR_NOT_NOW;
}

static enum err complete(struct worker *worker, struct uac_request *request, struct made_up *made_up)
{
    if (str_is_empty(request->from_tag))
        request->from_tag = print_random(worker, made_up->tag, "");
    if (str_is_empty(request->call_id))
        return own_call_id(worker, made_up->call_id, &request->call_id);
    return server_owner_of_call(worker->server, request->call_id) == worker->index ? ERR_NONE
                                                                                   : ERR_DENIED;
}

/* ---- event_route[tm:local-request] ---- */

/* What the route is about; lies in the arena of its request. */
struct local_run {
    struct uac_request asked; /* with texts of the request */
    uac_done_fn *done;
    void *context;
};

static enum err write_changed(struct request *request, struct writer *w, struct str *out)
{
    const struct sip_outgoing outgoing = {
        .ruri = request->target.uri,
        .max_forwards = 70,
        .edits = { &request->edits, NULL },
    };
    enum err err = sip_request_write(w, request->msg, &outgoing);

    return err ? err : writer_finish(w, out);
}

static enum err send_changed(struct run *run, const struct local_run *local)
{
    struct request *request = run->request;
    struct uac_request asked = local->asked;
    size_t size = 2 * request->msg->bytes.len + 16384;
    char *buffer = arena_alloc(&request->arena, size);
    struct writer w = writer_over(buffer, buffer ? size : 0);
    struct str text;
    enum err err;

    if (!buffer)
        return ERR_NOMEM;
    if ((err = write_changed(request, &w, &text)))
        return err;
    if (!str_is_empty(request->target.dst_uri)) {
        asked.has_flow = false;
        asked.destination = request->target.dst_uri;
    }
    if (!str_eq(request->target.uri, request->msg->ruri))
        asked.uri = request->target.uri;
    return proxy_ask(run->worker->proxy, &asked, text, local->done, local->context);
}

static void local_route_done(struct run *run)
{
    const struct local_run *local = run->request->local;
    enum err err = run->is_dropped ? ERR_DENIED : send_changed(run, local);

    if (err && local->done)
        local->done(local->context, 500, NULL);
    run_end(run);
}

static enum err keep(struct arena *arena, const struct uac_request *from, struct uac_request *to)
{
    *to = *from;
    if (str_copy(arena, from->method, &to->method) || str_copy(arena, from->uri, &to->uri) ||
        str_copy(arena, from->routes, &to->routes) ||
        str_copy(arena, from->destination, &to->destination))
        return ERR_NOMEM;
    return ERR_NONE;
}

static struct run *make_local_run(struct worker *worker, struct request *request,
                                  const struct uac_request *asked, uac_done_fn *done, void *context)
{
    struct local_run *local = arena_zalloc(&request->arena, sizeof *local);

    if (!local || keep(&request->arena, asked, &local->asked))
        return NULL;
    local->done = done;
    local->context = context;
    request->local = local;
    return run_create(worker, request, STAGE_LOCAL, request->msg, &request->source);
}

static enum err run_local_route(struct worker *worker, const struct uac_request *asked,
                                struct str text, uac_done_fn *done, void *context)
{
    struct request *request = worker_make_request(worker, &asked->flow, text);
    struct run *run = request ? make_local_run(worker, request, asked, done, context) : NULL;

    if (run)
        run_start(run, request->script->edition->local_route, local_route_done);
    request_unref(request);
    return run ? ERR_NONE : ERR_NOMEM;
}

/* ---- all of it ---- */

enum err worker_ask(struct worker *worker, const struct uac_request *request, uac_done_fn *done,
                    void *context)
{
    struct uac_request asked = *request;
    struct made_up made_up;
    size_t size =
        request->headers.len + request->body.len + request->routes.len + ASK_TEXT_ROOM;
    char *buffer = arena_alloc(&worker->scratch, size);
    struct writer w = writer_over(buffer, buffer ? size : 0);
    enum err err;

    if (!buffer)
        return ERR_LIMIT;
    if ((err = complete(worker, &asked, &made_up)) || (err = uac_write(&w, &asked, STR(NO_VIA))))
        return err;
    counter_add(worker->server->count.asked, 1);
    if (worker->script->edition->local_route == ROUTE_NONE || asked.skips_route)
        return proxy_ask(worker->proxy, &asked, writer_text(&w), done, context);
    return run_local_route(worker, &asked, writer_text(&w), done, context);
}
