/* SPDX-License-Identifier: Apache-2.0 */
/* Destinations are asked whether they are there, each once an interval, spread over its length. */
#include <culvert/uac.h>

#include "dispatcher.h"

enum {
    SECOND = 1000,
    MICROSECONDS = 1000, /* of a millisecond */
    FIRST_STATUS = 100,
    LAST_STATUS = 699,
};

/* ds_probing_mode */
enum probing_mode {
    PROBE_FLAGGED,
    PROBE_ALL,
    PROBE_FAILED, /* those that are asked, while they fail */
    PROBE_INACTIVE,
};

/* ---- telling ---- */

struct event {
    const struct dispatcher *dispatcher;
    const struct live *live;
    const struct news *news;
};

static enum err prepare(struct request *request, void *context)
{
    const struct event *event = context;
    struct news *news = arena_alloc(&request->arena, sizeof *news);
    enum err err;

    if (!news || (err = str_copy(&request->arena, event->news->reason, &news->reason)))
        return ERR_NOMEM;
    news->code = event->news->code;
    news->flags = event->news->flags;
    request->slots[event->dispatcher->slot] = news;
    if ((err = request_set_uri(request, event->live->uri)))
        return err;
    return request_set_dst_uri(request, event->live->uri);
}

void dispatcher_tell(struct module *module, struct worker *worker, const struct live *live,
                     bool is_up, const struct news *news)
{
    const struct dispatcher *dispatcher = module_state(module);
    struct event event = { dispatcher, live, news };

    log_notice("dispatcher: " STR_FMT " of set %lld is %s", STR_ARG(live->uri), (long long)live->set,
               is_up ? "up" : "down");
    worker_run_event(worker, is_up ? STR("dispatcher:dst-up") : STR("dispatcher:dst-down"), prepare, &event);
}

/* ---- answers that count: "class=2;code=403" ---- */

static bool matches_part(struct str part, unsigned status, bool *is_right)
{
    struct str name, text;
    uint64_t number;

    if (!str_split(part, '=', &name, &text))
        return false;
    if (str_ieq(str_trim(name), STR("class")) && !str_to_uint(str_trim(text), 1, 6, &number))
        *is_right |= status / 100 == number;
    else if (str_ieq(str_trim(name), STR("code")) &&
             !str_to_uint(str_trim(text), FIRST_STATUS, LAST_STATUS, &number))
        *is_right |= status == number;
    else
        return false;
    return true;
}

static bool matches_codes(struct str text, unsigned status, bool *is_right)
{
    struct str part;

    while (str_trim(text).len) {
        if (!str_split(text, ';', &part, &text)) {
            part = text;
            text = STR("");
        }
        if (str_trim(part).len && !matches_part(part, status, is_right))
            return false;
    }
    return true;
}

bool dispatcher_reads_codes(struct str text)
{
    bool unused = false;

    return matches_codes(text, 0, &unused);
}

static bool is_good(const struct dispatcher *dispatcher, unsigned status, bool has_come)
{
    bool is_right = status / 100 == 2;

    (void)matches_codes(dispatcher->reply_codes, status, &is_right);
    return has_come && is_right;
}

/* ---- asking ---- */

static struct state_rules rules_of(const struct dispatcher *dispatcher)
{
    struct state_rules rules = dispatcher->state_rules;

    rules.keeps_probing = !dispatcher->is_openser && dispatcher->probing_mode <= PROBE_ALL;
    rules.adds_probing = dispatcher->is_openser || dispatcher->probing_mode != PROBE_FLAGGED;
    return rules;
}

static void on_answer(void *context, unsigned status, const struct sip_msg *response)
{
    struct live *live = context;
    struct dispatcher *dispatcher = module_state(live->module);
    struct state_rules rules = rules_of(dispatcher);
    msec delay = worker_now(live->worker) - live->asked_at;
    struct news news = { .code = status, .reason = response ? response->reason : STR("") };
    bool is_up, has_turned;

    live->asked_at = 0;
    if (response && dispatcher->has_latency_stats)
        live_notes_delay(live, (uint32_t)delay * MICROSECONDS, (unsigned)dispatcher->latency_alpha);
    if (!response)
        live->unanswered++;
    if (is_good(dispatcher, status, response != NULL))
        has_turned = live_answers(live, &rules, &is_up);
    else
        has_turned = live_fails(live, &rules, &is_up);
    news.flags = state_flags(live->state);
    if (has_turned)
        dispatcher_tell(live->module, live->worker, live, is_up, &news);
}

static uint16_t socket_of(const struct module *module, const struct dest *dest)
{
    const struct dispatcher *dispatcher = module_state(module);
    struct str name = dest->socket.len ? dest->socket : dispatcher->default_socket;
    uint16_t socket = SOCKET_ANY;

    if (name.len && server_find_listener(module_server(module), name, &socket))
        socket = SOCKET_ANY;
    return socket;
}

static void ask(struct module *module, struct worker *worker, const struct dest *dest, msec now)
{
    const struct dispatcher *dispatcher = module_state(module);
    struct live *live = dest->live;
    const struct uac_request request = {
        .method = dispatcher->ping_method,
        .uri = dest->uri,
        .from = dest->ping_from.len ? dest->ping_from : dispatcher->ping_from,
        .destination = dest->obproxy.len ? dest->obproxy : dispatcher->outbound_proxy,
        .socket = socket_of(module, dest),
    };
    enum err err;

    live->module = module;
    live->worker = worker;
    live->asked_at = now ? now : 1;
    err = worker_ask(worker, &request, on_answer, live);
    if (err) {
        live->asked_at = 0;
        log_error("dispatcher: " STR_FMT " cannot be asked: %s", STR_ARG(live->uri), err_name(err));
    }
}

static bool is_to_be_asked(const struct dispatcher *dispatcher, unsigned flags)
{
    bool is_flagged = flags & DEST_PROBING;

    if (flags & DEST_DISABLED)
        return false;
    if (dispatcher->is_openser)
        return is_flagged;
    switch ((enum probing_mode)dispatcher->probing_mode) {
    case PROBE_ALL:
        return true;
    case PROBE_FAILED:
        return is_flagged && (flags & (DEST_INACTIVE | DEST_TRYING));
    case PROBE_INACTIVE:
        return flags & DEST_INACTIVE;
    case PROBE_FLAGGED:
        break;
    }
    return is_flagged;
}

static void see_to(struct module *module, struct worker *worker, const struct dest *dest,
                   unsigned total, msec now)
{
    const struct dispatcher *dispatcher = module_state(module);
    struct live *live = dest->live;
    msec interval = (msec)dispatcher->ping_interval * SECOND;

    if (!is_to_be_asked(dispatcher, state_flags(live->state)))
        return;
    if (live->ask_at == 0)
        live->ask_at = now + interval * (live->number % total) / total + 1;
    if (now < live->ask_at || live->asked_at != 0)
        return;
    live->ask_at = now + interval;
    ask(module, worker, dest, now);
}

void dispatcher_ask(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now)
{
    const struct dispatcher *dispatcher = module_state(module);
    const struct sets *sets = dispatcher_sets(module);

    if (dispatcher->ping_interval == 0 || !dispatcher->asks)
        return;
    for (unsigned i = 0; i < sets->count; i++)
        for (unsigned j = 0; j < sets->items[i].count; j++)
            if (sets->items[i].dests[j].live->number % count == index)
                see_to(module, worker, &sets->items[i].dests[j], sets->dest_count, now);
}
