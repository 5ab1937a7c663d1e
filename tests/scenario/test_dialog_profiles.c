/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thousand calls in which anybody does anything, while a script counts them in profiles: whatever
 * was begun and however it ended, afterwards all counters are back at zero.
 */
#include "stage.h"

#include "base/prng.h"

enum {
    CALLS = 1000,
    STEPS_MAX = 12,
    PAUSE_MAX = 900, /* ms */
};

static const char script[] =
    "#!KAMAILIO\n"
    "loadmodule \"tm\"\nloadmodule \"sl\"\nloadmodule \"rr\"\nloadmodule \"usrloc\"\n"
    "loadmodule \"registrar\"\nloadmodule \"siputils\"\nloadmodule \"textops\"\n"
    "loadmodule \"dialog\"\n"
    "modparam(\"dialog\", \"profiles_with_value\", \"caller\")\n"
    "modparam(\"dialog\", \"profiles_no_value\", \"all\")\n"
    "modparam(\"dialog\", \"default_timeout\", 120)\n"
    "modparam(\"dialog\", \"send_bye\", 1)\n"
    "request_route {\n"
    "  if (is_method(\"REGISTER\")) { save(\"location\"); exit; }\n"
    "  if (is_method(\"OPTIONS\")) {\n"
    "    get_profile_size(\"all\", \"$var(all)\");\n"
    "    get_profile_size(\"caller\", \"alice\", \"$var(alice)\");\n"
    "    append_to_reply(\"X-Sizes: $var(all) $var(alice) $DLG_count\\r\\n\");\n"
    "    sl_send_reply(\"200\", \"OK\"); exit;\n"
    "  }\n"
    "  if (is_method(\"CANCEL\")) { if (t_check_trans()) t_relay(); exit; }\n"
    "  if (has_totag()) {\n"
    "    if (is_method(\"INFO\")) dlg_bye(\"all\");\n"
    "    if (loose_route()) t_relay();\n"
    "    else if (is_method(\"ACK\") && t_check_trans()) t_relay();\n"
    "    exit;\n"
    "  }\n"
    "  set_dlg_profile(\"all\");\n"
    "  dlg_manage();\n"
    "  set_dlg_profile(\"caller\", \"$fU\");\n"
    "  record_route();\n"
    "  if (!lookup(\"location\")) { sl_send_reply(\"404\", \"Not Found\"); exit; }\n"
    "  t_relay();\n"
    "}\n";

struct play {
    struct world *world;
    struct prng prng;
    struct phone alice, bobs[2];
};

static unsigned below(struct play *play, unsigned bound)
{
    return random_below(&play->prng.source, bound);
}

static struct phone *any_bob(struct play *play)
{
    return &play->bobs[below(play, 2)];
}

static bool is_in_dialog(struct phone *phone)
{
    struct phone_dialog *dialog;

    return phone_find_dialog(phone, NULL, &dialog) && dialog && dialog->target.len;
}

static void step(struct play *play)
{
    static const unsigned statuses[] = { 180, 183, 200, 200, 200, 486, 603 };
    static const char *const methods[] = { "BYE", "BYE", "INFO", "INVITE", "ACK", "ACK" };
    struct phone *bob = any_bob(play);
    struct phone *phone = below(play, 2) ? &play->alice : bob;

    switch (below(play, 5)) {
    case 0:
    case 1:
        stage_answer(bob, "INVITE", statuses[below(play, 7)]);
        break;
    case 2:
        if (is_in_dialog(phone))
            stage_ask(phone, methods[below(play, 6)], "");
        break;
    case 3:
        stage_answer(phone, "BYE", below(play, 3) ? 200 : 481);
        break;
    default:
        if (below(play, 4) == 0 && play->alice.calls)
            stage_ask(&play->alice, "CANCEL", "");
        stage_answer(bob, "CANCEL", 200);
        break;
    }
}

static void forget_all(struct play *play)
{
    phone_forget(&play->alice);
    phone_forget(&play->bobs[0]);
    phone_forget(&play->bobs[1]);
}

static void perform_call(struct play *play)
{
    unsigned steps = below(play, STEPS_MAX);

    stage_ask(&play->alice, "INVITE", "bob");
    while (steps--) {
        world_run_for(play->world, below(play, PAUSE_MAX));
        step(play);
    }
    forget_all(play);
}

static struct str sizes_now(struct play *play)
{
    const struct heard *heard;

    stage_ask(&play->alice, "OPTIONS", "");
    world_run_for(play->world, 500);
    heard = stage_heard(&play->alice, "OPTIONS", 200);
    assert_non_null(heard);
    return heard->text.bytes;
}

static void test_profiles_are_empty_when_all_is_over(void **state)
{
    struct world_options options = { .seed = 3,
                                     .workers = 3,
                                     .script = STR(script),
                                     .script_path = "script",
                                     .link = { .latency = 10, .loss = 3, .duplicates = 5,
                                               .reorder = 10 } };
    struct play play = { .world = world_create(&options) };

    (void)state;
    assert_non_null(play.world);
    prng_init(&play.prng, 17);
    stage_phone(&play.alice, play.world, "alice", "alice", "203.0.113.9", NULL, TRANSPORT_UDP);
    stage_phone(&play.bobs[0], play.world, "bob-1", "bob", "203.0.113.1", NULL, TRANSPORT_UDP);
    stage_phone(&play.bobs[1], play.world, "bob-2", "bob", "203.0.113.2", NULL, TRANSPORT_UDP);
    for (unsigned i = 0; i < CALLS; i++) {
        if (i % 200 == 0) {
            play.world->net.link.loss = 0;
            stage_register(&play.alice);
            stage_register(&play.bobs[0]);
            stage_register(&play.bobs[1]);
            forget_all(&play);
            play.world->net.link.loss = 3;
        }
        perform_call(&play);
    }
    print_message("%lld dialogs, %lld failed, %lld expired\n",
                  (long long)world_counter(play.world, "dialog", "processed_dialogs"),
                  (long long)world_counter(play.world, "dialog", "failed_dialogs"),
                  (long long)world_counter(play.world, "dialog", "expired_dialogs"));
    assert_true(world_counter(play.world, "dialog", "processed_dialogs") > CALLS / 10);
    stage_expect_clean(play.world);
    world_run_for(play.world, 400000);
    assert_int_equal(world_counter(play.world, "dialog", "active_dialogs"), 0);
    assert_int_equal(world_counter(play.world, "dialog", "early_dialogs"), 0);
    play.world->net.link = (struct sim_link){ .latency = 10 };
    assert_non_null(str_find(sizes_now(&play), STR("X-Sizes: 0 0 0\r\n")));
    stage_expect_clean(play.world);
    phone_fini(&play.alice);
    phone_fini(&play.bobs[0]);
    phone_fini(&play.bobs[1]);
    world_destroy(play.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles_are_empty_when_all_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
