/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three branches: every final response of each, in every order, ringing before or not, with a
 * CANCEL at every moment, and silence up to timer C. What the caller and each callee hear is
 * compared with RFC 3261 §16.7 and §16.10, written down here once more and without a look at the
 * proxy.
 */
#include "world.h"

enum {
    BRANCHES = 3,
    NEVER = BRANCHES + 1, /* as a moment: the caller does not cancel */
};

struct play {
    unsigned finals[BRANCHES]; /* 0: silent */
    bool rings[BRANCHES];
    unsigned order[BRANCHES]; /* of the finals */
    unsigned cancel_at;       /* before the final of that place; BRANCHES: after all */
};

/* ---- what must happen ---- */

static unsigned place_of(const struct play *play, unsigned branch)
{
    unsigned place = 0;

    while (play->order[place] != branch)
        place++;
    return place;
}

static unsigned count_of(const struct play *play, unsigned status)
{
    unsigned count = 0;

    for (unsigned i = 0; i < BRANCHES; i++)
        count += play->finals[i] == status;
    return count;
}

/* A CANCEL that comes when all have answered is too late. */
static bool is_cancelled(const struct play *play)
{
    return play->cancel_at < BRANCHES || (play->cancel_at == BRANCHES && count_of(play, 0) > 0);
}

/* §16.7 step 6: a 6xx, else the lowest class; in 4xx what helps the client; 503 never. */
static bool may_be_told(const struct play *play, unsigned told)
{
    unsigned lowest = 600;
    bool has_helpful = count_of(play, 401) > 0, is_there = false;

    if (is_cancelled(play))
        return told == 487;
    if (count_of(play, 603))
        return told == 603;
    for (unsigned i = 0; i < BRANCHES; i++) {
        unsigned status = play->finals[i] ? play->finals[i] : 408;

        if (status < lowest)
            lowest = status;
        is_there |= status == told || (status == 503 && told == 500);
    }
    return is_there && told / 100 == lowest / 100 &&
           (lowest / 100 != 4 || !has_helpful || told == 401);
}

/* Something ends the call while this branch still rings. */
static bool is_told_to_stop(const struct play *play, unsigned branch)
{
    unsigned place = place_of(play, branch);

    if (!play->rings[branch])
        return false;
    if (!play->finals[branch])
        return true; /* timer C at the latest */
    for (unsigned i = 0; i < place; i++) {
        unsigned status = play->finals[play->order[i]];

        if (status == 200 || status == 603)
            return true;
    }
    return play->cancel_at <= place;
}

/* ---- what happens ---- */

static void fork_to_three(struct world *world, struct request *request)
{
    world_add_target(request, "sip:b@192.0.2.2");
    world_add_target(request, "sip:c@192.0.2.3");
    world_relay(world, request, true);
}

static void perform(struct world *world, const struct play *play)
{
    static const char *const tags[BRANCHES] = { "x", "y", "z" };
    unsigned sent[BRANCHES];

    world->route = fork_to_three;
    world_invite(world);
    for (unsigned i = 0; i < BRANCHES; i++) {
        sent[i] = world_find(world, "INVITE", i);
        if (play->rings[i])
            world_answer(world, sent[i], 180, tags[i]);
    }
    for (unsigned place = 0; place <= BRANCHES; place++) {
        unsigned branch = play->order[place % BRANCHES];

        if (play->cancel_at == place)
            world_receive(world, &(struct request_parts){ .method = "CANCEL" });
        if (place < BRANCHES && play->finals[branch])
            world_answer(world, sent[branch], play->finals[branch], tags[branch]);
    }
    fake_wait(world->fake, 160000);
}

/* Messages to a branch that start so; the Request-URI tells whom they are for. */
static unsigned count_to(const struct world *world, const char *method, unsigned branch)
{
    static const char *const uris[BRANCHES] = { "sip:bob@192.0.2.1", "sip:b@192.0.2.2",
                                                "sip:c@192.0.2.3" };
    char start[64];
    unsigned count = 0;

    snprintf(start, sizeof start, "%s %s ", method, uris[branch]);
    for (unsigned i = 0; i < world->fake->count; i++)
        count += str_starts(world->fake->sent[i].bytes, str_of(start));
    return count;
}

struct heard {
    unsigned accepted; /* 2xx to the INVITE that the caller has got */
    unsigned refused;  /* the status of the failure; 0: none */
    bool is_confusing; /* two different failures, or one after a 2xx */
};

static void hear(struct heard *heard, unsigned status)
{
    if (status / 100 == 2)
        heard->accepted++;
    if (status < 300)
        return;
    heard->is_confusing |= heard->accepted || (heard->refused && heard->refused != status);
    heard->refused = status;
}

static struct heard listen(const struct world *world)
{
    struct heard heard = { 0 };

    for (unsigned i = 0; i < world->fake->count; i++) {
        struct str bytes = world->fake->sent[i].bytes;
        uint64_t status;

        if (str_starts(bytes, STR("SIP/2.0 ")) && str_find(bytes, STR(" INVITE\r\n")) &&
            !str_to_uint((struct str){ bytes.ptr + 8, 3 }, 100, 699, &status))
            hear(&heard, (unsigned)status);
    }
    return heard;
}

/* ---- the comparison ---- */

static void complain(const struct play *play, const char *what, unsigned number)
{
    print_message("%s (%u): ", what, number);
    for (unsigned place = 0; place <= BRANCHES; place++) {
        unsigned branch = play->order[place % BRANCHES];

        if (play->cancel_at == place)
            print_message("CANCEL ");
        if (place < BRANCHES)
            print_message("%u:%s%u ", branch, play->rings[branch] ? "180," : "",
                          play->finals[branch]);
    }
    fail_msg("not as RFC 3261 has it");
}

static void compare_branch(const struct world *world, const struct play *play, unsigned branch)
{
    unsigned cancels = count_to(world, "CANCEL", branch);
    unsigned acks = count_to(world, "ACK", branch);

    /* A CANCEL that nobody answers is repeated. */
    if ((cancels > 0) != is_told_to_stop(play, branch))
        complain(play, "CANCELs", cancels);
    if (acks != (play->finals[branch] >= 300))
        complain(play, "ACKs", acks);
}

static void compare(const struct world *world, const struct play *play)
{
    struct heard heard = listen(world);

    if (heard.accepted != count_of(play, 200))
        complain(play, "2xx", heard.accepted);
    if (heard.is_confusing)
        complain(play, "failures that contradict", heard.refused);
    if (heard.accepted ? heard.refused : !may_be_told(play, heard.refused))
        complain(play, "told", heard.refused);
    for (unsigned i = 0; i < BRANCHES; i++)
        compare_branch(world, play, i);
}

/* ---- all of them ---- */

static void try(const struct play *play)
{
    struct world *world = world_create(false);

    perform(world, play);
    compare(world, play);
    world_destroy(world);
}

static void try_statuses(struct play *play)
{
    static const unsigned statuses[] = { 200, 302, 401, 404, 503, 603, 0 };
    enum { STATUSES = sizeof statuses / sizeof *statuses };

    for (unsigned n = 0; n < STATUSES * STATUSES * STATUSES; n++) {
        play->finals[0] = statuses[n % STATUSES];
        play->finals[1] = statuses[n / STATUSES % STATUSES];
        play->finals[2] = statuses[n / STATUSES / STATUSES];
        try(play);
    }
}

static void try_orders(unsigned rings)
{
    static const unsigned orders[][BRANCHES] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                                 { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    struct play play;

    for (unsigned i = 0; i < BRANCHES; i++)
        play.rings[i] = rings >> i & 1;
    for (size_t n = 0; n < sizeof orders / sizeof *orders; n++) {
        memcpy(play.order, orders[n], sizeof play.order);
        for (play.cancel_at = 0; play.cancel_at <= NEVER; play.cancel_at++)
            try_statuses(&play);
    }
}

static void test_branches_that_all_ring(void **state)
{
    (void)state;
    try_orders(7);
}

static void test_branches_that_never_ring(void **state)
{
    (void)state;
    try_orders(0);
}

static void test_branches_of_which_some_ring(void **state)
{
    (void)state;
    try_orders(5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_branches_that_all_ring),
        cmocka_unit_test(test_branches_that_never_ring),
        cmocka_unit_test(test_branches_of_which_some_ring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
