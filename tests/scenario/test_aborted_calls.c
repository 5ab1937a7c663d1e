/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls in which anybody does anything at any time, on a network that loses, doubles and overtakes.
 * Whatever was begun, afterwards nothing is held: no transaction, no byte of a request, no port.
 *
 * CALLS=n sets how many each test makes, SEED=n which; with CULVERT_EXTENT=all a million in all.
 */
#include "stage.h"
#include "support/share.h"

#include <fcntl.h>
#include <stdio.h>

#include <culvert/log.h>

#include "base/prng.h"

enum {
    CALLEES = 4, /* the last one speaks TCP */
    STEPS_MAX = 16,
    PAUSE_MAX = 700, /* ms between two steps */
    USUAL_CALLS = 10000,
    THOROUGH_CALLS = 1000000,
    SLOW_STORE = 150, /* ms */
    AFTERMATH = 70000,
};

struct play {
    struct world *world;
    struct prng prng;
    struct sim_nat home;
    struct phone caller, callees[CALLEES];
};

typedef void step_fn(struct play *play);

static unsigned below(struct play *play, unsigned bound)
{
    return random_below(&play->prng.source, bound);
}

static struct phone *any_callee(struct play *play)
{
    return &play->callees[below(play, CALLEES)];
}

static void say(struct phone *phone, const char *method)
{
    if (phone->calls)
        stage_ask(phone, method, "");
}

static void caller_cancels(struct play *play)
{
    if (play->caller.calls)
        stage_ask(&play->caller, "CANCEL", "");
}

static void caller_gives_his_name(struct play *play)
{
    struct draft draft;

    if (!stage_heard(&play->caller, "INVITE", 407) && !stage_heard(&play->caller, "INVITE", 401))
        return;
    phone_request(&play->caller, &draft, STR("INVITE"), STR("bob"), NULL, SAY_USUAL);
    draft_authorize(&draft);
    phone_send_draft(&draft);
}

static bool has_answer(const struct phone *phone)
{
    struct phone_dialog *dialog;

    return phone_find_dialog((struct phone *)phone, NULL, &dialog) && dialog && dialog->target.len;
}

static void caller_acknowledges(struct play *play)
{
    if (has_answer(&play->caller) ||
        (play->caller.calls && play->caller.calls->answered_status >= 300))
        stage_ask(&play->caller, "ACK", "");
}

static void caller_speaks_inside(struct play *play)
{
    static const char *const methods[] = { "INVITE", "UPDATE", "INFO", "BYE", "PRACK", "REFER" };

    if (has_answer(&play->caller))
        say(&play->caller, methods[below(play, sizeof methods / sizeof methods[0])]);
}

static void callee_speaks_inside(struct play *play)
{
    static const char *const methods[] = { "INVITE", "UPDATE", "INFO", "BYE", "ACK" };
    struct phone *phone = any_callee(play);

    if (has_answer(phone))
        say(phone, methods[below(play, sizeof methods / sizeof methods[0])]);
}

static void callee_answers(struct play *play)
{
    static const unsigned statuses[] = {
        100, 180, 183, 200, 200, 302, 404, 407, 486, 487, 503, 603
    };
    struct draft draft;
    struct phone *phone = any_callee(play);
    const struct heard *request = stage_heard(phone, "INVITE", 0);
    unsigned status = statuses[below(play, sizeof statuses / sizeof statuses[0])];
    enum speech speech = below(play, 8) ? SAY_USUAL : status == 183 ? SAY_PLAIN : SAY_BROKEN;

    if (!request)
        return;
    phone_response(phone, &draft, request, status, STR(""), speech);
    phone_send_draft(&draft);
}

static void callee_answers_others(struct play *play)
{
    static const char *const methods[] = { "CANCEL", "BYE", "UPDATE", "INFO", "PRACK", "REFER" };

    stage_answer(any_callee(play), methods[below(play, 6)], below(play, 4) ? 200 : 481);
}

static void caller_answers(struct play *play)
{
    static const char *const methods[] = { "BYE", "UPDATE", "INFO", "INVITE" };

    stage_answer(&play->caller, methods[below(play, 4)], below(play, 4) ? 200 : 500);
}

static void anybody_repeats(struct play *play)
{
    struct phone *phone = below(play, 2) ? &play->caller : any_callee(play);

    if (phone->last_sent.len)
        phone_send(phone, phone->last_sent);
}

static void media_flows(struct play *play)
{
    struct phone *phone = below(play, 2) ? &play->caller : any_callee(play);
    struct phone_dialog *dialog;
    struct phone_call *call = phone_find_dialog(phone, NULL, &dialog);

    if (call && dialog)
        phone_speak(phone, call, dialog);
}

/* The connection breaks; sometimes the phone comes back at once and registers again. */
static void connection_breaks(struct play *play)
{
    struct phone *phone = &play->callees[CALLEES - 1];

    if (below(play, 2))
        phone_hang_up(phone);
    if (below(play, 2))
        stage_ask(phone, "REGISTER", "");
}

static step_fn *const steps[] = {
    caller_cancels,       caller_acknowledges,   caller_acknowledges,   caller_speaks_inside,
    callee_speaks_inside, callee_answers,        callee_answers,        callee_answers,
    callee_answers,       callee_answers_others, callee_answers_others, caller_answers,
    connection_breaks,    anybody_repeats,       media_flows,           caller_gives_his_name,
};

static void expect_faultless(const struct phone *phone)
{
    if (phone->fault)
        fail_msg("%s got a faulty message: %s\n%.*s", phone->name, phone->fault,
                 (int)phone->faulty.len, phone->faulty.ptr);
}

static void forget_all(struct play *play)
{
    expect_faultless(&play->caller);
    phone_forget(&play->caller);
    for (unsigned i = 0; i < CALLEES; i++) {
        expect_faultless(&play->callees[i]);
        phone_forget(&play->callees[i]);
    }
}

static void perform_call(struct play *play)
{
    unsigned count = below(play, STEPS_MAX);

    stage_ask(&play->caller, "INVITE", "bob");
    while (count-- > 0) {
        if (below(play, 3))
            world_run_for(play->world, below(play, PAUSE_MAX));
        steps[below(play, sizeof steps / sizeof steps[0])](play);
    }
    if (below(play, 2))
        world_run_for(play->world, below(play, 100));
    forget_all(play);
}

static void register_all(struct play *play)
{
    play->world->net.link.loss = 0;
    world_run_for(play->world, AFTERMATH); /* a late challenge would confuse the phones */
    forget_all(play);
    stage_register(&play->caller);
    for (unsigned i = 0; i < CALLEES; i++)
        stage_register(&play->callees[i]);
    forget_all(play);
    play->world->net.link.loss = 5;
}

static void open_play(struct play *play, const char *config, struct world_options *options)
{
    static const char *const names[CALLEES] = { "bob-1", "bob-2", "bob-3", "bob-4" };
    static const char *const addresses[CALLEES] = { "10.0.0.5", "203.0.113.5", "203.0.113.6",
                                                    "10.0.0.6" };

    options->link = (struct sim_link){ .latency = 10, .loss = 5, .duplicates = 5, .reorder = 10 };
    options->sql[0] = "INSERT INTO domain (domain) VALUES ('example.com')";
    options->sql[1] = "INSERT INTO subscriber (username, domain, password) VALUES "
                      "('alice', 'example.com', 'secret'), ('bob', 'example.com', 'secret')";
    play->world = stage_open(config, "", options);
    prng_init(&play->prng, options->seed);
    stage_nat(&play->home, play->world, "home", "198.51.100.1", NAT_SYMMETRIC);
    stage_phone(&play->caller, play->world, "alice", "alice", "10.0.0.2", &play->home,
                TRANSPORT_UDP);
    for (unsigned i = 0; i < CALLEES; i++)
        stage_phone(&play->callees[i], play->world, names[i], "bob", addresses[i],
                    i == 0 || i + 1 == CALLEES ? &play->home : NULL,
                    i + 1 == CALLEES ? TRANSPORT_TCP : TRANSPORT_UDP);
}

static void close_play(struct play *play)
{
    phone_fini(&play->caller);
    for (unsigned i = 0; i < CALLEES; i++)
        phone_fini(&play->callees[i]);
    world_destroy(play->world);
}

static uint64_t wanted(const char *name, uint64_t usual)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : usual;
}

static void play_calls(const char *config, bool has_slow_store, uint64_t seed, unsigned calls)
{
    struct world_options options = { .seed = seed,
                                     .workers = 3,
                                     .has_slow_store = has_slow_store,
                                     .store_delay = SLOW_STORE,
                                     .is_talkative = getenv("TALK") != NULL };
    struct play play = { .world = NULL };

    if (options.is_talkative)
        log_set_threshold(LEVEL_DEBUG);
    open_play(&play, config, &options);
    for (unsigned i = 0; i < calls; i++) {
        if (i % 500 == 0)
            register_all(&play);
        perform_call(&play);
        if (i % 100 == 99 && world_now(play.world) % 3 == 0)
            stage_expect_clean(play.world);
    }
    stage_expect_clean(play.world);
    print_message("%u calls: %lld requests, %lld responses, %lld relayed, %lld malformed\n", calls,
                  (long long)world_counter(play.world, "core", "requests"),
                  (long long)world_counter(play.world, "core", "responses"),
                  (long long)world_counter(play.world, "core", "forwarded"),
                  (long long)world_counter(play.world, "core", "malformed"));
    close_play(&play);
}

static const struct setting {
    const char *config;
    bool has_slow_store;
} settings[] = {
    { "automatic", false },
    { "openser-mediaproxy", false },
    { "openser-mediaproxy", true },
};

enum {
    SETTINGS = sizeof settings / sizeof settings[0],
};

static int play_share(unsigned number, unsigned of)
{
    for (unsigned i = 0; i < SETTINGS; i++)
        play_calls(settings[i].config, settings[i].has_slow_store,
                   wanted("SEED", 11) + number * SETTINGS + i, THOROUGH_CALLS / SETTINGS / of + 1);
    return 0;
}

static unsigned count_descriptors(void)
{
    unsigned count = 0;

    for (int i = 0; i < 1024; i++)
        count += fcntl(i, F_GETFD) != -1;
    return count;
}

static void test_nothing_is_left_of_aborted_calls(void **state)
{
    unsigned descriptors = count_descriptors();

    (void)state;
    if (share_is_thorough()) {
        assert_true(share_out(play_share));
        return;
    }
    for (unsigned i = 0; i < SETTINGS; i++)
        play_calls(
            settings[i].config, settings[i].has_slow_store, wanted("SEED", 11),
            (unsigned)wanted("CALLS", settings[i].has_slow_store ? USUAL_CALLS / 10 : USUAL_CALLS));
    assert_int_equal(count_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_left_of_aborted_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
