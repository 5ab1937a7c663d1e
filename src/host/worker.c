/* SPDX-License-Identifier: Apache-2.0 */
/* One worker: from received bytes to routes and transactions. */
#include "host/host.h"

#include <stdlib.h>

#include "host/reload.h"
#include "proxy/request.h"

/* ---- what the proxy tells ---- */

static void branch_route_done(struct run *run)
{
    struct branch *branch = run->branch;
    unsigned status = run->is_dropped ? PROXY_DROP : 0;

    run_end(run);
    proxy_branch_continue(branch, status);
}

static void on_branch(void *context, struct branch *branch)
{
    struct request *request = branch->request;
    struct run *run = run_create(context, request, STAGE_BRANCH, request->msg, &request->source);

    if (!run) {
        proxy_branch_continue(branch, 500);
        return;
    }
    run->branch = branch;
    run->edits = &branch->edits;
    run_start(run, request->on_branch, branch_route_done);
}

/* A run that only carries its context to hooks; lives on the caller's stack. */
static struct run hook_run(struct worker *worker, struct request *request, enum stage stage,
                           struct sip_edits *edits)
{
    return (struct run){
        .worker = worker,
        .request = request,
        .stage = stage,
        .msg = request->msg,
        .source = request->source,
        .edits = edits,
        .arena = &request->arena,
    };
}

static unsigned note_failure(struct request *request, unsigned status)
{
    if (status) {
        request->error_status = status;
        request->error_reason = sip_reason_phrase(status);
    }
    return status;
}

static unsigned on_branch_ready(void *context, struct branch *branch)
{
    struct request *request = branch->request;
    struct run run = hook_run(context, request, STAGE_BRANCH, &branch->edits);
    unsigned status;

    run.branch = branch;
    status = hooks_branch(&run);
    if (!status)
        status = media_anchor_deferred(&run);
    if (!status)
        dialogs_request_goes(&run);
    return note_failure(request, status);
}

static bool is_refused(void *context, const struct branch *branch)
{
    const struct worker *worker = context;
    const struct request *request = branch->request;

    return request->blacklists && blacklists_refuse(&worker->server->settings.blacklists, request->blacklists,
                                                    &branch->flow, request->msg->bytes);
}

static unsigned on_forward(void *context, struct request *request, const struct flow *flow,
                           struct sip_edits *edits)
{
    struct run run = hook_run(context, request, STAGE_REQUEST, edits);
    struct branch way = { .request = request, .flow = *flow };
    unsigned status;

    run.branch = &way;
    status = is_refused(context, &way) ? 473 : hooks_forward(&run);
    if (!status)
        status = media_anchor_deferred(&run);
    if (!status)
        dialogs_request_goes(&run);
    return note_failure(request, status);
}

/* ---- onsend_route ---- */

static void onsend_done(struct run *run)
{
    run_end(run);
}

/* What the route writes to the message, or changes of where the request goes, is forgotten. */
static bool run_onsend_route(struct worker *worker, struct request *request, struct sip_msg *msg,
                             const struct flow *source, const struct send_off *sending)
{
    struct run *run = run_create(worker, request, STAGE_ONSEND, msg, source);
    struct target target = request->target;
    unsigned extra_count = request->extra_count;
    bool target_is_new = request->target_is_new;

    if (!run)
        return false;
    run->edits = &run->own_edits;
    run->sending = sending;
    run_start(run, request->script->edition->onsend_route, onsend_done);
    run->sending = NULL;
    request->target = target;
    request->extra_count = extra_count;
    request->target_is_new = target_is_new;
    return !run->is_dropped;
}

static bool may_send(void *context, struct request *request, struct sip_msg *msg,
                     const struct flow *source, const struct send_off *sending)
{
    struct worker *worker = context;
    const struct edition *edition = request ? request->script->edition : worker->script->edition;
    struct request *holder;
    bool may;

    if (edition->onsend_route == ROUTE_NONE ||
        (!msg->is_request && !edition->settings->onsend_route_reply))
        return true;
    if (request)
        return run_onsend_route(worker, request, msg, source, sending);
    holder = worker_make_request(worker, source, msg->bytes);
    may = holder && run_onsend_route(worker, holder, holder->msg, source, sending);
    if (holder)
        request_unref(holder);
    return may;
}

static void reply_route_done(struct run *run)
{
    struct branch *branch = run->branch;
    struct sip_msg *response = run->msg;
    unsigned status = run->is_dropped && response->status < 200 ? PROXY_DROP : 0;

    if (!status)
        status = hooks_reply(run);
    if (!status)
        media_note_reply(run);
    if (!status && response->status / 100 == 2)
        media_branch_won(branch, response->to_tag);
    if (!status)
        dialogs_response_goes(run);
    run_end(run);
    proxy_reply_continue(branch, response, status);
}

static void on_reply(void *context, struct branch *branch, struct sip_msg *response,
                     const struct flow *source, struct sip_edits *edits)
{
    struct run *run = run_create(context, branch->request, STAGE_REPLY, response, source);
    uint16_t route = branch->on_reply ? branch->on_reply : branch->request->on_reply;

    if (!run) {
        proxy_reply_continue(branch, response, 0);
        return;
    }
    run->branch = branch;
    run->edits = edits;
    run_start(run, route, reply_route_done);
}

void worker_failure_done(struct run *run)
{
    struct request *request = request_ref(run->request);

    run_end(run);
    request->is_failing = false;
    proxy_failure_continue(request);
    request_unref(request);
}

/* Failure routes see the Request-URI of the branch that failed, and no next hop. */
static void enter_failure(struct request *request)
{
    if (!server_is_openser(request->worker->server))
        request->on_branch = ROUTE_NONE; /* Kamailio's are armed for one relay */
    request->is_failing = true;
    request->on_failure = ROUTE_NONE;
    request->target_is_new = false;
    if (request->winner)
        request->target = request->winner->target;
    request->target.dst_uri = (struct str){ 0 };
    request->target.has_flow = false;
    request->extra_count = 0;
}

static void tell_failure(struct worker *worker, struct request *request)
{
    struct run run = hook_run(worker, request, STAGE_REQUEST, &request->edits);

    run.branch = request->winner;
    hooks_failure(&run);
}

static void on_failure(void *context, struct request *request)
{
    uint16_t route = request->on_failure;
    struct run *run;

    tell_failure(context, request);
    if (route == ROUTE_NONE) {
        proxy_failure_continue(request);
        return;
    }
    enter_failure(request);
    run = run_create(context, request, STAGE_FAILURE, request->msg, &request->source);
    if (!run) {
        request->is_failing = false;
        proxy_failure_continue(request);
        return;
    }
    run->branch = request->winner;
    run_start(run, route, worker_failure_done);
}

static void branch_failure_done(struct run *run)
{
    struct branch *branch = run->branch;
    struct request *request = request_ref(run->request);

    run_end(run);
    proxy_branch_failure_continue(branch);
    request_unref(request);
}

/* event_route[tm:branch-failure:…]: what it relays to takes the place of the branch. */
static void on_branch_failure(void *context, struct branch *branch)
{
    struct request *request = branch->request;
    struct run *run = run_create(context, request, STAGE_EVENT, request->msg, &request->source);

    if (!run) {
        proxy_branch_failure_continue(branch);
        return;
    }
    request->target_is_new = false;
    run->branch = branch;
    run_start(run, branch->on_failure, branch_failure_done);
}

/*
 * A client's connection is never dialled, so a binding whose connection is gone is worth nothing;
 * nor is one whose edge proxy says that its flow has failed (RFC 5626 §6).
 */
static bool has_lost_flow(const struct branch *branch)
{
    const struct target *target = &branch->target;

    if (branch->status != 430)
        return false;
    if (branch->is_received)
        return target->reg_id && !str_is_empty(target->path);
    return target->has_flow && target->flow.connection;
}

static void drop_lost_binding(const struct worker *worker, const struct branch *branch)
{
    const struct target *target = &branch->target;

    if (has_lost_flow(branch) && !str_is_empty(target->ruid) &&
        !location_remove_ruid(worker->server->location, target->ruid))
        log_info("binding " STR_FMT " is dropped: its flow is gone", STR_ARG(target->uri));
}

static void on_branch_end(void *context, struct branch *branch)
{
    drop_lost_binding(context, branch);
    media_branch_lost(branch);
    hooks_branch_end(branch);
}

/* A BYE that was not refused for want of credentials has ended the dialog: so do its media. */
static bool ends_dialog(const struct request *request, unsigned status)
{
    return request->msg->method == SIP_BYE && status != 401 && status != 407;
}

static void on_final(void *context, struct request *request, unsigned status, struct str reason,
                     const struct sip_msg *response)
{
    struct run run = hook_run(context, request, STAGE_REQUEST, &request->edits);

    run.branch = request->winner;
    hooks_final(&run, status, reason, response);
    media_note_final(request, status);
    if (ends_dialog(request, status))
        run_media_end(&run);
    dialogs_request_ends(request, status);
}

static void on_end(void *context, struct request *request)
{
    (void)context;
    (void)request;
}

/* ---- requests ---- */

static bool is_under_way(const struct request *request)
{
    for (unsigned i = 0; i < request->branch_count; i++) {
        if (request->branches[i]->state != BRANCH_DONE)
            return true;
    }
    return false;
}

void worker_request_done(struct run *run)
{
    struct request *request = run->request;

    /* A transaction nobody answers or forwards would hang until the client gives up. */
    if (request->txn && !server_txn_is_final(request->txn) && request->error_status &&
        !is_under_way(request)) {
        struct str reason;
        unsigned status = run_error(run, &reason);
        if (run_reply(run, status, reason))
            counter_add(run->worker->server->count.dropped, 1);
    }
    if (!request->txn && request->follows_dialog) /* refused without a transaction, or dropped */
        dialogs_request_ends(request, 500);
    proxy_release(run->worker->proxy, request);
    run_end(run);
}

/*
 * A request whose script waits gets its transaction first, so that retransmissions are absorbed
 * instead of being run again.
 */
static void absorb_while_waiting(struct worker *worker, struct run *run)
{
    struct request *request = run->request;

    if (run->done && !request->txn && request->msg->method != SIP_ACK &&
        proxy_open(worker->proxy, request))
        counter_add(worker->server->count.dropped, 1);
}

static void run_request_route(struct worker *worker, struct request *request)
{
    struct run *run = run_create(worker, request, STAGE_REQUEST, request->msg, &request->source);

    if (!run) {
        counter_add(worker->server->count.dropped, 1);
        return;
    }
    hooks_request(run);
    run_start(run, request->script->edition->main_route, worker_request_done);
    absorb_while_waiting(worker, run);
}

static void reply_statelessly(struct worker *worker, struct request *request, unsigned status,
                              const char *reason)
{
    if (request->msg->method == SIP_ACK ||
        proxy_reply(worker->proxy, request, status, str_of(reason), STR(""), STR("")))
        counter_add(worker->server->count.dropped, 1);
}

static void receive_request(struct worker *worker, struct request *request)
{
    struct server_txn *txn = NULL;

    counter_add(worker->server->count.requests, 1);
    switch (txn_receive_request(worker->txns, request->msg, &request->source, &txn)) {
    case TXN_ABSORBED:
        return;
    case TXN_MERGED:
        reply_statelessly(worker, request, 482, "Loop Detected");
        return;
    case TXN_CANCELS:
    case TXN_ACKS_2XX:
        request->invite = request_ref(server_txn_context(txn));
        break;
    case TXN_NEW:
        break;
    }
    if (!dialogs_take_request(request)) {
        counter_add(worker->server->count.out_of_order, 1);
        reply_statelessly(worker, request, 500, "CSeq out of order");
        return;
    }
    run_request_route(worker, request);
}

/* ---- responses ---- */

static bool is_our_via(const struct worker *worker, const struct sip_via *via)
{
    return worker_is_myself(worker, via->host, via->port);
}

static void receive_stray_response(struct worker *worker, struct sip_msg *response,
                                   const struct flow *source, const struct sip_edits *edits)
{
    struct server *server = worker->server;

    if (!is_our_via(worker, &response->via)) {
        counter_add(server->count.dropped, 1);
        return;
    }
    for (unsigned i = 0; i < server->stray_taker_count; i++) {
        const struct stray_taker *taker = &server->stray_takers[i];
        if (taker->take(taker->module, worker, response, source))
            return;
    }
    counter_add(server->count.unmatched, 1);
    if (proxy_forward_response(worker->proxy, response, source, edits))
        counter_add(server->count.dropped, 1);
}

/* Hands the response to its transaction, with what the unnamed reply route has changed in it. */
/* Whoever answers over UDP has read our branch parameter, which nobody can guess: he hears us. */
static void match_response(struct worker *worker, struct sip_msg *response, const struct flow *source,
                           const struct sip_edits *edits)
{
    struct outside *outside = worker->outside;

    if (!proxy_receive_response(worker->proxy, response, source, edits))
        receive_stray_response(worker, response, source, edits);
    else if (!source->connection && outside->trust)
        outside->trust(outside, source);
}

static void core_reply_done(struct run *run)
{
    struct worker *worker = run->worker;
    struct arena *memory = run->msg->arena; /* left empty when a transaction takes it over */
    bool is_dropped = run->is_dropped && (run->msg->status < 200 || !server_is_openser(worker->server));

    if (is_dropped)
        counter_add(worker->server->count.dropped, 1);
    else
        match_response(worker, run->msg, &run->source, run->edits);
    arena_fini(memory);
    run_end(run);
}

static void run_reply_route(struct worker *worker, struct request *holder)
{
    struct run *run = run_create(worker, holder, STAGE_CORE_REPLY, holder->msg, &holder->source);

    if (!run) {
        counter_add(worker->server->count.dropped, 1);
        arena_fini(holder->msg->arena);
        return;
    }
    run->edits = &run->own_edits;
    run_start(run, holder->script->edition->reply_route, core_reply_done);
}

/* ---- entry points ---- */

static enum err set_source(struct request *request, void *context)
{
    request->source = *(const struct flow *)context;
    return ERR_NONE;
}

/* event_route[core:receive-parse-error] gets to know who sent it, not what it was. */
static void count_malformed(struct worker *worker, const struct flow *source,
                            const struct sip_fault *fault)
{
    char text[FLOW_TEXT_MAX];
    struct flow copy = *source;

    worker_run_event(worker, STR("core:receive-parse-error"), set_source, &copy);
    counter_add(worker->server->count.malformed, 1);
    log_debug("malformed message from %s: %s", flow_text(source, text), fault->what);
}

static void release_script(void *script)
{
    edition_copy_unref(script);
}

/* All its routes run in what is current now. */
static enum err hold_script(struct request *request, struct edition_copy *script)
{
    enum err err = arena_at_end(&request->arena, release_script, script);

    if (!err)
        request->script = edition_copy_ref(script);
    return err;
}

static size_t memory_of_message(const struct worker *worker)
{
    return REQUEST_MEMORY_MAX + worker->script->edition->budget.memory;
}

/* A request object with its own arena; NULL, counted, when memory is out. */
static struct request *make_request(struct worker *worker, const struct flow *source)
{
    struct request *request = request_create(&worker->pool, memory_of_message(worker));

    if (request && hold_script(request, worker->script)) {
        request_unref(request);
        request = NULL;
    }
    if (!request) {
        counter_add(worker->server->count.dropped, 1);
        return NULL;
    }
    request->worker = worker;
    request->source = *source;
    request->received_at = worker->wheel.now;
    request->force_rport = worker->script->edition->settings->force_rport != 0;
    return request;
}

struct request *worker_make_request(struct worker *worker, const struct flow *source,
                                    struct str text)
{
    struct request *request = make_request(worker, source);
    struct sip_fault fault;

    if (request && sip_msg_parse(&request->arena, text, false, sip_limits_default(), &request->msg,
                                 &fault)) {
        request_unref(request);
        return NULL;
    }
    if (request)
        request->target.uri = request->msg->ruri;
    return request;
}

static void event_route_done(struct run *run)
{
    run_end(run);
}

void worker_run_event(struct worker *worker, struct str name, worker_prepare_fn *prepare,
                      void *context)
{
    uint16_t route = program_route(worker->script->edition->program, STAGE_EVENT, name);
    static const struct flow nowhere = { .socket = SOCKET_ANY };
    struct request *request;
    struct run *run = NULL;

    if (route == ROUTE_NONE)
        return;
    request = worker_make_request(worker, &nowhere,
                                  STR("OPTIONS sip:event@localhost.invalid SIP/2.0\r\n"
                                      "Via: SIP/2.0/UDP 0.0.0.0;branch=z9hG4bK0\r\n"
                                      "From: <sip:event@localhost.invalid>;tag=event\r\n"
                                      "To: <sip:event@localhost.invalid>\r\n"
                                      "Call-ID: event\r\nCSeq: 1 OPTIONS\r\n"
                                      "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"));
    if (!request)
        return;
    if (!prepare || !prepare(request, context))
        run = run_create(worker, request, STAGE_EVENT, request->msg, &request->source);
    if (run)
        run_start(run, route, event_route_done);
    request_unref(request);
}

/* event_route[tm:local-response]: a final response to a request of our own. */
static void on_local_response(void *context, const struct sip_msg *response)
{
    struct worker *worker = context;
    uint16_t route = program_route(worker->script->edition->program, STAGE_EVENT, STR("tm:local-response"));
    static const struct flow nowhere = { .socket = SOCKET_ANY };
    struct request *holder;
    struct run *run;

    if (route == ROUTE_NONE || !(holder = worker_make_request(worker, &nowhere, response->bytes)))
        return;
    run = run_create(worker, holder, STAGE_CORE_REPLY, holder->msg, &holder->source);
    if (run)
        run_start(run, route, event_route_done);
    request_unref(holder);
}

/* event_route[core:worker-one-init]: before all else that the first worker does. */
static void begin(struct worker *worker)
{
    if (worker->has_begun)
        return;
    worker->has_begun = true;
    if (worker->index == 0)
        worker_run_event(worker, STR("core:worker-one-init"), NULL, NULL);
}

/* 400-class replies for what can be answered; everything else is dropped and counted. */
static void take_request(struct worker *worker, const struct flow *flow, struct str bytes,
                         bool is_stream)
{
    struct request *request = make_request(worker, flow);
    struct sip_fault fault = { "malformed", 400 };
    enum err err;

    if (!request)
        return;
    err = sip_msg_parse(&request->arena, bytes, is_stream, sip_limits_default(), &request->msg,
                        &fault);
    if (err)
        count_malformed(worker, flow, &fault);
    else
        request->target.uri = request->msg->ruri;
    if (!err)
        receive_request(worker, request);
    else if (request->msg)
        reply_statelessly(worker, request, fault.status, fault.what);
    request_unref(request);
}

/* The unnamed reply route needs something that stands in for a request. */
static void take_response_by_route(struct worker *worker, const struct flow *flow, struct str bytes,
                                   bool is_stream)
{
    struct request *holder = make_request(worker, flow);
    struct arena *memory = holder ? arena_alloc(&holder->arena, sizeof *memory) : NULL;
    struct sip_fault fault = { "malformed", 400 };

    if (memory) {
        arena_init(memory, &worker->pool, memory_of_message(worker));
        if (!sip_msg_parse(memory, bytes, is_stream, sip_limits_default(), &holder->msg, &fault)) {
            run_reply_route(worker, holder);
        } else {
            count_malformed(worker, flow, &fault);
            arena_fini(memory);
        }
    }
    if (holder)
        request_unref(holder);
}

static void take_response(struct worker *worker, const struct flow *flow, struct str bytes,
                          bool is_stream)
{
    struct sip_fault fault = { "malformed", 400 };
    struct sip_msg *response;
    struct arena memory;

    counter_add(worker->server->count.responses, 1);
    if (worker->script->edition->reply_route != ROUTE_NONE) {
        take_response_by_route(worker, flow, bytes, is_stream);
        return;
    }
    arena_init(&memory, &worker->pool, memory_of_message(worker));
    if (sip_msg_parse(&memory, bytes, is_stream, sip_limits_default(), &response, &fault))
        count_malformed(worker, flow, &fault);
    else
        match_response(worker, response, flow, NULL);
    arena_fini(&memory);
}

static bool is_response(struct str bytes)
{
    while (bytes.len > 0 && (*bytes.ptr == '\r' || *bytes.ptr == '\n'))
        bytes = str_skip(bytes, 1);
    return str_istarts(bytes, STR("SIP/"));
}

/* What clients send to keep their NAT open: line ends or zero bytes. Nothing is answered. */
static bool is_keepalive(struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        if (c != '\r' && c != '\n' && c != '\0')
            return false;
    }
    return true;
}

static void answer_stun(struct worker *worker, const struct flow *flow, struct str bytes)
{
    char buffer[STUN_ANSWER_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);

    if (!stun_gate_pass(&worker->stun, &worker->server->steering_key, &flow->peer,
                        worker->wheel.now) ||
        !stun_write_answer(&w, bytes, &flow->peer) ||
        !worker_send(worker, flow, writer_text(&w)))
        counter_add(worker->server->count.dropped, 1);
}

void worker_receive(struct worker *worker, const struct flow *flow, struct str bytes, bool is_stream)
{
    if (is_keepalive(bytes))
        return;
    begin(worker);
    if (!is_stream && stun_is_like(bytes)) {
        answer_stun(worker, flow, bytes);
        return;
    }
    if (is_response(bytes))
        take_response(worker, flow, bytes, is_stream);
    else
        take_request(worker, flow, bytes, is_stream);
    arena_fini(&worker->scratch);
}

void worker_closed(struct worker *worker, const struct flow *flow)
{
    if (worker->server->location_rules.drops_lost)
        location_remove_connection(worker->server->location, flow->connection);
    txn_unreachable(worker->txns, flow);
}

static void on_tick_timer(struct timer *timer)
{
    struct worker *worker = (struct worker *)(void *)((char *)timer - offsetof(struct worker, tick));

    timer_start(&worker->wheel, timer, worker->wheel.now + TICK_INTERVAL, on_tick_timer);
    worker_take_script(worker);
    txn_counters_tell(worker);
    begin(worker);
    hooks_tick(worker, worker->wheel.now);
    arena_fini(&worker->scratch);
}

msec worker_advance(struct worker *worker, msec now)
{
    wheel_advance(&worker->wheel, now);
    return wheel_next(&worker->wheel);
}

/* ---- the script ---- */

static void carry_vars(const struct edition_copy *from, const struct edition_copy *to)
{
    script_vars_carry(from->edition->program, from->locals.vars, to->edition->program,
                      to->locals.vars);
}

void worker_take_script(struct worker *worker)
{
    struct edition_copy *next, *old = worker->script;

    if (!atomic_load_explicit(&worker->next_script, memory_order_relaxed))
        return;
    next = atomic_exchange(&worker->next_script, NULL);
    if (!next)
        return;
    carry_vars(old, next);
    worker->script = next;
    edition_copy_unref(old);
}

static struct proxy_settings proxy_settings_of(const struct server *server, struct arena *arena)
{
    struct proxy_settings settings = {
        .fr_timer = server->fr_timer,
        .fr_inv_timer = server->fr_inv_timer,
        .listeners = server->listeners,
        .listener_count = server->listener_count,
        .token_key = server->secret,
        .is_openser = server_is_openser(server),
        .rules = server->fork_rules,
        .is_multihomed = server->settings.is_multihomed != 0,
        .no_failover = settings_no_failover(&server->settings),
        .udp_mtu = (size_t)server->settings.udp_mtu,
        .udp_mtu_transport = server->settings.udp_mtu_transport,
    };
    struct str line = server->settings.server_header;

    if (!server->settings.server_signature)
        return settings;
    if (str_is_empty(line) && str_print(arena, &line, "Server: culvert/" CULVERT_VERSION))
        return settings;
    if (str_print(arena, &settings.server_header, STR_FMT "\r\n", STR_ARG(line)))
        settings.server_header = (struct str){ 0 };
    return settings;
}

static enum err create_layers(struct worker *worker)
{
    const struct proxy_user user = {
        .context = worker,
        .on_branch = on_branch,
        .on_branch_ready = on_branch_ready,
        .is_refused = is_refused,
        .on_local_response = on_local_response,
        .on_reply = on_reply,
        .on_failure = on_failure,
        .on_branch_failure = on_branch_failure,
        .on_branch_end = on_branch_end,
        .on_final = on_final,
        .on_end = on_end,
        .on_forward = on_forward,
        .may_send = may_send,
    };
    struct server *server = worker->server;
    struct proxy_settings settings = proxy_settings_of(server, &server->arena);
    enum err err = txn_layer_create(&worker->wheel, worker->outside, worker->random, &server->timers,
                                    &worker->txns);

    return err ? err
               : proxy_create(&settings, &worker->wheel, worker->txns, worker->outside,
                              worker->random, &user, &worker->proxy);
}

enum err worker_create(struct server *server, unsigned index, struct outside *outside,
                       struct random_source *random, msec now, struct worker **out)
{
    struct worker *worker = calloc(1, sizeof *worker);
    enum err err;

    if (!worker)
        return ERR_NOMEM;
    worker->server = server;
    worker->index = index;
    worker->outside = outside;
    worker->random = random;
    wheel_init(&worker->wheel, now);
    arena_pool_init(&worker->pool, 4096);
    arena_init(&worker->scratch, &worker->pool, SCRATCH_MEMORY_MAX);
    err = edition_copy_create(server->edition, &worker->script);
    if (!err)
        err = create_layers(worker);
    if (!err)
        err = dialogs_start(worker);
    if (err) {
        worker_destroy(worker);
        return err;
    }
    timer_start(&worker->wheel, &worker->tick, now, on_tick_timer);
    if (index < SERVER_WORKERS_MAX)
        server->workers[index] = worker;
    *out = worker;
    return ERR_NONE;
}

void worker_destroy(struct worker *worker)
{
    if (!worker)
        return;
    timer_stop(&worker->wheel, &worker->tick);
    worker_end_waits(worker);
    if (worker->index < SERVER_WORKERS_MAX)
        worker->server->workers[worker->index] = NULL;
    dialogs_destroy(worker->dialogs);
    proxy_destroy(worker->proxy);
    txn_layer_destroy(worker->txns);
    edition_copy_unref(worker->script);
    edition_copy_unref(worker->next_script);
    arena_fini(&worker->scratch);
    arena_pool_fini(&worker->pool);
    free(worker);
}

/* ---- for modules ---- */

bool worker_send(struct worker *worker, const struct flow *flow, struct str bytes)
{
    return worker->outside->send(worker->outside, flow, bytes) == ERR_NONE;
}

msec worker_now(const struct worker *worker)
{
    return worker->wheel.now;
}

struct random_source *worker_random(struct worker *worker)
{
    return worker->random;
}

struct server *worker_server(const struct worker *worker)
{
    return worker->server;
}

struct arena *worker_scratch(struct worker *worker)
{
    return &worker->scratch;
}
