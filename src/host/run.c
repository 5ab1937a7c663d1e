/* SPDX-License-Identifier: Apache-2.0 */
/* Runs, and the actions of culvert/run.h that modules are made of. */
#include "host/host.h"
#include "sip/line.h"

struct run *run_create(struct worker *worker, struct request *request, enum stage stage,
                       struct sip_msg *msg, const struct flow *source)
{
    /* The transaction takes the memory of a response over while the unnamed reply route still runs.
     */
    struct arena *arena = stage == STAGE_CORE_REPLY ? &request->arena : msg->arena;
    struct run *run = arena_zalloc(arena, sizeof *run);

    if (!run)
        return NULL;
    run->worker = worker;
    run->request = request_ref(request);
    run->stage = stage;
    run->msg = msg;
    run->source = *source;
    run->edits = &request->edits;
    run->arena = msg->arena;
    return run;
}

void run_start(struct run *run, uint16_t route, void (*done)(struct run *run))
{
    struct edition_copy *script = run->request->script;
    const struct edition *edition = script->edition;

    run->done = done;
    if (route == ROUTE_NONE)
        done(run);
    else
        script_run(edition->program, route, run, &script->locals, &edition->budget);
}

void run_end(struct run *run)
{
    run->done = NULL;
    request_unref(run->request);
}

msec run_now(const struct run *run)
{
    return run->worker->wheel.now;
}

uint64_t run_wall_clock(const struct run *run)
{
    return server_wall_clock(run->worker->server);
}

struct server *run_server(const struct run *run)
{
    return run->worker->server;
}

void run_log_text(struct run *run, enum log_level level, int facility, bool has_colours,
                  struct str text)
{
    const struct format *prefix = run->request->script->edition->log_prefix;
    struct str front = { 0 };

    if (!log_is_on(level))
        return;
    if (prefix && (format_text(run, prefix, &front) ||
                   str_print(run->arena, &text, STR_FMT STR_FMT, STR_ARG(front), STR_ARG(text))))
        log_debug("no memory for the log_prefix of a line");
    log_text(level, facility, has_colours, text);
}

void run_log(struct run *run, enum log_level level, struct str text)
{
    run_log_text(run, level, LOG_OWN_FACILITY, false, text);
}

uint16_t run_find_route(const struct run *run, struct str name)
{
    return program_route(run->request->script->edition->program, STAGE_REQUEST, name);
}

uint16_t run_find_event_route(const struct run *run, struct str name)
{
    return program_route(run->request->script->edition->program, STAGE_EVENT, name);
}

struct random_source *run_random(const struct run *run)
{
    return run->worker->random;
}

/* ---- replies ---- */

void run_trust_source(const struct run *run)
{
    struct outside *outside = run->worker->outside;

    if (outside->trust)
        outside->trust(outside, &run->request->source);
}

struct str run_reply_tag(const struct run *run)
{
    return proxy_reply_tag(run->worker->proxy, run->request);
}

enum err run_reply(struct run *run, unsigned status, struct str reason)
{
    struct request *request = run->request;

    if (run->stage == STAGE_CORE_REPLY || request->msg->method == SIP_ACK)
        return ERR_NOT_NOW;
    counter_add(run->worker->server->count.replies, 1);
    if (request->msg->method == SIP_REGISTER && status / 100 == 2)
        run_trust_source(run);
    return proxy_reply(run->worker->proxy, request, status, reason,
                       status < 200 ? STR("") : request->reply_body_type,
                       status < 200 ? STR("") : request->reply_body);
}

enum err run_set_reply_body(struct run *run, struct str body, struct str type)
{
    struct request *request = run->request;
    struct str line, kept;
    enum err err;

    if (str_is_empty(body) || str_is_empty(type))
        return ERR_SYNTAX;
    err = sip_print_header(&request->arena, &line, STR("Content-Type"), type);
    if (err || (err = str_copy(&request->arena, body, &kept)))
        return err;
    request->reply_body = kept;
    request->reply_body_type = line;
    return ERR_NONE;
}

enum err run_add_reply_header(struct run *run, struct str lines)
{
    struct request *request = run->request;

    if (!sip_are_header_lines(lines))
        return ERR_SYNTAX;
    return str_print(&request->arena, &request->reply_headers, STR_FMT STR_FMT,
                     STR_ARG(request->reply_headers), STR_ARG(lines));
}

void run_set_error(struct run *run, unsigned status, const char *reason)
{
    run->request->error_status = status;
    run->request->error_reason = str_of(reason);
}

unsigned run_error(const struct run *run, struct str *reason)
{
    const struct request *request = run->request;

    *reason = request->error_status ? request->error_reason : STR("Server error occurred");
    return request->error_status ? request->error_status : 500;
}

/* ---- transactions and forwarding ---- */

enum err run_create_transaction(struct run *run)
{
    return proxy_open(run->worker->proxy, run->request);
}

bool run_matches_transaction(struct run *run)
{
    return run->request->invite != NULL;
}

/* A relay under way: the answer comes within the call, or later. */
struct relaying {
    struct run *run;
    bool answers; /* a failure is answered by us, and ends the script */
    enum verdict verdict;
    bool is_done, is_waiting;
};

/* How a dialect puts a failure; status 0: as the proxy says. */
struct failure_text {
    unsigned status;
    const char *reason;
};

struct failure_row {
    enum err err;
    unsigned status; /* the row is for this one alone; 0: for any */
    enum verdict verdict;
    struct failure_text openser, kamailio;
};

/* What scripts and users of each dialect know; the last row is for everything else. */
static const struct failure_row failure_rows[] = {
    { ERR_SYNTAX, 0, -2,
      { 475, "Bad URI (475/TM)" },
      { 479, "Regretfully, we were not able to process the URI" } },
    { ERR_UNSUPPORTED, 0, -2, { 0, "Unsupported URI Scheme" }, { 0, "Unsupported URI Scheme" } },
    { ERR_NOT_FOUND, 0, -3, { 0, "No destination (500/TM)" }, { 0, "No destination" } },
    { ERR_UNRESOLVED, 0, -4,
      { 476, "Unresolvable destination (476/TM)" },
      { 478, "Unresolvable destination" } },
    { ERR_UNREACHABLE, 0, -6,
      { 0, "Send failed (477/TM)" },
      { 0, "Unfortunately error on sending to next hop occurred" } },
    { ERR_DENIED, 473, -5,
      { 473, "Filtered Destination (473/TM)" },
      { 473, "Filtered destination" } },
    { ERR_DENIED, 477, -1,
      { 0, "Send failed (477/TM)" },
      { 0, "Unfortunately error on sending to next hop occurred" } },
    { ERR_LIMIT, 0, -1,
      { 0, "Forking capacity exceeded (500/TM)" },
      { 0, "Forking capacity exceeded" } },
    { ERR_NONE, 0, -1,
      { 0, "Server error occurred (500/TM)" },
      { 0, "I'm terribly sorry, server error occurred" } },
};

static const struct failure_row *find_failure(enum err err, unsigned status)
{
    const struct failure_row *row = failure_rows;

    while (row->err != ERR_NONE && (row->err != err || (row->status && row->status != status)))
        row++;
    return row;
}

/* The row's words stand for the usual status of its error; any other status speaks for itself. */
static void remember_failure(struct run *run, const struct failure_row *row, unsigned status)
{
    bool is_openser = server_is_openser(run->worker->server);
    const struct failure_text *text = is_openser ? &row->openser : &row->kamailio;
    bool is_usual = row->err == ERR_UNREACHABLE ? status == 477 : row->err != ERR_NONE;

    run_set_error(run, text->status ? text->status : status, text->reason);
    if (!is_usual && status != 500)
        run->request->error_reason = sip_reason_phrase(status);
}

/* OpenSER answers a failed relay and ends the script; Kamailio leaves it to the script. */
static enum verdict relay_failed(const struct relaying *relaying, enum err err, unsigned status)
{
    const struct failure_row *row = find_failure(err, status);
    struct request *request = relaying->run->request;
    struct str reason;

    if (!request->error_status)
        remember_failure(relaying->run, row, status);
    if (!relaying->answers || !request->txn)
        return row->verdict;
    status = run_error(relaying->run, &reason);
    return request->is_answered || !run_reply(relaying->run, status, reason) ? VERDICT_STOP
                                                                             : row->verdict;
}

static void on_relayed(void *context, enum err err, unsigned status)
{
    struct relaying *relaying = context;
    const struct request *request = relaying->run->request;

    relaying->is_done = true;
    relaying->verdict = err ? relay_failed(relaying, err, status) : VERDICT_TRUE;
    if (!err && (request->source.connection || request->is_in_dialog_by_token))
        run_trust_source(relaying->run); /* over UDP anybody could have asked for it */
    if (!err)
        relaying->run->request->error_status =
            0; /* of a branch that failed beside those that went */
    if (relaying->is_waiting)
        run_resume(relaying->run, relaying->verdict);
}

static enum verdict finish_or_wait(struct relaying *relaying)
{
    if (relaying->is_done)
        return relaying->verdict;
    relaying->is_waiting = true;
    return VERDICT_WAIT;
}

static struct relaying *start_relaying(struct run *run)
{
    struct relaying *relaying = arena_zalloc(run->arena, sizeof *relaying);

    if (relaying)
        relaying->run = run;
    run->request->has_relayed = true;
    run->request->error_status = 0;
    counter_add(run->worker->server->count.forwarded, 1);
    return relaying;
}

/* RFC 3261 §16.10: a CANCEL of something that did not go through us travels on as it came. */
static enum verdict relay_cancel(struct run *run, struct str destination)
{
    struct request *request = run->request;

    if (!request->invite && run->worker->server->fork_rules.drops_strange_cancel)
        return VERDICT_STOP;
    if (!request->invite)
        return run_forward(run, destination); /* RFC 3261 §16.10 */
    return proxy_cancel(run->worker->proxy, request, request->invite) ? VERDICT_FALSE
                                                                      : VERDICT_TRUE;
}

/*
 * Which Request-URI a relay may use: the first one takes it, later ones only when the script has
 * written it since. OpenSER's failure routes only take what was appended.
 */
static bool uses_request_uri(const struct run *run)
{
    bool is_branch_failure = run->stage == STAGE_EVENT && run->branch;

    if (run->stage == STAGE_FAILURE || is_branch_failure)
        return !server_is_openser(run->worker->server) && run->request->target_is_new;
    return !run->request->has_relayed || run->request->target_is_new;
}

enum verdict run_relay(struct run *run, const struct relay_options *options)
{
    struct relay_options told = options ? *options : (struct relay_options){ 0 };
    struct request *request = run->request;
    bool with_uri = told.is_replica || uses_request_uri(run);
    struct relaying *relaying;

    if (request->msg->method == SIP_ACK)
        return run_forward(run, options ? options->destination : STR(""));
    if (request->msg->method == SIP_CANCEL)
        return relay_cancel(run, options ? options->destination : STR(""));
    relaying = start_relaying(run);
    if (!relaying)
        return VERDICT_ERROR;
    relaying->answers = run->stage == STAGE_REQUEST && server_is_openser(run->worker->server) &&
                        !told.no_internal_reply && !request->no_internal_reply;
    told.no_internal_reply = true; /* the words are ours */
    proxy_relay(run->worker->proxy, request, with_uri, &told, on_relayed, relaying);
    request->target_is_new |= told.is_replica; /* a copy went there, the request itself did not */
    return finish_or_wait(relaying);
}

enum verdict run_forward(struct run *run, struct str destination)
{
    struct relaying *relaying = start_relaying(run);

    if (!relaying)
        return VERDICT_ERROR;
    proxy_forward(run->worker->proxy, run->request, destination, on_relayed, relaying);
    return finish_or_wait(relaying);
}

struct raw_send {
    struct run *run;
    bool is_done, is_waiting;
    enum verdict verdict;
};

static void on_raw_resolved(void *context, enum err err, const struct flow *hops, unsigned count)
{
    struct raw_send *raw = context;
    struct run *run = raw->run;

    raw->is_done = true;
    raw->verdict = !err && count > 0 && worker_send(run->worker, &hops[0], run->msg->bytes)
                       ? VERDICT_TRUE
                       : VERDICT_FALSE;
    if (raw->is_waiting)
        run_resume(run, raw->verdict);
}

enum verdict run_send_raw(struct run *run, struct str destination)
{
    struct raw_send *raw = arena_zalloc(run->arena, sizeof *raw);
    struct resolve_query query = { .socket = SOCKET_ANY };
    struct listen_spec spec;

    if (!raw || listen_spec_parse(destination, &spec))
        return VERDICT_ERROR;
    raw->run = run;
    query.host = spec.host;
    query.port = spec.port;
    query.transport = spec.has_transport ? spec.transport : TRANSPORT_UDP;
    query.has_transport = spec.has_transport;
    run->worker->outside->resolve(run->worker->outside, &query, on_raw_resolved, raw);
    if (raw->is_done)
        return raw->verdict;
    raw->is_waiting = true;
    return VERDICT_WAIT;
}

/* ---- routing ---- */

/* The port that a client listens on by its Via; 0 when the Via is not where it is. */
static uint16_t via_port(const struct run *run)
{
    const struct sip_via *via = &run->request->msg->via;
    struct addr host;

    if (addr_parse_ip(via->host, &host) || !addr_same_ip(&host, &run->request->source.peer))
        return 0;
    return via->port ? via->port : transport_traits(run->request->source.transport)->default_port;
}

void run_alias_connection(struct run *run, uint16_t port)
{
    const struct flow *flow = &run->request->source;
    struct outside *outside = run->worker->outside;

    if (port == 0)
        port = via_port(run);
    if (outside->alias && flow->connection && port && port != flow->peer.port)
        outside->alias(outside, flow, port);
}

bool run_is_myself(const struct run *run, struct str host, uint16_t port)
{
    return worker_is_myself(run->worker, host, port);
}

static bool uri_is_myself(void *context, const struct sip_uri *uri)
{
    return worker_is_myself(context, uri->host, sip_uri_port(uri));
}

bool run_is_uri_myself(const struct run *run, const struct sip_uri *uri)
{
    return uri_is_myself(run->worker, uri);
}

enum loose_result run_loose_route(struct run *run, struct str *own_params)
{
    return proxy_loose_route(run->worker->proxy, run->request, uri_is_myself, run->worker,
                             own_params);
}
