/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RES-2: memory runs out at every single place of a registration and a call, for once or from there
 * on: the server does not fall, lets the call fail at most, and holds nothing afterwards. Requests
 * for memory are counted while a worker is at work; those of the simulated world always succeed.
 */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>

#include <culvert/log.h>

enum {
    PLACES_MAX = 20000,
};

/* ---- memory ---- */

static struct {
    bool is_on, is_inside; /* a worker is at work */
    bool is_for_good;      /* all requests after it fail, too */
    unsigned asked, fails_at, failed;
} memory;

static bool fails(void)
{
    if (!memory.is_on || !memory.is_inside)
        return false;
    memory.asked++;
    if (memory.asked != memory.fails_at && !(memory.is_for_good && memory.asked > memory.fails_at))
        return false;
    memory.failed++;
    return true;
}

/* The linker gives these the calls of all objects, and calls the real ones __real_. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

/* Pools keep nothing, so that more is asked for. */
void __real_arena_pool_init(struct arena_pool *pool, unsigned max_free);
void __wrap_arena_pool_init(struct arena_pool *pool, unsigned max_free);

void __wrap_arena_pool_init(struct arena_pool *pool, unsigned max_free)
{
    (void)max_free;
    __real_arena_pool_init(pool, 0);
}

/* ---- who is at work ---- */

void __real_worker_receive(struct worker *worker, const struct flow *flow, struct str bytes,
                           bool is_stream);
msec __real_worker_advance(struct worker *worker, msec now);
void *__real_sim_alloc(size_t size);
void __real_sim_send(struct simnet *net, struct sim_socket *socket, const struct addr *to,
                     struct str bytes);
void __real_sim_write(struct simnet *net, struct sim_end *end, struct str bytes);
void __real_sim_socket_open(struct simnet *net, struct sim_socket *socket);
void __real_simnet_schedule(struct simnet *net, struct sim_event *event, msec delay);
void __wrap_worker_receive(struct worker *worker, const struct flow *flow, struct str bytes,
                           bool is_stream);
msec __wrap_worker_advance(struct worker *worker, msec now);
void *__wrap_sim_alloc(size_t size);
void __wrap_sim_send(struct simnet *net, struct sim_socket *socket, const struct addr *to,
                     struct str bytes);
void __wrap_sim_write(struct simnet *net, struct sim_end *end, struct str bytes);
void __wrap_sim_socket_open(struct simnet *net, struct sim_socket *socket);
void __wrap_simnet_schedule(struct simnet *net, struct sim_event *event, msec delay);

static bool enter(bool is_inside)
{
    bool before = memory.is_inside;

    memory.is_inside = is_inside;
    return before;
}

void __wrap_worker_receive(struct worker *worker, const struct flow *flow, struct str bytes,
                           bool is_stream)
{
    bool before = enter(true);

    __real_worker_receive(worker, flow, bytes, is_stream);
    memory.is_inside = before;
}

msec __wrap_worker_advance(struct worker *worker, msec now)
{
    bool before = enter(true);
    msec next = __real_worker_advance(worker, now);

    memory.is_inside = before;
    return next;
}

void *__wrap_sim_alloc(size_t size)
{
    bool before = enter(false);
    void *block = __real_sim_alloc(size);

    memory.is_inside = before;
    return block;
}

void __wrap_sim_send(struct simnet *net, struct sim_socket *socket, const struct addr *to,
                     struct str bytes)
{
    bool before = enter(false);

    __real_sim_send(net, socket, to, bytes);
    memory.is_inside = before;
}

void __wrap_sim_write(struct simnet *net, struct sim_end *end, struct str bytes)
{
    bool before = enter(false);

    __real_sim_write(net, end, bytes);
    memory.is_inside = before;
}

void __wrap_sim_socket_open(struct simnet *net, struct sim_socket *socket)
{
    bool before = enter(false);

    __real_sim_socket_open(net, socket);
    memory.is_inside = before;
}

void __wrap_simnet_schedule(struct simnet *net, struct sim_event *event, msec delay)
{
    bool before = enter(false);

    __real_simnet_schedule(net, event, delay);
    memory.is_inside = before;
}

/* ---- a call ---- */

struct play {
    struct world *world;
    struct phone alice, bob, other;
};

static void open_play(struct play *play, const char *config)
{
    struct world_options options = {
        .seed = 5,
        .sql = { "INSERT INTO domain (domain) VALUES ('example.com')",
                 "INSERT INTO subscriber (username, domain, password) VALUES "
                 "('alice', 'example.com', 'secret'), ('bob', 'example.com', 'secret')" },
    };

    play->world = stage_open(config, "", &options);
    stage_phone(&play->alice, play->world, "alice", "alice", "203.0.113.9", NULL, TRANSPORT_UDP);
    stage_phone(&play->bob, play->world, "bob-1", "bob", "203.0.113.1", NULL, TRANSPORT_UDP);
    stage_phone(&play->other, play->world, "bob-2", "bob", "203.0.113.2", NULL, TRANSPORT_TCP);
    stage_register(&play->bob);
    stage_register(&play->other);
}

static void close_play(struct play *play)
{
    phone_fini(&play->alice);
    phone_fini(&play->bob);
    phone_fini(&play->other);
    world_destroy(play->world);
}

static void ask_inside(struct phone *phone, const char *method)
{
    struct phone_dialog *dialog;

    if (phone_find_dialog(phone, NULL, &dialog) && dialog && dialog->target.len)
        stage_ask(phone, method, "");
    world_run_for(phone->world, 700);
}

static void answer(struct phone *phone, const char *method, unsigned status)
{
    stage_answer(phone, method, status);
    world_run_for(phone->world, 100);
}

static void try_again(struct phone *phone, const char *method, const char *target)
{
    struct draft draft;

    if (!stage_heard(phone, method, 401) && !stage_heard(phone, method, 407))
        return;
    phone_request(phone, &draft, str_of(method), str_of(target), NULL, SAY_USUAL);
    draft_authorize(&draft);
    phone_send_draft(&draft);
    world_run_for(phone->world, 700);
}

/* Everybody goes on as well as he can. */
static void perform_call(struct play *play)
{
    stage_ask(&play->alice, "REGISTER", "");
    world_run_for(play->world, 300);
    try_again(&play->alice, "REGISTER", "");
    stage_ask(&play->alice, "INVITE", "bob");
    world_run_for(play->world, 700);
    try_again(&play->alice, "INVITE", "bob");
    answer(&play->bob, "INVITE", 180);
    answer(&play->other, "INVITE", 183);
    answer(&play->bob, "INVITE", 200);
    answer(&play->other, "CANCEL", 200);
    answer(&play->other, "INVITE", 487);
    ask_inside(&play->alice, "ACK");
    ask_inside(&play->bob, "INVITE");
    answer(&play->alice, "INVITE", 488);
    ask_inside(&play->bob, "ACK");
    ask_inside(&play->alice, "BYE");
    answer(&play->bob, "BYE", 200);
}

static void expect_faultless(const struct phone *phone, unsigned place)
{
    if (phone->fault)
        fail_msg("place %u: %s got a faulty message: %s\n%.*s", place, phone->name, phone->fault,
                 (int)phone->faulty.len, phone->faulty.ptr);
}

/* False when memory was asked for less often than that. */
static bool perform(const char *config, unsigned place, bool is_for_good)
{
    struct play play;

    open_play(&play, config);
    memory.asked = memory.failed = 0;
    memory.fails_at = place;
    memory.is_for_good = is_for_good;
    memory.is_on = true;
    perform_call(&play);
    memory.is_on = false;
    expect_faultless(&play.alice, place);
    expect_faultless(&play.bob, place);
    expect_faultless(&play.other, place);
    if (!world_settle(play.world))
        fail_msg("place %u%s: left behind: %llu transactions, %zu bytes, %llu media ports", place,
                 is_for_good ? " and on" : "", (unsigned long long)world_transactions(play.world),
                 world_bytes(play.world), (unsigned long long)world_media_ports(play.world));
    close_play(&play);
    return memory.failed > 0;
}

static void run_out_everywhere(const char *config)
{
    unsigned places = 0;

    for (unsigned place = 1; place < PLACES_MAX; place++, places++) {
        (void)perform(config, place, true);
        if (!perform(config, place, false))
            break;
    }
    print_message("%s: memory is asked for %u times\n", config, memory.asked);
    assert_true(places > 10);
}

static void test_memory_runs_out_anywhere(void **state)
{
    (void)state;
    run_out_everywhere("automatic");
}

static void test_memory_runs_out_in_the_script_of_openser(void **state)
{
    (void)state;
    run_out_everywhere("openser-mediaproxy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_runs_out_anywhere),
        cmocka_unit_test(test_memory_runs_out_in_the_script_of_openser),
    };

    log_set_threshold(LEVEL_ALERT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
