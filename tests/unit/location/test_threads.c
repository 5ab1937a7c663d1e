/* SPDX-License-Identifier: Apache-2.0 */
/* Eight threads do everything at once to a few AoRs; meant for the thread sanitizer. */
#include "rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
    THREADS = 8,
    ROUNDS = 4000,
    AORS = 40,
};

struct worker_rig {
    pthread_t thread;
    struct location *location;
    struct prng prng;
    unsigned index;
};

static _Atomic long bindings_alive;

static void count_event(void *context, enum location_event event, const struct binding *binding)
{
    (void)context;
    (void)binding;
    if (event == BINDING_INSERTED)
        atomic_fetch_add(&bindings_alive, 1);
    if (event == BINDING_REMOVED || event == BINDING_EXPIRED)
        atomic_fetch_sub(&bindings_alive, 1);
}

static void ping(void *context, const struct binding *binding)
{
    struct worker_rig *rig = context;

    location_ping_sent(rig->location, binding->ruid, 1);
    location_ping_answered(rig->location, binding->ruid, 2);
}

static void register_some(struct worker_rig *rig, struct str aor, unsigned round,
                          struct arena *arena)
{
    char uri[40];
    struct location_contact contact = { .q = -1, .expires = random_below(&rig->prng.source, 3) };
    struct location_update update = update_of(&contact, 1);
    enum location_result result;
    struct binding *bindings;
    unsigned count;

    snprintf(uri, sizeof uri, "sip:a@h%u", random_below(&rig->prng.source, 4));
    contact.uri = str_of(uri);
    update.aor = aor;
    update.call_id = str_between(uri, uri + 5);
    update.cseq = round;
    update.now += round * 10;
    update.contacts_max = 3;
    (void)!location_register(rig->location, &update, arena, &result, &bindings, &count);
}

static void look_up_some(struct worker_rig *rig, struct str aor, unsigned round,
                         struct arena *arena)
{
    struct binding *bindings;
    unsigned count;

    if (location_find(rig->location, STR("location"), aor, 1000000 + round * 10, arena, &bindings,
                      &count))
        return;
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(bindings[i].ruid.len, 16);
    if (random_below(&rig->prng.source, 4) == 0)
        (void)!location_remove_ruid(rig->location, bindings[0].ruid);
}

static void do_something(struct worker_rig *rig, unsigned round, struct arena *arena)
{
    struct location_counters counters;
    char text[20];
    struct str aor;

    snprintf(text, sizeof text, "user-%u", random_below(&rig->prng.source, AORS));
    aor = str_of(text);
    switch (random_below(&rig->prng.source, 200)) {
    case 0:
        location_each(rig->location, round % 16, 16, 1000000 + round * 10, ping, rig);
        break;
    case 1:
        (void)!location_remove(rig->location, STR("location"), aor);
        break;
    case 2:
        location_read_counters(rig->location, &counters);
        break;
    case 3:
        location_watch(rig->location, count_event, NULL);
        break;
    default:
        if (round % 2)
            register_some(rig, aor, round, arena);
        else
            look_up_some(rig, aor, round, arena);
    }
}

static void *work(void *argument)
{
    struct worker_rig *rig = argument;
    struct arena arena;

    for (unsigned round = 0; round < ROUNDS; round++) {
        arena_init(&arena, NULL, SIZE_MAX);
        do_something(rig, round, &arena);
        arena_fini(&arena);
    }
    return NULL;
}

static void test_threads_agree(void **state)
{
    struct worker_rig workers[THREADS];
    struct location_counters counters;
    struct rig rig;

    (void)state;
    rig_init(&rig);
    location_watch(rig.location, count_event, NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker_rig){ .location = rig.location, .index = i };
        prng_init(&workers[i].prng, i);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    location_read_counters(rig.location, &counters);
    assert_int_equal(counters.bindings, atomic_load(&bindings_alive));
    location_each(rig.location, 0, 1, UINT64_MAX, NULL, NULL);
    location_read_counters(rig.location, &counters);
    assert_int_equal(counters.bindings, 0);
    assert_int_equal(counters.aors, 0);
    rig_fini(&rig);
}

/* --- one AoR, two clients, no order between them --- */

struct client_rig {
    pthread_t thread;
    struct location *location;
    const char *call_id;
    const char *uris[2];
};

/* Both contacts of a request come, or go, together; an old request changes nothing. */
static void register_pair(const struct client_rig *rig, uint32_t cseq, uint32_t expires,
                          enum err wanted)
{
    struct location_contact contacts[] = { contact_of(rig->uris[0], expires),
                                           contact_of(rig->uris[1], expires) };
    struct location_update update = update_of(contacts, 2);
    enum location_result result;
    struct binding *bindings;
    struct arena arena;
    unsigned count;

    arena_init(&arena, NULL, SIZE_MAX);
    update.call_id = str_of(rig->call_id);
    update.cseq = cseq;
    update.cseq_delay = 0;
    assert_int_equal(
        location_register(rig->location, &update, &arena, &result, &bindings, &count), wanted);
    if (!wanted)
        assert_int_equal(count % 2, 0);
    arena_fini(&arena);
}

static void *work_as_client(void *argument)
{
    const struct client_rig *rig = argument;

    for (uint32_t round = 1; round <= ROUNDS; round++) {
        register_pair(rig, 3 * round, 3600, ERR_NONE);
        register_pair(rig, 3 * round - 1, 0, ERR_NOT_NOW);
        register_pair(rig, 3 * round + 1, round == ROUNDS ? 3600 : 0, ERR_NONE);
    }
    return NULL;
}

static void test_two_clients_of_one_aor(void **state)
{
    struct client_rig clients[] = {
        { .call_id = "one", .uris = { "sip:a@h1", "sip:b@h1" } },
        { .call_id = "two", .uris = { "sip:a@h2", "sip:b@h2" } },
    };
    struct rig rig;

    (void)state;
    rig_init(&rig);
    for (unsigned i = 0; i < 2; i++) {
        clients[i].location = rig.location;
        assert_int_equal(pthread_create(&clients[i].thread, NULL, work_as_client, &clients[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++)
        pthread_join(clients[i].thread, NULL);
    assert_int_equal(rig_find(&rig, 1000001), ERR_NONE);
    assert_int_equal(rig.count, 4);
    rig_fini(&rig);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_agree),
        cmocka_unit_test(test_two_clients_of_one_aor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
