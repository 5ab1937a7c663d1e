/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that we make inside a dialog, in the name of one party to the other (RFC 3261 §12.2.1.1). */
#include <stdlib.h>

#include "host/dialogs.h"
#include "proxy/request.h"

enum {
    HEADERS_MAX = 2048,
    BYE_MAX = 16384,
};

/*
 * Where the INVITE went, or came from, further requests go: that is the way through the NATs. Only a
 * client's connection that no token vouches for may have been dropped, and the Contact tells more.
 */
static bool has_way(const struct dialog *dialog, enum dialog_side side)
{
    const struct flow *flow = &dialog->parties[side].flow;

    if (flow->peer.family == ADDR_NONE)
        return false;
    return dialog->is_automatic || side == DIALOG_CALLEE ||
           !transport_traits((enum transport)flow->transport)->is_reliable;
}

static struct uac_request request_to(const struct dialog *dialog, enum dialog_side side,
                                     struct str method)
{
    const struct dialog_party *to = &dialog->parties[side];
    const struct dialog_party *from = &dialog->parties[!side];

    return (struct uac_request){
        .method = method,
        .uri = str_is_empty(to->contact) ? to->uri : to->contact,
        .from = from->uri,
        .from_tag = from->tag,
        .to = to->uri,
        .to_tag = to->tag,
        .call_id = dialog->call_id,
        .cseq = from->cseq + 1,
        .routes = to->routes,
        .socket = to->flow.socket,
        .has_flow = has_way(dialog, side),
        .flow = to->flow,
    };
}

/* ---- BYE ---- */

static struct str reason_of(const struct dialog *dialog)
{
    static const struct str reasons[DIALOG_ENDS] = {
        [DIALOG_END_TIMEOUT] = STR_INIT("Reason: SIP;cause=408;text=\"Call lasted too long\"\r\n"),
        [DIALOG_END_NO_ACK] = STR_INIT("Reason: SIP;cause=408;text=\"No ACK\"\r\n"),
        [DIALOG_END_MEDIA] = STR_INIT("Reason: Q.850;cause=102;text=\"Media timeout\"\r\n"),
    };

    return dialog->end < DIALOG_ENDS && reasons[dialog->end].ptr ? reasons[dialog->end] : STR("");
}

enum err dialog_send_bye(struct worker *worker, struct dialog *dialog, enum dialog_side side,
                         struct str headers)
{
    struct uac_request bye = request_to(dialog, side, STR("BYE"));
    char buffer[HEADERS_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    enum err err;

    write_str(&w, reason_of(dialog));
    write_str(&w, worker->server->dialog_rules.bye_headers);
    write_str(&w, headers);
    if ((err = writer_finish(&w, &bye.headers)))
        return err;
    return worker_ask(worker, &bye, NULL, NULL);
}

static void end_media(struct worker *worker, struct dialog *dialog)
{
    if (!worker->server->relay)
        return;
    media_keep_totals(worker, dialog);
    relay_end(worker->server->relay, dialog->call_id, dialog->parties[DIALOG_CALLER].tag,
                  dialog->parties[DIALOG_CALLEE].tag);
}

static void say_bye(struct worker *worker, struct dialog *dialog, unsigned sides,
                    struct str headers)
{
    for (unsigned side = 0; side < DIALOG_SIDES; side++) {
        enum err err = sides >> side & 1
                           ? dialog_send_bye(worker, dialog, (enum dialog_side)side, headers)
                           : ERR_NONE;
        if (err)
            log_notice("call " STR_FMT ": no BYE to the %s: %s", STR_ARG(dialog->call_id),
                       side == DIALOG_CALLER ? "caller" : "callee", err_name(err));
    }
    end_media(worker, dialog);
}

enum err dialog_hang_up(struct worker *worker, struct dialog *dialog, enum dialog_end why,
                        unsigned sides, struct str headers)
{
    if (dialog->end || dialog->state < DIALOG_UNACKNOWLEDGED)
        return ERR_NOT_NOW;
    dialog->end = (uint8_t)why;
    say_bye(worker, dialog, sides, headers);
    dialog->end = DIALOG_END_NONE;
    return dialog_kill(dialog, why) ? ERR_NONE : ERR_NOT_NOW;
}

/* ---- routes without a message ---- */

static void route_done(struct run *run)
{
    run_end(run);
}

static struct request *make_bye(struct worker *worker, const struct dialog *dialog)
{
    const struct uac_request bye = request_to(dialog, DIALOG_CALLEE, STR("BYE"));
    char *buffer = arena_alloc(&worker->scratch, BYE_MAX);
    struct writer w = writer_over(buffer, buffer ? BYE_MAX : 0);
    struct request *request;

    if (!buffer || uac_write(&w, &bye, STR("Via: SIP/2.0/UDP 0.0.0.0;branch=z9hG4bK0\r\n")))
        return NULL;
    request = worker_make_request(worker, &dialog->parties[DIALOG_CALLER].flow, writer_text(&w));
    if (request)
        request->dialog = dialog->number;
    return request;
}

/* A route of the edition that runs what is just happening, or else will run the BYE. */
static const struct edition *edition_of(const struct worker *worker)
{
    const struct request *cause = worker->dialog_cause;

    return (cause ? cause->script : worker->script)->edition;
}

static void run_route(struct worker *worker, struct dialog *dialog, uint16_t route)
{
    struct request *request;
    struct run *run;

    if (route == ROUTE_NONE)
        return;
    request = worker->dialog_cause ? request_ref(worker->dialog_cause) : make_bye(worker, dialog);
    if (!request)
        return;
    run = run_create(worker, request, STAGE_EVENT, request->msg, &request->source);
    if (run)
        run_start(run, route, route_done);
    request_unref(request);
}

void dialog_run_moment(struct worker *worker, struct dialog *dialog, enum dialog_moment moment)
{
    run_route(worker, dialog, edition_of(worker)->dialog_routes[moment]);
}

void dialog_run_route(struct worker *worker, struct dialog *dialog, struct str name)
{
    run_route(worker, dialog, program_route(edition_of(worker)->program, STAGE_REQUEST, name));
}

static struct request *cause_of(struct worker *worker, const struct dialog *dialog)
{
    struct request *cause = worker->dialog_cause;

    return cause && cause->dialog == dialog->number ? request_ref(cause)
                                                    : make_bye(worker, dialog);
}

void dialog_visit_run(struct worker *worker, struct dialog *dialog, dialog_visit_fn *visit,
                      void *context)
{
    struct request *request = cause_of(worker, dialog);
    struct run run = {
        .worker = worker,
        .request = request,
        .stage = STAGE_EVENT,
    };

    if (!request)
        return;
    run.msg = request->msg;
    run.source = request->source;
    run.edits = &request->edits;
    run.arena = &request->arena;
    run.branch = request->winner;
    visit(&run, context);
    request_unref(request);
}

/* ---- the end of a dialog's time ---- */

const void *dialog_timeout_owner(void)
{
    static const char owner;

    return &owner;
}

void dialogs_time_is_over(void *context, struct dialog *dialog)
{
    struct worker *worker = context;
    const struct dialog_note *note = dialog_find_note(dialog, dialog_timeout_owner(), STR(""));

    counter_add(worker->server->count.dialogs_expired, 1);
    if (note)
        dialog_run_route(worker, dialog, note->value);
    if (dialog->sends_bye)
        say_bye(worker, dialog, DIALOG_TO_ALL, STR(""));
}

/* ---- OPTIONS ---- */

struct ping_sent {
    struct worker *worker;
    uint64_t dialog;
    enum dialog_side side;
    dialog_pong_fn *done;
    void *context;
};

static void on_pong(void *context, unsigned status, const struct sip_msg *response)
{
    struct ping_sent sent = *(struct ping_sent *)context;

    (void)response;
    free(context);
    sent.done(sent.context, sent.worker, sent.dialog, sent.side, status);
}

enum err dialog_ping(struct worker *worker, struct dialog *dialog, enum dialog_side side,
                     dialog_pong_fn *done, void *context)
{
    struct uac_request options = request_to(dialog, side, STR("OPTIONS"));
    struct ping_sent *sent = malloc(sizeof *sent);
    enum err err;

    if (!sent)
        return ERR_NOMEM;
    *sent = (struct ping_sent){ worker, dialog->number, side, done, context };
    options.cseq = dialog->parties[!side].cseq;
    err = worker_ask(worker, &options, on_pong, sent);
    if (err)
        free(sent);
    return err;
}
