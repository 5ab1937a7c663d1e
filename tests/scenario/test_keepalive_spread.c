/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of bindings are pinged once an interval each, from the socket that they registered on,
 * spread evenly over time although they all registered in one moment (needs.md 12).
 */
#include "stage.h"

#include <stdio.h>

#include "support/simnat.h"

enum {
    PHONES = 3000,
    INTERVAL = 15000, /* three quarters of what the module is told */
    ROUNDS = 5,
    SLICE = 1000,
};

/* A phone that only registers and counts. */
struct pinged {
    struct sim_socket socket;
    struct world *world;
    unsigned pings, answers;
    msec first, last;
    bool came_from_elsewhere;
};

static unsigned slices[ROUNDS * INTERVAL / SLICE];
static msec begun;

static void receive(struct sim_socket *socket, const struct addr *from, struct str bytes)
{
    struct pinged *pinged = socket->owner;
    msec now = world_now(pinged->world);

    if (bytes.len > 4) {
        pinged->answers++;
        return;
    }
    pinged->came_from_elsewhere |= !addr_eq(from, &pinged->world->listeners[0].bound);
    if (pinged->pings++ == 0)
        pinged->first = now;
    pinged->last = now;
    if ((now - begun) / SLICE < sizeof slices / sizeof slices[0])
        slices[(now - begun) / SLICE]++;
}

static void register_one(struct pinged *pinged, unsigned number)
{
    char text[512], address[ADDR_TEXT_MAX];
    int length;

    addr_text(&pinged->socket.local, address);
    length =
        snprintf(text, sizeof text,
                 "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%u"
                 "\r\nFrom: <sip:u%u@example.com>;tag=%u\r\nTo: <sip:u%u@example.com>\r\n"
                 "Call-ID: r%u\r\nCSeq: 1 REGISTER\r\nContact: <sip:u%u@%s>\r\n"
                 "Expires: 3600\r\nContent-Length: 0\r\n\r\n",
                 address, number, number, number, number, number, number, address);
    sim_send(&pinged->world->net, &pinged->socket, &pinged->world->listeners[0].bound,
             (struct str){ text, (size_t)length });
}

static void open_one(struct pinged *pinged, struct world *world, struct sim_host *host,
                     unsigned number)
{
    pinged->world = world;
    pinged->socket =
        (struct sim_socket){ .host = host, .local = host->ip, .receive = receive, .owner = pinged };
    pinged->socket.local.port = (uint16_t)(2000 + number);
    sim_socket_open(&world->net, &pinged->socket);
    register_one(pinged, number);
}

static void check_one(const struct pinged *pinged)
{
    msec span = pinged->last - pinged->first;

    assert_false(pinged->came_from_elsewhere);
    assert_int_equal(pinged->answers, 1);
    assert_in_range(pinged->pings, ROUNDS - 1, ROUNDS + 1);
    /* jitter below a tenth of the interval */
    assert_in_range(span, (pinged->pings - 1) * INTERVAL * 9 / 10,
                    (pinged->pings - 1) * INTERVAL * 11 / 10);
}

static void run_spread(unsigned workers)
{
    struct world_options options = { .seed = 5, .workers = workers };
    struct world *world =
        stage_open("automatic", "modparam(\"nat\", \"keepalive_interval\", 20)", &options);
    struct sim_host host = { .name = "phones" };
    struct pinged *all = sim_alloc(PHONES * sizeof *all);
    unsigned mean = PHONES / (INTERVAL / SLICE);

    memset(slices, 0, sizeof slices);
    begun = world_now(world);
    assert_int_equal(addr_parse_ip(STR("203.0.113.7"), &host.ip), ERR_NONE);
    simnet_add_host(&world->net, &host);
    for (unsigned i = 0; i < PHONES; i++)
        open_one(&all[i], world, &host, i);
    world_run_for(world, ROUNDS * INTERVAL);
    assert_int_equal(world_bindings(world), PHONES);
    for (unsigned i = 0; i < PHONES; i++)
        check_one(&all[i]);
    /* no burst above twice the mean */
    for (size_t i = INTERVAL / SLICE; i < sizeof slices / sizeof slices[0]; i++)
        assert_in_range(slices[i], mean / 2, 2 * mean);
    world_destroy(world);
    free(all);
}

static void test_pings_are_spread(void **state)
{
    (void)state;
    run_spread(1);
}

static void test_pings_are_spread_over_workers(void **state)
{
    (void)state;
    run_spread(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pings_are_spread),
        cmocka_unit_test(test_pings_are_spread_over_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
