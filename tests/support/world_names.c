/* SPDX-License-Identifier: Apache-2.0 */
/* Names in the simulated world: the server's own resolver, over records that the scene declares. */
#include "support/world_net.h"

#include <stdlib.h>

#include "net/outages.h"
#include "support/simnat.h"

static struct world_seat *seat_of(struct outside *outside)
{
    return CONTAINER_OF(outside, struct world_seat, outside);
}

/* ---- records ---- */

void world_add_name(struct world *world, const struct world_name *name)
{
    if (world->name_count == WORLD_NAMES_MAX)
        abort();
    world->names[world->name_count++] = *name;
}

static void add_record(struct dns_answer *answer, const struct world_name *name)
{
    unsigned i = answer->count++;

    if (name->kind == DNS_SERVICE)
        answer->services[i] = name->service;
    else if (name->kind == DNS_POINTER)
        answer->pointers[i] = name->pointer;
    else
        answer->addrs[i] = name->addr;
}

static void find_name(void *context, enum dns_kind kind, struct str name, name_done_fn *done,
                      void *done_context)
{
    const struct world_seat *seat = context;
    const struct world *world = seat->world;
    struct dns_answer answer = { .count = 0 };

    for (unsigned i = 0; i < world->name_count && answer.count < DNS_RECORDS_MAX; i++)
        if (world->names[i].kind == kind && str_ieq(name, str_of(world->names[i].name)))
            add_record(&answer, &world->names[i]);
    done(done_context, &answer);
}

/* ---- what the resolver stands on ---- */

static msec tell_now(void *context)
{
    const struct world_seat *seat = context;

    return world_now(seat->world);
}

static void start_timer(void *context, struct timer *timer, msec deadline, timer_fn *fire)
{
    struct world_seat *seat = context;

    timer_start(&seat->worker->wheel, timer, deadline, fire);
}

static void stop_timer(void *context, struct timer *timer)
{
    struct world_seat *seat = context;

    timer_stop(&seat->worker->wheel, timer);
}

static uint16_t choose_socket(void *context, enum transport transport, const struct addr *peer)
{
    const struct world_seat *seat = context;

    return world_choose_socket(seat->world, SOCKET_ANY, transport, peer);
}

/* ---- resolving: all questions of one host together take the time that names take ---- */

struct question {
    struct sim_event event;
    struct world_seat *seat;
    struct resolve_query query;
    resolve_done_fn *done;
    void *context;
    char host[];
};

static void answer(struct simnet *net, struct sim_event *event)
{
    struct question *question = CONTAINER_OF(event, struct question, event);

    (void)net;
    resolver_resolve(question->seat->resolver, &question->query, question->done, question->context);
    free(question);
}

static void drop_question(struct sim_event *event)
{
    free(CONTAINER_OF(event, struct question, event));
}

static void resolve(struct outside *outside, const struct resolve_query *query,
                    resolve_done_fn *done, void *context)
{
    struct world_seat *seat = seat_of(outside);
    struct question *question;
    struct addr ip;

    if (!seat->world->has_slow_names || !addr_parse_ip(query->host, &ip)) {
        resolver_resolve(seat->resolver, query, done, context);
        return;
    }
    question = sim_alloc(sizeof *question + query->host.len);
    *question = (struct question){ .event = { .fire = answer, .drop = drop_question },
                                   .seat = seat,
                                   .query = *query,
                                   .done = done,
                                   .context = context };
    memcpy(question->host, query->host.ptr, query->host.len);
    question->query.host.ptr = question->host;
    simnet_schedule(&seat->world->net, &question->event, seat->world->names_delay);
}

void world_refuse_names(struct world *world)
{
    struct sim_event *event;

    while ((event = simnet_take(&world->net, answer))) {
        struct question *question = CONTAINER_OF(event, struct question, event);

        question->done(question->context, ERR_UNRESOLVED, NULL, 0);
        free(question);
    }
}

static void judge(struct outside *outside, const struct flow *hop, enum err why, msec pause)
{
    struct world *world = seat_of(outside)->world;

    if (!why)
        outages_forgive(world->outages, hop);
    else if (!world->name_rules.no_outages)
        outages_note(world->outages, hop, why, world_now(world),
                     pause                      ? pause
                     : world->name_rules.outage ? world->name_rules.outage
                                                : 60000);
}

void world_names_open(struct world_seat *seat)
{
    struct world *world = seat->world;
    const struct resolver_ground ground = {
        .context = seat,
        .rules = &world->name_rules,
        .listeners = world->listeners,
        .listener_count = world->server->listener_count,
        .random = &seat->random.source,
        .outages = world->outages,
        .now = tell_now,
        .start_timer = start_timer,
        .stop_timer = stop_timer,
        .choose_socket = choose_socket,
        .find_name = find_name,
    };

    if (resolver_create(&ground, &seat->resolver))
        abort();
    seat->outside.resolve = resolve;
    seat->outside.judge = judge;
}

void world_names_close(struct world_seat *seat)
{
    resolver_destroy(seat->resolver);
    seat->resolver = NULL;
}
