/* SPDX-License-Identifier: Apache-2.0 */
/* How messages move the dialogs that are followed, and what is told of it. */
#include "host/dialogs.h"

#include <culvert/transaction.h>

#include <stdlib.h>

enum {
    ROUTES_MAX = 64,
    ROUTE_TEXT_MAX = 4096,
};

const struct dialog_rules dialog_rules_usual = {
    .match = DIALOG_MATCH_TAGS,
    .lifetime = 43200000,
    .early_timeout = 300000,
    .unacknowledged_timeout = 60000,
    .entries = 4096,
    .dialogs_max = 65536,
};

enum err dialogs_make_counters(struct server *server)
{
    struct core_counters *count = &server->count;
    const struct {
        const char *name;
        struct counter **counter;
    } rows[] = {
        { "active_dialogs", &count->dialogs_active },
        { "early_dialogs", &count->dialogs_early },
        { "processed_dialogs", &count->dialogs_processed },
        { "expired_dialogs", &count->dialogs_expired },
        { "failed_dialogs", &count->dialogs_failed },
        { "refused_dialogs", &count->dialogs_refused },
    };
    enum err err = ERR_NONE;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !err; i++)
        err = server_counter(server, "dialog", rows[i].name, rows[i].counter);
    return err;
}

/* ---- what is told ---- */

enum counted {
    COUNTED_EARLY = 1,
    COUNTED_ACTIVE = 2,
};

static void count_as(struct worker *worker, struct dialog *dialog, uint8_t counted)
{
    struct core_counters *count = &worker->server->count;
    int early = ((counted & COUNTED_EARLY) != 0) - ((dialog->counted & COUNTED_EARLY) != 0);
    int active = ((counted & COUNTED_ACTIVE) != 0) - ((dialog->counted & COUNTED_ACTIVE) != 0);

    counter_add(count->dialogs_early, early);
    counter_add(count->dialogs_active, active);
    dialog->counted = counted;
}

static void count_moment(struct worker *worker, struct dialog *dialog, enum dialog_moment moment)
{
    static const uint8_t counted[DIALOG_MOMENTS] = {
        [DIALOG_RINGS] = COUNTED_EARLY,
        [DIALOG_STARTED] = COUNTED_ACTIVE,
    };

    count_as(worker, dialog, counted[moment]);
    if (moment == DIALOG_STARTED)
        counter_add(worker->server->count.dialogs_processed, 1);
    if (moment == DIALOG_FAILED)
        counter_add(worker->server->count.dialogs_failed, 1);
}

static void on_moment(void *context, struct dialog *dialog, enum dialog_moment moment)
{
    struct worker *worker = context;

    count_moment(worker, dialog, moment);
    hooks_dialog(worker, dialog, moment);
    dialog_run_moment(worker, dialog, moment);
    if (moment == DIALOG_FINISHED && dialog->end != DIALOG_END_BYE)
        log_notice("call " STR_FMT " ended after %llu s: " STR_FMT, STR_ARG(dialog->call_id),
                   (unsigned long long)((worker_now(worker) - dialog->started_at) / 1000),
                   STR_ARG(dialog_end_name((enum dialog_end)dialog->end)));
}

enum err dialogs_start(struct worker *worker)
{
    const struct dialogs_settings settings = {
        .rules = &worker->server->dialog_rules,
        .index = worker->index,
        .count = worker->server->worker_count ? worker->server->worker_count : 1,
    };
    const struct dialogs_user user = { worker, on_moment, dialogs_time_is_over };

    return dialogs_create(&settings, &worker->wheel, worker->random, &user, &worker->dialogs);
}

struct dialog_rules *server_dialog_rules(struct server *server)
{
    return &server->dialog_rules;
}

int64_t server_dialog_count(const struct server *server)
{
    return atomic_load_explicit(&server->count.dialogs_active->value, memory_order_relaxed);
}

/* ---- what messages say ---- */

/* As it was sent on: repaired, where a script repairs. */
static struct str contact_of(struct run *run)
{
    struct sip_values values = sip_values_of(run->msg, SIP_HDR_CONTACT);
    struct sip_nameaddr contact;

    if (!sip_values_next(&values) || sip_nameaddr_parse(values.value, &contact) || contact.is_star)
        return STR("");
    return run_contact_uri(run, &contact);
}

struct route_list {
    struct str values[ROUTES_MAX];
    unsigned count;
};

static void read_record_routes(const struct sip_msg *msg, struct route_list *out)
{
    struct sip_values values = sip_values_of(msg, SIP_HDR_RECORD_ROUTE);

    out->count = 0;
    while (out->count < ROUTES_MAX && sip_values_next(&values))
        out->values[out->count++] = values.value;
}

static bool is_own(const struct worker *worker, struct str value)
{
    struct sip_nameaddr route;

    return !sip_nameaddr_parse(value, &route) &&
           worker_is_myself(worker, route.uri.host, sip_uri_port(&route.uri));
}

static struct str print_routes(struct arena *arena, const struct route_list *list, bool reversed)
{
    char *buffer = list->count ? arena_alloc(arena, ROUTE_TEXT_MAX) : NULL;
    struct writer w = writer_over(buffer, buffer ? ROUTE_TEXT_MAX : 0);
    struct str text = { 0 };

    for (unsigned i = 0; i < list->count; i++) {
        write_str(&w, i ? STR(", ") : STR(""));
        write_str(&w, list->values[reversed ? list->count - 1 - i : i]);
    }
    return list->count && !writer_finish(&w, &text) ? text : STR("");
}

static struct str routes_to_caller(const struct request *request, struct arena *arena)
{
    struct route_list list;

    read_record_routes(request->msg, &list);
    return print_routes(arena, &list, false);
}

/*
 * Those behind us: the last ones of the 2xx were there when the INVITE came, before them are ours.
 * What is left leads, from the end, to the callee.
 */
static struct str routes_to_callee(const struct run *run)
{
    struct route_list list, before;
    unsigned own = 0;

    read_record_routes(run->msg, &list);
    read_record_routes(run->request->msg, &before);
    list.count -= before.count < list.count ? before.count : list.count;
    while (list.count && own < 2 && is_own(run->worker, list.values[list.count - 1])) {
        list.count--;
        own++;
    }
    return print_routes(run->arena, &list, true);
}

/* ---- following ---- */

static bool is_initial_invite(const struct sip_msg *msg)
{
    return msg->is_request && msg->method == SIP_INVITE && str_is_empty(msg->to_tag);
}

static struct run run_over_request(struct run *run)
{
    struct request *request = run->request;

    return (struct run){
        .worker = run->worker,
        .request = request,
        .stage = STAGE_REQUEST,
        .msg = request->msg,
        .source = request->source,
        .edits = &request->edits,
        .arena = &request->arena,
    };
}

static void write_reversed_hex(struct writer *w, uint32_t number)
{
    static const char hex[] = "0123456789abcdef";

    do {
        write_char(w, hex[number & 15]);
        number >>= 4;
    } while (number);
}

static void write_cookie(struct writer *w, const struct dialog *dialog)
{
    write_reversed_hex(w, dialog->entry);
    write_char(w, '.');
    write_reversed_hex(w, dialog->cookie);
}

/* The cookie that later requests show. */
static enum err ask_for_cookie(struct request *request, const struct dialog *dialog,
                               struct str name)
{
    struct record_route *wish = &request->record_route;
    char buffer[32];
    struct writer w = writer_over(buffer, sizeof buffer);

    if (str_is_empty(name))
        return ERR_NONE;
    write_cookie(&w, dialog);
    return str_print(&request->arena, &wish->params, STR_FMT ";" STR_FMT "=" STR_FMT,
                     STR_ARG(wish->params), STR_ARG(name), STR_ARG(writer_text(&w)));
}

static struct dialog *find_spiral(const struct run *run)
{
    const struct sip_msg *msg = run->request->msg;
    struct dialog *dialog;

    if (run->worker->server->dialog_rules.ignores_spirals)
        return NULL;
    dialog = dialogs_find_call(run->worker->dialogs, msg->call_id, msg->from_tag);
    return dialog && dialog->state < DIALOG_UNACKNOWLEDGED &&
                   dialog->parties[DIALOG_CALLER].cseq == msg->cseq
               ? dialog
               : NULL;
}

static enum err make_dialog(struct run *run, struct dialog **out)
{
    struct request *request = run->request;
    const struct sip_msg *msg = request->msg;
    struct run whole = run_over_request(run);
    const struct dialog_new made = {
        .call_id = msg->call_id,
        .uri = msg->ruri,
        .caller = {
            .tag = msg->from_tag,
            .uri = msg->from.uri.text,
            .contact = contact_of(&whole),
            .routes = routes_to_caller(request, &request->arena),
            .cseq = msg->cseq,
            .flow = request->source,
        },
        .callee_uri = msg->to.uri.text,
        .is_automatic = request->record_route.has_flow_token,
        .wall = run_wall_clock(run),
    };
    enum err err = dialogs_make(run->worker->dialogs, &made, out);

    if (err == ERR_LIMIT)
        counter_add(run->worker->server->count.dialogs_refused, 1);
    return err;
}

enum err run_follow_dialog(struct run *run)
{
    struct request *request = run->request;
    struct dialog *dialog;
    enum err err;

    if (!is_initial_invite(request->msg))
        return ERR_UNSUPPORTED;
    if (request->dialog)
        return ERR_EXISTS;
    dialog = find_spiral(run);
    if (dialog) {
        request->dialog = dialog->number;
        return ERR_NONE;
    }
    if ((err = make_dialog(run, &dialog)))
        return err;
    request->dialog = dialog->number;
    request->follows_dialog = true;
    return ask_for_cookie(request, dialog, run->worker->server->dialog_rules.cookie);
}

/* ---- finding ---- */

struct dialog *worker_dialog(struct worker *worker, uint64_t number)
{
    return number && worker->dialogs ? dialogs_find(worker->dialogs, number) : NULL;
}

struct dialog *run_dialog(const struct run *run)
{
    return worker_dialog(run->worker, run->request->dialog);
}

enum dialog_side run_dialog_side(const struct run *run)
{
    return run->request->is_from_callee ? DIALOG_CALLEE : DIALOG_CALLER;
}

struct dialog *worker_find_dialog(struct worker *worker, struct str call_id, struct str tag,
                                  struct str other_tag)
{
    enum dialog_side side;

    return dialogs_match(worker->dialogs, call_id, tag, other_tag, &side);
}

struct dialog *worker_find_dialog_id(struct worker *worker, uint32_t entry, uint32_t id)
{
    return dialogs_find_id(worker->dialogs, entry, id);
}

struct dialog *worker_next_dialog(struct worker *worker, uint64_t number)
{
    return dialogs_next(worker->dialogs, number);
}

/* A Route of ours shows the cookie; whether the Route is ours is seen by its being right. */
static bool shows_cookie(const struct worker *worker, const struct sip_msg *msg,
                         const struct dialog *dialog)
{
    struct sip_values values = sip_values_of(msg, SIP_HDR_ROUTE);
    char buffer[32];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_nameaddr route;

    write_cookie(&w, dialog);
    while (sip_values_next(&values))
        if (!sip_nameaddr_parse(values.value, &route) &&
            str_eq(sip_param_value(route.uri.params, worker->server->dialog_rules.cookie),
                   writer_text(&w)))
            return true;
    return false;
}

static struct str callee_tag_of(const struct request *request)
{
    return request->is_from_callee ? request->msg->from_tag : request->msg->to_tag;
}

static enum dialog_side side_of(const struct request *request)
{
    return request->is_from_callee ? DIALOG_CALLEE : DIALOG_CALLER;
}

bool dialogs_take_request(struct request *request)
{
    struct worker *worker = request->worker;
    const struct sip_msg *msg = request->msg;
    struct dialog *dialog;
    enum dialog_side side;

    if (str_is_empty(msg->to_tag))
        return true;
    dialog = dialogs_match(worker->dialogs, msg->call_id, msg->from_tag, msg->to_tag, &side);
    if (!dialog || (worker->server->dialog_rules.match == DIALOG_MATCH_COOKIE &&
                    !shows_cookie(worker, msg, dialog)))
        return true;
    request->dialog = dialog->number;
    request->is_from_callee = side == DIALOG_CALLEE;
    return msg->method == SIP_ACK || msg->method == SIP_CANCEL ||
           dialog_is_in_order(dialog, side, callee_tag_of(request), msg->cseq);
}

/* ---- messages inside ---- */

static bool is_inside(const struct request *request)
{
    return !str_is_empty(request->msg->to_tag);
}

void dialogs_request_goes(struct run *run)
{
    struct request *request = run->request;
    struct dialog *dialog = run_dialog(run);

    if (!dialog || !is_inside(request))
        return;
    if (request->msg->method == SIP_ACK) {
        dialog_acknowledge(dialog);
        return;
    }
    dialog_note_cseq(dialog, side_of(request), callee_tag_of(request), request->msg->cseq);
    if (!dialog->keeps_timer && dialog->state >= DIALOG_UNACKNOWLEDGED)
        dialog_live(dialog, dialog->lifetime);
}

/* RFC 3261 §12.2: what a 2xx to it makes the new remote target. */
static bool refreshes_target(enum sip_method method)
{
    return method == SIP_INVITE || method == SIP_UPDATE || method == SIP_SUBSCRIBE ||
           method == SIP_NOTIFY || method == SIP_REFER;
}

static void take_refresh(struct run *run, struct dialog *dialog)
{
    struct request *request = run->request;
    enum dialog_side sender = side_of(request);
    struct run whole = run_over_request(run);

    if (refreshes_target(request->msg->method)) {
        dialog_refresh(dialog, sender, contact_of(&whole));
        dialog_refresh(dialog, (enum dialog_side)!sender, contact_of(run));
    }
    dialog_move(dialog, sender, &request->source);
}

/* A 2xx after the INVITE has failed elsewhere: the dialog is made once more. */
static struct dialog *find_or_revive(struct run *run)
{
    struct request *request = run->request;
    struct dialog *dialog = run_dialog(run);

    if (dialog || run->msg->status < 200 || make_dialog(run, &dialog))
        return dialog;
    request->dialog = dialog->number;
    return dialog;
}

static void take_response(struct run *run)
{
    const struct sip_msg *msg = run->msg;
    struct dialog *dialog = find_or_revive(run);
    const struct dialog_told callee = {
        .tag = msg->to_tag,
        .uri = msg->to.uri.text,
        .contact = contact_of(run),
        .routes = routes_to_callee(run),
        .flow = run->branch->flow,
    };

    if (!dialog)
        return;
    if (msg->status < 200)
        dialog_progress(dialog, &callee);
    else if (!dialog_answer(dialog, &callee, run_wall_clock(run)))
        counter_add(run->worker->server->count.dialogs_refused, 1);
}

/* Tells of a request, so that routes of events have a message. */
static struct request *set_cause(struct worker *worker, struct request *request)
{
    struct request *before = worker->dialog_cause;

    worker->dialog_cause = request;
    return before;
}

void dialogs_response_goes(struct run *run)
{
    struct request *request = run->request, *before;
    unsigned status = run->msg->status;
    struct dialog *dialog;

    if (!request->dialog || status <= 100 || status >= 300)
        return;
    before = set_cause(run->worker, request);
    if (request->follows_dialog)
        take_response(run);
    else if (status >= 200 && is_inside(request) && (dialog = run_dialog(run)))
        take_refresh(run, dialog);
    run->worker->dialog_cause = before;
}

/* A BYE that was not refused for want of credentials has ended the dialog. */
void dialogs_request_ends(struct request *request, unsigned status)
{
    struct worker *worker = request->worker;
    struct dialog *dialog = worker_dialog(worker, request->dialog);
    struct request *before = set_cause(worker, request);

    if (dialog && request->follows_dialog && status >= 300)
        dialog_fail(dialog);
    else if (dialog && request->msg->method == SIP_BYE && status != 401 && status != 407)
        dialog_bye(dialog);
    worker->dialog_cause = before;
}

/* ---- for modules ---- */

enum err dialog_set_lifetime(struct worker *worker, struct dialog *dialog, msec lifetime)
{
    (void)worker;
    if (dialog->end)
        return ERR_NOT_NOW;
    dialog_live(dialog, lifetime);
    return ERR_NONE;
}

msec dialog_time_left(const struct worker *worker, const struct dialog *dialog)
{
    (void)worker;
    return dialog_left(dialog);
}

/* ---- dead media ---- */

/* Lengths of texts, which follow. */
struct silence {
    struct media_totals totals;
    size_t call_id, caller_tag, callee_tag;
    char text[];
};

static struct str cut(const char **at, size_t length)
{
    struct str text = { *at, length };

    *at += length;
    return text;
}

/* The relay has forgotten the session: this is all that is known of it. */
static void keep_totals(struct dialog *dialog, const struct media_totals *totals)
{
    dialog->has_media = true;
    media_add_totals(&dialog->media, totals);
}

static void end_silent(struct worker *worker, void *context)
{
    const struct silence *silence = context;
    const char *at = silence->text;
    struct str call_id = cut(&at, silence->call_id);
    struct str caller_tag = cut(&at, silence->caller_tag);
    struct dialog *dialog =
        worker_find_dialog(worker, call_id, caller_tag, cut(&at, silence->callee_tag));

    if (dialog)
        keep_totals(dialog, &silence->totals);
    if (dialog && dialog->ends_silent)
        (void)!dialog_hang_up(worker, dialog, DIALOG_END_MEDIA, DIALOG_TO_ALL, STR(""));
    arena_fini(&worker->scratch);
}

static void copy(char **at, struct str text)
{
    if (text.len)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
}

/* On a thread of the relay. Who is on hold has a right to be silent. */
void dialogs_media_died(struct server *server, const struct relay_report *report)
{
    size_t size = sizeof(struct silence) + report->call_id.len + report->caller_tag.len +
                  report->callee_tag.len;
    struct silence *silence;
    char *at;

    if (!report->is_answered || report->is_held)
        return;
    silence = malloc(size);
    if (!silence)
        return;
    silence->call_id = report->call_id.len;
    silence->caller_tag = report->caller_tag.len;
    silence->callee_tag = report->callee_tag.len;
    silence->totals = (struct media_totals){ 0 };
    media_add_report(&silence->totals, report);
    at = silence->text;
    copy(&at, report->call_id);
    copy(&at, report->caller_tag);
    copy(&at, report->callee_tag);
    (void)!server_send_worker(server, server_owner_of_call(server, report->call_id), end_silent,
                              silence, size);
    free(silence);
}
